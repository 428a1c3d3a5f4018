//! Contacts: the people of a place, and what they may open.

use std::sync::Arc;

use claviger_app::grant::Whose;
use claviger_app::person::{self, PersonFilter};
use claviger_app::{Context, Error, Id, Paging};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::person::Person;
use claviger_domain::noun::scope::Scope;
use serde_json::json;

use super::grant::{all, taken};
use super::listing::{each, listed};
use super::user;
use super::{
    Answered, answer, at_owner, dry_run, fields_of, lent, named, nothing, query, without_parameters,
};
use crate::compat::serve::Call;
use crate::compat::tapkey::error::{Failure, refuse};
use crate::compat::tapkey::{map, wire};

/// The contact that the path names; a user of an identity provider alone is none.
fn contact(ctx: &Context, owner: Id, call: &Call) -> Result<Arc<Person>, Failure> {
    let reference = named(call, "contact", Noun::Person)?;
    let found = person::get(&lent(ctx, Scope::PeopleRead), owner, &reference)?.value;
    let is_one = map::is_contact(&found);
    is_one.then_some(found).ok_or_else(|| Failure::not_found(Noun::Person))
}

fn reference(contact: &Person) -> Ref {
    Ref::Id(contact.header.id)
}

/// `GET /owners/{owner}/contacts`: all of them, oldest first.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::PeopleRead)?;
    let query = query(&call, wire::CONTACT)?;
    let paging = Paging::ALL;
    let page = person::list(&ctx, owner, paging, &PersonFilter::default())?;
    let shown =
        move |person: &Arc<Person>| map::is_contact(person).then(|| wire::contact(person, owner));
    listed(query, |passed| each(&page.items, passed, shown)).await
}

/// `GET /owners/{owner}/contacts/{contact}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::PeopleRead)?;
    let contact = contact(&ctx, owner, &call)?;
    without_parameters(&call)?;
    Ok(answer(&wire::contact(&contact, owner)))
}

/// `PUT /owners/{owner}/contacts`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::PeopleWrite)?;
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    let state = ctx.read(owner, Scope::PeopleRead)?;
    let edit = map::new_contact(&body, &state, &mut wrongs);
    refuse(wrongs)?;
    let made = person::create_or_edit(&ctx, owner, edit, |state, edit| {
        let waiting = edit.identity.iter().flatten().find_map(|it| user::waiting(state, it))?;
        Some((waiting.number(), map::made_contact(waiting, edit.clone())))
    });
    let made = made.await?.done().ok_or(Error::Internal)?;
    Ok(answer(&wire::contact(&made, owner)))
}

/// `PATCH /owners/{owner}/contacts/{contact}`: a list of one, as the vendor prints it.
pub(crate) async fn update(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::PeopleWrite)?;
    let contact = reference(&*contact(&ctx, owner, &call)?);
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    let edit = map::contact_edit(&body, &mut wrongs);
    refuse(wrongs)?;
    let made = person::edit(&ctx, owner, contact, edit).await?.done().ok_or(Error::Internal)?;
    Ok(answer(&json!([wire::contact(&made, owner)])))
}

/// `DELETE /owners/{owner}/contacts/{contact}`: with all rights.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::PeopleWrite)?;
    let contact = reference(&*contact(&ctx, owner, &call)?);
    without_parameters(&call)?;
    person::delete(&ctx, owner, contact).await?;
    Ok(nothing())
}

/// `GET /owners/{owner}/contacts/{contact}/grants`: those taken back too, oldest first.
pub(crate) async fn grants(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsRead)?;
    let query = query(&call, wire::GRANT)?;
    all(&ctx, owner, query, &Whose::Person(reference(&*contact(&ctx, owner, &call)?))).await
}

/// `POST /owners/{owner}/contacts/{contact}/revokegrants`.
pub(crate) async fn revoke_grants(call: Call) -> Answered {
    let (mut ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsWrite)?;
    let contact = reference(&*contact(&ctx, owner, &call)?);
    ctx.dry_run = dry_run(&call)?;
    taken(&ctx, owner, Whose::Person(contact)).await
}
