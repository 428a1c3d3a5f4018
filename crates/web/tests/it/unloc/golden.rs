//! Every operation once, as a program would call it, with the whole exchange kept in `golden.txt`:
//! what an outside program sees must not change unnoticed. `UPDATE_SNAPSHOTS=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Unloc, phone};
use crate::support::{Answer, id, on_each_engine};

/// Exchanges as they are kept: ids by the order they are first seen in, times and secrets hidden.
struct Record {
    program: Unloc,
    text: String,
    ids: Vec<String>,
    hit: BTreeSet<Row>,
}

impl Record {
    /// Calls, keeps the exchange, and answers the body.
    async fn call(&mut self, method: &str, path: &str, body: Value) -> Value {
        let path = path.replace("{p}", &format!("/v2/projects/{}", self.program.it.place));
        let full = format!("/compat/unloc{path}");
        let sent = (!body.is_null()).then(|| body.to_string());
        let answer = self.program.actor.send(method, &full, &[], sent).await;
        self.hit.insert(row(method, &full));
        self.keep(method, &path, &body, &answer);
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    }

    fn keep(&mut self, method: &str, path: &str, body: &Value, answer: &Answer) {
        let mut kept = format!("{method} {path}\n");
        if !body.is_null() {
            let _ = writeln!(kept, "{body:#}");
        }
        let _ = writeln!(kept, "-> {}", answer.status);
        if !answer.body.is_null() {
            let mut body = answer.body.clone();
            if let Some(secret) = body.pointer_mut("/webhook/secret") {
                *secret = json!("<secret>");
            }
            let _ = writeln!(kept, "{body:#}");
        }
        let kept = self.hidden(&kept);
        self.text.push_str(&kept);
        self.text.push('\n');
    }

    /// The text with ids numbered and times and tokens hidden.
    fn hidden(&mut self, text: &str) -> String {
        let separates = |c: char| !(c.is_ascii_alphanumeric() || "-:._".contains(c));
        let mut out = String::new();
        for word in text.split_inclusive(separates) {
            let end = word.strip_suffix(separates).map_or(word.len(), str::len);
            let (word, rest) = word.split_at(end);
            let shown = if is_id(word) {
                let known = self.ids.iter().position(|known| known == word);
                let at = known.unwrap_or_else(|| {
                    self.ids.push(word.to_owned());
                    self.ids.len() - 1
                });
                format!("<id {}>", at + 1)
            } else if word.len() == 24 && word.ends_with('Z') && word.as_bytes()[10] == b'T' {
                "<time>".to_owned()
            } else if word.starts_with("eyJ") || word.starts_with("clvk_") {
                "<secret>".to_owned()
            } else {
                word.to_owned()
            };
            out.push_str(&shown);
            out.push_str(rest);
        }
        out
    }
}

fn is_id(word: &str) -> bool {
    word.len() == 36
        && word.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// A row by its method and path: projects and subprojects have rows of the same name.
type Row = (&'static str, &'static str);

/// The row that takes a request.
fn row(method: &str, path: &str) -> Row {
    let parts: Vec<&str> =
        path.split('?').next().unwrap().trim_end_matches('/').split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        let same = |(part, wanted): (&&str, &&str)| wanted.starts_with('{') || part == wanted;
        pattern.len() == parts.len() && parts.iter().zip(&pattern).all(same)
    };
    let routes = claviger_web::vendor_routes().into_iter();
    let mut found = routes.filter(|route| route.method == method && fits(route.path));
    let found = found.next().unwrap_or_else(|| panic!("no row takes {method} {path}"));
    (found.method, found.path)
}

