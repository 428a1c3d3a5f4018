//! Webhooks: who is told of unlocks, or of batches that are completed. Each is a native webhook
//! with a format of this API's.

use std::sync::Arc;

use claviger_app::webhook::{self, HeaderValue, Headers, WebhookWish, header_names};
use claviger_app::{Context, Error, Gone, Id, Paging, Refusal};
use claviger_domain::ids::Ref;
use claviger_domain::noun::event::EventKind;
use claviger_domain::noun::lock::Lock;
use claviger_domain::noun::webhook::{Webhook, WebhookEdit};
use claviger_domain::state::PlaceState;
use serde_json::Value;

use super::said::{flag, line};
use super::{Answered, Listing, answer, at_domain, fields_of, id_of, made, settings};
use crate::compat::fields::{Fields, Given, Wrongs};
use crate::compat::parakey::error::{Failure, refuse};
use crate::compat::parakey::version::{Kind, Pinned, Version};
use crate::compat::parakey::{map, wire};
use crate::compat::serve::Call;

/// The most minutes an event may be late by: 366 days.
const MOST_MINUTES: u64 = 366 * 24 * 60;
/// The most devices of one webhook, as natively.
const MOST_DEVICES: usize = 10_000;

/// `POST /webhooks`: the answer shows, once, the secret that signs deliveries.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    let kind = kind(&body, &mut wrongs).unwrap_or(Kind::Unlocks);
    let version = version(&body, &mut wrongs).unwrap_or(Version::LATEST);
    let wish = wish(&body, own, kind, Some(version), &mut wrongs)?;
    wrongs.check(wish.edit.url.is_some(), "url", "is required");
    refuse(wrongs)?;
    let wish = WebhookWish {
        edit: WebhookEdit { events: Some(vec![EventKind::AccessGranted]), ..wish.edit },
        ..wish
    };
    let done = webhook::create(&ctx, own, wish).await.map_err(refused)?;
    let done = done.done().ok_or(Error::Internal)?;
    let seen = webhook::get(&ctx, own, &Ref::Id(done.webhook.header.id))?;
    let mut body = shown(&ctx, &seen.value, &seen.state, &Gone::new()).ok_or(Error::Internal)?;
    body["secret"] = done.secret.into();
    Ok(made(&call, &body))
}

/// `PATCH` and `PUT /webhooks/{id}`: what is not named stays, the version too.
pub(crate) async fn change(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let id = id_of(&call);
    let (_, pinned) = find(&ctx, own, id)?;
    let (body, mut wrongs) = fields_of(&call);
    let same = kind(&body, &mut wrongs).is_none_or(|kind| kind == pinned.kind);
    wrongs.check(same, "type", "cannot be changed");
    let version = version(&body, &mut wrongs);
    let wish = wish(&body, own, pinned.kind, version, &mut wrongs)?;
    refuse(wrongs)?;
    webhook::edit(&ctx, own, Ref::Id(id), wish).await.map_err(refused)?;
    one(&call, &ctx, own, id).await
}

/// `GET /webhooks`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let listing = Listing::of(&call, &["createdAt", "name"])?;
    let page = webhook::list(&ctx, own, Paging::ALL)?;
    let gone = webhook::speak_of(&ctx, &page.state, &page.items).await?;
    let about =
        |webhook: &Webhook| (webhook.header.created_at, webhook.name.clone().unwrap_or_default());
    let shown = |webhook: &Webhook| shown(&ctx, webhook, &page.state, &gone);
    Ok(listing.answer(&call, page.items.iter().map(|it| &**it), about, shown).await)
}

/// `GET /webhooks/{id}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    one(&call, &ctx, own, id_of(&call)).await
}

/// `DELETE /webhooks/{id}`.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, own) = at_domain(&call)?;
    let id = id_of(&call);
    find(&ctx, own, id)?;
    webhook::delete(&ctx, own, Ref::Id(id)).await?;
    Ok(axum::response::IntoResponse::into_response(axum::http::StatusCode::NO_CONTENT))
}

async fn one(call: &Call, ctx: &Context, own: Id, id: Id) -> Answered {
    let (seen, _) = find(ctx, own, id)?;
    let gone = webhook::speak_of(ctx, &seen.state, std::slice::from_ref(&seen.value)).await?;
    let shown = shown(ctx, &seen.value, &seen.state, &gone);
    Ok(answer(call, &shown.ok_or(Error::Internal)?))
}

type Seen = claviger_app::Seen<Arc<Webhook>>;

/// One of this API's webhooks, and what it is pinned to.
fn find(ctx: &Context, own: Id, id: Id) -> Result<(Seen, Pinned), Failure> {
    let missing = || Failure::missing("webhookNotFound");
    let seen = match webhook::get(ctx, own, &Ref::Id(id)) {
        Err(Error::Refused(_)) => return Err(missing()),
        other => other?,
    };
    let pinned = Pinned::of(&seen.value.format).ok_or_else(missing)?;
    Ok((seen, pinned))
}

/// A webhook as it is answered; none where it is none of this API's.
fn shown(ctx: &Context, webhook: &Webhook, state: &PlaceState, gone: &Gone) -> Option<Value> {
    let pinned = Pinned::of(&webhook.format)?;
    let headers = header_names(&ctx.app, state.place.number(), webhook);
    let of = |lock: &Lock| settings(ctx, lock);
    Some(wire::webhook(webhook, pinned, &headers, (state, gone), &of))
}

