//! What all handlers share: who calls, the context of a use case, errors as problems, and writes
//! with their plans and retries.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, COOKIE as COOKIES, RETRY_AFTER};
use axum::http::request::Parts;
use claviger_app::rate::Standing;
use claviger_app::{
    App, Caller, Context, Error, Expected, Gone, Keep, Left, Paging, PlanRow, Planned, Written,
    auth, idempotency, person, place, provision::TakenBack, sharing,
};
use claviger_domain::ids::{Id, Noun, Ref};
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError as Flaw, Refusal};
use claviger_domain::state::PlaceState;
use serde_json::{Value, json};

use crate::api::call::{Boxed, Call, Handler};
use crate::api::encode::ids_of;
use crate::api::problem::{Code, Problem};
use crate::api::reply::Reply;
use crate::api::route::{Access, Method, Route};
use crate::api::shape::{FieldError, Use};
use crate::bearer::{bearer, is_own_origin};
use crate::rate;

/// The cookie of a session.
pub(crate) const COOKIE: &str = "__Host-claviger";
/// The most rows of a plan that an answer shows.
const MOST_ROWS: usize = 1000;
/// Fields whose values are shown once and not again to a retry.
const SHOWN_ONCE: &[&str] = &["secret", "code", "access_token", "token", "record"];

/// What the handlers share.
pub(crate) struct Server {
    pub(crate) app: App,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) caller: Caller,
    /// The session that proves it, where one does.
    pub(crate) session: Option<Id>,
}

pub(crate) type Row = Route<Handler<Server, Known>>;
pub(crate) type Request = Call<Known>;
pub(crate) type Shared = Arc<Server>;
pub(crate) type Answered = Result<Reply, Problem>;

/// Says who calls by a bearer secret or a session's cookie, and refuses without the route's scope.
pub(crate) fn authenticate<'a>(
    server: &'a Server,
    parts: &'a Parts,
    route: &'a Row,
    path: &'a [(String, String)],
) -> Boxed<'a, Result<Known, Problem>> {
    Box::pin(async move {
        let known = known(&server.app, parts, route.method)?;
        if !matches!(route.access, Access::Scope(Scope::DecisionsMake)) {
            // A lock that asks is never kept waiting.
            rate::count(&server.app, &known.caller, parts).map_err(too_many)?;
        }
        if let Access::Scope(scope) = route.access
            && let Some((_, named)) = path.iter().find(|(name, _)| name == "place")
        {
            let ctx = Context::new(server.app.clone(), known.caller.clone(), Via::Native);
            let reference = Ref::parse(named).ok_or_else(Problem::not_found)?;
            let place = place::resolve(&ctx, &reference).map_err(problem)?;
            match ctx.authorize(place, scope) {
                Err(Error::Forbidden(scope)) if route.or_sharing => {
                    sharing::authorize(&ctx, place, scope)
                }
                Err(Error::Forbidden(scope)) if route.or_roles => {
                    person::authorize_role(&ctx, place, scope)
                }
                other => other,
            }
            .map_err(problem)?;
        }
        Ok(known)
    })
}

fn too_many(standing: Standing) -> Problem {
    let problem = Problem::new(Code::TooManyRequests, rate::detail(standing));
    problem.with_header(RETRY_AFTER, HeaderValue::from(standing.reset_s))
}

/// Who calls, by the head of a request.
pub(crate) fn known(app: &App, parts: &Parts, method: Method) -> Result<Known, Problem> {
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if header(AUTHORIZATION).is_some() {
        let secret = bearer(&parts.headers).ok_or_else(nobody)?;
        let caller = auth::bearer(app, secret).map_err(problem)?;
        return Ok(Known { caller, session: None });
    }
    let cookies = header(COOKIES).unwrap_or_default().split(';');
    let secret = cookies
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, secret)| secret)
        .ok_or_else(nobody)?;
    let (caller, session) = auth::session(app, secret).map_err(problem)?;
    if method != Method::Get && is_own_origin(app, parts) != Some(true) {
        let detail = "A write with a cookie needs an Origin header with this server's address.";
        return Err(Problem::new(Code::ForbiddenScope, detail));
    }
    Ok(Known { caller, session: Some(session) })
}

fn nobody() -> Problem {
    let detail = "Send an access token or API key as Authorization: Bearer, or log in.";
    Problem::new(Code::Unauthorized, detail)
}

