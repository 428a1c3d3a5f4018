//! Words that must not stand in the tree: paths of somebody's machine, things left undone, and in
//! the code of the server what may fail loudly or reads a clock.
//!
//! Words of this list are written in two pieces, so that the list does not find itself.

use super::files::{self, File};
use super::nothing;
use super::scan::{code, is_word, line_of, without_tests};

/// Words that speak of anything but the product.
const FOREIGN: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!(".lib", "rary/"),
    concat!("sub", "agent"),
];

/// Marks of things left undone.
const UNDONE: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

/// What ends a thread instead of answering.
const LOUD: &[&str] = &[".unwrap()", ".expect(", "panic!", "unreachable!", "todo!"];

/// What reads a clock or the machine's zone.
const CLOCKS: &[&str] = &["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"];

/// Where a clock may be read: path (or the beginning of one) and reason.
const MAY_READ_CLOCKS: &[(&str, &str)] = &[
    ("crates/app/src/clock.rs", "the one clock of the server"),
    ("crates/claviger/", "the program measures its own waiting"),
    ("crates/sim/", "the simulator has a clock of its own and measures answers"),
    ("crates/web/src/health.rs", "measures how long an answer takes"),
];

fn standing(file: &File, text: &str, what: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for word in what {
        let bare = word.bytes().all(is_word);
        for (at, _) in text.match_indices(word) {
            let whole = |at: Option<usize>| {
                !at.and_then(|at| text.as_bytes().get(at)).copied().is_some_and(is_word)
            };
            let alone = whole(at.checked_sub(1)) && whole(Some(at + word.len()));
            if !bare || alone {
                found.push(format!("{}:{}: {word}", file.path, line_of(text, at)));
            }
        }
    }
    found
}

/// The code of a file that is part of a server.
fn served(file: &File) -> Option<String> {
    (file.is_rust() && !file.is_test && file.in_crate().is_some())
        .then(|| without_tests(&code(&file.text)))
}

fn loud(file: &File) -> Vec<String> {
    served(file).map(|text| standing(file, &text, LOUD)).unwrap_or_default()
}

fn clocks(file: &File) -> Vec<String> {
    served(file).map(|text| standing(file, &text, CLOCKS)).unwrap_or_default()
}

#[test]
fn the_tree_speaks_of_the_product_alone() {
    let words: Vec<&str> = FOREIGN.iter().chain(UNDONE).copied().collect();
    let found: Vec<String> =
        files::all().iter().flat_map(|file| standing(file, &file.text, &words)).collect();
    nothing(&found);
}

#[test]
fn servers_do_not_panic() {
    let found: Vec<String> = files::rust().iter().flat_map(loud).collect();
    nothing(&found);
}

#[test]
fn clocks_are_read_in_few_places() {
    let (mut found, mut idle) = (Vec::new(), MAY_READ_CLOCKS.to_vec());
    for file in files::rust() {
        let clocks = clocks(&file);
        if clocks.is_empty() {
            continue;
        }
        if MAY_READ_CLOCKS.iter().any(|(path, _)| file.path.starts_with(path)) {
            idle.retain(|(path, _)| !file.path.starts_with(path));
        } else {
            found.extend(clocks);
        }
    }
    found.extend(idle.iter().map(|(path, _)| format!("the exception {path} is not needed")));
    nothing(&found);
}

#[test]
fn bad_samples_are_found() {
    let text = format!("see {}ann/notes\n{}: later\n", FOREIGN[0], UNDONE[0]);
    let file = File::new("docs/a.md", &text);
    assert_eq!(standing(&file, &text, FOREIGN), [format!("docs/a.md:1: {}", FOREIGN[0])]);
    assert_eq!(standing(&file, &text, UNDONE), [format!("docs/a.md:2: {}", UNDONE[0])]);
    assert!(standing(&file, &format!("V{}", UNDONE[0]), UNDONE).is_empty());

    let text = "//! x\nfn f() { a.unwrap(); \"b.unwrap()\"; } // c.unwrap()\n\
                #[cfg(test)]\nmod tests { fn g() { d.unwrap(); SystemTime::now(); } }\n\
                fn h() { std::time::SystemTime::now(); my_panic!(); }\n";
    let file = File::new("crates/app/src/a.rs", text);
    assert_eq!(loud(&file)[0], "crates/app/src/a.rs:2: .unwrap()");
    assert_eq!(clocks(&file), ["crates/app/src/a.rs:5: SystemTime::now"]);
    assert!(loud(&File::new("crates/app/tests/it/a.rs", text)).is_empty());
}
