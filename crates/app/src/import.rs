//! People, cards and grants from a CSV file: read, then made or changed in one commit, all or none.
//!
//! The first line names the columns, in any order. A column that is missing leaves what is there;
//! an empty cell clears it. The apostrophe that `export` puts before a cell that a spreadsheet
//! would take for a formula is taken off again. Must not open a file, or say how far it is but by
//! a counter.

mod cards;
mod file;
mod grants;
mod people;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use claviger_domain::draft::{Changed, Draft};
use claviger_domain::ids::{Id, Noun, PersonNumber};
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, WindowEdit};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::context::Context;
use crate::error::Error;
use crate::work::Work;

pub use file::read;

/// The largest file, in bytes.
pub const MOST_BYTES: usize = 64 * 1024 * 1024;
/// How many wrong cells are told apart; the others are counted.
const MOST_ERRORS: usize = 100;
/// What stands between the tags of a person; a backslash keeps it one word.
pub(crate) const BETWEEN_TAGS: char = ';';

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// `external_id first_name last_name display_name email phone employee_number language tags`.
    People,
    /// `person technology bits value label valid_from valid_until`.
    Cards,
    /// `person lock access_level valid_from valid_until`.
    Grants,
}

impl What {
    /// The columns such a file may have.
    #[must_use]
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            What::People => people::COLUMNS,
            What::Cards => cards::COLUMNS,
            What::Grants => grants::COLUMNS,
        }
    }

    /// The columns it must have.
    fn needed(self) -> &'static [&'static str] {
        match self {
            What::People => &["external_id"],
            What::Cards => &["person", "technology", "bits", "value"],
            What::Grants => &["person"],
        }
    }

    fn noun(self) -> Noun {
        match self {
            What::People => Noun::Person,
            What::Cards => Noun::Credential,
            What::Grants => Noun::Grant,
        }
    }
}

/// A file that was read: every row has a cell for every column of the header.
#[derive(Clone, Debug)]
pub struct File {
    what: What,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

/// One row.
#[derive(Clone, Debug)]
struct Row {
    /// The line it begins at, counted from 1.
    line: u64,
    cells: Vec<String>,
}

impl File {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }
}

/// One row with the names of its cells.
struct Cells<'f> {
    columns: &'f [&'static str],
    cells: &'f [String],
}

impl<'f> Cells<'f> {
    /// The cell of a column: none where the file has no such column.
    fn get(&self, column: &str) -> Option<&'f str> {
        let at = self.columns.iter().position(|known| *known == column)?;
        self.cells.get(at).map(|cell| cell.trim())
    }

    /// The cell of a column, where there is something in it.
    fn filled(&self, column: &str) -> Option<&'f str> {
        self.get(column).filter(|cell| !cell.is_empty())
    }

    /// What a column sets: nothing where there is none, no value where the cell is empty.
    fn text(&self, column: &str) -> Option<Option<String>> {
        self.get(column).map(|cell| Some(cell.to_owned()).filter(|cell| !cell.is_empty()))
    }

    /// What `valid_from` and `valid_until` set.
    fn window(&self, wrong: &mut Vec<FieldError>) -> WindowEdit {
        let mut end = |column: &str| {
            let cell = self.get(column)?;
            let instant = Instant::parse(cell);
            if !cell.is_empty() && instant.is_none() {
                let right = "must be RFC 3339 such as 2026-01-31T08:00:00Z, or empty";
                wrong.push(FieldError::new(format!("/{column}"), "bad_instant", right));
            }
            Some(instant)
        };
        WindowEdit { from: end("valid_from"), until: end("valid_until") }
    }

    /// The person a row names: by external id, id, e-mail address or phone number.
    fn person(&self, state: &PlaceState, wrong: &mut Vec<FieldError>) -> Option<PersonNumber> {
        let Some(text) = self.filled("person") else {
            wrong.push(FieldError::new("/person", "required", "must name a person"));
            return None;
        };
        let found = person(state, text);
        if found.is_none() {
            let detail = "there is no person with this external id, id, e-mail address or phone \
                          number in this place";
            wrong.push(FieldError::new("/person", "not_found", detail));
        }
        found
    }
}

/// The person whom a text names in this order: external id, id, e-mail address, phone number.
pub(crate) fn person(state: &PlaceState, text: &str) -> Option<PersonNumber> {
    let by_id = || Id::parse(text).and_then(|id| state.number_of(Noun::Person, id));
    state
        .by_external_id(Noun::Person, text)
        .or_else(by_id)
        .map(PersonNumber)
        .or_else(|| state.person_by_email(text))
        .or_else(|| state.person_by_phone(text))
}

