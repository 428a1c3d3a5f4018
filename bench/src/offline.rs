//! Locks with no network: keys made for all phones of a building, and lists after many revocations.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use claviger_app::grant::{batch, revoke};
use claviger_app::offline::{HeldKey, SyncAnswer, SyncWish, commission, current, sync};
use claviger_app::{App, Written};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::credential::{Credential, CredentialKind, CredentialState};
use claviger_domain::noun::lock::{Lock, LockMode, Posture};
use claviger_domain::offline::KeyClass;
use claviger_domain::record::Record;
use claviger_offline::cbor::Writer;
use claviger_offline::cose::{PublicKey, Signed};
use claviger_offline::key::Key;

use crate::building::{Building, on_each_engine, operator};
use crate::show::{Sorted, Table, mib, resident, timed};
use crate::world::{SMALL, Size, World, id};

/// Each phone opens each lock: 100 000 keys.
const MANY_LOCKS: Size = one_level(5_000, 20);
/// One lock, of which half the keys are taken back.
const ONE_LOCK: Size = one_level(20_000, 1);
const REVOKED: usize = 10_000;
/// Phones that call at once.
const AT_ONCE: usize = 32;
const TIMES: u32 = 20;

const fn one_level(people: u32, locks: u32) -> Size {
    let (person_levels, lock_levels) = ((1, 1), (1, 1));
    Size { people, locks, levels: 1, person_levels, lock_levels, always: true, ..SMALL }
}

/// A public key as it is written.
fn public_key() -> Vec<u8> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let key = PublicKey(pair.public_key().as_ref()[1..].try_into().unwrap());
    let mut room = [0; 80];
    let mut writer = Writer::new(&mut room);
    key.write(&mut writer);
    writer.done().unwrap().to_vec()
}

/// The records of the world, with a phone for each card, and locks that read keys.
fn records(world: &World) -> impl Iterator<Item = Record> {
    let keyed = |record| match record {
        Record::Lock(lock) => {
            let mut lock = Lock::clone(&lock);
            (lock.mode, lock.posture) = (LockMode::OfflineKeys, Posture::Normal);
            lock.into()
        }
        Record::Credential(card) => {
            let mut phone = Credential::clone(&card);
            (phone.kind, phone.state) = (CredentialKind::Phone, CredentialState::Active);
            phone.parts.clear();
            phone.public_key = Some(public_key());
            phone.into()
        }
        other => other,
    };
    world.ground().map(keyed).chain(world.grants())
}

/// A phone's call; what it was given, and how long that took.
async fn call(
    app: App,
    building: Arc<Building>,
    phone: u32,
    held: Vec<HeldKey>,
) -> (u32, SyncAnswer, f64) {
    let device = Some(Ref::Id(id(building.number, Noun::Credential, phone)));
    let wish = SyncWish { device, acknowledged: held, ..SyncWish::default() };
    let (answer, ms) = timed(sync(&operator(&app), building.place, wish)).await;
    (phone, answer.unwrap(), ms)
}

/// All phones call, so many at once; what each was given, and how long each call took.
async fn all_call(
    app: &App,
    building: &Arc<Building>,
    held: Vec<(u32, Vec<HeldKey>)>,
) -> (Vec<(u32, Vec<HeldKey>)>, Vec<f64>) {
    let waiting = Arc::new(Mutex::new(held));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (app, building, waiting) = (app.clone(), building.clone(), waiting.clone());
        callers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let next = waiting.lock().unwrap().pop();
                let Some((phone, held)) = next else { return done };
                done.push(call(app.clone(), building.clone(), phone, held).await);
            }
        });
    }
    let (mut given, mut took) = (Vec::new(), Vec::new());
    for (phone, answer, ms) in callers.join_all().await.into_iter().flatten() {
        given.push((phone, answer.keys.iter().map(|key| held_key(key)).collect()));
        took.push(ms);
    }
    (given, took)
}

fn held_key(bytes: &[u8]) -> HeldKey {
    let key = Key::read(Signed::read(bytes).unwrap().payload).unwrap();
    let class = KeyClass::of(key.class.number()).unwrap();
    HeldKey { lock: claviger_domain::ids::Id(key.lock), class, serial: key.serial }
}

