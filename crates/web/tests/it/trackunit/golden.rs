//! Every operation once, as a program would call it, with the whole exchange kept in `golden.txt`:
//! what an outside program sees must not change unnoticed. `UPDATE_SNAPSHOTS=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Trackunit;
use crate::golden::compare_file;
use crate::kit::in_seconds;
use crate::support::{World, id, on_each_engine};

/// Exchanges as they are kept: times hidden. Ids are numbers, the same each time.
struct Record {
    program: Trackunit,
    text: String,
    hit: BTreeSet<&'static str>,
}

impl Record {
    async fn call(&mut self, operation: &'static str, method: &str, path: &str, body: Value) {
        let answer = self.program.call(method, path, body.clone()).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        self.hit.insert(operation);
        let _ = writeln!(self.text, "{method} {}", hidden(path));
        if !body.is_null() {
            let _ = writeln!(self.text, "{}", hidden(&format!("{body:#}")));
        }
        let _ = writeln!(self.text, "-> {}", answer.status);
        let _ = writeln!(self.text, "{}\n", hidden(&format!("{:#}", answer.body)));
    }
}

/// The text without times of this year's clock.
fn hidden(text: &str) -> String {
    let separates = |c: char| matches!(c, '"' | '=' | '&' | ' ' | '\n' | ',');
    let mut out = String::new();
    for word in text.split_inclusive(separates) {
        let end = word.strip_suffix(separates).map_or(word.len(), str::len);
        let (word, rest) = word.split_at(end);
        let is_time = word.len() > 19 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
        out.push_str(if is_time && !word.starts_with("2014") { "<time>" } else { word });
        out.push_str(rest);
    }
    out
}

async fn exchanges(world: &World) -> Record {
    let program = Trackunit::at(world).await;
    let body = json!({ "name": "Lift 7", "external_id": "3021445", "model": "SJ3219" });
    let lift = program.it.made("/locks", body).await;
    let mut record = Record { program, text: String::new(), hit: BTreeSet::new() };
    let null = || Value::Null;
    let body = json!({ "name": "Rental", "units": ["1"] });
    record.call("create_group", "POST", "/Group", body).await;
    let body = json!({
        "name": "Anton Malmlund", "serialNumber": "6800801587691F09", "keyValid": "60sec",
        "keyExpire": "10min", "companyName": "Chemnitz Bau- & Materiel", "employeeNumber": "21",
        "groups": ["1"], "expirationDate": "2014-06-30T22:00:00.0000000",
    });
    record.call("create_key", "POST", "/Key", body).await;
    record.call("get_key", "GET", "/Key/1", null()).await;
    let body = json!({ "name": "Tom Persson", "serialNumber": "0012", "units": "1" });
    record.call("create_key", "POST", "/api/CreateKey", body).await;
    let body = json!({ "id": "1", "note": "", "addUnits": ["1"], "removeGroups": ["1"] });
    record.call("update_key", "PUT", "/Key", body).await;
    record.call("get_key", "POST", "/json/reply/GetKey", json!({})).await;
    record.call("update_group", "PUT", "/Group/1?name=Rental%20north", null()).await;
    record.call("get_group", "GET", "/group?unitId=1", null()).await;
    let card = json!({ "bits": 16, "value": "12" });
    record.program.it.decide(json!({ "lock_id": id(&lift), "card": card })).await;
    record.call("get_unit", "GET", "/unit?serialNumber=3021445", null()).await;
    let span = format!("from={}&to={}", in_seconds(world, -60), in_seconds(world, 60));
    let path = format!("/report/keyhistory?keyId=2&{span}");
    record.call("key_history", "GET", &path, null()).await;
    let path = format!("/Report/UnitHistory?UnitId=1&{span}");
    record.call("unit_history", "GET", &path, null()).await;
    record.call("unit_summary", "GET", "/Report/UnitSummary?date=2024-01-31", null()).await;
    let path = "/Report/Trip?unitId=1&dateFrom=2024-01-01&dateTo=2024-01-31";
    record.call("trip", "GET", path, null()).await;
    let path = "/Report/UnitExtendedInfo?id=1&from=2024-01-01&to=2024-01-31";
    record.call("unit_extended_info", "GET", path, null()).await;
    let path = "/Report/UnitActiveFaults?id=1&from=2024-01-01&to=2024-01-31";
    record.call("unit_active_faults", "GET", path, null()).await;
    record.call("delete_key", "DELETE", "/Key", json!({ "id": "1" })).await;
    record.call("delete_group", "DELETE", "/Group/1", null()).await;
    record
}

#[tokio::test]
async fn every_exchange_is_as_it_was() {
    on_each_engine(|world| async move {
        let record = exchanges(&world).await;
        let routes = claviger_web::vendor_routes().into_iter();
        let routes = routes.filter(|route| route.path.starts_with("/compat/trackunit/"));
        let all: BTreeSet<&str> = routes.map(|route| route.operation).collect();
        assert_eq!(record.hit, all, "every operation has an exchange");
        compare_file("trackunit", &record.text);
    })
    .await;
}