/// What became of a row.
enum Outcome {
    Created,
    Changed,
    Unchanged,
}

/// Why a row cannot be taken.
enum Wrong {
    /// These cells.
    Cells(Vec<FieldError>),
    /// Something else, which ends the import.
    Other(Error),
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Wrong {
        match refusal {
            Refusal::Invalid(fields) | Refusal::Taken(fields) => Wrong::Cells(fields),
            Refusal::InUse(detail) | Refusal::Escalation(detail) => {
                Wrong::Cells(vec![FieldError::new("", "in_use", detail)])
            }
            other => Wrong::Other(Error::Refused(other)),
        }
    }
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Imported {
    pub rows: u64,
    pub created: u64,
    pub changed: u64,
    pub unchanged: u64,
}

/// Everything that is wrong with a file, the first hundred told apart.
#[derive(Default)]
struct Errors {
    told: Vec<FieldError>,
    more: usize,
}

impl Errors {
    fn push(&mut self, line: u64, error: FieldError) {
        if self.told.len() < MOST_ERRORS {
            let pointer = format!("/rows/{line}{}", error.pointer);
            self.told.push(FieldError { pointer, ..error });
        } else {
            self.more += 1;
        }
    }

    fn refuse(mut self) -> Result<(), Error> {
        if self.more > 0 {
            let detail = format!("and {} more errors", self.more);
            self.told.push(FieldError::new("/rows", "too_many", detail));
        }
        if self.told.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.told).into()) }
    }
}

/// Makes or changes what the rows of a file say, all or none, or only counts it where `ctx` wants a
/// dry run. `done` counts rows as they are decided.
///
/// # Errors
/// Every wrong cell; no such place; the caller may not.
pub async fn run(
    ctx: &Context,
    place: Id,
    file: File,
    done: Arc<AtomicU64>,
) -> Result<Imported, Error> {
    let scope = match file.what {
        What::People => Scope::PeopleWrite,
        What::Cards => Scope::CredentialsWrite,
        What::Grants => Scope::GrantsWrite,
    };
    let place = ctx.authorize(place, scope)?;
    let (via, app) = (ctx.via, ctx.app.clone());
    let wish = move |work: &mut Work| {
        done.store(0, Ordering::Relaxed);
        let draft = work.place(place)?;
        let fields = vec![Changed::shown("rows", file.rows.len())];
        draft.note("import", file.what.noun(), None, fields);
        apply(&app, draft, &file, via, &done)
    };
    if ctx.dry_run {
        let world = ctx.app.world();
        let secrets = ctx.app.store().secrets().clone();
        let mut work = Work::new(&**world, ctx.app.now(), ctx.caller.actor(), secrets);
        return wish(&mut work);
    }
    ctx.commit(Some(place), wish).await
}

fn apply(
    app: &App,
    draft: &mut Draft,
    file: &File,
    via: claviger_domain::noun::grant::Via,
    done: &AtomicU64,
) -> Result<Imported, Error> {
    let mut made = Imported::default();
    let mut errors = Errors::default();
    // The line that named a thing first: no two rows of one file may speak of the same.
    let mut seen: HashMap<String, u64> = HashMap::new();
    for row in &file.rows {
        let cells = Cells { columns: &file.columns, cells: &row.cells };
        let outcome = match file.what {
            What::People => people::apply(draft, &cells, &mut seen, row.line),
            What::Cards => cards::apply(app, draft, &cells, &mut seen, row.line),
            What::Grants => grants::apply(draft, &cells, via, &mut seen, row.line),
        };
        made.rows += 1;
        match outcome {
            Ok(Outcome::Created) => made.created += 1,
            Ok(Outcome::Changed) => made.changed += 1,
            Ok(Outcome::Unchanged) => made.unchanged += 1,
            Err(Wrong::Cells(wrong)) => {
                wrong.into_iter().for_each(|error| errors.push(row.line, error));
            }
            Err(Wrong::Other(error)) => return Err(error),
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    errors.refuse()?;
    Ok(made)
}

/// Refuses a second row about the same thing.
fn once(
    seen: &mut HashMap<String, u64>,
    key: String,
    line: u64,
    column: &str,
) -> Result<(), Wrong> {
    match seen.insert(key, line) {
        None => Ok(()),
        Some(first) => {
            let detail = format!("row {first} is about the same");
            Err(Wrong::Cells(vec![FieldError::new(format!("/{column}"), "duplicate", detail)]))
        }
    }
}
