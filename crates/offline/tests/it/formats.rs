//! Values are read as they were written, whatever they are; sizes are those the documents name.

use claviger_offline::cbor::{Reader, Writer};
use claviger_offline::certificate::{Epoch, Issuer};
use claviger_offline::cose::{ENVELOPE, Kind, Signed, sig_structure, to_be_signed};
use claviger_offline::event::{Event, EventKey, Sealed};
use claviger_offline::key::Key;
use claviger_offline::list::List;
use claviger_offline::lock::code::Code;
use claviger_offline::receipt::{Receipt, ReceiptKey};
use claviger_offline::statement::{Ack, Command, Fresh, Open};
use proptest::prelude::*;

use super::build::{self, LOCK, again, one_of_each, sha256, signer, written};
use super::values::{instant, keys, lists, public_key};

#[test]
fn each_object_verifies_as_its_kind_and_no_other() {
    for (kind, bytes) in one_of_each() {
        let signed = Signed::read(&bytes).unwrap();
        assert!(bytes.len() - signed.payload.len() <= ENVELOPE);
        for other in Kind::ALL {
            assert_eq!(signed.is_by(other, &signer(kind)), other == kind, "{kind:?} as {other:?}");
        }
        assert!(!signed.is_by(kind, &build::public(9)), "{kind:?} by a stranger");
        assert_eq!(again(kind, signed.payload).as_deref(), Some(signed.payload), "{kind:?}");
        for other in Kind::ALL.into_iter().filter(|other| *other != kind) {
            assert_eq!(again(other, signed.payload), None, "{kind:?} read as {other:?}");
        }
    }
}

#[test]
fn the_sizes_are_those_of_the_documents() {
    let sizes: Vec<_> = one_of_each().iter().map(|(kind, it)| (*kind, it.len())).collect();
    assert_eq!(sizes[0], (Kind::Key, 246));
    let key = written(|it| build::public(1).write(it));
    assert_eq!(key.len(), 75);
    assert_eq!(build::public(1).kid(), sha256(&key)[..8]);
}

#[test]
fn a_signature_with_a_high_s_is_refused() {
    let (kind, bytes) = one_of_each().remove(0);
    let signed = Signed::read(&bytes).unwrap();
    let signature = p256::ecdsa::Signature::from_slice(signed.signature).unwrap();
    let (r, s) = signature.split_scalars();
    let high = p256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    let digest = to_be_signed(kind, signed.kid, signed.payload);
    let verifying = p256::ecdsa::VerifyingKey::from(&build::secret(build::ISSUER));
    let verified =
        p256::ecdsa::signature::hazmat::PrehashVerifier::verify_prehash(&verifying, &digest, &high);
    assert!(verified.is_ok(), "the other s is as good to others");
    let mut bytes = bytes.clone();
    let from = bytes.len() - 64;
    bytes[from..].copy_from_slice(&high.to_bytes());
    assert!(!Signed::read(&bytes).unwrap().is_by(kind, &signer(kind)));
}

#[test]
fn what_a_signer_hashes_is_what_is_verified() {
    for (kind, bytes) in one_of_each() {
        let signed = Signed::read(&bytes).unwrap();
        let mut room = [0; 1024];
        let structure = sig_structure(kind, signed.kid, signed.payload, &mut room).unwrap();
        assert_eq!(sha256(structure), to_be_signed(kind, signed.kid, signed.payload));
    }
}

#[test]
fn a_receipt_is_right_for_its_key_alone() {
    let key = ReceiptKey::of(&[7; 32], &LOCK);
    let receipt =
        Receipt { lock: LOCK, epoch: 1, version: 9, digest: [8; 32], log_epoch: u64::MAX, seq: 3 };
    let bytes = written(|it| receipt.write(&key, it));
    let (read, mac) = Receipt::read(&bytes).unwrap();
    assert_eq!(read, receipt);
    assert!(read.is_by(&key, &mac));
    assert!(!read.is_by(&ReceiptKey::of(&[6; 32], &LOCK), &mac));
    assert!(!read.is_by(&ReceiptKey::of(&[7; 32], &[0; 16]), &mac));
    assert!(!Receipt { version: 10, ..read }.is_by(&key, &mac));
}

