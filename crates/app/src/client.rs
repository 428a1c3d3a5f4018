//! API clients: made, changed, rotated, deleted. Nobody gives what they do not hold.

mod own;
mod trail;

use std::sync::Arc;

use claviger_domain::draft::{Changed, Draft, open};
use claviger_domain::ids::{
    ClientNumber, ControllerNumber, Id, Noun, OrganizationNumber, PlaceNumber, Ref,
};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::refusal::{FieldError, Flaws, Refusal};
use claviger_domain::state::Directory;
use claviger_domain::text::is_external_id;
use claviger_domain::time::{HOUR, Instant};

use crate::context::{Caller, Context};
use crate::error::Error;
use crate::random::{secret, sha256};
use crate::read::Paging;
use crate::{Written, not_here};

pub use self::own::{Own, own};
use self::trail::{note, places_shown, words};

/// The start of every client's secret.
pub const SECRET_PREFIX: &str = "clvk_";
/// How long the secret before a rotation still works.
const OVERLAP: i64 = 24 * HOUR;

/// What a caller sets on a client; an absent field is left as it is.
#[derive(Clone, Debug, Default)]
pub struct ClientWish {
    /// The caller's own id for it, unique in the organization.
    pub external_id: Option<Option<String>>,
    /// What people call it.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Option<Scopes>,
    /// Where it may.
    pub places: Option<Vec<Id>>,
    /// The one controller for whose locks it may decide and report, in its one place.
    pub controller: Option<Option<Ref>>,
    /// From then on it is refused.
    pub expires_at: Option<Option<Instant>>,
}

/// A client with its secret, which is shown once.
#[derive(Clone, Debug)]
pub struct MadeClient {
    /// The client.
    pub client: Arc<Client>,
    /// The secret.
    pub secret: String,
}

/// A new secret for a client, with the end of the former one.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The client.
    pub client: Arc<Client>,
    /// The new secret.
    pub secret: String,
    /// Until when the former one works.
    pub previous_valid_until: Instant,
}

/// What a wish comes to: scopes and places the caller holds.
struct Found {
    places: Option<Vec<PlaceNumber>>,
    controller: Option<Option<(PlaceNumber, ControllerNumber)>>,
}

fn find(ctx: &Context, wish: &ClientWish, former: Option<&Client>) -> Result<Found, Error> {
    let mut errors = Vec::new();
    let mut places = None;
    if let Some(ids) = &wish.places {
        let mut found = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            let number = ctx.app.world().by_id(*id);
            match number.filter(|number| ctx.scopes_in(*number).is_some()) {
                Some(number) if !found.contains(&number) => found.push(number),
                Some(_) => {}
                None => errors.push(FieldError::new(
                    format!("/place_ids/{at}"),
                    "not_found",
                    "there is no such place",
                )),
            }
        }
        places = Some(found);
    }
    if !errors.is_empty() {
        return Err(Refusal::Invalid(errors).into());
    }
    let whole = places.as_ref().or(former.map(|client| &client.places));
    let controller = match &wish.controller {
        None => None,
        Some(None) => Some(None),
        Some(Some(reference)) => {
            let missing = || not_here("/controller_id", "there is no such controller there");
            let [place] = whole.map_or(&[][..], Vec::as_slice) else {
                let detail = "a client of a controller is for the controller's one place";
                return Err(Refusal::field("/place_ids", "bad_count", detail).into());
            };
            let state = ctx.app.state(*place)?;
            let number = state.resolve(Noun::Controller, reference).ok_or_else(missing)?;
            Some(Some((*place, ControllerNumber(number))))
        }
    };
    one_organization(ctx, places.as_deref().unwrap_or_default(), former)?;
    let bound = controller.unwrap_or(former.and_then(|client| client.controller));
    within_controller(ctx, bound)?;
    let scopes = wish.scopes.or(former.map(|client| client.scopes)).unwrap_or(Scopes::NONE);
    for place in whole.into_iter().flatten() {
        may_give(ctx, *place, scopes)?;
    }
    if whole.is_none_or(Vec::is_empty) && !held_anywhere(ctx, scopes) {
        return Err(escalation());
    }
    Ok(Found { places, controller })
}

/// A client's places are all in its organization.
fn one_organization(
    ctx: &Context,
    places: &[PlaceNumber],
    former: Option<&Client>,
) -> Result<(), Error> {
    let mut whose = former.map(|client| client.organization);
    for place in places {
        let own = ctx.app.state(*place)?.place.organization;
        if *whose.get_or_insert(own) != own {
            let detail = "must be places of one organization";
            return Err(Refusal::field("/place_ids", "conflict", detail).into());
        }
    }
    Ok(())
}

