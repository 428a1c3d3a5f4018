//! API clients: made, changed, rotated, deleted.

mod held;
mod own;
mod trail;

use std::sync::Arc;

use claviger_domain::draft::{Changed, Draft, open};
use claviger_domain::ids::{ClientNumber, Id, Noun, OrganizationNumber, Ref};
use claviger_domain::noun::client::{Client, ClientKind};
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::refusal::{Flaws, Refusal};
use claviger_domain::state::Directory;
use claviger_domain::text::{is_external_id, is_redirect_uri};
use claviger_domain::time::{HOUR, Instant};

use crate::Written;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::random::{hex_secret, secret, sha256};
use crate::read::Paging;

pub(crate) use self::held::may_anywhere;
use self::held::{find, manages, may_take, within_end};
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
    /// Where people who let it act for them are sent back to.
    pub redirect_uris: Option<Vec<String>>,
}

/// A client with its secret, which is shown once.
#[derive(Clone, Debug)]
pub struct MadeClient {
    /// The client.
    pub client: Arc<Client>,
    /// The secret; a public client has none.
    pub secret: Option<String>,
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

/// Makes a client in the caller's organization.
///
/// # Errors
/// Wrong fields; more than the caller holds.
pub async fn create(
    ctx: &Context,
    kind: ClientKind,
    wish: ClientWish,
) -> Result<Written<MadeClient>, Error> {
    if kind == ClientKind::PlainToken {
        let detail = "is made at the command line, for a vendor's program";
        return Err(Refusal::field("/kind", "not_here", detail).into());
    }
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
        check(&wish, None, kind, now)?;
        check_external_id(draft, &wish, organization, None)?;
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
            redirect_uris: wish.redirect_uris.clone().unwrap_or_default(),
        };
        let fields = vec![
            Changed::shown("name", &client.name),
            Changed::shown("scopes", words(client.scopes)),
            places_shown(&ctx2, &client.places),
        ];
        let number = client.number();
        draft.put(client);
        let secret = (kind != ClientKind::Public).then_some(secret);
        let client = at(draft, number)?;
        note(work, "create", &client, &[], fields)?;
        Ok(MadeClient { client, secret })
    })
    .await
}

fn at(draft: &Draft<Directory>, number: ClientNumber) -> Result<Arc<Client>, Error> {
    draft.state.clients.get(number).cloned().ok_or(Error::not_found(Noun::Client))
}

fn check(
    wish: &ClientWish,
    former: Option<&Client>,
    kind: ClientKind,
    now: Instant,
) -> Result<(), Error> {
    let mut flaws = Flaws::default();
    flaws.name(wish.name.as_deref().or(former.map(|it| it.name.as_str())).unwrap_or_default());
    let over = wish.expires_at.flatten().is_some_and(|end| end <= now);
    flaws.check(!over, "/expires_at", "in_the_past", "must be in the future");
    for (at, address) in wish.redirect_uris.iter().flatten().enumerate() {
        let right = "must be an absolute https address without a fragment, http on the machine \
                     itself, or of an app's own scheme such as org.example.app:/done";
        let pointer = format!("/redirect_uris/{at}");
        flaws.check(is_redirect_uri(address), &pointer, "bad_redirect_uri", right);
    }
    let addresses = wish.redirect_uris.as_ref().or(former.map(|it| &it.redirect_uris));
    let has_addresses = addresses.is_some_and(|it| !it.is_empty());
    let may_have = !kind.sends_secret() || !has_addresses;
    flaws.check(may_have, "/redirect_uris", "conflict", "must be empty where it is an api_key");
    Ok(flaws.refuse()?)
}

