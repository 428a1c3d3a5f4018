//! Tokens, discovery, and who is refused what.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{Unloc, phone, refused};
use crate::support::{Actor, World, id, on_each_engine};

#[tokio::test]
async fn a_token_is_a_jwt_for_one_project() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        for path in ["/compat/unloc/v2/auth/token/", "/compat/unloc/v2/auth/token"] {
            let token = program.token(path).await.expect(200);
            assert_eq!(token["token_type"], "bearer");
            assert_eq!(token["expires_in"], 3600);
            assert_eq!(token["scope"], json!(["project.admin"]));
            assert_eq!(token["project_id"], world.place);
            let payload = token["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
            let decoder = base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let payload: Value = serde_json::from_slice(&decoder.decode(payload).unwrap()).unwrap();
            let left = payload["exp"].as_i64().unwrap() - world.app.now().seconds();
            assert!((3590..=3600).contains(&left), "{payload}");
        }
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope=project.admin\
             &project_id={}",
            program.client_id, program.client_secret, world.place
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let path = "/compat/unloc/v2/auth/token/";
        let nobody = world.nobody();
        nobody.send("POST", path, &headers, Some(form)).await.expect(200);

        let found = nobody
            .post(
                "/compat/unloc/v2/auth/resources-discovery/",
                json!({
                    "client_id": program.client_id, "client_secret": program.client_secret,
                }),
            )
            .await
            .expect(200);
        let project = json!({ "projectId": world.place, "scope": "project.admin" });
        assert_eq!(found["resources"]["projects"], json!([project]));
        let organization = &found["resources"]["organizations"][0];
        assert_eq!(organization["scope"], "organization.admin");
        let project = program.get("").await.expect(200);
        assert_eq!(project["project"]["organizationId"], organization["organizationId"]);
        assert_eq!(project["project"]["name"], "Main house");
    })
    .await;
}

#[tokio::test]
async fn refusals_say_what_either_kind_of_client_reads() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let nobody = world.nobody();
        let path = "/compat/unloc/v2/auth/token/";
        let good = json!({
            "grant_type": "client_credentials", "client_id": program.client_id,
            "client_secret": program.client_secret, "scope": "project.admin",
            "project_id": world.place,
        });
        let with = |field: &str, value: Value| {
            let mut body = good.clone();
            body[field] = value;
            body
        };
        let wrong = nobody.post(path, with("client_secret", json!("wrong"))).await;
        refused(&wrong, 401, &[]);
        assert_eq!(wrong.body["error"], "invalid_client");
        assert_eq!(wrong.body["errorDescription"], wrong.body["detail"]);
        refused(
            &nobody.post(path, with("grant_type", json!("password"))).await,
            400,
            &["grant_type"],
        );
        refused(&nobody.post(path, with("scope", json!("everything"))).await, 400, &["scope"]);
        let none = nobody.post(path, json!({})).await;
        let all = ["grant_type", "client_id", "client_secret", "scope", "project_id"];
        refused(&none, 400, &all);
        let unknown = json!("01890000-0000-7000-8000-000000000000");
        refused(&nobody.post(path, with("project_id", unknown)).await, 403, &[]);

        let keys = program.path("/keys");
        for token in [None, Some("x"), Some("a.b.c"), Some("clvt_x")] {
            let actor = nobody.with(token.map(str::to_owned));
            let answer = actor.get(&keys).await;
            refused(&answer, 401, &[]);
            assert!(answer.body["errorDescription"].is_string(), "{}", answer.text);
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        // A native token is none of this surface's, and the other way round.
        refused(&world.admin.get(&keys).await, 401, &[]);
        program.actor.get("/api/v1/me").await.problem(401, "unauthorized");

        let other = world.here().neighbour("Next door").await;
        let path = format!("/compat/unloc/v2/projects/{}/keys", other.place);
        refused(&program.actor.get(&path).await, 403, &[]);
        refused(&program.actor.get("/compat/unloc/v2/projects/abc/keys").await, 403, &[]);
        refused(&program.actor.get("/compat/unloc/v2/nothing").await, 404, &[]);
        let put = program.actor.put(&program.path("/keys"), json!({})).await;
        refused(&put, 405, &[]);
        assert_eq!(put.header("allow"), "POST, GET, DELETE, HEAD");

        let token = program.actor.token.clone();
        let client = format!("/api/v1/clients/{}", program.client_id);
        world.admin.delete(&client).await.expect(204);
        refused(&program.get("/keys").await, 401, &[]);
        let world = world.later(3601).await;
        let late = world.admin.with(token).get(&keys).await;
        refused(&late, 401, &[]);
        assert_eq!(late.body["errorDescription"], "JWT expired");
    })
    .await;
}

