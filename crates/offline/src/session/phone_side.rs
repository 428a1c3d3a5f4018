//! The phone's end of a session: what a phone, a gateway or a test needs to talk to a lock. Knows
//! no keys and no lists, only how to be alone with the lock it means.

use super::message::{Answered, Said};
use super::{BOX, Direction, LENGTH, MOST_SAID, Sealing};
use super::{box_key, frame_1, frame_2, numbered};
use crate::cbor::{Reader, Writer};
use crate::cose::PublicKey;
use crate::{Digest, Id, Nonce, crypto};

/// The other end is not the lock that was meant, or does not keep to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hung;

/// A phone that has not heard which lock it is talking to.
pub struct Greeted {
    secret: p256::SecretKey,
    nonce: Nonce,
    frame: [u8; 68],
}

/// A lock has said who it is; whether that is true shows with its first sealed frame.
pub struct Named {
    /// Who it says to be; zeros for a lock that is nobody's.
    pub lock: Id,
    secret: p256::SecretKey,
    ephemeral: [u8; 32],
    nonce: Nonce,
    second: [u8; 68],
    third: [u8; 104],
}

/// A phone that is alone with a lock.
pub struct Phone {
    sealing: Sealing,
    nonce: Nonce,
}

impl Greeted {
    /// Takes frame 1 and gives frame 2, both without length. `secret` is 32 bytes that nobody can
    /// foretell, for this session alone.
    ///
    /// # Errors
    /// When the frame is none, or the secret is no key.
    pub fn by(frame_1: &[u8], secret: &[u8; 32]) -> Result<Self, Hung> {
        let nonce = *numbered::<16>(frame_1, 1).map_err(|_| Hung)?;
        let secret = crypto::secret(secret).ok_or(Hung)?;
        let mut frame = [0; 68];
        frame_2(&crypto::public_of(&secret), &mut frame);
        Ok(Self { secret, nonce, frame })
    }

    /// Frame 2.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Takes frame 3.
    ///
    /// # Errors
    /// When it is none, or its box does not open.
    pub fn named(self, frame_3: &[u8]) -> Result<Named, Hung> {
        let third: [u8; 104] = frame_3.try_into().map_err(|_| Hung)?;
        let (point, mut boxed) = read_3(frame_3).ok_or(Hung)?;
        let theirs = crypto::point(&point).ok_or(Hung)?;
        let ephemeral = crypto::agree(&self.secret, &theirs);
        let mut room = [0; 19];
        let key = box_key(&ephemeral, [frame_1(&self.nonce, &mut room), &self.frame], &point);
        let lock = unbox(&key, &mut boxed).ok_or(Hung)?;
        let Self { secret, nonce, frame: second } = self;
        Ok(Named { lock, secret, ephemeral, nonce, second, third })
    }
}

fn read_3(frame: &[u8]) -> Option<([u8; 64], [u8; BOX])> {
    let mut reader = Reader::new(frame);
    reader.array(3).ok()?;
    reader.uint::<u8>().ok().filter(|number| *number == 3)?;
    let (point, boxed) = (*reader.fixed().ok()?, *reader.fixed().ok()?);
    reader.end().ok()?;
    Some((point, boxed))
}

fn unbox(key: &[u8; 16], boxed: &mut [u8; BOX]) -> Option<Id> {
    let (text, tag) = boxed.split_first_chunk_mut::<{ BOX - crypto::TAG }>()?;
    let tag: &[u8; crypto::TAG] = (&*tag).try_into().ok()?;
    crypto::unseal(key, &[0; 12], &[], text, tag)?;
    let mut reader = Reader::new(text);
    reader.array(1).ok()?;
    let lock = *reader.fixed().ok()?;
    reader.end().ok()?;
    Some(lock)
}

impl Named {
    /// Goes on with the public key that the phone knows this lock by.
    ///
    /// # Errors
    /// When that is no key.
    pub fn known_by(self, key: &PublicKey) -> Result<Phone, Hung> {
        let point = crypto::point(&key.0).ok_or(Hung)?;
        let identity = crypto::agree(&self.secret, &point);
        let mut room = [0; 19];
        let frames = [frame_1(&self.nonce, &mut room), &self.second[..], &self.third[..]];
        let sealing = Sealing::of(&self.ephemeral, &identity, frames);
        Ok(Phone { sealing, nonce: self.nonce })
    }
}

impl Phone {
    /// What a command is said over: what the lock drew last.
    #[must_use]
    pub fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// What names this session in a command.
    #[must_use]
    pub fn session(&self) -> &Digest {
        &self.sealing.hash
    }

    /// Seals what is said, as a frame with its length; none if there is no room.
    pub fn say<'o>(&mut self, said: &Said<'_>, out: &'o mut [u8]) -> Option<&'o [u8]> {
        let mut writer = Writer::new(out.get_mut(LENGTH..)?);
        said.write(&mut writer);
        let length = writer.done()?.len();
        let length = self.sealing.from_phone.seal(out, length)?;
        out.get(..length)
    }

    /// Opens an answer, a frame without its length. The first that opens proves the lock.
    ///
    /// # Errors
    /// When it does not open, or is no answer.
    pub fn hear<'r>(
        &mut self,
        frame: &[u8],
        room: &'r mut [u8; MOST_SAID],
    ) -> Result<Answered<'r>, Hung> {
        let from: &mut Direction = &mut self.sealing.from_lock;
        let answer = from.open(frame, room).ok_or(Hung)?;
        from.next();
        let answer = Answered::read(answer).map_err(|_| Hung)?;
        if let Answered::Drawn(nonce) = &answer {
            self.nonce = *nonce;
        }
        Ok(answer)
    }
}
