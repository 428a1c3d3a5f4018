//! Reports: histories from events, and those of which nothing is known.

use serde_json::{Value, json};

use super::{Trackunit, number, refused};
use crate::kit::in_seconds;
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn histories_tell_who_was_let_in_where() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let (lift, crane) = (site.lock("Lift").await, site.lock("Crane").await);
        let units = json!({ "units": [number(&lift), number(&crane)] });
        let one = program.key("Ann", "0001", units.clone()).await;
        let two = program.key("Bob", "0002", units).await;
        for (lock, serial) in [(&lift, "0001"), (&crane, "0001"), (&lift, "0002"), (&lift, "0009")]
        {
            let card = json!({ "bits": 16, "value": serial });
            site.decide(json!({ "lock_id": id(lock), "card": card })).await;
        }
        let (from, to) = (in_seconds(&world, -60), in_seconds(&world, 60));
        let rows = |answer: Value| answer["list"].as_array().unwrap().clone();
        let query = format!("keyId={one}&from={from}&to={to}");
        let of_key = rows(program.get(&format!("/Report/KeyHistory?{query}")).await.expect(200));
        let at: Vec<&Value> = of_key.iter().map(|row| &row["unitId"]).collect();
        assert_eq!(at, [&number(&lift), &number(&crane)]);
        let body = json!({ "UnitId": number(&lift), "From": from, "TO": to });
        for path in ["/report/unithistory", "/api/GetReportUnitHistory"] {
            let of_unit = rows(program.call("POST", path, body.clone()).await.expect(200));
            let keys: Vec<&Value> = of_unit.iter().map(|row| &row["keyId"]).collect();
            assert_eq!(keys, [&one, &two], "refusals have no row");
            let time = of_unit[0]["time"].as_str().unwrap();
            assert_eq!((time.len(), time.ends_with('Z')), (28, true));
            assert_eq!(of_unit[0]["event"], 6);
        }
        let early = format!("keyId={one}&from={}&to={from}", in_seconds(&world, -120));
        let path = format!("/Report/KeyHistory?{early}");
        assert_eq!(rows(program.get(&path).await.expect(200)), [] as [Value; 0]);
        // What is not kept is not told.
        let lock = format!("/locks/{}", id(&crane));
        site.patch(&lock, json!({ "privacy": "anonymous" })).await.expect(200);
        let card = json!({ "bits": 16, "value": "0002" });
        site.decide(json!({ "lock_id": id(&crane), "card": card })).await;
        let to = in_seconds(&world, 60);
        let query = format!("unitId={}&from={from}&to={to}", number(&crane));
        let path = format!("/Report/UnitHistory?{query}");
        let of_unit = rows(program.get(&path).await.expect(200));
        assert_eq!((of_unit.len(), of_unit[1].get("keyId")), (2, None));
        let unit = format!("/Unit/{}", number(&crane));
        let shown = program.get(&unit).await.expect(200);
        assert_eq!(shown["list"][0].get("keyId"), None);
    })
    .await;
}

#[tokio::test]
async fn the_history_of_a_deleted_key_can_be_asked_for() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let lift = site.lock("Lift").await;
        let key = program.key("Ann", "0001", json!({ "units": [number(&lift)] })).await;
        let card = json!({ "bits": 16, "value": "0001" });
        site.decide(json!({ "lock_id": id(&lift), "card": card })).await;
        program.call("DELETE", &format!("/Key/{key}"), Value::Null).await.expect(200);
        let days = format!("from={}&to={}", in_seconds(&world, -60), in_seconds(&world, 60));
        let path = format!("/Report/KeyHistory?keyId={key}&{days}");
        let rows = program.get(&path).await.expect(200);
        assert_eq!(rows["list"][0]["unitId"], json!(number(&lift)), "{rows}");
        assert_eq!(rows["list"].as_array().unwrap().len(), 1);
        let trip = format!("/Report/Trip?keyId={key}&dateFrom=2024-01-01&dateTo=2024-01-02");
        assert_eq!(program.get(&trip).await.expect(200), json!({ "list": [] }));
        refused(&program.get(&format!("/Key/{key}")).await, 404, "keyNotFound", &["id"]);
        // What was never a key has none, deleted or not.
        let body = json!({ "kind": "phone", "phone": { "public_key": "pAECAyYgASFYIA==" } });
        let phone = site.made("/credentials", body).await;
        site.delete(&format!("/credentials/{}", id(&phone))).await.expect(204);
        let path = format!("/Report/KeyHistory?keyId={}&{days}", number(&phone));
        refused(&program.get(&path).await, 404, "keyNotFound", &["keyId"]);
    })
    .await;
}

