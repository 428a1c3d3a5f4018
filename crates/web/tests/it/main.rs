//! The native API as outside programs see it, on SQLite and on PostgreSQL.
#![allow(missing_docs, clippy::unwrap_used)]

mod isolation;
mod scopes;
mod support;
mod thread;
mod tour;
mod unauthorised;
