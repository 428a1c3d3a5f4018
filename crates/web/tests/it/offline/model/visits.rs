//! Somebody with a phone at a door: lists go there, keys are presented, events are taken along.

use claviger_offline::lock::code::Code;
use serde_json::json;

use super::super::phone::bytes;
use super::ledger::{Holds, Name, must};
use super::{CARD, DOORS, HOSTILE, KEPT, Model, PEOPLE};

impl Model {
    pub(super) fn look(&mut self, door: usize) -> Holds {
        let seen = self.door(door).seen();
        let true_s = self.true_s();
        self.ledger.seen(door, &seen, true_s)
    }

    pub(super) async fn visits(&mut self) -> Holds {
        let (phone, door) = (self.dice.below(PEOPLE), self.dice.below(DOORS));
        let brings = self.dice.one_in(2) && phone != HOSTILE;
        self.visit(phone, door, brings).await?;
        if self.dice.one_in(4) {
            // Whoever has a network at the door is told at once what has arrived.
            self.sync(phone, true).await?;
            self.take_along(phone, door);
        }
        Ok(())
    }

    pub(super) async fn visit(&mut self, phone: usize, door: usize, brings: bool) -> Holds {
        if phone == HOSTILE {
            self.old_lists(phone, door)?;
        } else if brings && (self.doors[door].is_lost() || door == KEPT && self.dice.one_in(2)) {
            let waits_s = self.dice.below(80) as i64;
            self.freshen(phone, door, waits_s).await?;
        }
        let brought = brings && self.bring(phone, door)?;
        self.present_all(phone, door, brought).await?;
        self.take_along(phone, door);
        Ok(())
    }

    /// Lists of former days, in any order.
    pub(super) fn old_lists(&mut self, phone: usize, door: usize) -> Holds {
        let all = self.ledger.all_lists(door);
        for _ in 0..2 {
            self.pass(3);
            let list = all[self.dice.below(all.len())].clone();
            self.door(door);
            self.doors[door].take_any_list(&mut self.phones[phone], &list);
            self.phones[phone].receipts.clear();
            self.look(door)?;
        }
        Ok(())
    }

    /// A phone hands over its list for a door; whether the door has taken it, or has it.
    pub(super) fn bring(&mut self, phone: usize, door: usize) -> Result<bool, String> {
        if self.phones[phone].list_for(self.doors[door].id()).is_none() {
            return Ok(false);
        }
        self.pass(3);
        self.door(door);
        let code = self.doors[door].take_list(&mut self.phones[phone]);
        let fine = [Code::Applied, Code::Same, Code::Older, Code::NotFresh];
        must!(fine.contains(&code), "door {door} says {code:?} to a list");
        self.look(door)?;
        Ok(code != Code::NotFresh)
    }

    /// A phone that is online has a door draw, and brings it the server's word for what is newest
    /// and what time it is, some seconds later.
    pub(super) async fn freshen(&mut self, phone: usize, door: usize, waits_s: i64) -> Holds {
        let nonce = self.door(door).draw();
        self.pass(waits_s);
        let answer = self.sync_with(phone, json!({"nonces": [nonce]}), true).await?;
        if self.phones[phone].list_for(self.doors[door].id()).is_none() {
            return Ok(());
        }
        self.pass(2);
        let Some(fresh) = answer["fresh"].get(0) else {
            return Err(format!("liveness: the server says nothing of door {door}"));
        };
        if self.phones[phone].issuer_of(&bytes(fresh)).is_none() {
            // Whoever has no keys is told nothing of issuers that were replaced.
            return Ok(());
        }
        self.door(door);
        let is_taken = self.doors[door].take_fresh(&self.phones[phone], fresh);
        must!(is_taken, "door {door} does not take a fresh statement");
        self.look(door)
    }

    /// A phone presents the last keys that it has for a door.
    pub(super) async fn present_all(&mut self, phone: usize, door: usize, brought: bool) -> Holds {
        for name in self.names(phone, door).into_iter().rev().take(3) {
            self.present(name, brought).await?;
        }
        Ok(())
    }

    /// The keys that a phone holds for a door, oldest first.
    pub(super) fn names(&self, phone: usize, door: usize) -> Vec<Name> {
        let lock = self.phones[phone].bytes_of(self.doors[door].id());
        let held = self.phones[phone].keys.get(&lock);
        let mut names: Vec<Name> = Vec::new();
        for bytes in held.into_iter().flatten() {
            let found = self.ledger.keys.iter().find(|it| it.1.bytes == *bytes);
            names.extend(found.map(|it| *it.0).filter(|name| !names.contains(name)));
        }
        names
    }

