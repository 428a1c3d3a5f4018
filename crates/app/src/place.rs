//! Places: which a caller sees, made, changed.

mod below;

use std::sync::Arc;

use claviger_domain::command::{lock, place as rules};
use claviger_domain::draft::open;
use claviger_domain::ids::{Id, Noun, OrganizationNumber, PlaceNumber, Ref};
use claviger_domain::noun::lock::Privacy;
use claviger_domain::noun::person::PersonEdit;
use claviger_domain::noun::place::{IdentityProvider, Organization, Place, PlaceEdit};
use claviger_domain::noun::role::{Role, client_may_give};
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::noun::{Header, account::Account, client::Client};
use claviger_domain::refusal::Refusal;
use claviger_domain::time::{Instant, Zone};

pub use self::below::{LocksWish, create_below, modify_locks};
use crate::client::may_anywhere;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::read::{Paging, Seen};
use crate::work::Work;
use crate::{App, Written, not_here, provider};

/// A place as it is made: its number and id are given later.
pub(crate) fn blank(organization: OrganizationNumber, parent: Option<PlaceNumber>) -> Place {
    Place {
        header: Header {
            number: 0,
            id: Id([0; 16]),
            external_id: None,
            created_at: Instant(0),
            updated_at: Instant(0),
            revision: 0,
            deleted_at: None,
        },
        organization,
        parent,
        name: String::new(),
        zone: Zone::utc(),
        retention_days: 30,
        retention_reason: None,
        used_for: None,
        held_until: None,
        language: "en".to_owned(),
        default_privacy: Privacy::Full,
        metadata: None,
        identity_providers: Vec::new(),
        courier_mode: false,
    }
}

/// Makes a place inside a work.
pub(crate) fn make(
    work: &mut Work,
    organization: OrganizationNumber,
    parent: Option<PlaceNumber>,
    edit: &PlaceEdit,
) -> Result<Arc<Place>, Error> {
    let draft = work.new_place(blank(organization, parent))?;
    let place = Place::clone(&draft.state.place);
    let place = rules::write(draft, &place, edit, "create")?;
    count(work, &place)?;
    Ok(place)
}

/// Writes to the directory, which numbers the places, so that nobody gives the number again.
fn count(work: &mut Work, place: &Place) -> Result<(), Error> {
    let directory = work.directory();
    let organization = directory.state.organizations.get(place.organization);
    let organization = open(organization.ok_or(Error::not_found(Noun::Organization))?);
    directory.note("create", Noun::Place, Some(place.header.id), Vec::new());
    directory.put(organization);
    Ok(())
}

/// Makes a place in the organization of the caller. A program is bound to the places it makes; a
/// human becomes their owner.
///
/// # Errors
/// As the rules say; a parent that is not there.
pub async fn create(
    ctx: &Context,
    parent: Option<Id>,
    edit: PlaceEdit,
) -> Result<Written<Arc<Place>>, Error> {
    let parent = match parent {
        None => None,
        Some(id) => Some(ctx.authorize(id, Scope::PlacesWrite).map_err(|error| match error {
            Error::Refused(Refusal::NotFound(_)) => {
                not_here("/parent_id", "there is no such place")
            }
            other => other,
        })?),
    };
    if ctx.controller().is_some() {
        let detail = "a client of a controller is for the controller's one place";
        return Err(Refusal::Escalation(detail.to_owned()).into());
    }
    let organization = organization(ctx, parent)?;
    let providers = edit.identity_providers.as_deref().unwrap_or_default();
    for scope in [Scope::RolesWrite, Scope::ClientsWrite] {
        // As where they are changed: who vouches for people may act as them.
        if !providers.is_empty() && !may_anywhere(ctx, scope) {
            return Err(Error::Forbidden(scope));
        }
    }
    if let (Caller::Client { scopes, role, .. }, false) = (&ctx.caller, providers.is_empty())
        && !client_may_give(*scopes, *role, Role::Administrator)
    {
        let detail = "who vouches for people is set by whoever may make administrators";
        return Err(Refusal::Escalation(detail.to_owned()).into());
    }
    provider::check(providers)?;
    let caller = ctx.caller.clone();
    ctx.write(None, move |work| {
        let place = make(work, organization, parent, &edit)?;
        match &caller {
            Caller::Client { number, .. } => {
                let directory = work.directory();
                if let Some(client) = directory.state.clients.get(*number) {
                    let mut client = open(client);
                    client.places.push(place.number());
                    directory.note("create", Noun::Place, Some(place.header.id), Vec::new());
                    directory.put(client);
                }
            }
            Caller::Account { number, .. } => {
                let account = work.directory().state.accounts.get(*number).cloned();
                if let Some(account) = account {
                    make_owner(work, place.number(), &account)?;
                }
            }
            Caller::System | Caller::Operator | Caller::Device { .. } => {}
        }
        Ok(place)
    })
    .await
}

