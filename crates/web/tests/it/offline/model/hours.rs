//! The hours of rights, read from a clock on a wall in Stockholm and apart from the server and the
//! crate; and the hours that a key says, read by what docs/offline.md says of them.

use std::sync::LazyLock;

use claviger_offline::times::Times;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::ledger::{Holds, must};
use super::{DAY_S, Model, seconds_of};

/// Hours begin and end with a quarter of an hour, on the wall and everywhere else.
const QUARTER_S: i64 = 900;
/// A row of windows of the week is neither always open nor never within more than these.
const MOST_S: i64 = 8 * DAY_S;

static STOCKHOLM: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Europe/Stockholm").unwrap());

/// When a right opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hours {
    Always,
    /// Monday to Friday, from 8 to 17.
    Office,
    /// Each day from 18 to 2.
    Late,
}

/// Whether something holds at every instant of a span, at none, or at some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    All,
    None,
    Some,
}

/// The instants at which hours may change within a span, with its first; its last is inside.
fn edges(first: i64, last: i64) -> impl Iterator<Item = i64> {
    let next = (first.div_euclid(QUARTER_S) + 1) * QUARTER_S;
    std::iter::once(first).chain((next..=last).step_by(QUARTER_S as usize))
}

/// The weekday (0 is Monday) and the minute of the day at an offset.
fn wall(at_s: i64, offset_s: i64) -> (i64, i64) {
    let local = at_s + offset_s;
    ((local.div_euclid(DAY_S) + 3).rem_euclid(7), local.rem_euclid(DAY_S) / 60)
}

impl Hours {
    pub(super) const ALL: [Hours; 3] = [Hours::Always, Hours::Office, Hours::Late];

    /// As the API is told.
    pub(super) fn schedule(self) -> Value {
        let all = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let weekly = |days: &[&str], from: &str, to: &str| {
            let window = json!({"days": days, "from": from, "to": to});
            json!({ "weekly": [window] })
        };
        match self {
            Hours::Always => Value::Null,
            Hours::Office => weekly(&all[..5], "08:00", "17:00"),
            Hours::Late => weekly(&all, "18:00", "02:00"),
        }
    }

    pub(super) fn hold(self, at_s: i64) -> bool {
        if self == Hours::Always {
            return true;
        }
        let offset = STOCKHOLM.to_offset(Timestamp::from_second(at_s).unwrap());
        let (day, minute) = wall(at_s, offset.seconds().into());
        match self {
            Hours::Always => true,
            Hours::Office => day < 5 && (8 * 60..17 * 60).contains(&minute),
            Hours::Late => !(2 * 60..18 * 60).contains(&minute),
        }
    }

    /// From a first instant to a last.
    pub(super) fn over(self, first: i64, last: i64) -> Over {
        if self != Hours::Always && last - first > MOST_S {
            return Over::Some;
        }
        let mut hold = edges(first, last).map(|at| self.hold(at));
        let begins = hold.next().unwrap();
        match hold.all(|it| it == begins) {
            true if begins => Over::All,
            true => Over::None,
            false => Over::Some,
        }
    }

    /// Whether these hold at some instant of a span at which others do not.
    pub(super) fn exceed(self, others: Hours, first: i64, last: i64) -> bool {
        self != others
            && first <= last
            && edges(first, last).any(|at| self.hold(at) && !others.hold(at))
    }
}

/// Whether times of a key hold at an instant, as the page says.
fn says(times: &Times<'_>, at_s: i64) -> bool {
    let zone = &times.zone;
    let is_before = zone.transition_at == 0 || at_s < seconds_of(zone.transition_at);
    let offset_min = if is_before { zone.offset_before_min } else { zone.offset_after_min };
    let (day, minute) = wall(at_s, 60 * i64::from(offset_min));
    let has = |days: u8, day: i64| days >> day.rem_euclid(7) & 1 == 1;
    let in_week = times.weekly.iter().any(|it| {
        let (start, end) = (i64::from(it.start_min), i64::from(it.end_min));
        if end > start {
            return has(it.days, day) && (start..end).contains(&minute);
        }
        has(it.days, day) && minute >= start || has(it.days, day - 1) && minute < end
    });
    let within = |spans: &claviger_offline::items::Items<'_, claviger_offline::times::Span>| {
        spans.iter().any(|it| (seconds_of(it.start)..seconds_of(it.end)).contains(&at_s))
    };
    let no_schedule =
        times.weekly.iter().next().is_none() && times.absolute.iter().next().is_none();
    (in_week || within(&times.absolute) || no_schedule) && !within(&times.closed)
}

/// A key opens when its right does, over all its life (I7).
pub(super) fn same_as(times: &Times<'_>, hours: Hours, life: (i64, i64)) -> Holds {
    let differs = edges(life.0, life.1 - 1).find(|at| says(times, *at) != hours.hold(*at));
    must!(differs.is_none(), "I7: at {differs:?} the key is another than {hours:?}");
    Ok(())
}

impl Model {
    /// The hours of a right become others.
    pub(super) async fn changes_hours(&mut self) -> Holds {
        let Some(right) = self.some_right() else { return Ok(()) };
        let hours = self.dice.pick(&Hours::ALL);
        self.ledger.rights[right].hours = hours;
        let path = self.ledger.rights[right].path.clone();
        self.command("PATCH", &path, json!({"schedule": hours.schedule()})).await
    }
}
