//! Controllers of a place, alone and with the locks that their makers list.

use std::sync::Arc;

use claviger_domain::command::{controller as rules, lock};
use claviger_domain::draft::{Changed, Draft};
use claviger_domain::ids::{ControllerNumber, Id, LockNumber, Noun, Ref};
use claviger_domain::noun::controller::{Controller, ControllerEdit};
use claviger_domain::noun::lock::LockEdit;
use claviger_domain::noun::scope::Scope;
use claviger_domain::provision::ListKey;
use claviger_domain::refusal::Refusal;
use claviger_domain::state::PlaceState;
use claviger_store::Operation;
use serde_json::Value;

use crate::context::Context;
use crate::credential::MOST_CODE_DIGITS;
use crate::error::Error;
use crate::read::{Page, Paging, Seen, page, resolve};
use crate::{Written, operation};

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

/// The controller as the writer has it, where that is as the caller has seen it.
fn seen(ctx: &Context, draft: &Draft, controller: &Ref) -> Result<Arc<Controller>, Error> {
    let number: ControllerNumber = resolve(&draft.state, Noun::Controller, controller)?;
    let found = rules::find(&draft.state, number)?.clone();
    ctx.check_seen(&found.header)?;
    Ok(found)
}

/// Deletes a controller; the keys of one that is a doorbell are taken back with it. What its list
/// may still let in is given up where the caller says so: nobody will ever tell it.
///
/// # Errors
/// Not found; in use, also where its list may still let in; stale.
pub async fn delete(
    ctx: &Context,
    place: Id,
    controller: Ref,
    give_up: bool,
) -> Result<Written<()>, Error> {
    let place = ctx.authorize(place, Scope::ControllersWrite)?;
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let found = seen(&ctx2, draft, &controller)?;
        let number = found.number();
        crate::doorbell::close(draft, number)?;
        rules::delete(draft, number)?;
        let key = ListKey { place, controller: number };
        let Some(list) = work.list_before(key) else { return Ok(()) };
        if list.may_hold() && !crate::doorbell::is_one(&found) {
            if !give_up {
                let detail = "the controller may still let in by its list: let it call until it \
                              has nothing left, or delete it with give_up=true";
                return Err(Refusal::InUse(detail.to_owned()).into());
            }
            let held = list.rows().filter(|row| row.is_held()).count();
            work.place(place)?.note_also(Changed::shown("given_up", held));
        }
        work.dropped.push(key);
        Ok(())
    })
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
    list_where(ctx, place, paging, |_| true)
}

/// A page of the controllers that `wanted` lets through.
///
/// # Errors
/// No such place.
pub fn list_where(
    ctx: &Context,
    place: Id,
    paging: Paging,
    wanted: impl Fn(&Controller) -> bool,
) -> Result<Page<Arc<Controller>>, Error> {
    let state = ctx.read(place, Scope::ControllersRead)?;
    Ok(page(state, |it| &it.controllers, |it| it.header.number, paging, wanted))
}

/// The field of a controller's settings that says how many digits of a code it takes.
const CODE_DIGITS: &str = "code_digits";

/// How many digits of a code a controller takes, where its settings say so.
#[must_use]
pub fn code_digits(controller: &Controller) -> Option<usize> {
    let settings: Value = serde_json::from_str(&controller.settings.as_ref()?.0).ok()?;
    let digits = usize::try_from(settings.get(CODE_DIGITS)?.as_u64()?).ok()?;
    (1..=MOST_CODE_DIGITS).contains(&digits).then_some(digits)
}

/// A code as a controller takes it: of one that is too long the digits at the end.
#[must_use]
pub fn fitted_code<'c>(controller: &Controller, code: &'c str) -> &'c str {
    end_of(code, code_digits(controller).unwrap_or(MOST_CODE_DIGITS))
}

/// The last so many digits of a code, or all it has.
pub(crate) fn end_of(code: &str, digits: usize) -> &str {
    code.get(code.len().saturating_sub(digits)..).unwrap_or(code)
}

/// A lock as the maker of a controller lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedLock {
    /// The maker's own id of it, unique among the locks of one controller: at most 64 of letters,
    /// digits and `. _ - @`. The lock's external id here is made of it.
    pub id: String,
    /// What it is called when it comes in; afterwards its name is the place's business.
    pub name: String,
}

/// The kinds of stored results of [`connect`] and [`refresh`].
pub const CONNECT: &str = "connect";
/// See [`CONNECT`].
pub const REFRESH: &str = "refresh";

/// Makes a controller and the locks its maker lists, of that model, all or none. The stored result
/// names the controller, then the locks.
///
/// # Errors
/// As the rules say.
pub async fn connect(
    ctx: &Context,
    place: Id,
    edit: ControllerEdit,
    model: &'static str,
    listed: Vec<ListedLock>,
) -> Result<Written<Operation>, Error> {
    ctx.authorize(place, Scope::LocksWrite)?;
    let place = ctx.authorize(place, Scope::ControllersWrite)?;
    let maker = ctx.caller.actor();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let controller = rules::create(draft, &edit)?;
        let mut results = vec![(201, controller.header.id)];
        for one in &listed {
            results.push((201, onboard(draft, &controller, model, one)?));
        }
        let operation = operation::finished(work, maker, CONNECT, &results);
        work.operation(place, operation.clone());
        Ok(operation)
    })
    .await
}

