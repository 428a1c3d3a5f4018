//! A batch is stored whole or not at all.

use claviger_store::{Batch, Outcome, Statement, StoreError, Value, values};

use crate::{define, done, number, numbers, on_each, one, rows};

const TABLE: &str = "create table t (id bigint not null primary key, n bigint not null)";
const INSERT: &str = "insert into t (id, n) values (?1, ?2)";
const UPSERT: &str =
    "insert into t (id, n) values (?1, ?2) on conflict (id) do update set n = t.n + excluded.n";

#[tokio::test]
async fn a_guard_that_changes_no_row_or_two_loses_the_batch() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        let mut batch = Batch::new();
        batch.many(INSERT, vec![values![1, 10], values![2, 10]]);
        batch.guard("update t set n = 11 where id = ?1 and n = ?2", values![1, 10]);
        assert_eq!(db.write(batch).await, done());
        for wrong in ["update t set n = 12 where n = ?1", "update t set n = 12 where n < ?1 + 90"] {
            let mut batch = Batch::new();
            batch.run(INSERT, values![3, 3]);
            batch.guard(wrong, values![99]);
            batch.run(INSERT, values![4, 4]);
            batch.guard(wrong, values![99]);
            assert_eq!(db.write(batch).await, Ok(Outcome::RaceLost { step: 1 }), "{wrong}");
        }
        assert_eq!(numbers(&db, "select n from t order by id").await, [11, 10]);
        let mut batch = Batch::new();
        batch.guard("insert into t (id, n) values (1, 1) on conflict (id) do nothing", []);
        assert_eq!(db.write(batch).await, Ok(Outcome::RaceLost { step: 0 }));
    })
    .await;
}

#[tokio::test]
async fn many_rows_are_inserted_and_merged() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        // Both ways of PostgreSQL: few rows, and enough for arrays in more than one message.
        for count in [0, 1, 3, 25_000] {
            let pairs = || (0..count).map(|id| values![id, id % 7 + 1]).collect();
            let mut batch = Batch::new();
            batch.run("delete from t", []);
            batch.many(INSERT, pairs());
            batch.many(UPSERT, pairs());
            batch.many(UPSERT, pairs());
            batch.many("update t set n = n + ?2 where id = ?1", pairs());
            assert_eq!(db.write(batch).await, done());
            assert_eq!(number(&db, "select count(*) from t").await, count);
            let wrong = "select count(*) from t where n <> 4 * (id % 7 + 1)";
            assert_eq!(number(&db, wrong).await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn many_rows_keep_nulls_texts_and_bytes_apart() {
    on_each(async |db, _| {
        let table = "create table w (id bigint not null primary key, s text, b {bytes}, z bigint)";
        define(&db, &[table]).await;
        let row = |id: i64| {
            let text = (id % 3 > 0).then(|| format!("t{id}, {{\"x\"}} NULL"));
            let bytes = (id % 2 > 0).then(|| id.to_be_bytes().to_vec());
            values![id, text, bytes]
        };
        let mut batch = Batch::new();
        let insert = "insert into w (id, s, b, z) values (?1, ?2, ?3, 5)";
        batch.many(insert, (0..100).map(row).collect());
        assert_eq!(db.write(batch).await, done());
        let found = rows(&db, "select id, s, b from w order by id").await;
        assert_eq!(found.len(), 100);
        for (id, found) in (0..).zip(&found) {
            assert!(found.values() == row(id), "row {id}: {found:?}");
        }
        assert_eq!(number(&db, "select cast(sum(z) as bigint) from w").await, 500);
    })
    .await;
}

#[tokio::test]
async fn columns_that_are_the_same_in_every_row_are_stored_in_each() {
    on_each(async |db, _| {
        let table = "create table w (id bigint not null primary key, s text, b {bytes}, z bigint)";
        define(&db, &[table]).await;
        let row = |id: i64| values![id, "one text", None::<Vec<u8>>, 7];
        let mut batch = Batch::new();
        batch.many("insert into w (id, s, b, z) values (?1, ?2, ?3, ?4)", {
            (0..1_500).map(row).collect()
        });
        batch.many("update w set z = ?1 where id = ?2", {
            (0..1_200_i64).map(|id| values![9, id]).collect()
        });
        assert_eq!(db.write(batch).await, done());
        let same = "select count(*) from w where s = 'one text' and b is null";
        assert_eq!(number(&db, same).await, 1_500);
        assert_eq!(number(&db, "select count(*) from w where z = 9").await, 1_200);
    })
    .await;
}

#[tokio::test]
async fn a_row_of_the_wrong_length_is_refused() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        for good in [1, 20] {
            let mut rows: Vec<Vec<Value>> = (0..good).map(|id| values![id, id]).collect();
            rows.push(values![1_000]);
            let mut batch = Batch::new();
            batch.many(INSERT, rows);
            let refused = db.write(batch).await;
            assert!(matches!(refused, Err(StoreError::Rejected { .. })), "{refused:?}");
        }
        assert_eq!(number(&db, "select count(*) from t").await, 0);
    })
    .await;
}

