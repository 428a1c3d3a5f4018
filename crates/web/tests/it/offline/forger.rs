//! Somebody who has the secret of a place's issuer, and signs as that does.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use claviger_offline::cbor::Writer;
use claviger_offline::certificate::Issuer;
use claviger_offline::cose::{Kind, PublicKey, Signed, envelope, sig_structure};
use claviger_offline::items::Items;
use claviger_offline::list::List;

use crate::support::World;

pub(super) struct Forger {
    pair: EcdsaKeyPair,
    public: PublicKey,
    pub(super) certificate: Vec<u8>,
}

impl Forger {
    /// Whoever has what signs for the first place there is, by the certificate of that.
    pub(super) fn with(world: &World, certificate: Vec<u8>) -> Forger {
        let issuer = Issuer::read(Signed::read(&certificate).unwrap().payload).unwrap();
        let secret = world.secrets.issuer_secret(1, 0);
        let point = [&[4], &issuer.key.0[..]].concat();
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &*secret, &point);
        Forger { pair: pair.unwrap(), public: issuer.key, certificate }
    }

    pub(super) fn sign(&self, kind: Kind, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let (mut room, mut hashed, mut out) = ([0; 512], [0; 1024], [0; 1024]);
        let mut writer = Writer::new(&mut room);
        write(&mut writer);
        let payload = writer.done().unwrap();
        let kid = self.public.kid();
        let hashed = sig_structure(kind, &kid, payload, &mut hashed).unwrap();
        let signature = self.pair.sign(&SystemRandom::new(), hashed).unwrap();
        let signature: [u8; 64] = signature.as_ref().try_into().unwrap();
        envelope(&kid, payload, &signature, &mut out).unwrap().to_vec()
    }

    /// A list that refuses nothing.
    pub(super) fn list(&self, lock: [u8; 16], (epoch, version): (u16, u32), iat: u64) -> Vec<u8> {
        let list = List { iat, lock, epoch, version, sections: Items::NONE };
        self.sign(Kind::List, |it| list.write(it))
    }
}
