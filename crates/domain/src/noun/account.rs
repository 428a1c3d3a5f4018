//! Account: one human's global log-in; and tickets, the short-lived secrets that let somebody in.

use super::{Header, words};
use crate::ids::{AccountNumber, ClientNumber, PlaceNumber};
use crate::noun::scope::Scopes;
use crate::time::Instant;

/// One human's global log-in. Holds no names; never deleted by a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Kept in place 0.
    pub header: Header,
    /// Compared case-folded.
    pub email: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// When the mailed or texted secret came back.
    pub proven_at: Option<Instant>,
    /// An argon2id hash in PHC form. Until the account is proven it is what a place has preset: the
    /// account is then nobody but that place's person, and the proof puts another in its stead.
    pub password: Option<String>,
}

impl Account {
    /// This account's number.
    #[must_use]
    pub fn number(&self) -> AccountNumber {
        AccountNumber(self.header.number)
    }
}

words! {
    /// What a ticket is for.
    TicketKind {
        /// An OAuth2 access token of a client.
        AccessToken "access_token",
        /// A log-in session of an account.
        Session "session",
        /// The first administrator's one-time code.
        SetupCode "setup_code",
        /// A mailed secret that sets a password anew.
        PasswordReset "password_reset",
        /// An invitation to a place, with a mailed secret while the account is not proven.
        Invitation "invitation",
    }
}

/// A secret known by its SHA-256 only, for one purpose, until it expires or is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    /// Kept in place 0.
    pub header: Header,
    /// What for.
    pub kind: TicketKind,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// The client of an access token.
    pub client: Option<ClientNumber>,
    /// The account of a session, reset or invitation.
    pub account: Option<AccountNumber>,
    /// The place of a set-up code or invitation.
    pub place: Option<PlaceNumber>,
    /// What an access token may do.
    pub scopes: Scopes,
    /// The e-mail of a set-up code.
    pub email: Option<String>,
    /// From then on it is nothing.
    pub expires_at: Instant,
}

impl Ticket {
    /// A ticket that is not about anybody or anything yet.
    #[must_use]
    pub fn new(header: Header, kind: TicketKind, hash: [u8; 32], expires_at: Instant) -> Ticket {
        Ticket {
            header,
            kind,
            hash,
            client: None,
            account: None,
            place: None,
            scopes: Scopes::NONE,
            email: None,
            expires_at,
        }
    }
}
