//! Work in the background: deliveries, events that wait for storage or to be filed, retention,
//! answers kept.

use std::time::Duration;

use claviger_domain::command::grant as rules;
use claviger_domain::ids::PlaceNumber;
use claviger_domain::noun::grant::Via;
use claviger_domain::time::{DAY, HOUR, Instant};
use claviger_store::Filing;
use tokio::sync::watch;

use crate::context::{Caller, Context};
use crate::delivery::{self, Send};
use crate::error::Error;
use crate::idempotency::KEPT_FOR;
use crate::{App, decision};

/// How often events that wait for storage are tried again.
const DRAIN_EVERY: Duration = Duration::from_millis(500);
/// How often events are filed, if there are enough: the more together, the less each costs, and the
/// longer a reader looks through those that are not filed.
const FILE_EVERY: Duration = Duration::from_secs(2);
const FILING: Filing = Filing { least: 8_192, most: 65_536, parts: 8 };
/// How often what is old is cleared.
const CLEAR_EVERY: Duration = Duration::from_secs(60);

/// How long rights that ended can be asked about.
pub(crate) const RIGHTS_KEPT: i64 = 400 * DAY;
/// How many expired rights one command closes.
const MOST_RETIRED: usize = 1000;
/// How long results of batches can be read.
const OPERATIONS_KEPT: i64 = 30 * DAY;
/// How long deliveries that are done can be read and replayed.
const DELIVERIES_KEPT: i64 = 7 * DAY;
/// How long notes for other nodes stay; a node further behind loads anew.
const NOTES_KEPT: i64 = HOUR;

/// How often rights that ended long ago are looked for.
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
    loop {
        let done = tokio::select! {
            _ = drain.tick() => {
                decision::drain(app).await;
                Ok(())
            }
            _ = file.tick() => app.store().file_events(FILING).await.map(drop).map_err(Error::from),
            _ = clear.tick() => clear_old(app).await,
            _ = purge.tick() => purge_old(app).await,
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

/// Forgets whom events concern when the place's retention says so, and drops answers kept too long.
pub(crate) async fn clear_old(app: &App) -> Result<(), Error> {
    let (now, store) = (app.now(), app.store());
    let mut forgotten_in_all = 0;
    for cell in app.world().places() {
        let (place, days) = {
            let state = cell.state();
            (state.place.number(), i64::from(state.place.retention_days))
        };
        let forgotten = store.forget_subjects(place, now.plus(-days * DAY)).await?;
        if forgotten > 0 {
            tracing::info!(%place, forgotten, "events were made anonymous by retention");
        }
        forgotten_in_all += forgotten;
    }
    if forgotten_in_all > 0 {
        // What was forgotten must leave the files too.
        store.db().wipe_log().await?;
    }
    crate::provision::settle(app).await?;
    crate::offline::look_for_gaps(app).await?;
    crate::offline::look_at_clock(app).await?;
    store.trim_answers(now.plus(-KEPT_FOR)).await?;
    store.trim_operations(now.plus(-OPERATIONS_KEPT)).await?;
    store.trim_deliveries(now.plus(-DELIVERIES_KEPT)).await?;
    store.trim_notes(now.plus(-NOTES_KEPT)).await?;
    Ok(())
}

/// Purges rights that ended long ago, in every place.
pub(crate) async fn purge_old(app: &App) -> Result<(), Error> {
    let before = app.now().plus(-RIGHTS_KEPT);
    for cell in app.world().places() {
        let place = cell.state().place.number();
        purge(app, place, before).await?;
    }
    Ok(())
}

/// Purges rights that ended long ago: those that ended by themselves are closed first, so that they
/// leave memory too.
async fn purge(app: &App, place: PlaceNumber, before: Instant) -> Result<(), Error> {
    let over = |until: Option<Instant>| until.is_some_and(|until| until < before);
    while app.state(place)?.grants.iter().any(|grant| over(grant.window.until)) {
        let ctx = Context::new(app.clone(), Caller::System, Via::Native);
        ctx.commit(Some(place), move |work| {
            Ok(rules::retire(work.place(place)?, before, MOST_RETIRED))
        })
        .await?;
    }
    app.store().purge_rights(place, before).await?;
    Ok(())
}
