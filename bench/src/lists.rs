//! A list of a controller: its first sending, one change of it, a change of all of it.

use std::sync::Arc;

use claviger_app::access_level::{ModificationWish, modify};
use claviger_app::provision::{SyncWish, sync};
use claviger_app::{App, Caller, Context, Via, person};
use claviger_domain::ids::{ClientNumber, ControllerNumber, Noun, Ref};
use claviger_domain::noun::controller::Controller;
use claviger_domain::noun::lock::{Lock, LockMode};
use claviger_domain::noun::person::PersonState;
use claviger_domain::noun::scope::Scopes;
use claviger_domain::provision::Reported;
use claviger_domain::record::Record;

use crate::building::{Building, on_each_engine, operator};
use crate::show::{Sorted, Table, mib, resident, timed};
use crate::world::{SMALL, Size, World, header, id};

const LISTED: Size =
    Size { locks: 100, levels: 50, lock_levels: (2, 8), details: true, always: true, ..SMALL };
const CONTROLLER: ControllerNumber = ControllerNumber(1);
/// The most changes that an answer takes.
const CHANGES: usize = 500;
const TIMES: u32 = 20;

/// A controller that stores whatever it is told.
struct Panel<'a> {
    building: &'a Building,
    ctx: Context,
    seq: u64,
    acknowledged: Vec<Reported>,
}

impl Panel<'_> {
    fn of<'a>(building: &'a Building, app: &App) -> Panel<'a> {
        let number = building.number;
        let caller = Caller::Client {
            number: ClientNumber(1),
            id: id(number, Noun::Client, 1),
            scopes: Scopes::ALL,
            places: Arc::new([number]),
            controller: Some((number, CONTROLLER)),
            role: None,
            alone: false,
        };
        let ctx = Context::new(app.clone(), caller, Via::Native);
        Panel { building, ctx, seq: 0, acknowledged: Vec::new() }
    }

    /// One call; says how many changes came.
    async fn call(&mut self) -> usize {
        self.seq += 1;
        let wish = SyncWish {
            seq: self.seq,
            acknowledged: std::mem::take(&mut self.acknowledged),
            max_changes: CHANGES,
            ..SyncWish::default()
        };
        let controller = Ref::Id(id(self.building.number, Noun::Controller, CONTROLLER.0));
        let answer = sync(&self.ctx, self.building.place, controller, wish).await.unwrap();
        assert!(!answer.stale);
        let stored = |version| Reported { version, refused: None };
        self.acknowledged = answer.changes.iter().map(|it| stored(it.version)).collect();
        answer.changes.len()
    }

    /// Calls until all is stored; how long each call took, and how many changes there were.
    async fn settle(&mut self) -> (Vec<f64>, usize) {
        let (mut took, mut changes) = (Vec::new(), 0);
        loop {
            let (count, ms) = timed(self.call()).await;
            took.push(ms);
            changes += count;
            if count == 0 {
                return (took, changes);
            }
        }
    }
}

/// The records of the world, with every lock served by the list of one controller.
fn records(world: &World) -> impl Iterator<Item = Record> {
    let controller = Controller {
        header: header(world.place, Noun::Controller, CONTROLLER.0),
        name: "Panel".to_owned(),
        capacity: None,
        settings: None,
    };
    let listed = |record| match record {
        Record::Lock(lock) => {
            let mut lock = Lock::clone(&lock);
            (lock.mode, lock.controller) = (LockMode::AllowList, Some(CONTROLLER));
            lock.into()
        }
        other => other,
    };
    let first: Record = controller.into();
    [first].into_iter().chain(world.ground().map(listed)).chain(world.grants())
}

pub fn run(table: &mut Table) {
    on_each_engine(async |engine, building| {
        let world = World::new(LISTED, building.number);
        building.fill(records(&world)).await;
        let app = building.start().await;
        one((&building, &world), &app, engine, table).await;
        app.storage().close().await;
        let (app, ms) = timed(building.start()).await;
        let what = format!("{engine}: start of the server with that list");
        table.row(what, format!("{ms:.0} ms"), "");
        app.storage().close().await;
    });
}

async fn one((building, world): (&Building, &World), app: &App, engine: &str, table: &mut Table) {
    let (place, number) = (building.place, building.number);
    let ctx = operator(app);
    let mut panel = Panel::of(building, app);
    let size = format!("{engine}: list of {} people × {} locks", LISTED.people, LISTED.locks);
    let before = resident();
    let (took, changes) = panel.settle().await;
    let calls = took.len();
    let whole: f64 = took.iter().sum();
    let took = Sorted::new(took);
    table.row(
        format!("{size}, first sending"),
        format!(
            "{changes} items in {calls} calls, {:.1} s; a call {:.0} ms median, {:.0} worst; \
             memory grew by {}",
            whole / 1e3,
            took.median(),
            took.worst(),
            mib(resident() - before)
        ),
        "",
    );
    let (mut command, mut call, mut idle) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 1..=TIMES {
        let whom = Ref::Id(id(number, Noun::Person, turn));
        let state = PersonState::Suspended;
        let (_, ms) = timed(person::set_state(&ctx, place, whom, state)).await;
        command.push(ms);
        call.push(timed(panel.call()).await.1);
        idle.push(timed(panel.call()).await.1);
    }
    let median = |values: Vec<f64>| Sorted::new(values).median();
    table.row(
        format!("{size}, one person suspended"),
        format!(
            "the command {:.1} ms, the call that brings it {:.0} ms, one that brings nothing \
             {:.1} ms",
            median(command),
            median(call),
            median(idle)
        ),
        "",
    );
    let level = Ref::Id(id(number, Noun::AccessLevel, 1));
    let lock = |it: u32| Ref::Id(id(number, Noun::Lock, it));
    let inside = world.lock_levels.iter().zip(1..).filter(|(levels, _)| levels.contains(&1));
    let mut inside: Vec<u32> = inside.map(|(_, lock)| lock).collect();
    for what in ["one lock", "all other locks"] {
        let kept = if what == "one lock" { inside.split_off(1) } else { Vec::new() };
        let remove_locks = std::mem::replace(&mut inside, kept).into_iter().map(lock).collect();
        let wish = ModificationWish { remove_locks, ..ModificationWish::default() };
        let (done, ms) = timed(modify(&ctx, place, level.clone(), wish)).await;
        done.unwrap();
        let (took, changes) = panel.settle().await;
        table.row(
            format!("{size}, {what} taken out of a level"),
            format!(
                "the command {ms:.0} ms; {changes} items confirmed anew in {:.1} s, worst call \
                 {:.0} ms",
                took.iter().sum::<f64>() / 1e3,
                Sorted::new(took.clone()).worst()
            ),
            "",
        );
    }
}
