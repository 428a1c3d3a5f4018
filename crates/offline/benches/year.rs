//! A year at one lock: how many keys of people who should go on opening are hit by the revocation
//! of others, by the planner and by the rule of plain lists. Prints a table of Markdown.
//!
//! A hundred phones with keys of 14 days, renewed at half life when a phone synchronises, four days
//! out of five. A revocation closes one phone's grant: all its keys that have not expired must be
//! refused; another phone takes its place. The lock has 64 bytes: 16 entries of a plain list, which
//! refuses everything older than its oldest entry once it is full. A key that was hit is replaced
//! at the phone's next synchronisation.
#![allow(missing_docs, clippy::print_stdout)]

use std::collections::BTreeMap;

use claviger_offline::class::Class;
use claviger_offline::plan::{Capacity, Input, Live, Planned, Run, plan};

const DAYS: u64 = 365;
const DAY_S: u64 = 86_400;
const LIFE_S: u64 = 14 * DAY_S;
const PHONES: usize = 100;
const BYTES: u64 = 64;
const ENTRIES: usize = 16;
/// What a section has beside ranges and bitmap, here.
const BARE_SECTION: u64 = 10;

/// xorshift64* of Vigna.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let next = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        ((u128::from(next) * u128::from(end)) >> 64) as u64
    }
}

#[derive(Clone, Copy)]
struct Key {
    serial: u32,
    iat: u64,
}

impl Key {
    fn exp(self) -> u64 {
        self.iat + LIFE_S
    }
}

#[derive(Default)]
struct Phone {
    /// Newest last; those that may still be valid.
    keys: Vec<Key>,
    /// Its newest key is refused although nobody meant it.
    hit: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Planned,
    Plain,
}

#[derive(Default)]
struct Year {
    revocations: u64,
    hit: u64,
    most_bytes: u64,
    most_must: usize,
}

struct Lock {
    rule: Rule,
    random: Random,
    phones: Vec<Phone>,
    top: u32,
    floor: u32,
    must: BTreeMap<u32, u64>,
    year: Year,
}

impl Lock {
    fn mint(&mut self, phone: usize, now: u64) {
        self.top += 1;
        let keys = &mut self.phones[phone].keys;
        keys.retain(|key| key.exp() > now);
        keys.push(Key { serial: self.top, iat: now });
        self.phones[phone].hit = false;
    }

    fn synchronise(&mut self, phone: usize, now: u64) {
        let newest = self.phones[phone].keys.last().copied();
        let due = newest.is_none_or(|key| now >= key.iat + LIFE_S / 2);
        if due || self.phones[phone].hit {
            self.mint(phone, now);
        }
    }

    fn revoke(&mut self, phone: usize, now: u64) {
        let gone = std::mem::take(&mut self.phones[phone]);
        let valid = gone.keys.iter().filter(|key| key.exp() > now);
        self.must.extend(valid.map(|key| (key.serial, key.exp())));
        self.mint(phone, now);
        self.must.retain(|_, exp| *exp > now);
        self.year.revocations += 1;
        self.year.most_must = self.year.most_must.max(self.must.len());
        let refused: Box<dyn Fn(u32) -> bool> = match self.rule {
            Rule::Planned => self.planned(now),
            Rule::Plain => self.plain(),
        };
        for phone in &mut self.phones {
            let newest = phone.keys.last().copied();
            let live = newest.filter(|key| key.exp() > now && !phone.hit);
            if live.is_some_and(|key| refused(key.serial)) {
                phone.hit = true;
                self.year.hit += 1;
            }
        }
    }

    fn planned(&mut self, now: u64) -> Box<dyn Fn(u32) -> bool> {
        let must: Vec<Run> = self.must.keys().map(|it| Run { first: *it, last: *it }).collect();
        let newest = self.phones.iter().filter_map(|phone| phone.keys.last());
        let valid = newest.filter(|key| key.exp() > now && key.serial > self.floor);
        let mut live: Vec<Live> = valid.map(|key| Live { serial: key.serial, weight: 1 }).collect();
        live.sort_unstable_by_key(|key| key.serial);
        let (floor, top) = (self.floor, self.top);
        let input = Input { floor, must: &must, live: &live, top };
        let plan = plan(&input, Capacity::Bytes(BYTES));
        self.floor = plan.floor;
        let bytes = Planned::of(Class::Phone, &plan).bytes().saturating_sub(BARE_SECTION);
        self.year.most_bytes = self.year.most_bytes.max(bytes);
        Box::new(move |serial| plan.refuses(serial))
    }

    /// The newest entries; once one was left out, all that is older than the oldest.
    fn plain(&mut self) -> Box<dyn Fn(u32) -> bool> {
        let kept: Vec<u32> = self.must.keys().rev().take(ENTRIES).copied().collect();
        if self.must.len() > ENTRIES
            && let Some(oldest) = kept.last()
        {
            self.floor = self.floor.max(*oldest);
        }
        self.year.most_bytes = self.year.most_bytes.max(4 * kept.len() as u64);
        let floor = self.floor;
        Box::new(move |serial| serial <= floor || kept.contains(&serial))
    }
}

fn year(rule: Rule, a_day: u64, seed: u64) -> Year {
    let mut lock = Lock {
        rule,
        random: Random(0x9E37_79B9_7F4A_7C15 ^ seed << 17),
        phones: (0..PHONES).map(|_| Phone::default()).collect(),
        top: 0,
        floor: 0,
        must: BTreeMap::new(),
        year: Year::default(),
    };
    for day in 0..DAYS {
        let morning = 1_800_000_000 + day * DAY_S;
        for phone in 0..PHONES {
            if day == 0 || lock.random.below(5) > 0 {
                lock.synchronise(phone, morning + phone as u64 * 60);
            }
        }
        for nth in 0..a_day {
            let phone = lock.random.below(PHONES as u64) as usize;
            lock.revoke(phone, morning + 36_000 + nth * 3_600);
        }
    }
    lock.year
}

fn main() {
    println!(
        "| rule | revocations a day | to be refused, most at once | bytes, most | live keys hit |"
    );
    println!("|---|---|---|---|---|");
    for a_day in [2, 5] {
        for (rule, name) in [(Rule::Planned, "planner"), (Rule::Plain, "plain list, 16 entries")] {
            let years: Vec<Year> = (0..5).map(|seed| year(rule, a_day, seed)).collect();
            let most = |of: &dyn Fn(&Year) -> u64| years.iter().map(of).max().unwrap_or(0);
            let hits = years.iter().map(|year| year.hit);
            let (least, highest) = (hits.clone().min().unwrap_or(0), hits.max().unwrap_or(0));
            println!(
                "| {name} | {a_day} | {} | {} of {BYTES} | {} |",
                most(&|year| year.most_must as u64),
                most(&|year| year.most_bytes),
                if least == highest { format!("{least}") } else { format!("{least} to {highest}") },
            );
        }
    }
}
