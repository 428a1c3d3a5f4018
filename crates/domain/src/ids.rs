//! Ids and numbers: the one list of nouns, their number types, and how new UUIDv7 ids are made.
//!
//! Must not read a clock or randomness: an [`IdSource`] is handed in.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::time::Instant;

/// A public id: a UUID. Which noun it names is known from where it is looked up.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(pub [u8; 16]);

impl Hash for Id {
    /// As one number: locks are found by their ids on the way of a decision.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u128(u128::from_ne_bytes(self.0));
    }
}

impl Id {
    /// Reads the hyphenated form, either case; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Id> {
        if text.len() != 36 {
            return None;
        }
        uuid::Uuid::try_parse(text).ok().map(|id| Id(id.into_bytes()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(out)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// How a caller names a thing: by public id, or by its own external id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ref {
    /// The public id.
    Id(Id),
    /// The caller's own id, written `external:<external_id>`.
    External(String),
}

impl Ref {
    /// Reads either form; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Ref> {
        match text.strip_prefix("external:") {
            Some(external) => {
                crate::text::is_external_id(external).then(|| Ref::External(external.to_owned()))
            }
            None => Id::parse(text).map(Ref::Id),
        }
    }
}

/// Makes UUIDv7 ids (RFC 9562) for one command: one millisecond stamp, a random start, then
/// counting, so that ids of one command are unique and in the order they were made.
#[derive(Clone, Debug)]
pub struct IdSource {
    millis: u64,
    next: u128,
}

impl IdSource {
    /// A source for a command at `now`; `random` must be fresh for every command.
    #[must_use]
    pub fn new(now: Instant, random: [u8; 16]) -> IdSource {
        let millis = u64::try_from(now.0.div_euclid(1000)).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
        // What is within the millisecond comes next (RFC 9562, 6.2, method 3), so that ids of
        // different commands are in the order of their instants.
        let within = u128::from(now.0.rem_euclid(1000).unsigned_abs()) * 4096 / 1000;
        // The top bit stays clear so that counting up never runs over the 62 bits there are.
        IdSource { millis, next: within << 62 | u128::from_be_bytes(random) & ((1 << 61) - 1) }
    }

    /// The next id.
    pub fn next_id(&mut self) -> Id {
        let random = self.next;
        self.next += 1;
        let high = (random >> 62) & 0xFFF;
        let low = random & ((1 << 62) - 1);
        let bits = u128::from(self.millis) << 80 | 7 << 76 | high << 64 | 0b10 << 62 | low;
        Id(bits.to_be_bytes())
    }
}

macro_rules! nouns {
    ($($(#[$doc:meta])* $noun:ident $text:literal $code:literal $number:ident,)*) => {
        /// Every kind of thing that is kept as a numbered record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Noun { $($(#[$doc])* $noun = $code,)* }

        impl Noun {
            /// All nouns, in the order of their codes.
            pub const ALL: &[Noun] = &[$(Noun::$noun,)*];

            /// The word used in storage, the change trail and texts.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Noun::$noun => $text,)* }
            }

            /// The noun with that storage word.
            #[must_use]
            pub fn parse(text: &str) -> Option<Noun> {
                match text { $($text => Some(Noun::$noun),)* _ => None }
            }
        }

        $(
            #[doc = concat!("The number of a ", $text, ": counted per place, never reused.")]
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
            pub struct $number(pub u32);

            impl fmt::Display for $number {
                fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(out) }
            }

            impl fmt::Debug for $number {
                fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(out, concat!($text, "#{}"), self.0)
                }
            }

            impl From<u32> for $number {
                fn from(number: u32) -> $number { $number(number) }
            }

            impl From<$number> for u32 {
                fn from(number: $number) -> u32 { number.0 }
            }
        )*
    };
}

nouns! {
    /// Who runs Claviger for some places (kept in place 0).
    Organization "organization" 1 OrganizationNumber,
    /// The unit of administration and of isolation.
    Place "place" 2 PlaceNumber,
    /// One human's global log-in (kept in place 0).
    Account "account" 3 AccountNumber,
    /// A program with an OAuth2 client or API key (kept in place 0).
    Client "client" 4 ClientNumber,
    /// An access token, session or one-time secret (kept in place 0).
    Ticket "ticket" 5 TicketNumber,
    /// How one place knows a human.
    Person "person" 6 PersonNumber,
    /// Something presented at a lock.
    Credential "credential" 7 CredentialNumber,
    /// A thing that connects locks.
    Controller "controller" 8 ControllerNumber,
    /// A door, gate, cabinet or machine.
    Lock "lock" 9 LockNumber,
    /// One place's offer of a lock to another.
    Share "share" 10 ShareNumber,
    /// A named set of locks.
    AccessLevel "access_level" 11 AccessLevelNumber,
    /// One lock's time in one access level.
    Membership "membership" 12 MembershipNumber,
    /// When.
    Schedule "schedule" 13 ScheduleNumber,
    /// The one edge: subject to target.
    Grant "grant" 14 GrantNumber,
    /// Who wants to hear of events.
    Webhook "webhook" 15 WebhookNumber,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_in_order_and_read_back() {
        let mut source = IdSource::new(Instant(1_700_000_000_000_000), [0xFF; 16]);
        let ids: Vec<Id> = (0..100).map(|_| source.next_id()).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
        let text = ids[0].to_string();
        assert_eq!(&text[..8], "018bcfe5");
        assert_eq!((&text[14..15], Id::parse(&text)), ("7", Some(ids[0])));
        assert_eq!(Id::parse("018bcfe5680000000000000000000000"), None);
    }
}
