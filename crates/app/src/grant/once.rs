//! Rights that a subject has at most once to a target, as some surfaces have it.

use std::sync::Arc;

use claviger_domain::command::{grant as rules, person};
use claviger_domain::draft::Draft;
use claviger_domain::ids::{GrantNumber, Id, Noun, PersonNumber, Ref};
use claviger_domain::noun::grant::{Grant, GrantEdit, Subject, Target};
use claviger_domain::noun::person::PersonEdit;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;

use super::{GrantWish, prepare};
use crate::Written;
use crate::context::Context;
use crate::error::Error;
use crate::schedule::{ScheduleWish, find_wish};

/// Gives a right to open, unless its subject has an open one to the same target that has not ended,
/// whatever its window; and no more than `most` such rights to the subject, where that is said.
/// `along` is a change of a person that goes with it, as the place is then.
///
/// # Errors
/// As [`super::create`]; taken; too many.
pub async fn create_once(
    ctx: &Context,
    place: Id,
    wish: GrantWish,
    most: Option<usize>,
    along: impl Fn(&PlaceState) -> Option<(PersonNumber, PersonEdit)> + Send + Sync + 'static,
) -> Result<Written<Arc<Grant>>, Error> {
    let place = ctx.authorize(place, Scope::GrantsWrite)?;
    let via = ctx.via;
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let new = prepare(&draft.state, &wish, via)?;
        if let Some(subject) = new.receiver.known(&draft.state) {
            check(draft, subject, new.target, most)?;
        }
        let changed = along(&draft.state);
        let grant = rules::create(draft, &new)?;
        if let Some((number, edit)) = changed {
            person::edit(draft, number, &edit)?;
        }
        Ok(grant)
    })
    .await
}

/// Changes a right as [`super::edit`] does, unless one that had ended would live again beside
/// others that [`create_once`] would not give it beside.
///
/// # Errors
/// As both.
pub async fn edit_once(
    ctx: &Context,
    place: Id,
    grant: Ref,
    edit: GrantEdit,
    schedule: Option<Option<ScheduleWish>>,
    most: Option<usize>,
) -> Result<Written<Arc<Grant>>, Error> {
    ctx.change(place, Scope::GrantsWrite, Noun::Grant, grant, move |draft, number: GrantNumber| {
        let mut edit = edit.clone();
        edit.schedule =
            find_wish(&draft.state, schedule.as_ref().map(Option::as_ref), "/schedule")?;
        let grant = rules::find(&draft.state, number)?;
        let (window, now) = (edit.window.of(grant.window), draft.now);
        if grant.window.past(now) && !window.past(now) {
            check(draft, grant.subject, grant.target, most)?;
        }
        Ok(rules::edit(draft, number, &edit)?)
    })
    .await
}

/// Whether a subject may be given one more right to open.
fn check(
    draft: &Draft,
    subject: Subject,
    target: Target,
    most: Option<usize>,
) -> Result<(), Refusal> {
    let mut same = draft.state.grants_between(subject, target);
    if same.any(|grant| grant.lives(draft.now)) {
        let detail = "the subject has a right to this target already";
        return Err(Refusal::Taken(vec![FieldError::new("/target", "taken", detail)]));
    }
    let reach = draft.state.reach(subject).iter();
    let held = reach.filter_map(|it| draft.state.grants.get(it.grant()));
    let held = held.filter(|grant| grant.lives(draft.now)).count();
    if most.is_some_and(|most| held >= most) {
        let detail = format!("has {held} rights, and may have no more");
        return Err(Refusal::field("/subject", "too_many", detail));
    }
    Ok(())
}
