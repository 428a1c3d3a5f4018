//! A request that is sent again with the same `Idempotency-Key` is done once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Actor, Answer, World, id, on_each_engine};
use crate::tour::{furnish, revisions, samples};

async fn keyed(actor: &Actor, path: &str, key: &str, body: &Value) -> Answer {
    actor.send("POST", path, &[("idempotency-key", key)], Some(body.to_string())).await
}

async fn count(world: &World, list: &str) -> usize {
    let listed = world.admin.get(&world.at(list)).await.expect(200);
    listed["items"].as_array().unwrap().len()
}

#[track_caller]
fn same(first: &Answer, again: &Answer, what: &str) {
    assert_eq!(first.status, again.status, "{what}: {}", again.text);
    assert_eq!(first.body, again.body, "{what}");
    for name in ["location", "claviger-revision", "content-type"] {
        assert_eq!(first.header(name), again.header(name), "{what}: {name}");
    }
}

#[tokio::test]
async fn a_replay_is_answered_as_the_first_time_and_changes_nothing() {
    on_each_engine(|world| async move {
        let body = json!({"first_name": "Ann", "email": "ann@example.org"});
        let people = world.at("/people");
        let first = keyed(&world.admin, &people, "k-1", &body).await;
        assert_eq!(first.status, 201, "{}", first.text);
        let ann = first.body.clone();
        assert_eq!(first.header("location"), format!("{people}/{}", id(&ann)));
        assert_eq!(first.header("claviger-revision"), ann["revision"].to_string());
        world
            .admin
            .patch(first.header("location"), json!({"note": "changed since"}))
            .await
            .expect(200);
        let before = revisions(&world).await;
        let again = keyed(&world.admin, &people, "k-1", &body).await;
        same(&first, &again, "the person");
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(revisions(&world).await, before);
        assert_eq!(count(&world, "/people").await, 1);

        let world = world.restarted().await;
        same(&first, &keyed(&world.admin, &people, "k-1", &body).await, "after a restart");
        assert_eq!(revisions(&world).await, before);
        // Without the key it is another request.
        world.admin.post(&people, body).await.problem(409, "taken");
    })
    .await;
}

#[tokio::test]
async fn every_post_that_takes_a_key_does_its_work_once() {
    on_each_engine(|world| async move {
        let things = furnish(&world.admin, &world.place, "mine").await;
        let mut walked = BTreeSet::new();
        let mut routes = claviger_web::routes();
        // What closes the grant the others are about comes last; what needs the admin key comes
        // before it is lost.
        let late = ["enrol", "", "batch_grants", "revoke_grant"];
        routes.sort_by_key(|it| late.iter().position(|op| *op == it.operation).unwrap_or(1));
        for route in routes.iter().filter(|it| it.idempotent) {
            for (turn, sample) in samples(route, &things, 7).into_iter().enumerate() {
                let key = format!("{}-{turn}", route.operation);
                let headers = [("idempotency-key", key.as_str())];
                let body = sample.body.as_ref().map(Value::to_string);
                let url = sample.url();
                let first = world.admin.send("POST", &url, &headers, body.clone()).await;
                if route.operation == "batch_grants" && first.status == 404 {
                    continue; // The second of its samples revokes what the first has revoked.
                }
                assert!((200..300).contains(&first.status), "{key}: {}", first.text);
                let (before, events) = (revisions(&world).await, count(&world, "/events").await);
                let again = world.admin.send("POST", &url, &headers, body).await;
                assert_eq!(revisions(&world).await, before, "{key} did its work twice");
                assert_eq!(count(&world, "/events").await, events, "{key} made two events");
                let mut told = first.body.clone();
                for secret in ["secret", "code", "token", "record"] {
                    if told.get(secret).is_some() {
                        told[secret] = Value::Null;
                    }
                }
                same(&Answer { body: told, ..first }, &again, &key);
                walked.insert(route.operation);
            }
        }
        assert!(walked.len() >= 20, "{walked:?}");
    })
    .await;
}

/// Nothing that is done by POST may be done twice for want of a key.
#[test]
fn every_post_of_a_place_takes_a_key() {
    let without: Vec<&str> = claviger_web::routes()
        .iter()
        .filter(|it| it.method == "POST" && !it.open && !it.idempotent)
        .map(|it| it.operation)
        .collect();
    // A password is changed under the session it ends; who is forgotten is forgotten; a controller
    // numbers its calls; what devices bring is the same however often it comes.
    let brought = ["sync_device", "bring_receipts", "bring_events"];
    let others = ["change_password", "forget_person", "sync_controller"];
    assert_eq!(without, [&others[..], &brought].concat());
}

