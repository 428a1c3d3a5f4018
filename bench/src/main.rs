//! The figures of Claviger alone.

use std::path::PathBuf;

use clap::Parser;
use claviger_bench::show::Table;
use claviger_bench::{decisions, http, levels, lists, offline, pages, start, unloc};

/// Figures of Claviger.
#[derive(Parser)]
struct Args {
    /// Also the worlds that take minutes and gigabytes.
    #[arg(long)]
    large: bool,
    /// Only this table: decisions, http, levels, unloc, lists, offline, pages, start, idle, build.
    #[arg(long)]
    only: Option<String>,
    /// The page whose tables are to be written anew.
    #[arg(long)]
    write: Option<PathBuf>,
    /// A server's start in a process of its own: the database.
    #[arg(long, hide = true)]
    start: Option<String>,
}

/// A table's name, and what fills it.
type Run<'a> = (&'static str, &'a dyn Fn(&mut Table));

fn main() {
    let args = Args::parse();
    if let Some(location) = &args.start {
        return start::child(location);
    }
    let runs: [Run; 10] = [
        ("decisions", &|table| decisions::run(table, args.large)),
        ("http", &http::run),
        ("levels", &levels::run),
        ("lists", &lists::run),
        ("offline", &offline::run),
        ("unloc", &unloc::run),
        ("pages", &pages::run),
        ("start", &start::run),
        ("idle", &start::idle),
        ("build", &start::build),
    ];
    for (name, run) in runs {
        if args.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let mut table = Table::new(name);
        run(&mut table);
        if let Some(page) = args.write.as_deref().filter(|_| !table.is_empty()) {
            table.write(page);
        }
    }
}