#[tokio::test]
async fn every_path_needs_a_token_but_two() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let before = world.revisions().await;
        let mut open = Vec::new();
        let mut named = 0;
        for route in claviger_web::vendor_routes() {
            if !route.path.starts_with("/compat/unloc/") {
                continue;
            }
            if route.open {
                open.push(route.operation);
                continue;
            }
            let filled = route
                .path
                .replace("{project}", &world.place)
                .split('/')
                .map(|part| if part.starts_with('{') { crate::unloc::NOBODYS } else { part })
                .collect::<Vec<_>>()
                .join("/");
            for path in [filled.clone(), format!("{filled}/")] {
                let body = route.body.then(|| "{}".to_owned());
                let answer = world.nobody().send(route.method, &path, &[], body).await;
                refused(&answer, 401, &[]);
            }
            // With a token: an id that names nothing is not there, and nothing changes.
            if route.ids.len() > 1 {
                // Where a connection is made, a vendor stands in the place of an id.
                let status = if route.operation == "create_lock_connection" { 400 } else { 404 };
                let body = route.body.then(|| super::isolation::body(route.operation).to_string());
                let answer = program.actor.send(route.method, &filled, &[], body).await;
                refused(&answer, status, &[]);
                named += 1;
            }
        }
        assert_eq!(open, ["token", "discover"]);
        assert!(named >= 35, "{named} rows name an object");
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn an_organization_token_lists_and_makes_projects() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let project = program.get("").await.expect(200);
        let organization = project["project"]["organizationId"].as_str().unwrap().to_owned();
        let body = json!({
            "grant_type": "client_credentials", "client_id": program.client_id,
            "client_secret": program.client_secret, "scope": "organization.admin",
            "organization_id": organization,
        });
        let token = world.nobody().post("/compat/unloc/v2/auth/token/", body).await.expect(200);
        assert_eq!(token["organization_id"], json!(organization));
        let actor = world.admin.with(token["access_token"].as_str().map(str::to_owned));
        let base = format!("/compat/unloc/v2/organization/{organization}");
        let seen = actor.get(&base).await.expect(200);
        assert_eq!(seen["organization"]["name"], "Hus AB");
        let made = json!({ "name": "New house", "timeZone": "Europe/Oslo" });
        let made = actor.post(&format!("{base}/projects"), made).await.expect(201);
        let listed = actor.get(&format!("{base}/projects")).await.expect(200);
        assert_eq!(listed["projects"].as_array().unwrap().len(), 2);
        assert_eq!(listed["projects"][1], made["project"]);
        let after = format!("{base}/projects?limit=1&startAfterId={}", world.place);
        let page = actor.get(&after).await.expect(200);
        assert_eq!(page["projects"], json!([made["project"]]));
        refused(&actor.get(&program.path("/keys")).await, 403, &[]);
        refused(&program.actor.get(&base).await, 403, &[]);
        let native = world.admin.get("/api/v1/places").await.expect(200);
        let zone =
            native["items"].as_array().unwrap().iter().find(|it| id(it) == id(&made["project"]));
        assert!(zone.is_none(), "the place is the program's, not the set-up client's");
    })
    .await;
}

/// The same program with a server that is set so.
fn with_settings(world: &World, program: &Unloc, unloc: claviger_web::UnlocOptions) -> Actor {
    let options = claviger_web::Options { unloc, ..Default::default() };
    let router = claviger_web::router(world.app.clone(), &options);
    Actor::of(router, program.actor.token.clone())
}

#[tokio::test]
async fn strict_users_makes_unknown_people_an_error() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let settings = claviger_web::UnlocOptions { strict_users: true, ..Default::default() };
        let strict = with_settings(&world, &program, settings);
        let known = json!({ "appUserId": phone(1) });
        program.post("/managed-users", known).await.expect(201);
        let before = world.revisions().await;
        let groups = program.path("/access-groups");
        let group = |people: Value| json!({ "name": "Staff", "lockIds": [], "appUserIds": people });
        let both = group(json!([phone(1), phone(2)]));
        refused(&strict.post(&groups, both).await, 400, &["appUserIds.1"]);
        assert_eq!(world.revisions().await, before);
        let made = strict.post(&groups, group(json!([phone(1)]))).await.expect(201);
        let update = format!("{groups}/{}/update-accesses", id(&made["accessGroup"]));
        let add = json!({ "appUserIdsToAdd": [phone(2)] });
        refused(&strict.post(&update, add.clone()).await, 400, &["appUserIdsToAdd.0"]);
        program.actor.post(&update, add).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn ignore_unknown_passes_over_what_it_does_not_know_and_nothing_else() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let settings = claviger_web::UnlocOptions { ignore_unknown: true, ..Default::default() };
        let easy = with_settings(&world, &program, settings);
        let key = json!({ "lockId": id(&door), "appUserId": phone(1), "colour": "red" });
        let body = json!({ "keys": [key], "comment": "x" });
        let keys = program.path("/keys");
        refused(&program.post("/keys", body.clone()).await, 400, &["comment", "keys.0.colour"]);
        easy.post(&keys, body).await.expect(202);
        let lock = program.path(&format!("/locks/{}", id(&door)));
        let address = json!({ "address": { "street": "Storgata 1", "planet": "Earth" } });
        refused(&program.actor.patch(&lock, address.clone()).await, 400, &["address.planet"]);
        easy.patch(&lock, address).await.expect(200);
        easy.get(&format!("{keys}?colour=red")).await.expect(200);
        let bad = json!({ "keys": [{ "lockId": id(&door), "appUserId": "12" }] });
        refused(&easy.post(&keys, bad).await, 400, &["keys.0.appUserId"]);
    })
    .await;
}
