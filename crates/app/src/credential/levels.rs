//! A credential with whose it is and the levels it opens, set at once by callers who know it by
//! what is presented.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use claviger_domain::command::{credential as rules, person, rights};
use claviger_domain::draft::{Changed, Draft};
use claviger_domain::ids::{
    AccessLevelNumber, CredentialNumber, Id, Noun, PersonNumber, PlaceNumber, Ref,
};
use claviger_domain::noun::card::{CardPart, CardValue};
use claviger_domain::noun::credential::{Credential, CredentialEdit, CredentialKind};
use claviger_domain::noun::grant::{Source, SourceKind, Via};
use claviger_domain::noun::person::PersonEdit;
use claviger_domain::noun::scope::Scope;
use claviger_domain::refusal::{FieldError, Refusal};
use claviger_domain::state::PlaceState;
use claviger_domain::time::WindowEdit;
use claviger_store::Digits as Field;

use super::{CredentialWish, Digits, LEAST_CODE_DIGITS, MOST_CODE_DIGITS, prepare};
use crate::context::Context;
use crate::controller::{code_digits, end_of};
use crate::error::Error;
use crate::read::{Seen, resolve};
use crate::{App, Put, Written, not_here, random};

/// How many digits a code has that is made here, unless some controller takes fewer.
const CODE_DIGITS: usize = 6;
/// How often a code of one length is drawn before a longer one is.
const DRAWS: usize = 16;

/// How a caller names a credential.
#[derive(Clone, Debug)]
pub enum Named {
    /// By its id.
    Id(Id),
    /// By its card: all these parts are the credential's, which may have others too.
    Card(Vec<CardPart>),
    /// By its code.
    Code(Digits),
}

/// What a caller sets on a credential it names; what is absent stays, or is empty on a new one.
#[derive(Clone, Debug)]
pub struct LevelsWish {
    /// Which one. One named by card or code is made where there is none; where nothing is named, a
    /// code is made up.
    pub named: Option<Named>,
    /// The digits of a PIN.
    pub pin: Option<Option<Digits>>,
    /// When it may be used.
    pub valid: WindowEdit,
    /// All the levels it opens by grants of its own.
    pub levels: Option<Vec<Id>>,
    /// Whose a new one is; somebody new where nobody is named.
    pub person: Option<Id>,
    /// First and last name of somebody new.
    pub names: [String; 2],
}

/// Makes the credential that is named, or changes it, with the levels it opens and, for a new one,
/// the person it is of: all or nothing.
///
/// # Errors
/// As the rules say; a level or person that is not there; parts of a card that are not all of one
/// credential; an id that is not there.
pub async fn put_with_levels(
    ctx: &Context,
    place: Id,
    wish: LevelsWish,
) -> Result<Written<Put<Arc<Credential>>>, Error> {
    if !matches!(wish.named, Some(Named::Id(_))) {
        ctx.authorize(place, Scope::PeopleWrite)?;
    }
    if wish.levels.is_some() {
        ctx.authorize(place, Scope::GrantsWrite)?;
    }
    let place = ctx.authorize(place, Scope::CredentialsWrite)?;
    let (app, via) = (ctx.app.clone(), ctx.via);
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let levels = levels(&draft.state, wish.levels.as_deref())?;
        let known = match &wish.named {
            None => None,
            Some(named) => number_of(&app, &draft.state, named)?,
        };
        match known {
            Some(number) => change(&app, draft, number, &wish, levels, via).map(Put::Replaced),
            None => make(&app, draft, &wish, levels, via).map(Put::Created),
        }
    })
    .await
}

fn change(
    app: &App,
    draft: &mut Draft,
    number: CredentialNumber,
    wish: &LevelsWish,
    levels: Option<Vec<AccessLevelNumber>>,
    via: Via,
) -> Result<Arc<Credential>, Error> {
    let id = rules::find(&draft.state, number)?.header.id;
    let edit = prepare(app, &draft.state, id, &plain(wish))?;
    let credential = rules::edit(draft, number, &edit)?;
    if let Some(levels) = levels
        && rights::set_levels(draft, number, &levels, source(via))?
    {
        draft.note_also(Changed::shown("access_levels", levels.len()));
    }
    Ok(credential)
}