fn refused(error: Error) -> Failure {
    match error {
        Error::Refused(Refusal::Invalid(flaws))
            if flaws.iter().any(|flaw| flaw.pointer.starts_with("/lock_ids")) =>
        {
            Failure::missing("deviceNotFound")
        }
        other => other.into(),
    }
}

fn kind(body: &Fields<'_>, wrongs: &mut Wrongs) -> Option<Kind> {
    let text = body.may_clear("type", wrongs).flatten()?;
    let kind = Kind::parse(text);
    wrongs.check(kind.is_some(), "type", "must be unlockEvent or batchCompleted");
    kind
}

fn version(body: &Fields<'_>, wrongs: &mut Wrongs) -> Option<Version> {
    let text = body.may_clear("payloadApiVersion", wrongs).flatten()?;
    let version = Version::parse(text);
    let known = Version::ALL.map(Version::as_str).join(" or ");
    wrongs.check(version.is_some(), "payloadApiVersion", &format!("must be {known}"));
    version
}

/// What is asked of a webhook, as far as it can be read.
///
/// # Errors
/// 404 where another domain is named.
fn wish(
    body: &Fields<'_>,
    own: Id,
    kind: Kind,
    version: Option<Version>,
    wrongs: &mut Wrongs,
) -> Result<WebhookWish, Failure> {
    domains(body, own, wrongs)?;
    let name = line(body, "name", wrongs);
    let url = body.may_clear("url", wrongs).flatten();
    let right = url.is_none_or(crate::url::is_web_address);
    let what = "must be an http or https address without a name, a password or a fragment";
    wrongs.check(right, "url", what);
    let failures_only = flag(body, "onlyOnItemFailures", wrongs);
    let minutes = minutes(body, wrongs);
    let devices = devices(body, wrongs);
    match kind {
        Kind::Unlocks => {
            let right = failures_only != Some(true);
            wrongs.check(right, "onlyOnItemFailures", "is for the type batchCompleted");
        }
        Kind::Batches => {
            let right = devices.as_ref().is_none_or(Vec::is_empty);
            wrongs.check(right, "devices", "is for the type unlockEvent");
            let right = minutes.flatten().is_none();
            wrongs.check(right, "allowedOffsetMinutes", "is for the type unlockEvent");
        }
    }
    let edit = WebhookEdit {
        name: name.map(|it| it.map(str::to_owned)),
        url: url.map(str::to_owned),
        format: version.map(|version| Pinned { kind, version }.format().to_owned()),
        told_within_s: minutes.map(|it| it.map(|minutes| minutes * 60)),
        failures_only,
        ..WebhookEdit::default()
    };
    Ok(WebhookWish { edit, locks: devices, secret: None, headers: headers(body, wrongs) })
}

/// The id of an item of a list, which may also be an object that has one.
fn id_in(item: &Value) -> Option<&str> {
    item.as_str().or_else(|| item.get("id")?.as_str())
}

/// A token is for one domain: a webhook can be for no other, and for none that is yet to come.
fn domains(body: &Fields<'_>, own: Id, wrongs: &mut Wrongs) -> Result<(), Failure> {
    let syncs = flag(body, "autoSyncDomains", wrongs) == Some(true);
    wrongs.check(!syncs, "autoSyncDomains", "is for tokens of many domains, which are not served");
    if matches!(body.get("domains"), None | Some(Value::Null)) {
        return Ok(());
    }
    let Some(domains) = body.list("domains", wrongs) else { return Ok(()) };
    wrongs.check(!domains.is_empty(), "domains", "must name the domain of the token");
    for (at, domain) in domains.iter().enumerate() {
        match id_in(domain) {
            Some(id) if map::id(id) == own => {}
            Some(_) => return Err(Failure::missing("domainNotFound")),
            None => wrongs.add(body.item("domains", at), "must be an id"),
        }
    }
    Ok(())
}

fn minutes(body: &Fields<'_>, wrongs: &mut Wrongs) -> Given<u32> {
    let value = body.get("allowedOffsetMinutes")?;
    if value.is_null() {
        return Some(None);
    }
    let minutes = value.as_u64().filter(|minutes| *minutes <= MOST_MINUTES);
    let right = format!("must be a whole number from 0 to {MOST_MINUTES}");
    wrongs.check(minutes.is_some(), "allowedOffsetMinutes", &right);
    Some(minutes.and_then(|minutes| u32::try_from(minutes).ok()))
}

/// Which devices; none named: all.
fn devices(body: &Fields<'_>, wrongs: &mut Wrongs) -> Option<Vec<Ref>> {
    if body.get("devices")?.is_null() {
        return Some(Vec::new());
    }
    let items = body.list("devices", wrongs)?;
    wrongs.check(items.len() <= MOST_DEVICES, "devices", "must be at most 10000");
    let mut devices = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        match id_in(item) {
            Some(id) => devices.push(Ref::Id(map::id(id))),
            None => wrongs.add(body.item("devices", at), "must be an id"),
        }
    }
    Some(devices)
}

/// All headers, by their names; what is null keeps the value it has.
fn headers(body: &Fields<'_>, wrongs: &mut Wrongs) -> Option<Headers> {
    let value = body.get("headers").filter(|it| !it.is_null())?;
    let Some(fields) = value.as_object() else {
        wrongs.add("headers", "must be an object of names and values");
        return None;
    };
    let mut headers = Headers::new();
    for (name, value) in fields {
        match value {
            Value::Null => headers.push((name.clone(), None)),
            Value::String(text) => headers.push((name.clone(), Some(HeaderValue(text.clone())))),
            _ => wrongs.add(format!("headers.{name}"), "must be of type string"),
        }
    }
    Some(headers)
}
