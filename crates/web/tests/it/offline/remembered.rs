//! What opens although it was taken back is never shown as revoked: keys that nobody remembers,
//! that have ended where there is no clock, or whose right was closed twice; and what is said
//! without proof.

use claviger_domain::ids::Id;
use claviger_offline::lock::code::Code;
use claviger_store::{Statement, Value as Cell};
use serde_json::{Value, json};

use super::door::Door;
use super::phone::Phone;
use super::roots::{back, backup, newcomer, root_of, run};
use super::state;
use crate::kit::{Site, in_seconds, one};
use crate::support::{World, id, on_each_engine};

async fn revoke(it: &Site, grant: &Value) {
    it.acted(&format!("{}/revoke", one("/grants", grant))).await;
}

/// Makes a list that no phone brings anywhere: somebody comes and goes.
async fn passer_by(it: &Site, name: &str, door: &Door) {
    let person = it.person(name).await;
    let grant = it.grant(&person, &door.shown).await;
    Phone::of(it, &person).await.sync().await;
    revoke(it, &grant).await;
}

#[tokio::test]
async fn what_was_shown_before_a_restore_proves_nothing_of_what_came_after() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 71).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        hers.sync().await;
        his.sync().await;
        let root = root_of(&world.app);
        claviger_app::offline::forget_root(&world.app).await.unwrap();
        let file = backup(&world.app).await;
        for name in ["Cy", "Di"] {
            passer_by(&it, name, &door).await;
        }
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        let before = std::mem::take(&mut his.receipts);

        let world = world.restored_from(&file).await;
        let it = back(&world, &mut [&mut hers, &mut his]);
        revoke(&it, &grant).await;
        let begun = claviger_app::offline::sign(&world.app, Some(&root), false).await.unwrap();
        assert_eq!((begun.locks, begun.left), (1, 0));
        his.receipts = before;
        his.call(json!({})).await;
        assert_eq!(state(&it, &grant).await, "revocation_pending");
        assert_eq!(door.answers(&hers), Code::Done, "the lock has not heard");
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Revoked, Code::Done));
        his.sync().await;
        assert_eq!(state(&it, &grant).await, "revoked");
    })
    .await;
}

#[tokio::test]
async fn a_right_whose_keys_a_backup_forgot_is_revoked_when_the_lock_refuses_them() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let body = json!({"name": "Shed", "mode": "offline_keys", "capacity": {"entries": 1}});
        let mut door = Door::with(&it, body, 72).await;
        let (ann, bo, cy) = (it.person("Ann").await, it.person("Bo").await, it.person("Cy").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let mut theirs = Phone::of(&it, &cy).await;
        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        let level = it.level("Staff", &[&door.shown]).await;
        let through = it.level_grant(&cy, &level).await;
        his.sync().await;
        let file = backup(&world.app).await;
        hers.sync().await;
        theirs.sync().await;

        let world = world.restored_from(&file).await;
        let it = back(&world, &mut [&mut hers, &mut his, &mut theirs]);
        revoke(&it, &grant).await;
        let none = json!({"lock_ids": []});
        it.patch(&one("/access-levels", &level), none).await.expect(200);
        assert_eq!(state(&it, &through).await, "active");
        let keys = it.list(&format!("/keys?person_id={}", id(&cy))).await;
        assert_eq!((keys.len(), &keys[0]["state"]), (1, &json!("revocation_pending")));
        assert_eq!(state(&it, &grant).await, "revocation_pending");
        assert_eq!((door.answers(&hers), door.answers(&theirs)), (Code::Done, Code::Done));
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&theirs)), (Code::Revoked, Code::Revoked));
        // One entry says all that is unknown: whoever is known goes on opening.
        assert_eq!(door.answers(&his), Code::Done);
        his.sync().await;
        assert_eq!(state(&it, &grant).await, "revoked");
        assert_eq!(it.get(&one("/keys", &keys[0])).await["state"], "revoked");
        // What is given since is in nobody's backup.
        let di = it.person("Di").await;
        let later = it.grant(&di, &door.shown).await;
        revoke(&it, &later).await;
        assert_eq!(state(&it, &later).await, "revoked");
    })
    .await;
}

