//! The tables a building's people, locks and levels are named from.
//!
//! Every name is made up of common parts; addresses and numbers are from reserved ranges.

/// First names; some with letters outside ASCII, since real buildings have them.
pub(crate) const FIRST: [&str; 40] = [
    "Ann", "Åsa", "Bjørn", "Carla", "Chidi", "Dag", "Elif", "Emma", "Eva", "Farah", "Georg",
    "Hana", "Henrik", "Ines", "Ivan", "Jens", "José", "Kari", "Lena", "Liam", "Linh", "Łukasz",
    "Maja", "Marco", "Mei", "Nadia", "Nils", "Noor", "Olga", "Omar", "Petra", "Priya", "Rosa",
    "Sami", "Sofia", "Tomás", "Ulla", "Yara", "Zoë", "Øyvind",
];

/// Last names.
pub(crate) const LAST: [&str; 40] = [
    "Andersen",
    "Bakke",
    "Berg",
    "Costa",
    "Dahl",
    "Díaz",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haugen",
    "Hansen",
    "Ito",
    "Jansen",
    "Kaya",
    "Khan",
    "Kowalski",
    "Larsen",
    "Lind",
    "Moreau",
    "Müller",
    "Nguyen",
    "Nilsson",
    "Novak",
    "Okafor",
    "Olsen",
    "Patel",
    "Pettersen",
    "Quist",
    "Rossi",
    "Sæther",
    "Santos",
    "Singh",
    "Strand",
    "Sørensen",
    "Tran",
    "Vik",
    "Virtanen",
    "Weber",
    "Yilmaz",
    "Åberg",
];

/// North American area codes; with 555-01xx they make numbers reserved for fiction.
pub(super) const AREAS: [u16; 20] = [
    202, 206, 212, 215, 303, 305, 312, 313, 404, 415, 503, 504, 512, 602, 615, 617, 702, 713, 801,
    919,
];

/// The doors every building starts with; the rest are numbered rooms.
pub(super) const DOORS: [&str; 10] = [
    "Main entrance",
    "Garage gate",
    "Server room",
    "Archive",
    "Pharmacy cabinet",
    "Staff entrance",
    "Bicycle store",
    "Roof hatch",
    "Waste room",
    "Meeting room A",
];

/// Level names, each with the number of its schedule in the building's list.
pub(super) const LEVELS: [(&str, Option<usize>); 12] = [
    ("Staff, office hours", Some(0)),
    ("Caretakers", None),
    ("Night cleaning", Some(1)),
    ("Residents", None),
    ("Weekend volunteers", Some(2)),
    ("Board", Some(3)),
    ("Bicycle and storage", None),
    ("Tenants, floors 1 and 2", Some(0)),
    ("Technicians", None),
    ("Deliveries", Some(0)),
    ("Meeting rooms", None),
    ("Laboratory", Some(1)),
];

/// The name without accents, for the local part of an e-mail address.
pub(super) fn ascii(name: &str) -> String {
    let plain = |letter: char| match letter {
        'å' | 'ä' | 'á' | 'æ' => 'a',
        'ø' | 'ö' | 'ó' => 'o',
        'é' | 'ë' => 'e',
        'í' => 'i',
        'ü' => 'u',
        'ł' => 'l',
        other => other,
    };
    name.to_lowercase().chars().map(plain).collect()
}
