//! What one grant lets one device do at one lock, as the engine would decide it.

use super::KeyClass;
use super::spans::{self, Span};
use crate::ids::{CredentialNumber, GrantNumber, LockNumber};
use crate::noun::credential::{CredentialKind, CredentialState};
use crate::noun::grant::{Right as GrantRight, Subject, Target};
use crate::noun::person::PersonState;
use crate::noun::schedule::Timetable;
use crate::state::PlaceState;
use crate::time::{DAY, Instant, SECOND, Window, Zone};

/// Windows that are looked at in one life of a key; what comes after them ends it.
const MOST_WINDOWS: usize = 4096;

/// A right of one device at one lock.
#[derive(Clone, Debug)]
pub struct Right<'s> {
    /// The grant's window within the credential's.
    pub window: Window,
    /// The level's schedule, and the grant's: all hold.
    schedules: [Option<&'s Timetable>; 2],
    /// The zone of the lock.
    pub zone: &'s Zone,
    /// The holder's public key (a COSE_Key).
    pub holder: &'s [u8],
    /// Of which class a key is.
    pub class: KeyClass,
    /// What a key must demand, as flags.
    pub flags: u8,
}

/// The right of a device at a lock by a grant of its place, with the numbers they have there; none
/// where the engine would let nobody in by it at any time.
#[must_use]
pub fn right<'s>(
    state: &'s PlaceState,
    (grant, device, lock): (GrantNumber, CredentialNumber, LockNumber),
    zone: &'s Zone,
    flags: u8,
) -> Option<Right<'s>> {
    let grant = state.grants.get(grant)?;
    let credential = state.credentials.get(device)?;
    let person = credential.person.and_then(|person| state.people.get(person));
    let suspended = person.is_some_and(|person| person.state == PersonState::Suspended);
    let is_subject = match grant.subject {
        Subject::Credential(number) => number == device,
        Subject::Person(number) => credential.person == Some(number),
    };
    let usable = credential.state == CredentialState::Active && !suspended && is_subject;
    if !usable || grant.right != GrantRight::Open || state.locks.get(lock).is_none() {
        return None;
    }
    let of_level = match grant.target {
        Target::Lock(number) => (number == lock).then_some(None)?,
        Target::AccessLevel(number) => {
            state.membership(number, lock)?;
            state.levels.get(number)?.schedule.as_ref()
        }
    };
    let timetable = |schedule| state.timetable(schedule);
    let mut schedules = [None, None];
    for (at, schedule) in [of_level, grant.schedule.as_ref()].into_iter().enumerate() {
        if let Some(schedule) = schedule {
            // A schedule that is not there is closed.
            schedules[at] = Some(timetable(schedule)?);
        }
    }
    let window = grant.window.intersect(&credential.valid);
    let class = match credential.kind {
        CredentialKind::Phone if is_short(&window) => KeyClass::Guest,
        CredentialKind::Phone => KeyClass::Phone,
        CredentialKind::Card => KeyClass::Card,
        CredentialKind::Code => return None,
    };
    let holder = credential.public_key.as_deref()?;
    (!window.is_empty()).then_some(Right { window, schedules, zone, holder, class, flags })
}

/// Whether a right is a visitor's: it begins and ends within a day.
fn is_short(window: &Window) -> bool {
    window.from.zip(window.until).is_some_and(|(from, until)| until <= from.plus(DAY))
}

impl Right<'_> {
    /// The schedules that all hold.
    pub(super) fn schedules(&self) -> impl Iterator<Item = &Timetable> {
        self.schedules.iter().copied().flatten()
    }

    /// One of nobody.
    #[cfg(test)]
    pub(super) fn sample<'s>(
        window: Window,
        schedules: [Option<&'s Timetable>; 2],
        zone: &'s Zone,
    ) -> Right<'s> {
        let class = KeyClass::Phone;
        Right { window, schedules, zone, holder: &[], class, flags: 0 }
    }

    /// The window in whole seconds, never wider.
    #[must_use]
    pub(super) fn bounds(&self) -> Span {
        let from = self.window.from.map_or(i64::MIN, |it| it.plus(SECOND - 1).seconds());
        (from, self.window.until.map_or(i64::MAX, Instant::seconds))
    }

    /// When it opens within a span, as a row, and up to when that is known.
    #[must_use]
    pub fn spans(&self, from: i64, until: i64) -> (Vec<Span>, i64) {
        let (mut open, mut known) = (spans::common(&[(from, until)], &[self.bounds()]), until);
        for times in self.schedules() {
            let instant = |at: i64| Instant(at.saturating_mul(SECOND));
            let (first, last) = (instant(from), instant(until));
            let windows = times.compiled().windows(first, last, self.zone, MOST_WINDOWS);
            let row =
                windows.iter().filter_map(|it| Some((it.from?.seconds(), it.until?.seconds())));
            let row: Vec<Span> = row.collect();
            if row.len() == MOST_WINDOWS {
                known = row.last().map_or(known, |last| known.min(last.1));
            }
            open = spans::common(&open, &spans::joined(row));
        }
        (spans::common(&open, &[(from, known)]), known)
    }
}
