//! Rights that a subject has at most once to a target, as some surfaces have it.

use std::sync::Arc;

use claviger_domain::command::grant as rules;
use claviger_domain::ids::Id;
use claviger_domain::noun::grant::{Grant, Right};
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError, Refusal};

use super::{GrantWish, prepare};
use crate::Written;
use crate::context::Context;
use crate::error::Error;

/// Gives a right to open, unless its subject has an open one to the same target that has not ended,
/// whatever its window; and no more than `most` such rights to the subject, where that is said.
///
/// # Errors
/// As [`super::create`]; taken; too many.
pub async fn create_once(
    ctx: &Context,
    place: Id,
    wish: GrantWish,
    most: Option<usize>,
) -> Result<Written<Arc<Grant>>, Error> {
    let place = ctx.authorize(place, Scope::GrantsWrite)?;
    let via = ctx.via;
    ctx.write(Some(place), move |work| {
        let now = work.now;
        let draft = work.place(place)?;
        let new = prepare(&draft.state, &wish, via)?;
        let lives = |grant: &Grant| grant.right == Right::Open && !grant.window.past(now);
        if let Some(subject) = new.receiver.known(&draft.state) {
            let mut same = draft.state.grants_between(subject, new.target);
            if same.any(|grant| lives(grant)) {
                let detail = "the subject has a right to this target already";
                return Err(
                    Refusal::Taken(vec![FieldError::new("/target", "taken", detail)]).into()
                );
            }
            let reach = draft.state.reach(subject).iter();
            let held = reach.filter_map(|it| draft.state.grants.get(it.grant()));
            let held = held.filter(|grant| lives(grant)).count();
            if most.is_some_and(|most| held >= most) {
                let detail = format!("has {held} rights, and may have no more");
                return Err(Refusal::field("/subject", "too_many", detail).into());
            }
        }
        Ok(rules::create(draft, &new)?)
    })
    .await
}