#[tokio::test]
async fn what_a_lock_showed_before_its_database_went_back_is_no_proof_when_that_has_caught_up() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 73).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        hers.sync().await;
        run(&world.app, "create table kept as select * from offline_locks").await;
        for name in ["Cy", "Di", "Ed"] {
            passer_by(&it, name, &door).await;
        }
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        let shown = std::mem::take(&mut his.receipts);
        let sql = "update offline_locks set version = 1, list = (select list from kept)";
        run(&world.app, sql).await;
        let world = world.restarted().await;
        let it = back(&world, &mut [&mut hers, &mut his]);
        his.receipts.clone_from(&shown);
        his.call(json!({})).await;
        revoke(&it, &grant).await;
        for name in ["Fi", "Gy", "Hy"] {
            passer_by(&it, name, &door).await;
        }
        his.receipts = shown;
        his.call(json!({})).await;
        assert_eq!(state(&it, &grant).await, "revocation_pending");
        assert_eq!(door.answers(&hers), Code::Done, "the lock has not heard");
        // The newest list, as it was made here, is.
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!(door.answers(&hers), Code::Revoked);
        his.sync().await;
        assert_eq!(state(&it, &grant).await, "revoked");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_ended_long_ago_is_pending_where_the_lock_has_not_heard() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 74).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        hers.sync().await;
        assert_eq!(door.answers(&hers), Code::Done);

        let world = world.later(90 * 86_400).await;
        back(&world, &mut [&mut hers, &mut his]);
        // A list is made, and nobody goes there.
        his.sync().await;
        let world = world.later(90 * 86_400).await;
        let it = back(&world, &mut [&mut hers, &mut his]);
        revoke(&it, &grant).await;
        assert_eq!(state(&it, &grant).await, "revocation_pending");
        assert_eq!(door.answers(&hers), Code::Done);
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_ne!(door.answers(&hers), Code::Done);
        his.sync().await;
        assert_eq!(state(&it, &grant).await, "revoked");
        // The lock knows that time has come: what ended before is nothing to it.
        let di = newcomer(&it, "Di", &mut door).await;
        let hers = it.list("/grants").await.pop().unwrap();
        let world = world.later(180 * 86_400).await;
        let it = back(&world, &mut [&mut his]);
        his.sync().await;
        door.take_list(&mut his);
        his.sync().await;
        revoke(&it, &hers).await;
        assert_eq!(state(&it, &hers).await, "revoked");
        assert_ne!(door.answers(&di), Code::Done);
    })
    .await;
}

#[tokio::test]
async fn a_key_refused_before_its_lock_left_the_level_is_pending_until_the_lock_has_heard() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (mut door, other) = (Door::at(&it, "Shed", 75).await, Door::at(&it, "Gate", 76).await);
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let level = it.level("Staff", &[&door.shown, &other.shown]).await;
        it.level_grant(&ann, &level).await;
        it.grant(&bo, &door.shown).await;
        hers.sync().await;
        it.acted(&format!("{}/suspend", one("/people", &ann))).await;
        let rest = json!({"lock_ids": [other.id()]});
        it.patch(&one("/access-levels", &level), rest).await.expect(200);
        let keys = it.list(&format!("/keys?person_id={}", id(&ann))).await;
        let key = keys.iter().find(|key| key["lock_id"] == door.shown["id"]).unwrap();
        assert_eq!(key["state"], "revocation_pending");
        assert_eq!(door.answers(&hers), Code::Done);
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!(door.answers(&hers), Code::Revoked);
        his.sync().await;
        assert_eq!(it.get(&one("/keys", key)).await["state"], "revoked");
    })
    .await;
}

