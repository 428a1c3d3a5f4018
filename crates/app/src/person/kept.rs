//! Everything that a place keeps about a person: for those who administer it, and for the person.
//!
//! Whatever comes to hold something about people is added here.

use std::sync::Arc;

use claviger_domain::ids::{CredentialNumber, GrantNumber, Id, LockNumber, Noun, Ref};
use claviger_domain::noun::credential::Credential;
use claviger_domain::noun::event::Event;
use claviger_domain::noun::grant::{Grant, Subject};
use claviger_domain::noun::person::Person;
use claviger_domain::noun::scope::Scope;
use claviger_domain::offline::KeyClass;
use claviger_domain::provision::Holdings as _;
use claviger_domain::state::PlaceState;
use claviger_store::{ClosedGrants, Device, MailReport, Reason, TrailRow};

use super::{get, own};
use crate::context::{Caller, Context};
use crate::error::Error;
use crate::privacy;
use crate::read::{Gone, Seen};
use crate::work::Source as _;

/// Everything that is stored about a person.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Export {
    pub person: Arc<Person>,
    pub account: Option<Id>,
    pub credentials: Vec<Arc<Credential>>,
    /// Which of them are devices that hold keys.
    pub devices: Vec<Device>,
    /// The keys for locks with no network that they hold, or held until a short while ago.
    pub keys: Vec<HeldKey>,
    pub grants: Vec<Arc<Grant>>,
    /// Hidden ones and those under a stand-in too.
    pub events: Vec<Event>,
    /// Why things were done to them, in the words of whoever did.
    pub reasons: Vec<Reason>,
    /// What was done to them, to what they carry and to their rights, and what they did.
    pub changes: Vec<TrailRow>,
    /// How the mail of their last invitation went.
    pub invited: Option<MailReport>,
    /// The ids of deleted records they speak of.
    pub gone: Gone,
    pub state: Arc<PlaceState>,
}

/// A key that was signed for a lock with no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HeldKey {
    pub lock: LockNumber,
    pub credential: CredentialNumber,
    pub class: KeyClass,
    pub serial: u32,
    /// In seconds since 1970.
    pub issued_at: i64,
    pub expires_at: i64,
    /// Whether the lock is told to refuse it.
    pub refused: bool,
}

impl Export {
    /// Why one of the grants was closed.
    #[must_use]
    pub fn note(&self, grant: &Grant) -> Option<&str> {
        let about = |it: &&Reason| it.noun == Noun::Grant && it.number == Some(grant.header.number);
        self.reasons.iter().rev().find(about).map(|reason| reason.words.as_str())
    }
}

/// Everything that is stored about a person: closed rights and events not forgotten included.
///
/// # Errors
/// Not found.
pub async fn export(ctx: &Context, place: Id, person: &Ref) -> Result<Export, Error> {
    for scope in [Scope::EventsRead, Scope::CredentialsRead, Scope::GrantsRead, Scope::ChangesRead]
    {
        ctx.authorize(place, scope)?;
    }
    whole(ctx, get(ctx, place, person)?).await
}

/// The same of whoever calls, a few times a minute: anybody may who has a log-in.
///
/// # Errors
/// As [`own`]; too many.
pub async fn own_export(ctx: &Context, place: Id) -> Result<Export, Error> {
    let seen = own(ctx, place)?;
    if let Caller::Account { id, .. } = &ctx.caller {
        let (name, now) = (format!("export {id}"), ctx.app.now());
        ctx.app.limits().check(&name, None, now)?;
        ctx.app.limits().fail(&name, None, now);
    }
    whole(ctx, seen).await
}

async fn whole(ctx: &Context, seen: Seen<Arc<Person>>) -> Result<Export, Error> {
    let Seen { value: person, state } = seen;
    let (place, number) = (state.place.number(), person.number());
    let (store, world) = (ctx.app.store(), ctx.app.world());
    let credentials: Vec<Arc<Credential>> = state
        .person_credentials(number)
        .iter()
        .filter_map(|it| state.credentials.get(it).cloned())
        .collect();
    let own = || credentials.iter().map(|it| it.number());
    let mut grants = Vec::new();
    for subject in std::iter::once(Subject::Person(number)).chain(own().map(Subject::Credential)) {
        let open = state.reach(subject).iter();
        grants.extend(open.filter_map(|reach| state.grants.get(reach.grant()).cloned()));
        let closed = ClosedGrants::Of(subject);
        grants.extend(store.closed_grants(place, closed, GrantNumber(0), u32::MAX).await?);
    }
    grants.sort_by_key(|grant| grant.header.number);
    let stand_in = privacy::stand_in(ctx.app.secrets(), place, Noun::Person, number.0);
    let events = store.events_of(place, number, stand_in).await?;
    let account = person.account.and_then(|it| {
        let account = world.directory().accounts.get(it).cloned();
        account.filter(|account| account.proven_at.is_some()).map(|account| account.header.id)
    });
    let mut about = vec![person.header.id];
    about.extend(credentials.iter().map(|it| it.header.id));
    about.extend(grants.iter().map(|it| it.header.id));
    let mut gone = crate::grant::speak_of(ctx, &state, &grants).await?;
    gone.extend(crate::event::speak_of(ctx, &state, &events).await?);
    Ok(Export {
        devices: own().filter_map(|it| world.enrolled(place, it)).collect(),
        keys: keys(ctx, &state, &credentials),
        reasons: store.reasons_about(place, number).await?,
        changes: store.trail_about(place, &about, account).await?,
        invited: store.mail_reports(place, Some(number)).await?.pop(),
        person,
        account,
        credentials,
        grants,
        events,
        gone,
        state,
    })
}

/// The keys that were signed for what somebody carries.
fn keys(ctx: &Context, state: &PlaceState, credentials: &[Arc<Credential>]) -> Vec<HeldKey> {
    let (world, place) = (ctx.app.world(), state.place.number());
    let is_own = |it: CredentialNumber| credentials.iter().any(|own| own.number() == it);
    let mut keys = Vec::new();
    for at in world.offline_at(place) {
        let lists = world.lists();
        let Some(lock) = lists.lock(at) else { continue };
        let own = lock.keys().filter(|key| key.place == place && is_own(key.device));
        keys.extend(own.map(|key| HeldKey {
            lock: key.lock,
            credential: key.device,
            class: key.class,
            serial: key.serial,
            issued_at: key.iat,
            expires_at: key.exp,
            refused: key.refused,
        }));
    }
    keys
}
