//! Who signs, with P-256 or with what stands in for it, and the hours that keys of the model have.

use claviger_offline::Digest;
use claviger_offline::cbor::Writer;
use claviger_offline::cose::{self, Kid, Kind, PublicKey, SignatureBytes};
use claviger_offline::faults;
use claviger_offline::items::Items;
use claviger_offline::times::{Times, Weekly};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};

use crate::dice::Dice;

/// A key pair.
#[derive(Clone)]
pub(crate) struct Signer {
    secret: Option<SigningKey>,
    pub(crate) public: PublicKey,
    kid: Kid,
}

impl Signer {
    pub(crate) fn new(dice: &mut Dice, real: bool) -> Self {
        let mut secret = dice.bytes::<32>();
        secret[0] >>= 1;
        let secret = real.then(|| SigningKey::from_slice(&secret).unwrap());
        let public = secret.as_ref().map_or_else(|| PublicKey(dice.bytes()), PublicKey::of);
        Self { secret, public, kid: public.kid() }
    }

    fn signature(&self, digest: &Digest) -> SignatureBytes {
        match &self.secret {
            Some(secret) => {
                let signature: Signature = secret.sign_prehash(digest).unwrap();
                signature.to_bytes().into()
            }
            None => faults::signature(&self.public, digest),
        }
    }

    pub(crate) fn sign(&self, kind: Kind, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let (mut room, mut out) = ([0; 1024], [0; 1200]);
        let mut writer = Writer::new(&mut room);
        write(&mut writer);
        let payload = writer.done().unwrap();
        let signature = self.signature(&cose::to_be_signed(kind, &self.kid, payload));
        cose::envelope(&self.kid, payload, &signature, &mut out).unwrap().to_vec()
    }
}

/// When a right holds, by the clock of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hours {
    Always,
    Days,
    Work,
    Nights,
}

const DAYS: [Weekly; 1] = [Weekly { days: 127, start_min: 360, end_min: 1320 }];
const WORK: [Weekly; 1] = [Weekly { days: 31, start_min: 480, end_min: 1020 }];
const NIGHTS: [Weekly; 1] = [Weekly { days: 127, start_min: 1200, end_min: 360 }];

impl Hours {
    pub(crate) const ALL: [Self; 4] = [Self::Always, Self::Days, Self::Work, Self::Nights];

    /// As a key says it.
    pub(crate) fn times(self) -> Times<'static> {
        let weekly: &'static [Weekly] = match self {
            Self::Always => &[],
            Self::Days => &DAYS,
            Self::Work => &WORK,
            Self::Nights => &NIGHTS,
        };
        Times { weekly: Items::Values(weekly), ..Times::ALWAYS }
    }

    /// Whether they hold at an instant; all begin and end at full hours.
    pub(crate) fn hold(self, at_s: u64) -> bool {
        // The epoch was a Thursday.
        let (weekday, hour) = ((at_s / 86_400 + 3) % 7, at_s / 3600 % 24);
        match self {
            Self::Always => true,
            Self::Days => (6..22).contains(&hour),
            Self::Work => weekday < 5 && (8..17).contains(&hour),
            Self::Nights => !(6..20).contains(&hour),
        }
    }

    /// Whether they hold at no time at which the others do not.
    pub(crate) fn within(self, others: Self) -> bool {
        (0..168).map(|hour| hour * 3600).all(|at| !self.hold(at) || others.hold(at))
    }
}
