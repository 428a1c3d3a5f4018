//! A server whose clock is wrong for a while: what it signs, what it takes back, and what it says
//! to be over.

use std::sync::atomic::{AtomicI64, Ordering};

use claviger_app::{Clock, Settings};
use claviger_offline::lock::code::Code;
use serde_json::json;

use super::door::Door;
use super::phone::Phone;
use super::remembered::number_of;
use super::state;
use crate::kit::{Site, one};
use crate::retention::work_until;
use crate::support::{World, on_each_engine};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

fn set(clock: &AtomicI64, wrong_by: i64) {
    clock.store(wrong_by, Ordering::Relaxed);
}

async fn clock_is_told(it: &Site) -> bool {
    it.list("/events").await.iter().any(|it| it["kind"] == "clock_wrong")
}

/// A lock that keeps a clock: its keys are over when they end.
async fn vault(it: &Site, seed: u8) -> Door {
    let clock = json!({"clock": "kept"});
    let body = json!({"name": "Vault", "mode": "offline_keys", "capabilities": clock});
    Door::with(it, body, seed).await
}

/// The version of a lock's list as it is stored: whoever asks for the list may have it made.
async fn version_of(world: &World, door: &Door) -> i64 {
    number_of(world, "version", door).await.unwrap()
}

static AHEAD: AtomicI64 = AtomicI64::new(0);

#[tokio::test]
async fn what_is_taken_back_by_a_clock_that_is_ahead_is_refused() {
    let wrong = |it| Settings { clock: Clock::wrong_by(&AHEAD), ..it };
    on_each_engine(|world| async move {
        set(&AHEAD, 0);
        let world = world.lasting().await.reopened(0, wrong).await;
        let it = world.here();
        let (mut door, mut vault) = (Door::at(&it, "Shed", 61).await, vault(&it, 62).await);
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        let strict = it.grant(&ann, &vault.shown).await;
        hers.sync().await;
        his.sync().await;

        // All keys have ended, the clock says.
        set(&AHEAD, 15 * DAY);
        let lost = json!({"state": "lost"});
        it.patch(&one("/credentials", &hers.credential()), lost).await.expect(200);
        let closed = it.acted(&format!("{}/revoke", one("/grants", &strict))).await;
        assert_eq!(closed["state"], "revocation_pending");
        assert_eq!(state(&it, &strict).await, "revocation_pending");
        // What is signed is carried, and nothing is signed.
        let given = his.call(json!({})).await;
        assert_eq!(given["lists"].as_array().unwrap().len(), 1);
        assert_eq!(given["keys"], json!([]));
        assert_eq!(vault.take_fetched(&it, &mut his).await, Code::Same);
        set(&AHEAD, 0);
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Revoked, Code::Done));
        assert_eq!(state(&it, &strict).await, "revocation_pending");
        // Nobody has a right at the vault by now: its list is made all the same.
        work_until(&world, || async { version_of(&world, &vault).await == 2 }).await;
        assert_eq!(vault.take_fetched(&it, &mut his).await, Code::Applied);
        assert_eq!((vault.holds(), vault.answers(&hers)), ((0, 2), Code::Revoked));
        his.call(json!({})).await;
        assert_eq!(state(&it, &strict).await, "revoked");
    })
    .await;
}

static SETTLING: AtomicI64 = AtomicI64::new(0);

#[tokio::test]
async fn no_revocation_is_over_by_a_clock_that_is_ahead() {
    let wrong = |it| Settings { clock: Clock::wrong_by(&SETTLING), ..it };
    on_each_engine(|world| async move {
        set(&SETTLING, 0);
        let world = world.lasting().await.reopened(0, wrong).await;
        let it = world.here();
        let vault = vault(&it, 63).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let grant = it.grant(&ann, &vault.shown).await;
        it.grant(&bo, &vault.shown).await;
        hers.sync().await;
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        set(&SETTLING, 15 * DAY);
        assert_eq!(state(&it, &grant).await, "revocation_pending");
        // The background work has been done once somebody was told of the clock.
        his.call(json!({})).await;
        work_until(&world, || clock_is_told(&it)).await;
        set(&SETTLING, 0);
        assert_eq!(state(&it, &grant).await, "revocation_pending");
        // Fifteen days on it is right.
        let world = world.later(15 * 86_400).await;
        assert_eq!(state(&world.here(), &grant).await, "revoked");
    })
    .await;
}

static BEHIND: AtomicI64 = AtomicI64::new(0);

#[tokio::test]
async fn a_clock_that_was_behind_is_signed_by_when_it_is_right_again() {
    let wrong = |it| Settings { clock: Clock::wrong_by(&BEHIND), ..it };
    on_each_engine(|world| async move {
        set(&BEHIND, 0);
        let world = world.reopened(0, wrong).await;
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 64).await;
        let ann = it.person("Ann").await;
        let mut phone = Phone::of(&it, &ann).await;
        it.grant(&ann, &door.shown).await;
        set(&BEHIND, -2 * HOUR);
        assert_eq!(phone.call(json!({})).await["keys"], json!([]));
        set(&BEHIND, 0);
        assert_eq!(phone.sync().await["keys"].as_array().unwrap().len(), 1);
        assert_eq!(door.answers(&phone), Code::Done);
    })
    .await;
}

static EARLY: AtomicI64 = AtomicI64::new(0);

#[tokio::test]
async fn nothing_is_signed_before_a_key_that_was() {
    let wrong = |it| Settings { clock: Clock::wrong_by(&EARLY), ..it };
    on_each_engine(|world| async move {
        set(&EARLY, 0);
        let world = world.reopened(0, wrong).await;
        let it = world.here();
        let door = Door::at(&it, "Shed", 65).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        // The list is older than the key.
        set(&EARLY, HOUR - 60_000_000);
        assert_eq!(hers.sync().await["keys"].as_array().unwrap().len(), 1);
        set(&EARLY, 0);
        let world: World = world.reopened(0, wrong).await;
        his = his.over(&world);
        assert_eq!(his.call(json!({})).await["keys"], json!([]));
        set(&EARLY, HOUR);
        assert_eq!(his.call(json!({})).await["keys"].as_array().unwrap().len(), 1);
    })
    .await;
}

static STARTED: AtomicI64 = AtomicI64::new(0);

#[tokio::test]
async fn a_server_that_starts_with_its_clock_ahead_forgets_nothing() {
    let wrong = |it| Settings { clock: Clock::wrong_by(&STARTED), ..it };
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 66).await;
        let (ann, bo, cy) = (it.person("Ann").await, it.person("Bo").await, it.person("Cy").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let mut new = Phone::of(&it, &cy).await;
        it.grant(&bo, &door.shown).await;
        let grant = it.grant(&ann, &door.shown).await;
        let other = it.grant(&cy, &door.shown).await;
        his.sync().await;
        hers.sync().await;
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Revoked, Code::Done));

        set(&STARTED, 80 * DAY);
        let world = world.reopened(0, wrong).await;
        set(&STARTED, 0);
        let it = world.here();
        (his, new) = (his.over(&world), new.over(&world));
        new.sync().await;
        it.acted(&format!("{}/revoke", one("/grants", &other))).await;
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Revoked, Code::Done));
    })
    .await;
}
