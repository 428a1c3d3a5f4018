//! How a lock and a phone come to be alone: frames, an agreement of ephemeral keys with the lock's
//! own mixed in, and a seal for each direction. Bytes in, bytes out; a radio, a cable or a stream
//! carries them. Rules of what may be said are in `lock_side`.

mod lock_side;
pub mod message;
mod phone_side;

pub use lock_side::{Session, Step};
pub use phone_side::{Greeted, Hung, Named, Phone};

use crate::cbor::{Malformed, Read, Reader, Writer};
use crate::{Digest, Nonce, crypto};

/// Bytes of a frame without its length, at most.
pub const MOST_FRAME: usize = 1280;
/// A length stands before each frame.
pub const LENGTH: usize = 2;
/// What is said in a frame, at most, once it is sealed.
pub const MOST_SAID: usize = MOST_FRAME - crypto::TAG;

const SESSION_0: &[u8] = b"claviger/s0/v1";
const SESSION: &[u8] = b"claviger/session/v1";
const BOX: usize = 18 + crypto::TAG;

/// The frame `[1, nonce]`.
fn frame_1<'r>(nonce: &Nonce, room: &'r mut [u8; 19]) -> &'r [u8] {
    let mut writer = Writer::new(room);
    writer.array(2).uint(1_u8).bytes(nonce);
    writer.done().unwrap_or_default()
}

/// The frame `[2, Ep]`.
fn frame_2<'r>(point: &[u8; 64], room: &'r mut [u8; 68]) -> &'r [u8] {
    let mut writer = Writer::new(room);
    writer.array(2).uint(2_u8).bytes(point);
    writer.done().unwrap_or_default()
}

/// The frame `[3, El, box]`.
fn frame_3<'r>(point: &[u8; 64], boxed: &[u8; BOX], room: &'r mut [u8; 104]) -> &'r [u8] {
    let mut writer = Writer::new(room);
    writer.array(3).uint(3_u8).bytes(point).bytes(boxed);
    writer.done().unwrap_or_default()
}

/// Reads `[number, bytes]`.
fn numbered<const N: usize>(frame: &[u8], number: u8) -> Read<&[u8; N]> {
    let mut reader = Reader::new(frame);
    reader.array(2)?;
    if reader.uint::<u8>()? != number {
        return Err(Malformed);
    }
    let bytes = reader.fixed()?;
    reader.end()?;
    Ok(bytes)
}

/// One direction of a session.
#[derive(Clone)]
struct Direction {
    key: [u8; 16],
    count: u64,
}

impl Direction {
    fn iv(&self) -> [u8; 12] {
        crypto::filled(&[&[0; 4], &self.count.to_be_bytes()])
    }

    /// Seals what stands in `frame` after its length, `said` bytes of it, and writes length and
    /// tag around it. All bytes of the frame; none if there is no room.
    fn seal(&mut self, frame: &mut [u8], said: usize) -> Option<usize> {
        let sealed = said.checked_add(crypto::TAG).filter(|it| *it <= MOST_FRAME)?;
        let whole = sealed.checked_add(LENGTH)?;
        let (length, body) = frame.get_mut(..whole)?.split_first_chunk_mut::<LENGTH>()?;
        let (text, tag) = body.split_at_mut_checked(said)?;
        tag.copy_from_slice(&crypto::seal(&self.key, &self.iv(), &[], text)?);
        *length = u16::try_from(sealed).ok()?.to_be_bytes();
        self.count = self.count.checked_add(1)?;
        Some(whole)
    }

    /// Opens a frame without its length into `room`. The count stays: see [`Direction::next`].
    fn open<'r>(&self, frame: &[u8], room: &'r mut [u8; MOST_SAID]) -> Option<&'r [u8]> {
        let (text, tag) = frame.split_last_chunk::<{ crypto::TAG }>()?;
        let room = room.get_mut(..text.len())?;
        room.copy_from_slice(text);
        crypto::unseal(&self.key, &self.iv(), &[], room, tag)?;
        Some(room)
    }

    /// The frame that was opened counts.
    fn next(&mut self) {
        self.count = self.count.saturating_add(1);
    }
}

/// Both directions, and what names the session.
struct Sealing {
    from_lock: Direction,
    from_phone: Direction,
    hash: Digest,
}

impl Sealing {
    /// From both agreements and the three frames.
    fn of(ephemeral: &[u8; 32], identity: &[u8; 32], frames: [&[u8]; 3]) -> Self {
        let hash = crypto::sha256(&frames);
        let keys: [u8; 32] = crypto::derive(&[ephemeral, identity], &hash, SESSION);
        let (first, second) = keys.split_at(16);
        let half = |key| Direction { key: crypto::filled(&[key]), count: 0 };
        Self { from_lock: half(first), from_phone: half(second), hash }
    }
}

/// The key of the box that holds the lock's id.
fn box_key(ephemeral: &[u8; 32], frames: [&[u8]; 2], point: &[u8; 64]) -> [u8; 16] {
    let [first, second] = frames;
    crypto::derive(&[ephemeral], &crypto::sha256(&[first, second, point]), SESSION_0)
}
