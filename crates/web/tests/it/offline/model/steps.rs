//! What may happen in a step, drawn by chance: commands, times that pass, and what fails.

use claviger_offline::cbor::Writer;
use claviger_offline::receipt::{MOST_BYTES, Receipt, ReceiptKey};
use serde_json::{Value, json};

use super::hours::Hours;
use super::ledger::{Holds, Name, must};
use super::{
    CARD, CARETAKER, DAY_S, DOORS, HOSTILE, HOUR_S, Model, PEOPLE, PLAIN, instant, seed_of,
};
use crate::kit::one;
use crate::support::id;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

impl Model {
    pub(super) async fn step(&mut self) -> Holds {
        let (what, holds) = match self.dice.below(122) {
            0..28 => ("visit", self.visits().await),
            28..44 => ("sync", self.somebody_syncs().await),
            44..55 => ("grant", self.grants().await),
            55..61 => ("edit", self.edits().await),
            61..68 => ("revoke", self.revokes().await),
            68..72 => ("suspend or resume", self.suspends().await),
            72..75 => ("lose or find a phone", self.loses().await),
            75..77 => ("another plan", self.stale_plan().await),
            77..79 => ("claims", self.claims().await),
            79..81 => ("room", self.room().await),
            81..86 => ("hours pass", self.passes(1, 20 * HOUR_S)),
            86..88 => ("days pass", self.passes(DAY_S, 8 * DAY_S)),
            88..90 => ("power goes", self.power_goes()),
            90..92 => ("all pages are lost", self.loses_pages()),
            92..94 => ("the clock is wrong", self.clock_is_wrong().await),
            94..95 => ("the server begins again", self.begins_again().await),
            95..98 => ("backup", self.backs_up().await),
            98..100 => ("restore", self.restore().await),
            100..105 => ("hours change", self.changes_hours().await),
            105..109 => ("the card is brought", self.brings_card().await),
            109..114 => ("the card at a door", self.holds_card().await),
            114..117 => ("power is cut", self.power_is_cut()),
            117..119 => ("a page is lost", self.loses_page()),
            119..120 => ("issuers are replaced", self.replaces_issuers().await),
            _ => ("a stranger signs", self.forges()),
        };
        self.steps.push(what);
        holds?;
        self.look_at_server().await
    }

    /// Somebody but the caretaker.
    fn person(&mut self) -> usize {
        1 + self.dice.below(CARD)
    }

    fn passes(&mut self, least: i64, most: i64) -> Holds {
        let range = usize::try_from(most - least).unwrap();
        let seconds = least + i64::try_from(self.dice.below(range)).unwrap();
        self.pass(seconds);
        Ok(())
    }

    fn power_goes(&mut self) -> Holds {
        let door = self.dice.below(DOORS);
        self.booted_us[door] = self.now_us;
        self.doors[door].boot(seed_of(door));
        self.look(door)
    }

    fn loses_pages(&mut self) -> Holds {
        let door = self.dice.below(DOORS);
        self.booted_us[door] = self.now_us;
        self.doors[door].lose_pages(seed_of(door));
        self.look(door)
    }

    async fn begins_again(&mut self) -> Holds {
        self.restart().await;
        Ok(())
    }

    async fn backs_up(&mut self) -> Holds {
        self.back_up().await;
        Ok(())
    }

    async fn grants(&mut self) -> Holds {
        let (person, door) = (self.person(), self.dice.below(DOORS));
        if self.ledger.right(person, door).is_none() {
            let now_s = self.true_s();
            let window = match self.dice.below(4) {
                // A visitor.
                0 => (Some(now_s), Some(now_s + 1 + self.dice.below(20) as i64 * HOUR_S)),
                1 => (None, Some(now_s + 3 * DAY_S)),
                _ => (None, None),
            };
            let hours =
                if self.dice.one_in(3) { self.dice.pick(&Hours::ALL) } else { Hours::Always };
            self.give(person, door, window, hours).await;
        }
        Ok(())
    }

    /// A right of somebody but the caretaker.
    pub(super) fn some_right(&mut self) -> Option<usize> {
        let rights = self.ledger.rights.iter().enumerate();
        let open = rights.filter(|(_, it)| it.open && it.person != CARETAKER);
        let open: Vec<usize> = open.map(|(right, _)| right).collect();
        (!open.is_empty()).then(|| self.dice.pick(&open))
    }

