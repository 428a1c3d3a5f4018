//! The settings: every key and every variable of the environment that the program reads stands in
//! `docs/operating.md`, and that speaks of no other.

use std::collections::BTreeSet;
use std::fs;

use super::files::{self, File};
use super::nothing;

const DOCUMENT: &str = "docs/operating.md";
const CONFIG: &str = "crates/claviger/src/config.rs";
const MAIL: &str = "crates/claviger/src/config/mail.rs";
const VENDORS: &str = "crates/web/src/compat/";
/// What every vendor's table may hold beside its own switches.
const OF_EVERY_VENDOR: [&str; 2] = ["compat.VENDOR.listen", "compat.VENDOR.hosts"];

type Names = BTreeSet<String>;

/// The fields of `struct Partial` with whether the file may name each.
fn fields(code: &str) -> Vec<(String, bool)> {
    let body = code.split("struct Partial {").nth(1).and_then(|it| it.split("\n}").next());
    let mut found = Vec::new();
    let mut in_file = true;
    for line in body.unwrap_or_default().lines().map(str::trim) {
        if line == "#[serde(skip)]" {
            in_file = false;
        }
        let name = line.strip_prefix("pub(crate) ").unwrap_or(line);
        if let Some((name, _)) = name.split_once(": Option<") {
            found.push((name.to_owned(), in_file));
            in_file = true;
        }
    }
    found
}

/// What stands between `before` and the next quotation mark, wherever that is.
fn quoted(text: &str, before: &str) -> Names {
    let rest = text.split(before).skip(1);
    rest.filter_map(|it| it.split('"').next()).map(str::to_owned).collect()
}

/// The variables that a reader of the environment asks for.
fn asked(code: &str) -> Names {
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    let readers = ["get(\"", "flag(\"", "list(\""];
    let names = readers.iter().flat_map(|it| quoted(code, it));
    names.filter(|it| it.bytes().all(|c| c.is_ascii_uppercase() || c == b'_')).collect()
}

/// The switches of a vendor, as a file of settings names them.
fn switches(file: &File) -> Names {
    let vendor = file.path[VENDORS.len()..].split('/').next().unwrap_or_default();
    let after = file.text.split("Switch {").skip(1);
    let name = |it: &str| quoted(it, "name: \"").into_iter().next();
    after.filter_map(name).map(|name| format!("compat.{vendor}.{name}")).collect()
}

