//! Scenarios as they are written in `scenarios/*.toml`, and what they mean. An unknown key or name
//! is an error; so is a folder without scenarios.

use std::collections::BTreeMap;
use std::path::Path;

use claviger_domain::schedule::parse_minute;
use claviger_domain::time::Instant;
use serde::Deserialize;

use super::times::Event;
use super::world::{
    Condition, Credential, Grant, Held, Kind, Lock, PinGiven, Posture, Question, Rule, Times,
    Where, Who, World,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<Text>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    title: String,
    zone: Option<String>,
    #[serde(default)]
    schedules: BTreeMap<String, TimesText>,
    #[serde(default)]
    people: BTreeMap<String, PersonText>,
    #[serde(default)]
    credentials: BTreeMap<String, CredentialText>,
    locks: BTreeMap<String, LockText>,
    #[serde(default)]
    levels: BTreeMap<String, LevelText>,
    #[serde(default)]
    grants: Vec<GrantText>,
    ask: Ask,
    expect: Expect,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimesText {
    /// `days from-to`, such as `mon-fri 08:00-17:00` or `fri,sat 22:00-06:00` or `daily ...`.
    weekly: Option<Vec<String>>,
    #[serde(default)]
    exceptions: BTreeMap<String, Vec<String>>,
    event: Option<EventText>,
    zone: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventText {
    start: String,
    hours: i64,
    days: String,
    #[serde(default = "one")]
    interval: i64,
    count: usize,
}

fn one() -> i64 {
    1
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonText {
    #[serde(default)]
    suspended: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialText {
    person: Option<String>,
    /// Parts as `bits:hex`.
    card: Option<Vec<String>>,
    code: Option<String>,
    #[serde(default)]
    phone: bool,
    #[serde(default)]
    pin: bool,
    from: Option<String>,
    until: Option<String>,
    #[serde(default = "active")]
    state: String,
    session: Option<(u32, u32)>,
}

fn active() -> String {
    "active".to_owned()
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockText {
    posture: Option<String>,
    pin: Option<String>,
    pin_schedule: Option<String>,
    unlock_schedule: Option<String>,
    zone: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelText {
    locks: Vec<String>,
    schedule: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantText {
    name: String,
    /// A person or a credential.
    to: String,
    /// A lock or a level.
    at: String,
    #[serde(default)]
    share: bool,
    from: Option<String>,
    until: Option<String>,
    schedule: Option<String>,
    #[serde(default)]
    override_lockdown: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    lock: String,
    at: String,
    credential: Option<String>,
    card: Option<String>,
    code: Option<String>,
    person: Option<String>,
    #[serde(default = "missing")]
    pin: String,
    #[serde(default)]
    pin_locked_out: bool,
    #[serde(default)]
    codes_locked_out: bool,
}

fn missing() -> String {
    "missing".to_owned()
}

/// What is expected; what is not written is expected not to be there.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub result: String,
    pub method: String,
    #[serde(default)]
    pub reasons: Vec<String>,
    #[serde(default)]
    pub by: Vec<String>,
    pub opens_at: Option<String>,
    pub hint: Option<String>,
    pub session: Option<(u32, u32)>,
}

/// A scenario with its world made plain.
pub(crate) struct Scenario {
    pub file: String,
    pub title: String,
    pub world: World,
    pub question: Question,
    pub expect: Expect,
    /// The name of each grant.
    pub grants: Vec<String>,
}

type Found<T> = Result<T, String>;

/// Every scenario of every `.toml` file in a folder.
pub(crate) fn load(folder: &Path) -> Found<Vec<Scenario>> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{folder:?}: {error}"))?;
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut scenarios = Vec::new();
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Err(format!("{file} is no .toml file"));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        scenarios.extend(read(&file, &text)?);
    }
    if scenarios.is_empty() { Err(format!("no scenario in {folder:?}")) } else { Ok(scenarios) }
}

/// The scenarios of one file.
pub(crate) fn read(file: &str, text: &str) -> Found<Vec<Scenario>> {
    let parsed: File = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
    let plain = |text: Text| {
        let title = text.title.clone();
        text.plain(file).map_err(|error| format!("{file}, \"{title}\": {error}"))
    };
    parsed.scenario.into_iter().map(plain).collect()
}

fn index<T>(all: &BTreeMap<String, T>, name: &str) -> Found<usize> {
    all.keys().position(|key| key == name).ok_or(format!("nothing is called {name}"))
}

fn maybe<T>(all: &BTreeMap<String, T>, name: &Option<String>) -> Found<Option<usize>> {
    name.as_ref().map(|name| index(all, name)).transpose()
}

pub(crate) fn instant(text: &str) -> Found<Instant> {
    Instant::parse(text).ok_or(format!("{text} is no instant"))
}

fn span(from: &Option<String>, until: &Option<String>) -> Found<super::world::Span> {
    let end = |text: &Option<String>| text.as_deref().map(instant).transpose();
    Ok((end(from)?, end(until)?))
}

fn card(text: &str) -> Found<(u8, u128)> {
    let wrong = || format!("{text} is no card part");
    let (bits, hex) = text.split_once(':').ok_or_else(wrong)?;
    let value = u128::from_str_radix(hex, 16).map_err(|_| wrong())?;
    Ok((bits.parse().map_err(|_| wrong())?, value))
}

fn digits(text: &str) -> Found<u8> {
    text.parse().map_err(|_| format!("{text} is no code: a scenario's codes are below 256"))
}

fn days(text: &str) -> Found<u8> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let day =
        |name: &str| NAMES.iter().position(|day| *day == name).ok_or(format!("{name} is no day"));
    let mut mask = 0;
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            _ if part == "daily" => (0, 6),
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        (first..=last).for_each(|day| mask |= 1 << day);
    }
    Ok(mask)
}

fn minutes(text: &str) -> Found<(u16, u16)> {
    let ends = text.split_once('-').map(|(from, to)| (parse_minute(from), parse_minute(to)));
    match ends {
        Some((Some(from), Some(to))) => Ok((from, to)),
        _ => Err(format!("{text} is no window")),
    }
}

impl TimesText {
    fn plain(&self) -> Found<Times> {
        match (&self.weekly, &self.event) {
            (Some(weekly), None) => {
                let window = |text: &String| {
                    let (of, at) = text.split_once(' ').ok_or(format!("{text} is no window"))?;
                    let (from, to) = minutes(at)?;
                    Ok((days(of)?, from, to))
                };
                let exception = |(date, windows): (&String, &Vec<String>)| {
                    let date = date.parse().map_err(|_| format!("{date} is no date"))?;
                    Ok((date, windows.iter().map(|text| minutes(text)).collect::<Found<_>>()?))
                };
                Ok(Times::Weekly {
                    zone: self.zone.clone(),
                    windows: weekly.iter().map(window).collect::<Found<_>>()?,
                    exceptions: self.exceptions.iter().map(exception).collect::<Found<_>>()?,
                })
            }
            (None, Some(event)) if self.exceptions.is_empty() => Ok(Event {
                zone: self.zone.clone(),
                start: event.start.parse().map_err(|_| format!("bad start {}", event.start))?,
                hours: event.hours,
                days: if event.days == "daily" { 0 } else { days(&event.days)? },
                interval: event.interval,
                count: event.count,
            }
            .times()),
            _ => Err("a schedule is either weekly or an event".to_owned()),
        }
    }
}

impl CredentialText {
    fn plain(&self, people: &BTreeMap<String, PersonText>) -> Found<Credential> {
        let (kind, parts, code) = match (&self.card, &self.code, self.phone) {
            (Some(parts), None, false) => {
                (Kind::Card, parts.iter().map(|text| card(text)).collect::<Found<_>>()?, 0)
            }
            (None, Some(code), false) => (Kind::Code, Vec::new(), digits(code)?),
            (None, None, true) => (Kind::Phone, Vec::new(), 0),
            _ => return Err("a credential is a card, a code or a phone".to_owned()),
        };
        Ok(Credential {
            person: maybe(people, &self.person)?,
            kind,
            parts,
            code,
            pin: self.pin,
            valid: span(&self.from, &self.until)?,
            condition: match self.state.as_str() {
                "active" => Condition::Active,
                "disabled" => Condition::Disabled,
                "lost" => Condition::Lost,
                other => return Err(format!("{other} is no state")),
            },
            session: self.session,
        })
    }
}

impl LockText {
    fn plain(&self, schedules: &BTreeMap<String, TimesText>) -> Found<Lock> {
        Ok(Lock {
            posture: match self.posture.as_deref() {
                None | Some("normal") => Posture::Normal,
                Some("lockdown") => Posture::Lockdown,
                Some("free_access") => Posture::FreeAccess,
                Some("disabled") => Posture::Disabled,
                Some(other) => return Err(format!("{other} is no posture")),
            },
            pin: match self.pin.as_deref() {
                None | Some("never") => Rule::Never,
                Some("if_set") => Rule::IfSet,
                Some("always") => Rule::Always,
                Some(other) => return Err(format!("{other} is no rule for PINs")),
            },
            pin_times: maybe(schedules, &self.pin_schedule)?,
            unlock: maybe(schedules, &self.unlock_schedule)?,
            zone: self.zone.clone(),
        })
    }
}

impl Text {
    fn plain(self, file: &str) -> Found<Scenario> {
        let mut world = World::empty(self.zone.as_deref().unwrap_or("Europe/Stockholm"));
        world.times = self.schedules.values().map(TimesText::plain).collect::<Found<_>>()?;
        world.people = self.people.values().map(|person| person.suspended).collect();
        let credentials = self.credentials.values().map(|it| it.plain(&self.people));
        world.credentials = credentials.collect::<Found<_>>()?;
        let locks = self.locks.values().map(|lock| lock.plain(&self.schedules));
        world.locks = locks.collect::<Found<_>>()?;
        for (number, level) in self.levels.values().enumerate() {
            world.levels.push(maybe(&self.schedules, &level.schedule)?);
            for lock in &level.locks {
                world.members.push((number, index(&self.locks, lock)?));
            }
        }
        for grant in &self.grants {
            let grant = self.grant(grant)?;
            world.grants.push(grant);
        }
        Ok(Scenario {
            file: file.to_owned(),
            question: self.question()?,
            grants: self.grants.iter().map(|grant| grant.name.clone()).collect(),
            title: self.title,
            world,
            expect: self.expect,
        })
    }

    fn grant(&self, grant: &GrantText) -> Found<Grant> {
        Ok(Grant {
            who: match index(&self.people, &grant.to) {
                Ok(person) => Who::Person(person),
                Err(_) => Who::Credential(index(&self.credentials, &grant.to)?),
            },
            at: match index(&self.locks, &grant.at) {
                Ok(lock) => Where::Lock(lock),
                Err(_) => Where::Level(index(&self.levels, &grant.at)?),
            },
            share: grant.share,
            window: span(&grant.from, &grant.until)?,
            times: maybe(&self.schedules, &grant.schedule)?,
            overrides: grant.override_lockdown,
        })
    }

    fn question(&self) -> Found<Question> {
        let ask = &self.ask;
        let held = match (&ask.credential, &ask.card, &ask.code, &ask.person) {
            (Some(it), None, None, None) => Held::Credential(index(&self.credentials, it)?),
            (None, Some(text), None, None) => {
                let (bits, value) = card(text)?;
                Held::Card(bits, value)
            }
            (None, None, Some(code), None) => Held::Code(digits(code)?),
            (None, None, None, Some(person)) => Held::Person(index(&self.people, person)?),
            _ => return Err("one thing is presented".to_owned()),
        };
        Ok(Question {
            lock: index(&self.locks, &ask.lock)?,
            held,
            pin: match ask.pin.as_str() {
                "missing" => PinGiven::Missing,
                "right" => PinGiven::Right,
                "wrong" => PinGiven::Wrong,
                "preview" => PinGiven::Asked,
                other => return Err(format!("{other} is no pin")),
            },
            pin_locked: ask.pin_locked_out,
            codes_locked: ask.codes_locked_out,
            now: instant(&ask.at)?,
        })
    }
}
