//! Entity tags, revisions, and reads that wait for one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::one;
use crate::support::{Actor, Answer, World, id, on_each_engine};
use crate::tour::{Furniture, furnish, rank, revisions, samples};

const NO_TAG: &[&str] = &[
    "get_revocation_list",
    // Of many nouns at once, or of none: nothing in it has a revision.
    "me",
    "export_person",
    "invitation_of_person",
    "events_complete",
    "verify_changes",
    "get_operation",
    "get_key",
    "get_credential_status",
    "stream_events",
    "get_revocation",
];

async fn matching(
    actor: &Actor,
    method: &str,
    path: &str,
    tag: &str,
    body: Option<&Value>,
) -> Answer {
    let body = body.map(Value::to_string);
    actor.send(method, path, &[("if-match", tag)], body).await
}

async fn unless(actor: &Actor, path: &str, tag: &str) -> Answer {
    actor.send("GET", path, &[("if-none-match", tag)], None).await
}

#[track_caller]
fn tag(answer: &Answer) -> String {
    let tag = answer.header("etag");
    assert!(tag.len() > 4 && tag.starts_with('"') && tag.ends_with('"'), "{:?}", answer.headers);
    tag.to_owned()
}

#[track_caller]
fn revision_of(answer: &Answer) -> u64 {
    answer.header("claviger-revision").parse().unwrap_or_else(|_| panic!("{:?}", answer.headers))
}

#[tokio::test]
async fn every_object_and_list_has_its_tag_and_is_not_sent_twice() {
    on_each_engine(|world| async move {
        let things = furnish(&world.admin, &world.place, "mine").await;
        let (mut objects, mut lists) = (0, 0);
        for route in claviger_web::routes().iter().filter(|it| it.method == "GET" && !it.open) {
            // Programs are nobody, who reads of themselves.
            if route.operation == "stream_events" || route.operation.starts_with("own_") {
                continue;
            }
            for sample in samples(route, &things, 0) {
                let (first, name) = (sample.send(&world.admin).await, route.operation);
                assert_eq!(first.status, 200, "{name}: {}", first.text);
                assert_eq!(first.header("cache-control"), "private, no-cache", "{name}");
                if NO_TAG.contains(&name) {
                    assert_eq!(first.header("etag"), "", "{name}");
                    continue;
                }
                let own = tag(&first);
                if first.body["items"].is_array() {
                    assert!(own.starts_with("\"h-"), "{name}: {own}");
                    lists += 1;
                } else {
                    let revision = &first.body["revision"];
                    assert!(own.starts_with(&format!("\"r{revision}-")), "{name}: {own}");
                    objects += 1;
                }
                let url = sample.url();
                let many = format!("\"r1-00\", W/{own} , \"h-1\"");
                for seen in [own.as_str(), &format!("W/{own}"), &many, "*"] {
                    let again = unless(&world.admin, &url, seen).await;
                    assert_eq!((again.status, again.text.as_str()), (304, ""), "{name} {seen}");
                    assert_eq!(tag(&again), own, "{name}");
                    assert_eq!(again.header("content-type"), "", "{name}");
                }
                let part = own.split('-').next().unwrap();
                for other in ["\"r1-00\"", &format!("{part}-0\""), "", "\"\"", "h-"] {
                    let again = unless(&world.admin, &url, other).await;
                    assert_eq!((again.status, &again.body), (200, &first.body), "{name} {other}");
                }
            }
        }
        assert!(objects >= 10 && lists >= 20, "{objects} objects, {lists} lists");
    })
    .await;
}

