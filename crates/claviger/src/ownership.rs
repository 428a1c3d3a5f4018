//! Whether the database is still this server's: of the schema it knows, and nobody else's.
//!
//! A database that is merely away is waited for. Must not end the server itself.

use std::time::Duration;

use claviger_app::{Claim, Db, StoreError, known_schema, schema_number};

use crate::exit::Failure;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Returns when the server must end, with the reason.
pub(crate) async fn until_lost(db: Db, mut claim: Claim) -> Failure {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut away = false;
    loop {
        tick.tick().await;
        match claim.renew().await {
            Err(error @ StoreError::Claimed) => return error.into(),
            Err(error) if !away => {
                tracing::warn!(%error, "it is not sure that the database is this server's alone");
                away = true;
            }
            Err(_) => {}
            Ok(()) => away = false,
        }
        let known = known_schema();
        if let Ok(found) = schema_number(&db).await
            && found != known
        {
            return Failure::new(format!(
                "the schema of the database moved from {known} to {found}: this server has ended; \
                 start the program that moved it"
            ));
        }
    }
}
