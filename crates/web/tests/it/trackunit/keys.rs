//! Keys: what is set, what is left, units and groups in and out, and what is shown of credentials
//! that were made natively.

use serde_json::{Value, json};

use super::{Trackunit, made, number, refused};
use crate::kit::{in_seconds, one};
use crate::support::{id, on_each_engine};

/// The native credential with that number.
async fn native(program: &Trackunit, key: &str) -> Value {
    let all = program.it.list("/credentials").await;
    all.into_iter().find(|it| number(it) == key).unwrap()
}

#[tokio::test]
async fn what_is_left_out_stays_and_what_is_empty_is_cleared() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let full = json!({
            "keyValid": "30sec", "keyExpire": "2hours", "isAdmin": true,
            "companyName": "Bau & Söhne", "email": "ann@example.org", "mobile": "+49 1",
            "phone": "2", "note": "Line 1\nLine 2", "employeeNumber": "8",
            "expirationDate": "2030-01-01T00:00:00Z",
        });
        let key = program.key("Ann", "00ab", full).await;
        let shown = program.shown(&key).await;
        let wanted = json!({
            "id": key, "name": "Ann", "serialNumber": "00AB",
            "keyValid": "30sec", "keyExpire": "2hours", "isAdmin": true,
            "companyName": "Bau & Söhne", "email": "ann@example.org", "mobile": "+49 1",
            "phone": "2", "note": "Line 1\nLine 2", "employeeNumber": "8",
            "expirationDate": "2030-01-01T00:00:00.0000000Z", "units": [], "groups": [],
        });
        assert_eq!(shown, wanted);
        let nulls: Value = shown
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| *name != "id")
            .map(|name| (name.clone(), Value::Null))
            .collect();
        program.update(&key, nulls).await.expect(200);
        program.update(&key, json!({})).await.expect(200);
        program.update(&key, json!({ "serialNumber": "00aB" })).await.expect(200);
        assert_eq!(program.shown(&key).await, wanted);
        program.update(&key, json!({ "note": "", "keyExpire": "0sec" })).await.expect(200);
        let shown = program.shown(&key).await;
        assert_eq!((&shown["note"], &shown["keyExpire"]), (&json!(""), &json!("0sec")));
        assert_eq!(shown["keyValid"], "30sec");
        let kept = native(&program, &key).await;
        assert_eq!(kept["session"], json!({ "start_within_s": 30, "log_off_after_s": 0 }));
        assert_eq!((&kept["is_admin"], &kept["label"]), (&json!(true), &json!("Ann")));
        assert_eq!(
            (&kept["valid_until"], &kept["person_id"]),
            (&json!("2030-01-01T00:00:00Z"), &Value::Null)
        );
        assert_eq!(kept["cards"], json!([{ "technology": "opaque", "bits": 16, "value": "00ab" }]));
        assert_eq!(kept["contact"]["companyName"], "Bau & Söhne");
        let people = program.it.list("/people").await;
        assert!(people.iter().all(|person| person["email"] != "ann@example.org"), "{people:?}");
    })
    .await;
}

#[tokio::test]
async fn renaming_one_key_renames_nothing_else() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let ann = program.it.person("Ann").await;
        let one = program.key("Ann", "01", json!({ "email": "ann@example.org" })).await;
        let two = program.key("Ann", "02", json!({ "email": "ann@example.org" })).await;
        let path = format!("/credentials/{}", id(&native(&program, &one).await));
        program.it.patch(&path, json!({ "person_id": id(&ann) })).await.expect(200);
        program.update(&one, json!({ "name": "Bob" })).await.expect(200);
        assert_eq!(program.shown(&one).await["name"], "Bob");
        assert_eq!(program.shown(&two).await["name"], "Ann");
        let person = program.it.get(&format!("/people/{}", id(&ann))).await;
        assert_eq!(person["first_name"], "Ann");
        // A label that was given natively stays.
        program.it.patch(&path, json!({ "label": "Yellow tag" })).await.expect(200);
        program.update(&one, json!({ "name": "Cleo" })).await.expect(200);
        let kept = program.it.get(&path).await;
        assert_eq!(
            (&kept["label"], &kept["contact"]["name"]),
            (&json!("Yellow tag"), &json!("Cleo"))
        );
    })
    .await;
}

