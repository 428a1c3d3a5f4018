//! The samples of the vendor's page, sent as they are printed: every member that is printed comes
//! back, with our ids in the place of theirs.

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::{Tapkey, refused};
use crate::kit::{one, person_to_lock};
use crate::offline::door::Door;
use crate::offline::phone::Phone;
use crate::support::{id, on_each_engine};

/// Every member of the sample is in what was answered; ids and instants are ours.
#[track_caller]
fn holds(answered: &Value, sample: &Value, at: &str) {
    match (answered, sample) {
        (Value::Object(fields), Value::Object(wanted)) => {
            for (name, wanted) in wanted {
                let found = fields.get(name).unwrap_or_else(|| panic!("{at}/{name} is missing"));
                holds(found, wanted, &format!("{at}/{name}"));
            }
        }
        (Value::Array(items), Value::Array(wanted)) => {
            assert_eq!(items.len(), wanted.len(), "{at}: {answered}");
            for (index, (item, wanted)) in items.iter().zip(wanted).enumerate() {
                holds(item, wanted, &format!("{at}/{index}"));
            }
        }
        (Value::String(text), Value::String(wanted)) if wanted.starts_with("2018-12-12T") => {
            assert_eq!(text.len(), wanted.len(), "{at}: {text}");
            assert!(claviger_app::Instant::parse(text).is_some(), "{at}: {text}");
        }
        (Value::String(text), Value::String(wanted)) if wanted == "1" || wanted == "2" => {
            // A provider is called as it is called; all else that is 1 there is an id.
            let is_id = text.len() == 36 || text == wanted;
            assert!(is_id, "{at}: {text}");
        }
        (Value::String(text), Value::String(wanted)) if wanted == "AAChsgq2" => {
            assert!(text.starts_with("EA") && text.len() == 24, "{at}: {text}");
        }
        _ => assert_eq!(answered, sample, "{at}"),
    }
}

fn user(number: u8, comment: &str, title: Value) -> Value {
    json!({
        "id": number.to_string(), "ownerId": "1", "comment": comment, "ipId": "tapkey",
        "identifier": format!("user{number}@tapkey.com"), "title": title,
    })
}

const COMMENT: &str = "A comment describing this contact.";

#[tokio::test]
async fn contacts_are_as_the_page_prints_them() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let body = json!({
            "ipId": "tapkey", "identifier": "user1@tapkey.com", "title": "User One",
            "comment": COMMENT,
        });
        let one = program.call("PUT", "/contacts", body.clone()).await.expect(200);
        holds(&one, &user(1, COMMENT, json!("User One")), "");
        assert_eq!(one["ownerId"], json!(program.it.place));
        let answer = program.call("PUT", "/contacts", body).await;
        let message = "A Contact with this data already exists for this owner account.";
        refused(&answer, 400, "Duplicate", &[message]);
        assert_eq!(answer.body["ErrorMessage"], message);
        let two = json!({ "identifier": "user2@tapkey.com", "comment": COMMENT });
        program.call("PUT", "/contacts", two).await.expect(200);

        let path = format!("/contacts/{}", id(&one));
        let shown = program.get(&path).await.expect(200);
        holds(&shown, &user(1, COMMENT, json!("User One")), "");
        // The service account of the program is a contact as well, and came first.
        let listed = program.get("/contacts?$skip=1").await.expect(200);
        let sample = json!([user(1, COMMENT, json!("User One")), user(2, COMMENT, Value::Null)]);
        holds(&listed, &sample, "");

        let comment = "A new comment describing this contact.";
        let body = json!({ "comment": comment, "title": "User New" });
        let patched = program.call("PATCH", &path, body).await.expect(200);
        holds(&patched, &json!([user(1, comment, json!("User New"))]), "");
        let gone = program.call("DELETE", &path, Value::Null).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        refused(&program.get(&path).await, 404, "NotFound", &["contact"]);
    })
    .await;
}

