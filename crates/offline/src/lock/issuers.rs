//! Who may sign for the place of a lock. Certificates travel beside what they signed; the two
//! newest that were verified are remembered, so that they are not verified again.

use subtle::ConstantTimeEq as _;

use super::record::Record;
use crate::certificate::Issuer;
use crate::cose::{Kind, Signed};
use crate::faults::{Fault, planted};
use crate::{Digest, crypto};

/// Certificates that were verified: which, of what generation, and of when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issuers {
    kept: [Option<(Digest, u32, u64)>; 2],
}

/// Whether two ids are the same, in constant time.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

impl Issuers {
    /// The issuer that signed an object as of an instant, if the root of this place signed its
    /// certificate and its generation counts.
    pub(crate) fn signer(
        &mut self,
        certificate: &[u8],
        (record, min_generation): (&Record, u32),
        (kind, signed, iat): (Kind, &Signed<'_>, u64),
    ) -> Option<Issuer> {
        let digest = crypto::sha256(&[certificate, &record.root.0]);
        let certificate = Signed::read(certificate).ok()?;
        let issuer = Issuer::read(certificate.payload).ok()?;
        let counts = issuer.generation >= min_generation || planted(Fault::AnyGeneration);
        if !same(&issuer.place, &record.place) || !counts || !issuer.signs_at(iat) {
            return None;
        }
        if !self.kept.iter().flatten().any(|(known, ..)| *known == digest) {
            if !certificate.is_by(Kind::Issuer, &record.root) {
                return None;
            }
            self.keep(digest, &issuer);
        }
        signed.is_by(kind, &issuer.key).then_some(issuer)
    }

    /// Takes the place of the older one, if it is newer than that.
    fn keep(&mut self, digest: Digest, issuer: &Issuer) {
        let age =
            |kept: &Option<(Digest, u32, u64)>| kept.map(|(_, generation, iat)| (generation, iat));
        let oldest = self.kept.iter_mut().min_by_key(|kept| age(kept));
        if let Some(oldest) = oldest
            && age(oldest) < Some((issuer.generation, issuer.iat))
        {
            *oldest = Some((digest, issuer.generation, issuer.iat));
        }
    }
}