async fn log_in(record: &mut Record) {
    let program = &record.program;
    let (client, secret) = (program.client_id.clone(), program.client_secret.clone());
    let place = program.it.place.clone();
    let token = json!({
        "grant_type": "client_credentials", "client_id": client, "client_secret": secret,
        "scope": "project.admin", "project_id": place,
    });
    record.call("POST", "/v2/auth/token/", token).await;
    let who = json!({ "client_id": client, "client_secret": secret });
    let found = record.call("POST", "/v2/auth/resources-discovery/", who).await;
    let organization = found["resources"]["organizations"][0]["organizationId"].clone();
    let token = json!({
        "grant_type": "client_credentials", "client_id": client, "client_secret": secret,
        "scope": "organization.admin", "organization_id": organization,
    });
    let token = record.call("POST", "/v2/auth/token/", token).await;
    let project = record.program.actor.clone();
    record.program.actor = project.with(token["access_token"].as_str().map(str::to_owned));
    let base = format!("/v2/organization/{}", organization.as_str().unwrap());
    record.call("GET", &base, Value::Null).await;
    let body = json!({ "name": "Annex", "timeZone": "Europe/Oslo" });
    record.call("POST", &format!("{base}/projects"), body).await;
    record.call("GET", &format!("{base}/projects"), Value::Null).await;
    record.program.actor = project;
    record.call("GET", "{p}", Value::Null).await;
    let body = json!({ "metadata": { "region": "north" }, "defaultPrivacyPolicy": "public" });
    record.call("PATCH", "{p}", body).await;
}

async fn locks_and_users(record: &mut Record) -> [String; 2] {
    let doors = [record.program.it.lock("Front").await, record.program.it.lock("Back").await];
    let doors = doors.map(|door| id(&door).to_owned());
    record.call("GET", "{p}/locks?limit=1", Value::Null).await;
    let path = format!("{{p}}/locks/{}", doors[0]);
    record.call("GET", &path, Value::Null).await;
    let body = json!({ "address": { "street": "Storgata 1" }, "metadata": { "wing": "A" } });
    record.call("PATCH", &path, body).await;
    record.call("POST", &path, json!({ "name": "Front door" })).await;
    let body = json!({ "appUserId": phone(1), "firstName": "Ann", "lastName": "Berg" });
    record.call("POST", "{p}/managed-users", body).await;
    record.call("GET", "{p}/managed-users", Value::Null).await;
    let path = format!("{{p}}/managed-users/{}", phone(1).replace('+', "%2B"));
    record.call("GET", &path, Value::Null).await;
    record.call("PATCH", &path, json!({ "metadata": { "flat": "12" } })).await;
    doors
}

/// A user from first to last.
async fn users(record: &mut Record, base: &str) {
    let body = json!({ "appUserId": phone(8), "firstName": "Cleo" });
    let made = record.call("POST", &format!("{base}/managed-users"), body).await;
    let path = format!("{base}/managed-users/{}", id(&made["managedUser"]));
    record.call("GET", &format!("{base}/managed-users"), Value::Null).await;
    record.call("GET", &path, Value::Null).await;
    record.call("PATCH", &path, json!({ "lastName": "Dunn" })).await;
    record.call("DELETE", &path, Value::Null).await;
}

async fn keys(record: &mut Record, base: &str, doors: &[String; 2]) {
    let body = json!({ "keys": [
        { "lockId": doors[0], "appUserId": phone(1), "metadata": { "booking": "7" } },
        { "lockId": doors[0], "appUserId": phone(2), "recurrence": { "timeSpans": [
            { "weekday": "mon", "startHour": 0, "startMinute": 0, "endHour": 24, "endMinute": 0 },
        ] }, "end": "2099-01-01T00:00:00.000Z" },
    ] });
    let job = record.call("POST", &format!("{base}/keys"), body).await;
    let job = job["jobRef"]["id"].as_str().unwrap().to_owned();
    // Whether the second key is active is a question of the day.
    let job = format!("{base}/jobs/{job}");
    let excluded = "excludeStates=inactive,active";
    record.call("GET", &format!("{base}/keys?{excluded}"), Value::Null).await;
    let full = job.replace("{p}", &format!("/v2/projects/{}", record.program.it.place));
    let seen = record.program.actor.get(&format!("/compat/unloc{full}")).await.expect(200);
    let created = &seen["job"]["resultData"]["createdKeys"];
    let first = created[0]["id"].as_str().unwrap().to_owned();
    record.call("GET", &format!("{base}/keys/{first}"), Value::Null).await;
    record.call("DELETE", &format!("{base}/keys/{first}"), Value::Null).await;
    let second = phone(2).replace('+', "%2B");
    record.call("DELETE", &format!("{base}/keys?appUserId={second}"), Value::Null).await;
    record
        .call("GET", &format!("{base}/jobs/{}", job.rsplit('/').next().unwrap()), Value::Null)
        .await;
}

