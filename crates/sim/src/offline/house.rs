//! A small house with locks that have no network, as plain values: who lives there, which doors,
//! who may open what. The same seed gives the same house.

use crate::building::names::{FIRST, LAST};
use crate::rng::Rng;

/// Doors in the order in which a house gets them.
const DOORS: [&str; 12] = [
    "Front door",
    "Back door",
    "Courtyard gate",
    "Bicycle room",
    "Laundry",
    "Workshop",
    "Archive",
    "Plant room",
    "Cellar",
    "Roof terrace",
    "Party room",
    "Parcel room",
];
/// The old gate has room for one entry of a plain list.
const GATE: usize = 2;
/// How many people share a private door.
const SHARING: usize = 3;

/// How large a house is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Locks, from 4 to 12.
    pub locks: usize,
    /// People, each with a phone, at least 6; the last of them visits.
    pub phones: usize,
    /// Whether locks lose their power and their memory; events of theirs are then lost, too.
    pub fails: bool,
}

impl Size {
    /// Twelve locks, which may fail, and twenty phones.
    pub const WHOLE: Size = Size { locks: 12, phones: 20, fails: true };
    /// Five locks that do not fail, and eight phones.
    pub const SHORT: Size = Size { locks: 5, phones: 8, fails: false };
}

/// Who may open a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Everybody, through a level.
    House,
    /// The staff until the evening, through a level; its clock is kept.
    Staff,
    /// Some people, each by a right of their own.
    Private,
}

/// A door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    pub(crate) external_id: String,
    pub(crate) name: &'static str,
    pub(crate) whose: Whose,
    /// Entries of a plain list that it has room for; none: bytes.
    pub(crate) entries: Option<u32>,
    /// The people with a right of their own.
    pub(crate) sharing: Vec<usize>,
}

/// Somebody with a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) external_id: String,
    pub(crate) first_name: &'static str,
    pub(crate) last_name: &'static str,
    pub(crate) is_staff: bool,
}

/// A house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct House {
    /// Part of every external id.
    pub(crate) tag: String,
    /// Whether its locks fail.
    pub(crate) fails: bool,
    pub(crate) doors: Vec<Door>,
    pub(crate) people: Vec<Person>,
}

impl House {
    /// The house of a seed.
    pub(crate) fn seeded(seed: u64, size: Size) -> House {
        let (locks, phones) = (size.locks.clamp(4, DOORS.len()), size.phones.max(6));
        let mut rng = Rng::new(&[seed, 0x686f_7573]);
        let tag =
            format!("offline-{:08x}", Rng::new(&[seed, locks as u64, phones as u64]).next() >> 32);
        let (of_house, of_staff) = ((locks * 5).div_ceil(12).max(3), (locks / 3).max(1));
        let staff = (phones / 4).max(2);
        let doors = (0..locks).map(|at| {
            let whose = match at {
                at if at < of_house => Whose::House,
                at if at < of_house + of_staff => Whose::Staff,
                _ => Whose::Private,
            };
            let sharing =
                if whose == Whose::Private { rng.sample(phones - 1, SHARING) } else { vec![] };
            let external_id = format!("sim-{tag}-door-{at}");
            let entries = (at == GATE).then_some(1);
            Door { external_id, name: DOORS[at], whose, entries, sharing }
        });
        let doors: Vec<Door> = doors.collect();
        let firsts = rng.sample(FIRST.len(), phones);
        let people = (0..phones).map(|at| Person {
            external_id: format!("sim-{tag}-person-{at}"),
            // Those who share a first name are told apart by the last.
            first_name: FIRST[firsts[at % firsts.len()]],
            last_name: LAST[rng.index(LAST.len())],
            is_staff: at < staff,
        });
        let people = people.collect();
        House { tag, fails: size.fails, doors, people }
    }

    /// Whether somebody has a right at a door when the day begins.
    pub(crate) fn may(&self, who: usize, at: usize) -> bool {
        let door = &self.doors[at];
        if who == self.visitor() {
            return at == 0;
        }
        match door.whose {
            Whose::House => true,
            Whose::Staff => self.people[who].is_staff,
            Whose::Private => door.sharing.contains(&who),
        }
    }

    /// Who visits, for some hours and by the first door alone.
    pub(crate) fn visitor(&self) -> usize {
        self.people.len() - 1
    }

    /// The doors of one kind.
    pub(crate) fn doors_of(&self, whose: Whose) -> impl Iterator<Item = usize> {
        (0..self.doors.len()).filter(move |at| self.doors[*at].whose == whose)
    }

    /// What somebody is called.
    pub(crate) fn name(&self, who: usize) -> String {
        format!("{} {}", self.people[who].first_name, self.people[who].last_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_house_has_doors_of_each_kind_and_people_for_them() {
        for seed in 0..50 {
            for size in [Size::WHOLE, Size::SHORT, Size { locks: 4, phones: 6, fails: true }] {
                let house = House::seeded(seed, size);
                assert_eq!(house, House::seeded(seed, size));
                assert_eq!((house.doors.len(), house.people.len()), (size.locks, size.phones));
                assert!(house.doors_of(Whose::House).count() >= 3);
                assert!(house.doors_of(Whose::Staff).count() >= 1);
                for at in house.doors_of(Whose::Private) {
                    assert_eq!((0..size.phones).filter(|who| house.may(*who, at)).count(), SHARING);
                }
            }
        }
        assert_ne!(House::seeded(1, Size::WHOLE), House::seeded(2, Size::WHOLE));
    }
}
