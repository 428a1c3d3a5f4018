//! Users of identity providers: the people of a place that a provider knows by an id. One who is
//! made here is no contact until a program makes one of them.

use std::sync::Arc;

use claviger_app::person::{self, PersonFilter};
use claviger_app::{Context, Error, Id, Paging, Refusal};
use claviger_domain::ids::Noun;
use claviger_domain::noun::person::{Identity, Person};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::{IdentityKey, PlaceState};

use super::listing::{each, listed};
use super::{Answered, answer, at_owner, fields_of, lent, named, options, without_parameters};
use crate::compat::fields::Wrongs;
use crate::compat::serve::Call;
use crate::compat::tapkey::error::{Failure, refuse};
use crate::compat::tapkey::{map, wire};

fn missing() -> Failure {
    Failure::missing("user of this identity provider")
}

/// The context in which people are read, or changed, for what a scope of these users allows; and
/// the provider that the path names.
fn allowed(call: &Call, scope: Scope, people: Scope) -> Result<(Context, Id, String), Failure> {
    let (ctx, owner) = at_owner(call)?;
    let state = ctx.read(owner, scope)?;
    let provider = call.path.get("provider").filter(|it| map::knows(&state, it));
    let provider = provider.ok_or_else(|| Failure::missing("identity provider"))?.to_owned();
    Ok((lent(&ctx, people), owner, provider))
}

fn is_of(person: &Person, provider: &str) -> bool {
    let identity = person.details.identity.as_ref();
    identity.is_some_and(|it| it.provider == provider && it.subject.is_some())
}

/// `GET /owners/{owner}/identityproviders/{provider}/users`: all of them, oldest first; with
/// `ipUserId` that one alone, as an object.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, owner, provider) = allowed(&call, map::READ_USERS, Scope::PeopleRead)?;
    let is_one = |name: &str| name.eq_ignore_ascii_case("ipUserId");
    let (asked, others): (Vec<_>, Vec<_>) =
        call.query.iter().cloned().partition(|(name, _)| is_one(name));
    let mut wrongs = Wrongs::default();
    wrongs.check(asked.len() < 2, "ipUserId", "is given twice");
    refuse(wrongs)?;
    let page = person::list(&ctx, owner, Paging::ALL, &PersonFilter::default())?;
    let users = page.items.iter().filter(|person| is_of(person, &provider));
    if let Some((_, subject)) = asked.first() {
        super::none_of(&others)?;
        let mut users = users.filter_map(|person| wire::user(person));
        let found = users.find(|user| user["ipUserId"] == subject.as_str());
        return Ok(answer(&found.ok_or_else(missing)?));
    }
    let query = options(&others, wire::USER)?;
    let all = |passed| {
        let provider = provider.clone();
        let shown =
            move |person: &Arc<Person>| is_of(person, &provider).then(|| wire::user(person));
        each(&page.items, passed, move |person| shown(person).flatten())
    };
    listed(query, all).await
}

/// `GET /owners/{owner}/identityproviders/{provider}/users/{user}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, owner, provider) = allowed(&call, map::READ_USERS, Scope::PeopleRead)?;
    let reference = named(&call, "user", Noun::Person).map_err(|_| missing())?;
    let person = person::get(&ctx, owner, &reference).map_err(|error| match error {
        Error::Refused(Refusal::NotFound(Noun::Person)) => missing(),
        other => other.into(),
    })?;
    without_parameters(&call)?;
    let user = Some(person.value).filter(|it| is_of(it, &provider));
    let user = user.and_then(|person| wire::user(&person)).ok_or_else(missing)?;
    Ok(answer(&user))
}

/// `PUT /owners/{owner}/identityproviders/{provider}/users`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, owner, provider) = allowed(&call, map::WRITE_USERS, Scope::PeopleWrite)?;
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    let edit = map::new_user(&body, &provider, &mut wrongs);
    refuse(wrongs)?;
    let made = person::create(&ctx, owner, edit, false).await.map_err(|error| match error {
        Error::Refused(Refusal::Taken(_)) => Failure::duplicate_user(),
        other => other.into(),
    })?;
    let made = made.done().ok_or(Error::Internal)?;
    Ok(answer(&wire::user(&made).ok_or(Error::Internal)?))
}

/// The user that a new contact's identity is of, if there is one who is no contact yet.
pub(super) fn waiting<'s>(state: &'s PlaceState, identity: &Identity) -> Option<&'s Arc<Person>> {
    let number = IdentityKey::of(identity).find_map(|key| state.person_by_identity(&key))?;
    state.people.get(number).filter(|person| !map::is_contact(person))
}
