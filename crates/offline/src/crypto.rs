//! The primitives, each behind one plain function: SHA-256, HMAC, HKDF, AES-128-GCM, P-256. Keys
//! and digests are arrays; nothing here knows what is hashed, sealed or agreed on.

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes128Gcm, KeyInit as _};
use hkdf::Hkdf;
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

/// HMAC-SHA-256 over parts, its first 16 bytes.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 16] {
    // A key shorter than the hash's block is continued with zeros (RFC 2104).
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&filled::<64>(&[key]).into());
    parts.iter().for_each(|part| mac.update(part));
    let whole: Digest = mac.finalize().into_bytes().into();
    filled(&[&whole])
}

/// HKDF-SHA-256 of `N` bytes, at most 8 160. The secret is given in parts.
pub(crate) fn derive<const N: usize>(secret: &[&[u8]], salt: &[u8], info: &[u8]) -> [u8; N] {
    let mut extract = hkdf::HkdfExtract::<Sha256>::new(Some(salt));
    secret.iter().for_each(|part| extract.input_ikm(part));
    let (_, hkdf): (_, Hkdf<Sha256>) = extract.finalize();
    let mut key = [0; N];
    // It fails for more than 8 160 bytes only.
    let _ = hkdf.expand(info, &mut key);
    key
}

/// Seals in place; gives the tag. None only for absurd lengths.
pub(crate) fn seal(
    key: &[u8; 16],
    iv: &[u8; 12],
    aad: &[u8],
    text: &mut [u8],
) -> Option<[u8; TAG]> {
    let cipher = Aes128Gcm::new(&(*key).into());
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
    let cipher = Aes128Gcm::new(&(*key).into());
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
