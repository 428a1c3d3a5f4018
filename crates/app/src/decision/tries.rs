//! Wrong PINs per credential and unknown codes per lock, counted in memory.
//!
//! The rule is `domain::decision::Attempts`; what is counted is never a digit.

use claviger_domain::decision::{Decision, Pin, identify};
use claviger_domain::ids::CredentialNumber;
use claviger_domain::noun::event::{EventKind, Method};
use claviger_domain::reason::Reason;
use claviger_domain::time::{HOUR, Instant, SECOND};
use claviger_store::StoreError;

use super::{Found, Side, Sides, presented};
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

/// Counts what the own place's decision shows: a wrong PIN where the PIN was looked at, an unknown
/// code where no place knows it. A right one ends the count.
pub(super) fn count(app: &App, sides: &Sides, own: &Decision, found: &Found, now: Instant) {
    let wrong = own.reasons.has(Reason::PinWrong);
    for side in sides.all() {
        let request = presented(app, found, side, &sides.own);
        let Some(known) = request.and_then(|it| identify(&side.state, it)) else { continue };
        let Some(cell) = app.world().cell(side.place()) else { continue };
        let mut pins = guard(&cell.pins);
        if wrong {
            pins.entry(known.number()).or_default().fail(now);
        } else if own.granted && own.request().pin == Pin::Right {
            // At a door that asks for no PIN nothing is proven.
            pins.remove(&known.number());
        }
    }
    if own.request().presented.is_typed() {
        let unknown = sides.all().all(|side| {
            let request = presented(app, found, side, &sides.own);
            request.and_then(|it| identify(&side.state, it)).is_none()
        });
        let Some(cell) = app.world().cell(sides.owner.place()) else { return };
        let mut codes = guard(&cell.codes);
        if unknown && own.reasons.has(Reason::CredentialUnknown) {
            codes.entry(sides.owner.lock).or_default().fail(now);
        } else if own.granted {
            codes.remove(&sides.owner.lock);
        }
    }
}

/// Counts again what recent events tell, after a start.
pub(crate) async fn rebuild_attempts(app: &App) -> Result<(), StoreError> {
    let since = app.now().plus(-REBUILD);
    for (place, event) in app.store().recent_attempts(since).await? {
        let Some(cell) = app.world().cell(place) else { continue };
        let (mut pins, mut codes) = (guard(&cell.pins), guard(&cell.codes));
        let code = event.method == Some(Method::Code);
        match (event.kind, event.subject.credential) {
            (EventKind::AccessGranted, known) => {
                known.filter(|_| event.method != Some(Method::Card)).map(|it| pins.remove(&it));
                if code {
                    codes.remove(&event.lock);
                }
            }
            (_, Some(known)) if event.reasons.has(Reason::PinWrong) => {
                pins.entry(known).or_default().fail(event.occurred_at);
            }
            (_, None) if code && event.reasons.has(Reason::CredentialUnknown) => {
                codes.entry(event.lock).or_default().fail(event.occurred_at);
            }
            _ => {}
        }
    }
    Ok(())
}
