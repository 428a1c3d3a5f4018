//! Rows of people: found by external id, made where there is none with it.

use std::collections::HashMap;

use claviger_domain::command::person as rules;
use claviger_domain::draft::Draft;
use claviger_domain::ids::{Noun, PersonNumber};
use claviger_domain::noun::person::{Person, PersonEdit};

use super::{BETWEEN_TAGS, Cells, Outcome, Wrong, once};

pub(super) const COLUMNS: &[&str] = &[
    "external_id",
    "first_name",
    "last_name",
    "display_name",
    "email",
    "phone",
    "employee_number",
    "language",
    "tags",
];

pub(super) fn apply(
    draft: &mut Draft,
    cells: &Cells<'_>,
    seen: &mut HashMap<String, u64>,
    line: u64,
) -> Result<Outcome, Wrong> {
    let edit = PersonEdit {
        external_id: cells.text("external_id"),
        first_name: cells.text("first_name"),
        last_name: cells.text("last_name"),
        display_name: cells.text("display_name"),
        email: cells.text("email"),
        phone: cells.text("phone"),
        employee_number: cells.text("employee_number"),
        language: cells.text("language"),
        tags: cells.get("tags").map(tags),
        ..PersonEdit::default()
    };
    let Some(external_id) = cells.filled("external_id") else {
        rules::create(draft, &edit)?;
        return Ok(Outcome::Created);
    };
    once(seen, external_id.to_owned(), line, "external_id")?;
    let Some(number) = draft.state.by_external_id(Noun::Person, external_id) else {
        rules::create(draft, &edit)?;
        return Ok(Outcome::Created);
    };
    let number = PersonNumber(number);
    if says(rules::find(&draft.state, number)?, &edit) {
        return Ok(Outcome::Unchanged);
    }
    rules::edit(draft, number, &edit)?;
    Ok(Outcome::Changed)
}

/// Whether a person is already as the row wants it.
fn says(person: &Person, edit: &PersonEdit) -> bool {
    let own = &person.details;
    let same = |own: &Option<String>, edit: &Option<Option<String>>| {
        edit.as_ref().is_none_or(|edit| edit == own)
    };
    same(&own.first_name, &edit.first_name)
        && same(&own.last_name, &edit.last_name)
        && same(&own.display_name, &edit.display_name)
        && same(&own.email, &edit.email)
        && same(&own.phone, &edit.phone)
        && same(&own.employee_number, &edit.employee_number)
        && same(&own.language, &edit.language)
        && edit.tags.as_ref().is_none_or(|tags| *tags == own.tags)
}

/// The words of a cell.
fn tags(cell: &str) -> Vec<String> {
    let mut tags = vec![String::new()];
    let mut chars = cell.chars();
    while let Some(c) = chars.next() {
        if c == BETWEEN_TAGS {
            tags.push(String::new());
        } else if let Some(tag) = tags.last_mut() {
            tag.extend(if c == '\\' { chars.next() } else { Some(c) });
        }
    }
    tags.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::tags;

    #[test]
    fn tags_come_back_as_they_were() {
        assert_eq!(tags("staff; night shift ;;"), ["staff", "night shift"]);
        assert_eq!(tags(r"a\;b;c\\d"), ["a;b", r"c\d"]);
        assert!(tags("").is_empty());
        let words = vec![r"a;b\".to_owned(), "c".to_owned()];
        assert_eq!(tags(&crate::export::tags(&words)), words);
    }
}
