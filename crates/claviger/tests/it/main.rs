//! The real binary on temporary folders: what an operator types, sees and gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backup;
mod client;
mod compat;
mod import;
mod network;
mod run;
mod serve;
mod setup;
