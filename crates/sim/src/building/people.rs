//! Makes a building's people and what they carry.
//!
//! Rarities come at fixed indexes rather than by chance, so that even a small building has them.

use std::collections::HashSet;

use super::names::{AREAS, FIRST, LAST, ascii};
use super::{Bearer, Building, Card, Credential, CredentialState, Person, Window};
use crate::rng::Rng;

/// People with addresses of their own; every 25th is suspended.
pub(super) fn people(rng: &mut Rng, tag: &str, count: usize) -> Vec<Person> {
    let mut addresses = HashSet::new();
    let first_phone = rng.index(AREAS.len() * 100);
    (0..count)
        .map(|at| {
            let first_name = FIRST[rng.index(FIRST.len())].to_owned();
            let last_name = LAST[rng.index(LAST.len())].to_owned();
            let mut local = format!("{}.{}", ascii(&first_name), ascii(&last_name));
            if !addresses.insert(local.clone()) {
                local = format!("{local}.{at}");
            }
            Person {
                external_id: format!("sim-{tag}-person-{at:04}"),
                first_name,
                last_name,
                email: format!("{local}@{tag}.example.org"),
                phone: (at % 6 == 1).then(|| phone(first_phone + at / 6)).flatten(),
                employee_number: (at % 2 == 0).then(|| format!("{}", 1000 + at)),
                suspended: at % 25 == 7,
            }
        })
        .collect()
}

/// The `at`-th number for fiction; there are 2 000, after which people go without.
fn phone(at: usize) -> Option<String> {
    let area = AREAS.get(at / 100 % AREAS.len())?;
    Some(format!("+1{area}55501{:02}", at % 100))
}

/// Cards and codes of the people, then visitor badges that belong to nobody.
pub(super) fn credentials(rng: &mut Rng, building: &Building) -> Vec<Credential> {
    let mut maker = Maker { rng, tag: &building.tag, taken: HashSet::new(), made: Vec::new() };
    for (at, person) in building.people.iter().enumerate() {
        if at % 8 != 5 {
            maker.card(Some(at), format!("Card of {}", person.first_name));
        }
        if at % 7 == 5 {
            maker.code(at);
        }
        if at % 40 == 9 {
            maker.card(Some(at), format!("Spare card of {}", person.first_name));
        }
    }
    for badge in 0..building.people.len().div_ceil(20) {
        maker.card(None, format!("Visitor badge {}", badge + 1));
    }
    maker.made
}

struct Maker<'a> {
    rng: &'a mut Rng,
    tag: &'a str,
    taken: HashSet<(u32, u64)>,
    made: Vec<Credential>,
}

impl Maker<'_> {
    fn card(&mut self, person: Option<usize>, label: String) {
        let mut parts = vec![self.part()];
        if self.made.len() % 20 == 13 {
            parts.push(self.part());
        }
        let pin = self.made.len().is_multiple_of(3).then(|| self.rng.digits(4));
        self.push(person, label, Bearer::Card(parts), pin);
    }

    fn code(&mut self, person: usize) {
        let mut code = self.rng.digits(8);
        while !self.taken.insert((0, code.parse().unwrap_or(0))) {
            code = self.rng.digits(8);
        }
        self.push(Some(person), "Door code".to_owned(), Bearer::Code(code), None);
    }

    fn part(&mut self) -> Card {
        // The widths that the three kinds of chip really have.
        const KINDS: [(&str, u32); 3] =
            [("em", 40), ("mifare_classic", 32), ("mifare_desfire", 56)];
        let (technology, bits) = KINDS[self.rng.index(KINDS.len())];
        let mut value = self.rng.next() >> (64 - bits);
        while !self.taken.insert((bits, value)) {
            value = self.rng.next() >> (64 - bits);
        }
        Card { technology, bits, value }
    }

    fn push(&mut self, person: Option<usize>, label: String, bearer: Bearer, pin: Option<String>) {
        let at = self.made.len();
        let window = match at % 30 {
            4 => Window { from_day: Some(-365), until_day: Some(-35) },
            8 => Window { from_day: Some(60), until_day: None },
            16 => Window { from_day: Some(-90), until_day: Some(365) },
            _ => Window::default(),
        };
        let state = match at % 30 {
            11 => CredentialState::Disabled,
            19 | 28 => CredentialState::Lost,
            _ => CredentialState::Active,
        };
        self.made.push(Credential {
            external_id: format!("sim-{}-credential-{at:04}", self.tag),
            person,
            label,
            bearer,
            pin,
            window,
            state,
        });
    }
}
