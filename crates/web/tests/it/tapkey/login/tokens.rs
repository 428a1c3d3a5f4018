//! Codes and what they are exchanged for: once, by the program they are for, with its proof;
//! refresh tokens any number of times; what a program does then, and for whom.

use serde_json::{Value, json};

use super::super::{Tapkey, basic, refused};
use super::{
    BACK, Browser, PASSWORD, Program, TOKEN, VERIFIER, account, by, challenge, denied, form,
    holder, registered, session, text,
};
use crate::kit::Site;
use crate::support::{Actor, Answer, World, id, on_each_engine};

const OWNERS: &str = "/compat/tapkey/api/v1/owners";

/// The owner account of the first place, seen by whoever holds the tokens of an answer.
fn at_owner(world: &World, tokens: &Value) -> Tapkey {
    let actor = holder(world, tokens);
    let it = Site { actor: world.admin.clone(), place: world.place.clone() };
    Tapkey { it, actor, credentials: Value::Null }
}

#[tokio::test]
async fn a_code_is_exchanged_for_tokens_that_act_for_who_allowed_it() {
    on_each_engine(|world| async move {
        account(&world).await;
        for kind in ["oauth2", "public"] {
            let program = registered(&world, kind).await;
            let mut browser = Browser::of(&world);
            let scope = "write:core:entities read:logs offline_access";
            let asked = program.asks(&[("scope", scope), ("state", "s t&=1")]);
            let sent = browser.allows(&asked).await.is(303).sent();
            assert_eq!((&sent["state"][..], &sent["scope"][..]), ("s t&=1", scope));
            let answer = program.exchanges(&world, &sent["code"]).await;
            assert_eq!(answer.header("cache-control"), "no-store");
            assert!(answer.text.len() < 1000, "fits into a cookie: {}", answer.text);
            let tokens = answer.expect(200);
            assert_eq!(tokens["token_type"], "Bearer");
            assert_eq!(tokens["expires_in"], 3600);
            assert_eq!(tokens["scope"], scope);
            assert!(tokens["refresh_token"].is_string());

            let it = at_owner(&world, &tokens);
            let ann = it.contact(&format!("{kind}@example.org")).await;
            // What it did was done by the human, as the trail has it.
            let changes = world.admin.get(&world.at("/changes?limit=1000")).await.expect(200);
            let changes = changes["items"].as_array().unwrap().clone();
            let made = changes.iter().find(|it| it["object_id"] == ann["id"]).unwrap();
            assert_eq!(made["actor"]["kind"], "account", "{made}");
            refused(&it.get("/permissions").await, 403, "Forbidden", &["permissions"]);
            let owners = it.actor.get(OWNERS).await;
            refused(&owners, 403, "Forbidden", &["read:owneraccounts"]);
            // Natively these tokens are nothing.
            for token in ["access_token", "refresh_token"] {
                let token = Some(text(&tokens, token).to_owned());
                let actor = world.nobody().with(token);
                actor.get(&world.at("/people")).await.problem(401, "unauthorized");
                if actor.token.as_deref() != tokens["access_token"].as_str() {
                    let answer = actor.get(&it.at_owner("/contacts")).await;
                    refused(&answer, 401, "Unauthorized", &["not known"]);
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_needs_its_program_its_address_and_its_proof() {
    on_each_engine(|world| async move {
        account(&world).await;
        let public = registered(&world, "public").await;
        let with_secret = registered(&world, "oauth2").await;
        let other = registered(&world, "public").await;
        let code = public.code(&world, "read:logs").await;
        let before = world.revisions().await;
        let fields = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            let mut fields = vec![
                ("grant_type", "authorization_code".to_owned()),
                ("code", code.clone()),
                ("redirect_uri", BACK.to_owned()),
                ("code_verifier", VERIFIER.to_owned()),
            ];
            for (name, value) in more {
                fields.retain(|(known, _)| known != name);
                fields.push((name, (*value).to_owned()));
            }
            fields
        };
        let ask = async |program: &Program, more: &[(&'static str, &str)]| {
            let fields = fields(more);
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            program.token(&world, &fields).await
        };
        denied(ask(&other, &[]).await, 400, "invalid_grant");
        denied(ask(&with_secret, &[]).await, 400, "invalid_grant");
        for (more, error) in [
            (("code", ""), "invalid_request"),
            (("redirect_uri", ""), "invalid_request"),
            (("code", "clvc_x"), "invalid_grant"),
            (("redirect_uri", "org.example.app:/done"), "invalid_grant"),
            (("redirect_uri", "https://app.example.org/done"), "invalid_grant"),
            (("code_verifier", ""), "invalid_grant"),
            (("code_verifier", super::CHALLENGE), "invalid_grant"),
            (("code_verifier", "short"), "invalid_grant"),
            (("grant_type", "refresh_token"), "invalid_request"),
            (("grant_type", "client_credentials"), "unauthorized_client"),
            (("grant_type", "password"), "unsupported_grant_type"),
        ] {
            denied(ask(&public, &[more]).await, 400, error);
        }
        let nobody = Program { id: super::super::NOBODYS.to_owned(), secret: None };
        denied(ask(&nobody, &[]).await, 401, "invalid_client");
        // A program with a secret must say it, and one without has none.
        let bare = Program { secret: None, ..with_secret.clone() };
        denied(ask(&bare, &[]).await, 401, "invalid_client");
        let claimed = Program { secret: with_secret.secret.clone(), ..public.clone() };
        denied(ask(&claimed, &[]).await, 401, "invalid_client");
        assert_eq!(world.revisions().await, before, "and nothing is stored");
        ask(&public, &[]).await.expect(200);

        // A proof of what was not asked for is of another log-in.
        let code = with_secret.code(&world, "").await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ];
        denied(with_secret.token(&world, &fields).await, 400, "invalid_grant");
        let all = with_secret.exchanges(&world, &code).await.expect(200);
        assert_eq!(all["scope"].as_str().unwrap().split(' ').count(), 11, "{all}");
        assert!(all["refresh_token"].is_null(), "{all}");
    })
    .await;
}

#[tokio::test]
async fn a_code_lasts_a_minute_and_a_second_use_ends_what_it_gave() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "public").await;
        let code = program.code(&world, "write:core:entities offline_access").await;
        let tokens = program.exchanges(&world, &code).await.expect(200);
        let again = program.refreshes(&world, text(&tokens, "refresh_token"), "").await;
        let again = again.expect(200);
        let other = program.tokens(&world, "write:core:entities").await;
        for tokens in [&tokens, &again, &other] {
            at_owner(&world, tokens).get("/contacts").await.expect(200);
        }
        let late = program.code(&world, "read:logs").await;
        let world = world.later(61).await;
        denied(program.exchanges(&world, &late).await, 400, "invalid_grant");
        denied(program.exchanges(&world, &code).await, 400, "invalid_grant");
        for tokens in [&tokens, &again] {
            let answer = at_owner(&world, tokens).get("/contacts").await;
            refused(&answer, 401, "Unauthorized", &["not known"]);
        }
        let answer = program.refreshes(&world, text(&tokens, "refresh_token"), "").await;
        denied(answer, 400, "invalid_grant");
        at_owner(&world, &other).get("/contacts").await.expect(200);
        denied(program.exchanges(&world, &code).await, 400, "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn of_twenty_that_bring_a_code_at_once_one_at_most_gets_tokens() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "public").await;
        let code = program.code(&world, "write:core:entities offline_access").await;
        let tries = (0..20).map(|_| program.exchanges(&world, &code));
        let answers: Vec<Answer> = futures_util::future::join_all(tries).await;
        let given: Vec<&Answer> = answers.iter().filter(|it| it.status == 200).collect();
        assert_eq!(given.len(), 1);
        assert!(answers.iter().all(|it| [200, 400].contains(&it.status)));
        // The others are as a thief would be.
        let answer = at_owner(&world, &given[0].body).get("/contacts").await;
        refused(&answer, 401, "Unauthorized", &["not known"]);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_used_again_and_again_and_ends_no_other_token() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "public").await;
        let tokens =
            program.tokens(&world, "write:core:entities write:grants offline_access").await;
        let refresh = text(&tokens, "refresh_token");
        // With what some programs send along from the exchange of the code.
        let along = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
            ("redirect_uri", "https://elsewhere.example/"),
            ("code_verifier", VERIFIER),
            ("code", "x"),
        ];
        let second = program.token(&world, &along).await.expect(200);
        assert_eq!(second["refresh_token"], refresh);
        assert_eq!(second["scope"], tokens["scope"]);
        assert_ne!(second["access_token"], tokens["access_token"]);
        let narrow = program.refreshes(&world, refresh, "read:logs").await;
        denied(narrow, 400, "invalid_scope");
        let narrow = program.refreshes(&world, refresh, "write:grants write:grants").await;
        let narrow = narrow.expect(200);
        assert_eq!(narrow["scope"], "write:grants");
        for tokens in [&tokens, &second] {
            at_owner(&world, tokens).get("/contacts").await.expect(200);
        }
        let answer = at_owner(&world, &narrow).get("/contacts").await;
        refused(&answer, 403, "Forbidden", &["read:core:entities"]);
        // The whole is there again afterwards, also after a restart and beyond the first hour.
        let world = world.restarted().await;
        at_owner(&world, &tokens).get("/contacts").await.expect(200);
        let world = world.later(3601).await;
        let answer = at_owner(&world, &tokens).get("/contacts").await;
        refused(&answer, 401, "Unauthorized", &["expired"]);
        let third = program.refreshes(&world, refresh, "").await.expect(200);
        at_owner(&world, &third).get("/contacts").await.expect(200);
        // Others cannot use it; it lives as long as it is used within half a year.
        let other = registered_later(&world).await;
        denied(other.refreshes(&world, refresh, "").await, 400, "invalid_grant");
        let world = world.later(179 * 86_400).await;
        program.refreshes(&world, refresh, "").await.expect(200);
        let world = world.later((179 + 179) * 86_400).await;
        program.refreshes(&world, refresh, "").await.expect(200);
        let world = world.later((179 + 179 + 181) * 86_400).await;
        denied(program.refreshes(&world, refresh, "").await, 400, "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn a_program_that_refreshes_without_end_is_told_to_wait() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "public").await;
        let scope = "write:core:entities offline_access";
        let tokens = program.tokens(&world, scope).await;
        let refresh = text(&tokens, "refresh_token");
        for _ in 0..9 {
            let tries = (0..111).map(|_| program.refreshes(&world, refresh, ""));
            for answer in futures_util::future::join_all(tries).await {
                answer.expect(200);
            }
        }
        let before = world.revisions().await;
        let answer = program.refreshes(&world, refresh, "").await;
        let wait: u32 = answer.header("retry-after").parse().unwrap();
        assert!((3500..=3601).contains(&wait), "{wait}");
        denied(answer, 429, "slow_down");
        assert_eq!(world.revisions().await, before, "and nothing is stored");
        at_owner(&world, &tokens).get("/contacts").await.expect(200);
        // It is one's own matter: another log-in is not meant, nor is it once they are over.
        program.tokens(&world, scope).await;
        let world = world.restarted().await;
        denied(program.refreshes(&world, refresh, "").await, 429, "slow_down");
        let world = world.later(3601).await;
        for _ in 0..3 {
            program.refreshes(&world, refresh, "").await.expect(200);
        }
    })
    .await;
}

/// A public program, registered by somebody with a session.
async fn registered_later(world: &World) -> Program {
    let body = json!({
        "name": "other", "kind": "public", "scopes": [], "place_ids": [world.place],
        "redirect_uris": [BACK],
    });
    let session = session(world).await;
    let made = by(world, &session, "POST", "/api/v1/clients", body).await.expect(201);
    Program { id: id(&made).to_owned(), secret: None }
}

#[tokio::test]
async fn a_program_with_a_secret_may_say_it_in_each_way_and_prove_a_code_too() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "oauth2").await;
        let secret = program.secret.clone().unwrap();
        let encoded: String = program.id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let form_type = ("content-type", "application/x-www-form-urlencoded");
        let verifier = "A".repeat(43);
        let challenge = challenge(&verifier);
        for (header, in_body) in [
            (Some(basic(&program.id, &secret)), false),
            (Some(basic(&encoded, &secret)), false),
            (None, true),
        ] {
            let mut browser = Browser::of(&world);
            let proof = [("code_challenge", &challenge[..]), ("code_challenge_method", "S256")];
            let sent = browser.allows(&program.asks(&proof)).await.is(303).sent();
            let mut fields = vec![
                ("grant_type", "authorization_code"),
                ("code", &sent["code"]),
                ("redirect_uri", BACK),
                ("client_id", &program.id),
            ];
            let mut headers = vec![form_type];
            headers.extend(header.as_ref().map(|header| ("authorization", header.as_str())));
            if in_body {
                fields.push(("client_secret", &secret));
            }
            let ask = async |fields: &[(&str, &str)]| {
                world.nobody().send("POST", TOKEN, &headers, Some(form(fields))).await
            };
            denied(ask(&fields).await, 400, "invalid_grant");
            fields.push(("code_verifier", &verifier));
            ask(&fields).await.expect(200);
        }
    })
    .await;
}

