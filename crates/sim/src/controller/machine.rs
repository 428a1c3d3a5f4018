//! A machine whose key is a credential: who was let in may start it for a while, and stays logged
//! in for a while after switching it off.

use super::decide::{Shown, Verdict};
use super::item::Session;

const SECOND_US: i64 = 1_000_000;
/// For how long a card may be enrolled after an administrator logged in.
const ENROL_US: i64 = 60 * SECOND_US;
/// What holds for credentials that say nothing about machines.
const USUAL: Session = Session { start_within_s: 60, log_off_after_s: 600 };

/// A machine.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    state: State,
    session: Option<Session>,
    enrols_until: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Off,
    MayStartUntil(i64),
    Runs,
}

impl Machine {
    /// Something was presented and decided. What nobody knows, presented soon after an
    /// administrator, is to be enrolled: it comes back.
    pub fn presented<'a>(
        &mut self,
        verdict: &Verdict,
        shown: &'a Shown,
        now_us: i64,
    ) -> Option<&'a Shown> {
        let enrols = self.enrols_until.is_some_and(|until| now_us < until);
        if !verdict.opens {
            return (enrols && verdict.not_found).then_some(shown);
        }
        let session = verdict.session.unwrap_or(USUAL);
        if self.state != State::Runs {
            self.state = State::MayStartUntil(now_us + session.start_within_s * SECOND_US);
            self.session = Some(session);
        }
        self.enrols_until = verdict.is_admin.then_some(now_us + ENROL_US);
        None
    }

    /// Whether it starts.
    pub fn start(&mut self, now_us: i64) -> bool {
        if matches!(self.state, State::MayStartUntil(until) if now_us >= until) {
            self.state = State::Off;
        }
        if self.state != State::Off {
            self.state = State::Runs;
        }
        self.state == State::Runs
    }

    /// It is switched off; whoever runs it stays logged in for a while.
    pub fn switch_off(&mut self, now_us: i64) {
        if self.state == State::Runs {
            let session = self.session.unwrap_or(USUAL);
            self.state = State::MayStartUntil(now_us + session.log_off_after_s * SECOND_US);
        }
    }
}
