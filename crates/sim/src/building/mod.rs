//! A building as plain values: who is in it, what they carry, its locks, levels and rights.
//!
//! Pure: no clock, no I/O, no ids of the server. Windows are counted in days from the day on
//! which the building is furnished, so the same seed gives the same building on any day.

mod doors;
pub(crate) mod names;
mod people;
mod rights;
#[cfg(test)]
mod tests;

use crate::rng::Rng;

/// Everything the simulator knows, each list in the order in which it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Building {
    /// Eight hex digits of the seed and the sizes; part of every external id and e-mail address.
    pub tag: String,
    /// Those who visit.
    pub people: Vec<Person>,
    /// Cards and codes.
    pub credentials: Vec<Credential>,
    /// The virtual locks.
    pub locks: Vec<Lock>,
    /// Named weekly schedules and one iCalendar rule.
    pub schedules: Vec<NamedSchedule>,
    /// Sets of locks.
    pub levels: Vec<Level>,
    /// Who may open what.
    pub grants: Vec<Grant>,
}

/// Someone who visits.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The id in the server, as `external:<this>`.
    pub external_id: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Under `example.org`, unique.
    pub email: String,
    /// E.164, from the range reserved for fiction.
    pub phone: Option<String>,
    /// For those employed here.
    pub employee_number: Option<String>,
    /// May not open anything for now.
    pub suspended: bool,
}

/// Something presented at a lock.
#[derive(Debug, Clone, PartialEq)]
pub struct Credential {
    /// The id in the server, as `external:<this>`.
    pub external_id: String,
    /// Index of its person; a visitor badge has none.
    pub person: Option<usize>,
    /// What is written on it.
    pub label: String,
    /// What a reader sees.
    pub bearer: Bearer,
    /// Four digits.
    pub pin: Option<String>,
    /// Its own validity.
    pub window: Window,
    /// As an administrator left it.
    pub state: CredentialState,
}

/// What a reader sees of a credential.
#[derive(Debug, Clone, PartialEq)]
pub enum Bearer {
    /// One part or several, any of which identifies the credential.
    Card(Vec<Card>),
    /// Eight digits that identify by themselves.
    Code(String),
}

/// One part of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Card {
    /// `em`, `mifare_classic` or `mifare_desfire`.
    pub technology: &'static str,
    /// 40, 32 or 56.
    pub bits: u32,
    /// Below 2^bits.
    pub value: u64,
}

/// Whether a credential works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialState {
    /// It does.
    Active,
    /// Taken out of use.
    Disabled,
    /// Reported lost.
    Lost,
}

/// A virtual online lock.
#[derive(Debug, Clone, PartialEq)]
pub struct Lock {
    /// The id in the server, as `external:<this>`.
    pub external_id: String,
    /// Written on the door.
    pub name: String,
    /// Whether it asks for a PIN.
    pub pin: PinRule,
    /// The times its PIN rule holds; always when none.
    pub pin_schedule: Option<Schedule>,
    /// The times its door stands open.
    pub unlock_schedule: Option<Schedule>,
    /// Its reader reports every card as `wiegand`, in upper case with leading zeros.
    pub wiegand: bool,
}

/// When a lock asks for a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinRule {
    /// Never, the default.
    Never,
    /// Of credentials that have one.
    IfSet,
    /// Of every credential; one without a PIN is refused.
    Always,
}

/// A set of locks.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// The id in the server, as `external:<this>`.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// Indexes of its locks, ascending.
    pub locks: Vec<usize>,
    /// Index of its schedule; none means at all times.
    pub schedule: Option<usize>,
}

/// A schedule that levels refer to.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedSchedule {
    /// The id in the server, as `external:<this>`.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// When.
    pub schedule: Schedule,
}

/// When.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// By the wall clock.
    Weekly {
        /// Name of a time zone; none means that of the lock which is opened.
        time_zone: Option<&'static str>,
        /// At least one.
        windows: Vec<Weekly>,
        /// Days that are different, each counted from the day of furnishing.
        exceptions: Vec<Exception>,
    },
    /// An iCalendar rule.
    Ical(&'static str),
}

