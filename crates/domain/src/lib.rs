//! The nouns, the rules and the decision engine of Claviger, as pure functions over plain values.
//!
//! This crate never does I/O, never serialises, and never reads a clock or randomness: instants and
//! id sources are arguments. Bad input is a result, never a panic.

pub mod command;
pub mod decision;
pub mod draft;
pub mod ids;
pub mod key;
pub mod noun;
pub mod offline;
pub mod plan;
pub mod provision;
pub mod reason;
pub mod record;
pub mod refusal;
pub mod retention;
pub mod schedule;
pub mod state;
pub mod text;
pub mod time;
