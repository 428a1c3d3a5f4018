//! Refusals in the form of this API: a code, a message, and the items that are wrong. Maps each
//! error of a use case once; says nothing of what is inside.

use axum::response::{IntoResponse, Response};
use claviger_app::{Error, FieldError, Refusal};
use serde_json::{Value, json};

use crate::compat::fields::{Wrong, Wrongs};
use crate::compat::serve::{Trouble, said, with_advice};
use crate::unread::Unread;

/// The code of what has the wrong shape, or lies out of range.
pub(crate) const INVALID: &str = "invalid";

/// One item of a list that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    list: String,
    index: usize,
    code: &'static str,
    message: String,
}

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    status: u16,
    code: &'static str,
    message: String,
    items: Vec<Item>,
    retry_after_s: Option<u32>,
}

impl Failure {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, code, message: message.into(), items: Vec::new(), retry_after_s: None }
    }

    /// 404 of one thing, which a path or a parameter names.
    pub(crate) fn missing(code: &'static str) -> Failure {
        Failure::new(404, code, no_such(code))
    }

    /// 422 with everything that is wrong.
    fn invalid(wrongs: Vec<Wrong>) -> Failure {
        let (items, rest): (Vec<_>, Vec<_>) =
            wrongs.into_iter().map(|wrong| item(&wrong).ok_or(wrong)).partition(Result::is_ok);
        let rest: Vec<String> = rest
            .into_iter()
            .filter_map(Result::err)
            .map(|wrong| format!("{} {}.", wrong.name, wrong.reason))
            .collect();
        Failure::of(422, INVALID, items.into_iter().flatten().collect(), &rest)
    }

    fn of(status: u16, code: &'static str, items: Vec<Item>, rest: &[String]) -> Failure {
        let message = match (items.as_slice(), rest) {
            ([], rest) => rest.join(" "),
            ([one], []) => format!("{}[{}]: {}", one.list, one.index, one.message),
            (many, rest) => {
                let whole = format!("{} items are wrong; nothing was done.", many.len());
                std::iter::once(&whole).chain(rest).cloned().collect::<Vec<_>>().join(" ")
            }
        };
        Failure { items, ..Failure::new(status, code, message) }
    }
}

/// What is said where there is no such thing, or none that the caller may see: always the same.
fn no_such(code: &str) -> &'static str {
    match code {
        ACCESS => "There is no such access.",
        USER => "There is no such user.",
        "domainNotFound" => "There is no such domain.",
        "memberNotFound" => "There is no such member.",
        "deviceNotFound" => "There is no such device.",
        "accessKeyNotFound" => "There is no such access key.",
        "batchNotFound" => "There is no such batch.",
        "webhookNotFound" => "There is no such webhook.",
        "eventLogNotFound" => "There is no such event log.",
        _ => "There is nothing here.",
    }
}

const ACCESS: &str = "accessNotFound";
const USER: &str = "userNotFound";

/// The item of a field that stands in one (`insert.2.user.roles`).
fn item(wrong: &Wrong) -> Option<Item> {
    let (list, rest) = wrong.name.split_once('.')?;
    let (index, field) = rest.split_once('.').unwrap_or((rest, ""));
    let (list, index) = (list.to_owned(), index.parse().ok()?);
    let message = format!("{field} {}", wrong.reason).trim().to_owned();
    Some(Item { list, index, code: INVALID, message })
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let items = self.items.iter().map(|item| {
            json!({
                "list": item.list, "index": item.index,
                "code": item.code, "message": item.message,
            })
        });
        let items: Value = items.collect();
        let body = json!({ "code": self.code, "message": self.message, "items": items });
        let said = said(self.status, "application/json; charset=utf-8", &body);
        with_advice(said, "Bearer realm=\"parakey\"", self.retry_after_s)
    }
}

/// Refuses if anything was wrong.
///
/// # Errors
/// 422 with all of it.
pub(crate) fn refuse(wrongs: Wrongs) -> Result<(), Failure> {
    wrongs.some().map_or(Ok(()), |wrongs| Err(Failure::invalid(wrongs)))
}