/// A program bound to a controller makes only programs bound to it.
fn within_controller(
    ctx: &Context,
    bound: Option<(PlaceNumber, ControllerNumber)>,
) -> Result<(), Error> {
    let own = ctx.controller();
    if own.is_none() || own == bound { Ok(()) } else { Err(escalation()) }
}

fn may_give(ctx: &Context, place: PlaceNumber, scopes: Scopes) -> Result<(), Error> {
    let held = ctx.scopes_in(place).unwrap_or(Scopes::NONE);
    if held.has(Scope::ClientsWrite) && held.covers(scopes) {
        return Ok(());
    }
    Err(if held.has(Scope::ClientsWrite) {
        escalation()
    } else {
        Error::Forbidden(Scope::ClientsWrite)
    })
}

fn held_anywhere(ctx: &Context, wanted: Scopes) -> bool {
    match &ctx.caller {
        Caller::System | Caller::Operator => true,
        Caller::Client { scopes, .. } => scopes.covers(wanted),
        Caller::Account { .. } | Caller::Device { .. } => wanted == Scopes::NONE,
    }
}

fn escalation() -> Error {
    let detail = "a client's scopes and places must be among your own";
    Refusal::Escalation(detail.to_owned()).into()
}

/// Makes a client in the caller's organization.
///
/// # Errors
/// Wrong fields; more than the caller holds.
pub async fn create(
    ctx: &Context,
    kind: ClientKind,
    wish: ClientWish,
) -> Result<Written<MadeClient>, Error> {
    create_with(ctx, kind, wish, || secret(SECRET_PREFIX)).await
}

/// The same with a secret of another form.
pub(crate) async fn create_with(
    ctx: &Context,
    kind: ClientKind,
    wish: ClientWish,
    new_secret: fn() -> String,
) -> Result<Written<MadeClient>, Error> {
    let organization = organization(ctx)?;
    let found = find(ctx, &wish, None)?;
    let organization = match found.places.as_deref() {
        Some([place, ..]) => ctx.app.state(*place)?.place.organization,
        _ => organization,
    };
    let ctx2 = ctx.clone();
    ctx.write(None, move |work| {
        let secret = new_secret();
        let now = work.now;
        let draft = work.directory();
        check(&wish, "", now)?;
        check_external_id(draft, &wish, None)?;
        let client = Client {
            header: draft.header(Noun::Client, wish.external_id.clone().flatten())?,
            organization,
            name: wish.name.clone().unwrap_or_default(),
            kind,
            secret: sha256(secret.as_bytes()),
            previous_secret: None,
            scopes: wish.scopes.unwrap_or(Scopes::NONE),
            places: found.places.clone().unwrap_or_default(),
            controller: found.controller.flatten(),
            expires_at: wish.expires_at.flatten(),
        };
        let fields = vec![
            Changed::shown("name", &client.name),
            Changed::shown("scopes", words(client.scopes)),
            places_shown(&ctx2, &client.places),
        ];
        let number = client.number();
        draft.put(client);
        let client = at(draft, number)?;
        note(work, "create", &client, &[], fields)?;
        Ok(MadeClient { client, secret })
    })
    .await
}

fn at(draft: &Draft<Directory>, number: ClientNumber) -> Result<Arc<Client>, Error> {
    draft.state.clients.get(number).cloned().ok_or(Error::not_found(Noun::Client))
}

fn check(wish: &ClientWish, name: &str, now: Instant) -> Result<(), Error> {
    let mut flaws = Flaws::default();
    flaws.name(wish.name.as_deref().unwrap_or(name));
    let over = wish.expires_at.flatten().is_some_and(|end| end <= now);
    flaws.check(!over, "/expires_at", "in_the_past", "must be in the future");
    Ok(flaws.refuse()?)
}

fn check_external_id(
    draft: &Draft<Directory>,
    wish: &ClientWish,
    own: Option<ClientNumber>,
) -> Result<(), Error> {
    let Some(Some(external_id)) = &wish.external_id else { return Ok(()) };
    let mut flaws = Flaws::default();
    if !is_external_id(external_id) {
        let detail = "must be 1-128 of letters, digits and . _ - : @";
        flaws.invalid("/external_id", "bad_external_id", detail);
    }
    let another = draft.state.clients.iter().any(|client| {
        client.header.external_id.as_ref() == Some(external_id) && Some(client.number()) != own
    });
    if another {
        flaws.taken("/external_id", "another client has this external id");
    }
    Ok(flaws.refuse()?)
}

