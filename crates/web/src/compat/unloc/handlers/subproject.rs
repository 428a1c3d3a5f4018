//! Subprojects: places below a project that borrow locks of it.

use claviger_app::place::{self, LocksWish};
use claviger_app::{Context, Error, Id, Seen, Written};
use claviger_domain::ids::Ref;
use claviger_domain::noun::Json;
use claviger_domain::noun::place::{Place, PlaceEdit};
use std::collections::HashSet;
use std::sync::Arc;

use super::access_group::{ids, not_in_both};
use super::{Answered, Query, at_place, context, expect, fields_of, named, named_with};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;
use crate::compat::unloc::error::{Failure, refuse};
use crate::compat::unloc::{map, wire};

/// The most locks of a subproject.
const MOST_LOCKS: usize = 1000;

fn missing() -> Failure {
    Failure::not_found("subproject")
}

/// The subproject of the path; where a project stands there too, one of that.
fn below(call: &Call) -> Result<(Context, Seen<Arc<Place>>), Failure> {
    let ctx = context(call)?;
    let id = call.path.get("subproject").and_then(Id::parse).ok_or_else(missing)?;
    let seen = place::get(&ctx, id).map_err(|_| missing())?;
    let parent = seen.value.parent.and_then(|parent| place::id_of(&ctx, parent));
    let parent = parent.ok_or_else(missing)?;
    match call.path.get("project") {
        Some(project) if Id::parse(project) != Some(parent) => Err(missing()),
        _ => Ok((ctx, seen)),
    }
}

/// The subproject as it is by now.
fn answer(ctx: &Context, status: u16, made: Written<Arc<Place>>) -> Answered {
    let id = made.done().ok_or(Error::Internal)?.header.id;
    let Seen { value, state } = place::get(ctx, id)?;
    Ok(named_with(status, "subproject", wire::subproject(&value, &state, parent(ctx, &value))))
}

fn parent(ctx: &Context, place: &Place) -> Option<Id> {
    place.parent.and_then(|parent| place::id_of(ctx, parent))
}

fn edit(body: &Fields<'_>, former: Option<&Json>, wrongs: &mut Wrongs) -> PlaceEdit {
    body.only(&["name", "description", "metadata", "lockIds"], wrongs);
    body.sized("name", 4, 128, wrongs);
    body.sized("description", 4, 1024, wrongs);
    let description = body.may_clear("description", wrongs);
    let mut metadata = map::metadata_edit(body, former, wrongs);
    if let Some(description) = description {
        let kept = metadata.unwrap_or_else(|| former.cloned());
        metadata = Some(map::described(kept, description));
    }
    let name = body.text("name", wrongs).map(str::to_owned);
    PlaceEdit { name, metadata, ..PlaceEdit::default() }
}

/// `POST /v2/projects/{project}/subprojects`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, project) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    wrongs.check(body.has("name"), "name", "is required");
    let edit = edit(&body, None, &mut wrongs);
    let locks = ids(&body, "lockIds", &mut wrongs);
    let reason = format!("must name at most {MOST_LOCKS} locks");
    let distinct: HashSet<&Ref> = locks.iter().collect();
    wrongs.check(distinct.len() <= MOST_LOCKS, "lockIds", &reason);
    refuse(wrongs)?;
    let made = place::create_below(&ctx, project, edit, locks).await?;
    answer(&ctx, 201, made)
}

/// `GET /v2/projects/{project}/subprojects`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, project) = at_place(&call)?;
    let mut query = Query::of(&call, &["limit", "startAfterId"]);
    let (limit, after) = (query.limit(), query.id("startAfterId"));
    query.refuse()?;
    let above = place::get(&ctx, project)?.value.number();
    let after = match after {
        None => 0,
        Some(id) => {
            let found = place::get(&ctx, id).ok().filter(|it| it.value.parent == Some(above));
            let unknown = || Failure::field("startAfterId", "there is no such subproject");
            found.ok_or_else(unknown)?.value.header.number
        }
    };
    let paging = claviger_app::Paging { after, limit };
    let (found, _) = place::list(&ctx, paging, |place| place.parent == Some(above))?;
    let mut shown = Vec::with_capacity(found.len());
    for place in found {
        let Seen { value, state } = place::get(&ctx, place.header.id)?;
        shown.push(wire::subproject(&value, &state, Some(project)));
    }
    Ok(named("subprojects", shown.into()))
}

/// `GET …/subprojects/{subproject}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, Seen { value, state }) = below(&call)?;
    Ok(named("subproject", wire::subproject(&value, &state, parent(&ctx, &value))))
}

/// `PATCH …/subprojects/{subproject}`.
pub(crate) async fn update(call: Call) -> Answered {
    let (mut ctx, Seen { value, .. }) = below(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    wrongs.check(!body.has("lockIds"), "lockIds", "is changed by update-locks");
    let edit = edit(&body, value.metadata.as_ref(), &mut wrongs);
    refuse(wrongs)?;
    expect(&mut ctx, &body, &["metadata", "description"], &value.header);
    let made = place::edit(&ctx, value.header.id, edit).await?;
    answer(&ctx, 200, made)
}

/// `POST …/subprojects/{subproject}/update-locks`.
pub(crate) async fn update_locks(call: Call) -> Answered {
    let (ctx, Seen { value, .. }) = below(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    let known = ["lockIdsToAdd", "lockIdsToRemove"];
    body.only(&known, &mut wrongs);
    if !known.iter().any(|field| body.has(field)) {
        wrongs.add("body", format!("must have at least one of {}", known.join(", ")));
    }
    let wish = LocksWish {
        add: ids(&body, known[0], &mut wrongs),
        remove: ids(&body, known[1], &mut wrongs),
        most: Some(MOST_LOCKS),
    };
    not_in_both(&body, known[0], (&wish.add, &wish.remove), &mut wrongs);
    refuse(wrongs)?;
    let made = place::modify_locks(&ctx, value.header.id, wish).await?;
    answer(&ctx, 200, made)
}
