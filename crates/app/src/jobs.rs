//! Work in the background, each in its time: deliveries, events that wait for storage or to be
//! filed, and what is to be forgotten. Must not say what that is.

use std::time::Duration;

use claviger_store::Filing;
use tokio::sync::watch;

use crate::delivery::{self, Send};
use crate::error::Error;
use crate::{App, decision, offline, retention};

/// How often events that wait for storage are tried again.
const DRAIN_EVERY: Duration = Duration::from_millis(500);
/// How often events are filed, if there are enough: the more together, the less each costs, and the
/// longer a reader looks through those that are not filed.
const FILE_EVERY: Duration = Duration::from_secs(2);
const FILING: Filing = Filing { least: 8_192, most: 65_536, parts: 8 };
/// How often what is old is cleared.
const CLEAR_EVERY: Duration = Duration::from_secs(60);

/// How often what is kept for long is looked through.
const PURGE_EVERY: Duration = Duration::from_secs(3600);

/// Runs until `stop` says true or its sender is gone. Whom webhooks are sent to may keep them
/// waiting, so the rest does not wait for them.
pub async fn run(app: App, send: Send, stop: watch::Receiver<bool>) {
    tokio::join!(keep_up(&app, stop.clone()), delivery::run(app.clone(), send, stop));
}

async fn keep_up(app: &App, mut stop: watch::Receiver<bool>) {
    let mut drain = tokio::time::interval(DRAIN_EVERY);
    let mut file = tokio::time::interval(FILE_EVERY);
    let mut clear = tokio::time::interval(CLEAR_EVERY);
    let mut purge = tokio::time::interval(PURGE_EVERY);
    if let Err(error) = offline::compare_keys(app).await {
        tracing::error!(%error, "keys were not compared with what is right; the next start does");
    }
    loop {
        let done = tokio::select! {
            _ = drain.tick() => {
                decision::drain(app).await;
                Ok(())
            }
            _ = file.tick() => app.store().file_events(FILING).await.map(drop).map_err(Error::from),
            _ = clear.tick() => retention::clear(app).await,
            _ = purge.tick() => retention::purge(app).await,
            () = stopped(&mut stop) => {
                decision::drain(app).await;
                return;
            }
        };
        if let Err(error) = done {
            tracing::warn!(%error, "background work failed; it is tried again");
        }
    }
}

/// Returns when the work is to stop; a sender that is gone stops it as well.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
