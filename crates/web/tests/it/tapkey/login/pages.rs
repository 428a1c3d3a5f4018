//! The pages: who is sent where, what they say, and what they do not let others do.

use serde_json::json;

use super::{
    AUTHORIZE, BACK, Browser, CHALLENGE, EMAIL, PASSWORD, Shown, account, by, form, registered,
    session,
};
use crate::login::{mails, secret_of};
use crate::support::{World, id, on_each_engine};

/// A page that stays here: nobody is sent anywhere, and nothing of the request stands in a link.
#[track_caller]
fn stays(page: Shown, status: u16) {
    let page = page.is(status);
    assert_eq!(page.header("location"), "");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self';"), "{policy}");
    assert!(!page.text.contains("<form") && !page.text.contains("<a "), "{}", page.text);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_the_programs() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "oauth2").await;
        let mut browser = Browser::of(&world);
        let native = json!({
            "name": "native", "kind": "oauth2", "scopes": ["people:read"],
            "place_ids": [world.place],
        });
        let native = world.admin.post("/api/v1/clients", native).await.expect(201);
        for (name, value) in [
            ("client_id", ""),
            ("client_id", super::super::NOBODYS),
            ("client_id", "x"),
            ("client_id", native["id"].as_str().unwrap()),
            ("redirect_uri", ""),
            ("redirect_uri", "https://evil.example/"),
            ("redirect_uri", "https://app.example.org/done"),
            ("redirect_uri", "https://app.example.org/done?from=claviger&x"),
            ("redirect_uri", "https://app.example.org/DONE?from=claviger"),
            ("redirect_uri", "https://app.example.org/done?from=claviger#x"),
            ("redirect_uri", "javascript:alert(1)"),
        ] {
            // Nor does something else that is wrong send anybody there.
            for more in [vec![], vec![("scope", "nonsense")], vec![("response_type", "token")]] {
                let asked = program.asks(&[&[(name, value)][..], &more].concat());
                stays(browser.opens(&asked).await, 400);
            }
        }
        for twice in ["client_id", "redirect_uri"] {
            let mut asked = program.asks(&[]);
            let (_, value) = *asked.iter().find(|(name, _)| *name == twice).unwrap();
            asked.push((twice, value));
            stays(browser.opens(&asked).await, 400);
        }
        let page = browser.opens(&program.asks(&[])).await.is(200);
        let moved = [("redirect_uri", "https://evil.example/"), ("login", EMAIL)];
        stays(browser.fills(&page, &[&moved[..], &[("password", PASSWORD)]].concat()).await, 400);
        // One that is gone, or over, is no program.
        let path = format!("/api/v1/clients/{}", program.id);
        world.admin.patch(&path, json!({ "redirect_uris": [] })).await.expect(200);
        stays(browser.opens(&program.asks(&[])).await, 400);
    })
    .await;
}

