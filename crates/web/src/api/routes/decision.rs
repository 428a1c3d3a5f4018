//! The route of decisions: the live check and previews.

use std::fmt;
use std::sync::Arc;

use claviger_app::credential::Digits;
use claviger_app::decision::{self as app, Decided, DecisionWish, EnrolWish, PresentedWish};
use claviger_app::{Context, Error};
use claviger_domain::ids::Id;
use claviger_domain::noun::card::CardValue;
use claviger_domain::noun::grant::Grant;
use claviger_domain::noun::scope::Scope;
use claviger_domain::time::Instant;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::common::{
    After, Answered, Request, Row, Shared, at_place, begin, keep, object, problem, write,
};
use super::grant;
use crate::api::call::run;
use crate::api::decode::{Fields, credential};
use crate::api::problem::{Code, Problem};
use crate::api::reply::Reply;
use crate::api::route::{Answer, Route};
use crate::api::shapes::decision as shape;
use crate::api::shapes::grant::GRANT;

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
        Route::post(
            "/api/v1/places/{place}/locks/{id}/enrol",
            "enrol",
            "Let another key in, by an admin key",
            Answer::Object(&GRANT),
            run!(enrol),
        )
        .tag("decisions")
        .scope(Scope::DecisionsMake)
        .body(&shape::ENROLMENT)
        .dry_run()
        .doc(
            "Within a minute after an admin key was let in. Answers the grant of the other key to \
             the lock; one it has already stays.",
        ),
    ]
}

/// A decision as an answer; written as it stands, because doors wait for it.
#[derive(Serialize)]
struct Shown<'a> {
    result: &'static str,
    method: &'static str,
    reasons: Vec<ShownReason>,
    by: Vec<Text<&'a Id>>,
    opens_at: Option<Text<Instant>>,
    hint: Option<&'a str>,
    session: Option<ShownSession>,
    revision: u64,
    event_id: Option<Text<Id>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<bool>,
}

#[derive(Serialize)]
struct ShownReason {
    code: &'static str,
    detail: &'static str,
}

#[derive(Serialize)]
struct ShownSession {
    start_within_s: u32,
    log_off_after_s: u32,
}

/// Something that is shown as its text.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(&self.0)
    }
}

fn shown(decided: &Decided) -> Shown<'_> {
    let reasons = decided.reasons.iter();
    Shown {
        result: if decided.granted { "granted" } else { "denied" },
        method: decided.method.as_str(),
        reasons: reasons.map(|it| ShownReason { code: it.code(), detail: it.detail() }).collect(),
        by: decided.by.iter().map(Text).collect(),
        opens_at: decided.opens_at.map(Text),
        hint: decided.hint.as_deref(),
        session: decided.session.map(|hints| ShownSession {
            start_within_s: hints.start_within_s,
            log_off_after_s: hints.log_off_after_s,
        }),
        revision: decided.revision,
        event_id: decided.event.map(Text),
        recorded: (!decided.recorded).then_some(false),
    }
}

fn digits(fields: Fields<'_>, name: &str) -> Option<Digits> {
    fields.str(name).map(|text| Digits(text.to_owned()))
}

fn presented(fields: Fields<'_>) -> Option<PresentedWish> {
    let reference = |name| fields.reference(name).flatten();
    let card = || -> Option<CardValue> { Some(credential::part(fields.value("card")?)?.card) };
    reference("credential_id")
        .map(PresentedWish::Credential)
        .or_else(|| reference("person_id").map(PresentedWish::Person))
        .or_else(|| card().map(PresentedWish::Card))
        .or_else(|| digits(fields, "code").map(PresentedWish::Code))
}

fn missing(name: &str) -> Problem {
    Problem::field(name, "required", "is required")
}

fn wish(fields: Fields<'_>) -> Result<DecisionWish, Problem> {
    let lock = fields.reference("lock_id").flatten();
    Ok(DecisionWish {
        lock: lock.ok_or_else(|| missing("/lock_id"))?,
        presented: presented(fields).ok_or_else(|| missing("/credential_id"))?,
        pin: digits(fields, "pin"),
        at: fields.instant("at").flatten(),
        record: fields.value("record").and_then(Value::as_bool),
    })
}

/// A key that was let in lets another in.
async fn enrol(server: Shared, call: Request) -> Answered {
    let (ctx, place) = at_place(&server, &call).await?;
    let fields = call.fields();
    let presented = presented(fields).ok_or_else(|| missing("/credential_id"))?;
    let event = fields.str("event_id").and_then(Id::parse);
    let event = event.ok_or_else(|| missing("/event_id"))?;
    let wish = EnrolWish { lock: object(&call)?, event, presented };
    let app = ctx.app.clone();
    let encode = move |it: &Arc<Grant>, done: &After| {
        let shown = done.state.map_or(Value::Null, |state| grant::shown(it, state, &app));
        Reply::object(shown)
    };
    write(ctx, &call, encode, |ctx| async move { app::enrol(&ctx, place, wish).await }).await
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
        match begin(&ctx, call, key).await {
            Ok((_, Some(kept))) => return Ok(Reply::again(kept)),
            Ok((turned, None)) => {
                turn = Some(turned);
                ctx.keep = Some(keep(&ctx, call, key, |value, _| {
                    let shown = shown(value.downcast_ref::<Decided>()?);
                    Some(Reply::plain(serde_json::to_value(shown).ok()?))
                }));
            }
            // Whether the door opens without storage is the lock's to say.
            Err(problem) if problem.code.status() >= 500 => {}
            Err(problem) => return Err(problem),
        }
    }
    let decided = run(ctx).await.map_err(problem)?;
    drop(turn);
    let slip = |_| Problem::new(Code::Internal, "The decision cannot be shown.");
    let text = serde_json::to_vec(&shown(&decided)).map_err(slip)?;
    Ok(Reply::raw("application/json", text))
}
