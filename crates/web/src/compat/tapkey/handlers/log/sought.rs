//! What a filter of log entries demands, looked for where the events are stored. What cannot be
//! looked for is left to the filter, so that this need never be the whole of it.

use std::collections::HashSet;

use claviger_app::Id;
use claviger_app::event::EventWish;
use claviger_domain::ids::{CredentialNumber, Noun, Ref};
use claviger_domain::noun::credential::CredentialKind;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, SECOND, Window};

use crate::compat::tapkey::map;
use crate::compat::tapkey::odata::{Comparison, Demand, Query};

/// To how much instants are shown, in microseconds.
const SHOWN: i64 = SECOND / 1000;

/// The events that are looked for.
pub(super) struct Sought {
    pub(super) wish: EventWish,
    /// Those counted after this one.
    pub(super) after: u64,
    /// Whether nothing can be what is demanded.
    pub(super) nothing: bool,
}

impl Sought {
    /// What is wished for, narrowed by a query; and whether nothing is left to its filter.
    pub(super) fn narrowed(wish: EventWish, state: &PlaceState, query: &Query) -> (Sought, bool) {
        let mut sought = Sought { wish, after: 0, nothing: false };
        let found = query.demands();
        let looked_for = found.iter().filter(|demand| sought.narrow(state, demand)).count();
        let exact = looked_for == found.len();
        (sought, exact)
    }

    /// Looks for what is demanded; whether that is all that it says.
    fn narrow(&mut self, state: &PlaceState, demand: &Demand<'_>) -> bool {
        match *demand {
            Demand::Among("logType", texts) => self.granted(texts),
            Demand::Among("command", texts) => {
                self.nothing |= !texts.contains(map::TRIGGER);
                true
            }
            Demand::Among("boundLockId", texts) => {
                only(&mut self.wish.lock, named(state, Noun::Lock, texts))
            }
            Demand::Among("contactId", texts) => {
                only(&mut self.wish.person, named(state, Noun::Person, texts))
            }
            Demand::Among("boundCardId", texts) => {
                let found = named(state, Noun::Credential, texts);
                only(&mut self.wish.credential, found.filter(|it| is_card(state, it)))
            }
            Demand::Time("lockTimestamp", comparison, at) => {
                within(&mut self.wish.occurred, comparison, at)
            }
            Demand::Time("receivedAt", comparison, at) => {
                within(&mut self.wish.received, comparison, at)
            }
            Demand::Number("entryNo", comparison, number) => self.numbered(comparison, number),
            _ => false,
        }
    }

    fn granted(&mut self, texts: &HashSet<String>) -> bool {
        let [denied, granted] = [false, true].map(|it| texts.contains(map::log_type(it)));
        self.nothing |= !denied && !granted;
        if denied != granted {
            self.nothing |= self.wish.granted.is_some_and(|known| known != granted);
            self.wish.granted = Some(granted);
        }
        true
    }

    fn numbered(&mut self, comparison: Comparison, number: f64) -> bool {
        let after = match comparison {
            Comparison::Gt => number.floor(),
            Comparison::Ge => number.ceil() - 1.0,
            _ => return false,
        };
        // What is too large for a number of ours is cut down to the largest.
        self.after = self.after.max(after.clamp(0.0, MOST_EXACT) as u64);
        after <= MOST_EXACT
    }
}

/// The one object that is live and meant. Of what is deleted the filter knows.
fn named(state: &PlaceState, noun: Noun, texts: &HashSet<String>) -> Option<Ref> {
    let mut texts = texts.iter();
    let (Some(text), None) = (texts.next(), texts.next()) else { return None };
    let id = Id::parse(text).filter(|id| id.to_string() == *text)?;
    state.number_of(noun, id).map(|_| Ref::Id(id))
}

/// Looks for what was found alone, where nothing else is looked for already; whether it does.
fn only(sought: &mut Option<Ref>, found: Option<Ref>) -> bool {
    let does = sought.is_none() && found.is_some();
    if does {
        *sought = found;
    }
    does
}

/// Up to which whole numbers are exact as they are read.
const MOST_EXACT: f64 = 9_007_199_254_740_991.0;

fn is_card(state: &PlaceState, reference: &Ref) -> bool {
    let number = state.resolve(Noun::Credential, reference).map(CredentialNumber);
    let found = number.and_then(|number| state.credentials.get(number));
    found.is_some_and(|it| it.kind == CredentialKind::Card)
}

/// Narrows a window to the instants that are so to another as they are shown, cut to milliseconds.
fn within(window: &mut Window, comparison: Comparison, at: Instant) -> bool {
    let next = at.0.rem_euclid(SHOWN);
    let (floor, ceil) = (at.plus(-next), if next == 0 { at } else { at.plus(SHOWN - next) });
    let (from, until) = match comparison {
        Comparison::Ge => (Some(ceil), None),
        Comparison::Gt => (Some(floor.plus(SHOWN)), None),
        Comparison::Lt => (None, Some(ceil)),
        Comparison::Le => (None, Some(floor.plus(SHOWN))),
        Comparison::Eq | Comparison::Ne => return false,
    };
    window.from = window.from.max(from);
    window.until = [window.until, until].into_iter().flatten().min();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_the_instants_that_are_shown_so() {
        let at = |text: &str| Instant::parse(text).unwrap();
        let all =
            ["2030-01-01T00:00:00.001Z", "2030-01-01T00:00:00.0015Z", "2030-01-01T00:00:00.002Z"];
        for literal in all.map(at) {
            for comparison in [Comparison::Ge, Comparison::Gt, Comparison::Lt, Comparison::Le] {
                let mut window = Window::ALWAYS;
                assert!(within(&mut window, comparison, literal));
                for micros in 0..4000 {
                    let happened = at("2030-01-01T00:00:00Z").plus(micros);
                    let shown = Instant::parse(&map::time(happened)).unwrap();
                    let wanted = match comparison {
                        Comparison::Ge => shown >= literal,
                        Comparison::Gt => shown > literal,
                        Comparison::Lt => shown < literal,
                        _ => shown <= literal,
                    };
                    let inside = window.from.is_none_or(|from| from <= happened)
                        && window.until.is_none_or(|until| happened < until);
                    assert_eq!(inside, wanted, "{happened} {comparison:?} {literal}");
                }
            }
        }
    }
}
