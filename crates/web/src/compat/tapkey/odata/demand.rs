//! What a filter demands of every object, for whoever can look for that before the filter is asked.

use std::collections::HashSet;

use claviger_domain::time::Instant;

use super::filter::{Comparison, Filter, Operand, Step, Test};
use super::value::Scalar;

/// Something that a filter demands of every object, as far as it can be looked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Demand<'f> {
    /// A member of the object itself is one of some texts.
    Among(&'static str, &'f HashSet<String>),
    /// A member of the object itself is true, or false.
    Flag(&'static str, bool),
    /// A member of the object itself is so to an instant.
    Time(&'static str, Comparison, Instant),
    /// A member of the object itself is so to a number.
    Number(&'static str, Comparison, f64),
    /// Anything else.
    Other,
}

impl Filter {
    /// What must hold all together for an object to be let through.
    pub(super) fn demands(&self) -> Vec<Demand<'_>> {
        // Of each value on the stack what it demands; what is joined by anything but `and` is one.
        let mut stack: Vec<Vec<Demand<'_>>> = Vec::new();
        for step in &self.steps {
            let demands = match step {
                Step::Test(test) => vec![test.demand()],
                Step::Not => {
                    stack.pop();
                    vec![Demand::Other]
                }
                Step::Or => {
                    stack.truncate(stack.len().saturating_sub(2));
                    vec![Demand::Other]
                }
                Step::And => {
                    let (other, mut one) =
                        (stack.pop().unwrap_or_default(), stack.pop().unwrap_or_default());
                    one.extend(other);
                    one
                }
            };
            stack.push(demands);
        }
        stack.pop().unwrap_or_default()
    }
}

impl Test {
    /// The question as somebody reads it who looks for the objects.
    fn demand(&self) -> Demand<'_> {
        match self {
            Test::Is(member) => match member.path.as_slice() {
                [name] => Demand::Flag(name, true),
                _ => Demand::Other,
            },
            Test::Among(member, texts) if member.fold.is_none() => match member.path.as_slice() {
                [name] => Demand::Among(name, texts),
                _ => Demand::Other,
            },
            Test::Compare(Operand::Member(member), comparison, Operand::Literal(literal)) => {
                match (member.path.as_slice(), literal) {
                    ([name], Scalar::Flag(flag)) if *comparison == Comparison::Eq => {
                        Demand::Flag(name, *flag)
                    }
                    ([name], Scalar::Time(at)) => Demand::Time(name, *comparison, *at),
                    ([name], Scalar::Number(number)) => Demand::Number(name, *comparison, *number),
                    _ => Demand::Other,
                }
            }
            _ => Demand::Other,
        }
    }
}
