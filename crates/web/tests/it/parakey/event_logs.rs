//! Event logs: polled by tag and by date, forgotten in time.

use serde_json::{Value, json};

use super::polling::javascript;
use super::{Parakey, item};
use crate::kit::in_seconds;
use crate::retention::work_until;
use crate::support::{id, on_each_engine};

/// Lets somebody in, who may.
pub(crate) async fn unlock(program: &Parakey, access: &Value, person: &Value) {
    let ask = json!({"lock_id": access["lock_ids"][0], "person_id": id(person)});
    assert_eq!(program.it.decide(ask).await["result"], "granted");
}

#[tokio::test]
async fn a_poller_hears_of_each_unlock_once() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        let wish = json!({"insert": [item(&access, "ann@example.org", [None, None])]});
        let made = program.manage(wish).await.expect(200);
        let first = program.call("GET", "/eventLogs?limit=1", Value::Null).await;
        assert_eq!(first.body, json!([]));
        let mut tag = first.header("etag").to_owned();
        let mut since = in_seconds(&world, -1);
        for turn in 1..=3 {
            let known = [("if-none-match", tag.as_str())];
            let same = program.send("GET", "/event-logs?limit=1", &known, None).await;
            assert_eq!((same.status, same.text.as_str()), (304, ""));
            unlock(&program, &access, &ann).await;
            let other = program.send("GET", "/eventLogs?limit=1", &known, None).await;
            assert_eq!(other.status, 200);
            tag = other.header("etag").to_owned();
            let path = format!("/eventLogs?startDate={since}&orderBy=createdAt:DESC");
            let logs = program.get(&path).await;
            assert_eq!(logs.as_array().unwrap().len(), turn);
            assert_eq!(logs[0]["id"], other.body[0]["id"], "the newest first");
        }
        let log = program.get("/eventLogs?limit=1").await[0].clone();
        assert_eq!(log["user"]["email"], "ann@example.org");
        assert_eq!(
            (&log["access"]["id"], &log["accessKey"]["id"]),
            (&access["id"], &made["insert"][0]["id"])
        );
        assert_eq!(
            (&log["device"]["id"], &log["eventConfiguration"]["id"]),
            (&access["lock_ids"][0], &access["lock_ids"][0])
        );
        assert_eq!(program.get(&format!("/event-logs/{}", id(&log))).await, log);
        // The date as the sample puts it into the address.
        since = "Thu Jan 05 2023 10:00:00 GMT+0100 (CET)".replace(' ', "%20");
        let path = format!("/eventLogs?startDate={since}&orderBy=timestamp:ASC");
        let all = program.get(&path).await;
        assert_eq!((all.as_array().unwrap().len(), &all[2]["id"]), (3, &log["id"]));
        let later = format!("/eventLogs?startDate={}", in_seconds(&world, 60));
        assert_eq!(program.get(&later).await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn only_unlocks_are_logs_and_nothing_is_told_of_who_is_gone() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        let denied = json!({"lock_id": access["lock_ids"][0], "person_id": id(&ann)});
        assert_eq!(program.it.decide(denied).await["result"], "denied");
        assert_eq!(program.get("/eventLogs").await, json!([]));
        let events = program.it.list("/events").await;
        let path = format!("/eventLogs/{}", id(&events[0]));
        assert_eq!(program.call("GET", &path, Value::Null).await.status, 404);

        // By a right of another kind: the unlock is told, what gave the right is not.
        let lock =
            program.it.get(&format!("/locks/{}", access["lock_ids"][0].as_str().unwrap())).await;
        program.it.grant(&ann, &lock).await;
        unlock(&program, &access, &ann).await;
        let log = program.get("/eventLogs").await[0].clone();
        assert_eq!((&log["access"], &log["accessKey"]), (&Value::Null, &Value::Null));
        assert_eq!(log["user"]["firstName"], "Ann");
        program.it.delete(&format!("/people/{}", id(&ann))).await.expect(204);
        let gone = program.get("/eventLogs").await[0].clone();
        assert_eq!((&gone["id"], &gone["user"]), (&log["id"], &Value::Null));
        assert!(!gone.to_string().contains("ann@"), "{gone}");
    })
    .await;
}

