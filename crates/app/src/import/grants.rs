//! Rows of grants: found by person and target, made where there is no such open grant.
//!
//! Only plain grants are found: one with a schedule, one that opens in lockdown, or one that falls
//! with a right to share is another thing, and stays as it is.

use std::collections::HashMap;

use claviger_domain::command::grant::{self as rules, NewGrant, Receiver};
use claviger_domain::draft::Draft;
use claviger_domain::ids::{AccessLevelNumber, Id, LockNumber, Noun};
use claviger_domain::noun::grant::{GrantEdit, Right, Source, SourceKind, Subject, Target, Via};
use claviger_domain::refusal::FieldError;
use claviger_domain::state::PlaceState;

use super::{Cells, Outcome, Wrong, once};
use crate::export::is_plain;

pub(super) const COLUMNS: &[&str] =
    &["person", "lock", "access_level", "valid_from", "valid_until"];

pub(super) fn apply(
    draft: &mut Draft,
    cells: &Cells<'_>,
    via: Via,
    seen: &mut HashMap<String, u64>,
    line: u64,
) -> Result<Outcome, Wrong> {
    let mut wrong = Vec::new();
    let person = cells.person(&draft.state, &mut wrong);
    let target = target(&draft.state, cells, &mut wrong);
    let window = cells.window(&mut wrong);
    let (Some(person), Some(target)) = (person, target) else { return Err(Wrong::Cells(wrong)) };
    if !wrong.is_empty() {
        return Err(Wrong::Cells(wrong));
    }
    once(seen, format!("{person} {target:?}"), line, "person")?;
    let subject = Subject::Person(person);
    let edit = GrantEdit { window, ..GrantEdit::default() };
    let former = draft.state.grants_between(subject, target).find(|grant| is_plain(grant));
    let Some((number, own)) = former.map(|grant| (grant.number(), grant.window)) else {
        let source = Source { kind: SourceKind::Import, via };
        let receiver = Receiver::Known(subject);
        let right = Right::Open;
        rules::create(
            draft,
            &NewGrant { receiver, target, right, source, issued_under: None, edit },
        )?;
        return Ok(Outcome::Created);
    };
    if window.of(own) == own {
        return Ok(Outcome::Unchanged);
    }
    rules::edit(draft, number, &edit)?;
    Ok(Outcome::Changed)
}

/// The lock or access level a row names, by external id or id; exactly one.
fn target(state: &PlaceState, cells: &Cells<'_>, wrong: &mut Vec<FieldError>) -> Option<Target> {
    let find = |noun, text: &str| {
        let by_id = || Id::parse(text).and_then(|id| state.number_of(noun, id));
        state.by_external_id(noun, text).or_else(by_id)
    };
    let (found, column, what) = match (cells.filled("lock"), cells.filled("access_level")) {
        (Some(lock), None) => {
            let found = find(Noun::Lock, lock);
            (found.map(|it| Target::Lock(LockNumber(it))), "/lock", "lock")
        }
        (None, Some(level)) => {
            let found = find(Noun::AccessLevel, level);
            let found = found.map(|it| Target::AccessLevel(AccessLevelNumber(it)));
            (found, "/access_level", "access level")
        }
        _ => {
            let detail = "exactly one of lock and access_level must be filled in";
            wrong.push(FieldError::new("/lock", "bad_target", detail));
            return None;
        }
    };
    if found.is_none() {
        let detail = format!("there is no {what} with this external id or id in this place");
        wrong.push(FieldError::new(column, "not_found", detail));
    }
    found
}
