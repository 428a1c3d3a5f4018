//! Locks with no network, from commissioning to the proof of a revocation: the server as programs
//! and phones see it, the lock decided by its real crate.

mod agreed;
mod alarms;
mod cards;
mod clock;
mod couriers;
pub(crate) mod door;
mod events;
mod forger;
mod gone;
mod hours;
mod left;
#[cfg(feature = "faults")]
mod model;
pub(crate) mod phone;
mod proof;
mod remembered;
mod room;
mod roots;
mod shared;

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use crate::kit::{Site, one, person_to_lock};
use crate::support::{id, on_each_engine};
use crate::tour::{furnish, samples};
use door::Door;
use phone::Phone;

/// How far a grant has got.
async fn state(it: &Site, grant: &Value) -> Value {
    it.get(&one("/grants", grant)).await["state"].clone()
}

/// The newest revocation.
async fn newest(it: &Site) -> Value {
    it.list("/revocations").await.last().expect("there is one").clone()
}

fn states(revocation: &Value) -> Vec<&str> {
    let locks = revocation["locks"].as_array().unwrap();
    locks.iter().map(|lock| lock["state"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_right_opens_and_is_taken_back_until_the_lock_has_shown_it() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 1).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        assert_eq!(hers.sync().await["keys"], json!([]), "no right, no key");

        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        let given = hers.sync().await;
        assert_eq!(given["locks"][0]["name"], "Shed");
        assert_eq!(given["locks"][0]["public_key"], door.public_key());
        his.sync().await;
        assert_eq!(hers.sync().await["keys"], json!([]), "what it holds will do");
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Done, Code::Done));

        let path = one("/grants", &grant);
        let closed = it.acted(&format!("{path}/revoke")).await;
        assert_eq!(closed["state"], "revocation_pending");
        let progress = json!({"locks_total": 1, "locks_confirmed": 0, "latest_possible_use": null});
        assert_eq!(closed["revocation"], progress);
        let revocation = newest(&it).await;
        assert_eq!(
            (states(&revocation), &revocation["open_ended"]),
            (vec!["pending"], &json!(true))
        );
        // The lock has not heard of it, and what it says without proof is none.
        assert_eq!(door.answers(&hers), Code::Done);
        let mut hello = door.hello();
        hello["version"] = json!(99);
        hers.call(json!({"hellos": [hello]})).await;
        assert_eq!(it.get(&path).await["state"], "revocation_pending");

        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Revoked, Code::Done));
        assert_eq!(it.get(&path).await["state"], "revocation_pending", "nobody has told us");
        // Another's receipt, or one that was changed, proves nothing.
        let honest = his.receipts.clone();
        his.receipts = honest.iter().map(|it| it.replace(&it[8..12], "AAAA")).collect();
        his.call(json!({})).await;
        assert_eq!(it.get(&path).await["state"], "revocation_pending");
        his.receipts = honest;
        his.sync().await;
        let shown = it.get(&path).await;
        assert_eq!(
            (&shown["state"], &shown["revocation"]["locks_confirmed"]),
            (&json!("revoked"), &json!(1))
        );
        assert_eq!(it.get(&one("/keys", &grant)).await["state"], "revoked");
        assert_eq!(states(&newest(&it).await), ["told"]);
        assert_eq!(hers.sync().await["keys"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn what_was_signed_survives_a_restart() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 2).await;
        let ann = it.person("Ann").await;
        let mut phone = Phone::of(&it, &ann).await;
        let grant = it.grant(&ann, &door.shown).await;
        let first = phone.call(json!({})).await;
        let world = world.restarted().await;
        let it = world.here();
        phone = phone.over(&world);
        let again = phone.call(json!({})).await;
        assert_eq!(again["keys"], first["keys"], "the same bytes until they are acknowledged");
        let held = phone.keep(&again);
        phone.call(json!({"acknowledged": held})).await;
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        let world = world.restarted().await;
        let it = world.here();
        phone = phone.over(&world);
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "revocation_pending");
        let bo = it.person("Bo").await;
        let mut other = Phone::of(&it, &bo).await;
        it.made("/grants", person_to_lock(&bo, &door.shown)).await;
        other.sync().await;
        assert_eq!(door.answers(&other), Code::NeedList, "what refuses comes first");
        assert_eq!(door.take_list(&mut other), Code::Applied);
        assert_eq!((door.answers(&phone), door.answers(&other)), (Code::Revoked, Code::Done));
        other.sync().await;
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "revoked");
    })
    .await;
}

