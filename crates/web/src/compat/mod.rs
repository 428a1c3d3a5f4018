//! The vendors' APIs: for each a folder whose README is the contract, and what they all share.
//!
//! A vendor's words stay in its folder; no vendor knows another, nor the native API.

pub(crate) mod fields;
pub(crate) mod intserv;
pub(crate) mod origin;
pub(crate) mod parakey;
pub(crate) mod serve;
pub(crate) mod tapkey;
pub(crate) mod trackunit;
pub(crate) mod unloc;

use axum::Router;
use claviger_app::App;

pub use serve::{Switch, Vendor};

/// The address at which a vendor's API was reached at the root of a host name or a listener of its
/// own, without a slash at the end: an extension of such a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorAddress(pub String);

/// Settings of the vendors' APIs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Of IntServ's.
    pub intserv: intserv::Options,
    /// Of Tapkey's.
    pub tapkey: tapkey::Options,
    /// Of Unloc's.
    pub unloc: unloc::Options,
}

/// What is wished of a program that may act for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ForPeople {
    /// Where people who let it act for them are sent back to.
    pub redirect_uris: Vec<String>,
    /// Whether it can keep no secret.
    pub is_public: bool,
    /// Whether it has no role of its own in the place.
    pub no_role: bool,
    /// Who vouches for people it acts for.
    pub identity_provider: Option<Provider>,
}

/// Somebody who vouches for people by signed tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Provider {
    /// The provider of those people's identities.
    pub id: String,
    /// Whom its tokens name as their issuer.
    pub issuer: String,
    /// For whom its tokens are.
    pub audience: String,
    /// Its RSA key, as PEM.
    pub public_key: String,
}

/// Every vendor whose API is served, with its rows.
pub(crate) fn tables() -> Vec<(Vendor, Vec<serve::Row>)> {
    vec![
        (intserv::VENDOR, intserv::table()),
        (parakey::VENDOR, parakey::table()),
        (tapkey::VENDOR, tapkey::table()),
        (trackunit::VENDOR, trackunit::table()),
        (unloc::VENDOR, unloc::table()),
    ]
}

/// Every vendor whose API is served.
#[must_use]
pub fn vendors() -> Vec<Vendor> {
    tables().into_iter().map(|(vendor, _)| vendor).collect()
}

/// The vendor of that name, if its API is served.
#[must_use]
pub fn vendor(name: &str) -> Option<Vendor> {
    vendors().into_iter().find(|vendor| vendor.name == name)
}

/// The forms of deliveries that vendors have.
pub(crate) fn formats() -> Vec<claviger_app::Format> {
    parakey::FORMATS.into_iter().chain([unloc::BODY_FORMAT]).collect()
}

/// Every vendor's API.
pub(crate) fn router(app: &App, options: &Options) -> Router {
    tables().into_iter().fold(Router::new(), |router, (vendor, table)| {
        router.merge(serve::router(app, options, vendor, &table))
    })
}
