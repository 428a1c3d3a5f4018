//! What controllers report of their locks: events and health.

use claviger_domain::command::lock as rules;
use claviger_domain::decision::{Door, Lockouts, Pin, Presented, Recognised, Request, decide};
use claviger_domain::ids::{
    ControllerNumber, CredentialNumber, GrantNumber, Id, LockNumber, Noun, PlaceNumber,
};
use claviger_domain::noun::card::CardValue;
use claviger_domain::noun::event::{Event, EventKind, EventSubject, Method};
use claviger_domain::noun::lock::{Health, Lock};
use claviger_domain::offline::LockKey;
use claviger_domain::provision::{ListKey, Site};
use claviger_domain::reason::Reasons;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{HOUR, Instant, MINUTE};

use super::former::Former;
use crate::error::Error;
use crate::work::Work;

/// How far the clocks of a controller and of the server may be apart without that being wrong.
const APART: i64 = 5 * MINUTE;
/// How old the word of when a lock was last heard of may be.
const HEARD_OF_EVERY: i64 = HOUR;

/// An event as a controller reports it.
#[derive(Clone, Debug)]
pub struct EventWish {
    /// The controller's own number.
    pub seq: u64,
    /// What happened.
    pub kind: EventKind,
    /// At which of its locks.
    pub lock: LockNumber,
    /// When, by its clock.
    pub occurred_at: Instant,
    /// What was presented.
    pub method: Option<Method>,
    /// Why it was denied.
    pub reasons: Reasons,
    /// The credential that was recognised.
    pub credential: Option<Id>,
    /// Or the card that was not.
    pub card: Option<CardValue>,
}

/// How a lock is.
#[derive(Clone, Copy, Debug)]
pub struct LockReport {
    /// Which.
    pub lock: LockNumber,
    /// 0–100; none where it is not told.
    pub battery_percent: Option<u8>,
}

/// The lock that an event is of: one that hangs on the controller, or did when it happened.
fn lock_of<'s>(site: &'s Site<'_>, wish: &EventWish, former: &Former) -> Option<&'s Lock> {
    let (state, controller) = (site.owner, site.key.controller);
    let lock = state.locks.get(wish.lock).filter(|lock| lock.borrowed.is_none())?;
    let key = LockKey { place: site.key.place, lock: wish.lock };
    let then = former.past.controller(key, lock, wish.occurred_at);
    (lock.controller == Some(controller) || then == Some(controller)).then_some(&**lock)
}

fn own(state: &PlaceState, controller: ControllerNumber, lock: LockNumber) -> Option<&Lock> {
    let lock = state.locks.get(lock).filter(|lock| lock.borrowed.is_none())?;
    (lock.controller == Some(controller)).then_some(&**lock)
}

/// Adds the events that are not stored yet to a commit; says up to which number all are.
pub(super) fn events(
    work: &mut Work,
    site: &Site<'_>,
    known: u64,
    events: &[EventWish],
    former: &Former,
) -> u64 {
    let mut last = known;
    for wish in events {
        if wish.seq <= last {
            continue;
        }
        last = wish.seq;
        if let Some(lock) = lock_of(site, wish, former) {
            event(work, site, lock, wish, former);
        }
    }
    last
}

fn event(work: &mut Work, site: &Site<'_>, lock: &Lock, wish: &EventWish, former: &Former) {
    let now = work.now;
    // Before the controller was made here nothing can have happened at it: its clock has not been
    // set since it lost its power.
    let made = site.owner.controllers.get(site.key.controller).map(|it| it.header.created_at);
    let early = made.is_some_and(|made| wish.occurred_at < made.plus(-APART));
    let wrong = early || wish.occurred_at > now.plus(APART);
    let occurred_at = if wrong { now } else { wish.occurred_at };
    let nobody = wish.method.is_some_and(|method| !method.is_somebodys());
    let (place, number, subject) = match nobody {
        true => (site.key.place, wish.lock, EventSubject::default()),
        false => {
            // What is named goes before what was presented: the card may be another's by now.
            let at = occurred_at;
            let named = wish.credential.and_then(|named| {
                let live = whom(site, wish, at, Some(named), former);
                live.or_else(|| former.whom(site, wish, at))
            });
            named.or_else(|| whom(site, wish, at, None, former)).unwrap_or_else(|| {
                let card = wish.card;
                (site.key.place, wish.lock, EventSubject { card, ..EventSubject::default() })
            })
        }
    };
    let grant = match wish.kind {
        EventKind::AccessGranted => {
            opened_by(site, (place, number), wish.lock, &subject, occurred_at)
        }
        _ => None,
    };
    let subject = EventSubject { grant, ..subject };
    let id = work.next_id();
    let whole = Event {
        occurred_at,
        method: wish.method,
        reasons: wish.reasons,
        subject,
        ..Event::at(number, wish.kind, id, now)
    };
    let owner = site.key.place;
    let key = LockKey { place: owner, lock: wish.lock };
    let privacy = (former.past.privacy(key, lock, occurred_at), lock.privacy);
    if place != owner {
        let bare = Event { lock: wish.lock, subject: EventSubject::default(), ..whole.clone() };
        work.keep_late(owner, bare, privacy);
    }
    work.keep_late(place, whole, privacy);
    if wrong {
        let id = work.next_id();
        work.event(owner, Event::at(wish.lock, EventKind::ClockWrong, id, now));
    }
}

