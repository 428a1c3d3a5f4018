//! Who signs for locks with no network: the root, which may be kept elsewhere, and an issuer for
//! each place, made of the secrets of the installation. Must not let a secret key out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use claviger_domain::ids::{Id, PlaceNumber};
use claviger_domain::noun::place::Place;
use claviger_domain::offline::LockKey;
use claviger_domain::refusal::Refusal;
use claviger_domain::time::{HOUR, Instant, MINUTE};
use claviger_offline::cbor::Writer;
use claviger_offline::certificate::Issuer as Certificate;
use claviger_offline::cose::{ENVELOPE, Kid, Kind, PublicKey, Signed, envelope, sig_structure};
use claviger_store::secrets::root_secret;
use claviger_store::{Epochs, Secrets};

use crate::Settings;
use crate::clock::Clock;
use crate::error::Error;
use crate::world::guard;

/// How long an issuer may sign, in seconds: twenty years.
const ISSUER_LIFE_S: u64 = 20 * 365 * 86_400;
/// How far the clock may be ahead of the time that has passed.
const MOST_AHEAD: i64 = HOUR;
/// How far it may be behind what was signed.
pub(super) const MOST_BEHIND: i64 = 5 * MINUTE;
/// Bytes of what is signed, at most.
const MOST_PAYLOAD: usize = 2048;
/// Secrets that are tried: one in four thousand million is no key.
const ATTEMPTS: u32 = 4;

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

    /// The root's, of what it is made of.
    pub(super) fn root(seed: &[u8; 32]) -> Option<Key> {
        (0..ATTEMPTS).find_map(|attempt| Key::of(&root_secret(seed, attempt)))
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
    /// Which of its place's issuers it is.
    pub(crate) generation: u32,
    /// The root's word for it.
    pub(crate) certificate: Vec<u8>,
    /// The first second at which it signs no more.
    pub(crate) exp: u64,
}

/// What the root has said of issuers, by place and generation.
type Kept = BTreeMap<(PlaceNumber, u32), Vec<u8>>;

/// All signers of an installation, made when they are asked for.
pub(crate) struct Signers {
    pub(super) secrets: Arc<Secrets>,
    issuers: Mutex<HashMap<u32, Arc<Issuer>>>,
    kept: Mutex<Kept>,
    /// The root, while an operator lends it.
    lent: Mutex<Option<Arc<Key>>>,
    epochs: Option<Epochs>,
    clock: Clock,
    trust: Mutex<Trust>,
    /// Locks for which the clock was not believed, until somebody was told.
    refused: Mutex<BTreeSet<LockKey>>,
}

impl Signers {
    /// The signers that the secrets make; `kept` is what a root that is kept elsewhere has said.
    pub(crate) fn new(secrets: Arc<Secrets>, kept: Kept, settings: &Settings) -> Signers {
        let first = || Trust::first(settings.clock.now(), settings.clock.passed());
        let trust = if settings.waits_for_clock { Trust::Nothing } else { first() };
        Signers {
            secrets,
            issuers: Mutex::default(),
            kept: Mutex::new(kept),
            lent: Mutex::default(),
            epochs: settings.epochs.clone().map(Epochs::at),
            clock: settings.clock,
            trust: Mutex::new(trust),
            refused: Mutex::default(),
        }
    }

    /// The root.
    ///
    /// # Errors
    /// It is kept elsewhere, and nobody lends it.
    pub(crate) fn root(&self) -> Result<Arc<Key>, Error> {
        if let Some(lent) = guard(&self.lent).clone() {
            return Ok(lent);
        }
        let Some(seed) = self.secrets.root_seed() else {
            let detail = "the root is kept elsewhere: an operator lends it to `claviger root sign`";
            return Err(Refusal::InUse(detail.to_owned()).into());
        };
        Key::root(&seed).map(Arc::new).ok_or(Error::Internal)
    }

    /// By what locks know the root.
    pub(crate) fn root_public(&self) -> Result<PublicKey, Error> {
        match self.secrets.root_public() {
            Some(public) => Ok(PublicKey(public)),
            None => Ok(self.root()?.public),
        }
    }

