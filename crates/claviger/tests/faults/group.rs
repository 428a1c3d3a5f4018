//! `kill -9` in the middle of changes of a group of 100 000 keys: after the restart the change is
//! whole or not there, what was acknowledged is there, and nothing holds the group.
//!
//! 6 kills on SQLite and 3 on PostgreSQL; `CLAVIGER_LONG=1` makes it 200 each.
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use claviger_store::testing::{folder, postgresql};
use reqwest::Method;
use serde_json::{Value, json};

use crate::crash::times;
use crate::dice::Dice;
use crate::server::{Server, claviger, set_up, token as token_of};

const PEOPLE: usize = 5_000;
const LOCKS: usize = 20;
/// People who go and come in one change: 10 000 keys at 20 locks.
const SWAPPED: usize = 250;

/// Who and what is in the group; nothing where there is no group.
type Group = Option<(BTreeSet<String>, BTreeSet<String>)>;

/// A program of the vendor's at one start of the server.
#[derive(Clone)]
struct Program {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Program {
    async fn at(http: &reqwest::Client, url: &str, credentials: &Value) -> Program {
        let project = credentials["project_id"].as_str().unwrap();
        let body = json!({
            "grant_type": "client_credentials", "scope": "project.admin", "project_id": project,
            "client_id": credentials["client_id"], "client_secret": credentials["client_secret"],
        });
        let path = format!("{url}/compat/unloc/v2/auth/token");
        let token = http.post(path).json(&body).send().await.unwrap();
        let token: Value = token.json().await.unwrap();
        let token = token["access_token"].as_str().unwrap().to_owned();
        let base = format!("{url}/compat/unloc/v2/projects/{project}");
        Program { http: http.clone(), base, token }
    }

    /// Status and body; nothing where the server went away.
    async fn send(&self, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, &Value::Null).await.unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The only group there is: its id and what is in it.
    async fn group(&self) -> (String, Group) {
        let found = self.get("/access-groups").await;
        let groups = found["accessGroups"].as_array().unwrap();
        assert!(groups.len() <= 1, "one group was made once");
        let Some(group) = groups.first() else { return (String::new(), None) };
        let set = |name: &str| -> BTreeSet<String> {
            group[name].as_array().unwrap().iter().map(text).collect()
        };
        (text(&group["id"]), Some((set("appUserIds"), set("lockIds"))))
    }

