//! Figures of Claviger, printed; none is asserted. `scripts/bench` runs it.
//!
//! Both sides of a ratio run in one process, alternating; what is shown is the best or the median.

mod building;
mod decisions;
mod http;
mod levels;
mod pages;
mod peers;
mod show;
mod start;
mod world;

use std::path::PathBuf;

use clap::Parser;
use show::Table;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Figures of Claviger.
#[derive(Parser)]
struct Args {
    /// Also the worlds that take minutes and gigabytes.
    #[arg(long)]
    large: bool,
    /// Only this table: decisions, peers, http, levels, pages, start.
    #[arg(long)]
    only: Option<String>,
    /// Where the tables stand that are to be written anew.
    #[arg(long)]
    write: Option<PathBuf>,
    /// A server's start in a process of its own: the database.
    #[arg(long, hide = true)]
    start: Option<String>,
}

fn main() {
    let args = Args::parse();
    if let Some(location) = &args.start {
        return start::child(location);
    }
    let runs: [(&'static str, &dyn Fn(&mut Table)); 6] = [
        ("decisions", &|table| decisions::run(table, args.large)),
        ("peers", &peers::run),
        ("http", &http::run),
        ("levels", &levels::run),
        ("pages", &pages::run),
        ("start", &start::run),
    ];
    for (name, run) in runs {
        if args.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let mut table = Table::new(name);
        run(&mut table);
        if let Some(page) = &args.write {
            table.write(page);
        }
    }
}
