//! Programs written for Unloc's API, against `/compat/unloc`.

mod access_groups;
mod auth;
mod connections;
mod doorbells;
mod golden;
mod histories;
mod isolation;
mod keys;
mod listed;
mod log;
mod reach;
mod sharing;
mod subprojects;
mod users;
mod webhooks;

use serde_json::{Value, json};

use crate::kit::{NOBODYS, Site};
use crate::support::{Actor, Answer, World, id};

/// A program with a token for one project.
pub(crate) struct Unloc {
    pub(crate) it: Site,
    pub(crate) actor: Actor,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

impl Unloc {
    /// A program with rights to the first place.
    pub(crate) async fn at(world: &World) -> Unloc {
        Unloc::of(world.here()).await
    }

    /// A program with rights to a place.
    pub(crate) async fn of(it: Site) -> Unloc {
        let me = it.actor.get("/api/v1/me").await.expect(200);
        let body = json!({
            "name": "a program", "kind": "oauth2", "scopes": me["scopes"],
            "place_ids": [it.place],
        });
        let made = it.actor.post("/api/v1/clients", body).await.expect(201);
        let client_id = id(&made).to_owned();
        let client_secret = made["secret"].as_str().unwrap().to_owned();
        let actor = it.actor.with(None);
        let mut program = Unloc { it, actor, client_id, client_secret };
        let token = program.token("/compat/unloc/v2/auth/token/").await.expect(200);
        let token = token["access_token"].as_str().unwrap().to_owned();
        program.actor = program.actor.with(Some(token));
        program
    }

    /// What a token request is answered.
    pub(crate) async fn token(&self, path: &str) -> Answer {
        let body = json!({
            "grant_type": "client_credentials", "client_id": self.client_id,
            "client_secret": self.client_secret, "scope": "project.admin",
            "project_id": self.it.place,
        });
        self.actor.with(None).post(path, body).await
    }

    pub(crate) fn path(&self, path: &str) -> String {
        format!("/compat/unloc/v2/projects/{}{path}", self.it.place)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.actor.get(&self.path(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.actor.post(&self.path(path), body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.actor.patch(&self.path(path), body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.actor.delete(&self.path(path)).await
    }

    /// A group with these locks and people.
    pub(crate) async fn group(&self, name: &str, locks: &[&str], people: &[&str]) -> Value {
        let body = json!({ "name": name, "lockIds": locks, "appUserIds": people });
        let made = self.post("/access-groups", body).await.expect(201);
        made["accessGroup"].clone()
    }

    /// Every key the query lets through, page by page.
    pub(crate) async fn keys(&self, query: &str, limit: usize) -> Vec<Value> {
        let mut keys: Vec<Value> = Vec::new();
        loop {
            let after = keys.last().map(|key| format!("&startAfterId={}", id(key)));
            let after = after.unwrap_or_default();
            let page = self.get(&format!("/keys?limit={limit}{query}{after}")).await.expect(200);
            let found = page["keys"].as_array().unwrap();
            keys.extend(found.iter().cloned());
            if found.len() < limit {
                return keys;
            }
        }
    }
}

/// A problem in this API's form, with the names of the parameters that are wrong.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, names: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text);
    let body = &answer.body;
    assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
    let params = body["invalidParams"].as_array().cloned().unwrap_or_default();
    let found: Vec<&str> = params.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(found, names, "{body}");
    assert!(params.iter().all(|it| it["reason"].as_str().is_some_and(|it| !it.is_empty())));
}

/// A phone number made of a count.
pub(crate) fn phone(number: usize) -> String {
    format!("+47{:08}", 40_000_000 + number)
}
