//! The working set of one place, and what it can be asked.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::cards::{Cards, Held};
use super::index::{HolderRow, LevelRow, LockRow, Reaches, Subjects};
use super::map::Map;
use super::roster::Roster;
use super::table::{Objects, Table};
use crate::ids::{
    AccessLevelNumber, AccountNumber, CredentialNumber, Id, LockNumber, Noun, PersonNumber, Ref,
    ScheduleNumber,
};
use crate::noun::access_level::{AccessLevel, Membership};
use crate::noun::card::CardValue;
use crate::noun::controller::Controller;
use crate::noun::credential::{Credential, Tag};
use crate::noun::grant::{Grant, Subject, Target};
use crate::noun::lock::{Lock, Share};
use crate::noun::person::{Identity, Person};
use crate::noun::place::Place;
use crate::noun::schedule::{Schedule, ScheduleRef, Timetable};
use crate::noun::webhook::Webhook;
use crate::record::Record;
use crate::schedule::Hours;
use crate::text::folded;
use crate::time::Zone;

/// A key by which a person is found: provider, and subject or case-folded identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IdentityKey {
    /// The provider's id.
    Subject(String, String),
    /// The provider's log-in name, folded.
    Identifier(String, String),
}

impl Default for IdentityKey {
    /// Nobody's.
    fn default() -> IdentityKey {
        IdentityKey::Subject(String::new(), String::new())
    }
}

impl IdentityKey {
    /// The keys of an identity.
    pub fn of(identity: &Identity) -> impl Iterator<Item = IdentityKey> {
        let provider = || identity.provider.clone();
        let subject = identity.subject.clone().map(|text| IdentityKey::Subject(provider(), text));
        let identifier = identity
            .identifier
            .as_deref()
            .map(|text| IdentityKey::Identifier(provider(), folded(text)));
        subject.into_iter().chain(identifier)
    }
}

/// Everything of one place that is not closed or deleted.
#[derive(Clone, Debug)]
pub struct PlaceState {
    /// The place itself.
    pub place: Arc<Place>,
    /// The place's commits so far.
    pub revision: u64,
    /// The highest number given so far, by noun code.
    numbers: [u32; 16],
    /// People.
    pub people: Objects<Person>,
    /// Credentials.
    pub credentials: Objects<Credential>,
    /// Controllers.
    pub controllers: Objects<Controller>,
    /// Locks, borrowed ones included.
    pub locks: Objects<Lock>,
    /// Own locks offered to others.
    pub shares: Objects<Share>,
    /// Access levels.
    pub levels: Objects<AccessLevel>,
    /// Locks in levels.
    pub memberships: Objects<Membership>,
    /// Schedules.
    pub schedules: Objects<Schedule>,
    /// Grants.
    pub grants: Objects<Grant>,
    /// Webhooks.
    pub webhooks: Objects<Webhook>,
    /// By noun code.
    pub(super) ids: [Map<Id, NonZeroU32>; 16],
    pub(super) external_ids: Map<(u8, String), u32>,
    pub(super) emails: Map<String, PersonNumber>,
    pub(super) phones: Map<String, PersonNumber>,
    pub(super) identities: Map<IdentityKey, PersonNumber>,
    pub(super) accounts: Map<AccountNumber, PersonNumber>,
    pub(super) cards: Cards,
    pub(super) codes: Map<Tag, CredentialNumber>,
    pub(super) holders: Table<HolderRow>,
    pub(super) persons: Subjects,
    /// Credentials as subjects of grants of their own.
    pub(super) bearers: Subjects,
    pub(super) lock_rows: Table<LockRow>,
    pub(super) level_rows: Table<LevelRow>,
    /// By schedule.
    pub(super) hours: Table<Hours>,
    pub(super) lock_grants: Table<Roster>,
    pub(super) level_grants: Table<Roster>,
    pub(super) level_memberships: Table<Roster>,
    pub(super) person_credentials: Table<Roster>,
    pub(super) lock_shares: Table<Roster>,
    /// People of whom nothing is to be forgotten until some instant.
    pub(super) held: Roster,
}

static NO_LOCK: LockRow = LockRow::EMPTY;
static NO_HOURS: Hours = Hours::Absent;
static NOBODY: Roster = Roster::EMPTY;

