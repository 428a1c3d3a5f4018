//! Sharing rights: who may give keys to a lock from their phone.

use claviger_app::Error;
use claviger_app::grant::{GrantWish, MOST_ITEMS, SubjectWish, TargetWish};
use claviger_app::sharing::{self, SharingPage};
use claviger_domain::noun::grant::{GrantEdit, Right};
use serde_json::{Value, json};

use super::key::{NOTIFY, filters, no_filters_in_body, notify};
use super::{Answered, Query, at_place, by, fields_of, named, named_with};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;
use crate::compat::unloc::error::refuse;
use crate::compat::unloc::{map, wire};

/// The parameter that leaves out what the subprojects have.
const EXCLUDE: &str = "excludeSubprojectSharingRights";

fn shown(page: &SharingPage) -> Vec<Value> {
    page.items.iter().map(|right| wire::sharing_right(right, &page.state)).collect()
}

/// `POST …/sharing-rights`: all or none.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["sharingRights"], &mut wrongs);
    let rights = body.list("sharingRights", &mut wrongs).unwrap_or_default();
    if !(1..=MOST_ITEMS).contains(&rights.len()) {
        let reason = format!("must be a list of 1 to {MOST_ITEMS} sharing rights");
        wrongs.add("sharingRights", reason);
    }
    let mut wishes = Vec::with_capacity(rights.len());
    for (at, value) in rights.iter().enumerate() {
        let fields = Fields::at(value, body.item("sharingRights", at), &mut wrongs);
        wishes.extend(wish(&fields, &mut wrongs));
    }
    refuse(wrongs)?;
    let made = sharing::give(&ctx, place, wishes).await?.done().ok_or(Error::Internal)?;
    let state = claviger_app::place::get(&ctx, place)?.state;
    let shown = made.iter().filter_map(|grant| Some((sharing::direct(grant)?, &state)));
    let shown = shown.map(|(right, state)| wire::sharing_right(&right, state));
    Ok(named_with(201, "sharingRights", shown.collect()))
}

fn wish(fields: &Fields<'_>, wrongs: &mut Wrongs) -> Option<GrantWish> {
    fields.only(&["lockId", "appUserId", "metadata"], wrongs);
    let whose = map::holder(fields, wrongs);
    let metadata = map::metadata_edit(fields, None, wrongs);
    let (phone, lock) = whose?;
    Some(GrantWish {
        subject: SubjectWish::Phone(phone),
        target: TargetWish::Lock(by(lock)),
        right: Right::Share,
        schedule: None,
        issued_under: None,
        invite: false,
        edit: GrantEdit { metadata, ..GrantEdit::default() },
    })
}

/// `GET …/sharing-rights`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let known = ["appUserId", "lockId", EXCLUDE, "limit", "startAfterId"];
    let mut query = Query::of(&call, &known);
    let search = filters(&mut query, EXCLUDE, &call);
    let (limit, after) = (query.limit(), query.id("startAfterId"));
    query.refuse()?;
    let pages = sharing::across(&ctx, place, after, limit, &search).await?;
    Ok(named("sharingRights", pages.iter().flat_map(shown).collect()))
}

/// `DELETE …/sharing-rights`: those that the filters let through and no group gives.
pub(crate) async fn revoke(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let known = ["appUserId", "lockId", EXCLUDE];
    let mut query = Query::of(&call, &[&known[..], &NOTIFY[..]].concat());
    let search = filters(&mut query, EXCLUDE, &call);
    no_filters_in_body(&call, &mut query);
    notify(&mut query)?;
    let count = sharing::take_back(&ctx, place, search).await?.done().ok_or(Error::Internal)?;
    Ok(named("revokedSharingRights", json!(count)))
}