#[tokio::test]
async fn a_level_grant_is_pending_at_a_lock_that_left_its_level_while_keys_were_forgotten() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let (mut shed, mut gate) =
            (Door::at(&it, "Shed", 80).await, Door::at(&it, "Gate", 81).await);
        let (ann, bo, cy) = (it.person("Ann").await, it.person("Bo").await, it.person("Cy").await);
        let (mut his, mut theirs) = (Phone::of(&it, &bo).await, Phone::of(&it, &cy).await);
        let level = it.level("Staff", &[&shed.shown, &gate.shown]).await;
        // Ann's grant is the older one.
        it.level_grant(&ann, &level).await;
        let grant = it.level_grant(&cy, &level).await;
        for door in [&shed, &gate] {
            it.grant(&bo, &door.shown).await;
        }
        his.sync().await;
        let root = root_of(&world.app);
        claviger_app::offline::forget_root(&world.app).await.unwrap();
        let file = backup(&world.app).await;
        theirs.sync().await;

        let world = world.restored_from(&file).await;
        let it = back(&world, &mut [&mut his, &mut theirs]);
        let rest = json!({"lock_ids": [gate.id()]});
        it.patch(&one("/access-levels", &level), rest).await.expect(200);
        revoke(&it, &grant).await;
        let begun = claviger_app::offline::sign(&world.app, Some(&root), false).await.unwrap();
        assert_eq!((begun.locks, begun.left), (2, 0));
        his.sync().await;
        assert_eq!(gate.take_list(&mut his), Code::Applied);
        his.sync().await;
        assert_eq!((gate.answers(&theirs), shed.answers(&theirs)), (Code::Revoked, Code::Done));
        assert_eq!(state(&it, &grant).await, "revocation_pending");
        assert_eq!(shed.take_list(&mut his), Code::Applied);
        assert_eq!(shed.answers(&theirs), Code::Revoked);
        his.sync().await;
        assert_eq!(state(&it, &grant).await, "revoked");
    })
    .await;
}

/// A number of a lock's row; none where it has none.
pub(super) async fn number_of(world: &World, column: &str, door: &Door) -> Option<i64> {
    let sql = format!("select id, {column} from offline_locks");
    let rows = world.app.storage().db().read(Statement::new(sql, [])).await.unwrap();
    let own = rows.into_iter().map(|row| row.into_values().into_iter());
    let wanted = Id::parse(door.id()).unwrap().0.to_vec();
    let mut own = own.filter_map(|mut cells| match cells.next() {
        Some(Cell::Bytes(id)) if id == wanted => cells.next(),
        _ => None,
    });
    match own.next() {
        Some(Cell::Int(number)) => Some(number),
        _ => None,
    }
}

#[tokio::test]
async fn the_room_of_a_lock_is_heard_from_whoever_may_open_it_and_may_grow_again() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = Door::at(&it, "Shed", 77).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        it.grant(&ann, &door.shown).await;
        let hello = |limit: u32| {
            let mut hello = door.hello();
            hello["list_limit"] = json!(limit);
            json!({"hellos": [hello]})
        };
        let limit = || number_of(&world, "list_limit", &door);
        his.call(hello(300)).await;
        assert_eq!(limit().await, None, "he has no right there");
        hers.call(hello(400)).await;
        assert_eq!(limit().await, Some(400));
        hers.call(hello(800)).await;
        assert_eq!(limit().await, Some(800));
        let lost = json!({"state": "lost"});
        it.patch(&one("/credentials", &hers.credential()), lost).await.expect(200);
        hers.call(hello(300)).await;
        assert_eq!(limit().await, Some(800), "it is lost");
    })
    .await;
}

#[tokio::test]
async fn a_stay_that_is_put_off_each_day_gets_a_key_each_day() {
    on_each_engine(|world| async move {
        let mut world = world.lasting().await;
        let it = world.here();
        let door = Door::at(&it, "Shed", 78).await;
        let ann = it.person("Ann").await;
        let mut phone = Phone::of(&it, &ann).await;
        let mut grant = json!({"subject": {"person_id": id(&ann)}});
        grant["target"] = json!({"lock_id": door.id()});
        grant["valid_until"] = json!(in_seconds(&world, 86_400));
        let grant = one("/grants", &it.made("/grants", grant).await);
        for day in 1..=10 {
            assert_eq!(phone.sync().await["keys"].as_array().unwrap().len(), 1, "day {day}");
            world = world.later(day * 86_400 - 3_600).await;
            let it = back(&world, &mut [&mut phone]);
            let until = in_seconds(&world, 86_400);
            it.patch(&grant, json!({"valid_until": until})).await.expect(200);
        }
    })
    .await;
}
