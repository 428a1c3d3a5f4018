//! Grants of contacts and cards.

use claviger_app::grant::{self, GrantWish, Held, Piece, SubjectWish, TargetWish, Whose};
use claviger_app::{Context, Error, Gone, Id, Refusal};
use claviger_domain::ids::{CredentialNumber, Noun, PersonNumber, Ref};
use claviger_domain::noun::credential::CredentialKind;
use claviger_domain::noun::grant::{Grant, GrantEdit, Right, Subject};
use claviger_domain::noun::person::PersonEdit;
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use futures_util::{Stream, stream};
use serde_json::Value;

use super::listing::listed;
use super::shower::Shower;
use super::user;
use super::{
    Answered, answer, at_owner, dry_run, fields_of, lent, named, query, without_parameters,
};
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;
use crate::compat::tapkey::error::{Failure, refuse};
use crate::compat::tapkey::odata::{Demand, Query};
use crate::compat::tapkey::{map, wire};

/// What says when a grant holds.
const WHEN: [&str; 3] = ["validFrom", "validBefore", "timeRestrictionIcal"];
/// What says to whom it is given, and where; `ipId` stands beside some clients' `contactId`.
const WHOM: [&str; 5] = ["contactId", "contact", "ipId", "boundCardId", "boundLockId"];

fn grant(call: &Call) -> Result<Ref, Failure> {
    named(call, "grant", Noun::Grant)
}

/// The grants that are meant, those taken back too, oldest first.
pub(super) async fn all(ctx: &Context, owner: Id, query: Query, whose: &Whose) -> Answered {
    // None that was taken back is active.
    let taken = !query.demands().contains(&Demand::Flag("active", true));
    let held = grant::held(ctx, owner, whose, taken).await?;
    let reading = lent(ctx, Scope::LocksRead);
    listed(query, |passed| shown_of(held.clone(), passed, (reading.clone(), owner))).await
}

/// Grants of which each is shown when it is asked for.
struct Shown {
    held: Held,
    shower: Shower,
    piece: Piece,
    /// How many of the piece were shown.
    at: usize,
    /// How many are still to be passed over.
    passed: usize,
}

fn shown_of(
    held: Held,
    passed: usize,
    (ctx, owner): (Context, Id),
) -> impl Stream<Item = Result<Value, Failure>> + Send + use<> {
    let shower = Shower::new(ctx, owner, held.state.clone());
    let piece = Piece { grants: Vec::new(), gone: Gone::new() };
    let begin = Shown { held, shower, piece, at: 0, passed };
    stream::try_unfold(begin, |mut it| async move {
        loop {
            let over = it.passed.min(it.piece.grants.len() - it.at);
            (it.passed, it.at) = (it.passed - over, it.at + over);
            if it.at < it.piece.grants.len() {
                break;
            }
            let Some(piece) = it.held.next().await? else { return Ok(None) };
            (it.piece, it.at) = (piece, 0);
        }
        let grant = it.piece.grants[it.at].clone();
        it.at += 1;
        let shown = it.shower.grant(&grant, it.held.stands(&grant), &it.piece.gone);
        Ok(Some((shown, it)))
    })
}

/// Takes back all that are meant, or says what that would come to.
pub(super) async fn taken(ctx: &Context, owner: Id, whose: Whose) -> Answered {
    let done = grant::revoke_held(ctx, owner, whose).await?;
    let reading = lent(ctx, Scope::LocksRead);
    let mut shower = Shower::new(reading, owner, done.state.clone());
    let shown = done.taken.iter().map(|taken| shower.revoked(taken, ctx.dry_run));
    Ok(answer(&Value::Array(shown.collect())))
}

async fn shown(ctx: &Context, owner: Id, grant: Ref) -> Result<Value, Failure> {
    let (held, piece) = grant::held_one(ctx, owner, grant).await?;
    let reading = lent(ctx, Scope::LocksRead);
    let mut shower = Shower::new(reading, owner, held.state.clone());
    let grant = piece.grants.first().ok_or(Error::Internal)?;
    Ok(shower.grant(grant, held.stands(grant), &piece.gone))
}