    async fn edits(&mut self) -> Holds {
        let Some(right) = self.some_right() else { return Ok(()) };
        let days = self.dice.pick(&[None, Some(1), Some(5), Some(40)]);
        let until = days.map(|days| self.true_s() + days * DAY_S);
        self.ledger.rights[right].until = until;
        let path = self.ledger.rights[right].path.clone();
        self.command("PATCH", &path, json!({"valid_until": instant(until)})).await
    }

    async fn revokes(&mut self) -> Holds {
        let Some(right) = self.some_right() else { return Ok(()) };
        if let Some(program) = self.program().await {
            let holds = self.revokes_by(&program, right).await;
            return holds.map_err(|broken| format!("through Tapkey: {broken}"));
        }
        self.ledger.rights[right].open = false;
        let path = self.ledger.rights[right].path.clone();
        self.command("POST", &format!("{path}/revoke"), json!({})).await
    }

    async fn suspends(&mut self) -> Holds {
        let person = self.person();
        let is_back = self.ledger.suspended.remove(&person);
        if !is_back {
            self.ledger.suspended.insert(person);
        }
        let path = one("/people", &self.people[person]);
        let action = if is_back { "resume" } else { "suspend" };
        self.command("POST", &format!("{path}/{action}"), json!({})).await
    }

    async fn loses(&mut self) -> Holds {
        let phone = self.person();
        let is_found = self.ledger.lost.remove(&phone);
        if !is_found {
            self.ledger.lost.insert(phone);
        }
        let path = one("/credentials", &self.phones[phone].credential());
        let state = if is_found { "active" } else { "lost" };
        self.command("PATCH", &path, json!({"state": state})).await
    }

    async fn plan(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = self.it.at(&format!("{path}?dry_run=true"));
        self.align();
        self.it.actor.send(method, &path, &[], Some(body.to_string())).await.expect(200)
    }

    /// A command is previewed, and some minutes later done as it was previewed (I5, I6): nobody is
    /// hit who was not named. Then each key that gives more than is right is refused (I2).
    pub(super) async fn command(&mut self, method: &str, path: &str, body: Value) -> Holds {
        let plan = self.plan(method, path, &body).await;
        if self.dice.one_in(3) {
            self.pass(600);
        }
        let known = self.it.list("/revocations").await.len();
        let wrong = self.ledger.take(self.true_s());
        let hits = plan["plan"]["side_effects"].as_array().unwrap().iter().map(|hit| {
            let phone = self.phones.iter().position(|it| hit["credential_id"] == it.device);
            let door = self.doors.iter().position(|it| hit["lock_id"] == it.id());
            (phone.unwrap(), door.unwrap())
        });
        self.ledger.told_hits = Some(hits.collect());
        let tag = format!("\"{}\"", plan["digest"].as_str().unwrap());
        let done = self.it.matching(method, path, &tag, Some(body)).await;
        must!(done.status == 200, "I5: not as previewed: {}", done.text);
        self.carried_out(known, wrong).await
    }

    /// A command was carried out that leaves these keys with more than is right; before it there
    /// were so many revocations.
    pub(super) async fn carried_out(&mut self, known: usize, wrong: Vec<Name>) -> Holds {
        self.look_at_server().await?;
        self.ledger.told_hits = None;
        let revocations = self.it.list("/revocations").await;
        let newest = revocations.last().filter(|_| revocations.len() > known).map(id);
        for name in wrong {
            let key = self.ledger.keys.get_mut(&name).unwrap();
            key.revocation = newest.map(str::to_owned);
        }
        self.ledger.all_refused(self.true_s())
    }

