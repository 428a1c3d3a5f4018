//! Plans: who gains, who loses and who keeps access at other times, by comparing a place before and
//! after a command. Must not ask about an instant: access at any time counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::draft::Write;
use crate::ids::{AccessLevelNumber, LockNumber};
use crate::noun::credential::CredentialState;
use crate::noun::grant::{Grant, Subject, Target};
use crate::noun::lock::Lock;
use crate::noun::person::PersonState;
use crate::noun::schedule::{ScheduleRef, Timetable};
use crate::record::Record;
use crate::state::PlaceState;
use crate::time::{Window, Zone};

/// One subject at one lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// Who.
    pub subject: Subject,
    /// Where.
    pub lock: LockNumber,
}

/// What a command does to one subject at one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Who and where.
    pub pair: Pair,
    /// The times of access before and after, as text to compare: two commands that do the same say
    /// the same here.
    pub times: String,
}

/// What a command does to access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Had none, has some.
    pub gains: Vec<Effect>,
    /// Had some, has none.
    pub losses: Vec<Effect>,
    /// Has some before and after, but not the same.
    pub changed: Vec<Effect>,
}

/// The plan of a command that turned `before` into `after` with `writes`. Pairs are in order.
#[must_use]
pub fn plan(before: &PlaceState, after: &PlaceState, writes: &[Write]) -> Plan {
    let mut pairs = BTreeSet::new();
    for write in writes {
        for (state, record) in [(before, write.former.as_ref()), (after, Some(&write.record))] {
            if let Some(record) = record {
                touched(state, record, &mut pairs);
            }
        }
    }
    for (lock, _, _) in rezoned(before, after) {
        of_lock(after, lock.number(), &mut pairs);
    }
    let mut plan = Plan::default();
    let ways = |state: &PlaceState, pair: Pair| {
        let lock = state.locks.get(pair.lock)?;
        Some(access(state, pair, state.zone_of(lock)))
    };
    for pair in pairs {
        let had = ways(before, pair).unwrap_or_default();
        let has = ways(after, pair).unwrap_or_default();
        let list = match (had.is_empty(), has.is_empty()) {
            (true, false) => &mut plan.gains,
            (false, true) => &mut plan.losses,
            (false, false) if had != has => &mut plan.changed,
            _ => continue,
        };
        list.push(effect(pair, &had, &has));
    }
    plan
}

/// Own locks whose zone is another after a command: before and after. Whoever borrows one goes by
/// the owner's zone.
pub fn rezoned<'a>(
    before: &'a PlaceState,
    after: &'a PlaceState,
) -> impl Iterator<Item = (&'a Lock, &'a Zone, &'a Zone)> {
    let both = after.locks.iter().filter_map(|lock| Some((before.locks.get(lock.number())?, lock)));
    both.filter(|(_, lock)| lock.borrowed.is_none())
        .map(|(was, is)| (&**is, before.zone_of(was), after.zone_of(is)))
        .filter(|(_, was, is)| was != is)
}

/// Who has access at other times at a lock that `state` borrows, when its owner moves its zone.
#[must_use]
pub fn moved(state: &PlaceState, lock: LockNumber, was: &Zone, is: &Zone) -> Vec<Effect> {
    let mut pairs = BTreeSet::new();
    of_lock(state, lock, &mut pairs);
    let effects = pairs.into_iter().filter_map(|pair| {
        let (had, has) = (access(state, pair, was), access(state, pair, is));
        (had != has).then(|| effect(pair, &had, &has))
    });
    effects.collect()
}

fn effect(pair: Pair, had: &Ways, has: &Ways) -> Effect {
    Effect { pair, times: format!("{:?} to {:?}", had.keys(), has.keys()) }
}

/// Every pair whose access may depend on a record.
fn touched(state: &PlaceState, record: &Record, pairs: &mut BTreeSet<Pair>) {
    match record {
        Record::Grant(grant) => of_grant(state, grant, pairs),
        Record::Membership(it) => {
            of_level(state, it.level, |lock| lock == it.lock, pairs);
            for grant in grants(state, it.level) {
                pairs.insert(Pair { subject: grant.subject, lock: it.lock });
            }
        }
        Record::AccessLevel(it) => of_level(state, it.number(), |_| true, pairs),
        Record::Person(it) => {
            of_subject(state, Subject::Person(it.number()), pairs);
            for credential in state.person_credentials(it.number()).iter() {
                of_subject(state, Subject::Credential(credential.into()), pairs);
            }
        }
        Record::Credential(it) => of_subject(state, Subject::Credential(it.number()), pairs),
        Record::Schedule(it) => {
            let named = Some(ScheduleRef::Named(it.number()));
            for level in state.levels.iter().filter(|level| level.schedule == named) {
                of_level(state, level.number(), |_| true, pairs);
            }
            for grant in state.grants.iter().filter(|grant| grant.schedule == named) {
                of_grant(state, grant, pairs);
            }
        }
        Record::Lock(it) => of_lock(state, it.number(), pairs),
        _ => {}
    }
}

