//! Reads: what they give, and how they end early.

use claviger_store::{Batch, Statement, StoreError, values};

use crate::{define, done, number, on_each};

const TABLE: &str = "create table t (id bigint not null primary key, n bigint not null)";

#[tokio::test]
async fn a_scan_hands_over_every_row_with_its_statement() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        let mut batch = Batch::new();
        let rows = (0..10_000_i64).map(|id| values![id, id * 2]).collect();
        batch.many("insert into t (id, n) values (?1, ?2)", rows);
        assert_eq!(db.write(batch).await, done());
        let statements = vec![
            Statement::new("select id from t where id < ?1", values![10]),
            Statement::new("select id from t where id < 0", []),
            Statement::new("select n from t", []),
        ];
        let sums = db
            .scan(statements.clone(), vec![(0, 0); 3], |sums, at, row| {
                sums[at].0 += 1;
                sums[at].1 += row.int(0)?;
                Ok(())
            })
            .await;
        assert_eq!(sums, Ok(vec![(10, 45), (0, 0), (10_000, 99_990_000)]));
        let stop = StoreError::Corrupt { what: "enough".to_owned() };
        let wanted = stop.clone();
        let stopped = db.scan(statements, 0, move |seen, _, _| {
            *seen += 1;
            if *seen == 5 { Err(stop.clone()) } else { Ok(()) }
        });
        assert_eq!(stopped.await, Err(wanted));
        assert_eq!(number(&db, "select count(*) from t").await, 10_000);
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_of_nothing_is_empty() {
    on_each(async |db, _| {
        assert_eq!(db.snapshot(Vec::new()).await, Ok(Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn reads_do_not_write() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        let insert = || Statement::new("insert into t (id, n) values (1, 1)", []);
        assert!(db.snapshot(vec![insert(), insert()]).await.is_err());
        assert_eq!(number(&db, "select count(*) from t").await, 0);
    })
    .await;
}

/// A caller that goes away in the middle must not leave a transaction open on a connection that
/// the next one gets.
#[tokio::test]
async fn a_dropped_call_disturbs_nobody() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        for id in 0..50_i64 {
            let mut batch = Batch::new();
            batch.run("insert into t (id, n) values (?1, 0)", values![id]);
            batch.guard("update t set n = n + 1 where id = ?1", values![id]);
            let brief = std::time::Duration::from_micros(u64::try_from(id).unwrap() * 20);
            let _ = tokio::time::timeout(brief, db.write(batch)).await;
            let select = Statement::new("select id from t", []);
            let reading = db.snapshot(vec![select.clone(), select]);
            let _ = tokio::time::timeout(brief, reading).await;
        }
        let mut batch = Batch::new();
        batch.run("delete from t", []);
        batch.run("insert into t (id, n) values (1, 1)", []);
        assert_eq!(db.write(batch).await, done());
        // Nothing that was given up may be stored afterwards: it was stored or rolled back.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(number(&db, "select count(*) from t").await, 1);
    })
    .await;
}