#[tokio::test]
async fn contacts_of_another_provider_are_as_the_page_prints_them() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let body = json!({ "ipId": "1", "ipUserId": "1" });
        let unknown = program.call("PUT", "/contacts", body.clone()).await;
        refused(&unknown, 400, "InvalidRequest", &["ipId"]);
        let providers = json!({ "metadata": { "tapkey": { "identity_providers": ["1"] } } });
        world.admin.patch(&world.at(""), providers).await.expect(200);
        let made = program.call("PUT", "/contacts", body.clone()).await.expect(200);
        let sample = json!({
            "id": "1", "ipId": "1", "ipUserId": "1", "ownerId": "1", "identifier": null,
        });
        holds(&made, &sample, "");
        let native = program.it.get(&one("/people", &made)).await;
        let identity = json!({ "provider": "1", "subject": "1", "identifier": null });
        assert_eq!(native["identity"], identity);
        let again = program.call("PUT", "/contacts", body).await;
        refused(&again, 400, "Duplicate", &[]);
        let mixed = json!({ "ipId": "1", "ipUserId": "2", "identifier": "two" });
        let mixed = program.call("PUT", "/contacts", mixed).await;
        refused(&mixed, 400, "InvalidRequest", &["ipUserId", "identifier"]);
        let named = json!({ "ipId": "1", "identifier": "two" });
        let named = program.call("PUT", "/contacts", named).await.expect(200);
        assert_eq!((&named["identifier"], &named["ipUserId"]), (&json!("two"), &Value::Null));
    })
    .await;
}

fn grant(comment: &str, state: &str, active: bool) -> Value {
    json!({
        "contact": user(1, comment, json!("User One")),
        "boundCard": null,
        "boundLock": {
            "lockType": {
                "id": "TK.Td30", "manufacturerId": 1, "modelName": "Td30",
                "supportedTechnologies": ["nfc", "ble"],
            },
            "supportedFeatures": { "timeRestrictionIcalSupport": "Supported" },
            "id": "1", "physicalLockId": "AAChsgq2", "lockTypeId": "TK.Td30",
            "ownerAccountId": "1", "bindDate": "2018-12-12T12:00:00.000Z",
            "title": "Entrance Door", "description": null, "rclSerialNo": 1,
            "rclDate": "2018-12-12T12:00:01.000Z",
        },
        "id": "1", "boundLockId": "1", "contactId": "1", "validFrom": null, "validBefore": null,
        "timeRestrictionIcal": null, "state": state, "active": active, "boundCardId": null,
    })
}

