//! Access levels made and changed through the use cases, beside a table with a row for every key in
//! the same database.

use claviger_app::access_level::{
    AccessLevelWish, ModificationWish, PersonWish, create, delete, modify,
};
use claviger_app::{App, Context};
use claviger_domain::ids::{Noun, PlaceNumber, Ref};
use claviger_domain::noun::access_level::AccessLevelEdit;
use claviger_store::{Batch, Engine, Outcome, Value, values};

use crate::building::{Building, locations, operator, types};
use crate::show::{Sorted, Table, timed};
use crate::world::{MADE, SMALL, Size, World, id};

const TIMES: usize = 5;

const KEYS: &str = "plain_keys";
/// As grants are kept: what its rows point at is not looked up row by row. In its favour, it is not
/// looked up at all.
const UNCHECKED: &str = "plain_unchecked";

/// The columns of a grant, but with a lock in every row; its primary key, its foreign keys, the
/// index of ids that every noun has, and one each to find rows by person, lock and level, which a
/// grant needs no more than a list in memory for. No trail, no history, no notes for other nodes.
const COLUMNS: &[&str] = &[
    "place",
    "number",
    "id",
    "external_id",
    "created_at",
    "updated_at",
    "revision",
    "deleted_at",
    "person",
    "lock",
    "level",
    "allows",
    "valid_from",
    "valid_until",
    "schedule",
    "override_lockdown",
    "source_kind",
    "source_via",
    "closed_at",
    "closed_by_kind",
    "closed_by_id",
    "closed_reason",
];

struct Keys<'a> {
    app: &'a App,
    next: i64,
}

impl Keys<'_> {
    async fn write(&self, batch: Batch) {
        let done = self.app.storage().db().write(batch).await.unwrap();
        assert!(matches!(done, Outcome::Done { .. }));
    }

    /// Writes the log of SQLite back, so that nobody pays for what others have written.
    async fn calm(&self) {
        self.app.storage().db().wipe_log().await.unwrap();
    }

    /// Lets PostgreSQL know how large its tables are, which it otherwise finds out a minute later;
    /// until then it looks for a key's person and lock by reading the whole table.
    async fn count_rows(&self) {
        if self.app.storage().db().engine() == Engine::Postgres {
            let mut batch = Batch::new();
            batch.run("analyze", []);
            self.write(batch).await;
        }
    }

    async fn define(&self) {
        let engine = self.app.storage().db().engine();
        let kind = |name: &str| match name {
            "id" | "closed_by_id" => types(engine),
            "external_id" | "allows" | "source_kind" | "source_via" | "closed_by_kind"
            | "closed_reason" => "text",
            _ => "bigint",
        };
        let columns: Vec<String> =
            COLUMNS.iter().map(|name| format!("{name} {}", kind(name))).collect();
        let rowless = if engine == Engine::Sqlite { " without rowid" } else { "" };
        let references = ", foreign key (place, person) references people (place, number), \
             foreign key (place, lock) references locks (place, number)";
        for (table, references) in [(KEYS, references), (UNCHECKED, "")] {
            let make = format!(
                "create table {table} ({}, primary key (place, number), \
                 unique (place, id){references}){rowless}",
                columns.join(", ")
            );
            let index = |name| format!("create index {table}_{name} on {table} (place, {name})");
            for sql in [make, index("person"), index("lock"), index("level")] {
                let mut batch = Batch::new();
                batch.run(sql, []);
                self.write(batch).await;
            }
        }
    }

    fn rows(&mut self, table: &str, level: u32, people: u32, locks: u32) -> Batch {
        let place = PlaceNumber(1);
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for person in 1..=people {
            for lock in 1..=locks {
                self.next += 1;
                let id = id(PlaceNumber(9), Noun::Grant, self.next as u32);
                let mut row = values![place, self.next, id, None::<String>, MADE, MADE, 3];
                row.extend(values![None::<i64>, person, lock, level, "open", None::<i64>]);
                row.extend(values![None::<i64>, None::<i64>, 0, "access_level", "native"]);
                row.extend(values![None::<i64>, None::<String>, None::<Vec<u8>>, None::<String>]);
                rows.push(row);
            }
        }
        let marks: Vec<String> = (1..=COLUMNS.len()).map(|n| format!("?{n}")).collect();
        let sql =
            format!("insert into {table} ({}) values ({})", COLUMNS.join(", "), marks.join(", "));
        let mut batch = Batch::new();
        batch.many(sql, rows);
        batch
    }

    async fn insert(&mut self, table: &str, level: u32, people: u32, locks: u32) -> f64 {
        let batch = self.rows(table, level, people, locks);
        self.calm().await;
        timed(self.write(batch)).await.1
    }

    async fn delete(&self, table: &str, level: u32) -> f64 {
        let mut batch = Batch::new();
        let sql = format!("delete from {table} where place = ?1 and level = ?2");
        batch.run(sql, values![1, level]);
        self.calm().await;
        timed(self.write(batch)).await.1
    }
}

