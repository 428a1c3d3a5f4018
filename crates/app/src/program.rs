//! Clients for programs written for a vendor's API. Which vendor's is no matter here.

use claviger_domain::ids::Id;
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::refusal::Refusal;

use crate::client::{ClientWish, SECRET_PREFIX, create, create_with, edit, replace_secret};
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::random::{hex_secret, secret};
use crate::{App, place};

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

/// The external id of the one client that programs of a surface have for a place.
fn only_id(via: Via, place: Id) -> String {
    format!("{}:{place}", via.as_str())
}

/// Makes the one API key that programs of a surface have for a place; where it is there already
/// it is made anew, and the former one is over at once.
///
/// # Errors
/// No such place; another client has the external id that is kept for it.
pub async fn make_only(
    ctx: &Context,
    place: Id,
    via: Via,
    name: &str,
    scopes: Scopes,
) -> Result<String, Error> {
    let number = ctx.read(place, Scope::PlacesRead)?.place.number();
    let external_id = only_id(via, place);
    let directory = ctx.app.world().directory();
    let mut clients = directory.clients.iter();
    let known = clients.find(|it| it.header.external_id.as_deref() == Some(&external_id));
    let made = match known {
        None => {
            let wish = ClientWish {
                external_id: Some(Some(external_id)),
                name: Some(name.to_owned()),
                scopes: Some(scopes),
                places: Some(vec![place]),
                ..ClientWish::default()
            };
            create(ctx, ClientKind::ApiKey, wish).await?.done().map(|made| made.secret)
        }
        Some(client) if client.kind == ClientKind::ApiKey && client.places == [number] => {
            let id = client.header.id;
            // Whatever was made of it since, it works again as one that is made.
            let wish = ClientWish {
                scopes: Some(scopes),
                controller: Some(None),
                expires_at: Some(None),
                ..ClientWish::default()
            };
            edit(ctx, id, wish).await?;
            replace_secret(ctx, id).await?.done().map(|made| made.secret)
        }
        Some(client) => {
            let detail = format!(
                "the client {} has the external id {external_id} and is no API key for this place \
                 alone",
                client.header.id
            );
            return Err(Refusal::InUse(detail).into());
        }
    };
    made.ok_or(Error::Internal)
}

/// The place whose one API key for programs of a surface a caller has shown; none for anybody
/// else.
#[must_use]
pub fn place_of_only(app: &App, caller: &Caller, via: Via) -> Option<Id> {
    let Caller::Client { number, .. } = caller else { return None };
    let place = place::only(app, caller)?;
    let directory = app.world().directory();
    let is_it = |client: &Client| {
        client.kind == ClientKind::ApiKey
            && client.header.external_id.as_ref() == Some(&only_id(via, place))
    };
    directory.clients.get(*number).is_some_and(|client| is_it(client)).then_some(place)
}
