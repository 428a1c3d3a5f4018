//! Place 0: organizations, accounts, clients and tickets, and which places there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::map::Map;
use super::table::{Objects, Table};
use crate::ids::{AccountNumber, ClientNumber, Id, Noun, OrganizationNumber, TicketNumber};
use crate::noun::account::{Account, ActsFor, Ticket};
use crate::noun::client::Client;
use crate::noun::place::Organization;
use crate::record::Record;
use crate::text::folded;

/// What belongs to no single place.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Commits to place 0 so far.
    pub revision: u64,
    numbers: [u32; 16],
    /// Who runs places.
    pub organizations: Objects<Organization>,
    /// Log-ins.
    pub accounts: Objects<Account>,
    /// Programs.
    pub clients: Objects<Client>,
    /// Tokens, sessions and one-time secrets.
    pub tickets: Objects<Ticket>,
    ids: Map<Id, (Noun, u32)>,
    emails: Map<String, AccountNumber>,
    phones: Map<String, AccountNumber>,
    keys: Map<[u8; 32], ClientNumber>,
    secrets: Map<[u8; 32], TicketNumber>,
    acting: Map<ActsFor, u32>,
    /// The tickets of each account: there are many of others.
    tickets_of: Table<Option<Arc<BTreeSet<TicketNumber>>>>,
}

impl Directory {
    /// The highest number given so far for a noun.
    #[must_use]
    pub fn highest(&self, noun: Noun) -> u32 {
        self.numbers[noun as usize]
    }

    /// Says that numbers up to `number` have been given.
    pub fn reserve(&mut self, noun: Noun, number: u32) {
        let highest = &mut self.numbers[noun as usize];
        *highest = number.max(*highest);
    }

    /// The noun and number of a public id.
    #[must_use]
    pub fn find(&self, id: Id) -> Option<(Noun, u32)> {
        self.ids.get(&id)
    }

    /// The client with that public id.
    #[must_use]
    pub fn client(&self, id: Id) -> Option<&Arc<Client>> {
        let (noun, number) = self.find(id)?;
        if noun == Noun::Client { self.clients.get(number) } else { None }
    }

    /// The organization with that public id.
    #[must_use]
    pub fn organization(&self, id: Id) -> Option<OrganizationNumber> {
        let (noun, number) = self.find(id)?;
        (noun == Noun::Organization).then_some(OrganizationNumber(number))
    }

    /// The client whose API key has that SHA-256, the key before rotation included.
    #[must_use]
    pub fn client_by_key(&self, hash: &[u8; 32]) -> Option<&Arc<Client>> {
        self.clients.get(self.keys.get(hash)?)
    }

    /// The ticket whose secret has that SHA-256.
    #[must_use]
    pub fn ticket(&self, hash: &[u8; 32]) -> Option<&Arc<Ticket>> {
        self.tickets.get(self.secrets.get(hash)?)
    }

    /// How many access tokens there are of these, those that are over and not taken out included.
    #[must_use]
    pub fn acting(&self, of: &ActsFor) -> u32 {
        self.acting.get(of).unwrap_or(0)
    }

    /// The tickets of an account, in order of number.
    pub fn tickets_of(&self, account: AccountNumber) -> impl Iterator<Item = &Arc<Ticket>> {
        let own = self.tickets_of.get(account.0).and_then(Option::as_ref);
        own.into_iter().flat_map(|own| own.iter()).filter_map(|it| self.tickets.get(*it))
    }

    /// The account with that e-mail address.
    #[must_use]
    pub fn account_by_email(&self, email: &str) -> Option<&Arc<Account>> {
        self.accounts.get(self.emails.get(folded(email).as_str())?)
    }

    /// The account with that phone number.
    #[must_use]
    pub fn account_by_phone(&self, phone: &str) -> Option<&Arc<Account>> {
        self.accounts.get(self.phones.get(phone)?)
    }

    /// The record with that number, if it is here.
    #[must_use]
    pub fn record(&self, noun: Noun, number: u32) -> Option<Record> {
        match noun {
            Noun::Organization => self.organizations.get(number).cloned().map(Record::from),
            Noun::Account => self.accounts.get(number).cloned().map(Record::from),
            Noun::Client => self.clients.get(number).cloned().map(Record::from),
            Noun::Ticket => self.tickets.get(number).cloned().map(Record::from),
            _ => None,
        }
    }

