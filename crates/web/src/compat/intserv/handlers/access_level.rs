//! Access levels: listed.

use axum::response::IntoResponse;
use claviger_app::{Paging, access_level};
use serde_json::{Value, json};

use super::{Answered, at_place};
use crate::compat::intserv::wire;
use crate::compat::serve::Call;

/// `POST /accesslevels/list`: all of them.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let all = Paging::ALL;
    let page = access_level::list(&ctx, place, all)?;
    let shown = page.items.iter().map(|level| wire::access_level(level, &page.state));
    Ok(axum::Json(json!({ "levels": shown.collect::<Value>() })).into_response())
}
