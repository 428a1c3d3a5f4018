//! Rights of people to access levels, taken and given by one command: all or nothing, or each item
//! on its own with a stored result. Only levels that are open to programs are reached; others are
//! not there.

use std::sync::Arc;

use claviger_domain::command::grant::{self as rules, NewGrant};
use claviger_domain::command::person as people;
use claviger_domain::draft::{Changed, Draft};
use claviger_domain::ids::{
    AccessLevelNumber, GrantNumber, Id, Noun, PersonNumber, PlaceNumber, Ref,
};
use claviger_domain::noun::grant::{
    Grant, GrantEdit, Right, Source, SourceKind, Subject, Target, Via,
};
use claviger_domain::noun::person::PersonEdit;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window};
use serde_json::{Value, json};

use super::MOST_ITEMS;
use crate::context::Context;
use crate::credential::Digits as Secret;
use crate::error::Error;
use crate::operation::{self, Operation};
use crate::person::join::{self, Preset};
use crate::work::Work;
use crate::{Written, account};

/// The most passwords that one command presets: each takes a while to hash.
const MOST_PASSWORDS: usize = 100;

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Somebody of the place who has an e-mail address; nobody else is known here.
    Id(Id),
    /// Whoever has this e-mail address.
    Email(String),
}

/// Rights to take.
#[derive(Clone, Debug)]
pub struct Taking {
    /// At which level.
    pub level: Ref,
    /// Whose.
    pub person: Whom,
    /// Those with exactly this window, to the millisecond; all where none is said.
    pub window: Option<Window>,
}

/// A right to give.
#[derive(Clone, Debug)]
pub struct Giving {
    /// At which level.
    pub level: Ref,
    /// To whom; an address that nobody has makes a person.
    pub person: Whom,
    /// From when until when.
    pub window: Window,
    /// What a person that is made has beside the address. Of one who is there nothing is changed.
    pub details: PersonEdit,
    /// The password of a person that is made, or was never asked to come in. Without one they are
    /// invited.
    pub password: Option<Secret>,
    /// Whether whoever has not come in is invited all the same.
    pub invite: bool,
}

/// What is taken and given; taken first.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Exchange {
    pub take: Vec<Taking>,
    pub give: Vec<Giving>,
}

/// What became of an item: the rights taken, or the one that is there.
type Outcome = Result<Vec<Arc<Grant>>, Vec<FieldError>>;

/// What was taken and given.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Exchanged {
    /// The rights taken, as they were.
    pub taken: Vec<Arc<Grant>>,
    /// For each item the right that is there after it, made or not.
    pub given: Vec<Arc<Grant>>,
}

/// Takes and gives rights, all or nothing.
///
/// # Errors
/// Every item that is wrong, at `/take/0` or `/give/0` and so on.
pub async fn exchange(
    ctx: &Context,
    place: Id,
    wish: Exchange,
) -> Result<Written<Exchanged>, Error> {
    let place = authorize(ctx, place, &wish)?;
    let hashes = passwords(ctx, place, &wish.give).await?;
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let (taken, given) = run(&ctx2, work, place, &wish, &hashes)?;
        let mut errors = Vec::new();
        let mut whole = |outcomes: Vec<Outcome>| -> Vec<Arc<Grant>> {
            let mut grants = Vec::new();
            for outcome in outcomes {
                match outcome {
                    Ok(found) => grants.extend(found),
                    Err(wrong) => errors.extend(wrong),
                }
            }
            grants
        };
        let done = Exchanged { taken: whole(taken), given: whole(given) };
        if errors.is_empty() { Ok(done) } else { Err(Refusal::Invalid(errors).into()) }
    })
    .await
}

/// What the stored result of an item says.
fn row(list: &str, index: usize, outcome: &Outcome) -> Value {
    let ids = outcome.iter().flatten().map(|grant| grant.header.id.to_string());
    let errors = outcome.as_ref().err().into_iter().flatten();
    let errors = errors.map(
        |error| json!({ "pointer": error.pointer, "code": error.code, "detail": error.detail }),
    );
    json!({
        "list": list,
        "index": index,
        "ids": ids.collect::<Vec<_>>(),
        "errors": errors.collect::<Vec<_>>(),
    })
}

/// The kind of the stored results of [`exchange_each`].
pub const EXCHANGED: &str = "exchange";

