//! Tokens for programs, the discovery document, scopes, and roles that say where a scope counts.

use serde_json::{Value, json};

use super::{NOBODYS, TOKEN, Tapkey, basic, credentials, logged_in, refused, text, token};
use crate::support::{Answer, World, id, on_each_engine};

#[track_caller]
fn denied(answer: Answer, status: u16, error: &str) {
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("www-authenticate").is_empty(), status != 401);
    let body = answer.expect(status);
    assert_eq!(body["error"], error, "{body}");
    assert!(body["error_description"].as_str().is_some_and(|it| it.len() > 5), "{body}");
}

#[tokio::test]
async fn a_token_is_given_to_who_proves_to_be_the_client() {
    on_each_engine(|world| async move {
        let made = credentials(&world, &world.place).await;
        let (client, secret) = (text(&made, "client_id"), text(&made, "client_secret"));
        assert_eq!(text(&made, "owner_account_id"), world.place);
        let plain =
            |it: &str| it.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._~".contains(&it));
        assert!(plain(client) && plain(secret), "nothing to encode: {made}");

        let answer = token(&world.nobody(), &made, "&scope=read:grants%20read:logs").await;
        assert_eq!(answer.header("cache-control"), "no-store");
        let given = answer.expect(200);
        assert_eq!(given["scope"], "read:grants read:logs");
        assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(3600)));
        assert!(given["access_token"].as_str().is_some_and(|it| it.len() < 1500), "{given}");
        let all = token(&world.nobody(), &made, "").await.expect(200);
        assert_eq!(all["scope"].as_str().unwrap().split(' ').count(), 11, "{all}");
        let offline = "&scope=read:grants+offline_access+read:grants";
        let offline = token(&world.nobody(), &made, offline).await.expect(200);
        assert_eq!(offline["scope"], "read:grants");
        assert_eq!(offline["refresh_token"], Value::Null);

        let form = [("content-type", "application/x-www-form-urlencoded")];
        let body =
            format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
        for path in [TOKEN, "/compat/tapkey//connect/Token/"] {
            world.nobody().send("POST", path, &form, Some(body.clone())).await.expect(200);
        }
        // What a client that percent-encodes everything sends.
        let encoded: String = client.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let header = basic(&encoded, secret);
        let headers = [form[0], ("authorization", header.as_str())];
        let both = format!("grant_type=client_credentials&client_id={client}");
        world.nobody().send("POST", TOKEN, &headers, Some(both)).await.expect(200);
        let other = "grant_type=client_credentials&client_id=other".to_owned();
        let answer = world.nobody().send("POST", TOKEN, &headers, Some(other)).await;
        denied(answer, 400, "invalid_request");
    })
    .await;
}

#[tokio::test]
async fn a_token_is_refused_in_the_words_of_oauth() {
    on_each_engine(|world| async move {
        let made = credentials(&world, &world.place).await;
        let nobody = world.nobody();
        for (field, value, status, error) in [
            ("grant_type", Value::Null, 400, "invalid_request"),
            ("grant_type", json!("authorization_code"), 400, "invalid_request"),
            ("grant_type", json!("refresh_token"), 400, "invalid_request"),
            ("grant_type", json!("password"), 400, "unsupported_grant_type"),
            ("client_id", Value::Null, 401, "invalid_client"),
            ("client_id", json!(NOBODYS), 401, "invalid_client"),
            ("client_secret", Value::Null, 401, "invalid_client"),
            ("client_secret", json!("clvk_wrong"), 401, "invalid_client"),
            ("scope", json!("read:everything"), 400, "invalid_scope"),
            ("scope", json!("read:grants manage:contacts"), 400, "invalid_scope"),
        ] {
            let mut body = json!({
                "grant_type": "client_credentials", "client_id": made["client_id"],
                "client_secret": made["client_secret"],
            });
            body[field] = value;
            denied(nobody.post(TOKEN, body).await, status, error);
        }
        let body = Some("grant_type=client_credentials".to_owned());
        let form = ("content-type", "application/x-www-form-urlencoded");
        for header in ["Basic", "Basic %%%", "Bearer x", "Basic Og=="] {
            let headers = [form, ("authorization", header)];
            denied(nobody.send("POST", TOKEN, &headers, body.clone()).await, 401, "invalid_client");
        }
    })
    .await;
}