impl PlaceState {
    /// A place with nothing in it.
    #[must_use]
    pub fn new(place: Arc<Place>) -> PlaceState {
        PlaceState {
            revision: place.header.revision,
            place,
            numbers: [0; 16],
            people: Objects::default(),
            credentials: Objects::default(),
            controllers: Objects::default(),
            locks: Objects::default(),
            shares: Objects::default(),
            levels: Objects::default(),
            memberships: Objects::default(),
            schedules: Objects::default(),
            grants: Objects::default(),
            webhooks: Objects::default(),
            ids: Default::default(),
            external_ids: Map::default(),
            emails: Map::default(),
            phones: Map::default(),
            identities: Map::default(),
            accounts: Map::default(),
            cards: Cards::default(),
            codes: Map::default(),
            holders: Table::default(),
            persons: Subjects::default(),
            bearers: Subjects::default(),
            lock_rows: Table::default(),
            level_rows: Table::default(),
            hours: Table::default(),
            lock_grants: Table::default(),
            level_grants: Table::default(),
            level_memberships: Table::default(),
            person_credentials: Table::default(),
            lock_shares: Table::default(),
            held: Roster::default(),
        }
    }

    /// The highest number given so far for a noun.
    #[must_use]
    pub fn highest(&self, noun: Noun) -> u32 {
        self.numbers[noun as usize]
    }

    /// Says that numbers up to `number` have been given, also to records that are not here.
    pub fn reserve(&mut self, noun: Noun, number: u32) {
        let highest = &mut self.numbers[noun as usize];
        *highest = number.max(*highest);
    }

    /// The number of the `noun` with that public id, if it is of this place and not closed.
    #[must_use]
    #[inline]
    pub fn number_of(&self, noun: Noun, id: Id) -> Option<u32> {
        self.ids[noun as usize].get(&id).map(NonZeroU32::get)
    }

    /// The number of the `noun` with that external id.
    #[must_use]
    pub fn by_external_id(&self, noun: Noun, external_id: &str) -> Option<u32> {
        self.external_ids.get(&(noun as u8, external_id.to_owned()))
    }

    /// The number of the `noun` a caller names so.
    #[must_use]
    pub fn resolve(&self, noun: Noun, reference: &Ref) -> Option<u32> {
        match reference {
            Ref::Id(id) => self.number_of(noun, *id),
            Ref::External(external_id) => self.by_external_id(noun, external_id),
        }
    }

    /// The person with that e-mail address.
    #[must_use]
    pub fn person_by_email(&self, email: &str) -> Option<PersonNumber> {
        self.emails.get(folded(email).as_str())
    }

    /// The person with that phone number.
    #[must_use]
    pub fn person_by_phone(&self, phone: &str) -> Option<PersonNumber> {
        self.phones.get(phone)
    }

    /// The person an identity provider knows so.
    #[must_use]
    pub fn person_by_identity(&self, key: &IdentityKey) -> Option<PersonNumber> {
        self.identities.get(key)
    }

    /// The person with that log-in.
    #[must_use]
    pub fn person_by_account(&self, account: AccountNumber) -> Option<PersonNumber> {
        self.accounts.get(&account)
    }

    /// The credential any part of whose card is that.
    #[must_use]
    #[inline]
    pub fn credential_by_card(&self, card: CardValue) -> Option<CredentialNumber> {
        self.held_by_card(card).map(|(number, _)| number)
    }

    /// The same, with what is known of it.
    #[inline]
    pub(crate) fn held_by_card(&self, card: CardValue) -> Option<(CredentialNumber, HolderRow)> {
        self.cards.get(card).map(Held::parts)
    }

    /// The credential with that card as an opaque part, which may be typed as its text.
    #[must_use]
    pub fn credential_by_text(&self, card: CardValue) -> Option<CredentialNumber> {
        let number = self.credential_by_card(card)?;
        let parts = &self.credentials.get(number)?.parts;
        parts.iter().any(|part| part.card == card && part.typed().is_some()).then_some(number)
    }

    /// The credential with that code.
    #[must_use]
    pub fn credential_by_code(&self, code: Tag) -> Option<CredentialNumber> {
        self.codes.get(&code)
    }

    /// What is known of a credential.
    #[inline]
    pub(crate) fn holder(&self, credential: CredentialNumber) -> HolderRow {
        *self.holders.get_or(credential.0, &HolderRow::NONE)
    }

