//! Groups: sets of units that keys open.

use std::collections::BTreeSet;

use claviger_app::access_level::{self, AccessLevelWish};
use claviger_app::{Error, Expected, Refusal};
use claviger_domain::ids::{AccessLevelNumber, LockNumber, Noun, Ref};
use claviger_domain::noun::access_level::AccessLevelEdit;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::MOST_NAME;

use super::key::both;
use super::{Answered, all_named, at_account, done, list, made, named, those_there};
use crate::compat::serve::Call;
use crate::compat::trackunit::params::Params;
use crate::compat::trackunit::wire;

/// How often a change is tried while others change the same group.
const TRIES: usize = 3;

/// `GetGroup`: one, or those with a unit, or all.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    let (id, unit) = (params.id("id"), params.id("unitId"));
    params.refuse()?;
    let state = ctx.read(account, Scope::AccessLevelsRead)?;
    if let Some(number) = id {
        named(&state, Noun::AccessLevel, number, "id")?;
    }
    if let Some(number) = unit {
        named(&state, Noun::Lock, number, "unitId")?;
    }
    let holds = |level: AccessLevelNumber| {
        unit.is_none_or(|unit| state.membership(level, LockNumber(unit)).is_some())
    };
    let wanted = state.levels.iter().filter(|level| {
        id.is_none_or(|number| level.header.number == number) && holds(level.number())
    });
    Ok(list(wanted.map(|level| wire::group(level, &state)).collect()))
}

/// `CreateGroup`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["name"]);
    let name = name(&mut params);
    let units = params.ids("units").unwrap_or_default();
    params.refuse()?;
    let state = ctx.read(account, Scope::AccessLevelsRead)?;
    let wish = AccessLevelWish {
        edit: AccessLevelEdit { name, ..AccessLevelEdit::default() },
        locks: Some(all_named(&state, Noun::Lock, &units, "units")?),
        ..AccessLevelWish::default()
    };
    made(access_level::create(&ctx, account, wish).await?, |level| level.header.number)
}

fn name(params: &mut Params) -> Option<String> {
    let name = params.line("name", MOST_NAME);
    let blank = name.as_ref().is_some_and(|name| name.trim().is_empty());
    params.wrongs.check(!blank, "name", "must not be empty");
    name
}

/// `UpdateGroup`: all of it or nothing.
pub(crate) async fn update(call: Call) -> Answered {
    let (mut ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["id"]);
    let id = params.id("id").unwrap_or_default();
    let name = name(&mut params);
    let clear = params.flag("clear").unwrap_or_default();
    let [add, remove] = both(&mut params, "addUnits", "removeUnits", clear);
    params.refuse()?;
    for left in (0..TRIES).rev() {
        let state = ctx.read(account, Scope::AccessLevelsRead)?;
        let group = named(&state, Noun::AccessLevel, id, "id")?;
        all_named(&state, Noun::Lock, &add, "addUnits")?;
        let known = state.level_locks(AccessLevelNumber(id)).map(|it| it.lock.0);
        let mut units: BTreeSet<u32> = known.filter(|_| !clear).collect();
        for unit in &remove {
            units.remove(unit);
        }
        units.extend(&add);
        let units: Vec<u32> = units.into_iter().collect();
        let wish = AccessLevelWish {
            edit: AccessLevelEdit { name: name.clone(), ..AccessLevelEdit::default() },
            locks: Some(those_there(&state, Noun::Lock, &units)),
            ..AccessLevelWish::default()
        };
        let revision = state.levels.get(id).map(|level| level.header.revision);
        ctx.expected = Some(Expected::Revisions(revision.into_iter().collect()));
        match access_level::edit(&ctx, account, group, wish).await {
            Err(Error::Refused(Refusal::Stale)) if left > 0 => {}
            other => return other.map(|_| done()).map_err(Into::into),
        }
    }
    Err(Error::Refused(Refusal::Stale).into())
}

/// `DeleteGroup`.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, account) = at_account(&call)?;
    let mut params = Params::of(&call)?;
    params.must(&["id"]);
    let id = params.id("id").unwrap_or_default();
    params.refuse()?;
    let state = ctx.read(account, Scope::AccessLevelsRead)?;
    let group: Ref = named(&state, Noun::AccessLevel, id, "id")?;
    access_level::delete(&ctx, account, group).await?;
    Ok(done())
}
