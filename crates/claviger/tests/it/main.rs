//! The real binary on temporary folders: what an operator types, sees and gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backup;
mod client;
mod compat;
mod devices;
mod ending;
mod import;
mod logs;
mod machine;
mod mail;
mod needle;
mod network;
mod offline;
mod ownership;
mod root;
mod run;
mod serve;
mod setup;
mod smtp;
mod webhooks;
