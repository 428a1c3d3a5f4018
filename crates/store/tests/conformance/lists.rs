//! Lists of controllers and revocations come back as they were written.

use claviger_domain::ids::{ControllerNumber, GrantNumber, Id, LockNumber, Noun};
use claviger_domain::noun::controller::Controller;
use claviger_domain::offline::{AtLock, KeyClass, LockKey, TakenKey};
use claviger_domain::provision::{
    AtList, Bounds, Failure, Held, ItemKey, ItemKind, List, ListKey, LockState, Revocation, Row,
    Sent, Stored, Taken, Way,
};
use claviger_domain::time::Instant;
use claviger_store::ListWrite;

use crate::world::{PLACE, World, header, id, on_each_store};

const KEY: ListKey = ListKey { place: PLACE, controller: ControllerNumber(1) };

fn controller() -> Controller {
    let header = header(Noun::Controller, 1);
    Controller { header, name: "Panel".to_owned(), capacity: None, settings: None }
}

fn held(byte: u8) -> Held {
    let way = |until| Way {
        locks: [LockNumber(3), LockNumber(700)].into(),
        window: Bounds { from: i64::MIN, until },
        schedules: vec![Id([byte; 16])],
        override_lockdown: byte == 1,
    };
    Held { print: [byte; 16], identity: [9; 16], ways: vec![way(5), way(i64::MAX)] }
}

/// A row of which everything is filled.
fn full() -> Row {
    let at = Instant(77);
    Row {
        key: ItemKey { kind: ItemKind::Credential, id: id(5) },
        place: PLACE,
        number: 5,
        confirmed: Some(Stored { version: 3, at, held: held(1) }),
        sent: Some(Sent { version: 6, seq: 8, at, held: Some(held(2)) }),
        stray: vec![(4, held(3)), (5, held(4))],
        failure: Some(Failure {
            code: "list_full \"å\"".to_owned(),
            at,
            attempts: 3,
            next_at: Instant(99),
            print: Some([7; 16]),
        }),
    }
}

/// A row of which little is.
fn removal() -> Row {
    let sent = Some(Sent { version: 7, seq: 8, at: Instant(1), held: None });
    let failure = Failure { print: None, ..full().failure.unwrap() };
    Row {
        key: ItemKey { kind: ItemKind::Schedule, id: id(6) },
        number: 0,
        confirmed: None,
        sent,
        stray: Vec::new(),
        failure: Some(failure),
        ..full()
    }
}

fn list(rows: &[Row]) -> List {
    let mut list = List::new(KEY);
    (list.version, list.seen_seq, list.event_seq) = (7, 8, u64::MAX >> 1);
    (list.seen_at, list.inventory_due, list.told_at) = (Some(Instant(5)), true, Some(Instant(4)));
    rows.iter().for_each(|row| list.load(row.clone()));
    list
}

/// Stores a list, and revocations.
async fn store(world: &mut World, list: &List, keys: &[Row], revocations: Vec<Revocation>) {
    let mut part = world.part(PLACE, Vec::new());
    part.after = part.before;
    part.trail.clear();
    let changed = keys.iter().map(|row| row.key).collect();
    part.lists.push(ListWrite { list: list.clone(), changed });
    part.revocations = revocations;
    world.commit(vec![part]).await.unwrap();
}

#[tokio::test]
async fn a_list_comes_back_as_it_was_written() {
    on_each_store(async |mut world| {
        world.put(PLACE, vec![controller().into()]).await;
        let rows = [full(), removal()];
        let written = list(&rows);
        store(&mut world, &written, &rows, Vec::new()).await;
        let read = world.store.lists().await.unwrap();
        assert_eq!(read.len(), 1);
        let heads = |it: &List| (it.version, it.seen_seq, it.event_seq, it.told_at);
        assert_eq!(heads(&read[0]), heads(&written));
        assert_eq!((read[0].seen_at, read[0].inventory_due), (Some(Instant(5)), true));
        let found: Vec<Row> = read[0].rows().map(|row| Row::clone(row)).collect();
        assert_eq!(found, [removal(), full()]);
        assert!(read[0].concerns(PLACE));

        // A row that is not in the list any more leaves, the others stay.
        let changed = Row { confirmed: None, sent: None, stray: vec![], ..full() };
        let after = list(std::slice::from_ref(&changed));
        store(&mut world, &after, &rows, Vec::new()).await;
        let read = world.store.lists().await.unwrap();
        assert_eq!(read[0].rows().map(|row| Row::clone(row)).collect::<Vec<_>>(), [changed]);

        // A list that is no more.
        let mut part = world.part(PLACE, Vec::new());
        part.after = part.before;
        part.trail.clear();
        part.dropped.push(KEY.controller);
        world.commit(vec![part]).await.unwrap();
        assert_eq!(world.store.lists().await.unwrap().len(), 0);
        let left = "select count(*) from list_items".to_owned();
        assert_eq!(world.number(left).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_revocation_comes_back_and_comes_to_its_end() {
    on_each_store(async |mut world| {
        world.put(PLACE, vec![controller().into()]).await;
        let revocation = |n: u64| Revocation {
            id: id(u128::from(n)),
            place: PLACE,
            revision: n,
            at: Instant(50 + n as i64),
            cause: "grant_revoke".to_owned(),
            taken: Taken {
                lists: vec![AtList {
                    key: KEY,
                    after: 12,
                    items: vec![id(5)],
                    locks: vec![(LockNumber(3), id(33)), (LockNumber(4), id(34))],
                    ended: [(LockNumber(4), LockState::NeverIssued)].into(),
                }],
                locks: vec![AtLock {
                    key: LockKey { place: PLACE, lock: LockNumber(4) },
                    lock: id(34),
                    list: (2, 9),
                    keys: vec![TakenKey {
                        key: (KeyClass::Card, u32::MAX),
                        place: PLACE,
                        grant: GrantNumber(4),
                        exp: 1 << 39,
                        strict: true,
                        at_card: true,
                    }],
                }],
                grants: vec![(GrantNumber(4), vec![id(5)])],
            },
            settled_at: None,
        };
        let all: Vec<Revocation> = (1..=3).map(revocation).collect();
        store(&mut world, &List::new(KEY), &[], all.clone()).await;
        assert_eq!(world.store.unsettled_revocations().await.unwrap(), all);
        assert_eq!(world.store.revocations(PLACE, 1, 1).await.unwrap(), all[1..2]);
        let mut settled = Revocation { settled_at: Some(Instant(90)), ..all[0].clone() };
        settled.taken.lists[0].ended.insert(LockNumber(3), LockState::Expired);
        store(&mut world, &List::new(KEY), &[], vec![settled.clone()]).await;
        assert_eq!(world.store.unsettled_revocations().await.unwrap(), all[1..]);
        assert_eq!(world.store.revocation(PLACE, id(1)).await.unwrap(), Some(settled));
        assert_eq!(world.store.revocation(PLACE, id(9)).await.unwrap(), None);
        world.store.purge_rights(PLACE, Instant(53)).await.unwrap();
        let left = world.store.revocations(PLACE, 0, 9).await.unwrap();
        assert_eq!(left, all[1..], "what is not settled stays, however old");
    })
    .await;
}
