//! What `claviger-offline` writes and reads is CBOR to the `minicbor` crate too.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout)]

#[path = "../../crates/offline/tests/it/build.rs"]
#[allow(dead_code, reason = "shared with the tests of the crate")]
mod build;
#[path = "../../crates/web/tests/fuzz/driver.rs"]
mod driver;
#[path = "../../crates/offline/tests/it/values.rs"]
#[allow(dead_code, reason = "shared with the tests of the crate")]
mod values;

use claviger_offline::cbor::Reader;
use claviger_offline::cose::{Kind, Signed};
use minicbor::Decoder;
use proptest::prelude::*;

use build::{again, seeds, written};
use values::{keys, lists};

/// Whether these bytes are one value, whole, and nothing else.
fn one_value(bytes: &[u8]) -> bool {
    let mut decoder = Decoder::new(bytes);
    decoder.skip().is_ok() && decoder.position() == bytes.len()
}

#[test]
fn numbers_have_the_same_bytes() {
    for number in [0, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX] {
        let bytes = written(|it| {
            it.uint(number);
        });
        assert_eq!(minicbor::decode::<u64>(&bytes).unwrap(), number);
        assert_eq!(bytes, minicbor::to_vec(number).unwrap());
    }
}

#[test]
fn longer_forms_are_right_for_others() {
    for long in [
        &[0x18, 23][..],
        &[0x19, 0, 255],
        &[0x1a, 0, 0, 255, 255],
        &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255],
    ] {
        assert!(minicbor::decode::<u64>(long).is_ok());
        assert!(Reader::new(long).uint::<u64>().is_err());
    }
}

#[test]
fn what_is_no_value_is_found() {
    for wrong in [&[][..], &[0x18], &[0x81], &[0x42, 1], &[1, 1], &[0x1c]] {
        assert!(!one_value(wrong), "{wrong:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_are_one_value(made in keys()) {
        prop_assert!(one_value(&written(|it| made.key().write(it))));
    }

    #[test]
    fn lists_are_one_value(made in lists()) {
        let sections = made.sections();
        prop_assert!(one_value(&written(|it| made.list(&sections).write(it))));
    }
}

#[test]
fn whatever_is_read_is_one_value() {
    let mut read = 0;
    let count = driver::feed(&seeds(), &[], |input| {
        let as_payload = Kind::ALL.into_iter().filter(|kind| again(*kind, input).is_some()).count();
        let as_object = usize::from(Signed::read(input).is_ok());
        read += as_payload + as_object;
        assert!(as_payload + as_object == 0 || one_value(input));
    });
    assert!(read >= seeds().len(), "only {read} were read");
    println!("{count} inputs, {read} of them read");
}
