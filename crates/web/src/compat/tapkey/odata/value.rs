//! Values that a filter compares, and the members of objects that they come from.

use std::borrow::Cow;
use std::cmp::Ordering;

use claviger_domain::time::Instant;
use serde_json::Value;

use super::{Field, Kind};

/// A value without parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'v> {
    Null,
    Flag(bool),
    Number(f64),
    Text(Cow<'v, str>),
    Time(Instant),
    /// An object or a list, of which no more is asked than whether it is there.
    Whole,
}

impl Scalar<'_> {
    /// The same without the object it comes from.
    pub(super) fn kept(self) -> Scalar<'static> {
        match self {
            Scalar::Null => Scalar::Null,
            Scalar::Flag(flag) => Scalar::Flag(flag),
            Scalar::Number(number) => Scalar::Number(number),
            Scalar::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
            Scalar::Time(at) => Scalar::Time(at),
            Scalar::Whole => Scalar::Whole,
        }
    }

    /// Which of two of one kind comes first; nothing comes before anything.
    pub(super) fn order(&self, other: &Scalar<'_>) -> Ordering {
        match (self, other) {
            (Scalar::Null, Scalar::Null) => Ordering::Equal,
            (Scalar::Null, _) => Ordering::Less,
            (_, Scalar::Null) => Ordering::Greater,
            (Scalar::Flag(one), Scalar::Flag(other)) => one.cmp(other),
            (Scalar::Number(one), Scalar::Number(other)) => one.total_cmp(other),
            (Scalar::Text(one), Scalar::Text(other)) => one.cmp(other),
            (Scalar::Time(one), Scalar::Time(other)) => one.cmp(other),
            _ => Ordering::Equal,
        }
    }

    /// The kind; none of null, which is of every kind.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Scalar::Null => None,
            Scalar::Flag(_) => Some(Kind::Flag),
            Scalar::Number(_) => Some(Kind::Number),
            Scalar::Text(_) => Some(Kind::Text),
            Scalar::Time(_) => Some(Kind::Time),
            Scalar::Whole => Some(Kind::List),
        }
    }
}

/// How the letters of a text are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    Lower,
    Upper,
}

/// A member of an object, or of an object in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Names from the outermost on.
    pub(super) path: Vec<&'static str>,
    pub(super) kind: Kind,
    pub(super) fold: Option<Fold>,
}

impl Member {
    /// The member that a path names; letters may be of either case.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn find(path: &str, shape: &'static [Field]) -> Result<Member, String> {
        let mut names = Vec::new();
        let mut kind = Kind::Object(shape);
        for part in path.split('/') {
            let Kind::Object(members) = kind else { return Err(unknown(path, &[])) };
            let found = members.iter().find(|field| field.name.eq_ignore_ascii_case(part));
            let found = found.ok_or_else(|| unknown(path, members))?;
            names.push(found.name);
            kind = found.kind;
        }
        Ok(Member { path: names, kind, fold: None })
    }

    /// The member's value in an object; null where there is none.
    pub(super) fn of<'v>(&self, item: &'v Value) -> Scalar<'v> {
        let mut at = item;
        for name in &self.path {
            match at.get(*name) {
                Some(next) => at = next,
                None => return Scalar::Null,
            }
        }
        match (self.kind, at) {
            (Kind::Flag, Value::Bool(flag)) => Scalar::Flag(*flag),
            (Kind::Number, Value::Number(number)) => {
                number.as_f64().map_or(Scalar::Null, Scalar::Number)
            }
            (Kind::Text, Value::String(text)) => Scalar::Text(match self.fold {
                None => Cow::Borrowed(text),
                Some(Fold::Lower) => Cow::Owned(text.to_lowercase()),
                Some(Fold::Upper) => Cow::Owned(text.to_uppercase()),
            }),
            (Kind::Time, Value::String(text)) => {
                Instant::parse(text).map_or(Scalar::Null, Scalar::Time)
            }
            (Kind::Object(_), Value::Object(_)) | (Kind::List, Value::Array(_)) => Scalar::Whole,
            _ => Scalar::Null,
        }
    }
}

fn unknown(path: &str, members: &[Field]) -> String {
    let shown: String = path.chars().take(60).collect();
    let known: Vec<&str> = members.iter().map(|field| field.name).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("names {shown:?}, which is no member; there are: {known}")
}