#[tokio::test]
async fn a_tag_moves_with_the_answer_though_the_revision_stands() {
    on_each_engine(|world| async move {
        let ann = world.made("/people", json!({"first_name": "Ann"})).await;
        let lock = world.made("/locks", json!({"name": "Door"})).await;
        let soon = world.app.now().plus(3_600_000_000).to_string();
        let grant = world
            .made(
                "/grants",
                json!({
                    "subject": {"person_id": id(&ann)}, "target": {"lock_id": id(&lock)},
                    "valid_from": soon,
                }),
            )
            .await;
        let one = world.at(&format!("/grants/{}", id(&grant)));
        let first = world.admin.get(&one).await;
        assert_eq!(first.body["state"], "scheduled");
        let list = world.admin.get(&world.at("/grants")).await;
        let me = world.admin.makes_key(&["grants:read"], &[&world.place]).await;
        let world = world.later(3700).await;
        let me = world.admin.with(me.token);
        // States move with time: the whole tag is compared, not the revision.
        let later = unless(&me, &one, &tag(&first)).await;
        assert_eq!((later.status, later.body["state"].as_str()), (200, Some("active")));
        assert_eq!(later.body["revision"], first.body["revision"]);
        assert_ne!(tag(&later), tag(&first));
        assert_eq!(unless(&me, &world.at("/grants"), &tag(&list)).await.status, 200);
    })
    .await;
}

/// The routes that change one object, with that object's own path.
fn changes_one(operation: &str) -> bool {
    ["put_", "change_", "delete_"].iter().any(|it| operation.starts_with(it))
        || [
            "suspend_person",
            "resume_person",
            "hold_person",
            "release_person",
            "report_credential_lost",
            "modify_access_level",
            "revoke_grant",
            "rotate_client",
        ]
        .contains(&operation)
}

async fn object_of(actor: &Actor, path: &[String]) -> (String, Answer) {
    let actions =
        ["suspend", "resume", "hold", "release", "report-lost", "modify", "revoke", "rotate"];
    let whole = path.join("/");
    let last = path.last().unwrap();
    let object = if actions.contains(&last.as_str()) {
        whole.rsplit_once('/').unwrap().0.to_owned()
    } else {
        whole
    };
    let seen = actor.get(&object).await;
    (object, seen)
}

#[tokio::test]
async fn every_change_of_an_object_obeys_if_match() {
    on_each_engine(|world| async move {
        let things: Furniture = furnish(&world.admin, &world.place, "mine").await;
        let mut routes = claviger_web::routes();
        routes.retain(|it| changes_one(it.operation) && it.path.contains("{id}"));
        routes.push(
            claviger_web::routes().into_iter().find(|it| it.operation == "change_place").unwrap(),
        );
        routes.sort_by_key(rank);
        let mut walked = 0;
        for route in &routes {
            assert!(route.if_match, "{} takes If-Match", route.operation);
            let sample = samples(route, &things, 1).remove(0);
            let (url, body, name) = (sample.url(), sample.body.as_ref(), route.operation);
            if route.method == "PUT" {
                matching_put(&world, &url, body.unwrap(), name).await;
                walked += 1;
                continue;
            }
            let (_, seen) = object_of(&world.admin, &sample.path).await;
            assert_eq!(seen.status, 200, "{name}: {}", seen.text);
            let revision = seen.body["revision"].as_u64().unwrap();
            let before = revisions(&world).await;
            for stale in [
                format!("\"r{}-00\"", revision - 1),
                format!("\"r{}-00\"", revision + 1),
                "\"r0-00\"".to_owned(),
                "\"h-00\"".to_owned(),
                "\"abc\"".to_owned(),
                "nonsense".to_owned(),
                "\"plan-00\"".to_owned(),
            ] {
                let answer = matching(&world.admin, route.method, &url, &stale, body).await;
                // What may not be done has no plan that could be another.
                if answer.status == 409 && stale.contains("plan") {
                    answer.problem(409, "in_use");
                    continue;
                }
                assert_eq!(answer.status, 412, "{name} {stale}: {}", answer.text);
                answer.problem(412, "stale");
            }
            assert_eq!(revisions(&world).await, before, "{name} did something");
            // Only the part before the dash is read, and any of several will do.
            let several = format!("\"r{}-1\", W/\"r{revision}-ffff\"", revision + 7);
            let answer = matching(&world.admin, route.method, &url, &several, body).await;
            let done = (200..300).contains(&answer.status) || answer.status == 409;
            assert!(done, "{name}: {} {}", answer.status, answer.text);
            walked += 1;
        }
        assert!(walked >= 25, "{walked}");
    })
    .await;
}