#[tokio::test]
async fn what_a_program_asks_wrongly_it_is_told() {
    on_each_engine(|world| async move {
        let with_secret = registered(&world, "oauth2").await;
        let public = registered(&world, "public").await;
        let mut browser = Browser::of(&world);
        let state = ("state", "a b&c=d");
        for (program, more, error) in [
            (&with_secret, vec![("response_type", "token")], "unsupported_response_type"),
            (&with_secret, vec![("response_type", "")], "invalid_request"),
            (&with_secret, vec![("response_mode", "fragment")], "invalid_request"),
            (&with_secret, vec![("scope", "read:grants openid")], "invalid_scope"),
            (&with_secret, vec![("scope", "handle:keys")], "invalid_scope"),
            (&with_secret, vec![("code_challenge", CHALLENGE)], "invalid_request"),
            (&with_secret, vec![("code_challenge_method", "S256")], "invalid_request"),
            (&public, vec![("code_challenge", "")], "invalid_request"),
            (&public, vec![("code_challenge", "short")], "invalid_request"),
            (&public, vec![("code_challenge_method", "plain")], "invalid_request"),
            (&public, vec![("code_challenge_method", "")], "invalid_request"),
        ] {
            let asked = program.asks(&[&more[..], &[state]].concat());
            let sent = browser.opens(&asked).await.is(303).sent();
            assert_eq!(sent["error"], error, "{more:?}");
            assert!(sent["error_description"].len() > 5 && !sent.contains_key("code"));
            assert_eq!(sent["state"], state.1);
        }
        let mut twice = with_secret.asks(&[state]);
        twice.push(("scope", "read:grants"));
        twice.push(("scope", "read:logs"));
        assert_eq!(browser.opens(&twice).await.is(303).sent()["error"], "invalid_request");
        let posted = [("response_mode", "form_post"), ("scope", "x"), state];
        let sent = browser.opens(&with_secret.asks(&posted)).await.is(200).sent();
        assert_eq!((&sent["error"][..], &sent["state"][..]), ("invalid_scope", state.1));
        assert_eq!(world.nobody().get(AUTHORIZE).await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn the_pages_say_who_wants_what_and_let_nobody_frame_them() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "public").await;
        let mut browser = Browser::of(&world);
        let asked = program.asks(&[
            ("scope", "read:core:entities write:grants offline_access"),
            ("state", "\"><script>alert(1)</script>"),
            ("nonce", "passed over"),
        ]);
        let page = browser.opens(&asked).await.is(200);
        let said = page.words();
        assert!(said.contains("Log in Booking <app> wants to act for you."), "{said}");
        assert_eq!(page.text.matches("<script").count(), 0, "{}", page.text);
        assert_eq!(page.fields()["state"], "\"><script>alert(1)</script>");
        let wrong = [("login", EMAIL), ("password", "wrong")];
        let again = browser.fills(&page, &wrong).await.is(403);
        assert!(again.words().contains("name or the password is wrong"));
        let right = [("login", EMAIL), ("password", PASSWORD)];
        let question = browser.fills(&again, &right).await.is(200);
        let said = question.words();
        for text in [
            "Allow Booking <app> ?",
            "You are logged in as admin@localhost.",
            "See people, locks, groups of locks and cards",
            "Give and take away rights to open locks",
            "Do this also while you are away",
            "in the places of Hus AB that you manage: Main house",
        ] {
            assert!(said.contains(text), "{text}: {said}");
        }
        assert!(!said.contains("opened which lock"), "{said}");
        for page in [&page, &again, &question] {
            let policy = page.header("content-security-policy");
            for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
                assert!(policy.contains(part), "{policy}");
            }
            assert!(policy.contains("form-action 'self' https://app.example.org;"), "{policy}");
            assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(page.header("x-frame-options"), "DENY");
            assert_eq!(page.header("cache-control"), "no-store");
            assert_eq!(page.header("referrer-policy"), "same-origin");
            assert_eq!(page.header("x-content-type-options"), "nosniff");
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            assert!(page.text.contains("<html lang=\"en\">"));
        }
        let no = browser.fills(&question, &[("answer", "no")]).await.is(303).sent();
        assert_eq!(no["error"], "access_denied");
        assert_eq!(no["state"], "\"><script>alert(1)</script>");
        // What was answered is over, whatever is answered then.
        for answer in ["yes", "no"] {
            stays(browser.fills(&question, &[("answer", answer)]).await, 400);
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_comes_as_a_form_where_that_is_asked_for() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "oauth2").await;
        let mut browser = Browser::of(&world);
        let asked = program.asks(&[("response_mode", "form_post"), ("scope", "read:logs")]);
        let shown = browser.allows(&asked).await.is(200);
        let sent = shown.sent();
        let names: Vec<&String> = sent.keys().collect();
        assert_eq!(names, ["code", "scope"], "no state where none was sent");
        assert_eq!(sent["scope"], "read:logs");
        // It goes by itself, and by a button where no script runs.
        assert_eq!(shown.text.matches("<script>").count(), 1);
        assert!(shown.header("content-security-policy").contains("script-src 'sha256-"));
        assert!(shown.text.contains("<button>"));
        program.exchanges(&world, &sent["code"]).await.expect(200);
        let app = program.asks(&[("redirect_uri", "org.example.app:/done")]);
        let shown = browser.allows(&app).await.is(303);
        let location = shown.header("location");
        assert!(location.starts_with("org.example.app:/done?code=clvc_"), "{location}");
    })
    .await;
}

/// How many tickets there are: codes, questions, tokens, sessions.
async fn tickets(world: &World) -> u64 {
    world.revisions().await.iter().find(|(place, _)| *place == 0).unwrap().1
}