/// The keys of the document's table: the words in code in the first column of the rows below the
/// heading `Settings`.
fn documented(text: &str) -> Names {
    let section = text.split("\n## Settings\n").nth(1).and_then(|it| it.split("\n## ").next());
    let rows = section.unwrap_or_default().lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|line| line.split('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The keys of the table `[mail]` in the document's example.
fn documented_mail(text: &str) -> Names {
    let table = text.split("\n[mail]\n").nth(1).and_then(|it| it.split("```").next());
    let lines = table.unwrap_or_default().lines().filter_map(|line| line.split_once(" = "));
    lines.map(|(key, _)| key.to_owned()).collect()
}

/// Whole names of variables that a text speaks of.
fn variables(text: &str) -> Names {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let own = words.filter_map(|word| word.strip_prefix("CLAVIGER_"));
    own.filter(|rest| !rest.is_empty()).map(str::to_owned).collect()
}

/// What is in one of two sets only.
fn apart(what: &str, code: &Names, document: &Names) -> Vec<String> {
    let missing = code.difference(document).map(|it| format!("{what} {it}: not in {DOCUMENT}"));
    let made_up = document.difference(code).map(|it| format!("{what} {it}: there is none"));
    missing.chain(made_up).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(files::root().join(path)).expect(path)
}

#[test]
fn every_key_is_documented_and_no_other() {
    let document = read(DOCUMENT);
    let top = fields(&read(CONFIG)).into_iter().map(|(name, _)| name);
    let mut code: Names = top.filter(|it| it != "compat").collect();
    code.extend(OF_EVERY_VENDOR.map(str::to_owned));
    let vendors = files::rust().into_iter().filter(|it| it.path.starts_with(VENDORS));
    let vendors: Vec<File> = vendors.filter(|it| it.path.ends_with("/mod.rs")).collect();
    code.extend(vendors.iter().flat_map(switches));
    assert!(code.len() > 18, "{code:?}");
    let mail = fields(&read(MAIL)).into_iter();
    let mail: Names = mail.filter(|(_, in_file)| *in_file).map(|(name, _)| name).collect();
    assert!(mail.len() > 4, "{mail:?}");
    let mut found = apart("the key", &code, &documented(&document));
    found.extend(apart("the key of mail", &mail, &documented_mail(&document)));
    nothing(&found);
}

/// The document says once that a variable is its key in capitals; what is no key it names.
#[test]
fn every_variable_is_documented_and_no_other() {
    let (config, mail, document) = (read(CONFIG), read(MAIL), read(DOCUMENT));
    let upper = |(name, _): &(String, bool)| name.to_uppercase();
    let own = fields(&config);
    let tables = ["COMPAT", "MAIL"];
    let keys: Names = own.iter().map(upper).filter(|it| !tables.contains(&&**it)).collect();
    let of_mail: Names = fields(&mail).iter().map(|it| format!("MAIL_{}", upper(it))).collect();
    let mut found = apart("the variable of a key", &asked(&config), &keys);
    found.extend(apart("the variable of mail", &asked(&mail), &of_mail));

    let code = files::rust().into_iter().filter(|file| !file.is_test);
    let mut named: Names =
        code.flat_map(|file| quoted(&file.text, "env::var(\"CLAVIGER_")).collect();
    named.extend(fields(&mail).iter().filter(|it| !it.1).map(|it| format!("MAIL_{}", upper(it))));
    assert!(named.len() > 2, "{named:?}");
    let told = variables(&document);
    let all: Names = named.iter().chain(&keys).chain(&of_mail).cloned().collect();
    let missing = named.difference(&told);
    found.extend(missing.map(|it| format!("CLAVIGER_{it}: not in {DOCUMENT}")));
    let made_up = told.difference(&all);
    found.extend(made_up.map(|it| format!("CLAVIGER_{it}: is not read by anything")));
    nothing(&found);
}

#[test]
fn bad_samples_are_found() {
    let code = "struct Partial {\n    pub(crate) data: Option<A>,\n    #[serde(skip)]\n    \
                password: Option<B>,\n    from: Option<C>,\n}\nfn f() { x: Option<D> }";
    let name = |it: &str, in_file| (it.to_owned(), in_file);
    let wanted = [name("data", true), name("password", false), name("from", true)];
    assert_eq!(fields(code), wanted);
    let names = |list: &[&str]| -> Names { list.iter().map(|it| (*it).to_owned()).collect() };
    let reader = "get(\"DATA\"), flag(\"ON\")?, list(\"A_B\") get(\"x\") #[cfg(test)] get(\"NO\")";
    assert_eq!(asked(reader), names(&["DATA", "ON", "A_B"]));
    let vendor = File::new(&format!("{VENDORS}acme/mod.rs"), "Switch { name: \"strict\", f }");
    assert_eq!(switches(&vendor), names(&["compat.acme.strict"]));
    let text = "\n## Settings\n| key | x |\n| `a`, `b` | `c` |\n## Other\n| `d` |\n";
    assert_eq!(documented(text), names(&["a", "b"]));
    assert_eq!(documented_mail("\n[mail]\nhost = 1\nuser = 2 # = 3\n```\nx = 4"), {
        names(&["host", "user"])
    });
    assert_eq!(variables("`CLAVIGER_A_B=1` CLAVIGER_ OTHER_C"), names(&["A_B"]));
    assert_eq!(apart("x", &names(&["a", "b"]), &names(&["b", "c"])).len(), 2);
}