/// What a caller made conditional is not done where the condition cannot hold, or is none.
#[tokio::test]
async fn if_match_is_never_passed_over() {
    on_each_engine(|world| async move {
        let things: Furniture = furnish(&world.admin, &world.place, "mine").await;
        let mut routes = claviger_web::routes();
        routes.retain(|it| it.method != "GET");
        routes.sort_by_key(rank);
        let (mut compared, mut not_here) = (0, 0);
        let before = (revisions(&world).await, events(&world).await);
        for route in &routes {
            let digest = format!("\"plan-{}\"", "0".repeat(32));
            for seen in ["\"r999999-00\"", digest.as_str(), "", "\"abc\""] {
                for sample in samples(route, &things, 3) {
                    let (url, body) = (sample.url(), sample.body.as_ref());
                    let answer = matching(&world.admin, route.method, &url, seen, body).await;
                    let what = format!("{} {seen}: {}", route.operation, answer.text);
                    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
                    let named = errors.iter().any(|it| it["pointer"] == "If-Match:");
                    match answer.status {
                        412 => compared += 1,
                        422 if named => not_here += 1,
                        400 if answer.body["error"].is_string() => not_here += 1,
                        // What cannot be done at all has nothing to compare.
                        403 | 404 | 409 | 422 => {}
                        _ => panic!("{what}"),
                    }
                    assert!(route.if_match || named || route.open, "{what}");
                }
            }
        }
        assert_eq!((revisions(&world).await, events(&world).await), before);
        assert!(compared > 100 && not_here > 60, "{compared} compared, {not_here} not here");
    })
    .await;
}

async fn events(world: &World) -> Value {
    world.admin.get(&world.at("/events?limit=1000")).await.expect(200)
}

#[tokio::test]
async fn a_right_that_is_closed_already_is_taken_back_as_it_was_seen() {
    on_each_engine(|world| async move {
        let it = world.here();
        let grant = it.grant(&it.person("Ann").await, &it.lock("Door").await).await;
        let path = world.at(&one("/grants", &grant));
        let revoke = format!("{path}/revoke");
        world.admin.post(&revoke, json!({})).await.expect(200);
        let seen = tag(&world.admin.get(&path).await);
        let empty = json!({});
        for tag in [seen.as_str(), "*"] {
            matching(&world.admin, "POST", &revoke, tag, Some(&empty)).await.expect(200);
        }
        matching(&world.admin, "POST", &revoke, "\"r999999-00\"", Some(&empty)).await.expect(412);
    })
    .await;
}

#[tokio::test]
async fn a_lock_is_opened_and_a_webhook_tried_as_they_were_seen() {
    on_each_engine(|world| async move {
        let lock = world.made("/locks", json!({"name": "Door"})).await;
        let hook = json!({"url": "https://example.org/hook", "events": ["access_granted"]});
        let hook = world.made("/webhooks", hook).await;
        for (path, status) in [
            (format!("/locks/{}/unlock", id(&lock)), 200),
            (format!("/webhooks/{}/test", id(&hook)), 202),
        ] {
            let object = path.rsplit_once('/').unwrap().0.to_owned();
            let seen = tag(&world.admin.get(&world.at(&object)).await);
            let body = json!({});
            let post = async |tag: &str| {
                matching(&world.admin, "POST", &world.at(&path), tag, Some(&body)).await
            };
            assert_eq!(post(&seen).await.status, status, "{path}");
            assert_eq!(post("*").await.status, status, "{path}");
            world.admin.patch(&world.at(&object), json!({"name": "Other"})).await.expect(200);
            post(&seen).await.problem(412, "stale");
        }
    })
    .await;
}

