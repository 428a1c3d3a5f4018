//! What a lock with no network decides by. This crate goes into firmware: no `std`, no allocator,
//! no `unsafe`, no panic on input, and it never reads a clock.
//!
//! So far it holds the rule of times that a key carries; keys, lists and their signatures have
//! their own place in the plan of the product.
#![no_std]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod times;
