//! The root kept elsewhere, issuers made anew, and restores: what goes on, what waits, and that no
//! serial is given twice.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_app::{App, offline};
use claviger_offline::cose::Signed;
use claviger_offline::key::Key;
use claviger_offline::lock::code::Code;
use claviger_store::{Batch, Outcome};
use serde_json::{Value, json};

use super::door::Door;
use super::forger::Forger;
use super::phone::{Phone, bytes};
use crate::kit::{Site, one};
use crate::support::{World, id, on_each_engine};

pub(super) fn root_of(app: &App) -> String {
    String::from_utf8(offline::export_root(app).unwrap()).unwrap()
}

pub(super) async fn run(app: &App, sql: &'static str) {
    let mut batch = Batch::new();
    batch.run(sql, []);
    let done = app.storage().db().write(batch).await;
    assert!(matches!(done, Ok(Outcome::Done { .. })), "{done:?}");
}

/// The place in a world that was opened anew, for phones that are in use.
pub(super) fn back(world: &World, phones: &mut [&mut Phone]) -> Site {
    let it = world.here();
    for phone in phones {
        phone.actor = it.actor.with(phone.actor.token.clone());
    }
    it
}

/// The serial and epoch of the newest key that a phone has for a lock.
fn newest(phone: &Phone, lock: &str) -> (u32, u16) {
    let key = phone.key_for(lock).unwrap();
    let key = Key::read(Signed::read(&key).unwrap().payload).unwrap();
    (key.serial, key.epoch)
}

#[tokio::test]
async fn with_the_root_elsewhere_all_goes_on_but_what_only_it_can_say() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 21).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let mut hers = Phone::of(&it, &ann).await;
        let grant = it.grant(&ann, &door.shown).await;
        let root = root_of(&world.app);
        offline::forget_root(&world.app).await.unwrap();
        assert!(offline::export_root(&world.app).is_err(), "it is there no more");

        let world = world.restarted().await;
        let it = back(&world, &mut [&mut hers]);
        hers.sync().await;
        assert_eq!(door.answers(&hers), Code::Done);
        // Another lock of the place, with the same root; and one that is commissioned again.
        let mut gate = Door::at(&it, "Gate", 22).await;
        it.grant(&ann, &gate.shown).await;
        gate.commissioned_again(&it, 22).await;
        hers.sync().await;
        assert_eq!((gate.answers(&hers), gate.holds().0), (Code::Done, 1));
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        let mut his = Phone::of(&it, &bo).await;
        it.grant(&bo, &door.shown).await;
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Revoked, Code::Done));

        // A place that is new to the root waits for it.
        let barn = it.actor.post("/api/v1/places", json!({"name": "Barn"})).await.expect(201);
        let barn = Site { actor: it.actor.clone(), place: id(&barn).to_owned() };
        let lock = barn.made("/locks", json!({"name": "Stall", "mode": "offline_keys"})).await;
        let path = format!("{}/commission", one("/locks", &lock));
        let body = json!({"public_key": door.public_key()});
        barn.post(&path, body.clone()).await.problem(409, "in_use");
        assert!(offline::sign(&world.app, None, false).await.is_err());
        let other = "claviger-root v1\nroot_key = ".to_owned() + &"17".repeat(32);
        assert!(offline::sign(&world.app, Some(&other), false).await.is_err());
        let begun = offline::sign(&world.app, Some(&root), false).await.unwrap();
        assert_eq!((begun.places, begun.locks, begun.left), (2, 0, 0));
        let world = world.restarted().await;
        let barn = Site { actor: world.admin.clone(), place: barn.place };
        barn.post(&path, body).await.expect(200);

        // After a restore nothing is signed until the root has been lent.
        run(&world.app, "update offline_locks set epoch_due = 1").await;
        let world = world.restarted().await;
        let it = back(&world, &mut [&mut hers, &mut his]);
        let cy = it.person("Cy").await;
        it.grant(&cy, &door.shown).await;
        let mut new = Phone::of(&it, &cy).await;
        assert_eq!(new.sync().await["keys"], json!([]));
        // But for a lock that is commissioned again: its record says what the root would.
        it.grant(&cy, &gate.shown).await;
        gate.commissioned_again(&it, 22).await;
        new.sync().await;
        assert_eq!((gate.answers(&new), gate.answers(&hers)), (Code::Done, Code::Done));
        let begun = offline::sign(&world.app, Some(&root), false).await.unwrap();
        assert_eq!((begun.locks, begun.left), (2, 0));
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!(door.answers(&his), Code::Done);
        new.sync().await;
        assert_eq!(door.answers(&new), Code::Done);
    })
    .await;
}

