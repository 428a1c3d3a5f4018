//! Invitations: an account on first contact, a one-time password by mail, a password of one's own;
//! and that nobody learns by them who has an account.

use std::time::Duration;

use claviger_store::Statement;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::login::{Browser, PASSWORD, log_in, mails, owner, secret_of};
use crate::support::{Answer, World, id, on_each_engine};

const ANN: &str = "ann@example.org";

async fn redeem(world: &World, secret: &str, password: &str) -> Answer {
    let body = json!({"secret": secret, "password": password});
    world.nobody().post("/api/v1/account/invitation", body).await
}

async fn made(world: &World, more: Value) -> Value {
    let mut body = json!({"email": ANN, "first_name": "Ann"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.made("/people", body).await
}

async fn invite(world: &World, person: &Value) -> Answer {
    let path = world.at(&format!("/people/{}/invite", id(person)));
    world.admin.post(&path, json!({})).await
}

#[tokio::test]
async fn who_is_invited_chooses_a_password_before_anything_else() {
    on_each_engine(|world| async move {
        let ann = made(&world, json!({"invite": true, "role": "administrator"})).await;
        let told = mails(&world, 1).await.remove(0);
        assert!(told.contains("To: ann@example.org") && told.contains("Main house"), "{told}");
        let secret = secret_of(&told).to_owned();
        assert!(!ann.to_string().contains("clvo_"), "{ann}");
        assert_eq!(ann.get("invite"), None);

        // The one-time password opens nothing but the way to a password of one's own.
        let refused = log_in(&world, ANN, &secret).await;
        assert_eq!(refused.header("set-cookie"), "");
        let errors = refused.problem(422, "invalid")["errors"].clone();
        assert_eq!(
            (&errors[0]["pointer"], &errors[0]["code"]),
            (&json!("/password"), &json!("one_time"))
        );
        // Of another it says no more than of any wrong password.
        log_in(&world, "bo@example.org", &secret).await.problem(401, "unauthorized");
        redeem(&world, "clvo_000000000000000000000000000000000000", PASSWORD)
            .await
            .problem(401, "unauthorized");
        let short = redeem(&world, &secret, "short").await.problem(422, "invalid");
        assert_eq!(short["errors"][0]["pointer"], "/password");

        let answer = redeem(&world, &secret, PASSWORD).await;
        let browser = Browser::of(&world, &answer);
        let session = answer.expect(201);
        let places = json!([{"place_id": world.place, "role": "administrator"}]);
        assert_eq!(session["places"], places);
        browser.get(&world.at("/people")).await.expect(200);
        redeem(&world, &secret, PASSWORD).await.problem(401, "unauthorized");
        log_in(&world, ANN, &secret).await.problem(401, "unauthorized");
        let again = log_in(&world, "ANN@example.org", PASSWORD).await.expect(201);
        assert_eq!((&again["places"], &again["account_id"]), (&places, &session["account_id"]));
        let export = world.at(&format!("/people/{}/export", id(&ann)));
        let export = world.admin.get(&export).await.expect(200);
        assert_eq!(export["account_id"], session["account_id"]);
        invite(&world, &ann).await.problem(409, "in_use");
        mails(&world, 1).await;
    })
    .await;
}

#[tokio::test]
async fn an_invitation_sent_again_voids_the_one_before_and_lasts_seven_days() {
    on_each_engine(|world| async move {
        let mut world = world.lasting().await;
        let ann = made(&world, json!({"language": "sv"})).await;
        let none = world.made("/people", json!({"first_name": "Bo"})).await;
        let refused = invite(&world, &none).await.problem(422, "invalid");
        assert_eq!(refused["errors"][0]["pointer"], "/email");
        invite(&world, &ann).await.expect(200);
        let first = mails(&world, 1).await.remove(0);
        assert!(
            first.contains("eng=C3=A5ngsl=C3=B6senord") || first.contains("engångslösenord"),
            "in Swedish: {first}"
        );
        let soon = invite(&world, &ann).await;
        let wait: u64 = soon.header("retry-after").parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
        soon.problem(429, "too_many_requests");

        world = world.later(120).await;
        invite(&world, &ann).await.expect(200);
        let both = mails(&world, 2).await;
        let secrets: Vec<&str> = both.iter().map(|mail| secret_of(mail)).collect();
        let first = secret_of(&first);
        let second = secrets.into_iter().find(|it| *it != first).unwrap();
        redeem(&world, first, PASSWORD).await.problem(401, "unauthorized");

        world = world.later(120 + 7 * 86_400).await;
        redeem(&world, second, PASSWORD).await.problem(401, "unauthorized");
        log_in(&world, ANN, second).await.problem(401, "unauthorized");
        invite(&world, &ann).await.expect(200);
        let third = mails(&world, 3).await;
        let third = third.iter().map(|it| secret_of(it)).find(|it| ![first, second].contains(it));
        redeem(&world, third.unwrap(), PASSWORD).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn a_place_does_not_learn_whether_somebody_has_an_account() {
    on_each_engine(|world| async move {
        made(&world, json!({"invite": true})).await;
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        redeem(&world, &secret, PASSWORD).await.expect(201);

        let (stranger, there) = world.another("other@localhost").await;
        let at = |path: &str| format!("/api/v1/places/{}{path}", there.place);
        let wish = |email: &str| json!({"email": email, "invite": true, "role": "administrator"});
        let known = stranger.post(&at("/people"), wish(ANN)).await;
        let unknown = stranger.post(&at("/people"), wish("bo@example.org")).await;
        assert_eq!((known.status, unknown.status), (201, 201));
        let mut keys = [known.body.clone(), unknown.body.clone()];
        for body in &mut keys {
            for own in ["id", "number", "email", "created_at", "updated_at", "revision"] {
                body.as_object_mut().unwrap().remove(own);
            }
        }
        assert_eq!(keys[0], keys[1]);
        let all = mails(&world, 3).await;
        assert_eq!(all.iter().filter(|it| it.contains("clvo_")).count(), 2, "Ann needs none");

        // Nobody has come in yet: the place sees the same of both, and Ann has no role there.
        let export = at(&format!("/people/{}/export", id(&known.body)));
        for person in [&known.body, &unknown.body] {
            let export = at(&format!("/people/{}/export", id(person)));
            assert_eq!(stranger.get(&export).await.expect(200)["account_id"], Value::Null);
            let again = at(&format!("/people/{}/invite", id(person)));
            stranger.post(&again, json!({})).await.problem(429, "too_many_requests");
        }
        let answer = log_in(&world, ANN, PASSWORD).await;
        let browser = Browser::of(&world, &answer);
        let places = answer.expect(201)["places"].clone();
        assert_eq!(places.as_array().unwrap().len(), 2, "{places}");
        browser.get(&at("/people")).await.expect(200);
        assert!(stranger.get(&export).await.expect(200)["account_id"].is_string());
        // Her password is the one she chose: an invitation never sets another.
        log_in(&world, "bo@example.org", PASSWORD).await.problem(401, "unauthorized");
    })
    .await;
}

#[tokio::test]
async fn a_right_given_with_an_invitation_makes_account_and_person_at_once() {
    on_each_engine(|world| async move {
        let lock = world.made("/locks", json!({"name": "Door"})).await;
        let grant = |subject: Value| {
            json!({"subject": subject, "target": {"lock_id": id(&lock)}, "invite": true})
        };
        let path = world.at("/grants");
        let dry = format!("{path}?dry_run=true");
        world.admin.post(&dry, grant(json!({"email": ANN}))).await.expect(200);
        let phone = world.admin.post(&path, grant(json!({"phone": "+46701234567"}))).await;
        assert_eq!(phone.problem(422, "invalid")["errors"][0]["pointer"], "/invite");
        let one = format!("{path}/external:a");
        let put = world.admin.put(&one, grant(json!({"email": ANN}))).await;
        assert_eq!(put.problem(422, "invalid")["errors"][0]["pointer"], "/invite");
        mails(&world, 0).await;

        world.admin.post(&path, grant(json!({"email": ANN}))).await.expect(201);
        // Twice within a minute mails once; without being asked for, not at all.
        world.admin.post(&path, grant(json!({"email": ANN}))).await.expect(201);
        let quiet = json!({
            "subject": {"email": "bo@example.org"}, "target": {"lock_id": id(&lock)},
        });
        world.admin.post(&path, quiet).await.expect(201);
        let batch = json!({"create": [grant(json!({"email": "eve@example.org"}))]});
        world.admin.post(&format!("{path}/batch"), batch).await.expect(200);
        let all = mails(&world, 2).await;
        assert!(all.iter().any(|it| it.contains("To: eve@example.org")), "{all:?}");
        let ann = all.iter().find(|it| it.contains("To: ann@example.org")).unwrap();
        let session = redeem(&world, secret_of(ann), PASSWORD).await.expect(201);
        assert_eq!(session["places"], json!([{"place_id": world.place, "role": "guest"}]));
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_gone_with_the_person_and_leaves_the_account() {
    on_each_engine(|world| async move {
        let browser = owner(&world).await;
        let ann = made(&world, json!({"invite": true})).await;
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        world.admin.delete(&world.at(&format!("/people/{}", id(&ann)))).await.expect(204);
        let session = redeem(&world, &secret, PASSWORD).await.expect(201);
        assert_eq!(session["places"], json!([]), "she is nobody there any more");
        // A manager of guests invites as well; a guest does not.
        let people = world.admin.get(&world.at("/people?email=admin@localhost")).await.expect(200);
        let own = world.at(&format!("/people/{}", id(&people["items"][0])));
        let path = world.at("/people");
        world.admin.patch(&own, json!({"role": "guest_manager"})).await.expect(200);
        let wish = || Some(json!({"email": "bo@example.org", "invite": true}));
        browser.send("POST", &path, wish()).await.expect(201);
        mails(&world, 2).await;
        world.admin.patch(&own, json!({"role": "guest"})).await.expect(200);
        browser.send("POST", &path, wish()).await.problem(403, "forbidden_scope");
    })
    .await;
}

#[tokio::test]
async fn another_address_is_another_human_until_they_have_come_in() {
    on_each_engine(|world| async move {
        // Mistyped: whoever has that address takes the role.
        let wish = json!({"invite": true, "role": "administrator"});
        let ann = made(&world, wish).await;
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        let stranger = redeem(&world, &secret, PASSWORD).await;
        let browser = Browser::of(&world, &stranger);
        let people = world.at("/people");
        let path = world.at(&format!("/people/{}", id(&ann)));
        browser.get(&people).await.expect(200);
        let rename = |email: Value| Some(json!({"email": email}));
        // Nobody shuts themselves out; written otherwise it is the same address.
        for other in [json!("boss@example.org"), json!(null)] {
            browser.send("PATCH", &path, rename(other)).await.problem(409, "in_use");
        }
        browser.send("PATCH", &path, rename(json!("Ann@Example.org"))).await.expect(200);
        world.admin.patch(&path, json!({"email": ANN, "note": "x"})).await.expect(200);
        browser.get(&people).await.expect(200);

        world.admin.patch(&path, json!({"email": "anna@example.org"})).await.expect(200);
        browser.get(&people).await.problem(404, "not_found");
        let places = log_in(&world, ANN, PASSWORD).await.expect(201)["places"].clone();
        assert_eq!(places, json!([]));
        invite(&world, &ann).await.expect(200);
        let both = mails(&world, 2).await;
        let told = both.iter().find(|it| it.contains("To: anna@example.org")).unwrap();
        let anna = redeem(&world, secret_of(told), PASSWORD).await.expect(201);
        let places = json!([{"place_id": world.place, "role": "administrator"}]);
        assert_eq!(anna["places"], places);
        browser.get(&people).await.problem(404, "not_found");
        let changes = world.admin.get(&world.at(&format!("/changes?object_id={}", id(&ann)))).await;
        let changes = changes.expect(200);
        let changed = |it: &&Value| it["fields"].to_string().contains("account");
        assert_eq!(changes["items"].as_array().unwrap().iter().filter(changed).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_invitation_says_who_invites_and_how_to_begin_in_the_language_of_who_is_invited() {
    on_each_engine(|world| async move {
        let begin = "http://localhost:8080/api/v1/account/invitation";
        let english = [
            "Subject: You have been given keys",
            "Main house has invited you to Claviger at http://localhost:8080.",
            "Your one-time password, good for seven days:",
            "To begin, send it as secret, with a password of your own as password, to",
            begin,
            "From then on you log in with your e-mail",
        ];
        // Of Swedish what stands in the mail as it is, without letters that have to be written out.
        let swedish =
            ["Main house har bjudit in dig till Claviger", "som g", "ett eget", begin, "logga"];
        for (place, own, words) in [
            ("en", None, &english[..]),
            ("en", Some("sv"), &swedish[..]),
            ("sv", None, &swedish[..]),
            ("sv", Some("en"), &english[..]),
        ] {
            let _ = std::fs::remove_dir_all(&world.outbox);
            world.admin.patch(&world.at(""), json!({"language": place})).await.expect(200);
            let email = format!("{place}-{}@example.org", own.unwrap_or("none"));
            let body = json!({"email": email, "language": own, "invite": true});
            world.made("/people", body).await;
            let told = plain(&mails(&world, 1).await[0]);
            let rest = words.iter().try_fold(&*told, |rest, word| {
                rest.split_once(word).map(|(_, rest)| rest).ok_or((word, &told))
            });
            assert!(rest.is_ok(), "{place} {own:?}: {rest:?}");
        }
    })
    .await;
}

/// A mail with its lines put together again where quoted-printable broke them (RFC 2045, 6.7).
fn plain(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=")
}

/// How the mail of somebody's last invitation went.
async fn told_of(world: &World, person: &Value) -> Value {
    world.here().get(&format!("/people/{}/invitation", id(person))).await
}

/// Writes and sends in the background until `done` says so, ten seconds at most.
async fn mailing_until<F: Future<Output = bool>>(world: &World, done: impl Fn() -> F) {
    let (stop, stopped) = watch::channel(false);
    let work = tokio::spawn(claviger_app::mail::run(world.app.clone(), stopped));
    until(done).await;
    stop.send(true).unwrap();
    work.await.unwrap();
}

async fn until<F: Future<Output = bool>>(done: impl Fn() -> F) {
    for _ in 0..200 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come to it");
}

#[tokio::test]
async fn a_mail_that_cannot_be_written_is_written_later_and_meanwhile_it_is_said_why() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let never = world.made("/people", json!({"first_name": "Bo"})).await;
        let nothing = told_of(&world, &never).await;
        assert!(nothing.as_object().unwrap().values().all(Value::is_null), "{nothing}");
        // A file where the folder should be.
        std::fs::write(&world.outbox, "").unwrap();
        let ann = made(&world, json!({"invite": true})).await;
        until(|| async { told_of(&world, &ann).await["problem"].is_string() }).await;
        let told = told_of(&world, &ann).await;
        assert_eq!(told["state"], "waiting");
        assert!(told["problem"].as_str().unwrap().contains("outbox folder"), "{told}");
        assert!(told["invited_at"].as_str() < told["expires_at"].as_str(), "{told}");
        assert!(!told.to_string().contains("clvo_"));

        // The server ends, and starts where the folder is right again.
        let world = world.later(60).await;
        std::fs::remove_file(&world.outbox).unwrap();
        mailing_until(&world, || async { told_of(&world, &ann).await["state"] == "written" }).await;
        assert_eq!(told_of(&world, &ann).await["problem"], Value::Null);
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        let sql = "select count(*) from mails where sealed is not null";
        let rows = world.app.storage().db().read(Statement::new(sql, vec![])).await.unwrap();
        assert_eq!(rows[0].u64(0).unwrap(), 0, "what it said is kept no longer than needed");
        redeem(&world, &secret, PASSWORD).await.expect(201);

        // Nothing is known of who is deleted; and it is known for 14 days.
        let eve = world.made("/people", json!({"email": "eve@example.org", "invite": true})).await;
        world.admin.delete(&world.at(&format!("/people/{}", id(&eve)))).await.expect(204);
        let count = "select count(*) from mails";
        let rows = world.app.storage().db().read(Statement::new(count, vec![])).await.unwrap();
        assert_eq!(rows[0].u64(0).unwrap(), 1);
        let world = world.later(15 * 86_400).await;
        let gone = || async { told_of(&world, &ann).await["state"].is_null() };
        crate::retention::work_until(&world, gone).await;
    })
    .await;
}

#[tokio::test]
async fn whoever_is_logged_in_has_what_they_are_invited_to_without_logging_in_anew() {
    on_each_engine(|world| async move {
        made(&world, json!({"invite": true})).await;
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        let browser = Browser::of(&world, &redeem(&world, &secret, PASSWORD).await);
        let other = world.here().neighbour("Next door").await;
        other.made("/people", json!({"email": ANN, "invite": true})).await;
        let told = mails(&world, 2).await;
        let told = told.iter().map(|it| plain(it)).find(|it| it.contains("Next door")).unwrap();
        assert!(told.contains("seven"), "{told}");
        let me = browser.get("/api/v1/me").await.expect(200);
        let places: Vec<&Value> =
            me["places"].as_array().unwrap().iter().map(|it| &it["place_id"]).collect();
        assert_eq!(places, [&json!(world.place), &json!(other.place)]);
        let revisions = world.revisions().await;
        browser.get("/api/v1/me").await.expect(200);
        assert_eq!(world.revisions().await, revisions, "once");
        // One that is over is not accepted.
        let third = world.here().neighbour("Up the road").await;
        third.made("/people", json!({"email": ANN, "invite": true})).await;
        let world = world.lasting().await.later(8 * 86_400).await;
        let later = browser.at(&world).get("/api/v1/me").await.expect(200);
        assert_eq!(later["places"], me["places"]);
    })
    .await;
}

#[tokio::test]
async fn a_guest_does_not_become_another_by_a_name_and_an_address() {
    on_each_engine(|world| async move {
        let mut wish = json!({"invite": true, "role": "guest_manager"});
        made(&world, wish.clone()).await;
        wish["email"] = json!("second@example.org");
        wish["role"] = json!("guest");
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        let answer = redeem(&world, &secret, PASSWORD).await;
        let manager = Browser::of(&world, &answer);
        let second = manager.send("POST", &world.at("/people"), Some(wish)).await.expect(201);
        let all = mails(&world, 2).await;
        let told = all.iter().find(|it| it.contains("To: second@example.org")).unwrap();
        let answer = redeem(&world, secret_of(told), PASSWORD).await;
        let guest = Browser::of(&world, &answer);
        let path = world.at(&format!("/people/{}", id(&second)));
        let boss = json!({"email": "boss@example.org", "first_name": "Boss"});
        manager.send("PATCH", &path, Some(boss)).await.expect(200);
        // Whoever is called so is given the role, and nobody has it by that.
        let role = json!({"role": "administrator"});
        world.admin.patch(&path, role).await.expect(200);
        guest.get(&world.at("/people")).await.problem(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_is_good_for_nothing_any_more_is_given_up_and_one_sent_again_is_not() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        std::fs::write(&world.outbox, "").unwrap();
        let ann = made(&world, json!({"invite": true})).await;
        let bo = world.made("/people", json!({"email": "bo@example.org", "invite": true})).await;
        let world = world.later(8 * 86_400).await;
        invite(&world, &bo).await.expect(200);
        let failed = || async { told_of(&world, &ann).await["state"] == "failed" };
        mailing_until(&world, failed).await;
        assert!(told_of(&world, &ann).await["problem"].is_string());
        assert_eq!(told_of(&world, &bo).await["state"], "waiting");
        std::fs::remove_file(&world.outbox).unwrap();
        let world = world.later(8 * 86_400 + 600).await;
        mailing_until(&world, || async { told_of(&world, &bo).await["state"] == "written" }).await;
        let told = mails(&world, 1).await;
        assert!(told[0].contains("To: bo@example.org"), "{told:?}");
        let other = world.here().neighbour("Next door").await;
        other.missing(&format!("/people/{}/invitation", id(&bo))).await;
    })
    .await;
}

#[tokio::test]
async fn a_password_is_set_anew_in_the_language_of_who_asks() {
    on_each_engine(|world| async move {
        made(&world, json!({"invite": true, "language": "sv"})).await;
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        redeem(&world, &secret, PASSWORD).await.expect(201);
        for (email, words) in [
            (ANN, ["vill v=C3=A4lja ett nytt", "som g=C3=A4ller i en timme"]),
            ("admin@localhost", ["asked to set a new password", "good for an hour"]),
        ] {
            if email != ANN {
                owner(&world).await;
            }
            let _ = std::fs::remove_dir_all(&world.outbox);
            let path = "/api/v1/account/password-reset";
            world.nobody().post(path, json!({"email": email})).await.expect(202);
            let told = plain(&mails(&world, 1).await[0]);
            for word in words {
                assert!(told.replace("\r\n", " ").contains(word), "{word}: {told}");
            }
            assert!(told.contains("http://localhost:8080/api/v1/account/password-reset"), "{told}");
            let body = json!({"secret": secret_of(&told), "password": "another good one"});
            world.nobody().post(path, body).await.expect(204);
        }
    })
    .await;
}
