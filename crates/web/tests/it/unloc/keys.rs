//! Keys given one by one: jobs, windows, recurrence, filters, taking back.

use std::collections::BTreeSet;

use claviger_domain::time::{HOUR, MINUTE};
use serde_json::{Value, json};

use super::subprojects::{Below, around};
use super::{NOBODYS, Unloc, phone, refused};
use crate::support::{Answer, World, id, on_each_engine};

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
        let before = at(&world, -1000);
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
        for key in &keys {
            let created = key["created"].as_str().unwrap();
            let after = at(&world, 0);
            assert!((&before[..23]..=&after[..23]).contains(&&created[..23]), "{created}");
        }
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
        // Also where something closed it afterwards.
        program.it = world.here();
        let native = format!("/grants/{}/revoke", id(&keys[1]));
        program.it.acted(&native).await;
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
        let over = json!({ "lockId": id(&door), "appUserId": phone(1),
            "start": at(&world, -50 * MINUTE), "end": at(&world, -10 * MINUTE) });
        refused(&program.post("/keys", json!({ "keys": [over] })).await, 400, &["keys.0.end"]);
        refused(&program.post("/keys", json!({ "keys": [] })).await, 400, &["keys"]);
        refused(&program.post("/keys", json!({})).await, 400, &["keys"]);
        refused(&program.post("/keys", json!([])).await, 400, &["body", "keys"]);
        let many: Vec<&Value> = std::iter::repeat_n(&good, 10_001).collect();
        refused(&program.post("/keys", json!({ "keys": many })).await, 400, &["keys"]);
        assert_eq!(program.it.get("").await["revision"], before);
        assert_eq!(program.keys("", 10).await, [] as [Value; 0]);
        let begun = json!({ "lockId": id(&door), "appUserId": phone(1),
            "start": at(&world, MINUTE - HOUR), "end": soon });
        let made = given(&program, json!([begun])).await;
        assert_eq!(made[0]["state"], "active", "a start less than an hour ago is taken");
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
        let twice = format!("lockId={NOBODYS}&lockId={NOBODYS}");
        for list in ["/keys", "/sharing-rights", "/logs/access"] {
            refused(&program.get(&format!("{list}?{twice}")).await, 400, &["lockId"]);
            let twice = "limit=1&limit=2&appUserId=%2B4740000001&appUserId=%2B4740000002";
            let answer = program.get(&format!("{list}?{twice}")).await;
            assert_eq!(wrong(&answer), BTreeSet::from(["appUserId", "limit"]));
        }
    })
    .await;
}

/// The names of what is wrong, in order.
fn wrong(answer: &Answer) -> BTreeSet<&str> {
    assert_eq!(answer.status, 400, "{}", answer.text);
    let params = answer.body["invalidParams"].as_array().unwrap().iter();
    params.map(|it| it["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn filters_in_a_body_or_twice_take_nothing_back() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        let below = Below::made(&program, "Below", &[&a]).await;
        let key = |door: &Value| json!({ "lockId": id(door), "appUserId": phone(1) });
        given(&program, json!([key(&a), key(&b)])).await;
        below.key(&a, 1).await;
        for door in [&a, &b] {
            let right = json!({ "sharingRights": [key(door)] });
            program.post("/sharing-rights", right).await.expect(201);
        }
        let before = world.revisions().await;
        for path in ["/keys", "/shared-keys", "/sharing-rights"] {
            let under = format!("/compat/unloc/v2/subprojects/{}{path}", below.id);
            for path in [program.path(path), under] {
                for filter in [json!({ "appUserId": phone(1) }), json!({ "lockIds": [] })] {
                    let body = Some(filter.to_string());
                    let answer = program.actor.send("DELETE", &path, &[], body).await;
                    refused(&answer, 400, &["body"]);
                }
                let body = Some("[]".to_owned());
                let answer = program.actor.send("DELETE", &path, &[], body).await;
                refused(&answer, 400, &["body"]);
                let twice = format!("{path}?lockId={}&lockId={}", id(&a), id(&b));
                let answer = program.actor.send("DELETE", &twice, &[], None).await;
                assert_eq!(wrong(&answer), BTreeSet::from(["lockId"]));
            }
        }
        // A number that nobody here has may be a slip: who sent it must not believe it done.
        for many in ["/keys", "/shared-keys", "/sharing-rights"] {
            let nobodys = program.delete(&format!("{many}?appUserId=%2B4749999999")).await;
            refused(&nobodys, 400, &["appUserId"]);
        }
        assert_eq!(world.revisions().await, before);
        for body in [None, Some("{}".to_owned())] {
            let answer = program.actor.send("DELETE", &program.path("/keys"), &[], body).await;
            answer.expect(200);
        }
        assert_eq!(program.keys("&excludeStates=revoked", 10).await, [] as [Value; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_recurrence_goes_by_the_clock_of_the_lock() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door =
            program.it.made("/locks", json!({ "name": "D", "time_zone": "Asia/Tokyo" })).await;
        let at = |user: usize, zone: &'static str| {
            json!({ "lockId": id(&door), "appUserId": phone(user),
                "recurrence": around(&world, zone) })
        };
        // Tokyo is nine hours ahead of UTC, and at least seven of Stockholm, where the place is.
        let mut first = at(1, "Asia/Tokyo");
        let spans = first["recurrence"]["timeSpans"].clone();
        first["recurrence"] = json!({ "timespans": spans });
        let keys = json!([first, at(2, "Etc/UTC"), at(3, "Europe/Stockholm")]);
        let made = given(&program, keys).await;
        let states: Vec<&Value> = made.iter().map(|key| &key["state"]).collect();
        assert_eq!(states, ["active", "inactive", "inactive"]);
        assert_eq!(made[0]["recurrence"], json!({ "timeSpans": spans }));
        let native = program.it.get(&format!("/grants/{}", id(&made[0]))).await;
        assert_eq!(native["schedule"]["time_zone"], Value::Null);

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
        let spans = json!({ "timeSpans": spans.as_array().unwrap()[..2] });
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
        let ids: BTreeSet<&str> = all.iter().map(id).collect();
        assert_eq!(all.len(), 10);
        assert_eq!(ids.len(), 10, "no key is seen twice");
    })
    .await;
}
