//! Grants of a place, and the batch that gives and takes back many at once.

mod exchange;
mod find;
mod held;
mod once;

use std::sync::Arc;

use claviger_domain::command::grant::{self as rules, NewGrant};
use claviger_domain::draft::Draft;
use claviger_domain::ids::{
    AccessLevelNumber, CredentialNumber, GrantNumber, Id, LockNumber, Noun, PersonNumber,
    PlaceNumber, Ref,
};
use claviger_domain::key::grant_state;
use claviger_domain::noun::grant::{Grant, GrantEdit, Right, RightState, Subject, Target};
use claviger_domain::noun::person::Identity;
use claviger_domain::noun::schedule::ScheduleRef;
use claviger_domain::noun::scope::Scope;
use claviger_domain::record::Record;
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;
use claviger_store::Operation;

use crate::context::Context;
use crate::error::Error;
use crate::plan::Planned;
use crate::read::{Gone, Page, Paging, Seen, gone, page, resolve};
use crate::schedule::{ScheduleWish, find_wish};
use crate::work::Work;
use crate::{App, Put, Written, invitation, sharing};

pub use self::exchange::{
    EXCHANGED, Exchange, Exchanged, Giving, Taking, Whom, exchange, exchange_each,
};
pub(crate) use self::find::prepare;
pub use self::held::{
    Held, ListSize, Piece, Taken, TakenHeld, Whose, held, held_one, leave_to_card, revoke_held,
};
pub use self::once::{create_once, edit_once};

/// How a grant of a place stands.
#[must_use]
pub fn standing(app: &App, state: &PlaceState, grant: &Grant) -> RightState {
    grant_state(state, grant, app.now(), &|lock| crate::lock::zone(app, state, lock))
}

/// Whom a caller names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectWish {
    /// A person by reference.
    Person(Ref),
    /// A credential by reference.
    Credential(Ref),
    /// Whoever has this e-mail address.
    Email(String),
    /// Whoever has this phone number.
    Phone(String),
    /// Whoever an identity provider knows so.
    Identity(Identity),
}

/// What a caller names as the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetWish {
    /// A lock.
    Lock(Ref),
    /// An access level.
    AccessLevel(Ref),
}

/// A right to be given, with references as they came.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantWish {
    /// To whom.
    pub subject: SubjectWish,
    /// Where.
    pub target: TargetWish,
    /// What for.
    pub right: Right,
    /// At which times.
    pub schedule: Option<Option<ScheduleWish>>,
    /// The right to share it is made under.
    pub issued_under: Option<Ref>,
    /// Whether the person is invited, unless they have come in by their account already.
    pub invite: bool,
    /// The rest.
    pub edit: GrantEdit,
}

/// Gives a right. Who may not give rights but holds a right to share gives a key under that.
///
/// # Errors
/// As the rules say.
pub async fn create(
    ctx: &Context,
    place: Id,
    wish: GrantWish,
) -> Result<Written<Arc<Grant>>, Error> {
    let authorized = ctx.authorize(place, Scope::GrantsWrite);
    let shares = matches!(authorized, Err(Error::Forbidden(_)));
    let place = match authorized {
        Err(Error::Forbidden(scope)) => sharing::authorize(ctx, place, scope)?,
        other => other?,
    };
    let (ctx2, via) = (ctx.clone(), ctx.via);
    ctx.write(Some(place), move |work| {
        ctx2.check_absent()?;
        let draft = work.place(place)?;
        let mut new = prepare(&draft.state, &wish, via)?;
        if shares {
            sharing::issue(&ctx2, draft, &mut new)?;
        }
        give(&ctx2, work, place, (&new, wish.invite))
    })
    .await
}

fn give(
    ctx: &Context,
    work: &mut Work,
    place: PlaceNumber,
    (new, invite): (&NewGrant, bool),
) -> Result<Arc<Grant>, Error> {
    let grant = rules::create(work.place(place)?, new)?;
    if invite {
        invitation::invite_subject(&ctx.app, work, place, grant.subject)?;
    }
    Ok(grant)
}

