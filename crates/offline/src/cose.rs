//! COSE_Sign1 (RFC 9052) with ES256 in the one form that is accepted here: tag 18, the protected
//! header `{1: -7, 4: kid}`, an empty unprotected header, low-s signatures, and for each kind of
//! object its own external data, so that one never passes for another. Knows no claims.

use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::elliptic_curve::scalar::IsHigh as _;

use crate::Digest;
use crate::cbor::{Head, Malformed, Read, Reader, Writer};
use crate::crypto;

/// Tag, head, protected header up to kid.
const BEFORE_KID: &[u8] = &[0xd2, 0x84, 0x4d, 0xa2, 0x01, 0x26, 0x04, 0x48];
/// The protected header up to kid.
const PROTECTED: &[u8] = &[0x4d, 0xa2, 0x01, 0x26, 0x04, 0x48];
/// `["Signature1"`, up to the protected header.
const BEFORE_PROTECTED: &[u8] = b"\x84\x6aSignature1";
/// The empty unprotected header.
const UNPROTECTED: &[u8] = &[0xa0];

/// The first eight bytes of SHA-256 of a COSE_Key.
pub type Kid = [u8; 8];
/// r and s.
pub type SignatureBytes = [u8; 64];

/// How many bytes a signed object has beside its payload, at most.
pub const ENVELOPE: usize = 86;

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key for one device at one lock.
    Key,
    /// A revocation list of one lock.
    List,
    /// Who may sign for a place.
    Issuer,
    /// An epoch that begins.
    Epoch,
    /// What is current, and what time it is.
    Fresh,
    /// A holder's command.
    Open,
    /// Which events have arrived.
    Ack,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Key, Self::List, Self::Issuer, Self::Epoch, Self::Fresh, Self::Open, Self::Ack];

    /// The external data that its signature covers.
    #[must_use]
    pub fn external(self) -> &'static [u8] {
        match self {
            Self::Key => b"claviger/key/v1",
            Self::List => b"claviger/list/v1",
            Self::Issuer => b"claviger/issuer/v1",
            Self::Epoch => b"claviger/epoch/v1",
            Self::Fresh => b"claviger/fresh/v1",
            Self::Open => b"claviger/open/v1",
            Self::Ack => b"claviger/ack/v1",
        }
    }
}

/// A P-256 public key: x, then y. Whether it is on the curve shows when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 64]);

impl PublicKey {
    /// Its COSE_Key: `{1: 2, -1: 1, -2: x, -3: y}`.
    pub fn write(&self, writer: &mut Writer<'_>) {
        let (x, y) = self.0.split_at(32);
        writer.map(4).int(1).int(2).int(-1).int(1);
        writer.int(-2).bytes(x).int(-3).bytes(y);
    }

    /// Reads a COSE_Key.
    ///
    /// # Errors
    /// When it is not exactly that.
    pub fn read(reader: &mut Reader<'_>) -> Read<Self> {
        reader.map(4)?;
        reader.member(1)?;
        reader.member(2)?;
        reader.member(-1)?;
        reader.member(1)?;
        reader.member(-2)?;
        let x: &[u8; 32] = reader.fixed()?;
        reader.member(-3)?;
        let y: &[u8; 32] = reader.fixed()?;
        Ok(Self(crypto::filled(&[x, y])))
    }

    /// Whether it is a point of the curve.
    #[must_use]
    pub fn is_point(&self) -> bool {
        crypto::point(&self.0).is_some()
    }

    /// The id by which signatures name it.
    #[must_use]
    pub fn kid(&self) -> Kid {
        let mut room = [0; 75];
        let mut writer = Writer::new(&mut room);
        self.write(&mut writer);
        crypto::filled(&[&crypto::sha256(&[writer.done().unwrap_or_default()])])
    }

    /// Whether a low-s signature of a digest is this key's.
    #[must_use]
    pub fn verifies(&self, digest: &Digest, signature: &SignatureBytes) -> bool {
        #[cfg(feature = "faults")]
        if let Some(right) = crate::faults::stood_in(self, digest, signature) {
            return right;
        }
        let Some(point) = crypto::point(&self.0) else { return false };
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        !bool::from(signature.s().is_high())
            && VerifyingKey::from(point).verify_prehash(digest, &signature).is_ok()
    }

