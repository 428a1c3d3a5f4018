//! Keys given one by one: jobs, windows, recurrence, filters, taking back.

use claviger_domain::time::{HOUR, MINUTE};
use serde_json::{Value, json};

use super::{NOBODYS, Unloc, phone, refused};
use crate::support::{World, id, on_each_engine};

/// An instant so many microseconds from now.
fn at(world: &World, ahead: i64) -> String {
    world.app.now().plus(ahead).to_string()
}

/// Gives keys and answers them as the job shows them.
async fn given(program: &Unloc, keys: Value) -> Vec<Value> {
    let answer = program.post("/keys", json!({ "keys": keys })).await.expect(202);
    let job = &answer["jobRef"];
    assert_eq!(job["jobType"], "createKeys");
    let url = job["jobStatusUrl"].as_str().unwrap();
    let path = url.strip_prefix("http://localhost:8080").unwrap();
    let job = program.actor.get(path).await.expect(200)["job"].clone();
    assert_eq!((&job["status"], &job["type"]), (&json!("succeeded"), &json!("createKeys")));
    assert_eq!(job["resultData"]["failedKeys"], json!([]));
    job["resultData"]["createdKeys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn keys_are_given_as_a_job_and_move_by_themselves() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let (start, end) = (at(&world, 20 * MINUTE), at(&world, 40 * MINUTE));
        let keys = given(
            &program,
            json!([
                { "lockId": id(&door), "appUserId": phone(1) },
                { "lockId": id(&door), "appUserId": phone(2), "start": start, "end": end,
                  "metadata": { "booking": "7" } },
            ]),
        )
        .await;
        assert_eq!(keys.len(), 2);
        assert_eq!((&keys[0]["state"], &keys[0]["end"]), (&json!("active"), &json!(null)));
        assert_eq!(keys[0]["appUser"], json!({ "id": phone(1), "name": "" }));
        assert_eq!(keys[1]["state"], "scheduled");
        assert_eq!(keys[1]["metadata"], json!({ "booking": "7" }));
        let shown = keys[1]["start"].as_str().unwrap();
        assert_eq!((shown.len(), &shown[..19], &shown[23..]), (24, &start[..19], "Z"));
        assert_eq!(program.keys("", 1).await, keys);
        let users = program.get("/managed-users").await.expect(200);
        assert_eq!(users["managedUsers"].as_array().unwrap().len(), 2);
        let native = program.it.get(&format!("/grants/{}", id(&keys[1]))).await;
        assert_eq!(native["source"], json!({ "kind": "direct", "via": "unloc" }));

        let world = world.later(1300).await;
        let mut program = program;
        program.actor = world.admin.with(program.actor.token.clone());
        let one = |key: &Value| format!("/keys/{}", id(key));
        assert_eq!(program.get(&one(&keys[1])).await.expect(200)["key"]["state"], "active");
        let world = world.later(2500).await;
        program.actor = world.admin.with(program.actor.token.clone());
        assert_eq!(program.get(&one(&keys[1])).await.expect(200)["key"]["state"], "expired");
        refused(&program.delete(&one(&keys[1])).await, 409, &[]);
        let revoked = program.delete(&one(&keys[0])).await.expect(200);
        assert_eq!(
            (&revoked["key"]["id"], &revoked["key"]["state"]),
            (&keys[0]["id"], &json!("revoked"))
        );
        let again = program.delete(&one(&keys[0])).await.expect(200);
        assert_eq!(again, revoked, "taking back twice is once");
        for unknown in [NOBODYS, "abc"] {
            refused(&program.get(&format!("/keys/{unknown}")).await, 404, &[]);
            refused(&program.delete(&format!("/keys/{unknown}")).await, 404, &[]);
            refused(&program.get(&format!("/jobs/{unknown}")).await, 404, &[]);
        }
    })
    .await;
}

