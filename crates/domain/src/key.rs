//! Keys: one (grant, lock) pair each, derived and never stored; their ids and states.

use crate::ids::{AccessLevelNumber, GrantNumber, Id, LockNumber, MembershipNumber, PlaceNumber};
use crate::noun::access_level::Membership;
use crate::noun::credential::CredentialState;
use crate::noun::grant::{Grant, Right, RightState, Subject, Target};
use crate::noun::person::PersonState;
use crate::noun::schedule::ScheduleRef;
use crate::state::PlaceState;
use crate::time::{Instant, Window, Zone};

/// What a level key's id says: the place, the grant and the lock's membership in the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyNumbers {
    /// The place.
    pub place: PlaceNumber,
    /// The grant to the level.
    pub grant: GrantNumber,
    /// The lock's membership in the level; 0 for the key of a direct grant.
    pub membership: MembershipNumber,
}

/// The zone of a lock, by its number in the place that is asked about. A borrowed lock's is its
/// owner's, who is in another place.
pub type ZoneOf<'z> = &'z dyn Fn(LockNumber) -> Zone;

const GRANT_BITS: u32 = 40;
const SPARE_BITS: u32 = 10;

impl KeyNumbers {
    /// The id of a level key: a UUIDv8 (RFC 9562) that packs the three numbers reversibly.
    #[must_use]
    pub fn id(self) -> Id {
        let packed = u128::from(self.place.0) << (2 * GRANT_BITS)
            | u128::from(self.grant.0) << GRANT_BITS
            | u128::from(self.membership.0);
        let packed = packed << SPARE_BITS;
        let high = packed >> 74;
        let middle = (packed >> 62) & 0xFFF;
        let low = packed & ((1 << 62) - 1);
        Id((high << 80 | 8 << 76 | middle << 64 | 0b10 << 62 | low).to_be_bytes())
    }

    /// Reads such an id; `None` for any other.
    #[must_use]
    pub fn of(id: Id) -> Option<KeyNumbers> {
        let bits = u128::from_be_bytes(id.0);
        let packed = (bits >> 80) << 74 | ((bits >> 64) & 0xFFF) << 62 | (bits & ((1 << 62) - 1));
        let packed = packed >> SPARE_BITS;
        let grant = u32::try_from((packed >> GRANT_BITS) & ((1 << GRANT_BITS) - 1)).ok()?;
        let membership = u32::try_from(packed & ((1 << GRANT_BITS) - 1)).ok()?;
        let place = u32::try_from(packed >> (2 * GRANT_BITS)).ok()?;
        let numbers = KeyNumbers {
            place: PlaceNumber(place),
            grant: GrantNumber(grant),
            membership: MembershipNumber(membership),
        };
        (numbers.id() == id && membership != 0 && grant != 0).then_some(numbers)
    }
}

/// One key as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The grant's id, or the packed id of a level key.
    pub id: Id,
    /// Where it stands in the order of keys.
    pub numbers: KeyNumbers,
    /// The lock it opens.
    pub lock: LockNumber,
    /// Who holds it.
    pub subject: Subject,
    /// The level it comes through.
    pub level: Option<AccessLevelNumber>,
    /// When it is good for.
    pub window: Window,
    /// Since when it has been there.
    pub created_at: Instant,
    /// When it was taken back.
    pub revoked_at: Option<Instant>,
    /// How it stands.
    pub state: RightState,
}

/// The key of a grant at a lock: a direct grant's own, or through `membership` of its level. `None`
/// where grant and membership were never open together, and for a right to share, which opens
/// nothing.
#[must_use]
pub fn key(
    state: &PlaceState,
    grant: &Grant,
    membership: Option<&Membership>,
    now: Instant,
    zone_of: ZoneOf<'_>,
) -> Option<Key> {
    if grant.right != Right::Open {
        return None;
    }
    let place = state.place.number();
    let (lock, level, opened, membership_closed) = match (grant.target, membership) {
        (Target::Lock(lock), None) => (lock, None, grant.header.created_at, None),
        (Target::AccessLevel(level), Some(membership)) if membership.level == level => {
            let opened = grant.header.created_at.max(membership.header.created_at);
            (membership.lock, Some(level), opened, membership.closed.map(|closed| closed.at))
        }
        _ => return None,
    };
    let grant_closed = grant.closed.map(|closed| closed.at);
    let revoked_at = match (grant_closed, membership_closed) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    if membership.is_some() && revoked_at.is_some_and(|revoked| revoked <= opened) {
        return None;
    }
    let numbers = KeyNumbers {
        place,
        grant: grant.number(),
        membership: membership.map_or(MembershipNumber(0), Membership::number),
    };
    let ended = |at: Instant| grant.window.until.is_none_or(|until| at < until);
    Some(Key {
        id: key_id(state, grant, membership),
        numbers,
        lock,
        subject: grant.subject,
        level,
        window: grant.window,
        created_at: opened,
        revoked_at,
        state: match revoked_at {
            Some(at) if ended(at) => RightState::Revoked,
            _ => open_state(state, grant, (lock, level), now, zone_of),
        },
    })
}

