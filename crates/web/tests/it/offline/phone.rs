//! A phone: its key, and what it carries.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_domain::ids::Id;
use claviger_offline::cbor::Writer;
use claviger_offline::certificate::{Epoch, Issuer};
use claviger_offline::cose::{Kind, PublicKey, Signed, envelope, sig_structure};
use claviger_offline::key::Key;
use claviger_offline::lock::card::NO_SESSION;
use claviger_offline::statement::{Command, Open};
use serde_json::{Value, json};

use super::door::{NONCE, SESSION, list_of};
use crate::kit::Site;
use crate::support::{Actor, World, id};

pub(crate) struct Phone {
    /// A card calls by an encoder.
    pub(crate) is_card: bool,
    pair: EcdsaKeyPair,
    pub(crate) actor: Actor,
    pub(crate) device: String,
    place: String,
    /// Keys by lock, oldest first.
    pub(crate) keys: BTreeMap<[u8; 16], Vec<Vec<u8>>>,
    /// Lists by lock.
    lists: BTreeMap<[u8; 16], Vec<u8>>,
    certificates: Vec<Vec<u8>>,
    /// What locks gave it to carry.
    pub(crate) receipts: Vec<String>,
    pub(crate) events: Vec<String>,
    /// By lock and log, from which event on its server wants them.
    wanted: BTreeMap<([u8; 16], u64), u32>,
}

