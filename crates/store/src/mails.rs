//! Mails: kept sealed from the commit they follow from until they are out; and how each went.
//!
//! Must not read, write or send any.

use claviger_domain::ids::{Id, PersonNumber, PlaceNumber};
use claviger_domain::time::Instant;

use crate::cells::{Cells, Tools};
use crate::{Batch, Outcome, Row, Statement, Store, StoreError, values};

/// A mail that a commit brings about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// Its id, by which its file is called.
    pub id: Id,
    /// The person of the place it is about; mails about them from before are void.
    pub person: Option<PersonNumber>,
    /// What is written, sealed.
    pub sealed: Vec<u8>,
    /// When it is first tried.
    pub created_at: Instant,
    /// When it is tried again, unless it is known to be out.
    pub next_at: Instant,
    /// After this what it says is good for nothing.
    pub good_until: Instant,
}

/// A mail that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct WaitingMail {
    pub place: PlaceNumber,
    pub id: Id,
    pub sealed: Vec<u8>,
    /// How often it was tried.
    pub tries: u32,
    /// When it is due: whoever writes it takes it by this.
    pub next_at: Instant,
    pub good_until: Instant,
}

/// How a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailState {
    /// Is tried until it is out.
    Waiting,
    /// Lies in the operator's folder.
    Written,
    /// A mail server has taken it.
    Sent,
    /// Was given up.
    Failed,
}

impl MailState {
    /// The words, in the order of the states.
    pub const WORDS: &[&str] = &["waiting", "written", "sent", "failed"];

    /// The word on the wire and in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            MailState::Waiting => "waiting",
            MailState::Written => "written",
            MailState::Sent => "sent",
            MailState::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Option<MailState> {
        let all = [MailState::Waiting, MailState::Written, MailState::Sent, MailState::Failed];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// How the last mail about somebody went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailReport {
    /// About whom.
    pub person: PersonNumber,
    /// How it stands.
    pub state: MailState,
    /// What went wrong last, in words.
    pub problem: Option<String>,
    /// When it was to be sent.
    pub created_at: Instant,
    /// Since when it stands like this.
    pub changed_at: Instant,
    /// Until when what it says is good.
    pub good_until: Instant,
}

const INSERT: &str = "insert into mails (place, id, person, sealed, state, created_at, \
     changed_at, next_at, good_until) values (?1, ?2, ?3, ?4, 'waiting', ?5, ?5, ?6, ?7)";

/// What is noted of a mail whose words are needed no longer.
const END: &str = "update mails set state = ?3, problem = ?4, changed_at = ?5, sealed = null \
     where place = ?1 and id = ?2";

/// One that was written is not said to be so where more is known already.
const END_WAITING: &str = "update mails set state = ?3, problem = ?4, changed_at = ?5, \
     sealed = null where place = ?1 and id = ?2 and state = 'waiting'";

const RETRY: &str = "update mails set problem = ?3, changed_at = ?4, next_at = ?5, \
     tries = tries + 1 where place = ?1 and id = ?2 and state = 'waiting'";

const CLAIM: &str = "update mails set next_at = ?4 \
     where place = ?1 and id = ?2 and next_at = ?3 and state = 'waiting'";

const OVER: &str = "select 1 from mails where id = ?1 and good_until <= ?2";

const TROUBLE: &str = "update mails set problem = ?2, changed_at = ?3 where id = ?1";

const SETTLE: &str = "update mails set state = ?2, problem = ?3, changed_at = ?4, sealed = null \
     where id = ?1";

const REPORTS: &str = "select person, state, problem, created_at, changed_at, good_until \
     from mails where place = ?1 and person is not null";

/// Appends mails to a batch.
pub(crate) fn append(batch: &mut Batch, place: PlaceNumber, mails: &[NewMail]) {
    for it in mails {
        if it.person.is_some() {
            let former = "delete from mails where place = ?1 and person = ?2";
            batch.run(former, values![place, it.person]);
        }
        let times = values![it.created_at, it.next_at, it.good_until];
        batch.run(INSERT, [values![place, it.id, it.person, it.sealed.clone()], times].concat());
    }
}

fn report(row: Row) -> Result<MailReport, StoreError> {
    let mut tools = Tools::default();
    let mut cells = Cells::new("mails", row.into_values(), &mut tools);
    Ok(MailReport {
        person: PersonNumber(cells.fit()?),
        state: cells.word(MailState::parse)?,
        problem: cells.opt_text()?,
        created_at: cells.instant()?,
        changed_at: cells.instant()?,
        good_until: cells.instant()?,
    })
}

impl Store {
    /// The mails that are due to be written, the longest due first.
    ///
    /// # Errors
    /// As for any read.
    pub async fn due_mails(
        &self,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<WaitingMail>, StoreError> {
        let sql = "select place, id, sealed, tries, next_at, good_until from mails \
             where state = 'waiting' and next_at <= ?1 order by next_at, id limit ?2";
        let rows = self.db.read(Statement::new(sql, values![now, limit])).await?;
        let mut tools = Tools::default();
        let mail = |row: Row| {
            let mut cells = Cells::new("mails", row.into_values(), &mut tools);
            Ok(WaitingMail {
                place: PlaceNumber(cells.fit()?),
                id: cells.id()?,
                sealed: cells.opt_bytes()?.unwrap_or_default(),
                tries: cells.fit()?,
                next_at: cells.instant()?,
                good_until: cells.instant()?,
            })
        };
        rows.into_iter().map(mail).collect()
    }

    /// Takes a mail that waits as it was seen, so that nobody else writes it before an instant.
    /// False where somebody has, or it is out.
    ///
    /// # Errors
    /// As for any write.
    pub async fn claim_mail(&self, mail: &WaitingMail, until: Instant) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        batch.guard(CLAIM, values![mail.place, mail.id, mail.next_at, until]);
        Ok(matches!(self.db.write(batch).await?, Outcome::Done { .. }))
    }