async fn groups(record: &mut Record, base: &str, doors: &[String; 2], moves: bool) {
    let body = json!({
        "name": "Test Access Group", "description": "Test Access Group Description",
        "lockIds": [doors[0]], "appUserIds": [phone(1), phone(2)],
    });
    let group = record.call("POST", &format!("{base}/access-groups"), body).await;
    let group = format!("{base}/access-groups/{}", id(&group["accessGroup"]));
    record.call("GET", &format!("{base}/access-groups"), Value::Null).await;
    record.call("GET", &group, Value::Null).await;
    record.call("PATCH", &group, json!({ "name": "Residents", "description": null })).await;
    record.call("PUT", &group, json!({ "metadata": { "stair": "B" } })).await;
    let body = json!({
        "appUserIdsToAdd": [phone(3)], "appUserIdsToRemove": [phone(2)],
        "lockIdsToAdd": [doors[1]], "lockIdsToRemove": [doors[0]],
    });
    let stays = json!({ "appUserIdsToAdd": [phone(3)] });
    let body = if moves { body } else { stays };
    record.call("POST", &format!("{group}/update-accesses"), body).await;
    record.call("GET", &format!("{base}/keys?excludeStates=revoked"), Value::Null).await;
    record.call("DELETE", &group, Value::Null).await;
}

async fn connections(record: &mut Record) {
    let body = json!({ "locksToCreate": 2, "metadata": { "wall": "north" } });
    let job = record.call("POST", "{p}/lock-connections/virtual", body).await;
    record.call("GET", &format!("{{p}}/jobs/{}", id(&job["jobRef"])), Value::Null).await;
    let found = record.call("GET", "{p}/lock-connections", Value::Null).await;
    let path = id(&found["lockConnections"][0]).to_owned();
    let native = format!("/controllers/{path}");
    let path = format!("{{p}}/lock-connections/{path}");
    record.call("PATCH", &path, json!({ "name": "Test wall" })).await;
    record.call("PATCH", &format!("{path}/metadata"), json!({ "wall": null })).await;
    let body = json!({ "settings": { "virtual_locks": [{ "id": "1", "name": "One" }] } });
    record.program.it.patch(&native, body).await.expect(200);
    let job = record.call("PUT", &format!("{path}/refresh"), Value::Null).await;
    record.call("GET", &format!("{{p}}/jobs/{}", id(&job["jobRef"])), Value::Null).await;
    record.call("GET", &path, Value::Null).await;
}

async fn doorbells(record: &mut Record, door: &str) {
    let user = |number, name| json!({ "appUserId": phone(number), "name": name });
    let list = json!({ "name": "Residents", "doorbellUsers": [user(4, "Ek"), user(5, "Dahl")] });
    let body = json!({
        "name": "Main entrance", "lockId": door, "doorbellUserLists": [list],
        "visitorInstructions": "Ring twice",
    });
    let made = record.call("POST", "{p}/doorbells/", body).await["doorbell"].clone();
    let path = format!("{{p}}/doorbells/{}", id(&made));
    record.call("GET", "{p}/doorbells", Value::Null).await;
    record.call("PATCH", &path, json!({ "visitorInstructions": null })).await;
    let list = &made["doorbellUserLists"][0];
    let users = format!("{path}/lists/{}", id(list));
    let body = json!({
        "doorbellUsersToAdd": [user(6, "Holm")],
        "doorbellUserIdsToRemove": [list["doorbellUsers"][0]["id"]],
        "doorbellUsersToUpdate": [{ "id": list["doorbellUsers"][1]["id"], "name": "Dahl-Ek" }],
    });
    record.call("PATCH", &users, body).await;
    record.call("POST", &users, json!({ "name": "Everybody" })).await;
    record.call("GET", &path, Value::Null).await;
    record.call("GET", "{p}/keys?excludeStates=revoked", Value::Null).await;
    record.call("DELETE", &path, Value::Null).await;
}

async fn sharing(record: &mut Record, base: &str, door: &str) {
    let rights_of = format!("{base}/sharing-rights");
    let right = json!({ "lockId": door, "appUserId": phone(1) });
    let rights = json!({ "sharingRights": [right] });
    record.call("POST", &rights_of, rights).await;
    record.call("GET", &rights_of, Value::Null).await;
    record.call("DELETE", &rights_of, Value::Null).await;
    record.call("DELETE", &format!("{base}/shared-keys"), Value::Null).await;
}

