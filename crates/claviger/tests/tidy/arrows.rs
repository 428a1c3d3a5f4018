//! Who may use whom: the arrows between crates, read from the manifests, and those within `web`,
//! read from its imports. The table here is the one of ARCHITECTURE.md.

use std::fs;

use super::files::{self, File};
use super::nothing;
use super::scan::{code, line_of, words};

/// The crates of this workspace and those of them that each may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("offline", &[]),
    ("domain", &[]),
    ("store", &["domain"]),
    ("app", &["domain", "store", "offline"]),
    ("web", &["app", "domain"]),
    ("sim", &["offline"]),
    ("claviger", &["app", "web", "sim"]),
];

/// Crates whose tests may use `store` with its feature `testing`.
const MAY_TEST_WITH_STORE: &[&str] = &["store", "app", "web", "claviger"];

/// Crates whose tests may stand before a real lock with no network.
const MAY_TEST_WITH_LOCKS: &[&str] = &["web"];

/// All that `offline` may use of others' packages.
const OFFLINE_MAY_USE: &[&str] = &[
    "minicbor",
    "p256",
    "ecdsa",
    "elliptic-curve",
    "signature",
    "sha2",
    "hmac",
    "hkdf",
    "aes",
    "aes-gcm",
    "subtle",
    "zeroize",
];

/// What a crate never sees: crate, packages.
const NEVER: &[(&str, &[&str])] = &[
    ("domain", &["serde", "serde_json", "tokio", "rand", "getrandom", "tracing"]),
    ("store", HTTP),
    ("app", HTTP),
    ("web", &["rusqlite", "tokio-postgres", "deadpool-postgres", "reqwest"]),
];
const HTTP: &[&str] = &["axum", "hyper", "http", "reqwest", "tower", "tower-http"];

const MOST_OF_DOMAIN: usize = 4;

/// What the code of `domain` must not name.
const NOT_IN_DOMAIN: &[&str] = &["std::fs", "std::net", "std::env", "std::process", "std::thread"];

/// The parts of `web` that never import one another.
const SURFACES: &[&str] = &["api", "console", "compat"];

/// A dependency: its name and its features.
type Dependency = (String, Vec<String>);

fn dependencies(manifest: &toml::Table, sections: &[&str]) -> Vec<Dependency> {
    let mut found = Vec::new();
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = targets.into_iter().flat_map(toml::Table::values);
    let tables = tables.filter_map(toml::Value::as_table).chain([manifest]);
    for table in tables {
        for section in sections {
            let rows = table.get(*section).and_then(toml::Value::as_table);
            for (name, value) in rows.into_iter().flatten() {
                let features = value.get("features").and_then(toml::Value::as_array);
                let features = features.into_iter().flatten().filter_map(toml::Value::as_str);
                let package = value.get("package").and_then(toml::Value::as_str);
                let name = package.unwrap_or(name).to_owned();
                found.push((name, features.map(str::to_owned).collect()));
            }
        }
    }
    found
}

/// What is wrong with the manifest of the crate `name`.
fn wrong_uses(name: &str, manifest: &toml::Table) -> Vec<String> {
    let row = MAY_USE.iter().find(|(known, _)| *known == name);
    let Some((_, may_use)) = row else {
        return vec![format!("{name}: stands in no row of the table of arrows")];
    };
    let mut found = Vec::new();
    let mut wrong = |what: String| found.push(format!("{name}: {what}"));
    let built = dependencies(manifest, &["dependencies", "build-dependencies"]);
    for (package, features) in &built {
        match package.strip_prefix("claviger-") {
            Some(ours) if !may_use.contains(&ours) => wrong(format!("must not use {ours}")),
            Some("store") if features.iter().any(|it| it == "testing") => {
                wrong("uses store's feature testing outside tests".to_owned());
            }
            Some(_) => {}
            None if name == "offline" && !OFFLINE_MAY_USE.contains(&package.as_str()) => {
                wrong(format!("must not use {package}"));
            }
            None => {
                let never = NEVER.iter().filter(|(never_by, _)| *never_by == name);
                if never.flat_map(|(_, packages)| *packages).any(|never| never == package) {
                    wrong(format!("must never see {package}"));
                }
            }
        }
    }
    if name == "domain" && built.len() > MOST_OF_DOMAIN {
        wrong(format!("{} direct dependencies, at most {MOST_OF_DOMAIN}", built.len()));
    }
    for (package, features) in dependencies(manifest, &["dev-dependencies"]) {
        let Some(ours) = package.strip_prefix("claviger-") else { continue };
        let testing = ours == "store" && features.iter().any(|it| it == "testing");
        // A crate that names itself switches on features of its own for its tests.
        let may = ours == name
            || may_use.contains(&ours)
            || testing && MAY_TEST_WITH_STORE.contains(&name)
            || ours == "offline" && MAY_TEST_WITH_LOCKS.contains(&name);
        if !may {
            wrong(format!("its tests must not use {ours}"));
        }
    }
    found
}