/// Makes the person of an account the owner of a place.
pub(crate) fn make_owner(
    work: &mut Work,
    place: PlaceNumber,
    account: &Account,
) -> Result<(), Error> {
    let draft = work.place(place)?;
    let edit = PersonEdit {
        email: Some(account.email.clone()),
        phone: Some(account.phone.clone()),
        role: Some(Role::Owner),
        ..PersonEdit::default()
    };
    let known = account.email.as_deref().and_then(|email| draft.state.person_by_email(email));
    let person = match known {
        Some(number) => claviger_domain::command::person::edit(
            draft,
            number,
            &PersonEdit { role: Some(Role::Owner), ..PersonEdit::default() },
        )?,
        None => claviger_domain::command::person::create(draft, &edit)?,
    };
    let mut person = open(&person);
    person.account = Some(account.number());
    draft.put(person);
    Ok(())
}

/// The organization the caller may make places in.
fn organization(ctx: &Context, parent: Option<PlaceNumber>) -> Result<OrganizationNumber, Error> {
    let directory = ctx.app.world().directory();
    if let Some(parent) = parent {
        return Ok(ctx.app.state(parent)?.place.organization);
    }
    match &ctx.caller {
        Caller::Client { number, scopes, .. } => {
            if !scopes.has(Scope::PlacesWrite) {
                return Err(Error::Forbidden(Scope::PlacesWrite));
            }
            let client = directory.clients.get(*number).ok_or(Error::Unauthenticated)?;
            Ok(client.organization)
        }
        Caller::Account { .. } => {
            let owned = ctx.app.world().places().into_iter().find_map(|cell| {
                let state = cell.state();
                let place = state.place.number();
                let roles = ctx.roles_in(place);
                let may = ctx.scopes_in(place).is_some_and(|it| it.has(Scope::PlacesWrite))
                    && roles.iter().any(|role| *role >= Role::Administrator);
                may.then_some(state.place.organization)
            });
            owned.ok_or(Error::Forbidden(Scope::PlacesWrite))
        }
        Caller::Device { .. } => Err(Error::Forbidden(Scope::PlacesWrite)),
        Caller::System | Caller::Operator => {
            let first = directory.organizations.iter().next();
            let first = first.ok_or(Error::not_found(Noun::Organization))?;
            Ok(OrganizationNumber(first.header.number))
        }
    }
}

/// The caller with only that place of all it may act in; none where it may not act there.
#[must_use]
pub fn within(ctx: &Context, place: Id) -> Option<Caller> {
    let number = ctx.app.world().by_id(place)?;
    ctx.scopes_in(number)?;
    let mut caller = ctx.caller.clone();
    if let Caller::Client { places, .. } = &mut caller {
        *places = [number].into();
    }
    Some(caller)
}

/// The one place that a client is for; none where it is for several, or who calls is no client.
#[must_use]
pub fn only(app: &App, caller: &Caller) -> Option<Id> {
    let Caller::Client { places, .. } = caller else { return None };
    let [place] = &**places else { return None };
    app.world().cell(*place).map(|cell| cell.state().place.header.id)
}

/// Where a client may act.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// The places it is bound to.
    pub places: Vec<Id>,
    /// Its organization, where it may read that.
    pub organization: Option<Id>,
}

/// The organization of a place.
#[must_use]
pub fn organization_of(ctx: &Context, place: &Place) -> Option<Arc<Organization>> {
    ctx.app.world().directory().organizations.get(place.organization).cloned()
}

/// The organization of the program that calls.
///
/// # Errors
/// Another's is not there; the scope is missing.
pub fn read_organization(ctx: &Context, id: Id) -> Result<Arc<Organization>, Error> {
    let Caller::Client { number, scopes, .. } = &ctx.caller else {
        return Err(Error::not_found(Noun::Organization));
    };
    if !scopes.has(Scope::OrganizationRead) {
        return Err(Error::Forbidden(Scope::OrganizationRead));
    }
    let directory = ctx.app.world().directory();
    let own = directory.clients.get(*number).map(|client| client.organization);
    let found = own.and_then(|number| directory.organizations.get(number));
    found.filter(|it| it.header.id == id).cloned().ok_or(Error::not_found(Noun::Organization))
}

/// Where a client may act.
#[must_use]
pub fn reach(app: &App, client: &Client) -> Reach {
    let id = |place: &PlaceNumber| Some(app.world().cell(*place)?.state().place.header.id);
    let directory = app.world().directory();
    let organization = directory.organizations.get(client.organization);
    Reach {
        places: client.places.iter().filter_map(id).collect(),
        organization: organization
            .filter(|_| client.scopes.has(Scope::OrganizationRead))
            .map(|it| it.header.id),
    }
}