#[tokio::test]
async fn one_bad_key_and_none_is_given() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let foreign = world.here().neighbour("Next door").await.lock("Theirs").await;
        let before = program.it.get("").await["revision"].clone();
        let good = json!({ "lockId": id(&door), "appUserId": phone(1) });
        let past = at(&world, -HOUR - MINUTE);
        let (soon, later) = (at(&world, MINUTE), at(&world, HOUR));
        for (field, value, name) in [
            ("lockId", json!(null), "keys.1.lockId"),
            ("lockId", json!("door"), "keys.1.lockId"),
            ("lockId", json!(NOBODYS), "keys.1.lockId"),
            ("lockId", json!(id(&foreign)), "keys.1.lockId"),
            ("appUserId", json!("004740000000"), "keys.1.appUserId"),
            ("appUserId", json!("+47 400 00 000"), "keys.1.appUserId"),
            ("start", json!(null), "keys.1.start"),
            ("end", json!(null), "keys.1.end"),
            ("start", json!(past), "keys.1.start"),
            ("end", json!(past), "keys.1.end"),
            ("end", json!("tomorrow"), "keys.1.end"),
            ("startTime", json!(soon), "keys.1.startTime"),
            ("endTime", json!(later), "keys.1.endTime"),
            ("metadata", json!({ "a": 1 }), "keys.1.metadata.a"),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            let answer = program.post("/keys", json!({ "keys": [good, bad] })).await;
            refused(&answer, 400, &[name]);
        }
        let backwards = json!({ "lockId": id(&door), "appUserId": phone(1), "start": later,
            "end": soon });
        refused(&program.post("/keys", json!({ "keys": [backwards] })).await, 400, &["keys.0.end"]);
        refused(&program.post("/keys", json!({ "keys": [] })).await, 400, &["keys"]);
        refused(&program.post("/keys", json!({})).await, 400, &["keys"]);
        refused(&program.post("/keys", json!([])).await, 400, &["body", "keys"]);
        let many: Vec<&Value> = std::iter::repeat_n(&good, 10_001).collect();
        refused(&program.post("/keys", json!({ "keys": many })).await, 400, &["keys"]);
        assert_eq!(program.it.get("").await["revision"], before);
        assert_eq!(program.keys("", 10).await, [] as [Value; 0]);
    })
    .await;
}

/// A time span on Mondays, between whole hours.
fn span(start: u64, end: u64) -> Value {
    json!({ "weekday": "mon", "startHour": start, "startMinute": 0, "endHour": end,
        "endMinute": 0 })
}

#[tokio::test]
async fn wrong_recurrences_and_metadata_are_named() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let before = world.revisions().await;
        let refuses = async |field: &str, value: Value, name: &str| {
            let mut key = json!({ "lockId": id(&door), "appUserId": phone(1) });
            key[field] = value;
            let answer = program.post("/keys", json!({ "keys": [key] })).await;
            refused(&answer, 400, &[&format!("keys.0.{field}{name}")]);
        };
        refuses("recurrence", json!(null), "").await;
        for (spans, name) in [
            (json!([]), ".timeSpans"),
            (json!([span(8, 12), span(13, 17)]), ".timeSpans.1.weekday"),
            (json!([span(17, 8)]), ".timeSpans.0.endHour"),
            (json!([span(24, 24)]), ".timeSpans.0.startHour"),
        ] {
            refuses("recurrence", json!({ "timeSpans": spans }), name).await;
        }
        for (field, value, name) in [
            ("weekday", json!("monday"), "weekday"),
            ("startHour", json!(25), "startHour"),
            ("endHour", json!("17"), "endHour"),
            ("startMinute", json!(60), "startMinute"),
            ("endMinute", json!(-1), "endMinute"),
            ("endMinute", json!(null), "endMinute"),
        ] {
            let mut wrong = span(8, 17);
            wrong[field] = value;
            let name = format!(".timeSpans.0.{name}");
            refuses("recurrence", json!({ "timeSpans": [wrong] }), &name).await;
        }
        let mut late = span(8, 24);
        late["endMinute"] = json!(30);
        refuses("recurrence", json!({ "timeSpans": [late] }), ".timeSpans.0.endHour").await;

        let pairs = (0..21).map(|pair| (format!("k{pair}"), json!("v")));
        refuses("metadata", Value::Object(pairs.collect()), "").await;
        let name = "k".repeat(41);
        refuses("metadata", json!({ name.as_str(): "v" }), &format!(".{name}")).await;
        refuses("metadata", json!({ "k": "v".repeat(257) }), ".k").await;
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn filters_that_make_no_sense_are_named() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=x", "limit"),
            ("startAfterId=x", "startAfterId"),
            ("appUserId=0047", "appUserId"),
            ("lockId=7", "lockId"),
            ("excludeStates=gone", "excludeStates"),
            ("excludeSubprojectKeys=yes", "excludeSubprojectKeys"),
            ("lockid=7", "lockid"),
        ] {
            refused(&program.get(&format!("/keys?{query}")).await, 400, &[name]);
        }
        let unknown = format!("/keys?startAfterId={NOBODYS}");
        refused(&program.get(&unknown).await, 400, &["startAfterId"]);
        refused(&program.delete(&format!("/keys?lockId={NOBODYS}")).await, 400, &["lockId"]);
        refused(&program.delete("/keys?lockId=x").await, 400, &["lockId"]);
        refused(&program.delete("/keys?lockId=").await, 400, &["lockId"]);
        refused(&program.delete("/keys?appUserId=").await, 400, &["appUserId"]);
        refused(&program.delete("/keys?appUser=%2B4740000001").await, 400, &["appUser"]);
    })
    .await;
}

