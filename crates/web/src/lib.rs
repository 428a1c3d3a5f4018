//! What Claviger shows over HTTP: the native API and the pages that describe it.
//!
//! Decodes a request, makes one call, encodes the answer. Knows no rule of access and never sees
//! the store or SQL.

mod api;
mod bearer;
mod compat;
mod docs;
mod etag;
mod health;
mod json;
mod listed;
mod rate;
mod unread;
mod url;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use claviger_app::{App, hex, sha256};
use serde_json::Value;

pub use compat::intserv::Options as IntservOptions;
pub use compat::tapkey::Options as TapkeyOptions;
pub use compat::unloc::Options as UnlocOptions;
pub use compat::{ForPeople, Options, Provider, Switch, Vendor, VendorAddress, vendor, vendors};
#[doc(hidden)]
pub use listed::{Listed, routes, vendor_routes};
pub use unread::{Unread, unread};

/// The OpenAPI document of the native API.
#[must_use]
pub fn openapi() -> Value {
    api::openapi::document(&api::routes::table())
}

/// Everything a server answers.
pub fn router(app: App, options: &Options) -> Router {
    app.add_formats(compat::formats());
    let table = api::routes::table();
    let document = api::openapi::document(&table);
    let metrics = health::Metrics::new(app.clone());
    let ids = api::serve::RequestIds::new(prefix(&app));
    let is_limited = app.settings().rate_per_client.is_some();
    let server = api::serve::Server {
        state: Arc::new(api::routes::Server { app }),
        authenticate: api::routes::authenticate,
        ids: ids.clone(),
        counted: {
            let metrics = metrics.clone();
            Arc::new(move |path, status, begun| metrics.count(path, status, begun))
        },
    };
    // The routes of the table count themselves, without a layer around each.
    let mut vendors = compat::router(&server.state.app, options);
    if is_limited {
        vendors = vendors.layer(from_fn(rate::shown));
    }
    let others = docs::router(&document)
        .merge(health::router(metrics.clone()))
        .merge(vendors)
        .fallback(move || {
            let ids = ids.clone();
            async move { api::serve::nothing_here(&ids) }
        })
        .layer(from_fn_with_state(metrics, health::count));
    let mut routes = api::serve::router(server, &table);
    if is_limited {
        routes = routes.layer(from_fn(rate::shown));
    }
    routes.merge(others)
}

/// What ids of requests begin with: differs from start to start.
fn prefix(app: &App) -> String {
    let hash = sha256(&app.now().0.to_be_bytes());
    hex(&hash[..4])
}
