//! What is built from others' packages: how many, from where, and which must not be among them.

use std::process::Command;

use super::{figure, files, nothing};

const MOST_PACKAGES: usize = 300;
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What must not be in the lock file: name and reason.
const NEVER_LOCKED: &[(&str, &str)] = &[
    ("openssl-sys", "there is one provider of TLS, aws-lc-rs"),
    ("native-tls", "there is one provider of TLS, aws-lc-rs"),
    ("rsa", "its timing leaks keys (RUSTSEC-2023-0071)"),
];

/// What must not be built. The lock file may name it where a package could use it and does not.
const NEVER_BUILT: &[&str] = &["ring"];

/// What there must be one version of, because it claims a native library.
const SINGLE: &[&str] = &["libsqlite3-sys", "aws-lc-sys"];

struct Package {
    name: String,
    source: Option<String>,
}

fn packages(lock: &str) -> Vec<Package> {
    let lock: toml::Table = lock.parse().expect("a lock file");
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    let all = lock["package"].as_array().expect("packages").iter();
    all.map(|it| Package { name: text(it, "name").unwrap(), source: text(it, "source") }).collect()
}

fn wrong(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    if packages.len() > MOST_PACKAGES {
        found.push(format!("{} packages, at most {MOST_PACKAGES}", packages.len()));
    }
    let count = |name: &str| packages.iter().filter(|it| it.name == name).count();
    let never = NEVER_LOCKED.iter().filter(|(name, _)| count(name) > 0);
    found.extend(never.map(|(name, why)| format!("{name}: {why}")));
    let twice = SINGLE.iter().filter(|name| count(name) > 1);
    found.extend(twice.map(|name| format!("{name}: more than one version")));
    let elsewhere =
        packages.iter().filter(|it| it.source.as_deref().is_some_and(|s| s != REGISTRY));
    found.extend(elsewhere.map(|it| format!("{}: comes from {:?}", it.name, it.source)));
    found
}

#[test]
fn the_lock_file_is_small_and_clean() {
    let lock = std::fs::read_to_string(files::root().join("Cargo.lock")).expect("a lock file");
    let packages = packages(&lock);
    figure(&format!("{} packages in the lock file, at most {MOST_PACKAGES}", packages.len()));
    nothing(&wrong(&packages));
}

#[test]
fn one_provider_of_tls_is_built() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["tree", "--locked", "--workspace", "--all-features", "--prefix", "none"]);
    let out = command.current_dir(files::root()).output().expect("cargo runs");
    let (text, errors) = (out.stdout, String::from_utf8_lossy(&out.stderr).into_owned());
    assert!(out.status.success(), "cargo tree: {errors}");
    let text = String::from_utf8(text).expect("names of packages");
    let mut built: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    built.sort_unstable();
    built.dedup();
    figure(&format!("{} names of packages are built on this machine", built.len()));
    assert!(built.contains(&"aws-lc-rs"), "aws-lc-rs is not among {built:?}");
    let found: Vec<&&str> = NEVER_BUILT.iter().filter(|name| built.contains(name)).collect();
    assert!(found.is_empty(), "{found:?} must not be built; cargo tree -i names who uses it");
}

#[test]
fn bad_samples_are_found() {
    let lock = "[[package]]\nname = \"rsa\"\n[[package]]\nname = \"libsqlite3-sys\"\n\
                [[package]]\nname = \"libsqlite3-sys\"\nsource = \"git+https://example.org\"\n";
    let found = wrong(&packages(lock));
    assert_eq!(found.len(), 3, "{found:?}");
    let many = "[[package]]\nname = \"a\"\n".repeat(MOST_PACKAGES + 1);
    assert_eq!(wrong(&packages(&many)), ["301 packages, at most 300"]);
}
