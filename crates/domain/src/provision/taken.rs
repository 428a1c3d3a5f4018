//! What a command takes back at lists: what each held of it, and where it never came to.

use std::collections::{BTreeMap, BTreeSet};

use super::concern::{Concern, credentials_of};
use super::desired::candidates;
use super::entry::{Item, Scribe, open_grants};
use super::list::List;
use super::revocation::{AtList, LockState, Taken};
use super::row::Held;
use super::{Digest, ItemKind, Site, Way};
use crate::draft::Write;
use crate::ids::{CredentialNumber, GrantNumber, Id, LockNumber, Noun, PlaceNumber};
use crate::noun::grant::{Grant, Subject, Target};
use crate::record::Record;
use crate::state::PlaceState;
use crate::time::{Instant, Window};

/// Whether something held lets in more than an item would.
#[must_use]
pub(super) fn is_narrower(held: &Held, item: &Item, now: Instant) -> bool {
    held.is_unknown() || !lost(held, Some(item), now).is_empty()
}

/// The locks at which something held lets in more than an item would.
fn lost(held: &Held, item: Option<&Item>, now: Instant) -> BTreeSet<LockNumber> {
    let over = |way: &&Way| way.window.until > now.0;
    let mut lost = BTreeSet::new();
    let known = item.filter(|item| item.identity == held.identity);
    if known.is_some_and(|item| item.print == held.print) {
        return lost;
    }
    let ways = known.map_or(&[][..], Item::ways);
    for way in held.ways.iter().filter(over) {
        let covers = |wider: &&Way| {
            wider.window.from <= way.window.from.max(now.0)
                && wider.window.until >= way.window.until
                && wider.schedules.iter().all(|it| way.schedules.contains(it))
                && wider.override_lockdown >= way.override_lockdown
        };
        let wider: Vec<&Way> = ways.iter().filter(covers).collect();
        lost.extend(way.locks.iter().filter(|lock| !wider.iter().any(|it| it.reaches(**lock))));
    }
    lost
}

/// A list that a command may take something back from, with what it is derived from before the
/// command and after it.
#[derive(Clone, Debug)]
pub struct Affected<'s> {
    /// The list.
    pub list: &'s List,
    /// Before.
    pub before: Site<'s>,
    /// After.
    pub after: Site<'s>,
}

