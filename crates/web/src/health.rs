//! What the operator asks of a server: whether it lives, whether it is ready, its counts.
//!
//! Must not say anything of a place or a person.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use claviger_app::App;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

const ALIVE: &str = "/healthz";
const READY: &str = "/readyz";
const METRICS: &str = "/metrics";
/// Paths that are answered to anybody and stand in no other table.
pub(crate) const PATHS: &[&str] = &[ALIVE, READY, METRICS];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: Cow<'static, str>,
    status: u16,
}

/// When a request came.
pub(crate) struct Begun(Instant);

impl Begun {
    /// At this moment.
    pub(crate) fn now() -> Begun {
        Begun(Instant::now())
    }
}

/// What is counted.
pub(crate) struct Metrics {
    app: App,
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Histogram,
    places: Gauge,
    grants: Gauge,
    queued: Gauge,
    failing: Gauge,
}

impl Metrics {
    pub(crate) fn new(app: App) -> Arc<Metrics> {
        let mut registry = Registry::with_prefix("claviger");
        let requests = Family::<Answered, Counter>::default();
        let bounds = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
        let seconds = Histogram::new(bounds);
        let (places, grants) = (Gauge::default(), Gauge::default());
        let (queued, failing) = (Gauge::default(), Gauge::default());
        registry.register("requests", "Requests answered, by route and status", requests.clone());
        let text = "Time taken to answer a request";
        registry.register_with_unit("request_duration", text, Unit::Seconds, seconds.clone());
        registry.register("places", "Places", places.clone());
        registry.register("grants_open", "Open grants in all places", grants.clone());
        let text = "Items of lists that are on their way or were refused";
        registry.register("list_items_queued", text, queued.clone());
        let text = "Controllers that refuse a change again and again";
        registry.register("controllers_failing", text, failing.clone());
        Arc::new(Metrics { app, registry, requests, seconds, places, grants, queued, failing })
    }

    /// Counts an answer.
    pub(crate) fn count(&self, route: impl Into<Cow<'static, str>>, status: u16, begun: Begun) {
        self.requests.get_or_create(&Answered { route: route.into(), status }).inc();
        self.seconds.observe(begun.0.elapsed().as_secs_f64());
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let size = self.app.size();
        self.places.set(i64::try_from(size.places).unwrap_or(i64::MAX));
        self.grants.set(i64::try_from(size.grants).unwrap_or(i64::MAX));
        let counts = self.app.list_counts();
        self.queued.set(i64::try_from(counts.queued).unwrap_or(i64::MAX));
        self.failing.set(i64::try_from(counts.failing).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Counts a request that is answered by no route of the table.
pub(crate) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let outer = request.extensions().get::<MatchedPath>().cloned();
    let begun = Begun::now();
    let response = next.run(request).await;
    // A router within knows better than the one outside.
    let route = response.extensions().get::<MatchedPath>().or(outer.as_ref());
    let route = route.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    metrics.count(route, response.status().as_u16(), begun);
    response
}

/// The operator's routes.
pub(crate) fn router(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route(ALIVE, get(|| async { "alive\n" }))
        .route(READY, get(ready))
        .route(METRICS, get(show))
        .with_state(metrics)
}

/// The server listens once everything is loaded; ready means that storage answers too.
async fn ready(State(metrics): State<Arc<Metrics>>) -> Response {
    if metrics.app.is_ready().await {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "storage does not answer\n").into_response()
}

async fn show(State(metrics): State<Arc<Metrics>>) -> Response {
    let kind = [(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    match metrics.text() {
        Ok(text) => (kind, text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
