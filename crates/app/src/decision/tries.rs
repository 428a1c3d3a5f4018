//! Wrong PINs per credential and unknown codes per lock, counted in memory.
//!
//! The rule is `domain::decision::Attempts`; what is counted is never a digit.

use std::sync::Arc;

use claviger_domain::decision::{Decision, Pin};
use claviger_domain::ids::{CredentialNumber, PlaceNumber};
use claviger_domain::noun::credential::Credential;
use claviger_domain::noun::event::{Event, EventKind, EventSubject, Method};
use claviger_domain::reason::Reason;
use claviger_domain::time::{HOUR, Instant, SECOND};
use claviger_store::StoreError;

use super::{Found, Side, Sides, recognised};
use crate::App;
use crate::error::Error;
use crate::world::guard;

/// How far back events are read at start: longer than any lockout with the tries before it.
const REBUILD: i64 = 2 * HOUR;

pub(super) fn codes_locked(app: &App, owner: &Side, now: Instant) -> bool {
    codes_locked_until(app, owner, now).is_some()
}

fn codes_locked_until(app: &App, owner: &Side, now: Instant) -> Option<Instant> {
    let cell = app.world().cell(owner.place())?;
    let codes = guard(&cell.codes);
    codes.get(&owner.lock)?.locked_until(now)
}

/// Refuses while the code entry of a lock is locked out.
pub(super) fn check_codes(app: &App, owner: &Side, now: Instant) -> Result<(), Error> {
    let Some(until) = codes_locked_until(app, owner, now) else { return Ok(()) };
    let left = u32::try_from((until.0 - now.0) / SECOND).unwrap_or(u32::MAX);
    Err(Error::TooMany { retry_after_s: left.saturating_add(1) })
}

/// Counts an unknown code at a lock that was asked for otherwise than by a decision.
pub(super) fn count_unknown_code(app: &App, owner: &Side, now: Instant) {
    if let Some(cell) = app.world().cell(owner.place()) {
        guard(&cell.codes).entry(owner.lock).or_default().fail(now);
    }
}

pub(super) fn pin_locked(app: &App, side: &Side, known: CredentialNumber, now: Instant) -> bool {
    let cell = app.world().cell(side.place());
    cell.is_some_and(|cell| {
        guard(&cell.pins).get(&known).is_some_and(|attempts| attempts.is_locked(now))
    })
}

/// What the places that were asked made of a PIN and of a code.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tried {
    granted: bool,
    wrong: bool,
    right: bool,
    unknown: bool,
}

impl Tried {
    /// Adds what one place decided; the first is the one that was asked.
    pub(super) fn add(&mut self, decision: &Decision) {
        // Where the door stands open nothing is proven.
        self.granted |= decision.granted && decision.method != Method::FreeAccess;
        self.wrong |= decision.checked_pin() == Some(Pin::Wrong);
        self.right |= decision.checked_pin() == Some(Pin::Right);
        self.unknown |= decision.reasons.has(Reason::CredentialUnknown);
    }
}

/// Counts what was tried: a wrong PIN where any place looked at it, at every place that knows the
/// credential; an unknown code where no place knows it. Being let in with a right one ends the
/// count.
pub(super) fn count(app: &App, sides: &Sides, found: &Found, tried: &Tried, now: Instant) {
    let mut known_somewhere = false;
    for (side, known) in known_to(app, sides, found) {
        known_somewhere = true;
        let Some(cell) = app.world().cell(side.place()) else { continue };
        let mut pins = guard(&cell.pins);
        if tried.wrong {
            pins.entry(known.number()).or_default().fail(now);
        } else if tried.right && tried.granted {
            pins.remove(&known.number());
        }
    }
    if matches!(found, Found::Code(_)) {
        let Some(cell) = app.world().cell(sides.owner.place()) else { return };
        let mut codes = guard(&cell.codes);
        if tried.unknown && !known_somewhere {
            codes.entry(sides.owner.lock).or_default().fail(now);
        } else if tried.granted && known_somewhere {
            codes.remove(&sides.owner.lock);
        }
    }
}

/// Counts again what recent events tell, after a start.
pub(crate) async fn rebuild_attempts(app: &App) -> Result<(), StoreError> {
    let since = app.now().plus(-REBUILD);
    let recent = app.store().recent_attempts(since).await?;
    recent.iter().for_each(|(place, event)| recount(app, *place, event));
    Ok(())
}

/// Whether a PIN was looked at follows from the rule of the lock as it is at the start; an event
/// does not tell.
fn recount(app: &App, place: PlaceNumber, event: &Event) {
    let Ok(state) = app.state(place) else { return };
    let Ok(sides) = Sides::of(app, Side { state, lock: event.lock }) else { return };
    let (at, granted) = (event.occurred_at, event.kind == EventKind::AccessGranted);
    let unknown = event.reasons.has(Reason::CredentialUnknown);
    let EventSubject { credential, card, .. } = event.subject;
    let found = card.map(Found::Card).or(credential.map(Found::Credential));
    let looked_at = sides.door().is_ok_and(|door| door.asks_pin(at));
    let proven = granted && looked_at && event.method != Some(Method::Card);
    // Known to another place than the one that was asked, and refused there too.
    let elsewhere = unknown && looked_at && event.method == Some(Method::CardAndPin);
    if let Some(found) =
        found.filter(|_| proven || elsewhere || event.reasons.has(Reason::PinWrong))
    {
        for (side, known) in known_to(app, &sides, &found) {
            let Some(cell) = app.world().cell(side.place()) else { continue };
            let mut pins = guard(&cell.pins);
            if proven {
                pins.remove(&known.number());
            } else if known.pin.is_some() {
                pins.entry(known.number()).or_default().fail(at);
            }
        }
    }
    // The owner of a shared lock has an event of its own.
    let cell = app.world().cell(place).filter(|_| place == sides.owner.place());
    let Some(cell) = cell.filter(|_| event.method == Some(Method::Code)) else { return };
    if granted {
        guard(&cell.codes).remove(&event.lock);
    } else if unknown && credential.is_none() {
        guard(&cell.codes).entry(event.lock).or_default().fail(at);
    }
}

/// The places that know what was presented, each with the credential it is there.
fn known_to<'s>(
    app: &'s App,
    sides: &'s Sides,
    found: &'s Found,
) -> impl Iterator<Item = (&'s Side, &'s Arc<Credential>)> {
    sides
        .all()
        .filter_map(|side| Some((side, recognised(app, found, side, &sides.own)?.credential()?)))
}
