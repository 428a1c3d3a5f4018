//! A place as one ZIP file: the tables of `app::export`, and all pages of its events.
//!
//! Must not decide what is in a table.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;

use claviger_app::export::{self, Table};
use claviger_app::import::What;
use claviger_app::{Context, Id};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::exit::Failure;
use crate::operator::{Message, Out};

/// What is in it, by file.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) rows: BTreeMap<&'static str, u64>,
    /// What was left out and why.
    pub(crate) left_out: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
}

fn broken(error: impl Into<std::io::Error>) -> Failure {
    let error: std::io::Error = error.into();
    Failure::new(format!("the ZIP file cannot be written: {}", claviger_app::io_words(&error)))
}

/// Writes the archive of a place.
///
/// # Errors
/// No such place; the file cannot be written.
pub(crate) async fn write(
    ctx: &Context,
    place: Id,
    file: &mut File,
    out: &Out,
) -> Result<Written, Failure> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(true)
        .unix_permissions(0o600);
    let mut zip = ZipWriter::new(file);
    let mut written = Written::default();
    let tables =
        [("people.csv", What::People), ("cards.csv", What::Cards), ("grants.csv", What::Grants)];
    for (name, what) in tables {
        let Table { text, rows, left_out } = export::table(ctx, place, what)?;
        zip.start_file(name, options).map_err(broken)?;
        zip.write_all(&text).map_err(broken)?;
        written.rows.insert(name, rows);
        if !left_out.is_empty() {
            written.left_out.insert(name, left_out);
        }
    }
    let name = "events.csv";
    zip.start_file(name, options).map_err(broken)?;
    let mut after = Some(0);
    let mut count = 0;
    while let Some(seq) = after {
        let (Table { text, rows, .. }, next) = export::events(ctx, place, seq).await?;
        zip.write_all(&text).map_err(broken)?;
        count += rows;
        after = next;
        let progress = Message::Progress { what: "events".to_owned(), done: count, total: count };
        let _ = out.send(progress).await;
    }
    written.rows.insert(name, count);
    zip.finish().map_err(broken)?;
    Ok(written)
}
