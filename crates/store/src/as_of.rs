//! A place as it was: its state turned back by what changed since.
//!
//! The same decision is then asked of it as of the present. Must not decide, or read the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_domain::ids::{GrantNumber, Noun};
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;

use crate::cells::Tools;
use crate::closed::{Past, Undo};
use crate::{StoreError, rows};

/// The state as it was at `at`, of all that decisions read but the grants; `undo` is what
/// [`crate::Store::since`] says of the same place and instant. Names and other personal data are
/// those of now.
///
/// # Errors
/// [`StoreError::Corrupt`] where the history cannot be read.
pub fn as_of(state: &PlaceState, undo: &Undo, at: Instant) -> Result<PlaceState, StoreError> {
    let mut then = state.clone();
    undone(&mut then, made_after(state, at), undo, at)?;
    Ok(then)
}

/// Turns back some grants of a place, of which `open` are those that are open; `undo` is what
/// [`crate::Store::grants_since`] says of them. Others stay as they are now.
///
/// # Errors
/// [`StoreError::Corrupt`] where the history cannot be read.
pub fn with_grants(
    state: &PlaceState,
    open: &[GrantNumber],
    undo: &Undo,
    at: Instant,
) -> Result<PlaceState, StoreError> {
    let mut then = state.clone();
    let made = open.iter().filter_map(|number| state.grants.get(*number));
    let made = made.filter(|it| it.header.created_at > at);
    let made = made.map(|it| Record::Grant(Arc::clone(it))).collect();
    undone(&mut then, made, undo, at)?;
    Ok(then)
}

/// Takes out what was made after an instant, and puts back what ended and what was replaced.
fn undone(
    then: &mut PlaceState,
    made: Vec<Record>,
    undo: &Undo,
    at: Instant,
) -> Result<(), StoreError> {
    for record in made {
        then.apply(&rows::deleted(&record, at));
    }
    for record in &undo.ended {
        if record.header().created_at <= at {
            then.apply(&rows::reopened(record));
        }
    }
    let mut tools = Tools::default();
    for past in first_replaced(&undo.history, at) {
        if let Some(record) = then.record(past.noun, past.number) {
            then.apply(&rows::with_past(&record, &past.fields, &mut tools)?);
        }
    }
    Ok(())
}

/// Of each record, what held at `at`: that which was replaced first after it.
fn first_replaced(history: &[Past], at: Instant) -> impl Iterator<Item = &Past> {
    let mut first: BTreeMap<(Noun, u32), &Past> = BTreeMap::new();
    for past in history.iter().filter(|past| past.replaced_at > at) {
        let held = first.entry((past.noun, past.number)).or_insert(past);
        if (past.replaced_at, past.revision) < (held.replaced_at, held.revision) {
            *held = past;
        }
    }
    first.into_values()
}

macro_rules! objects {
    ($($noun:ident $field:ident)*) => {
        fn made_after(state: &PlaceState, at: Instant) -> Vec<Record> {
            let mut made = Vec::new();
            $(made.extend(
                state
                    .$field
                    .iter()
                    .filter(|it| it.header.created_at > at)
                    .map(|it| Record::$noun(Arc::clone(it))),
            );)*
            made
        }
    };
}

objects! {
    Person people
    Credential credentials
    Controller controllers
    Lock locks
    Share shares
    AccessLevel levels
    Membership memberships
    Schedule schedules
    Webhook webhooks
}
