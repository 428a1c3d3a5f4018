//! Tidiness as an ordinary test, with numbers: who may use whom, sizes, words, packages, documents.
//!
//! Reads the workspace as it stands on the disk and knows no rule of access. Each scan is a
//! function over text that is tried on a bad sample too, so that it is known to find something.
//! An exception is a row with a reason, and a row that is not needed fails the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arrows;
mod documents;
mod files;
mod packages;
mod scan;
mod settings;
mod sizes;
mod words;

use std::io::Write as _;

/// Fails with every finding at once.
#[track_caller]
fn nothing(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// Shows a figure even where the output of tests that pass is held back.
fn figure(line: &str) {
    let _ = writeln!(std::io::stderr(), "tidy: {line}");
}
