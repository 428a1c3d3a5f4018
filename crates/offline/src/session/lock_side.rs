//! The lock's end of a session: which frames may come when, and what is answered. All refusals look
//! the same to somebody without a valid key. Holds no rule of its own about keys and lists.

use super::message::{Answered, MOST_EVENTS, Said};
use super::{BOX, LENGTH, MOST_FRAME, MOST_SAID, Sealing};
use super::{box_key, frame_1, frame_2, frame_3, numbered};
use crate::cbor::Writer;
use crate::event::Sealed;
use crate::items::Items;
use crate::lock::budget::Backoff;
use crate::lock::code::Code;
use crate::lock::flash::Flash;
use crate::lock::{Answer, Board, Link, Lock, Random};
use crate::receipt;
use crate::statement::Command;
use crate::{Digest, Nonce, crypto};

/// What is to be done after a frame. Frames to send stand in the buffer, lengths included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send so many bytes.
    Send(usize),
    /// Move the bolt, then send so many bytes.
    Move(Command, usize),
    /// Give the same frame again in so many milliseconds.
    Wait(u64),
    /// The link ends. Nothing is sent.
    End,
}

/// How far it has come.
enum Stage {
    Greeting,
    Sealed(Sealing),
    Ended,
}

/// A session, as the lock sees it.
pub struct Session {
    /// What its first frame said.
    greeted: Nonce,
    /// What a command is said over; none once one has moved the bolt.
    nonce: Option<Nonce>,
    stage: Stage,
    backoff: Backoff,
    /// A key has been judged: the next ones wait for no turn.
    judged: bool,
    /// A turn is kept for the next key.
    waited: bool,
}

impl core::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Session")
    }
}

/// Puts a frame behind its length; how many bytes.
fn framed(out: &mut [u8], body: &[u8]) -> Option<usize> {
    let mut writer = Writer::new(out);
    writer.raw(&u16::try_from(body.len()).ok()?.to_be_bytes()).raw(body);
    writer.done().map(<[u8]>::len)
}

impl Session {
    /// Begins: draws a nonce and says it. How many bytes of `out` are to be sent.
    pub fn begin<F, R: Random>(
        board: &mut Board<'_, F, R>,
        out: &mut [u8; MOST_FRAME + LENGTH],
    ) -> (Self, usize) {
        let nonce = board.nonce();
        let length = framed(out, frame_1(&nonce, &mut [0; 19])).unwrap_or_default();
        let session = Self {
            greeted: nonce,
            nonce: Some(nonce),
            stage: Stage::Greeting,
            backoff: Backoff::default(),
            judged: false,
            waited: false,
        };
        (session, length)
    }

