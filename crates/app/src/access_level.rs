//! Access levels of a place, their locks and their people.

use std::sync::Arc;

use claviger_domain::command::access_level::{self as rules, Modification};
use claviger_domain::command::grant::Receiver;
use claviger_domain::ids::{
    AccessLevelNumber, Id, LockNumber, Noun, PersonNumber, PlaceNumber, Ref,
};
use claviger_domain::noun::access_level::{AccessLevel, AccessLevelEdit};
use claviger_domain::noun::grant::{Grant, Subject, Target};
use claviger_domain::noun::lock::Lock;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError, Flaws, Refusal};
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

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
    /// Who is put in when the level is made.
    pub people: Vec<PersonWish>,
    /// The most keys the new level may have; any number where there is none.
    pub most_keys: Option<usize>,
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
    /// Whether who is to be put in and is let in already, at whatever times, stays as they are, and
    /// who or what is to be taken out and is not there is passed over.
    pub lenient: bool,
    /// How much the change may come to; anything where there is none.
    pub most: Option<Most>,
}

/// How much a change of a level may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Keys of the level after it, its people times its locks, where it had fewer before: one
    /// that has more can always be made smaller.
    pub keys: usize,
    /// Keys made and taken back by it.
    pub changes: usize,
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
    let place = authorize(ctx, place, !wish.people.is_empty())?;
    let via = ctx.via;
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let (edit, locks) = prepare(&draft.state, &wish)?;
        let level = rules::create(draft, &edit, &locks.unwrap_or_default())?;
        if wish.people.is_empty() {
            return Ok(level);
        }
        let people = ModificationWish {
            add_people: wish.people.clone(),
            most: wish.most_keys.map(|keys| Most { keys, changes: usize::MAX }),
            ..ModificationWish::default()
        };
        let people = find_modification(&draft.state, &people, level.number(), draft.now)?;
        Ok(rules::modify(draft, level.number(), &people, via)?)
    })
    .await
}

/// The place, if the caller may change levels there; who puts people in or takes them out gives and
/// takes rights too.
fn authorize(ctx: &Context, place: Id, people: bool) -> Result<PlaceNumber, Error> {
    let number = ctx.authorize(place, Scope::AccessLevelsWrite)?;
    if people {
        ctx.authorize(place, Scope::GrantsWrite)?;
    }
    Ok(number)
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
                None => Ok(rules::create(draft, &edit, &locks.unwrap_or_default())?),
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
    let people = !wish.add_people.is_empty() || !wish.remove_people.is_empty();
    authorize(ctx, place, people)?;
    let via = ctx.via;
    ctx.change(
        place,
        Scope::AccessLevelsWrite,
        Noun::AccessLevel,
        level,
        move |draft, number: AccessLevelNumber| {
            let modification = find_modification(&draft.state, &wish, number, draft.now)?;
            Ok(rules::modify(draft, number, &modification, via)?)
        },
    )
    .await
}

fn find_modification(
    state: &PlaceState,
    wish: &ModificationWish,
    level: AccessLevelNumber,
    now: Instant,
) -> Result<Modification, Error> {
    let mut errors = Vec::new();
    let mut missing = Vec::new();
    let mut found = Modification {
        add_locks: find_locks(state, &wish.add_locks, "/add_locks", &mut errors),
        remove_locks: find_locks(state, &wish.remove_locks, "/remove_locks", &mut missing),
        ..Modification::default()
    };
    let is_in = |subject: Subject| {
        let mut there = state.grants_between(subject, Target::AccessLevel(level));
        there.any(|grant| grant.lives(now))
    };
    for (at, person) in wish.add_people.iter().enumerate() {
        match (person, find_person(state, person)) {
            (_, Some(subject)) if wish.lenient && is_in(subject) => {}
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
            None => missing.push(nobody(format!("/remove_people/{at}"))),
        }
    }
    if !wish.lenient {
        errors.append(&mut missing);
    }
    if !errors.is_empty() {
        return Err(Refusal::Invalid(errors).into());
    }
    if let Some(most) = wish.most {
        check_effect(&rules::effect(state, level, &found, now), most)?;
    }
    Ok(found)
}

fn check_effect(effect: &rules::Effect, most: Most) -> Result<(), Refusal> {
    let mut flaws = Flaws::default();
    let before = effect.keys + effect.revoked - effect.created;
    if effect.keys > most.keys.max(before) {
        let detail = format!(
            "the level would have {} keys (people times locks); at most {} are allowed",
            effect.keys, most.keys
        );
        flaws.invalid("", "too_many_keys", detail);
    }
    let changes = effect.created + effect.revoked;
    if changes > most.changes {
        let detail = format!(
            "{} keys would be made and {} taken back; at most {} in one call are allowed",
            effect.created, effect.revoked, most.changes
        );
        flaws.invalid("", "too_many_changes", detail);
    }
    flaws.refuse()
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
    rules::people(state, level, |_| true).len()
}