/// A server over a world whose locks are commissioned.
async fn built(building: Building, size: Size) -> (Arc<Building>, World, App) {
    let world = World::new(size, building.number);
    building.fill(records(&world)).await;
    let app = building.start().await;
    for lock in 1..=size.locks {
        let lock = Ref::Id(id(building.number, Noun::Lock, lock));
        commission(&operator(&app), building.place, lock, public_key(), false).await.unwrap();
    }
    (Arc::new(building), world, app)
}

pub fn run(table: &mut Table) {
    on_each_engine(async |engine, building| minting(engine, building, table).await);
    on_each_engine(async |engine, building| planning(engine, building, table).await);
}

async fn minting(engine: &str, building: Building, table: &mut Table) {
    let (building, world, app) = built(building, MANY_LOCKS).await;
    let phones: Vec<(u32, Vec<HeldKey>)> =
        (1..=world.size.people).map(|it| (it, Vec::new())).collect();
    let before = resident();
    let ((held, took), ms) = timed(all_call(&app, &building, phones)).await;
    let keys: usize = held.iter().map(|(_, keys)| keys.len()).sum();
    let took = Sorted::new(took);
    let size = format!("{engine}: {} phones at {} locks", world.size.people, world.size.locks);
    let figure = |keys: usize, ms: f64, took: &Sorted| {
        format!(
            "{keys} keys in {:.1} s, {:.0} a second; a call {:.0} ms median, {:.0} worst, \
             {AT_ONCE} at once",
            ms / 1e3,
            keys as f64 / ms * 1e3,
            took.median(),
            took.worst()
        )
    };
    let grew = mib(resident() - before);
    let made = format!("{}; memory grew by {grew}", figure(keys, ms, &took));
    table.row(format!("{size}, keys made"), made, "");
    let ((_, took), ms) = timed(all_call(&app, &building, held)).await;
    let took = Sorted::new(took);
    table.row(format!("{size}, keys acknowledged"), figure(keys, ms, &took), "");
    app.storage().close().await;
    let (app, ms) = timed(building.start()).await;
    table.row(format!("{size}, start of the server"), format!("{ms:.0} ms"), "");
    app.storage().close().await;
}

async fn planning(engine: &str, building: Building, table: &mut Table) {
    let (building, world, app) = built(building, ONE_LOCK).await;
    let phones = (1..=world.size.people).map(|it| (it, Vec::new())).collect();
    let (held, _) = all_call(&app, &building, phones).await;
    all_call(&app, &building, held).await;
    let (ctx, place) = (operator(&app), building.place);
    let grant = |it: usize| Ref::Id(id(building.number, Noun::Grant, it as u32));
    let taken: Vec<Ref> = (1..=REVOKED).map(|it| grant(2 * it)).collect();
    let mut asking = ctx.clone();
    asking.dry_run = true;
    let (planned, ms) = timed(batch(&asking, place, Vec::new(), taken.clone())).await;
    let Ok(Written::Planned(planned)) = planned else { panic!("a plan") };
    let size = format!("{engine}: one lock with {} keys", world.size.people);
    let hit = planned.side_effects.len();
    let figure = format!("{ms:.0} ms; {hit} others would be hit, as 512 bytes have room for few");
    table.row(format!("{size}, plan of {REVOKED} revocations"), figure, "");
    let (done, ms) = timed(batch(&ctx, place, Vec::new(), taken)).await;
    done.unwrap();
    let lock = Ref::Id(id(building.number, Noun::Lock, 1));
    let bytes = current(&ctx, place, &lock).await.unwrap().list.len();
    let figure = format!("{ms:.0} ms; a list of {bytes} bytes");
    table.row(format!("{size}, {REVOKED} revocations in one command"), figure, "");
    let mut took = Vec::new();
    for turn in 1..=TIMES as usize {
        let (done, ms) = timed(revoke(&ctx, place, grant(2 * turn - 1), false)).await;
        done.unwrap();
        took.push(ms);
    }
    let took = Sorted::new(took);
    let figure = format!("{:.1} ms median, {:.1} worst", took.median(), took.worst());
    table.row(format!("{size}, one revocation more"), figure, "");
    app.storage().close().await;
}
