//! Commits: what one transaction writes, in one place or several, all of it or nothing.
//!
//! Each place has one guarded row. A commit says which revision it was decided on; when the place
//! has moved since, nothing is stored and the caller decides again.
//!
//! Must not decide anything, or give numbers, revisions or hashes: they come with the commit.

mod rows;

pub(crate) use rows::row_place;

use claviger_domain::draft::Write;
use claviger_domain::ids::{ControllerNumber, Id, PlaceNumber};
use claviger_domain::noun::event::Event;
use claviger_domain::provision::Revocation;
use claviger_domain::time::Instant;

use crate::answers::{self, StoredAnswer};
use crate::erase;
use crate::events::{self, EventBatch};
use crate::lists::{self, ListWrite};
use crate::mails::{self, NewMail};
use crate::offline::{self, Device, OfflineWrite};
use crate::operations::{self, Operation};
use crate::outbox::NewDelivery;
use crate::reasons::{self, Reason};
use crate::trail::{self, TrailRow};
use crate::{Batch, Outcome, Statement, Store, StoreError, values};

/// How far a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// Its commits so far; 0 for a place that has none yet.
    pub revision: u64,
    /// The last row of its trail.
    pub trail_seq: u64,
    /// That row's hash; [`crate::TRAIL_START`] where there is none.
    pub trail_hash: [u8; 32],
}

/// What a commit writes in one place. Records of the directory (organizations, accounts, clients,
/// tickets) belong to place 0; a place's own record is kept under its own number, whichever part
/// it comes with.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which place.
    pub place: PlaceNumber,
    /// Where it must stand.
    pub before: Head,
    /// Where it stands then; a revision higher by the number of commands, and the same where there
    /// are only events, deliveries, operations and lists.
    pub after: Head,
    /// Records, in the order of the commands; several of one record are written as the last.
    pub writes: Vec<Write>,
    /// The commands.
    pub trail: Vec<TrailRow>,
    /// Why, of those that were given a reason.
    pub reasons: Vec<Reason>,
    /// Events; those whose ids are known already are left out.
    pub events: Vec<Event>,
    /// Deliveries.
    pub deliveries: Vec<NewDelivery>,
    /// Stored results.
    pub operations: Vec<Operation>,
    /// What became of lists, of this or another place's controllers.
    pub lists: Vec<ListWrite>,
    /// Controllers of this place that keep no list any more.
    pub dropped: Vec<ControllerNumber>,
    /// Rights that lists, or keys of locks with no network, hold and that were taken back.
    pub revocations: Vec<Revocation>,
    /// What became of locks with no network.
    pub offline: Vec<OfflineWrite>,
    /// Devices that were enrolled.
    pub devices: Vec<Device>,
    /// Mails that follow from it.
    pub mails: Vec<NewMail>,
}

impl Part {
    /// A part that writes nothing yet.
    #[must_use]
    pub fn new(place: PlaceNumber, before: Head) -> Part {
        Part {
            place,
            before,
            after: before,
            writes: Vec::new(),
            trail: Vec::new(),
            reasons: Vec::new(),
            events: Vec::new(),
            deliveries: Vec::new(),
            operations: Vec::new(),
            lists: Vec::new(),
            dropped: Vec::new(),
            revocations: Vec::new(),
            offline: Vec::new(),
            devices: Vec::new(),
            mails: Vec::new(),
        }
    }
}

/// What one transaction writes.
#[derive(Clone, Debug)]
pub struct Commit {
    /// By which it is found when the answer to it was lost; fresh for each.
    pub id: Id,
    /// When.
    pub at: Instant,
    /// At most one part for each place.
    pub parts: Vec<Part>,
    /// Answers to be kept for whoever asks again.
    pub answers: Vec<StoredAnswer>,
}

/// How a commit ended that met no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Stored, and on the disk.
    Done,
    /// That place is not where the commit took it to be. Nothing is stored.
    RaceLost(PlaceNumber),
}

/// How often a commit is tried again without the events that others stored in the meantime.
const ATTEMPTS: u32 = 4;

const ADVANCE: &str = "update heads set revision = ?3, trail_seq = ?4, trail_hash = ?5 \
     where place = ?1 and revision = ?2";
const BEGIN: &str = "insert into heads (place, revision, trail_seq, trail_hash) \
     values (?1, ?2, ?3, ?4) on conflict (place) do nothing";
const NOTE: &str = "insert into commits (id, at) values (?1, ?2)";
const NOTE_IF_MISSING: &str =
    "insert into commits (id, at) values (?1, ?2) on conflict (id) do nothing";