/// The imports of a part of `web` that belong to another part, or of a vendor to another vendor.
fn wrong_imports(file: &File, vendors: &[String]) -> Vec<String> {
    let Some(inside) = file.path.strip_prefix("crates/web/src/") else { return Vec::new() };
    let parts: Vec<&str> = inside.split(['/', '.']).collect();
    let mut never: Vec<&str> = Vec::new();
    if SURFACES.contains(&parts[0]) {
        never.extend(SURFACES.iter().filter(|surface| **surface != parts[0]));
    }
    if parts[0] == "compat" && vendors.iter().any(|vendor| vendor == parts[1]) {
        never.extend(vendors.iter().map(String::as_str).filter(|vendor| *vendor != parts[1]));
    }
    let text = code(&file.text);
    let mut found = Vec::new();
    for name in never {
        for at in words(&text, name) {
            if is_import(&text, at) {
                found.push(format!("{}:{}: names {name}", file.path, line_of(&text, at)));
            }
        }
    }
    found
}

/// Whether the word at `at` follows `crate::` or `super::`, or stands in a `use` that begins so.
fn is_import(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end();
    if before.ends_with("crate::") || before.ends_with("super::") {
        return true;
    }
    let statement = before.rfind([';', '}']).map_or(0, |end| end + 1);
    let statement = &before[statement..];
    words(statement, "use").any(|at| {
        let path = statement[at + 3..].trim_start();
        path.starts_with("crate::") || path.starts_with("super::")
    })
}

fn folders(path: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(files::root().join(path)) else { return Vec::new() };
    let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn crates_use_only_what_they_may() {
    let mut crates = folders("crates");
    crates.sort();
    let mut known: Vec<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(crates, known, "the crates and the table of arrows differ");
    let mut found = Vec::new();
    for name in crates {
        let path = files::root().join("crates").join(&name).join("Cargo.toml");
        let text = fs::read_to_string(path).expect("a manifest");
        found.extend(wrong_uses(&name, &text.parse().expect("a manifest in TOML")));
    }
    nothing(&found);
}

#[test]
fn domain_touches_nothing_outside() {
    let mut found = Vec::new();
    for file in files::rust() {
        if !file.path.starts_with("crates/domain/src/") {
            continue;
        }
        let text = code(&file.text);
        let standing = NOT_IN_DOMAIN.iter().flat_map(|word| words(&text, word).map(|_| *word));
        found.extend(standing.map(|word| format!("{}: {word}", file.path)));
        if words(&text, "async").next().is_some() {
            found.push(format!("{}: async", file.path));
        }
    }
    nothing(&found);
}

#[test]
fn surfaces_do_not_import_one_another() {
    let vendors = folders("crates/web/src/compat");
    let found: Vec<String> =
        files::rust().iter().flat_map(|file| wrong_imports(file, &vendors)).collect();
    nothing(&found);
}

#[test]
fn bad_samples_are_found() {
    let uses = |name: &str, text: &str| wrong_uses(name, &text.parse().unwrap()).len();
    assert_eq!(uses("domain", "[dependencies]\nclaviger-store = '1'\nserde = '1'"), 2);
    assert_eq!(uses("domain", "[dependencies]\na = '1'\nb = '1'\nc = '1'\nd = '1'\ne = '1'"), 1);
    assert_eq!(uses("offline", "[dependencies]\nserde = '1'\nminicbor = '1'"), 1);
    assert_eq!(uses("web", "[target.'cfg(unix)'.dependencies]\nclaviger-store = '1'"), 1);
    assert_eq!(uses("web", "[dependencies]\nx = { version = '1', package = 'rusqlite' }"), 1);
    assert_eq!(uses("app", "[dependencies]\nclaviger-store = { features = ['testing'] }"), 1);
    assert_eq!(uses("web", "[dev-dependencies]\nclaviger-store = { features = ['testing'] }"), 0);
    assert_eq!(uses("web", "[dev-dependencies]\nclaviger-store = '1'"), 1);
    assert_eq!(uses("sim", "[dev-dependencies]\nclaviger-web = '1'"), 1);
    assert_eq!(uses("offline", "[dev-dependencies]\nclaviger-offline = { path = '.' }"), 0);
    assert_eq!(uses("offline", "[dev-dependencies]\nclaviger-domain = '1'"), 1);
    assert_eq!(uses("other", ""), 1);

    let vendors = ["unloc".to_owned(), "tapkey".to_owned()];
    let imports = |path: &str, text: &str| {
        wrong_imports(&File::new(&format!("crates/web/src/{path}"), text), &vendors).len()
    };
    assert_eq!(imports("api/a.rs", "use crate::console::page;"), 1);
    assert_eq!(imports("api/a.rs", "use crate::{docs, compat::unloc};"), 1);
    assert_eq!(
        imports("api/a.rs", "// use crate::console\nlet console = 1; use other::compat;"),
        0
    );
    assert_eq!(imports("compat/unloc/map.rs", "use super::super::tapkey::wire;"), 1);
    assert_eq!(imports("compat/unloc/map.rs", "use super::wire; f(crate::api::x);"), 1);
    assert_eq!(imports("compat/mod.rs", "use crate::compat::{tapkey, unloc};"), 0);
}
