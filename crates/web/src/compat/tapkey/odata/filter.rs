//! `$filter`: read into steps for a stack, and asked of one object at a time.
//!
//! What follows from null is as the standard says: `eq` and `ne` compare it, `gt` and its like are
//! false with it, and what depends on it otherwise is null, which lets nothing through.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::Value;

use super::lex::{Token, tokens};
use super::value::{Fold, Member, Scalar};
use super::{Field, Kind};

/// Questions of one filter, where those for several texts of one member are one question.
const MOST_TESTS: usize = 1000;
/// Parentheses and negations within each other.
const MOST_DEPTH: usize = 100;

/// A filter: steps in the order in which a stack needs them.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) steps: Vec<Step>,
}

/// What is done with the stack.
#[derive(Debug)]
pub(super) enum Step {
    Test(Test),
    Not,
    And,
    Or,
}

/// One question.
#[derive(Debug)]
pub(super) enum Test {
    /// A member that is true or false.
    Is(Member),
    /// A member that is one of some texts.
    Among(Member, HashSet<String>),
    Compare(Operand, Comparison, Operand),
    Find(Find, Operand, Operand),
}

#[derive(Debug)]
pub(super) enum Operand {
    Member(Member),
    Literal(Scalar<'static>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// Where in a text another is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Find {
    Anywhere,
    AtStart,
    AtEnd,
}

impl Comparison {
    fn parse(word: &str) -> Option<Comparison> {
        Some(match word {
            "eq" => Comparison::Eq,
            "ne" => Comparison::Ne,
            "gt" => Comparison::Gt,
            "ge" => Comparison::Ge,
            "lt" => Comparison::Lt,
            "le" => Comparison::Le,
            _ => return None,
        })
    }

    fn holds(self, one: &Scalar<'_>, other: &Scalar<'_>) -> bool {
        let order = one.order(other);
        let is_null = *one == Scalar::Null || *other == Scalar::Null;
        match self {
            Comparison::Eq => order == Ordering::Equal,
            Comparison::Ne => order != Ordering::Equal,
            _ if is_null => false,
            Comparison::Gt => order == Ordering::Greater,
            Comparison::Ge => order != Ordering::Less,
            Comparison::Lt => order == Ordering::Less,
            Comparison::Le => order != Ordering::Greater,
        }
    }
}

impl Operand {
    fn kind(&self) -> Option<Kind> {
        match self {
            Operand::Member(member) => Some(member.kind),
            Operand::Literal(literal) => literal.kind(),
        }
    }

    fn of<'v>(&'v self, item: &'v Value) -> Cow<'v, Scalar<'v>> {
        match self {
            Operand::Member(member) => Cow::Owned(member.of(item)),
            Operand::Literal(literal) => Cow::Borrowed(literal),
        }
    }
}

impl Test {
    fn ask(&self, item: &Value) -> Option<bool> {
        match self {
            Test::Is(member) => match member.of(item) {
                Scalar::Flag(flag) => Some(flag),
                _ => None,
            },
            Test::Among(member, texts) => Some(match member.of(item) {
                Scalar::Text(text) => texts.contains(&*text),
                _ => false,
            }),
            Test::Compare(one, comparison, other) => {
                Some(comparison.holds(&one.of(item), &other.of(item)))
            }
            Test::Find(find, whole, part) => match (&*whole.of(item), &*part.of(item)) {
                (Scalar::Text(whole), Scalar::Text(part)) => Some(match find {
                    Find::Anywhere => whole.contains(&**part),
                    Find::AtStart => whole.starts_with(&**part),
                    Find::AtEnd => whole.ends_with(&**part),
                }),
                _ => None,
            },
        }
    }
}

impl Filter {
    /// Reads a filter over objects of a shape.
    ///
    /// # Errors
    /// What is not understood.
    pub(super) fn parse(text: &str, shape: &'static [Field]) -> Result<Filter, String> {
        let tokens = tokens(text)?.into_iter();
        let mut reader = Reader {
            tokens: tokens.peekable(),
            shape,
            steps: Vec::new(),
            open: Vec::new(),
            depth: 0,
        };
        reader.whole()?;
        Ok(Filter { steps: reader.steps })
    }

    /// Whether an object is let through.
    pub(super) fn holds(&self, item: &Value) -> bool {
        let mut stack: Vec<Option<bool>> = Vec::new();
        for step in &self.steps {
            let result = match step {
                Step::Test(test) => test.ask(item),
                Step::Not => stack.pop().flatten().map(|it| !it),
                Step::And | Step::Or => {
                    let (other, one) = (stack.pop().flatten(), stack.pop().flatten());
                    // What settles it on either side does so whatever the other side is.
                    let settles = matches!(step, Step::Or);
                    if one == Some(settles) || other == Some(settles) {
                        Some(settles)
                    } else {
                        one.and(other)
                    }
                }
            };
            stack.push(result);
        }
        stack.pop().flatten() == Some(true)
    }
}

