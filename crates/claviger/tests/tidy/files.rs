//! The files of the workspace: text only, with the folders of builds left out.

use std::fs;
use std::path::{Path, PathBuf};

use super::scan::{code, words};

/// A text file; its path is relative to the root, with `/` between the parts.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub path: String,
    pub text: String,
    /// Whether it is a test, a benchmark, or help for tests, and so no part of a server.
    pub is_test: bool,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> File {
        let parts: Vec<&str> = path.split('/').collect();
        let is_test = parts.contains(&"tests")
            || parts.contains(&"benches")
            || path.starts_with("crates/store/src/testing");
        File { path: path.to_owned(), text: text.to_owned(), is_test }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate it belongs to, by the name of its folder.
    pub(crate) fn in_crate(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().and_then(Path::parent).expect("crates/claviger has a root").to_owned()
}

/// Every text file of the workspace, in order of path.
pub(crate) fn all() -> Vec<File> {
    let root = root();
    let mut files = Vec::new();
    walk(&root, "", &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let tests: Vec<String> = files.iter().flat_map(test_modules).collect();
    for file in files.iter_mut().filter(|file| tests.contains(&file.path)) {
        file.is_test = true;
    }
    assert!(files.len() > 100, "only {} files under {}", files.len(), root.display());
    files
}

/// Every file of Rust.
pub(crate) fn rust() -> Vec<File> {
    all().into_iter().filter(File::is_rust).collect()
}

fn walk(folder: &Path, under: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let entry = entry.expect("an entry that can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if under.is_empty() { name.clone() } else { format!("{under}/{name}") };
        let kind = entry.file_type().expect("a kind of entry");
        if kind.is_dir() {
            // Build tools leave CACHEDIR.TAG in what they can make again.
            let made = entry.path().join("CACHEDIR.TAG").exists();
            if !made && !["target", ".git", "claviger-data"].contains(&name.as_str()) {
                walk(&entry.path(), &path, files);
            }
        // In a linked work tree `.git` is a file.
        } else if kind.is_file()
            && name != ".git"
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            files.push(File::new(&path, &text));
        }
    }
}

/// The files of the modules that a file declares for tests only.
fn test_modules(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let stem = name.trim_end_matches(".rs");
    let folder = match stem {
        "lib" | "main" | "mod" => folder.to_owned(),
        _ => format!("{folder}/{stem}"),
    };
    let text = code(&file.text);
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("#[cfg(test)]") {
        let item = &text[at + mark.len()..];
        let declared = item.split([';', '{']).next().unwrap_or_default();
        let is_file = item[declared.len()..].starts_with(';');
        if let Some(at) = words(declared, "mod").next().filter(|_| is_file) {
            found.push(format!("{folder}/{}.rs", declared[at + 3..].trim()));
        }
    }
    found
}

#[test]
fn modules_for_tests_are_known() {
    let text = "#[cfg(test)]\npub(crate) mod demo;\n#[cfg(test)]\nmod tests { mod a; }\nmod b;\n";
    assert_eq!(test_modules(&File::new("a/src/mod.rs", text)), ["a/src/demo.rs"]);
    assert_eq!(test_modules(&File::new("a/src/c.rs", text)), ["a/src/c/demo.rs"]);
}