/// Changes a place. Who vouches for people there lets them in with the roles they have, so that it
/// is for those who give roles and make programs.
///
/// # Errors
/// As the rules say; not found; stale.
pub async fn edit(ctx: &Context, place: Id, edit: PlaceEdit) -> Result<Written<Arc<Place>>, Error> {
    if let Some(providers) = &edit.identity_providers {
        ctx.authorize(place, Scope::RolesWrite)?;
        ctx.authorize(place, Scope::ClientsWrite)?;
        provider::check(providers)?;
    }
    let place = ctx.authorize(place, Scope::PlacesWrite)?;
    write(ctx, place, edit, false).await
}

/// Changes a place and gives every lock it owns the place's default privacy, all or nothing.
///
/// # Errors
/// As [`edit`].
pub async fn edit_with_locks(
    ctx: &Context,
    place: Id,
    edit: PlaceEdit,
) -> Result<Written<Arc<Place>>, Error> {
    ctx.authorize(place, Scope::LocksWrite)?;
    let place = ctx.authorize(place, Scope::PlacesWrite)?;
    write(ctx, place, edit, true).await
}

async fn write(
    ctx: &Context,
    place: PlaceNumber,
    edit: PlaceEdit,
    locks_too: bool,
) -> Result<Written<Arc<Place>>, Error> {
    if edit.identity_providers.is_some() {
        // They let in whoever has a role there, now or later.
        ctx.may_give(place, Role::Administrator)?;
    }
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        ctx2.check_seen(&draft.state.place.header)?;
        let made = rules::edit(draft, &edit)?;
        if locks_too {
            lock::set_privacy(draft, made.default_privacy);
        }
        Ok(made)
    })
    .await
}

/// Says until when nothing of a place is forgotten, whatever its retention; none: no longer.
///
/// # Errors
/// As the rules say; not found; stale.
pub async fn hold(
    ctx: &Context,
    place: Id,
    until: Option<Instant>,
) -> Result<Written<Arc<Place>>, Error> {
    ctx.authorize(place, Scope::PlacesWrite)?;
    let place = ctx.authorize(place, Scope::EventsWrite)?;
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        ctx2.check_seen(&draft.state.place.header)?;
        Ok(rules::hold(draft, until)?)
    })
    .await
}

/// Registers who vouches for people of a place, or changes the one with that id.
///
/// # Errors
/// As [`edit`].
pub async fn put_provider(
    ctx: &Context,
    place: Id,
    provider: IdentityProvider,
) -> Result<(), Error> {
    let state = ctx.read(place, Scope::PlacesRead)?;
    let mut providers = state.place.identity_providers.clone();
    providers.retain(|it| it.id != provider.id);
    providers.push(provider);
    let wish = PlaceEdit { identity_providers: Some(providers), ..PlaceEdit::default() };
    edit(ctx, place, wish).await.map(drop)
}

/// One place.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, place: Id) -> Result<Seen<Arc<Place>>, Error> {
    let state = ctx.read(place, Scope::PlacesRead)?;
    Ok(Seen { value: state.place.clone(), state })
}

/// The public id of a place.
#[must_use]
pub fn id_of(ctx: &Context, place: PlaceNumber) -> Option<Id> {
    ctx.app.world().cell(place).map(|cell| cell.state().place.header.id)
}

/// The place a reference names: by id, or by external id among the places the caller sees.
///
/// # Errors
/// Not found.
pub fn resolve(ctx: &Context, place: &Ref) -> Result<Id, Error> {
    match place {
        Ref::Id(id) => Ok(*id),
        Ref::External(external_id) => ctx
            .app
            .world()
            .places()
            .iter()
            .map(|cell| cell.state().place.clone())
            .find(|place| {
                place.header.external_id.as_ref() == Some(external_id)
                    && ctx.scopes_in(place.number()).is_some()
            })
            .map(|place| place.header.id)
            .ok_or(Error::not_found(Noun::Place)),
    }
}

/// The places the caller may read and wants, with the number to go on after.
///
/// # Errors
/// A program has not the scope, anywhere.
pub fn list(
    ctx: &Context,
    paging: Paging,
    wanted: impl Fn(&Place) -> bool,
) -> Result<(Vec<Arc<Place>>, Option<u32>), Error> {
    let scopes = match &ctx.caller {
        Caller::Client { scopes, .. } => *scopes,
        Caller::Account { through: Some(through), .. } => through.scopes,
        _ => Scopes::ALL,
    };
    if !scopes.has(Scope::PlacesRead) {
        return Err(Error::Forbidden(Scope::PlacesRead));
    }
    let mut seen =
        ctx.app.world().places().into_iter().map(|cell| cell.state().place.clone()).filter(
            |place| {
                let scopes = ctx.scopes_in(place.number());
                place.header.number > paging.after
                    && wanted(place)
                    && scopes.is_some_and(|scopes| scopes.has(Scope::PlacesRead))
            },
        );
    let items: Vec<Arc<Place>> = seen.by_ref().take(paging.limit).collect();
    let more = seen.next().is_some();
    let next = items.last().filter(|_| more).map(|last| last.header.number);
    Ok((items, next))
}
