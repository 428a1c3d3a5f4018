//! Many writers at once: what one is told holds, whatever happens to the others.

use claviger_store::{Batch, Db, Outcome, Statement, StoreError, values};

use crate::{define, number, numbers, on_each, rows};

const TABLE: &str = "create table t (id bigint not null primary key, n bigint not null)";
const INSERT: &str = "insert into t (id, n) values (?1, ?2)";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_reopening() {
    on_each(async |db, location| {
        define(&db, &[TABLE]).await;
        let writers: Vec<_> = (0..64)
            .map(|writer: i64| {
                let db = db.clone();
                tokio::spawn(async move {
                    for n in 0..20 {
                        let mut batch = Batch::new();
                        batch.run(INSERT, values![writer * 1_000 + n, n]);
                        let end = db.write(batch).await;
                        assert!(matches!(end, Ok(Outcome::Done { .. })), "{end:?}");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        db.close().await;
        let db = Db::open(&location).await.unwrap();
        assert_eq!(number(&db, "select count(*) from t").await, 64 * 20);
    })
    .await;
}

/// A third of the batches fails, a third loses its race, a third is stored: all in the same
/// groups, and none disturbs another.
#[tokio::test(flavor = "multi_thread")]
async fn failing_and_losing_batches_in_a_group_end_alone() {
    on_each(async |db, _| {
        define(&db, &[TABLE, "insert into t (id, n) values (-1, 0)"]).await;
        for round in 0..5_i64 {
            let writers: Vec<_> = (0..66_i64)
                .map(|writer| {
                    let db = db.clone();
                    let id = round * 1_000 + writer * 10;
                    tokio::spawn(async move {
                        let mut batch = Batch::new();
                        batch.many(INSERT, vec![values![id, 0], values![id + 1, 0]]);
                        match writer % 3 {
                            0 => batch.run(INSERT, values![-1, 0]),
                            1 => batch.guard("update t set n = 1 where id = ?1", values![-2]),
                            _ => batch.guard("update t set n = 2 where id = ?1", values![id]),
                        }
                        (writer, db.write(batch).await)
                    })
                })
                .collect();
            for writer in writers {
                let (writer, end) = writer.await.unwrap();
                let as_wanted = match writer % 3 {
                    0 => matches!(end, Err(StoreError::Conflict { .. })),
                    1 => end == Ok(Outcome::RaceLost { step: 1 }),
                    _ => matches!(end, Ok(Outcome::Done { .. })),
                };
                assert!(as_wanted, "writer {writer}: {end:?}");
            }
        }
        let found = numbers(&db, "select id from t where id >= 0 order by id").await;
        let stored = |round: i64| (0..66).filter(|writer| writer % 3 == 2).map(move |w| (round, w));
        let wanted: Vec<i64> = (0..5)
            .flat_map(stored)
            .flat_map(|(round, writer)| [0, 1].map(|n| round * 1_000 + writer * 10 + n))
            .collect();
        assert_eq!(found, wanted);
    })
    .await;
}

/// The pattern by which a place's revision is taken: read, then write under a guard, again when
/// the race is lost.
#[tokio::test(flavor = "multi_thread")]
async fn guarded_numbers_have_no_gap_and_no_double() {
    on_each(async |db, _| {
        let log = "create table log (revision bigint not null primary key, writer bigint)";
        define(&db, &[TABLE, log, "insert into t (id, n) values (1, 0)"]).await;
        let writers: Vec<_> = (0..8_i64)
            .map(|writer| {
                let db = db.clone();
                tokio::spawn(async move {
                    let mut stored = 0;
                    while stored < 10 {
                        let n = number(&db, "select n from t where id = 1").await;
                        let mut batch = Batch::new();
                        let guard = "update t set n = ?2 where id = ?1 and n = ?2 - 1";
                        batch.guard(guard, values![1, n + 1]);
                        let entry = "insert into log (revision, writer) values (?1, ?2)";
                        batch.run(entry, values![n + 1, writer]);
                        match db.write(batch).await {
                            Ok(Outcome::Done { .. }) => stored += 1,
                            Ok(Outcome::RaceLost { step }) => assert_eq!(step, 0),
                            Err(e) => panic!("{e}"),
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let revisions = numbers(&db, "select revision from log order by revision").await;
        assert_eq!(revisions, (1..=80).collect::<Vec<i64>>());
    })
    .await;
}

/// Two rows locked in opposite orders: the engines must not leave it to the caller.
#[tokio::test(flavor = "multi_thread")]
async fn crossing_locks_resolve_themselves() {
    on_each(async |db, _| {
        define(&db, &[TABLE, "insert into t (id, n) values (1, 0), (2, 0)"]).await;
        let writers: Vec<_> = (0..4_i64)
            .map(|writer| {
                let db = db.clone();
                tokio::spawn(async move {
                    let order = if writer % 2 == 0 { [1, 2] } else { [2, 1] };
                    for _ in 0..10 {
                        let mut batch = Batch::new();
                        for id in order {
                            batch.guard("update t set n = n + 1 where id = ?1", values![id]);
                        }
                        let end = db.write(batch).await;
                        let fine = matches!(
                            end,
                            Ok(Outcome::Done { .. }) | Err(StoreError::Unavailable { .. })
                        );
                        assert!(fine, "{end:?}");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let both = numbers(&db, "select n from t order by id").await;
        assert!(both[0] == both[1] && both[0] > 0, "{both:?}");
    })
    .await;
}

/// Two numbers are always moved together; a snapshot that saw one of them moved would show it.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_sees_one_state() {
    on_each(async |db, _| {
        define(&db, &[TABLE, "insert into t (id, n) values (1, 0), (2, 0)"]).await;
        let writer = {
            let db = db.clone();
            tokio::spawn(async move {
                for _ in 0..300 {
                    let mut batch = Batch::new();
                    batch.guard("update t set n = n + 1 where id = ?1", values![1]);
                    batch.guard("update t set n = n + 1 where id = ?1", values![2]);
                    db.write(batch).await.unwrap();
                }
            })
        };
        let mut moved = 0;
        while !writer.is_finished() {
            let select = |id: i64| Statement::new("select n from t where id = ?1", values![id]);
            let answers = db.snapshot(vec![select(1), select(2), select(1)]).await.unwrap();
            let seen: Vec<i64> = answers.iter().map(|rows| rows[0].int(0).unwrap()).collect();
            assert!(seen.iter().all(|n| *n == seen[0]), "{seen:?}");
            moved = moved.max(seen[0]);
        }
        writer.await.unwrap();
        assert!(moved > 0, "the snapshots came too late to show anything");
        assert_eq!(rows(&db, "select n from t where n = 300").await.len(), 2);
    })
    .await;
}
