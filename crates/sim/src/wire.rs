//! The JSON of the native API as far as the simulator speaks it.
//!
//! Its own types on purpose: a mistake in the server's must not be hidden by sharing them.
//! No logic, and nothing here is read from the server's crates.

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize)]
pub(crate) struct PersonBody<'a> {
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
    pub(crate) email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) employee_number: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CredentialBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) person_id: Option<&'a str>,
    pub(crate) kind: &'static str,
    pub(crate) label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) card: Option<CardBody>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cards: Vec<CardBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valid_until: Option<String>,
    pub(crate) state: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct CardBody {
    pub(crate) technology: &'static str,
    pub(crate) bits: u32,
    /// Hex.
    pub(crate) value: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct LockBody<'a> {
    pub(crate) name: &'a str,
    pub(crate) mode: &'static str,
    pub(crate) pin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pin_schedule: Option<ScheduleBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unlock_schedule: Option<ScheduleBody<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LevelBody<'a> {
    pub(crate) name: &'a str,
    pub(crate) lock_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<ScheduleBody<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct NamedScheduleBody<'a> {
    pub(crate) name: &'a str,
    #[serde(flatten)]
    pub(crate) schedule: ScheduleBody<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ScheduleBody<'a> {
    Reference {
        id: &'a str,
    },
    Weekly {
        /// Sent even when null, which the API defines as the zone of the lock that is opened.
        time_zone: Option<&'a str>,
        weekly: Vec<WeeklyBody<'a>>,
        exceptions: Vec<ExceptionBody<'a>>,
    },
    Ical {
        ical: &'a str,
    },
}

#[derive(Debug, Serialize)]
pub(crate) struct WeeklyBody<'a> {
    pub(crate) days: &'a [&'a str],
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExceptionBody<'a> {
    pub(crate) date: String,
    pub(crate) windows: Vec<HoursBody<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct HoursBody<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct GrantBody<'a> {
    pub(crate) subject: SubjectBody<'a>,
    pub(crate) target: TargetBody<'a>,
    pub(crate) right: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valid_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<ScheduleBody<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SubjectBody<'a> {
    PersonId(&'a str),
    CredentialId(&'a str),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TargetBody<'a> {
    LockId(&'a str),
    AccessLevelId(&'a str),
}

/// The body of `POST P/decisions`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct DecisionBody {
    pub(crate) lock_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) person_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) card: Option<CardBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<bool>,
}

/// The answer of `POST P/decisions`, as far as a lock cares.
#[derive(Debug, Clone, Deserialize)]
pub struct Decision {
    /// `granted` or `denied`.
    pub result: String,
    /// What was presented, or `free_access`.
    #[serde(default)]
    pub method: Option<String>,
    /// Every condition that failed, in the API's order.
    pub reasons: Vec<Reason>,
    /// The event it made; none for a preview.
    #[serde(default)]
    pub event_id: Option<String>,
    /// False when the event could not be stored and the lock opens all the same.
    #[serde(default)]
    pub recorded: Option<bool>,
    /// Hints for a machine, where the credential has any.
    #[serde(default)]
    pub session: Option<Session>,
}

/// How long one may take to start a machine, and stays logged in after switching it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct Session {
    pub start_within_s: u32,
    pub log_off_after_s: u32,
}

/// A condition that failed.
#[derive(Debug, Clone, Deserialize)]
pub struct Reason {
    /// Stable word of the API.
    pub code: String,
}

/// An object as far as the simulator reads it back.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Object {
    pub(crate) id: String,
    /// Of people: `active` or `suspended`.
    #[serde(default)]
    pub(crate) state: Option<String>,
}

/// An error answer (RFC 9457).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) errors: Vec<FieldProblem>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FieldProblem {
    #[serde(default)]
    pub(crate) pointer: String,
    #[serde(default)]
    pub(crate) code: String,
}

/// The body of `POST /oauth/token`.
#[derive(Serialize)]
pub(crate) struct TokenBody<'a> {
    pub(crate) grant_type: &'static str,
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: &'a str,
}

#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    pub(crate) access_token: String,
}
