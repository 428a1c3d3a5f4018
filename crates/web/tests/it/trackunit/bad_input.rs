//! What is wrong is refused by name, and nothing of a refused call is done.

use serde_json::{Value, json};

use super::{Trackunit, made, number, refused};
use crate::support::on_each_engine;

const INVALID: &str = "invalidParameter";

#[tokio::test]
async fn each_wrong_parameter_is_named() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let id = program.key("Ann", "0012", json!({})).await;
        let before = (world.revisions().await, program.keys().await);
        let long = "x".repeat(201);
        let wrong = [
            ("name", json!("")),
            ("name", json!("  ")),
            ("name", json!(long)),
            ("name", json!("a\nb")),
            ("name", json!({ "a": 1 })),
            ("name", json!(["a"])),
            ("serialNumber", json!("")),
            ("serialNumber", json!("12345678901234567")),
            ("serialNumber", json!("12G4")),
            ("serialNumber", json!("0x12")),
            ("serialNumber", json!("12 34")),
            ("serialNumber", json!(-12)),
            ("serialNumber", json!(1.5)),
            ("keyValid", json!("61sec")),
            ("keyValid", json!("")),
            ("keyValid", json!(60)),
            ("keyValid", json!("10min")),
            ("keyExpire", json!("60 sec")),
            ("keyExpire", json!("17hours")),
            ("isAdmin", json!("yes")),
            ("isAdmin", json!(2)),
            ("expirationDate", json!("")),
            ("expirationDate", json!("tomorrow")),
            ("expirationDate", json!("2030-02-30")),
            ("expirationDate", json!("2030-06-30T25:00:00Z")),
            ("companyName", json!(long)),
            ("email", json!("a\u{0}b")),
            ("note", json!("x".repeat(4001))),
        ];
        for (field, value) in &wrong {
            let mut body = json!({ "name": "Bob", "serialNumber": "AB" });
            body[*field] = value.clone();
            let answer = program.call("POST", "/Key", body).await;
            refused(&answer, 400, INVALID, &[field]);
            let answer = program.update(&id, json!({ *field: value })).await;
            refused(&answer, 400, INVALID, &[field]);
        }
        for (field, value) in [
            ("units", json!("a")),
            ("units", json!(["1", "x"])),
            ("units", json!([["1"]])),
            ("units", json!({ "1": 1 })),
            ("groups", json!("1,,2")),
            ("groups", json!("-1")),
        ] {
            let mut body = json!({ "name": "Bob", "serialNumber": "AB" });
            body[field] = value;
            refused(&program.call("POST", "/Key", body).await, 400, INVALID, &[field]);
        }
        let all = json!({ "serialNumber": "x", "keyValid": "1", "keyExpire": "1", "isAdmin": "x" });
        let wanted = ["name", "serialNumber", "isAdmin", "keyValid", "keyExpire"];
        refused(&program.call("POST", "/Key", all).await, 400, INVALID, &wanted);
        let missing = program.call("POST", "/CreateKey", json!({})).await;
        refused(&missing, 400, INVALID, &["name", "serialNumber"]);
        let missing = program.call("POST", "/CreateKey", json!({ "name": null })).await;
        refused(&missing, 400, INVALID, &["name", "serialNumber"]);
        assert_eq!((world.revisions().await, program.keys().await), before);
    })
    .await;
}

