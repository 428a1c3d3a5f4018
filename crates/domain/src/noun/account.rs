//! Account: one human's global log-in; and tickets, the short-lived secrets that let somebody in.

use super::{Header, words};
use crate::ids::{AccountNumber, ClientNumber, PersonNumber, PlaceNumber, TicketNumber};
use crate::noun::grant::Via;
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
        /// Somebody has logged in on a program's behalf and is asked whether it may act for them.
        Question "question",
        /// They said yes: the program exchanges it for tokens.
        Code "code",
        /// A token of a program that acts for somebody.
        ActingToken "acting_token",
        /// Gives such a program another such token, any number of times.
        RefreshToken "refresh_token",
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
    /// Of what a program that acts for somebody is given: what they agreed to.
    pub consent: Option<Consent>,
}

/// What somebody lets a program do for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Consent {
    /// The surface it is for.
    pub via: Via,
    /// What the program may do, in the surface's words.
    pub scope: String,
    /// The code that a token was made of: when the code comes again, the tokens of it end.
    pub code: Option<TicketNumber>,
    /// Where the answer goes; of questions and codes.
    pub redirect_uri: Option<String>,
    /// What the program's proof comes to (RFC 7636, `S256`); of questions and codes.
    pub challenge: Option<[u8; 32]>,
    /// Whether the code was exchanged.
    pub used: bool,
    /// Whom it acts for in the ticket's place, where that is no account.
    pub vouched: Option<Vouched>,
}

/// Somebody of a place for whom an identity provider vouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// The person.
    pub person: PersonNumber,
    /// What tells the identity and the provider's key of that moment from any other. A ticket is
    /// over when they are others.
    pub word: [u8; 32],
}

/// Whose access tokens are counted together: those that were made of one code, or by which a
/// program acts for somebody of a place whom an identity provider vouched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ActsFor {
    client: Option<ClientNumber>,
    code: Option<TicketNumber>,
    vouched: Option<(PlaceNumber, PersonNumber)>,
}

impl Ticket {
    /// With which tokens it is counted, where it is an access token by which a program acts for
    /// somebody.
    #[must_use]
    pub fn acts_for(&self) -> Option<ActsFor> {
        let consent = self.consent.as_ref().filter(|_| self.kind == TicketKind::ActingToken)?;
        let (client, code) = (self.client, consent.code);
        let vouched = self.place.zip(consent.vouched.map(|it| it.person));
        Some(ActsFor { client, code, vouched })
    }

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
            consent: None,
        }
    }
}
