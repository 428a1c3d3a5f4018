//! Dry runs: the whole plan of every change of rights, and a digest that demands exactly it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::kit::{Site, in_seconds, one, person_to_lock, pointers};
use crate::support::{World, id, on_each_engine};
use crate::tour::{fingerprint, furnish, rank, samples};

/// The plan of a change, and its digest; nothing may be written.
async fn plan(world: &World, it: &Site, method: &str, path: &str, body: Value) -> (Value, String) {
    let before = world.revisions().await;
    let mark = if path.contains('?') { '&' } else { '?' };
    let path = it.at(&format!("{path}{mark}dry_run=true"));
    let body = (method != "DELETE").then(|| body.to_string());
    let answer = it.actor.send(method, &path, &[], body).await;
    let tag = answer.header("etag").to_owned();
    let told = answer.expect(200);
    assert_eq!(world.revisions().await, before, "{method} {path} wrote something");
    let digest = told["digest"].as_str().unwrap_or_else(|| panic!("{method} {path} {told}"));
    let hex = digest.strip_prefix("plan-").unwrap();
    assert!(hex.len() >= 32 && hex.bytes().all(|it| it.is_ascii_hexdigit()), "{digest}");
    assert_eq!(tag, format!("\"{digest}\""));
    for name in ["gains", "losses", "changed", "side_effects"] {
        let listed = told["plan"][name].as_array().unwrap().len();
        assert_eq!(told["plan"]["counts"][name], listed, "{name}");
    }
    (told["plan"].clone(), tag)
}

fn rows(plan: &Value, name: &str) -> Vec<(String, String)> {
    let row = |row: &Value| {
        let who = ["person_id", "credential_id", "email", "phone"];
        let who = who.iter().find_map(|it| row[it].as_str()).unwrap();
        (who.to_owned(), row["lock_id"].as_str().unwrap().to_owned())
    };
    plan[name].as_array().unwrap().iter().map(row).collect()
}

/// A plan must have these rows, in any order, and no others.
#[track_caller]
fn says(
    plan: &Value,
    gains: &[(&str, &Value)],
    losses: &[(&str, &Value)],
    changed: &[(&str, &Value)],
) {
    for (name, wanted) in [("gains", gains), ("losses", losses), ("changed", changed)] {
        let mut found = rows(plan, name);
        let mut wanted: Vec<(String, String)> =
            wanted.iter().map(|(who, lock)| ((*who).to_owned(), id(lock).to_owned())).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{name} of {plan}");
    }
}

#[tokio::test]
async fn giving_and_taking_grants() {
    on_each_engine(|world| async move {
        let (it, w) = (world.here(), &world);
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let badge = it.card(&ann, "a1").await;
        let a = id(&ann);
        let body = person_to_lock(&ann, &door);
        says(&plan(w, &it, "POST", "/grants", body.clone()).await.0, &[(a, &door)], &[], &[]);
        let mail =
            json!({"subject": {"email": "new@example.org"}, "target": {"lock_id": id(&door)}});
        says(
            &plan(w, &it, "POST", "/grants", mail).await.0,
            &[("new@example.org", &door)],
            &[],
            &[],
        );
        let phone = json!({"subject": {"phone": "+4670000001"}, "target": {"lock_id": id(&door)}});
        says(&plan(w, &it, "POST", "/grants", phone).await.0, &[("+4670000001", &door)], &[], &[]);
        let own =
            json!({"subject": {"credential_id": id(&badge)}, "target": {"lock_id": id(&door)}});
        says(&plan(w, &it, "POST", "/grants", own).await.0, &[(id(&badge), &door)], &[], &[]);
        assert_eq!(it.list("/people").await.len(), 1, "nobody was made");
        let mut share = body.clone();
        share["right"] = json!("share");
        says(&plan(w, &it, "POST", "/grants", share).await.0, &[], &[], &[]);

        let grant = it.put("/grants/external:g", body.clone()).await.expect(201);
        let path = one("/grants", &grant);
        let revoke = format!("{path}/revoke");
        says(&plan(w, &it, "POST", &revoke, json!({})).await.0, &[], &[(a, &door)], &[]);
        let until = json!({"valid_until": in_seconds(w, 600)});
        says(&plan(w, &it, "PATCH", &path, until.clone()).await.0, &[], &[], &[(a, &door)]);
        let weekly =
            json!({"schedule": {"weekly": [{"days": ["mon"], "from": "08:00", "to": "09:00"}]}});
        says(&plan(w, &it, "PATCH", &path, weekly).await.0, &[], &[], &[(a, &door)]);
        says(&plan(w, &it, "PATCH", &path, json!({"metadata": {"x": 1}})).await.0, &[], &[], &[]);
        let mut put = body.clone();
        put["valid_from"] = json!("2031-01-01T00:00:00Z");
        says(&plan(w, &it, "PUT", "/grants/external:g", put).await.0, &[], &[], &[(a, &door)]);
        says(&plan(w, &it, "PUT", "/grants/external:h", body.clone()).await.0, &[], &[], &[]);
        // With a second, wider right, taking the first away leaves what was.
        it.grant(&ann, &door).await;
        says(&plan(w, &it, "POST", &revoke, json!({})).await.0, &[], &[], &[]);
        it.patch(&path, until).await.expect(200);
        let batch = json!({"create": [person_to_lock(&ann, &door)], "revoke": ["external:g"]});
        let batch = plan(w, &it, "POST", "/grants/batch", batch).await.0;
        assert_eq!(rows(&batch, "losses"), []);
        it.acted(&revoke).await;
        let again = plan(w, &it, "POST", &revoke, json!({})).await.0;
        says(&again, &[], &[], &[]);
    })
    .await;
}

