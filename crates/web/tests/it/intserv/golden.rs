//! Every operation once, as a program would call it, with the whole exchange kept in `golden.txt`.

use serde_json::{Value, json};

use super::{Intserv, proximity};
use crate::golden::Exchanges;
use crate::support::{id, on_each_engine};

/// A program, and its exchanges as they are kept.
struct Record {
    program: Intserv,
    exchanges: Exchanges,
}

impl Record {
    /// Calls, keeps the exchange but for what was made up, and answers the body.
    async fn call(&mut self, path: &str, body: Value) -> Value {
        let path = format!("/v1{path}");
        let mut answer = self.program.actor.post(&self.exchanges.full(&path), body.clone()).await;
        let (whole, mut sent) = (answer.body.clone(), body);
        for text in [&mut sent, &mut answer.body] {
            for (pointer, hidden) in [
                ("/continuation_key", "<continuation key>"),
                ("/person/first_name", "<made up>"),
                ("/person/last_name", "<made up>"),
            ] {
                let text = text.pointer_mut(pointer).filter(|text| is_made_up(text));
                text.into_iter().for_each(|text| *text = json!(hidden));
            }
        }
        if sent["key"] == json!({ "type": "code" }) {
            answer.body["key"]["identification"] = json!("<made up>");
        }
        self.exchanges.keep("POST", &path, &sent, &answer);
        whole
    }
}

/// Whether it is a name or a key that is another each time.
fn is_made_up(text: &Value) -> bool {
    let Some(text) = text.as_str() else { return false };
    let plain = text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    text.len() > 50 || (plain && [6, 7].contains(&text.len()))
}

#[tokio::test]
async fn every_operation_is_answered_as_it_always_was() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let it = program.it.clone();
        let panel = json!({ "name": "Panel", "external_id": "abc123-001" });
        let panel = it.made("/controllers", panel).await;
        let gate = json!({ "name": "Gate", "controller_id": panel["id"], "mode": "allow_list" });
        let (door, gate) = (it.lock("Front door").await, it.made("/locks", gate).await);
        it.level("Staff", &[&door]).await;
        it.level("Grounds", &[&gate, &door]).await;
        let mut record = Record { program, exchanges: Exchanges::with("intserv") };
        let levels = record.call("/accesslevels/list", json!({})).await["levels"].clone();
        record.call("/accesslevels/get_levels", json!({})).await;
        let body = json!({
            "key": proximity("0x00499602d2"), "pin": "1234",
            "valid_from_date": "2020-09-01T00:00:00Z", "access_levels": [levels[0]["id"]],
            "person": { "first_name": "Ann", "last_name": "Berg" },
        });
        let key = record.call("/accesskeys/add", body).await;
        record.call("/accesskeys/status", json!({ "id": key["id"] })).await;
        let body = json!({
            "id": key["id"], "pin": null, "access_levels": [levels[0]["id"], levels[1]["id"]],
        });
        record.call("/accesskeys/add", body).await;
        record.call("/accesskeys/status", json!({ "id": key["id"] })).await;
        let composite = json!({ "key": proximity("MD:1234567|em:12345") });
        record.call("/accesskeys/add", composite).await;
        let code = record.call("/accesskeys/add", json!({ "key": { "type": "code" } })).await;
        for card in [json!("00499602d2"), json!("ff")] {
            let card = json!({ "bits": 40, "value": card });
            it.decide(json!({ "lock_id": id(&door), "card": card })).await;
        }
        let first = record.call("/events/list", json!({ "limit": 1 })).await;
        let next = json!({ "continuation_key": first["continuation_key"] });
        record.call("/events/list", next).await;
        record.call("/accesskeys/remove", json!({ "key": key["key"] })).await;
        record.call("/accesskeys/remove", json!({ "id": code["id"] })).await;
        record.exchanges.compare(&[]);
    })
    .await;
}
