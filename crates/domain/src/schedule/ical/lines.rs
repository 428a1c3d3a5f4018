//! Content lines: the grammar of RFC 5545 section 3.1, unfolded and taken apart.
//! Knows no property and no component.

use super::flaw;
use crate::schedule::definition::Flaw;

/// One unfolded line, `NAME;PARAM=value:value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins in the text, from 1.
    pub(super) number: usize,
    /// In upper case.
    pub(super) name: String,
    /// Names in upper case, values without quotes; several values keep their commas.
    pub(super) params: Vec<(String, String)>,
    /// As written.
    pub(super) value: String,
}

/// All lines in order, blank ones left out; lines may end with CRLF or LF.
pub(super) fn read(text: &str) -> Result<Vec<Line>, Vec<Flaw>> {
    let mut lines = Vec::new();
    let mut flaws = Vec::new();
    for (number, content) in unfold(text) {
        match line(number, &content) {
            Ok(line) => lines.push(line),
            Err(why) => flaws.push(flaw("malformed", format!("line {number}: {why}"))),
        }
    }
    if flaws.is_empty() { Ok(lines) } else { Err(flaws) }
}

fn unfold(text: &str) -> Vec<(usize, String)> {
    let mut unfolded: Vec<(usize, String)> = Vec::new();
    for (index, raw) in text.split('\n').enumerate() {
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        match (raw.strip_prefix([' ', '\t']), unfolded.last_mut()) {
            (Some(rest), Some((_, content))) => content.push_str(rest),
            _ if raw.is_empty() => {}
            _ => unfolded.push((index + 1, raw.to_owned())),
        }
    }
    unfolded
}

fn line(number: usize, content: &str) -> Result<Line, &'static str> {
    if content.chars().any(|c| c.is_control() && c != '\t') {
        return Err("a control character may not stand in a line");
    }
    let (name, mut rest) = take_name(content).ok_or("a line begins with the name of a property")?;
    let mut params: Vec<(String, String)> = Vec::new();
    while let Some(after) = rest.strip_prefix(';') {
        let (param, after) = take_name(after).ok_or("`;` is followed by a parameter's name")?;
        let after = after.strip_prefix('=').ok_or("a parameter's name is followed by `=`")?;
        let (value, after) = take_values(after).ok_or("a quoted value needs its second quote")?;
        if params.iter().any(|(known, _)| *known == param) {
            return Err("a parameter stands twice");
        }
        params.push((param, value));
        rest = after;
    }
    let value = rest.strip_prefix(':').ok_or("a property's name is followed by `:` or `;`")?;
    Ok(Line { number, name, params, value: value.to_owned() })
}

/// A name in upper case, and what follows it.
fn take_name(text: &str) -> Option<(String, &str)> {
    let ends = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len());
    let (name, rest) = text.split_at(ends);
    (!name.is_empty()).then(|| (name.to_ascii_uppercase(), rest))
}

/// The values of a parameter, joined by commas, and what follows them.
fn take_values(text: &str) -> Option<(String, &str)> {
    let mut values = String::new();
    let mut rest = text;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (value, after) = quoted.split_once('"')?;
            values.push_str(value);
            rest = after;
        } else {
            let ends = rest.find([',', ';', ':', '"']).unwrap_or(rest.len());
            values.push_str(&rest[..ends]);
            rest = &rest[ends..];
        }
        let Some(after) = rest.strip_prefix(',') else { return Some((values, rest)) };
        values.push(',');
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Line {
        read(text).unwrap().remove(0)
    }

    #[test]
    fn folded_lines_are_joined_and_blank_ones_left_out() {
        let lines = read("SUM\r\n MARY:a\r\n\t b\r\n\r\nUID:1\n").unwrap();
        assert_eq!((lines[0].name.as_str(), lines[0].value.as_str()), ("SUMMARY", "a b"));
        assert_eq!((lines[1].number, lines[1].value.as_str(), lines.len()), (5, "1", 2));
    }

    #[test]
    fn parameters_are_taken_apart() {
        let line = one("dtstart;tzid=\"Europe/Stockholm\";X-A=b,\"c;:\",d:2024:x;y=z");
        assert_eq!(line.name, "DTSTART");
        assert_eq!(line.params[0], ("TZID".into(), "Europe/Stockholm".into()));
        assert_eq!(line.params[1], ("X-A".into(), "b,c;:,d".into()));
        assert_eq!(line.value, "2024:x;y=z");
    }

    #[test]
    fn bad_lines_are_named_all_at_once() {
        let bad = ["nothing", ":a", "A;B:c", "A;=b:c", "A;B=\"c:d", "A;B=1;B=2:c", "A\u{7}:b"];
        let flaws = read(&bad.join("\n")).unwrap_err();
        assert_eq!(flaws.len(), bad.len());
        assert!(flaws[1].detail.starts_with("line 2: "), "{}", flaws[1].detail);
        assert!(read(" A:b").is_err());
    }
}
