//! Access keys: given and taken in one call, with several windows, for people who are made by it.

use serde_json::{Value, json};

use super::{Parakey, item, refused};
use crate::kit::in_seconds;
use crate::login::{PASSWORD, log_in, mails, secret_of};
use crate::support::{World, id, on_each_engine};

const ANN: &str = "ann@example.org";
const MAY: [Option<&str>; 2] = [Some("2031-05-01T00:00:00.000Z"), Some("2031-06-01T00:00:00.000Z")];
const JULY: [Option<&str>; 2] =
    [Some("2031-07-01T00:00:00.000Z"), Some("2031-08-01T00:00:00.000Z")];
const NONE: [Option<&str>; 2] = [None, None];

/// Whether somebody with a card opens the door of an access, now or at an instant.
async fn opens(program: &Parakey, access: &Value, person: &Value, at: Option<&str>) -> bool {
    let lock = access["lock_ids"][0].clone();
    let mut ask = json!({"lock_id": lock, "person_id": id(person), "record": false});
    if let Some(at) = at {
        ask["at"] = at.into();
    }
    program.it.decide(ask).await["result"] == "granted"
}

#[tokio::test]
async fn a_key_given_here_opens_the_door_and_one_taken_does_not() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        let by_alias = json!({"access": {"aliasId": "Parakey-Gym"}, "user": {"id": ann["id"]}});
        let made = program.manage(json!({"insert": [by_alias]})).await.expect(200);
        let key = &made["insert"][0];
        assert_eq!(made["delete"], json!([]));
        assert_eq!((&key["access"]["id"], &key["user"]["id"]), (&access["id"], &ann["id"]));
        assert_eq!((&key["startDate"], &key["expirationDate"]), (&Value::Null, &Value::Null));
        assert!(opens(&program, &access, &ann, None).await);
        let grant = program.it.get(&format!("/grants/{}", id(key))).await;
        assert_eq!(grant["source"], json!({"kind": "access_level", "via": "parakey"}));
        assert_eq!(program.ids("/access-keys").await, [id(key)]);

        // The older way to name an access, and the address in other letters.
        let other =
            json!({"access": {"accessId": access["id"]}, "user": {"email": "ANN@example.org"}});
        let same = program.manage(json!({"insert": [other.clone()]})).await.expect(200);
        assert_eq!(same["insert"][0]["id"], key["id"], "an identical item makes no other");
        let gone = program.manage(json!({"delete": [other.clone()]})).await.expect(200);
        assert_eq!((&gone["delete"][0]["id"], &gone["insert"]), (&key["id"], &json!([])));
        assert!(!opens(&program, &access, &ann, None).await);
        let again = program.manage(json!({"delete": [other]})).await.expect(200);
        assert_eq!(again["delete"], json!([]), "what is not there need not be deleted");
        assert_eq!(program.ids("/accessKeys").await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn several_windows_are_told_apart_by_their_dates() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        let [may, july, always] = [MAY, JULY, NONE].map(|dates| item(&access, ANN, dates));
        let wish = json!({"insert": [may, july, may]});
        let made = program.manage(wish).await.expect(200);
        assert_eq!(made["insert"][0]["id"], made["insert"][2]["id"]);
        assert_eq!(made["insert"][0]["startDate"], MAY[0].unwrap());
        assert_eq!(program.ids("/access-keys").await.len(), 2);
        let inside = [Some("2031-05-15T12:00:00Z"), Some("2031-07-15T12:00:00Z")];
        for at in inside {
            assert!(opens(&program, &access, &ann, at).await);
        }
        assert!(!opens(&program, &access, &ann, Some("2031-06-15T12:00:00Z")).await);

        let gone = program.manage(json!({"delete": [may]})).await.expect(200);
        assert_eq!(gone["delete"].as_array().unwrap().len(), 1);
        assert!(!opens(&program, &access, &ann, inside[0]).await);
        assert!(opens(&program, &access, &ann, inside[1]).await);
        // Half of a window is none of those there are.
        let half = item(&access, ANN, [JULY[0], None]);
        let none = program.manage(json!({"delete": [half]})).await.expect(200);
        assert_eq!(none["delete"], json!([]));

        // Dates are changed by deleting and inserting: the deletes come first, in one transaction.
        let before = world.revisions().await;
        let wish = json!({"insert": [may, july], "delete": [july]});
        let changed = program.manage(wish).await.expect(200);
        assert_ne!(changed["insert"][1]["id"], changed["delete"][0]["id"]);
        let after = world.revisions().await;
        let moved = before.iter().zip(&after).filter(|(a, b)| a != b);
        assert_eq!(moved.count(), 1, "one place, one commit");
        assert!(opens(&program, &access, &ann, inside[0]).await);
        // Without dates all go.
        let gone = program.manage(json!({"delete": [always]})).await.expect(200);
        assert_eq!(gone["delete"].as_array().unwrap().len(), 2);
        assert_eq!(program.ids("/access-keys").await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn who_is_not_known_is_made_and_invited() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let mut first = item(&access, ANN, NONE);
        for (name, value) in [
            ("firstName", json!("Ann")),
            ("lastName", json!("Berg")),
            ("roles", json!(["guestManager"])),
            ("tags", json!(["north"])),
            ("language", json!("sv")),
        ] {
            first["user"][name] = value;
        }
        let again = item(&access, ANN, MAY);
        let wish = json!({"insert": [first, again], "sendInvitationEmail": false});
        program.manage(wish).await.expect(200);
        let told = mails(&world, 1).await.remove(0);
        assert!(told.contains("To: ann@example.org"), "{told}");
        let people = program.it.list("/people?email=ann@example.org").await;
        let ann = &people[0];
        assert_eq!(
            (&ann["first_name"], &ann["last_name"], &ann["role"], &ann["tags"], &ann["language"]),
            (
                &json!("Ann"),
                &json!("Berg"),
                &json!("guest_manager"),
                &json!(["north"]),
                &json!("sv")
            )
        );
        let secret = secret_of(&told).to_owned();
        let body = json!({"secret": secret, "password": PASSWORD});
        let session = world.nobody().post("/api/v1/account/invitation", body).await.expect(201);
        assert_eq!(session["places"][0]["role"], "guest_manager");
        let people = program.it.list("/people?email=ann@example.org").await;

        // Nothing of somebody who is there is overwritten, and no password.
        let mut second = item(&access, ANN, NONE);
        second["user"]["firstName"] = "Mallory".into();
        second["user"]["password"] = "another long password".into();
        second["user"]["roles"] = json!(["guest"]);
        program.manage(json!({"insert": [second]})).await.expect(200);
        assert_eq!(program.it.list("/people?email=ann@example.org").await, people);
        log_in(&world, ANN, PASSWORD).await.expect(201);
        log_in(&world, ANN, "another long password").await.problem(401, "unauthorized");
        mails(&world, 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_predefined_password_is_for_its_own_domain_until_the_address_is_proven() {
    on_each_engine(|world: World| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let mut wish = item(&access, ANN, NONE);
        wish["user"]["password"] = "chosen by the gym".into();
        wish["user"]["roles"] = json!(["administrator"]);
        program.manage(json!({"insert": [wish.clone()]})).await.expect(200);
        mails(&world, 0).await;
        let session = log_in(&world, ANN, "chosen by the gym").await.expect(201);
        let here = json!([{"place_id": world.place, "role": "administrator"}]);
        assert_eq!(session["places"], here);

        // Another domain's is good for that domain, and neither for the other's.
        let other = Parakey::of(&world, program.it.neighbour("Next door").await).await;
        let theirs = other.access("Pool").await;
        let mut wish = item(&theirs, ANN, NONE);
        wish["user"]["password"] = "chosen by the pool".into();
        other.manage(json!({"insert": [wish]})).await.expect(200);
        mails(&world, 0).await;
        let pool = json!([{"place_id": other.it.place, "role": "guest"}]);
        for (password, places) in [("chosen by the gym", &here), ("chosen by the pool", &pool)] {
            assert_eq!(log_in(&world, ANN, password).await.expect(201)["places"], *places);
        }

        // Whoever proves the address has all of it by a password of their own, and both are void.
        let third = Parakey::of(&world, program.it.neighbour("Up the road").await).await;
        let spa = third.access("Spa").await;
        third.manage(json!({"insert": [item(&spa, ANN, NONE)]})).await.expect(200);
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        let body = json!({"secret": secret, "password": PASSWORD});
        let session = world.nobody().post("/api/v1/account/invitation", body).await.expect(201);
        assert_eq!(session["places"].as_array().unwrap().len(), 3);
        for password in ["chosen by the gym", "chosen by the pool"] {
            log_in(&world, ANN, password).await.problem(401, "unauthorized");
        }
    })
    .await;
}

#[tokio::test]
async fn a_predefined_password_tells_nobody_who_has_an_account() {
    on_each_engine(|world: World| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        program.manage(json!({"insert": [item(&access, ANN, NONE)]})).await.expect(200);
        let secret = secret_of(&mails(&world, 1).await[0]).to_owned();
        let body = json!({"secret": secret, "password": PASSWORD});
        world.nobody().post("/api/v1/account/invitation", body).await.expect(201);

        let other = Parakey::of(&world, program.it.neighbour("Next door").await).await;
        let pool = other.access("Pool").await;
        let probe = "is anybody there";
        let mut told = Vec::new();
        for email in [ANN, "bo@example.org"] {
            let mut wish = item(&pool, email, NONE);
            wish["user"]["password"] = probe.into();
            other.manage(json!({"insert": [wish]})).await.expect(200);
            let session = log_in(&world, email, probe).await.expect(201);
            let person = other.it.list(&format!("/people?email={email}")).await.remove(0);
            let path = format!("/people/{}", id(&person));
            let again = other.it.post(&format!("{path}/invite"), json!({})).await.status;
            let export = other.it.get(&format!("{path}/export")).await;
            let verbs: Vec<Value> = export["changes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|change| change["verb"].clone())
                .collect();
            let invitation = other.it.get(&format!("{path}/invitation")).await;
            told.push((
                session["places"].clone(),
                again,
                invitation,
                export["account_id"].clone(),
                verbs,
            ));
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0].0, json!([{"place_id": other.it.place, "role": "guest"}]));
        mails(&world, 1).await;
        // She has it all by her own, and what was preset is void.
        let session = log_in(&world, ANN, PASSWORD).await.expect(201);
        assert_eq!(session["places"].as_array().unwrap().len(), 2);
        log_in(&world, ANN, probe).await.problem(401, "unauthorized");
        log_in(&world, "bo@example.org", probe).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn an_access_with_times_of_its_own_takes_no_dates() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        program.manage(json!({"insert": [item(&access, ANN, MAY)]})).await.expect(200);
        let times =
            json!({"schedule": {"weekly": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]}});
        let path = format!("/access-levels/{}", id(&access));
        program.it.patch(&path, times).await.expect(200);
        assert_eq!(program.get("/accesses").await[0]["hasSchedule"], true);
        let wish = json!({"insert": [item(&access, ANN, NONE), item(&access, ANN, JULY)]});
        refused(&program.manage(wish).await, 422, "invalid", &[("insert", 1, "fixedAccess")]);
        let made = program.manage(json!({"insert": [item(&access, ANN, NONE)]})).await;
        assert_eq!(made.expect(200)["insert"].as_array().unwrap().len(), 1);
        // The window that was given before meets the times that were set after; it can be taken.
        let people = program.it.list("/people").await;
        assert!(
            !opens(&program, &access, &people[0], Some("2031-05-04T12:00:00Z")).await,
            "Sunday"
        );
        assert!(opens(&program, &access, &people[0], Some("2031-05-05T12:00:00Z")).await, "Monday");
        let gone = program.manage(json!({"delete": [item(&access, ANN, MAY)]})).await.expect(200);
        assert_eq!(gone["delete"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn only_what_is_open_to_programs_is_reached_and_keys_to_it_go_on() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let ann = program.it.person("Ann").await;
        program.manage(json!({"insert": [item(&access, ANN, NONE)]})).await.expect(200);
        let key = program.ids("/access-keys").await.remove(0);
        let path = format!("/access-levels/{}", id(&access));
        program.it.patch(&path, json!({"api_enabled": false})).await.expect(200);
        for path in ["/access-keys", "/accesses"] {
            assert_eq!(program.get(path).await, json!([]));
        }
        for (path, code) in [
            (format!("/accesses/{}", id(&access)), "accessNotFound"),
            (format!("/access-keys/{key}"), "accessKeyNotFound"),
        ] {
            refused(&program.call("GET", &path, Value::Null).await, 404, code, &[]);
        }
        for list in ["insert", "delete"] {
            let answer = program.manage(json!({list: [item(&access, ANN, NONE)]})).await;
            refused(&answer, 404, "accessNotFound", &[(list, 0, "accessNotFound")]);
        }
        assert!(opens(&program, &access, &ann, None).await, "the key goes on working");
        program.it.patch(&path, json!({"api_enabled": true})).await.expect(200);
        assert_eq!(program.ids("/access-keys").await, [key]);
    })
    .await;
}

#[tokio::test]
async fn a_list_is_narrowed_ordered_and_tagged() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let wish: Vec<Value> =
            ["a", "b", "c"].map(|it| item(&access, &format!("{it}@example.org"), NONE)).into();
        program.manage(json!({"insert": wish})).await.expect(200);
        let all = program.ids("/access-keys").await;
        assert_eq!(all.len(), 3);
        let own = format!("/access-keys?domainId={}", program.it.place);
        assert_eq!(program.ids(&own).await, all);
        let last = program.ids("/access-keys?limit=1&orderBy=createdAt:DESC").await;
        assert_eq!(last, all[2..]);
        assert_eq!(program.ids("/access-keys?limit=2&orderBy=createdAt:ASC").await, all[..2]);
        let late = format!("/access-keys?startDate={}", in_seconds(&world, 3600));
        assert_eq!(program.ids(&late).await, Vec::<String>::new());

        let first = program.call("GET", "/access-keys", Value::Null).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.len() > 10 && tag.starts_with('"'), "{tag}");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let headers = [("if-none-match", known.as_str())];
            let same = program.send("GET", "/access-keys", &headers, None).await;
            assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", &*tag));
        }
        program.manage(json!({"delete": [wish[0]]})).await.expect(200);
        let headers = [("if-none-match", tag.as_str())];
        let other = program.send("GET", "/access-keys", &headers, None).await;
        assert_eq!(other.status, 200);
        assert_ne!(other.header("etag"), tag);
    })
    .await;
}