#[tokio::test]
async fn levels_schedules_locks_and_people() {
    on_each_engine(|world| async move {
        let (it, w) = (world.here(), &world);
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let (a, b) = (id(&ann), id(&bo));
        let always =
            json!({"name": "S", "weekly": [{"days": ["mon"], "from": "00:00", "to": "24:00"}]});
        let schedule = it.made("/schedules", always).await;
        let level = json!({"name": "L", "lock_ids": [id(&door)], "external_id": "l",
            "schedule": {"id": id(&schedule)}});
        let level = it.made("/access-levels", level).await;
        it.level_grant(&ann, &level).await;
        let direct = it.grant(&bo, &door).await;
        let path = one("/access-levels", &level);
        let modify = format!("{path}/modify");
        let body = json!({"add_people": [b, "new@example.org"], "add_locks": [id(&gate)]});
        let grown = plan(w, &it, "POST", &modify, body).await.0;
        let new = "new@example.org";
        says(&grown, &[(a, &gate), (b, &gate), (new, &door), (new, &gate)], &[], &[(b, &door)]);
        let shrunk = plan(w, &it, "POST", &modify, json!({"remove_locks": [id(&door)]})).await.0;
        says(&shrunk, &[], &[(a, &door)], &[]);
        let moved = plan(w, &it, "PATCH", &path, json!({"lock_ids": [id(&gate)]})).await.0;
        says(&moved, &[(a, &gate)], &[(a, &door)], &[]);
        says(
            &plan(w, &it, "PATCH", &path, json!({"schedule": null})).await.0,
            &[],
            &[],
            &[(a, &door)],
        );
        says(&plan(w, &it, "PATCH", &path, json!({"name": "M"})).await.0, &[], &[], &[]);
        let bare = plan(w, &it, "PUT", "/access-levels/external:l", json!({"name": "L"})).await.0;
        says(&bare, &[], &[(a, &door)], &[]);
        says(&plan(w, &it, "DELETE", &path, json!(null)).await.0, &[], &[(a, &door)], &[]);
        let tuesday = json!({"weekly": [{"days": ["tue"], "from": "00:00", "to": "24:00"}]});
        let schedules = one("/schedules", &schedule);
        says(&plan(w, &it, "PATCH", &schedules, tuesday).await.0, &[], &[], &[(a, &door)]);
        let both = [(a, &door), (b, &door)];
        says(&plan(w, &it, "DELETE", &one("/locks", &door), json!(null)).await.0, &[], &both, &[]);
        let suspend = format!("{}/suspend", one("/people", &bo));
        says(&plan(w, &it, "POST", &suspend, json!({})).await.0, &[], &[(b, &door)], &[]);
        says(
            &plan(w, &it, "DELETE", &one("/people", &bo), json!(null)).await.0,
            &[],
            &[(b, &door)],
            &[],
        );
        // Who is suspended has no access, to be given, changed or taken.
        it.acted(&suspend).await;
        says(&plan(w, &it, "POST", "/grants", person_to_lock(&bo, &gate)).await.0, &[], &[], &[]);
        let revoke = format!("{}/revoke", one("/grants", &direct));
        says(&plan(w, &it, "POST", &revoke, json!({})).await.0, &[], &[], &[]);
        says(&plan(w, &it, "DELETE", &one("/people", &bo), json!(null)).await.0, &[], &[], &[]);
        let resume = format!("{}/resume", one("/people", &bo));
        says(&plan(w, &it, "POST", &resume, json!({})).await.0, &[(b, &door)], &[], &[]);
    })
    .await;
}

