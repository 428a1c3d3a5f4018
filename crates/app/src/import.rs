//! People, cards and grants from a CSV file: read, then made or changed in one commit, all or none.
//!
//! The first line names the columns, in any order. A column that is missing leaves what is there; an
//! empty cell clears it. What `export` puts before a cell that a spreadsheet would take for a
//! formula is taken off again. Must not open a file or say how far it is but by a counter.

mod cards;
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

use crate::context::Context;
use crate::error::Error;
use crate::work::Work;

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

/// Reads a file. Quotes are as in RFC 4180; a byte order mark is passed over.
///
/// # Errors
/// It is too large or no CSV; columns are unknown, missing or there twice; rows that are no text
/// or have too many or too few cells, all of them.
pub fn read(what: What, bytes: &[u8]) -> Result<File, Error> {
    let refuse = |detail: String| Error::from(Refusal::field("/header", "bad_file", detail));
    if bytes.len() > MOST_BYTES {
        return Err(refuse(format!("the file is larger than {} MiB", MOST_BYTES >> 20)));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut records = reader.byte_records();
    let header = records.next().transpose().map_err(|_| refuse("cannot be read".to_owned()))?;
    let Some(header) = header else {
        return Err(refuse("the file is empty; its first line must name the columns".to_owned()));
    };
    let columns = columns(what, &header)?;
    let (mut rows, mut errors) = (Vec::new(), Errors::default());
    for record in records {
        let record = record.map_err(|_| refuse("the file is no CSV".to_owned()))?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != columns.len() {
            let detail = format!("has {} cells, the header {}", record.len(), columns.len());
            errors.push(line, FieldError::new("", "bad_row", detail));
            continue;
        }
        let cells: Result<Vec<String>, _> = record
            .iter()
            .map(|cell| std::str::from_utf8(cell).map(|cell| unguarded(cell).to_owned()))
            .collect();
        match cells {
            Ok(cells) => rows.push(Row { line, cells }),
            Err(_) => errors.push(line, FieldError::new("", "bad_text", "is not text in UTF-8")),
        }
    }
    errors.refuse()?;
    Ok(File { what, columns, rows })
}

fn columns(what: What, header: &csv::ByteRecord) -> Result<Vec<&'static str>, Error> {
    let mut errors = Vec::new();
    let mut error = |code: &'static str, detail: String| {
        errors.push(FieldError::new("/header", code, detail));
    };
    let known = what.columns();
    let mut columns: Vec<&'static str> = Vec::with_capacity(header.len());
    for name in header {
        let name = String::from_utf8_lossy(name);
        let name = name.trim();
        match known.iter().find(|known| **known == name) {
            Some(column) if columns.contains(column) => {
                error("duplicate", format!("the column {name} is there twice"));
            }
            Some(column) => columns.push(column),
            None if header.len() == 1 && name.contains([';', '\t']) => {
                error("bad_file", "the columns must have commas between them".to_owned());
            }
            None => {
                let list = known.join(" ");
                error("unknown", format!("there is no column {name:?}; known are {list}"));
            }
        }
    }
    let missing: Vec<&str> =
        what.needed().iter().filter(|name| !columns.contains(name)).copied().collect();
    if !missing.is_empty() {
        error("required", format!("missing: {}", missing.join(" ")));
    }
    let targets = ["lock", "access_level"];
    if what == What::Grants && !targets.iter().any(|target| columns.contains(target)) {
        error("required", "missing: lock or access_level".to_owned());
    }
    if errors.is_empty() { Ok(columns) } else { Err(Refusal::Invalid(errors).into()) }
}

/// A cell without the apostrophe that `export` puts before what looks like a formula.
fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if crate::export::wants_guard(rest) => rest,
        _ => cell,
    }
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
    let via = ctx.via;
    let wish = move |work: &mut Work| {
        done.store(0, Ordering::Relaxed);
        let draft = work.place(place)?;
        let fields = vec![Changed::shown("rows", file.rows.len())];
        draft.note("import", file.what.noun(), None, fields);
        apply(draft, &file, via, &done)
    };
    if ctx.dry_run {
        let world = ctx.app.world();
        let mut work = Work::new(&**world, ctx.app.now(), ctx.caller.actor());
        return wish(&mut work);
    }
    ctx.commit(Some(place), wish).await
}

fn apply(
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
            What::Cards => cards::apply(draft, &cells, &mut seen, row.line),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn details(error: Error) -> Vec<String> {
        match error {
            Error::Refused(Refusal::Invalid(fields)) => {
                fields.into_iter().map(|it| format!("{} {}", it.pointer, it.detail)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn columns_are_checked() {
        let wrong = |text: &str| details(read(What::People, text.as_bytes()).unwrap_err());
        assert_eq!(wrong("external_id,shoe\n").len(), 1);
        assert!(wrong("external_id,shoe\n")[0].contains("\"shoe\""));
        assert!(wrong("email\n")[0].contains("missing: external_id"));
        assert!(wrong("external_id,email,email\n")[0].contains("twice"));
        assert!(wrong("")[0].contains("empty"));
        assert!(wrong("external_id;email\n")[0].contains("commas"));
        let targetless = read(What::Grants, b"person,valid_from\n").unwrap_err();
        assert!(details(targetless)[0].contains("lock or access_level"));
    }

    #[test]
    fn rows_know_their_lines_and_marks_are_passed_over() {
        let text = "\u{feff}external_id,note_\n";
        assert!(read(What::People, text.as_bytes()).is_err());
        let text =
            "\u{feff}external_id,display_name\r\na,\"two\nlines, \"\"quoted\"\"\"\r\nb,'+1\n";
        let file = read(What::People, text.as_bytes()).unwrap();
        let rows: Vec<(u64, &str)> =
            file.rows.iter().map(|row| (row.line, row.cells[1].as_str())).collect();
        assert_eq!(rows, [(2, "two\nlines, \"quoted\""), (4, "+1")]);
        let wrong = read(What::People, b"external_id,email\na\nb,c,d\n\xff,x\n").unwrap_err();
        let wrong = details(wrong);
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong[0].starts_with("/rows/2 has 1 cells"), "{wrong:?}");
        assert!(wrong[2].starts_with("/rows/4 is not text"), "{wrong:?}");
    }

    #[test]
    fn at_most_a_hundred_errors_are_told_apart() {
        let text = format!("external_id,email\n{}", "a\n".repeat(250));
        let wrong = details(read(What::People, text.as_bytes()).unwrap_err());
        assert_eq!((wrong.len(), wrong[100].as_str()), (101, "/rows and 150 more errors"));
    }
}
