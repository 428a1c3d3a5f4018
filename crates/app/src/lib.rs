//! The use cases of Claviger: authorise, let the rules decide what changes, commit, record; and the
//! work in the background. One file per noun.
//!
//! Must not know HTTP, SQL or any vendor's words.

mod clock;
mod context;
mod error;
mod object;
mod outbox;
mod plan;
mod privacy;
mod random;
mod read;
mod retention;
#[cfg(test)]
mod testing;
mod work;
mod world;
mod writer;

pub mod access_level;
pub mod account;
pub mod auth;
pub mod backup;
pub mod change;
pub mod client;
pub mod consent;
pub mod controller;
pub mod credential;
pub mod decision;
pub mod delivery;
pub mod doorbell;
pub mod event;
pub mod export;
pub mod grant;
pub mod idempotency;
pub mod import;
pub mod invitation;
pub mod jobs;
pub mod key;
pub mod lock;
pub mod mail;
pub mod offline;
pub mod operation;
pub mod person;
pub mod place;
pub mod program;
pub mod provider;
pub mod provision;
pub mod rate;
pub mod schedule;
pub mod session;
pub mod setup;
pub mod sharing;
pub mod signed;
pub mod webhook;

use std::any::Any;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use claviger_domain::ids::PlaceNumber;
use claviger_domain::state::PlaceState;
use claviger_store::Head;
use tokio::sync::{oneshot, watch};

// What the binary needs of the crates below, which it does not see itself.
pub use claviger_domain::ids::Id;
pub use claviger_domain::noun::grant::Via;
pub use claviger_domain::refusal::{FieldError, Refusal};
pub use claviger_domain::time::{Instant, Zone};
pub use claviger_store::dump::is_half_restored;
pub use claviger_store::migrate::{known_schema, schema_number};
pub use claviger_store::{
    Claim, Db, Device, FolderLock, Location, Secrets, Store, StoreError, io_words,
};
pub use clock::Clock;
pub use context::{Caller, Context, Encode, Expected, Keep, Kept, Left, Through};
pub use error::Error;
pub use outbox::{Format, Tells, Told};
pub use plan::{PlanRow, Planned};
pub use random::{hex, sha256};
pub use read::{Gone, Page, Paging, Seen};
pub use work::Work;

use world::World;
use writer::{Job, Writer};

/// How a server is run, beyond where its data is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder for mails that wait to be fetched by the operator.
    pub outbox: PathBuf,
    /// The address people reach the server by, for links in mails.
    pub public_url: String,
    /// The server's clock.
    pub clock: Clock,
    /// How many requests a minute an API client may send; none: as many as it likes.
    pub rate_per_client: Option<u32>,
    /// Through what mails are sent; none: they stay in the outbox folder.
    pub smtp: Option<mail::Smtp>,
    /// The file in which epochs of locks are noted, outside the database; none: nowhere.
    pub epochs: Option<PathBuf>,
    /// Whether nothing is signed for locks with no network until an operator has said that the
    /// clock is right.
    pub waits_for_clock: bool,
}

impl Settings {
    /// The least that must be said; the rest as it is unless somebody says otherwise.
    #[must_use]
    pub fn new(outbox: PathBuf, public_url: String) -> Settings {
        let clock = Clock::default();
        Settings {
            outbox,
            public_url,
            clock,
            rate_per_client: None,
            smtp: None,
            epochs: None,
            waits_for_clock: false,
        }
    }
}

/// Everything a use case works with; cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    world: Arc<World>,
    writer: Writer,
    recorder: decision::Recorder,
    settings: Settings,
    limits: auth::Limits,
    rates: rate::Rates,
    twins: idempotency::Twins,
    hashing: session::Hashing,
    waiting: Arc<decision::Waiting>,
    recording: decision::Recording,
    held: object::Held,
    lines: provision::Lines,
    signers: Arc<offline::Signers>,
}