/// Takes and gives rights, each item on its own: what is wrong with one stops no other, and stands
/// in the stored result.
///
/// # Errors
/// Too many items.
pub async fn exchange_each(
    ctx: &Context,
    place: Id,
    wish: Exchange,
) -> Result<Written<Operation>, Error> {
    let place = authorize(ctx, place, &wish)?;
    let hashes = passwords(ctx, place, &wish.give).await?;
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let (taken, given) = run(&ctx2, work, place, &wish, &hashes)?;
        let taken = taken.iter().enumerate().map(|(at, it)| row("take", at, it));
        let given = given.iter().enumerate().map(|(at, it)| row("give", at, it));
        let results: Vec<Value> = taken.chain(given).collect();
        let actor = ctx2.caller.actor();
        let operation = operation::with_results(work, actor, EXCHANGED, &results);
        work.operation(place, operation.clone());
        Ok(operation)
    })
    .await
}

fn authorize(ctx: &Context, place: Id, wish: &Exchange) -> Result<PlaceNumber, Error> {
    let number = ctx.authorize(place, Scope::GrantsWrite)?;
    if wish.give.iter().any(|it| matches!(it.person, Whom::Email(_))) {
        ctx.authorize(place, Scope::PeopleWrite)?;
    }
    if wish.take.len() + wish.give.len() > MOST_ITEMS {
        let detail = format!("at most {MOST_ITEMS} items at once");
        return Err(Refusal::field("", "too_many", detail).into());
    }
    Ok(number)
}

/// The hashes of the passwords that are preset, item by item.
async fn passwords(
    ctx: &Context,
    place: PlaceNumber,
    give: &[Giving],
) -> Result<Vec<Option<Preset>>, Error> {
    let preset = give.iter().filter(|it| it.password.is_some()).count();
    if preset > MOST_PASSWORDS {
        let detail = format!("at most {MOST_PASSWORDS} passwords at once");
        return Err(Refusal::field("", "too_many", detail).into());
    }
    let state = ctx.app.state(place)?;
    let mut hashes = Vec::with_capacity(give.len());
    for item in give {
        let email = match &item.person {
            Whom::Email(email) => Some(email.clone()),
            id @ Whom::Id(_) => known(&state, id).and_then(|it| email_of(&state, it)),
        };
        hashes.push(match item.password.as_ref().zip(email) {
            Some((password, email)) => Some(Preset::of(ctx, &email, password).await?),
            None => None,
        });
    }
    Ok(hashes)
}

fn run(
    ctx: &Context,
    work: &mut Work,
    place: PlaceNumber,
    wish: &Exchange,
    hashes: &[Option<Preset>],
) -> Result<(Vec<Outcome>, Vec<Outcome>), Error> {
    let fields =
        vec![Changed::shown("revoke", wish.take.len()), Changed::shown("create", wish.give.len())];
    work.place(place)?.note("batch", Noun::Grant, None, fields);
    let (mut taken, mut given) = (Vec::new(), Vec::new());
    for (at, taking) in wish.take.iter().enumerate() {
        taken.push(outcome(&format!("/take/{at}"), take(work.place(place)?, taking))?);
    }
    for (at, giving) in wish.give.iter().enumerate() {
        let hash = hashes.get(at).and_then(Option::as_ref);
        let made = give(ctx, work, place, giving, hash).map(|grant| vec![grant]);
        given.push(outcome(&format!("/give/{at}"), made)?);
    }
    Ok((taken, given))
}

/// What became of an item; what is no fault of the item's stops all.
fn outcome(pointer: &str, made: Result<Vec<Arc<Grant>>, Error>) -> Result<Outcome, Error> {
    let at =
        |error: FieldError| FieldError { pointer: format!("{pointer}{}", error.pointer), ..error };
    match made {
        Ok(grants) => Ok(Ok(grants)),
        Err(Error::Refused(Refusal::Invalid(wrong) | Refusal::Taken(wrong))) => {
            Ok(Err(wrong.into_iter().map(at).collect()))
        }
        Err(Error::Refused(Refusal::Escalation(detail))) => {
            Ok(Err(vec![FieldError::new(pointer, "escalation", detail)]))
        }
        Err(other) => Err(other),
    }
}

