//! People of a place.

pub(crate) mod join;
mod kept;

use std::sync::Arc;

use claviger_domain::command::person as rules;
use claviger_domain::draft::Draft;
use claviger_domain::ids::{Id, Noun, PersonNumber, PlaceNumber, Ref};
use claviger_domain::noun::person::{Person, PersonEdit, PersonState};
use claviger_domain::noun::role::Role;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

pub use self::join::{Joining, join};
pub use self::kept::{Export, HeldKey, export, own_export};
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::read::{Page, Paging, Seen, page, resolve};
use crate::{Put, Written, invitation, privacy};

/// Which people are wanted; every filter given must hold.
#[derive(Clone, Debug, Default)]
pub struct PersonFilter {
    /// With this e-mail address, compared case-folded.
    pub email: Option<String>,
    /// With this phone number.
    pub phone: Option<String>,
    /// With this external id.
    pub external_id: Option<String>,
    /// In this state.
    pub state: Option<PersonState>,
    /// Only those with a phone number.
    pub has_phone: bool,
}

/// Makes a person, and invites them where that is asked.
///
/// # Errors
/// As the rules say; a role the caller may not give; nowhere to send an invitation.
pub async fn create(
    ctx: &Context,
    place: Id,
    edit: PersonEdit,
    invite: bool,
) -> Result<Written<Arc<Person>>, Error> {
    let place = ctx.authorize(place, Scope::PeopleWrite)?;
    ctx.may_give(place, edit.role.unwrap_or(Role::Guest))?;
    let app = ctx.app.clone();
    ctx.write(Some(place), move |work| {
        let person = rules::create(work.place(place)?, &edit)?;
        if invite {
            invitation::invite(&app, work, place, person.number())?;
        }
        Ok(person)
    })
    .await
}

/// Makes a person; or changes the one whom `instead` finds in the place as it is then, by the edit
/// that it makes of this one.
///
/// # Errors
/// As [`create`] and [`edit`].
pub async fn create_or_edit(
    ctx: &Context,
    place: Id,
    wish: PersonEdit,
    instead: impl Fn(&PlaceState, &PersonEdit) -> Option<(PersonNumber, PersonEdit)>
    + Send
    + Sync
    + 'static,
) -> Result<Written<Arc<Person>>, Error> {
    let place = ctx.authorize(place, Scope::PeopleWrite)?;
    ctx.may_give(place, wish.role.unwrap_or(Role::Guest))?;
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let Some((number, edit)) = instead(&draft.state, &wish) else {
            return Ok(rules::create(draft, &wish)?);
        };
        may_edit(&ctx2, draft, number, &edit)?;
        Ok(rules::edit(draft, number, &edit)?)
    })
    .await
}

/// A name for somebody of whom none is known: so many lower-case letters and digits at random.
#[must_use]
pub fn made_up_name(length: usize) -> String {
    crate::random::word(length)
}

/// Changes a person.
///
/// # Errors
/// As [`create`]; not found; stale; the address by which the caller comes in.
pub async fn edit(
    ctx: &Context,
    place: Id,
    person: Ref,
    edit: PersonEdit,
) -> Result<Written<Arc<Person>>, Error> {
    let only_role = edit == PersonEdit { role: edit.role, ..PersonEdit::default() };
    let scope = match ctx.authorize(place, Scope::PeopleWrite) {
        Err(Error::Forbidden(scope)) if only_role => {
            authorize_role(ctx, place, scope)?;
            Scope::RolesWrite
        }
        _ => Scope::PeopleWrite,
    };
    let ctx2 = ctx.clone();
    let rule = move |draft: &mut Draft, number| {
        may_edit(&ctx2, draft, number, &edit)?;
        Ok(rules::edit(draft, number, &edit)?)
    };
    ctx.change(place, scope, Noun::Person, person, rule).await
}