    /// The open grants of a person.
    #[must_use]
    #[inline]
    pub fn person_reach(&self, person: PersonNumber) -> Reaches<'_> {
        self.persons.get(person.0)
    }

    /// The open grants of a credential.
    #[must_use]
    #[inline]
    pub fn credential_reach(&self, credential: CredentialNumber) -> Reaches<'_> {
        self.bearers.get(credential.0)
    }

    /// The open grants of a subject.
    #[must_use]
    pub fn reach(&self, subject: Subject) -> Reaches<'_> {
        match subject {
            Subject::Person(person) => self.person_reach(person),
            Subject::Credential(credential) => self.credential_reach(credential),
        }
    }

    /// The levels a lock is in, and those of its settings that decisions read.
    #[must_use]
    #[inline]
    pub fn lock_levels(&self, lock: LockNumber) -> &LockRow {
        self.lock_rows.get_or(lock.0, &NO_LOCK)
    }

    /// When the grants of a level hold.
    #[inline]
    pub(crate) fn level_row(&self, level: AccessLevelNumber) -> LevelRow {
        *self.level_rows.get_or(level.0, &LevelRow::ALWAYS)
    }

    /// The hours of a schedule.
    #[inline]
    pub(crate) fn hours(&self, schedule: ScheduleNumber) -> &Hours {
        self.hours.get_or(schedule.0, &NO_HOURS)
    }

    /// The open grants straight to a lock.
    #[must_use]
    pub fn lock_grants(&self, lock: LockNumber) -> &Roster {
        self.lock_grants.get_or(lock.0, &NOBODY)
    }

    /// The open grants to a level.
    #[must_use]
    pub fn level_grants(&self, level: AccessLevelNumber) -> &Roster {
        self.level_grants.get_or(level.0, &NOBODY)
    }

    /// The open memberships of a level.
    #[must_use]
    pub fn level_memberships(&self, level: AccessLevelNumber) -> &Roster {
        self.level_memberships.get_or(level.0, &NOBODY)
    }

    /// The credentials of a person.
    #[must_use]
    pub fn person_credentials(&self, person: PersonNumber) -> &Roster {
        self.person_credentials.get_or(person.0, &NOBODY)
    }

    /// The people of whom somebody said that nothing is to be forgotten; for some that is over.
    #[must_use]
    pub fn held(&self) -> &Roster {
        &self.held
    }

    /// The open shares of a lock.
    #[must_use]
    pub fn lock_shares(&self, lock: LockNumber) -> &Roster {
        self.lock_shares.get_or(lock.0, &NOBODY)
    }

    /// The locks of a level with their open memberships, in order of membership.
    pub fn level_locks(&self, level: AccessLevelNumber) -> impl Iterator<Item = &Arc<Membership>> {
        self.level_memberships(level).iter().filter_map(|number| self.memberships.get(number))
    }

    /// The locks that a target is, or has.
    #[must_use]
    pub fn locks_of(&self, target: Target) -> Vec<LockNumber> {
        match target {
            Target::Lock(lock) => vec![lock],
            Target::AccessLevel(level) => self.level_locks(level).map(|it| it.lock).collect(),
        }
    }

    /// The open membership of a lock in a level.
    #[must_use]
    pub fn membership(
        &self,
        level: AccessLevelNumber,
        lock: LockNumber,
    ) -> Option<&Arc<Membership>> {
        self.level_locks(level).find(|membership| membership.lock == lock)
    }

    /// The open grants of a subject to a target, in order of number.
    pub fn grants_between(
        &self,
        subject: Subject,
        target: Target,
    ) -> impl Iterator<Item = &Arc<Grant>> {
        self.reach(subject)
            .iter()
            .filter_map(|reach| self.grants.get(reach.grant()))
            .filter(move |grant| grant.target == target)
    }

    /// The timetable a reference means.
    #[must_use]
    #[inline]
    pub fn timetable<'a>(&'a self, schedule: &'a ScheduleRef) -> Option<&'a Timetable> {
        match schedule {
            ScheduleRef::Inline(timetable) => Some(timetable),
            ScheduleRef::Named(number) => self.schedules.get(*number).map(|s| &*s.timetable),
        }
    }

    /// The zone of a lock: its own, else its place's.
    #[must_use]
    pub fn zone_of<'a>(&'a self, lock: &'a Lock) -> &'a Zone {
        lock.zone.as_ref().unwrap_or(&self.place.zone)
    }

    /// The record of this place with that number, if it is here.
    #[must_use]
    pub fn record(&self, noun: Noun, number: u32) -> Option<Record> {
        match noun {
            Noun::Place => (number == self.place.header.number && self.place.header.revision > 0)
                .then(|| self.place.clone().into()),
            Noun::Person => self.people.get(number).cloned().map(Record::from),
            Noun::Credential => self.credentials.get(number).cloned().map(Record::from),
            Noun::Controller => self.controllers.get(number).cloned().map(Record::from),
            Noun::Lock => self.locks.get(number).cloned().map(Record::from),
            Noun::Share => self.shares.get(number).cloned().map(Record::from),
            Noun::AccessLevel => self.levels.get(number).cloned().map(Record::from),
            Noun::Membership => self.memberships.get(number).cloned().map(Record::from),
            Noun::Schedule => self.schedules.get(number).cloned().map(Record::from),
            Noun::Grant => self.grants.get(number).cloned().map(Record::from),
            Noun::Webhook => self.webhooks.get(number).cloned().map(Record::from),
            Noun::Organization | Noun::Account | Noun::Client | Noun::Ticket => None,
        }
    }
}
