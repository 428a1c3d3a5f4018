//! Enrolment at a machine: an admin key that was let in lets the key presented after it in, too.
//!
//! The machine asks; what proves that the admin key was there is the event of its decision.

use std::sync::Arc;

use claviger_domain::command::rights;
use claviger_domain::draft::Draft;
use claviger_domain::ids::{CredentialNumber, Id, LockNumber, Noun, Ref};
use claviger_domain::noun::event::{Event, EventKind, Method};
use claviger_domain::noun::grant::{Grant, Source, SourceKind, Subject, Target};
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, MINUTE};

use super::{Found, PresentedWish, Side, Sides, ask, check_controller, find, recognised, tries};
use crate::context::Context;
use crate::error::Error;
use crate::read::resolve;
use crate::{App, Written, not_here};

/// How long after an admin key was let in another may be enrolled.
const TIME: i64 = MINUTE;

/// What a machine asks.
#[derive(Clone, Debug)]
pub struct EnrolWish {
    /// The machine.
    pub lock: Ref,
    /// The event of the decision that let the admin key in.
    pub event: Id,
    /// The key to be let in from now on.
    pub presented: PresentedWish,
}

/// Gives a key the right to open a machine, for an admin key that was let in there within the last
/// minute and may open it still. One that has the right already keeps it.
///
/// # Errors
/// No such machine, event or key; no admin key, or not any longer; too many unknown codes.
pub async fn enrol(
    ctx: &Context,
    place: Id,
    wish: EnrolWish,
) -> Result<Written<Arc<Grant>>, Error> {
    let place = ctx.authorize(place, Scope::DecisionsMake)?;
    let state = ctx.app.state(place)?;
    let lock: LockNumber = resolve(&state, Noun::Lock, &wish.lock)?;
    check_controller(ctx, &state, lock)?;
    let event = ctx.app.store().event(place, wish.event).await?;
    let event = event.filter(|event| event.lock == lock && !event.hidden);
    let event =
        event.ok_or_else(|| not_here("/event_id", "there is no such event at this lock"))?;
    let (app, via, ctx2) = (ctx.app.clone(), ctx.via, ctx.clone());
    ctx.write(Some(place), move |work| {
        let now = work.now;
        let draft = work.place(place)?;
        let lock: LockNumber = resolve(&draft.state, Noun::Lock, &wish.lock)?;
        let own = draft.state.locks.get(lock).ok_or(Error::not_found(Noun::Lock))?;
        ctx2.check_seen(&own.header)?;
        let admin = admin(&draft.state, &event, now).ok_or_else(no_admin)?;
        let side = Side { state: Arc::new(draft.state.clone()), lock };
        let sides = Sides::of(&app, side)?;
        // What another place gives its holder there is no right to give anything here.
        let alone = Sides { others: Vec::new(), ..sides };
        let may = ask(&app, &alone, &Found::Credential(admin), None, now, false)?;
        if !may.decided.granted || may.decided.method == Method::FreeAccess {
            return Err(no_admin());
        }
        let key = key(&app, &alone, &wish.presented, now)?;
        give(draft, key, lock, Source { kind: SourceKind::Direct, via })
    })
    .await
}

fn no_admin() -> Error {
    let detail = "no admin key was let in here within the last minute that may open still";
    Refusal::InUse(detail.to_owned()).into()
}

/// The admin key whose right an event shows.
fn admin(state: &PlaceState, event: &Event, now: Instant) -> Option<CredentialNumber> {
    let is_recent = event.occurred_at <= now && now < event.occurred_at.plus(TIME);
    // Where the lock stands free nobody has shown any right.
    let by_right = event.kind == EventKind::AccessGranted
        && event.method != Some(Method::FreeAccess)
        && event.subject.grant.is_some();
    let number = event.subject.credential.filter(|_| is_recent && by_right)?;
    state.credentials.get(number).filter(|it| it.is_admin).map(|_| number)
}

/// The key that is presented. Codes are guessed at no faster than at the door: one that is unknown
/// counts there, and while they are locked out nothing tells whether one is known.
fn key(
    app: &App,
    sides: &Sides,
    wish: &PresentedWish,
    now: Instant,
) -> Result<CredentialNumber, Error> {
    let is_code = matches!(wish, PresentedWish::Code(_));
    if is_code {
        tries::check_codes(app, &sides.owner, now)?;
    }
    let pointer = match wish {
        PresentedWish::Card(_) => "/card",
        PresentedWish::Code(_) => "/code",
        PresentedWish::Credential(_) | PresentedWish::Person(_) => "/credential_id",
    };
    let missing = || not_here(pointer, "is nothing that is known in this place");
    let own = &sides.own;
    let found = find(&own.state, wish).map_err(|_| missing())?;
    let known = recognised(app, &found, own, own).and_then(|it| it.credential());
    if is_code && known.is_none() {
        tries::count_unknown_code(app, &sides.owner, now);
    }
    known.map(|credential| credential.number()).ok_or_else(missing)
}

fn give(
    draft: &mut Draft,
    key: CredentialNumber,
    lock: LockNumber,
    source: Source,
) -> Result<Arc<Grant>, Error> {
    let target = Target::Lock(lock);
    let wish = rights::Rights { clear: false, add: &[target], remove: &[], source };
    rights::set_rights(draft, key, &wish)?;
    let given = draft.state.grants_between(Subject::Credential(key), target);
    let given = given.filter(|grant| grant.is_plain()).last().cloned();
    given.ok_or(Error::Internal)
}