/// What Ann's phone may do at a door since something was taken from it, once another's has brought
/// the list there.
async fn since(it: &Site, cause: &str, (door, ann, bo): (&mut Door, &mut Phone, &mut Phone)) {
    let revocation = newest(it).await;
    assert_eq!((&revocation["cause"], states(&revocation)), (&json!(cause), vec!["pending"]));
    assert_eq!(door.answers(ann), Code::Done, "{cause}");
    bo.sync().await;
    assert_eq!(door.take_list(bo), Code::Applied, "{cause}");
    assert_eq!((door.answers(ann), door.answers(bo)), (Code::Revoked, Code::Done), "{cause}");
    bo.sync().await;
    assert_eq!(states(&newest(it).await), ["told"], "{cause}");
}

#[tokio::test]
async fn whatever_takes_rights_away_refuses_the_keys_it_touches() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 4).await;
        let all_week = |to: &str| {
            let days = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
            json!([{"days": days, "from": "00:00", "to": to}])
        };
        let hours = json!({"name": "Hours", "weekly": all_week("24:00")});
        let hours = it.made("/schedules", hours).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let level = it.level("Staff", &[&door.shown]).await;
        let mut timed = json!({"subject": {"person_id": id(&ann)}});
        timed["target"] = json!({"access_level_id": id(&level)});
        timed["schedule"] = json!({"id": id(&hours)});
        let grant = it.made("/grants", timed).await;
        it.grant(&bo, &door.shown).await;
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let (person, phone) = (one("/people", &ann), one("/credentials", &hers.credential()));
        let (grant, level) = (one("/grants", &grant), one("/access-levels", &level));
        let later = json!({"valid_from": "2089-01-01T00:00:00Z"});
        let ever = json!({"valid_from": null});
        let none = json!({"lock_ids": []});
        let back = json!({"lock_ids": [door.id()]});
        let lost = json!({"state": "lost"});
        let found = json!({"state": "active"});
        let (less, more) = (all_week("23:59"), all_week("24:00"));
        let (less, more) = (json!({"weekly": less}), json!({"weekly": more}));
        let hours = one("/schedules", &hours);
        let steps: [(&str, &Value, &Value, &str); 5] = [
            (&grant, &later, &ever, "grant_update"),
            (&phone, &later, &ever, "credential_update"),
            (&phone, &lost, &found, "credential_update"),
            (&hours, &less, &more, "schedule_update"),
            (&level, &none, &back, "access_level_update"),
        ];
        for (path, taking, giving, cause) in steps {
            hers.sync().await;
            his.sync().await;
            door.take_list(&mut his);
            assert_eq!(door.answers(&hers), Code::Done, "{cause}");
            let known = it.list("/revocations").await.len();
            it.patch(path, taking.clone()).await.expect(200);
            since(&it, cause, (&mut door, &mut hers, &mut his)).await;
            assert_eq!(it.list("/revocations").await.len(), known + 1);
            it.patch(path, giving.clone()).await.expect(200);
        }
        hers.sync().await;
        assert_eq!(door.answers(&hers), Code::Done);
        it.acted(&format!("{person}/suspend")).await;
        since(&it, "person_suspend", (&mut door, &mut hers, &mut his)).await;
        it.acted(&format!("{person}/resume")).await;
        assert_eq!(door.answers(&hers), Code::Revoked, "what is refused stays so");
        hers.sync().await;
        assert_eq!(door.answers(&hers), Code::Done, "another key opens");
    })
    .await;
}

