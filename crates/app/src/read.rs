//! What all reads share: the place as it is published, pages in order of number, waiting for a
//! revision.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use claviger_domain::ids::{Id, Noun, Ref};
use claviger_domain::noun::scope::Scope;
use claviger_domain::record::Record;
use claviger_domain::state::{Objects, PlaceState};

use crate::context::Context;
use crate::error::Error;

/// How long a read waits for a revision.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which page is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Paging {
    /// The number after which it begins.
    pub after: u32,
    /// The most items.
    pub limit: usize,
}

impl Paging {
    /// Everything.
    pub const ALL: Paging = Paging { after: 0, limit: usize::MAX };
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// The number to go on after; none where this is the last page.
    pub next: Option<u32>,
    /// The place as it was read.
    pub state: Arc<PlaceState>,
}

/// One object with the place it was read from.
#[derive(Clone, Debug)]
pub struct Seen<T> {
    /// The object.
    pub value: T,
    /// The place as it was read.
    pub state: Arc<PlaceState>,
}

impl Context {
    /// The published state of a place the caller may do `scope` in.
    ///
    /// # Errors
    /// Not found; the scope is missing.
    pub fn read(&self, place: Id, scope: Scope) -> Result<Arc<PlaceState>, Error> {
        let number = self.authorize(place, scope)?;
        self.app.state(number)
    }

    /// The number of the record with that id in a place, one that is closed or deleted too.
    ///
    /// # Errors
    /// No such place.
    pub(crate) async fn number_of(
        &self,
        state: &PlaceState,
        noun: Noun,
        id: Id,
    ) -> Result<Option<u32>, Error> {
        if let Some(number) = state.number_of(noun, id) {
            return Ok(Some(number));
        }
        let found = self.app.store().record_by_id(state.place.number(), noun, id).await?;
        Ok(found.map(|record| record.header().number))
    }

    /// A page of a list in order of numbers that begins after the object with the id `after`, and
    /// that object may be deleted since.
    ///
    /// # Errors
    /// No such place; there never was such an object.
    pub async fn paging_after(
        &self,
        place: Id,
        scope: Scope,
        noun: Noun,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Paging, Error> {
        let state = self.read(place, scope)?;
        let after = match after {
            None => 0,
            Some(id) => self.number_of(&state, noun, id).await?.ok_or_else(|| {
                crate::not_here("/after", "there is no such object in this place")
            })?,
        };
        Ok(Paging { after, limit })
    }

    /// Waits until a place has come to a revision, two seconds at most.
    ///
    /// # Errors
    /// Not there yet; not found.
    pub async fn at_least(&self, place: Id, revision: u64) -> Result<(), Error> {
        let number = self.app.world().by_id(place).ok_or(Error::not_found(Noun::Place))?;
        self.scopes_in(number).ok_or(Error::not_found(Noun::Place))?;
        let cell = self.app.world().cell(number).ok_or(Error::not_found(Noun::Place))?;
        let mut moved = cell.moved.subscribe();
        let reached = async {
            while cell.state().revision < revision {
                if moved.changed().await.is_err() {
                    break;
                }
            }
        };
        let waited = tokio::time::timeout(PATIENCE, reached).await;
        waited.map_err(|_| Error::NotYet)
    }
}

/// Closed and deleted records, by noun and number: of the deleted ones what is kept of them.
pub type Gone = HashMap<(Noun, u32), Record>;

/// The records named that are closed or deleted: they are not in memory.
pub(crate) async fn gone(
    ctx: &Context,
    state: &PlaceState,
    mut named: BTreeSet<(Noun, u32)>,
) -> Result<Gone, Error> {
    named.retain(|(noun, number)| state.record(*noun, *number).is_none());
    if named.is_empty() {
        return Ok(Gone::new());
    }
    let named: Vec<(Noun, u32)> = named.into_iter().collect();
    let found = ctx.app.store().records_of(state.place.number(), &named).await?;
    Ok(found.into_iter().map(|it| ((it.noun(), it.header().number), it)).collect())
}

/// A limit as the store takes it.
pub(crate) fn bounded(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

/// The number of the `noun` that a caller names so.
pub(crate) fn resolve<N: From<u32>>(
    state: &PlaceState,
    noun: Noun,
    reference: &Ref,
) -> Result<N, Error> {
    state.resolve(noun, reference).map(N::from).ok_or(Error::not_found(noun))
}

/// One page of objects that `wanted` lets through.
pub(crate) fn page<T>(
    state: Arc<PlaceState>,
    objects: impl Fn(&PlaceState) -> &Objects<T>,
    number: impl Fn(&T) -> u32,
    paging: Paging,
    wanted: impl Fn(&T) -> bool,
) -> Page<Arc<T>> {
    let start = paging.after.saturating_add(1);
    let mut found = objects(&state).iter_from(start).filter(|it| wanted(it));
    let items: Vec<Arc<T>> = found.by_ref().take(paging.limit).cloned().collect();
    let more = found.next().is_some();
    drop(found);
    let next = items.last().filter(|_| more).map(|last| number(last));
    Page { items, next, state }
}
