//! Ids in hexadecimal, references, and keys packed into ids. An accepted one is written and read as
//! itself.

use claviger_domain::ids::{Id, Ref};
use claviger_domain::key::KeyNumbers;

#[test]
fn an_accepted_id_is_written_and_read_as_itself() {
    let words = ["external:", "-", "0", "8", "00000000", "ffffffff"];
    let mut accepted = 0_u64;
    let count = super::driver::feed(&super::seeds("id"), &words, |input| {
        let text = String::from_utf8_lossy(input);
        let text = text.trim_end();
        let id = Id::parse(text);
        match Ref::parse(text) {
            Some(Ref::Id(other)) => assert_eq!(Some(other), id),
            Some(Ref::External(own)) => assert_eq!(format!("external:{own}"), text),
            None => assert_eq!(id, None),
        }
        let Some(id) = id else { return };
        accepted += 1;
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
        if let Some(key) = KeyNumbers::of(id) {
            assert_eq!(key.id(), id);
        }
    });
    println!("ids: {count} inputs, {accepted} accepted");
    assert!(accepted > 0, "the seeds are accepted");
}
