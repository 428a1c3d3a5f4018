//! What happened at locks with no network, brought under seal by anybody: opened, counted once, and
//! made into events as any.

use std::collections::{BTreeMap, BTreeSet};

use claviger_domain::ids::{CredentialNumber, Id, PlaceNumber};
use claviger_domain::noun::event::{Event, EventKind, EventSubject, Method};
use claviger_domain::noun::lock::{Lock, Privacy};
use claviger_domain::offline::{Issued, KeyClass, Log, OfflineLock};
use claviger_domain::reason::{Reason, Reasons};
use claviger_domain::retention::is_forgotten;
use claviger_domain::time::{Instant, SECOND};
use claviger_offline::cose::Kind;
use claviger_offline::event::{Event as Happened, Sealed};
use claviger_offline::lock::code::Code;
use claviger_offline::statement::{Ack, Command};
use claviger_store::PastHolder;

use super::alarm::{By, alarm};
use super::faults::{Slip, planted};
use super::list;
use super::shown::Shared;
use super::signer::Issuer;
use super::sync::{lock_of, unless_unavailable};
use crate::App;
use crate::error::Error;
use crate::lock::past::PastLocks;
use crate::work::Work;

/// From which event on a lock is to be asked for those of one of its logs: a server that was
/// restored may have acknowledged what it does not know any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventsFrom {
    /// The lock.
    pub lock: Id,
    /// The log; of one that is not named all are wanted.
    pub log_epoch: u64,
    /// The number of the first event that is not known.
    pub from_seq: u32,
}

/// The number of the first event of a log that is not known.
fn next(log: &Log) -> u32 {
    match planted(Slip::AcksWithGaps) {
        true => log.known().last().map_or(1, |it| it.1 + 1),
        false => log.missing(),
    }
}

/// From which events on a lock is to be asked.
pub(super) fn events_from(lock: &OfflineLock) -> Vec<EventsFrom> {
    let logs = lock.logs.iter();
    let from = |(log_epoch, log): (&u64, &Log)| EventsFrom {
        lock: lock.id,
        log_epoch: *log_epoch,
        from_seq: next(log),
    };
    logs.map(from).collect()
}

/// What the locks were whose events are brought, and whose the devices that they name.
pub(super) struct Past {
    locks: PastLocks,
    /// Of each device that was passed on: who had it, the first first.
    holders: BTreeMap<(PlaceNumber, CredentialNumber), Vec<PastHolder>>,
}

/// Looks up what the events that are brought are about. When they happened is under their seals.
pub(super) async fn past_of(app: &App, events: &[Vec<u8>]) -> Result<Past, Error> {
    let (mut locks, mut devices) = (Vec::new(), BTreeSet::new());
    for sealed in events.iter().filter_map(|bytes| Sealed::read(bytes).ok()) {
        let Some(key) = app.world().offline_key(Id(sealed.lock)) else { continue };
        locks.push((key, Instant(0)));
        let Some(lock) = app.world().lists().offline.get(&key).cloned() else { continue };
        let happened = Shared::by(app, &lock)?.unseal(&sealed);
        let serial = happened.and_then(|it| Some((KeyClass::of(it.class)?, it.serial)));
        let device = serial.and_then(|serial| lock.issued(serial));
        devices.extend(device.map(|key| (key.place, key.device)));
    }
    let mut past = Past { locks: PastLocks::of(app, locks).await?, holders: BTreeMap::new() };
    for (place, device) in devices {
        let holders = app.store().past_holders(place, device, Instant(0)).await?;
        past.holders.insert((place, device), holders);
    }
    Ok(past)
}

/// Takes in what happened at locks, whoever brings it; what the locks are to be told of it.
pub(super) fn events_in(
    app: &App,
    work: &mut Work<'_>,
    (events, past): (&[Vec<u8>], &Past),
    by: By,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut logs = BTreeSet::new();
    for sealed in events.iter().filter_map(|bytes| Sealed::read(bytes).ok()) {
        let Some(mut lock) = lock_of(app, work, sealed.lock) else { continue };
        let shared = Shared::by(app, &lock)?;
        let owner = work.before(lock.key.place);
        let record = owner.as_ref().and_then(|owner| owner.locks.get(lock.key.lock));
        let record = record.map(|record| &**record).or_else(|| past.locks.last(lock.key));
        let (is_one, why) = take_event(work, &mut lock, record, (&shared, past), &sealed);
        why.into_iter().for_each(|why| alarm(work, &lock, by, why));
        if is_one {
            logs.insert((lock.key, sealed.log_epoch));
            work.put_offline(lock);
        }
    }
    let mut told = Vec::new();
    for (key, log_epoch) in logs {
        let Some(mut lock) = work.offline(key).filter(|it| !it.epoch_due) else { continue };
        let Some(owner) = work.before(key.place) else { continue };
        let issuer = app.signers().issuer(&owner.place)?;
        let iat = unless_unavailable(list::iat(app.signers(), &mut lock, work.now))?;
        let Some(iat) = iat else { continue };
        told.extend(acknowledge(&issuer, &lock, log_epoch, iat)?);
        work.put_offline(lock);
    }
    Ok(told)
}

