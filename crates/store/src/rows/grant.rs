//! A grant as a row.
//!
//! Must not decide anything; `COLUMNS`, `write` and `read` keep one order.

use std::sync::LazyLock;

use claviger_domain::ids::{
    AccessLevelNumber, CredentialNumber, GrantNumber, LockNumber, PersonNumber,
};
use claviger_domain::noun::grant::{Grant, Right, Source, SourceKind, Subject, Target, Via};
use claviger_domain::noun::{Closed, Header};

use crate::cells::{Cells, put, put_closed, put_schedule, put_window};
use crate::table::Table;
use crate::{StoreError, Value};

/// Changes one row where all grants of place `?1` with numbers from `?2` to `?3` point at rows that
/// are there, and none where one does not: what foreign keys would say, for thousands at once.
pub(crate) static POINTS: LazyLock<String> = LazyLock::new(|| {
    let lost = |(column, parent): (&str, &str)| {
        format!(
            "g.{column} is not null and not exists \
             (select 1 from {parent} t where t.place = ?1 and t.number = g.{column})"
        )
    };
    let parents = [
        ("person", "people"),
        ("credential", "credentials"),
        ("lock", "locks"),
        ("level", "access_levels"),
        ("schedule", "schedules"),
        ("issued_under", "grants"),
    ];
    let lost = parents.map(lost).join(" or ");
    format!(
        "update heads set revision = revision where place = ?1 and not exists \
         (select 1 from grants g where g.place = ?1 and g.number between ?2 and ?3 and ({lost}))"
    )
});

impl Table for Grant {
    const NAME: &'static str = "grants";
    const COLUMNS: &'static [&'static str] = &[
        "person",
        "credential",
        "lock",
        "level",
        "allows",
        "valid_from",
        "valid_until",
        "schedule",
        "timetable",
        "override_lockdown",
        "source_kind",
        "source_via",
        "issued_under",
        "metadata",
        "closed_at",
        "closed_by_kind",
        "closed_by_id",
        "closed_reason",
    ];
    const CLOSES: bool = true;
    /// A person in a level.
    const USUAL: &'static [&'static str] = &[
        "place",
        "number",
        "id",
        "created_at",
        "updated_at",
        "revision",
        "person",
        "level",
        "allows",
        "override_lockdown",
        "source_kind",
        "source_via",
    ];
    const PAST: &'static [&'static str] =
        &["valid_from", "valid_until", "schedule", "timetable", "override_lockdown"];

    fn header(&self) -> &Header {
        &self.header
    }

    fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    fn write(&self, out: &mut Vec<Value>) {
        match self.subject {
            Subject::Person(person) => put!(out, person, None::<u32>),
            Subject::Credential(credential) => put!(out, None::<u32>, credential),
        }
        match self.target {
            Target::Lock(lock) => put!(out, lock, None::<u32>),
            Target::AccessLevel(level) => put!(out, None::<u32>, level),
        }
        put!(out, self.right.as_str());
        put_window(out, &self.window);
        put_schedule(out, self.schedule.as_ref());
        put!(out, self.override_lockdown, self.source.kind.as_str(), self.source.via.as_str());
        put!(out, self.issued_under, self.metadata.as_ref());
        put_closed(out, self.closed.as_ref());
    }

    fn read(_: u32, header: Header, cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Grant {
            header,
            subject: match (cells.opt()?, cells.opt()?) {
                (Some(person), None) => Subject::Person(PersonNumber(person)),
                (None, Some(credential)) => Subject::Credential(CredentialNumber(credential)),
                _ => return Err(cells.wrong("one subject")),
            },
            target: match (cells.opt()?, cells.opt()?) {
                (Some(lock), None) => Target::Lock(LockNumber(lock)),
                (None, Some(level)) => Target::AccessLevel(AccessLevelNumber(level)),
                _ => return Err(cells.wrong("one target")),
            },
            right: cells.word(Right::parse)?,
            window: cells.window()?,
            schedule: cells.schedule()?,
            override_lockdown: cells.bool()?,
            source: Source { kind: cells.word(SourceKind::parse)?, via: cells.word(Via::parse)? },
            issued_under: cells.opt()?.map(GrantNumber),
            metadata: cells.opt_json()?,
            closed: cells.closed()?,
        })
    }

    fn write_past(&self, out: &mut Vec<Value>) {
        put_window(out, &self.window);
        put_schedule(out, self.schedule.as_ref());
        put!(out, self.override_lockdown);
    }

    fn turn_back(&mut self, past: &mut Cells<'_>) -> Result<(), StoreError> {
        self.window = past.window()?;
        self.schedule = past.schedule()?;
        self.override_lockdown = past.bool()?;
        Ok(())
    }

    fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    fn reopen(&mut self) {
        self.closed = None;
    }
}
