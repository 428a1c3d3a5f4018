//! Answers kept for `Idempotency-Key`: who asks again is told what was answered the first time.
//!
//! Must not know HTTP beyond three columns, or be given a secret.

use claviger_domain::time::Instant;
use serde_json::json;

use crate::cells::put;
use crate::{Batch, Statement, Store, StoreError, values};

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Whose key: client, method and path in the caller's form.
    pub scope: String,
    /// The key.
    pub key: String,
    /// SHA-256 of the request, by which another request under the same key is told.
    pub request_hash: [u8; 32],
    /// The status.
    pub status: u16,
    /// The headers worth repeating.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When it was given.
    pub created_at: Instant,
}

const INSERT: &str = "insert into answers \
     (scope, key, request_hash, status, headers, body, created_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Appends answers; a second answer to one key is refused as a conflict on `answers`.
pub(crate) fn append(batch: &mut Batch, answers: &[StoredAnswer]) {
    if answers.is_empty() {
        return;
    }
    let row = |it: &StoredAnswer| {
        let mut out = Vec::with_capacity(7);
        put!(out, &it.scope, &it.key, it.request_hash, it.status);
        put!(out, json!(it.headers).to_string(), it.body.as_slice(), it.created_at);
        out
    };
    batch.many(INSERT, answers.iter().map(row).collect());
}

impl Store {
    /// The answer given under a key.
    ///
    /// # Errors
    /// As for any read.
    pub async fn find_answer(
        &self,
        scope: &str,
        key: &str,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        let sql = "select request_hash, status, headers, body, created_at from answers \
             where scope = ?1 and key = ?2";
        let rows = self.db.read(Statement::new(sql, values![scope, key])).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let wrong = |what: &str| StoreError::corrupt(format!("answers.{what}"));
        Ok(Some(StoredAnswer {
            scope: scope.to_owned(),
            key: key.to_owned(),
            request_hash: row.array(0)?,
            status: u16::try_from(row.int(1)?).map_err(|_| wrong("status"))?,
            headers: serde_json::from_str(row.text(2)?).map_err(|_| wrong("headers"))?,
            body: row.bytes(3)?.to_vec(),
            created_at: Instant(row.int(4)?),
        }))
    }

    /// Keeps an answer that comes with no commit.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the key has an answer already.
    pub async fn keep_answer(&self, answer: &StoredAnswer) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        append(&mut batch, std::slice::from_ref(answer));
        self.db.write(batch).await.map(drop)
    }

    /// Removes the answers given before an instant.
    ///
    /// # Errors
    /// As for any write.
    pub async fn trim_answers(&self, before: Instant) -> Result<(), StoreError> {
        self.erase("answers where created_at < ?1", values![before]).await.map(drop)
    }
}
