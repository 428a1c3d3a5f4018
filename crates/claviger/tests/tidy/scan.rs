//! Just enough reading of Rust for the other scans: code without comments and literals, without
//! its tests, and where functions begin and end. No parser: it counts braces.

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub name: String,
    /// The line of its `fn`, from 1.
    pub line: usize,
    /// From that line to the one of its last brace.
    pub lines: usize,
}

/// The text with comments, strings and characters blanked; lines and bytes keep their places.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skip(bytes, at);
        if end == at {
            at += 1;
            continue;
        }
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(out).expect("whole characters were blanked")
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none begins.
fn skip(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let until = |what: &[u8]| find(rest, what).map_or(bytes.len(), |found| at + found);
    if rest.starts_with(b"//") {
        until(b"\n")
    } else if rest.starts_with(b"/*") {
        at + block_comment(rest)
    } else if rest[0] == b'"' {
        at + quoted(rest)
    } else if rest[0] == b'\'' {
        at + character(rest)
    } else if (at == 0 || !is_word(bytes[at - 1])) && b"rbc".contains(&rest[0]) {
        at + prefixed(rest)
    } else {
        at
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// A character, or nothing where it is a lifetime.
fn character(rest: &[u8]) -> usize {
    let escaped = rest.get(1) == Some(&b'\\');
    let from = if escaped { 3 } else { 2 };
    let most = rest.len().min(from + if escaped { 12 } else { 4 });
    let end = (from..most).find(|at| rest[*at] == b'\'');
    let inner = |end: usize| std::str::from_utf8(&rest[1..end]).map_or(0, |it| it.chars().count());
    match end {
        Some(end) if escaped || inner(end) == 1 => end + 1,
        _ => 0,
    }
}

/// A literal with letters before it: `b"..."`, `r#"..."#`, `b'x'`; nothing where it is a name.
fn prefixed(rest: &[u8]) -> usize {
    let letters = rest.iter().take_while(|byte| b"rbc".contains(byte)).count();
    let hashes = rest[letters..].iter().take_while(|byte| **byte == b'#').count();
    let raw = rest[..letters].contains(&b'r');
    let open = letters + hashes;
    match rest.get(open) {
        Some(b'"') if raw => {
            let mut close = vec![b'"'];
            close.resize(1 + hashes, b'#');
            let body = &rest[open + 1..];
            find(body, &close).map_or(rest.len(), |at| open + 1 + at + close.len())
        }
        Some(b'"') if hashes == 0 => open + quoted(&rest[open..]),
        Some(b'\'') if hashes == 0 && letters == 1 && rest[0] == b'b' => {
            let end = character(&rest[open..]);
            if end == 0 { 0 } else { open + end }
        }
        _ => 0,
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Whether a byte may stand in a name.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where `what` stands in the text as a whole word.
pub(crate) fn words<'t>(text: &'t str, what: &'t str) -> impl Iterator<Item = usize> + 't {
    let bytes = text.as_bytes();
    text.match_indices(what).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).map(|at| bytes[at]);
        let after = bytes.get(at + what.len()).copied();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count()
}

/// The end of the item that begins at `at`: behind its braces, or behind its semicolon.
fn end_of_item(code: &str, at: usize) -> usize {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (offset, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round -= 1,
            b'{' => curly += 1,
            b'}' => {
                curly -= 1;
                if curly <= 0 && round <= 0 {
                    return offset + 1;
                }
            }
            b';' if round <= 0 && curly == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// Code (see [`code`]) with every item under `#[cfg(test)]` or `#[test]` blanked.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for mark in ["#[cfg(test)]", "#[test]", "#[tokio::test"] {
        for (at, _) in code.match_indices(mark) {
            let attribute = at + code[at..].find(']').unwrap_or(0) + 1;
            for byte in &mut out[at..end_of_item(code, attribute)] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The functions with bodies in code (see [`code`]).
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let rest = code[at + 2..].trim_start();
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let end = end_of_item(code, at);
        if name.is_empty() || code.as_bytes()[end - 1] != b'}' {
            continue;
        }
        let line = line_of(code, at);
        found.push(Function { name, line, lines: line_of(code, end - 1) - line + 1 });
    }
    found
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = concat!(
        "let a = \"{ \\\" panic!\"; // panic!\n/* a /* panic! */ b */ let b = '{';\n",
        "fn f<'a>(x: &'a str) -> char { b'}'; r#\"} \" panic!\"#; br\"}\"; '\\u{7d}'; 'é' }\n",
        "let r#type = rb; c\"}\";",
    );
    let left = code(text);
    assert_eq!(left.len(), text.len());
    assert!(!left.contains("panic") && !left.contains('"') && left.contains("r#type = rb;"));
    assert_eq!(left.matches('{').count(), 1, "{left}");
    assert_eq!(left.matches('}').count(), 1, "{left}");
    assert!(left.contains("fn f<'a>(x: &'a str)"), "{left}");
}

#[test]
fn tests_are_left_out() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { {} }\n}\n#[cfg(test)]\nmod c;\nd";
    let left = without_tests(text);
    assert!(left.contains("fn a") && left.contains('d'), "{left}");
    assert!(!left.contains("fn b") && !left.contains("mod c"), "{left}");
    assert_eq!(left.lines().count(), text.lines().count());
}

#[test]
fn functions_are_measured() {
    let text = "trait T {\n fn none(&self, x: [u8; 4]);\n}\npub fn one(f: fn(u8)) {\n {\n }\n}\n";
    let found = functions(text);
    assert_eq!(found, [Function { name: "one".to_owned(), line: 4, lines: 4 }]);
}
