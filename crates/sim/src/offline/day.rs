//! A day in a house whose locks have no network, as a manager would tell it: people open, somebody
//! moves out, a shift ends early, a phone is lost; lists travel by whoever comes by, power fails,
//! robbers try; in the evening every event is there.

use std::collections::{BTreeMap, BTreeSet};

use claviger_offline::class::Class;
use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::hostile::Attack;
use super::house::Whose;
use super::ledger::{Happened, Where, latest, swallowed};
use super::phone::Manners;
use super::story::{Story, Taking};
use super::trouble::AT_CLOCKS;
use super::wallet::Serial;
use super::wire::{Event, Planned, SideEffect, id_bytes, id_text};
use crate::client::ClientError;

/// How often somebody is sent to one door before a revocation is given up as stuck.
const MOST_WALKS: usize = 3;
/// How many openings are told one by one.
const TOLD: usize = 4;

impl Story<'_> {
    /// All of it.
    ///
    /// # Errors
    /// The first request that is refused or not answered.
    pub(crate) async fn day(&mut self) -> Result<(), ClientError> {
        self.morning().await?;
        let staff = self.house.people.iter().filter(|it| it.is_staff).count();
        // Whoever moves out, and whose phone is lost: two of those who are not of the staff.
        let mut others: Vec<usize> = (staff..self.house.visitor()).collect();
        let leaver = others.remove(self.rng.index(others.len()));
        let loser = others.remove(self.rng.index(others.len()));
        let away = others.remove(self.rng.index(others.len()));
        self.away = Some(away);
        self.moves_out(leaver, away).await?;
        self.robbers(leaver, Whose::House, &Attack::ALL).await?;
        let fired = self.rng.index(staff);
        self.shift_ends(fired).await?;
        self.robbers(fired, Whose::Staff, &AT_CLOCKS).await?;
        self.phone_lost(loser).await?;
        self.evening(away).await
    }

    /// Phones fetch their keys, and people go where they may.
    async fn morning(&mut self) -> Result<(), ClientError> {
        for who in 0..self.phones.len() {
            self.sync(who).await?;
            for at in 0..self.locks.len() {
                let has = self.phones[who].wallet.newest(&self.locks[at].id()).is_some();
                let what = || format!("{} and {}", self.house.name(who), self.house.doors[at].name);
                let wrong = "a phone has keys for other doors than its person has rights at";
                self.tally.check(what, wrong, (self.house.may(who, at), has));
            }
        }
        self.tell("Morning. Every phone has fetched its keys; people go about.");
        self.visitor();
        let mut told = 0;
        for who in 0..self.phones.len() {
            let mine: Vec<usize> =
                (0..self.locks.len()).filter(|at| self.house.may(who, *at)).collect();
            let mut doors = self.rng.sample(mine.len(), 2);
            // The staff's rooms learn the time from the first of them who comes by.
            let last = mine.iter().rposition(|at| self.house.doors[*at].whose == Whose::Staff);
            doors.extend(last);
            for at in doors.into_iter().map(|at| mine[at]).collect::<BTreeSet<_>>() {
                let visit = self.go(who, at, true).await;
                if visit.opened() > 0 && told < TOLD {
                    told += 1;
                    self.tell(&format!("   {} opened {}.", self.name(who), self.door(at)));
                }
            }
            self.stranger(who).await;
        }
        let (opened, visits) = (self.tally.opened, self.tally.visits);
        self.tell(&format!("   {opened} openings at {visits} visits; nobody else got in."));
        Ok(())
    }

    /// Whoever visits for some hours holds a key of a class of its own, which ends with the visit.
    fn visitor(&mut self) {
        let (who, lock) = (self.house.visitor(), self.locks[0].id());
        let key = self.phones[who].wallet.newest(&lock).map(|it| (it.serial.0, it.exp));
        let what = || format!("the key of {}, who visits", self.house.name(who));
        let class = key.map(|it| it.0);
        self.tally.check(what, "its class is another", (Some(Class::Guest.number()), class));
        let until = key.and_then(|it| i64::try_from(it.1).ok()).unwrap_or_default();
        let (name, door, until) = (self.name(who), self.door(0), self.clock(until, "%H:%M"));
        self.tell(&format!("   {name} visits, with a key to {door} that ends at {until}."));
    }

    /// Somebody at a door without a right there: the phone does not even know the lock.
    async fn stranger(&mut self, who: usize) {
        let closed = (0..self.locks.len()).find(|at| !self.house.may(who, *at));
        if let Some(at) = closed {
            self.go(who, at, true).await;
        }
    }

    /// Somebody moves out: the right to the house is taken back. Another's phone is off meanwhile.
    async fn moves_out(&mut self, who: usize, away: usize) -> Result<(), ClientError> {
        let grant = self.grants[who][0].clone().unwrap_or_default();
        let doors: Vec<usize> = self.house.doors_of(Whose::House).collect();
        let name = self.name(who);
        self.tell(&format!("{name} moves out: the right to the house is taken back."));
        let path = format!("grants/{grant}/revoke");
        let mut taking = self.take_back(who, &path, &doors).await?;
        if let Some(at) = doors.last() {
            self.go(who, *at, false).await;
            let door = self.door(*at);
            self.tell(&format!("   {door} has not heard of it: {name} opens it once more."));
            self.go(away, *at, false).await;
            let away = self.name(away);
            self.tell(&format!("   {away} has no network today and carries what was true before."));
        }
        self.spread(&mut taking).await?;
        self.closed(&grant, &mut taking).await
    }

    /// A shift ends early at rooms whose locks keep a clock: they stop by themselves in the
    /// evening, and sooner where somebody comes by. Power fails as a list is written, and a lock
    /// forgets.
    async fn shift_ends(&mut self, who: usize) -> Result<(), ClientError> {
        let grant = self.grants[who][1].clone().unwrap_or_default();
        let doors: Vec<usize> = self.house.doors_of(Whose::Staff).collect();
        let name = self.name(who);
        self.tell(&format!("{name}'s shift ends early: the staff rooms are taken back."));
        let mut taking = self.take_back(who, &format!("grants/{grant}/revoke"), &doors).await?;
        self.progress(&mut taking).await?;
        if let Some(at) = doors.first().filter(|_| self.house.fails) {
            self.power_fails(who, *at).await?;
        }
        self.spread(&mut taking).await?;
        self.closed(&grant, &mut taking).await?;
        match doors.last().filter(|_| self.house.fails) {
            Some(at) => self.forgets(who, *at).await,
            None => Ok(()),
        }
    }

    /// A phone is lost: all its keys are refused. The old gate has room for one entry, so that the
    /// list hits others there, who get other keys.
    async fn phone_lost(&mut self, who: usize) -> Result<(), ClientError> {
        let name = self.name(who);
        self.tell(&format!("{name} has lost a phone: every key of it is taken back."));
        let doors: Vec<usize> =
            (0..self.locks.len()).filter(|at| self.house.may(who, *at)).collect();
        let path = format!("credentials/{}/report-lost", self.phones[who].device);
        let mut taking = self.take_back(who, &path, &doors).await?;
        self.spread(&mut taking).await?;
        self.progress(&mut taking).await?;
        self.hit_by_chance(&doors).await?;
        self.tally.taken_back += 1;
        self.tell(&format!("   Done: {name}'s lost phone opens nothing."));
        Ok(())
    }

    /// Somebody whose key a list hit besides is refused until the phone has called, and then opens.
    async fn hit_by_chance(&mut self, doors: &[usize]) -> Result<(), ClientError> {
        let gate = doors.iter().copied().find(|at| self.house.doors[*at].entries.is_some());
        let Some(at) = gate else { return Ok(()) };
        let gone = self.ledger.to_be_refused(&self.locks[at].id());
        let mut hit = self.holders(at, &gone);
        let is_about = |who: usize| self.phones[who].manners == Manners::Honest;
        hit.retain(|who| is_about(*who) && self.away != Some(*who));
        let Some(who) = self.rng.pick(&hit).copied() else { return Ok(()) };
        self.go(who, at, false).await;
        self.sync(who).await?;
        let visit = self.go(who, at, false).await;
        let (name, door) = (self.name(who), self.door(at));
        let what = || format!("{name} at {door} with another key");
        let wrong = "who was hit by chance does not open again";
        self.tally.check(what, wrong, (1, visit.opened()));
        self.tell(&format!(
            "   {name}, whose key went with it, is refused at {door} until the phone has called; \
             then it opens."
        ));
        Ok(())
    }

    /// The right is shown to be over.
    async fn closed(&mut self, grant: &str, taking: &mut Taking) -> Result<(), ClientError> {
        self.progress(taking).await?;
        let shown: Value = self.get(&format!("grants/{grant}")).await?;
        let what = || format!("the right of {}", self.house.name(taking.who));
        let state = shown["state"].as_str().map(str::to_owned);
        let wrong = "the right is not shown as revoked";
        self.tally.check(what, wrong, (Some("revoked".to_owned()), state));
        self.tally.taken_back += 1;
        self.tell("   Done: revoked everywhere.");
        Ok(())
    }

    /// Asks what taking something back would do, does it, and notes what locks must refuse from
    /// when on.
    async fn take_back(
        &mut self,
        who: usize,
        path: &str,
        doors: &[usize],
    ) -> Result<Taking, ClientError> {
        let planned: Planned = self.post(&format!("{path}?dry_run=true"), json!({})).await?;
        let mut hits = BTreeMap::new();
        for at in doors.iter().copied().filter(|at| self.house.doors[*at].entries == Some(1)) {
            hits.insert(at, self.hit(who, at));
        }
        let expected: BTreeSet<SideEffect> = hits
            .iter()
            .flat_map(|(at, serials)| self.holders(*at, serials).into_iter().map(|it| (*at, it)))
            .map(|(at, holder)| SideEffect {
                credential_id: self.phones[holder].device.clone(),
                lock_id: id_text(&self.locks[at].id()),
            })
            .collect();
        let got: BTreeSet<SideEffect> = planned.plan.side_effects.into_iter().collect();
        let what = || format!("the plan {} for {}", planned.digest, self.house.name(who));
        self.tally.check(what, "it hits others besides", (expected, got));
        let done: Value = self.post(path, json!({"reason": "simulated"})).await?;
        if path.starts_with("grants/") {
            let what = || format!("the right of {}", self.house.name(who));
            let wrong = "a right is over before its locks know";
            self.tally.check(what, wrong, (Some("revocation_pending"), done["state"].as_str()));
        }
        let mut places = Vec::new();
        for at in doors.iter().copied() {
            let (lock, serials) = (self.locks[at].id(), self.serials(who, at));
            let gone = self.ledger.to_be_refused(&lock);
            if serials.is_subset(&gone) {
                continue;
            }
            let keys = self.phones[who].wallet.keys.get(&lock).cloned().unwrap_or_default();
            let keys: Vec<_> = keys.into_iter().filter(|it| !gone.contains(&it.serial)).collect();
            let from = self.version(at).await?;
            let besides = hits.remove(&at).unwrap_or_default();
            if !besides.is_empty() {
                let (door, many) = (self.door(at), besides.len());
                self.tell(&format!(
                    "   {door} has room for one entry only: {many} other keys go with it; their \
                     phones get others with the list."
                ));
            }
            self.ledger.refuse(lock, serials.union(&besides).copied().collect(), from);
            places.push(Where { at, lock, from, latest: latest(&keys) });
        }
        let newest = self.newest_revocation().await?;
        let id = newest.map(|it| it.id).unwrap_or_default();
        Ok(Taking { who, id, places, told: None })
    }

    /// The serials of others that a lock with one entry refuses besides.
    fn hit(&self, who: usize, at: usize) -> BTreeSet<Serial> {
        let lock = self.locks[at].id();
        let gone = self.ledger.to_be_refused(&lock);
        let must: BTreeSet<Serial> = gone.union(&self.serials(who, at)).copied().collect();
        let newest = self.phones.iter().filter_map(|phone| phone.wallet.newest(&lock));
        let live = newest.map(|key| key.serial).filter(|serial| !must.contains(serial));
        swallowed(&must, &live.collect())
    }

    /// Who holds one of these keys as the newest.
    fn holders(&self, at: usize, serials: &BTreeSet<Serial>) -> Vec<usize> {
        let lock = self.locks[at].id();
        let newest = |who: usize| self.phones[who].wallet.newest(&lock).map(|key| key.serial);
        let all = 0..self.phones.len();
        all.filter(|who| newest(*who).is_some_and(|it| serials.contains(&it))).collect()
    }

    /// People come by the locks that do not know, until all do.
    async fn spread(&mut self, taking: &mut Taking) -> Result<(), ClientError> {
        self.progress(taking).await?;
        let mut walks = BTreeMap::new();
        while let Some(at) = self.next_open(taking) {
            let walks = walks.entry(at).or_insert(0);
            *walks += 1;
            if *walks > MOST_WALKS {
                let what = format!("the revocation for {}", self.name(taking.who));
                let (expected, got) = (format!("{} knows", self.door(at)), "it does not".into());
                self.tally.surprise(what, "it does not spread", expected, got);
                return Ok(());
            }
            let may = (0..self.phones.len()).filter(|who| self.carries(*who, taking.who, at));
            let may: Vec<usize> = may.collect();
            let door = self.door(at);
            match self.rng.pick(&may).copied() {
                Some(who) => {
                    self.sync(who).await?;
                    let visit = self.go(who, at, true).await;
                    if visit.list == Some(Code::Applied.number()) {
                        let name = self.name(who);
                        self.tell(&format!("   {name} brings the list to {door} and opens it."));
                    }
                    self.tries(taking.who, at).await;
                    self.sync(who).await?;
                }
                None => {
                    self.tell(&format!(
                        "   Nobody else goes to {door}: the manager takes it there."
                    ));
                    self.inspect(at).await?;
                    self.tries(taking.who, at).await;
                }
            }
            self.progress(taking).await?;
        }
        Ok(())
    }

    fn next_open(&self, taking: &Taking) -> Option<usize> {
        let open = taking.places.iter().find(|place| !self.ledger.knows(place));
        open.map(|place| place.at)
    }

    /// Whether somebody would bring a list to a door: an honest phone with a key there.
    pub(crate) fn carries(&self, who: usize, taken: usize, at: usize) -> bool {
        let phone = &self.phones[who];
        let lock = self.locks[at].id();
        let gone = self.ledger.to_be_refused(&lock);
        let has = phone.wallet.newest(&lock).is_some_and(|key| !gone.contains(&key.serial));
        who != taken && self.away != Some(who) && has && phone.manners == Manners::Honest
    }

    /// Whoever lost the right tries again, with a phone that keeps lists to itself.
    pub(crate) async fn tries(&mut self, who: usize, at: usize) {
        self.phones[who].manners = Manners::Withholds;
        let visit = self.go(who, at, false).await;
        if visit.keys.last() == Some(&Code::Revoked.number()) {
            let (name, door) = (self.name(who), self.door(at));
            self.tell(&format!("   {name} tries {door}: refused."));
        }
    }

    /// Phones that were off come back, the manager looks at every door, and what happened is what
    /// the server knows.
    async fn evening(&mut self, away: usize) -> Result<(), ClientError> {
        self.tell("Evening. Everybody's phone calls home; the manager looks at every door.");
        self.away = None;
        for who in 0..self.phones.len() {
            // A phone that was lost or whose person has left is not heard of.
            if self.phones[who].manners == Manners::Honest {
                self.sync(who).await?;
            }
        }
        self.go(away, 0, true).await;
        let (name, door) = (self.name(away), self.door(0));
        self.tell(&format!("   {name} has network again, and opens {door} with what came."));
        self.sync(away).await?;
        for at in 0..self.locks.len() {
            self.inspect(at).await?;
        }
        let mut known: Happened = BTreeMap::new();
        for lock in self.locks.iter().map(|lock| lock.id()).collect::<Vec<_>>() {
            let path = format!("events?limit=1000&lock_id={}", id_text(&lock));
            for event in self.all::<Event>(&path).await? {
                let Some(device) = event.credential_id else { continue };
                let Some(lock) = id_bytes(&event.lock_id) else { continue };
                let counts = known.entry((device, lock)).or_default();
                counts.0 += u64::from(event.kind == "access_granted");
                counts.1 += u64::from(event.kind == "access_denied");
            }
        }
        let happened: Happened =
            self.ledger.happened.clone().into_iter().filter(|it| it.1 != (0, 0)).collect();
        let known: Happened = known.into_iter().filter(|it| it.1 != (0, 0)).collect();
        let (granted, denied) =
            happened.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        for (key, expected) in &happened {
            let what = || format!("events of {} at {}", key.0, id_text(&key.1));
            let got = known.get(key).copied().unwrap_or_default();
            self.tally.check(what, "the server knows otherwise", (*expected, got));
        }
        let what = || "events of all phones".to_owned();
        self.tally.check(what, "the server knows of others", (happened.len(), known.len()));
        self.tell(&format!(
            "   The server knows who was where: {granted} openings, {denied} refusals, each once."
        ));
        Ok(())
    }
}
