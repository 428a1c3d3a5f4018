//! Webhooks of a place, their deliveries, and trying them out.

mod headers;

use std::sync::Arc;

use claviger_domain::command::webhook as rules;
use claviger_domain::ids::{Id, LockNumber, Noun, PlaceNumber, Ref, WebhookNumber};
use claviger_domain::noun::scope::Scope;
use claviger_domain::noun::webhook::{Webhook, WebhookEdit};
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;
use claviger_store::NewDelivery;
pub use claviger_store::{Delivery, DeliveryState};

use crate::context::Context;
use crate::credential::Digits as Secret;
use crate::error::Error;
use crate::read::{Gone, Page, Paging, Seen, bounded, gone, page, resolve};
use crate::work::Work;
use crate::{App, Written, not_here, outbox, random};

pub(crate) use self::headers::own_headers;
pub use self::headers::{HeaderValue, Headers, header_names};

/// The start of a webhook's secret, as Standard Webhooks has it.
pub const SECRET_PREFIX: &str = "whsec_";

/// What a caller sets on a webhook, with references as they came.
#[derive(Clone, Debug, Default)]
pub struct WebhookWish {
    /// Everything but what is below.
    pub edit: WebhookEdit,
    /// Only these locks.
    pub locks: Option<Vec<Ref>>,
    /// Its signing secret: `whsec_` and base64 of 24–64 bytes. Made where none is given.
    pub secret: Option<Secret>,
    /// The headers that deliveries have beside the usual ones, all of them.
    pub headers: Option<Headers>,
}

/// A webhook with its secret, which is shown once.
#[derive(Clone, Debug)]
pub struct MadeWebhook {
    /// The webhook.
    pub webhook: Arc<Webhook>,
    /// The secret.
    pub secret: String,
}

fn prepare(state: &PlaceState, wish: &WebhookWish) -> Result<WebhookEdit, Error> {
    let mut edit = wish.edit.clone();
    let mut errors = Vec::new();
    edit.locks = wish.locks.as_ref().map(|locks| {
        let mut found = Vec::new();
        for (at, lock) in locks.iter().enumerate() {
            match state.resolve(Noun::Lock, lock) {
                Some(number) => found.push(LockNumber(number)),
                None => errors.push(FieldError::new(
                    format!("/lock_ids/{at}"),
                    "not_found",
                    "there is no such lock in this place",
                )),
            }
        }
        found
    });
    if errors.is_empty() { Ok(edit) } else { Err(Refusal::Invalid(errors).into()) }
}

/// A secret's bytes, if it is well formed.
pub(crate) fn secret_bytes(secret: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text = secret.strip_prefix(SECRET_PREFIX)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    (24..=64).contains(&bytes.len()).then_some(bytes)
}

fn new_secret() -> String {
    use base64::Engine as _;
    let bytes = random::bytes::<24>();
    format!("{SECRET_PREFIX}{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn seal(app: &App, place: PlaceNumber, secret: &str) -> Result<Vec<u8>, Error> {
    if secret_bytes(secret).is_none() {
        let detail = "must be whsec_ and the base64 of 24 to 64 bytes";
        return Err(Refusal::field("/secret", "bad_secret", detail).into());
    }
    Ok(app.secrets().seal(place.0, "webhook", [0; 16], "secret", secret.as_bytes())?)
}

/// A sealed secret in plain.
pub(crate) fn open_secret(app: &App, place: PlaceNumber, sealed: &[u8]) -> Option<String> {
    let plain = app.secrets().open(place.0, "webhook", [0; 16], "secret", sealed).ok()?;
    String::from_utf8(plain.to_vec()).ok()
}

/// A webhook tells events: whoever makes it tell somebody must be allowed to read them.
fn may_tell(ctx: &Context, place: Id) -> Result<PlaceNumber, Error> {
    ctx.authorize(place, Scope::EventsRead)?;
    ctx.authorize(place, Scope::WebhooksWrite)
}

/// Makes a webhook.
///
/// # Errors
/// As the rules say.
pub async fn create(
    ctx: &Context,
    place: Id,
    wish: WebhookWish,
) -> Result<Written<MadeWebhook>, Error> {
    let place = may_tell(ctx, place)?;
    let secret = wish.secret.clone().map_or_else(new_secret, |secret| secret.0);
    let sealed = seal(&ctx.app, place, &secret)?;
    let app = ctx.app.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let mut edit = prepare(&draft.state, &wish)?;
        edit.secret = Some(sealed.clone());
        edit.headers = headers::sealed(&app, place, &[], wish.headers.as_ref())?;
        let webhook = rules::create(draft, &edit)?;
        Ok(MadeWebhook { webhook, secret: secret.clone() })
    })
    .await
}