#[tokio::test]
async fn guesses_of_a_secret_are_slowed_down() {
    on_each_engine(|world| async move {
        let made = credentials(&world, &world.place).await;
        let mut wrong = made.clone();
        wrong["client_secret"] = json!("clvk_wrong");
        for _ in 0..10 {
            denied(token(&world.nobody(), &wrong, "").await, 401, "invalid_client");
        }
        let answer = token(&world.nobody(), &made, "").await;
        assert_eq!(answer.status, 429, "{}", answer.text);
        assert!(!answer.header("retry-after").is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_discovery_document_names_what_clients_insist_on() {
    on_each_engine(|world| async move {
        let path = "/compat/tapkey/.well-known/openid-configuration";
        let found = world.nobody().get(path).await.expect(200);
        let issuer = found["issuer"].as_str().unwrap();
        assert_eq!(issuer, "http://localhost:8080/compat/tapkey", "no slash at the end");
        for (name, path) in [
            ("authorization_endpoint", "/connect/authorize"),
            ("token_endpoint", "/connect/token"),
            ("jwks_uri", "/.well-known/openid-configuration/jwks"),
        ] {
            assert_eq!(found[name], format!("{issuer}{path}"));
        }
        for list in [
            "subject_types_supported",
            "response_types_supported",
            "id_token_signing_alg_values_supported",
            "token_endpoint_auth_methods_supported",
        ] {
            assert!(found[list].as_array().is_some_and(|it| !it.is_empty()), "{list}");
        }
        let kinds = found["grant_types_supported"].as_array().unwrap();
        assert!(kinds.contains(&json!("authorization_code")), "{found}");
        let keys = world.nobody().get(&format!("{path}/jwks")).await.expect(200);
        assert_eq!(keys, json!({ "keys": [] }));
        let address = claviger_web::VendorAddress("http://127.0.0.1:9001".to_owned());
        let mut request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        request.extensions_mut().insert(address);
        let answer = tower::ServiceExt::oneshot(world.router.clone(), request).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["issuer"], "http://127.0.0.1:9001");
    })
    .await;
}

/// How the owner account answers a program.
async fn asked(program: &Tapkey) -> Answer {
    program.get("/contacts").await
}

#[tokio::test]
async fn a_service_account_acts_where_it_is_made_co_administrator() {
    on_each_engine(|world| async move {
        let admin = Tapkey::at(&world).await;
        let elsewhere = admin.it.neighbour("Next door").await;
        let mut other = Tapkey::of(&world, elsewhere.clone()).await;
        let owners = "/compat/tapkey/api/v1/owners";
        let home = other.actor.get(owners).await.expect(200);
        assert_eq!(home, json!([{ "id": elsewhere.place, "name": "Next door", "active": true }]));
        other.it = admin.it.clone();
        refused(&asked(&other).await, 401, "Unauthorized", &["no role"]);

        // Its address makes it a contact; the permission makes it more.
        let address = text(&other.credentials, "service_account");
        let contact = admin.contact(address).await;
        refused(&asked(&other).await, 401, "Unauthorized", &["no role"]);
        let body = json!({ "contactId": id(&contact), "role": "Admin" });
        let given = admin.call("PUT", "/permissions", body.clone()).await.expect(200);
        assert_eq!(given["contactId"], contact["id"]);
        asked(&other).await.expect(200);
        assert_eq!(other.actor.get(owners).await.expect(200).as_array().unwrap().len(), 2);
        let native = admin.it.get(&format!("/people/{}", id(&contact))).await;
        assert_eq!(native["role"], "administrator");

        // Suspended natively, and back.
        let path = format!("/people/{}", id(&contact));
        admin.it.acted(&format!("{path}/suspend")).await;
        refused(&asked(&other).await, 401, "Unauthorized", &["no role"]);
        admin.it.acted(&format!("{path}/resume")).await;
        asked(&other).await.expect(200);

        let permission = format!("/permissions/{}", id(&given));
        admin.call("DELETE", &permission, Value::Null).await.expect(204);
        refused(&asked(&other).await, 401, "Unauthorized", &["no role"]);
        admin.call("PUT", "/permissions", body).await.expect(200);
        asked(&other).await.expect(200);
        admin.call("DELETE", &format!("/contacts/{}", id(&contact)), Value::Null).await.expect(204);
        refused(&asked(&other).await, 401, "Unauthorized", &["no role"]);
    })
    .await;
}

#[tokio::test]
async fn a_role_counts_below_its_place_and_not_above() {
    on_each_engine(|world| async move {
        let above = Tapkey::at(&world).await;
        let body = json!({ "name": "Floor", "parent_id": world.place });
        let floor = world.admin.post("/api/v1/places", body).await.expect(201);
        let mut it = world.here();
        it.place = id(&floor).to_owned();
        let mut below = Tapkey::of(&world, it.clone()).await;
        let down = Tapkey { it, actor: above.actor.clone(), credentials: Value::Null };
        asked(&down).await.expect(200);
        let owners = above.actor.get("/compat/tapkey/api/v1/owners").await.expect(200);
        assert_eq!(owners.as_array().unwrap().len(), 2, "{owners}");
        asked(&below).await.expect(200);
        below.it = above.it.clone();
        refused(&asked(&below).await, 401, "Unauthorized", &["no role"]);
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_with_its_hour_and_its_client_and_is_none_elsewhere() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let native = world.at("/people");
        program.actor.get(&native).await.problem(401, "unauthorized");
        let path = program.at_owner("/contacts");
        refused(&world.admin.get(&path).await, 401, "Unauthorized", &["not known"]);
        refused(&world.nobody().get(&path).await, 401, "Unauthorized", &["Bearer"]);
        let mut changed = program.actor.token.clone().unwrap();
        changed.replace_range(60..61, if &changed[60..61] == "A" { "B" } else { "A" });
        let answer = program.actor.with(Some(changed)).get(&path).await;
        refused(&answer, 401, "Unauthorized", &["not known"]);
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
        // A program of the native API has no role here, nor this one any scope there.
        let made = json!({
            "name": "native", "kind": "oauth2", "scopes": ["people:write"],
            "place_ids": [world.place],
        });
        let made = world.admin.post("/api/v1/clients", made).await.expect(201);
        let made = json!({ "client_id": made["id"], "client_secret": made["secret"] });
        let other = logged_in(&world, &made, "").await;
        refused(&other.get(&path).await, 401, "Unauthorized", &["no role"]);
        let client = text(&program.credentials, "client_id").to_owned();
        let own =
            world.nobody().exchanged(&client, text(&program.credentials, "client_secret")).await;
        own.get(&native).await.problem(403, "forbidden_scope");

        let all = crate::scopes::all_scopes(&world.admin).await;
        let later = world.later(3500).await;
        let again = later.nobody().with(program.actor.token.clone());
        again.get(&path).await.expect(200);
        let later = later.later(3601).await;
        let again = later.nobody().with(program.actor.token.clone());
        refused(&again.get(&path).await, 401, "Unauthorized", &["expired"]);
        let actor = logged_in(&later, &program.credentials, "").await;
        actor.get(&path).await.expect(200);
        let admin = logged_in_natively(&later, &all).await;
        admin.delete(&format!("/api/v1/clients/{client}")).await.expect(204);
        refused(&actor.get(&path).await, 401, "Unauthorized", &["not known"]);
        denied(token(&later.nobody(), &program.credentials, "").await, 401, "invalid_client");
    })
    .await;
}

/// A program that may do all of this, an hour later.
async fn logged_in_natively(world: &World, scopes: &[String]) -> crate::support::Actor {
    let redeem = json!({ "setup_code": world.setup_code, "password": "correct horse battery" });
    let session = world.nobody().post("/api/v1/account/invitation", redeem).await;
    let cookie = session.header("set-cookie").to_owned();
    let cookie = cookie.split(';').next().unwrap();
    let body = json!({
        "name": "later", "kind": "api_key", "scopes": scopes,
        "place_ids": [world.place],
    });
    let headers = [("cookie", cookie), ("origin", "http://localhost:8080")];
    let nobody = world.nobody();
    let made = nobody.send("POST", "/api/v1/clients", &headers, Some(body.to_string())).await;
    nobody.with(Some(made.expect(201)["secret"].as_str().unwrap().to_owned()))
}

#[tokio::test]
async fn nobody_learns_anything_without_a_token() {
    on_each_engine(|world| async move {
        let revisions = world.revisions().await;
        let mut open = Vec::new();
        for route in claviger_web::vendor_routes() {
            let Some(_) = route.path.strip_prefix("/compat/tapkey/") else { continue };
            if route.open {
                open.push(route.path);
                continue;
            }
            let path = route.path.replace("{owner}", &world.place);
            let path = path.split('/').map(|it| if it.starts_with('{') { NOBODYS } else { it });
            let path = path.collect::<Vec<_>>().join("/");
            let body = Some("{not json".to_owned());
            let answer = world.nobody().send(route.method, &path, &[], body).await;
            refused(&answer, 401, "Unauthorized", &["token"]);
        }
        open.sort_unstable();
        let base = "/compat/tapkey";
        assert_eq!(
            open,
            [
                format!("{base}/.well-known/openid-configuration"),
                format!("{base}/.well-known/openid-configuration/jwks"),
                format!("{base}/connect/authorize"),
                format!("{base}/connect/authorize"),
                format!("{base}/connect/token"),
            ]
        );
        assert_eq!(world.revisions().await, revisions);
    })
    .await;
}
