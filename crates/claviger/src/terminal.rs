//! All that the program shows: answers on stdout, messages and progress on stderr.
//!
//! A reader that went away (a closed pipe) is no error. Must not be given a secret but where the
//! command is there to show it once.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use crate::exit::Failure;

/// Writes lines to stdout.
pub(crate) fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
    let _ = out.flush();
}

/// Writes one line of JSON to stdout.
pub(crate) fn json(value: &Value) {
    answer(&value.to_string());
}

/// Writes a line to stderr.
pub(crate) fn message(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
}

/// Says why the command failed.
pub(crate) fn failure(failure: &Failure) {
    for line in failure.lines() {
        message(&format!("claviger: {line}"));
    }
}

/// How far a command is, on stderr; nothing where that is not a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that shows nothing until it is told something.
    pub(crate) fn new() -> Progress {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{msg}  {bar:40}  {pos}/{len}") {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// Shows that `done` of `total` are done.
    pub(crate) fn show(&self, what: &str, done: u64, total: u64) {
        self.bar.set_message(what.to_owned());
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A table that is shown again and again: in place on a terminal, else only at the end.
pub(crate) struct Board {
    bar: ProgressBar,
}

impl Board {
    /// An empty board.
    pub(crate) fn new() -> Board {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(4)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Board { bar }
    }

    /// Shows the table.
    pub(crate) fn show(&self, table: &str) {
        self.bar.set_message(table.trim_end().to_owned());
    }

    /// Takes the table away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
