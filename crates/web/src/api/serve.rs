//! From the route table to a router: finds the row, lets the caller in or not, checks everything
//! the row says, runs the handler and answers.
//!
//! Decides nothing itself: who a caller is and what they may do is asked of a hook, before a byte
//! of the body is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::HeaderValue;
use axum::http::header::{ALLOW, HeaderName, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::any;
use futures_util::FutureExt;

use super::call::{Boxed, Call, Handler};
use super::problem::{Code, Problem};
use super::reply::{Reply, Seen};
use super::request;
use super::route::{Access, Dialect, Method, Route};
use crate::health::Begun;

/// Where a request is named in its answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Says who calls, or why nobody does. Asked on every route that is not open, with the head of the
/// request, the route's row (its scope among it) and the parameters of the path, of the right
/// format. Must refuse a caller without the scope.
pub(crate) type Authenticate<S, C> = for<'a> fn(
    &'a S,
    &'a Parts,
    &'a Route<Handler<S, C>>,
    &'a [(String, String)],
) -> Boxed<'a, Result<C, Problem>>;

/// Names requests: a prefix that differs from start to start, and a count.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: String,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that begin with `prefix`, which must be visible ASCII.
    pub(crate) fn new(prefix: String) -> Arc<RequestIds> {
        Arc::new(RequestIds { prefix, next: AtomicU64::new(1) })
    }

    fn next(&self) -> String {
        let mut id = String::with_capacity(self.prefix.len() + 17);
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let _ = write!(id, "{}-{count:x}", self.prefix);
        id
    }
}

/// Told of each answer: the route's path, the status, and when the request came.
pub(crate) type Counted = Arc<dyn Fn(&'static str, u16, Begun) + Send + Sync>;

/// What the routes of a table share.
pub(crate) struct Server<S, C> {
    /// Handed to every handler.
    pub(crate) state: Arc<S>,
    /// Lets callers in.
    pub(crate) authenticate: Authenticate<S, C>,
    /// Names requests.
    pub(crate) ids: Arc<RequestIds>,
    /// Counts answers.
    pub(crate) counted: Counted,
}

/// The router of a table; other paths fall through.
pub(crate) fn router<S, C>(server: Server<S, C>, table: &[Route<Handler<S, C>>]) -> Router
where
    S: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    let server = Arc::new(server);
    let mut by_path: BTreeMap<&'static str, Vec<Route<Handler<S, C>>>> = BTreeMap::new();
    for route in table {
        by_path.entry(route.path).or_default().push(*route);
    }
    by_path.into_iter().fold(Router::new(), |router, (path, routes)| {
        let (server, routes): (_, Arc<[_]>) = (server.clone(), routes.into());
        let serve = move |request: Request| {
            let (server, routes) = (server.clone(), routes.clone());
            async move {
                let begun = Begun::now();
                let response = server.serve(&routes, request).await;
                (server.counted)(path, response.status().as_u16(), begun);
                response
            }
        };
        router.route(path, any(serve))
    })
}

/// Answers whatever no route takes.
pub(crate) fn nothing_here(ids: &RequestIds) -> Response {
    let request_id = ids.next();
    finish(Problem::not_found().answer(&request_id, false), &request_id)
}

impl<S, C> Server<S, C>
where
    S: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    async fn serve(&self, routes: &[Route<Handler<S, C>>], request: Request) -> Response {
        let request_id = self.ids.next();
        let method = Method::of(request.method());
        let Some(route) = routes.iter().find(|route| Some(route.method) == method) else {
            return finish(not_allowed(routes).answer(&request_id, false), &request_id);
        };
        let (parts, body) = request.into_parts();
        let oauth = route.dialect == Dialect::OAuth;
        let answering = self.answer(route, parts, body);
        let outcome = AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_| {
            Err(Problem::new(Code::Internal, "The server failed; the log says more."))
        });
        let response = match outcome {
            Ok((reply, seen)) => reply.respond(&seen),
            Err(problem) => {
                if problem.code.status() >= 500 {
                    let route = route.operation_id;
                    tracing::error!(request_id, route, code = problem.code.as_str(), "failed");
                }
                problem.answer(&request_id, oauth)
            }
        };
        finish(response, &request_id)
    }

    async fn answer(
        &self,
        route: &Route<Handler<S, C>>,
        mut parts: Parts,
        body: axum::body::Body,
    ) -> Result<(Reply, Seen), Problem> {
        let path = path_params(route, &mut parts).await;
        let caller = match route.access {
            Access::Open => None,
            Access::Known | Access::Scope(_) => {
                // A path that names nothing is refused after the caller is known, not before.
                let named = path.as_deref().unwrap_or_default();
                let known = (self.authenticate)(&self.state, &parts, route, named).await;
                Some(known?)
            }
        };
        let path = path?;
        let mut errors = Vec::new();
        let mut query = request::query(route, parts.uri.query().unwrap_or(""), &mut errors);
        let (raw, value) = request::body(route, &parts, body, &path, &mut errors).await?;
        let idempotency_key = request::idempotency_key(route, &parts.headers, &mut errors);
        let if_match = request::if_match(route, &parts.headers, &mut errors);
        let at_least = request::at_least(&parts.headers, &mut errors);
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        let paging = request::paging(route, parts.uri.path(), &mut query)?;
        let dry_run = route.dry_run && query.remove("dry_run") == Some(true.into());
        let seen = Seen::of(&parts);
        let call = Call {
            caller,
            path,
            query,
            body: value,
            raw,
            usage: route.usage,
            parts,
            if_match,
            idempotency_key,
            at_least,
            dry_run,
            paging,
        };
        let reply = (route.handler)(self.state.clone(), call).await?;
        Ok((reply, seen))
    }
}

/// The parameters of the path.
///
/// # Errors
/// 404 where one has not the right format, and so names nothing.
async fn path_params<H>(
    route: &Route<H>,
    parts: &mut Parts,
) -> Result<Vec<(String, String)>, Problem> {
    let params = RawPathParams::from_request_parts(parts, &()).await;
    let params = params.map_err(|_| Problem::not_found())?;
    let params: Vec<(String, String)> =
        params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for (name, format) in route.path_params() {
        let row = format.row();
        let value = params.iter().find(|(known, _)| known == name);
        if !value.is_some_and(|(_, value)| (row.holds)(value)) {
            let detail = format!("{name} in the path must be {}.", row.wants);
            return Err(Problem::new(Code::NotFound, detail));
        }
    }
    Ok(params)
}

fn not_allowed<H>(routes: &[Route<H>]) -> Problem {
    let mut methods: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    let methods = methods.join(", ");
    let detail = format!("This path takes {methods}.");
    let problem = Problem::new(Code::MethodNotAllowed, detail);
    match HeaderValue::try_from(methods) {
        Ok(allow) => problem.with_header(ALLOW, allow),
        Err(_) => problem,
    }
}

fn finish(mut response: Response, request_id: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