/// What a command takes back at lists: with `writes`, which concern these, it changed the place
/// that was `before`. What a list held too much already is an earlier command's, and this one's,
/// too, where that is of a grant that it ends; of what a list never held it is only said that it
/// did not.
#[must_use]
pub fn taken(
    before: &PlaceState,
    writes: &[Write],
    concern: &Concern,
    lists: &[Affected<'_>],
    now: Instant,
    digest: Digest,
) -> Taken {
    let mut found = Taken::default();
    let ended = endings(before, writes, lists);
    for affected in lists {
        let list = affected.list;
        let mut then = Scribe::new(digest, now);
        let mut since = Scribe::new(digest, now);
        let mut items = Vec::new();
        let (mut pending, mut given) = (BTreeSet::new(), BTreeSet::new());
        for (id, whose) in concerned(affected, concern, before) {
            let had = item_of(&mut then, &affected.before, whose);
            let ended = ended.get(&id).map_or(&[][..], Vec::as_slice);
            if had.is_none() && ended.is_empty() {
                continue;
            }
            let has = item_of(&mut since, &affected.after, whose);
            let mut less = match &had {
                Some(had) => lost(&Held::of(had), has.as_ref(), now),
                None => BTreeSet::new(),
            };
            let open = still_open(affected, id, has.as_ref(), now);
            let is_ended = |lock: &&LockNumber| {
                let owned = (list.key.place, **lock);
                ended.iter().any(|ending| ending.reaches(before, owned))
            };
            less.extend(open.difference(&less).filter(is_ended).copied().collect::<Vec<_>>());
            if less.is_empty() {
                continue;
            }
            items.push(id);
            pending.extend(less.intersection(&open).copied());
            given.extend(less);
        }
        let never = given.difference(&pending).map(|lock| (*lock, LockState::NeverIssued));
        let (ended, after) = (never.collect(), list.version);
        let locks = with_ids(&affected.before, given);
        if !locks.is_empty() {
            found.lists.push(AtList { key: list.key, after, items, locks, ended });
        }
    }
    found.grants = closed(before, writes, &found);
    said_once(&mut found.lists);
    found
}

/// The locks at which what a list holds of a credential lets in more than it should.
fn still_open(
    affected: &Affected<'_>,
    id: Id,
    has: Option<&Item>,
    now: Instant,
) -> BTreeSet<LockNumber> {
    let Some(row) = affected.list.credential(id) else { return BTreeSet::new() };
    let mut open: BTreeSet<LockNumber> =
        row.held().flat_map(|(_, held)| lost(held, has, now)).collect();
    if row.held().any(|(_, held)| held.is_unknown()) {
        let own = affected.before.tenants.first();
        open.extend(own.into_iter().flat_map(|own| own.locks.values()));
    }
    open
}

/// A lock that moved from one list to another is named by that which may still let in.
fn said_once(lists: &mut Vec<AtList>) {
    let open = |at: &AtList| -> Vec<Id> {
        let open = at.locks.iter().filter(|(lock, _)| !at.ended.contains_key(lock));
        open.map(|(_, id)| *id).collect()
    };
    let pending: BTreeSet<Id> = lists.iter().flat_map(open).collect();
    for at in &mut *lists {
        let ended = std::mem::take(&mut at.ended);
        at.locks.retain(|(lock, id)| !ended.contains_key(lock) || !pending.contains(id));
        let is_left = |lock: &LockNumber| at.locks.iter().any(|(it, _)| it == lock);
        at.ended = ended.into_iter().filter(|(lock, _)| is_left(lock)).collect();
    }
    lists.retain(|at| !at.locks.is_empty());
}

/// Where a command ends what grants gave.
enum Ending {
    /// All that was given to this.
    Of(Target),
    /// At a lock of a level.
    At(LockNumber),
}

impl Ending {
    /// Whether it is about a lock of a place.
    fn reaches(&self, before: &PlaceState, owned: (PlaceNumber, LockNumber)) -> bool {
        let is_it = |lock: LockNumber| {
            let known = before.locks.get(lock);
            known.is_some_and(|it| it.borrowed.unwrap_or((before.place.number(), lock)) == owned)
        };
        match self {
            Ending::Of(Target::Lock(lock)) | Ending::At(lock) => is_it(*lock),
            Ending::Of(Target::AccessLevel(level)) => {
                before.level_locks(*level).any(|member| is_it(member.lock))
            }
        }
    }
}

/// What the writes end of grants, by the credentials that some list holds.
fn endings(
    before: &PlaceState,
    writes: &[Write],
    lists: &[Affected<'_>],
) -> BTreeMap<Id, Vec<Ending>> {
    let mut found: BTreeMap<Id, Vec<Ending>> = BTreeMap::new();
    let mut note = |subject: Subject, ending: &dyn Fn() -> Ending| {
        let held = |id: &Id| lists.iter().any(|at| at.list.holds(*id));
        for id in presented_by(before, subject).into_iter().filter(held) {
            found.entry(id).or_default().push(ending());
        }
    };
    for Write { record, former } in writes {
        match (former, record) {
            (Some(Record::Grant(former)), Record::Grant(grant)) if is_less(former, grant) => {
                note(grant.subject, &|| Ending::Of(former.target));
            }
            (Some(Record::Membership(_)), Record::Membership(it)) if it.closed.is_some() => {
                let grants = before.level_grants(it.level).iter();
                for grant in grants.filter_map(|number| before.grants.get(number)) {
                    note(grant.subject, &|| Ending::At(it.lock));
                }
            }
            _ => {}
        }
    }
    found
}

/// The credentials that a grant is about.
fn presented_by(before: &PlaceState, subject: Subject) -> Vec<Id> {
    match subject {
        Subject::Credential(number) => {
            before.credentials.get(number).map(|it| it.header.id).into_iter().collect()
        }
        Subject::Person(person) => credentials_of(before, person.0).collect(),
    }
}

/// Whether a grant was closed or narrowed.
fn is_less(former: &Grant, grant: &Grant) -> bool {
    grant.closed.is_some() || !is_as_wide(&former.window, &grant.window)
}

/// The place and number of a credential.
type Whose = (PlaceNumber, CredentialNumber);

fn item_of(scribe: &mut Scribe, site: &Site<'_>, (place, number): Whose) -> Option<Item> {
    scribe.credential(site, site.tenant(place)?, number)
}

/// The credentials that writes in a place may concern at a list, in order of their ids: those it
/// may hold, and those that had a right at its locks.
fn concerned(
    affected: &Affected<'_>,
    concern: &Concern,
    before: &PlaceState,
) -> BTreeMap<Id, Whose> {
    let (list, place) = (affected.list, before.place.number());
    match concern {
        Concern::Some(ids) => {
            let number = |id: &Id| before.number_of(Noun::Credential, *id);
            let known = |id: &Id| Some((*id, (place, CredentialNumber(number(id)?))));
            ids.iter().filter_map(known).collect()
        }
        Concern::Anybody => {
            let is_meant = |whose: PlaceNumber| list.key.place == place || whose == place;
            let rows = list.rows().filter(|row| row.key.kind == ItemKind::Credential);
            let held = rows.map(|row| (row.key.id, (row.place, CredentialNumber(row.number))));
            let tenants = affected.before.tenants.iter();
            let rights = tenants.flat_map(|tenant| {
                let state = tenant.state;
                candidates(tenant).into_iter().filter_map(move |number| {
                    let id = state.credentials.get(number)?.header.id;
                    Some((id, (state.place.number(), number)))
                })
            });
            held.chain(rights).filter(|(_, (whose, _))| is_meant(*whose)).collect()
        }
    }
}

fn with_ids(before: &Site<'_>, locks: BTreeSet<LockNumber>) -> Vec<(LockNumber, Id)> {
    let id = |lock: LockNumber| before.owner.locks.get(lock).map(|lock| lock.header.id);
    locks.into_iter().filter_map(|lock| Some((lock, id(lock)?))).collect()
}

/// The grants that the writes closed or narrowed, and those of whoever they took a credential from,
/// with those credentials that open less at some list for it. A grant of the latter may be closed
/// while the list still lets the credential in: it has ended only when that has.
fn closed(before: &PlaceState, writes: &[Write], taken: &Taken) -> Vec<(GrantNumber, Vec<Id>)> {
    let less: BTreeSet<Id> = taken.lists.iter().flat_map(|at| at.items.iter().copied()).collect();
    let mut found: BTreeMap<GrantNumber, BTreeSet<Id>> = BTreeMap::new();
    let mut note = |grant: GrantNumber, about: &mut dyn Iterator<Item = Id>| {
        let mut about = about.filter(|id| less.contains(id)).peekable();
        if about.peek().is_some() {
            found.entry(grant).or_default().extend(about);
        }
    };
    for Write { record, former } in writes {
        match (former, record) {
            (Some(Record::Grant(former)), Record::Grant(grant)) if is_less(former, grant) => {
                note(grant.number(), &mut presented_by(before, grant.subject).into_iter());
            }
            (Some(Record::Credential(former)), Record::Credential(credential))
                if credential.header.is_deleted() || credential.person != former.person =>
            {
                let held = |grant: &&Grant| matches!(grant.subject, Subject::Person(_));
                for grant in open_grants(before, former).filter(held) {
                    note(grant.number(), &mut std::iter::once(former.header.id));
                }
            }
            _ => {}
        }
    }
    let listed = |(grant, about): (_, BTreeSet<Id>)| (grant, about.into_iter().collect());
    found.into_iter().map(listed).collect()
}

/// Whether a window is the same or wider than before.
fn is_as_wide(before: &Window, after: &Window) -> bool {
    after.intersect(before) == *before
}