#[tokio::test]
async fn a_recurrence_goes_by_the_clock_of_the_lock() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door =
            program.it.made("/locks", json!({ "name": "D", "time_zone": "Asia/Tokyo" })).await;
        let spans: Vec<Value> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            .iter()
            .map(|day| {
                json!({ "weekday": day, "startHour": 8, "startMinute": 30, "endHour": 24,
                    "endMinute": 0 })
            })
            .collect();
        let key = json!({ "lockId": id(&door), "appUserId": phone(1),
            "recurrence": { "timespans": spans } });
        let made = given(&program, json!([key])).await;
        assert_eq!(made[0]["recurrence"], json!({ "timeSpans": spans }));
        let native = program.it.get(&format!("/grants/{}", id(&made[0]))).await;
        assert_eq!(native["schedule"]["time_zone"], Value::Null);
        // 08:30 in Tokyo is 23:30 the day before in UTC; so is the state of the key.
        let minutes = world.app.now().seconds().div_euclid(60) + 9 * 60;
        let open = minutes.rem_euclid(1440) >= 510;
        let wanted = if open { "active" } else { "inactive" };
        assert_eq!(made[0]["state"], wanted);

        let group = program.group("Staff", &[id(&door)], &[&phone(1)]).await;
        let path = format!("/access-groups/{}", id(&group));
        let nights = json!({
            "time_zone": null, "exceptions": [],
            "weekly": [{ "days": ["mon"], "from": "22:00", "to": "06:00" }],
        });
        let native = format!("/access-levels/{}", id(&group));
        program.it.patch(&native, json!({ "schedule": nights })).await.expect(200);
        let shown = program.get(&path).await.expect(200);
        assert_eq!(shown["accessGroup"]["recurrence"], Value::Null, "it cannot be said here");
        let spans = json!({ "timeSpans": spans[..2] });
        let set = program.patch(&path, json!({ "recurrence": spans })).await.expect(200);
        assert_eq!(set["accessGroup"]["recurrence"], spans);
        let cleared = program.patch(&path, json!({ "recurrence": null })).await.expect(200);
        assert_eq!(cleared["accessGroup"]["recurrence"], Value::Null);
        let native = program.it.get(&native).await;
        assert_eq!(native["schedule"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn filters_find_and_take_back_what_they_say() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        program.group("Staff", &[id(&a), id(&b)], &[&phone(1), &phone(2)]).await;
        let mut keys = Vec::new();
        for person in 1..=3 {
            for door in [&a, &b] {
                keys.push(json!({ "lockId": id(door), "appUserId": phone(person) }));
            }
        }
        given(&program, json!(keys)).await;
        let count = |query: String| {
            let program = &program;
            async move { program.keys(&query, 3).await.len() }
        };
        assert_eq!(count(String::new()).await, 10);
        // An unencoded plus arrives as a space.
        for plus in ["%2B", "+"] {
            let phone = phone(1).replace('+', plus);
            assert_eq!(count(format!("&appUserId={phone}")).await, 4);
            assert_eq!(count(format!("&appUserId={phone}&lockId={}", id(&a))).await, 2);
        }
        assert_eq!(count(format!("&lockId={}", id(&b))).await, 5);
        let nobodys = phone(9).replace('+', "%2B");
        assert_eq!(count(format!("&appUserId={nobodys}")).await, 0);
        let first = phone(1).replace('+', "%2B");
        let path = format!("/keys?appUserId={first}&lockId={}&notify=false", id(&a));
        let taken = program.delete(&path).await.expect(200);
        assert_eq!(taken, json!({ "revokedKeys": 1 }));
        assert_eq!(count("&excludeStates=revoked".to_owned()).await, 9);
        assert_eq!(count("&excludeStates=active&excludeStates=expired".to_owned()).await, 1);
        assert_eq!(count("&excludeStates=active,revoked".to_owned()).await, 0);
        assert_eq!(program.delete("/keys").await.expect(200), json!({ "revokedKeys": 5 }));
        assert_eq!(program.delete("/keys").await.expect(200), json!({ "revokedKeys": 0 }));
        let left = program.keys("&excludeStates=revoked", 100).await;
        assert_eq!(left.len(), 4);
        assert!(left.iter().all(|key| key["accessGroup"]["name"] == "Staff"));
        let all: Vec<Value> = program.keys("", 1).await;
        let mut ids: Vec<&str> = all.iter().map(id).collect();
        ids.dedup();
        assert_eq!(ids.len(), 10, "no key is seen twice");
    })
    .await;
}
