//! Reads of what memory lacks: closed and deleted records, and what a place was at an earlier time.
//!
//! Must not be asked on the way of a decision.

use claviger_domain::ids::{
    AccessLevelNumber, ControllerNumber, CredentialNumber, GrantNumber, Id, LockNumber,
    MembershipNumber, Noun, PersonNumber, PlaceNumber,
};
use claviger_domain::noun::access_level::Membership;
use claviger_domain::noun::grant::{Grant, Subject};
use claviger_domain::noun::lock::Privacy;
use claviger_domain::record::Record;
use claviger_domain::state::PlaceState;
use claviger_domain::time::Instant;
use std::sync::Arc;

use crate::cells::Tools;
use crate::commit::row_place;
use crate::{Row, Statement, Store, StoreError, Value, rows, values};

/// Which closed grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedGrants {
    /// All of the place.
    All,
    /// Those of a person or credential.
    Of(Subject),
    /// Those straight to a lock.
    ToLock(LockNumber),
    /// Those to a level.
    ToLevel(AccessLevelNumber),
}

impl ClosedGrants {
    /// The condition on `?2`, and its argument.
    fn condition(self) -> Option<(&'static str, Value)> {
        match self {
            ClosedGrants::All => None,
            ClosedGrants::Of(Subject::Person(it)) => Some(("person", it.into())),
            ClosedGrants::Of(Subject::Credential(it)) => Some(("credential", it.into())),
            ClosedGrants::ToLock(it) => Some(("lock", it.into())),
            ClosedGrants::ToLevel(it) => Some(("level", it.into())),
        }
    }

    /// The numbers of the open ones.
    #[must_use]
    pub fn open_in(self, state: &PlaceState) -> Vec<GrantNumber> {
        match self {
            ClosedGrants::All => state.grants.iter().map(|grant| grant.number()).collect(),
            ClosedGrants::Of(it) => state.reach(it).iter().map(|reach| reach.grant()).collect(),
            ClosedGrants::ToLock(it) => state.lock_grants(it).iter().map(GrantNumber).collect(),
            ClosedGrants::ToLevel(it) => state.level_grants(it).iter().map(GrantNumber).collect(),
        }
    }
}

/// The former values of a record's fields that decisions read, up to `replaced_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Which noun.
    pub noun: Noun,
    /// Which one.
    pub number: u32,
    /// Until when they held.
    pub replaced_at: Instant,
    /// The revision that replaced them.
    pub revision: u64,
    /// A JSON object of columns.
    pub fields: String,
}

/// What a lock was until an instant, of what events that come late are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastLock {
    /// Which.
    pub number: LockNumber,
    /// Until then it was so.
    pub replaced_at: Instant,
    /// What it kept of events; none where nobody knows.
    pub privacy: Option<Privacy>,
    /// What connected it.
    pub controller: Option<ControllerNumber>,
}

/// Who had a credential until an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastHolder {
    /// Until then it was theirs.
    pub replaced_at: Instant,
    /// Whose; none where it was nobody's.
    pub person: Option<PersonNumber>,
}

/// What must be undone of a place to have it as it was at an instant.
#[derive(Clone, Debug, Default)]
pub struct Undo {
    /// What was replaced since.
    pub history: Vec<Past>,
    /// Records that were there and were closed or deleted since, as they stand now.
    pub ended: Vec<Record>,
}

impl Store {
    /// The record with that id, closed and deleted ones included.
    ///
    /// # Errors
    /// As for any read.
    pub async fn record_by_id(
        &self,
        place: PlaceNumber,
        noun: Noun,
        id: Id,
    ) -> Result<Option<Record>, StoreError> {
        let args = values![row_place(place, noun, place.0), id];
        let statement = Statement::new(rows::texts(noun).by_id.as_str(), args);
        Ok(self.records(noun, statement).await?.pop())
    }

    /// The record with that number, closed and deleted ones included.
    ///
    /// # Errors
    /// As for any read.
    pub async fn record(
        &self,
        place: PlaceNumber,
        noun: Noun,
        number: u32,
    ) -> Result<Option<Record>, StoreError> {
        let args = values![row_place(place, noun, number), number];
        let statement = Statement::new(rows::texts(noun).by_number.as_str(), args);
        Ok(self.records(noun, statement).await?.pop())
    }