/// How much a server holds in memory.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Places.
    pub places: usize,
    /// Open grants in all of them.
    pub grants: usize,
}

/// What a write made: the value, or only its plan.
#[derive(Clone, Debug)]
pub enum Written<T> {
    /// It is durable.
    Done {
        /// What the use case made.
        value: T,
        /// The revision of the place after it.
        revision: u64,
        /// The place after it; none where the directory was changed.
        state: Option<Box<PlaceState>>,
        /// The rights that were taken back at lists and at locks with no network.
        taken_back: Option<Box<provision::TakenBack>>,
    },
    /// Nothing was written.
    Planned(Box<Planned>),
}

impl App {
    /// Loads everything and starts the writer. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// What the store says.
    pub async fn start(
        store: Store,
        settings: Settings,
    ) -> Result<App, claviger_store::StoreError> {
        let loaded = store.load().await?;
        let mut directory = claviger_domain::state::Directory::default();
        let mut heads: HashMap<PlaceNumber, Head> = HashMap::new();
        loaded.directory.iter().for_each(|record| directory.apply(record));
        // What was deleted last is not among the records, but counts.
        directory.revision = directory.revision.max(loaded.directory_head.revision);
        heads.insert(PlaceNumber(0), loaded.directory_head);
        let mut places = Vec::new();
        for (noun, number) in loaded.directory_numbers {
            directory.reserve(noun, number);
        }
        for (state, head) in loaded.places {
            directory.reserve(claviger_domain::ids::Noun::Place, state.place.number().0);
            heads.insert(state.place.number(), head);
            places.push(state);
        }
        let world = Arc::new(World::new(directory, places));
        provision::load(&store, &world).await?;
        offline::load(&store, &world).await?;
        let (secrets, kept) = (store.secrets().clone(), store.issuers().await?);
        let signers = Arc::new(offline::Signers::new(secrets, kept, &settings));
        let (kept, shown, clock) = (store.clone(), world.clone(), settings.clock);
        let outbox = mail::Outbox::of(&settings, store.clone());
        let writer = Writer::start(kept, shown, clock, heads, signers.clone(), outbox);
        let waiting = Arc::new(decision::Waiting::default());
        let recorder = decision::Recorder::start(store.clone(), world.clone(), waiting.clone());
        let app = App {
            inner: Arc::new(Inner {
                store,
                world,
                writer,
                recorder,
                settings,
                limits: auth::Limits::default(),
                rates: rate::Rates::default(),
                twins: idempotency::Twins::default(),
                hashing: session::Hashing::default(),
                waiting,
                recording: decision::Recording::default(),
                held: object::Held::default(),
                lines: provision::Lines::default(),
                signers,
            }),
        };
        decision::rebuild_attempts(&app).await?;
        offline::begin(&app).await;
        Ok(app)
    }