#[tokio::test]
async fn grants_and_their_revocation_are_as_the_page_prints_them() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let comment = "A new comment describing this contact.";
        let body = json!({
            "ipId": "tapkey", "identifier": "user1@tapkey.com", "title": "User One",
            "comment": comment,
        });
        let contact = program.call("PUT", "/contacts", body).await.expect(200);
        let lock = json!({ "name": "Entrance Door", "model": "TK.Td30", "mode": "offline_keys" });
        let mut door = Door::with(it, lock, 31).await;
        let given = it.made("/grants", person_to_lock(&contact, &door.shown)).await;
        let path = format!("/contacts/{}/grants", id(&contact));
        let listed = program.get(&path).await.expect(200);
        let version = listed[0]["boundLock"]["rclSerialNo"].clone();
        let mut sample = grant(comment, "Ok", true);
        sample["boundLock"]["rclSerialNo"] = version.clone();
        holds(&listed, &json!([sample.clone()]), "");
        assert_eq!(listed[0]["id"], given["id"]);
        let mut phone = Phone::of(it, &contact).await;
        phone.sync().await;
        assert_eq!(door.answers(&phone), Code::Done);

        let revoke = format!("/contacts/{}/revokegrants", id(&contact));
        (sample["state"], sample["active"]) = (json!("RevocationPending"), json!(false));
        // Nobody's key is older and alive: the list needs no entry to refuse it.
        let classes = |version: &Value| {
            json!([{
                "rclClass": "Mobile", "rclSerialNo": version, "currentSize": 0, "maxSize": null,
            }])
        };
        // The list that refuses it is the next, whether it is made or only asked about.
        let next = json!(version.as_u64().unwrap() + 1);
        let result = |dry_run: bool, version: &Value| {
            let mut sample = sample.clone();
            sample["boundLock"]["rclSerialNo"] = version.clone();
            json!([{
                "dryRun": dry_run, "grantRevoked": sample, "grantsAffectedAsSideEffect": [],
                "rclState": { "rclClassStates": classes(&next) },
            }])
        };
        let asked = program.call("POST", &format!("{revoke}?dryRun=true"), Value::Null).await;
        holds(&asked.expect(200), &result(true, &version), "");
        assert_eq!(program.get(&path).await.expect(200), listed, "nothing was done");
        let done = program.call("POST", &revoke, Value::Null).await.expect(200);
        holds(&done, &result(false, &next), "");
        assert_eq!(it.get(&one("/grants", &given)).await["state"], "revocation_pending");
        assert_eq!(program.call("POST", &revoke, Value::Null).await.expect(200), json!([]));

        // The lock learns of it and says so.
        let bo = it.person("Bo").await;
        it.grant(&bo, &door.shown).await;
        let mut his = Phone::of(it, &bo).await;
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!(door.answers(&phone), Code::Revoked);
        assert_eq!(program.get(&path).await.expect(200)[0]["state"], "RevocationPending");
        his.sync().await;
        let shown = program.get(&path).await.expect(200);
        assert_eq!((&shown[0]["state"], &shown[0]["active"]), (&json!("Revoked"), &json!(false)));
        let lock = &shown[0]["boundLock"];
        assert_eq!(lock["lastSeenRclSerialNo"], lock["rclSerialNo"], "{lock}");
    })
    .await;
}

#[tokio::test]
async fn those_hit_besides_are_named_before_and_when_it_is_done() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let body = json!({ "name": "Shed", "mode": "offline_keys", "capacity": { "entries": 1 } });
        let door = Door::with(it, body, 32).await;
        let mut grants = Vec::new();
        for name in ["Ann", "Bo", "Cy", "Di"] {
            let person = it.person(name).await;
            let grant = it.grant(&person, &door.shown).await;
            Phone::of(it, &person).await.sync().await;
            grants.push((person, grant));
        }
        let revoke = async |at: usize, query: &str| {
            let path = format!("/contacts/{}/RevokeGrants{query}", id(&grants[at].0));
            program.call("POST", &path, json!({ "dryRun": false })).await.expect(200)
        };
        let first = revoke(1, "").await;
        assert_eq!(first[0]["grantsAffectedAsSideEffect"], json!([]));
        let size = |result: &Value| {
            let shown = &result[0]["rclState"]["rclClassStates"][0];
            (shown["currentSize"].as_u64(), shown["maxSize"].as_u64())
        };
        assert_eq!(size(&first), (Some(1), Some(1)));
        let asked = revoke(3, "?dryrun=True").await;
        assert_eq!((&asked[0]["dryRun"], size(&asked)), (&json!(true), (Some(1), Some(1))));
        let done = revoke(3, "?dryRun=false").await;
        for result in [&asked, &done] {
            let hit = result[0]["grantsAffectedAsSideEffect"].as_array().unwrap();
            let ids: Vec<&str> = hit.iter().map(id).collect();
            assert_eq!(ids, [id(&grants[0].1)]);
            assert_eq!((&hit[0]["state"], &hit[0]["active"]), (&json!("Ok"), &json!(true)));
            assert_eq!(hit[0]["contact"]["identifier"], "ann@example.org");
        }
    })
    .await;
}
