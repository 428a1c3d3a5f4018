//! Bound cards: the credentials of a place that are cards, with the grants they have by themselves.

use std::sync::Arc;

use claviger_app::credential::{self, CredentialFilter, CredentialWish};
use claviger_app::grant::Whose;
use claviger_app::{Context, Error, Id, Paging};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::credential::{Credential, CredentialEdit, CredentialKind};
use claviger_domain::noun::scope::Scope;

use super::grant::{all, taken};
use super::listing::{each, listed};
use super::{
    Answered, answer, at_owner, dry_run, fields_of, lent, named, nothing, query, without_parameters,
};
use crate::compat::serve::Call;
use crate::compat::tapkey::error::{Failure, refuse};
use crate::compat::tapkey::{map, wire};

/// The card that the path names; another credential is none.
fn card(ctx: &Context, owner: Id, call: &Call) -> Result<(Ref, Arc<Credential>), Failure> {
    let reference = named(call, "card", Noun::Credential)?;
    let found = credential::get(ctx, owner, &reference)?.value;
    if found.kind != CredentialKind::Card {
        return Err(Failure::not_found(Noun::Credential));
    }
    Ok((reference, found))
}

/// `GET /owners/{owner}/boundcards`: all of them, oldest first.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::CredentialsRead)?;
    let query = query(&call, wire::CARD)?;
    let cards = CredentialFilter { kind: Some(CredentialKind::Card), ..Default::default() };
    let page = credential::list(&ctx, owner, Paging::ALL, &cards)?;
    let shown = move |card: &Arc<Credential>| Some(wire::card(card, owner));
    listed(query, |passed| each(&page.items, passed, shown)).await
}

/// `GET /owners/{owner}/boundcards/{card}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    let (_, card) = card(&ctx, owner, &call)?;
    without_parameters(&call)?;
    Ok(answer(&wire::card(&card, owner)))
}

/// `PATCH /owners/{owner}/boundcards/{card}`.
pub(crate) async fn update(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::CredentialsWrite)?;
    let (reference, _) = card(&ctx, owner, &call)?;
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&["title"], &mut wrongs);
    body.sized("title", 0, map::MOST_TITLE, &mut wrongs);
    let label = body.may_clear("title", &mut wrongs).map(|it| it.map(str::to_owned));
    refuse(wrongs)?;
    let edit = CredentialEdit { label, ..CredentialEdit::default() };
    let wish = CredentialWish { edit, ..CredentialWish::default() };
    credential::edit(&ctx, owner, reference, wish).await?.done().ok_or(Error::Internal)?;
    Ok(nothing())
}

/// `GET /owners/{owner}/boundcards/{card}/grants`: those taken back too, oldest first.
pub(crate) async fn grants(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsRead)?;
    let (card, _) = card(&lent(&ctx, Scope::CredentialsRead), owner, &call)?;
    let query = query(&call, wire::GRANT)?;
    all(&ctx, owner, query, &Whose::Card(card)).await
}

/// `POST /owners/{owner}/boundcards/{card}/revokegrants`.
pub(crate) async fn revoke_grants(call: Call) -> Answered {
    let (mut ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsWrite)?;
    let (card, _) = card(&lent(&ctx, Scope::CredentialsRead), owner, &call)?;
    ctx.dry_run = dry_run(&call)?;
    taken(&ctx, owner, Whose::Card(card)).await
}
