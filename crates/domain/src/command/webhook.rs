//! Webhooks: made, changed, deleted. Whether an address may be called is the sender's to check.

use std::sync::Arc;

use super::common::check_external_id;
use crate::draft::{Changed, Draft, open, set};
use crate::ids::{Noun, WebhookNumber};
use crate::noun::webhook::{Webhook, WebhookEdit};
use crate::refusal::{Flaws, Refusal};
use crate::state::PlaceState;
use crate::text::is_line;
use crate::time::HOUR;

/// How long both secrets sign after a rotation.
const ROTATION: i64 = 24 * HOUR;
/// The forms of body there are: the native one and those of vendors.
pub const FORMATS: &[&str] =
    &["standard", "unloc", "parakey-1.0", "parakey-1.2", "parakey-batch-1.0", "parakey-batch-1.2"];
/// The longest time within which events are told: a year.
const LONGEST_S: u32 = 366 * 24 * 3600;

/// Makes a webhook.
///
/// # Errors
/// Every wrong field.
pub fn create(draft: &mut Draft, edit: &WebhookEdit) -> Result<Arc<Webhook>, Refusal> {
    let webhook = Webhook {
        header: draft.header(Noun::Webhook, None)?,
        name: None,
        url: String::new(),
        events: Vec::new(),
        locks: Vec::new(),
        format: "standard".to_owned(),
        secret: Vec::new(),
        previous_secret: None,
        headers: None,
        told_within_s: None,
        failures_only: false,
        maker: draft.actor,
        failing_since: None,
        disabled: None,
    };
    write(draft, webhook, edit, "create")
}

/// Changes a webhook; a new secret signs beside the former one for a day. A change to the address
/// puts a disabled webhook to work again; one that leads to another host takes the headers away
/// that are not given anew, which may be secrets between the former host and whoever set them.
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
    webhook.name = None;
    webhook.secret.clear();
    webhook.previous_secret = None;
    webhook.headers = None;
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

/// Whether an edit leads a webhook to another host.
#[must_use]
pub fn moves(webhook: &Webhook, edit: &WebhookEdit) -> bool {
    edit.url.as_ref().is_some_and(|url| origin(url) != origin(&webhook.url))
}

/// Whose an address is: scheme, host and port, as they are written.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    format!("{scheme}://{host}").to_ascii_lowercase()
}

fn check(draft: &Draft, webhook: &Webhook, edit: &WebhookEdit) -> Result<(), Refusal> {
    let mut flaws = Flaws::default();
    let (noun, number) = (Noun::Webhook, webhook.header.number);
    check_external_id(&mut flaws, &draft.state, noun, number, edit.external_id.as_ref());
    let name = edit.name.iter().flatten().all(|name| is_line(name, 200));
    flaws.check(name, "/name", "bad_name", "must be one line of at most 200 characters");
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
    let modest = edit.told_within_s.flatten().is_none_or(|within_s| within_s <= LONGEST_S);
    flaws.check(modest, "/told_within_s", "out_of_range", "must be at most 366 days");
    flaws.refuse()
}

fn write(
    draft: &mut Draft,
    mut webhook: Webhook,
    edit: &WebhookEdit,
    verb: &'static str,
) -> Result<Arc<Webhook>, Refusal> {
    check(draft, &webhook, edit)?;
    let mut changed = Vec::new();
    set!(changed, webhook.header.external_id, edit.external_id);
    if edit.url.as_ref().is_some_and(|url| *url != webhook.url) {
        webhook.failing_since = None;
        webhook.disabled = None;
    }
    if edit.headers.is_none() && moves(&webhook, edit) {
        let had = webhook.headers.take();
        changed.extend(had.map(|_| Changed::hidden("headers")));
    }
    set!(changed, webhook.name, edit.name);
    set!(changed, webhook.url, edit.url);
    set!(changed, webhook.events, edit.events);
    set!(changed, webhook.locks, edit.locks);
    set!(changed, webhook.format, edit.format as String::to_string);
    set!(changed, webhook.headers, edit.headers);
    set!(changed, webhook.told_within_s, edit.told_within_s);
    set!(changed, webhook.failures_only, edit.failures_only as bool::to_string);
    if let Some(secret) = &edit.secret {
        let former = std::mem::replace(&mut webhook.secret, secret.clone());
        let until = draft.now.plus(ROTATION);
        webhook.previous_secret = (!former.is_empty()).then_some((former, until));
        changed.push(Changed::hidden("secret"));
    }
    let number = webhook.number();
    draft.note(verb, Noun::Webhook, Some(webhook.header.id), changed);
    draft.put(webhook);
    find(&draft.state, number).cloned()
}