/// Takes in an event of a lock: it is stored once, however often it is brought. One that the lock
/// has not sealed is nothing. Says whether it is one, and why somebody must look at it.
fn take_event(
    work: &mut Work<'_>,
    lock: &mut OfflineLock,
    record: Option<&Lock>,
    (shared, past): (&Shared, &Past),
    sealed: &Sealed,
) -> (bool, Option<&'static str>) {
    let Some(happened) = shared.unseal(sealed) else {
        return (false, Some("an event that its lock has not sealed"));
    };
    let log = lock.logs.entry(sealed.log_epoch).or_default();
    if !log.arrive(sealed.seq) && !planted(Slip::EventsTwice) {
        return (true, None);
    }
    let Some(code) = Code::of(happened.code) else {
        tracing::warn!(lock = %lock.id, code = happened.code, "an event of a kind nobody knows");
        note_gap(lock, work.now);
        return (true, None);
    };
    if code == Code::Lost {
        // The lock says so itself: nobody will bring these but who has them already.
        let (first, last) = (happened.serial, happened.spread.max(happened.serial));
        log.lose((first, last));
        tracing::error!(lock = %lock.id, first, last, "events of a lock are lost");
        note_gap(lock, work.now);
        return (true, Some("the lock has lost events"));
    }
    note_gap(lock, work.now);
    if code == Code::Conflict {
        return (true, Some("the lock was brought a second list of one version: a cloned signer"));
    }
    let Some(kind) = kind_of(code, happened.command) else { return (true, None) };
    if let Some(record) = record {
        let key = KeyClass::of(happened.class).map(|class| (class, happened.serial));
        let key = key.and_then(|key| lock.issued(key)).map(|key| Issued::clone(key));
        let at = occurred(&happened, work.now);
        let privacy = (past.locks.privacy(lock.key, record, at), record.privacy);
        let subject = key.as_ref().and_then(|key| subject(work, past, key, at));
        tell(work, lock, (privacy, subject), &happened, (kind, key.as_ref()));
    }
    (true, None)
}

fn note_gap(lock: &mut OfflineLock, now: Instant) {
    lock.gap_since = lock.has_gap().then(|| lock.gap_since.unwrap_or(now));
}

/// What an event of a lock is to the people of its place; none for its own housekeeping, and for
/// what is an alarm.
fn kind_of(code: Code, command: u16) -> Option<EventKind> {
    match code {
        Code::Done => {
            let command = u8::try_from(command).ok().and_then(Command::of);
            let closes = command.is_some_and(|it| it.close);
            Some(if closes { EventKind::DoorClosed } else { EventKind::AccessGranted })
        }
        Code::OldEpoch
        | Code::NeedList
        | Code::Revoked
        | Code::Expired
        | Code::NotYet
        | Code::TimeUnknown
        | Code::OutsideSchedule
        | Code::NoIntent
        | Code::NoProximity => Some(EventKind::AccessDenied),
        Code::StateLost => Some(EventKind::Tamper),
        Code::ClockWrong => Some(EventKind::ClockWrong),
        Code::Malformed
        | Code::NotForMe
        | Code::NotRecorded
        | Code::Refused
        | Code::Applied
        | Code::Same
        | Code::Older
        | Code::Conflict
        | Code::NoEpoch
        | Code::NotFresh
        | Code::TooLong
        | Code::ClockSet
        | Code::Lost
        | Code::Commissioned
        | Code::Uncommissioned
        | Code::Faulty => None,
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
    (privacy, subject): ((Privacy, Privacy), Option<EventSubject>),
    happened: &Happened,
    (kind, key): (EventKind, Option<&Issued>),
) {
    let now = work.now;
    let owner = lock.key.place;
    let place = key.map_or(owner, |key| key.place);
    let at = occurred(happened, now);
    let subject = subject.unwrap_or_default();
    use EventKind::{AccessDenied, AccessGranted, DoorClosed};
    let by_key = matches!(kind, AccessGranted | AccessDenied | DoorClosed);
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
        method: by_key.then_some(method),
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

/// Whom an event is about, whoever has the device by now: nobody whose device or who is deleted, as
/// that would be known again by the grant, and nobody who is to be forgotten.
fn subject(work: &Work<'_>, past: &Past, key: &Issued, at: Instant) -> Option<EventSubject> {
    let state = work.before(key.place)?;
    let credential = state.credentials.get(key.device)?;
    let holders = past.holders.get(&(key.place, key.device));
    let former = holders.into_iter().flatten().find(|past| at < past.replaced_at);
    let person = former.map_or(credential.person, |past| past.person);
    let known = person.map(|person| state.people.get(person));
    if known.is_some_and(|known| known.is_none_or(|person| is_forgotten(person, at))) {
        return None;
    }
    Some(EventSubject {
        person,
        credential: Some(key.device),
        grant: Some(key.grant),
        ..EventSubject::default()
    })
}

/// Tells a lock up to which number the events of one of its logs have arrived; nothing where the
/// first has not.
fn acknowledge(
    issuer: &Issuer,
    lock: &OfflineLock,
    log_epoch: u64,
    iat: i64,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(log) = lock.logs.get(&log_epoch) else { return Ok(None) };
    let up_to_seq = next(log).saturating_sub(1);
    if up_to_seq == 0 {
        return Ok(None);
    }
    let iat = u64::try_from(iat).map_err(|_| Error::Internal)?;
    let ack = Ack { iat, lock: lock.id.0, log_epoch, up_to_seq };
    issuer.key.sign(Kind::Ack, |it| ack.write(it)).map(Some)
}