    /// The instant it is.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.inner.settings.clock.now()
    }

    /// An instant that has certainly come, as far as the clock is believed: what is over by it is.
    pub(crate) fn sure_now(&self) -> Instant {
        self.signers().sure(self.now())
    }

    /// Turns true when the server ends and no answer is to be held open any longer.
    #[must_use]
    pub fn ending(&self) -> watch::Receiver<bool> {
        self.lines().ending()
    }

    /// How the server is run.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// How much there is.
    #[must_use]
    pub fn size(&self) -> Size {
        let places = self.world().places();
        let grants = places.iter().map(|cell| cell.state().grants.len()).sum();
        Size { places: places.len(), grants }
    }

    /// Whether storage answers.
    pub async fn is_ready(&self) -> bool {
        self.store().revisions().await.is_ok()
    }

    /// Adds the forms of deliveries that vendors have, before anything is served; said again
    /// it changes nothing.
    pub fn add_formats(&self, formats: Vec<Format>) {
        self.world().set_formats(formats);
    }

    /// The store, for whoever closes it at the end.
    #[must_use]
    pub fn storage(&self) -> Store {
        self.inner.store.clone()
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.inner.world
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        self.inner.store.secrets()
    }

    pub(crate) fn limits(&self) -> &auth::Limits {
        &self.inner.limits
    }

    pub(crate) fn rates(&self) -> &rate::Rates {
        &self.inner.rates
    }

    pub(crate) fn hashing(&self) -> &session::Hashing {
        &self.inner.hashing
    }

    /// How many passwords were hashed since the server started: what a log-in takes is told by it,
    /// and nothing else may be.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.inner.hashing.count()
    }

    pub(crate) fn recorder(&self) -> &decision::Recorder {
        &self.inner.recorder
    }

    pub(crate) fn waiting(&self) -> &decision::Waiting {
        &self.inner.waiting
    }

    pub(crate) fn recording(&self) -> &decision::Recording {
        &self.inner.recording
    }

    pub(crate) fn lines(&self) -> &provision::Lines {
        &self.inner.lines
    }

    pub(crate) fn signers(&self) -> &offline::Signers {
        &self.inner.signers
    }

    pub(crate) fn held(&self) -> &object::Held {
        &self.inner.held
    }

    /// The published state of a place.
    pub(crate) fn state(&self, place: PlaceNumber) -> Result<Arc<PlaceState>, Error> {
        let cell =
            self.world().cell(place).ok_or(Error::not_found(claviger_domain::ids::Noun::Place))?;
        Ok(arc_swap::Guard::into_inner(cell.state()))
    }
}

impl Context {
    /// Runs a wish: through the writer, or for its plan only where that is asked. `place` is the
    /// place whose revision is answered; none for the directory.
    pub(crate) async fn write<T: Any + Send>(
        &self,
        place: Option<PlaceNumber>,
        wish: impl Fn(&mut Work) -> Result<T, Error> + Send + 'static,
    ) -> Result<Written<T>, Error> {
        if self.dry_run {
            return Ok(Written::Planned(Box::new(plan::dry_run(self, wish)?)));
        }
        let ctx = self.clone();
        let (answer, answered) = oneshot::channel();
        let job = Job {
            place,
            actor: self.caller.actor(),
            wish: Box::new(move |work| {
                ctx.begin();
                let value = wish(work)?;
                ctx.check_compared()?;
                work.agreed_at = plan::check(&ctx, work)?;
                work.reason.clone_from(&ctx.reason);
                Ok(Box::new(value))
            }),
            keep: self.keep.clone(),
            answer,
        };
        self.app.inner.writer.submit(job).await?;
        let done = answered.await.map_err(|_| Error::Unavailable)??;
        let value = done.value.downcast::<T>().map_err(|_| Error::Internal)?;
        let writer::Done { revision, state, taken_back, .. } = done;
        Ok(Written::Done { value: *value, revision, state, taken_back })
    }
}

impl Context {
    /// Runs a wish that has no dry run.
    pub(crate) async fn commit<T: Any + Send>(
        &self,
        place: Option<PlaceNumber>,
        wish: impl Fn(&mut Work) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.write(place, wish).await?.done().ok_or(Error::Internal)
    }
}

impl<T> Written<T> {
    /// The value, where something was written.
    #[must_use]
    pub fn done(self) -> Option<T> {
        match self {
            Written::Done { value, .. } => Some(value),
            Written::Planned(_) => None,
        }
    }
}

/// What a natural upsert did.
#[derive(Clone, Debug, PartialEq)]
pub enum Put<T> {
    /// There was none.
    Created(T),
    /// There was one.
    Replaced(T),
}

impl<T> Put<T> {
    /// What is there after it.
    #[must_use]
    pub fn value(&self) -> &T {
        match self {
            Put::Created(value) | Put::Replaced(value) => value,
        }
    }
}

/// A field that refers to what is not in this place.
pub(crate) fn not_here(pointer: impl Into<String>, detail: &str) -> Error {
    Error::Refused(claviger_domain::refusal::Refusal::field(pointer, "not_found", detail))
}
