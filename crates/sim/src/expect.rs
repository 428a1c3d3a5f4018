//! What the simulator is certain of about an answer, from the building alone.
//!
//! Not a second decision engine: it knows no schedules and no clock finer than a day. Where it
//! cannot know, it says what may be answered, and anything within that is no surprise.

use crate::building::{Bearer, Building, CredentialState, PinRule, Standing, Subject};
use crate::visit::{Pin, Presented, Visit, subjects};
use crate::wire::Decision;

/// The API's reason codes in the order in which they must be answered.
const ORDER: [&str; 16] = [
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

/// Posture is the operator's and may change under the simulator at any time.
const POSTURE: [&str; 2] = ["lock_disabled", "lockdown"];

/// What an answer must and may say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expectation {
    /// Of each group at least one reason is given.
    must: Vec<&'static [&'static str]>,
    /// These may be given as well.
    may: Vec<&'static str>,
    /// The method is one of these.
    methods: &'static [&'static str],
    /// A keypad that saw too many unknown codes refuses every code with this reason alone.
    keypad: bool,
    /// The answer names an event, and a preview's does not.
    event: bool,
}

/// What to expect of this visit on `day`, counted from the day of furnishing.
pub(crate) fn expect(building: &Building, visit: &Visit, day: i64) -> Expectation {
    let mut expected = Expectation {
        methods: methods(building, &visit.presented),
        keypad: matches!(visit.presented, Presented::Code { .. }),
        event: !visit.preview,
        ..Expectation::default()
    };
    expected.may.extend(POSTURE);
    let (person, reaching) = match &visit.presented {
        Presented::Person(at) => (Some(*at), vec![Subject::Person(*at)]),
        other => {
            let Some(at) = other.credential() else {
                expected.must.push(&["credential_unknown"]);
                return expected;
            };
            expected.credential(building, at, day);
            expected.pin(building, visit, at);
            let person = building.credentials.get(at).and_then(|one| one.person);
            (person, subjects(building, at))
        }
    };
    if person.and_then(|at| building.people.get(at)).is_some_and(|person| person.suspended) {
        expected.must.push(&["person_suspended"]);
    }
    expected.rights(building, &reaching, visit.lock, day);
    expected
}

impl Expectation {
    fn credential(&mut self, building: &Building, at: usize, day: i64) {
        let Some(credential) = building.credentials.get(at) else { return };
        match credential.state {
            CredentialState::Active => {}
            CredentialState::Disabled => self.must.push(&["credential_disabled"]),
            CredentialState::Lost => self.must.push(&["credential_lost"]),
        }
        match credential.window.standing(day) {
            Standing::Inside => {}
            Standing::NotYet => self.must.push(&["credential_not_yet_valid"]),
            Standing::Past => self.must.push(&["credential_expired"]),
            Standing::Unsure => self.may.extend(["credential_not_yet_valid", "credential_expired"]),
        }
    }

    fn pin(&mut self, building: &Building, visit: &Visit, at: usize) {
        let Some(lock) = building.locks.get(visit.lock) else { return };
        let has_pin = building.credentials.get(at).is_some_and(|one| one.pin.is_some());
        let failing: &[&str] = match (lock.pin, has_pin, &visit.pin) {
            (PinRule::Never, ..) | (PinRule::IfSet, false, _) => &[],
            (PinRule::Always, false, _) => &["pin_not_set"],
            _ if visit.preview => &[],
            // A credential may be locked out by wrong PINs of this run or of one before it.
            (_, true, Some(Pin { right: true, .. })) => {
                self.may.push("pin_locked_out");
                &[]
            }
            (_, true, Some(Pin { right: false, .. })) => &["pin_wrong", "pin_locked_out"],
            (_, true, None) => &["pin_missing", "pin_locked_out"],
        };
        if lock.pin_schedule.is_some() || failing.is_empty() {
            self.may.extend(failing);
        } else {
            self.may.extend(&failing[1..]);
            self.must.push(failing);
        }
    }

    fn rights(&mut self, building: &Building, reaching: &[Subject], lock: usize, day: i64) {
        let standings = building
            .reaching(reaching, lock)
            .map(|grant| building.standing(grant, day))
            .collect::<Vec<_>>();
        let has = |standing| standings.contains(&standing);
        if standings.is_empty() {
            self.must.push(&["no_grant"]);
        } else if has(Standing::Unsure) {
            self.may.extend(["grant_not_yet_valid", "grant_expired", "outside_schedule"]);
        } else if !has(Standing::Inside) {
            // A grant outside its window may be outside its schedule too.
            self.may.push("outside_schedule");
            match (has(Standing::NotYet), has(Standing::Past)) {
                (true, false) => self.must.push(&["grant_not_yet_valid"]),
                (false, true) => self.must.push(&["grant_expired"]),
                _ => self.must.push(&["grant_not_yet_valid", "grant_expired"]),
            }
        }
    }

    /// Says what is wrong with the answer, if anything is.
    pub(crate) fn judge(&self, decision: &Decision) -> Result<(), &'static str> {
        let reasons = decision.reasons.iter().map(|reason| &*reason.code).collect::<Vec<_>>();
        let granted = match decision.result.as_str() {
            "granted" => true,
            "denied" => false,
            _ => return Err("the result is neither granted nor denied"),
        };
        let recorded = decision.event_id.is_some();
        if recorded != self.event && decision.recorded != Some(false) {
            return Err(if self.event { "it names no event" } else { "a preview made an event" });
        }
        if granted != reasons.is_empty() {
            return Err("result and reasons contradict each other");
        }
        let method = decision.method.as_deref().unwrap_or_default();
        if granted && method == "free_access" {
            // A door that stands open greets everyone, and whether it does is not ours to know.
            return Ok(());
        }
        if !self.methods.contains(&method) {
            return Err("the method is not what was presented");
        }
        if self.keypad && reasons == ["pin_locked_out"] {
            return Ok(());
        }
        if self.must.iter().any(|group| !group.iter().any(|each| reasons.contains(each))) {
            return Err("a reason is missing");
        }
        let known = |code: &&str| self.may.contains(code) || self.must.concat().contains(code);
        if !reasons.iter().all(known) {
            return Err("a reason does not apply");
        }
        let place = |code: &&str| ORDER.iter().position(|each| each == code);
        if !reasons.iter().map(place).is_sorted() {
            return Err("reasons are out of order");
        }
        Ok(())
    }
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let groups = self.must.iter().map(|group| group.join(" or ")).collect::<Vec<_>>();
        let may = self.may.iter().filter(|code| !POSTURE.contains(code)).copied();
        let may = may.collect::<Vec<_>>();
        match (groups.is_empty(), may.is_empty()) {
            (true, true) => f.write_str("granted")?,
            (true, false) => f.write_str("granted or denied")?,
            (false, _) => write!(f, "denied with {}", groups.join(" and "))?,
        }
        if !may.is_empty() {
            write!(f, ", maybe {}", may.join(", "))?;
        }
        write!(f, " by {}", self.methods.join(" or "))
    }
}

fn methods(building: &Building, presented: &Presented) -> &'static [&'static str] {
    let by_code = |at: usize| {
        let credential = building.credentials.get(at);
        credential.is_some_and(|one| matches!(one.bearer, Bearer::Code(_)))
    };
    match presented {
        Presented::Person(_) => &["remote"],
        Presented::Code { .. } => &["code"],
        Presented::Credential(at) if by_code(*at) => &["code"],
        Presented::Card { .. } | Presented::Credential(_) => &["card", "card_and_pin"],
    }
}

#[cfg(test)]
mod tests;
