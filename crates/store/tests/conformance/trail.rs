//! The trail comes back as it was written, and nothing in it can be changed unnoticed.

use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::noun::Actor;
use claviger_domain::time::Instant;
use claviger_store::{Batch, TRAIL_START, TrailRange, TrailRow, Verified, Write, values};

use crate::samples;
use crate::world::{OTHER, PLACE, World, id, on_each_store};

const ALL: TrailRange =
    TrailRange { object: None, after_seq: 0, before_seq: None, newest_first: false };

/// Makes a place with a trail of six rows.
async fn six_rows(world: &mut World, place: PlaceNumber) {
    world.put(place, vec![samples::place(place)]).await;
    for number in 1..=5 {
        let write = Write { record: samples::person(number).into(), former: None };
        world.write(place, vec![write]).await.unwrap();
    }
}

const FIRST: PlaceNumber = PlaceNumber(100);

#[tokio::test]
async fn rows_are_paged_both_ways() {
    on_each_store(async |mut world| {
        six_rows(&mut world, FIRST).await;
        let rows = world.store.trail(FIRST, ALL, 100).await.unwrap();
        assert_eq!(rows.len(), 6);
        let last = world.part(FIRST, Vec::new()).trail.remove(0);
        let wanted = TrailRow { seq: 6, revision: 6, hash: world.head(FIRST).trail_hash, ..last };
        assert_eq!(rows[5], wanted);
        let seqs = async |range, limit| {
            let rows = world.store.trail(FIRST, range, limit).await.unwrap();
            rows.iter().map(|row| row.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(TrailRange { after_seq: 2, ..ALL }, 2).await, [3, 4]);
        let newest = TrailRange { newest_first: true, ..ALL };
        assert_eq!(seqs(newest, 2).await, [6, 5]);
        assert_eq!(seqs(TrailRange { before_seq: Some(5), ..newest }, 2).await, [4, 3]);
    })
    .await;
}

#[tokio::test]
async fn whatever_is_done_to_a_trail_is_found() {
    let tampering = [
        ("update trail set verb = 'create' where place = ?1 and seq = 3", 3),
        (
            "update trail set actor_id = null, actor_kind = 'operator' \
             where place = ?1 and seq = 2",
            2,
        ),
        ("update trail set detail = '[]' where place = ?1 and seq = 6", 6),
        ("update trail set fields = 'no list' where place = ?1 and seq = 4", 4),
        ("update trail set at = at + 1 where place = ?1 and seq = 1", 1),
        ("delete from trail where place = ?1 and seq = 4", 4),
        ("delete from trail where place = ?1 and seq = 6", 6),
        ("delete from trail where place = ?1", 1),
        ("delete from trail where place = ?1 and seq = 1", 1),
        (
            "insert into trail select place, 7, at, actor_kind, actor_id, verb, noun, object_id, \
             fields, detail, revision, hash from trail where place = ?1 and seq = 6",
            7,
        ),
        ("update heads set trail_seq = 5 where place = ?1", 7),
    ];
    on_each_store(async |mut world| {
        for (place, (sql, broken)) in (FIRST.0..).map(PlaceNumber).zip(tampering) {
            six_rows(&mut world, place).await;
            let whole = Verified { checked: 6, first_broken: None };
            assert_eq!(world.store.verify_trail(place).await, Ok(whole));
            let mut batch = Batch::new();
            batch.run(sql, values![place]);
            world.store.db().write(batch).await.unwrap();
            let found = Verified { checked: broken - 1, first_broken: Some(broken) };
            assert_eq!(world.store.verify_trail(place).await, Ok(found), "{sql}");
        }
        let other = Verified { checked: 1, first_broken: None };
        assert_eq!(world.store.verify_trail(OTHER).await, Ok(other));
    })
    .await;
}

#[tokio::test]
async fn a_place_without_a_trail_is_whole() {
    on_each_store(async |world| {
        let nothing = Verified { checked: 0, first_broken: None };
        assert_eq!(world.store.verify_trail(PlaceNumber(99)).await, Ok(nothing));
    })
    .await;
}

/// Trails that were written must verify in every later version.
#[test]
fn the_encoding_never_changes() {
    let row = TrailRow {
        seq: 1,
        at: Instant(2),
        actor: Actor::Client(id(3)),
        verb: "grant".to_owned(),
        noun: Noun::AccessLevel,
        object: None,
        fields: vec!["å".to_owned(), String::new()],
        values: vec![("a".to_owned(), "b".to_owned())],
        revision: 4,
        hash: [0; 32],
    };
    let hash = row.link(PLACE, &TRAIL_START);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, LINK);
}

/// Computed apart from this code, with Python's `hashlib` and `struct`.
const LINK: &str = "f894b5ddcc7df6960fbf59837b1e2b84cb78cde6bdb7e93ac3d202bdf103c4cd";