#[tokio::test]
async fn credentials_with_rights_of_their_own() {
    on_each_engine(|world| async move {
        let (it, w) = (world.here(), &world);
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let badge =
            json!({"kind": "card", "card": {"bits": 56, "value": "a1"}, "person_id": id(&ann)});
        let badge = it.put("/credentials/external:c", badge).await.expect(201);
        let own =
            json!({"subject": {"credential_id": id(&badge)}, "target": {"lock_id": id(&door)}});
        it.made("/grants", own).await;
        let (path, c) = (one("/credentials", &badge), id(&badge));
        for (method, path, body) in [
            ("POST", format!("{path}/report-lost"), json!({})),
            ("PATCH", path.clone(), json!({"state": "disabled"})),
            ("DELETE", path.clone(), json!(null)),
            ("POST", format!("{}/suspend", one("/people", &ann)), json!({})),
            ("DELETE", one("/people", &ann), json!(null)),
        ] {
            says(&plan(w, &it, method, &path, body).await.0, &[], &[(c, &door)], &[]);
        }
        let valid = json!({"valid_until": "2031-01-01T00:00:00Z"});
        says(&plan(w, &it, "PATCH", &path, valid).await.0, &[], &[], &[(c, &door)]);
        let put = json!({"kind": "card", "card": {"bits": 56, "value": "a1"}, "state": "lost"});
        says(&plan(w, &it, "PUT", "/credentials/external:c", put).await.0, &[], &[(c, &door)], &[]);
        says(&plan(w, &it, "PATCH", &path, json!({"label": "x"})).await.0, &[], &[], &[]);
        it.acted(&format!("{path}/report-lost")).await;
        let back = plan(w, &it, "PATCH", &path, json!({"state": "active"})).await.0;
        says(&back, &[(c, &door)], &[], &[]);
    })
    .await;
}

