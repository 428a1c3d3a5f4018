//! Requests that are sent again: the twin waits, then gets the answer that was kept.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use claviger_domain::time::{DAY, Instant};
use claviger_store::StoredAnswer;
use tokio::sync::OwnedMutexGuard;

use crate::App;
use crate::context::{Keep, Kept, Left};
use crate::error::Error;
use crate::world::guard;

/// How long an answer is kept.
pub const KEPT_FOR: i64 = DAY;

type Turn = Arc<tokio::sync::Mutex<()>>;

/// Requests under way, by scope and key.
#[derive(Debug, Default)]
pub struct Twins {
    turns: Mutex<HashMap<(String, String), Turn>>,
}

/// One request's turn; its twin waits until this is dropped.
#[derive(Debug)]
pub struct Turned {
    _turn: OwnedMutexGuard<()>,
}

/// By what the twin of a request is known.
#[must_use]
pub fn tag(app: &App, request: &[u8]) -> [u8; 32] {
    app.secrets().request_tag(request)
}

/// Waits for a twin under way, then says whether the request was answered before.
///
/// # Errors
/// The key was used for another request.
pub async fn begin(
    app: &App,
    scope: &str,
    key: &str,
    request: &[u8; 32],
) -> Result<(Turned, Option<Kept>), Error> {
    let turn = {
        let mut turns = guard(&app.inner.twins.turns);
        // Turns nobody holds or waits for are over.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry((scope.to_owned(), key.to_owned())).or_default().clone()
    };
    let turned = Turned { _turn: turn.lock_owned().await };
    let since = app.now().plus(-KEPT_FOR);
    let mut found = app.store().find_answer(scope, key).await?;
    if found.as_ref().is_some_and(|it| it.created_at <= since) {
        // The key is free again; the answer to come takes the place of the old one.
        app.store().trim_answers(since.plus(1)).await?;
        found = None;
    }
    match found {
        None => Ok((turned, None)),
        Some(answer) if answer.request_hash == *request => {
            let body = String::from_utf8(answer.body).map_err(|_| Error::Internal)?;
            let kept = Kept { status: answer.status, body, headers: answer.headers };
            Ok((turned, Some(kept)))
        }
        Some(_) => Err(Error::KeyMismatch),
    }
}

/// The answer of a command as it is kept for whoever asks again.
pub(crate) fn answer(
    keep: &Keep,
    value: &(dyn Any + Send),
    left: Left<'_>,
    created_at: Instant,
) -> Option<StoredAnswer> {
    let kept = (keep.encode)(value, left)?;
    Some(StoredAnswer {
        scope: keep.scope.clone(),
        key: keep.key.clone(),
        request_hash: keep.request,
        status: kept.status,
        body: kept.body.into_bytes(),
        headers: kept.headers,
        created_at,
    })
}
