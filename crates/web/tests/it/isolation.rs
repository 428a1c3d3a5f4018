//! Nobody sees over the fence: another place's id, in any position of any route, is not there, and
//! nothing changes on either side.

use std::collections::{BTreeMap, BTreeSet};

use claviger_web::Listed;
use serde_json::{Value, json};

use crate::kit::Site;
use crate::panel::Panel;
use crate::support::{Actor, Answer, World, id, on_each_engine};
use crate::tour::{Furniture, fingerprint, furnish, rank, revisions, samples};

/// Positions in which another place's id is what the route is for: a lock is offered to a place one
/// has nothing to do with.
const MEANT_FOR_OTHERS: &[(&str, &str)] = &[("share_lock", "/place_id")];

/// Positions in which no id of anything stands, or the caller's own new one.
const NO_REFERENCE: &[(&str, &str)] = &[
    ("put_person", "{id}"),
    ("put_credential", "{id}"),
    ("put_lock", "{id}"),
    ("put_access_level", "{id}"),
    ("put_grant", "{id}"),
    ("put_schedule", "{id}"),
];

/// Positions in which a controller or a device says what it heard of: passed over where its place
/// knows no such thing. A test of their own shows that nothing comes of it.
const HEARD: &[(&str, &str)] = &[
    ("sync_controller", "/commands/0/id"),
    ("sync_controller", "/events/0/credential_id"),
    ("sync_device", "/acknowledged/0/lock_id"),
    ("sync_device", "/erased/0/lock_id"),
    ("sync_device", "/hellos/0/lock_id"),
    ("sync_device", "/nonces/0/lock_id"),
    ("sync_device", "/reports/0/lock_id"),
];

/// Positions that the walk over all routes leaves out.
fn is_apart(operation: &str, position: &str) -> bool {
    let lists = [MEANT_FOR_OTHERS, NO_REFERENCE, HEARD];
    lists.iter().any(|list| list.contains(&(operation, position)))
}

struct Two {
    world: World,
    mine: Furniture,
    theirs: Furniture,
    their_admin: Actor,
}

async fn two(world: World) -> Two {
    let (their_admin, made) = world.another("other@localhost").await;
    let mine = furnish(&world.admin, &world.place, "mine").await;
    let theirs = furnish(&their_admin, &made.place.to_string(), "theirs").await;
    Two { world, mine, theirs, their_admin }
}

/// A thing of another place is not there: 404 for what a path, a filter or a question names; of the
/// fields of a body each that names it, with the code `not_found`.
#[track_caller]
fn not_there(answer: Answer, route: &Listed, position: &str) {
    let what = format!("{} {position}", route.operation);
    let told = answer.text.clone();
    assert!(!told.contains("theirs"), "{what} tells of the other place: {told}");
    if !position.starts_with('/') || route.operation == "decide" {
        let body = answer.problem(404, "not_found");
        assert_eq!(body["errors"], json!([]), "{what}");
        return;
    }
    assert_eq!(answer.status, 404, "{what}: {told}");
    let body = answer.problem(404, "not_found");
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{what}: {body}");
    assert_eq!(errors[0]["code"], "not_found", "{what}: {body}");
    // A schedule that is not there is told at the field that names one.
    let pointer = errors[0]["pointer"].as_str().unwrap();
    assert!(position == pointer || position == format!("{pointer}/id"), "{what}: {body}");
}

#[tokio::test]
async fn another_places_id_in_any_position_of_any_route_is_not_there() {
    on_each_engine(|world| async move {
        let Two { world, mine, theirs, their_admin } = two(world).await;
        let (me, before) = (&world.admin, fingerprint(&world, &their_admin, &theirs).await);
        let mut walked: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut turn = 0;
        for route in claviger_web::routes().iter().filter(|it| !it.open) {
            let still = revisions(&world).await;
            for named in [theirs.clone(), theirs.by_external_id()] {
                turn += 1;
                let (own, others) = (samples(route, &mine, turn), samples(route, &named, turn));
                for (own, other) in own.iter().zip(&others) {
                    for (position, hybrid) in own.hybrids(other, route) {
                        walked.entry(route.operation).or_default().insert(position.clone());
                        if is_apart(route.operation, &position) {
                            continue;
                        }
                        // What has no external id is named by its id in both rounds.
                        not_there(hybrid.send(me).await, route, &position);
                    }
                    // The other place with its own things, all of which are there.
                    if route.path.contains("{place}") && other.path != own.path {
                        not_there(other.send(me).await, route, "{place}");
                    }
                }
            }
            assert_eq!(revisions(&world).await, still, "{} changed something", route.operation);
        }
        for route in claviger_web::routes() {
            let mut missed = route.ids.clone();
            missed.retain(|it| !walked.get(route.operation).is_some_and(|done| done.contains(it)));
            missed.retain(|it| !is_apart(route.operation, it));
            assert!(missed.is_empty(), "{} has positions not tried: {missed:?}", route.operation);
        }
        assert_eq!(fingerprint(&world, &their_admin, &theirs).await, before);
    })
    .await;
}

