//! Whether a key opens: the steps in their order, each with its answer. Judging reads the clock's
//! interval and the list that is held; the event is recorded before the bolt may move.

use super::budget::Turn;
use super::clock::Interval;
use super::code::Code;
use super::flash::Flash;
use super::issuers::same;
use super::{Board, Lock, Random, Status};
use crate::cose::{Kind, Signed};
use crate::event::Event;
use crate::faults::{Fault, planted};
use crate::key::Key;
use crate::list::List;
use crate::statement::{Command, Open};
use crate::times::Over;
use crate::{CLAIM_END, Digest, Nonce};

/// What the lock itself knows of the link a key came over.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// What it drew for this session.
    pub nonce: Nonce,
    /// The hash of the session; zeros at a card reader.
    pub session: Digest,
    /// It measured that the link is short, or has contact.
    pub near: bool,
    /// The first key of the session: it may wait for its turn.
    pub patient: bool,
    /// It has waited for its turn already.
    pub waited: bool,
}

/// What becomes of a key that was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The event is recorded: the bolt is to be moved.
    Move(Command),
    /// No. The code may be told, because the holder proved to be one.
    No(Code),
    /// No, and nothing is told; whether a signature was bad.
    Silent {
        /// The code, for the lock itself.
        code: Code,
        /// A signature was checked and was not right.
        bad_signature: bool,
    },
    /// Ask again in so many milliseconds.
    Wait(u64),
}

/// Epoch and list: what must be right whatever the time.
///
/// # Errors
/// The first thing that stands in the way.
pub fn standing(key: &Key<'_>, keys_from: u16, list: &List<'_>) -> Result<(), Code> {
    if key.epoch < keys_from && !planted(Fault::NoOldEpoch) {
        return Err(Code::OldEpoch);
    }
    let needs_list = (key.epoch, key.min_list) > (list.epoch, list.version);
    if needs_list && !planted(Fault::NoNeedList) {
        return Err(Code::NeedList);
    }
    if list.refuses(key.class, key.serial) {
        return Err(Code::Revoked);
    }
    Ok(())
}

/// Expiry and schedule, where the time is known within bounds only; then what the person did.
///
/// # Errors
/// The first thing that stands in the way.
pub fn timely(key: &Key<'_>, now: Interval, command: Command, near: bool) -> Result<(), Code> {
    let Interval { lo, hi } = now;
    let exp = if planted(Fault::NoExpiry) { CLAIM_END } else { key.exp };
    let strict = key.flags.strict_time && !planted(Fault::StrictOpens);
    if exp <= lo {
        return Err(Code::Expired);
    }
    if hi.is_some_and(|hi| key.nbf > hi) {
        return Err(Code::NotYet);
    }
    let certain = key.nbf <= lo && hi.is_some_and(|hi| hi < exp);
    if !certain && strict {
        return Err(Code::TimeUnknown);
    }
    let last = exp.saturating_sub(1);
    match key.times.over(lo.max(key.nbf), hi.map_or(last, |hi| hi.min(last))) {
        Over::Open => {}
        Over::Closed => return Err(Code::OutsideSchedule),
        Over::Undecided if strict => return Err(Code::TimeUnknown),
        Over::Undecided => {}
    }
    if key.flags.require_intent && !command.intent {
        return Err(Code::NoIntent);
    }
    if key.flags.require_proximity && !near {
        return Err(Code::NoProximity);
    }
    Ok(())
}

/// A key whose holder proved to be one.
struct Proven<'k> {
    key: Key<'k>,
    command: Command,
}

impl Lock {
    /// Decides on a key, and records what it decided. Move the bolt on [`Answer::Move`] only.
    pub fn present<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        link: &Link,
        key: &[u8],
        issuer: &[u8],
        open: &[u8],
    ) -> Answer {
        let proven = match self.proven(board.ticks_ms, link, key, issuer, open) {
            Ok(proven) => proven,
            Err(answer) => return answer,
        };
        let Proven { key, command } = proven;
        let judged = self.judged(board, &key, command, link.near);
        let event = Event {
            code: judged.err().unwrap_or(Code::Done).number(),
            class: key.class.number(),
            epoch: key.epoch,
            serial: key.serial,
            command: command.number().into(),
            ..Event::default()
        };
        if !self.write_down(board, event) && !planted(Fault::OpensUnrecorded) {
            return Answer::No(Code::NotRecorded);
        }
        judged.map_or_else(Answer::No, |()| Answer::Move(command))
    }

    /// Steps 1 to 3: the key is for this lock, rightly signed, and this is its holder.
    fn proven<'k>(
        &mut self,
        ticks_ms: u64,
        link: &Link,
        key: &'k [u8],
        issuer: &[u8],
        open: &[u8],
    ) -> Result<Proven<'k>, Answer> {
        let silent = |code| Answer::Silent { code, bad_signature: false };
        let bad = Answer::Silent { code: Code::NotForMe, bad_signature: true };
        let id = self.own_id().map_err(silent)?;
        let malformed = silent(Code::Malformed);
        let signed_key = Signed::read(key).map_err(|_| malformed)?;
        let key = Key::read(signed_key.payload).map_err(|_| malformed)?;
        let signed_open = Signed::read(open).map_err(|_| malformed)?;
        let open = Open::read(signed_open.payload).map_err(|_| malformed)?;
        let meant = (same(&key.lock, &id) || planted(Fault::AnyLock))
            && same(&open.lock, &id)
            && (same(&open.nonce, &link.nonce) || planted(Fault::AnyCommand))
            && same(&open.session, &link.session)
            && same(&open.key_digest, &signed_key.digest());
        if !meant {
            return Err(silent(Code::NotForMe));
        }
        self.kid_fits(&signed_key, issuer).map_err(silent)?;
        if !link.waited {
            match self.budget.turn(ticks_ms, link.patient) {
                Turn::Go => {}
                Turn::Wait(ms) => return Err(Answer::Wait(ms)),
                Turn::Spent => return Err(silent(Code::Refused)),
            }
        }
        let generation = self.held.min_generation;
        let issuer = self.chain(Kind::Key, &signed_key, key.iat, issuer, generation);
        let issuer = issuer.map_err(|_| bad)?;
        if key.exp > issuer.exp {
            return Err(silent(Code::NotForMe));
        }
        if !signed_open.is_by(Kind::Open, &key.holder) && !planted(Fault::AnyHolder) {
            return Err(bad);
        }
        Ok(Proven { key, command: open.command })
    }

    /// Steps 4 to 10.
    fn judged<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        key: &Key<'_>,
        command: Command,
        near: bool,
    ) -> Result<(), Code> {
        if self.status != Status::Held {
            return Err(Code::StateLost);
        }
        let list = List::read(self.held.list()).map_err(|_| Code::StateLost)?;
        standing(key, self.held.keys_from, &list)?;
        self.saw(board, key.iat);
        timely(key, self.now(board.ticks_ms), command, near)
    }
}
