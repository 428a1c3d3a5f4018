//! Deliveries: the outbox sent, signed as Standard Webhooks has it, tried again, given up.
//!
//! Sending itself is a port: the binary has the only outgoing HTTP.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_domain::draft::open;
use claviger_domain::ids::PlaceNumber;
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::webhook::Webhook;
use claviger_domain::time::{DAY, HOUR, Instant, MINUTE, SECOND};
use claviger_store::{Attempt, Delivery, Finish};

use crate::context::{Caller, Context};
use crate::error::Error;
use crate::read::bounded;
use crate::webhook::{open_secret, secret_bytes};
use crate::{App, random};

/// How long to wait after each failure.
const WAITS: [i64; 7] =
    [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];
/// How long an endpoint may only fail before it is disabled.
const PATIENCE: i64 = 5 * DAY;
/// How long a delivery under way is nobody else's.
const LEASE: i64 = MINUTE;
/// How many are sent at once.
const AT_ONCE: usize = 16;

/// One request to an endpoint.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Where.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

/// Sends a request: the status it was answered with, or why it was not, in words for the operator.
pub type Send = Arc<
    dyn Fn(Outgoing) -> Pin<Box<dyn Future<Output = Result<u16, String>> + std::marker::Send>>
        + std::marker::Send
        + Sync,
>;

/// The `webhook-signature` of a body: one `v1` per secret, separated by spaces.
#[must_use]
pub fn signature(secrets: &[String], id: &str, timestamp: i64, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    let one = |secret: &String| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret_bytes(secret)?);
        let tag = hmac::sign(&key, signed.as_bytes());
        Some(format!("v1,{}", STANDARD.encode(tag.as_ref())))
    };
    secrets.iter().filter_map(one).collect::<Vec<_>>().join(" ")
}

/// Sends what is due; says whether there may be more.
pub(crate) async fn run(app: &App, send: &Send) -> Result<bool, Error> {
    let now = app.now();
    let due = app.store().due_deliveries(now, bounded(AT_ONCE), now.plus(LEASE)).await?;
    let more = due.len() == AT_ONCE;
    let mut tasks = tokio::task::JoinSet::new();
    for due in due {
        let (app, send) = (app.clone(), send.clone());
        tasks.spawn(async move { one(&app, &send, due).await });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok(Err(error)) = done {
            tracing::warn!(%error, "a delivery could not be noted");
        }
    }
    Ok(more)
}

async fn one(app: &App, send: &Send, due: Delivery) -> Result<(), Error> {
    let state = app.state(due.place)?;
    let webhook = state.webhooks.get(due.webhook).cloned();
    let Some(webhook) = webhook.filter(|webhook| webhook.disabled_at.is_none()) else {
        let gone = Attempt { at: app.now(), status: None, error: Some("disabled".to_owned()) };
        app.store().finish_delivery(&due, gone, Finish::Dead).await?;
        return Ok(());
    };
    let now = app.now();
    let (id, timestamp) = (due.id.to_string(), now.seconds());
    let secrets = secrets(app, due.place, &webhook, now);
    let body = due.body.clone();
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id.clone()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature(&secrets, &id, timestamp, &body)),
    ];
    let answered = send(Outgoing { url: webhook.url.clone(), headers, body }).await;
    let (status, error) = match answered {
        Ok(status) if (200..300).contains(&status) => (Some(status), None),
        Ok(status) => (Some(status), Some(format!("answered {status}"))),
        Err(why) => (None, Some(why)),
    };
    let failed = error.is_some();
    let attempt = Attempt { at: now, status, error };
    let tries = due.attempts.len();
    let next = match (failed, WAITS.get(tries)) {
        (false, _) => Finish::Delivered,
        (true, Some(wait)) => Finish::Retry(now.plus(jittered(*wait))),
        (true, None) => Finish::Dead,
    };
    app.store().finish_delivery(&due, attempt, next).await?;
    note_health(app, due.place, &webhook, failed).await
}

fn secrets(app: &App, place: PlaceNumber, webhook: &Webhook, now: Instant) -> Vec<String> {
    let former = webhook.previous_secret.as_ref().filter(|(_, until)| now < *until);
    let sealed = [Some(&webhook.secret), former.map(|(secret, _)| secret)];
    sealed.into_iter().flatten().filter_map(|it| open_secret(app, place, it)).collect()
}

/// A wait made longer by up to a tenth, so that endpoints are not all tried at once.
fn jittered(wait: i64) -> i64 {
    wait + wait / 10 * i64::from(random::bytes::<1>()[0]) / 255
}

/// Notes when an endpoint began to fail, and disables it after five days of nothing else.
async fn note_health(
    app: &App,
    place: PlaceNumber,
    webhook: &Webhook,
    failed: bool,
) -> Result<(), Error> {
    if failed == webhook.failing_since.is_some() && !is_over(webhook, app.now()) {
        return Ok(());
    }
    let ctx = Context::new(app.clone(), Caller::System, Via::Native);
    let number = webhook.number();
    ctx.commit(Some(place), move |work| {
        let now = work.now;
        let draft = work.place(place)?;
        let Some(webhook) = draft.state.webhooks.get(number) else { return Ok(()) };
        let mut webhook = open(webhook);
        if failed {
            webhook.failing_since.get_or_insert(now);
            if is_over(&webhook, now) {
                webhook.disabled_at = Some(now);
            }
        } else {
            webhook.failing_since = None;
        }
        draft.put(webhook);
        Ok(())
    })
    .await?;
    Ok(())
}

fn is_over(webhook: &Webhook, now: Instant) -> bool {
    webhook.disabled_at.is_none()
        && webhook.failing_since.is_some_and(|since| now >= since.plus(PATIENCE))
}
