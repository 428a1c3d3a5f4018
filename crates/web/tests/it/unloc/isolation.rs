//! A project holds its own objects only, whichever operation is asked and wherever an id may stand.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Unloc, phone, refused};
use crate::support::{id, on_each_engine};

/// One of everything in the project of a program, by the parameter of a path that names it.
async fn furnished(program: &Unloc) -> HashMap<&'static str, String> {
    let lock = program.it.lock("Theirs").await;
    let holder = json!({ "lockId": id(&lock), "appUserId": phone(7) });
    let job = program.post("/keys", json!({ "keys": [holder] })).await.expect(202);
    let right = json!({ "sharingRights": [holder] });
    let right = program.post("/sharing-rights", right).await.expect(201);
    let group = program.group("Theirs", &[id(&lock)], &[&phone(7)]).await;
    let user = program.get("/managed-users").await.expect(200)["managedUsers"][0].clone();
    let hook = json!({ "trigger": "accessEvent", "url": "https://example.org/hook" });
    let hook = program.post("/webhooks", hook).await.expect(201)["webhook"].clone();
    let connection = json!({ "locksToCreate": 1 });
    program.post("/lock-connections/virtual", connection).await.expect(202);
    let connection = program.get("/lock-connections").await.expect(200);
    let users = json!([{ "appUserId": phone(7), "name": "Them" }]);
    let bell = json!({
        "name": "Their bell", "lockId": id(&lock),
        "doorbellUserLists": [{ "name": "All", "doorbellUsers": users }],
    });
    let bell = program.post("/doorbells", bell).await.expect(201)["doorbell"].clone();
    let below = json!({ "name": "Their floor", "lockIds": [id(&lock)] });
    let below = program.post("/subprojects", below).await.expect(201)["subproject"].clone();
    let person = json!({ "lock_id": id(&lock), "person_id": user["uuid"] });
    let event = program.it.decide(person).await;
    let key = program.keys("", 1).await[0].clone();
    let mut all = HashMap::new();
    for (name, object) in [
        ("lock", &lock),
        ("key", &key),
        ("group", &group),
        ("user", &user),
        ("webhook", &hook),
        ("job", &job["jobRef"]),
        ("connection", &connection["lockConnections"][0]),
        ("doorbell", &bell),
        ("list", &bell["doorbellUserLists"][0]),
        ("subproject", &below),
        ("right", &right["sharingRights"][0]),
    ] {
        all.insert(name, id(object).to_owned());
    }
    all.insert("event", event["event_id"].as_str().unwrap().to_owned());
    all
}

/// The path of a row with the ids of another project's objects, in a project or in a subproject of
/// one's own.
fn filled(path: &str, own: &str, below: &str, theirs: &HashMap<&str, String>) -> String {
    let is_deeper = path.split('/').filter(|part| part.starts_with('{')).count() > 1;
    let part = |part: &str| {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        match name {
            None => part.to_owned(),
            Some("project") => own.to_owned(),
            Some("subproject") if is_deeper && !path.contains("{project}") => below.to_owned(),
            Some(name) => theirs[name].clone(),
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A body that the row would take: only what the path names is wrong.
pub(crate) fn body(operation: &str) -> Value {
    match operation {
        "update_accesses" => json!({ "appUserIdsToAdd": [phone(1)] }),
        "update_subproject_locks" => json!({ "lockIdsToRemove": [] }),
        _ => json!({}),
    }
}

#[tokio::test]
async fn another_projects_ids_are_nothing_in_any_path() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let neighbour = Unloc::of(world.here().neighbour("Next door").await).await;
        let theirs = furnished(&neighbour).await;
        let below = json!({ "name": "Own floor", "lockIds": [] });
        let below = program.post("/subprojects", below).await.expect(201);
        let below = id(&below["subproject"]).to_owned();
        let before = world.revisions().await;
        let mut asked = 0;
        for route in claviger_web::vendor_routes() {
            let is_deeper = route.ids.len() > 1 || route.path.contains("/subprojects/{");
            // Where a connection is made, a vendor stands in its place.
            let names_nothing = !is_deeper || route.operation == "create_lock_connection";
            if !route.path.starts_with("/compat/unloc/v2/") || names_nothing {
                continue;
            }
            let path = filled(route.path, &program.it.place, &below, &theirs);
            let body = route.body.then(|| body(route.operation).to_string());
            let answer = program.actor.send(route.method, &path, &[], body).await;
            refused(&answer, 404, &[]);
            asked += 1;
        }
        assert!(asked >= 60, "{asked} rows name objects");
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn another_projects_ids_are_wrong_in_any_query_and_body() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let neighbour = Unloc::of(world.here().neighbour("Next door").await).await;
        let theirs = furnished(&neighbour).await;
        let before = world.revisions().await;
        for (method, path) in [
            ("GET", "/keys"),
            ("DELETE", "/keys"),
            ("DELETE", "/shared-keys"),
            ("GET", "/sharing-rights"),
            ("DELETE", "/sharing-rights"),
            ("GET", "/logs/access"),
        ] {
            let path = program.path(&format!("{path}?lockId={}", theirs["lock"]));
            refused(&program.actor.send(method, &path, &[], None).await, 400, &["lockId"]);
        }
        for (list, kind) in [
            ("/keys", "key"),
            ("/sharing-rights", "right"),
            ("/access-groups", "group"),
            ("/managed-users", "user"),
            ("/locks", "lock"),
            ("/webhooks", "webhook"),
            ("/lock-connections", "connection"),
            ("/doorbells", "doorbell"),
            ("/subprojects", "subproject"),
            ("/logs/access", "event"),
        ] {
            let path = format!("{list}?startAfterId={}", theirs[kind]);
            refused(&program.get(&path).await, 400, &["startAfterId"]);
        }
        let lists = json!([{ "name": "All", "doorbellUsers": [] }]);
        let bell = json!({
            "name": "A bell", "lockId": theirs["lock"], "doorbellUserLists": lists,
        });
        refused(&program.post("/doorbells", bell).await, 400, &["lockId"]);
        assert_eq!(world.revisions().await, before);
        // Who has the number of one of theirs is somebody else here.
        let of_them = format!("&appUserId={}", phone(7).replace('+', "%2B"));
        assert_eq!(program.keys(&of_them, 10).await, [] as [Value; 0]);
        assert_eq!(program.log(&of_them, 10).await, [] as [Value; 0]);
    })
    .await;
}
