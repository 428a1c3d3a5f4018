//! Organizations, projects and their locks.

use claviger_app::{Context, Id, Refusal, lock, place};
use claviger_domain::ids::Noun;
use claviger_domain::noun::place::PlaceEdit;
use claviger_domain::noun::scope::Scope;
use claviger_domain::time::Zone;
use serde_json::{Value, json};

use super::{
    Answered, Query, at_place, by, context, expect, fields_of, named, named_with, object, page_of,
};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;
use crate::compat::unloc::error::{Failure, refuse};
use crate::compat::unloc::{map, wire};

fn shown(ctx: &Context, place: &claviger_domain::noun::place::Place) -> Value {
    wire::project(place, place::organization_of(ctx, place).map(|it| it.header.id))
}

/// `GET /v2/organization/{organization}`.
pub(crate) async fn organization(call: Call) -> Answered {
    let ctx = context(&call)?;
    let id = object(&call, "organization", "organization")?;
    let found = place::read_organization(&ctx, id)?;
    Ok(named(
        "organization",
        json!({
            "id": found.header.id.to_string(),
            "name": found.name,
            "created": map::time(found.header.created_at),
        }),
    ))
}

/// `GET /v2/organization/{organization}/projects`: those the credentials have rights to.
pub(crate) async fn projects(call: Call) -> Answered {
    let ctx = context(&call)?;
    place::read_organization(&ctx, object(&call, "organization", "organization")?)?;
    let mut query = Query::of(&call, &["limit", "startAfterId"]);
    let (limit, after) = (query.limit(), query.id("startAfterId"));
    query.refuse()?;
    let after = match after {
        None => 0,
        Some(id) => {
            place::get(&ctx, id)
                .map_err(|_| Failure::field("startAfterId", "there is no such project"))?
                .value
                .header
                .number
        }
    };
    let paging = claviger_app::Paging { after, limit };
    let (found, _) = place::list(&ctx, paging, |place| place.parent.is_none())?;
    Ok(named("projects", found.iter().map(|place| shown(&ctx, place)).collect()))
}

/// `POST /v2/organization/{organization}/projects`.
pub(crate) async fn create(call: Call) -> Answered {
    let ctx = context(&call)?;
    place::read_organization(&ctx, object(&call, "organization", "organization")?)?;
    let (body, mut wrongs) = fields_of(&call);
    wrongs.check(body.has("name"), "name", "is required");
    let edit = edit(&body, None, &[], &mut wrongs);
    refuse(wrongs)?;
    let made =
        place::create(&ctx, None, edit).await?.done().ok_or(claviger_app::Error::Internal)?;
    Ok(named_with(201, "project", shown(&ctx, &made)))
}

fn edit(
    body: &Fields<'_>,
    former: Option<&claviger_domain::noun::Json>,
    more: &[&str],
    wrongs: &mut Wrongs,
) -> PlaceEdit {
    let known = ["name", "timeZone", "defaultPrivacyPolicy", "metadata"];
    body.only(&[&known, more].concat(), wrongs);
    body.sized("name", 1, 200, wrongs);
    let zone = body.text("timeZone", wrongs).and_then(|name| {
        let zone = Zone::parse(name);
        if zone.is_none() {
            wrongs.add("timeZone", "must be an IANA time zone such as Europe/Oslo");
        }
        zone
    });
    PlaceEdit {
        name: body.text("name", wrongs).map(str::to_owned),
        zone,
        default_privacy: map::policy(body, "defaultPrivacyPolicy", wrongs),
        metadata: map::metadata_edit(body, former, wrongs),
        ..PlaceEdit::default()
    }
}

/// `GET /v2/projects/{project}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, id) = at_place(&call)?;
    let seen = place::get(&ctx, id)?;
    Ok(named("project", shown(&ctx, &seen.value)))
}