/// A PUT that says what it has seen makes nothing where there is nothing.
async fn matching_put(world: &World, url: &str, body: &Value, name: &str) {
    let actor = &world.admin;
    let before = revisions(world).await;
    for seen in ["*", "\"r1-00\"", "\"abc\""] {
        let answer = matching(actor, "PUT", url, seen, Some(body)).await;
        assert_eq!(answer.status, 412, "{name} {seen}: {}", answer.text);
        answer.problem(412, "stale");
    }
    assert_eq!(revisions(world).await, before, "{name} made something");
    let made = actor.put(url, body.clone()).await;
    assert_eq!(made.status, 201, "{name}: {}", made.text);
    let old = tag(&made);
    let mut renamed = body.clone();
    let field = if body.get("name").is_some() { "name" } else { "metadata" };
    renamed[field] = if field == "name" { json!("Renamed") } else { json!({"a": 1}) };
    if name == "put_credential" {
        renamed.as_object_mut().unwrap().remove("metadata");
        renamed["label"] = json!("Renamed");
    }
    let replaced = matching(actor, "PUT", url, &old, Some(&renamed)).await;
    assert_eq!(replaced.status, 200, "{name}: {}", replaced.text);
    let stale = matching(actor, "PUT", url, &old, Some(body)).await;
    stale.problem(412, "stale");
    assert_eq!(actor.get(url).await.expect(200), replaced.body, "{name}");
    matching(actor, "PUT", url, "*", Some(&renamed)).await.expect(200);
}

