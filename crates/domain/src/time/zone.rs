//! Time zones as values: a name, the rules of the bundled data, and a table of offsets made from
//! them, because asking the rules for an offset costs more than the rest of a decision.
//! Must not look at the host's zone or its zone files.

use std::collections::BTreeMap;
use std::fmt;
use std::hint::select_unpredictable;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Seconds of the first instant the table of offsets is sure to hold: 2005-01-01T00:00:00Z.
const TABLE_FROM_S: i64 = 1_104_537_600;
/// Seconds of the first instant the table of offsets need not hold: 2060-01-01T00:00:00Z.
const TABLE_UNTIL_S: i64 = 2_840_140_800;

/// The table goes by steps of this power of two of seconds, 12 days: since 2005 no offset has
/// changed more often.
const STEP: u32 = 20;
const STEP_S: u32 = 1 << STEP;

/// Every zone asked for so far, by name; what it holds follows from the bundled data alone.
static KNOWN: Mutex<BTreeMap<String, Zone>> = Mutex::new(BTreeMap::new());

/// A named IANA time zone with its rules, cheap to clone.
#[derive(Clone)]
pub struct Zone(Arc<Rules>);

struct Rules {
    zone: TimeZone,
    /// When an offset begins to hold, in seconds since the epoch, and that offset in seconds.
    turns: Box<[(i64, i32)]>,
    /// The end of the last of `turns`, in seconds since the epoch.
    end_s: i64,
    /// The offsets of each step.
    steps: Box<[Step]>,
}

/// The offsets of one step, in seconds: it changes at most once in so short a time.
#[derive(Clone, Copy)]
struct Step {
    /// Second of the step at which it changes.
    turn: u32,
    before_s: i32,
    after_s: i32,
}

/// A stretch of time `[from_s, until_s)`, in seconds since the epoch, with one offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Seconds to add to UTC for the clock on the wall.
    pub offset_s: i64,
    /// First second of the stretch; the offset may hold before, too.
    pub from_s: i64,
    /// First second of the next change of the zone's rules; `i64::MAX` if there is none.
    pub until_s: i64,
}

impl Zone {
    /// UTC, named `Etc/UTC`.
    #[must_use]
    pub fn utc() -> Zone {
        Zone::of(TimeZone::get("Etc/UTC").unwrap_or(TimeZone::UTC))
    }

    /// Looks a zone up by its IANA name in the bundled data; `None` if there is no such zone.
    #[must_use]
    pub fn parse(name: &str) -> Option<Zone> {
        let zone = TimeZone::get(name).ok()?;
        zone.iana_name()?;
        Some(Zone::of(zone))
    }

    fn of(zone: TimeZone) -> Zone {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let name = zone.iana_name().unwrap_or("Etc/UTC").to_owned();
        known.entry(name).or_insert_with(|| Zone(Arc::new(Rules::new(zone)))).clone()
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.zone.iana_name().unwrap_or("Etc/UTC")
    }

    /// The zone's rules.
    #[must_use]
    pub fn rules(&self) -> &TimeZone {
        &self.0.zone
    }

    /// The offset at `at_s` seconds since the epoch: seconds to add to UTC for the clock on the
    /// wall.
    #[must_use]
    #[inline]
    pub fn offset_s(&self, at_s: i64) -> i64 {
        // Before the table this is far beyond its end.
        let into = at_s.wrapping_sub(TABLE_FROM_S) as u64;
        match self.0.steps.get((into >> STEP) as usize) {
            Some(step) => {
                let is_before = (into as u32) & (STEP_S - 1) < step.turn;
                i64::from(select_unpredictable(is_before, step.before_s, step.after_s))
            }
            None => slow_stretch(&self.0.zone, at_s).offset_s,
        }
    }

