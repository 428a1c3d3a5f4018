//! A machine that somebody logs on to: who may start it and when one is logged off.
//!
//! Pure: it is told what happened and when, and asks nobody. The time is the machine's own, counted
//! from any instant; [`Operated`](crate::Operated) asks a server for it.

use std::time::Duration;

use crate::wire::{Decision, Session};

/// The hints of a key that has none.
const DEFAULT: Session = Session { start_within_s: 60, log_off_after_s: 600 };
/// How long after a log-on another key may be enrolled.
const ENROL: Duration = Duration::from_secs(60);

/// Who may start a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Who is logged on.
    #[default]
    ByKey,
    /// Nobody, whatever key is presented.
    LockedForAll,
    /// Anybody, without a key.
    UnlockedForAll,
}

impl Mode {
    /// What a posture of the lock means for the machine.
    pub fn of(posture: &str) -> Mode {
        match posture {
            "free_access" => Mode::UnlockedForAll,
            "disabled" => Mode::LockedForAll,
            _ => Mode::ByKey,
        }
    }
}

/// What a machine hears about a key that was presented, whoever decided on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It may start the machine.
    LetIn {
        /// For how long; with its hints where it has any.
        session: Option<Session>,
        /// By what another key may be enrolled soon after it, where one may be.
        enrols: Option<String>,
    },
    /// It may not, and nothing but a right is missing.
    Stranger,
    /// It may not.
    Refused,
}

impl From<&Decision> for Heard {
    /// The server says at enrolment whether the key of the event was an admin key.
    fn from(decision: &Decision) -> Heard {
        if decision.result == "granted" && decision.method.as_deref() != Some("free_access") {
            return Heard::LetIn { session: decision.session, enrols: decision.event_id.clone() };
        }
        match decision.reasons.as_slice() {
            [one] if one.code == "no_grant" => Heard::Stranger,
            _ => Heard::Refused,
        }
    }
}

/// What a machine shows, or asks for, when it has heard of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The key is logged on.
    LoggedOn,
    /// It is not.
    Refused,
    /// It is not, but it may be enrolled by what this names: a server's event of the key before
    /// it, if that is an admin key; in a list, that admin key.
    Enrol(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum State {
    #[default]
    LoggedOff,
    /// May be started until then.
    LoggedOn {
        until: Duration,
        log_off_after: Duration,
    },
    Running {
        log_off_after: Duration,
    },
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    mode: Mode,
    state: State,
    /// What the last log-on enrols by, and until when it may enrol another key.
    enrols: Option<(String, Duration)>,
}

impl Machine {
    /// Puts the machine in a mode. One that runs goes on running.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        if mode == Mode::LockedForAll {
            self.enrols = None;
            if !self.is_running() {
                self.state = State::LoggedOff;
            }
        }
    }

    /// Whether a key that is presented is read: not while the machine runs, nor where keys do not
    /// matter.
    pub fn reads_keys(&self) -> bool {
        self.mode == Mode::ByKey && !self.is_running()
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// Whether somebody may start it.
    pub fn may_start(&self, now: Duration) -> bool {
        match self.mode {
            Mode::LockedForAll => false,
            Mode::UnlockedForAll => !self.is_running(),
            Mode::ByKey => matches!(self.state, State::LoggedOn { until, .. } if now < until),
        }
    }

    /// What was decided about a key that was presented. Whoever runs the machine goes on doing so.
    pub fn heard(&mut self, now: Duration, heard: impl Into<Heard>) -> Shown {
        let heard = heard.into();
        let wants_right = heard == Heard::Stranger;
        if let Heard::LetIn { session, enrols } = heard {
            if !self.is_running() {
                let session = session.unwrap_or(DEFAULT);
                let seconds = |seconds: u32| Duration::from_secs(seconds.into());
                self.state = State::LoggedOn {
                    until: now + seconds(session.start_within_s),
                    log_off_after: seconds(session.log_off_after_s),
                };
            }
            self.enrols = enrols.map(|by| (by, now + ENROL));
            return Shown::LoggedOn;
        }
        match self.enrols.take_if(|(_, until)| wants_right || now >= *until) {
            Some((by, until)) if wants_right && now < until => Shown::Enrol(by),
            _ => Shown::Refused,
        }
    }

    /// Turns the machine on; says whether it runs.
    pub fn switch_on(&mut self, now: Duration) -> bool {
        if self.may_start(now) {
            let log_off_after = match self.state {
                State::LoggedOn { log_off_after, .. } => log_off_after,
                _ => Duration::ZERO,
            };
            self.state = State::Running { log_off_after };
        }
        self.is_running()
    }

    /// Turns the machine off: whoever was logged on stays so for a while.
    pub fn switch_off(&mut self, now: Duration) {
        let State::Running { log_off_after } = self.state else { return };
        self.state = if log_off_after.is_zero() || self.mode == Mode::LockedForAll {
            State::LoggedOff
        } else {
            State::LoggedOn { until: now + log_off_after, log_off_after }
        };
    }
}

#[cfg(test)]
mod tests;