/// What is wrong before a handler is reached.
pub(crate) fn trouble(trouble: Trouble) -> Response {
    let (status, code) = match trouble {
        Trouble::NotFound => (404, "notFound"),
        Trouble::Method(_) => (405, "methodNotAllowed"),
        Trouble::TooLarge(_) => (413, "tooLarge"),
        Trouble::Media => (415, "unsupportedMediaType"),
        Trouble::Malformed(_) | Trouble::Unread(Unread::Malformed) => (400, "malformed"),
        Trouble::Unread(Unread::Address) => (414, "uriTooLong"),
        Trouble::Unread(Unread::Head) => (431, "headersTooLarge"),
        Trouble::TooMany(_) => (429, "tooManyRequests"),
        Trouble::Internal => (500, "internalError"),
    };
    let failure = Failure::new(status, code, trouble.sentence());
    Failure { retry_after_s: trouble.retry_after_s(), ..failure }.into_response()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Refused(refusal) => refused(refusal),
            Error::Unauthenticated => Failure::new(401, "unauthorized", "Not authenticated."),
            Error::Forbidden(scope) => {
                let detail = format!("The token lacks {} in this domain.", scope.as_str());
                Failure::new(403, "forbidden", detail)
            }
            Error::NotForPrograms => Failure::new(403, "forbidden", "Not for programs."),
            Error::TooMany { retry_after_s } => Failure {
                retry_after_s: Some(retry_after_s),
                ..Failure::new(429, "tooManyRequests", "Too soon; try again later.")
            },
            Error::Busy | Error::KeyMismatch | Error::Answered => {
                Failure::new(409, "conflict", "Another change is under way; try again.")
            }
            Error::Full => Failure::new(507, "storageFull", "The disk is full."),
            Error::NotYet | Error::Unavailable => Failure {
                retry_after_s: Some(1),
                ..Failure::new(503, "unavailable", "Storage does not answer; try again.")
            },
            Error::Internal => {
                Failure::new(500, "internalError", "The log of the server says more.")
            }
        }
    }
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(flaws) | Refusal::Taken(flaws) => of_flaws(&flaws),
        Refusal::NotFound(_) => Failure::missing("notFound"),
        Refusal::InUse(detail) => Failure::new(409, "conflict", detail),
        Refusal::Escalation(detail) => Failure::new(403, ESCALATION, detail),
        Refusal::Stale | Refusal::PlanChanged => {
            Failure::new(409, "conflict", "It was changed meanwhile.")
        }
    }
}

const ESCALATION: &str = "escalation";

/// Fields of items and others. What is not there goes before what may not be done, and that before
/// what is wrong.
fn of_flaws(flaws: &[FieldError]) -> Failure {
    let items: Vec<Item> = flaws.iter().filter_map(flawed).collect();
    let rest: Vec<String> = flaws
        .iter()
        .filter(|flaw| flawed(flaw).is_none())
        .map(|flaw| format!("{} {}.", flaw.pointer.trim_start_matches('/'), flaw.detail))
        .map(|text| text.trim().to_owned())
        .collect();
    let first = |code| items.iter().find(|item| item.code == code).map(|item| item.code);
    match first(ACCESS).or(first(USER)) {
        Some(code) => Failure::of(404, code, items, &rest),
        None if first(ESCALATION).is_some() => Failure::of(403, ESCALATION, items, &rest),
        None => Failure::of(422, INVALID, items, &rest),
    }
}

fn flawed(flaw: &FieldError) -> Option<Item> {
    item_of(&flaw.pointer, flaw.code, &flaw.detail)
}

/// What is said of an item in a stored result: the code and the message.
pub(crate) fn said_of(pointer: &str, code: &str, detail: &str) -> Value {
    let item = item_of(pointer, code, detail);
    let (code, message) = item.map_or((INVALID, detail.to_owned()), |it| (it.code, it.message));
    json!({ "code": code, "message": message })
}

/// The item of a field error of a use case (`/give/2/window`).
fn item_of(pointer: &str, code: &str, detail: &str) -> Option<Item> {
    let rest = pointer.strip_prefix('/')?;
    let (list, rest) = rest.split_once('/')?;
    let (index, field) = rest.split_once('/').unwrap_or((rest, ""));
    let list = super::map::list(list)?.to_owned();
    let index = index.parse().ok()?;
    let (code, message) = match (code, field) {
        ("not_found", "level") => (ACCESS, no_such(ACCESS).to_owned()),
        ("not_found", _) => (USER, no_such(USER).to_owned()),
        ("escalation", _) => (ESCALATION, detail.to_owned()),
        ("fixed_times", _) => ("fixedAccess", FIXED.to_owned()),
        (_, "window") => (INVALID, format!("expirationDate {detail}")),
        (_, field) => (INVALID, format!("{field} {detail}").trim().to_owned()),
    };
    Some(Item { list, index, code, message })
}

const FIXED: &str = "The access has a time restriction of its own; a key to it takes no dates.";