/// Every position of [`HEARD`] of an operation names this thing in the body.
#[track_caller]
fn names(operation: &str, body: &Value, things: &[&str]) {
    for (_, position) in HEARD.iter().filter(|(own, _)| *own == operation) {
        let named = body.pointer(position).and_then(Value::as_str);
        assert!(named.is_some_and(|it| things.contains(&it)), "{operation} {position}: {body}");
    }
}

/// What a device says that it met at a lock.
fn met(phone: &str, lock: &str) -> Value {
    json!({
        "device_id": phone,
        "acknowledged": [{"lock_id": lock, "class": 0, "serial": 1}],
        "erased": [{"lock_id": lock, "class": 0, "serial": 1}],
        "hellos": [{"lock_id": lock, "epoch": 1, "version": 99, "list_limit": 4096}],
        "nonces": [{"lock_id": lock, "nonce": "AAAAAAAAAAAAAAAAAAAAAA=="}],
        "reports": [{"lock_id": lock, "code": 1}],
    })
}

#[tokio::test]
async fn what_a_device_met_at_another_places_lock_comes_to_nothing() {
    on_each_engine(|world| async move {
        let Two { world, mine, theirs, their_admin } = two(world).await;
        let call = async |actor: &Actor, things: &Furniture, body: Value| {
            actor.post(&things.path("/devices/sync"), body).await.expect(200)
        };
        // In each place the phone has a key for the lock, which it has not acknowledged.
        let mut given = Vec::new();
        for (actor, things) in [(&world.admin, &mine), (&their_admin, &theirs)] {
            let subject = json!({"person_id": things.at("person")});
            let grant = json!({"subject": subject, "target": {"lock_id": things.at("told_lock")}});
            actor.post(&things.path("/grants"), grant).await.expect(201);
            let answer = call(actor, things, json!({"device_id": things.at("phone")})).await;
            assert_eq!(answer["keys"].as_array().unwrap().len(), 1, "{answer}");
            given.push(answer);
        }
        let before = [
            fingerprint(&world, &world.admin, &mine).await,
            fingerprint(&world, &their_admin, &theirs).await,
        ];
        let body = met(mine.at("phone"), theirs.at("told_lock"));
        names("sync_device", &body, &[theirs.at("told_lock")]);
        let told = call(&world.admin, &mine, body).await;
        assert_eq!(told, given[0], "as if it had met nobody");
        let after = [
            fingerprint(&world, &world.admin, &mine).await,
            fingerprint(&world, &their_admin, &theirs).await,
        ];
        assert_eq!(after, before);
        let nothing = json!({"device_id": theirs.at("phone")});
        assert_eq!(call(&their_admin, &theirs, nothing).await, given[1], "theirs holds no key yet");
        // The same of one's own lock is taken in.
        let own = call(&world.admin, &mine, met(mine.at("phone"), mine.at("told_lock"))).await;
        assert_eq!(own["keys"], json!([]), "{own}");
        assert_eq!(own["fresh"].as_array().unwrap().len(), 1, "{own}");
    })
    .await;
}

