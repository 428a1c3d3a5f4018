//! For tests: what a server would sign, with keys that anybody knows.

use claviger_offline::certificate::Issuer;
use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, PublicKey};
use claviger_offline::items::Items;
use claviger_offline::key::{Flags, Key};
use claviger_offline::list::List;
use claviger_offline::lock::record::{Commissioning, Record};
use claviger_offline::times::Times;
use p256::ecdsa::SigningKey;

use super::phone::signed;

pub(super) const NOW: u64 = 1_800_000_000;
pub(super) const LOCKS: [[u8; 16]; 2] = [[0x31; 16], [0x32; 16]];
const PLACE: [u8; 16] = [0x20; 16];
const YEAR_S: u64 = 31_536_000;
const ROOT: u8 = 1;
const ISSUER: u8 = 2;

/// The secret key of 32 equal bytes.
pub(super) fn secret(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).unwrap()
}

pub(super) fn issuer() -> Vec<u8> {
    let issuer = Issuer {
        exp: NOW + YEAR_S,
        nbf: NOW - 10,
        iat: NOW - 10,
        key: PublicKey::of(&secret(ISSUER)),
        place: PLACE,
        generation: 1,
    };
    signed(Kind::Issuer, &secret(ROOT), |it| issuer.write(it)).unwrap()
}

pub(super) fn list(lock: usize, version: u32) -> Vec<u8> {
    let iat = NOW + u64::from(version);
    let list = List { iat, lock: LOCKS[lock], epoch: 0, version, sections: Items::NONE };
    signed(Kind::List, &secret(ISSUER), |it| list.write(it)).unwrap()
}

pub(super) fn key(lock: usize, holder: PublicKey, serial: u32) -> Vec<u8> {
    let key = Key {
        exp: NOW + 1000,
        nbf: NOW,
        iat: NOW,
        holder,
        lock: LOCKS[lock],
        class: Class::Phone,
        epoch: 0,
        serial,
        min_list: 1,
        flags: Flags { require_intent: true, ..Flags::default() },
        times: Times::ALWAYS,
    };
    signed(Kind::Key, &secret(ISSUER), |it| key.write(it)).unwrap()
}

/// The record of the first lock, with its first list.
pub(super) fn record<'b>(issuer: &'b [u8], list: &'b [u8]) -> Commissioning<'b> {
    let record = Record {
        lock: LOCKS[0],
        place: PLACE,
        root: PublicKey::of(&secret(ROOT)),
        secret: [0x77; 32],
        epoch: 0,
        keys_from: 0,
        min_generation: 1,
    };
    Commissioning { record, issuer, list }
}