#[tokio::test]
async fn units_and_groups_go_in_and_out_in_one_commit() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let mut units = Vec::new();
        for name in ["Lift", "Digger", "Crane"] {
            units.push(number(&program.it.lock(name).await));
        }
        let mut groups = Vec::new();
        for name in ["North", "South"] {
            groups.push(made(program.call("POST", "/Group", json!({ "name": name })).await));
        }
        let key = program.key("Ann", "0012", json!({})).await;
        for (change, in_units, in_groups) in [
            (json!({ "addUnits": units, "addGroups": groups }), &units[..], &groups[..]),
            (json!({ "addUnits": [units[0]] }), &units[..], &groups[..]),
            (json!({ "removeUnits": [units[0], "999"] }), &units[1..], &groups[..]),
            (
                json!({ "removeUnits": [units[0]], "removeGroups": groups[0] }),
                &units[1..],
                &groups[1..],
            ),
            (json!({ "clear": false, "addGroups": groups }), &units[1..], &groups[..]),
            (json!({ "clear": true, "addUnits": [units[1]] }), &units[1..2], &groups[..0]),
            (json!({ "clear": true, "removeUnits": [] }), &units[..0], &groups[..0]),
        ] {
            let before = world.revisions().await;
            program.update(&key, change.clone()).await.expect(200);
            let after = world.revisions().await;
            let steps = after.iter().zip(&before).map(|(now, then)| now.1 - then.1);
            assert_eq!(steps.sum::<u64>(), 1, "{change}: one commit");
            let shown = program.shown(&key).await;
            assert_eq!(
                (&shown["units"], &shown["groups"]),
                (&json!(in_units), &json!(in_groups)),
                "{change}"
            );
        }
        program.update(&key, json!({ "addUnits": [units[0]] })).await.expect(200);
        let kept = native(&program, &key).await;
        let grants = program.it.list(&format!("/grants?credential_id={}", id(&kept))).await;
        let [grant] = grants.as_slice() else { panic!("{grants:?}") };
        assert_eq!(grant["source"], json!({ "kind": "direct", "via": "trackunit" }));
        // Taking back natively is seen here.
        program.it.acted(&format!("{}/revoke", one("/grants", grant))).await;
        assert_eq!(program.shown(&key).await["units"], json!([]));
        program.call("DELETE", &format!("/Key/{key}"), Value::Null).await.expect(200);
        program.it.missing(&one("/credentials", &kept)).await;
        // The serial number is free again, the id is not.
        let again = program.key("Ann", "0012", json!({})).await;
        assert_ne!(again, key);
    })
    .await;
}