/// Changes an open grant.
///
/// # Errors
/// As the rules say; not found; stale.
pub async fn edit(
    ctx: &Context,
    place: Id,
    grant: Ref,
    edit: GrantEdit,
    schedule: Option<Option<ScheduleWish>>,
) -> Result<Written<Arc<Grant>>, Error> {
    ctx.change(place, Scope::GrantsWrite, Noun::Grant, grant, move |draft, number: GrantNumber| {
        let mut edit = edit.clone();
        edit.schedule =
            find_wish(&draft.state, schedule.as_ref().map(Option::as_ref), "/schedule")?;
        Ok(rules::edit(draft, number, &edit)?)
    })
    .await
}

/// Makes the grant with that external id, or replaces what is set on it.
///
/// # Errors
/// As [`create`]; another subject, target or right than it has.
pub async fn put(
    ctx: &Context,
    place: Id,
    external_id: String,
    mut wish: GrantWish,
) -> Result<Written<Put<Arc<Grant>>>, Error> {
    wish.edit.external_id = Some(Some(external_id.clone()));
    let via = ctx.via;
    let rule = move |draft: &mut Draft, number: Option<GrantNumber>| {
        let new = prepare(&draft.state, &wish, via)?;
        let Some(number) = number else { return Ok(rules::create(draft, &new)?) };
        let former = rules::find(&draft.state, number)?;
        let subject = new.receiver.known(&draft.state);
        let same = subject == Some(former.subject)
            && new.target == former.target
            && new.right == former.right
            && new.issued_under == former.issued_under;
        if !same {
            let detail = "the grant has another subject, target, right or issuer, which never \
                          change";
            return Err(Error::Refused(Refusal::InUse(detail.to_owned())));
        }
        Ok(rules::edit(draft, number, &new.edit)?)
    };
    ctx.make_or_replace(place, Scope::GrantsWrite, Noun::Grant, external_id, rule).await
}

/// The place, for who may take rights back there, or shared this key under a right of their own.
async fn authorize_revoke(ctx: &Context, place: Id, grant: &Ref) -> Result<PlaceNumber, Error> {
    let scope = match ctx.authorize(place, Scope::GrantsWrite) {
        Err(Error::Forbidden(scope)) => scope,
        other => return other,
    };
    let number = sharing::authorize(ctx, place, scope)?;
    let state = ctx.app.state(number)?;
    let open = state.resolve(Noun::Grant, grant).and_then(|number| state.grants.get(number));
    let found = match open {
        Some(grant) => Ok(grant.clone()),
        None => closed(ctx, &state, grant).await,
    };
    // Whether there is another's grant of that name is not theirs to know.
    let own = found.is_ok_and(|grant| sharing::is_own(ctx, &state, &grant));
    if own { Ok(number) } else { Err(Error::Forbidden(scope)) }
}

/// Takes a right back; that of a card can be left to the card, which gives its keys up when it is
/// next written. One that is closed already stays as it was closed. Who may not give rights takes
/// back keys that they shared.
///
/// # Errors
/// Not found; stale; left to a card that it is not of.
pub async fn revoke(
    ctx: &Context,
    place: Id,
    grant: Ref,
    leave_to_card: bool,
) -> Result<Written<Arc<Grant>>, Error> {
    let number = authorize_revoke(ctx, place, &grant).await?;
    let state = ctx.app.state(number)?;
    if state.resolve(Noun::Grant, &grant).is_none() {
        let closed = closed(ctx, &state, &grant).await?;
        if ctx.dry_run {
            return Ok(Written::Planned(Box::new(Planned::nothing())));
        }
        let ctx2 = ctx.clone();
        return ctx
            .write(Some(number), move |_| {
                ctx2.check_seen(&closed.header)?;
                Ok(closed.clone())
            })
            .await;
    }
    let ctx2 = ctx.clone();
    ctx.write(Some(number), move |work| {
        let draft = work.place(number)?;
        let number: GrantNumber = resolve(&draft.state, Noun::Grant, &grant)?;
        ctx2.check_seen(&rules::find(&draft.state, number)?.header)?;
        match leave_to_card {
            true => rules::leave_to_card(draft, number)?,
            false => rules::revoke(draft, number)?,
        }
        let written = draft.writes().iter().find_map(|write| match &write.record {
            Record::Grant(grant) if grant.number() == number => Some(grant.clone()),
            _ => None,
        });
        written.ok_or(Error::Internal)
    })
    .await
}