#[tokio::test]
async fn issuers_are_made_anew_and_nothing_of_the_former_opens() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 24).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        for person in [&ann, &bo] {
            it.grant(person, &door.shown).await;
        }
        hers.sync().await;
        his.sync().await;
        let root = root_of(&world.app);
        offline::forget_root(&world.app).await.unwrap();
        assert!(offline::replace_issuers(&world.app, None).await.is_err(), "it is elsewhere");
        let begun = offline::replace_issuers(&world.app, Some(&root)).await.unwrap();
        assert_eq!((begun.places, begun.locks, begun.left), (1, 1, 0));
        let changes = it.list("/changes").await;
        let newest = changes.last().unwrap();
        assert_eq!(newest["verb"], "replace_issuer", "{newest}");
        assert_eq!(newest["values"]["generation"], "2", "{newest}");
        assert_eq!(door.answers(&hers), Code::Done, "the lock has not heard");
        let former = hers.key_for(door.id()).unwrap();
        assert_eq!(hers.sync().await["keys"].as_array().unwrap().len(), 1);
        let path = format!("{}/revocation-list", one("/locks", &door.shown));
        let current = it.get(&path).await;
        let epoch = hers.epoch_for(door.id()).unwrap();
        assert_eq!(bytes(&current["epoch_certificate"]), epoch, "whoever brings it needs it");
        assert_eq!(door.take_list(&mut hers), Code::Applied);
        assert_eq!(door.answers_key(&hers, &former), Code::NotForMe, "its issuer is none");
        assert_ne!(door.answers(&his), Code::Done);
        assert_eq!(door.answers(&hers), Code::Done);
        hers.sync().await;
        his.sync().await;
        assert_eq!(door.answers(&his), Code::Done);
        // What comes after the lock has shown that it knows resets nothing more: keys stay.
        run(&world.app, "update offline_locks set epoch_due = 1").await;
        let world = world.restarted().await;
        back(&world, &mut [&mut hers, &mut his]);
        offline::sign(&world.app, Some(&root), false).await.unwrap();
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!((door.holds().0, door.answers(&hers)), (2, Code::Done));
    })
    .await;
}

/// Everything as it is, in a file.
pub(super) async fn backup(app: &App) -> PathBuf {
    let path = claviger_store::testing::folder().join("all.backup");
    let file = std::fs::File::create(&path).unwrap();
    claviger_app::backup::write(app, None, file).await.unwrap();
    path
}

/// A person's first key at a lock, and that it opens.
pub(super) async fn newcomer(it: &Site, name: &str, door: &mut Door) -> Phone {
    let person = it.person(name).await;
    it.grant(&person, &door.shown).await;
    let mut phone = Phone::of(it, &person).await;
    phone.sync().await;
    door.take_list(&mut phone);
    assert_eq!(door.answers(&phone), Code::Done, "{name}");
    phone.sync().await;
    phone
}

#[tokio::test]
async fn a_backup_is_restored_twice_and_locks_that_are_ahead_follow() {
    on_each_engine(|mut world| async move {
        world.admin = world.here().full_key().await;
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 25).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        it.grant(&ann, &door.shown).await;
        let grant = it.grant(&bo, &door.shown).await;
        hers.sync().await;
        his.sync().await;
        let file = backup(&world.app).await;

        // What the backup knows nothing of: a key, and a revocation that the lock has followed.
        let lost = newcomer(&it, "Cy", &mut door).await;
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        hers.sync().await;
        assert_eq!(door.take_list(&mut hers), Code::Applied);
        assert_eq!((door.answers(&his), door.answers(&lost)), (Code::Revoked, Code::Done));
        let mut given = vec![newest(&hers, door.id()), newest(&his, door.id())];
        given.push(newest(&lost, door.id()));

        let mut stale = vec![lost];
        for round in 1..=2_u32 {
            world = world.restored_from(&file).await;
            let it = back(&world, &mut [&mut hers, &mut his]);
            assert_eq!(door.answers(&hers), Code::Done, "keys of before go on opening");
            // His right lives again, and was accepted to; the lock learns it with the epoch.
            hers.sync().await;
            assert_eq!(door.take_list(&mut hers), Code::Applied);
            assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Done, Code::Done));
            for phone in &stale {
                assert_eq!(door.answers(phone), Code::Revoked, "nobody knows whose it is");
            }
            let new = newcomer(&it, "Di", &mut door).await;
            given.push(newest(&new, door.id()));
            stale.push(new);
            // The first revocation is enforced, and shown.
            it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
            hers.sync().await;
            assert_eq!(door.take_list(&mut hers), Code::Applied);
            assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Done, Code::Revoked));
            hers.sync().await;
            assert_eq!(it.get(&one("/grants", &grant)).await["state"], "revoked");
            assert!(u32::from(door.holds().0) >= round, "an epoch has begun");
        }
        let mut distinct = given.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), given.len(), "{given:?}");
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_ahead_of_its_database_waits_for_an_operator() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 26).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        hers.sync().await;
        run(&world.app, "create table kept as select * from offline_locks").await;
        let cy = it.person("Cy").await;
        let other = it.grant(&cy, &door.shown).await;
        Phone::of(&it, &cy).await.sync().await;
        it.acted(&format!("{}/revoke", one("/grants", &other))).await;
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        // A copy of the files, by somebody who thought that was a backup.
        let sql = "update offline_locks set version = 1, list = (select list from kept)";
        run(&world.app, sql).await;
        let world = world.restarted().await;
        let it = back(&world, &mut [&mut hers, &mut his]);
        his.sync().await;
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        let path = one("/grants", &grant);
        his.sync().await;
        door.take_list(&mut his);
        his.sync().await;
        assert_eq!(it.get(&path).await["state"], "revocation_pending", "it is no proof");
        let begun = offline::sign(&world.app, None, false).await.unwrap();
        assert_eq!(begun.locks, 0, "nobody has said so");
        let begun = offline::sign(&world.app, None, true).await.unwrap();
        assert_eq!((begun.locks, begun.left), (1, 0));
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Revoked, Code::Done));
        his.sync().await;
        assert_eq!(it.get(&path).await["state"], "revoked");
        let none = offline::sign(&world.app, None, true).await.unwrap();
        assert_eq!(none.locks, 0, "it is done");
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_ahead_forgets_no_serials_when_it_is_commissioned_again() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 27).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        for person in [&ann, &bo] {
            it.grant(person, &door.shown).await;
        }
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        hers.sync().await;
        his.sync().await;
        run(&world.app, "create table kept as select * from offline_locks").await;
        let cys = newcomer(&it, "Cy", &mut door).await;
        let di = it.person("Di").await;
        let lost = it.grant(&di, &door.shown).await;
        Phone::of(&it, &di).await.sync().await;
        it.acted(&format!("{}/revoke", one("/grants", &lost))).await;
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        // A copy of the files comes back, which knows no key of Cy's; the lock shows what it has.
        run(&world.app, "delete from issued_keys where serial > 2").await;
        let sql = "update offline_locks set version = 1, list = (select list from kept), \
                   tops = (select tops from kept), logs = null";
        run(&world.app, sql).await;
        let world = world.restarted().await;
        let it = back(&world, &mut [&mut hers, &mut his]);
        his.sync().await;
        door.commissioned_again(&it, 27).await;
        assert_eq!(door.answers(&cys), Code::Revoked, "nobody knows whose it is");
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Done, Code::Done));
        let begun = offline::sign(&world.app, None, true).await.unwrap();
        assert_eq!(begun.locks, 0, "it is done");
    })
    .await;
}

