//! Batches: access keys given and taken item by item, with a stored result of each.

use claviger_app::{Error, grant, operation};

use super::access_key::exchange;
use super::{Answered, answer, at_domain, fields_of, id_of, made};
use crate::compat::parakey::error::{Failure, refuse};
use crate::compat::parakey::wire;
use crate::compat::serve::Call;

/// `POST /batches`: the body of `POST /access-keys`; what is wrong with one item stops no other.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    let wish = exchange(&body, own, &mut wrongs);
    refuse(wrongs)?;
    let done = grant::exchange_each(&ctx, own, wish).await?.done().ok_or(Error::Internal)?;
    Ok(made(&call, &wire::batch(&done)))
}

/// `GET /batches/{id}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let found = match operation::get(&ctx, own, id_of(&call)).await {
        Err(Error::Refused(_)) => None,
        other => Some(other?),
    };
    let ours = found.filter(|operation| operation.kind == grant::EXCHANGED);
    Ok(answer(&call, &wire::batch(&ours.ok_or_else(|| Failure::missing("batchNotFound"))?)))
}
