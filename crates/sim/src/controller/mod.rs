//! A virtual controller: it keeps a list of who may enter, decides by it alone, and talks with a
//! server only by calls of its own.
//!
//! A state machine without a clock, a socket or a random number that was not handed in: it is fed
//! answers and what is presented, and yields its next call and its decisions. What it has stored is
//! apart from what it has in its memory, so that a power loss takes the one and not the other. It
//! is written after the page of the protocol and shares nothing with the server.

mod decide;
mod dial;
mod hours;
mod item;
mod storage;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::calendar::{instant_us_text, parse_instant};
use crate::rng::Rng;
use storage::{Event, Storage};
use wire::{Acknowledged, Answer, Call, Command, Done, Health, Version, Wish};

pub use decide::{Shown, Verdict};
pub use dial::Line;
pub use item::{Card as ShownCard, ItemKind};

const HOUR_US: i64 = 3_600_000_000;
/// How much of each goes into one call.
const MOST_EVENTS: usize = 1000;
const MOST_ACKNOWLEDGED: usize = 500;

/// What kind of a controller it is.
#[derive(Debug, Clone)]
pub struct Traits {
    /// How many credentials its store really takes.
    pub capacity: Option<usize>,
    /// Whether the number of its calls survives a power loss.
    pub keeps_counter: bool,
    /// The share of changes it refuses for no good reason, from 0 to 1.
    pub refusing: f64,
    /// How many changes it wants at once.
    pub max_changes: u64,
    /// How long it takes from an answer on its line until it decides by it.
    pub latency: Duration,
}

impl Default for Traits {
    fn default() -> Traits {
        Traits {
            capacity: None,
            keeps_counter: true,
            refusing: 0.0,
            max_changes: 100,
            latency: Duration::ZERO,
        }
    }
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was not the answer to the last call.
    Dropped,
    /// The server has seen a higher number; the next call has one higher still.
    Stale,
    /// It was done as it says.
    Done {
        /// Others wait: call at once.
        more: bool,
        /// These locks were opened from afar.
        opened: Vec<u64>,
    },
}

/// How a list comes to differ from what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// An item is gone.
    Vanishes,
    /// An item stands there that nobody sent.
    Appears,
    /// An item is one of an older version.
    Differs,
}

/// A virtual controller.
#[derive(Debug, Clone)]
pub struct Controller {
    traits: Traits,
    stored: Storage,
    memory: Memory,
    rng: Rng,
    drifted: BTreeSet<(ItemKind, String)>,
    astray: Astray,
    breaches: Vec<String>,
}

/// Whether the server knows what has gone wrong with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Astray {
    /// Nothing has, or the server has been told what there is since.
    No,
    /// It has.
    Yes,
    /// A call is under way that tells what there is.
    Told,
}

/// What a power loss takes.
#[derive(Debug, Clone, Default)]
struct Memory {
    /// The number of the last call.
    seq: u64,
    is_waiting: bool,
    received: Option<u64>,
    /// What became of changes, and how many of these the last call carried.
    acknowledged: Vec<Acknowledged>,
    acknowledged_sent: usize,
    commands: Vec<Done>,
    commands_sent: usize,
    done: BTreeSet<String>,
    /// When the digest is told next; none: at once.
    digest_at: Option<i64>,
    inventory_due: bool,
}

impl Controller {
    /// A factory-new controller.
    #[must_use]
    pub fn new(traits: Traits, seed: u64) -> Controller {
        let memory = Memory { inventory_due: true, ..Memory::default() };
        Controller {
            traits,
            stored: Storage::default(),
            memory,
            rng: Rng::new(&[seed, 0x6c69_7374]),
            drifted: BTreeSet::new(),
            astray: Astray::No,
            breaches: Vec::new(),
        }
    }

    /// The body of its next call, which may be held for so many seconds.
    pub fn call(&mut self, wait_s: u64, now_us: i64) -> Value {
        self.memory.seq += 1;
        self.memory.is_waiting = true;
        if self.traits.keeps_counter {
            self.stored.seq = self.memory.seq;
        }
        let events = self.numbered_events();
        let (stored, memory) = (&self.stored, &mut self.memory);
        memory.acknowledged_sent = memory.acknowledged.len().min(MOST_ACKNOWLEDGED);
        memory.commands_sent = memory.commands.len();
        let digest_due = memory.digest_at.is_none_or(|at| now_us >= at);
        let inventory = memory.inventory_due.then(|| {
            let version = |((kind, id), version): (&(ItemKind, String), u64)| Version {
                kind: kind.word(),
                id: id.clone(),
                version,
            };
            stored.versions().map(version).collect()
        });
        if memory.inventory_due && self.astray == Astray::Yes {
            self.astray = Astray::Told;
        }
        let lock = stored.any_lock().map(|lock| Health { lock, battery_percent: Some(81) });
        let call = Call {
            seq: memory.seq,
            received: memory.received,
            wait_s,
            acknowledged: memory.acknowledged[..memory.acknowledged_sent].to_vec(),
            commands: memory.commands.clone(),
            digest: digest_due.then(|| stored.digest()),
            inventory,
            events,
            locks: lock.into_iter().collect(),
            max_changes: self.traits.max_changes,
        };
        serde_json::to_value(call).unwrap_or(Value::Null)
    }

