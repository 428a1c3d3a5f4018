//! Access levels of a place, their locks and their people.

use std::sync::Arc;

use claviger_domain::command::access_level::{self as rules, Modification};
use claviger_domain::command::grant::Receiver;
use claviger_domain::ids::{
    AccessLevelNumber, CredentialNumber, Id, LockNumber, Noun, PersonNumber, Ref,
};
use claviger_domain::noun::access_level::{AccessLevel, AccessLevelEdit};
use claviger_domain::noun::grant::{Grant, Subject};
use claviger_domain::noun::lock::Lock;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;

use crate::context::Context;
use crate::error::Error;
use crate::read::{Page, Paging, Seen, page, resolve};
use crate::schedule::{ScheduleWish, find_wish};
use crate::{Put, Written};

/// What a caller sets on a level, with references as they came.
#[derive(Clone, Debug, Default)]
pub struct AccessLevelWish {
    /// Everything but what is below.
    pub edit: AccessLevelEdit,
    /// When its grants hold.
    pub schedule: Option<Option<ScheduleWish>>,
    /// Exactly its locks.
    pub locks: Option<Vec<Ref>>,
}

/// A person as a caller names one: by reference or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonWish {
    /// By id or external id.
    Ref(Ref),
    /// By e-mail address.
    Email(String),
    /// By phone number.
    Phone(String),
}

/// What goes in and out of a level, with references as they came.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct ModificationWish {
    pub add_people: Vec<PersonWish>,
    pub remove_people: Vec<PersonWish>,
    pub add_locks: Vec<Ref>,
    pub remove_locks: Vec<Ref>,
}

fn prepare(
    state: &PlaceState,
    wish: &AccessLevelWish,
) -> Result<(AccessLevelEdit, Option<Vec<LockNumber>>), Error> {
    let mut edit = wish.edit.clone();
    edit.schedule = find_wish(state, wish.schedule.as_ref().map(Option::as_ref), "/schedule")?;
    let mut errors = Vec::new();
    let locks = wish.locks.as_ref().map(|locks| find_locks(state, locks, "/lock_ids", &mut errors));
    if errors.is_empty() { Ok((edit, locks)) } else { Err(Refusal::Invalid(errors).into()) }
}

fn find_locks(
    state: &PlaceState,
    locks: &[Ref],
    pointer: &str,
    errors: &mut Vec<FieldError>,
) -> Vec<LockNumber> {
    let mut found = Vec::with_capacity(locks.len());
    for (at, lock) in locks.iter().enumerate() {
        match state.resolve(Noun::Lock, lock) {
            Some(number) => found.push(LockNumber(number)),
            None => errors.push(FieldError::new(
                format!("{pointer}/{at}"),
                "not_found",
                "there is no such lock in this place",
            )),
        }
    }
    found
}

/// Makes a level.
///
/// # Errors
/// As the rules say; a lock or schedule that is not there.
pub async fn create(
    ctx: &Context,
    place: Id,
    wish: AccessLevelWish,
) -> Result<Written<Arc<AccessLevel>>, Error> {
    let place = ctx.authorize(place, Scope::AccessLevelsWrite)?;
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let (edit, locks) = prepare(&draft.state, &wish)?;
        Ok(rules::create(draft, &edit, &locks.unwrap_or_default())?)
    })
    .await
}

/// Changes a level.
///
/// # Errors
/// As [`create`]; not found; stale.
pub async fn edit(
    ctx: &Context,
    place: Id,
    level: Ref,
    wish: AccessLevelWish,
) -> Result<Written<Arc<AccessLevel>>, Error> {
    ctx.change(
        place,
        Scope::AccessLevelsWrite,
        Noun::AccessLevel,
        level,
        move |draft, number: AccessLevelNumber| {
            let (edit, locks) = prepare(&draft.state, &wish)?;
            Ok(rules::edit(draft, number, &edit, locks.as_deref())?)
        },
    )
    .await
}

/// Makes the level with that external id, or replaces what is set on it.
///
/// # Errors
/// As [`edit`].
pub async fn put(
    ctx: &Context,
    place: Id,
    external_id: String,
    mut wish: AccessLevelWish,
) -> Result<Written<Put<Arc<AccessLevel>>>, Error> {
    wish.edit.external_id = Some(Some(external_id.clone()));
    ctx.make_or_replace(
        place,
        Scope::AccessLevelsWrite,
        Noun::AccessLevel,
        external_id,
        move |draft, number: Option<AccessLevelNumber>| {
            let (edit, locks) = prepare(&draft.state, &wish)?;
            match number {
                None => {
                    let level = rules::create(draft, &edit, &locks.unwrap_or_default())?;
                    Ok(level)
                }
                Some(number) => Ok(rules::edit(draft, number, &edit, locks.as_deref())?),
            }
        },
    )
    .await
}

/// Puts people and locks in and takes them out.
///
/// # Errors
/// Not found; stale; every entry that is not there.
pub async fn modify(
    ctx: &Context,
    place: Id,
    level: Ref,
    wish: ModificationWish,
) -> Result<Written<Arc<AccessLevel>>, Error> {
    let place = ctx.authorize(place, Scope::AccessLevelsWrite)?;
    let people = !wish.add_people.is_empty() || !wish.remove_people.is_empty();
    if people && !ctx.scopes_in(place).is_some_and(|scopes| scopes.has(Scope::GrantsWrite)) {
        return Err(Error::Forbidden(Scope::GrantsWrite));
    }
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let number: AccessLevelNumber = resolve(&draft.state, Noun::AccessLevel, &level)?;
        ctx2.check_seen(&rules::find(&draft.state, number)?.header)?;
        let modification = find_modification(&draft.state, &wish)?;
        Ok(rules::modify(draft, number, &modification, ctx2.via)?)
    })
    .await
}