/// The place with that id, if who calls may give roles to people who are there.
///
/// # Errors
/// Not found; neither that scope nor the one asked for.
pub fn authorize_role(ctx: &Context, place: Id, instead_of: Scope) -> Result<PlaceNumber, Error> {
    ctx.authorize(place, Scope::RolesWrite).map_err(|error| match error {
        Error::Forbidden(_) => Error::Forbidden(instead_of),
        other => other,
    })
}

/// Refuses a change of role that the caller may not make, a change of the addresses by which
/// somebody with more authority than the caller could be taken over, and one by which the caller
/// would shut themselves out.
fn may_edit(
    ctx: &Context,
    draft: &Draft,
    number: PersonNumber,
    edit: &PersonEdit,
) -> Result<(), Error> {
    let (place, former) = (draft.state.place.number(), rules::find(&draft.state, number)?);
    let details = &former.details;
    let readdressed = edit.email.as_ref().is_some_and(|it| *it != details.email)
        || edit.phone.as_ref().is_some_and(|it| *it != details.phone)
        || edit.identity.as_ref().is_some_and(|it| *it != details.identity);
    let role = edit.role.filter(|role| *role != former.role);
    let own =
        matches!(ctx.caller, Caller::Account { number, .. } if former.account == Some(number));
    if own && rules::readdressed(former, edit) {
        let detail = "you come in by this address and would be nobody here with another: have \
                      somebody else change it, and invite you there";
        return Err(Refusal::InUse(detail.to_owned()).into());
    }
    if let Some(role) = role {
        ctx.may_give(place, role)?;
    }
    if readdressed || role.is_some() {
        ctx.may_give(place, former.role)?;
    }
    Ok(())
}

/// Makes the person with that external id, or replaces what is set on them.
///
/// # Errors
/// As [`edit`].
pub async fn put(
    ctx: &Context,
    place: Id,
    external_id: String,
    mut edit: PersonEdit,
) -> Result<Written<Put<Arc<Person>>>, Error> {
    edit.external_id = Some(Some(external_id.clone()));
    let ctx2 = ctx.clone();
    let rule = move |draft: &mut Draft, number| match number {
        None => {
            ctx2.may_give(draft.state.place.number(), edit.role.unwrap_or(Role::Guest))?;
            Ok(rules::create(draft, &edit)?)
        }
        Some(number) => {
            may_edit(&ctx2, draft, number, &edit)?;
            Ok(rules::edit(draft, number, &edit)?)
        }
    };
    ctx.make_or_replace(place, Scope::PeopleWrite, Noun::Person, external_id, rule).await
}

/// Deletes a person.
///
/// # Errors
/// Not found; stale; somebody with more authority than the caller.
pub async fn delete(ctx: &Context, place: Id, person: Ref) -> Result<Written<()>, Error> {
    let ctx2 = ctx.clone();
    let rule = move |draft: &mut Draft, number| {
        outranks(&ctx2, draft, number)?;
        Ok(rules::delete(draft, number)?)
    };
    ctx.change(place, Scope::PeopleWrite, Noun::Person, person, rule).await
}

/// Refuses where the caller could not give the role the person has.
fn outranks(ctx: &Context, draft: &Draft, number: PersonNumber) -> Result<(), Error> {
    ctx.may_give(draft.state.place.number(), rules::find(&draft.state, number)?.role)
}

/// Suspends or resumes a person.
///
/// # Errors
/// As [`delete`].
pub async fn set_state(
    ctx: &Context,
    place: Id,
    person: Ref,
    state: PersonState,
) -> Result<Written<Arc<Person>>, Error> {
    let ctx2 = ctx.clone();
    let rule = move |draft: &mut Draft, number| {
        outranks(&ctx2, draft, number)?;
        Ok(rules::set_state(draft, number, state)?)
    };
    ctx.change(place, Scope::PeopleWrite, Noun::Person, person, rule).await
}

