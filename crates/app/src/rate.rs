//! How often an API client may ask: a count per client and minute, for operators who set one.
//!
//! Kept in memory and begun anew with the process. Failed log-ins are counted in `auth`.

use std::collections::HashMap;
use std::sync::Mutex;

use claviger_domain::ids::ClientNumber;
use claviger_domain::time::{Instant, MINUTE, SECOND};

use crate::App;
use crate::context::Caller;
use crate::world::guard;

/// The requests of each client in its running minute: since when, and how many.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<ClientNumber, (Instant, u32)>>);

/// How a client stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests a minute.
    pub limit: u32,
    /// What is left of them.
    pub left: u32,
    /// Seconds until the minute is over, at least 1.
    pub reset_s: u32,
    /// Whether this request was one too many.
    pub refused: bool,
}

/// Counts a request of a client; none where no limit is set, or who calls is no program.
#[must_use]
pub fn count(app: &App, caller: &Caller) -> Option<Standing> {
    let limit = app.settings().rate_per_client?;
    let number = match caller {
        Caller::Client { number, .. } => number,
        Caller::Account { through: Some(through), .. } => &through.client,
        _ => return None,
    };
    Some(app.rates().count(*number, limit, app.now()))
}

impl Rates {
    fn count(&self, client: ClientNumber, limit: u32, now: Instant) -> Standing {
        let mut counts = guard(&self.0);
        let entry = counts.entry(client).or_insert((now, 0));
        if now >= entry.0.plus(MINUTE) || now < entry.0 {
            *entry = (now, 0);
        }
        let refused = entry.1 >= limit;
        entry.1 += u32::from(!refused);
        let rest = entry.0.plus(MINUTE).0 - now.0;
        let reset_s = u32::try_from((rest + SECOND - 1) / SECOND).unwrap_or(60).max(1);
        Standing { limit, left: limit - entry.1, reset_s, refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_holds_so_many_requests_of_each_client() {
        let rates = Rates::default();
        let at = |seconds: i64| Instant(1_000_000_000).plus(seconds * SECOND);
        let ask = |client: u32, seconds| rates.count(ClientNumber(client), 2, at(seconds));
        let standing = |left, reset_s, refused| Standing { limit: 2, left, reset_s, refused };
        assert_eq!(ask(1, 0), standing(1, 60, false));
        assert_eq!(ask(1, 20), standing(0, 40, false));
        assert_eq!(ask(1, 59), standing(0, 1, true));
        assert_eq!(ask(2, 59), standing(1, 60, false));
        assert_eq!(ask(1, 60), standing(1, 60, false));
    }
}
