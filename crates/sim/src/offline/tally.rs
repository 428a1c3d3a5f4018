//! What happened in a house with locks that have no network, counted: what was expected and what
//! was not.

use std::fmt;

use serde::Serialize;

use crate::tally::Surprise;

/// How many surprises are shown in full.
const SHOWN: usize = 5;

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OfflineTally {
    /// Locks that were commissioned.
    pub locks: u64,
    /// Phones that were enrolled.
    pub phones: u64,
    /// Calls of phones at the server.
    pub calls: u64,
    /// Keys that phones were given.
    pub keys: u64,
    /// Times somebody stood before a lock.
    pub visits: u64,
    /// Of these, how often the bolt was moved.
    pub opened: u64,
    /// Of these, how often a key was refused.
    pub refused: u64,
    /// Lists that locks took.
    pub lists: u64,
    /// Receipts that were brought to the server.
    pub receipts: u64,
    /// Events that were brought to the server.
    pub events: u64,
    /// Rights that were taken back everywhere.
    pub taken_back: u64,
    /// Times a lock lost its power or what it held.
    pub failures: u64,
    /// Things hostile phones tried.
    pub attacks: u64,
    /// Answers and states that were compared with what is certain.
    pub checks: u64,
    /// Of these, how many contradict it.
    pub surprises: u64,
    /// The first of them.
    pub details: Vec<Surprise>,
}

impl OfflineTally {
    /// Compares one thing with what is certain.
    pub(crate) fn check<T: PartialEq + fmt::Debug>(
        &mut self,
        what: impl Fn() -> String,
        wrong: &str,
        (expected, got): (T, T),
    ) {
        self.checks += 1;
        if expected != got {
            self.surprise(what(), wrong, format!("{expected:?}"), format!("{got:?}"));
        }
    }

    /// Something contradicts what is certain.
    pub(crate) fn surprise(&mut self, visit: String, wrong: &str, expected: String, got: String) {
        self.surprises += 1;
        if self.details.len() < SHOWN {
            let wrong = wrong.to_owned();
            self.details.push(Surprise { visit, wrong, expected, got, event_id: None });
        }
    }
}

impl fmt::Display for OfflineTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("locks with no network", self.locks),
            ("phones", self.phones),
            ("  calls at the server", self.calls),
            ("  keys they were given", self.keys),
            ("visits", self.visits),
            ("  opened", self.opened),
            ("  refused", self.refused),
            ("lists taken by locks", self.lists),
            ("receipts brought back", self.receipts),
            ("events brought back", self.events),
            ("rights taken back everywhere", self.taken_back),
            ("locks that failed and came back", self.failures),
            ("hostile attempts, none of use", self.attacks),
            ("compared with what is certain", self.checks),
            ("surprises", self.surprises),
        ];
        for (what, count) in rows {
            writeln!(f, "{what:<34}{count:>6}")?;
        }
        for each in &self.details {
            let Surprise { visit, wrong, expected, got, .. } = each;
            writeln!(f, "surprise  {visit}: {wrong}; expected {expected}; got {got}")?;
        }
        Ok(())
    }
}
