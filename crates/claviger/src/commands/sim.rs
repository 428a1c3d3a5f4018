//! `sim`: virtual locks and people against a running server.

use claviger_sim::offline::Size;
use claviger_sim::{Client, Login, Options, Tally};
use serde_json::Value;
use tokio::sync::watch;

use crate::args::{Building, Global, Sim};
use crate::commands::settings;
use crate::exit::Failure;
use crate::server::EndSignals;
use crate::terminal::{self, Board};

/// Simulates until enough, or until it is asked to end.
///
/// # Errors
/// The server cannot be reached or refuses the building; it was caught in a contradiction.
pub(crate) async fn run(args: Sim, global: &Global) -> Result<(), Failure> {
    settings(global)?;
    let secret = args.client_secret.or_else(|| std::env::var("CLAVIGER_CLIENT_SECRET").ok());
    let secret = secret.ok_or_else(|| {
        Failure::new("--client-secret is missing (or CLAVIGER_CLIENT_SECRET in the environment)")
    })?;
    let login = Login::Client { id: args.client_id, secret };
    if args.offline {
        let client = Client::new(&args.url, &args.place, login);
        let client = client.map_err(|error| Failure::new(error.to_string()))?;
        let mut signals = EndSignals::listen()?;
        return tokio::select! {
            told = offline(&client, args.building.seed, Size::WHOLE, global.json) => told,
            () = signals.asked() => Err(Failure::new(
                "ended in the middle: what is left in the place goes when this seed is run again",
            )),
        };
    }
    let mut options = of(&args.building, args.url, args.place, login);
    options.furnish = !args.furnished;
    options.unloc = args.unloc;
    options.machines = args.machines;
    options.neighbours = args.neighbours;
    options.panel = args.panel;
    options.duration = args.duration;
    options.visits = args.visits;
    options.concurrency = args.concurrency;
    options.hostile = args.hostile;
    let mut signals = EndSignals::listen()?;
    let (stop, stopped) = watch::channel(false);
    let running = watched(options, stopped);
    tokio::pin!(running);
    let tally = tokio::select! {
        tally = &mut running => tally?,
        () = signals.asked() => {
            stop.send_replace(true);
            running.await?
        }
    };
    finish(&tally, global.json)
}

/// Tells a day in a house whose locks have no network, line by line.
///
/// # Errors
/// The server cannot be reached or refuses a request; something was not as it must be.
pub(super) async fn offline(
    client: &Client,
    seed: u64,
    size: Size,
    json: bool,
) -> Result<(), Failure> {
    let tell = |line: &str| {
        if !json {
            terminal::answer(line);
        }
    };
    let told = claviger_sim::offline::run(client, seed, size, tell).await;
    let tally = told.map_err(|error| Failure::new(error.to_string()))?;
    if json {
        terminal::json(&serde_json::to_value(&tally).unwrap_or(Value::Null));
    } else {
        terminal::answer(&format!("\n{tally}"));
    }
    contradicted(tally.surprises)
}

/// The options of a building.
pub(super) fn of(building: &Building, url: String, place: String, login: Login) -> Options {
    Options {
        seed: building.seed,
        people: building.people,
        locks: building.locks,
        levels: building.levels,
        rate: Some(building.rate).filter(|rate| *rate != 0.0),
        ..Options::new(url, place, login)
    }
}

/// Runs the simulator with its table on the terminal.
pub(super) async fn watched(
    options: Options,
    stopped: watch::Receiver<bool>,
) -> Result<Tally, Failure> {
    let board = Board::new();
    let shown = |tally: &Tally| board.show(&tally.to_string());
    let tally = claviger_sim::run(options, stopped, shown).await;
    board.clear();
    tally.map_err(|error| Failure::new(error.to_string()))
}

/// Shows how it went.
pub(super) fn finish(tally: &Tally, json: bool) -> Result<(), Failure> {
    if json {
        terminal::json(&serde_json::to_value(tally).unwrap_or(Value::Null));
    } else {
        terminal::answer(&tally.to_string());
    }
    contradicted(tally.surprises)
}

fn contradicted(surprises: u64) -> Result<(), Failure> {
    match surprises {
        0 => Ok(()),
        many => Err(Failure::new(format!("{many} answers contradict what is certain"))),
    }
}
