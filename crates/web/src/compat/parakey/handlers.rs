//! What the handlers share: whose domain it is, the query, lists and answers with their tags.

pub(crate) mod access_key;
pub(crate) mod batch;
pub(crate) mod domain;
pub(crate) mod event_log;
pub(crate) mod member;
mod said;
pub(crate) mod webhook;

use std::fmt::Write as _;
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
    tagged(call, 200, body.to_string())
}

/// The answer to what made something.
pub(crate) fn made(call: &Call, body: &Value) -> Response {
    tagged(call, 201, body.to_string())
}

fn tagged(call: &Call, status: u16, body: String) -> Response {
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

    /// The answer of a list: of `items`, which stand in the order in which they were made, those
    /// that are shown. `about` says when one was made, and what it is called.
    pub(crate) async fn answer<'t, T: 't>(
        &self,
        call: &Call,
        items: impl Iterator<Item = &'t T>,
        about: impl Fn(&T) -> (Instant, String),
        show: impl FnMut(&T) -> Option<Value>,
    ) -> Response {
        tagged(call, 200, self.text(items, about, show).await)
    }

    /// Only what is answered is made: a list may be a thousand times as long as what is asked.
    async fn text<'t, T: 't>(
        &self,
        items: impl Iterator<Item = &'t T>,
        about: impl Fn(&T) -> (Instant, String),
        mut show: impl FnMut(&T) -> Option<Value>,
    ) -> String {
        let mut items: Vec<&T> = match self.since {
            Some(since) => items.filter(|item| about(item).0 >= since).collect(),
            None => items.collect(),
        };
        match self.order {
            Some(("name", descends)) => {
                items.sort_by_cached_key(|item| about(item).1);
                if descends {
                    items.reverse();
                }
            }
            Some((_, true)) => items.reverse(),
            _ => {}
        }
        let (mut listed, limit) = (Listed::default(), self.limit.unwrap_or(usize::MAX));
        for (at, item) in items.into_iter().enumerate() {
            if listed.count == limit {
                break;
            }
            if at % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            show(item).iter().for_each(|shown| listed.push(shown));
        }
        listed.end()
    }
}

/// How many items are looked at before others have their turn.
const AT_ONCE: usize = 1000;

/// A list as it is written.
#[derive(Default)]
pub(crate) struct Listed {
    text: String,
    count: usize,
}

impl Listed {
    pub(crate) fn push(&mut self, item: &Value) {
        self.text.push(if self.count == 0 { '[' } else { ',' });
        self.count += 1;
        // Writing to a text cannot fail.
        let _ = write!(self.text, "{item}");
    }

    fn end(mut self) -> String {
        self.text.push_str(if self.count == 0 { "[]" } else { "]" });
        self.text
    }

    /// The answer that it is.
    pub(crate) fn answer(self, call: &Call) -> Response {
        tagged(call, 200, self.end())
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

#[cfg(test)]
mod tests {
    use claviger_app::Instant;
    use serde_json::json;

    use super::Listing;

    #[tokio::test]
    async fn only_what_is_answered_is_made() {
        let items: Vec<i64> = (0..500).collect();
        let about = |it: &i64| (Instant(*it), format!("{:03}", (*it * 7) % 500));
        let all = Listing { limit: None, order: None, since: None };
        for (listing, found, wanted) in [
            (Listing { limit: Some(1), ..all }, "[1]", 2),
            (Listing { limit: Some(2), order: Some(("createdAt", true)), ..all }, "[499,497]", 3),
            (Listing { limit: Some(1), order: Some(("name", false)), ..all }, "[143]", 2),
            (Listing { since: Some(Instant(497)), ..all }, "[497,499]", 3),
            (Listing { since: Some(Instant(500)), ..all }, "[]", 0),
        ] {
            let mut made = 0;
            // The even ones are not shown.
            let show = |it: &i64| {
                made += 1;
                (it % 2 == 1).then(|| json!(it))
            };
            assert_eq!(listing.text(items.iter(), about, show).await, found);
            assert_eq!(made, wanted, "{found}");
        }
    }
}
