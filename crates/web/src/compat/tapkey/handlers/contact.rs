//! Contacts: the people of a place, and what they may open.

use claviger_app::person::{self, PersonFilter};
use claviger_app::{Error, Paging};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::scope::Scope;
use serde_json::{Value, json};

use super::grant::Shower;
use super::{
    Answered, answer, at_owner, fields_of, lent, listed, named, nothing, query, without_parameters,
};
use crate::compat::fields::Wrongs;
use crate::compat::serve::Call;
use crate::compat::tapkey::error::{Failure, refuse};
use crate::compat::tapkey::{map, wire};

fn contact(call: &Call) -> Result<Ref, Failure> {
    named(call, "contact", Noun::Person)
}

/// `GET /owners/{owner}/contacts`: all of them, oldest first.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::PeopleRead)?;
    let query = query(&call, wire::CONTACT)?;
    let paging = Paging::ALL;
    let page = person::list(&ctx, owner, paging, &PersonFilter::default())?;
    let shown = page.items.iter().map(|person| wire::contact(person, owner));
    Ok(listed(&query, shown.collect()))
}

/// `GET /owners/{owner}/contacts/{contact}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    let person = person::get(&ctx, owner, &contact(&call)?)?;
    without_parameters(&call)?;
    Ok(answer(&wire::contact(&person.value, owner)))
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
    let made = person::create(&ctx, owner, edit).await?.done().ok_or(Error::Internal)?;
    Ok(answer(&wire::contact(&made, owner)))
}

/// `PATCH /owners/{owner}/contacts/{contact}`: a list of one, as the vendor prints it.
pub(crate) async fn update(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::PeopleWrite)?;
    let contact = contact(&call)?;
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
    let contact = contact(&call)?;
    without_parameters(&call)?;
    person::delete(&ctx, owner, contact).await?;
    Ok(nothing())
}

/// `GET /owners/{owner}/contacts/{contact}/grants`: those taken back too, oldest first.
pub(crate) async fn grants(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsRead)?;
    let query = query(&call, wire::GRANT)?;
    let held = claviger_app::grant::held(&ctx, owner, &contact(&call)?).await?;
    let shower = Shower { ctx: &lent(&ctx, Scope::LocksRead), owner, state: &held.state };
    let grants = held.grants.iter();
    let shown = grants.map(|(grant, stands)| shower.grant(grant, *stands, &held.gone));
    Ok(listed(&query, shown.collect()))
}

/// `POST /owners/{owner}/contacts/{contact}/revokegrants`.
pub(crate) async fn revoke_grants(call: Call) -> Answered {
    let (mut ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsWrite)?;
    let contact = contact(&call)?;
    ctx.dry_run = dry_run(&call)?;
    let done = claviger_app::grant::revoke_held(&ctx, owner, contact).await?;
    let shower = Shower { ctx: &lent(&ctx, Scope::LocksRead), owner, state: &done.state };
    let shown = done.taken.iter().map(|taken| shower.revoked(taken, ctx.dry_run));
    Ok(answer(&Value::Array(shown.collect())))
}

/// Whether only the effect is asked for. Some clients say so in the body as well, which must not
/// take back what the query would have left.
fn dry_run(call: &Call) -> Result<bool, Failure> {
    let mut wrongs = Wrongs::default();
    let mut asked = None;
    for (name, text) in &call.query {
        if !name.eq_ignore_ascii_case("dryRun") || asked.is_some() {
            let name: String = name.chars().take(60).collect();
            wrongs.add(name, "is not a parameter here, or is given twice; there is dryRun");
            continue;
        }
        let word = text.to_ascii_lowercase();
        wrongs.check(word == "true" || word == "false", "dryRun", "must be true or false");
        asked = Some(word == "true");
    }
    refuse(wrongs)?;
    let in_body = call.body.get("dryRun").is_some_and(|it| *it != json!(false) && !it.is_null());
    Ok(asked == Some(true) || in_body)
}
