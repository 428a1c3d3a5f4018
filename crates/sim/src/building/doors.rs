//! Makes a building's locks, schedules and levels.
//!
//! Rarities come at fixed indexes rather than by chance, so that even a small building has them.

use super::names::{DOORS, LEVELS};
use super::{Exception, Level, Lock, NamedSchedule, PinRule, Schedule, Weekly};
use crate::rng::Rng;

const WORKDAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri"];
const EVERY_DAY: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const WEEKEND: &[&str] = &["sat", "sun"];

/// Monday and Thursday evenings, in UTC.
const BOARD: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Claviger//Simulator//EN\r\n\
    BEGIN:VEVENT\r\nDTSTART:20250106T170000Z\r\nDURATION:PT4H\r\n\
    RRULE:FREQ=WEEKLY;BYDAY=MO,TH\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// A schedule of one window a week, by the clock of the lock.
pub(super) fn weekly(
    days: &'static [&'static str],
    from: &'static str,
    to: &'static str,
) -> Schedule {
    let windows = vec![Weekly { days, from, to }];
    Schedule::Weekly { time_zone: None, windows, exceptions: Vec::new() }
}

/// The locks: a few that are special, then rooms.
pub(super) fn locks(tag: &str, count: usize) -> Vec<Lock> {
    (0..count)
        .map(|at| Lock {
            external_id: format!("sim-{tag}-lock-{at:03}"),
            name: door_name(at),
            pin: match at {
                2 | 4 => PinRule::Always,
                _ if at % 5 == 3 => PinRule::IfSet,
                _ => PinRule::Never,
            },
            // The archive asks for a PIN only outside office hours.
            pin_schedule: (at == 3).then(|| weekly(EVERY_DAY, "16:00", "08:00")),
            unlock_schedule: (at == 0).then(|| weekly(WORKDAYS, "08:00", "09:30")),
            wiegand: at % 3 == 1,
        })
        .collect()
}

fn door_name(at: usize) -> String {
    match DOORS.get(at) {
        Some(name) => (*name).to_owned(),
        None => {
            let room = at - DOORS.len();
            format!("Room {}{:02}", room / 12 + 1, room % 12 + 1)
        }
    }
}

/// The schedules that `names::LEVELS` refers to, in its order.
pub(super) fn schedules(tag: &str) -> Vec<NamedSchedule> {
    let weekend = Schedule::Weekly {
        time_zone: Some("Europe/Stockholm"),
        windows: vec![
            Weekly { days: WEEKEND, from: "09:00", to: "13:00" },
            Weekly { days: WEEKEND, from: "14:00", to: "24:00" },
        ],
        exceptions: vec![
            Exception { day: 6, windows: Vec::new() },
            Exception { day: 10, windows: vec![("10:00", "12:00"), ("18:00", "01:00")] },
        ],
    };
    let all = [
        ("office", "Office hours", weekly(WORKDAYS, "07:00", "18:00")),
        ("night", "Nights past midnight", weekly(EVERY_DAY, "21:30", "02:30")),
        ("weekend", "Weekends with holidays", weekend),
        ("board", "Board evenings", Schedule::Ical(BOARD)),
    ];
    all.into_iter()
        .map(|(id, name, schedule)| NamedSchedule {
            external_id: format!("sim-{tag}-schedule-{id}"),
            name: name.to_owned(),
            schedule,
        })
        .collect()
}

/// The levels: the caretakers' has every lock, the others some.
pub(super) fn levels(rng: &mut Rng, tag: &str, locks: usize, count: usize) -> Vec<Level> {
    (0..count)
        .map(|at| {
            let (name, schedule) = LEVELS[at % LEVELS.len()];
            let round = at / LEVELS.len();
            let some = 2 + rng.index(7);
            Level {
                external_id: format!("sim-{tag}-level-{at:02}"),
                name: if round == 0 { name.into() } else { format!("{name} {}", round + 1) },
                locks: rng.sample(locks, if at == 1 { locks } else { some }),
                schedule,
            }
        })
        .collect()
}
