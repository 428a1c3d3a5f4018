//! What happened at locks with no network, brought under seal by anybody: opened, counted once, and
//! made into events as any.

use claviger_domain::ids::PlaceNumber;
use claviger_domain::noun::event::{Event, EventKind, EventSubject, Method};
use claviger_domain::noun::lock::{Lock, Privacy};
use claviger_domain::offline::{Issued, KeyClass, OfflineLock};
use claviger_domain::reason::{Reason, Reasons};
use claviger_domain::retention::is_forgotten;
use claviger_domain::time::{Instant, SECOND};
use claviger_offline::cose::Kind;
use claviger_offline::event::{Event as Happened, EventKey, Sealed};
use claviger_offline::lock::code::Code;
use claviger_offline::statement::Ack;

use super::faults::{Slip, planted};
use super::signer::Issuer;
use crate::error::Error;
use crate::lock::past::PastLocks;
use crate::work::Work;

/// Rows of numbers of one log.
type Rows = Vec<(u32, u32)>;

/// Adds numbers to a row; whether the first of them was not there.
fn add(rows: &mut Rows, first: u32, last: u32) -> bool {
    let is_new = !rows.iter().any(|it| it.0 <= first && first <= it.1);
    rows.push((first, last));
    rows.sort_unstable();
    let mut joined: Rows = Vec::with_capacity(rows.len());
    for (first, last) in rows.drain(..) {
        match joined.last_mut().filter(|it| first <= it.1.saturating_add(1)) {
            Some(row) => row.1 = row.1.max(last),
            None => joined.push((first, last)),
        }
    }
    *rows = joined;
    is_new
}

/// Takes in an event of a lock: it is stored once, however often it is brought. One that the lock
/// has not sealed is nothing. Says whether it is one, and why somebody must look at it.
pub(super) fn take_event(
    work: &mut Work<'_>,
    lock: &mut OfflineLock,
    record: Option<&Lock>,
    (secret, past): (&[u8; 32], &PastLocks),
    sealed: &Sealed,
) -> (bool, Option<&'static str>) {
    let Some(happened) = sealed.open(&EventKey::of(secret, &lock.id.0)) else {
        return (false, Some("an event that its lock has not sealed"));
    };
    let rows = lock.logs.entry(sealed.log_epoch).or_default();
    if !add(rows, sealed.seq, sealed.seq) && !planted(Slip::EventsTwice) {
        return (true, None);
    }
    if happened.code == Code::Lost.number() {
        // The lock says so itself: nobody will ever bring these.
        add(rows, happened.serial, happened.spread.max(happened.serial));
        let (first, last) = (happened.serial, happened.spread);
        tracing::error!(lock = %lock.id, first, last, "events of a lock are lost");
        note_gap(lock, work.now);
        return (true, Some("the lock has lost events"));
    }
    note_gap(lock, work.now);
    let Some(kind) = kind_of(happened.code) else { return (true, None) };
    if let Some(record) = record {
        let key = KeyClass::of(happened.class).map(|class| (class, happened.serial));
        let key = key.and_then(|key| lock.issued(key)).map(|key| Issued::clone(key));
        let at = occurred(&happened, work.now);
        let privacy = (past.privacy(lock.key, record, at), record.privacy);
        tell(work, lock, privacy, &happened, (kind, key.as_ref()));
    }
    (true, None)
}

fn note_gap(lock: &mut OfflineLock, now: Instant) {
    lock.gap_since = lock.has_gap().then(|| lock.gap_since.unwrap_or(now));
}

/// What an event of a lock is to the people of its place; none for its own housekeeping.
fn kind_of(code: u8) -> Option<EventKind> {
    let refused = Code::OldEpoch.number()..=Code::NoProximity.number();
    match code {
        code if code == Code::Done.number() => Some(EventKind::AccessGranted),
        code if refused.contains(&code) => Some(EventKind::AccessDenied),
        code if code == Code::ClockWrong.number() => Some(EventKind::ClockWrong),
        code if code == Code::StateLost.number() => Some(EventKind::Tamper),
        _ => None,
    }
}

