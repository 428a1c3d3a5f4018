//! What is almost right is refused: every single bit that flips, every prefix, every byte more.

use claviger_offline::cose::{Kind, PublicKey, Signed};
use claviger_offline::event::{Event, EventKey, Sealed};
use claviger_offline::key::Key;
use claviger_offline::receipt::{Receipt, ReceiptKey};

use super::build::{LOCK, again, key, list, one_of_each, signer, written};

/// Whether bytes are an object of a kind that this key signed.
fn accepted(kind: Kind, bytes: &[u8], key: &PublicKey) -> bool {
    let Ok(signed) = Signed::read(bytes) else { return false };
    again(kind, signed.payload).is_some() && signed.is_by(kind, key)
}

#[test]
fn a_flipped_bit_is_refused_anywhere() {
    for (kind, bytes) in one_of_each() {
        let key = signer(kind);
        assert!(accepted(kind, &bytes, &key), "{kind:?}");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // Most end before the signature is looked at; what is left costs a verification.
            assert!(!accepted(kind, &changed, &key), "{kind:?}, bit {bit}");
        }
    }
}

#[test]
fn a_prefix_and_a_longer_one_are_refused() {
    for (kind, bytes) in one_of_each() {
        let key = signer(kind);
        for end in 0..bytes.len() {
            assert!(!accepted(kind, &bytes[..end], &key), "{kind:?}, {end} bytes");
        }
        for more in 0..=255 {
            let longer = [&bytes[..], &[more]].concat();
            assert!(!accepted(kind, &longer, &key), "{kind:?} and {more}");
        }
    }
}

#[test]
fn a_payload_has_one_encoding() {
    // Whatever still reads after a change is another value, and is written as it was read.
    for (kind, bytes) in one_of_each() {
        let payload = Signed::read(&bytes).unwrap().payload;
        for bit in 0..payload.len() * 8 {
            let mut changed = payload.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Some(written) = again(kind, &changed) {
                assert_eq!(written, changed, "{kind:?}, bit {bit}");
            }
        }
        for end in 0..payload.len() {
            assert_eq!(again(kind, &payload[..end]), None, "{kind:?}, {end} bytes");
        }
        assert_eq!(again(kind, &[payload, &[0]].concat()), None, "{kind:?} and a byte");
    }
}

#[test]
fn receipts_and_events_with_a_flipped_bit_are_refused() {
    let key = ReceiptKey::of(&[7; 32], &LOCK);
    let receipt =
        Receipt { lock: LOCK, epoch: 1, version: 9, digest: [8; 32], log_epoch: 10, seq: 3 };
    let right = |bytes: &[u8]| Receipt::read(bytes).is_ok_and(|(it, mac)| it.is_by(&key, &mac));
    every_change(&written(|it| receipt.write(&key, it)), right);

    let key = EventKey::of(&[7; 32], &LOCK);
    let sealed = Sealed::seal(&key, LOCK, 5, 6, &Event::default());
    let right = |bytes: &[u8]| Sealed::read(bytes).is_ok_and(|it| it.open(&key).is_some());
    every_change(&written(|it| sealed.write(it)), right);
}

fn every_change(bytes: &[u8], right: impl Fn(&[u8]) -> bool) {
    assert!(right(bytes));
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!right(&changed), "bit {bit}");
    }
    (0..bytes.len()).for_each(|end| assert!(!right(&bytes[..end]), "{end} bytes"));
    assert!(!right(&[bytes, &[0]].concat()));
}

#[test]
fn values_out_of_bounds_are_refused() {
    let refused = |change: &dyn Fn(&mut Key<'_>)| {
        let mut key = key();
        change(&mut key);
        Key::read(&written(|it| key.write(it))).is_err()
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|it| it.serial = 0));
    assert!(refused(&|it| it.epoch = 4095));
    assert!(refused(&|it| it.exp = 1 << 40));
    assert!(refused(&|it| it.times.zone.offset_before_min = 1440));
    assert!(!refused(&|it| it.exp = (1 << 40) - 1));

    let replaced = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|it| it == from).expect("it is there");
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let bytes = written(|it| key().write(it));
    // Class, epoch and serial; min_list, flags.
    let class = [0x00, 0x01, 0x1a, 0x00, 0x10, 0x00, 0x01];
    let other = |first| [&[first], &class[1..]].concat();
    assert!(Key::read(&replaced(&bytes, &class, &other(3))).is_ok());
    assert!(Key::read(&replaced(&bytes, &class, &other(4))).is_err());
    assert!(Key::read(&replaced(&bytes, &[0x18, 40, 3, 0x83], &[0x18, 40, 7, 0x83])).is_ok());
    assert!(Key::read(&replaced(&bytes, &[0x18, 40, 3, 0x83], &[0x18, 40, 8, 0x83])).is_err());

    let bytes = written(|it| list().write(it));
    let right = again(Kind::List, &bytes).is_some();
    let bitmap = [0x05, 0x43, 0x81, 0x00, 0x02];
    let with = |to: &[u8]| again(Kind::List, &replaced(&bytes, &bitmap, to)).is_some();
    assert!(right && with(&bitmap) && with(&[0x05, 0x41, 0x01]) && with(&[0x00, 0x40]));
    assert!(!with(&[0x05, 0x43, 0x80, 0x00, 0x02]), "the first bit is not set");
    assert!(!with(&[0x05, 0x43, 0x81, 0x02, 0x00]), "the last byte is zero");
    assert!(!with(&[0x05, 0x40]), "a gap before no bitmap");
}
