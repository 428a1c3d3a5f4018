//! Rights of cards that are taken back and left to the cards: no list says so, the lock lets in
//! until the card was written or the keys have ended, and nobody is told otherwise.

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::door::Door;
use super::phone::Phone;
use super::roots::{back, backup};
use super::state;
use crate::kit::{Site, one};
use crate::support::{Actor, World, id, on_each_engine};

/// A card with a right of its own, written.
struct Given {
    card: Phone,
    grant: Value,
}

async fn given(it: &Site, encoder: &Actor, target: Value, digits: &str) -> Given {
    let card = it.card(&it.person(digits).await, digits).await;
    let body = json!({"subject": {"credential_id": id(&card)}, "target": target});
    let grant = it.made("/grants", body).await;
    let mut card = Phone::card(it, &card, encoder).await;
    card.sync().await;
    Given { card, grant }
}

async fn leave(it: &Site, grant: &Value) -> Value {
    let path = format!("{}/revoke", one("/grants", grant));
    it.post(&path, json!({"leave_to_card": true})).await.expect(200)
}

/// The version of the list that a lock should have.
async fn version(it: &Site, door: &Door) -> Value {
    it.get(&format!("{}/revocation-list", one("/locks", &door.shown))).await["version"].clone()
}

/// Cards with keys to be erased, with the locks.
async fn erasures(it: &Site) -> Vec<(Value, Value)> {
    let all = it.list("/devices/tasks").await.into_iter();
    all.map(|it| (it["credential_id"].clone(), it["locks"].clone())).collect()
}

/// How far the newest revocation has got at each lock.
async fn states(it: &Site) -> Vec<Value> {
    let newest = it.list("/revocations").await.pop().unwrap();
    newest["locks"].as_array().unwrap().iter().map(|lock| lock["state"].clone()).collect()
}

async fn prepared(world: &mut World) -> (Site, Actor) {
    world.admin = world.here().full_key().await;
    let encoder = world.admin.makes_key(&["devices:sync"], &[&world.place]).await;
    (world.here(), encoder)
}

/// What the updater is told to erase is not erased yet, and not by the word of the card itself or
/// of another; in the end one of two keys is said to be.
async fn not_by_saying_so(it: &Site, encoder: &Actor, ann: &mut Given, bo: &Given) {
    let asked = ann.card.call(json!({})).await;
    let erase = asked["erase"].as_array().unwrap().clone();
    assert_eq!(erase.len(), 2, "{asked}");
    assert_eq!(state(it, &ann.grant).await, "revocation_pending");
    let own = it.actor.with(Some(ann.card.own_token(it, encoder).await));
    let said = own.post(&it.at("/devices/sync"), json!({"erased": erase})).await;
    said.problem(403, "escalation");
    let of_bo = json!({"device_id": bo.card.device, "erased": erase});
    encoder.post(&it.at("/devices/sync"), of_bo).await.expect(200);
    assert_eq!(state(it, &ann.grant).await, "revocation_pending", "another card's word");
    let first = json!({"device_id": ann.card.device, "erased": [erase[0]]});
    encoder.post(&it.at("/devices/sync"), first).await.expect(200);
    assert_eq!(state(it, &ann.grant).await, "revocation_pending", "one is left");
}