fn make(
    app: &App,
    draft: &mut Draft,
    wish: &LevelsWish,
    levels: Option<Vec<AccessLevelNumber>>,
    via: Via,
) -> Result<Arc<Credential>, Error> {
    let (kind, mut own) = match &wish.named {
        Some(Named::Id(_)) => return Err(Error::not_found(Noun::Credential)),
        Some(Named::Card(parts)) => {
            let edit = CredentialEdit { parts: Some(parts.clone()), ..CredentialEdit::default() };
            (CredentialKind::Card, CredentialWish { edit, ..CredentialWish::default() })
        }
        Some(Named::Code(code)) => {
            let wish = CredentialWish { code: Some(code.clone()), ..CredentialWish::default() };
            (CredentialKind::Code, wish)
        }
        None => {
            let code = Some(unused_code(app, &draft.state)?);
            (CredentialKind::Code, CredentialWish { code, ..CredentialWish::default() })
        }
    };
    let given = plain(wish);
    own.edit.valid = given.edit.valid;
    own.pin = given.pin;
    let id = draft.next_id();
    let mut fields = vec![Changed::hidden("person"), Changed::shown("kind", kind.as_str())];
    fields.extend(own.pin.as_ref().map(|_| Changed::hidden("pin")));
    fields.extend(levels.as_ref().map(|it| Changed::shown("access_levels", it.len())));
    // The command is the credential's, whoever is made for it.
    draft.note("create", Noun::Credential, Some(id), fields);
    own.person = Some(Some(Ref::Id(holder(draft, wish)?)));
    let edit = prepare(app, &draft.state, id, &own)?;
    let credential = rules::create(draft, kind, id, &edit)?;
    let levels = levels.unwrap_or_default();
    rights::set_levels(draft, credential.number(), &levels, source(via))?;
    Ok(credential)
}

/// Rights of the credential itself, given through a surface.
fn source(via: Via) -> Source {
    Source { kind: SourceKind::Direct, via }
}

/// What is set whether the credential is new or not.
fn plain(wish: &LevelsWish) -> CredentialWish {
    let edit = CredentialEdit { valid: wish.valid, ..CredentialEdit::default() };
    CredentialWish { edit, pin: wish.pin.clone(), ..CredentialWish::default() }
}

/// Whose a new credential is.
fn holder(draft: &mut Draft, wish: &LevelsWish) -> Result<Id, Error> {
    if let Some(id) = wish.person {
        let number = draft.state.number_of(Noun::Person, id).map(PersonNumber);
        let there = number.and_then(|number| draft.state.people.get(number)).is_some();
        let missing = || not_here("/person_id", "there is no such person in this place");
        return there.then_some(id).ok_or_else(missing);
    }
    let [first, last] = wish.names.clone();
    let edit = PersonEdit {
        first_name: Some(Some(first)),
        last_name: Some(Some(last)),
        ..PersonEdit::default()
    };
    Ok(person::create(draft, &edit)?.header.id)
}

/// The levels that are named, each once.
fn levels(
    state: &PlaceState,
    wanted: Option<&[Id]>,
) -> Result<Option<Vec<AccessLevelNumber>>, Error> {
    let Some(wanted) = wanted else { return Ok(None) };
    let (mut found, mut errors) = (BTreeSet::new(), Vec::new());
    for (at, id) in wanted.iter().enumerate() {
        match state.number_of(Noun::AccessLevel, *id) {
            Some(number) => {
                found.insert(AccessLevelNumber(number));
            }
            None => errors.push(FieldError::new(
                format!("/access_levels/{at}"),
                "not_found",
                "there is no such access level in this place",
            )),
        }
    }
    if !errors.is_empty() {
        return Err(Refusal::Invalid(errors).into());
    }
    Ok(Some(found.into_iter().collect()))
}