    /// Takes a frame without its length. `near` is what the lock measured of the link; `button`,
    /// whether its own is held.
    pub fn receive<F: Flash, R: Random>(
        &mut self,
        lock: &mut Lock,
        board: &mut Board<'_, F, R>,
        (near, button): (bool, bool),
        frame: &[u8],
        out: &mut [u8; MOST_FRAME + LENGTH],
    ) -> Step {
        // Whatever goes wrong below ends the session.
        match core::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Greeting => {
                let agreed = self.agree(lock, board, frame, out);
                agreed.map_or(Step::End, |(sealing, length)| {
                    self.stage = Stage::Sealed(sealing);
                    Step::Send(length)
                })
            }
            Stage::Sealed(mut sealing) => {
                let mut room = [0; MOST_SAID];
                let said = sealing.from_phone.open(frame, &mut room);
                let said = said.and_then(|said| Said::read(said).ok());
                let step = said
                    .and_then(|it| self.said(&mut sealing, lock, board, (near, button), it, out));
                let Some(step) = step else { return Step::End };
                if !matches!(step, Step::Wait(_)) {
                    sealing.from_phone.next();
                }
                self.stage = Stage::Sealed(sealing);
                step
            }
            Stage::Ended => Step::End,
        }
    }

    /// `[2, Ep]` came: `[3, El, box]` and the hello go out.
    fn agree<F: Flash, R: Random>(
        &self,
        lock: &Lock,
        board: &mut Board<'_, F, R>,
        frame: &[u8],
        out: &mut [u8; MOST_FRAME + LENGTH],
    ) -> Option<(Sealing, usize)> {
        let theirs = numbered::<64>(frame, 2).ok()?;
        let point = crypto::point(theirs)?;
        // One draw in 2^32 is no key.
        let secret = (0..4).find_map(|_| {
            let mut bytes = [0; 32];
            board.random.fill(&mut bytes);
            crypto::secret(&bytes)
        })?;
        let ours = crypto::public_of(&secret);
        let ephemeral = crypto::agree(&secret, &point);
        let (mut room_1, mut room_2, mut room_3) = ([0; 19], [0; 68], [0; 104]);
        let first = frame_1(&self.greeted, &mut room_1);
        let second = frame_2(theirs, &mut room_2);
        let mut boxed = [0; BOX];
        let mut writer = Writer::new(&mut boxed);
        // A lock that is nobody's has no id yet.
        let id = lock.record().map_or([0; 16], |record| record.lock);
        writer.array(1).bytes(&id);
        let (text, tag) = boxed.split_first_chunk_mut::<{ BOX - crypto::TAG }>()?;
        let key = box_key(&ephemeral, [first, second], &ours);
        tag.copy_from_slice(&crypto::seal(&key, &[0; 12], &[], text)?);
        let third = frame_3(&ours, &boxed, &mut room_3);
        let identity = crypto::agree(lock.identity(), &point);
        let mut sealing = Sealing::of(&ephemeral, &identity, [first, second, third]);
        let sent = framed(out, third)?;
        let (_, room) = out.split_at_mut_checked(sent)?;
        let more = answer(&mut sealing, &hello(lock), room)?;
        Some((sealing, sent.checked_add(more)?))
    }

    /// Does what was said, and seals the answer.
    fn said<F: Flash, R: Random>(
        &mut self,
        sealing: &mut Sealing,
        lock: &mut Lock,
        board: &mut Board<'_, F, R>,
        (near, button): (bool, bool),
        said: Said<'_>,
        out: &mut [u8; MOST_FRAME + LENGTH],
    ) -> Option<Step> {
        let waits = self.backoff.waits(board.ticks_ms);
        let mut room = [0; receipt::MOST_BYTES];
        let mut events = [Sealed::NONE; MOST_EVENTS];
        let mut moved = None;
        let refused = Code::Refused;
        let answered = match said {
            Said::Key { key, issuer, open } => {
                let link = self.link(near, sealing.hash).filter(|_| !waits);
                let answer = link.map(|link| lock.present(board, &link, key, issuer, open));
                match answer {
                    Some(Answer::Wait(ms)) => {
                        self.waited = true;
                        return Some(Step::Wait(ms));
                    }
                    Some(Answer::Move(command)) => moved = Some(command),
                    _ => {}
                }
                let code = answer.map_or(refused, |answer| self.judged(answer, board.ticks_ms));
                Answered::Key(code.number())
            }
            Said::List { list, issuer, epoch } => {
                let code = match waits {
                    true => refused,
                    false => lock.apply_list(board, list, issuer, epoch),
                };
                self.listed(lock, board.ticks_ms, code, &mut room)
            }
            Said::Commission(told) => {
                let code = if waits { refused } else { lock.commission(board, &told, button) };
                self.listed(lock, board.ticks_ms, code, &mut room)
            }
            Said::Draw => {
                let nonce = lock.draw(board);
                self.nonce = Some(nonce);
                Answered::Drawn(nonce)
            }
            Said::Fresh { fresh, issuer } => {
                let code = if waits { refused } else { lock.take_fresh(board, fresh, issuer) };
                Answered::Taken(self.shown(code, board.ticks_ms).number())
            }
            Said::Ack { ack, issuer } => {
                let code = if waits { refused } else { lock.take_ack(board, ack, issuer) };
                Answered::Taken(self.shown(code, board.ticks_ms).number())
            }
            Said::Events(from_seq) => {
                let count = lock.events(board, from_seq, &mut events);
                Answered::Events(Items::Values(events.get(..count)?))
            }
        };
        let length = answer(sealing, &answered, out)?;
        Some(moved.map_or(Step::Send(length), |command| Step::Move(command, length)))
    }

    /// What the lock knows of this link; none if there is no nonce to say a command over.
    fn link(&self, near: bool, session: Digest) -> Option<Link> {
        let (patient, waited) = (!self.judged, self.waited);
        self.nonce.map(|nonce| Link { nonce, session, near, patient, waited })
    }

    /// What is told of a judgement.
    fn judged(&mut self, answer: Answer, ticks_ms: u64) -> Code {
        (self.judged, self.waited) = (true, false);
        match answer {
            Answer::Move(_) => {
                self.nonce = None;
                self.backoff.good();
                Code::Done
            }
            Answer::No(code) => {
                self.backoff.good();
                code
            }
            Answer::Silent { bad_signature, .. } => {
                if bad_signature {
                    self.backoff.bad(ticks_ms);
                }
                Code::Refused
            }
            Answer::Wait(_) => Code::Refused,
        }
    }

    /// What is told of anything else: what the hello tells anybody, or no.
    fn shown(&mut self, code: Code, ticks_ms: u64) -> Code {
        match code {
            Code::Done | Code::Applied | Code::Same | Code::Older => code,
            Code::NoEpoch | Code::NotFresh | Code::TooLong => code,
            Code::NotForMe => {
                self.backoff.bad(ticks_ms);
                Code::Refused
            }
            _ => Code::Refused,
        }
    }

    /// The answer to a list, with a receipt where one is due.
    fn listed<'r>(
        &mut self,
        lock: &Lock,
        ticks_ms: u64,
        code: Code,
        room: &'r mut [u8; receipt::MOST_BYTES],
    ) -> Answered<'r> {
        let code = self.shown(code, ticks_ms);
        let due = matches!(code, Code::Done | Code::Applied | Code::Same);
        let receipt = lock.receipt().filter(|_| due).and_then(|(receipt, key)| {
            let mut writer = Writer::new(room);
            receipt.write(key, &mut writer);
            writer.done()
        });
        Answered::List { code: code.number(), receipt }
    }
}

fn hello(lock: &Lock) -> Answered<'static> {
    let held = lock.held();
    Answered::Hello {
        epoch: held.epoch,
        version: held.version,
        state: lock.status() as u8,
        list_limit: lock.list_limit(),
        log_epoch: held.log_epoch,
        next_seq: lock.next_seq(),
    }
}

/// Writes and seals an answer; how many bytes with its length.
fn answer(sealing: &mut Sealing, answered: &Answered<'_>, out: &mut [u8]) -> Option<usize> {
    let mut writer = Writer::new(out.get_mut(LENGTH..)?);
    answered.write(&mut writer);
    let said = writer.done()?.len();
    sealing.from_lock.seal(out, said)
}
