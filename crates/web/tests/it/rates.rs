//! How often an API client may ask, where the operator says so.

use claviger_app::Settings;
use serde_json::json;

use crate::support::{World, id, on_each_engine};

async fn with_limit(world: World) -> World {
    world.reopened(0, |it| Settings { rate_per_client: Some(5), ..it }).await
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    on_each_engine(|world| async move {
        let it = world.here();
        let other = it.full_key().await;
        let world = with_limit(world).await;
        let (it, people) = (world.here(), world.at("/people"));
        for left in (0..5).rev() {
            let answer = it.actor.get(&people).await;
            assert_eq!(answer.header("ratelimit-policy"), "\"client\";q=5;w=60");
            let state = answer.header("ratelimit").to_owned();
            assert!(state.starts_with(&format!("\"client\";r={left};t=")), "{state}");
            answer.expect(200);
        }
        // Nothing is stored, and a body is not even looked at.
        let before = world.revisions().await;
        let refused = it.post("/people", json!({"first_name": "Ann"})).await;
        let wait: u32 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert!(refused.header("ratelimit").starts_with("\"client\";r=0;t="));
        refused.problem(429, "too_many_requests");
        assert_eq!(world.revisions().await, before);

        // Another client, and whoever is not known, are not meant.
        let other = world.here().seen_by(&world.admin.with(other.token.clone()));
        other.get("/people").await;
        let unknown = world.nobody().get(&people).await;
        assert_eq!(unknown.header("ratelimit"), "");
        unknown.problem(401, "unauthorized");
    })
    .await;
}

#[tokio::test]
async fn decisions_are_never_kept_waiting() {
    on_each_engine(|world| async move {
        let door = world.here().lock("Door").await;
        let world = with_limit(world).await;
        let it = world.here();
        for _ in 0..10 {
            let question = json!({"lock_id": id(&door), "card": {"bits": 56, "value": "aa"}});
            let decided = it.post("/decisions", question).await;
            assert_eq!(decided.header("ratelimit"), "");
            assert_eq!(decided.expect(200)["result"], "denied");
        }
        let answer = it.actor.get(&world.at("/people")).await;
        assert!(answer.header("ratelimit").starts_with("\"client\";r=4;"), "none was counted");
    })
    .await;
}

#[tokio::test]
async fn there_is_no_limit_unless_one_is_set() {
    on_each_engine(|world| async move {
        let it = world.here();
        for _ in 0..50 {
            let answer = it.actor.get(&world.at("/people")).await;
            assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""));
            answer.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn a_vendors_surface_holds_a_client_to_the_same_limit() {
    on_each_engine(|world| async move {
        let program = crate::unloc::Unloc::at(&world).await;
        let token = program.actor.token.clone();
        let world = with_limit(world).await;
        let (actor, keys) = (world.admin.with(token), program.path("/keys"));
        for _ in 0..5 {
            let answer = actor.get(&keys).await;
            assert_eq!(answer.header("ratelimit-policy"), "\"client\";q=5;w=60");
            answer.expect(200);
        }
        let refused = actor.get(&keys).await;
        crate::unloc::refused(&refused, 429, &[]);
        let wait: u32 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    })
    .await;
}
