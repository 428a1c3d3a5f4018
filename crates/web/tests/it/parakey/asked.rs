//! Who is asked to come in, and how often: whoever is given a key or added for the first time,
//! whether or not the domain knew them before.

use claviger_store::Statement;
use serde_json::{Value, json};

use super::{Parakey, item, refused};
use crate::login::{Browser, PASSWORD, log_in, mails, secret_of};
use crate::retention::work_until;
use crate::support::{World, id, on_each_engine};

const ANN: &str = "ann@example.org";
const NONE: [Option<&str>; 2] = [None, None];

async fn redeem(world: &World, mail: &str) -> Value {
    let body = json!({"secret": secret_of(mail), "password": PASSWORD});
    world.nobody().post("/api/v1/account/invitation", body).await.expect(201)
}

#[tokio::test]
async fn the_first_key_of_somebody_known_asks_them_once() {
    on_each_engine(|world| async move {
        let mut world = world.lasting().await;
        let program = Parakey::at(&world).await;
        let (gym, pool) = (program.access("Gym").await, program.access("Pool").await);
        let ann = program.it.person("Ann").await;
        mails(&world, 0).await;
        program.manage(json!({"insert": [item(&gym, ANN, NONE)]})).await.expect(200);
        let first = mails(&world, 1).await.remove(0);
        let member = program.get(&format!("/members/{}", id(&ann))).await;
        assert_ne!(member["invitation"], Value::Null);

        // What is given every day asks nobody every day, also when the mail is no good any more.
        world = world.later(8 * 86_400).await;
        let program = program.over(&world);
        program.manage(json!({"insert": [item(&pool, ANN, NONE)]})).await.expect(200);
        mails(&world, 1).await;
        // But where it is said in words.
        let wish = json!({"insert": [item(&pool, ANN, NONE)], "sendInvitationEmail": true});
        program.manage(wish.clone()).await.expect(200);
        let both = mails(&world, 2).await;
        program.manage(wish.clone()).await.expect(200);
        mails(&world, 2).await;
        let second = both.iter().find(|it| **it != first).unwrap();
        let session = redeem(&world, second).await;
        assert_eq!(session["places"], json!([{"place_id": world.place, "role": "guest"}]));
        // Whoever has come in is asked no more.
        world = world.later(9 * 86_400).await;
        program.over(&world).manage(wish).await.expect(200);
        mails(&world, 2).await;
    })
    .await;
}