/// The address a request came from, for counting failures.
pub(crate) fn address(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

/// The context of a use case.
pub(crate) fn context(server: &Server, call: &Request) -> Result<Context, Problem> {
    let mut ctx = Context::new(server.app.clone(), call.caller()?.caller.clone(), Via::Native);
    ctx.dry_run = call.dry_run;
    if let Some(wants) = &call.if_match {
        ctx.expected = match (&wants.plan, wants.any, wants.revisions.as_slice()) {
            (Some(digest), ..) => Some(Expected::Plan(digest.clone())),
            (None, true, _) => Some(Expected::Any),
            (None, false, revisions) => Some(Expected::Revisions(revisions.to_vec())),
        };
    }
    Ok(ctx)
}

/// The context and the place of the path.
pub(crate) async fn at_place(server: &Server, call: &Request) -> Result<(Context, Id), Problem> {
    let ctx = context(server, call)?;
    let place = place::resolve(&ctx, &call.reference("place")?).map_err(problem)?;
    if let Some(revision) = call.at_least {
        ctx.at_least(place, revision).await.map_err(problem)?;
    }
    Ok((ctx, place))
}

/// The object of the path.
pub(crate) fn object(call: &Request) -> Result<Ref, Problem> {
    call.reference("id")
}

/// Why, where the body of an action says so.
pub(crate) fn reason(call: &Request) -> Option<String> {
    call.fields().str("reason").map(str::to_owned)
}

/// Whether whom it is about is to be invited.
///
/// # Errors
/// A PUT asks for it: sent again, it would invite again.
pub(crate) fn invite(call: &Request) -> Result<bool, Problem> {
    let wanted = call.fields().bool("invite", false).unwrap_or(false);
    if wanted && call.usage == Use::Put {
        return Err(Problem::field("/invite", "not_here", "is asked for by POST"));
    }
    Ok(wanted)
}

/// The external id of the path of a PUT.
pub(crate) fn external(call: &Request) -> Result<String, Problem> {
    match call.reference("id")? {
        Ref::External(external_id) => Ok(external_id),
        Ref::Id(_) => Err(Problem::not_found()),
    }
}

/// Which page is wanted, of a list in order of numbers.
pub(crate) fn paging(call: &Request) -> Result<Paging, Problem> {
    let paging = call.paging()?;
    let after = u32::try_from(paging.after_number()?).unwrap_or(u32::MAX);
    Ok(Paging { after, limit: paging.limit })
}

/// A page of answers.
pub(crate) fn page(call: &Request, items: Vec<Value>, next: Option<u32>) -> Answered {
    let next = next.map(|next| next.to_string());
    Ok(Reply::page(call.paging()?.answer(items, next.as_deref())))
}

/// A page of rows that stand in the order of their positions: whatever comes and goes between two
/// pages, what stays is on one of them.
pub(crate) fn page_of<T>(
    call: &Request,
    rows: &[T],
    position: impl Fn(&T) -> [u32; 3],
    shown: impl Fn(&T) -> Value,
) -> Answered {
    let paging = call.paging()?;
    let read = |text: &str| {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        let found = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(found)
    };
    let foreign = || Problem::field("?after", "bad_cursor", "is not a cursor of this list");
    let after = paging.after.as_deref().map(|text| read(text).ok_or_else(foreign)).transpose()?;
    let start = rows.partition_point(|row| after.is_some_and(|after| position(row) <= after));
    let rest = rows.get(start..).unwrap_or_default();
    let (items, more) = rest.split_at(paging.limit.min(rest.len()));
    let last = items.last().filter(|_| !more.is_empty()).map(position);
    let next = last.map(|[first, second, third]| format!("{first}.{second}.{third}"));
    Ok(Reply::page(paging.answer(items.iter().map(shown).collect(), next.as_deref())))
}

/// What a write left behind, for its answer.
pub(crate) struct After<'a> {
    /// The place; none where the directory was changed.
    pub(crate) state: Option<&'a PlaceState>,
    /// The rights that were taken back at lists and at locks with no network.
    pub(crate) taken_back: Option<&'a TakenBack>,
    /// The path the request was sent to.
    pub(crate) path: &'a str,
}

impl After<'_> {
    /// Where a new object of the list that was posted to is.
    pub(crate) fn location(&self, id: Id) -> String {
        format!("{}/{id}", self.path.trim_end_matches('/'))
    }
}

