//! Credentials of a place. Digits come in plain and are sealed here; out again go only codes, to
//! surfaces whose contract echoes them.

mod levels;

pub mod rights;

use std::sync::Arc;

use claviger_domain::command::credential as rules;
use claviger_domain::draft::Draft;
use claviger_domain::ids::{CredentialNumber, Id, Noun, PersonNumber, PlaceNumber, Ref};
use claviger_domain::noun::card::{CardPart, CardValue};
use claviger_domain::noun::credential::{
    Credential, CredentialEdit, CredentialKind, CredentialState, SealedDigits, Tag,
};
use claviger_domain::noun::scope::Scope;
use claviger_domain::record::Record;
use claviger_domain::refusal::Refusal;
use claviger_store::Digits as Field;

use crate::context::Context;
use crate::error::Error;
use crate::read::{Page, Paging, Seen, page, resolve};
use crate::{App, Put, Written, not_here};

pub use self::levels::{LevelsWish, Named, delete_named, find, put_with_levels};

/// The fewest digits of a code.
pub(crate) const LEAST_CODE_DIGITS: usize = 4;
/// The most digits of a code.
pub(crate) const MOST_CODE_DIGITS: usize = 16;

/// What a caller sets on a credential, with references and digits as they came.
#[derive(Clone, Debug, Default)]
pub struct CredentialWish {
    /// Everything but what is below.
    pub edit: CredentialEdit,
    /// Whose it is.
    pub person: Option<Option<Ref>>,
    /// The digits of a code, 4–16.
    pub code: Option<Digits>,
    /// The digits of a PIN, 4–8.
    pub pin: Option<Option<Digits>>,
}

/// Digits in plain; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Digits(pub String);

impl std::fmt::Debug for Digits {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("digits")
    }
}

/// Which credentials are wanted.
#[derive(Clone, Debug, Default)]
pub struct CredentialFilter {
    /// Of this person.
    pub person: Option<Ref>,
    /// Of this kind.
    pub kind: Option<CredentialKind>,
    /// In this state.
    pub state: Option<CredentialState>,
}

/// Turns a wish into an edit: finds the person, seals the digits to the credential's id.
fn prepare(
    app: &App,
    state: &claviger_domain::state::PlaceState,
    id: Id,
    wish: &CredentialWish,
) -> Result<CredentialEdit, Error> {
    let place = state.place.number();
    let mut edit = wish.edit.clone();
    edit.person = match &wish.person {
        None => None,
        Some(None) => Some(None),
        Some(Some(person)) => {
            let number = state
                .resolve(Noun::Person, person)
                .ok_or_else(|| not_here("/person_id", "there is no such person in this place"))?;
            Some(Some(PersonNumber(number)))
        }
    };
    edit.code =
        wish.code.as_ref().map(|code| seal(app, place, id, Field::Code, code)).transpose()?;
    edit.code_as_card = wish.code.as_ref().and_then(|code| CardValue::of_text(&code.0));
    edit.parts_as_codes = parts_as_codes(app, place, edit.parts.as_deref().unwrap_or_default());
    edit.pin = match &wish.pin {
        None => None,
        Some(None) => Some(None),
        Some(Some(pin)) => Some(Some(seal(app, place, id, Field::Pin, pin)?)),
    };
    Ok(edit)
}

/// Of each part the tag of what is typed for it, where it can be typed.
pub(crate) fn parts_as_codes(
    app: &App,
    place: PlaceNumber,
    parts: &[CardPart],
) -> Vec<Option<Tag>> {
    let tag = |digits: String| app.secrets().code_tag(place, &digits);
    parts.iter().map(|part| part.typed().map(tag)).collect()
}

fn seal(
    app: &App,
    place: PlaceNumber,
    id: Id,
    field: Field,
    plain: &Digits,
) -> Result<SealedDigits, Error> {
    let (least, most, name) = match field {
        Field::Pin => (4, 8, "/pin"),
        Field::Code => (LEAST_CODE_DIGITS, MOST_CODE_DIGITS, "/code"),
    };
    let right = (least..=most).contains(&plain.0.len())
        && plain.0.bytes().all(|byte| byte.is_ascii_digit());
    if !right {
        let detail = format!("must be {least} to {most} digits");
        return Err(Refusal::field(name, "bad_digits", detail).into());
    }
    Ok(app.secrets().seal_digits(place, id, field, &plain.0)?)
}

/// Makes a credential.
///
/// # Errors
/// As the rules say.
pub async fn create(
    ctx: &Context,
    place: Id,
    kind: CredentialKind,
    wish: CredentialWish,
) -> Result<Written<Arc<Credential>>, Error> {
    let place = ctx.authorize(place, Scope::CredentialsWrite)?;
    let app = ctx.app.clone();
    ctx.write(Some(place), move |work| {
        let draft = work.place(place)?;
        let id = draft.next_id();
        let edit = prepare(&app, &draft.state, id, &wish)?;
        Ok(rules::create(draft, kind, id, &edit)?)
    })
    .await
}

/// Changes a credential.
///
/// # Errors
/// As the rules say; not found; stale.
pub async fn edit(
    ctx: &Context,
    place: Id,
    credential: Ref,
    wish: CredentialWish,
) -> Result<Written<Arc<Credential>>, Error> {
    let app = ctx.app.clone();
    let rule = move |draft: &mut Draft, number| {
        let id = rules::find(&draft.state, number)?.header.id;
        let edit = prepare(&app, &draft.state, id, &wish)?;
        Ok(rules::edit(draft, number, &edit)?)
    };
    ctx.change(place, Scope::CredentialsWrite, Noun::Credential, credential, rule).await
}