/// Why a key was refused, in the words of decisions, where they have one.
fn reasons_of(code: u8) -> Reasons {
    let known = [
        (Code::Revoked, Reason::NoGrant),
        (Code::Expired, Reason::GrantExpired),
        (Code::NotYet, Reason::GrantNotYetValid),
        (Code::OutsideSchedule, Reason::OutsideSchedule),
    ];
    let found = known.iter().filter(|(known, _)| known.number() == code);
    found.map(|(_, reason)| *reason).collect()
}

/// When it happened as well as the lock can tell: not before its lower bound, and not after we
/// heard.
fn occurred(happened: &Happened, now: Instant) -> Instant {
    let lo = Instant(i64::try_from(happened.lo).unwrap_or(i64::MAX).saturating_mul(SECOND));
    if happened.lo == 0 { now } else { lo.min(now) }
}

fn tell(
    work: &mut Work<'_>,
    lock: &OfflineLock,
    privacy: (Privacy, Privacy),
    happened: &Happened,
    (kind, key): (EventKind, Option<&Issued>),
) {
    let now = work.now;
    let owner = lock.key.place;
    let place = key.map_or(owner, |key| key.place);
    let at = occurred(happened, now);
    let subject = key.and_then(|key| subject(work, place, key, at)).unwrap_or_default();
    let decided = matches!(kind, EventKind::AccessGranted | EventKind::AccessDenied);
    let method = match key.map(|key| key.class) {
        Some(KeyClass::Card) => Method::Card,
        _ => Method::Phone,
    };
    let number = key.map_or(lock.key.lock, |key| key.lock);
    let whole = Event {
        id: work.next_id(),
        seq: 0,
        kind,
        lock: number,
        occurred_at: at,
        received_at: now,
        method: decided.then_some(method),
        reasons: if kind == EventKind::AccessDenied {
            reasons_of(happened.code)
        } else {
            Reasons::NONE
        },
        subject,
        hidden: false,
    };
    if place != owner {
        let subject = EventSubject::default();
        let bare = Event { lock: lock.key.lock, subject, ..whole.clone() };
        work.keep_late(owner, bare, privacy);
    }
    work.keep_late(place, whole, privacy);
}

/// Whom an event is about: nobody whose device is deleted by now, as that would be known again by
/// the grant, and nobody who is to be forgotten.
fn subject(work: &Work<'_>, place: PlaceNumber, key: &Issued, at: Instant) -> Option<EventSubject> {
    let state = work.before(place)?;
    let credential = state.credentials.get(key.device)?;
    let person = credential.person.and_then(|it| state.people.get(it));
    (!person.is_some_and(|person| is_forgotten(person, at))).then(|| EventSubject {
        person: credential.person,
        credential: Some(key.device),
        grant: Some(key.grant),
        ..EventSubject::default()
    })
}

/// Tells a lock up to which number the events of one of its logs have arrived; nothing where the
/// first has not.
pub(super) fn acknowledge(
    issuer: &Issuer,
    lock: &OfflineLock,
    log_epoch: u64,
    iat: i64,
) -> Result<Option<Vec<u8>>, Error> {
    let gaps = planted(Slip::AcksWithGaps);
    let arrived = |rows: &Rows| if gaps { rows.last() } else { rows.first() }.copied();
    let row = lock.logs.get(&log_epoch).and_then(arrived);
    let Some((_, up_to_seq)) = row.filter(|row| row.0 <= 1 || gaps) else { return Ok(None) };
    let iat = u64::try_from(iat).map_err(|_| Error::Internal)?;
    let ack = Ack { iat, lock: lock.id.0, log_epoch, up_to_seq };
    issuer.key.sign(Kind::Ack, |it| ack.write(it)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_join_and_are_new_once() {
        let mut rows = Rows::new();
        for (first, last, is_new) in
            [(3, 3, true), (1, 1, true), (3, 3, false), (7, 9, true), (2, 2, true), (8, 8, false)]
        {
            assert_eq!(add(&mut rows, first, last), is_new, "{first}");
        }
        assert_eq!(rows, [(1, 3), (7, 9)]);
        assert!(add(&mut rows, 4, 6));
        assert_eq!(rows, [(1, 9)]);
        assert!(add(&mut rows, u32::MAX, u32::MAX) && !add(&mut rows, u32::MAX, u32::MAX));
    }
}