#[tokio::test]
async fn what_a_controller_heard_of_another_place_comes_to_nothing() {
    on_each_engine(|world| async move {
        let Two { world, mine, theirs, their_admin } = two(world).await;
        let at = |actor: &Actor, things: &Furniture| Site {
            actor: actor.clone(),
            place: things.at("place").to_owned(),
        };
        let (here, there) = (at(&world.admin, &mine), at(&their_admin, &theirs));
        let (mut own, mut other) =
            (Panel::at(&here, json!({})).await, Panel::at(&there, json!({})).await);
        let (gate, far) = (own.lock(&here, "Gate").await, other.lock(&there, "Gate").await);
        own.settle().await;
        other.settle().await;
        there.post(&format!("/locks/{}/unlock", id(&far)), json!({})).await.expect(200);
        let command = other.call(json!({})).await["commands"][0]["id"].clone();
        let before = fingerprint(&world, &their_admin, &theirs).await;
        let heard = json!({
            "commands": [{"id": command, "result": "ok"}],
            "events": [{
                "seq": 1, "kind": "access_denied", "lock": gate["number"], "method": "card",
                "occurred_at": "2026-01-01T00:00:00Z", "reasons": ["no_grant"],
                "credential_id": theirs.at("credential"),
            }],
        });
        names("sync_controller", &heard, &[command.as_str().unwrap(), theirs.at("credential")]);
        let told = own.call(heard).await;
        assert_eq!((&told["event_seq"], &told["commands"]), (&json!(1), &json!([])), "{told}");
        // The revisions of all places come last; one's own may move.
        let after = fingerprint(&world, &their_admin, &theirs).await;
        assert_eq!(after[..after.len() - 1], before[..before.len() - 1]);
        let waiting = other.call(json!({})).await["commands"][0]["id"].clone();
        assert_eq!(waiting, command, "theirs has still to open");
        let events = here.list("/events").await;
        let event = events.last().unwrap();
        let said = (&event["lock_id"], &event["credential_id"], &event["person_id"]);
        assert_eq!(said, (&gate["id"], &json!(null), &json!(null)), "{event}");
    })
    .await;
}

#[tokio::test]
async fn the_same_requests_with_ones_own_ids_find_what_they_name() {
    on_each_engine(|world| async move {
        let Two { world, mine, theirs, their_admin } = two(world).await;
        let before = fingerprint(&world, &their_admin, &theirs).await;
        let mut routes = claviger_web::routes();
        routes.retain(|it| {
            !it.open && !it.path.contains("/session") && !it.path.contains("/account")
        });
        routes.sort_by_key(|it| (rank(it), it.method != "GET"));
        let named = mine.by_external_id();
        let mut turn = 100;
        for route in &routes {
            let once = rank(route) > 0
                || ["accept_shared_lock", "invite_person"].contains(&route.operation);
            for things in if once { vec![&mine] } else { vec![&mine, &named] } {
                // A stream never ends; controllers are for their own clients alone, and a program
                // is no person.
                let people = ["own_person", "own_access", "own_export"];
                let apart = [&["stream_events", "sync_controller"][..], &people].concat();
                if apart.contains(&route.operation) {
                    continue;
                }
                turn += 1;
                let mut all = samples(route, things, turn);
                // A batch closes a grant: once.
                all.truncate(if once { 1 } else { all.len() });
                for sample in all {
                    let answer = sample.send(&world.admin).await;
                    // In use, shared already: found, and refused for what it is.
                    let found = (200..300).contains(&answer.status) || answer.status == 409;
                    assert!(found, "{}: {} {}", route.operation, sample.url(), answer.text);
                }
            }
        }
        // What is done in one place leaves the other as it was but for the revisions of the first.
        let after = fingerprint(&world, &their_admin, &theirs).await;
        assert_eq!(after[..after.len() - 1], before[..before.len() - 1]);
    })
    .await;
}

