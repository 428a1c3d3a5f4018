//! What each role may do: the table of `docs/roles.md` against every route of the router's own
//! table, and who gives which role.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::login::{Browser, owner};
use crate::scopes::more_scopes;
use crate::support::{World, id, on_each_engine};
use crate::tour::{furnish, rank, revisions, samples};

const ROLES: [&str; 6] =
    ["guest", "app_guest_manager", "guest_manager", "installer", "administrator", "owner"];

/// The table of the documentation: the scopes of each role.
fn documented() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let text = include_str!("../../../../docs/roles.md");
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let mut rows = rows.map(|line| line.trim_matches('|').split('|').map(str::trim));
    let head: Vec<&str> = rows.next().unwrap().skip(1).collect();
    assert_eq!(head, ROLES);
    let mut table: BTreeMap<&str, BTreeSet<&str>> =
        ROLES.iter().map(|role| (*role, BTreeSet::new())).collect();
    for mut row in rows {
        let scope = row.next().unwrap().trim_matches('`');
        for (role, cell) in ROLES.iter().zip(row) {
            assert!(["", "yes"].contains(&cell), "{scope} of {role}: {cell}");
            if cell == "yes" {
                table.get_mut(role).unwrap().insert(scope);
            }
        }
    }
    assert_eq!(table["owner"].len(), 31, "an owner may do everything");
    assert_eq!(table["guest"].len(), 0);
    table
}

/// The path of the one person who is there after a set-up: the owner.
async fn own(world: &World) -> String {
    let people = world.admin.get(&world.at("/people?email=admin@localhost")).await.expect(200);
    world.at(&format!("/people/{}", id(&people["items"][0])))
}

async fn becomes(world: &World, person: &str, role: &str) {
    let changed = world.admin.patch(person, json!({"role": role})).await.expect(200);
    assert_eq!(changed["role"], role);
}

async fn patch(browser: &Browser, path: &str, body: Value) -> crate::support::Answer {
    browser.send("PATCH", path, Some(body)).await
}

#[tokio::test]
async fn every_route_is_open_to_a_role_as_the_table_says_and_closed_to_the_others() {
    on_each_engine(|world| async move {
        let (table, browser) = (documented(), owner(&world).await);
        let person = own(&world).await;
        let things = furnish(&world.admin, &world.place, "mine").await;
        let mut routes = claviger_web::routes();
        routes.retain(|route| route.scope.is_some());
        routes.sort_by_key(rank);
        let mut walked = BTreeMap::new();
        for (turn, role) in ROLES.into_iter().enumerate() {
            becomes(&world, &person, role).await;
            for route in &routes {
                let mut needs = route.scope.into_iter().chain(more_scopes(route).iter().copied());
                let may = needs.all(|scope| table[role].contains(scope));
                if may && route.operation == "stream_events" {
                    continue;
                }
                let before = revisions(&world).await;
                for sample in samples(route, &things, turn) {
                    let answer = browser.send(sample.method, &sample.url(), sample.body).await;
                    let what = format!("{role} {}: {}", route.operation, answer.text);
                    let refused = answer.body["code"] == "forbidden_scope";
                    assert_eq!(
                        (refused, answer.status == 403),
                        (!may, !may || named_only(&answer)),
                        "{what}"
                    );
                    assert_ne!(answer.status, 401, "{what}");
                }
                if !may {
                    assert_eq!(revisions(&world).await, before, "{role} {}", route.operation);
                }
                *walked.entry((role, may)).or_insert(0) += 1;
            }
        }
        assert_eq!(walked.get(&("guest", true)), None, "{walked:?}");
        assert_eq!(walked.get(&("owner", false)), None, "{walked:?}");
        for role in ["app_guest_manager", "guest_manager", "installer"] {
            assert!(walked[&(role, true)] > 20 && walked[&(role, false)] > 20, "{walked:?}");
        }
    })
    .await;
}

/// Whether somebody was let in and refused for another reason: a call for a controller is its own.
fn named_only(answer: &crate::support::Answer) -> bool {
    answer.body["code"] == "escalation"
}

