//! Whether a timetable holds, by the clock on the wall.
//!
//! A controller's own reading of the rules, minute by minute as written; nothing is prepared.

use super::item::{Hours, Weekly};
use crate::calendar::{Wall, parse_date, weekday};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Whether these hours are such that this controller can follow them.
pub(crate) fn follows(hours: &Hours) -> bool {
    let Hours::Weekly { time_zone, weekly, exceptions } = hours else { return false };
    let known = |zone: &String| Wall::of(zone, 0).is_some();
    let span = |from: &str, to: &str| second(from).is_some() && second(to).is_some();
    time_zone.as_ref().is_none_or(known)
        && weekly
            .iter()
            .all(|it| span(&it.from, &it.to) && it.days.iter().all(|day| DAYS.contains(&&**day)))
        && exceptions.iter().all(|it| {
            parse_date(&it.date).is_some() && it.windows.iter().all(|it| span(&it.from, &it.to))
        })
}

/// Whether they hold at an instant, at a lock of this zone. What cannot be followed never holds.
pub(crate) fn hold(hours: &Hours, lock_zone: &str, instant_us: i64) -> bool {
    let Hours::Weekly { time_zone, .. } = hours else { return false };
    let zone = time_zone.as_deref().unwrap_or(lock_zone);
    let Some(Wall { day, second: now }) = Wall::of(zone, instant_us) else { return false };
    let Some((today, _)) = of_day(hours, day) else { return false };
    if today.iter().any(|(from, to)| now >= *from && (now < *to || to <= from)) {
        return true;
    }
    // What began yesterday and runs past midnight, unless this date has an entry of its own.
    let (Some((_, own)), Some((yesterday, _))) = (of_day(hours, day), of_day(hours, day - 1))
    else {
        return false;
    };
    !own && yesterday.iter().any(|(from, to)| to <= from && now < *to)
}

/// The windows that begin on a date, in seconds, and whether the date has an entry of its own.
fn of_day(hours: &Hours, day: i64) -> Option<(Vec<(i64, i64)>, bool)> {
    let Hours::Weekly { weekly, exceptions, .. } = hours else { return None };
    let span = |from: &str, to: &str| Some((second(from)?, second(to)?));
    if let Some(entry) = exceptions.iter().find(|it| parse_date(&it.date) == Some(day)) {
        let windows: Option<_> = entry.windows.iter().map(|it| span(&it.from, &it.to)).collect();
        return Some((windows?, true));
    }
    let is_on = |it: &&Weekly| it.days.iter().any(|name| name == DAYS[weekday(day)]);
    let windows: Option<_> = weekly.iter().filter(is_on).map(|it| span(&it.from, &it.to)).collect();
    Some((windows?, false))
}

/// `HH:MM` in seconds.
fn second(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let second = hour * 3600 + minute * 60;
    (minute < 60 && (0..=86_400).contains(&second)).then_some(second)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Hours, follows, hold};
    use crate::calendar::parse_instant;

    fn at(hours: &Hours, text: &str) -> bool {
        hold(hours, "Europe/Stockholm", parse_instant(text).expect("an instant"))
    }

    fn read(value: serde_json::Value) -> Hours {
        serde_json::from_value(value).expect("hours")
    }

    #[test]
    fn nights_run_past_midnight_and_dates_govern_their_day() {
        let hours = read(json!({"time_zone": null,
            "weekly": [{"days": ["fri"], "from": "22:00", "to": "02:00"},
                       {"days": ["sun"], "from": "10:00", "to": "24:00"}],
            "exceptions": [{"date": "2026-03-14", "windows": []},
                           {"date": "2026-03-20", "windows": [{"from": "23:00", "to": "01:00"}]}]
        }));
        assert!(follows(&hours));
        // Friday 6 March 2026, one hour ahead of UTC.
        assert!(!at(&hours, "2026-03-06T20:59:59Z") && at(&hours, "2026-03-06T21:00:00Z"));
        assert!(at(&hours, "2026-03-07T00:59:59Z") && !at(&hours, "2026-03-07T01:00:00Z"));
        assert!(at(&hours, "2026-03-13T22:59:59Z"));
        assert!(!at(&hours, "2026-03-13T23:00:00Z"), "the 14th has an entry of its own");
        assert!(!at(&hours, "2026-03-20T21:30:00Z"), "the 20th has one too");
        assert!(at(&hours, "2026-03-20T23:30:00Z") && !at(&hours, "2026-03-21T00:30:00Z"));
        assert!(at(&hours, "2026-03-08T22:59:59Z") && !at(&hours, "2026-03-08T23:00:00Z"));
    }

    #[test]
    fn a_zone_of_its_own_and_an_hour_that_never_comes() {
        let hours = read(json!({"time_zone": "America/New_York", "exceptions": [],
            "weekly": [{"days": ["mon"], "from": "08:00", "to": "09:00"}]}));
        assert!(at(&hours, "2026-01-05T13:30:00Z") && !at(&hours, "2026-01-05T07:30:00Z"));
        let gap = read(json!({"time_zone": null,
            "weekly": [{"days": ["sun"], "from": "02:00", "to": "03:00"}]}));
        let sunday = parse_instant("2026-03-28T23:00:00Z").expect("midnight in Stockholm");
        assert!((0..24 * 60).all(|minute| !hold(
            &gap,
            "Europe/Stockholm",
            sunday + minute * 60_000_000
        )));
    }

    #[test]
    fn what_cannot_be_followed_is_known_and_never_holds() {
        let ical = read(json!({"ical": "BEGIN:VCALENDAR"}));
        assert!(!follows(&ical) && !at(&ical, "2026-03-08T22:59:59Z"));
        for wrong in [
            json!({"time_zone": "Nowhere", "weekly": []}),
            json!({"time_zone": null, "weekly": [{"days": ["x"], "from": "08:00", "to": "09:00"}]}),
            json!({"time_zone": null, "weekly": [{"days": [], "from": "8", "to": "09:00"}]}),
        ] {
            assert!(!follows(&read(wrong)));
        }
    }
}