    /// The public half of a secret key.
    #[must_use]
    pub fn of(secret: &SigningKey) -> Self {
        Self(crypto::public_of(&secret.as_nonzero_scalar().into()))
    }
}

/// A signed object, read but not verified.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'b> {
    /// Who says to have signed it.
    pub kid: &'b Kid,
    /// The claims, encoded.
    pub payload: &'b [u8],
    /// r and s.
    pub signature: &'b SignatureBytes,
}

impl<'b> Signed<'b> {
    /// Reads one and nothing after it.
    ///
    /// # Errors
    /// When it is not in the one form.
    pub fn read(bytes: &'b [u8]) -> Read<Self> {
        let mut reader = Reader::new(bytes);
        let signed = Self::read_next(&mut reader)?;
        reader.end()?;
        Ok(signed)
    }

    fn read_next(reader: &mut Reader<'b>) -> Read<Self> {
        reader.exactly(BEFORE_KID)?;
        let (kid, left) = reader.left().split_first_chunk::<8>().ok_or(Malformed)?;
        *reader = Reader::new(left);
        reader.exactly(UNPROTECTED)?;
        let payload = reader.bytes()?;
        let signature = reader.fixed()?;
        Ok(Self { kid, payload, signature })
    }

    /// The bytes of one of several.
    ///
    /// # Errors
    /// When it is not in the one form.
    pub fn raw(reader: &mut Reader<'b>) -> Read<&'b [u8]> {
        reader.spanned(|reader| Self::read_next(reader).map(|_| ()))
    }

    /// SHA-256 of the payload: what names this object, whoever signs it again.
    #[must_use]
    pub fn digest(&self) -> Digest {
        crypto::sha256(&[self.payload])
    }

    /// Whether this key signed it as an object of this kind.
    #[must_use]
    pub fn is_by(&self, kind: Kind, key: &PublicKey) -> bool {
        *self.kid == key.kid()
            && key.verifies(&to_be_signed(kind, self.kid, self.payload), self.signature)
    }
}

/// SHA-256 of the Sig_structure: what a signer signs.
#[must_use]
pub fn to_be_signed(kind: Kind, kid: &Kid, payload: &[u8]) -> Digest {
    let external = Head::of_bytes(kind.external().len());
    let length = Head::of_bytes(payload.len());
    crypto::sha256(&[
        BEFORE_PROTECTED,
        PROTECTED,
        kid,
        external.as_bytes(),
        kind.external(),
        length.as_bytes(),
        payload,
    ])
}

/// The Sig_structure itself, for signers that hash; none if there is no room.
#[must_use]
pub fn sig_structure<'b>(
    kind: Kind,
    kid: &Kid,
    payload: &[u8],
    into: &'b mut [u8],
) -> Option<&'b [u8]> {
    let mut writer = Writer::new(into);
    writer.raw(BEFORE_PROTECTED).raw(PROTECTED).raw(kid);
    writer.bytes(kind.external()).bytes(payload);
    writer.done()
}

/// The signed object of a payload and its signature, whose s is made low; none if there is no room
/// or the signature is none.
#[must_use]
pub fn envelope<'b>(
    kid: &Kid,
    payload: &[u8],
    signature: &SignatureBytes,
    into: &'b mut [u8],
) -> Option<&'b [u8]> {
    let signature = low(signature)?;
    let mut writer = Writer::new(into);
    writer.raw(BEFORE_KID).raw(kid).raw(UNPROTECTED);
    writer.bytes(payload).bytes(&signature);
    writer.done()
}

/// The signature with the lower of its two s; none if it is none.
#[must_use]
pub fn low(signature: &SignatureBytes) -> Option<SignatureBytes> {
    let signature = Signature::from_slice(signature).ok()?.normalize_s();
    Some(signature.to_bytes().into())
}

/// Signs a payload with a key at hand. Servers that keep keys elsewhere use [`sig_structure`] or
/// [`to_be_signed`], and [`envelope`].
#[must_use]
pub fn sign<'b>(
    kind: Kind,
    secret: &SigningKey,
    payload: &[u8],
    into: &'b mut [u8],
) -> Option<&'b [u8]> {
    let kid = PublicKey::of(secret).kid();
    let signature: Signature = secret.sign_prehash(&to_be_signed(kind, &kid, payload)).ok()?;
    envelope(&kid, payload, &signature.to_bytes().into(), into)
}
