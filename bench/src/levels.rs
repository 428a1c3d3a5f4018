//! Access levels made and changed through the use cases, beside a table with a row for every key in
//! the same database.

use claviger_app::access_level::{
    AccessLevelWish, ModificationWish, PersonWish, create, delete, modify,
};
use claviger_app::{App, Context};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::access_level::AccessLevelEdit;

use crate::building::{Building, on_each_engine, operator};
use crate::rows::{KEYS, Keys, UNCHECKED, beside};
use crate::show::{Sorted, Table, timed};
use crate::world::{SMALL, Size, World, id};

const TIMES: usize = 5;

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
    on_each_engine(async |engine, building| {
        let world = World::new(Size { details: true, ..SMALL }, building.number);
        building.fill(world.ground().chain(world.grants())).await;
        let app = building.start().await;
        let mut keys = Keys::ready(&app).await;
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