#[tokio::test]
async fn a_key_left_to_its_card_opens_until_the_card_was_written() {
    on_each_engine(|mut world| async move {
        let (it, encoder) = prepared(&mut world).await;
        let body = json!({"name": "Shed", "mode": "offline_keys", "capacity": {"entries": 1}});
        let mut door = Door::with(&it, body, 71).await;
        let other = Door::at(&it, "Gate", 72).await;
        let level = it.level("Both", &[&door.shown, &other.shown]).await;
        let target = json!({"access_level_id": id(&level)});
        let mut ann = given(&it, &encoder, target, "1001").await;
        let bo = given(&it, &encoder, json!({"lock_id": door.id()}), "1002").await;
        let cy = it.person("Cy").await;
        it.grant(&cy, &door.shown).await;
        let mut phone = Phone::of(&it, &cy).await;

        let before = version(&it, &door).await;
        let path = format!("{}/revoke?dry_run=true", one("/grants", &ann.grant));
        let plan = it.post(&path, json!({"leave_to_card": true})).await.expect(200);
        assert_eq!(plan["plan"]["losses"].as_array().unwrap().len(), 2, "{plan}");
        assert_eq!(plan["plan"]["side_effects"], json!([]));
        let done = leave(&it, &ann.grant).await;
        assert_eq!(
            (&done["state"], &done["closed_reason"]),
            (&json!("revocation_pending"), &json!("left_to_card"))
        );
        assert_eq!(version(&it, &door).await, before, "no list is made of it");
        let revocation = it.get(&one("/grants", &ann.grant)).await["revocation"].clone();
        assert_eq!(
            (&revocation["locks_total"], &revocation["locks_confirmed"]),
            (&json!(2), &json!(0))
        );
        assert_eq!(states(&it).await, ["pending", "pending"]);
        let newest = it.list("/revocations").await.pop().unwrap();
        assert_eq!(newest["open_ended"], true, "no clock ends it");
        let both = json!([
            {"lock_id": door.id(), "reason": "erase"}, {"lock_id": other.id(), "reason": "erase"}
        ]);
        assert_eq!(erasures(&it).await, [(json!(ann.card.device), both)]);
        // As is said, so it is; a list that is brought changes nothing of it.
        assert_eq!(door.answers(&ann.card), Code::Done);
        phone.sync().await;
        assert_eq!(door.take_list(&mut phone), Code::Same, "there is no other");
        assert_eq!(door.answers(&ann.card), Code::Done);
        assert_eq!(state(&it, &ann.grant).await, "revocation_pending");

        not_by_saying_so(&it, &encoder, &mut ann, &bo).await;
        ann.card.sync().await;
        let keys = [door.id(), other.id()].map(|lock| ann.card.key_for(lock).is_some());
        assert_eq!(keys.iter().filter(|it| **it).count(), 1, "but for what was said too early");
        assert_eq!(state(&it, &ann.grant).await, "revoked");
        assert_eq!(states(&it).await, ["erased", "erased"]);
        assert!(erasures(&it).await.is_empty());
        assert_eq!(version(&it, &door).await, before);
        assert_eq!(ann.card.call(json!({})).await["erase"], json!([]));
        assert_eq!(door.answers(&bo.card), Code::Done, "nobody else is hit");
    })
    .await;
}

