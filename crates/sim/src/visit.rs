//! What someone does at a door: who or what is presented where, with which PIN.
//!
//! Pure: a visit is drawn from a building and a generator; sending it is `traffic`'s business,
//! judging the answer `expect`'s.

use crate::building::{
    Bearer, Building, Card, Credential, CredentialState, PinRule, Standing, Subject, Target,
};
use crate::furnish::Furnished;
use crate::rng::Rng;
use crate::wire::{CardBody, DecisionBody};

/// One person at one door.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Index of the lock.
    pub(crate) lock: usize,
    pub(crate) presented: Presented,
    pub(crate) pin: Option<Pin>,
    /// Only a question: no event is made and no PIN taken.
    pub(crate) preview: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Presented {
    /// A card at the reader; `of` is the index of its credential, none for an unknown card.
    Card { card: Card, of: Option<usize> },
    /// Digits at the keypad; `of` as for a card.
    Code { code: String, of: Option<usize> },
    /// A credential the controller recognised by itself.
    Credential(usize),
    /// Someone who opens from afar.
    Person(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Pin {
    pub(crate) digits: String,
    pub(crate) right: bool,
}

impl Presented {
    /// Index of the credential that should be recognised.
    pub(crate) fn credential(&self) -> Option<usize> {
        match self {
            Presented::Card { of, .. } | Presented::Code { of, .. } => *of,
            Presented::Credential(at) => Some(*at),
            Presented::Person(_) => None,
        }
    }

    /// A word to count by.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Presented::Card { of: Some(_), .. } => "card",
            Presented::Card { of: None, .. } => "unknown card",
            Presented::Code { of: Some(_), .. } => "code",
            Presented::Code { of: None, .. } => "unknown code",
            Presented::Credential(_) => "credential",
            Presented::Person(_) => "person",
        }
    }
}

impl Visit {
    /// Draws the next visit; the shares of the cases add up to 100.
    pub(crate) fn draw(building: &Building, rng: &mut Rng) -> Visit {
        let any = |_: &Credential| true;
        match rng.below(100) {
            0..58 => usual(building, rng, any),
            58..66 => {
                let lock = rng.index(building.locks.len());
                with_pin(building, lock, bring(building, rng, any))
            }
            66..71 => fumbled(building, rng, true),
            71..75 => fumbled(building, rng, false),
            75..80 => unknown_card(building, rng),
            80 => unknown_code(building, rng),
            81..87 => usual(building, rng, |one| matches!(one.bearer, Bearer::Code(_))),
            87..93 => remote(building, rng),
            93..97 => usual(building, rng, |one| {
                one.state != CredentialState::Active || one.window.standing(0) != Standing::Inside
            }),
            _ => preview(building, rng),
        }
    }

    /// The question as the API takes it.
    pub(crate) fn body(&self, building: &Building, furnished: &Furnished) -> DecisionBody {
        let id = |ids: &[String], at: usize| ids.get(at).cloned();
        let mut body = DecisionBody {
            lock_id: id(&furnished.locks, self.lock).unwrap_or_default(),
            pin: self.pin.as_ref().map(|pin| pin.digits.clone()),
            record: self.preview.then_some(false),
            ..DecisionBody::default()
        };
        match &self.presented {
            Presented::Card { card, .. } => {
                let wiegand = building.locks.get(self.lock).is_some_and(|lock| lock.wiegand);
                body.card = Some(as_read(*card, wiegand));
            }
            Presented::Code { code, .. } => body.code = Some(code.clone()),
            Presented::Credential(at) => body.credential_id = id(&furnished.credentials, *at),
            Presented::Person(at) => body.person_id = id(&furnished.people, *at),
        }
        body
    }

    /// A line for whoever looks into a surprise; without PIN or code.
    pub(crate) fn describe(&self, building: &Building) -> String {
        let credential = self.presented.credential().and_then(|at| building.credentials.get(at));
        let person = match self.presented {
            Presented::Person(at) => building.people.get(at),
            _ => credential.and_then(|one| one.person).and_then(|at| building.people.get(at)),
        };
        let mut text = self.presented.word().to_owned();
        if let Some(credential) = credential {
            text.push_str(&format!(" {}", credential.external_id));
        }
        if let Some(person) = person {
            let (first, last) = (&person.first_name, &person.last_name);
            text.push_str(&format!(" of {first} {last} ({})", person.external_id));
        }
        if let Some(lock) = building.locks.get(self.lock) {
            text.push_str(&format!(" at {} ({})", lock.name, lock.external_id));
        }
        text.push_str(match &self.pin {
            _ if self.preview => ", preview",
            None => "",
            Some(Pin { right: true, .. }) => ", right PIN",
            Some(Pin { right: false, .. }) => ", wrong PIN",
        });
        text
    }
}

/// A card as a reader reports it: some know only bits and pad as they please.
fn as_read(card: Card, wiegand: bool) -> CardBody {
    let Card { technology, bits, value } = card;
    let digits = bits.div_ceil(4) as usize;
    if wiegand {
        CardBody { technology: "wiegand", bits, value: format!("00{value:0digits$X}") }
    } else {
        CardBody { technology, bits, value: format!("{value:0digits$x}") }
    }
}