/// The grant by which a list let somebody in at a lock, `own` to the controller: one by which they
/// would be let in as rights are now, and which was there then; none where the credential was in
/// other hands. A list does not tell.
fn opened_by(
    site: &Site<'_>,
    (place, lock): (PlaceNumber, LockNumber),
    own: LockNumber,
    subject: &EventSubject,
    then: Instant,
) -> Option<GrantNumber> {
    let tenant = site.tenant(place)?;
    let credential = tenant.state.credentials.get(subject.credential?)?;
    if credential.person != subject.person {
        return None;
    }
    let request = Request {
        lock,
        recognised: Recognised::by(tenant.state, Presented::Credential(credential.number())),
        pin: Pin::Asked,
        lockouts: Lockouts::default(),
        now: then,
    };
    let decision = decide(Door::at(site.owner, own)?, &request);
    let was_there = |number: &GrantNumber| {
        let grant = tenant.state.grants.get(*number);
        grant.is_some_and(|grant| grant.header.created_at <= then)
    };
    decision.by().find(was_there)
}

/// Whom an event is about: the place whose people, the lock's number there, and whom of them.
pub(super) type Whom = (PlaceNumber, LockNumber, EventSubject);

/// Whom an event of an instant is about, as the places are: who then had the credential it names,
/// or that of the card.
fn whom(
    site: &Site<'_>,
    wish: &EventWish,
    at: Instant,
    named: Option<Id>,
    former: &Former,
) -> Option<Whom> {
    let card = wish.card;
    for tenant in &site.tenants {
        let found = match named {
            Some(id) => tenant.state.number_of(Noun::Credential, id).map(CredentialNumber),
            None => card.and_then(|card| tenant.state.credential_by_card(card)),
        };
        let Some(credential) = found.and_then(|number| tenant.state.credentials.get(number)) else {
            continue;
        };
        // Of the owner's locks those count, too, that no list serves; another place has a part only
        // in those that are shared to it.
        let place = tenant.state.place.number();
        let there = tenant.locks.iter().find(|(_, own)| **own == wish.lock);
        let lock = match there {
            Some((there, _)) => *there,
            None if place == site.key.place => wish.lock,
            None => continue,
        };
        let person = former.holder(credential.header.id, at).unwrap_or(credential.person);
        if person.is_some_and(|it| former.is_forgotten(site, place, it, wish.occurred_at)) {
            return Some((place, lock, EventSubject::default()));
        }
        // Where the list's item is named, any of the card's parts was presented.
        let of_card = matches!(wish.method, Some(Method::Card | Method::CardAndPin));
        let part = || credential.parts.first().filter(|_| of_card).map(|part| part.card);
        let (credential, card) = (Some(credential.number()), card.or_else(part));
        let subject = EventSubject { person, credential, card, ..EventSubject::default() };
        return Some((place, lock, subject));
    }
    None
}

/// Notes how locks are, where that is news.
pub(super) fn health(work: &mut Work, key: ListKey, reports: &[LockReport]) -> Result<(), Error> {
    let now = work.now;
    for report in reports {
        let draft = work.place(key.place)?;
        let Some(lock) = own(&draft.state, key.controller, report.lock) else { continue };
        let seen = lock.health.last_seen_at;
        let fresh = seen.is_some_and(|seen| now < seen.plus(HEARD_OF_EVERY));
        let battery_percent = report.battery_percent.or(lock.health.battery_percent);
        if !fresh || battery_percent != lock.health.battery_percent {
            let health = Health { battery_percent, last_seen_at: Some(now) };
            rules::set_health(draft, report.lock, health)?;
        }
    }
    Ok(())
}
