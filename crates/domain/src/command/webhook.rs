//! Webhooks: made, changed, deleted. Whether an address may be called is the sender's to check.

use std::sync::Arc;

use super::common::check_external_id;
use crate::draft::{Changed, Draft, open, set};
use crate::ids::{Noun, WebhookNumber};
use crate::noun::webhook::{Webhook, WebhookEdit};
use crate::refusal::{Flaws, Refusal};
use crate::state::PlaceState;
use crate::time::HOUR;

/// How long both secrets sign after a rotation.
const ROTATION: i64 = 24 * HOUR;
/// The forms of body there are: the native one and those of vendors.
pub const FORMATS: &[&str] = &["standard", "unloc"];

/// Makes a webhook.
///
/// # Errors
/// Every wrong field.
pub fn create(draft: &mut Draft, edit: &WebhookEdit) -> Result<Arc<Webhook>, Refusal> {
    let webhook = Webhook {
        header: draft.header(Noun::Webhook, None)?,
        url: String::new(),
        events: Vec::new(),
        locks: Vec::new(),
        format: "standard".to_owned(),
        secret: Vec::new(),
        previous_secret: None,
        failing_since: None,
        disabled_at: None,
    };
    write(draft, webhook, edit, "create")
}

/// Changes a webhook; a new secret signs beside the former one for a day. A change to the address
/// puts a disabled webhook to work again.
///
/// # Errors
/// As [`create`]; not found.
pub fn edit(
    draft: &mut Draft,
    number: WebhookNumber,
    edit: &WebhookEdit,
) -> Result<Arc<Webhook>, Refusal> {
    let webhook = open(find(&draft.state, number)?);
    write(draft, webhook, edit, "update")
}

/// Deletes a webhook.
///
/// # Errors
/// Not found.
pub fn delete(draft: &mut Draft, number: WebhookNumber) -> Result<(), Refusal> {
    let mut webhook = open(find(&draft.state, number)?);
    draft.note("delete", Noun::Webhook, Some(webhook.header.id), Vec::new());
    webhook.url.clear();
    webhook.secret.clear();
    webhook.previous_secret = None;
    draft.delete(webhook);
    Ok(())
}

/// The webhook with that number.
///
/// # Errors
/// Not found.
pub fn find(state: &PlaceState, number: WebhookNumber) -> Result<&Arc<Webhook>, Refusal> {
    state.webhooks.get(number).ok_or(Refusal::NotFound(Noun::Webhook))
}

fn write(
    draft: &mut Draft,
    mut webhook: Webhook,
    edit: &WebhookEdit,
    verb: &'static str,
) -> Result<Arc<Webhook>, Refusal> {
    let mut flaws = Flaws::default();
    let (noun, number) = (Noun::Webhook, webhook.number());
    check_external_id(&mut flaws, &draft.state, noun, number.0, edit.external_id.as_ref());
    let url = edit.url.as_ref().unwrap_or(&webhook.url);
    let known = url.starts_with("https://") || url.starts_with("http://");
    flaws.check(known && url.len() <= 2000, "/url", "bad_url", "must be an https address");
    let format = edit.format.as_ref().unwrap_or(&webhook.format);
    flaws.check(FORMATS.contains(&format.as_str()), "/format", "bad_format", "is not a known form");
    for (at, lock) in edit.locks.iter().flatten().enumerate() {
        let found = draft.state.locks.get(*lock).is_some();
        let pointer = format!("/lock_ids/{at}");
        flaws.check(found, &pointer, "not_found", "there is no such lock in this place");
    }
    flaws.refuse()?;
    let mut changed = Vec::new();
    set!(changed, webhook.header.external_id, edit.external_id);
    if edit.url.as_ref().is_some_and(|url| *url != webhook.url) {
        webhook.failing_since = None;
        webhook.disabled_at = None;
    }
    set!(changed, webhook.url, edit.url);
    set!(changed, webhook.events, edit.events);
    set!(changed, webhook.locks, edit.locks);
    set!(changed, webhook.format, edit.format as String::to_string);
    if let Some(secret) = &edit.secret {
        let former = std::mem::replace(&mut webhook.secret, secret.clone());
        let until = draft.now.plus(ROTATION);
        webhook.previous_secret = (!former.is_empty()).then_some((former, until));
        changed.push(Changed::hidden("secret"));
    }
    draft.note(verb, noun, Some(webhook.header.id), changed);
    draft.put(webhook);
    find(&draft.state, number).cloned()
}