    /// The live keys, by person and lock, each listed once.
    async fn keys(&self) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("/keys?excludeStates=revoked{after}")).await;
            let keys = page["keys"].as_array().unwrap();
            for key in keys {
                let pair = (text(&key["appUser"]["id"]), text(&key["lockId"]));
                assert!(found.insert(pair), "{key} is there twice");
            }
            let Some(last) = keys.last().filter(|_| keys.len() == 2500) else { return found };
            after = format!("&startAfterId={}", text(&last["id"]));
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn phone(number: usize) -> String {
    format!("+47{:08}", 40_000_000 + number)
}

/// The next change of a group: the request, and what it comes to.
fn change(round: usize, id: &str, now: &Group, locks: &[String]) -> (Method, String, Value, Group) {
    let Some((people, inside)) = now else {
        let people: Vec<String> = (0..PEOPLE).map(phone).collect();
        let body = json!({ "name": "Everybody", "lockIds": locks[..LOCKS], "appUserIds": people });
        let set = people.into_iter().collect();
        let group = Some((set, locks[..LOCKS].iter().cloned().collect()));
        return (Method::POST, "/access-groups".to_owned(), body, group);
    };
    let path = format!("/access-groups/{id}");
    let update = format!("{path}/update-accesses");
    let (mut people, mut inside) = (people.clone(), inside.clone());
    match round % 4 {
        // One lock goes, another comes: 10 000 keys.
        1 => {
            let gone = inside.iter().next().unwrap().clone();
            let come = locks.iter().find(|lock| !inside.contains(*lock)).unwrap().clone();
            let body = json!({ "lockIdsToAdd": [come], "lockIdsToRemove": [gone] });
            inside.remove(&gone);
            inside.insert(come);
            (Method::POST, update, body, Some((people, inside)))
        }
        2 => {
            let gone: Vec<String> = people.iter().take(SWAPPED).cloned().collect();
            let come: Vec<String> =
                (0..SWAPPED).map(|it| phone(PEOPLE * (round + 1) + it)).collect();
            let body = json!({ "appUserIdsToAdd": come, "appUserIdsToRemove": gone });
            people.retain(|it| !gone.contains(it));
            people.extend(come);
            (Method::POST, update, body, Some((people, inside)))
        }
        _ => (Method::DELETE, path, Value::Null, None),
    }
}

/// What the group is after a change that was cut off: whole, one way or the other; then the same
/// change again, which nothing is in the way of.
async fn settled(
    program: &Program,
    (method, path, body, after): (Method, String, Value, Group),
    before: &Group,
    acknowledged: bool,
) -> Group {
    let (_, found) = program.group().await;
    let is_new = found == after;
    assert!(is_new || found == *before, "{method} {path} is half done");
    assert!(is_new || !acknowledged, "{method} {path} was acknowledged and is gone");
    if !is_new {
        let (status, answer) = program.send(method.clone(), &path, &body).await.unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        assert_eq!(program.group().await.1, after);
    }
    after
}

async fn kills(database: Option<&str>, times: u64) {
    let home = folder();
    let data = home.join("data");
    let made = set_up(&data, database);
    let place = text(&made["place"]["id"]);
    let output = claviger(&data, database)
        .args(["compat", "--vendor", "unloc", "--place", &place, "--json"])
        .output()
        .unwrap();
    let credentials =
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["credentials"].take();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
    let mut server = Server::start(&data, database);
    let token = token_of(&http, &server.url, &made).await;
    let mut locks = Vec::new();
    for number in 0..=LOCKS {
        let path = format!("{}/api/v1/places/{place}/locks", server.url);
        let request =
            http.post(path).bearer_auth(&token).json(&json!({ "name": format!("{number}") }));
        let lock: Value = request.send().await.unwrap().json().await.unwrap();
        locks.push(text(&lock["id"]));
    }
    let (mut dice, mut group, mut acknowledged) = (Dice::new(9), None, 0);
    // How long a change takes at most, so that the kill falls anywhere within.
    let mut longest = Duration::from_millis(400);
    for round in 0..usize::try_from(times).unwrap() {
        let program = Program::at(&http, &server.url, &credentials).await;
        let (id, found) = program.group().await;
        assert_eq!(found, group, "round {round}");
        let change = change(round, &id, &group, &locks);
        let (caller, (method, path, body, _)) = (program.clone(), change.clone());
        let begun = Instant::now();
        let answer = tokio::spawn(async move {
            let answer = caller.send(method, &path, &body).await;
            (answer, begun.elapsed())
        });
        let wait = dice.below(u64::try_from(longest.as_micros()).unwrap());
        tokio::time::sleep(Duration::from_micros(wait)).await;
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        let (answer, took) = answer.await.unwrap();
        if let Some((status, body)) = &answer {
            assert!((200..300).contains(status), "{status} {body}");
            longest = took + took / 4;
            acknowledged += 1;
        } else {
            longest = longest.max(took + took / 4);
        }
        server = Server::start(&data, database);
        let program = Program::at(&http, &server.url, &credentials).await;
        group = settled(&program, change, &group, answer.is_some()).await;
    }
    println!("{acknowledged} of {times} changes were acknowledged before the kill");
    let program = Program::at(&http, &server.url, &credentials).await;
    let pairs = group.iter().flat_map(|(people, locks)| {
        people.iter().flat_map(|it| locks.iter().map(|lock| (it.clone(), lock.clone())))
    });
    let pairs: BTreeSet<(String, String)> = pairs.collect();
    assert!(program.keys().await == pairs, "the keys are not the group's product");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_change_of_a_large_group_is_whole_or_not_there_on_sqlite() {
    kills(None, times(6, 200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_change_of_a_large_group_is_whole_or_not_there_on_postgresql() {
    let Some(url) = postgresql() else { return };
    kills(Some(&url), times(3, 200)).await;
}
