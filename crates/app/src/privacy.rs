//! What events keep of whom they concern, and who stands for them.
//!
//! A stand-in is a keyed hash, so that nobody without the secrets can tell whose it is, and so that
//! there is no list of them to be kept or stolen. Must not decide what a lock's privacy keeps.

use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::noun::event::{Event, StandIn};
use claviger_domain::noun::lock::Privacy;
use claviger_store::Secrets;

/// Who stands in the events of a place for a person or a credential.
pub(crate) fn stand_in(secrets: &Secrets, place: PlaceNumber, noun: Noun, number: u32) -> StandIn {
    let mut text = noun.as_str().as_bytes().to_vec();
    text.extend_from_slice(&number.to_be_bytes());
    StandIn(secrets.tag("stand-in", place.0, &text))
}

/// What is kept of an event of a place that is told late, by the lock's privacy then and now; none
/// where nothing is.
pub(crate) fn kept_late(
    secrets: &Secrets,
    place: PlaceNumber,
    event: Event,
    privacy: (Privacy, Privacy),
) -> Option<Event> {
    event.kept_late(privacy, |noun, number| stand_in(secrets, place, noun, number))
}

/// What is kept of an event of a place at a lock with this privacy; none where nothing is.
pub(crate) fn kept(
    secrets: &Secrets,
    place: PlaceNumber,
    event: Event,
    privacy: Privacy,
) -> Option<Event> {
    event.kept(privacy, |noun, number| stand_in(secrets, place, noun, number))
}