    /// What was agreed to is not what would happen now (I5).
    async fn stale_plan(&mut self) -> Holds {
        let Some(right) = self.some_right() else { return Ok(()) };
        let path = self.ledger.rights[right].path.clone();
        let revoke = format!("{path}/revoke");
        let plan = self.plan("POST", &revoke, &json!({})).await;
        let until = self.true_s() + 50 * DAY_S;
        self.ledger.rights[right].until = Some(until);
        self.command("PATCH", &path, json!({"valid_until": instant(Some(until))})).await?;
        let now = self.plan("POST", &revoke, &json!({})).await;
        // Without the digits that say when it was made.
        let of = |plan: &Value| {
            let digest = plan["digest"].as_str().unwrap();
            digest[digest.len() - 32..].to_owned()
        };
        if of(&plan) == of(&now) {
            // Whoever is suspended loses nothing.
            return Ok(());
        }
        let tag = format!("\"{}\"", plan["digest"].as_str().unwrap());
        let done = self.it.matching("POST", &revoke, &tag, Some(json!({}))).await;
        must!(done.status == 412, "I5: a plan that is another is carried out: {}", done.text);
        Ok(())
    }

    /// Somebody says without proof that a lock holds the newest list, and makes a receipt for it.
    async fn claims(&mut self) -> Holds {
        let door = self.dice.below(DOORS);
        let (epoch, version) = self.ledger.newest(door);
        let lock = self.phones[HOSTILE].bytes_of(self.doors[door].id());
        let digest = self.ledger.digest(door);
        let receipt = Receipt { lock, epoch, version, digest, log_epoch: 1, seq: 1 };
        let mut room = [0; MOST_BYTES];
        let mut writer = Writer::new(&mut room);
        receipt.write(&ReceiptKey::of(&[7; 32], &lock), &mut writer);
        self.phones[HOSTILE].receipts.push(STANDARD.encode(writer.done().unwrap()));
        let hello = json!({"lock_id": self.doors[door].id(), "epoch": epoch, "version": version,
            "list_limit": 512});
        self.sync_with(HOSTILE, json!({"hellos": [hello]}), true).await?;
        self.visit(HOSTILE, door, false).await
    }

    /// A lock is said to have other room.
    async fn room(&mut self) -> Holds {
        let entries = self.dice.pick(&[1, 2, 4, 16]);
        let path = one("/locks", &self.doors[PLAIN].shown);
        self.align();
        self.it.patch(&path, json!({"capacity": {"entries": entries}})).await.expect(200);
        Ok(())
    }

    async fn somebody_syncs(&mut self) -> Holds {
        let (phone, arrives) = (self.dice.below(PEOPLE), !self.dice.one_in(8));
        self.sync(phone, arrives).await
    }

    /// With a clock that cannot be right nothing is signed (I4): what is taken away meanwhile is
    /// owed.
    async fn clock_is_wrong(&mut self) -> Holds {
        let before: Vec<_> = (0..DOORS).map(|door| self.ledger.newest(door)).collect();
        let (truth, phone) = (self.now_us, self.dice.below(PEOPLE));
        // Something was signed shortly before.
        self.sync(CARETAKER, true).await?;
        self.passes(25 * HOUR_S, 26 * HOUR_S)?;
        self.sync(CARETAKER, true).await?;
        let signed: Vec<_> = (0..DOORS).map(|door| self.ledger.newest(door)).collect();
        must!(signed > before, "liveness: no list is made anew: {signed:?} after {before:?}");
        let right = self.now_us;
        self.now_us = truth;
        self.align();
        let path = format!("/api/v1/places/{}/devices/sync", self.it.place);
        let answer = self.phones[phone].actor.post(&path, json!({})).await;
        must!([200, 503].contains(&answer.status), "{}", answer.text);
        if let Some(right) = self.some_right() {
            self.ledger.rights[right].open = false;
            let path = format!("{}/revoke", self.ledger.rights[right].path);
            self.it.post(&path, json!({})).await.expect(200);
        }
        let keys = answer.body["keys"].as_array().map_or(0, Vec::len);
        for door in 0..DOORS {
            let path = format!("{}/revocation-list", one("/locks", &self.doors[door].shown));
            let version = self.it.get(&path).await["version"].as_u64();
            let known = u64::from(self.ledger.newest(door).1);
            must!(version == Some(known), "I4: list {version:?} of {door} by a wrong clock");
        }
        self.now_us = right;
        self.align();
        must!(keys == 0, "I4: {keys} keys by a wrong clock");
        self.ledger.take(self.true_s());
        // Whoever fetches a list next, or calls, is given what was owed.
        for door in 0..DOORS {
            self.fetch(door).await?;
        }
        self.sync(CARETAKER, true).await?;
        self.ledger.all_refused(self.true_s())
    }
}
