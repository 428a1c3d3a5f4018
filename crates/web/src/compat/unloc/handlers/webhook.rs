//! Webhooks: who hears of the access events of a project or of one of its locks.

use std::sync::Arc;

use claviger_app::webhook::{self, WebhookWish};
use claviger_app::{Context, Error, Gone, Id, Paging, Refusal};
use claviger_domain::ids::Noun;
use claviger_domain::noun::event::EventKind;
use claviger_domain::noun::scope::Scope;
use claviger_domain::noun::webhook::{Webhook, WebhookEdit};

use super::{Answered, at_place, by, fields_of, named, named_with, nothing, object, page_of};
use crate::compat::serve::Call;
use crate::compat::unloc::error::{Failure, refuse};
use crate::compat::unloc::{FORMAT, map, wire};

/// `POST …/webhooks`: the answer shows, once, the secret that signs deliveries.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["trigger", "url", "lockId"], &mut wrongs);
    let trigger = body.must("trigger", &mut wrongs);
    let known = trigger.is_none_or(|it| it == "accessEvent");
    wrongs.check(known, "trigger", "must be accessEvent");
    let url = body.must("url", &mut wrongs);
    let right = url.is_none_or(crate::url::is_web_address);
    wrongs.check(
        right,
        "url",
        "must be an http or https address without a name, a password or a fragment",
    );
    let lock = body.text("lockId", &mut wrongs).map(Id::parse);
    wrongs.check(lock != Some(None), "lockId", map::UUID);
    refuse(wrongs)?;
    let wish = WebhookWish {
        edit: WebhookEdit {
            url: url.map(str::to_owned),
            events: Some(vec![EventKind::AccessGranted]),
            format: Some(FORMAT.to_owned()),
            ..WebhookEdit::default()
        },
        locks: lock.flatten().map(|lock| vec![by(lock)]),
        ..WebhookWish::default()
    };
    let made = webhook::create(&ctx, place, wish).await.map_err(|error| match error {
        Error::Refused(Refusal::Invalid(flaws))
            if flaws.iter().any(|flaw| flaw.pointer.starts_with("/lock_ids")) =>
        {
            Failure::field("lockId", "there is no such lock in the project")
        }
        other => other.into(),
    })?;
    let made = made.done().ok_or(Error::Internal)?;
    let seen = find(&ctx, place, made.webhook.header.id)?;
    let mut shown = wire::webhook(&seen.value, &seen.state, &Gone::new());
    shown["secret"] = made.secret.into();
    Ok(named_with(201, "webhook", shown))
}

type Seen = claviger_app::Seen<Arc<Webhook>>;

/// One of this API's webhooks.
fn find(ctx: &Context, place: Id, id: Id) -> Result<Seen, Failure> {
    let seen = webhook::get(ctx, place, &by(id))?;
    let ours = seen.value.format == FORMAT;
    ours.then_some(seen).ok_or_else(|| Failure::not_found("webhook"))
}

/// `GET …/webhooks`.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let wanted = page_of(&call, &ctx, place, Scope::WebhooksRead, Noun::Webhook).await?;
    let page = webhook::list(&ctx, place, Paging { limit: usize::MAX, ..wanted })?;
    let ours = page.items.iter().filter(|webhook| webhook.format == FORMAT).take(wanted.limit);
    let ours: Vec<Arc<Webhook>> = ours.cloned().collect();
    let gone = webhook::speak_of(&ctx, &page.state, &ours).await?;
    let shown = ours.iter().map(|webhook| wire::webhook(webhook, &page.state, &gone));
    Ok(named("webhooks", shown.collect()))
}

/// `GET …/webhooks/{webhook}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let seen = find(&ctx, place, object(&call, "webhook", "webhook")?)?;
    let gone = webhook::speak_of(&ctx, &seen.state, std::slice::from_ref(&seen.value)).await?;
    Ok(named("webhook", wire::webhook(&seen.value, &seen.state, &gone)))
}

/// `DELETE …/webhooks/{webhook}`.
pub(crate) async fn delete(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let id = object(&call, "webhook", "webhook")?;
    find(&ctx, place, id)?;
    webhook::delete(&ctx, place, by(id)).await?;
    Ok(nothing())
}
