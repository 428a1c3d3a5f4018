//! Reading a backup: first whether it is whole, then its rows into an empty database.
//!
//! Must not write a row of a file that was not checked to its end.

use std::io::{BufRead, BufReader, Read, Seek};

use aws_lc_rs::digest::{Context as Hash, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_domain::time::Instant;
use claviger_store::dump::Restore;
use claviger_store::{Db, Value};
use serde::Deserialize;

use super::{BackupError, FIRST, Head, hex};

/// The longest line; rows hold at most some bodies of requests.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The last line.
#[derive(Deserialize)]
struct End {
    rows: u64,
    sha256: String,
}

#[derive(Deserialize)]
struct Start {
    table: String,
}

/// One line with its end; none at the end of the file.
fn line(file: &mut impl BufRead) -> Result<Option<String>, BackupError> {
    let mut bytes = Vec::new();
    if file.take(MOST_BYTES).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let damaged = |_| BackupError::Damaged("a line is not text".to_owned());
    String::from_utf8(bytes).map(Some).map_err(damaged)
}

fn head(file: &mut impl BufRead, hash: &mut Hash) -> Result<Head, BackupError> {
    let mut start = [0; FIRST.len() + 1];
    let read = read_up_to(file, &mut start)?;
    let begins = FIRST.trim_end_matches("v1").as_bytes();
    if !start.starts_with(begins) || read < start.len() {
        return Err(BackupError::Foreign);
    }
    if start.strip_suffix(b"\n") != Some(FIRST.as_bytes()) {
        return Err(BackupError::Later);
    }
    let text = line(file)?.ok_or(BackupError::CutOff)?;
    if !text.ends_with('\n') {
        return Err(BackupError::CutOff);
    }
    hash.update(&start);
    hash.update(text.as_bytes());
    serde_json::from_str(&text)
        .map_err(|_| BackupError::Damaged("its head is malformed".to_owned()))
}

fn read_up_to(file: &mut impl Read, bytes: &mut [u8]) -> Result<usize, BackupError> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

/// Reads a file to its end and checks that it is whole.
///
/// # Errors
/// It is no backup, is cut off or was changed.
pub fn check(file: &mut (impl Read + Seek)) -> Result<Head, BackupError> {
    file.rewind()?;
    let mut file = BufReader::new(file);
    let mut hash = Hash::new(&SHA256);
    let head = head(&mut file, &mut hash)?;
    let mut rows = 0;
    loop {
        let text = line(&mut file)?.ok_or(BackupError::CutOff)?;
        if !text.ends_with('\n') {
            return Err(BackupError::CutOff);
        }
        if let Ok(end) = serde_json::from_str::<End>(&text) {
            let same = end.sha256 == hex(hash.finish().as_ref()) && end.rows == rows;
            if !same || line(&mut file)?.is_some() {
                return Err(BackupError::Damaged("its checksum is another".to_owned()));
            }
            return Ok(head);
        }
        rows += u64::from(text.starts_with('['));
        hash.update(text.as_bytes());
    }
}

/// Puts the rows of a checked file into an empty database; sessions and tokens end as of `now`.
/// `each` hears of every thousandth row.
///
/// # Errors
/// The database is not empty or refuses; the file changed since it was checked.
pub async fn restore(
    file: &mut (impl Read + Seek),
    db: Db,
    now: Instant,
    mut each: impl FnMut(u64),
) -> Result<u64, BackupError> {
    file.rewind()?;
    let mut file = BufReader::new(file);
    head(&mut file, &mut Hash::new(&SHA256))?;
    let mut restore = Restore::begin(db).await?;
    let malformed = || BackupError::Damaged("a row is malformed".to_owned());
    let (mut table, mut rows) = (String::new(), 0);
    while let Some(text) = line(&mut file)? {
        if text.starts_with('[') {
            let cells: Vec<serde_json::Value> =
                serde_json::from_str(&text).map_err(|_| malformed())?;
            let cells: Option<Vec<Value>> = cells.into_iter().map(value).collect();
            restore.row(&table, cells.ok_or_else(malformed)?).await?;
            rows += 1;
            if rows % 1000 == 0 {
                each(rows);
            }
        } else if let Ok(start) = serde_json::from_str::<Start>(&text) {
            table = start.table;
        } else {
            let end: End = serde_json::from_str(&text).map_err(|_| malformed())?;
            if end.rows != rows {
                return Err(malformed());
            }
            restore.finish(now).await?;
            return Ok(rows);
        }
    }
    Err(BackupError::CutOff)
}

fn value(cell: serde_json::Value) -> Option<Value> {
    match cell {
        serde_json::Value::Null => Some(Value::Null),
        serde_json::Value::Number(number) => number.as_i64().map(Value::Int),
        serde_json::Value::String(text) => Some(Value::Text(text)),
        serde_json::Value::Object(object) => {
            let text = object.get("b")?.as_str()?;
            STANDARD.decode(text).ok().map(Value::Bytes)
        }
        _ => None,
    }
}
