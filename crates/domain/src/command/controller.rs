//! Controllers: made, changed, deleted.

use std::sync::Arc;

use super::common::check_external_id;
use crate::draft::{Draft, open, set};
use crate::ids::{ControllerNumber, Noun};
use crate::noun::controller::{Controller, ControllerEdit};
use crate::refusal::{Flaws, Refusal};
use crate::state::PlaceState;

/// Makes a controller.
///
/// # Errors
/// Every wrong field.
pub fn create(draft: &mut Draft, edit: &ControllerEdit) -> Result<Arc<Controller>, Refusal> {
    let header = draft.header(Noun::Controller, None)?;
    let controller = Controller { header, name: String::new(), capacity: None, settings: None };
    write(draft, controller, edit, "create")
}

/// Changes a controller.
///
/// # Errors
/// As [`create`]; not found.
pub fn edit(
    draft: &mut Draft,
    number: ControllerNumber,
    edit: &ControllerEdit,
) -> Result<Arc<Controller>, Refusal> {
    let controller = open(find(&draft.state, number)?);
    write(draft, controller, edit, "update")
}

/// Deletes a controller that connects no lock.
///
/// # Errors
/// In use; not found.
pub fn delete(draft: &mut Draft, number: ControllerNumber) -> Result<(), Refusal> {
    let mut controller = open(find(&draft.state, number)?);
    if draft.state.locks.iter().any(|lock| lock.controller == Some(number)) {
        return Err(Refusal::InUse("locks are connected by this controller".to_owned()));
    }
    draft.note("delete", Noun::Controller, Some(controller.header.id), Vec::new());
    controller.settings = None;
    draft.delete(controller);
    Ok(())
}

/// The controller with that number.
///
/// # Errors
/// Not found.
pub fn find(state: &PlaceState, number: ControllerNumber) -> Result<&Arc<Controller>, Refusal> {
    state.controllers.get(number).ok_or(Refusal::NotFound(Noun::Controller))
}

fn write(
    draft: &mut Draft,
    mut controller: Controller,
    edit: &ControllerEdit,
    verb: &'static str,
) -> Result<Arc<Controller>, Refusal> {
    let mut flaws = Flaws::default();
    let (noun, number) = (Noun::Controller, controller.number());
    check_external_id(&mut flaws, &draft.state, noun, number.0, edit.external_id.as_ref());
    flaws.name(edit.name.as_ref().unwrap_or(&controller.name));
    flaws.refuse()?;
    let mut changed = Vec::new();
    set!(changed, controller.header.external_id, edit.external_id);
    set!(changed, controller.name, edit.name as String::to_string);
    set!(changed, controller.capacity, edit.capacity);
    set!(changed, controller.settings, edit.settings);
    draft.note(verb, noun, Some(controller.header.id), changed);
    draft.put(controller);
    find(&draft.state, number).cloned()
}
