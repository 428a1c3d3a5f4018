//! Locks with no network, their keys and devices come back as they were written.

use claviger_domain::ids::{CredentialNumber, GrantNumber, LockNumber};
use claviger_domain::offline::{
    Erasure, Issued, KeyClass, KeyTimes, LockKey, Log, Mark, OfflineLock, Told, Unknown, WallClock,
};
use claviger_domain::schedule::WeeklyWindow;
use claviger_domain::time::Instant;
use claviger_store::{Device, OfflineWrite, StoreError};

use crate::samples;
use crate::world::{PLACE, World, id, on_each_store};

const KEY: LockKey = LockKey { place: PLACE, lock: LockNumber(1) };

fn key(serial: u32) -> Issued {
    Issued {
        class: KeyClass::Card,
        serial,
        epoch: 3,
        place: PLACE,
        grant: GrantNumber(4),
        device: CredentialNumber(5),
        lock: LockNumber(1),
        iat: 1_800_000_000,
        exp: 1_800_000_000 + i64::from(serial),
        min_list: u32::MAX,
        flags: 7,
        times: KeyTimes {
            clock: WallClock { before_min: -570, change_s: 1_800_000_100, after_min: -510 },
            weekly: vec![WeeklyWindow { days: 127, from_min: 1439, to_min: 1440 }],
            absolute: vec![(1, 2), (5, 1 << 39)],
            closed: vec![(3, 4)],
        },
        holder: vec![0, 255],
        bytes: vec![1, 2, 3],
        refused: serial % 2 == 1,
        owed: serial.is_multiple_of(2),
        erasure: Erasure::ALL[serial as usize % 3],
    }
}

fn lock() -> OfflineLock {
    let mut lock = OfflineLock::new(KEY, id(8), 3);
    lock.public_key = vec![4; 77];
    lock.secret = vec![5; 61];
    (lock.keys_from, lock.version, lock.refusing, lock.iat) = (1, u32::MAX, 7, 1_800_000_000);
    lock.list = vec![6; 300];
    lock.list_limit = Some(512);
    lock.floors = [1, 2, 3, u32::MAX];
    lock.told = Some(Told { epoch: 4094, version: 6, at: Instant(77), iat: 1_799_999_999 });
    lock.signed = 1_800_000_001;
    let class = KeyClass::Service;
    lock.unknown = vec![Unknown { class, first: 5, last: 9, exp: 1 << 39 }];
    let log = Log::kept(vec![(1, 5), (7, u32::MAX)], vec![(3, 4), (9, 9)]);
    lock.logs = [(u64::MAX, log), (0, Log::default())].into();
    lock.former_secret = Some(vec![7; 61]);
    lock.certificate = vec![9; 130];
    (lock.epoch_due, lock.list_due) = (true, true);
    lock.ahead = Some((7, u32::MAX));
    lock.gap_since = Some(Instant(78));
    lock.mark = Some(Mark { log: u64::MAX, next: 9, at: Instant(79) });
    lock.known_before = Some(Instant(76));
    lock
}

async fn store(world: &mut World, lock: &mut OfflineLock, devices: Vec<Device>) {
    let mut part = world.part(PLACE, Vec::new());
    part.after = part.before;
    part.trail.clear();
    let changed = lock.take_changed();
    part.offline.push(OfflineWrite { lock: lock.clone(), changed });
    part.devices = devices;
    world.commit(vec![part]).await.unwrap();
}

async fn prepared(world: &mut World) {
    let credential = samples::credential(5);
    world.put(PLACE, vec![samples::lock(1).into(), credential.into()]).await;
}

#[tokio::test]
async fn a_lock_with_no_network_comes_back_with_its_keys() {
    on_each_store(async |mut world| {
        prepared(&mut world).await;
        let mut written = lock();
        (1..=3).for_each(|serial| written.put(key(serial)));
        store(&mut world, &mut written, Vec::new()).await;
        let read = world.store.offline_locks(0).await.unwrap();
        assert_eq!(read, [written.clone()]);

        // A key changes in what may change of it, and nothing else is written.
        written.edit((KeyClass::Card, 2), |key| {
            (key.refused, key.owed, key.erasure) = (true, false, Erasure::Done);
            key.bytes.clear();
        });
        written.told = None;
        written.version = 9;
        store(&mut world, &mut written, Vec::new()).await;
        let read = world.store.offline_locks(0).await.unwrap();
        assert_eq!(read, [written]);
        assert_eq!(world.number("select count(*) from issued_keys").await, 3);
        // What ended before is not read,
        let read = async |world: &World, remembered_s: i64| -> Vec<u32> {
            let read = world.store.offline_locks(remembered_s).await.unwrap();
            read[0].keys().map(|key| key.serial).collect()
        };
        assert_eq!(read(&world, -3).await, [3]);
        // but for what a lock without a clock may open to, until it has heard that it has ended.
        let mut lock = world.store.offline_locks(0).await.unwrap().remove(0);
        lock.put(Issued { flags: 6, ..key(4) });
        let told = |iat: i64| Some(Told { epoch: 1, version: 2, at: Instant(3), iat });
        for (iat, serials) in [(1_800_000_003, vec![4]), (1_800_000_004, vec![])] {
            lock.told = told(iat);
            store(&mut world, &mut lock, Vec::new()).await;
            assert_eq!(read(&world, -9).await, serials);
            let mut kept = lock.clone();
            kept.forget(1_800_000_009);
            assert_eq!(kept.keys().map(|key| key.serial).collect::<Vec<_>>(), serials);
        }
    })
    .await;
}

#[tokio::test]
async fn a_device_has_one_secret_and_no_two_have_the_same() {
    on_each_store(async |mut world| {
        prepared(&mut world).await;
        let device = |credential: u32, token: u8| Device {
            place: PLACE,
            credential: CredentialNumber(credential),
            token: [token; 32],
            enrolled_at: Instant(i64::from(token)),
            seen_at: (token == 2).then_some(Instant(9)),
        };
        store(&mut world, &mut lock(), vec![device(5, 1)]).await;
        store(&mut world, &mut lock(), vec![device(5, 2)]).await;
        assert_eq!(world.store.devices().await.unwrap(), [device(5, 2)]);
        let other = samples::credential(6);
        world.put(PLACE, vec![other.into()]).await;
        let mut part = world.part(PLACE, Vec::new());
        part.devices = vec![device(6, 2)];
        let refused = world.commit(vec![part]).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    })
    .await;
}