#[tokio::test]
async fn a_digest_demands_exactly_its_plan() {
    on_each_engine(|world| async move {
        let (it, w) = (world.here(), &world);
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let level = it.level("L", &[&door]).await;
        let modify = format!("{}/modify", one("/access-levels", &level));
        let body = json!({"add_people": [id(&ann)], "add_locks": [id(&gate)]});
        let (_, tag) = plan(w, &it, "POST", &modify, body.clone()).await;
        // What does not touch the plan does not touch the digest, whatever the revision.
        it.person("Cleo").await;
        it.patch(&one("/locks", &gate), json!({"name": "Big gate"})).await.expect(200);
        assert_eq!(plan(w, &it, "POST", &modify, body.clone()).await.1, tag);
        // Another plan has another digest, and another command is refused.
        let other = json!({"add_people": [id(&bo)]});
        assert_ne!(plan(w, &it, "POST", &modify, other.clone()).await.1, tag);
        let before = world.revisions().await;
        let refused = it.matching("POST", &modify, &tag, Some(other)).await;
        refused.problem(412, "stale");
        it.matching("POST", &modify, "\"plan-00\"", Some(body.clone())).await.problem(412, "stale");
        assert_eq!(world.revisions().await, before, "nothing was done");
        // Meanwhile Bo came in: the same body would do more than was agreed to.
        let joined = it.level_grant(&bo, &level).await;
        it.matching("POST", &modify, &tag, Some(body.clone())).await.problem(412, "stale");
        it.acted(&format!("{}/revoke", one("/grants", &joined))).await;
        let done = it.matching("POST", &modify, &tag, Some(body)).await.expect(200);
        assert_eq!(done["people_count"], 1);
        assert_eq!(done["lock_ids"].as_array().unwrap().len(), 2);

        // So for the other verbs.
        let grant = it.grant(&bo, &gate).await;
        let path = one("/grants", &grant);
        let soon = json!({"valid_until": "2090-01-01T00:00:00Z"});
        let (_, tag) = plan(w, &it, "PATCH", &path, soon.clone()).await;
        // The same people at the same locks, but at other times, is another plan.
        let later = json!({"valid_until": "2091-01-01T00:00:00Z"});
        it.matching("PATCH", &path, &tag, Some(later)).await.problem(412, "stale");
        it.matching("PATCH", &path, &tag, Some(soon)).await.expect(200);
        let (_, tag) = plan(w, &it, "DELETE", &one("/people", &bo), json!(null)).await;
        it.matching("DELETE", &one("/people", &bo), &tag, None).await.expect(204);
        it.missing(&one("/people", &bo)).await;
        let (_, tag) = plan(w, &it, "POST", "/grants", person_to_lock(&ann, &gate)).await;
        it.matching("POST", "/grants", &tag, Some(person_to_lock(&ann, &gate))).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_finds_the_same_mistakes_and_is_for_rights_only() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let before = world.revisions().await;
        let wrong = it.post("/grants?dry_run=true", person_to_lock(&door, &ann)).await;
        assert_eq!(
            pointers(&wrong.problem(404, "not_found")),
            ["/subject/person_id", "/target/lock_id"]
        );
        it.post("/grants/external:x/revoke?dry_run=true", json!({}))
            .await
            .problem(404, "not_found");
        let people = it.post("/people?dry_run=true", json!({"first_name": "X"})).await;
        assert_eq!(pointers(&people.problem(422, "invalid")), ["?dry_run"]);
        let maybe = it.post("/grants?dry_run=maybe", person_to_lock(&ann, &door)).await;
        assert_eq!(pointers(&maybe.problem(422, "invalid")), ["?dry_run"]);
        assert_eq!(world.revisions().await, before);
        let real = it.post("/grants?dry_run=false", person_to_lock(&ann, &door)).await;
        assert_eq!(real.expect(201)["state"], "active");
        let reader = it.seen_by(&it.key(&["grants:read"]).await);
        let refused = reader.post("/grants?dry_run=true", person_to_lock(&ann, &door)).await;
        refused.problem(403, "forbidden_scope");
    })
    .await;
}

#[tokio::test]
async fn long_lists_are_cut_in_the_answer_and_never_in_the_digest() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = it.lock("Door").await;
        let level = it.level("L", &[&door]).await;
        let modify = format!("{}/modify", one("/access-levels", &level));
        let crowd = |count: usize| -> Value {
            let people: Vec<String> = (0..count).map(|n| format!("p{n:05}@example.org")).collect();
            json!({"add_people": people})
        };
        let ask = it.at(&format!("{modify}?dry_run=true"));
        let told = it.actor.post(&ask, crowd(1500)).await.expect(200);
        assert_eq!(told["plan"]["gains"].as_array().unwrap().len(), 1000);
        assert_eq!(told["plan"]["counts"]["gains"], 1500);
        let other = it.actor.post(&ask, crowd(1499)).await.expect(200);
        assert_eq!(other["plan"]["gains"], told["plan"]["gains"], "what is shown is the same");
        assert_ne!(other["digest"], told["digest"]);
        let tag = format!("\"{}\"", told["digest"].as_str().unwrap());
        it.matching("POST", &modify, &tag, Some(crowd(1499))).await.problem(412, "stale");
        let done = it.matching("POST", &modify, &tag, Some(crowd(1500))).await.expect(200);
        assert_eq!(done["people_count"], 1500);
    })
    .await;
}

