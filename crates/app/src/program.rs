//! Clients for programs written for a vendor's API. Which vendor's is no matter here.

use claviger_domain::ids::Id;
use claviger_domain::noun::client::ClientKind;
use claviger_domain::noun::scope::Scope;

use crate::client::{ClientWish, SECRET_PREFIX, create_with};
use crate::context::Context;
use crate::error::Error;
use crate::random::{hex_secret, secret};

/// A program of a vendor's, with its secret, which is shown once.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Program {
    pub client: Id,
    pub secret: String,
    pub place: Id,
    pub organization: Id,
}

/// What a program written for a vendor's API may do in its place: everything but give rights to
/// other programs and roles to people, and decide.
const PROGRAM: [Scope; 11] = [
    Scope::OrganizationRead,
    Scope::PlacesWrite,
    Scope::PeopleWrite,
    Scope::CredentialsWrite,
    Scope::LocksWrite,
    Scope::ControllersWrite,
    Scope::AccessLevelsWrite,
    Scope::GrantsWrite,
    Scope::SchedulesWrite,
    Scope::EventsRead,
    Scope::WebhooksWrite,
];

/// Makes the client of a program written for a vendor's API.
///
/// # Errors
/// No such place.
pub async fn make(ctx: &Context, place: Id, name: &str) -> Result<Program, Error> {
    made(ctx, place, name, ClientKind::Oauth2, || secret(SECRET_PREFIX)).await
}

/// Makes the client of a program that knows no other secret than 32 hexadecimal digits, which it
/// sends with each request. The native API does not take such a secret.
///
/// # Errors
/// No such place.
pub async fn make_with_token(ctx: &Context, place: Id, name: &str) -> Result<Program, Error> {
    made(ctx, place, name, ClientKind::ApiKey, hex_secret).await
}

async fn made(
    ctx: &Context,
    place: Id,
    name: &str,
    kind: ClientKind,
    secret: fn() -> String,
) -> Result<Program, Error> {
    let state = ctx.read(place, Scope::PlacesRead)?;
    let wish = ClientWish {
        name: Some(name.to_owned()),
        scopes: Some(PROGRAM.into_iter().collect()),
        places: Some(vec![place]),
        ..ClientWish::default()
    };
    let made = create_with(ctx, kind, wish, secret).await?.done().ok_or(Error::Internal)?;
    let directory = ctx.app.world().directory();
    let organization = directory.organizations.get(state.place.organization);
    Ok(Program {
        client: made.client.header.id,
        secret: made.secret,
        place,
        organization: organization.ok_or(Error::Internal)?.header.id,
    })
}