/// Changes a webhook; a new secret signs beside the former one for a day.
///
/// # Errors
/// As the rules say; not found; stale.
pub async fn edit(
    ctx: &Context,
    place: Id,
    webhook: Ref,
    wish: WebhookWish,
) -> Result<Written<Arc<Webhook>>, Error> {
    let place = may_tell(ctx, place)?;
    let sealed = match &wish.secret {
        Some(secret) => Some(seal(&ctx.app, place, &secret.0)?),
        None => None,
    };
    let ctx2 = ctx.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let number: WebhookNumber = resolve(&draft.state, Noun::Webhook, &webhook)?;
        let former = rules::find(&draft.state, number)?;
        ctx2.check_seen(&former.header)?;
        let tells = |format: &str| {
            let form = outbox::format(ctx2.app.world(), format);
            matches!(form.map(|it| it.tells), Some(outbox::Tells::Results(_)))
        };
        let leads = wish.edit.url.is_some() || wish.edit.format.is_some();
        let told = tells(&former.format) || wish.edit.format.as_deref().is_some_and(tells);
        if leads && told && former.maker != ctx2.caller.actor() {
            let detail = "it hears of its maker's results: nobody else leads it elsewhere";
            return Err(Refusal::Escalation(detail.to_owned()).into());
        }
        let mut edit = prepare(&draft.state, &wish)?;
        edit.secret.clone_from(&sealed);
        // At another host a value that is not shown must not stay.
        let stays = match rules::moves(former, &edit) {
            true => Vec::new(),
            false => own_headers(&ctx2.app, place, former),
        };
        edit.headers = headers::sealed(&ctx2.app, place, &stays, wish.headers.as_ref())?;
        Ok(rules::edit(draft, number, &edit)?)
    })
    .await
}

/// Deletes a webhook.
///
/// # Errors
/// Not found; stale.
pub async fn delete(ctx: &Context, place: Id, webhook: Ref) -> Result<Written<()>, Error> {
    ctx.change(
        place,
        Scope::WebhooksWrite,
        Noun::Webhook,
        webhook,
        move |draft, number: WebhookNumber| Ok(rules::delete(draft, number)?),
    )
    .await
}

/// One webhook.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, place: Id, webhook: &Ref) -> Result<Seen<Arc<Webhook>>, Error> {
    let state = ctx.read(place, Scope::WebhooksRead)?;
    let number: WebhookNumber = resolve(&state, Noun::Webhook, webhook)?;
    let value = rules::find(&state, number)?.clone();
    Ok(Seen { value, state })
}

/// A page of webhooks.
///
/// # Errors
/// No such place.
pub fn list(ctx: &Context, place: Id, paging: Paging) -> Result<Page<Arc<Webhook>>, Error> {
    let state = ctx.read(place, Scope::WebhooksRead)?;
    Ok(page(state, |it| &it.webhooks, |it| it.header.number, paging, |_| true))
}

/// The locks that webhooks are about and that are gone.
///
/// # Errors
/// As for any read.
pub async fn speak_of(
    ctx: &Context,
    state: &PlaceState,
    webhooks: &[Arc<Webhook>],
) -> Result<Gone, Error> {
    let locks = webhooks.iter().flat_map(|webhook| webhook.locks.iter());
    gone(ctx, state, locks.map(|lock| (Noun::Lock, lock.0)).collect()).await
}

/// The newest deliveries of a webhook made before `before`, at most `limit`.
///
/// # Errors
/// Not found.
pub async fn deliveries(
    ctx: &Context,
    place: Id,
    webhook: &Ref,
    before: Option<Id>,
    limit: usize,
) -> Result<Vec<Delivery>, Error> {
    let Seen { value, state } = get(ctx, place, webhook)?;
    let place = state.place.number();
    Ok(ctx.app.store().deliveries(place, value.number(), before, bounded(limit)).await?)
}

/// Queues a delivery that says only that it is a test.
///
/// # Errors
/// Not found.
pub async fn test(ctx: &Context, place: Id, webhook: Ref) -> Result<Written<()>, Error> {
    let number = ctx.authorize(place, Scope::WebhooksWrite)?;
    let ctx2 = ctx.clone();
    ctx.write(Some(number), move |work| {
        let state = &work.place(number)?.state;
        let own: WebhookNumber = resolve(state, Noun::Webhook, &webhook)?;
        let header = &rules::find(state, own)?.header;
        ctx2.check_seen(header)?;
        let webhook_id = header.id.to_string();
        let body = serde_json::json!({
            "type": "webhook.test",
            "timestamp": work.now.to_string(),
            "data": {"place_id": place.to_string(), "webhook_id": webhook_id},
        });
        queue(work, number, own, None, body.to_string());
        Ok(())
    })
    .await
}

/// Queues the body of an earlier delivery again, under an id of its own.
///
/// # Errors
/// Not found.
pub async fn replay(
    ctx: &Context,
    place: Id,
    webhook: Ref,
    delivery: Id,
) -> Result<Written<()>, Error> {
    let number = may_tell(ctx, place)?;
    let found = ctx.app.store().delivery(number, delivery).await?;
    let ctx2 = ctx.clone();
    ctx.write(Some(number), move |work| {
        let state = &work.place(number)?.state;
        let own: WebhookNumber = resolve(state, Noun::Webhook, &webhook)?;
        ctx2.check_seen(&rules::find(state, own)?.header)?;
        let Some(former) = found.as_ref().filter(|former| former.webhook == own) else {
            return Err(not_here("/delivery_id", "there is no such delivery of this webhook"));
        };
        queue(work, number, own, former.event, former.body.clone());
        Ok(())
    })
    .await
}

fn queue(
    work: &mut Work,
    place: PlaceNumber,
    webhook: WebhookNumber,
    event: Option<Id>,
    body: String,
) {
    let (id, now) = (work.next_id(), work.now);
    let delivery = NewDelivery { id, webhook, event, body, created_at: now, next_at: now };
    work.delivery(place, delivery);
}
