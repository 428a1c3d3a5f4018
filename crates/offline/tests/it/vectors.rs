//! The published vectors are what this crate makes and refuses. With `UPDATE_SNAPSHOTS=1` they are
//! written anew; otherwise what stands in `vectors` must be exactly that.

use claviger_offline::class::Class;
use claviger_offline::cose::{Kind, Signed, to_be_signed};
use claviger_offline::event::{Event, EventKey, Sealed};
use claviger_offline::key::Key;
use claviger_offline::list::List;
use claviger_offline::receipt::{Receipt, ReceiptKey};
use p256::ecdsa::Signature;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use serde_json::{Value, json};

use super::build::{
    self, HOLDER, ISSUER, LOCK, ROOT, again, key, list, one_of_each, secret, sha256, signer,
    written,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn name(kind: Kind) -> String {
    format!("{kind:?}").to_lowercase()
}

/// Whether an object is accepted as one of a kind.
fn accepted(kind: Kind, bytes: &[u8]) -> bool {
    let Ok(signed) = Signed::read(bytes) else { return false };
    again(kind, signed.payload).is_some() && signed.is_by(kind, &signer(kind))
}

fn valid() -> Value {
    let all = one_of_each().into_iter().map(|(kind, bytes)| {
        let signed = Signed::read(&bytes).unwrap();
        assert!(accepted(kind, &bytes));
        let point = signer(kind).0;
        let (x, y) = point.split_at(32);
        json!({
            "kind": name(kind),
            "object": hex(&bytes),
            "external_aad": String::from_utf8_lossy(kind.external()),
            "signer": { "x": hex(x), "y": hex(y), "kid": hex(signed.kid) },
            "payload": hex(signed.payload),
            "digest": hex(&signed.digest()),
            "to_be_signed_sha256": hex(&to_be_signed(kind, signed.kid, signed.payload)),
        })
    });
    let secrets = [("root", ROOT), ("issuer", ISSUER), ("holder", HOLDER)];
    let secrets = secrets.map(|(name, byte)| (name.to_owned(), json!(hex(&[byte; 32]))));
    json!({
        "secret_keys": serde_json::Map::from_iter(secrets),
        "objects": all.collect::<Vec<_>>(),
        "refused": refused(),
        "receipt": receipt(),
        "event": event(),
    })
}

/// Which serials the list of the vectors refuses, around every edge.
fn refused() -> Value {
    let payload = written(|it| list().write(it));
    let list = List::read(&payload).unwrap();
    let serials = (1_048_598..1_048_612).chain(1_118_600..1_118_640).chain([1, u32::MAX]);
    let rows = serials.flat_map(|serial| {
        [Class::Phone, Class::Card, Class::Guest]
            .map(|class| json!([class.number(), serial, list.refuses(class, serial)]))
    });
    json!({ "columns": ["class", "serial", "refused"], "rows": rows.collect::<Vec<_>>() })
}

fn receipt() -> Value {
    let receipt = Receipt {
        lock: LOCK,
        epoch: 1,
        version: 41,
        digest: sha256(&written(|it| list().write(it))),
        log_epoch: 0x0123_4567_89ab_cdef,
        seq: 18,
    };
    let key = ReceiptKey::of(&[7; 32], &LOCK);
    let bytes = written(|it| receipt.write(&key, it));
    json!({ "secret": hex(&[7; 32]), "lock": hex(&LOCK), "receipt": hex(&bytes) })
}

fn event() -> Value {
    let event = Event {
        code: 0,
        class: 0,
        epoch: 1,
        serial: 1_048_577,
        lo: 1_794_830_400,
        spread: 2,
        command: 16,
    };
    let key = EventKey::of(&[7; 32], &LOCK);
    let sealed = Sealed::seal(&key, LOCK, 0x0123_4567_89ab_cdef, 17, &event);
    json!({
        "secret": hex(&[7; 32]),
        "event": hex(&written(|it| sealed.write(it))),
        "inside": {
            "code": event.code, "class": event.class, "epoch": event.epoch,
            "serial": event.serial, "lo": event.lo, "spread": event.spread,
            "command": event.command,
        },
    })
}

/// A payload signed anew, whatever it says.
fn resigned(kind: Kind, by: u8, payload: &[u8]) -> Vec<u8> {
    build::signed(kind, by, |it| {
        it.raw(payload);
    })
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|it| it == from).expect("it is there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

fn high_s(bytes: &[u8]) -> Vec<u8> {
    let from = bytes.len() - 64;
    let signature = Signature::from_slice(&bytes[from..]).unwrap();
    let (r, s) = signature.split_scalars();
    let high = Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    [&bytes[..from], &high.to_bytes()[..]].concat()
}

/// What is wrong in each way that a reader could overlook; all but a few are rightly signed.
fn hostile() -> Value {
    let all = one_of_each();
    let object = |kind: Kind| all.iter().find(|it| it.0 == kind).unwrap().1.clone();
    let payload = |kind: Kind| Signed::read(&object(kind)).unwrap().payload.to_vec();
    let mut rows: Vec<(Kind, &str, Vec<u8>)> = Vec::new();
    for (kind, bytes) in &all {
        let mut flipped = bytes.clone();
        *flipped.last_mut().unwrap() ^= 1;
        rows.push((*kind, "a bit of the signature is flipped", flipped));
        rows.push((*kind, "the last byte is missing", bytes[..bytes.len() - 1].to_vec()));
        rows.push((*kind, "a byte follows", [&bytes[..], &[0]].concat()));
        rows.push((*kind, "the other s, as good to others", high_s(bytes)));
        rows.push((*kind, "signed by somebody else under the same kid", {
            let signed = Signed::read(bytes).unwrap();
            let digest = to_be_signed(*kind, signed.kid, signed.payload);
            let other: Signature = secret(9).sign_prehash(&digest).unwrap();
            let from = bytes.len() - 64;
            [&bytes[..from], &other.normalize_s().to_bytes()[..]].concat()
        }));
        let long = [&[0xb9, 0x00][..], &[bytes_of_map(*kind)], &payload(*kind)[1..]].concat();
        let by = if signer(*kind) == build::public(ROOT) { ROOT } else { ISSUER };
        let by = if *kind == Kind::Open { HOLDER } else { by };
        rows.push((*kind, "a head that is longer than need be", resigned(*kind, by, &long)));
        let more = [&payload(*kind)[..], &[0]].concat();
        rows.push((*kind, "a byte follows within the payload", resigned(*kind, by, &more)));
    }
    let key_payload = payload(Kind::Key);
    let signed_key = |change: &dyn Fn(&mut Key<'_>)| {
        let mut key = key();
        change(&mut key);
        build::signed(Kind::Key, ISSUER, |it| key.write(it))
    };
    let key_object = object(Kind::Key);
    rows.push((Kind::Key, "tag 61 outside", [&[0xd8, 0x3d][..], &key_object].concat()));
    rows.push((Kind::Key, "no tag", key_object[1..].to_vec()));
    rows.push((Kind::Key, "serial 0", signed_key(&|it| it.serial = 0)));
    rows.push((Kind::Key, "an epoch above 4 094", signed_key(&|it| it.epoch = 4095)));
    rows.push((Kind::Key, "an instant of 2^40", signed_key(&|it| it.exp = 1 << 40)));
    let class = [0x00, 0x01, 0x1a, 0x00, 0x10, 0x00, 0x01];
    let other = replaced(&key_payload, &class, &[0x04, 0x01, 0x1a, 0x00, 0x10, 0x00, 0x01]);
    rows.push((Kind::Key, "class 4", resigned(Kind::Key, ISSUER, &other)));
    let flags = replaced(&key_payload, &[0x18, 40, 3, 0x83], &[0x18, 40, 11, 0x83]);
    rows.push((Kind::Key, "an unknown flag", resigned(Kind::Key, ISSUER, &flags)));
    rows.extend(hostile_lists(&payload(Kind::List)));
    let keys_from = written(|it| {
        claviger_offline::certificate::Epoch { keys_from: 3, ..build::epoch() }.write(it);
    });
    rows.push((Kind::Epoch, "keys from a later epoch", resigned(Kind::Epoch, ROOT, &keys_from)));
    for (kind, as_kind) in [(Kind::Key, Kind::List), (Kind::Ack, Kind::Fresh)] {
        rows.push((as_kind, "rightly signed as another kind", object(kind)));
    }
    let rows = rows.into_iter().map(|(kind, why, bytes)| {
        assert!(!accepted(kind, &bytes), "{kind:?}: {why}");
        let point = signer(kind).0;
        let (x, y) = point.split_at(32);
        let signer = json!({ "x": hex(x), "y": hex(y) });
        json!({ "kind": name(kind), "why": why, "signer": signer, "object": hex(&bytes) })
    });
    json!({ "objects": rows.collect::<Vec<_>>() })
}

/// Lists that say a set in another way, or one that cannot be.
fn hostile_lists(payload: &[u8]) -> Vec<(Kind, &'static str, Vec<u8>)> {
    let mut rows = Vec::new();
    let bitmap = [0x05, 0x43, 0x81, 0x00, 0x02];
    for (why, to) in [
        ("a bitmap whose first bit is not set", [0x05, 0x43, 0x80, 0x00, 0x02]),
        ("a bitmap that ends with a zero byte", [0x05, 0x43, 0x81, 0x02, 0x00]),
    ] {
        let other = replaced(payload, &bitmap, &to);
        rows.push((Kind::List, why, resigned(Kind::List, ISSUER, &other)));
    }
    let other = replaced(payload, &bitmap, &[0x05, 0x40]);
    rows.push((Kind::List, "a gap before no bitmap", resigned(Kind::List, ISSUER, &other)));
    let other = replaced(payload, &[0x84, 0x03, 0x02], &[0x84, 0x00, 0x02]);
    rows.push((Kind::List, "a gap of nothing", resigned(Kind::List, ISSUER, &other)));
    let other = replaced(payload, &[0x85, 0x01, 0x00], &[0x85, 0x00, 0x00]);
    rows.push((Kind::List, "a class twice", resigned(Kind::List, ISSUER, &other)));
    let floor = [0x1a, 0x00, 0x10, 0x00, 0x18];
    let other = replaced(payload, &floor, &[0x1a, 0xff, 0xff, 0xff, 0xfe]);
    rows.push((Kind::List, "serials above 2^32 - 2", resigned(Kind::List, ISSUER, &other)));
    rows
}

/// How many members the map of a payload has.
fn bytes_of_map(kind: Kind) -> u8 {
    match kind {
        Kind::Key | Kind::Issuer => 5,
        Kind::Open => 1,
        _ => 2,
    }
}

fn held(file: &str, made: &Value) {
    let path = format!("{}/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let made = serde_json::to_string_pretty(made).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == made, "{path} is not what is made; UPDATE_SNAPSHOTS=1 writes it anew");
}

#[test]
fn the_published_vectors_are_what_is_made() {
    held("valid.json", &valid());
    held("hostile.json", &hostile());
}
