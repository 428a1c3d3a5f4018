//! Every operation once, as a program would call it, with the whole exchange kept in `golden.txt`.

use serde_json::{Value, json};

use super::{TOKEN, Tapkey};
use crate::golden::Exchanges;
use crate::support::{id, on_each_engine};

/// A program, and its exchanges as they are kept.
struct Record {
    program: Tapkey,
    exchanges: Exchanges,
}

impl Record {
    async fn call(&mut self, method: &str, path: &str, body: Value) -> Value {
        let sent = (!body.is_null()).then(|| body.to_string());
        let full = self.exchanges.full(path);
        let mut answer = self.program.actor.send(method, &full, &[], sent).await;
        let whole = answer.body.clone();
        hide(&mut answer.body);
        self.exchanges.keep(method, path, &body, &answer);
        whole
    }
}

/// Hides what is another each time and is no id of its own: ids within other texts.
fn hide(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "physicalLockId" && value.is_string() {
                    *value = json!("<lock>");
                }
                if value.as_str().is_some_and(|it| it.ends_with("@programs.invalid")) {
                    *value = json!("<service account>");
                }
                hide(value);
            }
        }
        _ => {}
    }
}

async fn grants(record: &mut Record, owner: &str, ann: &Value, door: &Value) {
    let grants = format!("{owner}/grants");
    let body = json!({ "boundLockId": id(door), "contactId": id(ann) });
    let given = record.call("PUT", &grants, body).await;
    let grant = format!("{grants}/{}", id(&given));
    record.call("GET", &grant, Value::Null).await;
    record.call("PATCH", &grant, json!({ "validBefore": "2090-01-01T00:00:00Z" })).await;
    let revoke = format!("{grant}/revoke?dryRun=false");
    record.call("POST", &revoke, json!({ "dryRun": false })).await;
    let closed = "$filter=active%20eq%20false&$select=id,state";
    record.call("GET", &format!("{grants}?{closed}"), Value::Null).await;
}

async fn locks(record: &mut Record, owner: &str, door: &Value) {
    let locks = format!("{owner}/boundlocks");
    record.call("GET", &format!("{locks}?expand=supportedFeatures"), Value::Null).await;
    let body = json!({
        "physicalLockId": "BAASNL/7", "bindingCode": "abc", "title": "Shed", "description": null,
    });
    record.call("PUT", &locks, body).await;
    let lock = format!("{locks}/{}", id(door));
    record.call("GET", &lock, Value::Null).await;
    record.call("PATCH", &lock, json!({ "title": "Front door" })).await;
    let entries = "$filter=logType%20eq%20'Command'%20and%20command%20eq%20'TriggerLock'&$top=500";
    record.call("GET", &format!("{owner}/logentries?{entries}"), Value::Null).await;
    record.call("GET", &format!("{lock}/logentries?{entries}"), Value::Null).await;
    let groups = format!("{owner}/lockgroups");
    let group = record.call("PUT", &groups, json!({ "title": "Guests" })).await;
    record.call("GET", &groups, Value::Null).await;
    let group = format!("{groups}/{}?expand=statistics", id(&group));
    record.call("GET", &group, Value::Null).await;
}

async fn users(record: &mut Record, owner: &str) {
    let users = format!("{owner}/identityproviders/okta/users");
    let made = record.call("PUT", &users, json!({ "ipUserId": "u1" })).await;
    record.call("GET", &users, Value::Null).await;
    record.call("GET", &format!("{users}?ipUserId=u1"), Value::Null).await;
    record.call("GET", &format!("{users}/{}", id(&made)), Value::Null).await;
}

