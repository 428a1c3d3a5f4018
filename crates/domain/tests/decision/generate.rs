//! Random worlds and questions; the same seed makes the same world everywhere.

use claviger_domain::time::{DAY, HOUR, Instant, MINUTE};
use jiff::Timestamp;

use super::times::{Event, zone};
use super::world::{
    Condition, Credential, Grant, Held, Kind, Lock, PinGiven, Posture, Question, Rule, Span, Times,
    Where, Who, World,
};

const ZONES: &[&str] = &[
    "Europe/Stockholm",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/St_Johns",
    "Africa/Casablanca",
    "Etc/UTC",
];

/// Minutes of the day at which things tend to begin and end; changes of offset among them.
const MINUTES: &[u16] =
    &[0, 1, 60, 90, 119, 120, 150, 180, 181, 360, 480, 720, 1020, 1080, 1320, 1380, 1439];

/// The generator splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for end in (1..all.len()).rev() {
            all.swap(end, self.below(end + 1));
        }
    }

    /// An index, or nothing once in `none`.
    fn index(&mut self, len: usize, none: usize) -> Option<usize> {
        (len > 0 && !self.once_in(none)).then(|| self.below(len))
    }
}

/// A world, and the instant around which things happen in it.
pub(crate) fn world(random: &mut Random) -> (World, Instant) {
    let mut world = World::empty(ZONES[random.below(ZONES.len())]);
    let around = around(random, &world.zone);
    for _ in 0..1 + random.below(5) {
        let times = times(random, around);
        world.times.push(times);
    }
    for _ in 0..1 + random.below(5) {
        world.people.push(random.once_in(6));
    }
    for number in 0..1 + random.below(8) {
        let credential = credential(random, &world, number, around);
        world.credentials.push(credential);
    }
    for _ in 0..1 + random.below(4) {
        let lock = lock(random, world.times.len());
        world.locks.push(lock);
    }
    for level in 0..random.below(5) {
        world.levels.push(random.index(world.times.len(), 2));
        let members = (0..world.locks.len()).filter(|_| !random.once_in(3));
        world.members.extend(members.map(|lock| (level, lock)));
    }
    for _ in 0..random.below(24) {
        let grant = grant(random, &world, around);
        world.grants.push(grant);
    }
    (world, around)
}

/// Some minute of 2024 to 2027, often near a change of offset.
fn around(random: &mut Random, name: &str) -> Instant {
    let start: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    let day = Instant::from(start).plus(random.below(4 * 365) as i64 * DAY);
    let zone = zone(name);
    let turn = zone.following(day.timestamp()).next();
    match turn {
        Some(turn) if !random.once_in(3) => Instant::from(turn.timestamp()),
        _ => day.plus(random.below(1440) as i64 * MINUTE),
    }
}

/// An instant at most some days from `around`.
fn near(random: &mut Random, around: Instant) -> Instant {
    let reach = *random.pick(&[2 * HOUR, 2 * DAY, 10 * DAY, 300 * DAY]);
    around.plus((random.next() % (2 * reach as u64 / MINUTE as u64)) as i64 * MINUTE - reach)
}

fn span(random: &mut Random, around: Instant, none: usize) -> Span {
    if !random.once_in(none) {
        return (None, None);
    }
    let (a, b) = (near(random, around), near(random, around));
    let (from, until) = (a.min(b), a.max(b).plus(MINUTE));
    match random.below(3) {
        0 => (Some(from), None),
        1 => (None, Some(until)),
        _ => (Some(from), Some(until)),
    }
}

fn minutes(random: &mut Random) -> (u16, u16) {
    let from = *random.pick(MINUTES);
    let to = if random.once_in(6) { 1440 } else { *random.pick(MINUTES) };
    (from, to)
}

fn times(random: &mut Random, around: Instant) -> Times {
    let own = random.once_in(2).then(|| (*random.pick(ZONES)).to_owned());
    if random.once_in(4) {
        return event(random, around, own);
    }
    let windows = (0..1 + random.below(3)).map(|_| {
        let days = if random.once_in(3) { 0x7f } else { 1 + random.below(0x7f) as u8 };
        let (from, to) = minutes(random);
        (days, from, to)
    });
    let windows = windows.collect();
    let date = around.timestamp().to_zoned(zone("Etc/UTC")).date();
    let mut exceptions: Vec<(jiff::civil::Date, Vec<(u16, u16)>)> = Vec::new();
    for _ in 0..random.below(4) {
        let shift = random.below(9) as i64 - 4;
        let date = date.checked_add(jiff::Span::new().days(shift)).unwrap();
        if exceptions.iter().all(|exception| exception.0 != date) {
            let windows = (0..random.below(3)).map(|_| minutes(random)).collect();
            exceptions.push((date, windows));
        }
    }
    Times::Weekly { zone: own, windows, exceptions }
}

