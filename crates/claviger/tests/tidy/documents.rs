//! The documents a contributor expects: they are there, say what they must, and their links lead
//! somewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::files::{self, File};
use super::nothing;

/// Documents, and a text that each must hold.
const DOCUMENTS: &[(&str, &str)] = &[
    ("ARCHITECTURE.md", "never"),
    ("CHANGELOG.md", "## [Unreleased]"),
    ("CONTRIBUTING.md", "- [ ] "),
    ("LICENSE", "Apache License"),
    ("README.md", "CONTRIBUTING.md"),
    ("SECURITY.md", "report"),
    ("docs/operating.md", "backup"),
];

/// Programs, which must be ones.
const PROGRAMS: &[&str] = &[".ci/run", "scripts/test"];

/// The two commands, and how far down the README they may stand.
const COMMANDS: &[&str] = &["cargo run --release", "scripts/test"];
const FIRST_SCREEN: usize = 30;

/// The parts of a decision.
const PARTS: &[&str] = &["**Context.**", "**Choice.**", "**Cost.**"];

fn wrong_decision(file: &File) -> Vec<String> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let number = name.split('-').next().unwrap_or_default();
    let mut found = Vec::new();
    let digits = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let heading = format!("# {}. ", number.trim_start_matches('0'));
    if !digits || !file.text.starts_with(&heading) {
        found.push(format!("{}: must be NNNN-name.md and begin with its number", file.path));
    }
    let places: Vec<Option<usize>> = PARTS.iter().map(|part| file.text.find(part)).collect();
    if places.contains(&None) || !places.is_sorted() {
        found.push(format!("{}: must have {}, in that order", file.path, PARTS.join(", ")));
    }
    found
}

/// The targets of links in a text of Markdown, code left out.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for piece in line.split("](").skip(1) {
            found.extend(piece.split(')').next());
        }
    }
    found
}

/// Links to files that are not there.
fn broken(file: &File, there: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let local = links(&file.text).into_iter().filter(|link| {
        !link.contains("://") && !link.starts_with("mailto:") && !link.starts_with('#')
    });
    let paths = local.map(|link| (link, link.split('#').next().unwrap_or_default()));
    paths
        .filter(|(_, path)| !there(&folder.join(path)))
        .map(|(link, _)| format!("{}: the link {link} leads nowhere", file.path))
        .collect()
}

/// Documents that code speaks of and that are not there. `named` are the names of those that are.
fn unknown(file: &File, named: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let whole = line.trim_start().strip_prefix("//");
        let comment = whole.or_else(|| line.split_once(" // ").map(|it| it.1)).unwrap_or_default();
        let words = comment.split(|c: char| !c.is_alphanumeric() && !"._/-<>".contains(c));
        let documents = words.map(|word| word.trim_end_matches('.'));
        for document in documents.filter(|it| it.ends_with(".md") && !it.contains('<')) {
            let name = document.rsplit('/').next().unwrap_or_default();
            if !named.contains(&name) {
                found.push(format!("{}:{}: there is no {document}", file.path, at + 1));
            }
        }
    }
    found
}

/// The reasons of a text with their numbers, in order: `code` and 200 of `| .. | `code` | 200 |`.
fn reasons_of_document(text: &str) -> Vec<(String, String)> {
    let rows = text.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once("` | "));
    let rows = rows.filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let code = |row: &str| row.rsplit_once('`').map(|(_, code)| code.to_owned());
    rows.filter_map(|(row, number)| Some((code(row)?, number.to_owned()))).collect()
}

/// The same of the table in code: `Name "code" 200 "Text.",`.
fn reasons_of_code(text: &str) -> Vec<(String, String)> {
    let table = text.split("\nreasons! {").nth(1).and_then(|it| it.split("\n}").next());
    let rows = table.unwrap_or_default().lines().map(|line| line.split_whitespace());
    rows.filter_map(|mut row| {
        let (_, code, number) = (row.next()?, row.next()?, row.next()?);
        Some((code.trim_matches('"').to_owned(), number.to_owned()))
    })
    .collect()
}

fn missing_commands(readme: &str) -> Vec<&'static str> {
    let screen: Vec<&str> = readme.lines().take(FIRST_SCREEN).collect();
    let there = |what: &str| screen.iter().any(|line| line.trim_start().starts_with(what));
    COMMANDS.iter().copied().filter(|what| !there(what)).collect()
}

