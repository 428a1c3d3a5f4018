//! A disk with no room left: a clear answer, nothing half stored, and work goes on once there is
//! room.

use std::path::{Path, PathBuf};
use std::process::Command;

use claviger_store::testing::folder;
use serde_json::{Value, json};

use crate::refused::refusals;
use crate::server::{Server, claviger, set_up, token};

/// A small file system of its own, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn mount(at: &Path) -> Option<SmallDisk> {
        let options = ["-t", "tmpfs", "-o", "size=3m", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(at).output().ok()?;
        mounted.status.success().then(|| SmallDisk(at.to_owned()))
    }

    fn grow(&self) {
        let options = ["-o", "remount,size=16m"];
        assert!(Command::new("mount").args(options).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

async fn post(http: &reqwest::Client, url: &str, token: &str, body: &Value) -> (u16, Value) {
    let answer = http.post(url).bearer_auth(token).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_full_disk_is_answered_clearly_and_nothing_is_half_stored() {
    let home = folder();
    let Some(disk) = SmallDisk::mount(&home) else {
        println!("NOT TESTED: a small file system cannot be mounted here (it needs root)");
        return;
    };
    let data = home.join("data");
    let made = set_up(&data, None);
    let server = Server::start(&data, None);
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

    disk.grow();
    assert_eq!(post(&http, &people, &token, &body).await.0, 201, "it works again with room");
    drop(server);

    let verified = claviger(&data, None).arg("verify").output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}