/// Some days of the week, from a time until a time; past midnight when it ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weekly {
    /// `mon` to `sun`.
    pub days: &'static [&'static str],
    /// `HH:MM`.
    pub from: &'static str,
    /// `HH:MM`.
    pub to: &'static str,
}

/// A date that is different.
#[derive(Debug, Clone, PartialEq)]
pub struct Exception {
    /// Counted from the day of furnishing.
    pub day: i64,
    /// `(from, to)` as `HH:MM`; none means closed all day.
    pub windows: Vec<(&'static str, &'static str)>,
}

/// A right.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The id in the server, as `external:<this>`.
    pub external_id: String,
    /// Who.
    pub subject: Subject,
    /// What.
    pub target: Target,
    /// From when until when.
    pub window: Window,
    /// Its own schedule, beside that of the level.
    pub schedule: Option<Schedule>,
}

/// Who a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Index of a person: all their credentials.
    Person(usize),
    /// Index of a credential: that one.
    Credential(usize),
}

/// What a grant opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Index of a lock.
    Lock(usize),
    /// Index of a level.
    Level(usize),
}

/// A half-open span of days, counted from the day of furnishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// First day; none means since ever.
    pub from_day: Option<i64>,
    /// The day after the last; none means for ever.
    pub until_day: Option<i64>,
}

/// How a window stands towards a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Inside,
    /// It lies ahead.
    NotYet,
    /// It is over.
    Past,
    /// It begins or ends about now, or a schedule decides.
    Unsure,
}

impl Window {
    /// How it stands on `day`; a bound within a day of it is left open, since clocks differ.
    pub fn standing(self, day: i64) -> Standing {
        let begun = self.from_day.is_none_or(|from| from < day);
        let lasts = self.until_day.is_none_or(|until| until > day + 1);
        if self.from_day.is_some_and(|from| from > day + 1) {
            Standing::NotYet
        } else if self.until_day.is_some_and(|until| until < day) {
            Standing::Past
        } else if begun && lasts {
            Standing::Inside
        } else {
            Standing::Unsure
        }
    }
}

impl Building {
    /// The building of this seed and these sizes; other sizes give another building altogether,
    /// with other external ids, so that two never mix up in one place.
    pub fn seeded(seed: u64, people: usize, locks: usize, levels: usize) -> Building {
        let mut rng = Rng::new(&[seed, people as u64, locks as u64, levels as u64]);
        let tag = format!("{:08x}", rng.next() >> 32);
        let mut building = Building {
            people: people::people(&mut rng, &tag, people),
            credentials: Vec::new(),
            locks: doors::locks(&tag, locks),
            schedules: doors::schedules(&tag),
            levels: doors::levels(&mut rng, &tag, locks, levels),
            grants: Vec::new(),
            tag,
        };
        building.credentials = people::credentials(&mut rng, &building);
        building.grants = rights::grants(&mut rng, &building);
        building
    }

    /// Whether `target` is, or contains, the lock.
    pub fn covers(&self, target: Target, lock: usize) -> bool {
        match target {
            Target::Lock(one) => one == lock,
            Target::Level(level) => {
                self.levels.get(level).is_some_and(|level| level.locks.contains(&lock))
            }
        }
    }

    /// The grants of any of these subjects that reach the lock, whatever their times.
    pub fn reaching<'a>(
        &'a self,
        subjects: &'a [Subject],
        lock: usize,
    ) -> impl Iterator<Item = &'a Grant> {
        self.grants
            .iter()
            .filter(move |grant| subjects.contains(&grant.subject))
            .filter(move |grant| self.covers(grant.target, lock))
    }

    /// How a grant stands on `day`, its level's schedule included.
    pub fn standing(&self, grant: &Grant, day: i64) -> Standing {
        let by_level = match grant.target {
            Target::Level(level) => self.levels.get(level).and_then(|level| level.schedule),
            Target::Lock(_) => None,
        };
        match grant.window.standing(day) {
            Standing::Inside if by_level.is_some() || grant.schedule.is_some() => Standing::Unsure,
            other => other,
        }
    }
}
