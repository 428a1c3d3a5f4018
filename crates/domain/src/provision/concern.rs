//! Whom a command may take rights from, as far as its writes alone say.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::open_grants;
use super::list::List;
use super::{ListKey, is_listed};
use crate::draft::Write;
use crate::ids::{AccessLevelNumber, CredentialNumber, Id, LockNumber, PlaceNumber};
use crate::noun::grant::{Subject, Target};
use crate::noun::lock::Lock;
use crate::record::Record;
use crate::state::PlaceState;

/// Whom a command may take rights from.
#[derive(Clone, Debug)]
pub enum Concern {
    /// These credentials of the place.
    Some(BTreeSet<Id>),
    /// Anybody in any list that has to do with the place.
    Anybody,
}

impl Concern {
    /// Whether it is nobody at all.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        matches!(self, Concern::Some(ids) if ids.is_empty())
    }

    /// Whether a list may hold somebody of these.
    #[must_use]
    pub fn is_about(&self, list: &List) -> bool {
        match self {
            Concern::Some(ids) => ids.iter().any(|id| list.holds(*id)),
            Concern::Anybody => true,
        }
    }
}

/// Which credentials may open less after these writes, which turned `before` into `after`.
#[must_use]
pub fn concern(before: &PlaceState, after: &PlaceState, writes: &[Write]) -> Concern {
    let mut ids = BTreeSet::new();
    for Write { record, former } in writes {
        let Some(former) = former else { continue };
        match (former, record) {
            (Record::Grant(former), Record::Grant(_)) => {
                of_subject(before, former.subject, &mut ids);
            }
            (Record::Person(it), _) => {
                of_subject(before, Subject::Person(it.number()), &mut ids);
                of_subject(after, Subject::Person(it.number()), &mut ids);
            }
            (Record::Credential(it), _) => {
                of_subject(before, Subject::Credential(it.number()), &mut ids);
            }
            (Record::Membership(it), _)
                if before.locks.get(it.lock).is_some_and(|lock| may_be_listed(lock)) =>
            {
                of_level(before, it.level, &mut ids);
            }
            (Record::AccessLevel(former), Record::AccessLevel(it))
                if former.schedule != it.schedule || it.header.is_deleted() =>
            {
                of_level(before, it.number(), &mut ids);
            }
            (Record::Lock(former), Record::Lock(it)) => {
                let same = former.controller == it.controller && former.mode == it.mode;
                if !may_be_listed(former) || (same && !it.header.is_deleted()) {
                    continue;
                }
                // Of whom other places let in at it this one knows nothing.
                if before.lock_shares(it.number()).iter().next().is_some() {
                    return Concern::Anybody;
                }
                of_lock(before, it.number(), &mut ids);
            }
            (Record::Share(it), _)
                if before.locks.get(it.lock).is_some_and(|lock| may_be_listed(lock)) =>
            {
                return Concern::Anybody;
            }
            (Record::Schedule(former), Record::Schedule(it))
                if former.timetable != it.timetable || it.header.is_deleted() =>
            {
                return Concern::Anybody;
            }
            _ => {}
        }
    }
    Concern::Some(ids)
}

fn of_subject(state: &PlaceState, subject: Subject, ids: &mut BTreeSet<Id>) {
    match subject {
        Subject::Credential(number) => {
            ids.extend(state.credentials.get(number).map(|it| it.header.id));
        }
        Subject::Person(person) => ids.extend(credentials_of(state, person.0)),
    }
}

/// Whoever may have a right through a level.
fn of_level(state: &PlaceState, level: AccessLevelNumber, ids: &mut BTreeSet<Id>) {
    let grants = state.level_grants(level).iter().filter_map(|number| state.grants.get(number));
    grants.for_each(|grant| of_subject(state, grant.subject, ids));
}

/// Whoever may have a right at a lock.
fn of_lock(state: &PlaceState, lock: LockNumber, ids: &mut BTreeSet<Id>) {
    let grants = state.lock_grants(lock).iter().filter_map(|number| state.grants.get(number));
    grants.for_each(|grant| of_subject(state, grant.subject, ids));
    state.lock_levels(lock).iter().for_each(|level| of_level(state, level, ids));
}

/// The lists of the locks that these writes, which changed the place that was `before`, may take
/// rights from; `owner` finds the places that locks are borrowed from.
#[must_use]
pub fn reached(
    before: &PlaceState,
    writes: &[Write],
    owner: impl Fn(PlaceNumber) -> Option<PlaceState>,
) -> BTreeSet<ListKey> {
    let mut locks: BTreeSet<LockNumber> = BTreeSet::new();
    let mut targets: BTreeSet<Target> = BTreeSet::new();
    let all = || before.locks.iter().map(|lock| lock.number());
    let of_credential = |id: u32, targets: &mut BTreeSet<Target>| {
        let credential = before.credentials.get(CredentialNumber(id));
        let grants = credential.into_iter().flat_map(|it| open_grants(before, it));
        targets.extend(grants.map(|grant| grant.target));
    };
    for former in writes.iter().filter_map(|write| write.former.as_ref()) {
        match former {
            Record::Grant(it) => drop(targets.insert(it.target)),
            Record::Credential(it) => of_credential(it.header.number, &mut targets),
            Record::Person(it) => {
                let own = before.person_credentials(it.number()).iter();
                own.for_each(|number| of_credential(number, &mut targets));
            }
            Record::Membership(it) => drop(locks.insert(it.lock)),
            Record::Share(it) => drop(locks.insert(it.lock)),
            Record::Lock(it) => drop(locks.insert(it.number())),
            Record::AccessLevel(it) => drop(targets.insert(Target::AccessLevel(it.number()))),
            Record::Schedule(_) => locks.extend(all()),
            _ => {}
        }
    }
    for target in targets {
        match target {
            Target::Lock(lock) => drop(locks.insert(lock)),
            Target::AccessLevel(level) => {
                locks.extend(before.level_locks(level).map(|membership| membership.lock));
            }
        }
    }
    let mut owners: BTreeMap<PlaceNumber, Option<PlaceState>> = BTreeMap::new();
    let locks = locks.into_iter().filter_map(|lock| before.locks.get(lock));
    let keys = locks.filter_map(|lock| match lock.borrowed {
        None => key_of(before, lock),
        Some((place, number)) => {
            let owner = owners.entry(place).or_insert_with(|| owner(place)).as_ref()?;
            key_of(owner, owner.locks.get(number)?)
        }
    });
    keys.collect()
}

/// The list that serves a place's own lock.
fn key_of(place: &PlaceState, lock: &Lock) -> Option<ListKey> {
    let controller = lock.controller.filter(|_| is_listed(lock))?;
    Some(ListKey { place: place.place.number(), controller })
}

/// Whether a list may serve a lock: its own controller's, or that of the place it is borrowed from.
fn may_be_listed(lock: &Lock) -> bool {
    is_listed(lock) || lock.borrowed.is_some()
}

pub(super) fn credentials_of(state: &PlaceState, person: u32) -> impl Iterator<Item = Id> {
    let numbers = state.person_credentials(person.into()).iter();
    numbers.filter_map(|number| state.credentials.get(number)).map(|it| it.header.id)
}
