//! What Claviger knows, loaded and committed, on SQLite or PostgreSQL.
//!
//! `db` is the only module that knows there are two engines; `migrate` keeps the schema,
//! `secrets` what the database must not hold, `folder` keeps a second server out.
//!
//! Above them a [`Store`] keeps the records of the domain. `rows` describes each noun's table once;
//! `commit` writes records, their history and their trail; `load` reads what is live at start,
//! `catch_up` what another node wrote, `closed` what memory lacks, and `as_of` turns a place back.
//! `events`, `outbox`, `answers` and `operations` keep what stands beside the records.
//!
//! Must not: know HTTP or any vendor, read a clock, or decide anything.

mod answers;
mod as_of;
mod catch_up;
mod cells;
mod closed;
mod commit;
pub mod db;
mod digits;
pub mod dump;
mod epochs;
mod erase;
mod error;
mod events;
mod folder;
mod lists;
mod load;
mod mails;
pub mod migrate;
mod offline;
mod operations;
mod outbox;
#[cfg(test)]
mod plans;
mod purge;
mod reasons;
mod rows;
pub mod secrets;
mod store;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timetable;
mod trail;

pub use answers::StoredAnswer;
pub use as_of::{as_of, with_grants};
pub use catch_up::CaughtUp;
pub use claviger_domain::draft::Write;
pub use closed::{ClosedGrants, Past, PastHolder, PastLock, Undo};
pub use commit::{Commit, Committed, Head, Part};
pub use db::{Batch, Claim, Db, Engine, Location, Outcome, Row, Statement, Step, Value};
pub use digits::Digits;
pub use epochs::Epochs;
pub use error::{StoreError, io_words};
pub use events::{EventBatch, EventFilter, Filing, Forget};
pub use folder::FolderLock;
pub use lists::ListWrite;
pub use load::Loaded;
pub use mails::{MailReport, MailState, NewMail, WaitingMail};
pub use offline::{Device, OfflineWrite};
pub use operations::Operation;
pub use outbox::{Attempt, Delivery, DeliveryState, Finish, NewDelivery};
pub use reasons::{OldReason, Reason};
pub use secrets::Secrets;
pub use store::Store;
pub use trail::{TRAIL_START, TrailRange, TrailRow, Verified};
