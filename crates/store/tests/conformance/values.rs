//! Values come back as they went in, or are refused.

use claviger_store::{Db, Statement, StoreError, Value, values};

use crate::{define, done, number, on_each, one, rows};

const TABLE: &str = "create table t (id bigint not null primary key, n bigint, s text, b {bytes})";
const INSERT: &str = "insert into t (id, n, s, b) values (?1, ?2, ?3, ?4)";

async fn round_trip(db: &Db, id: i64, n: Value, s: Value, b: Value) {
    let wanted = vec![n.clone(), s.clone(), b.clone()];
    assert_eq!(db.write(one(INSERT, [id.into(), n, s, b])).await, done());
    let read = Statement::new("select n, s, b from t where id = ?1", values![id]);
    let found = db.read(read).await.unwrap();
    // Not `assert_eq!`: values do not show themselves.
    assert!(found.len() == 1 && found[0].values() == wanted, "row {id}: {found:?}");
}

#[tokio::test]
async fn values_come_back_as_they_were() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        let null = || Value::Null;
        round_trip(&db, 1, null(), null(), null()).await;
        round_trip(&db, 2, i64::MIN.into(), "".into(), Vec::new().into()).await;
        round_trip(&db, 3, i64::MAX.into(), "Ünïcödé 鍵 🔑 'q' \"q\" ?1 $1".into(), null()).await;
        let every: Vec<u8> = (0..=255).collect();
        round_trip(&db, 4, 0.into(), "\u{1}\n\\ \u{10ffff}".into(), every.into()).await;
        round_trip(&db, 5, (-1).into(), "x".repeat(300_000).into(), vec![0; 300_000].into()).await;
        round_trip(&db, 6, u64::MAX.into(), "123".into(), [7_u8; 16].into()).await;
    })
    .await;
}

#[tokio::test]
async fn typed_getters_give_what_was_stored_and_name_the_column_when_they_cannot() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        let row = values![u32::MAX, u64::MAX, "s", [9_u8; 16]];
        assert_eq!(db.write(one(INSERT, row)).await, done());
        let found = rows(&db, "select id, n, s, b, 1 as yes, null as absent from t").await;
        let row = &found[0];
        assert_eq!(row.u32(0), Ok(u32::MAX));
        assert_eq!((row.u64(1), row.int(1)), (Ok(u64::MAX), Ok(-1)));
        assert_eq!((row.text(2), row.opt_text(2)), (Ok("s"), Ok(Some("s"))));
        assert_eq!((row.bytes(3), row.array(3)), (Ok(&[9; 16][..]), Ok([9_u8; 16])));
        assert_eq!((row.bool(4), row.opt_text(5)), (Ok(true), Ok(None)));
        assert_eq!((row.opt_int(5), row.opt_array::<16>(5)), (Ok(None), Ok(None)));
        for (wrong, name) in [
            (row.text(0).err(), "id"),
            (row.u32(1).err(), "n"),
            (row.bool(1).err(), "n"),
            (row.int(2).err(), "s"),
            (row.array::<8>(3).err(), "b"),
            (row.bytes(5).err(), "absent"),
            (row.int(6).err(), "?"),
        ] {
            let Some(StoreError::Corrupt { what }) = &wrong else { panic!("{wrong:?}") };
            assert!(what.contains(&format!("({name})")), "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_without_telling_it() {
    on_each(async |db, _| {
        define(&db, &[TABLE]).await;
        let nul = db.write(one(INSERT, values![1, 1, "secret\0", Value::Null])).await;
        let Err(fault @ StoreError::Unstorable { .. }) = nul else { panic!("{nul:?}") };
        assert!(!format!("{fault} {fault:?}").contains("secret"));
        let missing = db.write(one(INSERT, values![1, 1, "secret"])).await;
        let Err(fault @ StoreError::Rejected { .. }) = missing else { panic!("{missing:?}") };
        assert!(!format!("{fault} {fault:?}").contains("secret"));
        assert_eq!(number(&db, "select count(*) from t").await, 0);
        let statement = Statement::new(INSERT, values!["secret", vec![b'S'; 3]]);
        assert!(!format!("{statement:?}").contains("secret"));
    })
    .await;
}

#[tokio::test]
async fn parameters_are_numbered_and_quoted_marks_are_not() {
    on_each(async |db, _| {
        let table = "create table ten (a bigint, b bigint, c bigint, d bigint, e bigint, \
             f bigint, g bigint, h bigint, i bigint, j bigint, q text)";
        define(&db, &[table]).await;
        let insert = "insert into ten (j, a, b, c, d, e, f, g, h, i, q) -- ?9 isn't one
             values (?10, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '?1 it''s ?2') /* ?3 ' */";
        let args: Vec<Value> = (1..=10_i64).map(Value::from).collect();
        assert_eq!(db.write(one(insert, args)).await, done());
        let found = rows(&db, r#"select a as "?1", b, j, q from ten where q like '?1%'"#).await;
        let row = &found[0];
        assert_eq!((row.int(0), row.int(1), row.int(2)), (Ok(1), Ok(2), Ok(10)));
        assert_eq!(row.text(3), Ok("?1 it's ?2"));
        let twice = "select a from ten where a = ?1 and b = ?2 and a = ?1";
        assert_eq!(db.read(Statement::new(twice, values![1, 2])).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn text_is_compared_byte_by_byte() {
    on_each(async |db, _| {
        define(&db, &["create table names (name text not null primary key)"]).await;
        for name in ["a", "A", "á", "a\u{301}", "a "] {
            assert_eq!(
                db.write(one("insert into names (name) values (?1)", values![name])).await,
                done()
            );
        }
        let read = Statement::new("select name from names where name = ?1", values!["á"]);
        assert_eq!(db.read(read).await.unwrap().len(), 1);
    })
    .await;
}
