//! What somebody has to do by hand: cards that must be brought to an updater. Worked out when
//! asked, so that a task is open exactly as long as there is a reason for it.

use std::collections::{BTreeMap, BTreeSet};

use claviger_domain::ids::{CredentialNumber, Id, LockNumber};
use claviger_domain::noun::credential::{Credential, CredentialKind};
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::{Due, due};
use claviger_domain::state::PlaceState;

use super::mint::reached;
use super::sync::owned;
use super::taken::right_of;
use crate::App;
use crate::context::Context;
use crate::error::Error;
use crate::read::{Page, Paging};

/// A card that must be brought to an updater.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardTask {
    /// The card.
    pub credential: Id,
    /// Whose it is.
    pub person: Option<Id>,
    /// For which locks, and why.
    pub locks: Vec<(Id, Due)>,
}

/// The cards of a place that must be brought to an updater.
///
/// # Errors
/// No such place.
pub fn tasks(ctx: &Context, place: Id, paging: Paging) -> Result<Page<CardTask>, Error> {
    let state = ctx.read(place, Scope::CredentialsRead)?;
    let (now_s, left) = (ctx.app.now().seconds(), left_to_cards(&ctx.app, &state));
    let cards = state.credentials.iter_from(paging.after.saturating_add(1));
    let signs = |it: &&std::sync::Arc<Credential>| {
        it.kind == CredentialKind::Card && it.public_key.is_some()
    };
    let (mut items, mut next, mut last) = (Vec::new(), None, paging.after);
    for card in cards.filter(signs) {
        let mut locks = of_card(&ctx.app, &state, card, now_s);
        locks.extend(left.get(&card.number()).into_iter().flatten());
        if locks.is_empty() {
            continue;
        }
        if items.len() == paging.limit {
            next = Some(last);
            break;
        }
        last = card.header.number;
        let person = card.person.and_then(|person| state.people.get(person));
        let person = person.map(|person| person.header.id);
        items.push(CardTask { credential: card.header.id, person, locks });
    }
    Ok(Page { items, next, state })
}

/// The locks that may let in by keys which cards are to give up.
fn left_to_cards(app: &App, state: &PlaceState) -> BTreeMap<CredentialNumber, Vec<(Id, Due)>> {
    let (place, now, lists) = (state.place.number(), app.sure_now(), app.world().lists());
    let mut found: BTreeMap<CredentialNumber, BTreeSet<LockNumber>> = BTreeMap::new();
    for lock in lists.offline.values().filter(|lock| lock.concerns(place)) {
        for key in lock.left_to_cards(now).filter(|key| key.place == place) {
            found.entry(key.device).or_default().insert(key.lock);
        }
    }
    let shown = |number: LockNumber| Some((state.locks.get(number)?.header.id, Due::Erase));
    let found = found.into_iter();
    found.map(|(card, locks)| (card, locks.into_iter().filter_map(shown).collect())).collect()
}

fn of_card(app: &App, state: &PlaceState, card: &Credential, now_s: i64) -> Vec<(Id, Due)> {
    let (lists, device) = (app.world().lists(), card.number());
    let mut found: Vec<(Id, Due)> = Vec::new();
    for (number, grant) in reached(state, device) {
        let task = || {
            let at = owned(state, number)?;
            let (lock, owner) = (lists.offline.get(&at)?, app.state(at.place).ok()?);
            let right = right_of(&owner, state, at, (grant, device, number))?;
            let here = state.locks.get(number)?.header.id;
            Some((here, due(lock, (state.place.number(), grant, device), &right, now_s)?))
        };
        found.extend(task());
    }
    found
}
