//! Programs written for Trackunit's Classic API, against `/compat/trackunit`.

mod auth;
mod bad_input;
mod forms;
mod golden;
mod groups;
mod isolation;
mod keys;
mod presented;
mod reports;
mod samples;
mod units;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_app::{Caller, Context, Id, Via};
use serde_json::{Value, json};

use crate::kit::Site;
use crate::support::{Actor, Answer, World};

/// A program with a token for one account.
pub(crate) struct Trackunit {
    pub(crate) it: Site,
    pub(crate) actor: Actor,
    pub(crate) token: String,
}

/// A new token for a place, as the command line makes it.
pub(crate) async fn token(world: &World, place: &str) -> String {
    let vendor = claviger_web::vendor("trackunit").unwrap();
    let ctx = Context::new(world.app.clone(), Caller::Operator, Via::CommandLine);
    let made = vendor.credentials(ctx, Id::parse(place).unwrap()).await.unwrap();
    made["token"].as_str().unwrap().to_owned()
}

/// The header with which a program sends its token.
pub(crate) fn basic(user: &str, token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{token}")))
}

impl Trackunit {
    /// A program with rights to the first place.
    pub(crate) async fn at(world: &World) -> Trackunit {
        Trackunit::of(world, world.here()).await
    }

    /// A program with rights to a place.
    pub(crate) async fn of(world: &World, it: Site) -> Trackunit {
        let token = token(world, &it.place).await;
        Trackunit { actor: world.nobody(), it, token }
    }

    /// The same program, at a server started anew.
    pub(crate) fn on(self, world: &World) -> Trackunit {
        Trackunit { actor: world.nobody(), it: world.here(), token: self.token }
    }

    /// Calls a path below `/public`.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let sent = (!body.is_null()).then(|| body.to_string());
        self.send(method, path, &[], sent).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let path = format!("/compat/trackunit/public{path}");
        let basic = basic("API", &self.token);
        let headers = [&[("authorization", basic.as_str())], headers].concat();
        self.actor.send(method, &path, &headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null).await
    }

    /// Makes a key and answers its id.
    pub(crate) async fn key(&self, name: &str, serial: &str, more: Value) -> String {
        let mut body = json!({ "name": name, "serialNumber": serial });
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        made(self.call("POST", "/Key", body).await)
    }

    /// One key as it is shown.
    pub(crate) async fn shown(&self, id: &str) -> Value {
        self.get(&format!("/Key/{id}")).await.expect(200)["list"][0].clone()
    }

    /// Every key.
    pub(crate) async fn keys(&self) -> Vec<Value> {
        self.get("/Key").await.expect(200)["list"].as_array().unwrap().clone()
    }

    /// Changes a key.
    pub(crate) async fn update(&self, id: &str, body: Value) -> Answer {
        self.call("PUT", &format!("/Key/{id}"), body).await
    }
}

/// The id of what was made.
#[track_caller]
pub(crate) fn made(answer: Answer) -> String {
    let body = answer.expect(200);
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

/// The number of an object of the native API, as an id here.
pub(crate) fn number(object: &Value) -> String {
    object["number"].to_string()
}

/// A refusal in this API's form, with the parameters that are wrong.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str, fields: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let shown = &answer.body["responseStatus"];
    assert_eq!(shown["errorCode"], code, "{}", answer.text);
    assert!(shown["message"].as_str().is_some_and(|it| !it.is_empty()), "{}", answer.text);
    let errors = shown["errors"].as_array().unwrap();
    let found: Vec<&str> = errors.iter().map(|it| it["fieldName"].as_str().unwrap()).collect();
    assert_eq!(found, fields, "{}", answer.text);
    for error in errors {
        assert_eq!(error["errorCode"], code, "{error}");
        assert!(error["message"].as_str().is_some_and(|it| !it.is_empty()), "{error}");
    }
}