    /// The record with that id; one that is deleted with what decisions read of it as that was
    /// until then.
    ///
    /// # Errors
    /// As for any read.
    pub async fn as_it_last_was(
        &self,
        place: PlaceNumber,
        noun: Noun,
        id: Id,
    ) -> Result<Option<Record>, StoreError> {
        let Some(record) = self.record_by_id(place, noun, id).await? else { return Ok(None) };
        let header = record.header();
        let Some(deleted_at) = header.deleted_at else { return Ok(Some(record)) };
        let sql = "select noun, number, replaced_at, revision, fields from history \
             where place = ?1 and noun = ?2 and number = ?3 and replaced_at = ?4";
        let args = values![place, noun.as_str(), header.number, deleted_at];
        let rows = self.db.read(Statement::new(sql, args)).await?;
        let Some(past) = rows.first().map(past).transpose()? else { return Ok(Some(record)) };
        let mut tools = Tools::new(self.secrets());
        rows::with_past(&record, &past.fields, &mut tools).map(Some)
    }

    /// What locks of a place were until after an instant: one of them, or all; the first changed
    /// first.
    ///
    /// # Errors
    /// As for any read.
    pub async fn past_locks(
        &self,
        place: PlaceNumber,
        only: Option<LockNumber>,
        after: Instant,
    ) -> Result<Vec<PastLock>, StoreError> {
        let mut sql = "select noun, number, replaced_at, revision, fields from history \
             where place = ?1 and noun = 'lock' and replaced_at > ?2"
            .to_owned();
        let mut args = values![place, after];
        if let Some(only) = only {
            sql.push_str(" and number = ?3");
            args.push(only.into());
        }
        sql.push_str(" order by replaced_at, revision");
        self.db.read(Statement::new(sql, args)).await?.iter().map(past_lock).collect()
    }

    /// Who had a credential until after an instant, the first first.
    ///
    /// # Errors
    /// As for any read.
    pub async fn past_holders(
        &self,
        place: PlaceNumber,
        credential: CredentialNumber,
        after: Instant,
    ) -> Result<Vec<PastHolder>, StoreError> {
        let sql = "select noun, number, replaced_at, revision, fields from history \
             where place = ?1 and noun = 'credential' and number = ?2 and replaced_at > ?3 \
             order by replaced_at, revision";
        let args = values![place, credential, after];
        self.db.read(Statement::new(sql, args)).await?.iter().map(past_holder).collect()
    }

    /// The number that another place's lock has, or had last, in a place that borrows it.
    ///
    /// # Errors
    /// As for any read.
    pub async fn borrowed(
        &self,
        place: PlaceNumber,
        of: (PlaceNumber, LockNumber),
    ) -> Result<Option<LockNumber>, StoreError> {
        let (owner, lock) = of;
        let sql = "select number from locks where place = ?1 and owner_place = ?2 \
             and owner_lock = ?3 order by number desc limit 1";
        let rows = self.db.read(Statement::new(sql, values![place, owner, lock])).await?;
        rows.first().map(|row| row.u32(0).map(LockNumber)).transpose()
    }

    /// The records with those numbers that there are, closed and deleted ones included, in one
    /// read.
    ///
    /// # Errors
    /// As for any read.
    pub async fn records_of(
        &self,
        place: PlaceNumber,
        named: &[(Noun, u32)],
    ) -> Result<Vec<Record>, StoreError> {
        let statement = |(noun, number): &(Noun, u32)| {
            let args = values![row_place(place, *noun, *number), *number];
            Statement::new(rows::texts(*noun).by_number.as_str(), args)
        };
        let answers = self.db.snapshot(named.iter().map(statement).collect()).await?;
        let mut tools = Tools::new(self.secrets());
        let rows = named.iter().zip(answers);
        let rows = rows.flat_map(|((noun, _), rows)| rows.into_iter().map(|row| (*noun, row)));
        rows.map(|(noun, row)| Ok(rows::read(noun, row.into_values(), &mut tools)?.1)).collect()
    }