#[tokio::test]
async fn one_of_two_who_saw_the_same_wins() {
    on_each_engine(|world| async move {
        let ann = world.made("/people", json!({"first_name": "Ann"})).await;
        let one = world.at(&format!("/people/{}", id(&ann)));
        let seen = tag(&world.admin.get(&one).await);
        let mut tries = tokio::task::JoinSet::new();
        for n in 0..8 {
            let (actor, one, seen) = (world.admin.clone(), one.clone(), seen.clone());
            tries.spawn(async move {
                let body = json!({"note": format!("by {n}")});
                (n, matching(&actor, "PATCH", &one, &seen, Some(&body)).await.status)
            });
        }
        let mut won = tries.join_all().await;
        won.retain(|(_, status)| *status != 412);
        assert_eq!(won.len(), 1, "{won:?}");
        assert_eq!(won[0].1, 200);
        let now = world.admin.get(&one).await;
        assert_eq!(now.body["note"], format!("by {}", won[0].0));
        // A star means whatever it is, as long as it is there.
        let body = json!({"note": "star"});
        matching(&world.admin, "PATCH", &one, "*", Some(&body)).await.expect(200);
        matching(&world.admin, "DELETE", &one, "*", None).await.expect(204);
        let gone = matching(&world.admin, "PATCH", &one, "*", Some(&body)).await;
        gone.problem(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn every_write_answers_with_the_revision_it_made() {
    on_each_engine(|world| async move {
        let people = world.at("/people");
        let mut last = 0;
        for n in 0..3 {
            let made = world.admin.post(&people, json!({"first_name": format!("P{n}")})).await;
            assert_eq!(made.status, 201);
            assert_eq!(revision_of(&made), made.body["revision"].as_u64().unwrap());
            assert_eq!(
                tag(&made).split('-').next().unwrap(),
                format!("\"r{}", made.body["revision"])
            );
            assert!(revision_of(&made) > last, "revisions go up");
            last = revision_of(&made);
            let one = made.header("location").to_owned();
            let put = world.admin.put(&format!("{people}/external:p{n}"), json!({})).await;
            let patch = world.admin.patch(&one, json!({"note": "x"})).await;
            let suspend = world.admin.post(&format!("{one}/suspend"), json!({})).await;
            let delete = world.admin.delete(&one).await;
            assert_eq!(delete.status, 204);
            for answer in [put, patch, suspend, delete] {
                assert!(answer.status < 300, "{}", answer.text);
                assert_eq!(revision_of(&answer), last + 1, "{}", answer.text);
                last += 1;
            }
        }
        let current = |revision: u64| {
            let (actor, people) = (world.admin.clone(), people.clone());
            async move {
                let headers = [("claviger-at-least", revision.to_string())];
                let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
                actor.send("GET", &people, &headers, None).await
            }
        };
        current(last).await.expect(200);
        // What does not move the place does not move its revision.
        let lock = world.admin.post(&world.at("/locks"), json!({"name": "Door"})).await;
        let at = revision_of(&lock);
        let ask = json!({"lock_id": id(&lock.body), "card": {"bits": 32, "value": "1"}});
        let decided = world.admin.post(&world.at("/decisions"), ask).await.expect(200);
        assert_eq!(decided["revision"], at);
        let refused = world.admin.post(&people, json!({"email": "no"})).await;
        assert_eq!((refused.status, refused.header("claviger-revision")), (422, ""));
        let next = world.admin.post(&people, json!({})).await;
        assert_eq!(revision_of(&next), at + 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_place_answers_with_its_own_revision() {
    on_each_engine(|world| async move {
        for _ in 0..3 {
            world.admin.makes_key(&["people:read"], &[&world.place]).await;
        }
        let made = world.admin.post("/api/v1/places", json!({"name": "New"})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(revision_of(&made), made.body["revision"].as_u64().unwrap());
        let at = [("claviger-at-least", made.header("claviger-revision"))];
        world.admin.send("GET", made.header("location"), &at, None).await.expect(200);
        let changed = world.admin.patch(made.header("location"), json!({"name": "Newer"})).await;
        assert_eq!(revision_of(&changed), revision_of(&made) + 1);
    })
    .await;
}

#[tokio::test]
async fn a_read_waits_for_a_revision_that_comes() {
    on_each_engine(|world| async move {
        let made = world.admin.post(&world.at("/people"), json!({"first_name": "Ann"})).await;
        let next = (revision_of(&made) + 1).to_string();
        let (actor, people) = (world.admin.clone(), world.at("/people"));
        let reading = tokio::spawn(async move {
            let begun = Instant::now();
            let headers = [("claviger-at-least", next.as_str())];
            (actor.send("GET", &people, &headers, None).await, begun.elapsed())
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!reading.is_finished(), "it waits");
        world.made("/people", json!({"first_name": "Bo"})).await;
        let (answer, waited) = reading.await.unwrap();
        let people = answer.expect(200);
        assert_eq!(people["items"].as_array().unwrap().len(), 2, "it sees what it waited for");
        assert!(waited >= Duration::from_millis(250), "{waited:?}");
    })
    .await;
}

#[tokio::test]
async fn a_revision_that_does_not_come_is_503_after_two_seconds() {
    on_each_engine(|world| async move {
        let far = [("claviger-at-least", "1000000")];
        let begun = Instant::now();
        let answer = world.admin.send("GET", &world.at("/people"), &far, None).await;
        answer.problem(503, "unavailable");
        let waited = begun.elapsed();
        assert!(
            waited >= Duration::from_millis(1900) && waited < Duration::from_secs(5),
            "{waited:?}"
        );
        for bad in ["", "-1", "x", "1.5", "\"r3\"", "99999999999999999999999"] {
            let headers = [("claviger-at-least", bad)];
            let answer = world.admin.send("GET", &world.at("/people"), &headers, None).await;
            let body = answer.problem(422, "invalid");
            assert_eq!(body["errors"][0]["pointer"], "Claviger-At-Least:", "{bad:?}");
        }
        let now = [("claviger-at-least", "0")];
        world.admin.send("GET", &world.at("/people"), &now, None).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn taking_a_lock_back_obeys_the_shares_tag() {
    on_each_engine(|world| async move {
        let other = world.admin.post("/api/v1/places", json!({"name": "Other"})).await.expect(201);
        let lock = world.made("/locks", json!({"name": "Door"})).await;
        let shares = world.at(&format!("/locks/{}/shares", id(&lock)));
        let share = world.admin.post(&shares, json!({"place_id": id(&other)})).await;
        assert_eq!((share.status, share.body["state"].as_str()), (201, Some("accepted")));
        let url = format!("{shares}?place_id={}", id(&other));
        matching(&world.admin, "DELETE", &url, "\"r0-00\"", None).await.problem(412, "stale");
        let listed = world.admin.get(&shares).await.expect(200);
        let revision = listed["items"][0]["revision"].as_u64().unwrap();
        let right = format!("\"r{revision}-00\"");
        matching(&world.admin, "DELETE", &url, &right, None).await.expect(204);
        assert_eq!(world.admin.get(&shares).await.expect(200)["items"], json!([]));
    })
    .await;
}
