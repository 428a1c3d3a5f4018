//! What a handler is given: a request whose every part has been checked against its route's row.
//!
//! Decides nothing; ids in it are still to be looked up.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::request::Parts;
use claviger_domain::time::Instant;
use serde_json::{Map, Value};

use super::decode::{Fields, Ref};
use super::page::Paging;
use super::problem::{Code, Problem};
use super::reply::Reply;
use super::shape::Use;
use crate::etag::IfMatch;

/// A future in a box.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What runs a route: shared state and a checked request in, an answer or a problem out.
pub(crate) type Handler<S, C> = fn(Arc<S>, Call<C>) -> Boxed<'static, Result<Reply, Problem>>;

/// Makes a [`Handler`] of an `async fn(Arc<S>, Call<C>) -> Result<Reply, Problem>`.
macro_rules! run {
    ($handler:path) => {{
        let run: $crate::api::call::Handler<_, _> = |state, call| Box::pin($handler(state, call));
        run
    }};
}
pub(crate) use run;

/// A checked request.
#[derive(Debug)]
pub(crate) struct Call<C> {
    /// Who calls, as the authentication hook made it; none on open routes.
    pub(crate) caller: Option<C>,
    /// Parameters of the path, of the right format.
    pub(crate) path: Vec<(String, String)>,
    /// Parameters of the query that were given: texts, numbers and booleans.
    pub(crate) query: Map<String, Value>,
    /// The body; null where the route takes none.
    pub(crate) body: Value,
    /// The body as it came.
    pub(crate) raw: Bytes,
    /// Which way the body is meant.
    pub(crate) usage: Use,
    /// The head of the request: method, URI, headers, the peer's address among the extensions.
    pub(crate) parts: Parts,
    /// What `If-Match` says.
    pub(crate) if_match: Option<IfMatch>,
    /// `Idempotency-Key`: 1–255 visible ASCII characters.
    pub(crate) idempotency_key: Option<String>,
    /// `Claviger-At-Least`: answer only from this revision of the place on.
    pub(crate) at_least: Option<u64>,
    /// Whether to say what would change and write nothing.
    pub(crate) dry_run: bool,
    /// Which page is wanted; set on routes that answer pages.
    pub(crate) paging: Option<Paging>,
}

impl<C> Call<C> {
    /// Who calls.
    ///
    /// # Errors
    /// 401 on a route that is open.
    pub(crate) fn caller(&self) -> Result<&C, Problem> {
        self.caller.as_ref().ok_or_else(|| Problem::new(Code::Unauthorized, "Nobody is known."))
    }

    /// The parameter of the path, as it was written; empty where the path has none of that name.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The parameter of the path as a reference.
    ///
    /// # Errors
    /// 404 where it is none.
    pub(crate) fn reference(&self, name: &str) -> Result<Ref, Problem> {
        Ref::parse(self.path(name)).ok_or_else(Problem::not_found)
    }

    /// The query parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name).and_then(Value::as_str)
    }

    /// The query parameter as true or false; false where it is not there.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.query.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The query parameter as an instant.
    pub(crate) fn instant(&self, name: &str) -> Option<Instant> {
        self.text(name).and_then(Instant::parse)
    }

    /// The query parameter as a reference.
    pub(crate) fn query_reference(&self, name: &str) -> Option<Ref> {
        self.text(name).and_then(Ref::parse)
    }

    /// The query parameter as one of the words of a noun.
    pub(crate) fn word<T>(&self, name: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
        self.text(name).and_then(parse)
    }

    /// The body's fields, read the way its verb means them.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields::new(&self.body, self.usage)
    }

    /// Which page is wanted.
    ///
    /// # Errors
    /// A slip in the route table: the route does not answer pages.
    pub(crate) fn paging(&self) -> Result<&Paging, Problem> {
        let slip = || Problem::new(Code::Internal, "The route is not one of a list.");
        self.paging.as_ref().ok_or_else(slip)
    }
}

/// The object is not as the caller saw it.
pub(crate) fn stale() -> Problem {
    let detail = "The object has changed since the tag in If-Match was given; read it again.";
    Problem::new(Code::Stale, detail)
}