#[tokio::test]
async fn a_log_stays_when_the_time_of_its_user_is_over() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        let wish = json!({"insert": [item(&access, "ann@example.org", [None, None])]});
        program.manage(wish).await.expect(200);
        unlock(&program, &access, &ann).await;
        let fresh = program.get("/eventLogs").await[0].clone();
        let own = format!("/eventLogs/{}", id(&fresh));
        let paths = ["/eventLogs?limit=1", "/eventLogs", &own];
        let mut tags = Vec::new();
        for path in paths {
            tags.push(program.call("GET", path, Value::Null).await.header("etag").to_owned());
        }

        let world = world.later(31 * 24 * 3600).await;
        let program = program.over(&world);
        let forgotten = || async { program.get(&own).await["user"].is_null() };
        work_until(&world, forgotten).await;
        let mut kept = fresh.clone();
        for name in ["user", "access", "accessKey"] {
            assert!(!fresh[name].is_null(), "{fresh}");
            kept[name] = Value::Null;
        }
        for (path, tag) in paths.into_iter().zip(&tags) {
            let answer = program.send("GET", path, &[("if-none-match", tag)], None).await;
            assert_ne!(answer.header("etag"), tag, "{path}");
            let body = answer.expect(200);
            let log = if path == own { &body } else { &body[0] };
            assert_eq!(log, &kept, "the row stays, and nothing in it leads to anybody");
        }
        assert_eq!(program.get("/eventLogs").await.as_array().unwrap().len(), 1);
        assert!(program.get("/users").await.to_string().contains("ann@"), "she is a member still");
    })
    .await;
}

#[tokio::test]
async fn a_start_date_is_when_a_log_was_made_and_not_when_the_door_opened() {
    on_each_engine(|world| async move {
        let (world, program, mut panel, gate) = Parakey::beside_a_panel(world).await;
        let opened = |seq: u64, hours: i64| {
            json!({
                "seq": seq, "kind": "access_granted", "method": "card", "lock": gate["number"],
                "occurred_at": in_seconds(&world, -3600 * hours),
            })
        };
        // Told at once of two doors that opened hours ago, the later one first.
        panel.call(json!({"events": [opened(1, 3), opened(2, 5)]})).await;
        let logs = program.get("/eventLogs?orderBy=createdAt:ASC").await;
        for log in logs.as_array().unwrap() {
            assert!(log["timestamp"].as_str() < log["createdAt"].as_str(), "{log}");
        }
        let of = |logs: &Value| -> Vec<Value> {
            logs.as_array().unwrap().iter().map(|log| log["id"].clone()).collect()
        };
        let [three, five] = <[Value; 2]>::try_from(of(&logs)).unwrap();
        let by_time = program.get("/eventLogs?orderBy=timestamp:ASC").await;
        assert_eq!(of(&by_time), [five.clone(), three.clone()]);

        let between = [in_seconds(&world, -3600), javascript(&world, -3600)];
        let after = [in_seconds(&world, 60), javascript(&world, 60)];
        for since in between {
            let path = format!("/eventLogs?startDate={since}&orderBy=createdAt:DESC");
            assert_eq!(of(&program.get(&path).await), [five.clone(), three.clone()], "{since}");
        }
        for since in after {
            let path = format!("/eventLogs?startDate={since}");
            assert_eq!(program.get(&path).await, json!([]), "{since}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_log_names_what_gave_the_right_also_when_that_is_gone_since() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        let booked = item(&access, "ann@example.org", [None, Some("2031-05-01T00:00:00Z")]);
        let made = program.manage(json!({"insert": [booked]})).await.expect(200);
        unlock(&program, &access, &ann).await;
        let log = program.get("/eventLogs").await[0].clone();
        assert_eq!(log["accessKey"]["id"], made["insert"][0]["id"]);
        program.manage(json!({"delete": [booked]})).await.expect(200);
        assert_eq!(program.get("/eventLogs").await[0], log, "the booking is over");
        let lock = access["lock_ids"][0].as_str().unwrap();
        program.it.delete(&format!("/locks/{lock}")).await.expect(204);
        assert_eq!(program.get(&format!("/eventLogs/{}", id(&log))).await, log, "so is the door");
    })
    .await;
}
