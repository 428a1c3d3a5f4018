//! The working set of one place and how a record enters it.

use std::sync::Arc;

use super::index::{HolderRow, LockRow, Reach, SubjectRow};
use super::map::Map;
use super::roster::Roster;
use super::table::{Objects, Table};
use crate::ids::{
    AccessLevelNumber, AccountNumber, CredentialNumber, GrantNumber, Id, LockNumber, Noun,
    PersonNumber, Ref,
};
use crate::noun::Header;
use crate::noun::access_level::{AccessLevel, Membership};
use crate::noun::card::CardValue;
use crate::noun::controller::Controller;
use crate::noun::credential::{Credential, Tag};
use crate::noun::grant::{Grant, Subject, Target};
use crate::noun::lock::{Lock, Share};
use crate::noun::person::{Identity, Person, PersonState};
use crate::noun::place::Place;
use crate::noun::schedule::{Schedule, ScheduleRef, Timetable};
use crate::noun::webhook::Webhook;
use crate::record::Record;
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

/// What identifies a card, without the gaps that a `u128` brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct CardKey {
    high: u64,
    low: u64,
    bits: u8,
}

#[inline]
fn card_key(card: CardValue) -> CardKey {
    CardKey { high: (card.value >> 64) as u64, low: card.value as u64, bits: card.bits }
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
    ids: [Map<Id, u32>; 16],
    external_ids: Map<(Noun, String), u32>,
    emails: Map<String, PersonNumber>,
    phones: Map<String, PersonNumber>,
    identities: Map<IdentityKey, PersonNumber>,
    accounts: Map<AccountNumber, PersonNumber>,
    cards: Map<CardKey, CredentialNumber>,
    codes: Map<Tag, CredentialNumber>,
    holders: Table<HolderRow>,
    suspended: Table<bool>,
    person_reach: Table<SubjectRow>,
    credential_reach: Table<SubjectRow>,
    lock_levels: Table<LockRow>,
    lock_grants: Table<Roster>,
    level_grants: Table<Roster>,
    level_memberships: Table<Roster>,
    person_credentials: Table<Roster>,
    lock_shares: Table<Roster>,
}

