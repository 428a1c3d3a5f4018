//! The brute-force oracle: the table of `decision.md` over plain lists, slow and obvious.
//! Must not call the engine.

use std::collections::BTreeSet;

use claviger_domain::time::{DAY, Instant};

use super::times;
use super::world::{Condition, Grant, Held, Kind, PinGiven, Posture, Question, Rule};
use super::world::{Where, Who, World};

/// The reason codes, in the order of the table.
pub(crate) const ORDER: &[&str] = &[
    "lock_disabled",
    "lockdown",
    "credential_unknown",
    "credential_lost",
    "credential_disabled",
    "credential_not_yet_valid",
    "credential_expired",
    "person_suspended",
    "pin_not_set",
    "pin_missing",
    "pin_wrong",
    "pin_locked_out",
    "no_grant",
    "grant_not_yet_valid",
    "grant_expired",
    "outside_schedule",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub granted: bool,
    pub method: &'static str,
    pub reasons: Vec<&'static str>,
    /// The grants that allow, or would but for the reasons.
    pub by: BTreeSet<usize>,
}

pub(crate) fn answer(world: &World, question: &Question) -> Answer {
    let lock = &world.locks[question.lock];
    let lockdown = lock.posture == Posture::Lockdown;
    let mut failed: BTreeSet<&'static str> = BTreeSet::new();

    // Check 1 for the whole lock; whether lockdown is overridden is up to the grants.
    if lock.posture == Posture::Disabled {
        failed.insert("lock_disabled");
    }
    // Check 2.
    let held_open = lock.unlock.is_some_and(|times| open(world, times, question));
    if lock.posture == Posture::FreeAccess || (lock.posture == Posture::Normal && held_open) {
        let (method, by) = ("free_access", BTreeSet::new());
        return Answer { granted: true, method, reasons: Vec::new(), by };
    }
    // Check 3.
    let credential = presented(world, question.held);
    let person = match question.held {
        Held::Person(person) => Some(person),
        _ => credential.and_then(|credential| world.credentials[credential].person),
    };
    let code_refused = matches!(question.held, Held::Code(_)) && question.codes_locked;
    if code_refused || (credential.is_none() && person.is_none()) {
        failed.insert(if code_refused { "pin_locked_out" } else { "credential_unknown" });
        if lockdown {
            failed.insert("lockdown");
        }
        return denied_or_granted(world, question, failed, BTreeSet::new());
    }
    // Checks 4 to 7.
    if let Some(credential) = credential {
        failed.extend(of_credential(world, question, credential));
    }
    if person.is_some_and(|person| world.people[person]) {
        failed.insert("person_suspended");
    }
    // Checks 8 and 9: what fails of each grant that reaches the lock.
    let mut reaching: Vec<(usize, BTreeSet<&'static str>)> = Vec::new();
    for (number, grant) in world.grants.iter().enumerate() {
        let mine = match grant.who {
            Who::Person(whose) => person == Some(whose),
            Who::Credential(whose) => credential == Some(whose),
        };
        if mine && !grant.share && reaches(world, grant, question.lock) {
            reaching.push((number, of_time(world, question, grant).into_iter().collect()));
        }
    }
    if reaching.is_empty() {
        failed.insert("no_grant");
    }
    if reaching.iter().all(|(_, outside)| !outside.is_empty()) {
        failed.extend(reaching.iter().flat_map(|(_, outside)| outside.iter().copied()));
    }
    // Check 1 again: lockdown stands unless a grant that else allows overrides it.
    let overrides = |number: &usize| world.grants[*number].overrides;
    if lockdown {
        let lifts =
            |(number, outside): &(usize, BTreeSet<_>)| outside.is_empty() && overrides(number);
        if !reaching.iter().any(lifts) {
            failed.insert("lockdown");
        }
        for (number, outside) in &mut reaching {
            if !overrides(number) {
                outside.insert("lockdown");
            }
        }
    }
    // A grant allows, or would but for the reasons, if nothing else fails of it.
    let by = reaching.into_iter().filter(|(_, flaws)| flaws.is_subset(&failed));
    let by = by.map(|(number, _)| number).collect();
    denied_or_granted(world, question, failed, by)
}

fn denied_or_granted(
    world: &World,
    question: &Question,
    failed: BTreeSet<&'static str>,
    by: BTreeSet<usize>,
) -> Answer {
    let reasons: Vec<&str> = ORDER.iter().copied().filter(|code| failed.contains(code)).collect();
    assert_eq!(reasons.len(), failed.len(), "a code that is not in the table: {failed:?}");
    Answer { granted: reasons.is_empty(), method: method(world, question), reasons, by }
}

/// The credential that was presented, if it is known.
pub(crate) fn presented(world: &World, held: Held) -> Option<usize> {
    match held {
        Held::Credential(credential) => Some(credential),
        Held::Card(bits, value) => {
            world.credentials.iter().position(|it| it.parts.contains(&(bits, value)))
        }
        Held::Code(code) => {
            world.credentials.iter().position(|it| it.kind == Kind::Code && it.code == code)
        }
        Held::Person(_) => None,
    }
}

fn method(world: &World, question: &Question) -> &'static str {
    let kind = match question.held {
        Held::Person(_) => return "remote",
        Held::Card(..) => Kind::Card,
        Held::Code(_) => Kind::Code,
        Held::Credential(credential) => world.credentials[credential].kind,
    };
    match (kind, question.pin) {
        (Kind::Card, PinGiven::Right | PinGiven::Wrong) => "card_and_pin",
        (Kind::Card, _) => "card",
        (Kind::Code, _) => "code",
        (Kind::Phone, _) => "phone",
    }
}

