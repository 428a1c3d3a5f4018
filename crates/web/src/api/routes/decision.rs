//! The route of decisions: the live check and previews.

use claviger_app::credential::Digits;
use claviger_app::decision::{self as app, Decided, DecisionWish, PresentedWish};
use claviger_app::{Context, Error};
use claviger_domain::noun::card::CardValue;
use claviger_domain::noun::scope::Scope;
use serde_json::{Map, Value, json};

use super::common::{Answered, Request, Row, Shared, at_place, begin, keep, problem};
use crate::api::call::run;
use crate::api::decode::{Fields, credential};
use crate::api::encode::maybe_at;
use crate::api::problem::Problem;
use crate::api::reply::Reply;
use crate::api::route::{Answer, Route};
use crate::api::shapes::decision as shape;

pub(super) fn table() -> Vec<Row> {
    vec![
        Route::post(
            "/api/v1/places/{place}/decisions",
            "decide",
            "May this one come in?",
            Answer::Object(&shape::DECISION),
            run!(decide),
        )
        .tag("decisions")
        .scope(Scope::DecisionsMake)
        .body(&shape::QUESTION)
        .doc("Makes an event, durable before the answer, unless it is a preview."),
    ]
}

/// A decision as an answer.
pub(super) fn shown(decided: &Decided) -> Value {
    let reasons = decided.reasons.iter();
    let session = decided.session.map(|hints| {
        json!({
            "start_within_s": hints.start_within_s,
            "log_off_after_s": hints.log_off_after_s,
        })
    });
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("result", if decided.granted { "granted" } else { "denied" }.into());
    put("method", decided.method.as_str().into());
    put("reasons", reasons.map(|it| json!({ "code": it.code(), "detail": it.detail() })).collect());
    put("by", decided.by.iter().map(|id| Value::from(id.to_string())).collect());
    put("opens_at", maybe_at(decided.opens_at));
    put("hint", decided.hint.clone().into());
    put("session", session.into());
    put("revision", decided.revision.into());
    put("event_id", decided.event.map(|id| id.to_string()).into());
    if !decided.recorded {
        put("recorded", false.into());
    }
    Value::Object(shown)
}

fn wish(fields: Fields<'_>) -> Result<DecisionWish, Problem> {
    let reference = |name| fields.reference(name).flatten();
    let card = || -> Option<CardValue> { Some(credential::part(fields.value("card")?)?.card) };
    let digits = |name| fields.str(name).map(|text| Digits(text.to_owned()));
    let presented = reference("credential_id")
        .map(PresentedWish::Credential)
        .or_else(|| reference("person_id").map(PresentedWish::Person))
        .or_else(|| card().map(PresentedWish::Card))
        .or_else(|| digits("code").map(PresentedWish::Code));
    let missing = |name: &str| Problem::field(name, "required", "is required");
    Ok(DecisionWish {
        lock: reference("lock_id").ok_or_else(|| missing("/lock_id"))?,
        presented: presented.ok_or_else(|| missing("/credential_id"))?,
        pin: digits("pin"),
        at: fields.instant("at").flatten(),
        record: fields.value("record").and_then(Value::as_bool),
    })
}

async fn decide(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let wish = wish(call.fields())?;
    once(ctx, &call, |ctx| async move { app::make(&ctx, place, wish).await }).await
}

/// Runs a decision; a retry gets the answer of the first try.
pub(super) async fn once<F>(
    mut ctx: Context,
    call: &Request,
    run: impl FnOnce(Context) -> F,
) -> Answered
where
    F: Future<Output = Result<Decided, Error>>,
{
    let mut turn = None;
    if let Some(key) = &call.idempotency_key {
        let (turned, kept) = begin(&ctx, call, key).await?;
        if let Some(kept) = kept {
            return Ok(Reply::again(kept));
        }
        turn = Some(turned);
        ctx.keep = Some(keep(call, key, |value, _, _| {
            Some(Reply::plain(shown(value.downcast_ref::<Decided>()?)))
        }));
    }
    let decided = run(ctx).await.map_err(problem)?;
    drop(turn);
    Ok(Reply::plain(shown(&decided)))
}