/// The id of the key that a grant is through a membership of its level, or by itself.
#[must_use]
pub fn key_id(state: &PlaceState, grant: &Grant, membership: Option<&Membership>) -> Id {
    match membership {
        None => grant.header.id,
        Some(membership) => {
            let (place, grant) = (state.place.number(), grant.number());
            KeyNumbers { place, grant, membership: membership.number() }.id()
        }
    }
}

/// The id of the key by which an open grant reaches a lock since that instant or longer; none where
/// it does not.
#[must_use]
pub fn key_at(state: &PlaceState, grant: &Grant, lock: LockNumber, then: Instant) -> Option<Id> {
    match grant.target {
        Target::Lock(own) => (own == lock).then(|| key_id(state, grant, None)),
        Target::AccessLevel(level) => {
            let membership = state.membership(level, lock)?;
            (membership.header.created_at <= then).then(|| key_id(state, grant, Some(membership)))
        }
    }
}

/// How a grant stands; for one to a level, at whichever of its locks is best off.
#[must_use]
pub fn grant_state(
    state: &PlaceState,
    grant: &Grant,
    now: Instant,
    zone_of: ZoneOf<'_>,
) -> RightState {
    let ended = |at: Instant| grant.window.until.is_none_or(|until| at < until);
    if grant.closed.is_some_and(|closed| ended(closed.at)) {
        return RightState::Revoked;
    }
    let at = |lock, level| open_state(state, grant, (lock, level), now, zone_of);
    match grant.target {
        Target::Lock(lock) => at(lock, None),
        Target::AccessLevel(level) => {
            let mut states =
                state.level_locks(level).map(|membership| at(membership.lock, Some(level)));
            let first = states.next();
            match first {
                Some(RightState::Inactive) => {
                    if states.any(|state| state == RightState::Active) {
                        RightState::Active
                    } else {
                        RightState::Inactive
                    }
                }
                Some(other) => other,
                None => at(LockNumber(0), Some(level)),
            }
        }
    }
}

/// The state of a right that no command closed.
fn open_state(
    state: &PlaceState,
    grant: &Grant,
    (lock, level): (LockNumber, Option<AccessLevelNumber>),
    now: Instant,
    zone_of: ZoneOf<'_>,
) -> RightState {
    if grant.window.past(now) {
        return RightState::Expired;
    }
    if grant.window.before(now) {
        return RightState::Scheduled;
    }
    let shut = |schedule: &Option<ScheduleRef>| {
        let times = schedule.as_ref().and_then(|schedule| state.timetable(schedule));
        times.is_some_and(|times| !times.compiled().is_open(now, &zone_of(lock)))
    };
    let level_shut =
        level.and_then(|it| state.levels.get(it)).is_some_and(|level| shut(&level.schedule));
    if shut(&grant.schedule) || level_shut || !is_subject_usable(state, grant.subject) {
        return RightState::Inactive;
    }
    RightState::Active
}

fn is_subject_usable(state: &PlaceState, subject: Subject) -> bool {
    let active =
        |number| state.people.get(number).is_some_and(|person| person.state == PersonState::Active);
    match subject {
        Subject::Person(person) => active(person),
        Subject::Credential(credential) => state
            .credentials
            .get(credential)
            .is_some_and(|it| it.state == CredentialState::Active && it.person.is_none_or(active)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_pack_and_unpack() {
        for (place, grant, membership) in
            [(1, 1, 1), (7, 123_456_789, 3), (u32::MAX, u32::MAX, u32::MAX), (0, 9, 4)]
        {
            let numbers = KeyNumbers {
                place: PlaceNumber(place),
                grant: GrantNumber(grant),
                membership: MembershipNumber(membership),
            };
            let id = numbers.id();
            assert_eq!(KeyNumbers::of(id), Some(numbers));
            assert_eq!(&id.to_string()[14..15], "8");
            let mut other = id;
            other.0[15] ^= 1;
            assert_eq!(KeyNumbers::of(other), None, "spare bits must be zero");
        }
        let v7 = crate::ids::IdSource::new(Instant(1), [1; 16]).next_id();
        assert_eq!(KeyNumbers::of(v7), None);
    }

    #[test]
    fn ids_are_in_the_order_of_the_numbers() {
        let of = |grant, membership| KeyNumbers {
            place: PlaceNumber(1),
            grant: GrantNumber(grant),
            membership: MembershipNumber(membership),
        };
        let all = [of(1, 9), of(2, 1), of(2, 300), of(1 << 20, 1)];
        assert!(all.is_sorted() && all.map(KeyNumbers::id).is_sorted());
    }
}
