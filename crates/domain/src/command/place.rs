//! The place itself: its settings. Places are made in the directory.

use std::sync::Arc;

use super::common::check_hold;
use crate::draft::{Changed, Draft, open, set};
use crate::ids::Noun;
use crate::noun::lock::Privacy;
use crate::noun::place::{Place, PlaceEdit, PlaceUse};
use crate::refusal::{Flaws, MOST_NAME, MOST_TEXT, Refusal};
use crate::text::{is_external_id, is_line};
use crate::time::{Instant, Zone};

/// Days of retention that need no reason.
pub const FREE_RETENTION_DAYS: u16 = 90;
/// The most days of retention.
pub const MOST_RETENTION_DAYS: u16 = 3650;

/// Writes a place: a new one as `create`, an existing one as `update`.
///
/// # Errors
/// Every wrong field.
pub fn write(
    draft: &mut Draft,
    place: &Place,
    edit: &PlaceEdit,
    verb: &'static str,
) -> Result<Arc<Place>, Refusal> {
    let days = edit.retention_days.or(edit.used_for.flatten().map(PlaceUse::retention_days));
    let edit = &PlaceEdit { retention_days: days, ..edit.clone() };
    check(place, edit)?;
    let mut place = place.clone();
    let mut changed = Vec::new();
    set!(changed, place.header.external_id, edit.external_id);
    set!(changed, place.name, edit.name as String::to_string);
    set!(changed, place.zone, edit.zone as |zone: &Zone| zone.name().to_owned());
    set!(changed, place.retention_days, edit.retention_days as u16::to_string);
    set!(changed, place.retention_reason, edit.retention_reason);
    let word = |it: &Option<PlaceUse>| it.map_or("", PlaceUse::as_str);
    set!(changed, place.used_for, edit.used_for as word);
    set!(changed, place.language, edit.language as String::to_string);
    set!(changed, place.default_privacy, edit.default_privacy as |it: &Privacy| it.as_str());
    set!(changed, place.metadata, edit.metadata);
    set!(changed, place.identity_providers, edit.identity_providers);
    set!(changed, place.courier_mode, edit.courier_mode as bool::to_string);
    draft.note(verb, Noun::Place, Some(place.header.id), changed);
    draft.put(place);
    Ok(draft.state.place.clone())
}

/// Changes the draft's place.
///
/// # Errors
/// As [`write()`].
pub fn edit(draft: &mut Draft, edit: &PlaceEdit) -> Result<Arc<Place>, Refusal> {
    let place = open(&draft.state.place);
    write(draft, &place, edit, "update")
}

/// Keeps all of a place until an instant, whatever its retention, or no longer where that is none.
///
/// # Errors
/// An instant that is over or too far away.
pub fn hold(draft: &mut Draft, until: Option<Instant>) -> Result<Arc<Place>, Refusal> {
    check_hold(draft.now, until)?;
    let mut place = open(&draft.state.place);
    let verb = if until.is_some() { "hold" } else { "release" };
    let fields = until.map(|until| Changed::shown("held_until", until)).into_iter().collect();
    draft.note(verb, Noun::Place, Some(place.header.id), fields);
    place.held_until = until;
    draft.put(place);
    Ok(draft.state.place.clone())
}

fn check(place: &Place, edit: &PlaceEdit) -> Result<(), Refusal> {
    let mut flaws = Flaws::default();
    flaws.name(edit.name.as_ref().unwrap_or(&place.name));
    let days = edit.retention_days.unwrap_or(place.retention_days);
    let detail = "must be 1 to 3650 days";
    let in_range = (1..=MOST_RETENTION_DAYS).contains(&days);
    flaws.check(in_range, "/retention_days", "out_of_range", detail);
    let reason = edit.retention_reason.as_ref().unwrap_or(&place.retention_reason);
    flaws.prose(reason.as_ref(), "/retention_reason", MOST_TEXT);
    let stated = reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    flaws.check(
        days <= FREE_RETENTION_DAYS || stated,
        "/retention_reason",
        "required",
        "keeping events for more than 90 days needs a reason",
    );
    let language = edit.language.as_ref().unwrap_or(&place.language);
    let known = ["en", "sv"].contains(&language.as_str());
    flaws.check(known, "/language", "bad_language", "must be en or sv");
    if let Some(Some(external_id)) = &edit.external_id {
        let detail = "must be 1-128 of letters, digits and . _ - : @";
        flaws.check(is_external_id(external_id), "/external_id", "bad_external_id", detail);
    }
    let providers = edit.identity_providers.as_deref().unwrap_or_default();
    for (at, provider) in providers.iter().enumerate() {
        let twice = providers[..at].iter().any(|other| other.id == provider.id);
        let pointer = format!("/identity_providers/{at}/id");
        flaws.check(!twice, &pointer, "conflict", "must be the id of one provider only");
        for (name, text) in
            [("id", &provider.id), ("issuer", &provider.issuer), ("audience", &provider.audience)]
        {
            let pointer = format!("/identity_providers/{at}/{name}");
            let is_said = !text.trim().is_empty() && is_line(text, MOST_NAME);
            flaws.check(is_said, &pointer, "bad_text", "must be one line of 1 to 200 characters");
        }
    }
    flaws.refuse()
}