#[test]
fn an_event_opens_under_its_own_number_alone() {
    let key = EventKey::of(&[7; 32], &LOCK);
    let event = Event {
        code: 1,
        class: 2,
        epoch: 0x0304,
        serial: 0x0506_0708,
        lo: 0x090a_0b0c_0d0e,
        spread: 0x0f10_1112,
        command: 0x1314,
    };
    let sealed = Sealed::seal(&key, LOCK, 5, 6, &event);
    let bytes = written(|it| sealed.write(it));
    assert_eq!(Sealed::read(&bytes).unwrap(), sealed);
    assert_eq!(sealed.open(&key), Some(event));
    assert_eq!(Sealed { seq: 7, ..sealed }.open(&key), None);
    assert_eq!(Sealed { log_epoch: 6, ..sealed }.open(&key), None);
    assert_eq!(Sealed { lock: [1; 16], ..sealed }.open(&key), None);
    assert_eq!(sealed.open(&EventKey::of(&[8; 32], &LOCK)), None);
}

#[test]
fn heads_have_their_shortest_form_only() {
    for number in [0, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX] {
        let bytes = written(|it| {
            it.uint(number);
        });
        assert_eq!(Reader::new(&bytes).uint(), Ok(number));
    }
    for long in [
        &[0x18, 23][..],
        &[0x19, 0, 255],
        &[0x1a, 0, 0, 255, 255],
        &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255],
    ] {
        assert!(Reader::new(long).uint::<u64>().is_err());
    }
    for open in [&[0x1c][..], &[0x1f], &[0x5f, 0xff], &[0x9f, 0xff], &[0x81], &[]] {
        assert!(Reader::new(open).uint::<u64>().is_err());
        assert!(Reader::new(open).bytes().is_err());
        assert!(Reader::new(open).array(0).is_err());
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let mut room = [0; 3];
    let mut writer = Writer::new(&mut room);
    writer.bytes(&[1, 2]).uint(1_u8).uint(2_u8);
    assert!(writer.done().is_none());
}

proptest! {
    #[test]
    fn keys_come_back(made in keys()) {
        let key = made.key();
        let bytes = written(|it| key.write(it));
        prop_assert_eq!(Key::read(&bytes).unwrap(), key);
    }

    #[test]
    fn lists_come_back(made in lists()) {
        let sections = made.sections();
        let list = made.list(&sections);
        let bytes = written(|it| list.write(it));
        prop_assert_eq!(List::read(&bytes).unwrap(), list);
    }

    #[test]
    fn certificates_and_statements_come_back(
        times in (instant(), instant(), instant()),
        key in public_key(),
        ids in any::<([u8; 16], [u8; 16], [u8; 32], [u8; 32])>(),
        numbers in (0_u16..=4094, 0_u16..=4094, any::<u32>(), any::<u64>()),
        flags in any::<(bool, bool, bool)>(),
    ) {
        let (id, other, digest, hash) = ids;
        let (one, two, number, wide) = numbers;
        let (exp, nbf, iat) = times;
        let issuer = Issuer { exp, nbf, iat, key, place: id, generation: number };
        prop_assert_eq!(Issuer::read(&written(|it| issuer.write(it))), Ok(issuer));
        let (epoch, keys_from) = (one.max(two), one.min(two));
        let epoch = Epoch {
            iat,
            place: id,
            lock: flags.0.then_some(other),
            epoch,
            keys_from,
            min_generation: number,
            reset_time: flags.1 && epoch == keys_from,
        };
        prop_assert_eq!(Epoch::read(&written(|it| epoch.write(it))), Ok(epoch));
        let fresh = Fresh { iat, lock: id, nonce: other, epoch: one, version: number, digest };
        prop_assert_eq!(Fresh::read(&written(|it| fresh.write(it))), Ok(fresh));
        let ack = Ack { iat, lock: id, log_epoch: wide, up_to_seq: number };
        prop_assert_eq!(Ack::read(&written(|it| ack.write(it))), Ok(ack));
        let command = Command { close: flags.1, intent: flags.2 };
        let open = Open { nonce: other, lock: id, key_digest: digest, command, session: hash };
        prop_assert_eq!(Open::read(&written(|it| open.write(it))), Ok(open));
    }
}

#[test]
fn each_code_is_found_by_its_number() {
    let known: Vec<Code> = (0..=u8::MAX).filter_map(Code::of).collect();
    assert_eq!(known, Code::ALL);
    let faulty = Code::Faulty.number();
    assert_eq!((Code::of(faulty), Code::of(faulty + 1)), (Some(Code::Faulty), None));
}