    /// What a door says to a key, against what it must say and what is right (I11, I1, I14, I15).
    pub(super) async fn present(&mut self, name: Name, brought: bool) -> Result<Code, String> {
        self.pass(3);
        let door = name.0;
        let seen = self.door(door).seen();
        let given = self.ledger.keys[&name].clone();
        let expected = self.ledger.expected(name, &seen);
        let code = self.doors[door].answers_key(&self.phones[given.phone], &given.bytes);
        must!(code == expected, "I11: {name:?} at {seen:?} is told {code:?}, not {expected:?}");
        let asks = brought && code == Code::NeedList && !given.stray;
        must!(!asks, "I14: {name:?} came with its list and needs another");
        if let (Code::Done, Some((version, _))) = (code, seen.holds) {
            self.opened[door] += 1;
            self.ledger.opened(name, version, self.true_s())?;
            self.is_not_told(name).await?;
        }
        let hit = code == Code::Revoked && !given.taken && self.ledger.is_newest(name);
        if hit && self.ledger.hits.contains(&(given.phone, door)) {
            self.is_made_good(given.phone, door).await?;
        }
        self.look(door)?;
        Ok(code)
    }

    /// What opens is not said to be taken back (I15).
    async fn is_not_told(&self, name: Name) -> Holds {
        let given = &self.ledger.keys[&name];
        if !given.taken || given.stray {
            return Ok(());
        }
        self.align();
        let right = &self.ledger.rights[given.right];
        let program = if right.open { None } else { self.program().await };
        if let Some(program) = program {
            let shown = program.get(&right.path).await.expect(200);
            let revoked = shown["state"] == "Revoked";
            must!(!revoked, "through Tapkey: I15: {name:?} opens, and is shown: {shown}");
        }
        if let Some(revocation) = &given.revocation {
            let shown = self.it.get(&format!("/revocations/{revocation}")).await;
            let here = self.doors[name.0].id();
            let mut locks = shown["locks"].as_array().unwrap().iter();
            let over = ["told", "expired"];
            let is_over = |it: &serde_json::Value| over.iter().any(|state| it["state"] == *state);
            let told = locks.any(|it| it["lock_id"] == here && is_over(it));
            must!(!told, "I15: {name:?} opens, and {shown} says that it is taken back");
        }
        if !right.open {
            let grant = self.it.get(&right.path).await;
            let revoked = grant["state"] == "revoked";
            must!(!revoked, "I15: {name:?} opens, and is shown: {grant}");
        }
        Ok(())
    }

    /// Who was hit besides opens again after one call (I7).
    async fn is_made_good(&mut self, phone: usize, door: usize) -> Holds {
        let Some(right) = self.ledger.right(phone, door) else { return Ok(()) };
        let (hours, now_s) = (self.ledger.rights[right].hours, self.true_s());
        let opens = [now_s, now_s + 60].iter().all(|at| hours.hold(*at));
        if !self.ledger.may_have_keys(right, self.true_s()) || door == KEPT || !opens {
            return Ok(());
        }
        if phone == CARD {
            self.is_task(door).await?;
        }
        self.sync(phone, true).await?;
        if phone != CARD {
            self.bring(phone, door)?;
        }
        let Some(newest) = self.names(phone, door).pop() else {
            return Err(format!("I7: {phone} was hit at {door} and has no key"));
        };
        let bytes = self.ledger.keys[&newest].bytes.clone();
        self.pass(3);
        self.door(door);
        let code = self.doors[door].answers_key(&self.phones[phone], &bytes);
        self.opened[door] += usize::from(code == Code::Done);
        must!(code == Code::Done, "I7: {phone} was hit at {door} and cannot open: {code:?}");
        Ok(())
    }

    /// A phone tells a door which events have arrived, and takes those along that have not.
    pub(super) fn take_along(&mut self, phone: usize, door: usize) {
        self.door(door);
        for ack in std::mem::take(&mut self.acks[phone]) {
            self.doors[door].hears(&self.phones[phone], &ack);
        }
        let (lock, log) = (self.doors[door].id(), self.doors[door].log_epoch());
        let from = self.phones[phone].wants_from(lock, log);
        let mut told = self.doors[door].tells(from);
        for (_, (log, seq), code) in &told {
            self.happened.insert((door, *log, *seq), *code);
        }
        if told.len() > 1 && self.dice.one_in(3) {
            // Some are lost on the way.
            let left = self.dice.below(told.len());
            told.drain(..left);
        }
        for (event, (log, seq), code) in told {
            if !self.phones[phone].events.contains(&event) {
                self.phones[phone].events.push(event);
                self.carries[phone].push(((door, log, seq), code));
            }
        }
    }
}