/// `GET /owners/{owner}/grants`: those taken back too, oldest first.
pub(crate) async fn list(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsRead)?;
    let query = query(&call, wire::GRANT)?;
    all(&ctx, owner, query, &Whose::Everybody).await
}

/// `GET /owners/{owner}/grants/{grant}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsRead)?;
    let shown = shown(&ctx, owner, grant(&call)?).await?;
    without_parameters(&call)?;
    Ok(answer(&shown))
}

/// `PUT /owners/{owner}/grants`.
pub(crate) async fn create(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsWrite)?;
    without_parameters(&call)?;
    let state = ctx.read(owner, Scope::GrantsRead)?;
    let (body, mut wrongs) = fields_of(&call);
    body.only(&[&WHOM[..], &WHEN].concat(), &mut wrongs);
    let subject = subject(&body, &state, &mut wrongs);
    let target = target(&body, &state, &mut wrongs);
    let (window, schedule) = map::when(&body, &mut wrongs);
    refuse(wrongs)?;
    let (Some(subject), Some(target)) = (subject, target) else {
        return Err(Error::Internal.into());
    };
    let named = subject.clone();
    let most = matches!(subject, SubjectWish::Credential(_)).then_some(map::MOST_OF_CARD);
    let edit = GrantEdit { window, ..GrantEdit::default() };
    let wish = GrantWish {
        subject,
        target,
        right: Right::Open,
        schedule,
        issued_under: None,
        invite: false,
        edit,
    };
    let along = move |state: &PlaceState| made_contact(state, &named);
    let made = grant::create_once(&ctx, owner, wish, most, along).await;
    let made = made.map_err(there_already)?.done().ok_or(Error::Internal)?;
    written(&ctx, owner, &made).await
}

fn there_already(error: Error) -> Failure {
    match error {
        Error::Refused(Refusal::Taken(_)) => Failure::duplicate_grant(),
        other => other.into(),
    }
}

async fn written(ctx: &Context, owner: Id, grant: &Grant) -> Answered {
    Ok(answer(&shown(ctx, owner, Ref::Id(grant.header.id)).await?))
}

/// `PATCH /owners/{owner}/grants/{grant}`: when it holds.
pub(crate) async fn update(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsWrite)?;
    let reference = grant(&call)?;
    let (_, held) = grant::held_one(&ctx, owner, reference.clone()).await?;
    without_parameters(&call)?;
    let (body, mut wrongs) = fields_of(&call);
    for field in WHOM {
        wrongs.check(!body.has(field), field, "never changes; when the grant holds does");
    }
    body.only(&[&WHOM[..], &WHEN].concat(), &mut wrongs);
    let (window, schedule) = map::when(&body, &mut wrongs);
    refuse(wrongs)?;
    if held.grants.iter().any(|grant| grant.closed.is_some()) {
        return Err(Failure::conflict("The grant is revoked."));
    }
    let edit = GrantEdit { window, ..GrantEdit::default() };
    let is_of_card = held.grants.iter().any(|grant| of_card(grant));
    let most = is_of_card.then_some(map::MOST_OF_CARD);
    let made = grant::edit_once(&ctx, owner, reference, edit, schedule, most).await;
    let made = made.map_err(there_already)?.done().ok_or(Error::Internal)?;
    written(&ctx, owner, &made).await
}

/// `POST /owners/{owner}/grants/{grant}/revoke`; one that is revoked already is shown as it is.
pub(crate) async fn revoke(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsWrite)?;
    take_back(ctx, owner, &call, Way::Lists).await
}

/// `POST /owners/{owner}/grants/{grant}/deletefromcard`: takes back the grant of a card, whose keys
/// that gives up when it is next written.
pub(crate) async fn delete_from_card(call: Call) -> Answered {
    let (ctx, owner) = at_owner(&call)?;
    ctx.authorize(owner, Scope::GrantsWrite)?;
    let (_, held) = grant::held_one(&ctx, owner, grant(&call)?).await?;
    if !held.grants.iter().all(|grant| of_card(grant)) {
        return Err(Failure::field("grant", "must be the grant of a card"));
    }
    take_back(ctx, owner, &call, Way::Card).await
}