/// Someone with a credential like this at a lock they have, or had, or will have a right to.
fn usual(building: &Building, rng: &mut Rng, like: impl Fn(&Credential) -> bool) -> Visit {
    let presented = bring(building, rng, like);
    let subjects = match presented.credential() {
        Some(at) => subjects(building, at),
        None => Vec::new(),
    };
    let lock = familiar_lock(building, rng, &subjects);
    with_pin(building, lock, presented)
}

/// A PIN where one is asked, but the wrong one, or none at all.
fn fumbled(building: &Building, rng: &mut Rng, wrong: bool) -> Visit {
    let presented = bring(building, rng, |one| one.pin.is_some());
    let asking = (0..building.locks.len())
        .filter(|at| building.locks[*at].pin != PinRule::Never)
        .collect::<Vec<_>>();
    let lock = rng.pick(&asking).copied().unwrap_or(0);
    let mut visit = with_pin(building, lock, presented);
    visit.pin = visit.pin.filter(|_| wrong).map(|pin| Pin {
        digits: pin.digits.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect(),
        right: false,
    });
    visit
}

fn unknown_card(building: &Building, rng: &mut Rng) -> Visit {
    let card = Card { technology: "mifare_desfire", bits: 56, value: rng.next() >> 8 };
    let lock = rng.index(building.locks.len());
    Visit { lock, presented: Presented::Card { card, of: None }, pin: None, preview: false }
}

fn unknown_code(building: &Building, rng: &mut Rng) -> Visit {
    // Longer than any code of a building, so that it cannot be one by chance.
    let presented = Presented::Code { code: rng.digits(12), of: None };
    Visit { lock: rng.index(building.locks.len()), presented, pin: None, preview: false }
}

fn remote(building: &Building, rng: &mut Rng) -> Visit {
    if building.people.is_empty() {
        return unknown_card(building, rng);
    }
    let person = rng.index(building.people.len());
    let lock = familiar_lock(building, rng, &[Subject::Person(person)]);
    Visit { lock, presented: Presented::Person(person), pin: None, preview: false }
}

fn preview(building: &Building, rng: &mut Rng) -> Visit {
    let mut visit = usual(building, rng, |_| true);
    if let Some(at) = visit.presented.credential() {
        visit.presented = Presented::Credential(at);
        visit.pin = None;
        visit.preview = true;
    }
    visit
}

/// A credential like this as its owner presents it, or an unknown card when there is none.
fn bring(building: &Building, rng: &mut Rng, like: impl Fn(&Credential) -> bool) -> Presented {
    let some = (0..building.credentials.len())
        .filter(|at| building.credentials.get(*at).is_some_and(&like))
        .collect::<Vec<_>>();
    let Some(at) = rng.pick(&some).copied() else { return unknown_card(building, rng).presented };
    match &building.credentials[at].bearer {
        // Now and then the controller knows the card and sends the credential's id.
        Bearer::Card(_) if rng.chance(0.05) => Presented::Credential(at),
        Bearer::Card(parts) => match rng.pick(parts) {
            Some(card) => Presented::Card { card: *card, of: Some(at) },
            None => Presented::Credential(at),
        },
        Bearer::Code(code) => Presented::Code { code: code.clone(), of: Some(at) },
    }
}

/// Those whose grants count for a credential.
pub(crate) fn subjects(building: &Building, credential: usize) -> Vec<Subject> {
    let person = building.credentials.get(credential).and_then(|one| one.person);
    let mut subjects = vec![Subject::Credential(credential)];
    subjects.extend(person.map(Subject::Person));
    subjects
}

/// A lock that a grant of these subjects reaches, or any when they have none.
fn familiar_lock(building: &Building, rng: &mut Rng, subjects: &[Subject]) -> usize {
    let targets = building
        .grants
        .iter()
        .filter(|grant| subjects.contains(&grant.subject))
        .map(|grant| grant.target)
        .collect::<Vec<_>>();
    let of_level = match rng.pick(&targets) {
        Some(Target::Lock(lock)) => Some(*lock),
        Some(Target::Level(level)) => {
            building.levels.get(*level).and_then(|level| rng.pick(&level.locks).copied())
        }
        None => None,
    };
    of_level.unwrap_or_else(|| rng.index(building.locks.len()))
}

/// The visit with the right PIN, if the credential has one and the lock may ask.
fn with_pin(building: &Building, lock: usize, presented: Presented) -> Visit {
    let asks = building.locks.get(lock).is_some_and(|lock| lock.pin != PinRule::Never);
    let pin = presented
        .credential()
        .filter(|_| asks)
        .and_then(|at| building.credentials.get(at))
        .and_then(|one| one.pin.clone())
        .map(|digits| Pin { digits, right: true });
    Visit { lock, presented, pin, preview: false }
}
