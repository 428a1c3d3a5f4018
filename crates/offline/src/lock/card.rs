//! The command of a card. A card signs a digest and knows no CBOR: the lock writes the command for
//! it, has it signed, and makes the signature's s low itself.

use crate::cbor::Writer;
use crate::cose::{Kid, Kind, SignatureBytes, Signed, envelope, to_be_signed};
use crate::key::Key;
use crate::statement::{Command, Open};
use crate::{Digest, Id, Nonce};

/// The session of a card reader: there is none.
pub const NO_SESSION: Digest = [0; 32];
const PAYLOAD: usize = 160;

/// A command that a card is to sign.
#[derive(Clone, Debug)]
pub struct CardCommand {
    kid: Kid,
    payload: [u8; PAYLOAD],
    length: usize,
}

impl CardCommand {
    /// To open this lock with a key that was read from a card; who holds a card to a reader means
    /// it. None if the key cannot be read.
    #[must_use]
    pub fn open(lock: Id, nonce: Nonce, key: &[u8]) -> Option<Self> {
        let signed = Signed::read(key).ok()?;
        let kid = Key::read(signed.payload).ok()?.holder.kid();
        let command = Command { close: false, intent: true };
        let key_digest = signed.digest();
        let open = Open { nonce, lock, key_digest, command, session: NO_SESSION };
        let mut payload = [0; PAYLOAD];
        let mut writer = Writer::new(&mut payload);
        open.write(&mut writer);
        let length = writer.done()?.len();
        Some(Self { kid, payload, length })
    }

    fn payload(&self) -> &[u8] {
        self.payload.get(..self.length).unwrap_or_default()
    }

    /// What the card signs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        to_be_signed(Kind::Open, &self.kid, self.payload())
    }

    /// The command with the card's signature; none if that is no signature, or there is no room.
    #[must_use]
    pub fn signed<'o>(&self, signature: &SignatureBytes, out: &'o mut [u8]) -> Option<&'o [u8]> {
        envelope(&self.kid, self.payload(), signature, out)
    }
}