#[tokio::test]
async fn reports_ask_for_what_they_need() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let unit = number(&program.it.lock("Lift").await);
        let days = |days: u32| format!("from=2024-01-01&to=2024-01-{:02}", 1 + days);
        let ok = [
            format!("/Report/UnitHistory?unitId={unit}&{}", days(30)),
            format!("/Report/UnitSummary?date=2024-01-31&unitId={unit}"),
            format!("/Report/UnitSummary/{unit}?date=2024-01-31"),
            "/Report/UnitSummary?date=2024-01-31".to_owned(),
            format!("/Report/Trip?unitId={unit}&dateFrom=2024-01-01&dateTo=2024-01-02"),
            format!("/Report/UnitExtendedInfo?id={unit}&{}", days(1)),
            format!("/Report/UnitActiveFaults?id={unit}&{}", days(1)),
        ];
        for path in ok {
            assert_eq!(program.get(&path).await.expect(200), json!({ "list": [] }), "{path}");
        }
        let over = format!("unitId={unit}&from=2024-01-01&to=2024-01-31T00:00:00.0000010Z");
        let invalid = "invalidParameter";
        for (path, status, code, fields) in [
            ("UnitHistory".to_owned(), 400, invalid, &["unitId", "from", "to"][..]),
            (format!("UnitHistory?{over}"), 400, invalid, &["to"]),
            (
                format!("UnitHistory?unitId={unit}&from=2024-01-02&to=2024-01-01"),
                400,
                invalid,
                &["to"],
            ),
            (format!("UnitHistory?unitId=999&{}", days(1)), 404, "unitNotFound", &["unitId"]),
            (format!("KeyHistory?keyId=999&{}", days(1)), 404, "keyNotFound", &["keyId"]),
            (format!("KeyHistory?keyId=x&{}", days(1)), 400, invalid, &["keyId"]),
            ("UnitSummary".to_owned(), 400, invalid, &["date"]),
            ("UnitSummary/999?date=2024-01-31".to_owned(), 404, "unitNotFound", &["id"]),
            ("Trip?dateFrom=2024-01-01&dateTo=2024-01-02".to_owned(), 400, invalid, &["unitId"]),
            (format!("UnitExtendedInfo?id=999&{}", days(1)), 404, "unitNotFound", &["id"]),
        ] {
            let answer = program.get(&format!("/Report/{path}")).await;
            refused(&answer, status, code, fields);
        }
    })
    .await;
}

#[tokio::test]
async fn a_phone_is_no_key_in_any_report() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let lift = site.lock("Lift").await;
        let ann = site.person("Ann").await;
        site.grant(&ann, &lift).await;
        let body = json!({ "kind": "phone", "person_id": id(&ann),
            "phone": { "public_key": "pAECAyYgASFYIA==" } });
        let phone = site.made("/credentials", body).await;
        let units = json!({ "units": [number(&lift)] });
        let card = program.key("Bob", "0002", units).await;
        let question = json!({ "lock_id": id(&lift), "card": { "bits": 16, "value": "0002" } });
        assert_eq!(site.decide(question).await["result"], "granted");
        let question = json!({ "lock_id": id(&lift), "credential_id": id(&phone) });
        let decision = site.decide(question).await;
        assert_eq!(
            (&decision["result"], &decision["method"]),
            (&json!("granted"), &json!("phone"))
        );
        let phone = number(&phone);
        let days = format!("from={}&to={}", in_seconds(&world, -60), in_seconds(&world, 60));
        let trip = format!("dateFrom={0}&dateTo={0}", in_seconds(&world, 0));
        let missing = "keyNotFound";
        for (path, field) in [
            (format!("/Key/{phone}"), "id"),
            (format!("/Report/KeyHistory?keyId={phone}&{days}"), "keyId"),
            (format!("/Report/Trip?keyId={phone}&{trip}"), "keyId"),
        ] {
            refused(&program.get(&path).await, 404, missing, &[field]);
        }
        let deleted = program.call("DELETE", &format!("/Key/{phone}"), Value::Null).await;
        refused(&deleted, 404, missing, &["id"]);
        let keys = |answer: Value| -> Vec<Option<Value>> {
            answer["list"].as_array().unwrap().iter().map(|it| it.get("keyId").cloned()).collect()
        };
        let path = format!("/Report/UnitHistory?unitId={}&{days}", number(&lift));
        let wanted = [Some(json!(card)), None];
        assert_eq!(keys(program.get(&path).await.expect(200)), wanted);
        let unit = format!("/Unit/{}", number(&lift));
        assert_eq!(keys(program.get(&unit).await.expect(200)), [None]);
        // A key that is gone was one, and a phone that is gone was none.
        program.call("DELETE", &format!("/Key/{card}"), Value::Null).await.expect(200);
        let person = format!("/people/{}", id(&ann));
        site.delete(&person).await.expect(204);
        assert_eq!(keys(program.get(&path).await.expect(200)), wanted);
    })
    .await;
}