/// The public id of the controller a client is bound to.
#[must_use]
pub fn controller_id(ctx: &Context, client: &Client) -> Option<Id> {
    let (place, controller) = client.controller?;
    let cell = ctx.app.world().cell(place)?;
    let state = cell.state();
    state.controllers.get(controller).map(|controller| controller.header.id)
}

fn organization(ctx: &Context) -> Result<OrganizationNumber, Error> {
    let directory = ctx.app.world().directory();
    match &ctx.caller {
        Caller::Client { number, scopes, .. } => {
            if !scopes.has(Scope::ClientsWrite) {
                return Err(Error::Forbidden(Scope::ClientsWrite));
            }
            let client = directory.clients.get(*number).ok_or(Error::Unauthenticated)?;
            Ok(client.organization)
        }
        Caller::Account { .. } => {
            let held = ctx.app.world().places().into_iter().find_map(|cell| {
                let state = cell.state();
                let scopes = ctx.scopes_in(state.place.number())?;
                scopes.has(Scope::ClientsWrite).then_some(state.place.organization)
            });
            held.ok_or(Error::Forbidden(Scope::ClientsWrite))
        }
        Caller::Device { .. } => Err(Error::Forbidden(Scope::ClientsWrite)),
        Caller::System | Caller::Operator => directory
            .organizations
            .iter()
            .next()
            .map(|it| OrganizationNumber(it.header.number))
            .ok_or(Error::not_found(Noun::Organization)),
    }
}

/// Whether the caller may see and manage a client: every place of it is the caller's to manage.
fn manages(ctx: &Context, client: &Client, scope: Scope) -> bool {
    let held = |place: &PlaceNumber| ctx.scopes_in(*place).is_some_and(|it| it.has(scope));
    match &ctx.caller {
        Caller::System | Caller::Operator => true,
        Caller::Client { number, scopes, .. } => {
            scopes.has(scope)
                && client.places.iter().all(held)
                && (!client.places.is_empty() || *number == client.number())
        }
        Caller::Account { .. } => !client.places.is_empty() && client.places.iter().all(held),
        Caller::Device { .. } => false,
    }
}

fn seen(ctx: &Context, id: Id, scope: Scope) -> Result<Arc<Client>, Error> {
    if !may_anywhere(ctx, scope) {
        return Err(Error::Forbidden(scope));
    }
    let directory = ctx.app.world().directory();
    let client = directory.client(id).filter(|client| manages(ctx, client, Scope::ClientsRead));
    let client = client.ok_or(Error::not_found(Noun::Client))?;
    if manages(ctx, client, scope) { Ok(client.clone()) } else { Err(Error::Forbidden(scope)) }
}

fn may_anywhere(ctx: &Context, scope: Scope) -> bool {
    match &ctx.caller {
        Caller::System | Caller::Operator => true,
        Caller::Client { scopes, .. } => scopes.has(scope),
        Caller::Device { .. } => false,
        Caller::Account { .. } => ctx.app.world().places().into_iter().any(|cell| {
            let place = cell.state().place.number();
            ctx.scopes_in(place).is_some_and(|scopes| scopes.has(scope))
        }),
    }
}

/// One client.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, id: Id) -> Result<Arc<Client>, Error> {
    seen(ctx, id, Scope::ClientsRead)
}

/// The clients the caller may see, with the number to go on after.
///
/// # Errors
/// The scope is missing.
pub fn list(ctx: &Context, paging: Paging) -> Result<(Vec<Arc<Client>>, Option<u32>), Error> {
    if !may_anywhere(ctx, Scope::ClientsRead) {
        return Err(Error::Forbidden(Scope::ClientsRead));
    }
    let directory = ctx.app.world().directory();
    let mut found = directory
        .clients
        .iter_from(paging.after.saturating_add(1))
        .filter(|client| manages(ctx, client, Scope::ClientsRead));
    let items: Vec<Arc<Client>> = found.by_ref().take(paging.limit).cloned().collect();
    let more = found.next().is_some();
    let next = items.last().filter(|_| more).map(|last| last.header.number);
    Ok((items, next))
}