/// What waits for what comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Open,
    Not,
    And,
    Or,
}

struct Reader<T: Iterator<Item = Token>> {
    tokens: std::iter::Peekable<T>,
    shape: &'static [Field],
    steps: Vec<Step>,
    open: Vec<Waiting>,
    /// Parentheses and negations that are open.
    depth: usize,
}

impl<T: Iterator<Item = Token>> Reader<T> {
    fn whole(&mut self) -> Result<(), String> {
        loop {
            match self.tokens.peek() {
                Some(Token::Open) => self.wait(Waiting::Open)?,
                Some(Token::Word(word)) if word == "not" => self.wait(Waiting::Not)?,
                Some(_) => {
                    self.test()?;
                    if !self.go_on()? {
                        return Ok(());
                    }
                }
                None => return Err("ends where a comparison is expected".to_owned()),
            }
        }
    }

    fn wait(&mut self, waiting: Waiting) -> Result<(), String> {
        self.tokens.next();
        self.open.push(waiting);
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(format!("must have at most {MOST_DEPTH} parentheses within each other"));
        }
        Ok(())
    }

    /// What follows a question: whether there is another.
    fn go_on(&mut self) -> Result<bool, String> {
        loop {
            self.settle(&[Waiting::Not]);
            let next = self.tokens.next();
            match next {
                None => {
                    self.settle(&[Waiting::And, Waiting::Or]);
                    let closed = self.open.is_empty();
                    return if closed { Ok(false) } else { Err(unclosed()) };
                }
                Some(Token::Close) => {
                    self.settle(&[Waiting::And, Waiting::Or]);
                    self.open.pop().ok_or("has a ) without its (")?;
                    self.depth -= 1;
                }
                Some(Token::Word(word)) if word == "and" => {
                    self.settle(&[Waiting::And]);
                    self.open.push(Waiting::And);
                    return Ok(true);
                }
                Some(Token::Word(word)) if word == "or" => {
                    self.settle(&[Waiting::And, Waiting::Or]);
                    self.open.push(Waiting::Or);
                    return Ok(true);
                }
                Some(_) => return Err("must have and, or, ) or nothing there".to_owned()),
            }
        }
    }

    /// Carries out what waits and is one of these.
    fn settle(&mut self, which: &[Waiting]) {
        while let Some(last) = self.open.last().copied().filter(|last| which.contains(last)) {
            self.open.pop();
            match last {
                Waiting::Open => {}
                Waiting::Not => {
                    self.depth -= 1;
                    self.steps.push(Step::Not);
                }
                Waiting::And => self.steps.push(Step::And),
                Waiting::Or => self.either(),
            }
        }
    }

    /// One of the last two: where both ask a member for texts, it is one question.
    fn either(&mut self) {
        if let [.., Step::Test(Test::Among(one, texts)), Step::Test(Test::Among(other, more))] =
            self.steps.as_mut_slice()
            && one == other
        {
            texts.extend(more.drain());
            self.steps.pop();
        } else {
            self.steps.push(Step::Or);
        }
    }

    fn put(&mut self, test: Test) -> Result<(), String> {
        self.steps.push(Step::Test(test));
        // Each question but the first comes with a step that joins it.
        if self.steps.len() > 2 * MOST_TESTS {
            return Err(format!("must ask at most {MOST_TESTS} questions"));
        }
        Ok(())
    }

    fn test(&mut self) -> Result<(), String> {
        if let Some(find) = self.function() {
            return self.find(find);
        }
        let one = self.operand()?;
        let negated = self.open.last() == Some(&Waiting::Not);
        let word = match self.tokens.peek() {
            Some(Token::Word(word)) => Some(word.clone()),
            _ => None,
        };
        let comparison = word.as_deref().and_then(Comparison::parse);
        let compares = comparison.is_some() || word.as_deref() == Some("in");
        if negated && compares {
            return Err("must have parentheses after not".to_owned());
        }
        if let Some(comparison) = comparison {
            self.tokens.next();
            let other = self.operand()?;
            return self.compare(one, comparison, other);
        }
        match one {
            Operand::Member(member) if compares => {
                self.tokens.next();
                self.among(&member)
            }
            Operand::Member(member) if member.kind == Kind::Flag => self.put(Test::Is(member)),
            _ => Err("must compare: member, one of eq ne gt ge lt le in, value".to_owned()),
        }
    }

    /// The function that is called next, if it is one that says yes or no.
    fn function(&mut self) -> Option<Find> {
        let Some(Token::Word(word)) = self.tokens.peek() else { return None };
        let find = match word.as_str() {
            "contains" => Find::Anywhere,
            "startswith" => Find::AtStart,
            "endswith" => Find::AtEnd,
            _ => return None,
        };
        self.tokens.next();
        Some(find)
    }

    fn find(&mut self, find: Find) -> Result<(), String> {
        self.must_be(&Token::Open, "(")?;
        let whole = self.operand()?;
        self.must_be(&Token::Comma, ",")?;
        let part = self.operand()?;
        self.must_be(&Token::Close, ")")?;
        let texts = [&whole, &part].map(|it| it.kind().is_none_or(|kind| kind == Kind::Text));
        if texts != [true, true] {
            return Err("looks for something in what is no text".to_owned());
        }
        self.put(Test::Find(find, whole, part))
    }

    fn among(&mut self, member: &Member) -> Result<(), String> {
        self.must_be(&Token::Open, "( after in")?;
        let mut first = true;
        loop {
            let Operand::Literal(literal) = self.operand()? else {
                return Err("must have values in the list after in".to_owned());
            };
            let one = Operand::Member(member.clone());
            self.compare(one, Comparison::Eq, Operand::Literal(literal))?;
            if !first {
                self.either();
            }
            first = false;
            match self.tokens.next() {
                Some(Token::Comma) => {}
                Some(Token::Close) => return Ok(()),
                _ => return Err("must have , or ) in the list after in".to_owned()),
            }
        }
    }

    fn compare(
        &mut self,
        one: Operand,
        comparison: Comparison,
        other: Operand,
    ) -> Result<(), String> {
        let equals = matches!(comparison, Comparison::Eq | Comparison::Ne);
        if let (Some(one), Some(other)) = (one.kind(), other.kind()) {
            let whole = |kind: Kind| matches!(kind, Kind::Object(_) | Kind::List);
            if one != other || whole(one) {
                return Err(format!("compares {} with {}", said(one), said(other)));
            }
        }
        let kind = one.kind().or(other.kind());
        let ordered = matches!(kind, Some(Kind::Text | Kind::Number | Kind::Time) | None);
        if !equals && !ordered {
            return Err("asks for the greater of what has no order".to_owned());
        }
        match (one, comparison, other) {
            (Operand::Member(member), Comparison::Eq, Operand::Literal(Scalar::Text(text))) => {
                self.put(Test::Among(member, HashSet::from([text.into_owned()])))
            }
            (one, comparison, other) => self.put(Test::Compare(one, comparison, other)),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let literal = match self.tokens.next() {
            Some(Token::Text(text)) => Scalar::Text(Cow::Owned(text)),
            Some(Token::Number(number)) => Scalar::Number(number),
            Some(Token::Time(at)) => Scalar::Time(at),
            Some(Token::Word(word)) => match word.as_str() {
                "null" => Scalar::Null,
                "true" => Scalar::Flag(true),
                "false" => Scalar::Flag(false),
                "tolower" => return self.folded(Fold::Lower),
                "toupper" => return self.folded(Fold::Upper),
                path => return Ok(Operand::Member(Member::find(path, self.shape)?)),
            },
            _ => return Err("must have a member or a value there".to_owned()),
        };
        Ok(Operand::Literal(literal))
    }

    fn folded(&mut self, fold: Fold) -> Result<Operand, String> {
        let refused = "must have a member that is a text in tolower( ) and toupper( )";
        self.must_be(&Token::Open, "(")?;
        let Some(Token::Word(path)) = self.tokens.next() else { return Err(refused.to_owned()) };
        let member = Member::find(&path, self.shape)?;
        self.must_be(&Token::Close, ")")?;
        if member.kind != Kind::Text {
            return Err(refused.to_owned());
        }
        Ok(Operand::Member(Member { fold: Some(fold), ..member }))
    }

    fn must_be(&mut self, token: &Token, shown: &str) -> Result<(), String> {
        let found = self.tokens.next();
        if found.as_ref() == Some(token) { Ok(()) } else { Err(format!("must have {shown} there")) }
    }
}

fn unclosed() -> String {
    "has a ( without its )".to_owned()
}

fn said(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::Flag => "a boolean",
        Kind::Number => "a number",
        Kind::Time => "a date and time",
        Kind::Object(_) => "an object",
        Kind::List => "a list",
    }
}