/// A grant that is closed.
async fn closed(ctx: &Context, state: &PlaceState, grant: &Ref) -> Result<Arc<Grant>, Error> {
    let Ref::Id(id) = grant else { return Err(Error::not_found(Noun::Grant)) };
    let record = ctx.app.store().record_by_id(state.place.number(), Noun::Grant, *id).await?;
    match record {
        Some(Record::Grant(grant)) => Ok(grant),
        _ => Err(Error::not_found(Noun::Grant)),
    }
}

/// One grant, open or closed.
///
/// # Errors
/// Not found.
pub async fn get(ctx: &Context, place: Id, grant: &Ref) -> Result<Seen<Arc<Grant>>, Error> {
    let state = ctx.read(place, Scope::GrantsRead)?;
    let open = state.resolve(Noun::Grant, grant).and_then(|number| state.grants.get(number));
    let value = match open {
        Some(grant) => grant.clone(),
        None => closed(ctx, &state, grant).await?,
    };
    Ok(Seen { value, state })
}

/// The public ids of the deleted records that closed grants speak of.
///
/// # Errors
/// As for any read.
pub async fn speak_of(
    ctx: &Context,
    state: &PlaceState,
    grants: &[Arc<Grant>],
) -> Result<Gone, Error> {
    let named = grants.iter().flat_map(|grant| {
        let schedule = match grant.schedule {
            Some(ScheduleRef::Named(number)) => Some((Noun::Schedule, number.0)),
            _ => None,
        };
        let issuer = grant.issued_under.map(|issuer| (Noun::Grant, issuer.0));
        [Some(subject_key(grant.subject)), Some(target_key(grant.target)), schedule, issuer]
    });
    gone(ctx, state, named.flatten().collect()).await
}

/// Why a grant was closed, in the words of whoever did, while they are kept.
///
/// # Errors
/// As for any read.
pub async fn note(
    ctx: &Context,
    state: &PlaceState,
    grant: &Grant,
) -> Result<Option<String>, Error> {
    if grant.closed.is_none() {
        return Ok(None);
    }
    let (place, number) = (state.place.number(), grant.header.number);
    let reasons = ctx.app.store().reasons_for(place, Noun::Grant, number).await?;
    Ok(reasons.into_iter().next_back().map(|reason| reason.words))
}

/// What [`speak_of`] and [`note`] say of a grant that is closed already; none of an open one.
///
/// # Errors
/// No such place, no such grant.
pub async fn closed_before(
    ctx: &Context,
    place: Id,
    grant: &Ref,
) -> Result<Option<(Gone, Option<String>)>, Error> {
    let number = authorize_revoke(ctx, place, grant).await?;
    let state = ctx.app.state(number)?;
    if state.resolve(Noun::Grant, grant).is_some() {
        return Ok(None);
    }
    let closed = closed(ctx, &state, grant).await?;
    let note = note(ctx, &state, &closed).await?;
    Ok(Some((speak_of(ctx, &state, &[closed]).await?, note)))
}

fn subject_key(subject: Subject) -> (Noun, u32) {
    match subject {
        Subject::Person(number) => (Noun::Person, number.0),
        Subject::Credential(number) => (Noun::Credential, number.0),
    }
}

fn target_key(target: Target) -> (Noun, u32) {
    match target {
        Target::Lock(number) => (Noun::Lock, number.0),
        Target::AccessLevel(number) => (Noun::AccessLevel, number.0),
    }
}

/// Which grants are wanted.
#[derive(Clone, Debug, Default)]
pub struct GrantFilter {
    /// Of this person.
    pub person: Option<Ref>,
    /// Of this credential.
    pub credential: Option<Ref>,
    /// To this lock itself.
    pub lock: Option<Ref>,
    /// To this level.
    pub level: Option<Ref>,
}

