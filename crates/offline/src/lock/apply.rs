//! What changes what a lock holds: lists, fresh statements, acknowledgements, commissioning. All of
//! it is signed, comes through whoever brings it, and is compared before any signature is checked.

use core::cmp::Ordering;

use super::budget::Turn;
use super::code::Code;
use super::flash::{Flash, FlashFailed};
use super::issuers::same;
use super::record::Commissioning;
use super::ring::Held;
use super::{Board, Keys, Lock, Random, Status};
use crate::Id;
use crate::certificate::{Epoch, Issuer};
use crate::cose::{Kind, Signed};
use crate::faults::{Fault, planted};
use crate::list::List;
use crate::statement::{Ack, Fresh};

/// Numbers reserved for events with the first state of a log.
const RESERVED: u32 = 64;

impl Lock {
    /// Takes a list if it is newer than the one held and everything about it is right. `epoch` is
    /// the certificate of the list's epoch, where that begins. After [`Code::Applied`] and
    /// [`Code::Same`] a receipt is due.
    pub fn apply_list<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        list: &[u8],
        issuer: &[u8],
        epoch: Option<&[u8]>,
    ) -> Code {
        let code = self.try_list(board, list, issuer, epoch).unwrap_or_else(|code| code);
        if code == Code::Conflict {
            self.note(board, code, self.held.version);
        }
        code
    }

    fn try_list<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        bytes: &[u8],
        issuer: &[u8],
        epoch: Option<&[u8]>,
    ) -> Result<Code, Code> {
        let id = self.own_id()?;
        let signed = Signed::read(bytes).map_err(|_| Code::Malformed)?;
        let list = List::read(signed.payload).map_err(|_| Code::Malformed)?;
        if !same(&list.lock, &id) {
            return Err(Code::NotForMe);
        }
        let digest = signed.digest();
        let same_version = match self.status {
            Status::Lost if list.epoch < self.held.epoch => return Err(Code::Older),
            Status::Lost if self.newest != Some((list.epoch, list.version, digest)) => {
                return Err(Code::NotFresh);
            }
            Status::Lost => false,
            _ => match (list.epoch, list.version).cmp(&(self.held.epoch, self.held.version)) {
                Ordering::Less => return Err(Code::Older),
                Ordering::Equal if same(&digest, &self.held.digest) => return Ok(Code::Same),
                Ordering::Equal => true,
                Ordering::Greater => false,
            },
        };
        if bytes.len() > usize::from(self.list_limit()) {
            return Err(Code::TooLong);
        }
        self.kid_fits(&signed, issuer)?;
        self.turn(board.ticks_ms)?;
        let begins = match epoch {
            _ if list.epoch <= self.held.epoch => None,
            None if planted(Fault::NoEpochCertificate) => None,
            None => return Err(Code::NoEpoch),
            Some(epoch) => Some(self.begins(epoch, list.epoch).ok_or(Code::NoEpoch)?),
        };
        let generation = begins.map_or(0, |it| it.min_generation).max(self.held.min_generation);
        self.chain(Kind::List, &signed, list.iat, issuer, generation)?;
        if same_version && !planted(Fault::EqualVersion) {
            return Err(Code::Conflict);
        }

        let mut held = self.held.clone();
        (held.epoch, held.version, held.digest) = (list.epoch, list.version, digest);
        held.set_list(signed.payload).then_some(()).ok_or(Code::TooLong)?;
        held.time_lo = self.clock.newest();
        if let Some(begins) = &begins {
            held.keys_from = held.keys_from.max(begins.keys_from);
            held.min_generation = generation;
            held.time_lo =
                if begins.reset_time { begins.iat } else { held.time_lo.max(begins.iat) };
        }
        held.time_lo = held.time_lo.max(list.iat);
        self.take(board, held).map_err(|_| self.fail())?;

        if let Some(begins) = begins {
            if begins.reset_time {
                self.clock.reset(begins.iat);
            }
            self.saw(board, begins.iat);
        }
        self.saw(board, list.iat);
        self.note(board, Code::Applied, list.version);
        Ok(Code::Applied)
    }

    /// Writes a state and goes on with it.
    fn take<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        mut held: Held,
    ) -> Result<(), FlashFailed> {
        if self.status != Status::Held {
            held.reserved = self.log.next_seq().saturating_add(RESERVED);
        }
        if !(self.status == Status::Held && planted(Fault::ForgetsList)) {
            self.ring.write(board.flash, &held)?;
        }
        self.held = held;
        (self.status, self.newest) = (Status::Held, None);
        self.raise_record(board)
    }

    pub(super) fn fail(&mut self) -> Code {
        self.status = Status::Faulty;
        Code::Faulty
    }

    /// Its id, if it can take anything.
    pub(super) fn own_id(&self) -> Result<Id, Code> {
        match (&self.own, self.status) {
            (_, Status::Faulty) => Err(Code::Faulty),
            (Some((record, _)), Status::Held | Status::Lost) => Ok(record.lock),
            _ => Err(Code::Uncommissioned),
        }
    }

    fn turn(&mut self, ticks_ms: u64) -> Result<(), Code> {
        match self.budget.turn(ticks_ms, false) {
            Turn::Go => Ok(()),
            _ => Err(Code::Refused),
        }
    }

    /// Whether the issuer's certificate says to be about the key that signed, before any signature.
    pub(super) fn kid_fits(&self, signed: &Signed<'_>, issuer: &[u8]) -> Result<(), Code> {
        let certificate = Signed::read(issuer).map_err(|_| Code::Malformed)?;
        let issuer = Issuer::read(certificate.payload).map_err(|_| Code::Malformed)?;
        if same(&issuer.key.kid(), signed.kid) { Ok(()) } else { Err(Code::NotForMe) }
    }

    /// The issuer, if it is one of my place and signed this.
    pub(super) fn chain(
        &mut self,
        kind: Kind,
        signed: &Signed<'_>,
        iat: u64,
        issuer: &[u8],
        generation: u32,
    ) -> Result<Issuer, Code> {
        let Some((record, _)) = &self.own else { return Err(Code::Uncommissioned) };
        let issuer = self.issuers.signer(issuer, (record, generation), (kind, signed, iat));
        issuer.ok_or(Code::NotForMe)
    }

    /// A statement is an issuer's of my place, and of an instant.
    fn issued<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        kind: Kind,
        (signed, iat): (&Signed<'_>, u64),
        issuer: &[u8],
    ) -> Result<(), Code> {
        self.kid_fits(signed, issuer)?;
        self.turn(board.ticks_ms)?;
        self.chain(kind, signed, iat, issuer, self.held.min_generation)?;
        self.saw(board, iat);
        Ok(())
    }

    /// The certificate of an epoch, if it is right for this lock.
    fn begins(&self, bytes: &[u8], number: u16) -> Option<Epoch> {
        let (record, _) = self.own.as_ref()?;
        let signed = Signed::read(bytes).ok()?;
        let epoch = Epoch::read(signed.payload).ok()?;
        let mine = same(&epoch.place, &record.place)
            && epoch.lock.is_none_or(|lock| same(&lock, &record.lock))
            && epoch.epoch == number;
        (mine && signed.is_by(Kind::Epoch, &record.root)).then_some(epoch)
    }

    /// Takes a fresh statement over the nonce that was drawn: it sets the clock if it comes within
    /// a minute, and says which list a lock that lost its state may take.
    pub fn take_fresh<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        bytes: &[u8],
        issuer: &[u8],
    ) -> Code {
        self.try_fresh(board, bytes, issuer).err().unwrap_or(Code::Done)
    }

    fn try_fresh<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        bytes: &[u8],
        issuer: &[u8],
    ) -> Result<(), Code> {
        let id = self.own_id()?;
        let signed = Signed::read(bytes).map_err(|_| Code::Malformed)?;
        let fresh = Fresh::read(signed.payload).map_err(|_| Code::Malformed)?;
        let (nonce, drawn_ms) = self.drawn.ok_or(Code::NotFresh)?;
        let answers = same(&fresh.nonce, &nonce) || planted(Fault::AnyNonce);
        if !same(&fresh.lock, &id) || !answers {
            return Err(Code::NotFresh);
        }
        self.issued(board, Kind::Fresh, (&signed, fresh.iat), issuer)?;
        self.drawn = None;
        let unknown = self.now(board.ticks_ms).hi.is_none();
        if self.clock.set(fresh.iat, drawn_ms, board.ticks_ms) && unknown {
            self.note(board, Code::ClockSet, 0);
        }
        if self.status == Status::Lost {
            self.newest = Some((fresh.epoch, fresh.version, fresh.digest));
        }
        Ok(())
    }

    /// Takes the server's word that events have arrived: they may be overwritten.
    pub fn take_ack<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        bytes: &[u8],
        issuer: &[u8],
    ) -> Code {
        self.try_ack(board, bytes, issuer).err().unwrap_or(Code::Done)
    }

    fn try_ack<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        bytes: &[u8],
        issuer: &[u8],
    ) -> Result<(), Code> {
        let id = self.own_id()?;
        let signed = Signed::read(bytes).map_err(|_| Code::Malformed)?;
        let ack = Ack::read(signed.payload).map_err(|_| Code::Malformed)?;
        let of_log = ack.log_epoch == self.held.log_epoch || planted(Fault::AckOfAnyLog);
        if !same(&ack.lock, &id) || !of_log {
            return Err(Code::NotForMe);
        }
        self.issued(board, Kind::Ack, (&signed, ack.iat), issuer)?;
        let used = self.log.next_seq().saturating_sub(1);
        self.held.acked = self.held.acked.max(ack.up_to_seq.min(used));
        Ok(())
    }

    /// Becomes the lock of a record, if it is nobody's and its button is held.
    pub fn commission<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        told: &Commissioning<'_>,
        button: bool,
    ) -> Code {
        let code = self.try_commission(board, told, button).unwrap_or_else(|code| code);
        if code != Code::Done && self.status == Status::Uncommissioned {
            self.own = None;
        }
        code
    }

    fn try_commission<F: Flash, R: Random>(
        &mut self,
        board: &mut Board<'_, F, R>,
        told: &Commissioning<'_>,
        button: bool,
    ) -> Result<Code, Code> {
        if self.own.is_some() || self.status != Status::Uncommissioned || !button {
            return Err(Code::Refused);
        }
        let record = told.record.clone();
        let signed = Signed::read(told.list).map_err(|_| Code::Malformed)?;
        let list = List::read(signed.payload).map_err(|_| Code::Malformed)?;
        if !same(&list.lock, &record.lock) || list.epoch != record.epoch {
            return Err(Code::NotForMe);
        }
        if told.list.len() > usize::from(self.list_limit()) {
            return Err(Code::TooLong);
        }
        self.kid_fits(&signed, told.issuer)?;
        let mut held = Held::nothing(board.nonce());
        (held.epoch, held.version, held.digest) = (list.epoch, list.version, signed.digest());
        (held.keys_from, held.min_generation) = (record.keys_from, record.min_generation);
        held.time_lo = list.iat;
        held.set_list(signed.payload).then_some(()).ok_or(Code::TooLong)?;
        let keys = Keys::of(&record);
        self.own = Some((record.clone(), keys));
        self.chain(Kind::List, &signed, list.iat, told.issuer, record.min_generation)?;
        // The page first: a lock with a record but no page would have lost its state.
        self.log.begin(&held);
        let written = self.take(board, held).and_then(|()| record.write(board.flash));
        written.map_err(|_| self.fail())?;
        self.clock.reset(list.iat);
        self.note(board, Code::Commissioned, list.version);
        Ok(Code::Done)
    }
}