#[tokio::test]
async fn who_is_given_a_key_by_id_is_asked_and_who_has_no_address_is_nobody_here() {
    on_each_engine(|world: World| async move {
        let program = Parakey::at(&world).await;
        let gym = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        let bo = json!({"first_name": "Bo", "phone": "+46701234567"});
        let bo = program.it.made("/people", bo).await;
        let to =
            |person: &Value| json!({"access": {"id": gym["id"]}, "user": {"id": person["id"]}});
        let wish = json!({"insert": [to(&ann), to(&bo)]});
        let answer = program.manage(wish).await;
        refused(&answer, 404, "userNotFound", &[("insert", 1, "userNotFound")]);
        mails(&world, 0).await;
        program.it.level_grant(&bo, &gym).await;
        let gone = program.manage(json!({"delete": [to(&bo)]})).await.expect(200);
        assert_eq!(gone["delete"], json!([]));
        assert_eq!(program.it.list("/grants").await.len(), 1, "what is not shown is not taken");
        program.manage(json!({"insert": [to(&ann)]})).await.expect(200);
        mails(&world, 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_password_for_somebody_known_is_theirs_unless_they_have_more_say() {
    on_each_engine(|world: World| async move {
        let program = Parakey::at(&world).await;
        let gym = program.access("Gym").await;
        program.it.person("Ann").await;
        let owner = json!({"email": "olga@example.org", "role": "owner"});
        program.it.made("/people", owner).await;
        let with = |email: &str, password: &str| {
            let mut wish = item(&gym, email, NONE);
            wish["user"]["password"] = password.into();
            json!({"insert": [wish]})
        };
        let short = program.manage(with(ANN, "short")).await;
        refused(&short, 422, "invalid", &[("insert", 0, "invalid")]);
        program.manage(with(ANN, "chosen by the gym")).await.expect(200);
        mails(&world, 0).await;
        let session = log_in(&world, ANN, "chosen by the gym").await.expect(201);
        assert_eq!(session["places"], json!([{"place_id": world.place, "role": "guest"}]));
        // Set once it is not set again.
        program.manage(with(ANN, "another by the gym")).await.expect(200);
        log_in(&world, ANN, "another by the gym").await.problem(401, "unauthorized");
        log_in(&world, ANN, "chosen by the gym").await.expect(201);
        // Nobody comes in as the owner by what a program says.
        program.manage(with("olga@example.org", "chosen by the gym")).await.expect(200);
        let told = mails(&world, 1).await;
        let tried = log_in(&world, "olga@example.org", "chosen by the gym").await;
        tried.problem(401, "unauthorized");
        assert_eq!(redeem(&world, &told[0]).await["places"][0]["role"], "owner");
    })
    .await;
}

#[tokio::test]
async fn a_domain_learns_nothing_of_accounts_by_asking_whom_it_knows() {
    on_each_engine(|world: World| async move {
        let first = Parakey::at(&world).await;
        let gym = first.access("Gym").await;
        first.manage(json!({"insert": [item(&gym, ANN, NONE)]})).await.expect(200);
        redeem(&world, &mails(&world, 1).await[0]).await;

        let program = Parakey::of(&world, first.it.neighbour("Next door").await).await;
        let access = program.access("Pool").await;
        let mut told = Vec::new();
        for (name, email) in [("Ann", ANN), ("Bob", "bob@example.org")] {
            let person = program.it.person(name).await;
            let mut seen = Vec::new();
            for _ in 0..2 {
                let wish = json!({"insert": [item(&access, email, NONE)]});
                seen.push(program.manage(wish).await);
                seen.push(program.call("POST", "/members", json!({"email": email})).await);
            }
            let seen = seen.into_iter().map(|it| {
                // Of the mail it is told when it was written, which is behind the answer.
                let mut body = it.body.clone();
                if let Some(invitation) = body["invitation"].as_object_mut() {
                    invitation.retain(|name, _| name == "message");
                }
                let mut text = body.to_string();
                for (at, value) in all_ids(&body).into_iter().enumerate() {
                    text = text.replace(&value, &format!("#{at}"));
                }
                let text = text.replace(name, "?").replace(&name.to_lowercase(), "?");
                (it.status, undated(&text))
            });
            told.push(seen.collect::<Vec<_>>());
            let verbs = program.it.get(&format!("/changes?object_id={}", id(&person))).await;
            let verbs = verbs["items"].as_array().unwrap().iter().map(|it| it["verb"].clone());
            told.last_mut().unwrap().push((0, verbs.collect::<Value>().to_string()));
        }
        assert_eq!(told[0], told[1]);
        mails(&world, 3).await;
    })
    .await;
}

/// Every id in an answer, in order.
fn all_ids(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, it)| match it.as_str() {
                Some(text) if name == "id" => vec![text.to_owned()],
                _ => all_ids(it),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(all_ids).collect(),
        _ => Vec::new(),
    }
}

/// Without the instants, which differ.
fn undated(text: &str) -> String {
    let words = text.split('"').filter(|word| !(word.starts_with("20") && word.ends_with('Z')));
    words.collect::<Vec<_>>().join("\"")
}

#[tokio::test]
async fn adding_somebody_known_asks_them_and_twins_make_one() {
    on_each_engine(|world: World| async move {
        let program = Parakey::at(&world).await;
        let ann = program.it.person("Ann").await;
        let wish = json!({"email": ANN, "firstName": "Eve"});
        let added = program.call("POST", "/members", wish.clone()).await.expect(200);
        assert_eq!((&added["id"], &added["user"]["firstName"]), (&ann["id"], &json!("Ann")));
        mails(&world, 1).await;
        program.call("POST", "/members", wish).await.expect(200);
        let told = mails(&world, 1).await;
        assert_eq!(redeem(&world, &told[0]).await["places"][0]["place_id"], json!(world.place));

        let bo = json!({"email": "bo@example.org"});
        let twins = tokio::join!(
            program.call("POST", "/members", bo.clone()),
            program.call("POST", "/members", bo.clone()),
        );
        let mut told = [twins.0.status, twins.1.status];
        told.sort_unstable();
        assert_eq!(told, [200, 201]);
        mails(&world, 2).await;
        // Removed and added at once is a member again, and comes in by the mail of before.
        let path = format!("/members/{}", id(&twins.0.body));
        program.call("DELETE", &path, Value::Null).await.expect(204);
        program.call("POST", "/members", bo).await.expect(201);
        let told = mails(&world, 2).await;
        let told = told.iter().find(|it| it.contains("bo@example.org")).unwrap();
        assert_eq!(redeem(&world, told).await["places"][0]["place_id"], json!(world.place));
    })
    .await;
}

#[tokio::test]
async fn a_member_is_added_with_a_password() {
    on_each_engine(|world: World| async move {
        let world = world.lasting().await;
        let program = Parakey::at(&world).await;
        let wish = |password: &str| json!({"user": {"email": ANN, "password": password}});
        let short = program.call("POST", "/members", wish("short")).await;
        refused(&short, 422, "invalid", &[]);
        program.call("POST", "/members", wish("chosen by the gym")).await.expect(201);
        mails(&world, 0).await;
        let session = log_in(&world, ANN, "chosen by the gym").await.expect(201);
        assert_eq!(session["places"], json!([{"place_id": world.place, "role": "guest"}]));
        let mut wish = wish("chosen by the gym");
        wish["sendInvitationEmail"] = true.into();
        let world = world.later(120).await;
        program.over(&world).call("POST", "/members", wish).await.expect(200);
        mails(&world, 1).await;
    })
    .await;
}

#[tokio::test]
async fn however_many_preset_a_password_each_is_good_and_a_wrong_one_takes_as_long() {
    on_each_engine(|world: World| async move {
        let first = Parakey::at(&world).await;
        let gym = first.access("Gym").await;
        let preset = |access: &Value, email: &str, password: &str| {
            let mut wish = item(access, email, NONE);
            wish["user"]["password"] = password.into();
            json!({"insert": [wish]})
        };
        first.manage(preset(&gym, "bo@example.org", "chosen by the gym")).await.expect(200);
        first.manage(json!({"insert": [item(&gym, "cy@example.org", NONE)]})).await.expect(200);
        redeem(&world, &mails(&world, 1).await[0]).await;
        let mut places = Vec::new();
        for at in 0..20 {
            let place = first.it.neighbour(&format!("House {at}")).await;
            let program = Parakey::of(&world, place).await;
            let access = program.access("Door").await;
            let password = format!("chosen by house {at}");
            program.manage(preset(&access, ANN, &password)).await.expect(200);
            places.push((program.it.place.clone(), password));
        }
        for (place, password) in &places {
            let session = log_in(&world, ANN, password).await.expect(201);
            assert_eq!(session["places"], json!([{"place_id": place, "role": "guest"}]));
        }
        // Whoever chooses another password keeps the log-in.
        let (place, former) = &places[3];
        let answer = log_in(&world, ANN, former).await;
        let change = json!({"old": former, "new": PASSWORD});
        let browser = Browser::of(&world, &answer);
        browser.send("POST", "/api/v1/account/password", Some(change)).await.expect(204);
        log_in(&world, ANN, former).await.problem(401, "unauthorized");
        let session = log_in(&world, ANN, PASSWORD).await.expect(201);
        assert_eq!(session["places"], json!([{"place_id": place, "role": "guest"}]));
        // Nobody, an account, one place's word, twenty's.
        let mut took = Vec::new();
        for email in ["nobody@example.org", "cy@example.org", "bo@example.org", ANN] {
            let before = world.app.hashed();
            log_in(&world, email, "guessed by somebody").await.problem(401, "unauthorized");
            took.push(world.app.hashed() - before);
        }
        assert_eq!(took, [2, 2, 2, 2]);
    })
    .await;
}

#[tokio::test]
async fn the_account_of_a_preset_password_goes_with_whoever_it_was_for() {
    on_each_engine(|world: World| async move {
        let world = world.lasting().await;
        let program = Parakey::at(&world).await;
        let accounts = async |world: &World| -> i64 {
            let sql = "select count(*) from accounts \
                 where deleted_at is null and (email is not null or password is not null)";
            let storage = world.app.storage();
            storage.db().read(Statement::new(sql, vec![])).await.unwrap()[0].int(0).unwrap()
        };
        let before = accounts(&world).await;
        let wish = json!({"email": ANN, "password": "chosen by the gym"});
        let ann = program.call("POST", "/members", wish).await.expect(201);
        assert_eq!(accounts(&world).await, before + 2, "hers, and the one of the password");
        program.call("DELETE", &format!("/members/{}", id(&ann)), Value::Null).await.expect(204);
        log_in(&world, ANN, "chosen by the gym").await.problem(401, "unauthorized");
        let world = world.later(120).await;
        work_until(&world, async || accounts(&world).await == before).await;
    })
    .await;
}
