//! Decisions: the live check with its event, previews, and who can open what.
//!
//! The rule itself is `domain::decision`; here the places a lock is in are asked, wrong tries are
//! counted and the event is made durable before the answer.

mod access;
mod enrol;
mod record;
mod recorder;
mod sides;
mod tries;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use claviger_domain::decision::{
    Decision, Hint, Lockouts, Pin, Presented, Recognised, Request, decide,
};
use claviger_domain::ids::{
    CredentialNumber, Id, LockNumber, Noun, PersonNumber, PlaceNumber, Ref,
};
use claviger_domain::noun::card::CardValue;
use claviger_domain::noun::credential::{SessionHints, Tag};
use claviger_domain::noun::event::{EventSubject, Method};
use claviger_domain::noun::scope::Scope;
use claviger_domain::reason::Reasons;
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

pub use access::{AccessRow, of_caller, of_lock, of_person};
pub use enrol::{EnrolWish, enrol};
use record::Begun;
pub(crate) use record::{Recording, Waiting, drain, recorded_until, settled};
pub(crate) use recorder::Recorder;
pub(crate) use sides::{Side, Sides};
pub(crate) use tries::{Tried, rebuild_attempts};

use crate::context::{Context, Expected};
use crate::credential::Digits;
use crate::error::Error;
use crate::provision::remote_unlock;
use crate::read::resolve;
use crate::{App, not_here};

/// What was presented, as a caller says it.
#[derive(Clone, Debug)]
pub enum PresentedWish {
    /// A credential by reference.
    Credential(Ref),
    /// A person who asks from afar.
    Person(Ref),
    /// One part of a card.
    Card(CardValue),
    /// A code.
    Code(Digits),
}

/// A question.
#[derive(Clone, Debug)]
pub struct DecisionWish {
    /// At which lock.
    pub lock: Ref,
    /// What was presented.
    pub presented: PresentedWish,
    /// The PIN.
    pub pin: Option<Digits>,
    /// At another instant than the present: a preview.
    pub at: Option<Instant>,
    /// Whether it makes an event; unless said, it does where no instant is given.
    pub record: Option<bool>,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// Whether the door opens.
    pub granted: bool,
    /// What was presented, or that nothing was needed.
    pub method: Method,
    /// Every condition found to fail, in order.
    pub reasons: Reasons,
    /// The grants that allow, or would but for the reasons; empty for callers who may not read
    /// them.
    pub by: Vec<Id>,
    /// When nothing but time stands in the way.
    pub opens_at: Option<Instant>,
    /// The smallest single change that would open.
    pub hint: Option<String>,
    /// Hints for what the credential switches on.
    pub session: Option<SessionHints>,
    /// The revision of the place that was asked.
    pub revision: u64,
    /// The event it made.
    pub event: Option<Id>,
    /// Whether the event is durable; false only where the lock opens all the same.
    pub recorded: bool,
}

/// What was presented, for one side: codes have a tag of their own in each place, ids belong to the
/// place that was asked.
fn presented(app: &App, wish: &Found, side: &Side, own: &Side) -> Option<Presented> {
    match wish {
        Found::Card(card) => Some(Presented::Card(*card)),
        Found::Code(digits) => Some(typed(app, side, digits)),
        Found::Credential(number) if side.place() == own.place() => {
            Some(Presented::Credential(*number))
        }
        Found::Person(number) if side.place() == own.place() => Some(Presented::Person(*number)),
        // Another place knows the same card by its parts.
        Found::Credential(number) => {
            let credential = own.state.credentials.get(*number)?;
            credential.parts.first().map(|part| Presented::Card(part.card))
        }
        Found::Person(_) => None,
    }
}

/// What was presented, as one side knows it.
fn recognised<'s>(app: &App, wish: &Found, side: &'s Side, own: &Side) -> Option<Recognised<'s>> {
    Some(Recognised::by(&side.state, presented(app, wish, side, own)?))
}

/// What typed digits mean in a place: the code they are, else the opaque card whose text they are.
fn typed(app: &App, side: &Side, digits: &Digits) -> Presented {
    let tag = app.secrets().code_tag(side.place(), &digits.0);
    let is_code = side.state.credential_by_code(tag).is_some();
    let card = CardValue::of_text(&digits.0).filter(|_| !is_code);
    let card = card.filter(|card| side.state.credential_by_text(*card).is_some());
    card.map_or(Presented::Code(tag), Presented::Typed)
}

