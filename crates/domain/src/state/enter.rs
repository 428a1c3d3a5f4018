//! How a record enters a place, and what follows it into the maps and the rows of the index.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::cards::Held;
use super::index::{HolderRow, LevelRow, Reach};
use super::place::{IdentityKey, PlaceState};
use super::roster::Roster;
use crate::ids::{GrantNumber, Noun};
use crate::noun::Header;
use crate::noun::access_level::{AccessLevel, Membership};
use crate::noun::credential::Credential;
use crate::noun::grant::{Grant, Subject, Target};
use crate::noun::lock::{Lock, Share};
use crate::noun::person::Person;
use crate::noun::schedule::Schedule;
use crate::record::Record;
use crate::schedule::Hours;
use crate::text::folded;

impl PlaceState {
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
            Record::Lock(it) => put!(locks, it, live, index_lock),
            Record::Share(it) => put!(shares, it, live && it.closed.is_none(), index_share),
            Record::AccessLevel(it) => put!(levels, it, live, index_level),
            Record::Membership(it) => {
                put!(memberships, it, live && it.closed.is_none(), index_membership);
            }
            Record::Schedule(it) => put!(schedules, it, live, index_schedule),
            Record::Grant(it) => put!(grants, it, live && it.closed.is_none(), index_grant),
            Record::Webhook(it) => put!(webhooks, it, live, index_nothing),
            Record::Organization(_)
            | Record::Account(_)
            | Record::Client(_)
            | Record::Ticket(_) => {}
        }
    }

    fn name(&mut self, noun: Noun, header: &Header) {
        if let Some(number) = NonZeroU32::new(header.number) {
            self.ids[noun as usize].insert(header.id, number);
        }
        if let Some(external_id) = &header.external_id {
            self.external_ids.insert((noun as u8, external_id.clone()), header.number);
        }
    }

    fn unname(&mut self, noun: Noun, header: &Header) {
        self.ids[noun as usize].remove(&header.id);
        if let Some(external_id) = &header.external_id {
            self.external_ids.remove_own(&(noun as u8, external_id.clone()), header.number);
        }
    }

    fn index_nothing<T>(&mut self, _: &Arc<T>, _: bool) {}

    fn index_person(&mut self, person: &Arc<Person>, add: bool) {
        let number = person.number();
        let details = &person.details;
        let keys = details.identity.iter().flat_map(IdentityKey::of);
        self.persons.set_person(person, add);
        if person.held_until.is_some() {
            set(&mut self.held, number.0, add);
        }
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
        let holder = HolderRow::new(credential);
        *self.holders.edit(number.0) = if add { holder } else { HolderRow::default() };
        let held = Held::of(number, holder);
        for card in credential.parts.iter().map(|part| part.card) {
            if let Some(held) = held {
                if add { self.cards.insert(card, held) } else { self.cards.remove_own(card, held) }
            }
        }
        for tag in code {
            if add { self.codes.insert(tag, number) } else { self.codes.remove_own(&tag, number) }
        }
        if let Some(person) = credential.person {
            set(self.person_credentials.edit(person.0), number.0, add);
        }
    }

    fn index_lock(&mut self, lock: &Arc<Lock>, add: bool) {
        self.lock_rows.edit(lock.header.number).set(lock, add);
    }

    fn index_level(&mut self, level: &Arc<AccessLevel>, add: bool) {
        let row = if add { LevelRow::new(level) } else { LevelRow::default() };
        *self.level_rows.edit(level.header.number) = row;
    }

    fn index_schedule(&mut self, schedule: &Arc<Schedule>, add: bool) {
        let compiled = schedule.timetable.compiled();
        let row = if add { compiled.hours() } else { Hours::default() };
        *self.hours.edit(schedule.header.number) = row;
    }

    fn index_share(&mut self, share: &Arc<Share>, add: bool) {
        set(self.lock_shares.edit(share.lock.0), share.header.number, add);
    }

    fn index_membership(&mut self, membership: &Arc<Membership>, add: bool) {
        let (level, lock) = (membership.level, membership.lock);
        set(self.level_memberships.edit(level.0), membership.header.number, add);
        let row = self.lock_rows.edit(lock.0);
        if add { row.insert(level) } else { row.remove(level) }
    }

    fn index_grant(&mut self, grant: &Arc<Grant>, add: bool) {
        let number = grant.header.number;
        match grant.target {
            Target::Lock(lock) => set(self.lock_grants.edit(lock.0), number, add),
            Target::AccessLevel(level) => set(self.level_grants.edit(level.0), number, add),
        }
        let (subjects, subject) = match grant.subject {
            Subject::Person(person) => (&mut self.persons, person.0),
            Subject::Credential(credential) => (&mut self.bearers, credential.0),
        };
        if add {
            subjects.insert(subject, Reach::new(grant));
        } else {
            subjects.remove(subject, GrantNumber(number));
        }
    }
}

fn set(roster: &mut Roster, number: u32, add: bool) {
    if add { roster.insert(number) } else { roster.remove(number) }
}
