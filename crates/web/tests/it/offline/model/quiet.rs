//! The quiet at the end: nothing fails any more and everybody calls. Then whoever has a right
//! opens, what was taken back opens nowhere, no revocation waits, and each event is there once.

use std::collections::BTreeSet;

use claviger_offline::lock::code::Code;

use super::hours::Hours;
use super::ledger::{Holds, Number, must};
use super::{CARD, CARETAKER, DOORS, Model};

impl Model {
    pub(super) async fn comes_to_rest(&mut self) -> Holds {
        // A morning on which some hours hold and others do not.
        while !(Hours::Office.hold(self.true_s()) && Hours::Office.hold(self.true_s() + 7_200)) {
            self.pass(3_600);
        }
        for _ in 0..2 {
            for phone in 0..=CARD {
                self.sync(phone, true).await?;
            }
            for door in 0..DOORS {
                self.freshen(CARETAKER, door, 1).await?;
                self.bring(CARETAKER, door)?;
            }
            self.sync(CARETAKER, true).await?;
        }
        for revocation in self.it.list("/revocations").await {
            let mut states = revocation["locks"].as_array().unwrap().iter();
            let waits = states.find(|it| it["state"] == "pending");
            must!(waits.is_none(), "liveness: {revocation} waits");
        }
        for right in self.ledger.rights.clone().iter().filter(|right| !right.open) {
            let state = self.it.get(&right.path).await["state"].clone();
            let is_over = ["revoked", "expired"].iter().any(|over| state == *over);
            must!(is_over, "liveness: {} is {state}", right.path);
        }
        self.no_task_is_left().await?;
        for phone in 0..=CARD {
            for door in 0..DOORS {
                self.opens_rightly(phone, door).await?;
            }
        }
        self.events().await
    }

    async fn opens_rightly(&mut self, phone: usize, door: usize) -> Holds {
        let right = self.ledger.right(phone, door);
        let right = right.filter(|right| self.ledger.may_have_keys(*right, self.true_s()));
        if door == super::KEPT {
            self.freshen(CARETAKER, door, 1).await?;
        }
        let mut opens = false;
        for name in self.names(phone, door) {
            let given = self.ledger.keys[&name].clone();
            let code = self.present(name, false).await?;
            opens |= code == Code::Done;
            let is_over = given.taken && given.exp > self.true_s();
            must!(!is_over || code != Code::Done, "liveness: {name:?} was taken back: {code:?}");
        }
        let should = right.is_some_and(|it| self.ledger.rights[it].hours.hold(self.true_s()));
        must!(!should || opens, "liveness: {phone} cannot open {door}");
        Ok(())
    }

    /// What happened is known, once (I12).
    async fn events(&mut self) -> Holds {
        for _ in 0..8 {
            for door in 0..DOORS {
                self.take_along(CARETAKER, door);
            }
            self.sync(CARETAKER, true).await?;
        }
        for door in 0..DOORS {
            let id = self.doors[door].id().to_owned();
            let events = self.it.list(&format!("/events?lock_id={id}")).await;
            let stored = |kind: &str| events.iter().filter(|it| it["kind"] == kind).count();
            let (granted, denied) = (stored("access_granted"), stored("access_denied"));
            let arrived = self.ledger.arrived.iter().filter(|(event, _)| event.0 == door);
            let codes: Vec<u8> = arrived.map(|(_, code)| *code).collect();
            let done = codes.iter().filter(|code| **code == Code::Done.number()).count();
            let refusals = Code::OldEpoch.number()..=Code::NoProximity.number();
            let refused = codes.iter().filter(|code| refusals.contains(code)).count();
            must!(granted == done, "I12: {granted} openings of {door} are known, {done} came");
            must!(denied == refused, "I12: {denied} refusals of {door} are known, {refused} came");
            if codes.contains(&Code::Lost.number()) {
                continue;
            }
            let happened = self.happened.iter().filter(|(event, _)| event.0 == door);
            let happened: Vec<_> = happened.map(|(event, code)| (*event, *code)).collect();
            let done = happened.iter().filter(|it| it.1 == Code::Done.number()).count();
            must!(done == self.opened[door], "I12: {done} openings of {}", self.opened[door]);
            // What went with a database that was replaced comes again, if the door has it still.
            self.door(door);
            let there = self.doors[door].tells(1).into_iter();
            let there: BTreeSet<Number> = there.map(|(_, it, _)| (door, it.0, it.1)).collect();
            let known = |it: &Number| {
                let gone = self.forgotten.contains(it) && !there.contains(it);
                gone || self.ledger.arrived.contains_key(it)
            };
            let missing = happened.iter().find(|it| !known(&it.0));
            must!(missing.is_none(), "I12: {missing:?} has not come");
        }
        Ok(())
    }
}
