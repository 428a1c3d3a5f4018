//! Who signs for locks with no network: the root, and an issuer for each place, both made of the
//! secrets of the installation. Must not let a secret key out but for the root's own file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use claviger_domain::noun::place::Place;
use claviger_offline::cbor::Writer;
use claviger_offline::certificate::Issuer as Certificate;
use claviger_offline::cose::{ENVELOPE, Kid, Kind, PublicKey, envelope, sig_structure};
use claviger_store::Secrets;

use crate::error::Error;
use crate::world::guard;

/// How long an issuer may sign, in seconds: twenty years.
const ISSUER_LIFE_S: u64 = 20 * 365 * 86_400;
/// Bytes of what is signed, at most.
const MOST_PAYLOAD: usize = 2048;
/// The generation of a place's first issuer.
pub(crate) const FIRST_GENERATION: u32 = 1;

/// A key that signs.
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    pub(crate) public: PublicKey,
    kid: Kid,
}

impl Key {
    /// The key of a secret number; none for those that are none.
    fn of(secret: &[u8; 32]) -> Option<Key> {
        let exchange = agreement::PrivateKey::from_private_key(&ECDH_P256, secret).ok()?;
        let point = exchange.compute_public_key().ok()?;
        let (_, xy) = point.as_ref().split_first_chunk::<1>()?;
        let public = PublicKey(xy.try_into().ok()?);
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            secret,
            point.as_ref(),
        );
        Some(Key { pair: pair.ok()?, public, kid: public.kid() })
    }

    /// The key that the secrets give for a purpose, place and generation.
    fn derived(secrets: &Secrets, purpose: &str, place: u32, generation: u32) -> Option<Key> {
        // One of four thousand million hashes is no key; the next one is, then.
        (0..4).find_map(|attempt| {
            let purpose =
                if attempt == 0 { purpose.to_owned() } else { format!("{purpose} {attempt}") };
            Key::of(&secrets.derive(&purpose, place, generation))
        })
    }

    /// Signs what is written.
    pub(crate) fn sign(
        &self,
        kind: Kind,
        write: impl FnOnce(&mut Writer<'_>),
    ) -> Result<Vec<u8>, Error> {
        let signed = || {
            let mut room = [0; MOST_PAYLOAD];
            let mut writer = Writer::new(&mut room);
            write(&mut writer);
            let payload = writer.done()?;
            let mut hashed = [0; MOST_PAYLOAD + 256];
            let hashed = sig_structure(kind, &self.kid, payload, &mut hashed)?;
            let signature = self.pair.sign(&SystemRandom::new(), hashed).ok()?;
            let signature: [u8; 64] = signature.as_ref().try_into().ok()?;
            let mut out = [0; MOST_PAYLOAD + ENVELOPE];
            envelope(&self.kid, payload, &signature, &mut out).map(<[u8]>::to_vec)
        };
        signed().ok_or_else(|| {
            tracing::error!(?kind, "could not be signed");
            Error::Internal
        })
    }
}

/// Who signs keys and lists for a place.
pub(crate) struct Issuer {
    pub(crate) key: Key,
    /// The root's word for it.
    pub(crate) certificate: Vec<u8>,
    /// The first second at which it signs no more.
    pub(crate) exp: u64,
}

/// All signers of an installation, made when they are asked for.
pub(crate) struct Signers {
    secrets: Arc<Secrets>,
    issuers: Mutex<HashMap<(u32, u32), Arc<Issuer>>>,
}

impl Signers {
    pub(crate) fn new(secrets: Arc<Secrets>) -> Signers {
        Signers { secrets, issuers: Mutex::default() }
    }

    /// The root, which locks are commissioned with.
    pub(crate) fn root(&self) -> Result<Key, Error> {
        Key::derived(&self.secrets, "offline root", 0, 1).ok_or(Error::Internal)
    }

    /// The issuer of a place.
    pub(crate) fn issuer(&self, place: &Place) -> Result<Arc<Issuer>, Error> {
        let (number, generation) = (place.header.number, FIRST_GENERATION);
        if let Some(known) = guard(&self.issuers).get(&(number, generation)) {
            return Ok(known.clone());
        }
        let key = Key::derived(&self.secrets, "offline issuer", number, generation);
        let key = key.ok_or(Error::Internal)?;
        // The same certificate whenever it is made: it begins with its place.
        let since = u64::try_from(place.header.created_at.seconds()).unwrap_or_default();
        let certificate = Certificate {
            exp: since + ISSUER_LIFE_S,
            nbf: since,
            iat: since,
            key: key.public,
            place: place.header.id.0,
            generation,
        };
        let exp = certificate.exp;
        let certificate = self.root()?.sign(Kind::Issuer, |it| certificate.write(it))?;
        let issuer = Arc::new(Issuer { key, certificate, exp });
        guard(&self.issuers).insert((number, generation), issuer.clone());
        Ok(issuer)
    }
}