async fn cards(record: &mut Record, owner: &str, card: &Value, door: &Value) {
    let cards = format!("{owner}/boundcards");
    record.call("GET", &cards, Value::Null).await;
    let one = format!("{cards}/{}", id(card));
    record.call("GET", &one, Value::Null).await;
    record.call("PATCH", &one, json!({ "title": "Blue" })).await;
    let grants = format!("{owner}/grants");
    let body = json!({ "boundLockId": id(door), "boundCardId": id(card) });
    let given = record.call("PUT", &grants, body.clone()).await;
    record.call("GET", &format!("{one}/grants"), Value::Null).await;
    let from_card = format!("{grants}/{}/deletefromcard", id(&given));
    record.call("POST", &from_card, Value::Null).await;
    record.call("PUT", &grants, body).await;
    record.call("POST", &format!("{one}/revokegrants"), Value::Null).await;
}

#[tokio::test]
async fn every_operation_is_answered_as_it_always_was() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = program.it.clone();
        let credentials = program.credentials.clone();
        let mut record = Record { program, exchanges: Exchanges::with("tapkey") };
        record.call("GET", "/.well-known/openid-configuration", Value::Null).await;
        record.call("GET", "/.well-known/openid-configuration/jwks", Value::Null).await;
        let login = json!({
            "grant_type": "client_credentials", "client_id": credentials["client_id"],
            "client_secret": credentials["client_secret"],
            "scope": "read:core:entities write:grants",
        });
        assert_eq!(TOKEN, record.exchanges.full("/connect/token"));
        record.call("POST", "/connect/token", login).await;
        record.call("GET", "/api/v1/owners", Value::Null).await;
        let owner = format!("/api/v1/owners/{}", it.place);
        record.call("GET", &owner, Value::Null).await;
        record.call("PATCH", &owner, json!({ "name": "Acme" })).await;
        let contacts = format!("{owner}/contacts");
        let body = json!({
            "ipId": "tapkey", "identifier": "ann@example.org", "title": "Ann", "comment": "Here.",
        });
        let ann = record.call("PUT", &contacts, body).await;
        record.call("GET", &contacts, Value::Null).await;
        let selected = "$filter=identifier%20eq%20'ann@example.org'&$select=id,title&$top=500";
        record.call("GET", &format!("{contacts}?{selected}"), Value::Null).await;
        let one = format!("{contacts}/{}", id(&ann));
        record.call("GET", &one, Value::Null).await;
        record.call("PATCH", &one, json!({ "title": null, "comment": "There." })).await;

        let permissions = format!("{owner}/permissions");
        let role = json!({ "contactId": id(&ann), "role": "Admin" });
        let given = record.call("PUT", &permissions, role).await;
        record.call("GET", &permissions, Value::Null).await;
        let permission = format!("{permissions}/{}", id(&given));
        record.call("GET", &permission, Value::Null).await;
        record.call("DELETE", &permission, Value::Null).await;

        let door = it.lock("Door").await;
        it.grant(&ann, &door).await;
        it.level_grant(&ann, &it.level("Staff", &[]).await).await;
        record.call("GET", &format!("{one}/grants"), Value::Null).await;
        let active = "$filter=active%20eq%20true&$select=id,boundLockId";
        record.call("GET", &format!("{one}/grants?{active}"), Value::Null).await;
        let revoke = format!("{one}/revokegrants");
        record.call("POST", &format!("{revoke}?dryRun=true"), Value::Null).await;
        record.call("POST", &format!("{revoke}?dryRun=false"), json!({ "dryRun": false })).await;
        grants(&mut record, &owner, &ann, &door).await;
        let providers = json!({ "metadata": { "tapkey": { "identity_providers": ["okta"] } } });
        it.patch("", providers).await.expect(200);
        it.card(&ann, "b1").await;
        it.grant(&ann, &door).await;
        it.present(&door, "b1").await;
        locks(&mut record, &owner, &door).await;
        users(&mut record, &owner).await;
        cards(&mut record, &owner, &it.card(&ann, "a1").await, &door).await;
        record.call("DELETE", &format!("{owner}/boundlocks/{}", id(&door)), Value::Null).await;
        record.call("DELETE", &one, Value::Null).await;
        record.exchanges.compare(&[
            ("authorize", "is a page: login/golden.txt"),
            ("log_in", "is a page: login/golden.txt"),
            ("create_owner", "is for people: login/golden.txt"),
        ]);
    })
    .await;
}
