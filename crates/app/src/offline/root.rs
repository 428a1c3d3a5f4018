//! The root of locks with no network as its operator handles it: taken elsewhere, lent again, and
//! the issuers of all places made anew when the former are not to be trusted.
//!
//! Must not keep a root that was lent for longer than its task.

use claviger_domain::draft::Changed;
use claviger_domain::ids::Noun;
use claviger_domain::noun::grant::Via;
use claviger_domain::noun::place::Place;
use claviger_domain::offline::LockKey;
use claviger_domain::refusal::Refusal;
use claviger_store::secrets::read_root;

use super::owed::make_owed;
use super::signer::{Key, Lent, Signers};
use super::{epoch, list};
use crate::App;
use crate::context::{Caller, Context};
use crate::error::Error;

/// What a root that was lent has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// Places whose issuers it has spoken for.
    pub places: usize,
    /// Locks for which an epoch has begun.
    pub locks: usize,
    /// Locks for which one is due still; the log says why.
    pub left: usize,
}

fn refused(detail: &str) -> Error {
    Refusal::InUse(detail.to_owned()).into()
}

/// Has the root speak for the issuers of all places, and keeps that.
async fn certify_all(app: &App) -> Result<usize, Error> {
    let mut kept = Vec::new();
    for cell in app.world().places() {
        let place = cell.state().place.clone();
        let issuer = app.signers().issuer(&place)?;
        app.signers().keep(place.number(), &issuer);
        kept.push((place.number(), issuer.generation, issuer.certificate.clone()));
    }
    let places = kept.len();
    app.store().keep_issuers(kept).await?;
    Ok(places)
}

/// The root as the text of a file of its own. It stays here too, until [`forget_root`].
///
/// # Errors
/// It is kept elsewhere already.
pub fn export_root(app: &App) -> Result<Vec<u8>, Error> {
    let text = app.secrets().root_text();
    let text = text.ok_or_else(|| refused("the root is kept elsewhere, or cannot be taken out"))?;
    Ok(text.as_bytes().to_vec())
}

/// Forgets the root, once it has spoken for the issuers of all places.
///
/// # Errors
/// The secrets cannot be written: it is not forgotten.
pub async fn forget_root(app: &App) -> Result<(), Error> {
    let public = app.signers().root()?.public;
    certify_all(app).await?;
    Ok(app.secrets().forget_root(public.0)?)
}

/// Takes the root from the text of its file.
fn lend<'s>(signers: &'s Signers, text: Option<&str>) -> Result<Option<Lent<'s>>, Error> {
    let Some(text) = text else { return Ok(None) };
    let root = read_root(text).and_then(|seed| Key::root(&seed));
    let root = root.ok_or_else(|| refused("the file does not hold a root"))?;
    if root.public != signers.root_public()? {
        return Err(refused("the file holds the root of other locks"));
    }
    Ok(Some(signers.borrow(root)))
}

/// Has the root do what waits for it: issuers of places that came since it left, epochs that are
/// due. With `ahead` an epoch also begins for each lock that has shown a list which was never made
/// here: the database is older than they are.
///
/// # Errors
/// The root is kept elsewhere and was not lent; it is another's.
pub async fn sign(app: &App, root: Option<&str>, ahead: bool) -> Result<Begun, Error> {
    let lent = lend(app.signers(), root)?;
    app.signers().root()?;
    let places = match app.secrets().root_public() {
        Some(_) => certify_all(app).await?,
        None => 0,
    };
    if ahead {
        let lists = app.world().lists();
        let held = lists.offline.values().filter(|lock| lock.ahead.is_some());
        let keys: Vec<LockKey> = held.map(|lock| lock.key).collect();
        drop(lists);
        let ctx = Context::new(app.clone(), Caller::Operator, Via::CommandLine);
        ctx.commit(None, move |work| {
            for key in &keys {
                let Some(mut lock) = work.offline(*key) else { continue };
                lock.epoch_due = true;
                work.put_offline(lock);
            }
            Ok(())
        })
        .await?;
    }
    let due = due(app);
    epoch::begin(app).await;
    drop(lent);
    let left = self::due(app);
    Ok(Begun { places, locks: due - left, left })
}

/// Takes the clock to be right, whatever it said before; epochs that are due begin, and lists that
/// are owed are made.
pub async fn trust_clock(app: &App) {
    tracing::warn!(now = %app.now(), "an operator says that the clock is right");
    app.signers().trust_clock();
    epoch::begin(app).await;
    make_owed(app).await;
}

fn due(app: &App) -> usize {
    app.world().lists().offline.values().filter(|lock| lock.epoch_due).count()
}

/// Makes the issuers of all places anew, as the former may sign for a stranger: each lock gets an
/// epoch in which nothing of theirs counts, and which resets the lock's time.
///
/// # Errors
/// As [`sign`]; the secrets cannot be written; the trails cannot, which ends nothing.
pub async fn replace_issuers(app: &App, root: Option<&str>) -> Result<Begun, Error> {
    let lent = lend(app.signers(), root)?;
    app.signers().root()?;
    epoch::begin(app).await;
    app.secrets().replace_issuers()?;
    let mut begun = Begun::default();
    if app.secrets().root_public().is_some() {
        begun.places = certify_all(app).await?;
    }
    let noted = note_replaced(app).await;
    let lists = app.world().lists();
    let keys: Vec<LockKey> = lists.offline.keys().copied().collect();
    drop(lists);
    for key in keys {
        match replaced(app, key).await {
            Ok(()) => begun.locks += 1,
            Err(error) => {
                tracing::error!(place = %key.place, lock = %key.lock, %error, "no epoch began");
                begun.left += 1;
            }
        }
    }
    drop(lent);
    noted.map(|()| begun)
}

/// Says in the trail of every place that another generation of issuers signs for it.
async fn note_replaced(app: &App) -> Result<(), Error> {
    let ctx = Context::new(app.clone(), Caller::Operator, Via::CommandLine);
    let app = app.clone();
    ctx.commit(None, move |work| {
        for cell in app.world().places() {
            let draft = work.place(cell.state().place.number())?;
            let place = Place::clone(&draft.state.place);
            let fields = vec![Changed::shown("generation", app.secrets().generation())];
            draft.note("replace_issuer", Noun::Place, Some(place.header.id), fields);
            draft.put(place);
        }
        Ok(())
    })
    .await
}

async fn replaced(app: &App, key: LockKey) -> Result<(), Error> {
    let ctx = Context::new(app.clone(), Caller::Operator, Via::CommandLine);
    let app = app.clone();
    ctx.commit(None, move |work| {
        let Some(mut lock) = work.offline(key) else { return Ok(()) };
        let Some(owner) = work.before(key.place) else { return Ok(()) };
        let signers = app.signers();
        epoch::advance(signers, &mut lock, 0)?;
        lock.keys_from = lock.epoch;
        epoch::certify(signers, &owner.place, &mut lock, work.now)?;
        lock.refusing = lock.version.saturating_add(1);
        list::renew((signers, app.world()), &owner, &mut lock, work.now)?;
        work.put_offline(lock);
        Ok(())
    })
    .await
}
