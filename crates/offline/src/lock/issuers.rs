//! Who may sign for the place of a lock. Certificates travel beside what they signed; the two
//! newest that were verified are remembered, so that they are not verified again.

use subtle::ConstantTimeEq as _;

use super::record::Record;
use crate::certificate::Issuer;
use crate::cose::{Kind, Signed};
use crate::{Digest, crypto};

/// Certificates that were verified.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issuers {
    kept: [Option<(Digest, Issuer)>; 2],
}

/// Whether two ids are the same, in constant time.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

impl Issuers {
    /// The issuer of a certificate, if the root of this place signed it and its generation counts.
    pub(crate) fn known(
        &mut self,
        certificate: &[u8],
        record: &Record,
        min_generation: u32,
    ) -> Option<Issuer> {
        let digest = crypto::sha256(&[certificate, &record.root.0]);
        let kept = self.kept.iter().flatten().find(|(known, _)| *known == digest);
        let issuer = match kept {
            Some((_, issuer)) => *issuer,
            None => {
                let signed = Signed::read(certificate).ok()?;
                let issuer = Issuer::read(signed.payload).ok()?;
                let ours = same(&issuer.place, &record.place)
                    && issuer.generation >= min_generation
                    && signed.is_by(Kind::Issuer, &record.root);
                if !ours {
                    return None;
                }
                self.keep(digest, issuer);
                issuer
            }
        };
        (same(&issuer.place, &record.place) && issuer.generation >= min_generation)
            .then_some(issuer)
    }

    /// Takes the place of the older one, if it is newer than that.
    fn keep(&mut self, digest: Digest, issuer: Issuer) {
        let age = |kept: &Option<(Digest, Issuer)>| kept.map(|(_, it)| (it.generation, it.iat));
        let oldest = self.kept.iter_mut().min_by_key(|kept| age(kept));
        if let Some(oldest) = oldest
            && age(oldest) < Some((issuer.generation, issuer.iat))
        {
            *oldest = Some((digest, issuer));
        }
    }

    /// The signed object, if this issuer signed it as of an instant.
    pub(crate) fn signed_by(issuer: &Issuer, kind: Kind, signed: &Signed<'_>, iat: u64) -> bool {
        issuer.signs_at(iat) && signed.is_by(kind, &issuer.key)
    }
}