    /// Closed grants, in order of number from after `after`.
    ///
    /// # Errors
    /// As for any read.
    pub async fn closed_grants(
        &self,
        place: PlaceNumber,
        which: ClosedGrants,
        after: GrantNumber,
        limit: u32,
    ) -> Result<Vec<Arc<Grant>>, StoreError> {
        let select = &rows::texts(Noun::Grant).select;
        let mut args = values![place, after, limit];
        let mut sql =
            format!("{select} where place = ?1 and number > ?2 and closed_at is not null");
        if let Some((column, value)) = which.condition() {
            sql.push_str(&format!(" and {column} is not null and {column} = ?4"));
            args.push(value);
        }
        sql.push_str(" order by number limit ?3");
        let records = self.records(Noun::Grant, Statement::new(sql, args)).await?;
        Ok(records.into_iter().filter_map(grant).collect())
    }

    /// Closed grants, in order of number, with ids from `first` to `last`: those made together have
    /// ids that follow each other.
    ///
    /// # Errors
    /// As for any read.
    pub async fn closed_grants_between(
        &self,
        place: PlaceNumber,
        (first, last): (Id, Id),
    ) -> Result<Vec<Arc<Grant>>, StoreError> {
        let select = &rows::texts(Noun::Grant).select;
        let sql = format!(
            "{select} where place = ?1 and id between ?2 and ?3 and closed_at is not null \
             order by number"
        );
        let records = self.records(Noun::Grant, Statement::new(sql, values![place, first, last]));
        Ok(records.await?.into_iter().filter_map(grant).collect())
    }

    /// The people deleted without a phone number, of those with numbers from `first` to `last`.
    ///
    /// # Errors
    /// As for any read.
    pub async fn deleted_without_phone(
        &self,
        place: PlaceNumber,
        (first, last): (PersonNumber, PersonNumber),
    ) -> Result<Vec<PersonNumber>, StoreError> {
        let sql = "select number from people where place = ?1 and number between ?2 and ?3 \
             and deleted_at is not null and had_phone = 0";
        let rows = self.db.read(Statement::new(sql, values![place, first, last])).await?;
        rows.iter().map(|row| Ok(PersonNumber(row.u32(0)?))).collect()
    }

    /// The times of all locks in a level, ended ones included, in order of number from after
    /// `after`.
    ///
    /// # Errors
    /// As for any read.
    pub async fn memberships_of(
        &self,
        place: PlaceNumber,
        level: AccessLevelNumber,
        after: MembershipNumber,
        limit: u32,
    ) -> Result<Vec<Arc<Membership>>, StoreError> {
        let select = &rows::texts(Noun::Membership).select;
        let sql = format!(
            "{select} where place = ?1 and level = ?2 and number > ?3 order by number limit ?4"
        );
        let args = values![place, level, after.0, limit];
        let records = self.records(Noun::Membership, Statement::new(sql, args)).await?;
        Ok(records.into_iter().filter_map(membership).collect())
    }

    /// What has changed in a place after an instant, of what decisions read, its grants apart: of
    /// those there may be as many as a place has in all its time ([`Store::grants_since`]).
    ///
    /// # Errors
    /// As for any read.
    pub async fn since(&self, place: PlaceNumber, at: Instant) -> Result<Undo, StoreError> {
        let history = "select noun, number, replaced_at, revision, fields from history \
             where place = ?1 and replaced_at > ?2 and noun <> 'grant'";
        let is_asked = |noun: &Noun| !matches!(noun, Noun::Place | Noun::Grant);
        let nouns: Vec<Noun> = rows::PLACE.into_iter().filter(is_asked).collect();
        let mut statements = vec![Statement::new(history, values![place, at])];
        statements.extend(nouns.iter().map(|noun| {
            Statement::new(rows::texts(*noun).ended_after.as_str(), values![place, at])
        }));
        let mut undo = Undo::default();
        let mut tools = Tools::new(self.secrets());
        let answers = self.db.snapshot(statements).await?;
        let mut answers = answers.into_iter();
        for row in answers.next().unwrap_or_default() {
            undo.history.push(past(&row)?);
        }
        for (noun, answer) in nouns.iter().zip(answers) {
            for row in answer {
                undo.ended.push(rows::read(*noun, row.into_values(), &mut tools)?.1);
            }
        }
        Ok(undo)
    }

