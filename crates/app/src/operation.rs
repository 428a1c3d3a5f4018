//! Operations: stored results of work that reports per item.

use claviger_domain::ids::Id;
use claviger_domain::noun::Actor;
pub use claviger_store::Operation;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::work::Work;

/// The result of work that is finished at its commit: one row per item, in order.
pub(crate) fn finished(
    work: &mut Work,
    maker: Actor,
    kind: &str,
    results: &[(u16, Id)],
) -> Operation {
    let rows = results.iter().enumerate().map(
        |(index, (status, id))| json!({"index": index, "status": status, "id": id.to_string()}),
    );
    with_results(work, maker, kind, &rows.collect::<Vec<_>>())
}

/// The same, of which a row says what its maker will.
pub(crate) fn with_results(work: &mut Work, maker: Actor, kind: &str, rows: &[Value]) -> Operation {
    Operation {
        id: work.next_id(),
        maker,
        kind: kind.to_owned(),
        state: "finished".to_owned(),
        body: json!({"results": rows, "errors": []}).to_string(),
        created_at: work.now,
    }
}

/// The result of work that could not be done, and why.
pub(crate) fn failed(work: &mut Work, maker: Actor, kind: &str, why: &str) -> Operation {
    Operation {
        id: work.next_id(),
        maker,
        kind: kind.to_owned(),
        state: "failed".to_owned(),
        body: json!({"results": [], "errors": [{"detail": why}]}).to_string(),
        created_at: work.now,
    }
}

/// Whether something failed: the work itself, or one of its items.
pub(crate) fn has_failures(operation: &Operation) -> bool {
    let body: Value = serde_json::from_str(&operation.body).unwrap_or_default();
    let is_failed = |it: &Value| it["errors"].as_array().is_some_and(|errors| !errors.is_empty());
    is_failed(&body) || body["results"].as_array().into_iter().flatten().any(is_failed)
}

/// A stored result; only its maker sees it.
///
/// # Errors
/// Not found.
pub async fn get(ctx: &Context, place: Id, id: Id) -> Result<Operation, Error> {
    let world = ctx.app.world();
    let missing = || Error::not_found(claviger_domain::ids::Noun::Place);
    let number = world.by_id(place).ok_or_else(missing)?;
    ctx.scopes_in(number).ok_or_else(missing)?;
    let found = ctx.app.store().operation(number, id).await?;
    found.filter(|operation| operation.maker == ctx.caller.actor()).ok_or_else(missing)
}
