//! What the operator and the caller are told when the database cannot be used.

use std::os::unix::fs::PermissionsExt;

use claviger_store::testing::{self, engines};
use claviger_store::{Db, Engine, Location, Statement, StoreError, values};

use crate::{define, done, number, on_each, one, rows};

const TABLE: &str = "create table t (id bigint not null primary key, s text)";
const INSERT: &str = "insert into t (id, s) values (?1, ?2)";

#[tokio::test]
async fn a_closed_store_says_so() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        db.clone().close().await;
        let closed = StoreError::Unavailable { reason: "the store is closed".to_owned() };
        assert_eq!(db.read(Statement::new("select id from t", [])).await, Err(closed.clone()));
        assert_eq!(db.write(one(INSERT, values![1, "a"])).await, Err(closed));
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_waits_when_the_store_closes_is_stored() {
    on_each(async |db, location| {
        define(&db, &[TABLE]).await;
        let writes: Vec<_> = (0..50_i64)
            .map(|id| {
                let db = db.clone();
                tokio::spawn(async move { db.write(one(INSERT, values![id, "a"])).await })
            })
            .collect();
        tokio::task::yield_now().await;
        db.close().await;
        let mut stored = 0;
        for write in writes {
            match write.await.unwrap() {
                Ok(_) => stored += 1,
                Err(e) => assert!(matches!(e, StoreError::Unavailable { .. }), "{e:?}"),
            }
        }
        let db = Db::open(&location).await.unwrap();
        assert_eq!(number(&db, "select count(*) from t").await, stored);
    })
    .await;
}

/// As when PostgreSQL restarts: connections that lie in the pool are dead.
#[tokio::test]
async fn dead_connections_are_replaced() {
    for location in engines() {
        let db = Db::open(&location).await.unwrap();
        if db.engine() == Engine::Sqlite {
            continue;
        }
        define(&db, &[TABLE]).await;
        let other = Db::open(&location).await.unwrap();
        let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid()";
        for id in 0..20_i64 {
            assert!(number(&other, kill).await >= 0);
            assert_eq!(db.write(one(INSERT, values![id, "a"])).await, done());
            assert!(number(&other, kill).await >= 0);
            assert_eq!(number(&db, "select count(*) from t").await, id + 1);
        }
    }
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable() {
    let nowhere = testing::folder();
    let urls = [
        format!("host={} user=x dbname=x", nowhere.display()),
        "postgresql://x@127.0.0.1:1/x".to_owned(),
    ];
    for url in urls {
        let refused = Db::open(&Location::Postgres(url)).await.err();
        assert!(matches!(refused, Some(StoreError::Unavailable { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_explained() {
    let cases = [
        ("postgresql://u:hunter2@localhost/x?sslmode=require", "not encrypted"),
        ("postgresql://u:hunter2@localhost/x?sslmode=verify-full", "sslmode"),
        ("postgresql://u:hunter2@localhost:port/x", "cannot be used"),
        ("hunter2", "cannot be used"),
    ];
    for (url, wanted) in cases {
        let location = Location::Postgres(url.to_owned());
        let refused = Db::open(&location).await.err();
        let Some(StoreError::Setting { reason }) = &refused else { panic!("{refused:?}") };
        assert!(reason.contains(wanted), "{reason}");
        assert!(!format!("{reason} {location:?}").contains("hunter2"), "shows the password");
    }
    for location in engines() {
        let Location::Postgres(url) = location else { continue };
        let missing = Location::Postgres(format!("{url}_that_is_not_there"));
        let refused = Db::open(&missing).await.err();
        let Some(StoreError::Setting { reason }) = &refused else { panic!("{refused:?}") };
        assert!(reason.contains("does not exist"), "{reason}");
    }
}

#[tokio::test]
async fn a_foreign_or_missing_file_is_named() {
    let path = testing::folder().join("claviger.db");
    std::fs::write(&path, "this is a letter to the landlord, not a database".repeat(100)).unwrap();
    let refused = Db::open(&Location::Sqlite(path.clone())).await.err();
    let Some(StoreError::File { path: named, reason }) = refused else { panic!("{refused:?}") };
    assert_eq!(named, path);
    assert!(reason.contains("not a database"), "{reason}");
    let absent = testing::folder().join("no").join("claviger.db");
    let refused = Db::open(&Location::Sqlite(absent)).await.err();
    assert!(matches!(refused, Some(StoreError::File { .. })), "{refused:?}");
}

#[tokio::test]
async fn the_files_are_the_owners_alone() {
    let Location::Sqlite(path) = testing::sqlite() else { unreachable!() };
    let db = Db::open(&Location::Sqlite(path.clone())).await.unwrap();
    define(&db, &[TABLE]).await;
    let mut seen = 0;
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        seen += 1;
    }
    assert_eq!(seen, 3, "database, log and index of the log");
}

/// Deleted bytes must be gone from the files, or retention is a promise on paper.
#[tokio::test]
async fn erased_bytes_leave_the_files() {
    let Location::Sqlite(path) = testing::sqlite() else { unreachable!() };
    let db = Db::open(&Location::Sqlite(path.clone())).await.unwrap();
    define(&db, &[TABLE]).await;
    let needle = "Brunhilde-Needle-4711";
    let found = || {
        std::fs::read_dir(path.parent().unwrap()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
        })
    };
    for id in 0..200_i64 {
        assert_eq!(db.write(one(INSERT, values![id, needle])).await, done());
    }
    assert!(found());
    assert_eq!(db.write(one("delete from t where id < 100", [])).await, done());
    assert_eq!(db.write(one("update t set s = null", [])).await, done());
    assert_eq!(db.wipe_log().await, Ok(()));
    assert!(!found());
    assert_eq!(rows(&db, "select id from t").await.len(), 100);
}

/// A backup program may hold the file for a moment: then the write waits.
#[tokio::test]
async fn another_process_may_read_the_file() {
    let Location::Sqlite(path) = testing::sqlite() else { unreachable!() };
    let db = Db::open(&Location::Sqlite(path.clone())).await.unwrap();
    define(&db, &[TABLE]).await;
    let other = Db::open(&Location::Sqlite(path)).await.unwrap();
    for id in 0..50_i64 {
        let (a, b) = tokio::join!(
            db.write(one(INSERT, values![id, "a"])),
            other.write(one(INSERT, values![1_000 + id, "b"]))
        );
        assert_eq!((a, b), (done(), done()));
    }
    assert_eq!(number(&other, "select count(*) from t").await, 100);
}
