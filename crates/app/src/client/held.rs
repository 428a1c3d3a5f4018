//! What a caller may give a client, and which clients are the caller's to manage: nobody gives what
//! they do not hold. Changes nothing.

use claviger_domain::ids::{ControllerNumber, Noun, PlaceNumber};
use claviger_domain::noun::client::Client;
use claviger_domain::noun::role::Role;
use claviger_domain::noun::scope::{Scope, Scopes};
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::time::Instant;

use super::ClientWish;
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::{not_here, program};

/// What a wish comes to: scopes and places the caller holds.
pub(super) struct Found {
    pub(super) places: Option<Vec<PlaceNumber>>,
    pub(super) controller: Option<Option<(PlaceNumber, ControllerNumber)>>,
}

pub(super) fn find(
    ctx: &Context,
    wish: &ClientWish,
    former: Option<&Client>,
) -> Result<Found, Error> {
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
                return Err(of_one_place());
            };
            let state = ctx.app.state(*place)?;
            let number = state.resolve(Noun::Controller, reference).ok_or_else(missing)?;
            Some(Some((*place, ControllerNumber(number))))
        }
    };
    one_organization(ctx, places.as_deref().unwrap_or_default(), former)?;
    let bound = controller.unwrap_or(former.and_then(|client| client.controller));
    within_controller(ctx, bound)?;
    if bound.is_some_and(|(place, _)| whole.is_none_or(|whole| *whole != [place])) {
        return Err(of_one_place());
    }
    let scopes = wish.scopes.or(former.map(|client| client.scopes)).unwrap_or(Scopes::NONE);
    for place in whole.into_iter().flatten() {
        may_give(ctx, *place, scopes)?;
    }
    if whole.is_none_or(Vec::is_empty) && !held_anywhere(ctx, scopes) {
        return Err(escalation());
    }
    match (former, wish.expires_at) {
        (Some(_), None) => {}
        (_, end) => within_end(ctx, end.flatten())?,
    }
    Ok(Found { places, controller })
}

fn of_one_place() -> Error {
    let detail = "a client of a controller is for the controller's one place";
    Refusal::field("/place_ids", "bad_count", detail).into()
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

/// A program that ends gives none a longer life than its own.
pub(super) fn within_end(ctx: &Context, end: Option<Instant>) -> Result<(), Error> {
    let Caller::Client { number, .. } = &ctx.caller else { return Ok(()) };
    let directory = ctx.app.world().directory();
    let Some(own) = directory.clients.get(*number).and_then(|client| client.expires_at) else {
        return Ok(());
    };
    if end.is_some_and(|end| end <= own) {
        return Ok(());
    }
    let detail = format!("a client must end by your own end, {own}");
    Err(Refusal::Escalation(detail).into())
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

/// Whether the caller may see and manage a client: every place of it is the caller's to manage.
pub(super) fn manages(ctx: &Context, client: &Client, scope: Scope) -> bool {
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

/// Whether the caller may do something in any place.
pub(crate) fn may_anywhere(ctx: &Context, scope: Scope) -> bool {
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

/// Whoever gets a client's secret gets its scopes; and who may do less than a client can neither
/// change it nor take it away.
pub(super) fn may_take(ctx: &Context, client: &Client) -> Result<(), Error> {
    within_controller(ctx, client.controller)?;
    if client.places.is_empty() && !held_anywhere(ctx, client.scopes) {
        return Err(escalation());
    }
    client.places.iter().try_for_each(|place| may_give(ctx, *place, client.scopes))?;
    may_act_as(ctx, client)
}

/// A program that acts with the role of a person of its own is taken only by one that may give that
/// role: who has its secret has what the role may do.
fn may_act_as(ctx: &Context, client: &Client) -> Result<(), Error> {
    if !matches!(ctx.caller, Caller::Client { .. }) {
        return Ok(());
    }
    let address = program::address(client.header.id);
    for cell in ctx.app.world().places() {
        let state = cell.state();
        let person = state.person_by_email(&address).and_then(|it| state.people.get(it));
        let Some(role) = person.map(|it| it.role).filter(|it| *it > Role::Guest) else { continue };
        let place = state.place.number();
        if ctx.scopes_in(place).is_none() {
            return Err(escalation());
        }
        ctx.may_give(place, role)?;
    }
    Ok(())
}
