//! Whatever is wrong is named, all of it, in this API's form, and nothing is stored.

use serde_json::{Value, json};

use super::{Intserv, NOBODYS, proximity, refused};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn each_wrong_field_is_named_and_nothing_is_stored() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let key = program.card("EM:1").await;
        let good = json!({ "key": proximity("EM:9"), "person": { "first_name": "Ann" } });
        let before = world.revisions().await;
        for (field, value, named) in [
            ("id", json!("x"), "id must"),
            ("id", json!(1), "id must"),
            ("id", json!(format!("external:{}", id(&key))), "id must"),
            ("key", json!("EM:1"), "key must"),
            ("key", json!({}), "key.type is required"),
            ("key", json!({ "type": "proximity" }), "key.identification is required"),
            ("key", json!({ "type": "proximity", "identification": "" }), "key.identification"),
            (
                "key",
                json!({ "type": "proximity", "identification": 1_234_567_890_123_u64 }),
                "key.identification must be of type string",
            ),
            ("key", json!({ "type": "card", "identification": "EM:1" }), "key.type must"),
            ("key", json!({ "type": "Proximity", "identification": "EM:1" }), "key.type must"),
            ("key", json!({ "type": null, "identification": "EM:1" }), "key.type must"),
            ("key", proximity("12345"), "key.identification must have 13, 10 or 17"),
            ("key", proximity("1099511627776"), "key.identification must be a number of"),
            ("key", proximity("MC:4294967296"), "key.identification must be a number of"),
            ("key", proximity("EM:12a45"), "key.identification must be decimal digits"),
            ("key", proximity("EM:1|EM:0x1"), "key.identification must not name"),
            ("pin", json!(42), "pin must be of type string"),
            ("pin", json!("123"), "pin must be 4 digits"),
            ("pin", json!("12345"), "pin must be 4 digits"),
            ("pin", json!(""), "pin must be 4 digits"),
            ("pin", json!("12a4"), "pin must be 4 digits"),
            ("pin", json!("１２３４"), "pin must be 4 digits"),
            ("valid_from_date", json!("2020-09-01"), "valid_from_date must"),
            ("valid_from_date", json!("2020-09-01T00:00:00"), "valid_from_date must"),
            ("valid_to_date", json!("2020-13-01T00:00:00Z"), "valid_to_date must"),
            ("valid_to_date", json!(1_600_000_000), "valid_to_date must"),
            ("access_levels", json!(NOBODYS), "access_levels must be of type array"),
            ("access_levels", json!([NOBODYS, "x", 1]), "access_levels.1 must be a UUID"),
            ("person", json!("Ann"), "person must"),
            ("person", json!({ "id": "x" }), "person.id must be a UUID"),
            ("person", json!({ "first_name": "x".repeat(33) }), "person.first_name must have"),
            ("person", json!({ "last_name": "å".repeat(33) }), "person.last_name must have"),
            ("person", json!({ "last_name": "a\u{7}" }), "person.last_name must not"),
            ("person", json!({ "last_name": 1 }), "person.last_name must be of type string"),
            ("person", json!({ "name": "Ann" }), "person.name is not a property"),
            ("valid_to", json!("2020-01-01T00:00:00Z"), "valid_to is not a property"),
        ] {
            let mut body = good.clone();
            body[field] = value;
            let answer = program.post("/accesskeys/add", body).await;
            refused(&answer, 400, "InvalidRequest", &[named]);
        }
        let all = json!({ "id": "x", "pin": 42, "access_levels": ["y"], "valid_to_date": "z" });
        let names = ["id must", "pin must", "access_levels.0 must", "valid_to_date must"];
        refused(&program.post("/accesskeys/add", all).await, 400, "InvalidRequest", &names);
        let none = program.post("/accesskeys/add", json!({ "pin": "1234" })).await;
        refused(&none, 400, "InvalidRequest", &["key is required"]);
        let none = program.remove(json!({})).await;
        refused(&none, 400, "InvalidRequest", &["id or key is required"]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn an_end_before_its_beginning_is_refused_whichever_is_sent() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let (early, late) = ("2020-09-01T00:00:00Z", "2020-10-01T00:00:00Z");
        let both = |from: &str, to: &str| {
            json!({
                "key": proximity("EM:1"), "valid_from_date": from, "valid_to_date": to,
            })
        };
        for (from, to) in [(late, early), (early, early)] {
            let answer = program.post("/accesskeys/add", both(from, to)).await;
            refused(&answer, 400, "InvalidRequest", &["valid_to_date must be after"]);
        }
        let key = program.add(both(early, late)).await;
        let before = world.revisions().await;
        for (field, value) in [("valid_from_date", late), ("valid_to_date", early)] {
            let mut body = json!({ "id": key["id"] });
            body[field] = json!(value);
            let answer = program.post("/accesskeys/add", body).await;
            refused(&answer, 400, "InvalidRequest", &["valid_to_date must be after"]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn bodies_that_are_none_are_refused_as_such() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let before = world.revisions().await;
        let send = async |path: &str, media: &str, body: &str| {
            let headers = [("content-type", media)];
            let path = format!("/compat/intserv/v1{path}");
            program.actor.send("POST", &path, &headers, Some(body.to_owned())).await
        };
        let json = "application/json";
        for body in ["{", "nonsense", r#"{"pin":"1234","pin":null}"#, "[]", "1", "null"] {
            for path in ["/accesskeys/add", "/accesskeys/remove", "/events/list"] {
                refused(&send(path, json, body).await, 400, "InvalidRequest", &[]);
            }
        }
        let add = "/accesskeys/add";
        let form = send(add, "application/x-www-form-urlencoded", "a=b").await;
        refused(&form, 415, "UnsupportedMediaType", &["application/json"]);
        let large = format!("{{\"pin\":\"{}\"}}", "1".repeat(1024 * 1024));
        refused(&send(add, json, &large).await, 413, "RequestTooLarge", &["1048576"]);
        assert_eq!(world.revisions().await, before);
        // Many programs say nothing of the kind, or nothing at all.
        let path = "/compat/intserv/v1/events/list/";
        let bare = program.actor.send("POST", path, &[], None).await;
        assert_eq!(bare.expect(200)["events"], Value::Array(Vec::new()));
        let odd = send("/events/list", "text/json", "{}").await;
        odd.expect(200);
    })
    .await;
}