/// A level that is open to programs.
fn level(state: &PlaceState, reference: &Ref) -> Result<AccessLevelNumber, Error> {
    let number = state.resolve(Noun::AccessLevel, reference).map(AccessLevelNumber);
    let open = number.filter(|it| state.levels.get(*it).is_some_and(|level| level.api_enabled));
    let missing = || Refusal::field("/level", "not_found", "names no level open to programs");
    Ok(open.ok_or_else(missing)?)
}

fn known(state: &PlaceState, whom: &Whom) -> Option<PersonNumber> {
    match whom {
        Whom::Id(id) => {
            let number = state.resolve(Noun::Person, &Ref::Id(*id)).map(PersonNumber);
            number.filter(|it| email_of(state, *it).is_some())
        }
        Whom::Email(email) => state.person_by_email(email),
    }
}

fn email_of(state: &PlaceState, person: PersonNumber) -> Option<String> {
    state.people.get(person)?.details.email.clone()
}

/// Whether two windows are the same to the millisecond: as exact as programs are told them.
fn same(one: Window, other: Window) -> bool {
    let rounded = |at: Option<Instant>| at.map(|at| at.0.div_euclid(1000));
    rounded(one.from) == rounded(other.from) && rounded(one.until) == rounded(other.until)
}

fn take(draft: &mut Draft, taking: &Taking) -> Result<Vec<Arc<Grant>>, Error> {
    let level = level(&draft.state, &taking.level)?;
    // What is not there need not be taken.
    let Some(person) = known(&draft.state, &taking.person) else { return Ok(Vec::new()) };
    let (subject, target) = (Subject::Person(person), Target::AccessLevel(level));
    let between = draft.state.grants_between(subject, target);
    let wanted = between.filter(|grant| {
        grant.right == Right::Open && taking.window.is_none_or(|it| same(it, grant.window))
    });
    let grants: Vec<Arc<Grant>> = wanted.cloned().collect();
    let numbers: Vec<GrantNumber> = grants.iter().map(|grant| grant.number()).collect();
    rules::revoke_all(draft, &numbers);
    Ok(grants)
}

/// Gives a right that is not there yet. Refuses before anything is written.
fn give(
    ctx: &Context,
    work: &mut Work,
    place: PlaceNumber,
    giving: &Giving,
    preset: Option<&Preset>,
) -> Result<Arc<Grant>, Error> {
    let draft = work.place(place)?;
    let level = level(&draft.state, &giving.level)?;
    let window = giving.window;
    if window.is_empty() {
        return Err(Refusal::field("/window", "bad_window", "must end after it begins").into());
    }
    let timed = draft.state.levels.get(level).is_some_and(|level| level.schedule.is_some());
    if timed && window != Window::ALWAYS {
        let detail = "the level has times of its own; no others can be given for one person";
        return Err(Refusal::field("/window", "fixed_times", detail).into());
    }
    let person = match (known(&draft.state, &giving.person), &giving.person) {
        (Some(person), _) => {
            join::usable(ctx, place, people::find(&draft.state, person)?, preset)?;
            person
        }
        (None, Whom::Id(_)) => {
            let detail = "there is no such person in this place";
            return Err(Refusal::field("/person", "not_found", detail).into());
        }
        (None, Whom::Email(email)) => {
            // Of who was asked already it would not be looked at.
            if let Some(password) = &giving.password {
                account::check_password(&password.0, "/password")?;
            }
            join::make(ctx, work, place, (email, &giving.details))?
        }
    };
    let draft = work.place(place)?;
    let (subject, target) = (Subject::Person(person), Target::AccessLevel(level));
    let there = draft.state.grants_between(subject, target).find(|grant| {
        grant.right == Right::Open && grant.schedule.is_none() && same(grant.window, window)
    });
    let grant = match there.cloned() {
        Some(grant) => grant,
        None => rules::create(draft, &new(subject, target, window, ctx.via))?,
    };
    join::ask(ctx, work, place, person, (preset, giving.invite))?;
    Ok(grant)
}

fn new(subject: Subject, target: Target, window: Window, via: Via) -> NewGrant {
    let source = Source { kind: SourceKind::AccessLevel, via };
    let edit = GrantEdit { window: window.into(), ..GrantEdit::default() };
    NewGrant { edit, ..NewGrant::plain(subject, target, source) }
}
