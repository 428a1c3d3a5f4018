//! Controllers of a place.

use std::sync::Arc;

use claviger_domain::command::controller as rules;
use claviger_domain::ids::{ControllerNumber, Id, Noun, Ref};
use claviger_domain::noun::controller::{Controller, ControllerEdit};
use claviger_domain::noun::scope::Scope;

use crate::Written;
use crate::context::Context;
use crate::error::Error;
use crate::read::{Page, Paging, Seen, page, resolve};

/// Makes a controller.
///
/// # Errors
/// As the rules say.
pub async fn create(
    ctx: &Context,
    place: Id,
    edit: ControllerEdit,
) -> Result<Written<Arc<Controller>>, Error> {
    let place = ctx.authorize(place, Scope::ControllersWrite)?;
    ctx.write(Some(place), move |work| Ok(rules::create(work.place(place)?, &edit)?)).await
}

/// Changes a controller.
///
/// # Errors
/// As the rules say; not found; stale.
pub async fn edit(
    ctx: &Context,
    place: Id,
    controller: Ref,
    edit: ControllerEdit,
) -> Result<Written<Arc<Controller>>, Error> {
    ctx.change(
        place,
        Scope::ControllersWrite,
        Noun::Controller,
        controller,
        move |draft, number: ControllerNumber| Ok(rules::edit(draft, number, &edit)?),
    )
    .await
}

/// Deletes a controller.
///
/// # Errors
/// Not found; in use; stale.
pub async fn delete(ctx: &Context, place: Id, controller: Ref) -> Result<Written<()>, Error> {
    ctx.change(
        place,
        Scope::ControllersWrite,
        Noun::Controller,
        controller,
        move |draft, number: ControllerNumber| Ok(rules::delete(draft, number)?),
    )
    .await
}

/// One controller.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, place: Id, controller: &Ref) -> Result<Seen<Arc<Controller>>, Error> {
    let state = ctx.read(place, Scope::ControllersRead)?;
    let number: ControllerNumber = resolve(&state, Noun::Controller, controller)?;
    let value = rules::find(&state, number)?.clone();
    Ok(Seen { value, state })
}

/// A page of controllers.
///
/// # Errors
/// No such place.
pub fn list(ctx: &Context, place: Id, paging: Paging) -> Result<Page<Arc<Controller>>, Error> {
    let state = ctx.read(place, Scope::ControllersRead)?;
    Ok(page(state, |it| &it.controllers, |it| it.header.number, paging, |_| true))
}