    /// Takes the root for as long as what comes back is kept.
    pub(super) fn borrow(&self, root: Key) -> Lent<'_> {
        *guard(&self.lent) = Some(Arc::new(root));
        Lent { signers: self }
    }

    /// The issuer of a place.
    ///
    /// # Errors
    /// The root has said nothing of it, and is kept elsewhere.
    pub(crate) fn issuer(&self, place: &Place) -> Result<Arc<Issuer>, Error> {
        let (number, generation) = (place.header.number, self.secrets.generation());
        let known = guard(&self.issuers).get(&number).cloned();
        if let Some(known) = known.filter(|it| it.generation == generation) {
            return Ok(known);
        }
        let key = (0..ATTEMPTS)
            .find_map(|attempt| Key::of(&self.secrets.issuer_secret(number, attempt)))
            .ok_or(Error::Internal)?;
        // It says the same whenever it is made: it begins with its place.
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
        let kept = guard(&self.kept).get(&(PlaceNumber(number), generation)).cloned();
        let kept = kept.filter(|bytes| {
            let read = Signed::read(bytes).and_then(|it| Certificate::read(it.payload));
            read.is_ok_and(|it| it == certificate)
        });
        let certificate = match kept {
            Some(kept) => kept,
            None => self.root()?.sign(Kind::Issuer, |it| certificate.write(it))?,
        };
        let issuer = Arc::new(Issuer { key, generation, certificate, exp });
        guard(&self.issuers).insert(number, issuer.clone());
        Ok(issuer)
    }

    /// Takes in what the root has said of an issuer.
    pub(super) fn keep(&self, place: PlaceNumber, issuer: &Issuer) {
        guard(&self.kept).insert((place, issuer.generation), issuer.certificate.clone());
    }

    /// Whether the clock may be signed by. What it says first is believed; from then on it must not
    /// have jumped ahead, nor be behind what was signed.
    ///
    /// # Errors
    /// It may not: nothing is to be signed until it is right, or an operator says that it is.
    pub(super) fn believe(&self, now: Instant) -> Result<(), Error> {
        if self.believes(now) {
            return Ok(());
        }
        let why = "it has jumped, or nobody has said that it is right";
        tracing::error!(%now, why, "the clock: nothing is signed");
        Err(Error::Unavailable)
    }

    /// Whether the clock may be signed by, for whoever has nothing to sign otherwise.
    pub(super) fn believes(&self, now: Instant) -> bool {
        guard(&self.trust).holds(now, self.clock.passed())
    }

    /// Notes that something is signed by a clock that was believed.
    pub(super) fn signs(&self, now: Instant) {
        guard(&self.trust).signs(now, self.clock.passed());
    }

    /// An instant that has certainly come, as far as the clock is believed: what it says, or what
    /// it must say by the time that has passed since it was right.
    pub(crate) fn sure(&self, now: Instant) -> Instant {
        guard(&self.trust).sure(now, self.clock.passed())
    }

    /// Notes that nothing was signed for a lock, as the clock was not believed.
    pub(super) fn refuse(&self, lock: LockKey) {
        guard(&self.refused).insert(lock);
    }

    /// The locks of which that was noted since it was last asked.
    pub(super) fn take_refused(&self) -> BTreeSet<LockKey> {
        std::mem::take(&mut *guard(&self.refused))
    }

    /// Believes what the clock says next.
    pub(super) fn trust_clock(&self) {
        *guard(&self.trust) = Trust::first(self.clock.now(), self.clock.passed());
    }

    /// The highest epoch that was ever begun for a lock; nothing where nobody has noted any.
    pub(super) fn highest_epoch(&self, lock: Id) -> Result<Option<u16>, Error> {
        let Some(epochs) = &self.epochs else { return Ok(None) };
        Ok(epochs.highest(lock)?)
    }

    /// Notes an epoch, before anything is signed in it.
    pub(super) fn note_epoch(&self, lock: Id, epoch: u16) -> Result<(), Error> {
        Ok(self.epochs.as_ref().map_or(Ok(()), |epochs| epochs.begin(lock, epoch))?)
    }
}