/// Somebody with a session makes a place of their own.
async fn own_place(world: &World, session: &str, name: &str) -> String {
    let made = by(world, session, "POST", "/api/v1/places", json!({ "name": name })).await;
    id(&made.expect(201)).to_owned()
}

#[tokio::test]
async fn a_program_acts_where_its_human_does_and_nowhere_else() {
    on_each_engine(|world| async move {
        account(&world).await;
        let mine = session(&world).await;
        let second = own_place(&world, &mine, "Second").await;
        let closed = world.admin.post("/api/v1/places", json!({ "name": "Closed" })).await;
        let closed = id(&closed.expect(201)).to_owned();
        let (_, other) = world.another("bo@example.org").await;
        let redeem = json!({ "setup_code": other.setup_code, "password": PASSWORD });
        world.nobody().post("/api/v1/account/invitation", redeem).await.expect(201);
        let program = registered(&world, "public").await;
        let tokens = program.tokens(&world, "").await;
        let actor: Actor = holder(&world, &tokens);
        let owners = actor.get(OWNERS).await.expect(200);
        let names: Vec<&str> =
            owners.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Main house", "Second"]);
        for place in [world.place.as_str(), second.as_str()] {
            actor.get(&format!("{OWNERS}/{place}/contacts")).await.expect(200);
        }
        for place in [closed.as_str(), &other.place.to_string(), super::super::NOBODYS, "x"] {
            for path in ["", "/contacts", "/permissions"] {
                let answer = actor.get(&format!("{OWNERS}/{place}{path}")).await;
                refused(&answer, 401, "Unauthorized", &["no role"]);
            }
        }
        // Who owns may give that; a program by itself may not.
        let it = at_owner(&world, &tokens);
        let ann = it.contact("ann@example.org").await;
        let owner = json!({ "contactId": id(&ann), "role": "Owner" });
        it.call("PUT", "/permissions", owner).await.expect(200);
        let made = actor.put(OWNERS, json!({ "name": "Third" })).await.expect(200);
        assert_eq!(made["name"], "Third");
        assert_eq!(actor.get(OWNERS).await.expect(200).as_array().unwrap().len(), 3);
        actor.get(&format!("{OWNERS}/{}/contacts", id(&made))).await.expect(200);
        for (body, named) in
            [(json!({}), "name is required"), (json!({ "name": "x", "y": 1 }), "y is not")]
        {
            refused(&actor.put(OWNERS, body).await, 400, "InvalidRequest", &[named]);
        }
        // A narrower token cannot.
        let narrow = program.tokens(&world, "read:owneraccounts").await;
        let narrow = holder(&world, &narrow);
        let answer = narrow.put(OWNERS, json!({ "name": "Fourth" })).await;
        refused(&answer, 403, "Forbidden", &["write:owneraccounts"]);
        assert_eq!(narrow.get(OWNERS).await.expect(200).as_array().unwrap().len(), 3);
        let roles = program.tokens(&world, "write:core:entities").await;
        let path = format!("/contacts/{}", id(&ann));
        let answer = at_owner(&world, &roles).call("DELETE", &path, Value::Null).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
    })
    .await;
}
