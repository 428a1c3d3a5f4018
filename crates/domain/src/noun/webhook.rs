//! Webhook: who wants to hear of events.

use super::Header;
use super::event::EventKind;
use crate::ids::{LockNumber, WebhookNumber};
use crate::time::Instant;

/// A subscription to events of a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// What every record has.
    pub header: Header,
    /// Where deliveries go.
    pub url: String,
    /// Which kinds of event; all where empty.
    pub events: Vec<EventKind>,
    /// Which locks; all where empty.
    pub locks: Vec<LockNumber>,
    /// The form of the body: `standard`, or a vendor's.
    pub format: String,
    /// The sealed signing secret.
    pub secret: Vec<u8>,
    /// The sealed secret before rotation, and until when both sign.
    pub previous_secret: Option<(Vec<u8>, Instant)>,
    /// Since when only failures have been seen.
    pub failing_since: Option<Instant>,
    /// When it was disabled after too many failures.
    pub disabled_at: Option<Instant>,
}

impl Webhook {
    /// This webhook's number.
    #[must_use]
    pub fn number(&self) -> WebhookNumber {
        WebhookNumber(self.header.number)
    }
}

/// What a caller sets on a webhook; an absent field is left as it is.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct WebhookEdit {
    pub external_id: Option<Option<String>>,
    pub url: Option<String>,
    pub events: Option<Vec<EventKind>>,
    pub locks: Option<Vec<LockNumber>>,
    pub format: Option<String>,
    pub secret: Option<Vec<u8>>,
}
