//! The words of a filter. Knows no member and no grammar.

use claviger_domain::time::Instant;

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// A name, a path of names with slashes, or a keyword.
    Word(String),
    /// What stood in quotes.
    Text(String),
    Number(f64),
    Time(Instant),
}

/// The longest filter in bytes: a head of a request is not longer.
const MOST_BYTES: usize = 256 * 1024;

/// Takes a text apart.
///
/// # Errors
/// What cannot be read.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    if text.len() > MOST_BYTES {
        return Err(format!("must have at most {MOST_BYTES} bytes"));
    }
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let (token, left) = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            ',' => (Token::Comma, &rest[1..]),
            '\'' => quoted(rest)?,
            '0'..='9' | '-' => literal(rest)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '/';
                let (word, left) = split(rest, named);
                (Token::Word(word.to_owned()), left)
            }
            other => return Err(format!("has {other:?}, which is not understood")),
        };
        found.push(token);
        rest = left;
    }
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// A text in quotes, in which a quote is written twice.
fn quoted(text: &str) -> Result<(Token, &str), String> {
    let mut whole = String::new();
    let mut rest = &text[1..];
    loop {
        let end = rest.find('\'').ok_or("has a text that does not end")?;
        whole.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(left) => {
                whole.push('\'');
                rest = left;
            }
            None => return Ok((Token::Text(whole), rest)),
        }
    }
}

/// A number or an instant.
fn literal(text: &str) -> Result<(Token, &str), String> {
    let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | ':' | '.');
    let (word, left) = split(text, belongs);
    if let Some(at) = Instant::parse(word) {
        return Ok((Token::Time(at), left));
    }
    // A plus that was not written `%2B` has come as a space.
    if let Some((offset, after)) = left.strip_prefix(' ').and_then(|left| left.split_at_checked(5))
        && word.contains('T')
        && let Some(at) = Instant::parse(&format!("{word}+{offset}"))
    {
        return Ok((Token::Time(at), after));
    }
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    let number = word.chars().all(plain).then(|| word.parse::<f64>().ok()).flatten();
    match number.filter(|number| number.is_finite()) {
        Some(number) => Ok((Token::Number(number), left)),
        None => {
            let shown: String = word.chars().take(60).collect();
            let right = "neither a number nor a date and time such as 2030-06-30T22:00:00Z";
            Err(format!("has {shown}, which is {right}"))
        }
    }
}
