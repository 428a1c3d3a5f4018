//! Routes of the change trail.

use claviger_app::{change as app, hex};
use claviger_domain::ids::Id;
use claviger_domain::noun::scope::Scope;
use serde_json::{Map, Value, json};

use super::common::{Answered, Request, Row, Shared, at_place, problem};
use crate::api::call::run;
use crate::api::encode;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Param, Route};
use crate::api::shapes::{self, change as shape};

const FILTERS: &[Param] = &[Param::may(
    "object_id",
    shapes::ID,
    "Only those of the object with this id, also after it is gone.",
)];

pub(super) fn table() -> Vec<Row> {
    let rows = vec![
        Route::get(
            "/api/v1/places/{place}/changes",
            "list_changes",
            "List what was changed, by whom",
            Answer::Page(&shape::CHANGE),
            run!(list),
        )
        .query(FILTERS)
        .doc(
            "The reason that an action was given stands here: why a person is suspended, in the \
             changes of that person.",
        ),
        Route::get(
            "/api/v1/places/{place}/changes/verify",
            "verify_changes",
            "Check that the change trail is whole",
            Answer::Object(&shape::VERIFIED),
            run!(verify),
        ),
    ];
    rows.into_iter().map(|row| row.tag("changes").scope(Scope::ChangesRead)).collect()
}

async fn list(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let paging = call.paging()?;
    let after = paging.after_number()?;
    let object = call.text("object_id").and_then(Id::parse);
    let found = app::list(&ctx, place, after, paging.limit, object).await.map_err(problem)?;
    let next = found.1.then(|| found.0.last().map(|it| it.row.seq.to_string())).flatten();
    let items = found.0.iter().map(|it| shown(&it.row, it.reason.as_deref())).collect();
    Ok(Reply::page(paging.answer(items, next.as_deref())))
}

/// An entry of the trail, and why, where somebody said so and the caller may read it.
pub(super) fn shown(row: &app::TrailRow, reason: Option<&str>) -> Value {
    let values: Map<String, Value> =
        row.values.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let hash = hex(&row.hash);
    json!({
        "id": app::id(row).to_string(),
        "seq": row.seq,
        "at": encode::at(row.at),
        "actor": { "kind": row.actor.kind(), "id": row.actor.id().map(|id| id.to_string()) },
        "verb": row.verb,
        "noun": row.noun.as_str(),
        "object_id": row.object.map(|id| id.to_string()),
        "fields": row.fields,
        "values": values,
        "reason": reason,
        "revision": row.revision,
        "hash": hash,
    })
}

async fn verify(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let found = app::verify(&ctx, place).await.map_err(problem)?;
    Ok(Reply::plain(json!({
        "ok": found.first_broken.is_none(),
        "checked": found.checked,
        "first_broken": found.first_broken,
    })))
}
