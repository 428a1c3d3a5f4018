//! A place as CSV: people, cards and grants with the columns `import` reads, and its events.
//!
//! PINs, codes and the cards of unknown people are never in it. What the columns cannot say is left
//! out and counted, so that an import elsewhere never gives more than was given here: grants with a
//! schedule, to a credential, to share, under a right to share or for lockdown; cards that are lost
//! or disabled, that open with a PIN only, end a session, or are one of several parts; and what
//! belongs to suspended people.

use std::collections::BTreeMap;

use claviger_domain::ids::{CredentialNumber, Id, LockNumber, Noun, PersonNumber};
use claviger_domain::noun::Header;
use claviger_domain::noun::credential::{Credential, CredentialKind, CredentialState};
use claviger_domain::noun::event::Event;
use claviger_domain::noun::grant::{Grant, Right, Subject, Target};
use claviger_domain::noun::person::{Person, PersonState};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use claviger_domain::time::{Instant, Window};

use crate::context::Context;
use crate::error::Error;
use crate::event::{self, EventWish};
use crate::import::{BETWEEN_TAGS, What, person};

/// How many events are read at once.
const PAGE: usize = 1000;

/// The columns of the events.
const EVENTS: [&str; 11] = [
    "seq",
    "id",
    "kind",
    "lock",
    "occurred_at",
    "received_at",
    "method",
    "reasons",
    "person",
    "credential",
    "pseudonym",
];

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// CSV in UTF-8.
    pub text: Vec<u8>,
    /// Rows in it, the header not counted.
    pub rows: u64,
    /// What was left out, by reason.
    pub left_out: BTreeMap<&'static str, u64>,
}

/// A grant that the columns of a file can say everything of.
pub(crate) fn is_plain(grant: &Grant) -> bool {
    let falls_with_another = grant.issued_under.is_some();
    let is_special = grant.schedule.is_some() || grant.override_lockdown;
    grant.right == Right::Open && !is_special && !falls_with_another
}

/// Whether a cell must be guarded with an apostrophe: a spreadsheet would take it for a formula, or
/// `import` would take its own apostrophe for a guard.
pub(crate) fn wants_guard(cell: &str) -> bool {
    let rest = cell.trim_start_matches('\'');
    rest.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

struct Rows {
    writer: csv::Writer<Vec<u8>>,
    rows: u64,
    left_out: BTreeMap<&'static str, u64>,
}

impl Rows {
    fn new(columns: &[&str]) -> Result<Rows, Error> {
        let mut rows = Rows::bare();
        rows.write(&columns.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())?;
        rows.rows = 0;
        Ok(rows)
    }

    fn bare() -> Rows {
        Rows { writer: csv::Writer::from_writer(Vec::new()), rows: 0, left_out: BTreeMap::new() }
    }

    fn write(&mut self, cells: &[String]) -> Result<(), Error> {
        let cells = cells
            .iter()
            .map(|cell| if wants_guard(cell) { format!("'{cell}") } else { cell.clone() });
        self.writer.write_record(cells).map_err(|_| Error::Internal)?;
        self.rows += 1;
        Ok(())
    }

    fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }

    fn table(self) -> Result<Table, Error> {
        let text = self.writer.into_inner().map_err(|_| Error::Internal)?;
        Ok(Table { text, rows: self.rows, left_out: self.left_out })
    }
}

/// People, cards or grants of a place.
///
/// # Errors
/// No such place; the caller may not.
pub fn table(ctx: &Context, place: Id, what: What) -> Result<Table, Error> {
    let scope = match what {
        What::People => Scope::PeopleRead,
        What::Cards => Scope::CredentialsRead,
        What::Grants => Scope::GrantsRead,
    };
    let state = ctx.read(place, scope)?;
    let mut rows = Rows::new(what.columns())?;
    match what {
        What::People => state.people.iter().try_for_each(|it| rows.write(&person_cells(it)))?,
        What::Cards => cards(&state, &mut rows)?,
        What::Grants => grants(&state, &mut rows)?,
    }
    rows.table()
}

fn person_cells(person: &Person) -> Vec<String> {
    let own = &person.details;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        text(&person.header.external_id),
        text(&own.first_name),
        text(&own.last_name),
        text(&own.display_name),
        text(&own.email),
        text(&own.phone),
        text(&own.employee_number),
        text(&own.language),
        tags(&own.tags),
    ]
}

/// Tags as one cell.
pub(crate) fn tags(tags: &[String]) -> String {
    let escaped = tags
        .iter()
        .map(|tag| tag.replace('\\', "\\\\").replace(BETWEEN_TAGS, &format!("\\{BETWEEN_TAGS}")));
    escaped.collect::<Vec<_>>().join(&BETWEEN_TAGS.to_string())
}

/// What names a person in every file: the first that leads back to them.
fn name(state: &PlaceState, own: &Person) -> String {
    let details = &own.details;
    let names = [&own.header.external_id, &details.email, &details.phone];
    let leads_back = |text: &&String| person(state, text) == Some(own.number());
    let found = names.into_iter().flatten().find(leads_back);
    found.cloned().unwrap_or_else(|| own.header.id.to_string())
}