#[test]
fn documents_are_there() {
    let mut found = Vec::new();
    for (path, must_hold) in DOCUMENTS {
        match fs::read_to_string(files::root().join(path)) {
            Ok(text) if text.contains(must_hold) => {}
            Ok(_) => found.push(format!("{path}: does not hold {must_hold:?}")),
            Err(error) => found.push(format!("{path}: {error}")),
        }
    }
    for path in PROGRAMS {
        let mode = fs::metadata(files::root().join(path)).map(|it| it.permissions().mode());
        if mode.map_or(true, |mode| mode & 0o111 == 0) {
            found.push(format!("{path}: is not a program"));
        }
    }
    nothing(&found);
}

#[test]
fn the_first_screen_shows_how_to_run_and_how_to_test() {
    let readme = fs::read_to_string(files::root().join("README.md")).expect("a README");
    let missing = missing_commands(&readme);
    assert!(missing.is_empty(), "not in the first {FIRST_SCREEN} lines of README.md: {missing:?}");
}

#[test]
fn decisions_have_their_parts() {
    let decisions = files::all().into_iter().filter(|it| it.path.starts_with("docs/decisions/"));
    let decisions: Vec<File> = decisions.collect();
    assert!(!decisions.is_empty(), "no decisions in docs/decisions");
    nothing(&decisions.iter().flat_map(wrong_decision).collect::<Vec<_>>());
    let number = |file: &File| file.path["docs/decisions/".len()..][..4].to_owned();
    let twice = decisions.windows(2).filter(|pair| number(&pair[0]) == number(&pair[1]));
    let twice: Vec<&str> = twice.map(|pair| pair[1].path.as_str()).collect();
    assert!(twice.is_empty(), "the number is another decision's: {twice:?}");
}

#[test]
fn links_lead_somewhere() {
    let there = |path: &Path| files::root().join(path).exists();
    let documents = files::all().into_iter().filter(|file| file.path.ends_with(".md"));
    nothing(&documents.flat_map(|file| broken(&file, &there)).collect::<Vec<_>>());
}

#[test]
fn code_speaks_of_documents_that_are_there() {
    let all = files::all();
    let documents = all.iter().filter(|file| file.path.ends_with(".md"));
    let named: Vec<&str> = documents.filter_map(|file| file.path.rsplit('/').next()).collect();
    nothing(&files::rust().iter().flat_map(|file| unknown(file, &named)).collect::<Vec<_>>());
}

#[test]
fn reasons_are_documented_in_their_order() {
    let read = |path: &str| fs::read_to_string(files::root().join(path)).expect(path);
    let code = reasons_of_code(&read("crates/domain/src/reason.rs"));
    assert!(code.len() > 10, "{code:?}");
    assert_eq!(reasons_of_document(&read("docs/decision.md")), code);
}

#[test]
fn bad_samples_are_found() {
    let decision = |name: &str, text: &str| {
        wrong_decision(&File::new(&format!("docs/decisions/{name}"), text)).len()
    };
    let good = "# 7. A thing\n\n**Context.** a\n\n**Choice.** b\n\n**Cost.** c\n";
    assert_eq!(decision("0007-thing.md", good), 0);
    assert_eq!(decision("0008-thing.md", good), 1);
    assert_eq!(decision("thing.md", good), 1);
    assert_eq!(
        decision("0007-thing.md", "# 7. A thing\n\n**Choice.** b **Context.** **Cost.**"),
        1
    );

    let text = "[a](b.md) [c](https://example.org) [d](#e)\n```\n[f](g.md)\n```\n[h](../i.md#j)\n";
    let file = File::new("docs/x.md", text);
    assert_eq!(broken(&file, &|path| path == Path::new("docs/b.md")).len(), 1);
    assert_eq!(broken(&file, &|_| false).len(), 2);

    let text = format!("//! See `docs/a.{0}`.\nlet x = \"c.{0}\"; // as b.{0} says.\n", "md");
    let file = File::new("a.rs", &text);
    assert_eq!(unknown(&file, &["b.md"]), ["a.rs:1: there is no docs/a.md"]);
    assert_eq!(unknown(&file, &[]).len(), 2);

    let one = [("no_grant".to_owned(), "206".to_owned())];
    assert_eq!(
        reasons_of_code("x! {\n}\nreasons! {\n    NoGrant \"no_grant\" 206 \"No.\",\n}\n"),
        one
    );
    assert_eq!(
        reasons_of_document("| 8 | `a` or b | `no_grant` | 206 |\n| 2 | x | | 100 |\n"),
        one
    );

    assert_eq!(missing_commands("# A\n    cargo run --release -p a\n    scripts/test\n").len(), 0);
    assert_eq!(missing_commands(&format!("{}    scripts/test\n", "\n".repeat(30))).len(), 2);
}
