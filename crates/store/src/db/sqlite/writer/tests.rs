//! Faults that cannot be brought about from outside: a full disk, a commit that fails.

use std::sync::mpsc;

use super::*;
use crate::db::Value;
use crate::testing;
use crate::values;

fn writer() -> Writer {
    let path = testing::folder().join("claviger.db");
    let connection = Connection::open(path).unwrap();
    super::super::set_up(&connection, super::super::Role::Writer).unwrap();
    let tables = "create table t (id integer primary key, b blob) strict;
        create table c (t integer not null references t (id)) strict;";
    connection.execute_batch(tables).unwrap();
    Writer { connection, doubtful: false }
}

fn insert(id: i64, bytes: usize) -> Batch {
    let mut batch = Batch::new();
    batch.run("insert into t (id, b) values (?1, ?2)", values![id, vec![7_u8; bytes]]);
    batch
}

/// Fails not before the commit, as a fault of the disk may.
fn fails_at_commit() -> Batch {
    let mut batch = Batch::new();
    batch.run("pragma defer_foreign_keys = on", []);
    batch.run("insert into c (t) values (?1)", values![404]);
    batch
}

fn store(writer: &mut Writer, batches: Vec<Batch>) -> Vec<Result<Outcome, StoreError>> {
    let (group, answers): (Vec<_>, Vec<_>) = batches
        .into_iter()
        .map(|batch| {
            let (answer, answered) = oneshot::channel();
            ((batch, answer), answered)
        })
        .unzip();
    writer.store(group);
    answers.into_iter().map(|mut answered| answered.try_recv().unwrap()).collect()
}

fn ids(writer: &Writer) -> Vec<i64> {
    let mut select = writer.connection.prepare("select id from t order by id").unwrap();
    let ids = select.query_map([], |row| row.get(0)).unwrap();
    ids.map(Result::unwrap).collect()
}

fn done() -> Result<Outcome, StoreError> {
    Ok(Outcome::Done { fetched: Vec::new() })
}

#[test]
fn a_full_disk_is_told_and_got_over() {
    let mut writer = writer();
    writer.connection.pragma_update(None, "max_page_count", 50).unwrap();
    assert_eq!(store(&mut writer, vec![insert(1, 1_000)]), [done()]);
    assert_eq!(store(&mut writer, vec![insert(2, 1_000_000)]), [Err(StoreError::Full)]);
    assert_eq!(ids(&writer), [1]);
    // In a group the others may or may not share the fate of the one that was too big; what was
    // told must hold.
    let group = vec![insert(3, 1_000), insert(4, 1_000_000), insert(5, 1_000)];
    let ends = store(&mut writer, group);
    assert_eq!(ends[1], Err(StoreError::Full));
    let told: Vec<i64> = [1, 3, 4, 5]
        .into_iter()
        .filter(|id| *id == 1 || ends[*id as usize - 3] == done())
        .collect();
    assert_eq!(ids(&writer), told);
    assert!(ends.iter().all(|end| matches!(end, Ok(_) | Err(StoreError::Full))), "{ends:?}");
    writer.connection.pragma_update(None, "max_page_count", 5_000).unwrap();
    assert_eq!(store(&mut writer, vec![insert(6, 1_000_000), insert(7, 10)]), [done(), done()]);
}

#[test]
fn a_commit_that_fails_fails_for_the_whole_group() {
    let mut writer = writer();
    let ends = store(&mut writer, vec![insert(1, 10), fails_at_commit(), insert(2, 10)]);
    for end in ends {
        assert!(matches!(end, Err(StoreError::Constraint { rule: "foreign key", .. })), "{end:?}");
    }
    assert_eq!(ids(&writer), [0; 0]);
    assert!(!writer.doubtful, "the log was not cleared");
    assert_eq!(store(&mut writer, vec![insert(3, 10), insert(4, 10)]), [done(), done()]);
    assert_eq!(ids(&writer), [3, 4]);
}

#[test]
fn clearing_the_log_writes_over_its_end_and_changes_nothing() {
    let mut writer = writer();
    writer.connection.pragma_update(None, "user_version", 42).unwrap();
    let path = writer.connection.path().unwrap().to_owned() + "-wal";
    let before = std::fs::read(&path).unwrap();
    writer.doubtful = true;
    assert_eq!(store(&mut writer, vec![insert(1, 10)]), [done()]);
    assert!(!writer.doubtful);
    let frames = (std::fs::read(&path).unwrap().len() - before.len()) / 4_096;
    assert!(frames >= 2, "a frame for the clearing and one for the insert: {frames}");
    let version: i64 =
        writer.connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!((version, ids(&writer)), (42, vec![1]));
}

#[test]
fn what_waits_is_grouped_within_limits() {
    let (sender, jobs) = mpsc::channel();
    let mut waiting = Vec::new();
    let mut send = |batch| {
        let (answer, answered) = oneshot::channel();
        waiting.push(answered);
        sender.send(WriterJob::Write { batch, answer }).unwrap();
    };
    let big = |rows: usize| {
        let mut batch = Batch::new();
        batch.many("insert into t (id) values (?1)", vec![vec![Value::Null]; rows]);
        batch
    };
    for _ in 0..MOST_BATCHES {
        send(insert(1, 1));
    }
    for _ in 0..3 {
        send(big(MOST_ROWS / 2));
    }
    sender.send(WriterJob::Stop).unwrap();
    let mut sizes = Vec::new();
    while let Ok(WriterJob::Write { batch, answer }) = jobs.try_recv() {
        let mut group = vec![(batch, answer)];
        let next = collect(&jobs, &mut group);
        sizes.push(group.len());
        if next.is_some() {
            break;
        }
    }
    assert_eq!(sizes, [MOST_BATCHES, 2, 1]);
}
