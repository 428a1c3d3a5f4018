//! What the handlers share: whose domain it is, the query, lists and answers with their tags.

pub(crate) mod access_key;
pub(crate) mod batch;
pub(crate) mod domain;
pub(crate) mod event_log;
pub(crate) mod member;
mod said;
pub(crate) mod webhook;

use std::sync::Arc;

use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use claviger_app::{Context, Error, Id, Instant, Via};
use claviger_domain::noun::lock::Lock;
use serde_json::Value;

use super::error::{Failure, refuse};
use super::map;
use crate::compat::fields::{Fields, Wrongs};
use crate::compat::serve::{Call, said_as};
use crate::etag;

pub(crate) type Answered = Result<Response, Failure>;

/// The context of a use case, and the domain the token is for.
///
/// # Errors
/// 404 where the query names another domain.
pub(crate) fn at_domain(call: &Call) -> Result<(Context, Id), Failure> {
    let caller = call.caller.clone().ok_or(Error::Unauthenticated)?;
    let own = claviger_app::place::only(&call.app, &caller).ok_or(Error::Unauthenticated)?;
    let mut named = call.query.iter().filter(|(name, _)| name == "domainId");
    if named.any(|(_, id)| map::id(id) != own) {
        return Err(Failure::missing("domainNotFound"));
    }
    Ok((Context::new(call.app.clone(), caller, Via::Parakey), own))
}

/// The fields of the body; those that are not known are passed over.
pub(crate) fn fields_of(call: &Call) -> (Fields<'_>, Wrongs) {
    let mut wrongs = Wrongs::new(true);
    let fields = Fields::of(&call.body, &mut wrongs);
    (fields, wrongs)
}

/// The settings of another domain's lock.
pub(crate) fn settings(ctx: &Context, lock: &Lock) -> Option<Arc<Lock>> {
    claviger_app::lock::owner(ctx, lock).map(|(_, settings)| settings)
}

/// The id of the path.
pub(crate) fn id_of(call: &Call) -> Id {
    map::id(call.path.get("id").unwrap_or_default())
}

/// An answer with the tag by which a client can ask whether it has changed.
pub(crate) fn answer(call: &Call, body: &Value) -> Response {
    tagged(call, 200, body)
}

/// The answer to what made something.
pub(crate) fn made(call: &Call, body: &Value) -> Response {
    tagged(call, 201, body)
}

fn tagged(call: &Call, status: u16, body: &Value) -> Response {
    let body = body.to_string();
    let tag = etag::of_body(body.as_bytes());
    let mut known = call.parts.headers.get_all(IF_NONE_MATCH).iter();
    let is_known =
        known.any(|it| it.to_str().is_ok_and(|names| etag::none_match_names(names, &tag)));
    let mut response = match call.parts.method.is_safe() && is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => said_as(status, "application/json; charset=utf-8", body),
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// What a list is narrowed to and in which order it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listing {
    /// How many at most.
    pub(crate) limit: Option<usize>,
    /// By which of the fields it can be ordered by, and whether the greatest comes first.
    pub(crate) order: Option<(&'static str, bool)>,
    /// Of what was made at this instant or after it.
    pub(crate) since: Option<Instant>,
}

impl Listing {
    /// Reads the query; parameters that are not known are passed over.
    ///
    /// # Errors
    /// 422 with every parameter that is wrong.
    pub(crate) fn of(call: &Call, fields: &[&'static str]) -> Result<Listing, Failure> {
        let mut wrongs = Wrongs::default();
        let mut one = |name: &str| {
            let mut found = call.query.iter().filter(|(known, _)| known == name);
            let value = found.next().map(|(_, value)| value.as_str());
            wrongs.check(found.next().is_none(), name, "stands twice");
            value
        };
        let [limit, order, since] = ["limit", "orderBy", "startDate"].map(&mut one);
        let limit = limit.map(|it| it.parse::<usize>().ok().filter(|it| (1..=1000).contains(it)));
        wrongs.check(limit != Some(None), "limit", "must be a number from 1 to 1000");
        let order = order.map(|it| parse_order(it, fields));
        let right = format!("must be {} and :ASC or :DESC", fields.join(" or "));
        wrongs.check(order != Some(None), "orderBy", &right);
        let since = since.map(map::instant);
        let right = "must be a date such as 2023-01-01T07:30:00.000Z";
        wrongs.check(since != Some(None), "startDate", right);
        refuse(wrongs)?;
        Ok(Listing { limit: limit.flatten(), order: order.flatten(), since: since.flatten() })
    }

    /// The answer of a whole list, each item with when it was made.
    pub(crate) fn answer(&self, call: &Call, mut items: Vec<(Instant, Value)>) -> Response {
        items.retain(|(at, _)| self.since.is_none_or(|since| *at >= since));
        match self.order {
            Some(("name", descends)) => {
                let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
                items.sort_by_cached_key(|(_, item)| name(item));
                if descends {
                    items.reverse();
                }
            }
            // Things stand in the order in which they were made.
            Some((_, true)) => items.reverse(),
            _ => {}
        }
        let items = items.into_iter().take(self.limit.unwrap_or(usize::MAX));
        answer(call, &items.map(|(_, item)| item).collect())
    }
}

/// `createdAt:DESC`; ascending where nothing is said.
fn parse_order(text: &str, fields: &[&'static str]) -> Option<(&'static str, bool)> {
    let (field, way) = text.split_once(':').unwrap_or((text, "ASC"));
    let field = fields.iter().find(|known| **known == field)?;
    match way.to_ascii_uppercase().as_str() {
        "ASC" => Some((field, false)),
        "DESC" => Some((field, true)),
        _ => None,
    }
}
