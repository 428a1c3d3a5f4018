//! Reading a CSV file for an import: which columns it has, its rows and the lines they begin at.
//!
//! Must not know what a cell means.

use claviger_domain::refusal::{FieldError, Refusal};

use super::{Errors, File, MOST_BYTES, Row, What};
use crate::error::Error;

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
    let mut lines = Lines { bytes, at: 0, line: 1 };
    for record in records {
        let record = record.map_err(|_| refuse("the file is no CSV".to_owned()))?;
        let line = lines.at(record.position().map_or(0, csv::Position::byte));
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

/// Counts lines, forward only. (The reader's own count is one short where lines end in CR LF.)
struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the row that begins at a byte, or after the ends of lines that stand there.
    fn at(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        while let Some(now) = self.bytes.get(self.at) {
            let ends = matches!(now, b'\r' | b'\n');
            if self.at >= byte && !ends {
                break;
            }
            self.at += 1;
            let halfway = *now == b'\r' && self.bytes.get(self.at) == Some(&b'\n');
            self.line += u64::from(ends && !halfway);
        }
        self.line
    }
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
