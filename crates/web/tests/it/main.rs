//! The native API as outside programs see it, on SQLite and on PostgreSQL.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout)]

mod access_levels;
mod bad_input;
mod changes;
mod clients;
mod concurrency;
mod controllers;
mod credentials;
mod decisions;
mod dry_run;
mod enrolment;
mod events;
mod golden;
mod grants;
mod intserv;
mod isolation;
mod keys;
mod kit;
mod lists;
mod lockouts;
mod locks;
mod login;
mod offline;
mod openapi;
mod panel;
mod people;
mod places;
mod privacy;
mod rates;
mod reasons;
mod retention;
mod retries;
mod revocations;
mod schedules;
mod scopes;
mod sharing;
mod support;
mod thread;
mod time_travel;
mod tokens;
mod tour;
mod trackunit;
mod unauthorised;
mod unloc;
mod webhooks;
