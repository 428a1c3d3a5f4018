//! Permissions: the contacts that administer an owner account, programs among them. A permission
//! has the id of its contact.

use std::sync::Arc;

use claviger_app::person::{self, PersonFilter};
use claviger_app::{Context, Error, Id, Paging};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::person::{Person, PersonEdit};
use claviger_domain::noun::role::Role;
use claviger_domain::noun::scope::Scope;

use super::listing::{each, listed};
use super::{
    Answered, answer, at_owner, fields_of, lent, named, nothing, query, without_parameters,
};
use crate::compat::serve::Call;
use crate::compat::tapkey::error::{Failure, refuse};
use crate::compat::tapkey::{map, wire};

/// The context in which people are read, or changed, for what a scope of permissions allows.
fn allowed(call: &Call, scope: Scope, people: Scope) -> Result<(Context, Id), Failure> {
    let (ctx, owner) = at_owner(call)?;
    ctx.authorize(owner, scope)?;
    Ok((lent(&ctx, people), owner))
}

/// `GET /owners/{owner}/permissions`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, owner) = allowed(&call, Scope::RolesRead, Scope::PeopleRead)?;
    let query = query(&call, wire::PERMISSION)?;
    let paging = Paging::ALL;
    let page = person::list(&ctx, owner, paging, &PersonFilter::default())?;
    let shown = move |person: &Arc<Person>| wire::permission(person, owner);
    listed(query, |passed| each(&page.items, passed, shown)).await
}

fn missing() -> Failure {
    Failure::missing("permission")
}

/// The contact of the permission that the path names.
fn found(ctx: &Context, owner: Id, call: &Call) -> Result<Arc<Person>, Failure> {
    let reference = named(call, "permission", Noun::Person).map_err(|_| missing())?;
    let person = person::get(ctx, owner, &reference);
    let person = person.map_err(|error| match error {
        Error::Refused(_) => missing(),
        other => other.into(),
    })?;
    let has = map::role(person.value.role).is_some();
    has.then_some(person.value).ok_or_else(missing)
}

/// `GET /owners/{owner}/permissions/{permission}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, owner) = allowed(&call, Scope::RolesRead, Scope::PeopleRead)?;
    without_parameters(&call)?;
    let person = found(&ctx, owner, &call)?;
    let shown = wire::permission(&person, owner).ok_or_else(missing)?;
    Ok(answer(&shown))
}

/// `PUT /owners/{owner}/permissions`; a contact that has the role already keeps it.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, owner) = allowed(&call, Scope::RolesWrite, Scope::PeopleWrite)?;
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["contactId", "role"], &mut wrongs);
    let contact = body.must("contactId", &mut wrongs);
    let word = body.must("role", &mut wrongs);
    let role = word.and_then(map::role_of);
    wrongs.check(word.is_none() || role.is_some(), "role", "must be Admin or Owner");
    refuse(wrongs)?;
    let unknown = || Failure::field("contactId", "is no contact of this owner account");
    let contact = contact.and_then(Id::parse).map(Ref::Id).ok_or_else(unknown)?;
    let known = person::get(&lent(&ctx, Scope::PeopleRead), owner, &contact);
    if !known.is_ok_and(|known| map::is_contact(&known.value)) {
        return Err(unknown());
    }
    let edit = PersonEdit { role, ..PersonEdit::default() };
    let made = person::edit(&ctx, owner, contact, edit).await.map_err(|error| match error {
        Error::Refused(claviger_app::Refusal::NotFound(Noun::Person)) => unknown(),
        other => other.into(),
    })?;
    let made = made.done().ok_or(Error::Internal)?;
    let shown = wire::permission(&made, owner).ok_or(Error::Internal)?;
    Ok(answer(&shown))
}

/// `DELETE /owners/{owner}/permissions/{permission}`: the contact stays.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, owner) = allowed(&call, Scope::RolesWrite, Scope::PeopleWrite)?;
    without_parameters(&call)?;
    let person = found(&ctx, owner, &call)?;
    let edit = PersonEdit { role: Some(Role::Guest), ..PersonEdit::default() };
    person::edit(&ctx, owner, Ref::Id(person.header.id), edit).await?;
    Ok(nothing())
}
