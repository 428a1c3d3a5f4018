//! One history: what there is, and what happens step by step to controller, line and server.

use std::collections::{BTreeMap, BTreeSet};

use claviger_app::Instant;
use claviger_sim::controller::{Controller, Drift, Shown, Taken, Traits};
use claviger_store::Location;
use serde_json::{Value, json};

use super::checks::Obligation;
use super::world::World;
use crate::dice::Dice;

/// A lock, and its number by which the list names it.
#[derive(Clone)]
pub(super) struct Lock {
    pub(super) id: String,
    pub(super) number: u64,
}

/// A grant of a credential to a lock.
pub(super) struct Place {
    pub(super) grant: String,
    pub(super) credential: String,
    pub(super) lock: String,
}

/// Something that is presented.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) shown: Shown,
    pub(super) pin: Option<String>,
    /// The PINs it had.
    pub(super) former: Vec<String>,
}

pub(super) struct History {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) world: World,
    pub(super) controller_id: String,
    key: String,
    pub(super) controller: Controller,
    /// Every item that the server ever sent, with its version.
    pub(super) sent: BTreeSet<(String, String, u64)>,
    /// Calls that were sent once, to be sent again.
    calls: Vec<Value>,
    pub(super) locks: Vec<Lock>,
    pub(super) people: Vec<String>,
    pub(super) credentials: Vec<Held>,
    /// Those that were deleted.
    pub(super) gone: Vec<Held>,
    /// Whose they are, by id.
    pub(super) holders: BTreeMap<String, Value>,
    /// Whose they were when they were presented, by that instant and id.
    pub(super) whose: BTreeMap<(String, String), Value>,
    /// Grants of people who lost a credential meanwhile, with the revocation that came of it.
    pub(super) parted: Vec<(String, String)>,
    pub(super) levels: Vec<String>,
    pub(super) schedules: Vec<String>,
    pub(super) grants: Vec<String>,
    /// The grants of two credentials to two locks with room for one each, if there are such.
    pub(super) places: Vec<Place>,
    /// How many things were made, for what must be unique.
    pub(super) made: u64,
    pub(super) obligations: Vec<Obligation>,
    /// Decisions of the controller that the server must hear of, where nothing can have been lost.
    pub(super) presented: u64,
    pub(super) loses_events: bool,
    /// Whether the controller has lost or changed something that the server counts as stored.
    pub(super) is_astray: bool,
    /// What happened, for whoever looks into a failure.
    pub(super) trace: Vec<String>,
}

impl Drop for History {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("CLAVIGER_SEED={}", self.seed);
            self.trace.iter().for_each(|line| println!("{line}"));
        }
    }
}

impl History {
    pub(super) async fn begin(location: Location, seed: u64) -> History {
        let world = World::start(location).await;
        let mut dice = Dice::new(seed);
        let panel = world.done("POST", "/controllers", json!({"name": "Panel"})).await;
        let controller_id = panel["id"].as_str().unwrap().to_owned();
        let bound = json!({"scopes": ["locks:operate"], "controller_id": controller_id});
        let key = world.key_with(bound).await;
        let traits = Traits {
            keeps_counter: dice.one_in(2),
            max_changes: 1 + dice.below(20),
            ..Traits::default()
        };
        let mut history = History {
            seed,
            dice,
            world,
            controller_id,
            key,
            controller: Controller::new(traits, seed),
            sent: BTreeSet::new(),
            calls: Vec::new(),
            locks: Vec::new(),
            people: Vec::new(),
            credentials: Vec::new(),
            gone: Vec::new(),
            holders: BTreeMap::new(),
            whose: BTreeMap::new(),
            parted: Vec::new(),
            levels: Vec::new(),
            schedules: Vec::new(),
            grants: Vec::new(),
            places: Vec::new(),
            made: 0,
            obligations: Vec::new(),
            presented: 0,
            loses_events: false,
            is_astray: false,
            trace: Vec::new(),
        };
        history.furnish().await;
        history
    }