fn check_external_id(
    draft: &Draft<Directory>,
    wish: &ClientWish,
    organization: OrganizationNumber,
    own: Option<ClientNumber>,
) -> Result<(), Error> {
    let Some(Some(external_id)) = &wish.external_id else { return Ok(()) };
    let mut flaws = Flaws::default();
    if !is_external_id(external_id) {
        let detail = "must be 1-128 of letters, digits and . _ - : @";
        flaws.invalid("/external_id", "bad_external_id", detail);
    }
    let another = draft.state.clients.iter().any(|client| {
        client.header.external_id.as_ref() == Some(external_id)
            && client.organization == organization
            && Some(client.number()) != own
    });
    if another {
        flaws.taken("/external_id", "another client of the organization has this external id");
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

/// The client a reference names: by id, or by external id among those the caller may see.
fn seen(ctx: &Context, client: &Ref, scope: Scope) -> Result<Arc<Client>, Error> {
    if !may_anywhere(ctx, scope) {
        return Err(Error::Forbidden(scope));
    }
    let directory = ctx.app.world().directory();
    let sees = |client: &&Arc<Client>| manages(ctx, client, Scope::ClientsRead);
    let client = match client {
        Ref::Id(id) => directory.client(*id).filter(sees),
        Ref::External(external_id) => {
            let is_it = |it: &&Arc<Client>| it.header.external_id.as_ref() == Some(external_id);
            let mut found = directory.clients.iter().filter(is_it).filter(sees);
            let first = found.next();
            if found.next().is_some() {
                let detail = "is a client of several organizations of yours: name it by its id";
                return Err(Refusal::field("id", "ambiguous", detail).into());
            }
            first
        }
    };
    let client = client.ok_or(Error::not_found(Noun::Client))?;
    if manages(ctx, client, scope) { Ok(client.clone()) } else { Err(Error::Forbidden(scope)) }
}

/// One client.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, client: &Ref) -> Result<Arc<Client>, Error> {
    seen(ctx, client, Scope::ClientsRead)
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
pub async fn edit(
    ctx: &Context,
    client: &Ref,
    wish: ClientWish,
) -> Result<Written<Arc<Client>>, Error> {
    let former = seen(ctx, client, Scope::ClientsWrite)?;
    may_take(ctx, &former)?;
    let found = find(ctx, &wish, Some(&former))?;
    let ctx2 = ctx.clone();
    ctx.write(None, move |work| {
        let now = work.now;
        let draft = work.directory();
        let mut client = open(&at(draft, former.number())?);
        ctx2.check_seen(&client.header)?;
        check(&wish, Some(&client), client.kind, now)?;
        check_external_id(draft, &wish, former.organization, Some(former.number()))?;
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
        if let Some(redirect_uris) = &wish.redirect_uris {
            client.redirect_uris.clone_from(redirect_uris);
            fields.push(Changed::hidden("redirect_uris"));
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
/// Not found; stale; it is public and has none.
pub async fn rotate(ctx: &Context, client: &Ref) -> Result<Written<Rotated>, Error> {
    renew(ctx, client, OVERLAP).await
}

/// Gives a client a new secret; the former one is over at once.
///
/// # Errors
/// As [`rotate`].
pub(crate) async fn replace_secret(ctx: &Context, client: &Ref) -> Result<Written<Rotated>, Error> {
    renew(ctx, client, 0).await
}

async fn renew(ctx: &Context, client: &Ref, overlap: i64) -> Result<Written<Rotated>, Error> {
    let former = seen(ctx, client, Scope::ClientsWrite)?;
    may_take(ctx, &former)?;
    // Whoever gets its secret lives as long as it.
    within_end(ctx, former.expires_at)?;
    if former.kind == ClientKind::Public {
        return Err(Refusal::InUse("a public client has no secret".to_owned()).into());
    }
    let ctx2 = ctx.clone();
    ctx.write(None, move |work| {
        let until = work.now.plus(overlap);
        let draft = work.directory();
        let mut client = open(&at(draft, former.number())?);
        ctx2.check_seen(&client.header)?;
        let secret = match client.kind {
            // Its programs could not send another.
            ClientKind::PlainToken => hex_secret(),
            _ => secret(SECRET_PREFIX),
        };
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

/// Deletes a client; its tokens end with it.
///
/// # Errors
/// Not found; stale; it may do more than the caller.
pub async fn delete(ctx: &Context, client: &Ref) -> Result<Written<()>, Error> {
    let former = seen(ctx, client, Scope::ClientsWrite)?;
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