/// A page of open grants; for who may not read them, of the keys that they shared.
///
/// # Errors
/// No such place; a filter that names what is not there.
pub fn list(
    ctx: &Context,
    place: Id,
    paging: Paging,
    filter: &GrantFilter,
) -> Result<Page<Arc<Grant>>, Error> {
    let (state, shares) = match ctx.read(place, Scope::GrantsRead) {
        Err(Error::Forbidden(scope)) => {
            (ctx.app.state(sharing::authorize(ctx, place, scope)?)?, true)
        }
        other => (other?, false),
    };
    let (subjects, targets) = match meant(&state, filter) {
        // What else there is is not theirs to know.
        Err(_) if shares => {
            return Ok(page(state, |it| &it.grants, |it| it.header.number, paging, |_| false));
        }
        other => other?,
    };
    let read = state.clone();
    let wanted = |grant: &Grant| {
        subjects.iter().flatten().all(|subject| grant.subject == *subject)
            && targets.iter().flatten().all(|target| grant.target == *target)
            && (!shares || sharing::is_own(ctx, &read, grant))
    };
    Ok(page(state, |it| &it.grants, |it| it.header.number, paging, wanted))
}

/// Whom and what a filter names.
type Meant = ([Option<Subject>; 2], [Option<Target>; 2]);

fn meant(state: &PlaceState, filter: &GrantFilter) -> Result<Meant, Error> {
    let find = |reference: &Option<Ref>, noun| -> Result<Option<u32>, Error> {
        reference.as_ref().map(|it| resolve(state, noun, it)).transpose()
    };
    let subjects = [
        find(&filter.person, Noun::Person)?.map(|it| Subject::Person(PersonNumber(it))),
        find(&filter.credential, Noun::Credential)?
            .map(|it| Subject::Credential(CredentialNumber(it))),
    ];
    let targets = [
        find(&filter.lock, Noun::Lock)?.map(|it| Target::Lock(LockNumber(it))),
        find(&filter.level, Noun::AccessLevel)?
            .map(|it| Target::AccessLevel(AccessLevelNumber(it))),
    ];
    Ok((subjects, targets))
}

/// The most items of one batch.
pub const MOST_ITEMS: usize = 10_000;

/// Gives and takes back many rights, all or none. The stored result names each.
///
/// # Errors
/// Every item that is wrong.
pub async fn batch(
    ctx: &Context,
    place: Id,
    create: Vec<GrantWish>,
    revoke: Vec<Ref>,
) -> Result<Written<Operation>, Error> {
    let place = ctx.authorize(place, Scope::GrantsWrite)?;
    let items = create.len() + revoke.len();
    if items > MOST_ITEMS {
        let detail = format!("at most {MOST_ITEMS} items in a batch");
        return Err(Refusal::field("", "too_many", detail).into());
    }
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        ctx2.check_absent()?;
        let mut errors: Vec<FieldError> = Vec::new();
        let mut results = Vec::with_capacity(items);
        let draft = work.place(place)?;
        let fields = vec![
            claviger_domain::draft::Changed::shown("create", create.len()),
            claviger_domain::draft::Changed::shown("revoke", revoke.len()),
        ];
        draft.note("batch", Noun::Grant, None, fields);
        for (at, reference) in revoke.iter().enumerate() {
            let pointer = format!("/revoke/{at}");
            match draft.state.resolve(Noun::Grant, reference) {
                Some(number) => {
                    let id = rules::find(&draft.state, GrantNumber(number))?.header.id;
                    rules::revoke(draft, GrantNumber(number))?;
                    results.push((200, id));
                }
                None => errors.push(FieldError::new(
                    pointer,
                    "not_found",
                    "there is no such open grant in this place",
                )),
            }
        }
        for (at, wish) in create.iter().enumerate() {
            let made = prepare(&work.place(place)?.state, wish, ctx2.via)
                .and_then(|new| give(&ctx2, work, place, (&new, wish.invite)));
            match made {
                Ok(grant) => results.push((201, grant.header.id)),
                Err(Error::Refused(Refusal::Invalid(wrong) | Refusal::Taken(wrong))) => {
                    errors.extend(wrong.into_iter().map(|error| FieldError {
                        pointer: format!("/create/{at}{}", error.pointer),
                        ..error
                    }));
                }
                Err(other) => return Err(other),
            }
        }
        if !errors.is_empty() {
            return Err(Refusal::Invalid(errors).into());
        }
        // Results stand in the order of the request: what was created, then what was revoked.
        results.sort_by_key(|(status, _)| *status == 200);
        let operation = crate::operation::finished(work, ctx2.caller.actor(), "grants", &results);
        work.operation(place, operation.clone());
        Ok(operation)
    })
    .await
}