/// A code that no credential of the place has, nor the text of a card of its, whole or cut as its
/// controllers cut it; no longer than every controller takes where one so short is free.
fn unused_code(app: &App, state: &PlaceState) -> Result<Digits, Error> {
    let ends = ends(app, state)?;
    let narrowest = ends.keys().next().copied();
    let shortest = narrowest.unwrap_or(CODE_DIGITS).clamp(LEAST_CODE_DIGITS, CODE_DIGITS);
    let is_free = |code: &Digits| {
        let is_typed = |digits: &str| {
            let card = CardValue::of_text(digits);
            card.is_some_and(|card| state.credential_by_text(card).is_some())
        };
        let is_taken = |(digits, taken): (&usize, &HashSet<String>)| {
            let end = end_of(&code.0, *digits);
            taken.contains(end) || is_typed(end)
        };
        let is_cut_to_anothers = ends.iter().any(is_taken);
        !is_cut_to_anothers && !is_typed(&code.0) && by_code(app, state, code).is_none()
    };
    for length in shortest..=MOST_CODE_DIGITS {
        let mut drawn = (0..DRAWS).map(|_| Digits(random::digits(length)));
        if let Some(code) = drawn.find(&is_free) {
            return Ok(code);
        }
        if length == LEAST_CODE_DIGITS {
            // Where few are left, they are looked for.
            let mut all = (0..10_000).map(|it| Digits(format!("{it:04}")));
            if let Some(code) = all.find(&is_free) {
                return Ok(code);
            }
        }
    }
    Err(Refusal::InUse("no code is free in this place".to_owned()).into())
}

/// The last digits of every code of the place, for each number of digits that a controller of its
/// locks takes, be it the place's own or another's: there codes that end alike are one.
fn ends(app: &App, state: &PlaceState) -> Result<BTreeMap<usize, HashSet<String>>, Error> {
    let own = state.controllers.iter().filter_map(|it| code_digits(it));
    let borrowed = state.locks.iter().filter_map(|lock| {
        let (place, number) = lock.borrowed?;
        let owner = app.state(place).ok()?;
        code_digits(owner.controllers.get(owner.locks.get(number)?.controller?)?)
    });
    let mut ends: BTreeMap<usize, HashSet<String>> =
        own.chain(borrowed).map(|digits| (digits, HashSet::new())).collect();
    if ends.is_empty() {
        return Ok(ends);
    }
    let place = state.place.number();
    for credential in state.credentials.iter() {
        let Some(code) = &credential.code else { continue };
        let id = credential.header.id;
        let plain = app.secrets().open_digits(place, id, Field::Code, &code.sealed)?;
        for (digits, taken) in &mut ends {
            taken.insert(end_of(&plain, *digits).to_owned());
        }
    }
    Ok(ends)
}

fn by_code(app: &App, state: &PlaceState, code: &Digits) -> Option<CredentialNumber> {
    let place: PlaceNumber = state.place.number();
    state.credential_by_code(app.secrets().code_tag(place, &code.0))
}

fn number_of(
    app: &App,
    state: &PlaceState,
    named: &Named,
) -> Result<Option<CredentialNumber>, Error> {
    match named {
        Named::Id(id) => resolve(state, Noun::Credential, &Ref::Id(*id)).map(Some),
        Named::Card(parts) => Ok(rules::by_parts(state, parts)?),
        Named::Code(code) => Ok(by_code(app, state, code)),
    }
}

/// The credential that is named.
///
/// # Errors
/// There is none; parts of a card are not all its.
pub fn find(ctx: &Context, place: Id, named: &Named) -> Result<Seen<Arc<Credential>>, Error> {
    let state = ctx.read(place, Scope::CredentialsRead)?;
    let missing = Error::not_found(Noun::Credential);
    let number = match number_of(&ctx.app, &state, named) {
        Ok(number) => number.ok_or(missing)?,
        Err(_) => return Err(missing),
    };
    let value = rules::find(&state, number)?.clone();
    Ok(Seen { value, state })
}

/// Deletes the credential that is named, with its own grants; the person stays.
///
/// # Errors
/// As [`find`].
pub async fn delete_named(ctx: &Context, place: Id, named: Named) -> Result<Written<()>, Error> {
    let place = ctx.authorize(place, Scope::CredentialsWrite)?;
    let app = ctx.app.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let missing = Error::not_found(Noun::Credential);
        match number_of(&app, &draft.state, &named) {
            Ok(Some(number)) => Ok(rules::retire(draft, number)?),
            _ => Err(missing),
        }
    })
    .await
}
