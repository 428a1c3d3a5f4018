//! Decisions seen from outside: against a brute-force oracle on random worlds, as laws, as
//! scenarios anyone may dispute (`decision/scenarios/*.toml`), and the commands that make worlds.
//!
//! `CLAVIGER_LONG=1` asks ten million questions instead of 20 000; `CLAVIGER_SEED=n` replays one
//! world.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod decision {
    mod build;
    mod commands;
    mod commands_rights;
    mod generate;
    mod keeping;
    mod laws;
    mod laws_state;
    mod listed;
    mod oracle;
    mod random;
    mod scenario_file;
    mod scenarios;
    mod times;
    mod world;
}
