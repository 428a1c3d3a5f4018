//! What has happened so far: counts, latencies, surprises; as a small table or as JSON.
//!
//! It only counts. It prints nothing and judges nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::latency::Latency;
use crate::panel::{News, PanelTally};
use crate::wire::Decision;

/// How many surprises are kept with their details; all are counted.
const KEPT: usize = 50;
/// How many of them the table shows.
const SHOWN: usize = 5;

/// A running count of a simulation.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tally {
    /// Writes done while furnishing.
    pub furnished: usize,
    /// Writes that furnishing takes.
    pub to_furnish: usize,
    /// Seconds since the first visit.
    pub elapsed_s: f64,
    /// Visits that are over, answered or not.
    pub visits: u64,
    /// Doors that opened.
    pub granted: u64,
    /// Doors that stayed closed with a reason.
    pub denied: u64,
    /// Doors that stayed closed for want of an answer, by what came instead.
    pub unanswered: BTreeMap<String, u64>,
    /// By what was presented.
    pub presented: BTreeMap<String, u64>,
    /// By the method the server named.
    pub methods: BTreeMap<String, u64>,
    /// By reason; a denial may count under several.
    pub reasons: BTreeMap<String, u64>,
    /// Doors tried by the program that is written for Unloc's API, apart from the visits.
    pub checks: u64,
    /// What was done at a machine, apart from the visits.
    pub steps: u64,
    /// What two places that share doors were told and did, apart from the visits.
    pub shared: u64,
    /// What happened at the panel that decides by a list, apart from the visits; none without it.
    pub panel: Option<PanelTally>,
    /// How long answers took.
    pub latency: Latency,
    /// Answers that contradict what the simulator is certain of.
    pub surprises: u64,
    /// The first of them.
    pub details: Vec<Surprise>,
    /// Requests that were wrong on purpose.
    pub hostile: HostileTally,
}

/// Requests that were wrong on purpose, counted apart from the visits.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HostileTally {
    /// How many were sent.
    pub sent: u64,
    /// How many got the status they deserve.
    pub as_expected: u64,
    /// The others, as "what: status instead of status".
    pub otherwise: BTreeMap<String, u64>,
}

/// An answer that contradicts what the simulator is certain of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Surprise {
    /// Who presented what where, without PIN or code.
    pub visit: String,
    /// What is wrong with the answer.
    pub wrong: String,
    /// What was certain.
    pub expected: String,
    /// What was answered.
    pub got: String,
    /// The event to look at.
    pub event_id: Option<String>,
}

impl Tally {
    /// Visits per second.
    pub fn rate(&self) -> f64 {
        if self.elapsed_s > 0.0 { self.visits as f64 / self.elapsed_s } else { 0.0 }
    }

    pub(crate) fn answered(&mut self, presented: &str, decision: &Decision, took: Duration) {
        self.visits += 1;
        if decision.result == "granted" {
            self.granted += 1;
        } else {
            self.denied += 1;
        }
        count(&mut self.presented, presented);
        count(&mut self.methods, decision.method.as_deref().unwrap_or("none"));
        for reason in &decision.reasons {
            count(&mut self.reasons, &reason.code);
        }
        self.latency.record(took);
    }

    pub(crate) fn unanswered(&mut self, presented: &str, kind: &str) {
        self.visits += 1;
        count(&mut self.presented, presented);
        count(&mut self.unanswered, kind);
    }

    pub(crate) fn surprise(&mut self, surprise: Surprise) {
        self.surprises += 1;
        if self.details.len() < KEPT {
            self.details.push(surprise);
        }
    }

    pub(crate) fn hear(&mut self, news: News) {
        match news {
            News::Count(panel) => self.panel = Some(panel),
            News::Surprise(surprise) => self.surprise(surprise),
        }
    }

    pub(crate) fn hostile(&mut self, word: &str, expected: u16, got: &str) {
        self.hostile.sent += 1;
        if got == expected.to_string() {
            self.hostile.as_expected += 1;
        } else {
            count(&mut self.hostile.otherwise, &format!("{word}: {got} instead of {expected}"));
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.to_owned(), 1);
        }
    }
}

/// A table of some lines, each below 100 columns but for the details of surprises.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.furnished < self.to_furnish {
            return writeln!(f, "furnishing  {} of {}", self.furnished, self.to_furnish);
        }
        let unanswered: u64 = self.unanswered.values().sum();
        writeln!(
            f,
            "visits {}  ({:.1}/s, {:.0} s)   granted {}   denied {}   unanswered {unanswered}   \
             surprises {}",
            self.visits,
            self.rate(),
            self.elapsed_s,
            self.granted,
            self.denied,
            self.surprises
        )?;
        let ms = |took: Option<Duration>| took.unwrap_or_default().as_secs_f64() * 1000.0;
        let latency = &self.latency;
        writeln!(
            f,
            "latency  median {:.2} ms   p99 {:.2} ms   max {:.2} ms",
            ms(latency.median()),
            ms(latency.p99()),
            ms(latency.max())
        )?;
        self.columns(f)?;
        for (what, times) in &self.unanswered {
            writeln!(f, "unanswered  {what} ({times})")?;
        }
        if self.checks > 0 {
            writeln!(f, "Unloc program  {} checks at virtual locks", self.checks)?;
        }
        if self.steps > 0 {
            writeln!(f, "machine  {} steps", self.steps)?;
        }
        if self.shared > 0 {
            writeln!(f, "shared doors  {} checks in two places", self.shared)?;
        }
        if let Some(panel) = &self.panel {
            let PanelTally { by_list, granted, stored, left_out, .. } = panel;
            let PanelTally { pending, cuts, drifts, compared, .. } = panel;
            writeln!(
                f,
                "panel  {by_list} by list, {granted} granted, {stored} stored, {pending} pending, \
                 {cuts} cuts, {drifts} drifts, {compared} compared, {left_out} left out"
            )?;
        }
        if self.hostile.sent > 0 {
            let HostileTally { sent, as_expected, .. } = self.hostile;
            writeln!(f, "hostile  {sent} sent, {as_expected} answered as they deserve")?;
        }
        for (what, times) in &self.hostile.otherwise {
            writeln!(f, "hostile  {what} ({times})")?;
        }
        for each in self.details.iter().take(SHOWN) {
            let Surprise { visit, wrong, expected, got, .. } = each;
            writeln!(f, "surprise  {visit}: {wrong}; expected {expected}; got {got}")?;
        }
        Ok(())
    }
}

impl Tally {
    fn columns(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sorted = |counts: &BTreeMap<String, u64>| {
            let mut rows = counts.iter().map(|(key, n)| (key.clone(), *n)).collect::<Vec<_>>();
            rows.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
            rows
        };
        let columns = [&self.presented, &self.methods, &self.reasons].map(sorted);
        let head = ["presented", "method", "reason"].map(|title| format!("{title:<31}")).concat();
        writeln!(f, "{}", head.trim_end())?;
        let height = columns.iter().map(Vec::len).max().unwrap_or(0);
        for row in 0..height {
            let cells = columns.iter().map(|column| match column.get(row) {
                Some((key, times)) => format!("  {key:<19}{times:>7}   "),
                None => " ".repeat(31),
            });
            writeln!(f, "{}", cells.collect::<String>().trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