/// What each took, in milliseconds, best of some.
#[derive(Default)]
struct Took {
    create: Vec<f64>,
    delete: Vec<f64>,
    insert: Vec<f64>,
    unchecked: Vec<f64>,
    erase: Vec<f64>,
    add_lock: Vec<f64>,
    insert_lock: Vec<f64>,
    remove_person: Vec<f64>,
}

pub fn run(table: &mut Table) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (engine, location) in locations() {
        runtime.block_on(async {
            let building = Building::new(location).await;
            let world = World::new(Size { details: true, ..SMALL }, building.number);
            building.fill(world.ground().chain(world.grants())).await;
            let app = building.start().await;
            let mut keys = Keys { app: &app, next: 0 };
            keys.define().await;
            keys.count_rows().await;
            for (people, locks) in [(1_000, 100), (5_000, 20)] {
                let mut took = Took::default();
                for turn in 0..TIMES {
                    one(&building, &app, &mut keys, turn as u32, (people, locks), &mut took).await;
                }
                tell(table, engine, people, locks, took);
            }
            app.storage().close().await;
        });
    }
}

async fn one(
    building: &Building,
    app: &App,
    keys: &mut Keys<'_>,
    turn: u32,
    (people, locks): (u32, u32),
    took: &mut Took,
) {
    let ctx: Context = operator(app);
    let (place, number) = (building.place, building.number);
    let lock = |it: u32| Ref::Id(id(number, Noun::Lock, it));
    let person = |it: u32| PersonWish::Ref(Ref::Id(id(number, Noun::Person, it)));
    let name = Some(format!("Level of {people} and {locks}"));
    let wish = AccessLevelWish {
        edit: AccessLevelEdit { name, ..AccessLevelEdit::default() },
        schedule: None,
        locks: Some((1..=locks).map(lock).collect()),
        ..AccessLevelWish::default()
    };
    let all = ModificationWish {
        add_people: (1..=people).map(person).collect(),
        ..ModificationWish::default()
    };
    keys.calm().await;
    let (level, ms) = timed(async {
        let level = create(&ctx, place, wish).await.unwrap().done().unwrap().header.id;
        modify(&ctx, place, Ref::Id(level), all).await.unwrap();
        level
    })
    .await;
    took.create.push(ms);
    took.insert.push(keys.insert(KEYS, turn + 1, people, locks).await);
    took.unchecked.push(keys.insert(UNCHECKED, turn + 1, people, locks).await);
    keys.delete(UNCHECKED, turn + 1).await;
    let more = ModificationWish { add_locks: vec![lock(locks + 1)], ..ModificationWish::default() };
    keys.calm().await;
    let (_, ms) = timed(modify(&ctx, place, Ref::Id(level), more)).await;
    took.add_lock.push(ms);
    took.insert_lock.push(keys.insert(KEYS, turn + 1, people, 1).await);
    let less = ModificationWish { remove_people: vec![person(7)], ..ModificationWish::default() };
    keys.calm().await;
    let (_, ms) = timed(modify(&ctx, place, Ref::Id(level), less)).await;
    took.remove_person.push(ms);
    keys.calm().await;
    let (_, ms) = timed(delete(&ctx, place, Ref::Id(level))).await;
    took.delete.push(ms);
    took.erase.push(keys.delete(KEYS, turn + 1).await);
}

fn tell(table: &mut Table, engine: &str, people: u32, locks: u32, took: Took) {
    let best = |values: &Vec<f64>| Sorted::new(values.clone()).best();
    let mid = |values: &Vec<f64>| Sorted::new(values.clone()).median();
    let level = format!("{engine}: level of {people} people × {locks} locks");
    let beside = |mine: &Vec<f64>, other: &Vec<f64>, rows: u32| {
        format!(
            "{:.1} ms, {:.0} × cheaper than {rows} key rows at {:.0} ms (medians: {:.1}, {:.0} ×)",
            best(mine),
            best(other) / best(mine),
            best(other),
            mid(mine),
            mid(other) / mid(mine)
        )
    };
    let keys = people * locks;
    let small = people == 5_000;
    let bar = if small { "≤ 50 ms, ≥ 12 ×" } else { "≥ 50 ×" };
    table.row(format!("{level}, create"), beside(&took.create, &took.insert, keys), bar);
    let figure = format!(
        "{:.0} ms, {:.0} × as long as create (medians: {:.0}, {:.0} ×)",
        best(&took.unchecked),
        best(&took.unchecked) / best(&took.create),
        mid(&took.unchecked),
        mid(&took.unchecked) / mid(&took.create)
    );
    table.row(format!("{level}, the same key rows without foreign keys"), figure, "");
    let bar = if small { "" } else { "≥ 50 ×" };
    let erased = format!("; deleting those rows takes {:.0} ms", best(&took.erase));
    let figure = format!("{}{erased}", beside(&took.delete, &took.insert, keys));
    table.row(format!("{level}, delete"), figure, bar);
    let bar = if small { "≥ 40 ×" } else { "" };
    let figure = beside(&took.add_lock, &took.insert_lock, people);
    table.row(format!("{level}, add one lock"), figure, bar);
    let figure = format!("{:.2} ms", best(&took.remove_person));
    table.row(format!("{level}, remove one person"), figure, "");
}