#[tokio::test]
async fn what_only_adds_takes_nothing_back_and_is_fetched() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 5).await;
        let ann = it.person("Ann").await;
        let mut hers = Phone::of(&it, &ann).await;
        let mut grant = person_to_lock(&ann, &door.shown);
        let days = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
        grant["schedule"] = json!({"weekly": [{"days": days, "from": "00:00", "to": "24:00"}]});
        grant["valid_until"] = json!("2089-01-01T00:00:00Z");
        let grant = one("/grants", &it.made("/grants", grant).await);
        hers.sync().await;
        assert_eq!(door.answers(&hers), Code::Done);
        let more = json!({"schedule": null, "valid_until": null});
        it.patch(&grant, more).await.expect(200);
        assert_eq!(it.list("/revocations").await, Vec::<Value>::new());
        assert_eq!(hers.sync().await["keys"], json!([]), "open at all times either way");
        // Hours that end sooner are another right; the same hours are not.
        let until = claviger_domain::time::Instant(world.app.now().0 + 86_400_000_000);
        it.patch(&grant, json!({"valid_until": until.to_string()})).await.expect(200);
        assert_eq!(it.list("/revocations").await.len(), 1);
        assert_eq!(hers.sync().await["keys"].as_array().unwrap().len(), 1);
        it.patch(&grant, json!({"valid_until": null})).await.expect(200);
        assert_eq!(it.list("/revocations").await.len(), 1, "nothing is taken by giving");
        assert_eq!(hers.sync().await["keys"], json!([]), "what it holds is right until it ends");
        assert_eq!(door.take_list(&mut hers), Code::Applied);
        assert_eq!(door.answers(&hers), Code::Done);
    })
    .await;
}

#[tokio::test]
async fn a_devices_secret_lets_it_fetch_and_do_nothing_else() {
    on_each_engine(|world| async move {
        let it = world.here();
        let ann = it.person("Ann").await;
        let phone = Phone::of(&it, &ann).await;
        let things = furnish(&world.admin, &world.place, "mine").await;
        // What locks have shown and sealed is anybody's to bring.
        let brings = |route: &claviger_web::Listed| route.operation.starts_with("bring_");
        let closed = |it: &&claviger_web::Listed| it.scope.is_some() && !brings(it);
        for route in claviger_web::routes().iter().filter(closed) {
            for sample in samples(route, &things, 0) {
                let answer = sample.send(&phone.actor).await;
                assert!(
                    [401, 403, 404].contains(&answer.status),
                    "{} {}",
                    route.operation,
                    answer.text
                );
            }
        }
        let other = Phone::of(&it, &ann).await;
        let for_another = json!({"device_id": other.device});
        let asked = phone.actor.post(&it.at("/devices/sync"), for_another).await;
        asked.problem(403, "escalation");
        let enrol =
            json!({"credential_id": phone.device, "public_key": phone::cose_key(&phone::pair())});
        phone.actor.post(&it.at("/devices/enrol"), enrol.clone()).await.problem(403, "escalation");
        // Enrolled anew, the secret before is none.
        it.post("/devices/enrol", enrol).await.expect(200);
        phone.actor.post(&it.at("/devices/sync"), json!({})).await.problem(401, "unauthorized");
        it.delete(&one("/credentials", &other.credential())).await.expect(204);
        other.actor.post(&it.at("/devices/sync"), json!({})).await.problem(401, "unauthorized");
    })
    .await;
}

#[tokio::test]
async fn commissioning_is_done_once_and_only_for_locks_that_read_keys() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 3).await;
        let online = it.lock("Hall").await;
        let commission = |lock: &Value| format!("{}/commission", one("/locks", lock));
        let key = json!({"public_key": door.public_key()});
        it.post(&commission(&online), key.clone()).await.problem(409, "in_use");
        it.post(&commission(&door.shown), key.clone()).await.problem(409, "in_use");
        let bad = json!({"public_key": "AAAA"});
        it.post(&commission(&door.shown), bad).await.problem(422, "invalid");
        let again = json!({"public_key": door.public_key(), "recommission": true});
        let told = it.post(&commission(&door.shown), again.clone()).await.expect(200);
        assert_ne!(door.commission(&told), Code::Done, "no second record without a reset");
        let path = it.at(&commission(&door.shown));
        let keyed = [("idempotency-key", "k1")];
        let first = it.actor.send("POST", &path, &keyed, Some(again.to_string())).await.expect(200);
        assert!(first["record"].is_string());
        let twin = it.actor.send("POST", &path, &keyed, Some(again.to_string())).await.expect(200);
        assert_eq!(twin, json!({"record": null}), "a secret is shown once");
    })
    .await;
}