/// Says until when nothing about a person is forgotten; none: no longer.
///
/// # Errors
/// As the rules say; as [`delete`].
pub async fn hold(
    ctx: &Context,
    place: Id,
    person: Ref,
    until: Option<Instant>,
) -> Result<Written<Arc<Person>>, Error> {
    ctx.authorize(place, Scope::EventsWrite)?;
    let rule = move |draft: &mut Draft, number| Ok(rules::hold(draft, number, until)?);
    ctx.change(place, Scope::PeopleWrite, Noun::Person, person, rule).await
}

/// Forgets that any event of the place concerned a person, who may be deleted; says how many did.
///
/// # Errors
/// There never was such a person; somebody with more authority than the caller; a hold.
pub async fn forget(ctx: &Context, place: Id, person: Ref) -> Result<u64, Error> {
    ctx.authorize(place, Scope::PeopleWrite)?;
    let place = ctx.authorize(place, Scope::EventsWrite)?;
    let state = ctx.app.state(place)?;
    let nobody = || Error::not_found(Noun::Person);
    let found = match &person {
        Ref::Id(id) => ctx.number_of(&state, Noun::Person, *id).await?.zip(Some(*id)),
        Ref::External(_) => {
            let number: PersonNumber = resolve(&state, Noun::Person, &person)?;
            state.people.get(number).map(|person| (number.0, person.header.id))
        }
    };
    let (number, id) = found.map(|(number, id)| (PersonNumber(number), id)).ok_or_else(nobody)?;
    let ctx2 = ctx.clone();
    ctx.commit(Some(place), move |work| {
        let draft = work.place(place)?;
        if draft.state.people.get(number).is_some() {
            outranks(&ctx2, draft, number)?;
        }
        Ok(rules::forget_events(draft, number, id)?)
    })
    .await?;
    let stand_in = privacy::stand_in(ctx.app.secrets(), place, Noun::Person, number.0);
    Ok(ctx.app.store().forget_person(place, number, stand_in, ctx.app.now()).await?)
}

/// One person.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, place: Id, person: &Ref) -> Result<Seen<Arc<Person>>, Error> {
    let state = ctx.read(place, Scope::PeopleRead)?;
    let number: PersonNumber = resolve(&state, Noun::Person, person)?;
    let value = rules::find(&state, number)?.clone();
    Ok(Seen { value, state })
}

/// The person of a place who calls, by a log-in of their own: whatever their role, they may read
/// what is theirs. A program that they let act for them may not.
///
/// # Errors
/// No such place; nobody there is known by that log-in.
pub fn own(ctx: &Context, place: Id) -> Result<Seen<Arc<Person>>, Error> {
    let nobody = || Error::not_found(Noun::Person);
    let number = ctx.app.world().by_id(place).ok_or(Error::not_found(Noun::Place))?;
    ctx.scopes_in(number).ok_or(Error::not_found(Noun::Place))?;
    let Caller::Account { number: account, through: None, .. } = &ctx.caller else {
        return Err(nobody());
    };
    let state = ctx.app.state(number)?;
    let person = state.person_by_account(*account).ok_or_else(nobody)?;
    let value = rules::find(&state, person)?.clone();
    Ok(Seen { value, state })
}

/// A page of people.
///
/// # Errors
/// No such place.
pub fn list(
    ctx: &Context,
    place: Id,
    paging: Paging,
    filter: &PersonFilter,
) -> Result<Page<Arc<Person>>, Error> {
    let state = ctx.read(place, Scope::PeopleRead)?;
    let narrow = [
        filter.email.as_ref().map(|email| state.person_by_email(email)),
        filter.phone.as_ref().map(|phone| state.person_by_phone(phone)),
        filter
            .external_id
            .as_ref()
            .map(|id| state.by_external_id(Noun::Person, id).map(PersonNumber)),
    ];
    let wanted = |person: &Person| {
        narrow.iter().flatten().all(|only| *only == Some(person.number()))
            && filter.state.is_none_or(|state| person.state == state)
            && (!filter.has_phone || person.details.phone.is_some())
    };
    Ok(page(state, |it| &it.people, |it| it.header.number, paging, wanted))
}
