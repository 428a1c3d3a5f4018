//! What the change trail says of API clients. Must not change a client.

use std::collections::BTreeSet;

use claviger_domain::draft::Changed;
use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::noun::client::Client;
use claviger_domain::noun::scope::{Scope, Scopes};

use crate::context::Context;
use crate::error::Error;
use crate::work::Work;

/// Says in the trail of the directory, and of each place that the client is or was for, what was
/// done to it: what a client may do in a place is that place's business.
pub(super) fn note(
    work: &mut Work,
    verb: &'static str,
    client: &Client,
    former: &[PlaceNumber],
    fields: Vec<Changed>,
) -> Result<(), Error> {
    let id = Some(client.header.id);
    work.directory().note(verb, Noun::Client, id, fields.clone());
    let places: BTreeSet<PlaceNumber> = client.places.iter().chain(former).copied().collect();
    for place in places {
        work.place(place)?.note_act(verb, Noun::Client, id, fields.clone());
    }
    Ok(())
}

/// Scopes as the trail shows them.
pub(super) fn words(scopes: Scopes) -> String {
    scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}

/// Places as the trail shows them.
pub(super) fn places_shown(ctx: &Context, places: &[PlaceNumber]) -> Changed {
    let id = |place: &PlaceNumber| Some(ctx.app.state(*place).ok()?.place.header.id.to_string());
    Changed::shown("place_ids", places.iter().filter_map(id).collect::<Vec<_>>().join(" "))
}