    async fn furnish(&mut self) {
        for name in ["Gate", "Door", "Crane"] {
            self.add_lock(name).await;
        }
        for _ in 0..3 {
            self.add_person().await;
            self.add_credential().await;
        }
        let all: Vec<_> = self.locks.iter().take(2).map(|lock| lock.id.clone()).collect();
        let level = json!({"name": "Staff", "lock_ids": all});
        let level = self.world.done("POST", "/access-levels", level).await;
        self.levels.push(level["id"].as_str().unwrap().to_owned());
        let day = json!([{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "from": "06:00", "to": "20:00"}]);
        let hours = json!({"name": "Days", "time_zone": null, "weekly": day});
        let hours = self.world.done("POST", "/schedules", hours).await;
        self.schedules.push(hours["id"].as_str().unwrap().to_owned());
        for _ in 0..4 {
            self.add_grant().await;
        }
    }

    pub(super) fn note(&mut self, what: String) {
        self.trace.push(what);
    }

    /// The next thing that happens.
    pub(super) async fn step(&mut self) {
        match self.dice.below(100) {
            0..40 => self.exchange().await,
            40..75 => self.administer().await,
            75..84 => {
                let spans = [2, 11, 35, 35, 130, 700, 3700, 90_000];
                let span = *self.dice.pick(&spans).unwrap();
                self.note(format!("{span} s pass"));
                self.world.put_ahead(span);
                if self.dice.one_in(4) {
                    self.call_by_a_wrong_clock().await;
                }
            }
            84..89 => self.present(),
            89..92 => {
                self.note("the power goes".to_owned());
                self.controller.lose_power();
            }
            92..95 => {
                let drifts = [Drift::Vanishes, Drift::Appears, Drift::Differs];
                let drift = *self.dice.pick(&drifts).unwrap();
                let what = self.controller.drift(drift);
                self.is_astray = true;
                self.note(format!("{drift:?}: {what:?}"));
            }
            95 if self.dice.one_in(3) => {
                self.note("the controller is wiped".to_owned());
                self.controller.wipe();
                (self.loses_events, self.is_astray) = (true, true);
            }
            95..98 => {
                self.note("the server starts anew".to_owned());
                self.world.restart().await;
            }
            _ => {
                let refusing = if self.dice.one_in(2) { 0.4 } else { 0.0 };
                let capacity = self.dice.one_in(3).then_some(2);
                self.note(format!("it refuses {refusing}, has room for {capacity:?}"));
                let traits = self.controller.traits_mut();
                (traits.refusing, traits.capacity) = (refusing, capacity);
            }
        }
    }

    /// The server's clock is far ahead for as long as a call takes.
    async fn call_by_a_wrong_clock(&mut self) {
        let by = *self.dice.pick(&[700, 7200, 90_000]).unwrap();
        self.note(format!("the server's clock is {by} s ahead"));
        self.world.put_wrong(by);
        self.exchange().await;
        self.exchange().await;
        self.world.put_wrong(0);
        self.note("its clock is put right".to_owned());
    }

    fn present(&mut self) {
        if let Some(held) = self.dice.pick(&self.credentials).cloned() {
            self.present_it(held);
        }
    }

    /// Somebody at some lock.
    pub(super) fn present_it(&mut self, held: Held) {
        let Some(lock) = self.dice.pick(&self.locks) else { return };
        let now = self.world.now_us();
        let lock = lock.number;
        self.controller.present(lock, &held.shown, held.pin.as_deref(), now);
        let holder = self.holders[&held.id].clone();
        self.whose.insert((Instant(now).to_string(), held.id), holder);
        self.presented += 1;
    }

