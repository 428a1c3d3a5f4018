//! Programs written for Tapkey's Management API v1, against `/compat/tapkey`.

mod auth;
mod bad_input;
mod cards;
mod contacts;
mod golden;
mod grants;
mod isolation;
mod lists;
mod locks;
mod login;
mod logs;
mod owners;
mod queries;
mod revoking;
mod rights;
mod samples;
mod scopes;
mod users;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_app::{Caller, Context, Id, Via};
use serde_json::{Value, json};

use crate::kit::{NOBODYS, Site};
use crate::support::{Actor, Answer, World};

pub(crate) const TOKEN: &str = "/compat/tapkey/connect/token";

/// A program with a token of every scope, and a role in one owner account.
pub(crate) struct Tapkey {
    pub(crate) it: Site,
    pub(crate) actor: Actor,
    pub(crate) credentials: Value,
}

/// What `claviger compat` prints for a place.
pub(crate) async fn credentials(world: &World, place: &str) -> Value {
    let vendor = claviger_web::vendor("tapkey").unwrap();
    let ctx = Context::new(world.app.clone(), Caller::Operator, Via::CommandLine);
    vendor.credentials(ctx, Id::parse(place).unwrap()).await.unwrap()
}

/// The header of Basic authentication with both parts as they are.
pub(crate) fn basic(client: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

fn text<'v>(credentials: &'v Value, name: &str) -> &'v str {
    credentials[name].as_str().unwrap()
}

/// Asks for a token as a form, with the client in the header.
pub(crate) async fn token(nobody: &Actor, credentials: &Value, more: &str) -> Answer {
    let header = basic(text(credentials, "client_id"), text(credentials, "client_secret"));
    let headers =
        [("authorization", header.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let body = format!("grant_type=client_credentials{more}");
    nobody.send("POST", TOKEN, &headers, Some(body)).await
}

impl Tapkey {
    pub(crate) async fn at(world: &World) -> Tapkey {
        Tapkey::of(world, world.here()).await
    }

    pub(crate) async fn of(world: &World, it: Site) -> Tapkey {
        let credentials = credentials(world, &it.place).await;
        let actor = logged_in(world, &credentials, "").await;
        Tapkey { it, actor, credentials }
    }

    /// The same program with a token for these scopes only.
    pub(crate) async fn with_scope(&self, world: &World, scope: &str) -> Tapkey {
        let scope = format!("&scope={}", scope.replace(':', "%3A").replace(' ', "+"));
        let actor = logged_in(world, &self.credentials, &scope).await;
        Tapkey { it: self.it.clone(), actor, credentials: self.credentials.clone() }
    }

    /// The path of something below the owner account.
    pub(crate) fn at_owner(&self, path: &str) -> String {
        format!("/compat/tapkey/api/v1/owners/{}{path}", self.it.place)
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let sent = (!body.is_null()).then(|| body.to_string());
        self.actor.send(method, &self.at_owner(path), &[], sent).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null).await
    }

    /// A list, with the options of a query as a client sends them.
    pub(crate) async fn list(&self, path: &str, query: &str) -> Vec<Value> {
        let query = query.replace(' ', "%20");
        let answer = self.get(&format!("{path}?{query}")).await;
        answer.expect(200).as_array().unwrap().clone()
    }

    pub(crate) async fn contact(&self, identifier: &str) -> Value {
        let body = json!({ "ipId": "tapkey", "identifier": identifier });
        self.call("PUT", "/contacts", body).await.expect(200)
    }

    /// What the API shows of somebody made natively.
    pub(crate) async fn shown(&self, person: &Value) -> Value {
        self.get(&format!("/contacts/{}", crate::support::id(person))).await.expect(200)
    }
}

pub(crate) async fn logged_in(world: &World, credentials: &Value, more: &str) -> Actor {
    let nobody = world.nobody();
    let token = token(&nobody, credentials, more).await.expect(200);
    nobody.with(Some(token["access_token"].as_str().unwrap().to_owned()))
}

/// A refusal in this API's form; its message names these.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str, named: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let fields: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["ErrorCode", "ErrorMessage"], "{}", answer.text);
    assert_eq!(answer.body["ErrorCode"], code, "{}", answer.text);
    let message = answer.body["ErrorMessage"].as_str().unwrap();
    assert!(message.len() > 5, "{message}");
    for name in named {
        assert!(message.contains(name), "{name} is not named: {message}");
    }
    assert_eq!(answer.header("www-authenticate").is_empty(), status != 401, "{}", answer.text);
}