#[tokio::test]
async fn fetched_rows_come_with_the_outcome() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        let mut batch = Batch::new();
        batch.many(INSERT, vec![values![1, 10], values![2, 20], values![3, 30]]);
        batch.fetch("update t set n = n + ?1 where id >= 2 returning id, n", values![1]);
        batch.fetch("delete from t where id = ?1 returning n", values![1]);
        batch.fetch("select n from t where id = 99", []);
        let Ok(Outcome::Done { fetched }) = db.write(batch).await else { panic!("not stored") };
        let mut first: Vec<_> = fetched[0].iter().map(|row| (row.int(0), row.int(1))).collect();
        first.sort_by_key(|row| row.0.clone().unwrap());
        assert_eq!(first, [(Ok(2), Ok(21)), (Ok(3), Ok(31))]);
        assert_eq!(fetched[1][0].int(0), Ok(10));
        assert_eq!((fetched.len(), fetched[2].len()), (3, 0));
    })
    .await;
}

#[tokio::test]
async fn rules_of_the_schema_are_told_apart() {
    on_each(async |db, _| {
        define(
            &db,
            &[
                "create table p (place bigint not null, id bigint not null, name text, \
                 label text, n bigint check (n > 0), primary key (place, id))",
                "create unique index p_name on p (place, name)",
                "create unique index p_lower on p (lower(label), place)",
                "create table c (place bigint not null, p bigint, \
                 foreign key (place, p) references p (place, id))",
                "insert into p (place, id, name, label, n) values (1, 1, 'Secret)=(x', 'Sec', 1)",
            ],
        )
        .await;
        let insert = "insert into p (place, id, name, label, n) values (?1, ?2, ?3, ?4, ?5)";
        let conflicts = [
            (values![1, 1, "b", "b", 1], "p.place, p.id"),
            (values![1, 2, "Secret)=(x", "b", 1], "p.place, p.name"),
            (values![1, 2, "b", "SEC", 1], "p_lower"),
        ];
        for (row, constraint) in conflicts {
            let wanted = StoreError::Conflict { constraint: constraint.to_owned() };
            assert_eq!(db.write(one(insert, row)).await, Err(wanted));
        }
        let rule = async |sql, args: Vec<Value>| match db.write(one(sql, args)).await {
            Err(StoreError::Constraint { rule, name }) => (rule, name),
            other => panic!("{other:?}"),
        };
        assert_eq!(rule(insert, values![1, 2, "b", "b", 0]).await.0, "check");
        let not_null = ("not null", "p.id".to_owned());
        assert_eq!(rule(insert, values![1, Value::Null, "b", "b", 1]).await, not_null);
        let child = "insert into c (place, p) values (?1, ?2)";
        assert_eq!(rule(child, values![2, 1]).await.0, "foreign key", "over the fence");
        assert_eq!(db.write(one(child, values![1, 1])).await, done());
        assert_eq!(rule("delete from p where id = ?1", values![1]).await.0, "foreign key");
    })
    .await;
}

#[tokio::test]
async fn a_failing_batch_leaves_nothing_and_harms_nothing() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        for bad in
            ["insert into t (id, n) values (1, 1)", "insert into nowhere values (1)", "selec"]
        {
            let mut batch = Batch::new();
            batch.run(INSERT, values![1, 1]);
            batch.run(bad, []);
            batch.run(INSERT, values![2, 2]);
            assert!(db.write(batch).await.is_err(), "{bad}");
            assert_eq!(number(&db, "select count(*) from t").await, 0, "{bad}");
        }
        assert_eq!(db.write(Batch::new()).await, done());
        assert_eq!(db.write(one(INSERT, values![1, 1])).await, done());
        let refused = db.read(Statement::new("select nothing from t", [])).await;
        assert!(matches!(refused, Err(StoreError::Rejected { .. })), "{refused:?}");
    })
    .await;
}
