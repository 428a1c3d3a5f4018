//! What the use cases of all nouns share: changing one object of a place, and making or replacing
//! one by the caller's own id. Which rule is run is the noun's.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Mutex;

use claviger_domain::draft::Draft;
use claviger_domain::ids::{Id, Noun, PlaceNumber, Ref};
use claviger_domain::noun::scope::Scope;

use crate::context::Context;
use crate::error::Error;
use crate::read::resolve;
use crate::world::guard;
use crate::{App, Put, Written};

/// One object of a place.
type Object = (PlaceNumber, Noun, u32);

/// The objects that somebody changes who wants to be the only one. Only in memory: a crash leaves
/// nothing held.
#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<HashSet<Object>>);

/// The right to be the only one who changes an object; given back when this is dropped.
struct Holding {
    app: App,
    object: Object,
}

impl Drop for Holding {
    fn drop(&mut self) {
        guard(&self.app.held().0).remove(&self.object);
    }
}

impl Context {
    /// Runs a rule on one object: authorises, finds it, and refuses where the caller expects it in
    /// another state than it is in.
    pub(crate) async fn change<N, T>(
        &self,
        place: Id,
        scope: Scope,
        noun: Noun,
        reference: Ref,
        rule: impl Fn(&mut Draft, N) -> Result<T, Error> + Send + 'static,
    ) -> Result<Written<T>, Error>
    where
        N: From<u32>,
        T: Any + Send,
    {
        let place = self.authorize(place, scope)?;
        let _holding = self.hold(place, noun, &reference)?;
        let ctx = self.clone();
        self.write(Some(place), move |work| {
            let draft = work.place(place)?;
            let number: u32 = resolve(&draft.state, noun, &reference)?;
            ctx.check_number(draft, noun, number)?;
            rule(draft, number.into())
        })
        .await
    }

    /// Makes the object with that external id (the rule is run without a number) or replaces what
    /// is set on it.
    pub(crate) async fn make_or_replace<N, T>(
        &self,
        place: Id,
        scope: Scope,
        noun: Noun,
        external_id: String,
        rule: impl Fn(&mut Draft, Option<N>) -> Result<T, Error> + Send + 'static,
    ) -> Result<Written<Put<T>>, Error>
    where
        N: From<u32>,
        T: Any + Send,
    {
        let place = self.authorize(place, scope)?;
        let ctx = self.clone();
        self.write(Some(place), move |work| {
            let draft = work.place(place)?;
            match draft.state.by_external_id(noun, &external_id) {
                Some(number) => {
                    ctx.check_number(draft, noun, number)?;
                    Ok(Put::Replaced(rule(draft, Some(number.into()))?))
                }
                None => {
                    ctx.check_absent()?;
                    Ok(Put::Created(rule(draft, None)?))
                }
            }
        })
        .await
    }

    /// Makes sure that a caller who wants to be the only one who changes the object is.
    fn hold(
        &self,
        place: PlaceNumber,
        noun: Noun,
        reference: &Ref,
    ) -> Result<Option<Holding>, Error> {
        if !self.exclusive {
            return Ok(None);
        }
        // What is not there is refused by whoever looks for it.
        let Some(number) = self.app.state(place)?.resolve(noun, reference) else { return Ok(None) };
        let object = (place, noun, number);
        if guard(&self.app.held().0).insert(object) {
            Ok(Some(Holding { app: self.app.clone(), object }))
        } else {
            Err(Error::Busy)
        }
    }

    fn check_number(&self, draft: &Draft, noun: Noun, number: u32) -> Result<(), Error> {
        let record = draft.state.record(noun, number).ok_or(Error::not_found(noun))?;
        self.check_seen(record.header())
    }
}