    /// What has changed of some grants after an instant: `open` are those of them that are open.
    ///
    /// # Errors
    /// As for any read.
    pub async fn grants_since(
        &self,
        place: PlaceNumber,
        at: Instant,
        which: &[ClosedGrants],
        open: impl Iterator<Item = GrantNumber>,
    ) -> Result<Undo, StoreError> {
        let select = &rows::texts(Noun::Grant).select;
        let ended = which.iter().map(|which| {
            let mut sql = format!("{select} where place = ?1 and closed_at > ?2");
            let mut args = values![place, at];
            if let Some((column, value)) = which.condition() {
                sql.push_str(&format!(
                    " and closed_at is not null and {column} is not null and {column} = ?3"
                ));
                args.push(value);
            }
            Statement::new(sql, args)
        });
        let mut undo = Undo::default();
        let mut tools = Tools::new(self.secrets());
        for row in self.db.snapshot(ended.collect()).await?.into_iter().flatten() {
            undo.ended.push(rows::read(Noun::Grant, row.into_values(), &mut tools)?.1);
        }
        let closed = undo.ended.iter().map(|record| GrantNumber(record.header().number));
        let history = closed.chain(open).map(|number| {
            let sql = "select noun, number, replaced_at, revision, fields from history \
                 where place = ?1 and noun = 'grant' and number = ?2 and replaced_at > ?3";
            Statement::new(sql, values![place, number, at])
        });
        for row in self.db.snapshot(history.collect()).await?.iter().flatten() {
            undo.history.push(past(row)?);
        }
        Ok(undo)
    }

    async fn records(&self, noun: Noun, statement: Statement) -> Result<Vec<Record>, StoreError> {
        let mut tools = Tools::new(self.secrets());
        let rows = self.db.read(statement).await?;
        rows.into_iter().map(|row| Ok(rows::read(noun, row.into_values(), &mut tools)?.1)).collect()
    }
}

fn past(row: &Row) -> Result<Past, StoreError> {
    let noun = Noun::parse(row.text(0)?);
    Ok(Past {
        noun: noun.ok_or_else(|| StoreError::corrupt("history.noun"))?,
        number: row.u32(1)?,
        replaced_at: Instant(row.int(2)?),
        revision: row.u64(3)?,
        fields: row.text(4)?.to_owned(),
    })
}

fn past_lock(row: &Row) -> Result<PastLock, StoreError> {
    let past = past(row)?;
    let fields = fields(&past)?;
    Ok(PastLock {
        number: LockNumber(past.number),
        replaced_at: past.replaced_at,
        privacy: fields.get("privacy").and_then(|it| it.as_str()).and_then(Privacy::parse),
        controller: number_in(&fields, "controller").map(ControllerNumber),
    })
}

fn past_holder(row: &Row) -> Result<PastHolder, StoreError> {
    let past = past(row)?;
    let person = number_in(&fields(&past)?, "person").map(PersonNumber);
    Ok(PastHolder { replaced_at: past.replaced_at, person })
}

fn fields(past: &Past) -> Result<serde_json::Value, StoreError> {
    serde_json::from_str(&past.fields)
        .map_err(|_| StoreError::corrupt("history.fields is not a JSON object"))
}

fn number_in(fields: &serde_json::Value, name: &str) -> Option<u32> {
    fields.get(name).and_then(serde_json::Value::as_u64).and_then(|it| u32::try_from(it).ok())
}

fn grant(record: Record) -> Option<Arc<Grant>> {
    match record {
        Record::Grant(it) => Some(it),
        _ => None,
    }
}

fn membership(record: Record) -> Option<Arc<Membership>> {
    match record {
        Record::Membership(it) => Some(it),
        _ => None,
    }
}