impl Store {
    /// Stores a commit.
    ///
    /// # Errors
    /// Nothing is stored, whatever the error: a connection lost while committing is followed up
    /// until it is known. [`StoreError::Conflict`] on `answers` means that the same request was
    /// answered before; [`StoreError::Rejected`] that the commit does not hold together.
    pub async fn commit(&self, mut commit: Commit) -> Result<Committed, StoreError> {
        commit.parts.sort_by_key(|part| part.place);
        commit.check()?;
        for part in &mut commit.parts {
            events::drop_twins(&mut part.events);
        }
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.db.write(commit.batch()).await {
                Ok(Outcome::Done { .. }) => {
                    self.note_erased(&commit);
                    return Ok(Committed::Done);
                }
                Ok(Outcome::RaceLost { step }) => return commit.lost_at(step),
                Err(StoreError::CommitUnknown) => return self.settle(&commit).await,
                Err(error @ (StoreError::Conflict { .. } | StoreError::Constraint { .. })) => {
                    // PostgreSQL may notice what a lost race brings before the guard is looked at.
                    if let Some(place) = self.moved(&commit).await? {
                        return Ok(Committed::RaceLost(place));
                    }
                    if !events::is_known_event(&error) || attempt >= ATTEMPTS {
                        return Err(error);
                    }
                    for part in &mut commit.parts {
                        self.drop_known(part.place, &mut part.events, &mut part.deliveries).await?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Finds out what became of a commit whose answer was lost. Noting its id waits for the
    /// transaction that may still be open, and keeps it from being stored afterwards.
    async fn settle(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let mut batch = Batch::new();
        batch.guard(NOTE_IF_MISSING, values![commit.id, commit.at]);
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.db.write(batch.clone()).await {
                Ok(Outcome::RaceLost { .. }) => return Ok(Committed::Done),
                Ok(Outcome::Done { .. }) => {
                    return Err(StoreError::unavailable("the connection was lost; nothing stored"));
                }
                Err(error) if attempt >= ATTEMPTS => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// The first place of the commit that is not where the commit takes it to be.
    async fn moved(&self, commit: &Commit) -> Result<Option<PlaceNumber>, StoreError> {
        for part in &commit.parts {
            if self.head(part.place).await?.unwrap_or_default().revision != part.before.revision {
                return Ok(Some(part.place));
            }
        }
        Ok(None)
    }

    /// How far a place is; none for a place without commits.
    ///
    /// # Errors
    /// As for any read.
    pub async fn head(&self, place: PlaceNumber) -> Result<Option<Head>, StoreError> {
        let sql = "select revision, trail_seq, trail_hash from heads where place = ?1";
        let rows = self.db.read(Statement::new(sql, values![place])).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (revision, trail_seq, trail_hash) = (row.u64(0)?, row.u64(1)?, row.array(2)?);
        Ok(Some(Head { revision, trail_seq, trail_hash }))
    }
}

impl Commit {
    /// Whether its parts hold together; a commit that does not is a defect of the caller.
    fn check(&self) -> Result<(), StoreError> {
        let wrong = |place: PlaceNumber, what: &str| {
            Err(StoreError::Rejected { reason: format!("the commit for place {place}: {what}") })
        };
        for pair in self.parts.windows(2) {
            if let [one, other] = pair
                && one.place == other.place
            {
                return wrong(one.place, "two parts");
            }
        }
        for part in &self.parts {
            if part.after.revision < part.before.revision || part.after.revision == 0 {
                return wrong(part.place, "the revision falls");
            }
            let changes = !part.writes.is_empty() || !part.trail.is_empty();
            if changes && part.after.revision == part.before.revision {
                return wrong(part.place, "what is written makes no revision");
            }
            let mut last = (part.before.trail_seq, part.before.trail_hash);
            for row in &part.trail {
                if row.seq != last.0 + 1 || row.hash != row.link(part.place, &last.1) {
                    return wrong(part.place, "the trail is not chained");
                }
                last = (row.seq, row.hash);
            }
            if last != (part.after.trail_seq, part.after.trail_hash) {
                return wrong(part.place, "the trail does not end where the head says");
            }
        }
        Ok(())
    }

    /// Guards come first, in ascending order of place, so that two commits cannot wait for one
    /// another; step `n` is the guard of part `n`. Guards after them say what grants point at.
    fn batch(&self) -> Batch {
        let mut batch = Batch::new();
        for Part { place, before, after, .. } in &self.parts {
            if before.revision == 0 {
                let args = values![*place, after.revision, after.trail_seq, after.trail_hash];
                batch.guard(BEGIN, args);
            } else {
                let moved = values![after.revision, after.trail_seq, after.trail_hash];
                batch.guard(ADVANCE, [values![*place, before.revision], moved].concat());
            }
        }
        batch.run(NOTE, values![self.id, self.at]);
        rows::append(&mut batch, self);
        for part in &self.parts {
            trail::append(&mut batch, part.place, &part.trail);
            // A device that calls while it is deleted is none.
            offline::append(&mut batch, part);
            erase::append(&mut batch, part);
            mails::append(&mut batch, part.place, &part.mails);
            reasons::append(&mut batch, part);
            operations::append(&mut batch, part.place, &part.operations);
            lists::append(&mut batch, part);
        }
        answers::append(&mut batch, &self.answers);
        for part in &self.parts {
            EventBatch::append(&mut batch, part.place, &part.events, &part.deliveries);
        }
        batch
    }

    fn lost_at(&self, step: usize) -> Result<Committed, StoreError> {
        match self.parts.get(step) {
            Some(part) => Ok(Committed::RaceLost(part.place)),
            None => Err(StoreError::Constraint { rule: "foreign key", name: "grants".to_owned() }),
        }
    }
}
