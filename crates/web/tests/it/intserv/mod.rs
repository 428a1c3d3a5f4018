//! Programs written for the IntServ Access API, against `/compat/intserv`.

mod add;
mod auth;
mod bad_input;
mod codes;
mod events;
mod golden;
mod late;
mod levels;
mod persons;
mod samples;
mod status;

use claviger_app::{Caller, Context, Id, Via};
use serde_json::{Value, json};

use crate::kit::{NOBODYS, Site};
use crate::support::{Actor, Answer, World, id};

/// A program with the key of one integration.
pub(crate) struct Intserv {
    pub(crate) it: Site,
    pub(crate) actor: Actor,
}

impl Intserv {
    /// A program of the first place's integration.
    pub(crate) async fn at(world: &World) -> Intserv {
        Intserv::of(world, world.here()).await
    }

    /// A program of a place's integration; whichever there was is over.
    pub(crate) async fn of(world: &World, it: Site) -> Intserv {
        let key = credentials(world, &it.place).await["api_key"].as_str().unwrap().to_owned();
        let actor = it.actor.with(Some(key));
        Intserv { it, actor }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.actor.post(&format!("/compat/intserv/v1{path}"), body).await
    }

    pub(crate) async fn add(&self, body: Value) -> Value {
        self.post("/accesskeys/add", body).await.expect(200)
    }

    /// Makes or changes the key of a card.
    pub(crate) async fn card(&self, card: &str) -> Value {
        self.add(json!({ "key": proximity(card) })).await
    }

    /// The key of a card that opens some levels.
    pub(crate) async fn opening(&self, card: &str, levels: &[&Value]) -> Value {
        let levels: Vec<&str> = levels.iter().map(|level| id(level)).collect();
        self.add(json!({ "key": proximity(card), "access_levels": levels })).await
    }

    pub(crate) async fn remove(&self, body: Value) -> Answer {
        self.post("/accesskeys/remove", body).await
    }

    pub(crate) async fn status(&self, key: &Value) -> Value {
        self.post("/accesskeys/status", json!({ "id": key["id"] })).await.expect(200)
    }

    pub(crate) async fn events(&self, body: Value) -> Value {
        self.post("/events/list", body).await.expect(200)
    }

    /// How a native program sees a key.
    pub(crate) async fn native(&self, key: &Value) -> Value {
        self.it.get(&format!("/credentials/{}", id(key))).await
    }

    /// The levels a key opens by open grants of its own, as a native program sees them.
    pub(crate) async fn native_levels(&self, key: &Value) -> Vec<Value> {
        let grants = self.it.list(&format!("/grants?credential_id={}", id(key))).await;
        grants.iter().map(|grant| grant["target"]["access_level_id"].clone()).collect()
    }
}

/// What `claviger compat` prints for a place.
pub(crate) async fn credentials(world: &World, place: &str) -> Value {
    let ctx = Context::new(world.app.clone(), Caller::Operator, Via::CommandLine);
    let vendor = claviger_web::vendor("intserv").unwrap();
    vendor.credentials(ctx, Id::parse(place).unwrap()).await.unwrap()
}

pub(crate) fn proximity(card: &str) -> Value {
    json!({ "identification": card, "type": "proximity" })
}

pub(crate) fn code(digits: &str) -> Value {
    json!({ "identification": digits, "type": "code" })
}

/// A refusal in this API's form; its message names these.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, error_type: &str, named: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text);
    let fields: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["error_type", "message"], "{}", answer.text);
    assert_eq!(answer.body["error_type"], error_type, "{}", answer.text);
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.len() > 5, "{message}");
    for name in named {
        assert!(message.contains(name), "{name} is not named: {message}");
    }
}