    /// Takes a record in, or takes out what it says is deleted.
    pub fn apply(&mut self, record: &Record) {
        let header = record.header();
        let number = header.number;
        self.revision = self.revision.max(header.revision);
        self.reserve(record.noun(), number);
        if let Some(former) = self.record(record.noun(), number) {
            self.index(&former, false);
        }
        let live = !header.is_deleted();
        match record {
            Record::Organization(it) => {
                self.organizations.set(number, live.then(|| it.clone()));
            }
            Record::Account(it) => {
                self.accounts.set(number, live.then(|| it.clone()));
            }
            Record::Client(it) => {
                self.clients.set(number, live.then(|| it.clone()));
            }
            Record::Ticket(it) => {
                self.tickets.set(number, live.then(|| it.clone()));
            }
            _ => return,
        }
        if live {
            self.index(record, true);
        }
    }

    fn index(&mut self, record: &Record, add: bool) {
        let header = record.header();
        let number = header.number;
        if add {
            self.ids.insert(header.id, (record.noun(), number));
        } else {
            self.ids.remove(&header.id);
        }
        match record {
            Record::Account(it) => {
                let number = it.number();
                for email in it.email.iter().map(|email| folded(email)) {
                    if add { self.emails.insert(email, number) } else { self.emails.remove(&email) }
                }
                for phone in it.phone.iter().cloned() {
                    if add { self.phones.insert(phone, number) } else { self.phones.remove(&phone) }
                }
            }
            Record::Client(it) if it.kind.sends_secret() => {
                let former = it.previous_secret.map(|(secret, _)| secret);
                for key in [Some(it.secret), former].into_iter().flatten() {
                    if add { self.keys.insert(key, it.number()) } else { self.keys.remove(&key) }
                }
            }
            Record::Ticket(it) => {
                let number = TicketNumber(number);
                if add {
                    self.secrets.insert(it.hash, number);
                } else {
                    self.secrets.remove(&it.hash);
                }
                if let Some(of) = it.acts_for() {
                    let others = self.acting(&of);
                    match if add { others + 1 } else { others.saturating_sub(1) } {
                        0 => self.acting.remove(&of),
                        count => self.acting.insert(of, count),
                    }
                }
                if let Some(account) = it.account {
                    self.index_ticket(account, number, add);
                }
            }
            _ => {}
        }
    }

    fn index_ticket(&mut self, account: AccountNumber, ticket: TicketNumber, add: bool) {
        let own = self.tickets_of.edit(account.0);
        let tickets = Arc::make_mut(own.get_or_insert_default());
        if add {
            tickets.insert(ticket);
        } else {
            tickets.remove(&ticket);
        }
        if tickets.is_empty() {
            *own = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noun::Header;
    use crate::noun::account::TicketKind;
    use crate::time::Instant;

    fn ticket(number: u32, account: Option<u32>) -> Ticket {
        let header = Header {
            number,
            id: Id(u128::from(number).to_be_bytes()),
            external_id: None,
            created_at: Instant(1),
            updated_at: Instant(1),
            revision: 1,
            deleted_at: None,
        };
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        let ticket = Ticket::new(header, TicketKind::Session, hash, Instant(9));
        Ticket { account: account.map(AccountNumber), ..ticket }
    }

    #[test]
    fn the_tickets_of_an_account_are_those_and_no_others() {
        let mut directory = Directory::default();
        for (number, account) in [(1, Some(7)), (2, None), (3, Some(8)), (900, Some(7))] {
            directory.apply(&ticket(number, account).into());
        }
        let of = |directory: &Directory, account: u32| -> Vec<u32> {
            directory.tickets_of(AccountNumber(account)).map(|it| it.header.number).collect()
        };
        assert_eq!((of(&directory, 7), of(&directory, 8)), (vec![1, 900], vec![3]));
        let former = directory.clone();
        // Written again it stands once; deleted it is gone.
        directory.apply(&ticket(900, Some(7)).into());
        let mut gone = ticket(1, Some(7));
        gone.header.deleted_at = Some(Instant(2));
        directory.apply(&gone.into());
        assert_eq!((of(&directory, 7), of(&directory, 9)), (vec![900], vec![]));
        assert_eq!(of(&former, 7), [1, 900]);
    }
}