fn find_modification(state: &PlaceState, wish: &ModificationWish) -> Result<Modification, Error> {
    let mut errors = Vec::new();
    let mut found = Modification {
        add_locks: find_locks(state, &wish.add_locks, "/add_locks", &mut errors),
        remove_locks: find_locks(state, &wish.remove_locks, "/remove_locks", &mut errors),
        ..Modification::default()
    };
    for (at, person) in wish.add_people.iter().enumerate() {
        match (person, find_person(state, person)) {
            (_, Some(subject)) => found.add_people.push(Receiver::Known(subject)),
            (PersonWish::Email(email), None) => {
                found.add_people.push(Receiver::Email(email.clone()));
            }
            (PersonWish::Phone(phone), None) => {
                found.add_people.push(Receiver::Phone(phone.clone()));
            }
            (PersonWish::Ref(_), None) => errors.push(nobody(format!("/add_people/{at}"))),
        }
    }
    for (at, person) in wish.remove_people.iter().enumerate() {
        match find_person(state, person) {
            Some(subject) => found.remove_people.push(subject),
            None => errors.push(nobody(format!("/remove_people/{at}"))),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(Refusal::Invalid(errors).into()) }
}

fn find_person(state: &PlaceState, person: &PersonWish) -> Option<Subject> {
    match person {
        PersonWish::Ref(reference) => state.resolve(Noun::Person, reference).map(PersonNumber),
        PersonWish::Email(email) => state.person_by_email(email),
        PersonWish::Phone(phone) => state.person_by_phone(phone),
    }
    .map(Subject::Person)
}

fn nobody(pointer: String) -> FieldError {
    FieldError::new(pointer, "not_found", "there is no such person in this place")
}

/// Deletes a level.
///
/// # Errors
/// Not found; stale.
pub async fn delete(ctx: &Context, place: Id, level: Ref) -> Result<Written<()>, Error> {
    ctx.change(
        place,
        Scope::AccessLevelsWrite,
        Noun::AccessLevel,
        level,
        move |draft, number: AccessLevelNumber| Ok(rules::delete(draft, number)?),
    )
    .await
}

/// One level.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, place: Id, level: &Ref) -> Result<Seen<Arc<AccessLevel>>, Error> {
    let state = ctx.read(place, Scope::AccessLevelsRead)?;
    let number: AccessLevelNumber = resolve(&state, Noun::AccessLevel, level)?;
    let value = rules::find(&state, number)?.clone();
    Ok(Seen { value, state })
}

/// A page of levels.
///
/// # Errors
/// No such place.
pub fn list(ctx: &Context, place: Id, paging: Paging) -> Result<Page<Arc<AccessLevel>>, Error> {
    let state = ctx.read(place, Scope::AccessLevelsRead)?;
    Ok(page(state, |it| &it.levels, |it| it.header.number, paging, |_| true))
}

/// A page of the locks in a level, in the order they were put in; `next` is a membership's number.
///
/// # Errors
/// Not found.
pub fn locks(
    ctx: &Context,
    place: Id,
    level: &Ref,
    paging: Paging,
) -> Result<Page<Arc<Lock>>, Error> {
    let Seen { value, state } = get(ctx, place, level)?;
    let roster = state.level_memberships(value.number());
    let mut found = roster.iter_from(paging.after.saturating_add(1)).filter_map(|number| {
        let membership = state.memberships.get(number)?;
        Some((number, state.locks.get(membership.lock)?.clone()))
    });
    let rows: Vec<(u32, Arc<Lock>)> = found.by_ref().take(paging.limit).collect();
    let more = found.next().is_some();
    drop(found);
    let next = rows.last().filter(|_| more).map(|(number, _)| *number);
    Ok(Page { items: rows.into_iter().map(|(_, lock)| lock).collect(), next, state })
}

/// A page of the open grants to a level, in order of number.
///
/// # Errors
/// Not found.
pub fn grants(
    ctx: &Context,
    place: Id,
    level: &Ref,
    paging: Paging,
) -> Result<Page<Arc<Grant>>, Error> {
    ctx.authorize(place, Scope::GrantsRead)?;
    let Seen { value, state } = get(ctx, place, level)?;
    let roster = state.level_grants(value.number());
    let mut found = roster
        .iter_from(paging.after.saturating_add(1))
        .filter_map(|number| state.grants.get(number).cloned());
    let items: Vec<Arc<Grant>> = found.by_ref().take(paging.limit).collect();
    let more = found.next().is_some();
    drop(found);
    let next = items.last().filter(|_| more).map(|last| last.header.number);
    Ok(Page { items, next, state })
}

/// How many people have an open grant to a level.
#[must_use]
pub fn people_count(state: &PlaceState, level: AccessLevelNumber) -> usize {
    let grants = state.level_grants(level).iter();
    let people: std::collections::HashSet<PersonNumber> = grants
        .filter_map(|number| state.grants.get(number))
        .filter_map(|grant| match grant.subject {
            Subject::Person(person) => Some(person),
            Subject::Credential(credential) => owner(state, credential),
        })
        .collect();
    people.len()
}

fn owner(state: &PlaceState, credential: CredentialNumber) -> Option<PersonNumber> {
    state.credentials.get(credential).and_then(|credential| credential.person)
}