#[tokio::test]
async fn native_credentials_are_keys_where_their_value_fits() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let card = |bits: u32, value: &str| {
            json!({ "kind": "card", "label": "Tag",
            "card": { "technology": "em", "bits": bits, "value": value } })
        };
        let em = site.made("/credentials", card(40, "0a1b2c3d4e")).await;
        let odd = site.made("/credentials", card(26, "12ab")).await;
        let wide = site.made("/credentials", card(80, "1")).await;
        let code = site.made("/credentials", json!({ "kind": "code", "code": "004712" })).await;
        let shown: Vec<(String, String)> = program
            .keys()
            .await
            .iter()
            .map(|key| {
                let text = |name: &str| key[name].as_str().unwrap().to_owned();
                (text("id"), text("serialNumber"))
            })
            .collect();
        let wanted = [(&em, "0A1B2C3D4E"), (&odd, "00012AB"), (&code, "004712")];
        assert_eq!(shown, wanted.map(|(it, serial)| (number(it), serial.to_owned())));
        let one = program.shown(&number(&em)).await;
        assert_eq!((&one["name"], &one["keyValid"]), (&json!("Tag"), &json!("60sec")));
        assert_eq!(program.shown(&number(&code)).await["name"], "");
        for (method, path) in [("GET", "/Key"), ("PUT", "/Key"), ("DELETE", "/Key")] {
            let path = format!("{path}/{}", number(&wide));
            refused(&program.call(method, &path, Value::Null).await, 404, "keyNotFound", &["id"]);
        }
        // The serial number as it is shown changes nothing; another makes another card.
        let same = json!({ "serialNumber": "0a1b2c3d4e", "keyValid": "90sec" });
        program.update(&number(&em), same).await.expect(200);
        let kept = site.get(&one_path(&em)).await;
        assert_eq!(kept["cards"][0]["technology"], "em");
        assert_eq!(kept["session"], json!({ "start_within_s": 90, "log_off_after_s": 600 }));
        program.update(&number(&em), json!({ "serialNumber": "AB" })).await.expect(200);
        let kept = site.get(&one_path(&em)).await;
        assert_eq!(kept["cards"], json!([{ "technology": "opaque", "bits": 8, "value": "ab" }]));
        // A code stays a code.
        let answer = program.update(&number(&code), json!({ "serialNumber": "AB12" })).await;
        refused(&answer, 400, "invalidParameter", &["serialNumber"]);
        program.update(&number(&code), json!({ "serialNumber": "004713" })).await.expect(200);
        assert_eq!(program.shown(&number(&code)).await["serialNumber"], "004713");
    })
    .await;
}

fn one_path(object: &Value) -> String {
    one("/credentials", object)
}

#[tokio::test]
async fn what_cannot_be_said_is_shown_narrower() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let lift = site.lock("Lift").await;
        let level = site.level("Site", &[&lift]).await;
        let hours = json!({ "weekly": [{ "days": ["mon"], "from": "08:00", "to": "09:00" }] });
        let body = json!({ "name": "Timed", "lock_ids": [id(&lift)], "schedule": hours });
        let timed = site.made("/access-levels", body).await;
        let key =
            program.key("Ann", "0012", json!({ "groups": [number(&level), number(&timed)] })).await;
        let shown = program.shown(&key).await;
        assert_eq!(shown["groups"], json!([number(&level)]), "a group with hours is not said");
        let kept = native(&program, &key).await;
        let grant = |more: Value| {
            let mut body = json!({ "subject": { "credential_id": id(&kept) },
                "target": { "lock_id": id(&lift) } });
            more.as_object().unwrap().iter().for_each(|(name, it)| body[name] = it.clone());
            body
        };
        let (soon, late) = (in_seconds(&world, 3600), in_seconds(&world, 7200));
        for more in [
            json!({ "valid_from": soon }),
            json!({ "valid_until": late }),
            json!({ "schedule": hours }),
            json!({ "right": "share" }),
        ] {
            site.made("/grants", grant(more)).await;
            assert_eq!(program.shown(&key).await["units"], json!([]));
        }
        // A right that lasts as long as the key is whole.
        program.update(&key, json!({ "expirationDate": soon })).await.expect(200);
        assert_eq!(program.shown(&key).await["units"], json!([number(&lift)]));
        let path = one_path(&kept);
        for state in ["disabled", "lost", "active"] {
            site.patch(&path, json!({ "state": state })).await.expect(200);
            let shown = program.shown(&key).await;
            assert_eq!(shown["groups"] == json!([]), state != "active", "{state}: {shown}");
        }
        // Taking out takes out what is not said, too.
        program.update(&key, json!({ "removeUnits": [number(&lift)] })).await.expect(200);
        let path = format!("/grants?credential_id={}&lock_id={}", id(&kept), id(&lift));
        let left = site.list(&path).await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(left[0]["right"], "share");
    })
    .await;
}
