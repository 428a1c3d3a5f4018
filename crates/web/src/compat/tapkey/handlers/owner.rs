//! Owner accounts: the places that the caller administers.

use claviger_app::{Error, Paging, place};
use claviger_domain::noun::place::PlaceEdit;

use super::{Answered, answer, at_owner, context, fields_of, listed, query, without_parameters};
use crate::compat::serve::Call;
use crate::compat::tapkey::error::{Failure, refuse};
use crate::compat::tapkey::wire;

/// `GET /owners`: those that the caller may manage, oldest first.
pub(crate) async fn list(call: Call) -> Answered {
    let query = query(&call, wire::OWNER)?;
    let paging = Paging::ALL;
    let (places, _) = place::list(&context(&call)?, paging, |_| true)?;
    Ok(listed(&query, places.iter().map(|place| wire::owner(place)).collect()))
}

/// `PUT /owners`: not for programs that act for themselves.
pub(crate) async fn create(_: Call) -> Answered {
    let message = "A service account cannot create owner accounts.";
    Err(Failure::forbidden(message))
}

/// `GET /owners/{owner}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    without_parameters(&call)?;
    Ok(answer(&wire::owner(&place::get(&ctx, owner)?.value)))
}

/// `PATCH /owners/{owner}`.
pub(crate) async fn update(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["name"], &mut wrongs);
    body.sized("name", 1, 200, &mut wrongs);
    let name = body.text("name", &mut wrongs).map(str::to_owned);
    refuse(wrongs)?;
    let edit = PlaceEdit { name, ..PlaceEdit::default() };
    let made = place::edit(&ctx, owner, edit).await?.done().ok_or(Error::Internal)?;
    Ok(answer(&wire::owner(&made)))
}
