//! People are forgotten on time: names leave the events when the place's retention says so, the
//! events stay countable, and rights that ended long ago leave the records.

use std::sync::Arc;
use std::time::Duration;

use claviger_app::delivery::Send;
use claviger_app::jobs;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{World, id, on_each_engine};

const DAY_S: i64 = 24 * 3600;

/// Runs the background work until `done` says so, ten seconds at most.
pub(crate) async fn work_until<F: Future<Output = bool>>(world: &World, done: impl Fn() -> F) {
    let (stop, stopped) = watch::channel(false);
    let nobody: Send = Arc::new(|_| Box::pin(async { Err("no webhooks here".to_owned()) }));
    let work = tokio::spawn(jobs::run(world.app.clone(), nobody, stopped));
    for _ in 0..200 {
        if done().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(done().await, "the background work did not come to it");
    stop.send(true).unwrap();
    work.await.unwrap();
}

async fn events(world: &World) -> Vec<Value> {
    let page = world.admin.get(&world.at("/events")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn events_forget_whom_they_concern_when_the_retention_is_over() {
    on_each_engine(|world| async move {
        let ann = world.made("/people", json!({"first_name": "Ann"})).await;
        let lock = world.made("/locks", json!({"name": "Door"})).await;
        let ask = json!({"lock_id": id(&lock), "person_id": id(&ann)});
        world.admin.post(&world.at("/decisions"), ask).await.expect(200);
        assert_eq!(events(&world).await[0]["person_id"], ann["id"]);

        // The token is over by then; a key is not.
        let world = keyed(world).await.later(29 * DAY_S).await;
        work_until(&world, || async { true }).await;
        assert_eq!(events(&world).await[0]["person_id"], ann["id"], "a day too early");

        let world = world.later(31 * DAY_S).await;
        work_until(&world, || async { events(&world).await[0]["person_id"].is_null() }).await;
        let kept = events(&world).await;
        assert_eq!(kept.len(), 1, "the event itself stays");
        assert_eq!(kept[0]["reasons"], json!(["no_grant"]));
        let verified = world.admin.get(&world.at("/changes/verify")).await.expect(200);
        assert_eq!(verified["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn rights_that_ended_long_ago_are_purged() {
    on_each_engine(|world| async move {
        let ann = world.made("/people", json!({"first_name": "Ann"})).await;
        let lock = world.made("/locks", json!({"name": "Door"})).await;
        let wish = |until: Value| {
            json!({
                "subject": {"person_id": id(&ann)},
                "target": {"lock_id": id(&lock)},
                "valid_until": until,
            })
        };
        let over = world.made("/grants", wish(json!("2020-01-01T00:00:00Z"))).await;
        let open = world.made("/grants", wish(json!(null))).await;
        let last = world.made("/grants", wish(json!(null))).await;
        let world = keyed(world).await.later(DAY_S).await;
        let grant = |grant: &Value| world.at(&format!("/grants/{}", id(grant)));
        let gone = || async { world.admin.get(&grant(&over)).await.status == 404 };
        work_until(&world, gone).await;
        for kept in [&open, &last] {
            assert_eq!(world.admin.get(&grant(kept)).await.expect(200)["state"], "active");
        }
    })
    .await;
}

/// The same world, its administrator with an API key, which outlives tokens.
async fn keyed(mut world: World) -> World {
    let me = world.admin.get("/api/v1/me").await.expect(200);
    let wish = json!({
        "name": "key",
        "kind": "api_key",
        "scopes": me["scopes"],
        "place_ids": [world.place],
    });
    let made = world.admin.post("/api/v1/clients", wish).await.expect(201);
    world.admin = world.admin.with(made["secret"].as_str().map(str::to_owned));
    world
}