/// Somebody whose things are in the files; none for whom they are not.
fn holder(state: &PlaceState, number: Option<PersonNumber>, rows: &mut Rows) -> Option<String> {
    let Some(person) = number.and_then(|number| state.people.get(number)) else {
        rows.leave_out("without a person");
        return None;
    };
    if person.state == PersonState::Suspended {
        rows.leave_out("of suspended people");
        return None;
    }
    Some(name(state, person))
}

fn cards(state: &PlaceState, rows: &mut Rows) -> Result<(), Error> {
    for card in state.credentials.iter().filter(|it| it.kind == CredentialKind::Card) {
        if let Some(why) = unsaid(card) {
            rows.leave_out(why);
            continue;
        }
        let [part] = card.parts.as_slice() else {
            rows.leave_out("of several parts");
            continue;
        };
        let Some(person) = holder(state, card.person, rows) else { continue };
        let [from, until] = ends(card.valid);
        rows.write(&[
            person,
            part.technology.as_str().to_owned(),
            part.card.bits.to_string(),
            part.card.hex(),
            card.label.clone().unwrap_or_default(),
            from,
            until,
        ])?;
    }
    Ok(())
}

/// Why a card would open more if it were only what the columns say.
fn unsaid(card: &Credential) -> Option<&'static str> {
    if card.state != CredentialState::Active {
        return Some("lost or disabled");
    }
    let has_times = card.session.is_some().then_some("with the times of a session");
    card.pin.is_some().then_some("with a PIN").or(has_times)
}

fn grants(state: &PlaceState, rows: &mut Rows) -> Result<(), Error> {
    for grant in state.grants.iter() {
        let Subject::Person(person) = grant.subject else {
            rows.leave_out("to a credential");
            continue;
        };
        if grant.issued_under.is_some() {
            rows.leave_out("under a right to share");
            continue;
        }
        if !is_plain(grant) {
            rows.leave_out("with a schedule, for lockdown or to share");
            continue;
        }
        let Some(person) = holder(state, Some(person), rows) else { continue };
        let (lock, level) = match grant.target {
            Target::Lock(lock) => {
                (state.locks.get(lock).map(|it| reference(state, Noun::Lock, &it.header)), None)
            }
            Target::AccessLevel(level) => {
                let level = state.levels.get(level);
                (None, level.map(|it| reference(state, Noun::AccessLevel, &it.header)))
            }
        };
        let [from, until] = ends(grant.window);
        let (lock, level) = (lock.unwrap_or_default(), level.unwrap_or_default());
        rows.write(&[person, lock, level, from, until])?;
    }
    Ok(())
}

/// An external id where that leads back, else the id.
fn reference(state: &PlaceState, noun: Noun, header: &Header) -> String {
    let external = header.external_id.as_ref();
    let external =
        external.filter(|it| state.by_external_id(noun, it) == Some(header.number)).cloned();
    external.unwrap_or_else(|| header.id.to_string())
}

fn ends(window: Window) -> [String; 2] {
    let text = |at: Option<Instant>| at.map(|at| at.to_string()).unwrap_or_default();
    [text(window.from), text(window.until)]
}

/// The events after `after`, a page of them (with the header where `after` is 0), and the number to
/// go on after.
///
/// # Errors
/// No such place; the caller may not.
pub async fn events(ctx: &Context, place: Id, after: u64) -> Result<(Table, Option<u64>), Error> {
    let found = event::list(ctx, place, after, PAGE, &EventWish::default()).await?;
    let (events, more, state) = (found.events, found.more, found.state);
    let mut rows = if after == 0 { Rows::new(&EVENTS)? } else { Rows::bare() };
    for event in &events {
        rows.write(&event_cells(&state, event))?;
    }
    let next = events.last().filter(|_| more).map(|event| event.seq);
    Ok((rows.table()?, next))
}

fn event_cells(state: &PlaceState, event: &Event) -> Vec<String> {
    let lock =
        |lock: LockNumber| state.locks.get(lock).map(|it| reference(state, Noun::Lock, &it.header));
    let person = |person: PersonNumber| state.people.get(person).map(|it| name(state, it));
    let credential =
        |it: CredentialNumber| state.credentials.get(it).map(|it| it.header.id.to_string());
    let reasons: Vec<&str> = event.reasons.iter().map(|reason| reason.code()).collect();
    vec![
        event.seq.to_string(),
        event.id.to_string(),
        event.kind.as_str().to_owned(),
        lock(event.lock).unwrap_or_default(),
        event.occurred_at.to_string(),
        event.received_at.to_string(),
        event.method.map(|method| method.as_str().to_owned()).unwrap_or_default(),
        reasons.join(" "),
        event.subject.person.and_then(person).unwrap_or_default(),
        event.subject.credential.and_then(credential).unwrap_or_default(),
        event.subject.stand_in.map(|it| it.to_string()).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded() {
        for cell in ["=1+1", "+46", "-2", "@x", "\t=1", "\r=1", "'=1", "''+1"] {
            assert!(wants_guard(cell), "{cell}");
        }
        for cell in ["", "a=1", "'t Hooft", "'", "0", " =1"] {
            assert!(!wants_guard(cell), "{cell}");
        }
    }
}
