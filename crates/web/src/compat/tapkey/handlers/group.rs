//! Lock groups: the access levels of a place.

use claviger_app::access_level::{self, AccessLevelWish};
use claviger_app::{Error, Paging};
use claviger_domain::ids::Noun;
use claviger_domain::noun::access_level::{AccessLevel, AccessLevelEdit};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;

use super::listing::{each, listed};
use super::shower::Shower;
use super::{
    Answered, answer, at_owner, expanded, fields_of, named, none_of, options, without_parameters,
};
use crate::compat::serve::Call;
use crate::compat::tapkey::error::refuse;
use crate::compat::tapkey::map;
use crate::compat::tapkey::wire::{self, Expanded};

/// What may be asked for beside what is always shown.
const EXPANDED: [&str; 2] = [FEATURES, STATISTICS];
const FEATURES: &str = "supportedFeatures";
const STATISTICS: &str = "statistics";

fn more(asked: &[&str], state: &PlaceState, level: &AccessLevel) -> Expanded {
    Expanded {
        features: asked.contains(&FEATURES),
        health: false,
        joined: asked.contains(&STATISTICS).then(|| state.level_locks(level.number()).count()),
    }
}

/// `GET /owners/{owner}/lockgroups`: all of them, oldest first.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    let page = access_level::list(&ctx, owner, Paging::ALL)?;
    let (asked, others) = expanded(&call, &EXPANDED)?;
    let query = options(&others, wire::GROUP)?;
    let all = |passed| {
        let (asked, state) = (asked.clone(), page.state.clone());
        let mut shower = Shower::new(ctx.clone(), owner, page.state.clone());
        each(&page.items, passed, move |it| {
            let list = shower.list_of_group(it.number());
            Some(wire::lock_group(it, list, more(&asked, &state, it)))
        })
    };
    listed(query, all).await
}

/// `GET /owners/{owner}/lockgroups/{group}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    let seen = access_level::get(&ctx, owner, &named(&call, "group", Noun::AccessLevel)?)?;
    let (asked, others) = expanded(&call, &EXPANDED)?;
    none_of(&others)?;
    let mut shower = Shower::new(ctx, owner, seen.state.clone());
    let list = shower.list_of_group(seen.value.number());
    Ok(answer(&wire::lock_group(&seen.value, list, more(&asked, &seen.state, &seen.value))))
}

/// `PUT /owners/{owner}/lockgroups`: without locks yet.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::AccessLevelsWrite)?;
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["title", "description"], &mut wrongs);
    let (name, description) = map::named(&body, &mut wrongs);
    wrongs.check(name.is_some() || body.has("title"), "title", "is required");
    refuse(wrongs)?;
    let edit = AccessLevelEdit { name, description, ..AccessLevelEdit::default() };
    let wish = AccessLevelWish { edit, ..AccessLevelWish::default() };
    let made = access_level::create(&ctx, owner, wish).await?.done().ok_or(Error::Internal)?;
    Ok(answer(&wire::lock_group(&made, wire::ListShown::default(), Expanded::default())))
}
