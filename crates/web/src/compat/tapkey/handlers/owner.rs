//! Owner accounts: the places that the caller administers.

use claviger_app::{Caller, Error, Paging, place};
use claviger_domain::noun::place::PlaceEdit;

use super::listing::{each, listed};
use super::{Answered, answer, at_owner, context, fields_of, query, without_parameters};
use crate::compat::serve::Call;
use crate::compat::tapkey::error::{Failure, refuse};
use crate::compat::tapkey::wire;

/// `GET /owners`: those that the caller may manage, oldest first.
pub(crate) async fn list(call: Call) -> Answered {
    let query = query(&call, wire::OWNER)?;
    let paging = Paging::ALL;
    let (places, _) = place::list(&context(&call)?, paging, |_| true)?;
    listed(query, |passed| each(&places, passed, |place| Some(wire::owner(place)))).await
}

/// `PUT /owners`: not for programs by themselves. Whoever a program acts for owns what it makes.
pub(crate) async fn create(call: Call) -> Answered {
    let ctx = context(&call)?;
    if !matches!(ctx.caller, Caller::Account { .. }) {
        let message = "A service account cannot create owner accounts.";
        return Err(Failure::forbidden(message));
    }
    without_parameters(&call)?;
    let edit = edit(&call, true)?;
    let made = place::create(&ctx, None, edit).await?.done().ok_or(Error::Internal)?;
    Ok(answer(&wire::owner(&made)))
}

/// What a body says of an owner account.
fn edit(call: &Call, is_new: bool) -> Result<PlaceEdit, Failure> {
    let (body, mut wrongs) = fields_of(call);
    body.only(&["name"], &mut wrongs);
    body.sized("name", 1, 200, &mut wrongs);
    let name = match is_new {
        true => body.must("name", &mut wrongs),
        false => body.text("name", &mut wrongs),
    };
    let name = name.map(str::to_owned);
    refuse(wrongs)?;
    Ok(PlaceEdit { name, ..PlaceEdit::default() })
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
    let made =
        place::edit(&ctx, owner, edit(&call, false)?).await?.done().ok_or(Error::Internal)?;
    Ok(answer(&wire::owner(&made)))
}
