//! Exchanges with programs of vendors, kept as text: ids by the order they are first seen in, times
//! and secrets hidden. What an outside program sees must not change unnoticed.
//! `UPDATE_SNAPSHOTS=1` writes the files anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::support::Answer;

/// The exchanges with one vendor's programs.
pub(crate) struct Exchanges {
    vendor: &'static str,
    text: String,
    ids: Vec<String>,
    hit: BTreeSet<Row>,
}

/// A row by its method and path: several may have one name.
type Row = (&'static str, &'static str);

impl Exchanges {
    pub(crate) fn with(vendor: &'static str) -> Exchanges {
        Exchanges { vendor, text: String::new(), ids: Vec::new(), hit: BTreeSet::new() }
    }

    /// The path below the vendor's base as it stands in a request.
    pub(crate) fn full(&self, path: &str) -> String {
        format!("/compat/{}{path}", self.vendor)
    }

    /// Keeps one exchange, of which the path is below the vendor's base.
    pub(crate) fn keep(&mut self, method: &str, path: &str, body: &Value, answer: &Answer) {
        self.hit.insert(row(method, &self.full(path)));
        let mut kept = format!("{method} {path}\n");
        if !body.is_null() {
            let _ = writeln!(kept, "{body:#}");
        }
        let _ = writeln!(kept, "-> {}", answer.status);
        if !answer.body.is_null() {
            let _ = writeln!(kept, "{:#}", answer.body);
        }
        let kept = self.hidden(&kept);
        self.text.push_str(&kept);
        self.text.push('\n');
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
    }

    /// Keeps what is no exchange of JSON.
    pub(crate) fn say(&mut self, text: &str) {
        let kept = self.hidden(text);
        self.text.push_str(&kept);
    }

    /// What was kept.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// The text with ids numbered and times and tokens hidden.
    fn hidden(&mut self, text: &str) -> String {
        let separates = |c: char| !(c.is_ascii_alphanumeric() || "-:._".contains(c));
        let mut out = String::new();
        for word in text.split_inclusive(separates) {
            let end = word.strip_suffix(separates).map_or(word.len(), str::len);
            let (word, rest) = word.split_at(end);
            let shown = if is_id(word) {
                let known = self.ids.iter().position(|known| known == word);
                let at = known.unwrap_or_else(|| {
                    self.ids.push(word.to_owned());
                    self.ids.len() - 1
                });
                format!("<id {}>", at + 1)
            } else if is_time(word) {
                "<time>".to_owned()
            } else if is_secret(word) {
                "<secret>".to_owned()
            } else {
                word.to_owned()
            };
            out.push_str(&shown);
            out.push_str(rest);
        }
        out
    }

    /// Compares what was kept with the vendor's file, and sees that every operation was called but
    /// for those left out.
    pub(crate) fn compare(self, left_out: &[(&str, &str)]) {
        let routes = claviger_web::vendor_routes().into_iter();
        let base = self.full("/");
        let missing: BTreeSet<Row> = routes
            .filter(|route| route.path.starts_with(&base))
            .filter(|route| left_out.iter().all(|(left, _)| *left != route.operation))
            .map(|route| (route.method, route.path))
            .filter(|row| !self.hit.contains(row))
            .collect();
        assert_eq!(missing, BTreeSet::new(), "operations without an exchange");
        compare_file(self.vendor, &self.text);
    }
}

/// Compares exchanges with the file that is kept of a vendor's.
pub(crate) fn compare_file(vendor: &str, text: &str) {
    let file = format!("tests/it/{vendor}/golden.txt");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    for (at, (now, then)) in text.lines().zip(golden.lines()).enumerate() {
        assert_eq!(now, then, "line {} of golden.txt; UPDATE_SNAPSHOTS=1 writes it anew", at + 1);
    }
    assert_eq!(text.len(), golden.len(), "golden.txt has another length");
}

fn is_id(word: &str) -> bool {
    word.len() == 36
        && word.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// With or without milliseconds; one that a request says may be told by its year.
fn is_time(word: &str) -> bool {
    [20, 24].contains(&word.len())
        && word.ends_with('Z')
        && word.as_bytes()[10] == b'T'
        && !["2019", "2020"].contains(&&word[..4])
}

fn is_secret(word: &str) -> bool {
    let prefixes = ["eyJ", "clvk_", "clvc_", "clvr_", "clvu_", "whsec_"];
    prefixes.iter().any(|prefix| word.starts_with(prefix))
}

/// The row that takes a request.
fn row(method: &str, path: &str) -> Row {
    let parts: Vec<&str> =
        path.split('?').next().unwrap().trim_end_matches('/').split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        let same = |(part, wanted): (&&str, &&str)| wanted.starts_with('{') || part == wanted;
        pattern.len() == parts.len() && parts.iter().zip(&pattern).all(same)
    };
    let routes = claviger_web::vendor_routes().into_iter();
    let mut found = routes.filter(|route| route.method == method && fits(route.path));
    let found = found.next().unwrap_or_else(|| panic!("no row takes {method} {path}"));
    (found.method, found.path)
}
