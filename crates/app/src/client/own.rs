//! The client that calls, as it sees itself.

use std::sync::Arc;

use claviger_domain::noun::client::Client;
use claviger_domain::noun::place::Organization;

use crate::context::{Caller, Context};
use crate::error::Error;

/// The client that calls, with its organization.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Own {
    pub client: Arc<Client>,
    pub organization: Arc<Organization>,
}

/// The client that calls.
///
/// # Errors
/// Somebody else calls.
pub fn own(ctx: &Context) -> Result<Own, Error> {
    let Caller::Client { number, .. } = &ctx.caller else { return Err(Error::Unauthenticated) };
    let directory = ctx.app.world().directory();
    let client = directory.clients.get(*number).cloned().ok_or(Error::Unauthenticated)?;
    let organization = directory.organizations.get(client.organization).cloned();
    Ok(Own { client, organization: organization.ok_or(Error::Internal)? })
}
