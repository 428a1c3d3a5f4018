//! Event logs: polled by tag and by date, forgotten in time.

use serde_json::{Value, json};

use super::{Parakey, item};
use crate::kit::in_seconds;
use crate::support::{id, on_each_engine};

/// Lets somebody in, who may.
async fn unlock(program: &Parakey, access: &Value, person: &Value) {
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
