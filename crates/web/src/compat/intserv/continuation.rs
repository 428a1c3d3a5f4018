//! Where a list of events goes on: an opaque text that holds the filter it was begun with, so that
//! nothing need be kept here. Whoever makes one up sees no more than a filter would show them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claviger_app::event::Moment;
use claviger_domain::ids::ControllerNumber;
use claviger_domain::time::{Instant, Window};
use serde_json::{Value, json};

/// What is wanted, and from where on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Continuation {
    pub(crate) occurred: Window,
    pub(crate) granted: Option<bool>,
    /// Controllers by number, none for the system without one.
    pub(crate) systems: Option<Vec<Option<ControllerNumber>>>,
    pub(crate) limit: usize,
    pub(crate) after: Option<Moment>,
    /// Up to which instant the pages so far were all there is, by the least that one of them said.
    pub(crate) least: Instant,
}

/// The most events of a page, and how many there are where no limit is given.
pub(crate) const MOST: usize = 1000;

/// The form of the text, in case another one comes.
const VERSION: u64 = 2;

impl Continuation {
    /// As a text.
    pub(crate) fn print(&self) -> String {
        let systems = self.systems.as_ref().map(|systems| {
            systems.iter().map(|system| system.map_or(0, |number| number.0)).collect::<Vec<_>>()
        });
        let micros = |at: Instant| at.0;
        let value = json!([
            VERSION,
            self.occurred.from.map(micros),
            self.occurred.until.map(micros),
            self.granted,
            systems,
            self.limit,
            self.after.map(|(at, _)| at.0),
            self.after.map(|(_, seq)| seq),
            self.least.0,
        ]);
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    /// Reads what [`Continuation::print`] wrote; none for anything else.
    pub(crate) fn parse(text: &str) -> Option<Continuation> {
        let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let [version, from, until, granted, systems, limit, at, seq, least] =
            value.as_array()?.as_slice()
        else {
            return None;
        };
        let occurred = Window { from: Some(instant(from)?), until: Some(instant(until)?) };
        let granted = match granted {
            Value::Null => None,
            other => Some(other.as_bool()?),
        };
        let systems = match systems {
            Value::Null => None,
            other => Some(other.as_array()?.iter().map(system).collect::<Option<Vec<_>>>()?),
        };
        let limit =
            usize::try_from(limit.as_u64()?).ok().filter(|limit| (1..=MOST).contains(limit))?;
        let seq = seq.as_u64().filter(|seq| i64::try_from(*seq).is_ok())?;
        let after = Some((instant(at)?, seq));
        (version.as_u64()? == VERSION).then_some(Continuation {
            occurred,
            granted,
            systems,
            limit,
            after,
            least: instant(least)?,
        })
    }
}

fn instant(value: &Value) -> Option<Instant> {
    let instant = Instant(value.as_i64()?);
    (Instant::MIN..=Instant::MAX).contains(&instant).then_some(instant)
}

fn system(value: &Value) -> Option<Option<ControllerNumber>> {
    let number = u32::try_from(value.as_u64()?).ok()?;
    Some((number > 0).then_some(ControllerNumber(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let bare = Continuation {
            occurred: Window { from: Some(Instant(-5)), until: Some(Instant(1 << 50)) },
            granted: None,
            systems: None,
            limit: 1000,
            after: Some((Instant(7), 12)),
            least: Instant(11),
        };
        let full = Continuation {
            granted: Some(false),
            systems: Some(vec![None, Some(ControllerNumber(3))]),
            limit: 1,
            ..bare.clone()
        };
        for one in [&bare, &full] {
            let text = one.print();
            assert_eq!(Continuation::parse(&text).as_ref(), Some(one));
            assert_eq!(Continuation::parse(&text[1..]), None);
            assert_eq!(Continuation::parse(&format!("{text}=")), None);
        }
        for bad in [
            json!([1, 0, 1, null, null, 1, 0, 0]),
            json!([1, 0, 1, null, null, 1, 0, 0, 0]),
            json!([2, 0, 1, null, null, 0, 0, 0, 0]),
            json!([2, 0, 1, null, null, 1, 0, -1, 0]),
            json!([2, 0, 1, null, null, 1, 0, u64::MAX, 0]),
            json!([2, 0, 1, 1, null, 1, 0, 0, 0]),
            json!([2, 0, 1, null, [-1], 1, 0, 0, 0]),
            json!([2, 0, 1, null, null, 1, 0, 0]),
            json!([2, 0, 1, null, null, 1001, 0, 0, 0]),
            json!([2, 0, 1, null, null, u64::MAX, 0, 0, 0]),
            json!([2, 0, 1, null, null, 1, 0, 0, null]),
            json!([2, 0, 1, null, null, 1, 0, 0, i64::MAX]),
            json!([2, i64::MAX, 1, null, null, 1, 0, 0, 0]),
            json!({}),
        ] {
            let text = URL_SAFE_NO_PAD.encode(bad.to_string());
            assert_eq!(Continuation::parse(&text), None, "{bad}");
        }
        assert_eq!(Continuation::parse(""), None);
    }
}