fn open(world: &World, times: usize, question: &Question) -> bool {
    times::open(&world.times[times], world.zone_of_lock(question.lock), question.now)
}

/// Checks 4, 5 and 7.
fn of_credential(world: &World, question: &Question, credential: usize) -> Vec<&'static str> {
    let (lock, credential) = (&world.locks[question.lock], &world.credentials[credential]);
    let mut failed = Vec::new();
    match credential.condition {
        Condition::Active => {}
        Condition::Lost => failed.push("credential_lost"),
        Condition::Disabled => failed.push("credential_disabled"),
    }
    if credential.valid.0.is_some_and(|from| question.now < from) {
        failed.push("credential_not_yet_valid");
    }
    if credential.valid.1.is_some_and(|until| question.now >= until) {
        failed.push("credential_expired");
    }
    let asks = match lock.pin {
        Rule::Never => false,
        Rule::IfSet => credential.pin,
        Rule::Always => true,
    };
    if asks && lock.pin_times.is_none_or(|times| open(world, times, question)) {
        let flaw = match question.pin {
            _ if !credential.pin => Some("pin_not_set"),
            PinGiven::Asked => None,
            PinGiven::Missing => Some("pin_missing"),
            _ if question.pin_locked => Some("pin_locked_out"),
            PinGiven::Wrong => Some("pin_wrong"),
            PinGiven::Right => None,
        };
        failed.extend(flaw);
    }
    failed
}

fn reaches(world: &World, grant: &Grant, lock: usize) -> bool {
    match grant.at {
        Where::Lock(target) => target == lock,
        Where::Level(level) => world.members.contains(&(level, lock)),
    }
}

/// Check 9 of one grant: its window before its schedules.
fn of_time(world: &World, question: &Question, grant: &Grant) -> Option<&'static str> {
    let of_level = match grant.at {
        Where::Lock(_) => None,
        Where::Level(level) => world.levels[level],
    };
    if grant.window.0.is_some_and(|from| question.now < from) {
        Some("grant_not_yet_valid")
    } else if grant.window.1.is_some_and(|until| question.now >= until) {
        Some("grant_expired")
    } else {
        let mut all = [grant.times, of_level].into_iter().flatten();
        (!all.all(|times| open(world, times, question))).then_some("outside_schedule")
    }
}

/// The first instant after now, within 366 days, at which the same question is granted: every
/// instant at which anything may change is asked about, one after the other.
pub(crate) fn opens_at(world: &World, question: &Question) -> Option<Instant> {
    if answer(world, question).granted {
        return None;
    }
    if !answer(&at_the_best_of_times(world), question).granted && !held_open_later(world, question)
    {
        return None;
    }
    let end = question.now.plus(366 * DAY);
    let zone = world.zone_of_lock(question.lock);
    let spans = world.grants.iter().map(|grant| grant.window);
    let spans = spans.chain(world.credentials.iter().map(|credential| credential.valid));
    let edges: Vec<Instant> = spans.flat_map(|(from, until)| [from, until]).flatten().collect();
    let mut at = question.now;
    while at < end {
        let until = at.plus(7 * DAY).min(end);
        let mut candidates: Vec<Instant> =
            edges.iter().copied().filter(|edge| at <= *edge && *edge < until).collect();
        for times in &world.times {
            candidates.extend(times::changes(times, zone, at, until));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let later = candidates.into_iter().filter(|candidate| *candidate > question.now);
        for now in later {
            if answer(world, &Question { now, ..*question }).granted {
                return Some(now);
            }
        }
        at = until;
    }
    None
}

/// The same world without anything that time may lift: what is denied there is denied always.
fn at_the_best_of_times(world: &World) -> World {
    let mut world = world.clone();
    for credential in &mut world.credentials {
        credential.valid = (None, None);
    }
    for lock in &mut world.locks {
        if lock.pin_times.is_some() {
            lock.pin = Rule::Never;
        }
    }
    for grant in &mut world.grants {
        (grant.window, grant.times) = ((None, None), None);
    }
    world.levels.fill(None);
    world
}

fn held_open_later(world: &World, question: &Question) -> bool {
    world.locks[question.lock].unlock.is_some()
}
