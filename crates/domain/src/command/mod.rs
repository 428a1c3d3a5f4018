//! Commands: a wish becomes a list of written records, or a refusal that names every wrong field.
//!
//! Every function takes a [`Draft`](crate::draft::Draft) first and leaves it unusable only on an
//! error, in which case the caller drops it. Nobody's permission to command is asked here.

pub mod access_level;
mod common;
pub mod controller;
pub mod credential;
pub mod grant;
pub mod lock;
pub mod person;
pub mod place;
pub mod rights;
pub mod schedule;
pub mod webhook;
