//! What a lock with no network decides by. This crate goes into firmware: no `std`, no allocator,
//! no `unsafe`, no panic on input, and it never reads a clock.
//!
//! Three things are signed for such a lock: a [`key::Key`] for one device, a [`list::List`] of the
//! keys it must refuse, and the certificates of who signs ([`certificate`]). Everything is read in
//! place from the bytes it came in and has exactly one encoding. What a lock keeps and how it
//! decides is in [`lock`]; how it talks to a phone, in [`session`]. With the feature `plan` there
//! is the planner of lists, for servers: the only part that allocates.
#![no_std]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

#[cfg(feature = "plan")]
extern crate alloc;

pub mod cbor;
pub mod certificate;
pub mod class;
pub mod cose;
mod crypto;
pub mod event;
#[cfg(feature = "faults")]
pub mod faults;
#[cfg(not(feature = "faults"))]
#[allow(unreachable_pub, reason = "public with the feature")]
mod faults;
pub mod items;
pub mod key;
pub mod list;
pub mod lock;
mod number;
#[cfg(feature = "plan")]
pub mod plan;
pub mod receipt;
pub mod session;
pub mod statement;
pub mod times;

/// The id of a lock, a place: sixteen bytes.
pub type Id = [u8; 16];
/// Sixteen bytes that were never used before.
pub type Nonce = [u8; 16];
/// SHA-256 of a payload.
pub type Digest = [u8; 32];

/// The highest epoch: serials of an epoch begin at 2^20 times it, and serials are 32 bits.
pub const MOST_EPOCH: u16 = 4094;

/// Claims are below 2^40: instants in seconds reach some 30 000 years.
pub(crate) const CLAIM_END: u64 = 1 << 40;
