//! The primitives, each behind one plain function: SHA-256, HMAC, HKDF, AES-128-GCM, P-256. Keys
//! and digests are arrays; nothing here knows what is hashed, sealed or agreed on.

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::aead::consts::{U1, U12, U16};
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{
    Block, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, InOut,
    KeySizeUser, ParBlocksSizeUser,
};
use aes_gcm::{AesGcm, Key, KeyInit};
use hmac::{Hmac, Mac as _};
use p256::elliptic_curve::point::AffineCoordinates as _;
use p256::{AffinePoint, PublicKey, SecretKey};
use sha2::{Digest as _, Sha256};

use crate::Digest;

/// What AES-128-GCM appends.
pub(crate) const TAG: usize = 16;

/// As many bytes of parts, one after the other, as there is room for; zeros after them.
pub(crate) fn filled<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut room = [0; N];
    fill(&mut room, parts);
    room
}

fn fill(room: &mut [u8], parts: &[&[u8]]) {
    let bytes = parts.iter().copied().flatten();
    room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
}

/// SHA-256 of parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// HMAC-SHA-256 over parts. The key has 64 bytes at most.
fn hmac(key: &[u8], parts: &[&[u8]]) -> Digest {
    // A key shorter than the hash's block is continued with zeros (RFC 2104).
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&filled::<64>(&[key]).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA-256 over parts, its first 16 bytes.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 16] {
    filled(&[&hmac(key, parts)])
}

/// HKDF-SHA-256 (RFC 5869) of `N` bytes, at most those of one hash; the salt has 64 at most. The
/// secret is given in parts.
pub(crate) fn derive<const N: usize>(secret: &[&[u8]], salt: &[u8], info: &[u8]) -> [u8; N] {
    const { assert!(N <= 32) };
    filled(&[&hmac(&hmac(salt, secret), &[info, &[1]])])
}

/// AES-128 that takes one block at a time. Messages are short, and a lock has room for one way of
/// doing it only.
struct Aes(Aes128);

impl KeySizeUser for Aes {
    type KeySize = <Aes128 as KeySizeUser>::KeySize;
}

impl KeyInit for Aes {
    fn new(key: &Key<Self>) -> Self {
        Self(Aes128::new(key))
    }
}

impl BlockSizeUser for Aes {
    type BlockSize = <Aes128 as BlockSizeUser>::BlockSize;
}

impl ParBlocksSizeUser for Aes {
    type ParBlocksSize = U1;
}

impl BlockCipherEncBackend for Aes {
    fn encrypt_block(&self, block: InOut<'_, '_, Block<Self>>) {
        self.0.encrypt_block_inout(block);
    }
}

impl BlockCipherEncrypt for Aes {
    fn encrypt_with_backend(&self, closure: impl BlockCipherEncClosure<BlockSize = U16>) {
        closure.call(self);
    }
}

type Gcm = AesGcm<Aes, U12>;

/// Seals in place; gives the tag. None only for absurd lengths.
pub(crate) fn seal(
    key: &[u8; 16],
    iv: &[u8; 12],
    aad: &[u8],
    text: &mut [u8],
) -> Option<[u8; TAG]> {
    let cipher = Gcm::new(&(*key).into());
    let tag = cipher.encrypt_inout_detached(&(*iv).into(), aad, text.into()).ok()?;
    Some(tag.into())
}

/// Opens in place what [`seal`] made; none if it did not.
pub(crate) fn unseal(
    key: &[u8; 16],
    iv: &[u8; 12],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG],
) -> Option<()> {
    let cipher = Gcm::new(&(*key).into());
    cipher.decrypt_inout_detached(&(*iv).into(), aad, text.into(), &(*tag).into()).ok()
}

/// A P-256 point from x and y; none if it is not on the curve.
pub(crate) fn point(xy: &[u8; 64]) -> Option<PublicKey> {
    let (x, y) = xy.split_at(32);
    let (x, y) = (x.try_into().ok()?, y.try_into().ok()?);
    let point: Option<AffinePoint> = AffinePoint::from_coordinates(x, y).into();
    PublicKey::from_affine(point?).ok()
}

/// x and y of a secret key's point.
pub(crate) fn public_of(secret: &SecretKey) -> [u8; 64] {
    let public = secret.public_key();
    filled(&[&public.as_affine().x(), &public.as_affine().y()])
}

/// A secret key of 32 bytes; none for zero and what is not below the order.
pub(crate) fn secret(bytes: &[u8; 32]) -> Option<SecretKey> {
    SecretKey::from_slice(bytes).ok()
}

/// The shared secret: x of the product.
pub(crate) fn agree(secret: &SecretKey, other: &PublicKey) -> [u8; 32] {
    let shared = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), other.as_affine());
    (*shared.raw_secret_bytes()).into()
}
