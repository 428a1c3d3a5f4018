//! Whom a command may take rights from, as far as its writes alone say.

use std::collections::BTreeSet;

use super::is_listed;
use super::list::List;
use crate::draft::Write;
use crate::ids::{Id, LockNumber};
use crate::noun::grant::Subject;
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
    let mut of_subject = |state: &PlaceState, subject: Subject| match subject {
        Subject::Credential(number) => {
            ids.extend(state.credentials.get(number).map(|it| it.header.id));
        }
        Subject::Person(person) => ids.extend(credentials_of(state, person.0)),
    };
    let is_at_list =
        |lock: LockNumber| before.locks.get(lock).is_some_and(|lock| may_be_listed(lock));
    for Write { record, former } in writes {
        let Some(former) = former else { continue };
        match (former, record) {
            (Record::Grant(former), Record::Grant(_)) => of_subject(before, former.subject),
            (Record::Person(it), _) => {
                of_subject(before, Subject::Person(it.number()));
                of_subject(after, Subject::Person(it.number()));
            }
            (Record::Credential(it), _) => of_subject(before, Subject::Credential(it.number())),
            (Record::Membership(it), _) if is_at_list(it.lock) => return Concern::Anybody,
            (Record::Share(it), _) if is_at_list(it.lock) => return Concern::Anybody,
            (Record::AccessLevel(former), Record::AccessLevel(it))
                if former.schedule != it.schedule || it.header.is_deleted() =>
            {
                return Concern::Anybody;
            }
            (Record::Schedule(former), Record::Schedule(it))
                if former.timetable != it.timetable || it.header.is_deleted() =>
            {
                return Concern::Anybody;
            }
            (Record::Lock(former), Record::Lock(it)) => {
                let same = former.controller == it.controller && former.mode == it.mode;
                if may_be_listed(former) && (!same || it.header.is_deleted()) {
                    return Concern::Anybody;
                }
            }
            _ => {}
        }
    }
    Concern::Some(ids)
}

/// Whether a list may serve a lock: its own controller's, or that of the place it is borrowed from.
fn may_be_listed(lock: &Lock) -> bool {
    is_listed(lock) || lock.borrowed.is_some()
}

pub(super) fn credentials_of(state: &PlaceState, person: u32) -> impl Iterator<Item = Id> {
    let numbers = state.person_credentials(person.into()).iter();
    numbers.filter_map(|number| state.credentials.get(number)).map(|it| it.header.id)
}
