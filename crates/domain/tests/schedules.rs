//! Schedules seen from outside: against slow evaluators written from the specification, and around
//! changes of offset; `oracles/` asks the `rrule` crate. Must not reach into the crate's private
//! parts.
//!
//! `CLAVIGER_LONG=1` checks every sample instead of 20 000.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests too")]

mod schedule {
    mod changes;
    mod event;
    mod exceptions;
    mod given;
    mod refusals;
    mod weekly;
}