#[tokio::test]
async fn what_is_asked_beside_a_key_is_told_of_an_access_and_of_its_devices() {
    on_each_engine(|world| async move {
        let tenant = Parakey::of(&world, world.here().neighbour("Next door").await).await;
        let here = Parakey::at(&world).await;
        let by_day = json!({"weekly": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]});
        let lock = async |name: &str, pin: &str, schedule: Value| {
            let body = json!({"name": name, "pin": pin, "pin_schedule": schedule});
            here.it.made("/locks", body).await
        };
        let locks = [
            lock("Plain", "never", Value::Null).await,
            lock("Own", "if_set", Value::Null).await,
            lock("Day", "always", by_day).await,
            lock("Vault", "always", Value::Null).await,
        ];
        let told = |pin: &str, in_hours: bool| json!({"pin": pin, "hasSchedule": in_hours});
        let wanted = [
            told("never", false),
            told("ifSet", false),
            told("always", true),
            told("always", false),
        ];
        for (lock, wanted) in locks.iter().zip(&wanted) {
            assert_eq!(here.get(&format!("/devices/{}", id(lock))).await["security"], *wanted);
        }
        let level = async |at: &Parakey, locks: &[&Value]| {
            let locks: Vec<&str> = locks.iter().map(|lock| id(lock)).collect();
            let body = json!({"name": "A", "lock_ids": locks, "api_enabled": true});
            let level = at.it.made("/access-levels", body).await;
            at.get(&format!("/accesses/{}", id(&level))).await["security"].clone()
        };
        let [plain, own, day, vault] = &locks;
        for (locks, wanted) in [
            (&[][..], &wanted[0]),
            (&[plain], &wanted[0]),
            (&[own, plain], &wanted[1]),
            (&[plain, day, own], &wanted[2]),
            (&[day, vault], &wanted[3]),
        ] {
            assert_eq!(level(&here, locks).await, *wanted);
        }
        // Of another domain's device it is what that domain says, also after a change.
        let shares = format!("/locks/{}/shares", id(plain));
        here.it.made(&shares, json!({"place_id": tenant.it.place})).await;
        let accept = format!("/shared-locks/{}/accept", id(plain));
        let _ = tenant.it.post(&accept, json!({})).await;
        assert_eq!(level(&tenant, &[plain]).await, wanted[0]);
        let path = format!("/locks/{}", id(plain));
        let body = json!({"pin": "always", "name": "North", "description": "By the road"});
        here.it.patch(&path, body).await.expect(200);
        assert_eq!(level(&tenant, &[plain]).await, wanted[3]);
        let device = tenant.get("/devices").await[0].clone();
        assert_eq!(device["security"], wanted[3]);
        assert_eq!(
            (&device["name"], &device["description"]),
            (&json!("North"), &json!("By the road"))
        );
        assert_eq!(tenant.get("/accesses").await[0]["devices"][0]["name"], "North");
    })
    .await;
}