/// Runs a write: a retry gets the answer of the first try, a dry run its plan.
pub(crate) async fn write<T, F>(
    mut ctx: Context,
    call: &Request,
    encode: impl Fn(&T, &After) -> Reply + Send + Sync + 'static,
    run: impl FnOnce(Context) -> F,
) -> Answered
where
    T: Any,
    F: Future<Output = Result<Written<T>, Error>>,
{
    let path = call.parts.uri.path().to_owned();
    let encode = Arc::new(move |value: &T, left: Left<'_>| {
        let Left { state, revision, taken_back } = left;
        encode(value, &After { state, taken_back, path: &path }).revision(revision)
    });
    let mut turn = None;
    if !ctx.dry_run
        && let Some(key) = &call.idempotency_key
    {
        let (turned, kept) = begin(&ctx, call, key).await?;
        if let Some(kept) = kept {
            return Ok(Reply::again(kept));
        }
        turn = Some(turned);
        let encode = encode.clone();
        ctx.keep = Some(keep(&ctx, call, key, move |value, left| {
            Some(encode(value.downcast_ref::<T>()?, left))
        }));
    }
    let written = match run(ctx.clone()).await {
        // Another node was faster with the same key: what it answered is the answer.
        Err(Error::Answered) if let Some(key) = &call.idempotency_key => {
            drop(turn);
            let (_, kept) = begin(&ctx, call, key).await?;
            return kept.map(Reply::again).ok_or_else(|| problem(Error::Answered));
        }
        written => written.map_err(problem)?,
    };
    drop(turn);
    Ok(match written {
        Written::Done { value, revision, state, taken_back } => {
            let (state, taken_back) = (state.as_deref(), taken_back.as_deref());
            encode(&value, Left { state, revision, taken_back })
        }
        Written::Planned(planned) => Reply::plan(plan(&planned)),
    })
}

/// Waits for a twin under way; says what was answered before.
pub(crate) async fn begin(
    ctx: &Context,
    call: &Request,
    key: &str,
) -> Result<(idempotency::Turned, Option<claviger_app::Kept>), Problem> {
    let request = idempotency::tag(&ctx.app, &call.raw);
    idempotency::begin(&ctx.app, &scope(call), key, &request).await.map_err(problem)
}