/// What was presented, with references found.
pub(crate) enum Found {
    Credential(CredentialNumber),
    Person(PersonNumber),
    Card(CardValue),
    Code(Digits),
}

fn find(state: &PlaceState, wish: &PresentedWish) -> Result<Found, Error> {
    Ok(match wish {
        PresentedWish::Credential(it) => Found::Credential(resolve(state, Noun::Credential, it)?),
        PresentedWish::Person(it) => Found::Person(resolve(state, Noun::Person, it)?),
        PresentedWish::Card(card) => Found::Card(*card),
        PresentedWish::Code(digits) => Found::Code(digits.clone()),
    })
}

/// What came of asking every place the lock is in.
pub(crate) struct Outcome {
    pub(crate) decided: Decided,
    /// The place whose people the event is about, with the lock's number there, and whom.
    pub(crate) at: (PlaceNumber, LockNumber, EventSubject),
    /// The owner, where that is another place.
    pub(crate) owner: Option<(PlaceNumber, LockNumber)>,
    /// What was tried, to be counted where the question was a live one.
    pub(crate) tried: Tried,
}

/// Asks every place the lock is in; the first that grants is enough. Whoever asks a live question
/// counts what was tried ([`tries::count`]), once.
pub(crate) fn ask(
    app: &App,
    sides: &Sides,
    found: &Found,
    pin: Option<&Digits>,
    now: Instant,
    live: bool,
) -> Result<Outcome, Error> {
    let door = sides.door()?;
    let tag = pin.map(|pin| app.secrets().pin_tag(&pin.0));
    let pin = pin_state(app, sides, found, tag, live);
    let codes = live && tries::codes_locked(app, &sides.owner, now);
    let request = |side| -> Option<Request<'_>> {
        let recognised = recognised(app, found, side, &sides.own)?;
        // A question is locked out by nothing.
        let known = recognised.credential().filter(|_| live);
        let pin_locked =
            known.is_some_and(|known| tries::pin_locked(app, side, known.number(), now));
        let lockouts = Lockouts { pin: pin_locked, codes };
        Some(Request { lock: side.lock, recognised, pin, lockouts, now })
    };
    let own_request = request(&sides.own).ok_or(Error::Internal)?;
    let own = decide(door, &own_request);
    let mut tried = Tried::default();
    tried.add(&own);
    let mut other = None;
    for side in sides.others.iter().filter(|_| !own.granted) {
        let Some(request) = request(side) else { continue };
        let decision = decide(door, &request);
        tried.add(&decision);
        if decision.granted {
            other = Some((side, decision));
            break;
        }
    }
    let owner = |at: PlaceNumber| {
        let owner = &sides.owner;
        (owner.place() != at).then(|| (owner.place(), owner.lock))
    };
    if let Some((side, other)) = other {
        let mut decided = bare(&other, &sides.own.state);
        decided.session = other.session();
        let at = (side.place(), side.lock, subject(&other, found));
        return Ok(Outcome { decided, at, owner: owner(side.place()), tried });
    }
    let mut decided = bare(&own, &sides.own.state);
    decided.session = own.session();
    decided.by = own
        .by()
        .filter_map(|number| sides.own.state.grants.get(number))
        .map(|grant| grant.header.id)
        .collect();
    decided.opens_at = own.opens_at();
    decided.hint = own.hint().map(|hint| hint_text(hint, &own, &sides.own));
    let at = (sides.own.place(), sides.own.lock, subject(&own, found));
    Ok(Outcome { decided, at, owner: owner(sides.own.place()), tried })
}

fn bare(decision: &Decision, state: &PlaceState) -> Decided {
    Decided {
        granted: decision.granted,
        method: decision.method,
        reasons: decision.reasons,
        by: Vec::new(),
        opens_at: None,
        hint: None,
        session: None,
        revision: state.revision,
        event: None,
        recorded: true,
    }
}

fn subject(decision: &Decision, found: &Found) -> EventSubject {
    let (credential, person) = decision.about();
    let card = if let Found::Card(card) = found { Some(*card) } else { None };
    EventSubject { person, credential, grant: decision.by().next(), card, stand_in: None }
}

/// A PIN is wrong only if it is wrong in every place that knows the credential.
fn pin_state(app: &App, sides: &Sides, found: &Found, tag: Option<Tag>, live: bool) -> Pin {
    let Some(tag) = tag else { return if live { Pin::Missing } else { Pin::Asked } };
    let right = sides.all().any(|side| {
        let known = recognised(app, found, side, &sides.own);
        let known = known.and_then(|it| it.credential());
        known.and_then(|credential| credential.pin.as_ref()).is_some_and(|pin| pin.tag == tag)
    });
    if right { Pin::Right } else { Pin::Wrong }
}

