//! The schema moves forward, once, and only under the program that knows it.

use claviger_store::{Db, StoreError, migrate, values};

use crate::{done, number, on_each, one, rows};

#[tokio::test]
async fn migrations_run_once() {
    on_each(async |db, location| {
        assert_eq!(migrate::schema_number(&db).await, Ok(0));
        assert_eq!(migrate::run(&db).await, Ok(migrate::known_schema()));
        assert_eq!(
            db.write(one("insert into meta (key, value) values (?1, ?2)", values!["a", "b"])).await,
            done()
        );
        assert_eq!(migrate::run(&db).await, Ok(migrate::known_schema()));
        db.close().await;
        let db = Db::open(&location).await.unwrap();
        assert_eq!(migrate::run(&db).await, Ok(migrate::known_schema()));
        assert_eq!(migrate::schema_number(&db).await, Ok(migrate::known_schema()));
        assert_eq!(rows(&db, "select value from meta").await[0].text(0), Ok("b"));
        let applied = number(&db, "select count(*) from schema_history").await;
        assert_eq!(applied, i64::from(migrate::known_schema()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_migrate_once() {
    on_each(async |db, location| {
        let mut nodes = Vec::new();
        for _ in 0..4 {
            let node = Db::open(&location).await.unwrap();
            nodes.push(tokio::spawn(async move { migrate::run(&node).await }));
        }
        for node in nodes {
            assert_eq!(node.await.unwrap(), Ok(migrate::known_schema()));
        }
        assert_eq!(migrate::schema_number(&db).await, Ok(migrate::known_schema()));
    })
    .await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    on_each(async |db, _| {
        let known = migrate::run(&db).await.unwrap();
        let insert = "insert into schema_history (number, checksum) values (?1, 'x')";
        assert_eq!(db.write(one(insert, values![known + 1])).await, done());
        let wanted = StoreError::NewerSchema { found: known + 1, known };
        assert_eq!(migrate::run(&db).await, Err(wanted.clone()));
        let words = format!("schema {}, this program knows schemas up to {known}", known + 1);
        assert!(wanted.to_string().contains(&words), "{wanted}");
        assert_eq!(migrate::schema_number(&db).await, Ok(known + 1));
        assert_eq!(number(&db, "select count(*) from meta").await, 0, "still readable");
    })
    .await;
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    on_each(async |db, _| {
        migrate::run(&db).await.unwrap();
        let change = "update schema_history set checksum = ?1 where number = 1";
        assert_eq!(db.write(one(change, values!["0"])).await, done());
        let refused = migrate::run(&db).await;
        assert_eq!(refused, Err(StoreError::ChangedMigration { number: 1 }));
    })
    .await;
}