/// How far the clock is believed. `ahead` is how far it is ahead of the time that has passed in
/// this process, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Not at all.
    Nothing,
    /// In what it says when something is next signed.
    First { ahead: i64 },
    /// In what agrees with the last instant by which something was signed, and with the time that
    /// has passed.
    Since { signed: Instant, ahead: i64 },
}

impl Trust {
    fn first(now: Instant, passed: i64) -> Trust {
        Trust::First { ahead: now.0.saturating_sub(passed) }
    }

    /// Whether it is about as late as the time that has passed says, or earlier.
    fn has_come(now: Instant, passed: i64, ahead: i64) -> bool {
        now.0 <= passed.saturating_add(ahead).saturating_add(MOST_AHEAD)
    }

    fn holds(self, now: Instant, passed: i64) -> bool {
        match self {
            Trust::Nothing => false,
            Trust::First { .. } => true,
            Trust::Since { signed, ahead } => {
                Trust::has_come(now, passed, ahead) && signed.0.saturating_sub(now.0) <= MOST_BEHIND
            }
        }
    }

    /// What was signed once stays signed, and a clock that falls behind for a while is not ahead
    /// when it is right again.
    fn signs(&mut self, now: Instant, passed: i64) {
        let is = now.0.saturating_sub(passed);
        *self = match *self {
            Trust::Since { signed, ahead } => {
                Trust::Since { signed: signed.max(now), ahead: ahead.max(is) }
            }
            Trust::Nothing | Trust::First { .. } => Trust::Since { signed: now, ahead: is },
        };
    }

    fn sure(self, now: Instant, passed: i64) -> Instant {
        match self {
            Trust::Nothing => Instant(0),
            Trust::First { ahead } | Trust::Since { ahead, .. } => {
                let by_passed = Instant(passed.saturating_add(ahead));
                if Trust::has_come(now, passed, ahead) { now } else { by_passed }
            }
        }
    }
}

/// The root while it is lent.
pub(super) struct Lent<'s> {
    signers: &'s Signers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        *guard(&self.signers.lent) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant(1_800_000_000_000_000);
    const S: i64 = 1_000_000;

    fn after(s: i64) -> Instant {
        START.plus(s * S)
    }

    #[test]
    fn a_clock_that_jumps_is_not_believed() {
        let mut trust = Trust::first(START, 0);
        assert!(trust.holds(after(-9_999_999), 60 * S), "what it says first is");
        trust.signs(START, 0);
        for (now_s, holds) in
            [(-301, false), (-300, true), (60, true), (3_660, true), (3_661, false)]
        {
            assert_eq!(trust.holds(after(now_s), 60 * S), holds, "{now_s}");
        }
        assert!(trust.holds(after(86_400), 86_400 * S));
        assert!(!Trust::Nothing.holds(START, 0));
    }

    /// Nothing that a wrong clock says makes the right one be refused.
    #[test]
    fn a_clock_that_was_behind_is_believed_once_it_is_right() {
        let mut trust = Trust::first(START, 0);
        trust.signs(START, 0);
        // Two hours on it falls back by so much, and something is signed by it.
        let passed = 7_200 * S;
        assert!(trust.holds(after(0), passed));
        trust.signs(after(0), passed);
        assert!(trust.holds(after(7_200), passed), "it is mended");
        assert!(!trust.holds(after(7_200 + 3_601), passed));
    }

    #[test]
    fn what_a_clock_that_jumped_says_has_not_surely_come() {
        let trust = Trust::first(START, 0);
        assert_eq!(trust.sure(after(3_660), 60 * S), after(3_660));
        assert_eq!(trust.sure(after(3_661), 60 * S), after(60));
        assert_eq!(trust.sure(after(-5), 60 * S), after(-5));
        assert_eq!(Trust::Nothing.sure(START, 0), Instant(0));
    }
}
