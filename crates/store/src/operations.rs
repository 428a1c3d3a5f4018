//! Operations: stored results of work that reports per item.
//!
//! Must not read what they report.

use claviger_domain::ids::{Id, PlaceNumber};
use claviger_domain::noun::Actor;
use claviger_domain::time::Instant;

use crate::cells::{Cells, Tools, put, put_actor};
use crate::{Batch, Statement, Store, StoreError, values};

/// The stored result of some work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: Id,
    /// Who asked for it.
    pub maker: Actor,
    /// What kind of work, in the caller's word.
    pub kind: String,
    /// How far it has got, in the caller's word.
    pub state: String,
    /// Its report: JSON of the caller's.
    pub body: String,
    /// When it was begun.
    pub created_at: Instant,
}

const UPSERT: &str = "insert into operations \
     (place, id, maker_kind, maker_id, kind, state, body, created_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (place, id) do update set \
     state = excluded.state, body = excluded.body";

/// Appends operations; one with a known id replaces state and body.
pub(crate) fn append(batch: &mut Batch, place: PlaceNumber, operations: &[Operation]) {
    for it in operations {
        let mut out = Vec::with_capacity(8);
        put!(out, place, it.id);
        put_actor(&mut out, Some(it.maker));
        put!(out, &it.kind, &it.state, &it.body, it.created_at);
        batch.run(UPSERT, out);
    }
}

impl Store {
    /// The operation with that id.
    ///
    /// # Errors
    /// As for any read.
    pub async fn operation(
        &self,
        place: PlaceNumber,
        id: Id,
    ) -> Result<Option<Operation>, StoreError> {
        let sql = "select id, maker_kind, maker_id, kind, state, body, created_at \
             from operations where place = ?1 and id = ?2";
        let rows = self.db.read(Statement::new(sql, values![place, id])).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let mut tools = Tools::default();
        let mut cells = Cells::new("operations", row.into_values(), &mut tools);
        Ok(Some(Operation {
            id: cells.id()?,
            maker: cells.actor()?.ok_or_else(|| StoreError::corrupt("operations.maker_kind"))?,
            kind: cells.text()?,
            state: cells.text()?,
            body: cells.text()?,
            created_at: cells.instant()?,
        }))
    }

    /// Removes the operations of a place that were begun before an instant.
    ///
    /// # Errors
    /// As for any write.
    pub async fn trim_operations(
        &self,
        place: PlaceNumber,
        before: Instant,
    ) -> Result<(), StoreError> {
        let rows = "operations where place = ?1 and created_at < ?2";
        self.erase(rows, values![place, before]).await.map(drop)
    }
}