#[tokio::test]
async fn the_same_external_id_in_two_places_names_each_places_own() {
    on_each_engine(|world| async move {
        let Two { world, mine, theirs, their_admin } = two(world).await;
        for (actor, things) in [(&world.admin, &mine), (&their_admin, &theirs)] {
            let lock = json!({"name": "Door", "external_id": "front"});
            let made = actor.post(&things.path("/locks"), lock).await.expect(201);
            let found = actor.get(&things.path("/locks/external:front")).await.expect(200);
            assert_eq!(found["id"], made["id"]);
        }
        let place = json!({"external_id": "hq"});
        world.admin.patch(&mine.path(""), place.clone()).await.expect(200);
        their_admin.patch(&theirs.path(""), place).await.expect(200);
        for (actor, things) in [(&world.admin, &mine), (&their_admin, &theirs)] {
            let found = actor.get("/api/v1/places/external:hq").await.expect(200);
            assert_eq!(found["id"], things.at("place"));
        }
        for (actor, things) in [(&world.admin, &mine), (&their_admin, &theirs)] {
            let client = json!({
                "name": "ERP", "kind": "oauth2", "scopes": ["people:read"], "external_id": "erp",
                "place_ids": [things.at("place")],
            });
            let made = actor.post("/api/v1/clients", client).await.expect(201);
            let found = actor.get("/api/v1/clients/external:erp").await.expect(200);
            assert_eq!(found["id"], made["id"]);
        }
        // Cards and addresses are each place's own too: no conflict tells of the other.
        let person = json!({"first_name": "X", "email": "theirs@example.org"});
        world.admin.post(&mine.path("/people"), person).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn nothing_of_another_place_is_in_any_list() {
    on_each_engine(|world| async move {
        let Two { world, mine, theirs, their_admin } = two(world).await;
        let own = fingerprint(&world, &world.admin, &mine).await;
        let text: String = own[..own.len() - 1].iter().map(ToString::to_string).collect();
        for name in ["place", "person", "credential", "lock", "level", "grant", "client", "offered"]
        {
            assert!(!text.contains(theirs.at(name)), "{name} of the other place is seen");
            assert!(text.contains(mine.at(name)), "{name} is seen");
        }
        assert!(!text.contains("theirs"), "{text}");
        let places = world.admin.get("/api/v1/places").await.expect(200);
        assert!(!places.to_string().contains(theirs.at("place")), "{places}");
        let me = their_admin.get("/api/v1/me").await.expect(200);
        assert_eq!(me["organization"]["name"], "Andra AB");
        assert!(!me.to_string().contains(mine.at("place")), "{me}");
    })
    .await;
}

#[tokio::test]
async fn waiting_for_a_revision_tells_nothing_of_another_place() {
    on_each_engine(|world| async move {
        let Two { world, theirs, .. } = two(world).await;
        let nowhere = "0198c0de-0000-7000-8000-000000000000";
        for route in claviger_web::routes() {
            if route.method != "GET" || !route.path.contains("{place}") {
                continue;
            }
            for place in [theirs.at("place"), nowhere] {
                let path = route.path.replace("{place}", place).replace("{id}", theirs.at("lock"));
                let far = [("claviger-at-least", "999999")];
                let query = match route.operation {
                    "schedule_occurrences" => {
                        "?from=2026-03-01T00:00:00Z&until=2026-03-08T00:00:00Z"
                    }
                    _ => "",
                };
                let answer = world.admin.send("GET", &format!("{path}{query}"), &far, None).await;
                answer.problem(404, "not_found");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn authority_over_a_place_goes_down_and_never_up_or_sideways() {
    on_each_engine(|world| async move {
        let all = world.admin.get("/api/v1/me").await.expect(200)["scopes"].clone();
        let all: Vec<&str> = all.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let make = async |name: &str, parent: &str| -> String {
            let body = json!({"name": name, "parent_id": parent});
            let made = world.admin.post("/api/v1/places", body).await.expect(201);
            assert_eq!(made["parent_id"], parent);
            id(&made).to_owned()
        };
        let (north, south) = (make("North", &world.place).await, make("South", &world.place).await);
        let cellar = make("Cellar", &north).await;
        let of = |place: &str, path: &str| format!("/api/v1/places/{place}{path}");

        let top = world.admin.makes_key(&all, &[&world.place]).await;
        for place in [&world.place, &north, &south, &cellar] {
            top.get(&of(place, "")).await.expect(200);
            let person = json!({"first_name": "Ann", "external_id": "ann"});
            top.post(&of(place, "/people"), person).await.expect(201);
        }
        let listed = top.get("/api/v1/places").await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 4, "{listed}");

        let middle = world.admin.makes_key(&all, &[&north]).await;
        middle.get(&of(&cellar, "/people")).await.expect(200);
        for beyond in [&world.place, &south] {
            for path in ["", "/people", "/people/external:ann", "/events", "/changes"] {
                middle.get(&of(beyond, path)).await.problem(404, "not_found");
            }
            let person = json!({"first_name": "Bo"});
            middle.post(&of(beyond, "/people"), person).await.problem(404, "not_found");
            let under = json!({"name": "Under", "parent_id": beyond});
            let answer = middle.post("/api/v1/places", under).await.problem(404, "not_found");
            assert_eq!(answer["errors"][0]["pointer"], "/parent_id");
            let client = json!({
                "name": "c", "kind": "api_key", "scopes": ["people:read"], "place_ids": [beyond],
            });
            let answer = middle.post("/api/v1/clients", client).await.problem(404, "not_found");
            assert_eq!(answer["errors"][0]["pointer"], "/place_ids/0");
        }
        let listed = middle.get("/api/v1/places").await.expect(200);
        let seen: Vec<_> = listed["items"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(seen, [north.as_str(), cellar.as_str()]);
        // A client of the place above is not the lower place's to see.
        let mine = world.admin.get("/api/v1/me").await.expect(200);
        let above = format!("/api/v1/clients/{}", id(&mine));
        middle.get(&above).await.problem(404, "not_found");
        middle.delete(&above).await.problem(404, "not_found");

        // Above and below are two places all the same: an id of one means nothing in the other.
        let ann = top.get(&of(&north, "/people/external:ann")).await.expect(200);
        for elsewhere in [&world.place, &cellar, &south] {
            let path = of(elsewhere, &format!("/people/{}", id(&ann)));
            top.get(&path).await.problem(404, "not_found");
            top.delete(&path).await.problem(404, "not_found");
            let lock =
                top.post(&of(elsewhere, "/locks"), json!({"name": "Door"})).await.expect(201);
            let grant = json!({
                "subject": {"person_id": id(&ann)}, "target": {"lock_id": id(&lock)},
            });
            let answer = top.post(&of(elsewhere, "/grants"), grant).await.problem(404, "not_found");
            assert_eq!(answer["errors"][0]["code"], "not_found");
        }
        let under = of(&north, "");
        let moved = top.patch(&under, json!({"parent_id": south})).await;
        assert_eq!(moved.status, 422, "a parent is set when the place is made: {}", moved.text);
        assert_eq!(top.get(&under).await.expect(200)["parent_id"], world.place.as_str());
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_offered_is_not_there_until_it_is_accepted() {
    on_each_engine(|world| async move {
        let Two { world, mine, theirs, their_admin } = two(world).await;
        let shares = mine.path(&format!("/locks/{}/shares", mine.at("lock")));
        let with = json!({"place_id": theirs.at("place")});
        let offer = world.admin.post(&shares, with).await.expect(201);
        assert_eq!(offer["state"], "offered");
        let there = theirs.path(&format!("/locks/{}", mine.at("lock")));
        their_admin.get(&there).await.problem(404, "not_found");
        their_admin.get(&format!("{there}/access")).await.problem(404, "not_found");
        their_admin.patch(&there, json!({"name": "Ours"})).await.problem(404, "not_found");
        let grant = json!({
            "subject": {"person_id": theirs.at("person")},
            "target": {"lock_id": mine.at("lock")},
        });
        their_admin.post(&theirs.path("/grants"), grant.clone()).await.problem(404, "not_found");
        let accept = theirs.path(&format!("/shared-locks/{}/accept", mine.at("lock")));
        world.admin.post(&accept, json!({})).await.problem(404, "not_found");

        let accepted = their_admin.post(&accept, json!({})).await.expect(200);
        assert_eq!(accepted["id"], mine.at("lock"));
        their_admin.get(&there).await.expect(200);
        let given = their_admin.post(&theirs.path("/grants"), grant).await.expect(201);
        // The lock is shared, the people are not.
        let access = mine.path(&format!("/locks/{}/access", mine.at("lock")));
        let seen = world.admin.get(&access).await.expect(200);
        assert!(!seen.to_string().contains(theirs.at("person")), "{seen}");
        let one = mine.path(&format!("/grants/{}", id(&given)));
        world.admin.get(&one).await.problem(404, "not_found");
        let not_theirs = their_admin.patch(&there, json!({"name": "Ours"})).await;
        assert!(matches!(not_theirs.status, 403 | 409 | 422), "{}", not_theirs.text);
        let own = world.admin.get(&mine.path(&format!("/locks/{}", mine.at("lock")))).await;
        assert_eq!(own.expect(200)["name"], "Door mine");
    })
    .await;
}

#[tokio::test]
async fn the_result_of_a_batch_is_its_makers_as_long_as_the_place_is() {
    on_each_engine(|world| async move {
        let mine = furnish(&world.admin, &world.place, "mine").await;
        let body = json!({
            "name": "batches", "kind": "api_key", "scopes": ["grants:write"],
            "place_ids": [world.place],
        });
        let client = world.admin.post("/api/v1/clients", body).await.expect(201);
        let maker = world.admin.with(Some(client["secret"].as_str().unwrap().to_owned()));
        let batch = json!({"revoke": [mine.at("grant")]});
        let done = maker.post(&mine.path("/grants/batch"), batch).await.expect(200);
        let one = mine.path(&format!("/operations/{}", id(&done)));
        assert_eq!(maker.get(&one).await.expect(200), done);
        assert_eq!(done["results"][0]["id"], mine.at("grant"));
        world.admin.get(&one).await.problem(404, "not_found");
        let elsewhere = json!({"place_ids": [mine.at("neighbour")]});
        let path = format!("/api/v1/clients/{}", id(&client));
        world.admin.patch(&path, elsewhere).await.expect(200);
        maker.get(&one).await.problem(404, "not_found");
    })
    .await;
}
