//! Every answer to a GET has a tag, and whoever names it is told that nothing has changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::event_logs::unlock;
use super::{Parakey, item};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn every_read_has_a_tag_and_is_not_sent_twice() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let gym = program.access("Gym").await;
        let none = [None, None];
        let wish = json!({"insert": [item(&gym, "ann@example.org", none)]});
        let batch = program.call("POST", "/batches", wish).await;
        let ann = program.it.list("/people").await.remove(0);
        unlock(&program, &gym, &ann).await;
        let hook = json!({"url": "https://hooks.example.org/in"});
        let hook = program.call("POST", "/webhooks", hook).await;
        for made in [&batch, &hook] {
            assert_eq!(made.status, 201, "{}", made.text);
            assert!(made.header("etag").starts_with('"'));
        }
        let device = gym["lock_ids"][0].as_str().unwrap().to_owned();
        let key = batch.body["items"][0]["accessKeys"][0].as_str().unwrap().to_owned();
        let log = program.get("/event-logs").await[0].clone();
        let ids: BTreeMap<&str, String> = BTreeMap::from([
            ("access-keys", key),
            ("accesses", id(&gym).to_owned()),
            ("batches", id(&batch.body).to_owned()),
            ("domains", program.it.place.clone()),
            ("devices", device.clone()),
            ("event-configurations", device),
            ("users", id(&ann).to_owned()),
            ("members", id(&ann).to_owned()),
            ("event-logs", id(&log).to_owned()),
            ("webhooks", id(&hook.body).to_owned()),
        ]);
        let mut walked = 0;
        for route in claviger_web::vendor_routes() {
            let Some(path) = route.path.strip_prefix("/compat/parakey/") else { continue };
            if route.method != "GET" {
                continue;
            }
            let (list, one) = path.split_once('/').unwrap_or((path, ""));
            assert!(["", "{id}"].contains(&one), "{path}");
            let path = match one {
                "" => format!("/{list}"),
                _ => format!("/{list}/{}", ids[list]),
            };
            reads(&program, &path).await;
            walked += 1;
        }
        assert!(walked > 18, "{walked}");
        // What has changed has another tag.
        let before = program.call("GET", "/devices", Value::Null).await;
        program.it.lock("Pool").await;
        let known = [("if-none-match", before.header("etag"))];
        let after = program.send("GET", "/devices", &known, None).await;
        assert_eq!((after.status, after.body.as_array().unwrap().len()), (200, 2));
    })
    .await;
}

/// Reads a path with and without tags that are known.
async fn reads(program: &Parakey, path: &str) {
    let first = program.call("GET", path, Value::Null).await;
    assert_eq!(first.status, 200, "{path}: {}", first.text);
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 4, "{path}: {tag}");
    assert_eq!(first.header("cache-control"), "no-cache", "{path}");
    for (known, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"x\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
        (tag.trim_end_matches('"').to_owned() + "0\"", 200),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = program.send(method, path, &[("if-none-match", &known)], None).await;
            assert_eq!(answer.status, status, "{method} {path} {known}");
            assert_eq!(answer.header("etag"), tag, "{method} {path} {known}");
            let is_told = status == 200 && method == "GET";
            assert_eq!(answer.text.is_empty(), !is_told, "{method} {path} {known}");
        }
    }
}