fn of_card(grant: &Grant) -> bool {
    matches!(grant.subject, Subject::Credential(_))
}

/// What sees to it that keys of a right that is taken back open no more.
enum Way {
    /// The lists of locks.
    Lists,
    /// The card that holds them.
    Card,
}

async fn take_back(mut ctx: Context, owner: Id, call: &Call, way: Way) -> Answered {
    let reference = grant(call)?;
    ctx.dry_run = dry_run(call)?;
    let done = match way {
        Way::Lists => grant::revoke_held(&ctx, owner, Whose::One(reference.clone())).await?,
        Way::Card => grant::leave_to_card(&ctx, owner, reference.clone()).await?,
    };
    if let Some(taken) = done.taken.first() {
        let reading = lent(&ctx, Scope::LocksRead);
        let mut shower = Shower::new(reading, owner, done.state.clone());
        return Ok(answer(&shower.revoked(taken, ctx.dry_run)));
    }
    let shown = shown(&ctx, owner, reference).await?;
    Ok(answer(&wire::revocation(ctx.dry_run, shown, Vec::new(), Vec::new())))
}

/// Who is given the right: a contact by its id or by its name, or a card.
fn subject(body: &Fields<'_>, state: &PlaceState, wrongs: &mut Wrongs) -> Option<SubjectWish> {
    let contact = body.get("contact").filter(|it| !it.is_null());
    let person = body.may_clear("contactId", wrongs).flatten();
    let card = body.may_clear("boundCardId", wrongs).flatten();
    match (person, contact, card) {
        (Some(id), None, None) => {
            let found = Id::parse(id).filter(|id| is_contact(state, *id));
            let reason = "is no contact of this owner account";
            wrongs.check(found.is_some(), "contactId", reason);
            found.map(|id| SubjectWish::Person(Ref::Id(id)))
        }
        (None, Some(contact), None) => {
            let contact = Fields::at(contact, "contact".to_owned(), wrongs);
            map::named_contact(&contact, state, wrongs)
        }
        (None, None, Some(id)) => {
            let found = Id::parse(id).filter(|id| is_card(state, *id));
            wrongs.check(found.is_some(), "boundCardId", "is no card of this owner account");
            found.map(|id| SubjectWish::Credential(Ref::Id(id)))
        }
        _ => {
            wrongs.add("contactId", "or contact, or boundCardId, must be given, and one of them");
            None
        }
    }
}

/// What makes a contact of whom the right is for, where that is a user of an identity provider and
/// no contact yet.
fn made_contact(state: &PlaceState, subject: &SubjectWish) -> Option<(PersonNumber, PersonEdit)> {
    let SubjectWish::Identity(identity) = subject else { return None };
    let person = user::waiting(state, identity)?;
    Some((person.number(), map::made_contact(person, PersonEdit::default())))
}

fn is_contact(state: &PlaceState, id: Id) -> bool {
    let number = state.number_of(Noun::Person, id).map(PersonNumber);
    let found = number.and_then(|number| state.people.get(number));
    found.is_some_and(|person| map::is_contact(person))
}

fn is_card(state: &PlaceState, id: Id) -> bool {
    let number = state.number_of(Noun::Credential, id).map(CredentialNumber);
    let found = number.and_then(|number| state.credentials.get(number));
    found.is_some_and(|it| it.kind == CredentialKind::Card)
}

/// What the right reaches: a lock, or a group by its id in the same property.
fn target(body: &Fields<'_>, state: &PlaceState, wrongs: &mut Wrongs) -> Option<TargetWish> {
    let id = body.must("boundLockId", wrongs)?;
    let there = |noun| Id::parse(id).filter(|id| state.number_of(noun, *id).is_some()).map(Ref::Id);
    let found = there(Noun::Lock).map(TargetWish::Lock);
    let found = found.or_else(|| there(Noun::AccessLevel).map(TargetWish::AccessLevel));
    wrongs.check(found.is_some(), "boundLockId", "is no lock or group of this owner account");
    found
}
