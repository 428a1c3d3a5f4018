//! Forgetting on time: what of the past is taken out when. Whose is kept for longer is `domain`'s
//! to say (`retention`); what is forgotten leaves the files too.
//!
//! Whatever comes to hold something personal for a while is cleared here.

use claviger_domain::command::grant as rules;
use claviger_domain::ids::{Noun, PersonNumber, PlaceNumber};
use claviger_domain::noun::account::Ticket;
use claviger_domain::noun::grant::Via;
use claviger_domain::retention::{Due, due, still_explains};
use claviger_domain::state::PlaceState;
use claviger_domain::time::{DAY, HOUR, Instant};
use claviger_store::{Forget, OldReason};

use crate::context::{Caller, Context};
use crate::error::Error;
use crate::idempotency::KEPT_FOR;
use crate::{App, account, mail, offline, privacy, provision};

/// How long rights that ended can be asked about.
pub(crate) const RIGHTS_KEPT: i64 = 400 * DAY;
/// How many expired rights one command closes.
const MOST_RETIRED: usize = 1000;
/// How long results of batches can be read, where the place does not forget sooner.
const OPERATIONS_KEPT: i64 = 30 * DAY;
/// How long deliveries that are done can be read and replayed.
const DELIVERIES_KEPT: i64 = 7 * DAY;
/// How long notes for other nodes stay; a node further behind loads anew.
const NOTES_KEPT: i64 = HOUR;

/// Forgets whom events concern when the place's retention says so, and drops answers kept too long.
pub(crate) async fn clear(app: &App) -> Result<(), Error> {
    let (now, store) = (app.now(), app.store());
    let mut holding = Vec::new();
    for cell in app.world().places() {
        let (place, due) = {
            let state = cell.state();
            (state.place.number(), due(&state, now))
        };
        if due.as_ref().is_none_or(|due| !due.held.is_empty()) {
            holding.push(place);
        }
        let Some(due) = due else { continue };
        let stand_in =
            |it: &PersonNumber| privacy::stand_in(app.secrets(), place, Noun::Person, it.0);
        let stand_ins = due.held.iter().map(stand_in).collect();
        let whom = Forget { before: due.before, people: due.held, stand_ins };
        let forgotten = store.forget_subjects(place, &whom).await?;
        if forgotten > 0 {
            tracing::info!(%place, forgotten, "events were made anonymous by retention");
        }
    }
    provision::settle(app).await?;
    offline::look_for_gaps(app).await?;
    offline::make_owed(app).await;
    offline::look_at_clock(app).await?;
    store.trim_answers(now.plus(-KEPT_FOR)).await?;
    // Those about others there go with what their events say.
    store.trim_deliveries(now.plus(-DELIVERIES_KEPT), &holding).await?;
    store.trim_notes(now.plus(-NOTES_KEPT)).await?;
    store.wipe_erased().await?;
    Ok(())
}

/// Forgets what is kept for long: reasons and results of batches as the place's retention says,
/// rights that ended long ago, tickets that are over, mails that nobody sent.
pub(crate) async fn purge(app: &App) -> Result<(), Error> {
    let now = app.now();
    for cell in app.world().places() {
        let (place, days) = (cell.state().place.number(), cell.state().place.retention_days);
        // Copies of what is held go in their time, also while all of the place is.
        let before = now.plus(-i64::from(days) * DAY);
        app.store().trim_operations(place, before.max(now.plus(-OPERATIONS_KEPT))).await?;
        app.store().trim_mails(place, before.max(now.plus(-mail::KEPT))).await?;
        let Some(due) = due(&cell.state(), now) else { continue };
        let reasons = app.store().old_reasons(place, due.before).await?;
        let over = over(&cell.state(), &due, &reasons, now);
        app.store().forget_reasons(place, &over).await?;
        // What somebody who is held could open is known from the records that go here.
        if due.held.is_empty() {
            purge_rights(app, place, now.plus(-RIGHTS_KEPT)).await?;
        }
    }
    sweep_tickets(app, now).await?;
    let swept = account::sweep(app).await;
    app.store().trim_mails(PlaceNumber(0), now.plus(-mail::KEPT)).await?;
    mail::clear(app).await;
    app.store().wipe_erased().await?;
    swept
}

/// The old reasons that explain nothing any more.
fn over(state: &PlaceState, due: &Due, reasons: &[OldReason], now: Instant) -> Vec<u64> {
    let explains = |it: &OldReason| {
        it.is_last && it.number.is_some_and(|number| still_explains(state, it.noun, number, now))
    };
    let held = |it: &OldReason| it.person.is_some_and(|person| due.held.contains(&person));
    let over = reasons.iter().filter(|it| !explains(it) && !held(it));
    over.map(|it| it.seq).collect()
}

/// Purges rights that ended long ago: those that ended by themselves are closed first, so that they
/// leave memory too.
async fn purge_rights(app: &App, place: PlaceNumber, before: Instant) -> Result<(), Error> {
    let over = |until: Option<Instant>| until.is_some_and(|until| until < before);
    while app.state(place)?.grants.iter().any(|grant| over(grant.window.until)) {
        system(app)
            .commit(Some(place), move |work| {
                Ok(rules::retire(work.place(place)?, before, MOST_RETIRED))
            })
            .await?;
    }
    app.store().purge_rights(place, before).await?;
    Ok(())
}

/// Takes out the tickets that are over, with the addresses that some are for.
async fn sweep_tickets(app: &App, now: Instant) -> Result<(), Error> {
    let is_over = move |ticket: &Ticket| ticket.expires_at <= now;
    if app.world().directory().tickets.iter().any(|ticket| is_over(ticket)) {
        system(app)
            .commit(None, move |work| {
                let draft = work.directory();
                let over = draft.state.tickets.iter().filter(|ticket| is_over(ticket)).cloned();
                for ticket in over.collect::<Vec<_>>() {
                    draft.delete(Ticket { email: None, ..Ticket::clone(&ticket) });
                }
                Ok(())
            })
            .await?;
    }
    Ok(app.store().trim_tickets(now).await?)
}

fn system(app: &App) -> Context {
    Context::new(app.clone(), Caller::System, Via::Native)
}
