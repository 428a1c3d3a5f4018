//! A scripted controller: it calls, stores what it is told, and answers as the test wants.

use std::collections::BTreeMap;

use claviger_app::{hex, sha256};
use serde_json::{Value, json};

use crate::kit::Site;
use crate::support::{Actor, Answer, World, id};

/// A controller with a client bound to it.
pub(crate) struct Panel {
    pub(crate) actor: Actor,
    pub(crate) controller: Value,
    pub(crate) path: String,
    seq: u64,
    /// By kind and id: the version and what it says.
    pub(crate) items: BTreeMap<(String, String), (u64, Value)>,
    acknowledged: Vec<Value>,
}

/// A controller with one lock, and somebody with a card who may open it.
pub(crate) struct Scene {
    pub(crate) panel: Panel,
    pub(crate) gate: Value,
    pub(crate) ann: Value,
    pub(crate) card: Value,
    pub(crate) grant: Value,
}

/// Sets the scene; the controller has not called yet.
pub(crate) async fn with_card(it: &Site) -> Scene {
    let panel = Panel::at(it, json!({})).await;
    let gate = panel.lock(it, "Gate").await;
    let ann = it.person("Ann").await;
    let card = it.card(&ann, "a1").await;
    let grant = it.grant(&ann, &gate).await;
    Scene { panel, gate, ann, card, grant }
}

/// The one of the four that a change is.
pub(crate) fn said(change: &Value) -> (&'static str, &Value) {
    let names = ["lock", "schedule", "credential", "remove"];
    let mut found = names.into_iter().filter(|name| change.get(*name).is_some());
    let name = found.next().unwrap();
    assert_eq!(found.next(), None, "{change}");
    (name, &change[name])
}

impl Panel {
    /// A controller of the place, with what is set on it beside its name.
    pub(crate) async fn at(it: &Site, fields: Value) -> Panel {
        let mut body = json!({"name": "Panel"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let controller = it.made("/controllers", body).await;
        let client = json!({
            "name": "panel", "kind": "api_key", "scopes": ["locks:operate", "decisions:make"],
            "place_ids": [it.place], "controller_id": id(&controller),
        });
        let client = it.actor.post("/api/v1/clients", client).await.expect(201);
        let actor = it.actor.with(Some(client["secret"].as_str().unwrap().to_owned()));
        let path = it.at(&format!("/controllers/{}/sync", id(&controller)));
        let (seq, items, acknowledged) = (0, BTreeMap::new(), Vec::new());
        Panel { actor, controller, path, seq, items, acknowledged }
    }

    /// The same after the server has started anew.
    pub(crate) fn over(mut self, world: &World) -> Panel {
        self.actor = Actor::of(world.router.clone(), self.actor.token.take());
        self
    }

    /// A lock of it that is served by its list.
    pub(crate) async fn lock(&self, it: &Site, name: &str) -> Value {
        let controller = id(&self.controller);
        let body = json!({"name": name, "mode": "allow_list", "controller_id": controller});
        it.made("/locks", body).await
    }

    /// One call, with the acknowledgements that are due and what else is said.
    pub(crate) async fn answer(&mut self, fields: Value) -> Answer {
        self.seq += 1;
        let mut body = json!({
            "seq": self.seq, "acknowledged": std::mem::take(&mut self.acknowledged),
        });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.actor.post(&self.path, body).await
    }

    pub(crate) async fn call(&mut self, fields: Value) -> Value {
        self.answer(fields).await.expect(200)
    }

    /// Stores the changes of an answer and says so with the next call.
    pub(crate) fn store(&mut self, answer: &Value) {
        for change in answer["changes"].as_array().unwrap() {
            let version = change["version"].as_u64().unwrap();
            let (kind, value) = said(change);
            let text = |name: &str| value[name].as_str().unwrap().to_owned();
            if kind == "remove" {
                self.items.remove(&(text("kind"), text("id")));
            } else {
                self.items.insert((kind.to_owned(), text("id")), (version, value.clone()));
            }
            self.acknowledged.push(json!({"version": version, "result": "ok"}));
        }
    }

    /// Refuses the changes of an answer.
    pub(crate) fn refuse(&mut self, answer: &Value, code: &str) {
        for change in answer["changes"].as_array().unwrap() {
            let refusal = json!({"version": change["version"], "result": "refused", "code": code});
            self.acknowledged.push(refusal);
        }
    }

    /// Calls until there is nothing more to store and all is acknowledged; says what came.
    pub(crate) async fn settle(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        for _ in 0..100 {
            let answer = self.call(json!({})).await;
            assert_eq!((&answer["stale"], &answer["ask"]), (&json!(false), &json!([])), "{answer}");
            self.store(&answer);
            let changes = answer["changes"].as_array().unwrap();
            if changes.is_empty() {
                return all;
            }
            all.extend(changes.iter().cloned());
        }
        panic!("it never ends: {all:?}");
    }

    /// The stored items of a kind, by id.
    pub(crate) fn stored(&self, kind: &str) -> Vec<&Value> {
        let own = self.items.iter().filter(|((it, _), _)| it == kind);
        own.map(|(_, (_, value))| value).collect()
    }

    /// The stored item of a credential.
    pub(crate) fn credential(&self, credential: &Value) -> Option<&Value> {
        let key = ("credential".to_owned(), id(credential).to_owned());
        self.items.get(&key).map(|(_, value)| value)
    }

    /// The digest of what is stored.
    pub(crate) fn digest(&self) -> String {
        let lines =
            self.items.iter().map(|((kind, id), (version, _))| format!("{kind} {id} {version}\n"));
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        hex(&sha256(lines.concat().as_bytes()))
    }

    /// What is stored, as an inventory.
    pub(crate) fn inventory(&self) -> Value {
        let items = self.items.iter();
        items
            .map(|((kind, id), (version, _))| json!({"kind": kind, "id": id, "version": version}))
            .collect()
    }

    /// How the server says that it stands.
    pub(crate) async fn status(&self, it: &Site) -> Value {
        it.get(&format!("/controllers/{}", id(&self.controller))).await["status"].clone()
    }
}
