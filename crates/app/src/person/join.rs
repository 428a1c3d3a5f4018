//! Somebody met by their address: found in the place, or made; and asked to come in where nobody
//! has yet, by a mail or by a password that the place presets for them.
//!
//! Must not change what is known of somebody who is there.

use std::sync::Arc;

use claviger_domain::command::person as rules;
use claviger_domain::ids::{Id, PersonNumber, PlaceNumber};
use claviger_domain::noun::grant::Subject;
use claviger_domain::noun::person::{Person, PersonEdit};
use claviger_domain::noun::role::Role;
use claviger_domain::noun::scope::Scope;
use claviger_domain::text::folded;

use crate::context::Context;
use crate::credential::Digits as Secret;
use crate::error::Error;
use crate::work::Work;
use crate::{Written, account, invitation, session};

/// Somebody who is to be in a place.
#[derive(Clone, Debug)]
pub struct Joining {
    /// The address they are known by.
    pub email: String,
    /// What a person that is made has beside it.
    pub details: PersonEdit,
    /// The password of somebody who was never asked to come in. Without one they are mailed.
    pub password: Option<Secret>,
    /// Whether whoever has not come in is mailed all the same.
    pub invite: bool,
}

/// A password that a place presets, hashed for one address.
#[derive(Clone)]
pub(crate) struct Preset {
    plain: Secret,
    email: String,
    hash: String,
}

impl Preset {
    pub(crate) async fn of(ctx: &Context, email: &str, plain: &Secret) -> Result<Preset, Error> {
        let hash = session::hash_preset(&ctx.app, email, plain.0.clone()).await?;
        Ok(Preset { plain: plain.clone(), email: folded(email), hash })
    }
}

/// Finds whoever has an address, or makes them; says whether they were made.
///
/// # Errors
/// As `create`.
pub async fn join(
    ctx: &Context,
    place: Id,
    wish: Joining,
) -> Result<Written<(Arc<Person>, bool)>, Error> {
    let place = ctx.authorize(place, Scope::PeopleWrite)?;
    let preset = match &wish.password {
        Some(password) => Some(Preset::of(ctx, &wish.email, password).await?),
        None => None,
    };
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let known = work.place(place)?.state.person_by_email(&wish.email);
        let (person, is_new) = match known {
            Some(person) => (person, false),
            None => (make(&ctx2, work, place, (&wish.email, &wish.details))?, true),
        };
        ask(&ctx2, work, place, person, (preset.as_ref(), wish.invite))?;
        Ok((rules::find(&work.place(place)?.state, person)?.clone(), is_new))
    })
    .await
}

/// Makes whoever has an address.
pub(crate) fn make(
    ctx: &Context,
    work: &mut Work,
    place: PlaceNumber,
    (email, details): (&str, &PersonEdit),
) -> Result<PersonNumber, Error> {
    ctx.may_give(place, details.role.unwrap_or(Role::Guest))?;
    let edit = PersonEdit { email: Some(Some(email.to_owned())), ..details.clone() };
    Ok(rules::create(work.place(place)?, &edit)?.number())
}

/// The password by which somebody can come in from now on; none where they were asked before, and
/// for whoever has more authority than who calls, who would come in as them.
///
/// # Errors
/// It is no password.
pub(crate) fn usable<'p>(
    ctx: &Context,
    place: PlaceNumber,
    person: &Person,
    preset: Option<&'p Preset>,
) -> Result<Option<&'p Preset>, Error> {
    let is_theirs = |it: &&Preset| {
        let email = person.details.email.as_deref().map(folded);
        person.is_unasked() && email.as_ref() == Some(&it.email)
    };
    let may = |_: &&Preset| ctx.may_give(place, person.role).is_ok();
    let Some(preset) = preset.filter(is_theirs).filter(may) else { return Ok(None) };
    account::check_password(&preset.plain.0, "/password")?;
    Ok(Some(preset))
}

/// Asks somebody to come in whom nobody has asked, or where it is wished whoever has not come in.
pub(crate) fn ask(
    ctx: &Context,
    work: &mut Work,
    place: PlaceNumber,
    person: PersonNumber,
    (preset, invite): (Option<&Preset>, bool),
) -> Result<(), Error> {
    let known = rules::find(&work.place(place)?.state, person)?.clone();
    let preset = usable(ctx, place, &known, preset)?;
    let is_mailed = invite || (known.is_unasked() && preset.is_none());
    if let Some(preset) = preset {
        invitation::preset(work, place, person, &preset.hash, is_mailed)?;
    }
    if is_mailed {
        invitation::invite_subject(&ctx.app, work, place, Subject::Person(person))?;
    }
    Ok(())
}
