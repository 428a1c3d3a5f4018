//! One item of a list: what was confirmed of it, what was sent since, what was refused.

use super::entry::Item;
use super::{ItemKey, Way};
use crate::ids::{LockNumber, PlaceNumber};
use crate::time::{HOUR, Instant, SECOND};

const FIRST_PAUSE: i64 = 10 * SECOND;
/// From so many refusals on a controller counts as failing.
const MANY_REFUSALS: u32 = 3;
/// So many earlier sendings are told apart; older ones are taken together.
const MOST_STRAY: usize = 4;

/// What one sending of an item lets in: never its PIN or code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// That of the item.
    pub print: [u8; 16],
    /// What it recognises.
    pub identity: [u8; 16],
    /// Where it opens and when.
    pub ways: Vec<Way>,
}

impl Held {
    /// What only the controller knows.
    pub(super) const UNKNOWN: Held = Held { print: [0; 16], identity: [0; 16], ways: Vec::new() };

    /// What an item lets in.
    #[must_use]
    pub fn of(item: &Item) -> Held {
        Held { print: item.print, identity: item.identity, ways: item.ways().to_vec() }
    }

    /// Whether the server does not know what it is: it may let in anybody anywhere. Without ways,
    /// as earlier sendings that are taken together have theirs.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Held::UNKNOWN
    }
}

/// What the controller said that it has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// As which version.
    pub version: u64,
    /// When it said so.
    pub at: Instant,
    /// What.
    pub held: Held,
}

/// What was sent and not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// As which version.
    pub version: u64,
    /// In the answer to which request.
    pub seq: u64,
    /// When.
    pub at: Instant,
    /// What; none where it was to be removed.
    pub held: Option<Held>,
}

/// What the controller refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its own word for why.
    pub code: String,
    /// When.
    pub at: Instant,
    /// How often in a row.
    pub attempts: u32,
    /// When it is tried again.
    pub next_at: Instant,
    /// What was refused; none for a removal.
    pub print: Option<[u8; 16]>,
}

impl Failure {
    /// A refusal after the one before, where that was of the same; none for a removal.
    pub(super) fn after(
        former: Option<Failure>,
        code: &str,
        print: Option<[u8; 16]>,
        now: Instant,
    ) -> Failure {
        let former = former.filter(|former| former.print == print);
        let attempts = former.map_or(0, |former| former.attempts).saturating_add(1);
        let pause = FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(20)).min(HOUR);
        let (code, next_at) = (code.to_owned(), now.plus(pause));
        Failure { code, at: now, attempts, next_at, print }
    }

    /// Whether it was refused again and again.
    pub(super) fn is_lasting(&self) -> bool {
        self.attempts >= MANY_REFUSALS
    }
}

/// One item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub key: ItemKey,
    /// The place of the record it is of.
    pub place: PlaceNumber,
    /// That record's number; 0 where it is not known, or a schedule.
    pub number: u32,
    /// What is stored.
    pub confirmed: Option<Stored>,
    /// What is on its way.
    pub sent: Option<Sent>,
    /// What was on its way when something else was sent, with the versions.
    pub stray: Vec<(u64, Held)>,
    /// The last refusal, until something is stored.
    pub failure: Option<Failure>,
}

impl Row {
    /// Everything the controller may hold, with its version.
    pub fn held(&self) -> impl Iterator<Item = (u64, &Held)> {
        let confirmed = self.confirmed.iter().map(|it| (it.version, &it.held));
        let sent = self.sent.iter().filter_map(|it| Some((it.version, it.held.as_ref()?)));
        confirmed.chain(sent).chain(self.stray.iter().map(|(version, held)| (*version, held)))
    }

    /// Whether the controller may hold anything of it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held().next().is_some()
    }

    /// Notes that something else goes out while this is on its way. Where there are many such, the
    /// oldest are taken together, so that nothing that may be held is forgotten: with the lowest of
    /// their versions, as that may be what was taken back.
    pub(super) fn overtake(&mut self, version: u64, held: Held) {
        let stray = &mut self.stray;
        stray.push((version, held));
        while stray.len() > MOST_STRAY {
            let (lowest, oldest) = stray.remove(0);
            if let Some((version, next)) = stray.first_mut() {
                *version = lowest.min(*version);
                next.ways.extend(oldest.ways);
                next.ways.sort_unstable();
                next.ways.dedup();
                next.identity = [0; 16];
                next.print = [0; 16];
            }
        }
    }

    /// Whether what is held may open a lock.
    #[must_use]
    pub fn opens(&self, lock: LockNumber) -> bool {
        let opens = |held: &Held| held.ways.iter().any(|way| way.reaches(lock));
        self.held().any(|(_, held)| held.is_unknown() || opens(held))
    }
}