    /// Events that wait, each with a number that it keeps; none while it does not know from where
    /// the server counts.
    fn numbered_events(&mut self) -> Vec<Value> {
        let Some(mut last) = self.stored.event_seq else { return Vec::new() };
        let mut bodies = Vec::new();
        for event in self.stored.events.iter_mut().take(MOST_EVENTS) {
            let seq = *event.seq.get_or_insert_with(|| last + 1);
            last = last.max(seq);
            let mut body = event.body.clone();
            body["seq"] = json!(seq);
            bodies.push(body);
        }
        self.stored.event_seq = Some(last);
        bodies
    }

    /// Does what an answer says.
    pub fn take(&mut self, answer: &Value, now_us: i64) -> Taken {
        let answer: Answer = match serde_json::from_value(answer.clone()) {
            Ok(answer) => answer,
            Err(error) => {
                self.breaches.push(format!("an answer cannot be read: {error}"));
                return Taken::Dropped;
            }
        };
        if !self.memory.is_waiting {
            return Taken::Dropped;
        }
        if answer.stale {
            self.memory.is_waiting = false;
            self.memory.seq = self.memory.seq.max(answer.seq);
            return Taken::Stale;
        }
        if answer.seq != self.memory.seq {
            return Taken::Dropped;
        }
        self.memory.is_waiting = false;
        if self.astray == Astray::Told {
            self.astray = Astray::No;
        }
        let clock_us = parse_instant(&answer.now).unwrap_or_else(|| {
            self.breaches.push(format!("{:?} is no instant", answer.now));
            now_us
        });
        self.arrived(&answer, now_us);
        if answer.changes.len() as u64 > self.traits.max_changes {
            self.breaches.push(format!("{} changes at once", answer.changes.len()));
        }
        for change in answer.changes {
            let version = change.version;
            match change.wish() {
                Some(wish) => self.change(version, wish),
                None => self.breaches.push(format!("change {version} is not of one kind")),
            }
        }
        let opened = answer.commands.into_iter().filter_map(|it| self.obey(it, clock_us)).collect();
        self.memory.received = Some(answer.seq);
        Taken::Done { more: answer.more, opened }
    }

    /// What the last call told has arrived.
    fn arrived(&mut self, answer: &Answer, now_us: i64) {
        let memory = &mut self.memory;
        memory.acknowledged.drain(..memory.acknowledged_sent);
        memory.commands.drain(..memory.commands_sent);
        (memory.acknowledged_sent, memory.commands_sent) = (0, 0);
        if memory.digest_at.is_none_or(|at| now_us >= at) {
            memory.digest_at = Some(now_us + HOUR_US);
        }
        memory.inventory_due = answer.ask.iter().any(|it| it == "inventory");
        let stored = &mut self.stored;
        stored.events.retain(|it| it.seq.is_none_or(|seq| seq > answer.event_seq));
        stored.event_seq = stored.event_seq.max(Some(answer.event_seq));
    }

    fn change(&mut self, version: u64, wish: Wish) {
        let key = match &wish {
            Wish::Put(item) => (item.kind(), item.id().to_owned()),
            Wish::Remove(key) => key.clone(),
        };
        // What it has stored it does not refuse when it is sent again.
        let is_new = !self.stored.versions().any(|(it, at)| *it == key && at == version);
        let result = if is_new && self.rng.chance(self.traits.refusing) {
            Err("store_busy")
        } else {
            match wish {
                Wish::Put(item) => self.stored.put(item, version, self.traits.capacity),
                Wish::Remove(key) => {
                    let naming = self.stored.naming(&key);
                    let sound = naming.iter().find(|naming| !self.drifted.contains(naming));
                    if let Some((_, id)) = sound {
                        self.breaches.push(format!("{} is removed, and {id} names it", key.1));
                    }
                    self.stored.remove(&key);
                    Ok(())
                }
            }
        };
        if result.is_ok() {
            self.drifted.remove(&key);
        }
        let (code, result) = (result.err(), if result.is_ok() { "ok" } else { "refused" });
        self.memory.acknowledged.push(Acknowledged { version, result, code });
    }