#[tokio::test]
async fn secrets_are_not_kept_for_a_replay() {
    on_each_engine(|world| async move {
        let client = json!({
            "name": "p", "kind": "api_key", "scopes": ["people:read"], "place_ids": [world.place],
        });
        let first = keyed(&world.admin, "/api/v1/clients", "c", &client).await;
        let secret = first.body["secret"].as_str().unwrap().to_owned();
        let again = keyed(&world.admin, "/api/v1/clients", "c", &client).await;
        assert_eq!((again.status, &again.body["secret"]), (201, &Value::Null));
        assert_eq!(again.body["id"], first.body["id"]);
        world.admin.with(Some(secret)).get("/api/v1/me").await.expect(200);

        let rotate = format!("/api/v1/clients/{}/rotate", id(&first.body));
        let first = keyed(&world.admin, &rotate, "r", &json!({})).await;
        let secret = first.body["secret"].as_str().unwrap().to_owned();
        let again = keyed(&world.admin, &rotate, "r", &json!({})).await;
        assert_eq!((again.status, &again.body["secret"]), (200, &Value::Null));
        assert_eq!(again.body["previous_valid_until"], first.body["previous_valid_until"]);
        world.admin.with(Some(secret)).get("/api/v1/me").await.expect(200);

        let code = json!({"kind": "code", "code": "20262026", "pin": "1234"});
        let credentials = world.at("/credentials");
        let first = keyed(&world.admin, &credentials, "d", &code).await;
        assert_eq!(first.body["code"], "20262026");
        let again = keyed(&world.admin, &credentials, "d", &code).await;
        assert_eq!((again.status, &again.body["code"]), (201, &Value::Null));
        assert!(!again.text.contains("20262026") && !again.text.contains("1234\""));

        let hook = json!({"url": "https://example.org/hook"});
        let first = keyed(&world.admin, &world.at("/webhooks"), "w", &hook).await;
        assert!(first.body["secret"].as_str().unwrap().starts_with("whsec_"));
        let again = keyed(&world.admin, &world.at("/webhooks"), "w", &hook).await;
        assert_eq!((again.status, &again.body["secret"]), (201, &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    on_each_engine(|world| async move {
        let people = world.at("/people");
        let ann = json!({"first_name": "Ann"});
        keyed(&world.admin, &people, "k", &ann).await.expect(201);
        let before = revisions(&world).await;
        let bo = keyed(&world.admin, &people, "k", &json!({"first_name": "Bo"})).await;
        bo.problem(422, "idempotency_mismatch");
        assert_eq!(revisions(&world).await, before);
        keyed(&world.admin, &people, "k", &ann).await.expect(201);
        assert_eq!(count(&world, "/people").await, 1);
        for bad in ["", "two words", "å", &"x".repeat(256)] {
            let headers = [("idempotency-key", bad)];
            let answer = world.admin.send("POST", &people, &headers, Some(ann.to_string())).await;
            let body = answer.problem(422, "invalid");
            assert_eq!(body["errors"][0]["pointer"], "Idempotency-Key:", "{bad:?}");
        }
        keyed(&world.admin, &people, &"x".repeat(255), &ann).await.expect(201);
        assert_eq!(count(&world, "/people").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_key_belongs_to_one_client_one_method_and_one_path() {
    on_each_engine(|world| async move {
        let other = world.admin.makes_key(&["people:write", "locks:write"], &[&world.place]).await;
        let second = world.admin.makes_key(&["people:write"], &[&world.place]).await;
        let (people, locks) = (world.at("/people"), world.at("/locks"));
        let ann = json!({"first_name": "Ann"});
        let mut ids = BTreeSet::new();
        for actor in [&world.admin, &other, &second] {
            let made = keyed(actor, &people, "k", &ann).await.expect(201);
            ids.insert(id(&made).to_owned());
        }
        assert_eq!(ids.len(), 3, "three clients, three people");
        keyed(&world.admin, &locks, "k", &json!({"name": "Door"})).await.expect(201);
        // The query is no part of the path: it is the same request.
        let spelt_out = keyed(&world.admin, &format!("{people}?"), "k", &ann).await.expect(201);
        assert!(ids.contains(id(&spelt_out)), "a question mark makes no new request");
        assert_eq!(count(&world, "/people").await, 3);
        // PATCH takes no key: the header says nothing there.
        let one = format!("{people}/{}", ids.first().unwrap());
        let key = [("idempotency-key", "k")];
        for note in ["one", "two"] {
            let body = json!({"note": note}).to_string();
            let changed = world.admin.send("PATCH", &one, &key, Some(body)).await.expect(200);
            assert_eq!(changed["note"], note);
        }
    })
    .await;
}

#[tokio::test]
async fn twins_sent_at_once_make_one_object() {
    on_each_engine(|world| async move {
        for round in 0..5 {
            let mut twins = tokio::task::JoinSet::new();
            for _ in 0..12 {
                let (actor, people) = (world.admin.clone(), world.at("/people"));
                let key = format!("twin-{round}");
                let body = json!({"first_name": "Ann", "employee_number": format!("{round}")});
                twins.spawn(async move { keyed(&actor, &people, &key, &body).await });
            }
            let answers = twins.join_all().await;
            let first = &answers[0];
            assert_eq!(first.status, 201, "{}", first.text);
            answers.iter().for_each(|answer| same(first, answer, "a twin"));
        }
        assert_eq!(count(&world, "/people").await, 5);
    })
    .await;
}

#[tokio::test]
async fn a_decision_with_a_key_makes_one_event() {
    on_each_engine(|world| async move {
        let things = furnish(&world.admin, &world.place, "mine").await;
        let events = count(&world, "/events").await;
        let question =
            json!({"lock_id": things.at("lock"), "credential_id": things.at("credential")});
        let decisions = world.at("/decisions");
        let mut twins = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let (actor, path, body) = (world.admin.clone(), decisions.clone(), question.clone());
            twins.spawn(async move { keyed(&actor, &path, "d", &body).await.expect(200) });
        }
        let answers = twins.join_all().await;
        assert_eq!(answers[0]["result"], "granted");
        assert!(answers[0]["event_id"].is_string());
        assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");
        assert_eq!(count(&world, "/events").await, events + 1);

        // What is decided since does not change what was answered.
        let suspend = world.at(&format!("/people/{}/suspend", things.at("person")));
        world.admin.post(&suspend, json!({})).await.expect(200);
        let again = keyed(&world.admin, &decisions, "d", &question).await.expect(200);
        assert_eq!(again, answers[0]);
        let other =
            json!({"lock_id": things.at("spare_lock"), "credential_id": things.at("credential")});
        keyed(&world.admin, &decisions, "d", &other).await.problem(422, "idempotency_mismatch");
        let world = world.restarted().await;
        let again = keyed(&world.admin, &decisions, "d", &question).await.expect(200);
        assert_eq!(again, answers[0]);
        let fresh = keyed(&world.admin, &decisions, "e", &question).await.expect(200);
        assert_eq!(fresh["reasons"][0]["code"], "person_suspended");
        assert_eq!(count(&world, "/events").await, events + 2);
    })
    .await;
}

#[tokio::test]
async fn an_opening_from_afar_with_a_key_is_done_once() {
    on_each_engine(|world| async move {
        let lock = world.made("/locks", json!({"name": "Door"})).await;
        let unlock = world.at(&format!("/locks/{}/unlock", id(&lock)));
        let first = keyed(&world.admin, &unlock, "u", &json!({})).await.expect(200);
        assert_eq!(first["result"], "granted");
        let again = keyed(&world.admin, &unlock, "u", &json!({})).await.expect(200);
        assert_eq!(first, again);
        assert_eq!(count(&world, "/events").await, 1);
        let other = keyed(&world.admin, &unlock, "v", &json!({})).await.expect(200);
        assert_ne!(other["event_id"], first["event_id"]);
        assert_eq!(count(&world, "/events").await, 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_done_already_is_kept_too() {
    on_each_engine(|world| async move {
        let lock = world.made("/locks", json!({"name": "Door"})).await;
        let posture = world.at("/posture");
        let normal = json!({"posture": "normal", "lock_ids": [id(&lock)]});
        // It is normal already: nothing changes, and the answer is kept all the same.
        let first = keyed(&world.admin, &posture, "p", &normal).await;
        assert_eq!(first.status, 200, "{}", first.text);
        let lockdown = json!({"posture": "lockdown", "lock_ids": [id(&lock)]});
        keyed(&world.admin, &posture, "q", &lockdown).await.expect(200);
        let again = keyed(&world.admin, &posture, "p", &normal).await;
        same(&first, &again, "the posture");
        let now = world.admin.get(&world.at(&format!("/locks/{}", id(&lock)))).await.expect(200);
        assert_eq!(now["posture"], "lockdown", "a replay lifts no lockdown");
    })
    .await;
}

#[tokio::test]
async fn errors_are_not_kept() {
    on_each_engine(|world| async move {
        let people = world.at("/people");
        let ann = json!({"first_name": "Ann", "email": "ann@example.org"});
        let holder = world.made("/people", ann.clone()).await;
        keyed(&world.admin, &people, "k", &ann).await.problem(409, "taken");
        let narrow = world.admin.makes_key(&["people:read"], &[&world.place]).await;
        keyed(&narrow, &people, "k", &ann).await.problem(403, "forbidden_scope");
        let bad = json!({"first_name": "Bo", "email": "no address"});
        keyed(&world.admin, &people, "b", &bad).await.problem(422, "invalid");
        let grant =
            json!({"subject": {"person_id": "external:x"}, "target": {"lock_id": "external:y"}});
        keyed(&world.admin, &world.at("/grants"), "g", &grant).await.problem(404, "not_found");

        let one = format!("{people}/{}", id(&holder));
        world.admin.patch(&one, json!({"email": null})).await.expect(200);
        keyed(&world.admin, &people, "k", &ann).await.expect(201);
        // The key was free for another body, too.
        let good = json!({"first_name": "Bo", "email": "bo@example.org"});
        keyed(&world.admin, &people, "b", &good).await.expect(201);
        world.made("/people", json!({"first_name": "X", "external_id": "x"})).await;
        world.made("/locks", json!({"name": "Y", "external_id": "y"})).await;
        keyed(&world.admin, &world.at("/grants"), "g", &grant).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_uses_no_key_up() {
    on_each_engine(|world| async move {
        let things = furnish(&world.admin, &world.place, "mine").await;
        let revoke = world.at(&format!("/grants/{}/revoke", things.at("grant")));
        let dry = format!("{revoke}?dry_run=true");
        let plan = keyed(&world.admin, &dry, "k", &json!({})).await.expect(200);
        assert_eq!(plan["plan"]["counts"]["losses"], 1, "{plan}");
        let done = keyed(&world.admin, &revoke, "k", &json!({})).await.expect(200);
        assert_eq!(done["state"], "revoked");
        assert_eq!(keyed(&world.admin, &revoke, "k", &json!({})).await.expect(200), done);
        // Of what is closed already a dry run is a plan, too: an empty one.
        let plan = keyed(&world.admin, &dry, "z", &json!({})).await.expect(200);
        assert_eq!(plan["plan"]["counts"]["losses"], 0, "{plan}");
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    on_each_engine(|world| async move {
        let body = json!({
            "name": "p", "kind": "oauth2", "scopes": ["people:write"], "place_ids": [world.place],
        });
        let made = world.admin.post("/api/v1/clients", body).await.expect(201);
        let (client, secret) = (id(&made).to_owned(), made["secret"].as_str().unwrap().to_owned());
        let people = world.at("/people");
        let ann = json!({"first_name": "Ann"});
        let actor = world.nobody().exchanged(&client, &secret).await;
        let first = keyed(&actor, &people, "k", &ann).await.expect(201);
        let world = world.later(23 * 3600).await;
        let actor = world.nobody().exchanged(&client, &secret).await;
        assert_eq!(keyed(&actor, &people, "k", &ann).await.expect(201), first);
        let world = world.later(24 * 3600 + 60).await;
        let actor = world.nobody().exchanged(&client, &secret).await;
        let second = keyed(&actor, &people, "k", &ann).await.expect(201);
        assert_ne!(second["id"], first["id"]);
    })
    .await;
}

/// Two nodes do not know of each other's requests under way: one stores its answer first, and the
/// other gives that answer too.
#[tokio::test]
async fn one_key_at_two_nodes_is_one_answer() {
    on_each_engine(|world| async move {
        let (one, other) = (world.admin.clone(), world.another_node().await);
        let people = world.at("/people");
        for round in 0..10 {
            let (key, body) = (format!("n-{round}"), json!({"first_name": format!("P{round}")}));
            let (first, second) = tokio::join!(
                keyed(&one, &people, &key, &body),
                keyed(&other, &people, &key, &body)
            );
            assert_eq!(first.status, 201, "{}", first.text);
            same(&first, &second, "at two nodes");
        }
        assert_eq!(count(&world, "/people").await, 10);
    })
    .await;
}
