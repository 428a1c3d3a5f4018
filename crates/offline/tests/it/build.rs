//! One of everything, made with keys that tests know. No claims of its own: tests change a field.

use claviger_offline::cbor::Writer;
use claviger_offline::certificate::{Epoch, Issuer};
use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, PublicKey, Signed, sign};
use claviger_offline::items::Items;
use claviger_offline::key::{Flags, Key};
use claviger_offline::list::{List, Range, Section};
use claviger_offline::statement::{Ack, Command, Fresh, Open};
use claviger_offline::times::{Times, Weekly, Zone};
use p256::ecdsa::SigningKey;

pub(crate) const LOCK: [u8; 16] = [0x10; 16];
pub(crate) const PLACE: [u8; 16] = [0x20; 16];
pub(crate) const NONCE: [u8; 16] = [0x30; 16];
pub(crate) const SESSION: [u8; 32] = [0x40; 32];
/// Monday 2026-11-16, 00:00 UTC.
pub(crate) const MONDAY: u64 = 1_794_787_200;
pub(crate) const DAY: u64 = 86_400;

/// A secret key of 32 equal bytes.
pub(crate) fn secret(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).unwrap()
}

pub(crate) fn public(byte: u8) -> PublicKey {
    PublicKey::of(&secret(byte))
}

pub(crate) const ROOT: u8 = 1;
pub(crate) const ISSUER: u8 = 2;
pub(crate) const HOLDER: u8 = 3;

/// What was written by `write`.
pub(crate) fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut room = vec![0; 4096];
    let mut writer = Writer::new(&mut room);
    write(&mut writer);
    writer.done().expect("room").to_vec()
}

/// A payload signed by one of the keys.
pub(crate) fn signed(kind: Kind, by: u8, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let payload = written(write);
    let mut room = vec![0; payload.len() + 100];
    sign(kind, &secret(by), &payload, &mut room).unwrap().to_vec()
}

pub(crate) const STOCKHOLM: Zone =
    Zone { offset_before_min: 60, transition_at: 1_806_195_600, offset_after_min: 120 };
pub(crate) const OFFICE: [Weekly; 2] = [
    Weekly { days: 0b001_1111, start_min: 480, end_min: 1020 },
    Weekly { days: 0b010_0000, start_min: 1320, end_min: 360 },
];

/// A phone's key with two windows of the week: the one whose size the documents name.
pub(crate) fn key() -> Key<'static> {
    let times = Times { zone: STOCKHOLM, weekly: Items::Values(&OFFICE), ..Times::ALWAYS };
    Key {
        exp: MONDAY + 14 * DAY,
        nbf: MONDAY,
        iat: MONDAY,
        holder: public(HOLDER),
        lock: LOCK,
        class: Class::Phone,
        epoch: 1,
        serial: 1_048_577,
        min_list: 40,
        flags: Flags { strict_time: true, require_intent: true, require_proximity: false },
        times,
    }
}

pub(crate) const RANGES: [Range; 2] =
    [Range { gap: 3, length: 2 }, Range { gap: 70_000, length: 1 }];
pub(crate) const SECTIONS: [Section<'static>; 2] = [
    Section {
        class: Class::Phone,
        floor: 1_048_600,
        ranges: Items::Values(&RANGES),
        bitmap_gap: 5,
        bitmap: &[0b1000_0001, 0, 0b10],
    },
    Section { class: Class::Card, floor: 0, ranges: Items::NONE, bitmap_gap: 0, bitmap: &[] },
];

pub(crate) fn list() -> List<'static> {
    let sections = Items::Values(&SECTIONS);
    List { iat: MONDAY + 60, lock: LOCK, epoch: 1, version: 41, sections }
}

pub(crate) fn issuer() -> Issuer {
    Issuer {
        exp: MONDAY + 400 * DAY,
        nbf: MONDAY - DAY,
        iat: MONDAY - DAY,
        key: public(ISSUER),
        place: PLACE,
        generation: 1,
    }
}

pub(crate) fn epoch() -> Epoch {
    Epoch {
        iat: MONDAY,
        place: PLACE,
        lock: Some(LOCK),
        epoch: 2,
        keys_from: 1,
        min_generation: 1,
        reset_time: false,
    }
}

pub(crate) fn fresh() -> Fresh {
    Fresh {
        iat: MONDAY,
        lock: LOCK,
        nonce: NONCE,
        epoch: 1,
        version: 41,
        digest: Signed::read(&signed(Kind::List, ISSUER, |it| list().write(it))).unwrap().digest(),
    }
}

pub(crate) fn ack() -> Ack {
    Ack { iat: MONDAY, lock: LOCK, log_epoch: 0x0123_4567_89ab_cdef, up_to_seq: 17 }
}

pub(crate) fn open() -> Open {
    let key = written(|it| key().write(it));
    let command = Command { close: false, intent: true };
    let digest = sha256(&key);
    Open { nonce: NONCE, lock: LOCK, key_digest: digest, command, session: SESSION }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

/// One signed object of each kind.
pub(crate) fn one_of_each() -> Vec<(Kind, Vec<u8>)> {
    vec![
        (Kind::Key, signed(Kind::Key, ISSUER, |it| key().write(it))),
        (Kind::List, signed(Kind::List, ISSUER, |it| list().write(it))),
        (Kind::Issuer, signed(Kind::Issuer, ROOT, |it| issuer().write(it))),
        (Kind::Epoch, signed(Kind::Epoch, ROOT, |it| epoch().write(it))),
        (Kind::Fresh, signed(Kind::Fresh, ISSUER, |it| fresh().write(it))),
        (Kind::Open, signed(Kind::Open, HOLDER, |it| open().write(it))),
        (Kind::Ack, signed(Kind::Ack, ISSUER, |it| ack().write(it))),
    ]
}

/// Objects whole, and their payloads.
#[allow(dead_code, reason = "shared with the other tests")]
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let all = one_of_each();
    let payloads = all.iter().map(|(_, it)| Signed::read(it).unwrap().payload.to_vec());
    payloads.chain(all.iter().map(|it| it.1.clone())).collect()
}

/// Who signs objects of a kind.
pub(crate) fn signer(kind: Kind) -> PublicKey {
    public(match kind {
        Kind::Issuer | Kind::Epoch => ROOT,
        Kind::Open => HOLDER,
        Kind::Key | Kind::List | Kind::Fresh | Kind::Ack => ISSUER,
    })
}

/// Reads a payload of a kind and writes it again; none if it is refused.
pub(crate) fn again(kind: Kind, payload: &[u8]) -> Option<Vec<u8>> {
    Some(match kind {
        Kind::Key => Key::read(payload).ok().map(|it| written(|to| it.write(to)))?,
        Kind::List => List::read(payload).ok().map(|it| written(|to| it.write(to)))?,
        Kind::Issuer => Issuer::read(payload).ok().map(|it| written(|to| it.write(to)))?,
        Kind::Epoch => Epoch::read(payload).ok().map(|it| written(|to| it.write(to)))?,
        Kind::Fresh => Fresh::read(payload).ok().map(|it| written(|to| it.write(to)))?,
        Kind::Open => Open::read(payload).ok().map(|it| written(|to| it.write(to)))?,
        Kind::Ack => Ack::read(payload).ok().map(|it| written(|to| it.write(to)))?,
    })
}