/// Why mutations take no dry run: they give nobody access at a lock and take it from nobody.
const NO_RIGHTS: &[(&str, &[&str])] = &[
    (
        "who somebody is",
        &[
            "token",
            "log_in",
            "log_out",
            "log_out_everywhere",
            "change_password",
            "reset_password",
            "redeem_invitation",
            "invite_person",
        ],
    ),
    (
        "what programs and people may change: grants alone open",
        &[
            "create_client",
            "change_client",
            "rotate_client",
            "delete_client",
            "create_person",
            "put_person",
            "change_person",
        ],
    ),
    (
        "nobody has a right there yet",
        &["create_place", "create_lock", "create_access_level", "create_schedule"],
    ),
    ("refused while a right uses it", &["delete_schedule"]),
    ("opens what its person may open already", &["create_credential", "enrol_device"]),
    (
        "the other place gives the rights, each with a dry run of its own",
        &["share_lock", "accept_shared_lock"],
    ),
    ("how locks are at the moment, whatever the rights", &["set_posture", "unlock", "decide"]),
    (
        "how rights reach locks, not what they are",
        &[
            "create_controller",
            "change_controller",
            "delete_controller",
            "sync_controller",
            "commission_lock",
            "sync_device",
            "bring_receipts",
            "bring_events",
        ],
    ),
    (
        "what is kept of the past, whatever the rights",
        &["hold_person", "release_person", "forget_person", "hold_place", "release_place"],
    ),
    (
        "who is told of events",
        &["create_webhook", "change_webhook", "delete_webhook", "test_webhook", "replay_delivery"],
    ),
];

#[test]
fn every_mutation_takes_a_dry_run_or_touches_no_right() {
    let without: Vec<&str> = NO_RIGHTS.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
    let mutations = claviger_web::routes().into_iter().filter(|it| it.method != "GET");
    let (dry, plain): (Vec<_>, Vec<_>) = mutations.partition(|it| it.dry_run);
    let mut plain: Vec<&str> = plain.iter().map(|it| it.operation).collect();
    let mut known = without.clone();
    plain.sort_unstable();
    known.sort_unstable();
    assert_eq!(plain, known);
    assert!(dry.len() >= 24, "{}", dry.len());
}

#[tokio::test]
async fn every_dry_run_writes_nothing_and_its_digest_is_that_of_the_real_call() {
    on_each_engine(|world| async move {
        let things = furnish(&world.admin, &world.place, "mine").await;
        let mut routes = claviger_web::routes();
        routes.retain(|it| it.dry_run);
        // The admin key that lets another in must not have been reported lost.
        routes.sort_by_key(|it| (it.operation != "enrol", rank(it)));
        let mut digests = BTreeSet::new();
        for (turn, route) in routes.iter().enumerate() {
            let (name, sample) = (route.operation, samples(route, &things, turn).remove(0));
            let before = fingerprint(&world, &world.admin, &things).await;
            let mut dry = sample.clone();
            dry.query.push(("dry_run", "true".to_owned()));
            let told = dry.send(&world.admin).await;
            assert_eq!(fingerprint(&world, &world.admin, &things).await, before, "{name}");
            let told = told.expect(200);
            let body = sample.body.as_ref().map(Value::to_string);
            let real = async |digest: &str| {
                let seen = format!("\"{digest}\"");
                let headers = [("if-match", seen.as_str())];
                world.admin.send(sample.method, &sample.url(), &headers, body.clone()).await
            };
            let another = format!("plan-{}", "0".repeat(32));
            real(&another).await.problem(412, "stale");
            assert_eq!(fingerprint(&world, &world.admin, &things).await, before, "{name}");
            let digest = told["digest"].as_str().unwrap();
            let done = real(digest).await;
            assert!((200..300).contains(&done.status), "{name}: {}", done.text);
            digests.insert(digest.to_owned());
        }
        // Those that do something, each something else, and one that does nothing.
        assert!(digests.len() >= 8, "{digests:?}");
    })
    .await;
}

