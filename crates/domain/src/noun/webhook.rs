//! Webhook: who wants to hear of events, or of what became of work that is reported item by item.

use super::event::{Event, EventKind};
use super::{Actor, Header, words};
use crate::ids::{LockNumber, WebhookNumber};
use crate::time::{Instant, SECOND};

/// A subscription to events or to stored results of a place; which of them its format says.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// What every record has.
    pub header: Header,
    /// What people call it.
    pub name: Option<String>,
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
    /// The sealed headers that its deliveries have beside the usual ones.
    pub headers: Option<Vec<u8>>,
    /// Which events are too old to be told: those that came in more seconds after they happened;
    /// none where it is not said.
    pub told_within_s: Option<u32>,
    /// Whether it hears only of results in which something failed.
    pub failures_only: bool,
    /// Who made it: of results it hears of this one's, which nobody else sees.
    pub maker: Actor,
    /// Since when only failures have been seen.
    pub failing_since: Option<Instant>,
    /// When it was disabled, and why.
    pub disabled: Option<(Instant, Disabled)>,
}

words! {
    /// Why a webhook is disabled.
    Disabled {
        /// Only failures were seen for days.
        Failing "failing",
        /// Its endpoint said that it is there no more.
        Gone "gone",
    }
}

impl Webhook {
    /// This webhook's number.
    #[must_use]
    pub fn number(&self) -> WebhookNumber {
        WebhookNumber(self.header.number)
    }

    /// Whether it is to hear of an event, if its form tells such events. Nobody hears of a hidden
    /// one.
    #[must_use]
    pub fn hears(&self, event: &Event) -> bool {
        let late = event.received_at.0.saturating_sub(event.occurred_at.0);
        let in_time = |within_s: u32| late <= i64::from(within_s) * SECOND;
        self.disabled.is_none()
            && !event.hidden
            && (self.events.is_empty() || self.events.contains(&event.kind))
            && (self.locks.is_empty() || self.locks.contains(&event.lock))
            && self.told_within_s.is_none_or(in_time)
    }

    /// Whether it is to hear of somebody's result, if its form tells such results.
    #[must_use]
    pub fn hears_result(&self, maker: Actor, has_failures: bool) -> bool {
        self.disabled.is_none() && self.maker == maker && (has_failures || !self.failures_only)
    }
}

/// What a caller sets on a webhook; an absent field is left as it is.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct WebhookEdit {
    pub external_id: Option<Option<String>>,
    pub name: Option<Option<String>>,
    pub url: Option<String>,
    pub events: Option<Vec<EventKind>>,
    pub locks: Option<Vec<LockNumber>>,
    pub format: Option<String>,
    pub secret: Option<Vec<u8>>,
    pub headers: Option<Option<Vec<u8>>>,
    pub told_within_s: Option<Option<u32>>,
    pub failures_only: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;

    fn webhook() -> Webhook {
        Webhook {
            header: Header {
                number: 1,
                id: Id([7; 16]),
                external_id: None,
                created_at: Instant(0),
                updated_at: Instant(0),
                revision: 1,
                deleted_at: None,
            },
            name: None,
            url: String::new(),
            events: vec![EventKind::AccessGranted],
            locks: vec![LockNumber(2)],
            format: String::new(),
            secret: Vec::new(),
            previous_secret: None,
            headers: None,
            told_within_s: Some(60),
            failures_only: false,
            maker: Actor::Client(Id([1; 16])),
            failing_since: None,
            disabled: None,
        }
    }

    #[test]
    fn an_event_is_heard_of_by_kind_lock_and_how_late_it_came() {
        let at = Instant(1_000 * SECOND);
        let event = |lock, kind, late_us| Event {
            received_at: Instant(at.0 + late_us),
            ..Event::at(LockNumber(lock), kind, Id([2; 16]), at)
        };
        let (granted, denied) = (EventKind::AccessGranted, EventKind::AccessDenied);
        let hook = webhook();
        for (event, heard) in [
            (event(2, granted, 0), true),
            (event(2, granted, 60 * SECOND), true),
            (event(2, granted, 60 * SECOND + 1), false),
            // A clock that is ahead makes nothing late.
            (event(2, granted, -90 * SECOND), true),
            (event(3, granted, 0), false),
            (event(2, denied, 0), false),
            (Event { hidden: true, ..event(2, granted, 0) }, false),
        ] {
            assert_eq!(hook.hears(&event), heard, "{event:?}");
        }
        let late = event(2, granted, 90 * SECOND);
        assert!(Webhook { told_within_s: None, ..webhook() }.hears(&late));
        assert!(!Webhook { told_within_s: Some(0), ..webhook() }.hears(&late));
        let disabled = Some((at, Disabled::Gone));
        assert!(!Webhook { disabled, ..webhook() }.hears(&event(2, granted, 0)));
    }

    #[test]
    fn results_are_heard_of_by_whoever_made_them() {
        let (own, other) = (Actor::Client(Id([1; 16])), Actor::Client(Id([3; 16])));
        let (all, failures) = (webhook(), Webhook { failures_only: true, ..webhook() });
        assert!(all.hears_result(own, false) && all.hears_result(own, true));
        assert!(!failures.hears_result(own, false) && failures.hears_result(own, true));
        assert!(!all.hears_result(other, true) && !all.hears_result(Actor::System, true));
        let disabled = Some((Instant(1), Disabled::Failing));
        assert!(!Webhook { disabled, ..webhook() }.hears_result(own, true));
    }
}
