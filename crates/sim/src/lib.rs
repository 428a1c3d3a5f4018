//! The simulator: a seeded building, virtual online locks and people at them, against a running
//! server's native API.
//!
//! It speaks HTTP with its own types ([`wire`](Decision)) and knows nothing of the server's code,
//! so what it is certain of is an independent reading of the API. It prints nothing and never
//! ends the process; the caller shows the [`Tally`].

mod building;
mod calendar;
mod client;
pub mod controller;
mod expect;
mod furnish;
mod hostile;
mod latency;
mod machine;
mod machines;
mod neighbours;
pub mod offline;
mod options;
mod panel;
mod rng;
mod tally;
mod traffic;
mod unloc;
mod visit;
mod wire;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use panel::Panel;

pub use building::{
    Bearer, Building, Card, Credential, CredentialState, Exception, Grant, Level, Lock,
    NamedSchedule, Person, PinRule, Schedule, Standing, Subject, Target, Weekly, Window,
};
pub use client::{Client, ClientError, Login};
pub use furnish::{Furnished, furnish};
pub use latency::Latency;
pub use machine::{Heard, Machine, Mode, Shown};
pub use machines::Operated;
pub use options::Options;
pub use panel::PanelTally;
pub use tally::{HostileTally, Surprise, Tally};
pub use wire::{Decision, Reason, Session};

/// Why a run could not begin. Once visits have begun nothing ends them but the caller: a door
/// whose server is away stays closed and counts it.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// An option that makes no sense.
    #[error("{0}")]
    Options(&'static str),
    /// The server could not be reached or refused a part of the building.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Furnishes the place (unless told not to); if told to, lets a program written for Unloc's API and
/// a machine work there once, has a second place share doors with it, and hangs a panel with a list
/// of its own into the building; and sends visits until `options` say enough or `stop` turns true
/// (or its sender is dropped); visits under way are waited for, at most some seconds.
///
/// `on_tick` hears of the tally every [`Options::tick`] and once at the end.
pub async fn run(
    options: Options,
    mut stop: watch::Receiver<bool>,
    mut on_tick: impl FnMut(&Tally),
) -> Result<Tally, SimError> {
    if let Some(wrong) = options.wrong() {
        return Err(SimError::Options(wrong));
    }
    let Options { seed, people, locks, levels, .. } = options;
    let building = Building::seeded(seed, people, locks, levels);
    let client = Client::new(&options.base_url, &options.place, options.login.clone())?;
    let mut tally = Tally::default();
    let furnished = if options.furnish {
        let mut told = Instant::now();
        let step = |done, total| {
            (tally.furnished, tally.to_furnish) = (done, total);
            if told.elapsed() >= options.tick {
                told = Instant::now();
                on_tick(&tally);
            }
        };
        tokio::select! {
            furnished = furnish(&client, &building, step) => furnished?,
            () = traffic::asked_to_stop(&mut stop) => return Ok(tally),
        }
    } else {
        Furnished::already(&building)
    };
    if options.unloc {
        tokio::select! {
            done = unloc::run(&client, seed, &mut tally) => done?,
            () = traffic::asked_to_stop(&mut stop) => return Ok(tally),
        }
    }
    if options.machines {
        tokio::select! {
            done = machines::run(&client, seed, &mut tally) => done?,
            () = traffic::asked_to_stop(&mut stop) => return Ok(tally),
        }
    }
    if options.neighbours {
        tokio::select! {
            done = neighbours::run(&client, seed, &mut tally) => done?,
            () = traffic::asked_to_stop(&mut stop) => return Ok(tally),
        }
    }
    let (news, mut heard) = mpsc::unbounded_channel();
    let (close, closed) = watch::channel(false);
    let panel = if options.panel {
        let panel = tokio::select! {
            panel = Panel::furnish(&client, &building.tag, seed, news) => panel?,
            () = traffic::asked_to_stop(&mut stop) => return Ok(tally),
        };
        Some(tokio::spawn(panel.live(closed)))
    } else {
        None
    };
    let scene = Arc::new(traffic::Scene { client, building, furnished });
    traffic::drive(scene, &options, &mut stop, &mut heard, &mut tally, &mut on_tick).await;
    close.send_replace(true);
    if let Some(panel) = panel {
        // Whatever became of it: what it told until then counts.
        let _ = panel.await;
        while let Ok(news) = heard.try_recv() {
            tally.hear(news);
        }
        on_tick(&tally);
    }
    Ok(tally)
}
