//! What several commands need: external ids, references to schedules, closing rights.

use std::collections::HashSet;

use crate::draft::Draft;
use crate::ids::{GrantNumber, Noun};
use crate::noun::CloseReason;
use crate::noun::schedule::ScheduleRef;
use crate::refusal::{Flaws, Refusal};
use crate::state::PlaceState;
use crate::text::is_external_id;
use crate::time::{DAY, Instant};

/// The longest time for which somebody may say at once that nothing is to be forgotten.
const LONGEST_HOLD: i64 = 366 * DAY;

/// Checks until when nothing is to be forgotten: a hold ends by itself, and not in ages.
pub(super) fn check_hold(now: Instant, until: Option<Instant>) -> Result<(), Refusal> {
    let right = until.is_none_or(|until| now < until && until <= now.plus(LONGEST_HOLD));
    let detail = "must be to come, and at most 366 days from now";
    if right { Ok(()) } else { Err(Refusal::field("/until", "out_of_range", detail)) }
}

/// Checks an external id: well formed, and nobody else's.
pub(super) fn check_external_id(
    flaws: &mut Flaws,
    state: &PlaceState,
    noun: Noun,
    number: u32,
    external_id: Option<&Option<String>>,
) {
    let Some(Some(external_id)) = external_id else { return };
    if !is_external_id(external_id) {
        let detail = "must be 1-128 of letters, digits and . _ - : @";
        flaws.invalid("/external_id", "bad_external_id", detail);
    } else if state.by_external_id(noun, external_id).is_some_and(|other| other != number) {
        flaws.taken("/external_id", format!("another {} has this external id", words(noun)));
    }
}

/// The noun in a sentence.
pub(super) fn words(noun: Noun) -> String {
    noun.as_str().replace('_', " ")
}

/// Checks that a referenced schedule is there.
pub(super) fn check_schedule(
    flaws: &mut Flaws,
    state: &PlaceState,
    pointer: &str,
    schedule: Option<&Option<ScheduleRef>>,
) {
    if let Some(Some(ScheduleRef::Named(number))) = schedule
        && state.schedules.get(*number).is_none()
    {
        flaws.invalid(pointer, "not_found", "there is no such schedule in this place");
    }
}

/// Closes open grants, and the grants issued under each of them.
pub(super) fn close_grants(
    draft: &mut Draft,
    grants: impl IntoIterator<Item = GrantNumber>,
    reason: CloseReason,
) -> usize {
    let mut closed = 0;
    let mut sharing = HashSet::new();
    for number in grants {
        let Some(grant) = draft.state.grants.get(number) else { continue };
        let mut grant = crate::draft::open(grant);
        if super::grant::shares(&draft.state, &grant) {
            sharing.insert(number);
        }
        grant.closed = Some(draft.closing(reason));
        draft.put(grant);
        closed += 1;
    }
    closed + close_issued(draft, &sharing)
}

/// Closes the grants issued under any of these.
pub(super) fn close_issued(draft: &mut Draft, under: &HashSet<GrantNumber>) -> usize {
    if under.is_empty() {
        return 0;
    }
    let issued: Vec<GrantNumber> = draft
        .state
        .grants
        .iter()
        .filter(|grant| grant.issued_under.is_some_and(|issuer| under.contains(&issuer)))
        .map(|grant| grant.number())
        .collect();
    close_grants(draft, issued, CloseReason::IssuerClosed)
}
