//! The vendor's own samples, sent as they are printed and their answers compared field by field:
//! but for ids, which the server gives, and the slips of the page (a comma too many, a misplaced
//! colon).

use serde_json::{Value, json};

use super::Intserv;
use crate::support::{id, on_each_engine};

/// The printed answer, with the ids that stand in this server for those on the page.
fn printed(key: &Value, level: &Value, first: &Value, last: &Value) -> Value {
    json!({
        "id": key["id"],
        "key": { "identification": "0001234567890", "type": "proximity" },
        "valid_from_date": "2020-09-01T00:00:00Z",
        "valid_to_date": "2020-10-01T14:00:00Z",
        "access_levels": [level["id"]],
        "person": { "id": key["person"]["id"], "first_name": first, "last_name": last },
    })
}

/// The printed request that makes a key.
fn create(level: &Value) -> String {
    r#"{
"key":
{
"identification": "0x00499602d2",
"type": "proximity"
},
"pin": "1234",
"valid_from_date": "2020-09-01T00:00:00Z",
"valid_to_date": "2020-10-01T14:00:00Z",
"access_levels":
[
"ce8e881e-1392-4f53-b7c2-35eeb3ecaf3b"
],
"person":
{
"first_name": "firstname",
"last_name": "lastname"
}
}"#
    .replace("ce8e881e-1392-4f53-b7c2-35eeb3ecaf3b", id(level))
}

/// The printed request that updates one.
fn update(key: &Value, level: &Value) -> String {
    r#"{
"id": "ae40a59c-8d52-4f2f-bb01-efa30325882c",
"pin": null,
"valid_from_date": "2020-11-01T00:00:00Z",
"valid_to_date": "2020-12-01T14:00:00Z",
"access_levels":
[
"a5129f41-ed44-4f3b-95a2-bec53dd3e1e3"
]
}"#
    .replace("ae40a59c-8d52-4f2f-bb01-efa30325882c", id(key))
    .replace("a5129f41-ed44-4f3b-95a2-bec53dd3e1e3", id(level))
}

#[tokio::test]
async fn the_printed_requests_get_the_printed_answers() {
    on_each_engine(|world| async move {
        let program = Intserv::at(&world).await;
        let door = program.it.lock("Door").await;
        let first = program.it.level("First", &[&door]).await;
        let second = program.it.level("Second", &[&door]).await;
        let send = async |body: String| {
            let path = "/compat/intserv/v1/accesskeys/add";
            program.actor.send("POST", path, &[], Some(body)).await
        };
        let answer = send(create(&first)).await;
        assert_eq!(answer.header("content-type"), "application/json");
        let made = answer.expect(200);
        assert_eq!(made, printed(&made, &first, &json!("firstname"), &json!("lastname")));
        let native = program.native(&made).await;
        assert_eq!(native["has_pin"], true);
        assert_eq!(native["cards"][0]["value"], "00499602d2");

        // The page prints its answer with names that were made up: without names in the request.
        let mut unnamed: Value = serde_json::from_str(&create(&first)).unwrap();
        unnamed["key"]["identification"] = json!("EM:1234567891");
        unnamed.as_object_mut().unwrap().remove("person");
        let other = program.add(unnamed).await;
        let (first_name, last_name) =
            (&other["person"]["first_name"], &other["person"]["last_name"]);
        for (name, length) in [(first_name, "xk561bv".len()), (last_name, "s2mp6z".len())] {
            let name = name.as_str().unwrap();
            assert_eq!(name.len(), length, "{name}");
            assert!(name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()));
        }
        let mut wanted = printed(&other, &first, first_name, last_name);
        wanted["key"]["identification"] = json!("0001234567891");
        assert_eq!(other, wanted);

        let changed = send(update(&made, &second)).await.expect(200);
        let mut wanted = printed(&made, &second, &json!("firstname"), &json!("lastname"));
        wanted["valid_from_date"] = json!("2020-11-01T00:00:00Z");
        wanted["valid_to_date"] = json!("2020-12-01T14:00:00Z");
        assert_eq!(changed, wanted);
        assert_eq!(program.native(&made).await["has_pin"], false);
        assert_eq!(program.native_levels(&made).await, [second["id"].clone()]);
    })
    .await;
}
