//! For scripts: a fresh PostgreSQL database, whose URL is printed and which lasts until the
//! standard input ends.
#![allow(clippy::print_stdout, reason = "its answer is a line on stdout")]

use std::io::Read as _;

fn main() -> Result<(), String> {
    println!("{}", claviger_store::testing::Postgres::database()?);
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}
