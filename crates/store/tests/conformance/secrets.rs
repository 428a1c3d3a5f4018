//! The file of secrets and what is sealed with it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use claviger_store::secrets::{read_root, root_secret};
use claviger_store::{Secrets, StoreError, testing};

fn fresh() -> (PathBuf, Secrets) {
    let path = testing::folder().join("secrets");
    let secrets = Secrets::load_or_create(&path, false).unwrap();
    (path, secrets)
}

fn refusal(path: &Path) -> String {
    let refused = Secrets::load_or_create(path, true).unwrap_err();
    assert!(matches!(refused, StoreError::File { .. }), "{refused:?}");
    refused.to_string()
}

#[test]
fn the_file_is_made_once_and_is_the_owners_alone() {
    let (path, first) = fresh();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = Secrets::load_or_create(&path, true).unwrap();
    assert_eq!(first.tag("pin", 1, b"1234"), again.tag("pin", 1, b"1234"));
    let (_, other) = fresh();
    assert_ne!(first.tag("pin", 1, b"1234"), other.tag("pin", 1, b"1234"));
    let names: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "a temporary file was left");
}

#[test]
fn nodes_that_set_up_at_once_agree_on_the_keys() {
    let path = testing::folder().join("secrets");
    let tags: Vec<[u8; 16]> = std::thread::scope(|scope| {
        let node = || Secrets::load_or_create(&path, false).unwrap().tag("pin", 1, b"1");
        let nodes: Vec<_> = (0..8).map(|_| scope.spawn(node)).collect();
        nodes.into_iter().map(|node| node.join().unwrap()).collect()
    });
    assert!(tags.iter().all(|tag| *tag == tags[0]));
}

#[test]
fn a_missing_file_is_refused_once_there_is_data() {
    let path = testing::folder().join("secrets");
    let refused = Secrets::load_or_create(&path, true).unwrap_err();
    assert_eq!(refused, StoreError::SecretsMissing { path: path.clone() });
    assert!(!path.exists());
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let (path, _) = fresh();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let words = refusal(&path);
        assert!(
            words.contains(&format!("mode {mode:o}")) && words.contains("chmod 600"),
            "{words}"
        );
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    assert!(Secrets::load_or_create(&path, true).is_ok());
}

#[test]
fn a_malformed_file_is_refused_without_showing_it() {
    let (path, _) = fresh();
    let good = std::fs::read_to_string(&path).unwrap();
    let key = good.lines().nth(1).unwrap().split_once(" = ").unwrap().1;
    let cases = [
        (String::new(), "does not start with"),
        (good.replace("v1", "v2"), "another version"),
        (good.replace("tag_key", "tig_key"), "line 3: an unknown name"),
        (good.replace("sign_key", "data_key"), "line 4: the same name again"),
        (good.replace(key, &key[..62]), "line 2: not 64 hexadecimal digits"),
        (good.replace(key, &"g".repeat(64)), "line 2: not 64 hexadecimal digits"),
        (good.replace(" = ", " "), "line 2: has no ="),
        (good.lines().take(3).collect::<Vec<_>>().join("\n"), "not all of"),
        (format!("{good}note\n"), "line 8: has no ="),
        (good.replace("generation = 1", "generation = 0"), "line 7: not a number"),
        (good.lines().take(5).collect::<Vec<_>>().join("\n"), "in it or none"),
        (format!("{good}root_public = {}\n", "a".repeat(128)), "in it or none"),
        (format!("{good}root_public = a\n"), "line 8: not 128"),
    ];
    for (text, wanted) in cases {
        std::fs::write(&path, &text).unwrap();
        let words = refusal(&path);
        assert!(words.contains(wanted), "{words}");
        assert!(!words.contains(&key[1..20]), "the message shows a key");
    }
    std::fs::write(&path, [0xff; 10]).unwrap();
    refusal(&path);
    assert!(refusal(path.parent().unwrap()).contains("not a file"));
}

#[test]
fn a_sealed_value_opens_only_where_it_belongs() {
    let (_, secrets) = fresh();
    let sealed = secrets.seal(1, "credential", [5; 16], "pin", b"4711").unwrap();
    assert_eq!(sealed.len(), 4 + 29);
    assert!(!sealed.windows(4).any(|window| window == b"4711"));
    let again = secrets.seal(1, "credential", [5; 16], "pin", b"4711").unwrap();
    assert_ne!(sealed, again, "equal PINs must not look equal");
    let open = |place, noun, object, field| {
        secrets.open(place, noun, [object; 16], field, &sealed).map(|plain| plain.to_vec())
    };
    assert_eq!(open(1, "credential", 5, "pin"), Ok(b"4711".to_vec()));
    for wrong in [
        open(2, "credential", 5, "pin"),
        open(1, "person", 5, "pin"),
        open(1, "credential", 6, "pin"),
        open(1, "credential", 5, "code"),
        open(1, "credentialp", 5, "in"),
    ] {
        assert!(matches!(wrong, Err(StoreError::Unsealable { .. })), "{wrong:?}");
    }
    let (_, stranger) = fresh();
    assert!(stranger.open(1, "credential", [5; 16], "pin", &sealed).is_err());
    let empty = secrets.seal(1, "credential", [5; 16], "pin", b"").unwrap();
    assert_eq!(secrets.open(1, "credential", [5; 16], "pin", &empty).unwrap().len(), 0);
}