fn hint_text(hint: Hint, decision: &Decision, side: &Side) -> String {
    let lock = side.state.locks.get(side.lock).map_or("this lock", |lock| lock.name.as_str());
    let who = decision.person().map_or_else(
        || decision.credential().and_then(|it| it.label.clone()).unwrap_or("the credential".into()),
        |person| {
            let details = &person.details;
            let names = [&details.first_name, &details.last_name];
            let full: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
            details
                .display_name
                .clone()
                .or_else(|| (!full.is_empty()).then(|| full.join(" ")))
                .or_else(|| details.email.clone())
                .unwrap_or("the person".into())
        },
    );
    match hint {
        Hint::NormalPosture => format!("put {lock} back to normal"),
        Hint::RegisterCredential => format!("register it for somebody who has access to {lock}"),
        Hint::ActivateCredential => "make the credential active".to_owned(),
        Hint::ChangeValidity => "change the credential's validity".to_owned(),
        Hint::ResumePerson => format!("resume {who}"),
        Hint::SetPin => "set a PIN for the credential".to_owned(),
        Hint::EnterPin => "enter the credential's PIN".to_owned(),
        Hint::Wait => "wait, then enter it again".to_owned(),
        Hint::Grant => format!("grant {who} at {lock}"),
    }
}

/// Answers a question; a live one makes an event that is durable before the answer.
///
/// # Errors
/// A lock, credential or person that is not there; a preview with a PIN or code; a program bound to
/// another controller's locks.
pub async fn make(ctx: &Context, place: Id, wish: DecisionWish) -> Result<Decided, Error> {
    let place = ctx.authorize(place, Scope::DecisionsMake)?;
    let live = check_preview(&wish)?;
    let state = ctx.app.state(place)?;
    let lock = resolve(&state, Noun::Lock, &wish.lock)?;
    check_controller(ctx, &state, lock)?;
    let counted = Arc::new(AtomicBool::new(!live));
    if ctx.keep.is_some() && live {
        let (wish, counted) = (wish.clone(), counted.clone());
        let ask = move |app: &App, own: Side, now| {
            let found = find(&own.state, &wish.presented)?;
            let sides = Sides::of(app, own)?;
            let outcome = ask(app, &sides, &found, wish.pin.as_ref(), now, true)?;
            // Where a commit has to be made again, the try was still one.
            if !counted.swap(true, Ordering::Relaxed) {
                tries::count(app, &sides, &found, &outcome.tried, now);
            }
            Ok((sides, outcome))
        };
        match record::written(ctx, place, lock, None, ask).await {
            // Goes on as if no answer was to be kept: the lock says whether it opens unrecorded.
            Err(error) if error.is_storage() => {}
            kept => return kept,
        }
    }
    let begun = live.then(|| Recording::begin(&ctx.app));
    let present = begun.as_ref().map_or_else(|| ctx.app.now(), Begun::at);
    let now = wish.at.unwrap_or(present);
    let mut own = Side { state, lock };
    if now < present {
        own.state = access::as_of(ctx, &own.state, now, "/at").await?;
    }
    let found = find(&own.state, &wish.presented)?;
    let sides = if now < present {
        let mut then = Sides::then(ctx, own, now).await?;
        then.with_grants_of(ctx, &found, now).await?;
        then
    } else {
        Sides::of(&ctx.app, own)?
    };
    let outcome = ask(&ctx.app, &sides, &found, wish.pin.as_ref(), now, live)?;
    if !counted.load(Ordering::Relaxed) {
        tries::count(&ctx.app, &sides, &found, &outcome.tried, now);
    }
    let mut decided = match begun {
        Some(begun) => record::record(&ctx.app, &sides, outcome, begun).await?,
        None => outcome.decided,
    };
    hide(ctx, place, &mut decided);
    Ok(decided)
}