/// Changes a client.
///
/// # Errors
/// As [`create`]; not found; stale.
pub async fn edit(ctx: &Context, id: Id, wish: ClientWish) -> Result<Written<Arc<Client>>, Error> {
    let former = seen(ctx, id, Scope::ClientsWrite)?;
    may_take(ctx, &former)?;
    let found = find(ctx, &wish, Some(&former))?;
    let ctx2 = ctx.clone();
    ctx.write(None, move |work| {
        let now = work.now;
        let draft = work.directory();
        let mut client = open(&at(draft, former.number())?);
        ctx2.check_seen(&client.header)?;
        check(&wish, &client.name, now)?;
        check_external_id(draft, &wish, Some(former.number()))?;
        if let Some(external_id) = &wish.external_id {
            client.header.external_id.clone_from(external_id);
        }
        let mut fields = Vec::new();
        if let Some(name) = &wish.name {
            client.name.clone_from(name);
            fields.push(Changed::shown("name", name));
        }
        if let Some(scopes) = wish.scopes {
            client.scopes = scopes;
            fields.push(Changed::shown("scopes", words(scopes)));
        }
        if let Some(places) = &found.places {
            client.places.clone_from(places);
            fields.push(places_shown(&ctx2, places));
        }
        if let Some(controller) = found.controller {
            client.controller = controller;
            fields.push(Changed::hidden("controller_id"));
        }
        if let Some(expires_at) = wish.expires_at {
            client.expires_at = expires_at;
            fields.push(expires_at.map_or_else(
                || Changed::hidden("expires_at"),
                |expires_at| Changed::shown("expires_at", expires_at),
            ));
        }
        draft.put(client);
        let client = at(draft, former.number())?;
        note(work, "update", &client, &former.places, fields)?;
        Ok(client)
    })
    .await
}

/// Gives a client a new secret; the former one works for another day.
///
/// # Errors
/// Not found; stale.
pub async fn rotate(ctx: &Context, id: Id) -> Result<Written<Rotated>, Error> {
    renew(ctx, id, OVERLAP).await
}

/// Gives a client a new secret; the former one is over at once.
///
/// # Errors
/// As [`rotate`].
pub(crate) async fn replace_secret(ctx: &Context, id: Id) -> Result<Written<Rotated>, Error> {
    renew(ctx, id, 0).await
}

async fn renew(ctx: &Context, id: Id, overlap: i64) -> Result<Written<Rotated>, Error> {
    let former = seen(ctx, id, Scope::ClientsWrite)?;
    may_take(ctx, &former)?;
    let ctx2 = ctx.clone();
    ctx.write(None, move |work| {
        let until = work.now.plus(overlap);
        let draft = work.directory();
        let mut client = open(&at(draft, former.number())?);
        ctx2.check_seen(&client.header)?;
        let secret = secret(SECRET_PREFIX);
        client.previous_secret = (overlap > 0).then_some((client.secret, until));
        client.secret = sha256(secret.as_bytes());
        let fields = vec![Changed::hidden("secret")];
        draft.put(client);
        let client = at(draft, former.number())?;
        note(work, "rotate", &client, &[], fields)?;
        Ok(Rotated { client, secret, previous_valid_until: until })
    })
    .await
}

/// Whoever gets a client's secret gets its scopes; and who may do less than a client can neither
/// change it nor take it away.
fn may_take(ctx: &Context, client: &Client) -> Result<(), Error> {
    within_controller(ctx, client.controller)?;
    if client.places.is_empty() && !held_anywhere(ctx, client.scopes) {
        return Err(escalation());
    }
    client.places.iter().try_for_each(|place| may_give(ctx, *place, client.scopes))
}

/// Deletes a client; its tokens end with it.
///
/// # Errors
/// Not found; stale; it may do more than the caller.
pub async fn delete(ctx: &Context, id: Id) -> Result<Written<()>, Error> {
    let former = seen(ctx, id, Scope::ClientsWrite)?;
    may_take(ctx, &former)?;
    let ctx2 = ctx.clone();
    ctx.write(None, move |work| {
        let draft = work.directory();
        let client = open(&at(draft, former.number())?);
        ctx2.check_seen(&client.header)?;
        let tickets: Vec<_> = draft
            .state
            .tickets
            .iter()
            .filter(|ticket| ticket.client == Some(former.number()))
            .cloned()
            .collect();
        tickets.into_iter().for_each(|ticket| draft.delete(ticket));
        note(work, "delete", &client, &[], Vec::new())?;
        work.directory().delete(client);
        Ok(())
    })
    .await
}
