//! The `claviger` program: reads its arguments, does one command, says what went wrong in one line.
//!
//! Must not hold a rule of access, SQL, or a route: those are `app`'s, `store`'s and `web`'s.

mod archive;
mod args;
mod cidr;
mod commands;
mod compat;
mod config;
mod doors;
mod errand;
mod exit;
mod folder;
mod logs;
mod operator;
mod outgoing;
mod ownership;
mod server;
mod socket;
mod terminal;
mod tls;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::failure(&failure);
            ExitCode::FAILURE
        }
    }
}