async fn subprojects(record: &mut Record, doors: &[String; 2]) {
    let body = json!({
        "name": "North wing", "description": "Floors 1 to 4", "lockIds": [doors[0]],
        "metadata": { "floors": "4" },
    });
    let made = record.call("POST", "{p}/subprojects", body).await;
    let below = id(&made["subproject"]).to_owned();
    record.call("GET", "{p}/subprojects", Value::Null).await;
    let path = format!("{{p}}/subprojects/{below}");
    record.call("GET", &path, Value::Null).await;
    record.call("PATCH", &path, json!({ "description": null })).await;
    record.call("PUT", &path, json!({ "name": "North" })).await;
    let locks = json!({ "lockIdsToAdd": [doors[1]], "lockIdsToRemove": [doors[0]] });
    record.call("POST", &format!("{path}/update-locks"), locks).await;
    let alone = format!("/v2/subprojects/{below}");
    record.call("GET", &alone, Value::Null).await;
    record.call("GET", &format!("{alone}/locks"), Value::Null).await;
    record.call("GET", &format!("{alone}/locks/{}", doors[1]), Value::Null).await;
    let door = &doors[1];
    let both = [door.clone(), door.clone()];
    users(record, &alone).await;
    keys(record, &alone, &both).await;
    groups(record, &alone, &both, false).await;
    sharing(record, &alone, door).await;
    log_and_webhooks(record, &alone, door).await;
}

async fn log_and_webhooks(record: &mut Record, base: &str, door: &str) {
    let it = record.program.it.clone();
    let person = it.get(&format!("/people?phone={}", phone(1).replace('+', "%2B"))).await;
    let question = json!({ "lock_id": door, "person_id": person["items"][0]["id"] });
    it.decide(question).await;
    let hooks = format!("{base}/webhooks");
    record.call("GET", &format!("{base}/logs/access"), Value::Null).await;
    let body =
        json!({ "trigger": "accessEvent", "url": "https://example.org/hook", "lockId": door });
    let made = record.call("POST", &hooks, body).await;
    let path = format!("{hooks}/{}", id(&made["webhook"]));
    record.call("GET", &hooks, Value::Null).await;
    record.call("GET", &path, Value::Null).await;
    record.call("DELETE", &path, Value::Null).await;
}

/// Rows that are not called by the tour, each with why.
const LEFT_OUT: &[(&str, &str)] =
    &[("temporary_code", "no lock here has such codes: it is always refused")];

#[tokio::test]
async fn every_operation_is_answered_as_it_always_was() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (text, ids) = (String::new(), Vec::new());
        let mut record = Record { program, text, ids, hit: BTreeSet::new() };
        log_in(&mut record).await;
        let doors = locks_and_users(&mut record).await;
        keys(&mut record, "{p}", &doors).await;
        groups(&mut record, "{p}", &doors, true).await;
        let user = phone(3).replace('+', "%2B");
        record.call("DELETE", &format!("{{p}}/managed-users/{user}"), Value::Null).await;
        connections(&mut record).await;
        doorbells(&mut record, &doors[0]).await;
        sharing(&mut record, "{p}", &doors[0]).await;
        subprojects(&mut record, &doors).await;
        log_and_webhooks(&mut record, "{p}", &doors[0]).await;

        let routes = claviger_web::vendor_routes().into_iter();
        let routes = routes.filter(|route| route.path.starts_with("/compat/unloc/"));
        let missing: BTreeSet<Row> = routes
            .filter(|route| LEFT_OUT.iter().all(|(left, _)| *left != route.operation))
            .map(|route| (route.method, route.path))
            .filter(|row| !record.hit.contains(row))
            .collect();
        assert_eq!(missing, BTreeSet::new(), "operations without an exchange");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/unloc/golden.txt");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&file, &record.text).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        for (at, (now, then)) in record.text.lines().zip(golden.lines()).enumerate() {
            assert_eq!(now, then, "line {} of golden.txt", at + 1);
        }
        assert_eq!(record.text.len(), golden.len(), "golden.txt has another length");
    })
    .await;
}