    /// The offset at `at_s` seconds since the epoch and how long it holds.
    #[must_use]
    pub fn stretch(&self, at_s: i64) -> Stretch {
        let Rules { zone, turns, end_s, .. } = &*self.0;
        if at_s < TABLE_FROM_S || at_s >= *end_s {
            return slow_stretch(zone, at_s);
        }
        let after = turns.partition_point(|turn| turn.0 <= at_s);
        let (from_s, offset_s) = turns[after - 1];
        let until_s = turns.get(after).map_or(*end_s, |turn| turn.0);
        Stretch { offset_s: i64::from(offset_s), from_s, until_s }
    }
}

impl Rules {
    fn new(zone: TimeZone) -> Rules {
        let mut turns = Vec::new();
        let mut at_s = TABLE_FROM_S;
        while at_s < TABLE_UNTIL_S {
            let stretch = slow_stretch(&zone, at_s);
            turns.push((stretch.from_s, i32::try_from(stretch.offset_s).unwrap_or(0)));
            at_s = stretch.until_s;
        }
        let begins = (TABLE_FROM_S..TABLE_UNTIL_S).step_by(STEP_S as usize);
        let steps = begins.map_while(|begin_s| Step::of(&turns, begin_s));
        Rules { zone, steps: steps.collect(), turns: turns.into(), end_s: at_s }
    }
}

impl Step {
    /// The step that begins at `begin_s`; `None` if its offset changes more than once, of which
    /// there is no case in the data, so that the table ends there.
    fn of(turns: &[(i64, i32)], begin_s: i64) -> Option<Step> {
        let after = turns.partition_point(|turn| turn.0 <= begin_s);
        let end_s = begin_s + i64::from(STEP_S);
        let before_s = turns.get(after.checked_sub(1)?)?.1;
        let mut inside = turns[after..].iter().take_while(|turn| turn.0 < end_s);
        let (turn_s, after_s) = inside.next().copied().unwrap_or((end_s, before_s));
        let turn = u32::try_from(turn_s - begin_s).ok()?;
        inside.next().is_none().then_some(Step { turn, before_s, after_s })
    }
}

/// The stretch as the rules say it, without the table.
#[cold]
fn slow_stretch(zone: &TimeZone, at_s: i64) -> Stretch {
    let at = Timestamp::from_second(at_s).unwrap_or(if at_s < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    Stretch {
        offset_s: i64::from(zone.to_offset(at).seconds()),
        // `preceding` would say more, but in jiff 0.2.43 it names a change that never was
        // (America/Ciudad_Juarez, 2022-11-06).
        from_s: at_s,
        until_s: zone.following(at).next().map_or(i64::MAX, |t| t.timestamp().as_second()),
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_rules_say() {
        for name in jiff::tz::db().available() {
            let zone = Zone::parse(name.as_str()).unwrap();
            // 1960 to 2090, in steps of 41 days and a bit.
            for at_s in (-315_619_200..3_786_912_000_i64).step_by(3_555_557) {
                let stretch = zone.stretch(at_s);
                assert!(stretch.from_s <= at_s && at_s < stretch.until_s, "{name} {at_s}");
                let at = Timestamp::from_second(at_s).unwrap();
                let offset_s = i64::from(zone.rules().to_offset(at).seconds());
                assert_eq!(stretch.offset_s, offset_s, "{name} {at_s}");
                assert_eq!(zone.offset_s(at_s), offset_s, "{name} {at_s}");
                let last_s = stretch.until_s.min(Timestamp::MAX.as_second()) - 1;
                let last = zone.stretch(last_s);
                assert_eq!((last.offset_s, last.until_s), (offset_s, stretch.until_s), "{name}");
                assert_eq!(zone.offset_s(last_s), offset_s, "{name}");
                assert_eq!(zone.offset_s(last_s + 1), zone.stretch(last_s + 1).offset_s, "{name}");
            }
            let steps = zone.0.steps.len() as i64;
            assert!(TABLE_FROM_S + (steps << STEP) >= TABLE_UNTIL_S, "{name} {steps}");
        }
    }
}
