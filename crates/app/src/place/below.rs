//! A place below another that borrows locks of that: made with them, given more, or fewer.

use std::collections::HashMap;
use std::sync::Arc;

use claviger_domain::command::lock as rules;
use claviger_domain::draft::{Changed, Draft};
use claviger_domain::ids::{Id, LockNumber, Noun, PlaceNumber, Ref};
use claviger_domain::noun::Header;
use claviger_domain::noun::lock::ShareState;
use claviger_domain::noun::place::{Place, PlaceEdit};
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;

use crate::Written;
use crate::context::Context;
use crate::error::Error;
use crate::work::Work;

/// Which locks of the place above a place borrows from now on, and which no more.
#[derive(Clone, Debug, Default)]
pub struct LocksWish {
    /// Locks to borrow; those it has already stay as they are.
    pub add: Vec<Ref>,
    /// Locks to give back, with every right to them; those it has not are passed over.
    pub remove: Vec<Ref>,
    /// The most locks the place may have after it, unless it had more before; any number where
    /// there is none.
    pub most: Option<usize>,
}

/// Makes a place below another, with locks that it borrows from there. What is not set is as in the
/// place above.
///
/// # Errors
/// As the rules say; a lock that is not there, or that the place above borrows itself.
pub async fn create_below(
    ctx: &Context,
    above: Id,
    edit: PlaceEdit,
    locks: Vec<Ref>,
) -> Result<Written<Arc<Place>>, Error> {
    let owner = ctx.authorize(above, Scope::PlacesWrite)?;
    ctx.authorize(above, Scope::LocksWrite)?;
    ctx.write(Some(owner), move |work| {
        let above = work.place(owner)?.state.place.clone();
        let place = super::make(work, above.organization, Some(owner), &filled(&edit, &above))?;
        let fields = vec![Changed::shown("locks", locks.len())];
        work.place(owner)?.note("create", Noun::Place, Some(place.header.id), fields);
        lend(work, (owner, place.number()), &locks, "/lock_ids", &HashMap::new())?;
        Ok(place)
    })
    .await
}

/// The edit with what it leaves open as in the place above.
fn filled(edit: &PlaceEdit, above: &Place) -> PlaceEdit {
    let mut edit = edit.clone();
    edit.zone.get_or_insert_with(|| above.zone.clone());
    edit.retention_days.get_or_insert(above.retention_days);
    edit.retention_reason.get_or_insert_with(|| above.retention_reason.clone());
    edit.language.get_or_insert_with(|| above.language.clone());
    edit
}

/// Changes which locks of the place above a place borrows; its rights to those it gives back end.
///
/// # Errors
/// Not found, or below no other; a lock that is not there above; too many.
pub async fn modify_locks(
    ctx: &Context,
    place: Id,
    wish: LocksWish,
) -> Result<Written<Arc<Place>>, Error> {
    let number = ctx.authorize(place, Scope::PlacesWrite)?;
    let state = ctx.app.state(number)?;
    let owner = state.place.parent.ok_or(Error::not_found(Noun::Place))?;
    let above = ctx.app.state(owner)?;
    ctx.authorize(above.place.header.id, Scope::LocksWrite)?;
    let before = rows_before(ctx, &above, &state, &wish.add).await?;
    ctx.write(Some(number), move |work| {
        let fields = vec![
            Changed::shown("add_locks", wish.add.len()),
            Changed::shown("remove_locks", wish.remove.len()),
        ];
        let (above, draft) = work.two(owner, number)?;
        above.note("modify", Noun::Place, Some(place), fields.clone());
        draft.note("modify", Noun::Place, Some(place), fields);
        check_contradictions(&above.state, &wish)?;
        let former = draft.state.locks.len();
        for lock in &wish.remove {
            take_back(above, draft, lock)?;
        }
        lend(work, (owner, number), &wish.add, "/add_locks", &before)?;
        let draft = work.place(number)?;
        let left = draft.state.locks.len();
        if let Some(most) = wish.most.filter(|most| left > former.max(*most)) {
            let detail = format!("the place would have more than {most} locks");
            return Err(Refusal::field("/add_locks", "too_many", detail).into());
        }
        Ok(draft.state.place.clone())
    })
    .await
}

fn check_contradictions(above: &PlaceState, wish: &LocksWish) -> Result<(), Refusal> {
    let number = |lock: &Ref| above.resolve(Noun::Lock, lock);
    let gone: Vec<u32> = wish.remove.iter().filter_map(number).collect();
    let twice = wish
        .add
        .iter()
        .enumerate()
        .filter(|(_, lock)| number(lock).is_some_and(|number| gone.contains(&number)));
    let errors: Vec<FieldError> = twice
        .map(|(at, _)| {
            let detail = "stands in add_locks and in remove_locks";
            FieldError::new(format!("/add_locks/{at}"), "contradiction", detail)
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Refusal::Invalid(errors)) }
}

/// The rows a place has of locks that it borrowed before.
async fn rows_before(
    ctx: &Context,
    above: &PlaceState,
    state: &PlaceState,
    locks: &[Ref],
) -> Result<HashMap<LockNumber, Header>, Error> {
    let mut rows = HashMap::new();
    for lock in locks {
        let number = above.resolve(Noun::Lock, lock).map(LockNumber);
        let Some(lock) = number.and_then(|number| above.locks.get(number)) else { continue };
        if state.number_of(Noun::Lock, lock.header.id).is_some() {
            continue;
        }
        let row = crate::lock::row_before(ctx, state.place.number(), lock.header.id).await?;
        rows.extend(row.map(|row| (lock.number(), row)));
    }
    Ok(rows)
}

/// Lends locks of the first place to the second.
fn lend(
    work: &mut Work,
    (owner, place): (PlaceNumber, PlaceNumber),
    locks: &[Ref],
    pointer: &str,
    before: &HashMap<LockNumber, Header>,
) -> Result<(), Error> {
    let (above, draft) = work.two(owner, place)?;
    let mut errors = Vec::new();
    for (at, lock) in locks.iter().enumerate() {
        let found = above.state.resolve(Noun::Lock, lock).map(LockNumber);
        let own = found
            .and_then(|number| above.state.locks.get(number))
            .filter(|lock| lock.borrowed.is_none());
        let Some(number) = own.map(|lock| lock.number()) else {
            let detail = "the place above owns no such lock";
            errors.push(FieldError::new(format!("{pointer}/{at}"), "not_found", detail));
            continue;
        };
        let share = rules::share_with(&above.state, number, place).map(|share| share.state);
        if share == Some(ShareState::Accepted) {
            continue;
        }
        if share.is_none() {
            rules::offer(above, number, place)?;
        }
        rules::accept_again(above, draft, number, before.get(&number).cloned())?;
    }
    if errors.is_empty() { Ok(()) } else { Err(Refusal::Invalid(errors).into()) }
}

/// Takes a lock back, if it was lent.
fn take_back(above: &mut Draft, draft: &mut Draft, lock: &Ref) -> Result<(), Error> {
    let place = draft.state.place.number();
    let Some(number) = above.state.resolve(Noun::Lock, lock).map(LockNumber) else {
        return Ok(());
    };
    let own = above.state.locks.get(number).is_some_and(|lock| lock.borrowed.is_none());
    if own && rules::share_with(&above.state, number, place).is_some() {
        rules::unshare(above, Some(draft), number, place)?;
    }
    Ok(())
}