#[tokio::test]
async fn forms_of_other_pages_and_other_browsers_are_not_taken() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "oauth2").await;
        let mut browser = Browser::of(&world);
        let page = browser.opens(&program.asks(&[])).await.is(200);
        let right = [("login", EMAIL), ("password", PASSWORD)];
        let question = browser.fills(&page, &right).await.is(200);
        let before = tickets(&world).await;

        let mut victim = Browser::of(&world);
        stays(victim.fills(&question, &[("answer", "yes")]).await, 403);
        stays(victim.fills(&page, &right).await, 403);
        // Even one that was shown a page of its own.
        victim.opens(&program.asks(&[])).await.is(200);
        stays(victim.fills(&question, &[("answer", "yes")]).await, 403);
        stays(victim.fills(&page, &right).await, 403);
        for shown_to in ["", "x", &"0".repeat(64)] {
            stays(browser.fills(&question, &[("shown_to", shown_to)]).await, 403);
        }
        for origin in ["https://evil.example", "null", "http://localhost:8081"] {
            browser.origin = origin;
            stays(browser.fills(&page, &right).await, 403);
            stays(browser.fills(&question, &[("answer", "yes")]).await, 403);
        }
        browser.origin = "http://localhost:8080";
        // Another program cannot take the answer.
        let other = registered(&world, "oauth2").await;
        let theirs = [("client_id", other.id.as_str()), ("answer", "yes")];
        stays(browser.fills(&question, &theirs).await, 400);
        for made_up in ["", "clvq_x", super::super::NOBODYS] {
            let filled = [("question", made_up), ("answer", "yes")];
            assert_ne!(browser.fills(&question, &filled).await.status, 303, "{made_up}");
        }
        assert_eq!(tickets(&world).await - before, 1, "only the other program was made");
        assert!(
            browser
                .fills(&question, &[("answer", "yes")])
                .await
                .is(303)
                .sent()
                .contains_key("code")
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_learns_who_has_an_account_and_guesses_are_slowed_down() {
    on_each_engine(|world| async move {
        account(&world).await;
        let program = registered(&world, "oauth2").await;
        let mut browser = Browser::of(&world);
        let page = browser.opens(&program.asks(&[])).await.is(200);
        let before = tickets(&world).await;
        let mut said = Vec::new();
        for name in [EMAIL, "nobody@example.org", "+46701234567", "x", ""] {
            let answer = browser.fills(&page, &[("login", name), ("password", "wrong")]).await;
            said.push(answer.is(403).words());
        }
        assert!(said.iter().all(|it| *it == said[0]), "{said:?}");
        let mut by_name = Vec::new();
        for name in [EMAIL, "nobody@example.org"] {
            let mut last = String::new();
            for _ in 0..10 {
                let wrong = [("login", name), ("password", "wrong")];
                let answer = browser.fills(&page, &wrong).await;
                last = format!("{} {}", answer.status, answer.words());
            }
            by_name.push(last);
        }
        assert_eq!(by_name[0], by_name[1]);
        let right = [("login", EMAIL), ("password", PASSWORD)];
        let answer = browser.fills(&page, &right).await.is(429);
        assert!(!answer.header("retry-after").is_empty());
        assert_eq!(tickets(&world).await, before);
        // Natively it is the same count.
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        let native = world.nobody().post("/api/v1/session", body).await;
        native.problem(429, "too_many_requests");
    })
    .await;
}

#[tokio::test]
async fn whoever_manages_nothing_there_has_nothing_to_allow() {
    on_each_engine(|world| async move {
        account(&world).await;
        // The administrator of another organization.
        let (other, made) = world.another("bo@example.org").await;
        let redeem = json!({ "setup_code": made.setup_code, "password": PASSWORD });
        world.nobody().post("/api/v1/account/invitation", redeem).await.expect(201);
        let program = registered(&world, "oauth2").await;
        let mut browser = Browser::of(&world);
        let page = browser.opens(&program.asks(&[])).await.is(200);
        let theirs = [("login", "bo@example.org"), ("password", PASSWORD)];
        let question = browser.fills(&page, &theirs).await.is(200);
        assert!(question.words().contains("You manage no place in which"));
        assert!(!question.text.contains("value=\"yes\""), "{}", question.text);
        let sent = browser.fills(&question, &[("answer", "yes")]).await.is(303).sent();
        assert_eq!(sent["error"], "access_denied");
        // Nor does a guest of the place.
        let mine = session(&world).await;
        let people = world.admin.get(&world.at("/people?email=admin@localhost")).await.expect(200);
        let path = world.at(&format!("/people/{}", people["items"][0]["id"].as_str().unwrap()));
        by(&world, &mine, "PATCH", &path, json!({ "role": "guest" })).await.expect(200);
        let question = browser.asked(&program.asks(&[])).await;
        assert!(question.words().contains("You manage no place in which"));
        drop(other);
        assert!(form(&[("redirect_uri", BACK)]).starts_with("redirect_uri=https%3A%2F%2F"));
    })
    .await;
}

#[tokio::test]
async fn whoever_is_invited_comes_in_by_a_program_as_by_themselves() {
    on_each_engine(|world| async move {
        let program = registered(&world, "oauth2").await;
        let ann = json!({ "email": "ann@example.org", "role": "administrator", "invite": true });
        let first = world.made("/people", ann.clone()).await;
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        let mut browser = Browser::of(&world);
        let page = browser.opens(&program.asks(&[])).await.is(200);
        let one_time = [("login", "ann@example.org"), ("password", secret.as_str())];
        let told = browser.fills(&page, &one_time).await.is(403);
        assert!(told.words().contains("Choose a password of your own first"), "{}", told.words());
        let redeem = json!({ "secret": secret, "password": PASSWORD });
        world.nobody().post("/api/v1/account/invitation", redeem).await.expect(201);

        // A second place invites her, and she manages no other.
        let path = world.at(&format!("/people/{}", id(&first)));
        world.admin.patch(&path, json!({ "role": "guest" })).await.expect(200);
        let second = world.admin.post("/api/v1/places", json!({ "name": "Second" })).await;
        let people = format!("/api/v1/places/{}/people", id(&second.expect(201)));
        world.admin.post(&people, ann.clone()).await.expect(201);
        mails(&world, 2).await;
        let hers = [("login", "ann@example.org"), ("password", PASSWORD)];
        let question = browser.fills(&page, &hers).await.is(200);
        assert!(question.words().contains("Second"), "{}", question.words());
        let sent = browser.fills(&question, &[("answer", "yes")]).await.is(303).sent();
        program.exchanges(&world, &sent["code"]).await.expect(200);
    })
    .await;
}