#[tokio::test]
async fn a_card_that_is_lost_meanwhile_is_refused_by_the_list() {
    on_each_engine(|mut world| async move {
        let (it, encoder) = prepared(&mut world).await;
        let mut door = Door::at(&it, "Shed", 73).await;
        let cy = it.person("Cy").await;
        it.grant(&cy, &door.shown).await;
        let mut phone = Phone::of(&it, &cy).await;
        let target = || json!({"lock_id": door.id()});
        // A key that lives, so that no list says more than it must.
        given(&it, &encoder, target(), "1000").await;
        let mut all = Vec::new();
        for digits in ["1001", "1002", "1003", "1004"] {
            all.push(given(&it, &encoder, target(), digits).await);
            leave(&it, &all.last().unwrap().grant).await;
        }
        let before = version(&it, &door).await;
        // What has nothing to do with whether the card is good takes nothing more back.
        let card = |at: usize| one("/credentials", &all[at].card.credential());
        it.patch(&card(3), json!({"label": "Blue"})).await.expect(200);
        it.patch(&one("/locks", &door.shown), json!({"time_zone": "Asia/Tokyo"})).await.expect(200);
        assert_eq!(version(&it, &door).await, before);
        assert_eq!(erasures(&it).await.len(), 4);
        it.acted(&format!("{}/report-lost", card(0))).await;
        let person = it.get(&card(1)).await["person_id"].clone();
        it.acted(&format!("/people/{}/suspend", person.as_str().unwrap())).await;
        it.delete(&card(2)).await.expect(204);
        assert_eq!(version(&it, &door).await, before.as_u64().unwrap() + 3);
        for given in &all {
            assert_eq!(state(&it, &given.grant).await, "revocation_pending");
        }
        phone.sync().await;
        assert_eq!(door.take_list(&mut phone), Code::Applied);
        let codes: Vec<Code> = all.iter().map(|it| door.answers(&it.card)).collect();
        assert_eq!(codes, [Code::Revoked, Code::Revoked, Code::Revoked, Code::Done]);
        phone.sync().await;
        let mut stand = Vec::new();
        for given in &all {
            stand.push(state(&it, &given.grant).await);
        }
        assert_eq!(stand, ["revoked", "revoked", "revoked", "revocation_pending"]);
        assert_eq!(erasures(&it).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_left_to_a_card_ends_with_its_keys_and_is_a_cards() {
    on_each_engine(|mut world| async move {
        let (it, encoder) = prepared(&mut world).await;
        let kept =
            json!({"name": "Shed", "mode": "offline_keys", "capabilities": {"clock": "kept"}});
        let door = Door::with(&it, kept, 74).await;
        let mut ann = given(&it, &encoder, json!({"lock_id": door.id()}), "1001").await;
        let bo = it.person("Bo").await;
        let of_bo = it.grant(&bo, &door.shown).await;
        let revision = it.get("").await["revision"].clone();
        let path = format!("{}/revoke", one("/grants", &of_bo));
        let refused = it.post(&path, json!({"leave_to_card": true})).await.problem(422, "invalid");
        assert_eq!(refused["errors"][0]["code"], "not_of_card", "{refused}");
        assert_eq!(it.get("").await["revision"], revision);
        assert_eq!(state(&it, &of_bo).await, "active");
        leave(&it, &ann.grant).await;
        let newest = it.list("/revocations").await.pop().unwrap();
        assert_eq!(newest["open_ended"], false);
        assert!(newest["latest_possible_use"].is_string(), "{newest}");
        let world = world.later(91 * 86_400).await;
        let it = back(&world, &mut [&mut ann.card]);
        assert_eq!(state(&it, &ann.grant).await, "revoked");
        assert_eq!(states(&it).await, ["expired"]);
        assert!(erasures(&it).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn at_a_shared_lock_each_place_has_its_own_cards_erased() {
    on_each_engine(|mut world| async move {
        let (owner, encoder) = prepared(&mut world).await;
        let tenant = owner.neighbour("Tenant").await;
        let theirs = tenant.actor.makes_key(&["devices:sync"], &[&tenant.place]).await;
        let mut door = Door::at(&owner, "Gate", 75).await;
        let shares = format!("{}/shares", one("/locks", &door.shown));
        owner.made(&shares, json!({"place_id": tenant.place})).await;
        // The first grant of each place: both have the same number there.
        let target = || json!({"lock_id": door.id()});
        let mut own = given(&owner, &encoder, target(), "1001").await;
        let mut lent = given(&tenant, &theirs, target(), "2001").await;
        let again = given(&tenant, &theirs, target(), "2002").await;
        assert_eq!((door.answers(&own.card), door.answers(&lent.card)), (Code::Done, Code::Done));

        let before = version(&owner, &door).await;
        assert_eq!(leave(&tenant, &lent.grant).await["state"], "revocation_pending");
        assert_eq!(version(&owner, &door).await, before, "no list is made of it");
        let task = json!([{"lock_id": door.id(), "reason": "erase"}]);
        assert_eq!(erasures(&tenant).await, [(json!(lent.card.device), task)]);
        assert!(erasures(&owner).await.is_empty());
        assert_eq!(own.card.call(json!({})).await["erase"], json!([]), "it is another's");
        assert_eq!((door.answers(&own.card), door.answers(&lent.card)), (Code::Done, Code::Done));
        lent.card.sync().await;
        assert!(lent.card.key_for(door.id()).is_none());
        assert_eq!(state(&tenant, &lent.grant).await, "revoked");
        assert_eq!(states(&tenant).await, ["erased"]);
        assert!(erasures(&tenant).await.is_empty());
        assert_eq!(version(&owner, &door).await, before);
        assert_eq!(state(&owner, &own.grant).await, "active");

        // Un-shared before the card was written, the owner's list says so after all.
        leave(&tenant, &again.grant).await;
        assert_eq!(version(&owner, &door).await, before);
        owner.delete(&format!("{shares}?place_id={}", tenant.place)).await.expect(204);
        assert_eq!(version(&owner, &door).await, before.as_u64().unwrap() + 1);
        assert_eq!(door.answers(&again.card), Code::Done, "it has not heard");
        assert_eq!(state(&tenant, &again.grant).await, "revocation_pending");
        own.card.sync().await;
        assert_eq!(door.take_list(&mut own.card), Code::Applied);
        assert_eq!(
            (door.answers(&own.card), door.answers(&again.card)),
            (Code::Done, Code::Revoked)
        );
        assert_eq!(state(&tenant, &again.grant).await, "revocation_pending", "nobody told us");
        own.card.sync().await;
        assert_eq!(state(&tenant, &again.grant).await, "revoked");
        assert_eq!(state(&owner, &own.grant).await, "active");
    })
    .await;
}

#[tokio::test]
async fn after_a_restore_a_card_keeps_what_nobody_remembers_until_the_list_says_so() {
    on_each_engine(|mut world| async move {
        let (it, encoder) = prepared(&mut world).await;
        let mut door = Door::at(&it, "Shed", 76).await;
        let cy = it.person("Cy").await;
        it.grant(&cy, &door.shown).await;
        let mut phone = Phone::of(&it, &cy).await;
        phone.sync().await;
        let mut ann = given(&it, &encoder, json!({"lock_id": door.id()}), "1001").await;
        let file = backup(&world.app).await;
        // Past half the life of its key the card has another, of which the backup knows nothing.
        let later = 46 * 86_400;
        let world = world.later(later).await;
        back(&world, &mut [&mut ann.card, &mut phone]);
        ann.card.sync().await;
        let lock = ann.card.bytes_of(door.id());
        let held = |card: &Phone| card.keys[&lock].len();
        assert_eq!(held(&ann.card), 2);

        let world = world.restored_from(&file).await.later(later).await;
        let it = back(&world, &mut [&mut ann.card, &mut phone]);
        leave(&it, &ann.grant).await;
        assert_eq!(state(&it, &ann.grant).await, "revocation_pending");
        assert_eq!(erasures(&it).await.len(), 1);
        assert_eq!(door.answers(&ann.card), Code::Done);
        ann.card.sync().await;
        assert_eq!(held(&ann.card), 1, "the encoder erases what it is told to");
        assert_eq!(door.answers(&ann.card), Code::Done, "the other key is there still");
        assert_eq!(state(&it, &ann.grant).await, "revocation_pending");
        phone.sync().await;
        assert_eq!(door.take_list(&mut phone), Code::Applied, "the first of the epoch");
        assert_eq!(door.answers(&ann.card), Code::Revoked);
        assert_eq!(state(&it, &ann.grant).await, "revocation_pending", "nobody told us");
        phone.sync().await;
        assert_eq!(state(&it, &ann.grant).await, "revoked");
        assert!(erasures(&it).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_was_erased_after_the_backup_is_to_be_erased_again() {
    on_each_engine(|mut world| async move {
        let (it, encoder) = prepared(&mut world).await;
        let door = Door::at(&it, "Shed", 77).await;
        let mut ann = given(&it, &encoder, json!({"lock_id": door.id()}), "1001").await;
        leave(&it, &ann.grant).await;
        let file = backup(&world.app).await;
        ann.card.sync().await;
        assert_eq!(state(&it, &ann.grant).await, "revoked");

        // The backup knows every key there can be of it: the right was taken back before.
        let world = world.restored_from(&file).await;
        let it = back(&world, &mut [&mut ann.card]);
        assert_eq!(state(&it, &ann.grant).await, "revocation_pending");
        assert_eq!(erasures(&it).await.len(), 1);
        // The encoder says so whether or not the key was there still.
        assert!(ann.card.key_for(door.id()).is_none());
        ann.card.sync().await;
        assert!(erasures(&it).await.is_empty());
        assert_eq!(state(&it, &ann.grant).await, "revoked");
    })
    .await;
}
