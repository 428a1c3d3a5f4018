//! The commands of docs/devices.md, run one after the other against a server as a reader would:
//! what they print is what the page says.

use std::process::Command;

use crate::run::{Temporary, get};

/// The commands of a page and what each block of them is said to print.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    for part in page.split("```sh\n").skip(1) {
        let (commands, rest) = part.split_once("```\n").expect("an end of commands");
        let said = rest.strip_prefix("```text\n").expect("what the commands print");
        let (said, _) = said.split_once("```\n").expect("an end of what is printed");
        blocks.push((commands.to_owned(), said.to_owned()));
    }
    blocks
}

/// What the tour of the README has made before.
const BEFORE: &str = r#"
set -euo pipefail
umask 077
TOKEN=$(curl -sf $S/oauth/token -d grant_type=client_credentials -u "$ID:$SECRET" |
    jq -r .access_token)
get()  { curl -s "$P$1" -H "Authorization: Bearer $TOKEN"; }
post() { curl -s "$P$1" -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' -d "$2"; }
ANN=$(post /people '{"first_name": "Ann", "email": "ann@example.org"}' | jq -r .id)
"#;

/// Stands between the prints of two blocks.
const MARK: &str = "-- and then";

#[test]
fn the_commands_for_devices_print_what_is_said() {
    for tool in ["bash", "curl", "jq", "openssl", "od", "base64"] {
        let there = Command::new(tool).arg("--version").output().is_ok();
        assert!(there, "{tool} is missing; Debian: apt-get install {tool}");
    }
    let blocks = blocks(include_str!("../../../../docs/devices.md"));
    assert!(blocks.len() >= 6, "{}", blocks.len());
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve();
    let made = data.setup();
    let mut script = BEFORE.to_owned();
    for (commands, _) in &blocks {
        script += &format!("{commands}\necho '{MARK}'\n");
    }
    let place = format!("{}/api/v1/places/{}", server.url, get(&made, "/place/id"));
    let ran = Command::new("bash")
        .args(["-c", &script])
        .current_dir(temporary.path("."))
        .envs([("S", &server.url), ("P", &place), ("ID", &get(&made, "/client/id"))])
        .env("SECRET", get(&made, "/client/secret"))
        .output()
        .unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    let printed: Vec<&str> = out.split(&format!("{MARK}\n")).collect();
    for ((commands, said), printed) in blocks.iter().zip(&printed) {
        assert_eq!(printed, said, "{commands}\n{err}");
    }
    assert_eq!((ran.status.code(), printed.len()), (Some(0), blocks.len() + 1), "{out}\n{err}");
    server.stop();
}
