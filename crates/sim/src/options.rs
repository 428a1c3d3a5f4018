//! What a run is asked to do, and whether that can be done at all.
//!
//! Values only; the defaults are the example building at a calm pace.

use std::time::Duration;

use crate::client::Login;

/// The slowest pace: one visit in about three hours.
const SLOWEST: f64 = 0.0001;

/// What a run is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// Like `http://127.0.0.1:8080`.
    pub base_url: String,
    /// Needs `decisions:make`, and to furnish also `people:write`, `credentials:write`,
    /// `locks:write`, `access_levels:write`, `schedules:write` and `grants:write`.
    pub login: Login,
    /// Id of the place.
    pub place: String,
    /// Same seed, same building and same sequence of visits.
    pub seed: u64,
    /// People in the building, at least 1.
    pub people: usize,
    /// Locks in the building, at least 1.
    pub locks: usize,
    /// Access levels in the building.
    pub levels: usize,
    /// Put the building into the place first; otherwise it must stand there already.
    pub furnish: bool,
    /// Let a program written for Unloc's API give and take back access first; needs a client's
    /// [`Login`], `controllers:write` and `locks:write`.
    pub unloc: bool,
    /// Let keys be presented at a machine for a day first; needs `locks:operate` and what
    /// furnishing needs.
    pub machines: bool,
    /// Let a second place share doors with this one first; needs `places:write`, and a login that
    /// may work in the places it makes.
    pub neighbours: bool,
    /// Hang a panel whose locks open by a list into the building; needs `controllers:write`,
    /// `controllers:read`, `locks:operate` and `clients:write` too.
    pub panel: bool,
    /// Visits per second; as fast as `concurrency` allows when none.
    pub rate: Option<f64>,
    /// Stop after so many visits.
    pub visits: Option<u64>,
    /// Stop after so long.
    pub duration: Option<Duration>,
    /// Visits under way at once, at least 1.
    pub concurrency: usize,
    /// Share of requests that are malformed on purpose, from 0 to below 1.
    pub hostile: f64,
    /// How often the caller hears of the tally.
    pub tick: Duration,
}

impl Options {
    /// 300 people, 40 locks and 12 levels at 5 visits a second, without end and without malice.
    pub fn new(base_url: impl Into<String>, place: impl Into<String>, login: Login) -> Options {
        Options {
            base_url: base_url.into(),
            login,
            place: place.into(),
            seed: 1,
            people: 300,
            locks: 40,
            levels: 12,
            furnish: true,
            unloc: false,
            machines: false,
            neighbours: false,
            panel: false,
            rate: Some(5.0),
            visits: None,
            duration: None,
            concurrency: 16,
            hostile: 0.0,
            tick: Duration::from_millis(500),
        }
    }

    /// Says which option makes no sense, if one does not.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        if self.people == 0 || self.locks == 0 {
            Some("a building needs at least one person and one lock")
        } else if self.rate.is_some_and(|rate| !(rate >= SLOWEST && rate.is_finite())) {
            Some("the rate must be at least 0.0001 visits per second")
        } else if self.concurrency == 0 {
            Some("at least one visit must be allowed at once")
        } else if self.unloc && !matches!(self.login, Login::Client { .. }) {
            Some("the Unloc program needs a client id and a secret")
        } else if !(0.0..1.0).contains(&self.hostile) {
            Some("the hostile share must be from 0 to below 1")
        } else if self.tick.is_zero() {
            Some("the tick must be longer than nothing")
        } else {
            None
        }
    }
}
