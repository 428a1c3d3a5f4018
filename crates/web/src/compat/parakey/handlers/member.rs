//! Users and members: the people of the domain who have an e-mail address.

use std::sync::Arc;

use claviger_app::credential::Digits;
use claviger_app::person::{self, Joining};
use claviger_app::{Context, Error, Id, invitation};
use claviger_domain::ids::Ref;
use claviger_domain::noun::person::{Person, PersonEdit};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use serde_json::Value;

use super::said::{details, flag, optional, role, tags};
use super::{Answered, Listing, answer, at_domain, fields_of, id_of, made};
use crate::compat::fields::Fields;
use crate::compat::parakey::error::{Failure, refuse};
use crate::compat::parakey::wire;
use crate::compat::serve::Call;

const ORDERS: &[&str] = &["createdAt"];

async fn listed(call: &Call, shown: impl Fn(&Person, &PlaceState) -> Option<Value>) -> Answered {
    let (ctx, own) = at_domain(call)?;
    let listing = Listing::of(call, ORDERS)?;
    let state = ctx.read(own, Scope::PeopleRead)?;
    let about = |person: &Person| (person.header.created_at, String::new());
    let people = state.people.iter().map(|person| &**person);
    Ok(listing.answer(call, people, about, |person| shown(person, &state)).await)
}

fn found(
    call: &Call,
    missing: &'static str,
    shown: impl Fn(&Person, &PlaceState) -> Option<Value>,
) -> Answered {
    let (ctx, own) = at_domain(call)?;
    ctx.authorize(own, Scope::PeopleRead)?;
    let seen = person::get(&ctx, own, &Ref::Id(id_of(call)));
    let shown = seen.ok().and_then(|seen| shown(&seen.value, &seen.state));
    Ok(answer(call, &shown.ok_or_else(|| Failure::missing(missing))?))
}

/// `GET /users`.
pub(crate) async fn users(call: Call) -> Answered {
    listed(&call, |person, _| wire::user(person)).await
}

/// `GET /users/{id}`.
pub(crate) async fn user(call: Call) -> Answered {
    found(&call, "userNotFound", |person, _| wire::user(person))
}

/// `GET /members`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let mails = invitation::reports(&ctx, own).await?;
    listed(&call, |person, state| wire::member(person, state, mails.get(&person.number()))).await
}

/// `GET /members/{id}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let missing = "memberNotFound";
    let mail = match invitation::report(&ctx, own, &Ref::Id(id_of(&call))).await {
        Err(Error::Refused(_)) => return Err(Failure::missing(missing)),
        known => known?,
    };
    found(&call, missing, |person, state| wire::member(person, state, mail.as_ref()))
}

/// `POST /members`: adds a user, who is invited. One who is a member already stays as they are, and
/// is invited if that was never done.
pub(crate) async fn add(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    let nested = body.get("user").map(|user| Fields::at(user, "user".to_owned(), &mut wrongs));
    let user = nested.as_ref().unwrap_or(&body);
    let email = user.must("email", &mut wrongs).map(str::to_owned);
    let password = optional(user, "password", &mut wrongs);
    let invite = flag(&body, "sendInvitationEmail", &mut wrongs) == Some(true);
    let mut edit = details(user, &mut wrongs);
    // What somebody is in the domain may stand beside the user or in it.
    if nested.is_some() {
        edit.role = edit.role.or(role(&body, &mut wrongs));
        edit.tags = edit.tags.or(tags(&body, &mut wrongs));
    }
    refuse(wrongs)?;
    let password = password.map(|it| Digits(it.to_owned()));
    let wish = Joining { email: email.unwrap_or_default(), details: edit, password, invite };
    let done = person::join(&ctx, own, wish).await?.done().ok_or(Error::Internal)?;
    let (person, is_new) = done;
    let body = shown(&ctx, own, &person).await?;
    Ok(if is_new { made(&call, &body) } else { answer(&call, &body) })
}

async fn shown(ctx: &Context, own: Id, person: &Arc<Person>) -> Result<Value, Failure> {
    let state = ctx.read(own, Scope::PeopleRead)?;
    let mail = invitation::report(ctx, own, &Ref::Id(person.header.id)).await?;
    Ok(wire::member(person, &state, mail.as_ref()).ok_or(Error::Internal)?)
}

/// A member that the path names.
fn named(ctx: &Context, own: Id, call: &Call) -> Result<Ref, Failure> {
    ctx.authorize(own, Scope::PeopleWrite)?;
    let reference = Ref::Id(id_of(call));
    let seen = person::get(ctx, own, &reference).ok();
    let seen = seen.filter(|seen| seen.value.details.email.is_some());
    seen.map(|_| reference).ok_or_else(|| Failure::missing("memberNotFound"))
}

/// `PATCH` and `PUT /members/{id}`: the roles, the tags.
pub(crate) async fn change(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let member = named(&ctx, own, &call)?;
    let (body, mut wrongs) = fields_of(&call);
    let edit = PersonEdit {
        role: role(&body, &mut wrongs),
        tags: tags(&body, &mut wrongs),
        ..PersonEdit::default()
    };
    refuse(wrongs)?;
    let changed = person::edit(&ctx, own, member, edit).await?.done().ok_or(Error::Internal)?;
    Ok(answer(&call, &shown(&ctx, own, &changed).await?))
}

/// `DELETE /members/{id}`: the member goes with their keys; the account stays.
pub(crate) async fn remove(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let member = named(&ctx, own, &call)?;
    person::delete(&ctx, own, member).await?;
    Ok(axum::response::IntoResponse::into_response(axum::http::StatusCode::NO_CONTENT))
}