#[tokio::test]
async fn another_time_zone_moves_the_schedules_that_name_none() {
    on_each_engine(|world| async move {
        let (it, w) = (world.here(), &world);
        let (ann, bo, cleo) =
            (it.person("Ann").await, it.person("Bo").await, it.person("Cleo").await);
        let door = it.put("/locks/external:d", json!({"name": "Door"})).await.expect(201);
        let gate = it.lock("Gate").await;
        let weekly = |zone: Value| {
            let hours = json!([{"days": ["mon"], "from": "08:00", "to": "17:00"}]);
            json!({"weekly": hours, "time_zone": zone})
        };
        let give = async |it: &Site, who: &Value, lock: &Value, schedule: Value| {
            let mut body = person_to_lock(who, lock);
            body["schedule"] = schedule;
            it.made("/grants", body).await;
        };
        give(&it, &ann, &door, weekly(json!(null))).await;
        give(&it, &ann, &gate, weekly(json!(null))).await;
        give(&it, &bo, &door, weekly(json!("Asia/Tokyo"))).await;
        give(&it, &cleo, &door, json!(null)).await;
        let a = id(&ann);
        let (lock, tokyo) = (one("/locks", &door), json!({"time_zone": "Asia/Tokyo"}));
        let changed = async |method: &str, path: &str, body: Value, rows: &[(&str, &Value)]| {
            says(&plan(w, &it, method, path, body).await.0, &[], &[], rows);
        };
        changed("PATCH", &lock, tokyo.clone(), &[(a, &door)]).await;
        let put = json!({"name": "Door", "time_zone": "Asia/Tokyo"});
        changed("PUT", "/locks/external:d", put, &[(a, &door)]).await;
        changed("PATCH", &lock, json!({"time_zone": "Europe/Stockholm"}), &[]).await;
        changed("PATCH", &lock, json!({"name": "Front", "pin": "always"}), &[]).await;
        changed("PATCH", "", tokyo.clone(), &[(a, &door), (a, &gate)]).await;
        changed("PATCH", "", json!({"language": "sv"}), &[]).await;
        it.patch(&lock, tokyo.clone()).await.expect(200);
        changed("PATCH", "", tokyo.clone(), &[(a, &gate)]).await;
        changed("PATCH", &lock, json!({"time_zone": null}), &[(a, &door)]).await;
        changed("PUT", "/locks/external:d", json!({"name": "Door"}), &[(a, &door)]).await;

        let named = json!({"name": "S", "weekly": weekly(json!(null))["weekly"]});
        let schedule = it.put("/schedules/external:s", named.clone()).await.expect(201);
        give(&it, &cleo, &gate, json!({"id": id(&schedule)})).await;
        changed("PUT", "/schedules/external:s", named.clone(), &[]).await;
        let mut other = named.clone();
        other["weekly"][0]["to"] = json!("18:00");
        changed("PUT", "/schedules/external:s", other, &[(id(&cleo), &gate)]).await;
    })
    .await;
}

#[tokio::test]
async fn another_time_zone_of_a_shared_lock_moves_whoever_borrows_it() {
    on_each_engine(|world| async move {
        let it = world.here();
        let annexe = it.neighbour("Annexe").await;
        let theirs = Site { place: annexe.place, ..it.clone() };
        let gate = it.lock("Gate").await;
        let shares = format!("{}/shares", one("/locks", &gate));
        let shared = it.post(&shares, json!({"place_id": theirs.place})).await.expect(201);
        assert_eq!(shared["state"], "accepted");
        let bea = theirs.person("Bea").await;
        let mut grant = person_to_lock(&bea, &gate);
        grant["schedule"] = json!({"weekly": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]});
        theirs.made("/grants", grant).await;
        let (path, tokyo) = (one("/locks", &gate), json!({"time_zone": "Asia/Tokyo"}));
        let (both, tag) = plan(&world, &it, "PATCH", &path, tokyo.clone()).await;
        says(&both, &[], &[], &[(id(&bea), &gate)]);
        // Who may not see the other place is not told, and demands the same.
        let narrow = it.seen_by(&it.full_key().await);
        let (own, same) = plan(&world, &narrow, "PATCH", &path, tokyo.clone()).await;
        says(&own, &[], &[], &[]);
        assert_eq!(same, tag);
        // It is the owner's zone that counts, not that of the place that borrows.
        let moved = plan(&world, &theirs, "PATCH", "", tokyo.clone()).await.0;
        says(&moved, &[], &[], &[]);
        let moved = plan(&world, &it, "PATCH", "", tokyo.clone()).await.0;
        says(&moved, &[], &[], &[(id(&bea), &gate)]);
        it.matching("PATCH", &path, &tag, Some(tokyo)).await.expect(200);
    })
    .await;
}
