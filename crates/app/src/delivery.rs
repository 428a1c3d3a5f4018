//! Deliveries: the outbox sent, signed as Standard Webhooks has it, tried again, given up.
//!
//! Sending itself is a port: the binary has the only outgoing HTTP.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_domain::draft::open;
use claviger_domain::ids::{PlaceNumber, WebhookNumber};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::webhook::{Disabled, Webhook};
use claviger_domain::time::{DAY, HOUR, Instant, MINUTE, SECOND};
use claviger_store::{Attempt, Delivery, Finish};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::context::{Caller, Context};
use crate::error::Error;
use crate::jobs::stopped;
use crate::read::bounded;
use crate::webhook::{open_secret, own_headers, secret_bytes};
use crate::{App, outbox, random};

/// How long to wait after each failure.
const WAITS: [i64; 7] =
    [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];
/// How long an endpoint may only fail before it is disabled.
const PATIENCE: i64 = 5 * DAY;
/// How long a delivery under way is nobody else's.
const LEASE: i64 = MINUTE;
/// How often the outbox is looked at, beside whenever a delivery ends.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many are sent at once.
const AT_ONCE: usize = 64;
/// As what the server introduces itself.
const USER_AGENT: &str = concat!("claviger/", env!("CARGO_PKG_VERSION"));
/// How an endpoint says that it is there no more (RFC 9110, section 15.5.11).
const GONE: u16 = 410;
/// How many of them to one webhook.
const AT_ONE_ENDPOINT: usize = 8;

/// A webhook of a place.
type Endpoint = (PlaceNumber, WebhookNumber);

/// One request to an endpoint.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Where.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(Cow<'static, str>, String)>,
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

/// What is on its way, and to whom.
struct Outbox {
    app: App,
    send: Send,
    under_way: HashMap<Endpoint, usize>,
    tasks: JoinSet<Endpoint>,
}

/// Sends what is due, until `stop` says true or its sender is gone; what is under way then may end.
pub(crate) async fn run(app: App, send: Send, mut stop: watch::Receiver<bool>) {
    let (under_way, tasks) = (HashMap::new(), JoinSet::new());
    let mut outbox = Outbox { app, send, under_way, tasks };
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            Some(done) = outbox.tasks.join_next() => outbox.ended(done),
            () = stopped(&mut stop) => break,
        }
        while let Some(done) = outbox.tasks.try_join_next() {
            outbox.ended(done);
        }
        if let Err(error) = outbox.fill().await {
            tracing::warn!(%error, "webhooks cannot be told; it is tried again");
        }
    }
    while outbox.tasks.join_next().await.is_some() {}
}

impl Outbox {
    fn ended(&mut self, done: Result<Endpoint, JoinError>) {
        match done {
            Ok(endpoint) => {
                let left = self.under_way.get(&endpoint).map_or(0, |count| count - 1);
                self.under_way.insert(endpoint, left);
            }
            // Whose it was is not known: no bound is better than one that never goes.
            Err(_) => self.under_way.clear(),
        }
    }

    /// Begins as many deliveries as there is room for.
    async fn fill(&mut self) -> Result<(), Error> {
        if self.tasks.len() >= AT_ONCE {
            return Ok(());
        }
        let now = self.app.now();
        for endpoint in self.app.store().due_endpoints(now).await? {
            if !is_told(&self.app, endpoint) {
                self.app.store().give_up_deliveries(endpoint, &nobody(&self.app)).await?;
                continue;
            }
            let under_way = self.under_way.entry(endpoint).or_default();
            let left = AT_ONCE - self.tasks.len();
            let room = most_at_once(&self.app, endpoint).saturating_sub(*under_way).min(left);
            if room == 0 {
                continue;
            }
            let due =
                self.app.store().due_deliveries(endpoint, now, bounded(room), now.plus(LEASE));
            for due in due.await? {
                *under_way += 1;
                let (app, send) = (self.app.clone(), self.send.clone());
                self.tasks.spawn(async move {
                    if let Err(error) = one(&app, &send, due).await {
                        tracing::warn!(%error, "a delivery could not be noted");
                    }
                    endpoint
                });
            }
        }
        self.under_way.retain(|_, count| *count > 0);
        Ok(())
    }
}

/// Whether there is such a webhook and it is not disabled.
fn is_told(app: &App, (place, webhook): Endpoint) -> bool {
    let state = app.state(place).ok();
    let webhook = state.as_ref().and_then(|state| state.webhooks.get(webhook));
    webhook.is_some_and(|webhook| webhook.disabled.is_none())
}