#[test]
fn a_sealed_value_with_any_bit_changed_or_cut_does_not_open() {
    let (_, secrets) = fresh();
    let sealed = secrets.seal(1, "credential", [5; 16], "pin", b"4711").unwrap();
    let opens = |bytes: &[u8]| secrets.open(1, "credential", [5; 16], "pin", bytes).is_ok();
    assert!(opens(&sealed));
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(&changed), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(!opens(&sealed[..length]), "length {length}");
    }
}

#[test]
fn tags_and_derived_keys_differ_by_all_they_are_made_of() {
    let (_, secrets) = fresh();
    let tags = [
        secrets.tag("pin", 1, b"1234"),
        secrets.tag("code", 1, b"1234"),
        secrets.tag("pin", 2, b"1234"),
        secrets.tag("pin", 1, b"1235"),
        secrets.tag("pi", 1, b"1234"),
    ];
    let mut distinct = tags.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), tags.len());
    assert_eq!(*secrets.derive("issuer", 1, 1), *secrets.derive("issuer", 1, 1));
    assert_ne!(*secrets.derive("issuer", 1, 1), *secrets.derive("issuer", 1, 2));
    assert_ne!(*secrets.derive("issuer", 1, 1), *secrets.derive("issuer", 2, 1));
    assert_ne!(*secrets.derive("issuer", 1, 1), *secrets.derive("root", 1, 1));
}

#[test]
fn secrets_do_not_print() {
    let (_, secrets) = fresh();
    assert_eq!(format!("{secrets:?}"), "Secrets(..)");
}

#[test]
fn the_root_leaves_the_file_and_issuers_are_drawn_anew() {
    let (path, secrets) = fresh();
    let seed = secrets.root_seed().unwrap();
    let text = secrets.root_text().unwrap();
    assert_eq!(read_root(&text).as_ref(), Some(&seed));
    assert_ne!(root_secret(&seed, 0), root_secret(&seed, 1));
    for wrong in ["", "claviger-root v1\n", &text.replace("v1", "v2"), &text.replace("root", "r")] {
        assert!(read_root(wrong).is_none(), "{wrong}");
    }
    let (first, other) = (secrets.issuer_secret(1, 0), secrets.issuer_secret(2, 0));
    assert_ne!(first, other);
    secrets.forget_root([7; 64]).unwrap();
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(!kept.contains("root_key"), "{kept}");
    let again = Secrets::load_or_create(&path, true).unwrap();
    for it in [&secrets, &again] {
        assert_eq!((it.root_seed(), it.root_public()), (None, Some([7; 64])));
        assert!(it.root_text().is_none());
        assert_eq!((it.generation(), it.issuer_secret(1, 0)), (1, first.clone()));
    }
    again.replace_issuers().unwrap();
    assert_eq!(again.generation(), 2);
    assert_ne!(again.issuer_secret(1, 0), first);
    let third = Secrets::load_or_create(&path, true).unwrap();
    assert_eq!((third.generation(), third.root_public()), (2, Some([7; 64])));
    assert_eq!(third.issuer_secret(1, 0), again.issuer_secret(1, 0));
    // What cannot be written is not forgotten.
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert!(third.replace_issuers().is_err());
    assert_eq!(third.issuer_secret(1, 0), again.issuer_secret(1, 0));
}

#[test]
fn a_file_of_an_earlier_version_is_read() {
    let (path, secrets) = fresh();
    let good = std::fs::read_to_string(&path).unwrap();
    let early: Vec<&str> = good.lines().take(4).collect();
    std::fs::write(&path, early.join("\n")).unwrap();
    let read = Secrets::load_or_create(&path, true).unwrap();
    assert_eq!(read.tag("pin", 1, b"1"), secrets.tag("pin", 1, b"1"));
    assert_eq!(*read.issuer_secret(3, 0), *read.derive("offline issuer", 3, 1));
    assert_eq!(*root_secret(&read.root_seed().unwrap(), 0), *read.derive("offline root", 0, 1));
    assert!(read.root_text().is_none(), "it could be made of what stays");
}
