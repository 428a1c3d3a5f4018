//! A disk with no room left: a clear answer, nothing half stored, and work goes on once there is
//! room.

use std::path::Path;
use std::process::{Command, Output};

use claviger_store::testing::folder;
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::refused::refusals;
use crate::server::{Server, claviger, set_up, token};

async fn post(http: &reqwest::Client, url: &str, token: &str, body: &Value) -> (u16, Value) {
    let answer = http.post(url).bearer_auth(token).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_full_disk_is_answered_clearly_and_nothing_is_half_stored() {
    let home = folder();
    let (disk, data) = (Disk::new(&home), home.join("data"));
    let made = set_up(&data, None);
    disk.leave(1 << 20);
    let server = Server::start_with(&data, None, &disk.env());
    let http = reqwest::Client::new();
    let token = token(&http, &server.url, &made).await;
    let place = made["place"]["id"].as_str().unwrap();
    let people = format!("{}/api/v1/places/{place}/people", server.url);
    let body = json!({"first_name": "A", "note": "x".repeat(3500)});
    let (mut stored, mut refused) = (0, 0);
    while refused < refusals() {
        match post(&http, &people, &token, &body).await {
            (201, _) => stored += 1,
            (507, problem) => {
                assert_eq!(problem["code"], "storage_full");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(stored > 0, "the disk was too small to begin with");

    let list: Value = http
        .get(format!("{people}?limit=1000"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), stored, "more or less than acknowledged");

    disk.leave(16 << 20);
    assert_eq!(post(&http, &people, &token, &body).await.0, 201, "it works again with room");
    drop(server);

    assert_eq!(counted(&data, "people"), Some(stored as u64 + 1));
}

/// How many of a noun there are by `verify`, which must find all whole; nothing where there is no
/// database yet.
fn counted(data: &Path, noun: &str) -> Option<u64> {
    if !data.join("claviger.db").exists() {
        return None;
    }
    let output = claviger(data, None).args(["verify", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    Some(found["counts"][noun].as_u64().unwrap())
}

/// Runs a command with more and more room until it succeeds. Each time that it does not it must
/// say in one line that there is no room, and `still` must hold. Returns how often that was.
fn with_little_room(disk: &Disk, command: &dyn Fn() -> Command, still: &dyn Fn()) -> u32 {
    let (mut room, mut refused) = (0, 0);
    loop {
        disk.leave(room);
        let output = command().envs(disk.env()).output().unwrap();
        disk.empty();
        if output.status.success() {
            return refused;
        }
        says_full(&output, room);
        still();
        refused += 1;
        room = room * 2 + 500;
    }
}

#[track_caller]
fn says_full(output: &Output, room: u64) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{room} bytes: {err}");
    let line = err.strip_prefix("claviger: ").and_then(|it| it.strip_suffix('\n'));
    let clear = line.is_some_and(|it| it.ends_with("full") && !it.contains('\n'));
    assert!(clear, "{room} bytes: {err}");
}

#[test]
fn a_set_up_without_room_says_so_and_can_be_done_again() {
    let home = folder();
    let disk = Disk::new(&home);
    let data = home.join("data");
    let command = || {
        let mut command = claviger(&data, None);
        command.args(["setup", "--organization", "O", "--place", "P"]);
        command
    };
    let refused = with_little_room(&disk, &command, &|| {
        assert!(matches!(counted(&data, "organizations"), None | Some(0)), "half a set-up");
    });
    assert!(refused > 5, "only {refused}");
    assert_eq!(counted(&data, "organizations"), Some(1));
}

#[test]
fn an_import_and_a_backup_without_room_leave_nothing() {
    let home = folder();
    let (disk, data) = (Disk::new(&home), home.join("data"));
    let made = set_up(&data, None);
    let place = made["place"]["id"].as_str().unwrap();
    let rows: String = (0..500).map(|n| format!("p{n},{}\n", "x".repeat(100))).collect();
    let file = home.join("people.csv");
    std::fs::write(&file, format!("external_id,first_name\n{rows}")).unwrap();
    let import = || {
        let mut command = claviger(&data, None);
        command.args(["import", "people"]).arg(&file).args(["--place", place]);
        command
    };
    let refused = with_little_room(&disk, &import, &|| {
        assert_eq!(counted(&data, "people"), Some(0), "half an import");
    });
    assert!(refused > 3, "only {refused}");
    assert_eq!(counted(&data, "people"), Some(500));

    let kept = home.join("backup");
    let backup = || {
        let mut command = claviger(&data, None);
        command.arg("backup").arg(&kept);
        command
    };
    let others = || std::fs::read_dir(&home).unwrap().count();
    let before = others();
    let refused = with_little_room(&disk, &backup, &|| {
        assert_eq!(others(), before, "half a backup");
    });
    assert!(refused > 3, "only {refused}");
    assert!(kept.exists());
}