    /// Opens once for each command; the lock that was opened.
    fn obey(&mut self, command: Command, clock_us: i64) -> Option<u64> {
        if !self.memory.done.insert(command.id.clone()) {
            return None;
        }
        let expires = parse_instant(&command.expires_at);
        let code = match (command.kind.as_str(), expires) {
            ("unlock", Some(at)) if at > clock_us => None,
            ("unlock", Some(_)) => Some("expired"),
            _ => Some("command_unsupported"),
        };
        let result = if code.is_none() { "ok" } else { "refused" };
        self.memory.commands.push(Done { id: command.id, result, code });
        code.is_none().then_some(command.lock)
    }

    /// The last call was not answered.
    pub fn unanswered(&mut self) {
        self.memory.is_waiting = false;
        if self.astray == Astray::Told {
            self.astray = Astray::Yes;
        }
    }

    /// The power goes and comes back: what is not stored is lost.
    pub fn lose_power(&mut self) {
        if self.astray == Astray::Told {
            self.astray = Astray::Yes;
        }
        // What came of former answers is not known any more: all that is open is to come again.
        self.memory = Memory { seq: self.stored.seq, received: Some(0), ..Memory::default() };
    }

    /// All it has is lost, as if it came from the factory.
    pub fn wipe(&mut self) {
        self.stored = Storage::default();
        self.drifted.clear();
        self.memory = Memory { inventory_due: true, ..Memory::default() };
    }

    /// Decides by the list alone what is presented at a lock.
    #[must_use]
    pub fn decide(&self, lock: u64, shown: &Shown, pin: Option<&str>, now_us: i64) -> Verdict {
        decide::decide(&self.stored, lock, shown, pin, now_us)
    }

    /// Decides, and keeps an event of it until the server has it.
    pub fn present(&mut self, lock: u64, shown: &Shown, pin: Option<&str>, now_us: i64) -> Verdict {
        let verdict = self.decide(lock, shown, pin, now_us);
        let mut body = json!({
            "kind": if verdict.opens { "access_granted" } else { "access_denied" },
            "lock": lock,
            "occurred_at": instant_us_text(now_us),
            "method": verdict.method,
            "reasons": verdict.reasons,
        });
        match (&verdict.credential_id, shown) {
            (Some(id), _) => body["credential_id"] = json!(id),
            (None, Shown::Card(card)) => {
                body["card"] =
                    json!({"technology": "wiegand", "bits": card.bits, "value": card.value});
            }
            (None, Shown::Code(_) | Shown::Phone(_)) => {}
        }
        self.stored.events.push_back(Event { seq: None, body });
        verdict
    }

    /// Something goes wrong with its store; the item that is not as it should be.
    pub fn drift(&mut self, drift: Drift) -> Option<(ItemKind, String)> {
        let keys: Vec<_> = self.stored.versions().map(|(key, _)| key.clone()).collect();
        let mut key = self.rng.pick(&keys)?.clone();
        self.astray = Astray::Yes;
        match drift {
            Drift::Vanishes => self.stored.remove(&key),
            Drift::Differs => self.stored.age(&key),
            Drift::Appears => {
                let number = self.rng.below(1 << 32);
                let id = match key.0 {
                    ItemKind::Schedule => format!("{number:032x}"),
                    _ => format!("{number:08x}-0000-7000-8000-000000000001"),
                };
                self.stored.copy(&key, id.clone());
                key.1 = id;
            }
        }
        if drift == Drift::Vanishes {
            self.drifted.remove(&key);
        } else {
            self.drifted.insert(key.clone());
        }
        Some(key)
    }

    /// It looks its store over: its next call tells what it has found.
    pub fn look_over(&mut self) {
        self.memory.digest_at = None;
    }

    /// Every item it has stored with its version, in order.
    pub fn items(&self) -> impl Iterator<Item = (ItemKind, &str, u64)> {
        self.stored.versions().map(|((kind, id), version)| (*kind, &**id, version))
    }

    /// The items that stand in the list though nobody sent them as they are.
    #[must_use]
    pub fn drifted(&self) -> &BTreeSet<(ItemKind, String)> {
        &self.drifted
    }

    /// Whether something has gone wrong with the list that the server has not been told.
    #[must_use]
    pub fn is_astray(&self) -> bool {
        self.astray != Astray::No
    }

    /// How many events wait for the server.
    #[must_use]
    pub fn events_waiting(&self) -> usize {
        self.stored.events.len()
    }

    /// Whether it has something to tell.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let memory = &self.memory;
        let events = self.stored.events.len();
        memory.inventory_due
            || !memory.acknowledged.is_empty()
            || !memory.commands.is_empty()
            || events > 0
    }

    /// In what the server broke the protocol.
    #[must_use]
    pub fn breaches(&self) -> &[String] {
        &self.breaches
    }

    /// What kind of a controller it is.
    #[must_use]
    pub fn traits(&self) -> &Traits {
        &self.traits
    }

    /// The same, which may change while it works.
    pub fn traits_mut(&mut self) -> &mut Traits {
        &mut self.traits
    }
}