fn event(random: &mut Random, around: Instant, own: Option<String>) -> Times {
    let start = around.plus((random.below(40) as i64 - 30) * DAY);
    let date = start.timestamp().to_zoned(zone("Etc/UTC")).date();
    let minute = *random.pick(MINUTES);
    let start = date.at((minute / 60) as i8, (minute % 60) as i8, 0, 0);
    let weekly = random.once_in(2);
    let first = 1 << date.weekday().to_monday_zero_offset();
    let days = if weekly { first | random.below(0x80) as u8 } else { 0 };
    let (hours, interval) = (1 + random.below(30) as i64, 1 + random.below(3) as i64);
    Event { zone: own, start, hours, days, interval, count: 1 + random.below(30) }.times()
}

fn credential(random: &mut Random, world: &World, number: usize, around: Instant) -> Credential {
    let kind = *random.pick(&[Kind::Card, Kind::Card, Kind::Code, Kind::Phone]);
    let base = 16 * number as u128;
    // The same value in other bits is another card.
    let parts = (0..1 + random.below(4) as u128).map(|part| match part {
        0 => (32, base),
        1 => (56, base),
        _ => (128, base + part),
    });
    Credential {
        person: random.index(world.people.len(), 4),
        kind,
        parts: if kind == Kind::Card { parts.collect() } else { Vec::new() },
        code: number as u8,
        pin: random.once_in(2),
        valid: span(random, around, 4),
        condition: match random.below(10) {
            0 => Condition::Lost,
            1 => Condition::Disabled,
            _ => Condition::Active,
        },
        session: random.once_in(3).then(|| (random.below(60) as u32, 5)),
    }
}

fn lock(random: &mut Random, times: usize) -> Lock {
    Lock {
        posture: match random.below(16) {
            0 => Posture::FreeAccess,
            1 => Posture::Disabled,
            2 | 3 => Posture::Lockdown,
            _ => Posture::Normal,
        },
        pin: *random.pick(&[Rule::Never, Rule::Never, Rule::IfSet, Rule::Always]),
        pin_times: random.index(times, 2),
        unlock: random.index(times, 4).filter(|_| random.once_in(5)),
        zone: random.once_in(2).then(|| (*random.pick(ZONES)).to_owned()),
    }
}

pub(crate) fn grant(random: &mut Random, world: &World, around: Instant) -> Grant {
    Grant {
        who: match random.below(3) {
            0 => Who::Credential(random.below(world.credentials.len())),
            _ => Who::Person(random.below(world.people.len())),
        },
        at: match random.index(world.levels.len(), 3) {
            Some(level) => Where::Level(level),
            None => Where::Lock(random.below(world.locks.len())),
        },
        share: random.once_in(9),
        window: span(random, around, 2),
        times: random.index(world.times.len(), 2),
        overrides: random.once_in(4),
    }
}

pub(crate) fn question(random: &mut Random, world: &World, around: Instant) -> Question {
    let credential = random.below(world.credentials.len());
    let held = match random.below(10) {
        0 => Held::Person(random.below(world.people.len())),
        1 => Held::Card(*random.pick(&[31, 32, 56, 128]), random.below(130) as u128),
        2 => Held::Code(random.below(12) as u8),
        _ => match &world.credentials[credential] {
            it if it.kind == Kind::Card && !random.once_in(3) => {
                let (bits, value) = *random.pick(&it.parts);
                Held::Card(bits, value)
            }
            it if it.kind == Kind::Code && !random.once_in(3) => Held::Code(it.code),
            _ => Held::Credential(credential),
        },
    };
    let pins =
        [PinGiven::Missing, PinGiven::Right, PinGiven::Right, PinGiven::Wrong, PinGiven::Asked];
    Question {
        lock: random.below(world.locks.len()),
        held,
        pin: *random.pick(&pins),
        pin_locked: random.once_in(6),
        codes_locked: random.once_in(8),
        now: now(random, world, around),
    }
}

/// Near `around`, or at an edge of something, or a hair before it.
fn now(random: &mut Random, world: &World, around: Instant) -> Instant {
    let spans = world.grants.iter().map(|grant| grant.window);
    let spans = spans.chain(world.credentials.iter().map(|credential| credential.valid));
    let edges: Vec<Instant> = spans.flat_map(|(from, until)| [from, until]).flatten().collect();
    let at = match random.below(4) {
        0 if !edges.is_empty() => *random.pick(&edges),
        1 => near(random, around),
        _ => around.plus((random.below(4 * 1440) as i64 - 2 * 1440) * MINUTE),
    };
    match random.below(5) {
        0 => at.plus(-1),
        1 => at.plus(random.below(60_000_000) as i64),
        _ => at,
    }
}

/// Runs `law` on the worlds of some seeds, each with some questions; where one fails its seed and
/// world are printed.
#[allow(clippy::print_stderr)]
pub(crate) fn on_worlds(
    seeds: std::ops::Range<u64>,
    law: impl Fn(&mut Random, &World, &[Question]),
) {
    for seed in seeds {
        let mut random = Random(seed);
        let (world, around) = world(&mut random);
        let questions: Vec<Question> =
            (0..20).map(|_| question(&mut random, &world, around)).collect();
        let run = std::panic::AssertUnwindSafe(|| law(&mut random, &world, &questions));
        if let Err(why) = std::panic::catch_unwind(run) {
            eprintln!("the law fails on the world of seed {seed}: {world:?}");
            std::panic::resume_unwind(why);
        }
    }
}
