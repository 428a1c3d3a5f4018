//! Figures of the engine layer, printed: durable transactions alone and from 64 writers, many rows
//! in one step, reads. `cargo bench -p claviger-store`; no threshold is checked here.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints and may fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use claviger_store::testing::engines;
use claviger_store::{Batch, Db, Engine, Statement, Value, values};

const WIDE: usize = 15;
const ROWS: usize = 5_000;

#[tokio::main]
async fn main() {
    for location in engines() {
        let db = Db::open(&location).await.unwrap();
        println!("{:?}", db.engine());
        let table = "create table t (id bigint not null primary key, n bigint not null, s text)";
        run(&db, table).await;
        alone(&db).await;
        for writers in [8, 64, 256] {
            grouped(&db, writers).await;
        }
        many(&db).await;
        reads(&db).await;
        db.close().await;
    }
}

async fn run(db: &Db, sql: impl Into<std::borrow::Cow<'static, str>>) {
    let mut batch = Batch::new();
    batch.run(sql, []);
    db.write(batch).await.unwrap();
}

fn insert(id: i64) -> Batch {
    let mut batch = Batch::new();
    batch.run("insert into t (id, n, s) values (?1, ?2, ?3)", values![id, id, "a few words"]);
    batch
}

fn each(total: Duration, count: i64) -> f64 {
    total.as_secs_f64() * 1e6 / count as f64
}

async fn alone(db: &Db) {
    let count = 3_000;
    let start = Instant::now();
    for id in 0..count {
        db.write(insert(id)).await.unwrap();
    }
    println!("  one writer: {:.1} us a durable transaction", each(start.elapsed(), count));
}

async fn grouped(db: &Db, writers: i64) {
    run(db, "delete from t").await;
    let seconds = Duration::from_secs(2);
    // Ascending, as the numbers of events are.
    let ids = Arc::new(AtomicI64::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (db, ids) = (db.clone(), Arc::clone(&ids));
            tokio::spawn(async move {
                let mut count = 0_i64;
                while start.elapsed() < seconds {
                    db.write(insert(ids.fetch_add(1, Ordering::Relaxed))).await.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for task in tasks {
        total += task.await.unwrap();
    }
    let rate = total as f64 / start.elapsed().as_secs_f64();
    println!("  {writers} writers: {rate:.0} durable transactions/s");
}

async fn many(db: &Db) {
    let text = if db.engine() == Engine::Sqlite { "blob" } else { "bytea" };
    let columns: Vec<String> = (1..=WIDE).map(|n| format!("c{n}")).collect();
    let kind = |n: usize| ["bigint", "text", text][n % 3];
    let typed: Vec<String> =
        columns.iter().enumerate().map(|(n, name)| format!("{name} {}", kind(n))).collect();
    run(db, format!("create table w ({}, primary key (c1))", typed.join(", "))).await;
    let marks: Vec<String> = (1..=WIDE).map(|n| format!("?{n}")).collect();
    let (columns, marks) = (columns.join(", "), marks.join(", "));
    let conflict = "on conflict (c1) do update set c2 =";
    let plain = format!("insert into w ({columns}) values ({marks}) {conflict} excluded.c2");
    // A parameter outside of the list of values keeps it from becoming one statement over arrays.
    let piped = format!("insert into w ({columns}) values ({marks}) {conflict} ?2");
    let row = |id: usize| -> Vec<Value> {
        let value = |n: usize| match n % 3 {
            0 => Value::from((id * 100 + n) as i64),
            1 => Value::from(format!("text {id} {n}")),
            _ => Value::from([7_u8; 16]),
        };
        (0..WIDE).map(value).collect()
    };
    for (name, sql) in [("values", plain), ("values, one request a row", piped)] {
        let mut best = Duration::MAX;
        for _ in 0..6 {
            run(db, "delete from w").await;
            let mut batch = Batch::new();
            batch.many(sql.clone(), (0..ROWS).map(row).collect());
            let start = Instant::now();
            db.write(batch).await.unwrap();
            best = best.min(start.elapsed());
        }
        println!("  {ROWS} x {WIDE} {name}: {:.1} ms", best.as_secs_f64() * 1e3);
    }
}

async fn reads(db: &Db) {
    run(db, "delete from t").await;
    let mut batch = Batch::new();
    let row = |id: i64| values![id, id, "a few words of text"];
    for part in 0..20 {
        let ids = part * 10_000..(part + 1) * 10_000;
        batch.many("insert into t (id, n, s) values (?1, ?2, ?3)", ids.map(row).collect());
    }
    db.write(batch).await.unwrap();
    let count = 5_000;
    let start = Instant::now();
    for id in 0..count {
        let select = Statement::new("select n, s from t where id = ?1", values![id * 7]);
        db.read(select).await.unwrap();
    }
    println!("  one reader: {:.1} us a row", each(start.elapsed(), count));
    let start = Instant::now();
    let select = Statement::new("select id, n, s from t", []);
    let sum = db
        .scan(vec![select], 0, |sum: &mut i64, _, row| {
            *sum += row.int(1)? + row.text(2)?.len() as i64;
            Ok(())
        })
        .await
        .unwrap();
    let rate = 200_000.0 / start.elapsed().as_secs_f64();
    println!("  scan: {rate:.0} rows/s (sum {sum})");
}
