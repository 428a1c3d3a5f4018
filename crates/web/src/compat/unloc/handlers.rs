//! What the rows do: decode, one call of a use case, encode. Holds no rule of access.

pub(crate) mod access_group;
pub(crate) mod connection;
pub(crate) mod doorbell;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod managed_user;
pub(crate) mod project;
pub(crate) mod sharing;
pub(crate) mod subproject;
pub(crate) mod webhook;

use axum::response::{IntoResponse, Response};
use std::sync::Arc;

use claviger_app::{Context, Error, Expected, Id, Via, Written};
use claviger_domain::ids::{Noun, Ref};
use claviger_domain::noun::Header;
use claviger_domain::noun::scope::Scope;
use claviger_domain::state::PlaceState;
use serde_json::{Value, json};

use super::error::{Failure, refuse};
use super::map;
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::Call;

pub(crate) type Answered = Result<Response, Failure>;

/// The most items of a page, and how many there are where no limit is given.
const MOST_ITEMS: usize = 2500;

/// The context of a use case.
///
/// # Errors
/// 401 on a row that is open to anybody.
pub(crate) fn context(call: &Call) -> Result<Context, Failure> {
    let caller = call.caller.clone().ok_or(Error::Unauthenticated)?;
    Ok(Context::new(call.app.clone(), caller, Via::Unloc))
}

/// The context and the project or subproject of the path.
pub(crate) fn at_place(call: &Call) -> Result<(Context, Id), Failure> {
    let ctx = context(call)?;
    if let Some(project) = call.path.get("project") {
        return Ok((ctx, Id::parse(project).ok_or_else(|| Failure::not_found("project"))?));
    }
    let missing = || Failure::not_found("subproject");
    let id = call.path.get("subproject").and_then(Id::parse).ok_or_else(missing)?;
    let place = claviger_app::place::get(&ctx, id).map_err(|_| missing())?;
    place.value.parent.ok_or_else(missing)?;
    Ok((ctx, id))
}

/// The fields of the body, and where what is wrong with them is gathered.
pub(crate) fn fields_of(call: &Call) -> (Fields<'_>, Wrongs) {
    let mut wrongs = Wrongs::new(call.options.unloc.ignore_unknown);
    (Fields::of(&call.body, &mut wrongs), wrongs)
}

/// Lets a change of any of `merged` be refused if the object has another revision than was read:
/// what is merged with what was read must not undo what another wrote since. Other fields are set
/// as they are, whatever was there.
pub(crate) fn expect(ctx: &mut Context, body: &Fields<'_>, merged: &[&str], header: &Header) {
    if merged.iter().any(|field| body.has(field)) {
        ctx.expected = Some(Expected::Revisions(vec![header.revision]));
    }
}

/// The id of the path's object.
pub(crate) fn object(call: &Call, name: &str, what: &str) -> Result<Id, Failure> {
    call.path.get(name).and_then(Id::parse).ok_or_else(|| Failure::not_found(what))
}

/// The query's parameters, each of those known.
pub(crate) struct Query<'c> {
    given: &'c [(String, String)],
    pub(crate) wrongs: Wrongs,
}

impl<'c> Query<'c> {
    /// Notes every parameter that is none of `known`.
    pub(crate) fn of(call: &'c Call, known: &[&str]) -> Query<'c> {
        let mut wrongs = Wrongs::default();
        if !call.options.unloc.ignore_unknown {
            let unknown = call.query.iter().filter(|(name, _)| !known.contains(&name.as_str()));
            for (name, _) in unknown {
                let name: String = name.chars().take(60).collect();
                let reason = format!("is not a parameter here; known: {}", known.join(", "));
                wrongs.add(name, reason);
            }
        }
        Query { given: &call.query, wrongs }
    }

    /// The value of a parameter that stands once: of two filters neither can be passed over. An
    /// empty one is there, and wrong: a filter that a program forgot to fill must not let
    /// everything through.
    pub(crate) fn text(&mut self, name: &str) -> Option<&'c str> {
        let mut found = self.given.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next()?;
        self.wrongs.check(found.next().is_none(), name, "stands twice");
        Some(value.as_str())
    }

    /// Every value of a parameter that may be repeated or hold several, separated by commas.
    pub(crate) fn several(&self, name: &'c str) -> impl Iterator<Item = &'c str> + use<'c> {
        let given = self.given.iter().filter(move |(known, _)| known == name);
        let parts = given.flat_map(|(_, value)| value.split(','));
        parts.map(str::trim).filter(|value| !value.is_empty())
    }

    /// The parameter as an id.
    pub(crate) fn id(&mut self, name: &str) -> Option<Id> {
        let id = Id::parse(self.text(name)?);
        if id.is_none() {
            self.wrongs.add(name, map::UUID);
        }
        id
    }

    /// The parameter as a phone number.
    pub(crate) fn phone(&mut self, name: &str) -> Option<String> {
        let phone = map::phone_of_query(self.text(name)?);
        if phone.is_none() {
            self.wrongs.add(name, map::PHONE);
        }
        phone
    }

    /// The parameter as a boolean; `false` where it is left out.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.text(name) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.wrongs.add(name, "must be true or false");
                false
            }
        }
    }

    /// How many items a page may have: `limit`, at most 2500.
    pub(crate) fn limit(&mut self) -> usize {
        let Some(text) = self.text("limit") else { return MOST_ITEMS };
        match text.parse::<u64>() {
            Ok(limit) if limit > 0 => usize::try_from(limit).unwrap_or(MOST_ITEMS).min(MOST_ITEMS),
            _ => {
                self.wrongs.add("limit", "must be a whole number from 1 on");
                MOST_ITEMS
            }
        }
    }

    /// Refuses if any parameter was wrong.
    ///
    /// # Errors
    /// 400.
    pub(crate) fn refuse(&mut self) -> Result<(), Failure> {
        refuse(std::mem::take(&mut self.wrongs))
    }
}

/// Which page of a list in order of numbers the query asks for.
pub(crate) async fn page_of(
    call: &Call,
    ctx: &Context,
    place: Id,
    scope: Scope,
    noun: Noun,
) -> Result<claviger_app::Paging, Failure> {
    let mut query = Query::of(call, &["limit", "startAfterId"]);
    let (limit, after) = (query.limit(), query.id("startAfterId"));
    query.refuse()?;
    Ok(ctx.paging_after(place, scope, noun, after, limit).await?)
}

/// An answer with one named thing.
pub(crate) fn named(name: &str, value: Value) -> Response {
    axum::Json(json!({ name: value })).into_response()
}

/// An answer of that status with one named thing.
pub(crate) fn named_with(status: u16, name: &str, value: Value) -> Response {
    let status = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    (status, axum::Json(json!({ name: value }))).into_response()
}

/// What was written, as one named thing.
pub(crate) fn written<T>(
    status: u16,
    name: &str,
    made: Written<Arc<T>>,
    shown: impl Fn(&T, &PlaceState) -> Value,
) -> Answered {
    match made {
        Written::Done { value, state: Some(state), .. } => {
            Ok(named_with(status, name, shown(&value, &state)))
        }
        _ => Err(Error::Internal.into()),
    }
}

/// 204.
pub(crate) fn nothing() -> Response {
    axum::http::StatusCode::NO_CONTENT.into_response()
}

/// A reference by id.
pub(crate) fn by(id: Id) -> Ref {
    Ref::Id(id)
}