/// Makes the locks of a controller those its maker lists: what is missing comes in, what is listed
/// no more is deleted with all rights on it, in the places it is shared to as well. Locks of the
/// controller that never were the maker's stay. The stored result names the controller with 200,
/// locks that came with 201, locks that went with 204. A list that could not be read changes
/// nothing: the stored result says why.
///
/// # Errors
/// Not found; stale.
pub async fn refresh(
    ctx: &Context,
    place: Id,
    controller: Ref,
    model: &'static str,
    listed: Result<Vec<ListedLock>, String>,
) -> Result<Written<Operation>, Error> {
    ctx.authorize(place, Scope::LocksWrite)?;
    let place = ctx.authorize(place, Scope::ControllersWrite)?;
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let found = seen(&ctx2, draft, &controller)?;
        let maker = ctx2.caller.actor();
        let operation = match &listed {
            Err(why) => operation::failed(work, maker, REFRESH, why),
            Ok(listed) => {
                let mut results = vec![(200, found.header.id)];
                let known = of_maker(&draft.state, &found);
                let is_known = |one: &&ListedLock| known.iter().any(|(id, ..)| *id == one.id);
                let is_listed = |id: &str| listed.iter().any(|one| one.id == id);
                let come: Vec<&ListedLock> = listed.iter().filter(|it| !is_known(it)).collect();
                let gone = known.iter().filter(|(id, ..)| !is_listed(id));
                let gone: Vec<(Id, LockNumber)> = gone.map(|it| (it.1, it.2)).collect();
                let fields = vec![
                    Changed::shown("onboarded", come.len()),
                    Changed::shown("offboarded", gone.len()),
                ];
                draft.note("refresh", Noun::Controller, Some(found.header.id), fields);
                for one in come {
                    results.push((201, onboard(draft, &found, model, one)?));
                }
                for (id, number) in gone {
                    crate::lock::remove(work, place, number)?;
                    results.push((204, id));
                }
                operation::finished(work, maker, REFRESH, &results)
            }
        };
        work.operation(place, operation.clone());
        Ok(operation)
    })
    .await
}

/// The locks of a controller that came from its maker's list, each with the maker's id of it.
fn of_maker(state: &PlaceState, controller: &Controller) -> Vec<(String, Id, LockNumber)> {
    let prefix = format!("{}:", controller.header.id);
    let own = state.locks.iter().filter(|lock| lock.controller == Some(controller.number()));
    let known = own.filter_map(|lock| {
        let id = lock.header.external_id.as_deref()?.strip_prefix(&prefix)?;
        Some((id.to_owned(), lock.header.id, lock.number()))
    });
    known.collect()
}

fn onboard(
    draft: &mut Draft,
    controller: &Controller,
    model: &str,
    listed: &ListedLock,
) -> Result<Id, Refusal> {
    let edit = LockEdit {
        external_id: Some(Some(format!("{}:{}", controller.header.id, listed.id))),
        name: Some(listed.name.clone()),
        model: Some(Some(model.to_owned())),
        controller: Some(Some(controller.number())),
        ..LockEdit::default()
    };
    Ok(lock::create(draft, &edit)?.header.id)
}

#[cfg(test)]
mod tests {
    use claviger_domain::noun::{Header, Json};
    use claviger_domain::time::Instant;

    use super::*;

    fn with(settings: Option<&str>) -> Controller {
        let settings = settings.map(|text| Json(text.to_owned()));
        let header = Header {
            number: 1,
            id: Id::default(),
            external_id: None,
            created_at: Instant(0),
            updated_at: Instant(0),
            revision: 1,
            deleted_at: None,
        };
        Controller { header, name: "Panel".to_owned(), capacity: None, settings }
    }

    #[test]
    fn a_code_that_is_too_long_keeps_the_digits_at_its_end() {
        let narrow = with(Some(r#"{"code_digits": 4, "other": 1}"#));
        assert_eq!(code_digits(&narrow), Some(4));
        for (code, fitted) in [("123456", "3456"), ("1234", "1234"), ("0042", "0042")] {
            assert_eq!(fitted_code(&narrow, code), fitted);
        }
        for settings in [
            None,
            Some("{}"),
            Some(r#"{"code_digits": 0}"#),
            Some(r#"{"code_digits": 17}"#),
            Some(r#"{"code_digits": "4"}"#),
            Some(r#"{"code_digits": 4.5}"#),
            Some(r#"{"code_digits": null}"#),
        ] {
            let any = with(settings);
            assert_eq!(code_digits(&any), None, "{settings:?}");
            assert_eq!(fitted_code(&any, "1234567890123456"), "1234567890123456");
        }
    }
}
