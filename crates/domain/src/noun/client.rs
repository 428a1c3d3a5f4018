//! API client: a program with an OAuth2 client or an API key.

use super::{Header, words};
use crate::ids::{ClientNumber, ControllerNumber, OrganizationNumber, PlaceNumber};
use crate::noun::scope::Scopes;
use crate::time::Instant;

words! {
    /// How the program proves itself.
    ClientKind {
        /// Exchanges id and secret for short-lived tokens.
        Oauth2 "oauth2",
        /// Sends its secret with each request.
        ApiKey "api_key",
        /// Sends its secret with each request, to a vendor's API whose programs know no other than
        /// 32 hexadecimal digits; the native API takes none such. Made at the command line.
        PlainToken "plain_token",
        /// Cannot keep a secret, such as a page or an app: acts for people alone, who are sent back
        /// to it.
        Public "public",
    }
}

impl ClientKind {
    /// Whether it is known by the secret that it sends with each request.
    #[must_use]
    pub fn sends_secret(self) -> bool {
        matches!(self, ClientKind::ApiKey | ClientKind::PlainToken)
    }
}

/// A program with scopes, for some places (or for one controller's locks).
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// Kept in place 0.
    pub header: Header,
    /// Whose it is.
    pub organization: OrganizationNumber,
    /// What people call it.
    pub name: String,
    /// How it proves itself.
    pub kind: ClientKind,
    /// SHA-256 of its secret; of one that nobody was told where it is public.
    pub secret: [u8; 32],
    /// SHA-256 of the secret before rotation, and until when that one still works.
    pub previous_secret: Option<([u8; 32], Instant)>,
    /// What it may do.
    pub scopes: Scopes,
    /// Where it may.
    pub places: Vec<PlaceNumber>,
    /// The one controller for whose locks it may decide and report.
    pub controller: Option<(PlaceNumber, ControllerNumber)>,
    /// Where people who let it act for them are sent back to: addresses, compared exactly.
    pub redirect_uris: Vec<String>,
    /// From then on it is refused.
    pub expires_at: Option<Instant>,
}

impl Client {
    /// This client's number.
    #[must_use]
    pub fn number(&self) -> ClientNumber {
        ClientNumber(self.header.number)
    }
}
