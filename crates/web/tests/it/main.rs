//! The native API as outside programs see it, on SQLite and on PostgreSQL.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;
mod thread;