static NO_REACH: SubjectRow = SubjectRow::EMPTY;
static NO_LEVELS: LockRow = LockRow::EMPTY;
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
            cards: Map::default(),
            codes: Map::default(),
            holders: Table::default(),
            suspended: Table::default(),
            person_reach: Table::default(),
            credential_reach: Table::default(),
            lock_levels: Table::default(),
            lock_grants: Table::default(),
            level_grants: Table::default(),
            level_memberships: Table::default(),
            person_credentials: Table::default(),
            lock_shares: Table::default(),
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
        self.ids[noun as usize].get(&id)
    }

    /// The number of the `noun` with that external id.
    #[must_use]
    pub fn by_external_id(&self, noun: Noun, external_id: &str) -> Option<u32> {
        self.external_ids.get(&(noun, external_id.to_owned()))
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
        self.cards.get(&card_key(card))
    }

    /// The credential with that code.
    #[must_use]
    pub fn credential_by_code(&self, code: Tag) -> Option<CredentialNumber> {
        self.codes.get(&code)
    }

    /// Who holds a credential.
    #[must_use]
    #[inline]
    pub fn holder(&self, credential: CredentialNumber) -> HolderRow {
        self.holders.get(credential.0).copied().unwrap_or_default()
    }

    /// Whether a person is suspended.
    #[must_use]
    #[inline]
    pub fn is_suspended(&self, person: PersonNumber) -> bool {
        self.suspended.get(person.0).copied().unwrap_or_default()
    }

    /// The open grants of a person.
    #[must_use]
    #[inline]
    pub fn person_reach(&self, person: PersonNumber) -> &SubjectRow {
        self.person_reach.get(person.0).unwrap_or(&NO_REACH)
    }

    /// The open grants of a credential.
    #[must_use]
    #[inline]
    pub fn credential_reach(&self, credential: CredentialNumber) -> &SubjectRow {
        self.credential_reach.get(credential.0).unwrap_or(&NO_REACH)
    }

    /// The open grants of a subject.
    #[must_use]
    pub fn reach(&self, subject: Subject) -> &SubjectRow {
        match subject {
            Subject::Person(person) => self.person_reach(person),
            Subject::Credential(credential) => self.credential_reach(credential),
        }
    }

    /// The levels a lock is in.
    #[must_use]
    #[inline]
    pub fn lock_levels(&self, lock: LockNumber) -> &LockRow {
        self.lock_levels.get(lock.0).unwrap_or(&NO_LEVELS)
    }

    /// The open grants straight to a lock.
    #[must_use]
    pub fn lock_grants(&self, lock: LockNumber) -> &Roster {
        self.lock_grants.get(lock.0).unwrap_or(&NOBODY)
    }

    /// The open grants to a level.
    #[must_use]
    pub fn level_grants(&self, level: AccessLevelNumber) -> &Roster {
        self.level_grants.get(level.0).unwrap_or(&NOBODY)
    }

    /// The open memberships of a level.
    #[must_use]
    pub fn level_memberships(&self, level: AccessLevelNumber) -> &Roster {
        self.level_memberships.get(level.0).unwrap_or(&NOBODY)
    }

    /// The credentials of a person.
    #[must_use]
    pub fn person_credentials(&self, person: PersonNumber) -> &Roster {
        self.person_credentials.get(person.0).unwrap_or(&NOBODY)
    }

    /// The open shares of a lock.
    #[must_use]
    pub fn lock_shares(&self, lock: LockNumber) -> &Roster {
        self.lock_shares.get(lock.0).unwrap_or(&NOBODY)
    }

    /// The locks of a level with their open memberships, in order of membership.
    pub fn level_locks(&self, level: AccessLevelNumber) -> impl Iterator<Item = &Arc<Membership>> {
        self.level_memberships(level).iter().filter_map(|number| self.memberships.get(number))
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

    /// Takes a record in: puts it, replaces what had its number, or takes that out where the record
    /// is deleted or closed. Accounts, clients, organizations and tickets are not a place's.
    pub fn apply(&mut self, record: &Record) {
        let header = record.header();
        self.revision = self.revision.max(header.revision);
        self.reserve(record.noun(), header.number);
        let number = header.number;
        let live = !header.is_deleted();
        macro_rules! put {
            ($field:ident, $it:expr, $live:expr, $index:ident) => {{
                let former = self.$field.set(number, $live.then(|| $it.clone()));
                if let Some(former) = &former {
                    self.unname(record.noun(), &former.header);
                    self.$index(former, false);
                }
                if $live {
                    self.name(record.noun(), &$it.header);
                    self.$index($it, true);
                }
            }};
        }
        match record {
            Record::Place(it) => self.place = it.clone(),
            Record::Person(it) => put!(people, it, live, index_person),
            Record::Credential(it) => put!(credentials, it, live, index_credential),
            Record::Controller(it) => put!(controllers, it, live, index_nothing),
            Record::Lock(it) => put!(locks, it, live, index_nothing),
            Record::Share(it) => put!(shares, it, live && it.closed.is_none(), index_share),
            Record::AccessLevel(it) => put!(levels, it, live, index_nothing),
            Record::Membership(it) => {
                put!(memberships, it, live && it.closed.is_none(), index_membership);
            }
            Record::Schedule(it) => put!(schedules, it, live, index_nothing),
            Record::Grant(it) => put!(grants, it, live && it.closed.is_none(), index_grant),
            Record::Webhook(it) => put!(webhooks, it, live, index_nothing),
            Record::Organization(_)
            | Record::Account(_)
            | Record::Client(_)
            | Record::Ticket(_) => {}
        }
    }

    fn name(&mut self, noun: Noun, header: &Header) {
        self.ids[noun as usize].insert(header.id, header.number);
        if let Some(external_id) = &header.external_id {
            self.external_ids.insert((noun, external_id.clone()), header.number);
        }
    }

    fn unname(&mut self, noun: Noun, header: &Header) {
        self.ids[noun as usize].remove(&header.id);
        if let Some(external_id) = &header.external_id {
            self.external_ids.remove_own(&(noun, external_id.clone()), header.number);
        }
    }

    fn index_nothing<T>(&mut self, _: &Arc<T>, _: bool) {}

    fn index_person(&mut self, person: &Arc<Person>, add: bool) {
        let number = person.number();
        let details = &person.details;
        let keys = details.identity.iter().flat_map(IdentityKey::of);
        *self.suspended.edit(number.0) = add && person.state == PersonState::Suspended;
        if add {
            details.email.iter().for_each(|email| self.emails.insert(folded(email), number));
            details.phone.iter().for_each(|phone| self.phones.insert(phone.clone(), number));
            person.account.iter().for_each(|account| self.accounts.insert(*account, number));
            keys.for_each(|key| self.identities.insert(key, number));
        } else {
            details
                .email
                .iter()
                .for_each(|email| self.emails.remove_own(folded(email).as_str(), number));
            details.phone.iter().for_each(|phone| self.phones.remove_own(phone.as_str(), number));
            person.account.iter().for_each(|account| self.accounts.remove_own(account, number));
            keys.for_each(|key| self.identities.remove_own(&key, number));
        }
    }

    fn index_credential(&mut self, credential: &Arc<Credential>, add: bool) {
        let number = credential.number();
        let code = credential.code.iter().map(|code| code.tag);
        let holder = if add { HolderRow::new(credential) } else { HolderRow::default() };
        *self.holders.edit(number.0) = holder;
        if add {
            credential.parts.iter().for_each(|part| self.cards.insert(card_key(part.card), number));
            code.for_each(|tag| self.codes.insert(tag, number));
        } else {
            credential
                .parts
                .iter()
                .for_each(|part| self.cards.remove_own(&card_key(part.card), number));
            code.for_each(|tag| self.codes.remove_own(&tag, number));
        }
        if let Some(person) = credential.person {
            set(self.person_credentials.edit(person.0), number.0, add);
        }
    }

    fn index_share(&mut self, share: &Arc<Share>, add: bool) {
        set(self.lock_shares.edit(share.lock.0), share.header.number, add);
    }

    fn index_membership(&mut self, membership: &Arc<Membership>, add: bool) {
        let (level, lock) = (membership.level, membership.lock);
        set(self.level_memberships.edit(level.0), membership.header.number, add);
        let row = self.lock_levels.edit(lock.0);
        if add { row.insert(level) } else { row.remove(level) }
    }

    fn index_grant(&mut self, grant: &Arc<Grant>, add: bool) {
        let number = grant.header.number;
        match grant.target {
            Target::Lock(lock) => set(self.lock_grants.edit(lock.0), number, add),
            Target::AccessLevel(level) => set(self.level_grants.edit(level.0), number, add),
        }
        let row = match grant.subject {
            Subject::Person(person) => self.person_reach.edit(person.0),
            Subject::Credential(credential) => self.credential_reach.edit(credential.0),
        };
        if add { row.insert(Reach::new(grant)) } else { row.remove(GrantNumber(number)) }
    }
}

fn set(roster: &mut Roster, number: u32, add: bool) {
    if add { roster.insert(number) } else { roster.remove(number) }
}
