//! Sizes that keep the code pleasant: lines of files and functions, columns; and the head that
//! says what a file is for. Signs, not goals: an exception is better than a bad split.

use super::files::{self, File};
use super::scan::{code, functions};
use super::{figure, nothing};

const MOST_LINES: usize = 500;
const MOST_LINES_OF_TESTS: usize = 800;
const MOST_LINES_OF_A_FUNCTION: usize = 70;
const MOST_COLUMNS: usize = 100;

/// Files that may be longer: path and reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Functions that may be longer: path, name and reason.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[
    ("crates/domain/tests/decision/oracle.rs", "answer", "the rules in one piece, to be read"),
    ("crates/web/src/api/routes/grant.rs", "table", "rows of a table"),
    ("crates/web/src/api/routes/lock.rs", "table", "rows of a table"),
    ("crates/web/tests/it/tour.rs", "furnish", "one of every noun, in the order they need"),
    ("crates/web/tests/it/tour.rs", "bodies", "a body for every route"),
    ("crates/web/tests/it/bad_input.rs", "grants_that_are_almost_right", "cases of one table"),
];

/// Whether people write the file by hand, line by line.
fn is_written(file: &File) -> bool {
    [".rs", ".sql", ".js", ".css", ".html"].iter().any(|end| file.path.ends_with(end))
}

fn long_file(file: &File) -> Option<String> {
    let most = if file.is_test { MOST_LINES_OF_TESTS } else { MOST_LINES };
    let lines = file.text.lines().count();
    (lines > most).then(|| format!("{}: {lines} lines, at most {most}", file.path))
}

fn long_functions(file: &File) -> Vec<(String, String)> {
    let found = functions(&code(&file.text)).into_iter();
    found
        .filter(|it| it.lines > MOST_LINES_OF_A_FUNCTION)
        .map(|it| {
            let text = format!("{}:{}: fn {} has {} lines", file.path, it.line, it.name, it.lines);
            (it.name, format!("{text}, at most {MOST_LINES_OF_A_FUNCTION}"))
        })
        .collect()
}

fn wide_lines(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(at, line)| {
            let columns = line.chars().count();
            let wide = columns > MOST_COLUMNS;
            wide.then(|| format!("{}:{}: {columns} columns", file.path, at + 1))
        })
        .collect()
}

fn headless(file: &File) -> Option<String> {
    let head = file.text.starts_with("//! ") && file.text.lines().next()?.len() > 12;
    (!head).then(|| format!("{}:1: does not begin with //! and what it is for", file.path))
}

/// Findings without those that rows excuse, and a finding for each row that excuses nothing.
fn excused<K: PartialEq + std::fmt::Debug>(
    findings: Vec<(K, String)>,
    excuses: &[(K, &str)],
) -> Vec<String> {
    let idle = excuses.iter().filter(|(key, _)| findings.iter().all(|(found, _)| found != key));
    let mut left: Vec<String> =
        idle.map(|(key, _)| format!("the exception {key:?} is not needed")).collect();
    let open =
        findings.into_iter().filter(|(found, _)| excuses.iter().all(|(key, _)| key != found));
    left.extend(open.map(|(_, text)| text));
    left
}

#[test]
fn files_are_short() {
    let all: Vec<File> = files::all().into_iter().filter(is_written).collect();
    let found = all.iter().filter_map(|file| Some((file.path.clone(), long_file(file)?))).collect();
    let excuses: Vec<(String, &str)> =
        LONG_FILES.iter().map(|(path, why)| ((*path).to_owned(), *why)).collect();
    for (what, tests) in [("source", false), ("test", true)] {
        let rust = all.iter().filter(|file| file.is_rust() && file.is_test == tests);
        let mut lines: Vec<usize> = rust.map(|file| file.text.lines().count()).collect();
        lines.sort_unstable();
        let part = |share: usize| lines[(lines.len() - 1) * share / 100];
        figure(&format!(
            "{} {what} files, {} lines; median {}, 90th percentile {}, longest {}",
            lines.len(),
            lines.iter().sum::<usize>(),
            part(50),
            part(90),
            part(100),
        ));
    }
    nothing(&excused(found, &excuses));
}

#[test]
fn functions_are_short() {
    let mut found = Vec::new();
    let mut lines = Vec::new();
    for file in files::rust() {
        let long = long_functions(&file).into_iter();
        found.extend(long.map(|(name, text)| ((file.path.clone(), name), text)));
        lines.extend(functions(&code(&file.text)).into_iter().map(|it| it.lines));
    }
    lines.sort_unstable();
    let part = |share: usize| lines[(lines.len() - 1) * share / 100];
    let (median, most) = (part(50), part(90));
    figure(&format!("{} functions; median {median}, 90th percentile {most}", lines.len()));
    let excuses: Vec<((String, String), &str)> = LONG_FUNCTIONS
        .iter()
        .map(|(path, name, why)| (((*path).to_owned(), (*name).to_owned()), *why))
        .collect();
    nothing(&excused(found, &excuses));
}

#[test]
fn lines_are_narrow() {
    let found: Vec<String> =
        files::all().iter().filter(|file| is_written(file)).flat_map(wide_lines).collect();
    nothing(&found);
}

#[test]
fn files_say_what_they_are_for() {
    let found: Vec<String> = files::rust().iter().filter_map(headless).collect();
    nothing(&found);
}

#[test]
fn bad_samples_are_found() {
    let long = "//! Far too long a file.\n".repeat(MOST_LINES + 1);
    assert!(long_file(&File::new("crates/a/src/b.rs", &long)).is_some());
    assert!(long_file(&File::new("crates/a/tests/it/b.rs", &long)).is_none());

    let body = "    {\n    }\n".repeat(MOST_LINES_OF_A_FUNCTION / 2);
    let found = long_functions(&File::new("a.rs", &format!("\nfn f() {{\n{body}}}\n")));
    assert_eq!(found.len(), 1);
    assert!(found[0].1.starts_with("a.rs:2: fn f has 72 lines"), "{}", found[0].1);

    let wide = format!("é{}\nshort\n", "x".repeat(MOST_COLUMNS));
    assert_eq!(wide_lines(&File::new("a.rs", &wide)), ["a.rs:1: 101 columns"]);
    assert!(headless(&File::new("a.rs", "// A plain comment.\n")).is_some());
    assert!(headless(&File::new("a.rs", "//! What it is for.\n")).is_none());

    let found = || vec![("a", "a is long".to_owned())];
    assert_eq!(excused(found(), &[]), ["a is long"]);
    assert!(excused(found(), &[("a", "because")]).is_empty());
    assert_eq!(excused(vec![], &[("a", "because")]), ["the exception \"a\" is not needed"]);
}
