//! CSV files for an import: refused with the line, or taken as a whole, as often as one likes.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use claviger_app::import::{self, What};
use claviger_app::{Caller, Context, Error, Via};

use super::server::Server;

const WORDS: &[&str] = &[
    ",",
    "\"",
    "\"\"",
    "\r\n",
    "\n",
    "'=1",
    "external_id",
    "first_name",
    "email",
    "person",
    "technology",
    "bits",
    "value",
    "lock",
    "valid_from",
    "valid_until",
    "p1",
    "56",
    "mifare_desfire",
    "2026-01-01T00:00:00Z",
    "\u{feff}",
    "ann@example.org",
    "tags",
    "metadata",
];

#[test]
fn a_file_is_refused_or_taken_whole() {
    let server = Server::start();
    let ctx = Context::new(server.app.clone(), Caller::Operator, Via::Native);
    let take = |ctx: &Context, file: import::File| {
        let done = Arc::new(AtomicU64::new(0));
        server.runtime.block_on(import::run(ctx, server.place, file, done))
    };
    let mut taken = 0_u64;
    let count = super::driver::feed(&super::seeds("csv"), WORDS, |input| {
        for what in [What::People, What::Cards, What::Grants] {
            let file = match import::read(what, input) {
                Ok(file) => file,
                Err(Error::Refused(_)) => continue,
                Err(other) => panic!("{other}"),
            };
            let lines = input.split(|byte| matches!(byte, b'\n' | b'\r')).count();
            assert!(file.rows() < lines.max(1), "{} rows in {lines} lines", file.rows());
            match take(&ctx, file.clone()) {
                Ok(_) => taken += 1,
                Err(Error::Refused(_)) => continue,
                Err(other) => panic!("{other}"),
            }
            // The same file again changes what it made, and is not refused.
            if what == What::People {
                assert!(take(&ctx, file).is_ok(), "it is refused the second time");
            }
        }
    });
    println!("CSV: {count} inputs, {taken} accepted");
    assert!(taken > 0, "the seeds are accepted");
}
