//! A credential and the rights it has of its own, made and changed in one commit.

use std::sync::Arc;

use claviger_domain::command::{credential as rules, rights};
use claviger_domain::draft::Draft;
use claviger_domain::ids::{AccessLevelNumber, CredentialNumber, Id, LockNumber, Noun, Ref};
use claviger_domain::noun::credential::{Credential, CredentialKind};
use claviger_domain::noun::grant::{Source, SourceKind, Target, Via};
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;

use super::{CredentialWish, prepare};
use crate::context::Context;
use crate::error::Error;
use crate::grant::TargetWish;
use crate::{Written, not_here};

/// What becomes of the rights a credential has of its own to open.
#[derive(Clone, Debug, Default)]
pub struct RightsWish {
    /// Whether what is not in `add` is taken back first.
    pub clear: bool,
    /// Where it is to open; where it does already without a window, nothing changes.
    pub add: Vec<TargetWish>,
    /// Where it is not to open; where it does not, nothing changes.
    pub remove: Vec<TargetWish>,
}

/// Makes a credential that opens these targets.
///
/// # Errors
/// As the rules say; a target that is not there.
pub async fn create(
    ctx: &Context,
    place: Id,
    kind: CredentialKind,
    wish: CredentialWish,
    targets: Vec<TargetWish>,
) -> Result<Written<Arc<Credential>>, Error> {
    ctx.authorize(place, Scope::GrantsWrite)?;
    let place = ctx.authorize(place, Scope::CredentialsWrite)?;
    let (app, via) = (ctx.app.clone(), ctx.via);
    let rights = RightsWish { add: targets, ..RightsWish::default() };
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let id = draft.next_id();
        let edit = prepare(&app, &draft.state, id, &wish)?;
        let made = rules::create(draft, kind, id, &edit)?;
        set(draft, made.number(), &rights, via)
    })
    .await
}

/// Changes a credential and its rights.
///
/// # Errors
/// As [`create`]; not found; stale.
pub async fn edit(
    ctx: &Context,
    place: Id,
    credential: Ref,
    wish: CredentialWish,
    rights: RightsWish,
) -> Result<Written<Arc<Credential>>, Error> {
    ctx.authorize(place, Scope::GrantsWrite)?;
    let (app, via) = (ctx.app.clone(), ctx.via);
    let rule = move |draft: &mut Draft, number: CredentialNumber| {
        let id = rules::find(&draft.state, number)?.header.id;
        let edit = prepare(&app, &draft.state, id, &wish)?;
        rules::edit(draft, number, &edit)?;
        set(draft, number, &rights, via)
    };
    ctx.change(place, Scope::CredentialsWrite, Noun::Credential, credential, rule).await
}

fn set(
    draft: &mut Draft,
    number: CredentialNumber,
    wish: &RightsWish,
    via: Via,
) -> Result<Arc<Credential>, Error> {
    let add = targets(&draft.state, &wish.add, "/add")?;
    let remove = targets(&draft.state, &wish.remove, "/remove")?;
    let source = Source { kind: SourceKind::Direct, via };
    let rights = rights::Rights { clear: wish.clear, add: &add, remove: &remove, source };
    rights::set_rights(draft, number, &rights)?;
    Ok(rules::find(&draft.state, number)?.clone())
}

fn targets(state: &PlaceState, wishes: &[TargetWish], pointer: &str) -> Result<Vec<Target>, Error> {
    let target = |(at, wish): (usize, &TargetWish)| {
        let found = match wish {
            TargetWish::Lock(lock) => {
                state.resolve(Noun::Lock, lock).map(|it| Target::Lock(LockNumber(it)))
            }
            TargetWish::AccessLevel(level) => state
                .resolve(Noun::AccessLevel, level)
                .map(|it| Target::AccessLevel(AccessLevelNumber(it))),
        };
        let detail = "there is no such target in this place";
        found.ok_or_else(|| not_here(format!("{pointer}/{at}"), detail))
    };
    wishes.iter().enumerate().map(target).collect()
}