/// `PATCH /v2/projects/{project}`. With `applyToAllLocks` the default privacy policy becomes that
/// of every lock the project owns too.
pub(crate) async fn update(call: Call) -> Answered {
    let (mut ctx, id) = at_place(&call)?;
    let seen = place::get(&ctx, id)?;
    let (body, mut wrongs) = fields_of(&call);
    expect(&mut ctx, &body, &["metadata"], &seen.value.header);
    let former = seen.value.metadata.as_ref();
    let edit = edit(&body, former, &["applyToAllLocks"], &mut wrongs);
    let to_all = match body.get("applyToAllLocks").map(Value::as_bool) {
        Some(None) => {
            wrongs.add("applyToAllLocks", "must be of type boolean");
            false
        }
        given => given.flatten().unwrap_or_default(),
    };
    let said = !to_all || body.has("defaultPrivacyPolicy");
    wrongs.check(said, "defaultPrivacyPolicy", "is required with applyToAllLocks");
    refuse(wrongs)?;
    let written = match to_all {
        true => place::edit_with_locks(&ctx, id, edit).await?,
        false => place::edit(&ctx, id, edit).await?,
    };
    let made = written.done().ok_or(claviger_app::Error::Internal)?;
    Ok(named("project", shown(&ctx, &made)))
}

fn lock_shown(ctx: &Context, seen: &claviger_domain::noun::lock::Lock, place: Id) -> Value {
    let Ok(own) = place::get(ctx, place) else { return Value::Null };
    match lock::owner(ctx, seen) {
        Some((state, settings)) => wire::lock(seen, &settings, &state),
        None => wire::lock(seen, seen, &own.state),
    }
}

/// `GET /v2/projects/{project}/locks`.
pub(crate) async fn locks(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let paging = page_of(&call, &ctx, place, Scope::LocksRead, Noun::Lock).await?;
    let page = lock::list(&ctx, place, paging)?;
    let locks = page.items.iter().map(|lock| lock_shown(&ctx, lock, place));
    Ok(named("locks", locks.collect()))
}

/// `GET /v2/projects/{project}/locks/{lock}`.
pub(crate) async fn lock(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let seen = lock::get(&ctx, place, &by(object(&call, "lock", "lock")?))?;
    Ok(named("lock", lock_shown(&ctx, &seen.value, place)))
}

/// The fields of an address.
const ADDRESS: [&str; 6] =
    ["street", "floor", "postalCode", "city", "countryIso", "visitorInstructions"];

/// `PATCH /v2/projects/{project}/locks/{lock}`.
pub(crate) async fn update_lock(call: Call) -> Answered {
    let (mut ctx, place) = at_place(&call)?;
    let id = by(object(&call, "lock", "lock")?);
    let seen = lock::get(&ctx, place, &id)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["name", "address", "privacyPolicy", "metadata"], &mut wrongs);
    body.sized("name", 1, 200, &mut wrongs);
    let name = body.text("name", &mut wrongs).map(str::to_owned);
    let privacy = map::policy(&body, "privacyPolicy", &mut wrongs);
    let former = seen.value.metadata.as_ref();
    let former = map::with_address(former.cloned(), map::address(former));
    let mut metadata = map::metadata_edit(&body, former.as_ref(), &mut wrongs);
    if let Some(address) = body.get("address") {
        if !address.is_null() {
            let address = Fields::at(address, "address".to_owned(), &mut wrongs);
            address.only(&ADDRESS, &mut wrongs);
            for field in ADDRESS {
                address.may_clear(field, &mut wrongs);
                address.sized(field, 0, 500, &mut wrongs);
            }
        }
        let address = Some(address.clone()).filter(Value::is_object);
        metadata = Some(map::with_address(metadata.unwrap_or(former), address));
    }
    refuse(wrongs)?;
    expect(&mut ctx, &body, &["metadata", "address"], &seen.value.header);
    let edit =
        claviger_domain::noun::lock::LockEdit { name, privacy, metadata, ..Default::default() };
    let wish = lock::LockWish { edit, ..lock::LockWish::default() };
    let made = lock::edit(&ctx, place, id, wish).await.map_err(|error| match error {
        claviger_app::Error::Refused(Refusal::InUse(_)) => {
            Failure::conflict("The lock is shared by another project, which sets this.")
        }
        other => other.into(),
    })?;
    let made = made.done().ok_or(claviger_app::Error::Internal)?;
    Ok(named("lock", lock_shown(&ctx, &made, place)))
}

/// `GET …/vendor-operations/locks/{lock}/temporary-code`: only locks of one maker have such
/// codes.
pub(crate) async fn temporary_code(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    lock::get(&ctx, place, &by(object(&call, "lock", "lock")?))?;
    Err(Failure::new(400, "Bad Request", "The lock is not one that has temporary codes."))
}
