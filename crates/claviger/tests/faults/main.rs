//! What becomes of a server that is killed or has no room: nothing acknowledged is lost.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout)]

mod crash;
mod dice;
mod disk;
mod full_disk;
mod group;
mod lists;
mod refused;
mod server;
mod unrecorded;
