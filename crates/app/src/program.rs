//! Clients for programs written for a vendor's API. Which vendor's is no matter here.

use std::sync::Arc;

use claviger_domain::ids::{Id, PlaceNumber, Ref};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::person::{PersonEdit, PersonState};
use claviger_domain::noun::role::Role;
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;

use crate::client::{
    ClientWish, MadeClient, SECRET_PREFIX, create, create_with, edit, replace_secret,
};
use crate::context::{Caller, Context, roles_of};
use crate::error::Error;
use crate::random::{hex_secret, secret};
use crate::signed::{Claims, SignedError};
use crate::{App, auth, person, place};

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
    let (kind, scopes) = (ClientKind::Oauth2, PROGRAM.into_iter().collect());
    made_with(ctx, place, name, (kind, scopes), || secret(SECRET_PREFIX)).await
}

/// Makes the client of a program that knows no other secret than 32 hexadecimal digits, which it
/// sends with each request. The native API does not take such a secret. It may do what somebody
/// with `role` may too, and so give that role.
///
/// # Errors
/// No such place.
pub async fn make_with_token(
    ctx: &Context,
    place: Id,
    name: &str,
    role: Role,
) -> Result<Program, Error> {
    let scopes = role.scopes().or(PROGRAM.into_iter().collect());
    made_with(ctx, place, name, (ClientKind::PlainToken, scopes), hex_secret).await
}

/// A client that may do nothing by itself but by roles: its own, or those of people who let it act
/// for them.
#[derive(Clone, Debug)]
pub struct Acting {
    /// What people call it.
    pub name: String,
    /// Whether it can keep no secret. Then it has no role of its own either.
    pub is_public: bool,
    /// Where people are sent back to.
    pub redirect_uris: Vec<String>,
    /// Whether a person with its [`address`] is made in the place, an administrator.
    pub has_role: bool,
}

/// Makes such a client.
///
/// # Errors
/// No such place; an address that people cannot be sent back to.
pub async fn make_acting(ctx: &Context, place: Id, wish: Acting) -> Result<MadeClient, Error> {
    let kind = if wish.is_public { ClientKind::Public } else { ClientKind::Oauth2 };
    let own = ClientWish {
        name: Some(wish.name.clone()),
        scopes: Some(Scopes::NONE),
        places: Some(vec![place]),
        redirect_uris: Some(wish.redirect_uris),
        ..ClientWish::default()
    };
    let made = create(ctx, kind, own).await?.done().ok_or(Error::Internal)?;
    if !wish.has_role || wish.is_public {
        return Ok(made);
    }
    let id = made.client.header.id;
    let edit = PersonEdit {
        display_name: Some(Some(wish.name)),
        email: Some(Some(address(id))),
        role: Some(Role::Administrator),
        ..PersonEdit::default()
    };
    if let Err(error) = person::create(ctx, place, edit, false).await {
        // Nobody has seen its secret.
        crate::client::delete(ctx, &Ref::Id(id)).await?;
        return Err(error);
    }
    Ok(made)
}

/// The e-mail address by which people of a place give a program a role there, as they would to a
/// human. No mail arrives there (RFC 6761, section 6.4).
#[must_use]
pub fn address(client: Id) -> String {
    format!("{client}@programs.invalid")
}

/// The program that holds a signed token, with all that an administrator may do, in the places
/// where it is one: of all places, or of the one named.
///
/// # Errors
/// As [`SignedError`]; a client of one controller has no role.
pub fn by_role(
    app: &App,
    via: Via,
    token: &str,
    named: Option<Id>,
) -> Result<(Caller, Claims), SignedError> {
    let (mut caller, claims) = auth::signed(app, via, token)?;
    match &mut caller {
        Caller::Client { id, scopes, places, role, controller: None, .. } => {
            *scopes = Role::Administrator.scopes();
            *role = Some(Role::Administrator);
            *places = administered(app, &address(*id), named).into();
            Ok((caller, claims))
        }
        _ => Err(SignedError::Invalid),
    }
}

/// Where somebody with an e-mail address administers: the places themselves, without those below;
/// where a place is named, that one, also by what holds above it.
fn administered(app: &App, email: &str, named: Option<Id>) -> Vec<PlaceNumber> {
    let world = app.world();
    if let Some(named) = named {
        let place = world.by_id(named).into_iter();
        let administers = |place: &PlaceNumber| {
            let roles = roles_of(app, *place, |state| state.person_by_email(email));
            roles.iter().any(|role| *role >= Role::Administrator)
        };
        return place.filter(administers).collect();
    }
    let places = world.places().into_iter().map(|cell| cell.state().clone());
    let administers = |state: &Arc<PlaceState>| {
        let found = state.person_by_email(email).and_then(|number| state.people.get(number));
        found.is_some_and(|person| {
            person.state == PersonState::Active && person.role >= Role::Administrator
        })
    };
    places.filter(administers).map(|state| state.place.number()).collect()
}

async fn made_with(
    ctx: &Context,
    place: Id,
    name: &str,
    (kind, scopes): (ClientKind, Scopes),
    secret: fn() -> String,
) -> Result<Program, Error> {
    let state = ctx.read(place, Scope::PlacesRead)?;
    let wish = ClientWish {
        name: Some(name.to_owned()),
        scopes: Some(scopes),
        places: Some(vec![place]),
        ..ClientWish::default()
    };
    let made = create_with(ctx, kind, wish, secret).await?.done().ok_or(Error::Internal)?;
    let directory = ctx.app.world().directory();
    let organization = directory.organizations.get(state.place.organization);
    Ok(Program {
        client: made.client.header.id,
        secret: made.secret.ok_or(Error::Internal)?,
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
    let state = ctx.read(place, Scope::PlacesRead)?;
    let (number, organization) = (state.place.number(), state.place.organization);
    let external_id = only_id(via, place);
    let directory = ctx.app.world().directory();
    let mut clients = directory.clients.iter().filter(|it| it.organization == organization);
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
            create(ctx, ClientKind::ApiKey, wish).await?.done().and_then(|made| made.secret)
        }
        Some(client) if client.kind == ClientKind::ApiKey && client.places == [number] => {
            let own = Ref::Id(client.header.id);
            // Whatever was made of it since, it works again as one that is made.
            let wish = ClientWish {
                scopes: Some(scopes),
                controller: Some(None),
                expires_at: Some(None),
                ..ClientWish::default()
            };
            edit(ctx, &own, wish).await?;
            replace_secret(ctx, &own).await?.done().map(|made| made.secret)
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
