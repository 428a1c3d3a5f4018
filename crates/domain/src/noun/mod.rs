//! The nouns as plain values, and what each caller may set on them.
//!
//! A noun here knows how to be written down and checked; rules that need other records are in
//! `command`, and the rules of access in `decision`.

pub mod access_level;
pub mod account;
pub mod card;
pub mod client;
pub mod controller;
pub mod credential;
pub mod event;
pub mod grant;
pub mod lock;
pub mod person;
pub mod place;
pub mod role;
pub mod schedule;
pub mod scope;
pub mod webhook;

use crate::ids::Id;
use crate::time::Instant;

/// What every record has, whatever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Counted per place and noun, never reused.
    pub number: u32,
    /// The public id.
    pub id: Id,
    /// The caller's own name for it, unique per noun in its place.
    pub external_id: Option<String>,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// The place's revision that last changed it.
    pub revision: u64,
    /// When it was deleted; the row stays, empty of personal data.
    pub deleted_at: Option<Instant>,
}

impl Header {
    /// Whether it was deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }
}

/// A JSON object as canonical text: kept for the caller, never read by a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Json(pub String);

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The server itself (retention, expiry).
    System,
    /// The operator at the command line.
    Operator,
    /// A program.
    Client(Id),
    /// A human's log-in.
    Account(Id),
    /// A human's log-in, where it is not to be known whose.
    Somebody,
}

impl Actor {
    /// The word for its kind.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Actor::System => "system",
            Actor::Operator => "operator",
            Actor::Client(_) => "client",
            Actor::Account(_) | Actor::Somebody => "account",
        }
    }

    /// Its id, where it has one.
    #[must_use]
    pub fn id(self) -> Option<Id> {
        match self {
            Actor::System | Actor::Operator | Actor::Somebody => None,
            Actor::Client(id) | Actor::Account(id) => Some(id),
        }
    }
}

macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident $text:literal,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All values.
            pub const ALL: &[$name] = &[$($name::$variant,)*];
            /// The words, in the same order.
            pub const WORDS: &[&str] = &[$($text,)*];

            /// The word on the wire and in storage.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The value with that word.
            #[must_use]
            pub fn parse(text: &str) -> Option<$name> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Why a right or membership was closed.
    CloseReason {
        /// Somebody revoked it.
        Revoked "revoked",
        /// Somebody revoked it; the card that holds its keys gives them up when it is next written.
        LeftToCard "left_to_card",
        /// Its person or credential was deleted.
        SubjectDeleted "subject_deleted",
        /// Its lock or access level was deleted.
        TargetDeleted "target_deleted",
        /// Its lock was taken out of the level, or its person out of the group.
        Removed "removed",
        /// Its lock is not shared to the place any more.
        Unshared "unshared",
        /// It ended long ago by itself.
        Expired "expired",
        /// The sharing right it was made under was closed.
        IssuerClosed "issuer_closed",
    }
}

/// The end of a right or membership: never erased, only closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When.
    pub at: Instant,
    /// By whom.
    pub by: Actor,
    /// Why.
    pub reason: CloseReason,
}
