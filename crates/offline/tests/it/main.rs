//! What a lock maker relies on: one encoding for each value, one meaning for each list, and a lock
//! that keeps its word through power cuts and hostile phones.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod board;
mod build;
mod every;
mod formats;
mod guard;
mod hostile;
mod lists;
mod lock;
mod plan;
mod session;
mod times;
mod values;
mod vectors;
