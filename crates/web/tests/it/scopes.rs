//! What a program may do: nothing without the scope, nowhere but in its places, and it gives nobody
//! what it does not hold.

use std::collections::BTreeMap;

use claviger_web::Listed;
use serde_json::{Value, json};

use crate::kit::{in_seconds, one};
use crate::support::{Actor, World, id, on_each_engine};
use crate::tapkey::Tapkey;
use crate::tour::{Furniture, furnish, revisions, samples};

/// What a route asks for beside its own scope, because its answer shows more than one noun.
pub(crate) fn more_scopes(route: &Listed) -> &'static [&'static str] {
    match route.operation {
        "export_person" => &["events:read", "credentials:read", "grants:read", "changes:read"],
        "create_webhook" | "change_webhook" | "replay_delivery" => &["events:read"],
        "person_access" => &["people:read"],
        "lock_access" => &["locks:read"],
        "access_level_grants" => &["access_levels:read"],
        "modify_access_level" => &["grants:write"],
        "hold_person" | "release_person" | "forget_person" => &["people:write"],
        "hold_place" | "release_place" => &["places:write"],
        _ => &[],
    }
}

pub(crate) async fn all_scopes(actor: &Actor) -> Vec<String> {
    let me = actor.get("/api/v1/me").await.expect(200);
    me["scopes"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// The scope and what implies it.
fn ways(scope: &str) -> Vec<String> {
    match scope.strip_suffix(":read") {
        Some(noun) => vec![scope.to_owned(), format!("{noun}:write")],
        None => vec![scope.to_owned()],
    }
}

#[tokio::test]
async fn every_route_with_a_scope_is_closed_to_whoever_holds_every_other() {
    on_each_engine(|world| async move {
        let things = furnish(&world.admin, &world.place, "mine").await;
        let all = all_scopes(&world.admin).await;
        assert_eq!(all.len(), 31, "{all:?}");
        let mut without: BTreeMap<String, Actor> = BTreeMap::new();
        let mut walked = 0;
        for route in claviger_web::routes() {
            let own = route.scope.into_iter();
            for scope in own.chain(more_scopes(&route).iter().copied()) {
                if !without.contains_key(scope) {
                    let lost = ways(scope);
                    let held: Vec<&str> =
                        all.iter().filter(|it| !lost.contains(it)).map(String::as_str).collect();
                    assert!(held.len() < all.len() && held.len() + 2 >= all.len());
                    let key = world.admin.makes_key(&held, &[&world.place]).await;
                    without.insert(scope.to_owned(), key);
                }
                let actor = &without[scope];
                let before = revisions(&world).await;
                for sample in samples(&route, &things, 0) {
                    let answer = sample.send(actor).await;
                    let body = answer.problem(403, "forbidden_scope");
                    let detail = body["detail"].as_str().unwrap();
                    assert!(detail.contains(scope), "{}: {detail}", route.operation);
                }
                assert_eq!(revisions(&world).await, before, "{}", route.operation);
            }
            walked += usize::from(route.scope.is_some());
        }
        assert!(walked > 70, "{walked} routes were walked");
    })
    .await;
}

#[tokio::test]
async fn every_read_is_open_to_whoever_holds_just_its_scope_or_the_writing_one() {
    on_each_engine(|world| async move {
        let things = furnish(&world.admin, &world.place, "mine").await;
        for route in claviger_web::routes() {
            let Some(scope) = route.scope.filter(|_| route.method == "GET") else { continue };
            if route.operation == "stream_events" {
                continue;
            }
            for scope in ways(scope) {
                let mut held = vec![scope.as_str()];
                held.extend(more_scopes(&route).iter().filter(|more| **more != scope));
                let actor = world.admin.makes_key(&held, &[&world.place]).await;
                for sample in samples(&route, &things, 0) {
                    let answer = sample.send(&actor).await;
                    assert_eq!(
                        answer.status, 200,
                        "{} with {held:?}: {}",
                        route.operation, answer.text
                    );
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_for_fewer_scopes_does_no_more_than_it_says() {
    on_each_engine(|world| async move {
        let body = json!({
            "name": "p", "kind": "oauth2", "scopes": ["people:write", "clients:write"],
            "place_ids": [world.place],
        });
        let made = world.admin.post("/api/v1/clients", body).await.expect(201);
        let ask = json!({
            "grant_type": "client_credentials", "client_id": id(&made),
            "client_secret": made["secret"], "scope": "people:read clients:write",
        });
        let token = world.nobody().post("/oauth/token", ask).await.expect(200);
        assert_eq!(token["scope"], "people:read clients:write");
        let narrow = world.admin.with(Some(token["access_token"].as_str().unwrap().to_owned()));
        narrow.get(&world.at("/people")).await.expect(200);
        let answer = narrow.post(&world.at("/people"), json!({"first_name": "Ann"})).await;
        answer.problem(403, "forbidden_scope");
        // Nor does it get by another way what its client holds.
        let own = format!("/api/v1/clients/{}", id(&made));
        narrow.post(&format!("{own}/rotate"), json!({})).await.problem(403, "escalation");
        let wider = json!({"scopes": ["people:write", "clients:write"]});
        narrow.patch(&own, wider).await.problem(403, "escalation");
        world.admin.get(&own).await.expect(200);
    })
    .await;
}

fn client(scopes: &[&str], places: &[&str]) -> Value {
    json!({"name": "p", "kind": "api_key", "scopes": scopes, "place_ids": places})
}

#[tokio::test]
async fn a_client_makes_no_client_with_more_than_it_has() {
    on_each_engine(|world| async move {
        let other = world.admin.post("/api/v1/places", json!({"name": "Other"})).await.expect(201);
        let own = ["people:write", "clients:write", "locks:read"];
        let maker = world.admin.makes_key(&own, &[&world.place]).await;
        let before = revisions(&world).await;
        let here = [world.place.as_str()];
        for more in ["locks:write", "roles:read", "grants:read", "organization:read"] {
            let wish = client(&["people:read", more], &here);
            maker.post("/api/v1/clients", wish).await.problem(403, "escalation");
            let nowhere = client(&["people:read", more], &[]);
            maker.post("/api/v1/clients", nowhere).await.problem(403, "escalation");
        }
        let there = client(&["people:read"], &[&world.place, id(&other)]);
        let answer = maker.post("/api/v1/clients", there).await.problem(404, "not_found");
        assert_eq!(answer["errors"][0]["pointer"], "/place_ids/1");
        assert_eq!(answer["errors"][0]["code"], "not_found");
        assert_eq!(revisions(&world).await, before);

        // Write includes read; the same again is no more.
        let wish = client(&["people:read", "locks:read", "clients:write"], &here);
        let made = maker.post("/api/v1/clients", wish).await.expect(201);
        let one = format!("/api/v1/clients/{}", id(&made));
        maker.patch(&one, json!({"scopes": ["locks:write"]})).await.problem(403, "escalation");
        maker.patch(&one, json!({"place_ids": [id(&other)]})).await.problem(404, "not_found");
        assert_eq!(maker.get(&one).await.expect(200)["scopes"], made["scopes"]);

        // A client that holds more is not the lesser's to widen, to rename or to take over.
        let big = world.admin.post("/api/v1/clients", client(&["grants:write"], &here)).await;
        let big = format!("/api/v1/clients/{}", id(&big.expect(201)));
        for wish in [json!({"scopes": ["grants:write", "people:read"]}), json!({"name": "mine"})] {
            maker.patch(&big, wish).await.problem(403, "escalation");
        }
        maker.post(&format!("{big}/rotate"), json!({})).await.problem(403, "escalation");

        let without = world.admin.makes_key(&["people:write", "clients:read"], &here).await;
        let wish = client(&["people:read"], &here);
        without.post("/api/v1/clients", wish).await.problem(403, "forbidden_scope");
        without.patch(&one, json!({"name": "x"})).await.problem(403, "forbidden_scope");
        without.delete(&one).await.problem(403, "forbidden_scope");
        without.get(&one).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_ends_gives_none_a_longer_life() {
    on_each_engine(|world| async move {
        let soon = in_seconds(&world, 3_000);
        let later = in_seconds(&world, 3_001);
        let wish = |end: Value| {
            let mut wish = client(&["clients:write", "people:read"], &[&world.place]);
            wish["expires_at"] = end;
            wish
        };
        let list = "/api/v1/clients";
        let made = world.admin.post(list, wish(json!(soon))).await.expect(201);
        let ending = world.admin.with(Some(made["secret"].as_str().unwrap().to_owned()));
        let endless = world.admin.post(list, wish(Value::Null)).await.expect(201);
        let (own, endless) = (one(list, &made), one(list, &endless));
        let before = revisions(&world).await;
        for end in [Value::Null, json!(later)] {
            let body = json!({ "expires_at": end });
            ending.patch(&own, body.clone()).await.problem(403, "escalation");
            ending.patch(&endless, body).await.problem(403, "escalation");
            ending.post(list, wish(end)).await.problem(403, "escalation");
        }
        let unsaid = client(&["people:read"], &[&world.place]);
        ending.post(list, unsaid).await.problem(403, "escalation");
        // Whoever had the secret of one that lasts would last as well.
        ending.post(&format!("{endless}/rotate"), json!({})).await.problem(403, "escalation");
        assert_eq!(revisions(&world).await, before);

        let child = ending.post(list, wish(json!(soon))).await.expect(201);
        ending.patch(&one(list, &child), json!({"name": "x"})).await.expect(200);
        ending.post(&format!("{}/rotate", one(list, &child)), json!({})).await.expect(200);
        let sooner = json!({"expires_at": in_seconds(&world, 2_000)});
        ending.patch(&own, sooner).await.expect(200);
        ending.post(list, wish(json!(soon))).await.problem(403, "escalation");
        world.admin.patch(&own, json!({"expires_at": null})).await.expect(200);
        ending.post(list, wish(Value::Null)).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn a_client_without_places_is_widened_by_nobody_lesser() {
    on_each_engine(|world| async move {
        let body = json!({
            "name": "p", "kind": "oauth2", "scopes": ["clients:write", "places:write"],
            "place_ids": [],
        });
        let made = world.admin.post("/api/v1/clients", body).await.expect(201);
        let ask = json!({
            "grant_type": "client_credentials", "client_id": id(&made),
            "client_secret": made["secret"], "scope": "clients:write",
        });
        let token = world.nobody().post("/oauth/token", ask).await.expect(200);
        let narrow = world.admin.with(Some(token["access_token"].as_str().unwrap().to_owned()));
        let rotate = format!("/api/v1/clients/{}/rotate", id(&made));
        narrow.post(&rotate, json!({})).await.problem(403, "escalation");
        // With all it holds it may, and is bound to the places it makes.
        let whole = world.nobody().exchanged(id(&made), made["secret"].as_str().unwrap()).await;
        whole.post(&rotate, json!({})).await.expect(200);
        let place = whole.post("/api/v1/places", json!({"name": "New"})).await.expect(201);
        let me = whole.get("/api/v1/me").await.expect(200);
        assert_eq!(me["places"], json!([{"place_id": place["id"], "role": null}]));
    })
    .await;
}

#[tokio::test]
async fn roles_are_given_by_whoever_holds_all_of_them_and_owner_by_everything() {
    on_each_engine(|world| async move {
        let all = all_scopes(&world.admin).await;
        let here = [world.place.as_str()];
        let plain = world.admin.makes_key(&["people:write"], &here).await;
        let without = async |scope: &str| {
            let almost: Vec<&str> =
                all.iter().map(String::as_str).filter(|it| *it != scope).collect();
            world.admin.makes_key(&almost, &here).await
        };
        let (giver, almost) =
            (without("organization:write").await, without("organization:read").await);
        let (few, lacking) = (
            world.admin.makes_key(&["people:write", "roles:write"], &here).await,
            without("webhooks:write").await,
        );
        let people = world.at("/people");
        let person = |role: &str| json!({"first_name": "Ann", "role": role});

        assert_eq!(plain.post(&people, person("guest")).await.expect(201)["role"], "guest");
        for role in ["administrator", "owner"] {
            for lesser in [&plain, &few, &lacking] {
                lesser.post(&people, person(role)).await.problem(403, "escalation");
                let put = lesser.put(&format!("{people}/external:x"), person(role)).await;
                put.problem(403, "escalation");
            }
        }
        // Whoever has `roles:write` and the address of a mailbox does not become what it cannot do.
        let mine = json!({"email": "mine@example.org", "role": "administrator", "invite": true});
        few.post(&people, mine).await.problem(403, "escalation");
        few.post(&people, person("installer")).await.problem(403, "escalation");
        lacking.post(&people, person("installer")).await.expect(201);
        // Every right to write is the right to read too.
        almost.post(&people, person("owner")).await.expect(201);
        giver.post(&people, person("owner")).await.problem(403, "escalation");
        let made = giver.post(&people, person("administrator")).await.expect(201);
        let one = format!("{people}/{}", id(&made));
        giver.patch(&one, json!({"role": "owner"})).await.problem(403, "escalation");
        for lesser in [&plain, &few, &lacking] {
            lesser.patch(&one, json!({"role": "guest"})).await.problem(403, "escalation");
            lesser.patch(&one, json!({"role": "owner"})).await.problem(403, "escalation");
            lesser.delete(&one).await.problem(403, "escalation");
            lesser.post(&format!("{one}/suspend"), json!({})).await.problem(403, "escalation");
            assert_eq!(lesser.get(&one).await.expect(200)["role"], "administrator");
        }
        assert_eq!(giver.patch(&one, json!({"role": "guest"})).await.expect(200)["role"], "guest");
        let owner = json!({"first_name": "Olga", "role": "owner", "external_id": "olga"});
        let owner = world.admin.post(&people, owner).await.expect(201);
        let one = format!("{people}/{}", id(&owner));
        for lesser in [&plain, &few, &giver] {
            // Whoever sets the address of an owner could become one.
            let address = json!({"email": "mallory@example.org"});
            lesser.patch(&one, address).await.problem(403, "escalation");
            for role in ["guest", "administrator"] {
                lesser.patch(&one, json!({"role": role})).await.problem(403, "escalation");
            }
            lesser.delete(&one).await.problem(403, "escalation");
            lesser.post(&format!("{one}/suspend"), json!({})).await.problem(403, "escalation");
            // By PUT an absent role is guest.
            let put =
                lesser.put(&format!("{people}/external:olga"), json!({"first_name": "O"})).await;
            put.problem(403, "escalation");
            let dry = lesser.send("DELETE", &format!("{one}?dry_run=true"), &[], None).await;
            dry.problem(403, "escalation");
        }
        assert_eq!(world.admin.get(&one).await.expect(200), owner, "nothing of the owner changed");
        world.admin.patch(&one, json!({"role": "guest"})).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_place_is_made_in_the_clients_organization_and_the_client_bound_to_it() {
    on_each_engine(|world| async move {
        let (their_admin, _) = world.another("other@localhost").await;
        let maker = world.admin.makes_key(&["places:write"], &[&world.place]).await;
        let made = maker.post("/api/v1/places", json!({"name": "Second"})).await.expect(201);
        let one = format!("/api/v1/places/{}", id(&made));
        assert_eq!(maker.get(&one).await.expect(200)["name"], "Second");
        for stranger in [&world.admin, &their_admin] {
            stranger.get(&one).await.problem(404, "not_found");
        }
        let reader = world.admin.makes_key(&["places:read"], &[&world.place]).await;
        reader.post("/api/v1/places", json!({"name": "X"})).await.problem(403, "forbidden_scope");
        let below = json!({"name": "X", "parent_id": world.place});
        reader.post("/api/v1/places", below).await.problem(403, "forbidden_scope");
        reader.patch(&world.at(""), json!({"name": "X"})).await.problem(403, "forbidden_scope");
    })
    .await;
}

/// A place with two controllers, a lock of each, and one that asks directly.
struct Panels {
    bound: Actor,
    controllers: [Value; 2],
    locks: [Value; 3],
}

async fn panels(world: &World, scopes: &[&str]) -> Panels {
    let mut controllers = Vec::new();
    let mut locks = Vec::new();
    for name in ["A", "B"] {
        let controller = world.made("/controllers", json!({"name": name})).await;
        let lock = json!({"name": name, "controller_id": id(&controller)});
        locks.push(world.made("/locks", lock).await);
        controllers.push(controller);
    }
    locks.push(world.made("/locks", json!({"name": "C"})).await);
    let body = json!({
        "name": "panel", "kind": "api_key", "scopes": scopes, "place_ids": [world.place],
        "controller_id": id(&controllers[0]),
    });
    let made = world.admin.post("/api/v1/clients", body).await.expect(201);
    assert_eq!(made["controller_id"], controllers[0]["id"]);
    Panels {
        bound: world.admin.with(Some(made["secret"].as_str().unwrap().to_owned())),
        controllers: controllers.try_into().unwrap(),
        locks: locks.try_into().unwrap(),
    }
}

#[tokio::test]
async fn a_client_of_a_controller_decides_for_its_locks_only() {
    on_each_engine(|world| async move {
        let scopes = ["decisions:make", "locks:operate", "locks:read"];
        let Panels { bound, locks: [own, others, direct], .. } = panels(&world, &scopes).await;
        let decisions = world.at("/decisions");
        let ask = |lock: &Value| json!({"lock_id": id(lock), "card": {"bits": 32, "value": "1"}});
        let denied = bound.post(&decisions, ask(&own)).await.expect(200);
        assert_eq!(denied["reasons"][0]["code"], "credential_unknown");
        for other in [&others, &direct] {
            bound.post(&decisions, ask(other)).await.problem(404, "not_found");
            let mut preview = ask(other);
            preview["record"] = false.into();
            bound.post(&decisions, preview).await.problem(404, "not_found");
            let key = [("idempotency-key", "k")];
            let kept = bound.send("POST", &decisions, &key, Some(ask(other).to_string())).await;
            kept.problem(404, "not_found");
            let unlock = world.at(&format!("/locks/{}/unlock", id(other)));
            bound.post(&unlock, json!({})).await.problem(404, "not_found");
            let posture = json!({"posture": "free_access", "lock_ids": [id(other)]});
            let answer = bound.post(&world.at("/posture"), posture).await.problem(404, "not_found");
            assert_eq!(answer["errors"][0]["pointer"], "/lock_ids/0");
        }
        let unlock = world.at(&format!("/locks/{}/unlock", id(&own)));
        assert_eq!(bound.post(&unlock, json!({})).await.expect(200)["result"], "granted");
        let all = json!({"posture": "lockdown", "all": true});
        let obeyed = bound.post(&world.at("/posture"), all).await.expect(200);
        assert_eq!(obeyed["obeyed"], json!([own["id"]]));
        for (lock, posture) in [(&own, "lockdown"), (&others, "normal"), (&direct, "normal")] {
            let seen =
                world.admin.get(&world.at(&format!("/locks/{}", id(lock)))).await.expect(200);
            assert_eq!(seen["posture"], posture);
        }
        let events = world.admin.get(&world.at("/events")).await.expect(200);
        let items = events["items"].as_array().unwrap();
        assert!(items.iter().all(|it| it["lock_id"] == own["id"]), "{events}");
    })
    .await;
}

#[tokio::test]
async fn a_client_of_a_controller_makes_none_that_is_free_of_it() {
    on_each_engine(|world| async move {
        let scopes = ["decisions:make", "clients:write"];
        let Panels { bound, controllers, .. } = panels(&world, &scopes).await;
        let mut wish = client(&["decisions:make"], &[&world.place]);
        bound.post("/api/v1/clients", wish.clone()).await.problem(403, "escalation");
        wish["controller_id"] = controllers[1]["id"].clone();
        bound.post("/api/v1/clients", wish.clone()).await.problem(403, "escalation");
        wish["controller_id"] = controllers[0]["id"].clone();
        let made = bound.post("/api/v1/clients", wish).await.expect(201);
        assert_eq!(made["controller_id"], controllers[0]["id"]);
        let free = client(&["decisions:make"], &[&world.place]);
        let free = world.admin.post("/api/v1/clients", free).await.expect(201);
        let rotate = format!("/api/v1/clients/{}/rotate", id(&free));
        bound.post(&rotate, json!({})).await.problem(403, "escalation");
    })
    .await;
}

#[tokio::test]
async fn a_client_of_a_controller_is_for_its_one_place() {
    on_each_engine(|world| async move {
        let scopes = ["decisions:make", "places:write", "clients:write"];
        let Panels { bound, .. } = panels(&world, &scopes).await;
        let before = revisions(&world).await;
        for wish in [json!({"name": "X"}), json!({"name": "X", "parent_id": world.place})] {
            bound.post("/api/v1/places", wish).await.problem(403, "escalation");
        }
        assert_eq!(revisions(&world).await, before);
        let other = world.admin.post("/api/v1/places", json!({"name": "Other"})).await.expect(201);
        let own = bound.get("/api/v1/me").await.expect(200);
        let own = format!("/api/v1/clients/{}", id(&own));
        for places in [json!([world.place, id(&other)]), json!([id(&other)]), json!([])] {
            let answer = world.admin.patch(&own, json!({"place_ids": places})).await;
            assert_eq!(answer.problem(422, "invalid")["errors"][0]["pointer"], "/place_ids");
        }
        world.admin.patch(&own, json!({"place_ids": [world.place]})).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn how_to_open_is_told_to_whoever_may_read_people_and_grants() {
    on_each_engine(|world| async move {
        let things: Furniture = furnish(&world.admin, &world.place, "mine").await;
        let ask = json!({
            "lock_id": things.at("spare_lock"), "person_id": things.at("spare_person"),
        });
        let here = [world.place.as_str()];
        for (scopes, told) in [
            (&["decisions:make"][..], false),
            (&["decisions:make", "people:read"], false),
            (&["decisions:make", "grants:write"], false),
            (&["decisions:make", "people:read", "grants:read"], true),
        ] {
            let actor = world.admin.makes_key(scopes, &here).await;
            let denied = actor.post(&world.at("/decisions"), ask.clone()).await.expect(200);
            assert_eq!(denied["reasons"][0]["code"], "no_grant");
            assert_eq!(denied["hint"].is_string(), told, "{scopes:?}: {denied}");
            let open = json!({"lock_id": things.at("lock"), "person_id": things.at("person")});
            let granted = actor.post(&world.at("/decisions"), open).await.expect(200);
            assert_eq!(granted["result"], "granted");
            let by = granted["by"].as_array().unwrap();
            assert_eq!(!by.is_empty(), told, "{scopes:?}: {granted}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_program_with_a_role_is_taken_by_whoever_may_give_the_role() {
    on_each_engine(|world| async move {
        let acting = Tapkey::at(&world).await;
        let client =
            format!("/api/v1/clients/{}", acting.credentials["client_id"].as_str().unwrap());
        let here = [world.place.as_str()];
        let few = world.admin.makes_key(&["clients:write"], &here).await;
        few.get(&client).await.expect(200);
        few.post(&format!("{client}/rotate"), json!({})).await.problem(403, "escalation");
        few.patch(&client, json!({"name": "Mine"})).await.problem(403, "escalation");
        few.delete(&client).await.problem(403, "escalation");
        acting.actor.get("/compat/tapkey/api/v1/owners").await.expect(200);
        let all = all_scopes(&world.admin).await;
        let most: Vec<&str> = all.iter().map(String::as_str).collect();
        let most = world.admin.makes_key(&most, &here).await;
        most.post(&format!("{client}/rotate"), json!({})).await.expect(200);
    })
    .await;
}
