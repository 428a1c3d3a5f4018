//! What clients use of OData (OASIS OData 4.01, URL conventions): `$filter`, `$select`, `$top`,
//! `$skip`, `$orderby` and `$count`, over lists of JSON objects. Pure; knows no object of the API.
//!
//! What is not understood is an error, never the list as if it had not been asked for. Nothing here
//! recurses: a filter is kept as steps for a stack, so that depth costs no stack of ours.

mod demand;
mod filter;
mod lex;
mod value;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use serde_json::Value;

use crate::compat::fields::Wrongs;
pub(crate) use demand::Demand;
pub(crate) use filter::Comparison;
use filter::Filter;
use value::{Member, Scalar};

/// What a member of an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text, also one of a closed set of words.
    Text,
    /// True or false.
    Flag,
    /// A number.
    Number,
    /// An instant, written as text.
    Time,
    /// An object with these members.
    Object(&'static [Field]),
    /// A list.
    List,
}

/// A member of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// A member by its name and kind.
pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

/// Members by which a list may be put in order.
const MOST_ORDERS: usize = 10;

/// The options of one request for a list.
#[derive(Debug, Default)]
pub(crate) struct Query {
    filter: Option<Filter>,
    /// By which members, and whether from the greatest on.
    order: Vec<(Member, bool)>,
    select: Option<Vec<&'static str>>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    count: bool,
}

/// What is left of a list.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) items: Vec<Value>,
    /// How many the filter let through, where that was asked.
    pub(crate) count: Option<usize>,
}

/// Where an object stands in an order.
#[derive(Debug)]
pub(crate) struct Place<'v>(Vec<Scalar<'v>>);

impl Place<'_> {
    /// The same without the object.
    pub(crate) fn kept(self) -> Place<'static> {
        Place(self.0.into_iter().map(Scalar::kept).collect())
    }
}

impl Query {
    /// Reads the options of a request; every other parameter is noted as wrong, and so is an option
    /// that is given twice.
    pub(crate) fn parse(
        query: &[(String, String)],
        shape: &'static [Field],
        wrongs: &mut Wrongs,
    ) -> Query {
        let mut found = Query::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, text) in query {
            let folded = name.to_ascii_lowercase();
            let read = if seen.contains(&folded) {
                Err("is given twice".to_owned())
            } else {
                found.option(&folded, text, shape)
            };
            if let Err(reason) = read {
                let shown: String = name.chars().take(60).collect();
                wrongs.add(shown, reason);
            }
            seen.push(folded);
        }
        found
    }

    fn option(&mut self, name: &str, text: &str, shape: &'static [Field]) -> Result<(), String> {
        match name {
            "$filter" => self.filter = Some(Filter::parse(text, shape)?),
            "$orderby" => self.order = order(text, shape)?,
            "$select" => self.select = select(text, shape)?,
            "$top" => self.top = Some(whole(text)?),
            "$skip" => self.skip = whole(text)?,
            "$count" => {
                self.count = match text.trim() {
                    "true" => true,
                    "false" => false,
                    _ => return Err("must be true or false".to_owned()),
                }
            }
            _ => {
                let known = "$filter, $select, $orderby, $top, $skip, $count";
                return Err(format!("is not a parameter here; known: {known}"));
            }
        }
        Ok(())
    }

    /// What the options leave of a list, which is in its own order.
    pub(crate) fn apply(&self, mut items: Vec<Value>) -> Found {
        if let Some(filter) = &self.filter {
            items.retain(|item| filter.holds(item));
        }
        let count = self.count.then_some(items.len());
        if self.is_ordered() {
            items.sort_by(|one, other| self.compare(&self.place(one), &self.place(other)));
        }
        let kept = items.into_iter().skip(self.skip).take(self.top.unwrap_or(usize::MAX));
        let items = kept.map(|item| self.selected(item)).collect();
        Found { items, count }
    }

    /// What every object must be that the filter lets through.
    pub(crate) fn demands(&self) -> Vec<Demand<'_>> {
        self.filter.as_ref().map(Filter::demands).unwrap_or_default()
    }

    /// Whether the filter lets an object through.
    pub(crate) fn holds(&self, item: &Value) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.holds(item))
    }

    /// Whether it is asked how many there are.
    pub(crate) fn counts(&self) -> bool {
        self.count
    }

    /// Whether another order is asked for than the list's own.
    pub(crate) fn is_ordered(&self) -> bool {
        !self.order.is_empty()
    }

    /// How many objects are passed over whatever they are.
    pub(crate) fn passed(&self) -> usize {
        if self.filter.is_none() && !self.is_ordered() { self.skip } else { 0 }
    }

    /// Whether all objects are needed before the first is said.
    pub(crate) fn needs_all(&self) -> bool {
        self.counts() || self.is_ordered()
    }

    /// What decides where an object stands in the order that is asked for.
    pub(crate) fn place<'v>(&self, item: &'v Value) -> Place<'v> {
        Place(self.order.iter().map(|(member, _)| member.of(item)).collect())
    }

    /// Which of two comes first, in the order that is asked for.
    pub(crate) fn compare(&self, one: &Place<'_>, other: &Place<'_>) -> Ordering {
        let by = self.order.iter().zip(&one.0).zip(&other.0);
        let by = by.map(|(((_, descending), one), other)| {
            let order = one.order(other);
            if *descending { order.reverse() } else { order }
        });
        by.fold(Ordering::Equal, Ordering::then)
    }

    /// What was selected of an object.
    pub(crate) fn selected(&self, item: Value) -> Value {
        match (&self.select, item) {
            (Some(names), Value::Object(mut fields)) => {
                fields.retain(|name, _| names.contains(&name.as_str()));
                for name in names {
                    // A member that is left out where there is none was asked for.
                    fields.entry(*name).or_insert(Value::Null);
                }
                Value::Object(fields)
            }
            (_, item) => item,
        }
    }
}

fn whole(text: &str) -> Result<usize, String> {
    let digits = text.trim();
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A number too large for us is larger than every list.
    let read = is_whole.then(|| digits.parse().unwrap_or(usize::MAX));
    read.ok_or_else(|| "must be a whole number, 0 or more".to_owned())
}

fn order(text: &str, shape: &'static [Field]) -> Result<Vec<(Member, bool)>, String> {
    let parts: Vec<&str> = text.split(',').take(MOST_ORDERS + 1).collect();
    if parts.len() > MOST_ORDERS {
        return Err(format!("must name at most {MOST_ORDERS} members"));
    }
    let one = |part: &&str| {
        let mut words = part.split_ascii_whitespace();
        let path = words.next().ok_or("must name members, with commas between")?;
        let descending = match (words.next(), words.next()) {
            (None | Some("asc"), None) => false,
            (Some("desc"), None) => true,
            _ => return Err("must have nothing, asc or desc after each member".to_owned()),
        };
        let member = Member::find(path, shape)?;
        let sorts = !matches!(member.kind, Kind::Object(_) | Kind::List);
        let refused = || format!("cannot be put in order by {path}");
        sorts.then_some((member, descending)).ok_or_else(refused)
    };
    parts.iter().map(one).collect()
}

fn select(text: &str, shape: &'static [Field]) -> Result<Option<Vec<&'static str>>, String> {
    if text.trim() == "*" {
        return Ok(None);
    }
    let mut names = Vec::new();
    for part in text.split(',') {
        let member = Member::find(part.trim(), shape)?;
        match member.path.as_slice() {
            [name] if !names.contains(name) => names.push(*name),
            [_] => {}
            _ => return Err("must name members of the object itself".to_owned()),
        }
    }
    Ok(Some(names))
}