fn of_lock(state: &PlaceState, number: LockNumber, pairs: &mut BTreeSet<Pair>) {
    for grant in state.lock_grants(number).iter() {
        if let Some(grant) = state.grants.get(grant) {
            pairs.insert(Pair { subject: grant.subject, lock: number });
        }
    }
    for level in state.lock_levels(number).iter() {
        of_level(state, level, |lock| lock == number, pairs);
    }
}

fn grants(state: &PlaceState, level: AccessLevelNumber) -> impl Iterator<Item = &Grant> {
    state.level_grants(level).iter().filter_map(|grant| state.grants.get(grant)).map(|it| &**it)
}

fn of_level(
    state: &PlaceState,
    level: AccessLevelNumber,
    wanted: impl Fn(LockNumber) -> bool,
    pairs: &mut BTreeSet<Pair>,
) {
    for membership in state.level_locks(level).filter(|membership| wanted(membership.lock)) {
        for grant in grants(state, level) {
            pairs.insert(Pair { subject: grant.subject, lock: membership.lock });
        }
    }
}

fn of_grant(state: &PlaceState, grant: &Grant, pairs: &mut BTreeSet<Pair>) {
    match grant.target {
        Target::Lock(lock) => {
            pairs.insert(Pair { subject: grant.subject, lock });
        }
        Target::AccessLevel(level) => {
            for membership in state.level_locks(level) {
                pairs.insert(Pair { subject: grant.subject, lock: membership.lock });
            }
        }
    }
}

fn of_subject(state: &PlaceState, subject: Subject, pairs: &mut BTreeSet<Pair>) {
    for reach in state.reach(subject).iter() {
        if let Some(grant) = state.grants.get(reach.grant()) {
            of_grant(state, grant, pairs);
        }
    }
}

/// One way of getting in: a window, and the schedules and flags that bind it.
type Way = (Window, Vec<String>, bool);
type Ways = BTreeMap<String, Way>;

/// All ways of a pair at a lock that goes by `zone`, in no order that means anything; empty where
/// there is none.
fn access(state: &PlaceState, pair: Pair, zone: &Zone) -> Ways {
    let mut ways = BTreeMap::new();
    let valid = match pair.subject {
        Subject::Person(person) => match state.people.get(person) {
            Some(person) if person.state == PersonState::Active => Window::ALWAYS,
            _ => return ways,
        },
        Subject::Credential(credential) => match state.credentials.get(credential) {
            Some(it) if it.state == CredentialState::Active && owner_active(state, it) => it.valid,
            _ => return ways,
        },
    };
    let levels = state.lock_levels(pair.lock);
    for hit in state.reach(pair.subject).hits(pair.lock, levels) {
        let Some(grant) = state.grants.get(hit.grant()) else { continue };
        let level = hit.level().and_then(|level| state.levels.get(level));
        let schedules = [grant.schedule.as_ref(), level.and_then(|it| it.schedule.as_ref())];
        let times: Vec<String> = schedules
            .into_iter()
            .flatten()
            .filter_map(|schedule| state.timetable(schedule))
            .map(|times| said(times, zone))
            .collect();
        let window = grant.window.intersect(&valid);
        if !window.is_empty() {
            let way = (window, times, grant.override_lockdown);
            ways.insert(format!("{way:?}"), way);
        }
    }
    ways
}

fn owner_active(state: &PlaceState, credential: &crate::noun::credential::Credential) -> bool {
    let person = credential.person.and_then(|person| state.people.get(person));
    person.is_none_or(|person| person.state == PersonState::Active)
}

/// A definition as text to compare; where it leaves the zone open, with the lock's.
fn said(times: &Timetable, zone: &Zone) -> String {
    let zone = times.compiled().zone().unwrap_or(zone);
    format!("{:?} in {}", times.definition(), zone.name())
}
