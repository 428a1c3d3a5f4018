//! The line to each controller: which of its calls is the newest, what it is commanded, and what
//! was last worked out for it. Only in memory: a command must not outlive the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger_domain::ids::{Id, LockNumber, PlaceNumber};
use claviger_domain::provision::{self, Desired, List, ListKey, Site};
use claviger_domain::time::{Instant, SECOND};
use tokio::sync::watch;

use super::digest;
use crate::decision::Side;
use crate::world::guard;
use crate::{App, Clock, random};

/// How long a command waits to be fetched.
const COMMAND_LASTS: i64 = 10 * SECOND;
/// The most commands that wait.
const MOST_COMMANDS: usize = 100;

/// What a controller is to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandKind {
    /// Open the lock once.
    Unlock,
}

/// A command to a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// By which it is reported.
    pub id: Id,
    /// What.
    pub kind: CommandKind,
    /// At which lock.
    pub lock: LockNumber,
    /// When it is over.
    pub expires_at: Instant,
}

/// What was worked out for a list, and how long that took.
#[derive(Clone, Debug)]
pub(super) struct Worked {
    pub(super) desired: Arc<Desired>,
    /// When.
    begun: Instant,
    /// The list's request it was worked out for: who is stored already has a say where not all fit.
    pub(super) seen_seq: u64,
    pub(super) took: Duration,
}

impl Worked {
    /// Works a list out.
    pub(super) fn of(site: &Site<'_>, list: &List, clock: Clock) -> Worked {
        let begun = clock.now();
        let desired = Arc::new(provision::desired(site, list, begun, digest));
        Worked { desired, begun, seen_seq: list.seen_seq, took: span(begun, clock.now()) }
    }

    /// Whether it is still so. What has ended by a clock that was put back since has not ended.
    pub(super) fn is_of(&self, site: &Site<'_>, list: &List, now: Instant) -> bool {
        let Worked { desired, begun, seen_seq, .. } = self;
        site.revisions() == desired.revisions
            && *begun <= now
            && desired.next_end.is_none_or(|end| now < end)
            && (desired.cut.is_empty() || *seen_seq == list.seen_seq)
    }
}

/// How long it is from one instant to another; nothing where the clock was set back.
pub(super) fn span(from: Instant, until: Instant) -> Duration {
    Duration::from_micros(u64::try_from(until.0.saturating_sub(from.0)).unwrap_or(0))
}

/// The line to one controller.
#[derive(Debug)]
pub(super) struct Line {
    /// The highest number of a call that was looked at: that one goes on.
    calls: watch::Sender<u64>,
    commands: watch::Sender<Vec<Command>>,
    pub(super) worked: Mutex<Option<Worked>>,
}

/// The lines to all controllers.
#[derive(Debug)]
pub(crate) struct Lines {
    lines: Mutex<HashMap<ListKey, Arc<Line>>>,
    ending: watch::Sender<bool>,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines { lines: Mutex::default(), ending: watch::Sender::new(false) }
    }
}

impl Lines {
    /// The line to a controller.
    pub(super) fn line(&self, key: ListKey) -> Arc<Line> {
        let fresh = || {
            let (calls, commands) = (watch::Sender::new(0), watch::Sender::new(Vec::new()));
            Arc::new(Line { calls, commands, worked: Mutex::default() })
        };
        guard(&self.lines).entry(key).or_insert_with(fresh).clone()
    }

    /// Ends every call that waits.
    pub(super) fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Turns true when calls are not to be held any longer.
    pub(crate) fn ending(&self) -> watch::Receiver<bool> {
        self.ending.subscribe()
    }
}

/// One call on a line.
pub(super) struct Call {
    number: u64,
    calls: watch::Receiver<u64>,
}

impl Call {
    /// Whether a newer one has come.
    pub(super) fn is_superseded(&self) -> bool {
        *self.calls.borrow() != self.number
    }

    /// Returns when a newer one comes.
    pub(super) async fn superseded(&mut self) {
        let number = self.number;
        let _ = self.calls.wait_for(|newest| *newest != number).await;
    }
}

impl Line {
    /// A call that was looked at, by its number: those before it are over.
    pub(super) fn call(&self, number: u64) -> Call {
        self.calls.send_if_modified(|newest| {
            let is_newer = *newest < number;
            *newest = number.max(*newest);
            is_newer
        });
        Call { number, calls: self.calls.subscribe() }
    }

    /// The commands that are not over.
    pub(super) fn commands(&self, now: Instant) -> Vec<Command> {
        let waiting = self.commands.borrow();
        waiting.iter().filter(|it| now < it.expires_at).copied().collect()
    }

    /// Something to wait on: it changes when a command is given.
    pub(super) fn commanded(&self) -> watch::Receiver<Vec<Command>> {
        self.commands.subscribe()
    }

    /// Takes commands away that are done, and those that are over.
    pub(super) fn done(&self, ids: &[Id], now: Instant) {
        self.commands.send_if_modified(|waiting| {
            waiting.retain(|it| now < it.expires_at && !ids.contains(&it.id));
            false
        });
    }

    fn give(&self, command: Command) {
        self.commands.send_modify(|waiting| {
            waiting.push(command);
            let more = waiting.len().saturating_sub(MOST_COMMANDS);
            waiting.drain(..more);
        });
    }
}

/// Commands a lock that hangs on a controller to open; one that does not asks by itself.
pub(crate) fn remote_unlock(app: &App, owner: &Side, now: Instant) {
    let lock = owner.state.locks.get(owner.lock);
    let Some(controller) = lock.and_then(|lock| lock.controller) else { return };
    let place: PlaceNumber = owner.place();
    app.lines().line(ListKey { place, controller }).give(Command {
        id: random::ids(now).next_id(),
        kind: CommandKind::Unlock,
        lock: owner.lock,
        expires_at: now.plus(COMMAND_LASTS),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(byte: u8, given: Instant) -> Command {
        let expires_at = given.plus(COMMAND_LASTS);
        Command { id: Id([byte; 16]), kind: CommandKind::Unlock, lock: LockNumber(1), expires_at }
    }

    #[test]
    fn a_command_is_offered_for_ten_seconds_until_it_is_done() {
        let key = ListKey { place: PlaceNumber(1), controller: 1.into() };
        let line = Lines::default().line(key);
        let begun = Instant(0);
        let (one, other) = (command(1, begun), command(2, begun.plus(4 * SECOND)));
        line.give(one);
        line.give(other);
        assert_eq!(line.commands(begun.plus(10 * SECOND - 1)), [one, other]);
        assert_eq!(line.commands(begun.plus(10 * SECOND)), [other]);
        line.done(&[other.id], begun.plus(10 * SECOND));
        assert_eq!(line.commands(begun), []);
        // The newest stay where nobody fetches them.
        (0..=MOST_COMMANDS).for_each(|at| line.give(command(at as u8, begun)));
        let waiting = line.commands(begun);
        assert_eq!((waiting.len(), waiting[0].id), (MOST_COMMANDS, Id([1; 16])));
    }
}
