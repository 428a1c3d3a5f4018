//! Requests that no honest controller sends, each with the one status that is a right answer.
//!
//! Each has exactly one fault, so that the order in which a server looks for faults cannot matter.

use crate::furnish::Furnished;
use crate::rng::Rng;

/// A malformed request to `POST P/decisions`.
#[derive(Debug, Clone)]
pub(crate) struct Hostile {
    /// What is wrong with it.
    pub(crate) word: &'static str,
    pub(crate) body: String,
    pub(crate) with_token: bool,
    /// HTTP status.
    pub(crate) expected: u16,
}

impl Hostile {
    /// Draws one; ids of the building are used where only something else shall be wrong.
    pub(crate) fn draw(furnished: &Furnished, rng: &mut Rng) -> Hostile {
        let lock = rng.pick(&furnished.locks).cloned().unwrap_or_default();
        let card = r#""card":{"technology":"em","bits":40,"value":"1122334455"}"#;
        let known = format!(r#"{{"lock_id":"{lock}",{card}}}"#);
        let (word, expected, body) = match rng.below(8) {
            0 => {
                let id = unknown_id(rng);
                ("unknown lock", 404, format!(r#"{{"lock_id":"{id}",{card}}}"#))
            }
            1 => {
                let body = format!(r#"{{"lock_id":"external:no-such-lock",{card}}}"#);
                ("unknown external id", 404, body)
            }
            2 => {
                let id = unknown_id(rng);
                let body = format!(r#"{{"lock_id":"{lock}","credential_id":"{id}"}}"#);
                ("unknown credential", 404, body)
            }
            3 => ("cut JSON", 400, known.chars().take(known.len() - 7).collect()),
            4 => {
                let body = format!(r#"{{"lock_id":"{lock}",{card},"open_sesame":true}}"#);
                ("unknown field", 422, body)
            }
            5 => ("nothing presented", 422, format!(r#"{{"lock_id":"{lock}"}}"#)),
            6 => {
                let body = format!(r#"{{"lock_id":"{lock}",{card},"code":"135790"}}"#);
                ("two things presented", 422, body)
            }
            _ => ("no token", 401, known),
        };
        Hostile { word, body, with_token: expected != 401, expected }
    }
}

/// A well-formed UUIDv7 that nothing has.
fn unknown_id(rng: &mut Rng) -> String {
    let (high, low) = (rng.next(), rng.next());
    let (first, second, third) = (high >> 32, (high >> 16) & 0xffff, high & 0xfff);
    let (fourth, last) = ((low >> 48) & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
    format!("{first:08x}-{second:04x}-7{third:03x}-{fourth:04x}-{last:012x}")
}

#[cfg(test)]
mod tests {
    use super::{Furnished, Hostile, Rng};

    #[test]
    fn only_the_cut_request_is_no_json() {
        let locks = vec!["external:door".to_owned()];
        let furnished = Furnished { locks, ..Furnished::default() };
        let mut rng = Rng::new(&[5]);
        let mut words = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let probe = Hostile::draw(&furnished, &mut rng);
            let parsed = serde_json::from_str::<serde_json::Value>(&probe.body);
            assert_eq!(parsed.is_err(), probe.expected == 400, "{}", probe.body);
            assert_eq!(probe.with_token, probe.expected != 401);
            words.insert(probe.word);
        }
        assert_eq!(words.len(), 8);
    }
}
