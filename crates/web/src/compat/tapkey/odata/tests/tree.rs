//! Filters as trees, made at random, which are written and asked in another way than the product
//! does. Shared with the tests of lists over HTTP; knows no list.

use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::Value;

/// A filter.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    /// A member that is a text, compared with one, or with null.
    Text(String, &'static str, Option<String>),
    /// A member that is a number.
    Number(String, &'static str, i8),
    /// A member that is an instant, of which all are written at one length.
    Time(String, &'static str, String),
    /// A member that is true or false.
    Flag(String),
    /// A function of a member that is a text.
    Find(&'static str, String, String),
    /// A member that is one of some texts.
    Among(String, Vec<String>),
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
}

/// What filters are made of: members by their kinds, and what they are compared with.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) texts: Vec<String>,
    pub(crate) numbers: Vec<String>,
    pub(crate) times: Vec<String>,
    pub(crate) flags: Vec<String>,
    pub(crate) values: Vec<String>,
    pub(crate) instants: Vec<String>,
}

const COMPARISONS: [&str; 6] = ["eq", "ne", "gt", "ge", "lt", "le"];

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn at<'v>(item: &'v Value, member: &str) -> &'v Value {
    let found = member.split('/').try_fold(item, |at, name| at.get(name));
    found.unwrap_or(&Value::Null)
}

/// What a comparison says, null being the same as nothing but itself and in no order.
fn by(comparison: &str, order: Option<Ordering>, same: bool) -> bool {
    match comparison {
        "eq" => same,
        "ne" => !same,
        "gt" => order.is_some_and(Ordering::is_gt),
        "ge" => order.is_some_and(Ordering::is_ge),
        "lt" => order.is_some_and(Ordering::is_lt),
        _ => order.is_some_and(Ordering::is_le),
    }
}

impl Tree {
    pub(crate) fn written(&self) -> String {
        match self {
            Tree::Text(member, by, None) => format!("{member} {by} null"),
            Tree::Text(member, by, Some(text)) => format!("{member} {by} {}", quoted(text)),
            Tree::Number(member, by, number) => format!("{member} {by} {number}"),
            Tree::Time(member, by, time) => format!("{member} {by} {time}"),
            Tree::Flag(member) => member.clone(),
            Tree::Find(find, member, text) => format!("{find}({member},{})", quoted(text)),
            Tree::Among(member, texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                format!("{member} in ({})", texts.join(", "))
            }
            Tree::Not(it) => format!("not ({})", it.written()),
            // Without parentheses where none are needed: what binds closer stands bare.
            Tree::And(one, other) => {
                let side = |it: &Tree| match it {
                    Tree::Or(..) => format!("({})", it.written()),
                    _ => it.written(),
                };
                format!("{} and {}", side(one), side(other))
            }
            Tree::Or(one, other) => format!("{} or {}", one.written(), other.written()),
        }
    }

    /// Whether an object is let through; none where that cannot be told of null.
    pub(crate) fn asked(&self, item: &Value) -> Option<bool> {
        match self {
            Tree::Text(member, comparison, text) => {
                let (found, text) = (at(item, member).as_str(), text.as_deref());
                let order = found.zip(text).map(|(one, other)| one.cmp(other));
                Some(by(comparison, order, found == text))
            }
            Tree::Number(member, comparison, number) => {
                let found = at(item, member).as_f64();
                let order = found.and_then(|found| found.partial_cmp(&f64::from(*number)));
                Some(by(comparison, order, order.is_some_and(Ordering::is_eq)))
            }
            Tree::Time(member, comparison, time) => {
                let order = at(item, member).as_str().map(|it| it.cmp(time.as_str()));
                Some(by(comparison, order, order.is_some_and(Ordering::is_eq)))
            }
            Tree::Flag(member) => at(item, member).as_bool(),
            Tree::Find(find, member, text) => at(item, member).as_str().map(|whole| match *find {
                "contains" => whole.find(text.as_str()).is_some(),
                "startswith" => whole.strip_prefix(text.as_str()).is_some(),
                _ => whole.strip_suffix(text.as_str()).is_some(),
            }),
            Tree::Among(member, texts) => {
                let found = at(item, member).as_str();
                Some(texts.iter().any(|text| found == Some(text)))
            }
            Tree::Not(it) => it.asked(item).map(|it| !it),
            Tree::And(one, other) => match (one.asked(item), other.asked(item)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Tree::Or(one, other) => match (one.asked(item), other.asked(item)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}

/// Trees of some words, of which there is a text.
pub(crate) fn trees(words: Words) -> impl Strategy<Value = Tree> {
    let Words { texts, numbers, times, flags, values, instants } = words;
    let text = || prop::sample::select(values.clone());
    let member = || prop::sample::select(texts.clone());
    let comparison = || prop::sample::select(&COMPARISONS[..]);
    let find = prop::sample::select(&["contains", "startswith", "endswith"][..]);
    let mut leaves = vec![
        (
            4,
            (member(), comparison(), prop::option::weighted(0.8, text()))
                .prop_map(|(member, by, text)| Tree::Text(member, by, text))
                .boxed(),
        ),
        (
            2,
            (find, member(), text())
                .prop_map(|(find, member, text)| Tree::Find(find, member, text))
                .boxed(),
        ),
        (
            1,
            (member(), prop::collection::vec(text(), 1..4))
                .prop_map(|(member, texts)| Tree::Among(member, texts))
                .boxed(),
        ),
    ];
    if !numbers.is_empty() {
        let leaf = (prop::sample::select(numbers), comparison(), -1_i8..3)
            .prop_map(|(member, by, number)| Tree::Number(member, by, number));
        leaves.push((1, leaf.boxed()));
    }
    if !times.is_empty() {
        let leaf = (prop::sample::select(times), comparison(), prop::sample::select(instants))
            .prop_map(|(member, by, time)| Tree::Time(member, by, time));
        leaves.push((1, leaf.boxed()));
    }
    if !flags.is_empty() {
        leaves.push((1, prop::sample::select(flags).prop_map(Tree::Flag).boxed()));
    }
    let leaf = prop::strategy::Union::new_weighted(leaves);
    leaf.prop_recursive(6, 40, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            inner.prop_map(|it| Tree::Not(Box::new(it))),
            pair.clone().prop_map(|(one, other)| Tree::And(Box::new(one), Box::new(other))),
            pair.prop_map(|(one, other)| Tree::Or(Box::new(one), Box::new(other))),
        ]
    })
}
