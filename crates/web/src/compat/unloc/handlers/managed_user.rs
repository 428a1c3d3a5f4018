//! Managed users: how a project knows the people with phone numbers.

use claviger_app::person::{self, PersonFilter};
use claviger_app::{Context, Error, Id};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::Json;
use claviger_domain::noun::person::PersonEdit;
use claviger_domain::noun::scope::Scope;
use claviger_domain::text::is_phone;

use super::{Answered, Query, at_place, by, expect, fields_of, named, named_with, nothing};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;
use crate::compat::unloc::error::{Failure, refuse};
use crate::compat::unloc::{map, wire};

fn edit(body: &Fields<'_>, former: Option<&Json>, wrongs: &mut Wrongs) -> PersonEdit {
    body.only(&["appUserId", "firstName", "lastName", "metadata"], wrongs);
    let phone = body.text("appUserId", wrongs);
    if let Some(phone) = phone {
        wrongs.check(is_phone(phone), "appUserId", map::PHONE);
    }
    let mut name = |field: &str| {
        body.sized(field, 0, 200, wrongs);
        body.may_clear(field, wrongs).map(|name| name.map(str::to_owned))
    };
    let (first_name, last_name) = (name("firstName"), name("lastName"));
    let is_named = first_name.is_some() || last_name.is_some();
    PersonEdit {
        phone: phone.map(|phone| Some(phone.to_owned())),
        // Where there is one it is what is shown, and this API has no word for it.
        display_name: is_named.then_some(None),
        first_name,
        last_name,
        metadata: map::metadata_edit(body, former, wrongs),
        ..PersonEdit::default()
    }
}

/// `POST …/managed-users`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    wrongs.check(body.has("appUserId"), "appUserId", "is required");
    let edit = edit(&body, None, &mut wrongs);
    refuse(wrongs)?;
    let made = person::create(&ctx, place, edit, false).await?.done().ok_or(Error::Internal)?;
    Ok(named_with(201, "managedUser", wire::managed_user(&made)))
}

/// `GET …/managed-users`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let mut query = Query::of(&call, &["limit", "startAfterId", "appUserId"]);
    let (limit, phone) = (query.limit(), query.phone("appUserId"));
    let after = query.text("startAfterId");
    query.refuse()?;
    let after = match after {
        None => None,
        Some(text) => Some(
            named_in(&ctx, place, text)
                .map_err(|_| Failure::field("startAfterId", "there is no such managed user"))?,
        ),
    };
    let paging = ctx.paging_after(place, Scope::PeopleRead, Noun::Person, after, limit).await?;
    let filter = PersonFilter { phone, has_phone: true, ..PersonFilter::default() };
    let page = person::list(&ctx, place, paging, &filter)?;
    let shown = page.items.iter().map(|person| wire::managed_user(person));
    Ok(named("managedUsers", shown.collect()))
}

/// A user named by id or by phone number.
fn named_in(ctx: &Context, place: Id, text: &str) -> Result<Id, Failure> {
    let missing = || Failure::not_found(map::noun(Noun::Person));
    if let Some(id) = Id::parse(text) {
        return Ok(id);
    }
    let phone = map::phone_of_query(text).ok_or_else(missing)?;
    let filter = PersonFilter { phone: Some(phone), ..PersonFilter::default() };
    let paging = claviger_app::Paging { after: 0, limit: 1 };
    let page = person::list(ctx, place, paging, &filter)?;
    page.items.first().map(|person| person.header.id).ok_or_else(missing)
}

fn user(call: &Call, ctx: &Context, place: Id) -> Result<Ref, Failure> {
    let text = call.path.get("user").unwrap_or_default();
    named_in(ctx, place, text).map(by)
}

/// The user, if there is one with a phone number.
fn seen(ctx: &Context, place: Id, user: &Ref) -> Result<Found, Failure> {
    let seen = person::get(ctx, place, user)?;
    match seen.value.details.phone {
        Some(_) => Ok(seen.value),
        None => Err(Failure::not_found(map::noun(Noun::Person))),
    }
}

type Found = std::sync::Arc<claviger_domain::noun::person::Person>;

/// `GET …/managed-users/{user}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let user = user(&call, &ctx, place)?;
    Ok(named("managedUser", wire::managed_user(&*seen(&ctx, place, &user)?)))
}

/// `PATCH …/managed-users/{user}`.
pub(crate) async fn update(call: Call) -> Answered {
    let (mut ctx, place) = at_place(&call)?;
    let user = user(&call, &ctx, place)?;
    let former = seen(&ctx, place, &user)?;
    let (body, mut wrongs) = fields_of(&call);
    let edit = edit(&body, former.details.metadata.as_ref(), &mut wrongs);
    refuse(wrongs)?;
    expect(&mut ctx, &body, &["metadata"], &former.header);
    let made = person::edit(&ctx, place, user, edit).await?.done().ok_or(Error::Internal)?;
    Ok(named("managedUser", wire::managed_user(&made)))
}

/// `DELETE …/managed-users/{user}`: the user and all access in this project.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let user = user(&call, &ctx, place)?;
    seen(&ctx, place, &user)?;
    person::delete(&ctx, place, user).await?;
    Ok(nothing())
}