    /// Whether what a mail says is good for nothing any more; not where nothing is known of it.
    ///
    /// # Errors
    /// As for any read.
    pub async fn is_over(&self, mail: Id, now: Instant) -> Result<bool, StoreError> {
        Ok(!self.db.read(Statement::new(OVER, values![mail, now])).await?.is_empty())
    }

    /// Notes that a mail was written, or given up before it was: what it said is erased.
    ///
    /// # Errors
    /// As for any write.
    pub async fn end_mail(
        &self,
        (place, id): (PlaceNumber, Id),
        state: MailState,
        problem: Option<&str>,
        now: Instant,
    ) -> Result<(), StoreError> {
        let sql = if state == MailState::Written { END_WAITING } else { END };
        self.run(sql, values![place, id, state.as_str(), problem.map(str::to_owned), now]).await
    }

    /// Notes that a mail could not be written, and when it is tried again.
    ///
    /// # Errors
    /// As for any write.
    pub async fn retry_mail(
        &self,
        (place, id): (PlaceNumber, Id),
        problem: &str,
        now: Instant,
        next_at: Instant,
    ) -> Result<(), StoreError> {
        self.run(RETRY, values![place, id, problem.to_owned(), now, next_at]).await
    }

    /// Notes what a mail server did with a mail: took it, refused it for good, or why it has to be
    /// tried again.
    ///
    /// # Errors
    /// As for any write.
    pub async fn note_mail(
        &self,
        id: Id,
        state: Option<MailState>,
        problem: Option<&str>,
        now: Instant,
    ) -> Result<(), StoreError> {
        let problem = problem.map(str::to_owned);
        match state {
            Some(state) => self.run(SETTLE, values![id, state.as_str(), problem, now]).await,
            None => self.run(TROUBLE, values![id, problem, now]).await,
        }
    }

    /// How the last mail about each person of a place went, or about one.
    ///
    /// # Errors
    /// As for any read.
    pub async fn mail_reports(
        &self,
        place: PlaceNumber,
        person: Option<PersonNumber>,
    ) -> Result<Vec<MailReport>, StoreError> {
        let statement = match person {
            None => Statement::new(REPORTS, values![place]),
            Some(person) => {
                Statement::new(format!("{REPORTS} and person = ?2"), values![place, person])
            }
        };
        self.db.read(statement).await?.into_iter().map(report).collect()
    }

    /// Removes the mails of a place that have been out or given up since before an instant.
    ///
    /// # Errors
    /// As for any write.
    pub async fn trim_mails(&self, place: PlaceNumber, before: Instant) -> Result<(), StoreError> {
        let rows = "mails where place = ?1 and changed_at < ?2 and state <> 'waiting'";
        self.erase(rows, values![place, before]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::found_by;

    #[test]
    fn a_mail_is_found_by_its_id() {
        for sql in [SETTLE, TROUBLE, OVER] {
            found_by(sql, "mails_id (id=?)");
        }
        for sql in [CLAIM, END, END_WAITING, RETRY] {
            found_by(sql, "(place=? AND id=?)");
        }
    }
}
