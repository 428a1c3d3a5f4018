//! The native API's framework: one table of fields and one of routes, and what is made from them.
//!
//! Decodes, checks and encodes. Holds no rule of access; see `docs/decisions/0003` for why the
//! OpenAPI document is made here.

pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod decode;
#[cfg(test)]
mod demo;
pub(crate) mod encode;
pub(crate) mod format;
pub(crate) mod openapi;
pub(crate) mod page;
pub(crate) mod problem;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod route;
pub(crate) mod routes;
pub(crate) mod serve;
pub(crate) mod shape;
pub(crate) mod shapes;
