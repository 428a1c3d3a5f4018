//! How long a server takes to start over much data, and what it holds then; each start is a process
//! of its own.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant as Clock;

use claviger_app::decision::{DecisionWish, PresentedWish, make};
use claviger_domain::ids::{Noun, PlaceNumber, Ref};
use claviger_store::testing::folder;
use claviger_store::{Location, Secrets};

use crate::building::{self, on_each_engine, operator};
use crate::show::{Sorted, Table, mib, resident};
use crate::world::{Size, World, card, id};

const SIZE: Size = Size {
    people: 100_000,
    locks: 10_000,
    levels: 2_000,
    person_levels: (10, 10),
    lock_levels: (1, 5),
    details: true,
    always: true,
};
const STARTS: usize = 5;

pub fn run(table: &mut Table) {
    on_each_engine(async |engine, building| {
        let world = World::new(SIZE, building.number);
        building.fill(world.ground().chain(world.grants())).await;
        let (place, file) = (building.place, &building.secrets_file);
        let what = match &building.location {
            Location::Sqlite(path) => format!("sqlite {} {place}", path.display()),
            Location::Postgres(url) => format!("postgres {url} {place}"),
        };
        let (mut took, mut held, mut most) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let start = Clock::now();
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--start", &format!("{what} {}", file.display())])
                .output()
                .unwrap();
            let all = start.elapsed().as_secs_f64();
            let said = String::from_utf8_lossy(&child.stdout).into_owned();
            let figures: Vec<f64> =
                said.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
            let [seconds, now, peak] = figures[..] else {
                panic!("{said}{}", String::from_utf8_lossy(&child.stderr));
            };
            assert!(seconds <= all);
            took.push(seconds);
            held.push(now);
            most.push(peak);
        }
        let (took, held, most) = (Sorted::new(took), Sorted::new(held), Sorted::new(most));
        let what = format!("{engine}: start with 100 000 people, 1 000 000 grants, first decision");
        let figure = format!(
            "{:.2} s best, {:.2} median; {} resident, {} at most",
            took.best(),
            took.median(),
            mib(held.median()),
            mib(most.worst())
        );
        let bar = if engine == "SQLite" { "≤ 3 s, ≤ 600 MB" } else { "" };
        table.row(what, figure, bar);
    });
}

/// The start itself, in a process of its own; says seconds, bytes resident, most bytes.
pub fn child(what: &str) {
    let start = Clock::now();
    let words: Vec<&str> = what.split(' ').collect();
    let [engine, location, place, secrets] = words[..] else { panic!("{what}") };
    let location = match engine {
        "sqlite" => Location::Sqlite(location.into()),
        _ => Location::Postgres(location.to_owned()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let secrets = Arc::new(Secrets::load_or_create(secrets.as_ref(), true).unwrap());
        let app = building::start(&location, &secrets).await;
        let place = claviger_app::Id::parse(place).unwrap();
        let number = PlaceNumber(1);
        let wish = DecisionWish {
            lock: Ref::Id(id(number, Noun::Lock, 1)),
            presented: PresentedWish::Card(card(1)),
            pin: None,
            at: None,
            record: Some(false),
        };
        make(&operator(&app), place, wish).await.unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let most = most.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok());
        println!("{seconds} {} {}", resident(), most.unwrap_or(0.0) * 1024.0);
    });
}

/// The released program by itself: its size, and what it holds when nobody asks anything.
pub fn idle(table: &mut Table) {
    let Some(program) = std::env::var_os("CLAVIGER_BIN") else {
        return println!("  not measured: CLAVIGER_BIN names no program");
    };
    let size = std::fs::metadata(&program).expect("the program").len() as f64;
    table.row("size of the released program", mib(size), "≤ 30 MB");
    let data = folder().join("data");
    let at = "127.0.0.1:18099";
    let mut server = Command::new(&program)
        .args(["--data".as_ref(), data.as_os_str(), "serve".as_ref(), "--listen".as_ref()])
        .arg(at)
        .spawn()
        .expect("the program runs");
    std::thread::sleep(std::time::Duration::from_secs(5));
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", server.id())).unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    let _ = server.kill();
    let _ = server.wait();
    let held = pages.filter(|pages| *pages > 0.0).map(|pages| mib(pages * 4096.0));
    let held = held.unwrap_or_else(|| "it ended".to_owned());
    table.row("an idle server, five seconds after its start", held, "≤ 40 MB");
}

/// Building a copy of the workspace from nothing, and again after a handler was touched.
pub fn build(table: &mut Table) {
    let root = folder().join("workspace");
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    std::fs::create_dir(&root).unwrap();
    for name in ["Cargo.toml", "Cargo.lock", "clippy.toml", "crates"] {
        let copied = Command::new("cp").arg("-r").arg(format!("{from}/{name}")).arg(&root).status();
        assert!(copied.unwrap().success());
    }
    let cargo = || {
        let start = Clock::now();
        let built = Command::new("cargo")
            .args(["build", "--quiet", "--offline"])
            .current_dir(&root)
            .env("CARGO_TARGET_DIR", root.join("target"))
            .status();
        assert!(built.unwrap().success(), "it does not build");
        start.elapsed().as_secs_f64()
    };
    table.row("cold `cargo build`", format!("{:.0} s", cargo()), "≤ 4 min");
    let handler = root.join("crates/web/src/api/routes/lock.rs");
    let again: Vec<f64> = (0..3)
        .map(|_| {
            let text = std::fs::read_to_string(&handler).unwrap();
            std::fs::write(&handler, text + "\n").unwrap();
            cargo()
        })
        .collect();
    let again = Sorted::new(again);
    let figure = format!("{:.1} s best of three, {:.1} median", again.best(), again.median());
    table.row("`cargo build` after a handler was touched", figure, "≤ 12 s");
}
