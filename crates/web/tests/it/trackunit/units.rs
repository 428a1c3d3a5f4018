//! Units: the locks of the account, by every filter, and which key is logged on.

use serde_json::{Value, json};

use super::{Trackunit, number, refused};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn units_are_found_by_what_is_known_of_them() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let site = &program.it;
        let body = json!({ "name": "Lift 7", "external_id": "3021445", "model": "SJ3219",
            "metadata": { "reference_number": "R-7" }, "capacity": { "credentials": 90 } });
        let lift = site.made("/locks", body).await;
        let crane = site.lock("Crane").await;
        let level = site.level("Site", &[&crane]).await;
        let theirs = site.neighbour("Next door").await;
        let shared = theirs.lock("Their digger").await;
        let with = json!({ "place_id": site.place });
        theirs.post(&format!("/locks/{}/shares", id(&shared)), with).await.expect(201);
        let accept = format!("/shared-locks/{}/accept", id(&shared));
        let accepted = site.post(&accept, json!({})).await;
        assert!(accepted.status < 300, "{}", accepted.text);
        let shown = |answer: Value| answer["list"].as_array().unwrap().clone();
        let all = shown(program.get("/Unit").await.expect(200));
        let first = json!({ "id": number(&lift), "name": "Lift 7", "displayName": "Lift 7",
            "serialNumber": "3021445", "referenceNumber": "R-7", "type": "SJ3219",
            "isActive": true, "isOwn": true });
        assert_eq!(all[0], first);
        assert_eq!(all.iter().map(|it| &it["isOwn"]).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(all[2]["name"], "Their digger");
        let (one, two) = (number(&lift), number(&crane));
        for (query, wanted) in [
            (format!("/unit/{one}"), vec![&one]),
            (format!("?id={two}"), vec![&two]),
            ("?serialNumber=3021445".to_owned(), vec![&one]),
            ("?serialnumber=1".to_owned(), vec![]),
            ("?referenceNumber=R-7".to_owned(), vec![&one]),
            (format!("?groupId={}", number(&level)), vec![&two]),
            (format!("?groupId={}&id={one}", number(&level)), vec![]),
            ("?point=55.7,12.5&radius=10".to_owned(), vec![]),
        ] {
            let path = if query.starts_with('?') { format!("/GetUnit{query}") } else { query };
            let found = shown(program.get(&path).await.expect(200));
            let found: Vec<&Value> = found.iter().map(|it| &it["id"]).collect();
            assert_eq!(found, wanted, "{path}");
        }
        for (query, status, code, field) in [
            ("id=999", 404, "unitNotFound", "id"),
            ("id=x", 400, "invalidParameter", "id"),
            ("groupId=999", 404, "groupNotFound", "groupId"),
            ("categoryId=1", 404, "categoryNotFound", "categoryId"),
            ("clientId=1", 404, "clientNotFound", "clientId"),
            ("zoneId=1", 404, "zoneNotFound", "zoneId"),
            ("pointId=1", 404, "pointNotFound", "pointId"),
            ("point=north", 400, "invalidParameter", "point"),
            ("point=91,0", 400, "invalidParameter", "point"),
            ("point=1,1&radius=0", 400, "invalidParameter", "radius"),
            ("point=1,1&radius=40000", 400, "invalidParameter", "radius"),
            ("radius=NaN", 400, "invalidParameter", "radius"),
        ] {
            let answer = program.get(&format!("/Unit?{query}")).await;
            refused(&answer, status, code, &[field]);
        }
    })
    .await;
}

#[tokio::test]
async fn the_key_that_may_start_a_unit_is_shown() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let lift = program.it.lock("Lift").await;
        let units = json!({ "units": [number(&lift)], "keyValid": "30sec" });
        let one = program.key("Ann", "01", units.clone()).await;
        let two = program.key("Bob", "02", units).await;
        let path = format!("/Unit/{}", number(&lift));
        let key_id = |answer: Value| answer["list"][0].get("keyId").cloned();
        assert_eq!(key_id(program.get(&path).await.expect(200)), None);
        for (serial, key) in [("01", &one), ("02", &two), ("01", &one)] {
            let card = json!({ "bits": 8, "value": serial });
            let question = json!({ "lock_id": id(&lift), "card": card });
            assert_eq!(program.it.decide(question).await["result"], "granted");
            assert_eq!(key_id(program.get(&path).await.expect(200)), Some(json!(key)));
        }
        let refused = json!({ "lock_id": id(&lift), "card": { "bits": 8, "value": "03" } });
        program.it.decide(refused).await;
        assert_eq!(key_id(program.get(&path).await.expect(200)), Some(json!(one)));
        let world = world.later(31).await;
        let program = program.on(&world);
        assert_eq!(key_id(program.get(&path).await.expect(200)), None, "it had 30 s to start");
        let posture = json!({ "posture": "disabled", "all": true, "reason": "inspection" });
        program.it.post("/posture", posture).await.expect(200);
        let shown = program.get(&path).await.expect(200);
        assert_eq!(shown["list"][0]["isActive"], false);
    })
    .await;
}
