//! Programs written for Parakey's API, against `/compat/parakey`.

mod access_keys;
mod asked;
mod auth;
mod bad_input;
mod batches;
mod etags;
mod event_logs;
mod golden;
mod isolation;
mod members;
mod polling;
mod roles;
mod webhooks;

use claviger_app::{Caller, Context, Id, Via};
use serde_json::{Value, json};

use crate::kit::Site;
use crate::panel::Panel;
use crate::support::{Actor, Answer, World, id};

/// A program with a token for one domain.
pub(crate) struct Parakey {
    pub(crate) it: Site,
    pub(crate) actor: Actor,
    pub(crate) token: String,
}

/// A new token for a place, as the command line makes it.
pub(crate) async fn token(world: &World, place: &str) -> String {
    let vendor = claviger_web::vendor("parakey").unwrap();
    let ctx = Context::new(world.app.clone(), Caller::Operator, Via::CommandLine);
    let made = vendor.credentials(ctx, Id::parse(place).unwrap()).await.unwrap();
    assert_eq!(made["domain_id"], place);
    made["access_token"].as_str().unwrap().to_owned()
}

impl Parakey {
    /// A program with rights to the first place.
    pub(crate) async fn at(world: &World) -> Parakey {
        Parakey::of(world, world.here()).await
    }

    /// A program with rights to a place.
    pub(crate) async fn of(world: &World, it: Site) -> Parakey {
        let token = token(world, &it.place).await;
        Parakey { actor: world.nobody(), it, token }
    }

    /// The same program after the server has started anew.
    pub(crate) fn over(&self, world: &World) -> Parakey {
        let it = self.it.seen_by(&world.again(&self.it.actor));
        Parakey { it, actor: world.nobody(), token: self.token.clone() }
    }

    /// A program, and a panel of its domain that has had a gate for a day: what it tells of that
    /// day is believed.
    pub(crate) async fn beside_a_panel(world: World) -> (World, Parakey, Panel, Value) {
        let world = world.lasting().await;
        let program = Parakey::at(&world).await;
        let panel = Panel::at(&program.it, json!({})).await;
        let gate = panel.lock(&program.it, "Gate").await;
        let world = world.later(86_400).await;
        let (program, panel) = (program.over(&world), panel.over(&world));
        (world, program, panel, gate)
    }

    /// The client that the token is of, as the native API shows it.
    pub(crate) async fn client(world: &World) -> Value {
        let clients = world.admin.get("/api/v1/clients?limit=1000").await.expect(200);
        let mut clients = clients["items"].as_array().unwrap().iter();
        clients.find(|it| it["name"] == "Parakey integration").unwrap().clone()
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let path = format!("/compat/parakey{path}");
        let headers = [&[("access-token", self.token.as_str())], headers].concat();
        self.actor.send(method, &path, &headers, body).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = (!body.is_null()).then(|| body.to_string());
        self.send(method, path, &[], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call("GET", path, Value::Null).await.expect(200)
    }

    pub(crate) async fn manage(&self, body: Value) -> Answer {
        self.call("POST", "/access-keys", body).await
    }

    /// The ids of a list.
    pub(crate) async fn ids(&self, path: &str) -> Vec<String> {
        let list = self.get(path).await;
        list.as_array().unwrap().iter().map(|it| id(it).to_owned()).collect()
    }

    /// A level with a door of its own that is open to programs, with an alias of its name.
    pub(crate) async fn access(&self, name: &str) -> Value {
        let door = self.it.lock(name).await;
        let body = json!({
            "name": name, "lock_ids": [id(&door)], "api_enabled": true,
            "external_id": format!("Parakey-{name}"),
        });
        self.it.made("/access-levels", body).await
    }
}

/// An item for somebody by address, with dates where they are given.
pub(crate) fn item(access: &Value, email: &str, dates: [Option<&str>; 2]) -> Value {
    let mut item = json!({"access": {"id": access["id"]}, "user": {"email": email}});
    for (name, date) in ["startDate", "expirationDate"].into_iter().zip(dates) {
        if let Some(date) = date {
            item[name] = date.into();
        }
    }
    item
}

/// A refusal in this API's form, with the items that are wrong.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str, items: &[(&str, u64, &str)]) {
    assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert!(answer.body["message"].as_str().is_some_and(|it| it.len() > 5), "{}", answer.text);
    let found: Vec<_> = answer.body["items"].as_array().unwrap().iter().collect();
    let named = |it: &&Value| {
        assert!(it["message"].as_str().is_some_and(|it| it.len() > 5), "{it}");
        let text = |name: &str| it[name].as_str().unwrap().to_owned();
        (text("list"), it["index"].as_u64().unwrap(), text("code"))
    };
    let found: Vec<_> = found.iter().map(named).collect();
    let found: Vec<_> = found.iter().map(|(a, b, c)| (a.as_str(), *b, c.as_str())).collect();
    assert_eq!(found, items, "{}", answer.text);
}
