//! Lists: planned with the planner of servers, signed, said to be newest; and epochs that begin.

use std::collections::{BTreeMap, BTreeSet};

use claviger_offline::Nonce;
use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, Signed};
use claviger_offline::items::Items;
use claviger_offline::list::{List, Section};
use claviger_offline::plan::{Input, Live, Plan, Planned, Run, fit};
use claviger_offline::statement::Fresh;

use super::{Bundle, DAY, LONGEST, Made, SERIALS, Serial, Server, Slip, at};

impl Server {
    /// Plans a list: with what must be refused and has not provably ended.
    fn planned(&self, lock: usize, iat: u64) -> Vec<(Class, Plan, Planned)> {
        let at_lock = &self.locks[lock];
        let (must, live) = (self.must(lock, iat), self.live(lock, iat));
        let said = |it: &Class| must.contains_key(it) || at_lock.floors[at(*it)] > 0;
        let classes: Vec<Class> = Class::ALL.into_iter().filter(said).collect();
        let input = |it: &Class| Input {
            floor: at_lock.floors[at(*it)],
            must: must.get(it).map_or(&[], Vec::as_slice),
            live: live.get(it).map_or(&[], Vec::as_slice),
            top: at_lock.tops[at(*it)],
        };
        let inputs: Vec<(Class, Input<'_>)> = classes.iter().map(|it| (*it, input(it))).collect();
        let planned = classes.into_iter().zip(fit(&inputs, at_lock.room));
        planned.map(|(class, (plan, it))| (class, plan, it)).collect()
    }

    fn must(&self, lock: usize, iat: u64) -> BTreeMap<Class, Vec<Run>> {
        let early = if self.slips(Slip::ForgetsTooEarly) { 10 * DAY } else { 0 };
        let mut all: BTreeMap<Class, Vec<Run>> = BTreeMap::new();
        let at = &self.locks[lock];
        for key in at.issued.values().filter(|key| key.must && key.exp > iat + early) {
            let (class, serial) = key.key;
            all.entry(class).or_default().push(Run { first: serial, last: serial });
        }
        for (class, run, _) in at.unknown.iter().filter(|(_, _, exp)| *exp > iat) {
            all.entry(*class).or_default().push(*run);
        }
        for runs in all.values_mut() {
            runs.sort_unstable();
            let mut joined: Vec<Run> = Vec::new();
            for run in runs.drain(..) {
                match joined.last_mut().filter(|last| last.last >= run.first) {
                    Some(last) => last.last = last.last.max(run.last),
                    None => joined.push(run),
                }
            }
            *runs = joined;
        }
        all
    }

    fn live(&self, lock: usize, iat: u64) -> BTreeMap<Class, Vec<Live>> {
        let at_lock = &self.locks[lock];
        let mut found: BTreeMap<Class, Vec<Live>> = BTreeMap::new();
        let mut done = BTreeSet::new();
        for key in at_lock.issued.values().rev() {
            let holder = (key.key.0, key.grant, key.device);
            if done.contains(&holder) {
                continue;
            }
            if key.acked {
                done.insert(holder);
            }
            let (class, serial) = key.key;
            let counts = key.exp > iat && !key.must && key.epoch >= at_lock.keys_from;
            if counts && serial > at_lock.floors[at(class)] {
                let weight = if class == Class::Card { 50 } else { 1 + (iat - key.iat) / DAY };
                found.entry(class).or_default().push(Live { serial, weight });
            }
        }
        found.values_mut().for_each(|keys| keys.reverse());
        found
    }

    /// Whether its newest list refuses a key.
    fn refuses(&self, lock: usize, (class, serial): Serial) -> bool {
        let Some(bundle) = &self.locks[lock].bundle else { return false };
        let signed = Signed::read(&bundle.list).unwrap();
        List::read(signed.payload).unwrap().refuses(class, serial)
    }

    /// Signs the next list of a lock; false while the clock is not right.
    pub(crate) fn sign_list(
        &mut self,
        lock: usize,
        now_ms: u64,
        certificate: Option<Vec<u8>>,
    ) -> bool {
        let Some(now) = self.signs(now_ms) else {
            self.locks[lock].list_due = true;
            return false;
        };
        let iat = now.max(self.locks[lock].iat);
        let planned = self.planned(lock, self.previewed.unwrap_or(now).max(self.locks[lock].iat));
        let implicit: Vec<Serial> = planned
            .iter()
            .flat_map(|(class, plan, _)| plan.implicit.iter().map(|serial| (*class, *serial)))
            .collect();
        let hit: Vec<Serial> =
            implicit.iter().filter(|key| !self.refuses(lock, **key)).copied().collect();
        let must = self.locks[lock].issued.values().filter(|key| key.must && key.exp > iat);
        let news = must.map(|key| key.key).any(|key| !self.refuses(lock, key));
        let slip = self.slips(Slip::NoMinList);
        let at_lock = &mut self.locks[lock];
        at_lock.version = if certificate.is_some() { 1 } else { at_lock.version + 1 };
        let sections: Vec<Section<'_>> = planned.iter().map(|(_, _, it)| it.section()).collect();
        let (epoch, version) = (at_lock.epoch, at_lock.version);
        let sections = Items::Values(&sections);
        let list = List { iat, lock: at_lock.id, epoch, version, sections };
        let list = self.issuer.sign(Kind::List, |it| list.write(it));
        if (news || !hit.is_empty() || certificate.is_some()) && !slip {
            at_lock.refusing = version;
        }
        for (class, plan, _) in &planned {
            at_lock.floors[at(*class)] = plan.floor;
        }
        for key in &hit {
            at_lock.issued.get_mut(key).unwrap().owed = true;
        }
        for closing in at_lock.closings.iter_mut().filter(|it| it.waits) {
            closing.list.get_or_insert((epoch, version));
        }
        let former = at_lock.bundle.take().and_then(|it| it.certificate);
        let digest = Signed::read(&list).unwrap().digest();
        let issuer = self.certificate.clone();
        let certificate = certificate.or(former);
        let bundle = Bundle { epoch, version, list, issuer, certificate };
        at_lock.bundle = Some(bundle.clone());
        (at_lock.iat, at_lock.list_due) = (iat, false);
        let (keys_from, tops) = (at_lock.keys_from, at_lock.tops);
        let plans = planned.into_iter().map(|(class, plan, _)| (class, plan)).collect();
        self.made.push(Made {
            lock,
            epoch,
            version,
            iat,
            keys_from,
            generation: self.generation,
            digest,
            plans,
            hit: implicit,
            tops,
            bundle,
        });
        true
    }

    /// What is newest at a lock, over its nonce; none while the clock is not right.
    pub(crate) fn fresh(&mut self, lock: usize, nonce: Nonce, now_ms: u64) -> Option<Vec<u8>> {
        let iat = self.signs(now_ms)?;
        let at = &self.locks[lock];
        let bundle = at.bundle.as_ref()?;
        let digest = Signed::read(&bundle.list).unwrap().digest();
        let (epoch, version) = (bundle.epoch, bundle.version);
        let fresh = Fresh { iat, lock: at.id, nonce, epoch, version, digest };
        Some(self.issuer.sign(Kind::Fresh, |it| fresh.write(it)))
    }

    /// Begins an epoch that the root has certified. Serials given since a backup are unknown.
    pub(crate) fn begin_epoch(
        &mut self,
        lock: usize,
        (epoch, keys_from): (u16, u16),
        restored: bool,
        certificate: Vec<u8>,
        now_ms: u64,
    ) {
        let forgets = self.slips(Slip::RestoreForgetsUnknown);
        let at = &mut self.locks[lock];
        for class in Class::ALL {
            let top = &mut at.tops[usize::from(class.number())];
            let first = *top + 1;
            *top = u32::from(epoch) * SERIALS;
            if restored && !forgets {
                let run = Run { first, last: *top };
                at.unknown.push((class, run, now_ms / 1000 + LONGEST));
            }
        }
        (at.epoch, at.keys_from) = (epoch, keys_from);
        if restored {
            // Closings of grants that began before may concern keys nobody knows of.
            at.closings.iter_mut().for_each(|it| it.list = None);
        }
        self.sign_list(lock, now_ms, Some(certificate));
    }
}
