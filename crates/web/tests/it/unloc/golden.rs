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
    hit: BTreeSet<&'static str>,
}

impl Record {
    /// Calls, keeps the exchange, and answers the body.
    async fn call(&mut self, method: &str, path: &str, body: Value) -> Value {
        let path = path.replace("{p}", &format!("/v2/projects/{}", self.program.it.place));
        let full = format!("/compat/unloc{path}");
        let sent = (!body.is_null()).then(|| body.to_string());
        let answer = self.program.actor.send(method, &full, &[], sent).await;
        self.hit.insert(operation(method, &full));
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
            let _ = writeln!(kept, "{:#}", answer.body);
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

/// The row that takes a request.
fn operation(method: &str, path: &str) -> &'static str {
    let parts: Vec<&str> =
        path.split('?').next().unwrap().trim_end_matches('/').split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        let same = |(part, wanted): (&&str, &&str)| wanted.starts_with('{') || part == wanted;
        pattern.len() == parts.len() && parts.iter().zip(&pattern).all(same)
    };
    let routes = claviger_web::vendor_routes().into_iter();
    let mut found = routes.filter(|route| route.method == method && fits(route.path));
    found.next().unwrap_or_else(|| panic!("no row takes {method} {path}")).operation
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
    record.call("PATCH", "{p}", json!({ "metadata": { "region": "north" } })).await;
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
    record.hit.insert("job");
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

async fn groups(record: &mut Record, base: &str, doors: &[String; 2]) {
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
    record.call("POST", &format!("{group}/update-accesses"), body).await;
    record.call("GET", &format!("{base}/keys?excludeStates=revoked"), Value::Null).await;
    record.call("DELETE", &group, Value::Null).await;
}

async fn sharing(record: &mut Record, doors: &[String; 2]) {
    let right = json!({ "lockId": doors[0], "appUserId": phone(1), "metadata": { "why": "host" } });
    record.call("POST", "{p}/sharing-rights", json!({ "sharingRights": [right] })).await;
    record.call("GET", "{p}/sharing-rights", Value::Null).await;
    record.call("DELETE", "{p}/sharing-rights", Value::Null).await;
}

async fn subprojects(record: &mut Record, doors: &[String; 2]) {
    let body = json!({
        "name": "Site office", "description": "The hut by the gate", "lockIds": doors,
        "metadata": { "cost": "7" },
    });
    let made = record.call("POST", "{p}/subprojects", body).await;
    let own = id(&made["subproject"]).to_owned();
    let path = format!("{{p}}/subprojects/{own}");
    record.call("GET", "{p}/subprojects", Value::Null).await;
    record.call("GET", &path, Value::Null).await;
    record.call("PATCH", &path, json!({ "name": "Hut one" })).await;
    record.call("PUT", &path, json!({ "description": null })).await;
    let body = json!({ "lockIdsToRemove": [doors[1]] });
    record.call("POST", &format!("{path}/update-locks"), body).await;
    let alone = format!("/v2/subprojects/{own}");
    record.call("GET", &alone, Value::Null).await;
    record.call("GET", &format!("{alone}/locks"), Value::Null).await;
    record.call("GET", &format!("{alone}/locks/{}", doors[0]), Value::Null).await;
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
        groups(&mut record, "{p}", &doors).await;
        record.call("DELETE", "{p}/shared-keys", Value::Null).await;
        let user = phone(3).replace('+', "%2B");
        record.call("DELETE", &format!("{{p}}/managed-users/{user}"), Value::Null).await;
        sharing(&mut record, &doors).await;
        subprojects(&mut record, &doors).await;

        let routes = claviger_web::vendor_routes().into_iter();
        let routes = routes.filter(|route| route.path.starts_with("/compat/unloc/"));
        let missing: BTreeSet<&str> = routes
            .map(|route| route.operation)
            .filter(|it| !record.hit.contains(it) && LEFT_OUT.iter().all(|(left, _)| left != it))
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