    /// The controller calls, over a line that loses, delays and repeats.
    async fn exchange(&mut self) {
        let now = self.world.now_us();
        let call = self.controller.call(0, now);
        self.calls.push(call.clone());
        let what = self.dice.below(14);
        if what == 0 {
            self.note("a call is lost".to_owned());
            return self.controller.unanswered();
        }
        if what == 1 {
            // This one is overtaken by the next and comes late.
            self.controller.unanswered();
            let next = self.controller.call(0, now);
            let answer = self.sync(next).await;
            self.controller.take(&answer, now);
            return self.replay(call).await;
        }
        let mut answer = self.sync(call).await;
        match what {
            2 => {
                self.note("an answer is lost".to_owned());
                self.controller.unanswered();
            }
            3 => {
                let changes = answer["changes"].as_array_mut().unwrap();
                changes.truncate(self.dice.below(changes.len() as u64 + 1) as usize);
                let done = changes.len();
                self.note(format!("the power goes after {done} changes"));
                self.controller.take(&answer, now);
                self.controller.lose_power();
            }
            4 => {
                self.controller.take(&answer, now);
                let old = self.dice.pick(&self.calls).unwrap().clone();
                self.replay(old).await;
            }
            5 => {
                self.controller.take(&answer, now);
                let again = self.controller.take(&answer, now);
                assert_eq!(again, Taken::Dropped, "an answer comes twice");
            }
            _ => drop(self.controller.take(&answer, now)),
        }
    }

    /// A call that the server has seen, or that was overtaken, comes once more.
    async fn replay(&mut self, call: Value) {
        let was_astray = self.is_astray;
        let (seq, answer) = (call["seq"].clone(), self.sync(call).await);
        self.is_astray |= was_astray;
        if answer["stale"] == true {
            assert_eq!(answer["changes"], json!([]), "a call that is not looked at: {answer}");
            assert!(answer["seq"].as_u64() >= seq.as_u64(), "{answer}");
        } else {
            // Only one that was lost before can be news; its answer comes to nobody.
            assert_eq!(answer["seq"], seq);
        }
    }

    /// A call and its answer, whose items are remembered.
    pub(super) async fn sync(&mut self, call: Value) -> Value {
        let answer = self.world.sync(&self.controller_id, &self.key, call.clone()).await;
        self.is_astray &= call["inventory"].is_null() || answer["stale"] == true;
        let mut says = Vec::new();
        for change in answer["changes"].as_array().unwrap() {
            let version = change["version"].as_u64().unwrap();
            for kind in ["lock", "schedule", "credential"] {
                if let Some(id) = change[kind]["id"].as_str() {
                    self.sent.insert((kind.to_owned(), id.to_owned(), version));
                    says.push(format!("{version}:{kind} {id}"));
                }
            }
            if let Some(gone) = change.get("remove") {
                says.push(format!("{version}:remove {} {}", gone["kind"], gone["id"]));
            }
        }
        let told = [&call["acknowledged"], &call["inventory"]];
        let (seq, stale, ask) = (&call["seq"], &answer["stale"], &answer["ask"]);
        self.note(format!("call {seq} {told:?} -> stale {stale} ask {ask} {says:?}"));
        answer
    }

    /// Faults stop and time goes on until nothing is left to say.
    pub(super) async fn come_to_rest(&mut self) {
        self.note("the faults stop".to_owned());
        let traits = self.controller.traits_mut();
        (traits.refusing, traits.capacity) = (0.0, None);
        self.controller.look_over();
        if self.dice.one_in(2) {
            self.call_by_a_wrong_clock().await;
        }
        for round in 0..40 {
            self.world.put_ahead(if round % 8 == 7 { 3700 } else { 31 });
            for _ in 0..200 {
                let now = self.world.now_us();
                let call = self.controller.call(0, now);
                let answer = self.sync(call).await;
                let taken = self.controller.take(&answer, now);
                let more = taken == Taken::Stale
                    || matches!(taken, Taken::Done { more: true, .. })
                    || self.controller.has_news();
                if !more {
                    break;
                }
            }
            let panel = self.world.get(&format!("/controllers/{}", self.controller_id)).await;
            if panel["status"]["pending"] == 0 && round > 2 {
                return;
            }
        }
    }
}