/// What an answer brings of a kind.
pub(crate) fn carried(answer: &Value, kind: &str) -> Vec<Vec<u8>> {
    answer[kind].as_array().unwrap().iter().map(bytes).collect()
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

pub(crate) fn cose_key(pair: &EcdsaKeyPair) -> String {
    let mut room = [0; 80];
    let mut writer = Writer::new(&mut room);
    public_of(pair).write(&mut writer);
    STANDARD.encode(writer.done().unwrap())
}

fn public_of(pair: &EcdsaKeyPair) -> PublicKey {
    PublicKey(pair.public_key().as_ref()[1..].try_into().unwrap())
}

pub(crate) fn pair() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

impl Phone {
    /// A phone enrolled for a person.
    pub(crate) async fn of(it: &Site, person: &Value) -> Phone {
        let pair = pair();
        let body = json!({"person_id": id(person), "public_key": cose_key(&pair)});
        let made = it.post("/devices/enrol", body).await.expect(200);
        let token = made["token"].as_str().unwrap().to_owned();
        Phone::made(it, pair, it.actor.with(Some(token)), &made)
    }

    fn made(it: &Site, pair: EcdsaKeyPair, actor: Actor, made: &Value) -> Phone {
        Phone {
            is_card: false,
            pair,
            actor,
            device: made["device_id"].as_str().unwrap().to_owned(),
            place: it.place.clone(),
            keys: BTreeMap::new(),
            lists: BTreeMap::new(),
            certificates: Vec::new(),
            receipts: Vec::new(),
            events: Vec::new(),
            wanted: BTreeMap::new(),
        }
    }

    /// The same after the server has started anew.
    pub(crate) fn over(mut self, world: &World) -> Phone {
        self.actor = world.admin.with(self.actor.token.take());
        self
    }

    /// A card that can sign, at an encoder.
    pub(crate) async fn card(it: &Site, card: &Value, encoder: &Actor) -> Phone {
        let pair = pair();
        let body = json!({"credential_id": id(card), "public_key": cose_key(&pair)});
        let made = encoder.post(&it.at("/devices/enrol"), body).await.expect(200);
        Phone { is_card: true, ..Phone::made(it, pair, encoder.clone(), &made) }
    }

    #[cfg(feature = "faults")]
    pub(crate) fn public_key(&self) -> PublicKey {
        public_of(&self.pair)
    }

    pub(crate) fn credential(&self) -> Value {
        json!({"id": self.device})
    }

    /// Calls with what it has to bring, keeps what it is given, and says that it does.
    pub(crate) async fn sync(&mut self) -> Value {
        let answer = self.call(json!({})).await;
        let (held, erased) = (self.keep(&answer), self.erase(&answer));
        if !held.is_empty() || !erased.is_empty() {
            self.call(json!({"acknowledged": held, "erased": erased})).await;
        }
        answer
    }

    /// Gives up the keys that an answer names; those that are gone.
    fn erase(&mut self, answer: &Value) -> Vec<Value> {
        let named = answer["erase"].as_array().unwrap();
        for key in named {
            let lock = self.bytes_of(key["lock_id"].as_str().unwrap());
            let keys = self.keys.entry(lock).or_default();
            keys.retain(|bytes| {
                let read = Key::read(Signed::read(bytes).unwrap().payload).unwrap();
                (json!(read.class.number()), json!(read.serial))
                    != (key["class"].clone(), key["serial"].clone())
            });
        }
        named.clone()
    }

    /// The secret by which a card could call by itself.
    pub(crate) async fn own_token(&self, it: &Site, encoder: &Actor) -> String {
        let body = json!({"credential_id": self.device, "public_key": cose_key(&self.pair)});
        let made = encoder.post(&it.at("/devices/enrol"), body).await.expect(200);
        made["token"].as_str().unwrap().to_owned()
    }

    /// One call; what it was given is not kept.
    pub(crate) async fn call(&mut self, mut body: Value) -> Value {
        body["receipts"] = json!(std::mem::take(&mut self.receipts));
        body["events"] = json!(std::mem::take(&mut self.events));
        if self.is_card {
            body["device_id"] = json!(self.device);
        }
        let path = format!("/api/v1/places/{}/devices/sync", self.place);
        self.actor.post(&path, body).await.expect(200)
    }

    /// Keeps what an answer brought; the keys as they are acknowledged.
    pub(crate) fn keep(&mut self, answer: &Value) -> Vec<Value> {
        for list in carried(answer, "lists") {
            self.lists.insert(list_of(&list).0, list);
        }
        for certificate in carried(answer, "certificates") {
            if !self.certificates.contains(&certificate) {
                self.certificates.push(certificate);
            }
        }
        for lock in answer["locks"].as_array().unwrap() {
            let lock = self.bytes_of(lock["lock_id"].as_str().unwrap());
            self.wanted.retain(|(known, _), _| *known != lock);
        }
        for from in answer["events_from"].as_array().unwrap() {
            let lock = self.bytes_of(from["lock_id"].as_str().unwrap());
            let log = from["log_epoch"].as_str().unwrap().parse().unwrap();
            let seq = from["from_seq"].as_u64().unwrap().try_into().unwrap();
            self.wanted.insert((lock, log), seq);
        }
        let mut held = Vec::new();
        for key in carried(answer, "keys") {
            let read = Key::read(Signed::read(&key).unwrap().payload).unwrap();
            assert_eq!(read.holder, public_of(&self.pair));
            let lock = Id(read.lock).to_string();
            let class = read.class.number();
            held.push(json!({"lock_id": lock, "class": class, "serial": read.serial}));
            self.keys.entry(read.lock).or_default().push(key.clone());
        }
        held
    }

    pub(crate) fn bytes_of(&self, lock: &str) -> [u8; 16] {
        Id::parse(lock).unwrap().0
    }

    /// From which event of a log of a lock on its server wants them.
    pub(crate) fn wants_from(&self, lock: &str, log: u64) -> u32 {
        self.wanted.get(&(self.bytes_of(lock), log)).copied().unwrap_or(1)
    }

    pub(crate) fn key_for(&self, lock: &str) -> Option<Vec<u8>> {
        self.keys.get(&self.bytes_of(lock))?.last().cloned()
    }

    pub(crate) fn list_for(&self, lock: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        let list = self.lists.get(&self.bytes_of(lock))?.clone();
        let issuer = self.issuer_of(&list)?;
        Some((list, issuer))
    }

    /// The certificate of the newest epoch of a lock that it was given.
    pub(crate) fn epoch_for(&self, lock: &str) -> Option<Vec<u8>> {
        let own = Some(self.bytes_of(lock));
        let epoch = |bytes: &&Vec<u8>| {
            let read = Epoch::read(Signed::read(bytes).unwrap().payload).ok();
            read.filter(|epoch| epoch.lock == own).map(|epoch| epoch.epoch)
        };
        let certificates = self.certificates.iter().filter(|it| epoch(it).is_some());
        certificates.max_by_key(|it| epoch(it)).cloned()
    }

    /// The certificate of who signed something.
    pub(crate) fn issuer_of(&self, signed: &[u8]) -> Option<Vec<u8>> {
        let kid = *Signed::read(signed).unwrap().kid;
        let is_by = |certificate: &&Vec<u8>| {
            let payload = Signed::read(certificate).unwrap().payload;
            Issuer::read(payload).is_ok_and(|issuer| issuer.key.kid() == kid)
        };
        self.certificates.iter().find(is_by).cloned()
    }

    /// In which session it signs.
    pub(crate) fn session(&self) -> [u8; 32] {
        if self.is_card { NO_SESSION } else { SESSION }
    }

    /// Its command, signed.
    pub(crate) fn commands(
        &self,
        lock: [u8; 16],
        key_digest: [u8; 32],
        command: Command,
    ) -> Vec<u8> {
        let open = Open { nonce: NONCE, lock, key_digest, command, session: self.session() };
        let (mut room, mut hashed, mut out) = ([0; 256], [0; 512], [0; 512]);
        let mut writer = Writer::new(&mut room);
        open.write(&mut writer);
        let payload = writer.done().unwrap();
        let kid = public_of(&self.pair).kid();
        let hashed = sig_structure(Kind::Open, &kid, payload, &mut hashed).unwrap();
        let signature = self.pair.sign(&SystemRandom::new(), hashed).unwrap();
        let signature: [u8; 64] = signature.as_ref().try_into().unwrap();
        envelope(&kid, payload, &signature, &mut out).unwrap().to_vec()
    }
}