#[tokio::test]
async fn nobody_gives_a_role_beyond_their_own() {
    on_each_engine(|world| async move {
        let browser = owner(&world).await;
        let self_path = own(&world).await;
        // Giver and the roles they give, to a guest; a manager of guests gives none.
        let gives: [(&str, &[&str]); 6] = [
            ("guest", &[]),
            ("app_guest_manager", &[]),
            ("guest_manager", &[]),
            ("installer", &["installer"]),
            ("administrator", &ROLES[..5]),
            ("owner", &ROLES),
        ];
        for (giver, given) in gives {
            becomes(&world, &self_path, giver).await;
            for role in &ROLES[1..] {
                let guest = world.made("/people", json!({"first_name": "Ann"})).await;
                let path = world.at(&format!("/people/{}", id(&guest)));
                let answer = patch(&browser, &path, json!({"role": role})).await;
                if given.contains(role) {
                    assert_eq!(answer.expect(200)["role"], *role, "{giver}");
                    // What one gives one takes back.
                    patch(&browser, &path, json!({"role": "guest"})).await.expect(200);
                    continue;
                }
                assert_eq!(answer.status, 403, "{giver} {role}: {}", answer.text);
                becomes(&world, &path, role).await;
                for body in [json!({"role": "guest"}), json!({"email": "mallory@example.org"})] {
                    let refused = patch(&browser, &path, body).await;
                    assert_eq!(refused.status, 403, "{giver} {role}: {}", refused.text);
                }
                for (method, path) in
                    [("DELETE", path.clone()), ("POST", format!("{path}/suspend"))]
                {
                    let refused = browser.send(method, &path, None).await;
                    assert_eq!(refused.status, 403, "{giver} {role}: {}", refused.text);
                }
                assert_eq!(world.admin.get(&path).await.expect(200)["role"], *role);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_installer_changes_of_a_person_the_role_alone() {
    on_each_engine(|world| async move {
        let browser = owner(&world).await;
        becomes(&world, &own(&world).await, "installer").await;
        let guest = world.made("/people", json!({"first_name": "Ann"})).await;
        let path = world.at(&format!("/people/{}", id(&guest)));
        for body in [json!({"first_name": "Bo"}), json!({"role": "installer", "note": "x"})] {
            patch(&browser, &path, body).await.problem(403, "forbidden_scope");
        }
        let wish = Some(json!({"first_name": "Bo", "role": "installer"}));
        let made = browser.send("POST", &world.at("/people"), wish).await;
        made.problem(403, "forbidden_scope");
        assert_eq!(world.admin.get(&path).await.expect(200), guest, "nothing was changed");
        patch(&browser, &path, json!({"role": "installer"})).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn roles_of_several_places_add_up_downwards_only() {
    on_each_engine(|world| async move {
        let browser = owner(&world).await;
        let below = json!({"name": "Cellar", "parent_id": world.place});
        let below = world.admin.post("/api/v1/places", below).await.expect(201);
        let at = |path: &str| format!("/api/v1/places/{}{path}", id(&below));
        becomes(&world, &own(&world).await, "guest_manager").await;
        let lock = || Some(json!({"name": "Door"}));
        let ann = || Some(json!({"first_name": "Ann"}));
        // Managing guests above is managing guests below.
        browser.send("POST", &at("/people"), ann()).await.expect(201);
        browser.send("POST", &at("/locks"), lock()).await.problem(403, "forbidden_scope");

        // The same account, an installer below, as an owner of a place of its own becomes.
        becomes(&world, &own(&world).await, "owner").await;
        let wish = json!({"name": "Attic", "parent_id": world.place});
        let attic = browser.send("POST", "/api/v1/places", Some(wish)).await.expect(201);
        let attic_at = |path: &str| format!("/api/v1/places/{}{path}", id(&attic));
        let people = browser.get(&attic_at("/people")).await.expect(200);
        let there = attic_at(&format!("/people/{}", id(&people["items"][0])));
        world.admin.patch(&there, json!({"role": "installer"})).await.expect(200);
        becomes(&world, &own(&world).await, "guest_manager").await;
        browser.send("POST", &attic_at("/people"), ann()).await.expect(201);
        browser.send("POST", &attic_at("/locks"), lock()).await.expect(201);
        let webhooks = browser.get(&attic_at("/webhooks")).await;
        webhooks.problem(403, "forbidden_scope");
        // Not upwards.
        browser.send("POST", &world.at("/locks"), lock()).await.problem(403, "forbidden_scope");
    })
    .await;
}

#[tokio::test]
async fn no_program_of_an_administrators_makes_an_owner() {
    on_each_engine(|world| async move {
        let browser = owner(&world).await;
        becomes(&world, &own(&world).await, "administrator").await;
        let me = world.admin.get("/api/v1/me").await.expect(200);
        let all: Vec<&str> = crate::kit::texts(&me["scopes"]);
        let client = |scopes: &[&str]| {
            Some(json!({
                "name": "p", "kind": "api_key", "scopes": scopes, "place_ids": [world.place],
            }))
        };
        let refused = browser.send("POST", "/api/v1/clients", client(&all)).await;
        refused.problem(403, "escalation");
        let most: Vec<&str> = all.into_iter().filter(|it| *it != "organization:write").collect();
        let made = browser.send("POST", "/api/v1/clients", client(&most)).await.expect(201);
        let program = world.admin.with(Some(made["secret"].as_str().unwrap().to_owned()));
        let wish = json!({"first_name": "Ann", "role": "owner"});
        program.post(&world.at("/people"), wish).await.problem(403, "escalation");
        let wish = json!({"first_name": "Ann", "role": "guest_manager"});
        program.post(&world.at("/people"), wish).await.expect(201);
    })
    .await;
}
