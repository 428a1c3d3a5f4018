//! The root of locks with no network leaves the data folder, and is lent to it.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::run::{Data, Temporary};

fn secrets(data: &Data) -> String {
    std::fs::read_to_string(data.path.join("secrets")).unwrap()
}

#[test]
fn the_root_is_taken_elsewhere_and_lent() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    data.setup();
    let before = secrets(&data);
    let file = temporary.path("root").display().to_string();
    let said = data.run(&["root", "export", &file]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("keep it, twice"), "{said:?}");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let key = text.split_once("root_key = ").unwrap().1.trim().to_owned();
    assert!(before.contains(&key) && !secrets(&data).contains(&key));
    assert!(secrets(&data).contains("root_public = "));

    let other = temporary.path("other").display().to_string();
    let refused = data.run(&["root", "export", &other]).refusal();
    assert!(refused.contains("kept elsewhere"), "{refused}");
    assert!(!temporary.path("other").exists());
    let refused = data.run(&["root", "sign"]).refusal();
    assert!(refused.contains("kept elsewhere"), "{refused}");
    std::fs::write(&other, text.replace(&key, &"17".repeat(32))).unwrap();
    let refused = data.run(&["root", "sign", "--root", &other]).refusal();
    assert!(refused.contains("the root of other locks"), "{refused}");
    std::fs::write(&other, "no root").unwrap();
    let refused = data.run(&["root", "replace-issuers", "--root", &other]).refusal();
    assert!(refused.contains("does not hold a root"), "{refused}");

    let signed = data.run(&["root", "sign", "--root", &file]);
    assert_eq!(signed.out.trim(), "places signed for: 1; epochs begun at 0 locks", "{signed:?}");
    let refused = data.run(&["root", "trust-clock"]).refusal();
    assert!(refused.contains("no server runs"), "{refused}");

    // A server that runs is lent it too.
    let server = data.serve();
    let signed = data.run(&["root", "sign", "--root", &file, "--accept-ahead", "--json"]).json();
    assert_eq!(signed, json!({"places": 1, "locks": 0, "left": 0}));
    assert_eq!(data.run(&["root", "trust-clock"]).code, Some(0));
    let issuers = secrets(&data);
    data.run(&["root", "replace-issuers", "--root", &file, "--json"]).json();
    assert!(secrets(&data).contains("generation = 2") && secrets(&data) != issuers);
    server.stop();
    assert_eq!(data.run(&["verify"]).code, Some(0));
    data.serve().stop();
}