#[tokio::test]
async fn ids_that_contradict_or_are_none_do_nothing() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let id = program.key("Ann", "0012", json!({})).await;
        let other = program.key("Bob", "0013", json!({})).await;
        let before = (world.revisions().await, program.keys().await);
        for (method, path, body) in [
            ("PUT", format!("/Key/{id}?id={other}"), json!({ "name": "X" })),
            ("PUT", format!("/Key/{id}"), json!({ "id": other, "name": "X" })),
            ("PUT", format!("/Key?id={id}"), json!({ "Id": other, "name": "X" })),
            ("DELETE", format!("/Key/{id}?ID={other}"), Value::Null),
            ("DELETE", format!("/Key?id={id}&Id={other}"), Value::Null),
            ("POST", format!("/DeleteKey/{id}"), json!({ "id": other })),
            ("POST", "/DeleteKey".to_owned(), json!({ "id": id, "ID": other })),
            ("GET", format!("/Key/{id}?id={other}"), Value::Null),
        ] {
            let answer = program.call(method, &path, body).await;
            assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text);
            let named = &answer.body["responseStatus"]["errors"][0]["fieldName"];
            assert!(named.as_str().unwrap().eq_ignore_ascii_case("id"), "{}", answer.text);
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let sent = Some(format!("id={other}&name=X"));
        let answer = program.send("PUT", &format!("/Key/{id}"), &form, sent).await;
        refused(&answer, 400, INVALID, &["id"]);
        let path = format!("/Key/{id}?name=X");
        let answer = program.call("PUT", &path, json!({ "name": "Y" })).await;
        refused(&answer, 400, INVALID, &["name"]);
        for bad in ["0", "x", "01", "1.0", "-1", "%20", "1%20"] {
            let path = format!("/Key/{bad}");
            refused(&program.get(&path).await, 400, INVALID, &["id"]);
            refused(&program.call("DELETE", &path, Value::Null).await, 400, INVALID, &["id"]);
        }
        refused(&program.get("/Key?id=").await, 400, INVALID, &["id"]);
        refused(&program.call("PUT", "/Key", json!({})).await, 400, INVALID, &["id"]);
        refused(&program.call("DELETE", "/Key", Value::Null).await, 400, INVALID, &["id"]);
        for unknown in ["999", "4294967296", "99999999999999999999999"] {
            let path = format!("/Key/{unknown}");
            refused(&program.get(&path).await, 404, "keyNotFound", &["id"]);
            let answer = program.call("PUT", &path, json!({ "name": "X" })).await;
            refused(&answer, 404, "keyNotFound", &["id"]);
            let answer = program.call("DELETE", &path, Value::Null).await;
            refused(&answer, 404, "keyNotFound", &["id"]);
        }
        for body in ["[]", "\"x\"", "5"] {
            let answer = program.send("POST", "/Key", &[], Some(body.to_owned())).await;
            refused(&answer, 400, INVALID, &["body"]);
        }
        for body in ["{", "", "\u{feff}{}", "{\"a\":1,\"a\":2}"] {
            let answer = program.send("POST", "/Key", &[], Some(body.to_owned())).await;
            assert_eq!(answer.status, 400, "{body}: {}", answer.text);
            assert_eq!(answer.body["responseStatus"]["errorCode"], INVALID);
        }
        let text = [("content-type", "text/plain")];
        let answer = program.send("POST", "/Key", &text, Some("{}".to_owned())).await;
        refused(&answer, 415, INVALID, &[]);
        let answer = program.send("POST", "/Key", &[], Some("x".repeat(1024 * 1024 + 1))).await;
        refused(&answer, 413, INVALID, &[]);
        assert_eq!((world.revisions().await, program.keys().await), before);
    })
    .await;
}

#[tokio::test]
async fn a_refused_change_of_a_key_changes_nothing() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let unit = number(&program.it.lock("Lift").await);
        let group = made(program.call("POST", "/Group", json!({ "name": "Site" })).await);
        let more = json!({ "units": [unit], "groups": [group] });
        let id = program.key("Ann", "0012", more).await;
        program.key("Bob", "0013", json!({})).await;
        let before = (world.revisions().await, program.keys().await);
        for (body, status, code, fields) in [
            (json!({ "name": "X", "addUnits": ["999"] }), 404, "unitNotFound", ["addUnits"]),
            (json!({ "name": "X", "addGroups": ["999"] }), 404, "groupNotFound", ["addGroups"]),
            (json!({ "clear": true, "removeUnits": [unit] }), 400, INVALID, ["removeUnits"]),
            (json!({ "clear": "true", "removeGroups": group }), 400, INVALID, ["removeGroups"]),
            (json!({ "addUnits": [unit], "removeUnits": [unit] }), 400, INVALID, ["addUnits"]),
            (
                json!({ "name": "X", "serialNumber": "0013", "clear": true }),
                409,
                "serialNumberAlreadyExists",
                ["serialNumber"],
            ),
        ] {
            let answer = program.update(&id, body).await;
            refused(&answer, status, code, &fields);
        }
        for (list, code) in [("units", "unitNotFound"), ("groups", "groupNotFound")] {
            let body = json!({ "name": "C", "serialNumber": "0014", list: ["999"] });
            refused(&program.call("POST", "/Key", body).await, 404, code, &[list]);
        }
        assert_eq!((world.revisions().await, program.keys().await), before);
    })
    .await;
}