/// Says whether a question is live; a preview takes no PIN or code, so that it is no oracle.
fn check_preview(wish: &DecisionWish) -> Result<bool, Error> {
    let mut errors = Vec::new();
    if wish.at.is_some() && wish.record == Some(true) {
        errors.push(FieldError::new("/record", "not_allowed", "must be false where `at` is given"));
    }
    let live = wish.record.unwrap_or(wish.at.is_none());
    if !live {
        let detail = "a preview takes no PIN and no code";
        if wish.pin.is_some() {
            errors.push(FieldError::new("/pin", "not_allowed", detail));
        }
        if matches!(wish.presented, PresentedWish::Code(_)) {
            errors.push(FieldError::new("/code", "not_allowed", detail));
        }
    }
    if errors.is_empty() { Ok(live) } else { Err(Refusal::Invalid(errors).into()) }
}

/// A program bound to a controller decides for that controller's locks only.
fn check_controller(ctx: &Context, state: &PlaceState, lock: LockNumber) -> Result<(), Error> {
    let Some((place, controller)) = ctx.controller() else { return Ok(()) };
    let bound = state.locks.get(lock).and_then(|lock| lock.controller);
    if place == state.place.number() && bound == Some(controller) {
        return Ok(());
    }
    Err(Error::not_found(Noun::Lock))
}

/// Who gave access and how to change it is for callers who may read people and grants.
fn hide(ctx: &Context, place: PlaceNumber, decided: &mut Decided) {
    let may = ctx
        .scopes_in(place)
        .is_some_and(|scopes| scopes.has(Scope::PeopleRead) && scopes.has(Scope::GrantsRead));
    if !may {
        decided.by.clear();
        decided.hint = None;
    }
}

/// Opens a lock from afar, for a person or on the caller's own authority.
///
/// # Errors
/// Not found.
pub async fn unlock(
    ctx: &Context,
    place: Id,
    lock: Ref,
    person: Option<Ref>,
) -> Result<Decided, Error> {
    let number = ctx.authorize(place, Scope::LocksOperate)?;
    let state = ctx.app.state(number)?;
    let lock = resolve(&state, Noun::Lock, &lock)?;
    check_controller(ctx, &state, lock)?;
    let (wanted, ctx2) = (person.clone(), ctx.clone());
    let ask = move |app: &App, own: Side, now| {
        check_seen(&ctx2, &own)?;
        from_afar(app, own, wanted.as_ref(), now)
    };
    let decided = match record::written(ctx, number, lock, Some("unlock"), ask).await {
        // What is not stored can still open, as the lock says; who opened is then not on record.
        Err(error) if error.is_storage() => {
            let (own, begun) = (Side { state: state.clone(), lock }, Recording::begin(&ctx.app));
            check_seen(ctx, &own)?;
            let (sides, outcome) = from_afar(&ctx.app, own, person.as_ref(), begun.at())?;
            let mut decided = record::record(&ctx.app, &sides, outcome, begun).await?;
            hide(ctx, number, &mut decided);
            decided
        }
        written => written?,
    };
    if decided.granted {
        let sides = Sides::of(&ctx.app, Side { state, lock })?;
        remote_unlock(&ctx.app, &sides.owner, ctx.app.now());
    }
    Ok(decided)
}

/// Opens nothing where the caller has seen the lock otherwise, or has seen a plan.
fn check_seen(ctx: &Context, own: &Side) -> Result<(), Error> {
    let lock = own.state.locks.get(own.lock).ok_or(Error::not_found(Noun::Lock))?;
    match ctx.expected {
        Some(Expected::Plan(_)) => Err(Refusal::PlanChanged.into()),
        _ => ctx.check_seen(&lock.header),
    }
}

fn from_afar(
    app: &App,
    own: Side,
    person: Option<&Ref>,
    now: Instant,
) -> Result<(Sides, Outcome), Error> {
    let found = match person {
        Some(person) => {
            let person = resolve(&own.state, Noun::Person, person)
                .map_err(|_| not_here("/person_id", "there is no such person in this place"))?;
            Found::Person(person)
        }
        None => Found::Person(PersonNumber(0)),
    };
    let sides = Sides::of(app, own)?;
    let mut outcome = ask(app, &sides, &found, None, now, true)?;
    if matches!(found, Found::Person(PersonNumber(0))) {
        operators(&mut outcome.decided);
    }
    Ok((sides, outcome))
}

/// On the caller's own authority only the posture counts.
fn operators(decided: &mut Decided) {
    use claviger_domain::reason::Reason;
    let posture = [Reason::LockDisabled, Reason::Lockdown];
    decided.reasons = posture.into_iter().filter(|reason| decided.reasons.has(*reason)).collect();
    decided.granted = decided.reasons.is_empty();
    decided.hint = None;
    decided.opens_at = None;
}
