//! What a program was let do ends with the password, with a log-out everywhere, with the program
//! and with the role; nothing of it is kept readable.

use claviger_domain::ids::Noun;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::super::{Tapkey, refused};
use super::{
    Browser, EMAIL, PASSWORD, Program, account, by, denied, holder, registered, session, text,
};
use crate::kit::Site;
use crate::support::{Answer, World, on_each_engine};

const SCOPE: &str = "read:core:entities offline_access";

async fn contacts(world: &World, tokens: &Value) -> Answer {
    let it = Site { actor: world.admin.clone(), place: world.place.clone() };
    let actor = holder(world, tokens);
    Tapkey { it, actor, credentials: Value::Null }.get("/contacts").await
}

#[track_caller]
fn over(answer: &Answer) {
    refused(answer, 401, "Unauthorized", &["not known"]);
}

/// A code, a question and tokens of a program.
async fn all(world: &World, program: &Program) -> (String, Value) {
    (program.code(world, SCOPE).await, program.tokens(world, SCOPE).await)
}

async fn all_over(world: &World, program: &Program, (code, tokens): &(String, Value)) {
    over(&contacts(world, tokens).await);
    let refresh = text(tokens, "refresh_token");
    denied(program.refreshes(world, refresh, "").await, 400, "invalid_grant");
    denied(program.exchanges(world, code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_new_password_and_a_log_out_everywhere_end_what_programs_hold() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "public").await;
        let held = all(&world, &program).await;
        // One session that ends takes nothing along.
        let mine = session(&world).await;
        by(&world, &mine, "DELETE", "/api/v1/session", Value::Null).await.expect(204);
        contacts(&world, &held.1).await.expect(200);
        let mine = session(&world).await;
        by(&world, &mine, "DELETE", "/api/v1/sessions", Value::Null).await.expect(204);
        all_over(&world, &program, &held).await;

        let held = all(&world, &program).await;
        let mine = session(&world).await;
        let body = json!({ "old": PASSWORD, "new": "another horse battery" });
        by(&world, &mine, "POST", "/api/v1/account/password", body).await.expect(204);
        all_over(&world, &program, &held).await;
        let world = world.restarted().await;
        all_over(&world, &program, &held).await;
    })
    .await;
}

#[tokio::test]
async fn a_log_in_that_a_new_password_overtakes_gives_nothing() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = &registered(&world, "public").await;
        let mine = session(&world).await;
        let before = live_tickets(&world).await;
        let asked = program.asks(&[("scope", SCOPE)]);
        // Log-ins that wait for their turn while the password is changed, and some before.
        let (world, asked, mine) = (&world, &asked, &mine);
        let log_in = |number: u64| async move {
            tokio::time::sleep(std::time::Duration::from_millis(number * 20)).await;
            let mut browser = Browser::of(world);
            let page = browser.opens(asked).await.is(200);
            let page = browser.fills(&page, &[("login", EMAIL), ("password", PASSWORD)]).await;
            (browser, page)
        };
        let change = async {
            let body = json!({ "old": PASSWORD, "new": "another horse battery" });
            by(world, mine, "POST", "/api/v1/account/password", body).await.expect(204);
        };
        let (pages, ()) = tokio::join!(join_all((0..12).map(log_in)), change);
        for (mut browser, page) in pages {
            // Whoever was in time has a page that asks; its question is over all the same.
            if page.status == 200 {
                browser.fills(&page, &[("answer", "yes")]).await.is(400);
            }
        }
        // Two sessions are over, and nothing else is left.
        assert_eq!(live_tickets(world).await, before - 2);
    })
    .await;
}

#[tokio::test]
async fn a_program_that_is_deleted_or_over_acts_for_nobody() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "public").await;
        let held = all(&world, &program).await;
        let path = format!("/api/v1/clients/{}", program.id);
        world.admin.delete(&path).await.expect(204);
        over(&contacts(&world, &held.1).await);
        let refresh = text(&held.1, "refresh_token");
        denied(program.refreshes(&world, refresh, "").await, 401, "invalid_client");

        let program = registered(&world, "oauth2").await;
        let held = all(&world, &program).await;
        let path = format!("/api/v1/clients/{}", program.id);
        let expires_at = world.app.now().plus(1_800_000_000).to_string();
        world.admin.patch(&path, json!({ "expires_at": expires_at })).await.expect(200);
        contacts(&world, &held.1).await.expect(200);
        let world = world.later(1_801).await;
        over(&contacts(&world, &held.1).await);
        let refresh = text(&held.1, "refresh_token");
        denied(program.refreshes(&world, refresh, "").await, 401, "invalid_client");
    })
    .await;
}

#[tokio::test]
async fn a_program_loses_a_role_with_its_human() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "public").await;
        let held = all(&world, &program).await;
        let people = world.admin.get(&world.at("/people?email=admin@localhost")).await.expect(200);
        let path = world.at(&format!("/people/{}", people["items"][0]["id"].as_str().unwrap()));
        let refresh = text(&held.1, "refresh_token");
        let code = program.code(&world, SCOPE).await;
        world.admin.post(&format!("{path}/suspend"), json!({})).await.expect(200);
        refused(&contacts(&world, &held.1).await, 401, "Unauthorized", &["no role"]);
        denied(program.refreshes(&world, refresh, "").await, 400, "invalid_grant");
        denied(program.exchanges(&world, &code).await, 400, "invalid_grant");
        world.admin.post(&format!("{path}/resume"), json!({})).await.expect(200);
        contacts(&world, &held.1).await.expect(200);
        program.refreshes(&world, refresh, "").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn tickets_that_are_over_do_not_pile_up_behind_those_that_are_not() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "public").await;
        // More that live for months than are looked at in one go stand before those of an hour.
        let mut refresh = String::new();
        for _ in 0..3 {
            let tokens = program.tokens(&world, SCOPE).await;
            refresh = text(&tokens, "refresh_token").to_owned();
        }
        for _ in 0..70 {
            program.refreshes(&world, &refresh, "").await.expect(200);
        }
        let world = world.later(4000).await;
        let before = live_tickets(&world).await;
        for _ in 0..30 {
            program.refreshes(&world, &refresh, "").await.expect(200);
        }
        let after = live_tickets(&world).await;
        assert!(after <= 45, "{before} tickets became {after}");
    })
    .await;
}

/// How many tickets are not taken out.
async fn live_tickets(world: &World) -> usize {
    let loaded = world.app.storage().load().await.unwrap();
    loaded.directory.iter().filter(|it| it.noun() == Noun::Ticket).count()
}