/// Makes the credential with that external id, or replaces what is set on it; PIN and code stay
/// where none is given.
///
/// # Errors
/// As [`edit`]; another kind than it has.
pub async fn put(
    ctx: &Context,
    place: Id,
    external_id: String,
    kind: CredentialKind,
    mut wish: CredentialWish,
) -> Result<Written<Put<Arc<Credential>>>, Error> {
    wish.edit.external_id = Some(Some(external_id.clone()));
    let app = ctx.app.clone();
    let rule = move |draft: &mut Draft, number: Option<CredentialNumber>| {
        let Some(number) = number else {
            let id = draft.next_id();
            let edit = prepare(&app, &draft.state, id, &wish)?;
            return Ok(rules::create(draft, kind, id, &edit)?);
        };
        let former = rules::find(&draft.state, number)?;
        if former.kind != kind {
            let detail = format!("the credential is of kind {}", former.kind.as_str());
            return Err(Error::Refused(Refusal::InUse(detail)));
        }
        let edit = prepare(&app, &draft.state, former.header.id, &wish)?;
        Ok(rules::edit(draft, number, &edit)?)
    };
    let (scope, noun) = (Scope::CredentialsWrite, Noun::Credential);
    ctx.make_or_replace(place, scope, noun, external_id, rule).await
}

/// The digits of a code, for a surface whose contract shows them; none of another credential.
///
/// # Errors
/// The caller may not set codes; the digits cannot be unsealed.
pub fn code_of(ctx: &Context, place: Id, credential: &Credential) -> Result<Option<Digits>, Error> {
    let place = ctx.authorize(place, Scope::CredentialsWrite)?;
    let Some(code) = &credential.code else { return Ok(None) };
    let id = credential.header.id;
    let plain = ctx.app.secrets().open_digits(place, id, Field::Code, &code.sealed)?;
    Ok(Some(Digits(plain.to_string())))
}

/// Marks a credential as lost.
///
/// # Errors
/// Not found; stale.
pub async fn report_lost(
    ctx: &Context,
    place: Id,
    credential: Ref,
) -> Result<Written<Arc<Credential>>, Error> {
    ctx.change(
        place,
        Scope::CredentialsWrite,
        Noun::Credential,
        credential,
        move |draft, number: CredentialNumber| Ok(rules::report_lost(draft, number)?),
    )
    .await
}

/// Deletes a credential.
///
/// # Errors
/// Not found; stale.
pub async fn delete(ctx: &Context, place: Id, credential: Ref) -> Result<Written<()>, Error> {
    ctx.change(
        place,
        Scope::CredentialsWrite,
        Noun::Credential,
        credential,
        move |draft, number: CredentialNumber| Ok(rules::delete(draft, number)?),
    )
    .await
}

/// Deletes a credential, or takes it out of use while what it held must be kept.
///
/// # Errors
/// Not found; stale.
pub async fn retire(ctx: &Context, place: Id, credential: Ref) -> Result<Written<()>, Error> {
    ctx.change(
        place,
        Scope::CredentialsWrite,
        Noun::Credential,
        credential,
        move |draft, number: CredentialNumber| Ok(rules::retire(draft, number)?),
    )
    .await
}

/// One credential.
///
/// # Errors
/// Not found.
pub fn get(ctx: &Context, place: Id, credential: &Ref) -> Result<Seen<Arc<Credential>>, Error> {
    let state = ctx.read(place, Scope::CredentialsRead)?;
    let number: CredentialNumber = resolve(&state, Noun::Credential, credential)?;
    let value = rules::find(&state, number)?.clone();
    Ok(Seen { value, state })
}

/// The credential with that number, one that is deleted too: of that is known what it was.
///
/// # Errors
/// No such place; never given.
pub async fn of_number(
    ctx: &Context,
    place: Id,
    number: CredentialNumber,
) -> Result<Arc<Credential>, Error> {
    let state = ctx.read(place, Scope::CredentialsRead)?;
    if let Ok(live) = rules::find(&state, number) {
        return Ok(live.clone());
    }
    let place = state.place.number();
    match ctx.app.store().record(place, Noun::Credential, number.0).await? {
        Some(Record::Credential(gone)) => Ok(gone),
        _ => Err(Error::not_found(Noun::Credential)),
    }
}

/// A page of credentials.
///
/// # Errors
/// No such place; no such person.
pub fn list(
    ctx: &Context,
    place: Id,
    paging: Paging,
    filter: &CredentialFilter,
) -> Result<Page<Arc<Credential>>, Error> {
    let state = ctx.read(place, Scope::CredentialsRead)?;
    let person: Option<PersonNumber> =
        filter.person.as_ref().map(|person| resolve(&state, Noun::Person, person)).transpose()?;
    let wanted = |it: &Credential| {
        person.is_none_or(|person| it.person == Some(person))
            && filter.kind.is_none_or(|kind| it.kind == kind)
            && filter.state.is_none_or(|state| it.state == state)
    };
    Ok(page(state, |it| &it.credentials, |it| it.header.number, paging, wanted))
}