/// What is kept for a retry: the answer without what is shown once.
pub(crate) fn keep(
    ctx: &Context,
    call: &Request,
    key: &str,
    encode: impl Fn(&dyn Any, Left<'_>) -> Option<Reply> + Send + Sync + 'static,
) -> Keep {
    Keep {
        scope: scope(call),
        key: key.to_owned(),
        request: idempotency::tag(&ctx.app, &call.raw),
        encode: Arc::new(move |value, left| Some(encode(value, left)?.kept(SHOWN_ONCE))),
    }
}

/// Client, method and path: within these an idempotency key means one request.
fn scope(call: &Request) -> String {
    let who = call.caller.as_ref().and_then(|known| known.caller.actor().id());
    let who = who.map_or_else(|| "-".to_owned(), |id| id.to_string());
    format!("{who} {} {}", call.parts.method, call.parts.uri.path())
}

/// A plan as an answer; lists are cut here, never in the digest.
fn plan(planned: &Planned) -> Value {
    let rows = |rows: &[PlanRow]| rows.iter().take(MOST_ROWS).map(row).collect::<Vec<_>>();
    let offline = planned.offline.iter().take(MOST_ROWS).map(offline).collect::<Vec<_>>();
    json!({
        "plan": {
            "gains": rows(&planned.gains),
            "losses": rows(&planned.losses),
            "changed": rows(&planned.changed),
            "side_effects": rows(&planned.side_effects),
            "card_tasks": rows(&planned.card_tasks),
            "offline_locks": offline,
            "counts": {
                "gains": planned.gains.len(),
                "losses": planned.losses.len(),
                "changed": planned.changed.len(),
                "side_effects": planned.side_effects.len(),
                "card_tasks": planned.card_tasks.len(),
                "phones_to_sync": planned.phones(),
            },
        },
        "digest": planned.digest,
    })
}

fn offline((lock, keeps_clock): &(Id, bool)) -> Value {
    json!({ "lock_id": lock.to_string(), "hours_enforced": keeps_clock })
}

fn row(row: &PlanRow) -> Value {
    let lock = row.lock.to_string();
    match (row.person, row.credential, &row.email, &row.phone) {
        (Some(person), ..) => json!({ "person_id": person.to_string(), "lock_id": lock }),
        (_, Some(it), ..) => json!({ "credential_id": it.to_string(), "lock_id": lock }),
        (_, _, Some(email), _) => json!({ "email": email, "lock_id": lock }),
        (.., phone) => json!({ "phone": phone, "lock_id": lock }),
    }
}

/// The one place where errors of use cases become problems.
pub(crate) fn problem(error: Error) -> Problem {
    match error {
        Error::Refused(refusal) => refused(refusal),
        Error::Unauthenticated => Problem::new(Code::Unauthorized, "This proves nobody."),
        Error::Forbidden(scope) => {
            let detail = format!("This needs the scope {}.", scope.as_str());
            Problem::new(Code::ForbiddenScope, detail)
        }
        Error::NotForPrograms => {
            let detail = "This is for people with a session; a program has none.";
            Problem::new(Code::ForbiddenScope, detail)
        }
        Error::Answered => {
            let detail = "Another request with this Idempotency-Key was faster; send it again.";
            Problem::new(Code::Conflict, detail)
        }
        Error::TooMany { retry_after_s } => {
            let detail = format!("Too many failures; try again in {retry_after_s} s.");
            let problem = Problem::new(Code::TooManyRequests, detail);
            problem.with_header(RETRY_AFTER, HeaderValue::from(retry_after_s))
        }
        Error::Busy => {
            let detail = "Another change of the same object is under way; try again.";
            let problem = Problem::new(Code::InUse, detail);
            problem.with_header(RETRY_AFTER, HeaderValue::from(1))
        }
        Error::KeyMismatch => {
            let detail = "This Idempotency-Key was sent with another body; use a new one.";
            Problem::new(Code::IdempotencyMismatch, detail)
        }
        Error::NotYet => {
            Problem::new(Code::Unavailable, "The revision asked for has not come here in time.")
        }
        Error::Full => Problem::new(Code::StorageFull, "The disk is full; nothing was changed."),
        Error::Unavailable => {
            Problem::new(Code::Unavailable, "Storage does not answer; try again.")
        }
        Error::Internal => Problem::new(Code::Internal, "The log of the server says more."),
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Invalid(flaws) if flaws.iter().all(|flaw| flaw.code == "not_built") => {
            let detail = "What these fields ask for comes in a later version.";
            Problem::new(Code::NotBuilt, detail).with_errors(fields(flaws))
        }
        Refusal::Invalid(flaws) => Problem::invalid(fields(flaws)),
        Refusal::NotFound(_) => Problem::not_found(),
        Refusal::Taken(flaws) => {
            let detail = "A value that must be unique belongs to something else.";
            Problem::new(Code::Taken, detail).with_errors(fields(flaws))
        }
        Refusal::InUse(detail) => Problem::new(Code::InUse, sentence(&detail)),
        Refusal::Escalation(detail) => Problem::new(Code::Escalation, sentence(&detail)),
        Refusal::Stale => crate::api::call::stale(),
        Refusal::PlanChanged => {
            let detail = "The change would do something else by now; make a new dry run.";
            Problem::new(Code::Stale, detail)
        }
    }
}

fn fields(flaws: Vec<Flaw>) -> Vec<FieldError> {
    flaws.into_iter().map(|it| FieldError::new(it.pointer, it.code, it.detail)).collect()
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// The answer to a natural upsert: 201 or 200 with the object.
pub(crate) fn upserted<T>(
    put: &claviger_app::Put<Arc<T>>,
    after: &After,
    encode: impl Fn(&T, &After) -> Value,
) -> Reply {
    let value = encode(put.value(), after);
    match put {
        claviger_app::Put::Created(_) => Reply::created(value, after.path.to_owned()),
        claviger_app::Put::Replaced(_) => Reply::object(value),
    }
}

/// The ids of a place's live records, and of those that are gone.
pub(crate) fn ids_with(state: &PlaceState, gone: &Gone) -> impl Fn(Noun, u32) -> Option<Id> {
    let live = ids_of(state);
    move |noun, number| {
        live(noun, number).or_else(|| gone.get(&(noun, number)).map(|it| it.header().id))
    }
}

/// The object of a place, encoded with that place's ids.
pub(crate) fn with_ids(
    after: &After,
    encode: impl Fn(crate::api::encode::Ids<'_>) -> Value,
) -> Value {
    match after.state {
        Some(state) => encode(&ids_of(state)),
        None => encode(&|_, _| None),
    }
}
