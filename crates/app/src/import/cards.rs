//! Rows of cards: found by bits and value, made where nobody has them.

use std::collections::HashMap;

use claviger_domain::command::credential as rules;
use claviger_domain::draft::Draft;
use claviger_domain::noun::card::{CardPart, CardValue, Technology};
use claviger_domain::noun::credential::{Credential, CredentialEdit, CredentialKind};
use claviger_domain::refusal::{FieldError, Refusal};

use super::{Cells, Outcome, Wrong, once};
use crate::App;
use crate::credential::parts_as_codes;

pub(super) const COLUMNS: &[&str] =
    &["person", "technology", "bits", "value", "label", "valid_from", "valid_until"];

pub(super) fn apply(
    app: &App,
    draft: &mut Draft,
    cells: &Cells<'_>,
    seen: &mut HashMap<String, u64>,
    line: u64,
) -> Result<Outcome, Wrong> {
    let mut wrong = Vec::new();
    let person = cells.person(&draft.state, &mut wrong);
    let part = part(cells, &mut wrong);
    let valid = cells.window(&mut wrong);
    let (Some(person), Some(part)) = (person, part) else { return Err(Wrong::Cells(wrong)) };
    if !wrong.is_empty() {
        return Err(Wrong::Cells(wrong));
    }
    once(seen, format!("{} {}", part.card.bits, part.card.hex()), line, "value")?;
    let edit = CredentialEdit { label: cells.text("label"), valid, ..CredentialEdit::default() };
    let Some(number) = draft.state.credential_by_card(part.card) else {
        let parts = vec![part];
        let parts_as_codes = parts_as_codes(app, draft.state.place.number(), &parts);
        let person = Some(Some(person));
        let edit = CredentialEdit { person, parts: Some(parts), parts_as_codes, ..edit };
        let id = draft.next_id();
        rules::create(draft, CredentialKind::Card, id, &edit).map_err(in_columns)?;
        return Ok(Outcome::Created);
    };
    let former = rules::find(&draft.state, number)?;
    if former.person != Some(person) {
        let detail = "is the card of somebody else";
        return Err(Wrong::Cells(vec![FieldError::new("/value", "taken", detail)]));
    }
    if says(former, &edit) {
        return Ok(Outcome::Unchanged);
    }
    rules::edit(draft, number, &edit).map_err(in_columns)?;
    Ok(Outcome::Changed)
}

fn part(cells: &Cells<'_>, wrong: &mut Vec<FieldError>) -> Option<CardPart> {
    let word = cells.get("technology").unwrap_or_default();
    let technology = Technology::parse(word);
    if technology.is_none() {
        let detail = format!("must be one of {}", Technology::WORDS.join(" "));
        wrong.push(FieldError::new("/technology", "bad_technology", detail));
    }
    let bits = cells.get("bits").and_then(|bits| bits.parse::<u64>().ok());
    let Some(bits) = bits else {
        wrong.push(FieldError::new("/bits", "bad_bits", "must be a number from 1 to 128"));
        return None;
    };
    match CardValue::parse(bits, cells.get("value").unwrap_or_default()) {
        Ok(card) => technology.map(|technology| CardPart { technology, card }),
        Err(flaw) => {
            wrong.push(FieldError::new("/value", "bad_card", flaw.to_string()));
            None
        }
    }
}

/// Whether a card is already as the row wants it.
fn says(card: &Credential, edit: &CredentialEdit) -> bool {
    edit.label.as_ref().is_none_or(|label| *label == card.label)
        && edit.valid.of(card.valid) == card.valid
}

/// What the rules say of a credential, in the columns of the file.
fn in_columns(refusal: Refusal) -> Wrong {
    let rename = |mut error: FieldError| {
        if error.pointer.starts_with("/cards") {
            error.pointer = "/value".to_owned();
        }
        error
    };
    match Wrong::from(refusal) {
        Wrong::Cells(wrong) => Wrong::Cells(wrong.into_iter().map(rename).collect()),
        other => other,
    }
}