#[tokio::test]
async fn what_another_place_has_is_not_there_and_stays_as_it_is() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let other = Intserv::of(&world, program.it.neighbour("Next door").await).await;
        let theirs = other.card("EM:1").await;
        let their_level = other.it.level("Theirs", &[]).await;
        let before = world.revisions().await;
        let add = async |body: Value| program.post("/accesskeys/add", body).await;
        let own = theirs["id"].clone();
        refused(&add(json!({ "id": own, "pin": "1234" })).await, 404, "AccessKeyNotFound", &[]);
        let remove = program.remove(json!({ "id": own })).await;
        refused(&remove, 404, "AccessKeyNotFound", &[]);
        let remove = program.remove(json!({ "key": proximity("EM:1") })).await;
        refused(&remove, 404, "AccessKeyNotFound", &[]);
        let of = |person: &Value, level: &Value| {
            json!({
                "key": proximity("EM:1"), "person": { "id": person }, "access_levels": [level],
            })
        };
        let level = program.it.level("Own", &[]).await;
        let here = world.revisions().await;
        let person = add(of(&theirs["person"]["id"], &level["id"])).await;
        refused(&person, 404, "PersonNotFound", &["person.id"]);
        let ann = json!(NOBODYS);
        let stranger = add(of(&ann, &their_level["id"])).await;
        refused(&stranger, 404, "AccessLevelNotFound", &["access_levels.0"]);
        assert_eq!(world.revisions().await, here);
        assert_ne!(here, before, "a level was made");
        assert_eq!(other.card("EM:1").await, theirs);
        // The same card is a key of each.
        assert_ne!(program.card("EM:1").await["id"], theirs["id"]);
    })
    .await;
}
