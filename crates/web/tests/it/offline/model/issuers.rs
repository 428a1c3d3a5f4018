//! An issuer whose secret a stranger has: it is replaced, and at doors that have heard nothing that
//! it signs counts any more.

use claviger_offline::certificate::Issuer;
use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, Signed};
use claviger_offline::key::{Flags, Key};
use claviger_offline::lock::code::Code;
use claviger_offline::times::Times;

use super::super::forger::Forger;
use super::ledger::{Holds, must};
use super::{DAY_S, DOORS, HOSTILE, Model};

impl Model {
    /// The secret of the place's issuer gets out, and all issuers are replaced; from then on the
    /// stranger tries.
    pub(super) async fn replaces_issuers(&mut self) -> Holds {
        if self.forger.is_some() {
            return Ok(());
        }
        self.align();
        let list = self.phones[super::CARETAKER].list_for(self.doors[0].id());
        let Some((_, certificate)) = list else { return Ok(()) };
        let issuer = Issuer::read(Signed::read(&certificate).unwrap().payload).unwrap();
        if issuer.generation != self.ledger.generation {
            return Ok(());
        }
        self.forger = Some(Forger::with(self.world(), certificate));
        let begun = claviger_app::offline::replace_issuers(&self.world().app, None).await.unwrap();
        must!((begun.locks, begun.left) == (DOORS, 0), "issuers were not replaced: {begun:?}");
        self.ledger.generation += 1;
        Ok(())
    }

    /// A key and a list by the stranger, at a door that has heard.
    pub(super) fn forges(&mut self) -> Holds {
        let door = self.dice.below(DOORS);
        let Some(forger) = &self.forger else { return Ok(()) };
        let theirs = Signed::read(&forger.certificate).unwrap().payload;
        if self.ledger.generation_at(door) <= Issuer::read(theirs).unwrap().generation {
            return Ok(());
        }
        let iat = u64::try_from(self.true_s()).unwrap();
        let lock = self.phones[HOSTILE].bytes_of(self.doors[door].id());
        let (epoch, version) = self.doors[door].holds();
        let key = Key {
            exp: iat + DAY_S.cast_unsigned(),
            nbf: iat,
            iat,
            holder: self.phones[HOSTILE].public_key(),
            lock,
            class: Class::Phone,
            epoch,
            serial: (u32::from(epoch) << 20) + 900_000,
            min_list: 0,
            flags: Flags::default(),
            times: Times::ALWAYS,
        };
        let key = forger.sign(Kind::Key, |it| key.write(it));
        let list = forger.list(lock, (epoch, version + 1), iat);
        let certificate = forger.certificate.clone();
        self.pass(3);
        self.door(door);
        let code = self.doors[door].answers_with(&self.phones[HOSTILE], &key, &certificate);
        must!(code == Code::NotForMe, "door {door} says {code:?} to an issuer that was replaced");
        self.pass(3);
        self.door(door);
        let code = self.doors[door].takes_list_by(&list, &certificate);
        let refused = [Code::NotForMe, Code::NotFresh].contains(&code);
        must!(refused, "door {door} says {code:?} to a list of an issuer that was replaced");
        self.look(door)
    }
}