/// What is noted where there is nobody to tell.
fn nobody(app: &App) -> Attempt {
    Attempt { at: app.now(), status: None, error: Some("disabled".to_owned()) }
}

/// How many deliveries to a webhook may be under way: one that fails must not hold up the others.
fn most_at_once(app: &App, (place, webhook): Endpoint) -> usize {
    let state = app.state(place).ok();
    let webhook = state.as_ref().and_then(|state| state.webhooks.get(webhook));
    if webhook.is_some_and(|webhook| webhook.failing_since.is_some()) { 1 } else { AT_ONE_ENDPOINT }
}

async fn one(app: &App, send: &Send, due: Delivery) -> Result<(), Error> {
    let state = app.state(due.place)?;
    let webhook = state.webhooks.get(due.webhook).cloned();
    let Some(webhook) = webhook.filter(|webhook| webhook.disabled.is_none()) else {
        app.store().finish_delivery(&due, nobody(app), Finish::Dead).await?;
        return Ok(());
    };
    let now = app.now();
    let (body, headers) = (due.body.clone(), headers(app, &due, &webhook, now));
    let answered = send(Outgoing { url: webhook.url.clone(), headers, body }).await;
    let (status, error) = match answered {
        Ok(status) if (200..300).contains(&status) => (Some(status), None),
        Ok(status) => (Some(status), Some(format!("answered {status}"))),
        Err(why) => (None, Some(why)),
    };
    let health = match (&error, status) {
        (None, _) => Health::Well,
        (Some(_), Some(GONE)) => Health::Gone,
        (Some(_), _) => Health::Failing,
    };
    let attempt = Attempt { at: now, status, error };
    let tries = due.attempts.len();
    let next = match (health, WAITS.get(tries)) {
        (Health::Well, _) => Finish::Delivered,
        (Health::Failing, Some(wait)) => Finish::Retry(now.plus(jittered(*wait))),
        (Health::Failing, None) | (Health::Gone, _) => Finish::Dead,
    };
    app.store().finish_delivery(&due, attempt, next).await?;
    note_health(app, due.place, &webhook, health).await
}

/// The headers of a delivery; those of the webhook's own name none of the others.
fn headers(
    app: &App,
    due: &Delivery,
    webhook: &Webhook,
    now: Instant,
) -> Vec<(Cow<'static, str>, String)> {
    let (id, timestamp) = (due.id.to_string(), now.seconds());
    let signature = signature(&secrets(app, due.place, webhook, now), &id, timestamp, &due.body);
    let introduced = outbox::format(app.world(), &webhook.format).and_then(|it| it.user_agent);
    let usual = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", introduced.unwrap_or(USER_AGENT).to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ];
    let usual = usual.into_iter().map(|(name, value)| (Cow::Borrowed(name), value));
    let own = own_headers(app, due.place, webhook).into_iter();
    usual.chain(own.map(|(name, value)| (Cow::Owned(name), value))).collect()
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

/// What a try says of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    Failing,
    Gone,
}

/// Notes when an endpoint began to fail; disables it after five days of nothing else, and at once
/// where it says that it is gone.
async fn note_health(
    app: &App,
    place: PlaceNumber,
    tried: &Webhook,
    health: Health,
) -> Result<(), Error> {
    let is_known = (health == Health::Failing) == tried.failing_since.is_some();
    if is_known && health != Health::Gone && !is_over(tried, app.now()) {
        return Ok(());
    }
    let ctx = Context::new(app.clone(), Caller::System, Via::Native);
    let (number, url) = (tried.number(), tried.url.clone());
    ctx.commit(Some(place), move |work| {
        let now = work.now;
        let draft = work.place(place)?;
        // What one address says is nothing against the one set meanwhile.
        let known = draft.state.webhooks.get(number).filter(|it| it.url == url);
        let Some(known) = known else { return Ok(()) };
        let mut webhook = open(known);
        match health {
            Health::Well => webhook.failing_since = None,
            Health::Failing | Health::Gone => {
                webhook.failing_since.get_or_insert(now);
            }
        }
        let why = if health == Health::Gone { Disabled::Gone } else { Disabled::Failing };
        if webhook.disabled.is_none() && (health == Health::Gone || is_over(&webhook, now)) {
            webhook.disabled = Some((now, why));
        }
        if webhook != **known {
            draft.put(webhook);
        }
        Ok(())
    })
    .await?;
    Ok(())
}

fn is_over(webhook: &Webhook, now: Instant) -> bool {
    webhook.disabled.is_none()
        && webhook.failing_since.is_some_and(|since| now >= since.plus(PATIENCE))
}