#[tokio::test]
async fn a_list_of_ours_that_somebody_carries_shows_that_the_database_is_older() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = Door::at(&it, "Shed", 28).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        hers.sync().await;
        run(&world.app, "create table kept as select * from offline_locks").await;
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        his.sync().await;
        let (newer, certificate) = his.list_for(door.id()).unwrap();
        let sql = "update offline_locks set version = 1, list = (select list from kept)";
        run(&world.app, sql).await;
        let world = world.restarted().await;
        let it = back(&world, &mut [&mut hers, &mut his]);

        let lock = his.bytes_of(door.id());
        let forger = Forger::with(&world, certificate);
        let mut unsigned = newer.clone();
        *unsigned.last_mut().unwrap() ^= 1;
        // Nobody's; of an epoch of which the root says nothing; one that is known here.
        let known = bytes(&it.get(&list_path(&door)).await["list"]);
        let epoch = forger.list(lock, (7, 1), 1_800_000_000);
        for list in [unsigned, epoch, known] {
            his.call(json!({"lists": [carried(&list)]})).await;
            assert_eq!(tampers(&it).await, 0);
        }
        let begun = offline::sign(&world.app, None, true).await.unwrap();
        assert_eq!(begun.locks, 0, "nobody has shown anything");

        for _ in 0..2 {
            his.call(json!({"lists": [carried(&newer)]})).await;
            assert_eq!(tampers(&it).await, 1, "it is told, once");
        }
        let begun = offline::sign(&world.app, None, true).await.unwrap();
        assert_eq!((begun.locks, begun.left), (1, 0));
        assert_eq!(it.get(&list_path(&door)).await["epoch"], 1);
        his.call(json!({"lists": [carried(&newer)]})).await;
        let none = offline::sign(&world.app, None, true).await.unwrap();
        assert_eq!(none.locks, 0, "it is done");

        // The same copy comes back once more: a later epoch counts by the root's word for it.
        his.sync().await;
        let (newest, _) = his.list_for(door.id()).unwrap();
        let epoch = his.epoch_for(door.id()).unwrap();
        let sql = "update offline_locks set epoch = 0, version = 1, list = (select list from kept)";
        run(&world.app, sql).await;
        let world = world.restarted().await;
        back(&world, &mut [&mut hers, &mut his]);
        for (word, locks) in [(None, 0), (Some(&epoch), 1)] {
            let word = word.map(|it| STANDARD.encode(it));
            let list = json!({"list": STANDARD.encode(&newest), "epoch_certificate": word});
            his.call(json!({"lists": [list]})).await;
            let begun = offline::sign(&world.app, None, true).await.unwrap();
            assert_eq!(begun.locks, locks);
        }
    })
    .await;
}

fn list_path(door: &Door) -> String {
    format!("{}/revocation-list", one("/locks", &door.shown))
}

fn carried(list: &[u8]) -> Value {
    json!({"list": STANDARD.encode(list), "epoch_certificate": null})
}

async fn tampers(it: &Site) -> usize {
    let events = it.list("/events").await;
    events.iter().filter(|event| event["kind"] == "tamper").count()
}
