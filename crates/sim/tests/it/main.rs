//! Runs the whole simulator against a small stand-in for the server.
//!
//! The stand-in (`fake.rs`) reads the API's description and decision.md on its own and shares no
//! code with what the simulator expects, so that agreement between them means something.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fake;
mod lists;
mod runs;
mod unloc;
