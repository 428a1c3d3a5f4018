//! Rights to share, and the keys that people give under them from their own log-in.

use serde_json::{Value, json};

use super::subprojects::Below;
use super::{NOBODYS, Unloc, phone, refused};
use crate::login::{Browser, owner};
use crate::support::{Answer, World, id, on_each_engine};

pub(crate) fn right(lock: &Value, user: usize) -> Value {
    json!({ "lockId": id(lock), "appUserId": phone(user) })
}

pub(crate) async fn give(program: &Unloc, rights: &[Value]) -> Vec<Value> {
    let made = program.post("/sharing-rights", json!({ "sharingRights": rights })).await;
    made.expect(201)["sharingRights"].as_array().unwrap().clone()
}

async fn rights(program: &Unloc, query: &str) -> Vec<Value> {
    let found = program.get(&format!("/sharing-rights?{query}")).await.expect(200);
    found["sharingRights"].as_array().unwrap().clone()
}

fn of(user: usize) -> String {
    format!("appUserId={}", phone(user).replace('+', "%2B"))
}

/// A schedule of the native API: every Monday.
fn hours(from: &str, to: &str) -> Value {
    let windows = [json!({ "days": ["mon"], "from": from, "to": to })];
    json!({ "time_zone": null, "weekly": windows, "exceptions": [] })
}

/// The code of a refusal for want of any right to do it.
const FORBIDDEN: &str = "forbidden_scope";

/// Somebody who logs in and is no more than a guest with a phone.
pub(crate) struct Guest {
    browser: Browser,
    place: String,
}

impl Guest {
    pub(crate) async fn at(world: &World) -> Guest {
        let browser = owner(world).await;
        let people = world.admin.get(&world.at("/people")).await.expect(200);
        let person = people["items"].as_array().unwrap().iter();
        let person = person.clone().find(|it| it["email"] == "admin@localhost").unwrap();
        let body = json!({ "role": "guest", "phone": phone(1), "first_name": "Ann" });
        let path = world.at(&format!("/people/{}", id(person)));
        world.admin.patch(&path, body).await.expect(200);
        Guest { browser, place: world.place.clone() }
    }

    /// Asks for a grant at a lock to another, with more fields.
    async fn asks(&self, lock: &Value, to: usize, more: Value) -> Answer {
        let mut body = json!({
            "subject": { "phone": phone(to) }, "target": { "lock_id": id(lock) },
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let path = format!("/api/v1/places/{}/grants", self.place);
        self.browser.send("POST", &path, Some(body)).await
    }

    pub(crate) async fn shares(&self, lock: &Value, to: usize) -> Value {
        self.asks(lock, to, json!({})).await.expect(201)
    }
}

async fn key(program: &Unloc, key: &Value) -> Value {
    program.get(&format!("/keys/{}", id(key))).await.expect(200)["key"].clone()
}

async fn state(program: &Unloc, shared: &Value) -> String {
    key(program, shared).await["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rights_are_given_found_and_taken_back() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        let below = Below::made(&program, "Below", &[&a]).await;
        let mut noted = right(&b, 1);
        noted["metadata"] = json!({ "why": "host" });
        let made = give(&program, &[right(&a, 1), noted, right(&a, 2)]).await;
        assert_eq!(made[0]["lockId"], a["id"]);
        assert_eq!(made[0]["appUser"], json!({ "id": phone(1), "name": "" }));
        assert_eq!(made[1]["metadata"], json!({ "why": "host" }));
        assert!(made[0].get("accessGroup").is_none());
        let native = program.it.get(&format!("/grants/{}", id(&made[0]))).await;
        assert_eq!(
            (&native["right"], &native["source"]["kind"]),
            (&json!("share"), &json!("direct"))
        );
        assert_eq!(program.keys("", 10).await, [] as [Value; 0], "a right opens nothing");

        // Where it was made is part of what must be unique.
        let there = json!({ "sharingRights": [right(&a, 1)] });
        let there = below.post("/sharing-rights", there).await.expect(201);
        let twice = json!({ "sharingRights": [right(&b, 2), right(&a, 1), right(&b, 2)] });
        let before = world.revisions().await;
        let refusal = program.post("/sharing-rights", twice).await;
        refused(&refusal, 409, &["sharingRights.1", "sharingRights.2"]);
        assert_eq!(world.revisions().await, before);

        assert_eq!(rights(&program, "").await[..3], made);
        assert_eq!(rights(&program, "").await.len(), 4);
        assert_eq!(rights(&program, "excludeSubprojectSharingRights=true").await, made);
        assert_eq!(rights(&program, &of(1)).await.len(), 3);
        assert_eq!(rights(&program, &format!("lockId={}", id(&b))).await, [made[1].clone()]);
        assert_eq!(rights(&program, &of(9)).await.len(), 0);
        let mut found: Vec<Value> = Vec::new();
        loop {
            let after = found.last().map(|it| format!("&startAfterId={}", id(it)));
            let page = rights(&program, &format!("limit=1{}", after.unwrap_or_default())).await;
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, rights(&program, "").await);
        let own = below.get("/sharing-rights").await.expect(200);
        assert_eq!(own["sharingRights"], there["sharingRights"]);

        let path = format!("/sharing-rights?{}&lockId={}&notify=false", of(1), id(&b));
        let taken = program.delete(&path).await.expect(200);
        assert_eq!(taken, json!({ "revokedSharingRights": 1 }));
        let path = "/sharing-rights?excludeSubprojectSharingRights=true";
        assert_eq!(program.delete(path).await.expect(200)["revokedSharingRights"], 2);
        assert_eq!(rights(&program, "").await.len(), 1);
        give(&program, &[right(&a, 1)]).await;
        assert_eq!(below.delete("/sharing-rights").await.expect(200)["revokedSharingRights"], 1);
        assert_eq!(program.delete("/sharing-rights").await.expect(200)["revokedSharingRights"], 1);
        assert_eq!(rights(&program, "").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn one_bad_right_and_none_is_given() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let foreign = world.here().neighbour("Next door").await.lock("Theirs").await;
        let before = world.revisions().await;
        for (field, value, name) in [
            ("lockId", json!(null), "sharingRights.1.lockId"),
            ("lockId", json!("door"), "sharingRights.1.lockId"),
            ("lockId", json!(NOBODYS), "sharingRights.1.lockId"),
            ("lockId", json!(id(&foreign)), "sharingRights.1.lockId"),
            ("appUserId", json!("0047"), "sharingRights.1.appUserId"),
            ("end", json!("2030-01-01T00:00:00Z"), "sharingRights.1.end"),
            ("metadata", json!({ "a": 1 }), "sharingRights.1.metadata.a"),
        ] {
            let mut bad = right(&door, 2);
            bad[field] = value;
            let body = json!({ "sharingRights": [right(&door, 1), bad] });
            refused(&program.post("/sharing-rights", body).await, 400, &[name]);
        }
        for body in [json!({}), json!({ "sharingRights": [] })] {
            refused(&program.post("/sharing-rights", body).await, 400, &["sharingRights"]);
        }
        for (query, name) in [
            ("lockId=x", "lockId"),
            ("appUserId=0047", "appUserId"),
            ("excludeSubprojectKeys=true", "excludeSubprojectKeys"),
        ] {
            refused(&program.get(&format!("/sharing-rights?{query}")).await, 400, &[name]);
            refused(&program.delete(&format!("/sharing-rights?{query}")).await, 400, &[name]);
        }
        let unknown = format!("/sharing-rights?startAfterId={NOBODYS}");
        refused(&program.get(&unknown).await, 400, &["startAfterId"]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_group_that_shares_gives_rights_that_are_never_stored() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        let day = json!({ "weekday": "mon", "startHour": 8, "startMinute": 0, "endHour": 9,
            "endMinute": 0 });
        let times = json!({ "timeSpans": [day] });
        let mut body = json!({
            "name": "Hosts", "lockIds": [id(&a), id(&b)], "appUserIds": [phone(1), phone(2)],
            "allowKeySharing": true, "recurrence": times,
        });
        let refusal = program.post("/access-groups", body.clone()).await;
        refused(&refusal, 400, &["allowKeySharing"]);
        body["recurrence"].take();
        let group = program.post("/access-groups", body).await.expect(201)["accessGroup"].clone();
        let path = format!("/access-groups/{}", id(&group));
        refused(&program.patch(&path, json!({ "recurrence": times })).await, 400, &["recurrence"]);

        let keys = program.keys("", 10).await;
        let all = rights(&program, "").await;
        assert_eq!(all.len(), 4);
        for (right, key) in all.iter().zip(&keys) {
            for field in ["id", "lockId", "appUser", "created", "accessGroup"] {
                assert_eq!(right[field], key[field], "the right is the key's");
            }
        }
        assert_eq!(all[0]["accessGroup"], json!({ "id": group["id"], "name": "Hosts" }));
        let given = give(&program, &[right(&a, 1)]).await;
        assert_eq!(rights(&program, &of(1)).await.len(), 3, "two of the group and one given");
        let after = format!("limit=2&startAfterId={}", id(&all[2]));
        assert_eq!(rights(&program, &after).await, [all[3].clone(), given[0].clone()]);
        let taken = program.delete("/sharing-rights").await.expect(200);
        assert_eq!(taken["revokedSharingRights"], 1, "those of the group are passed over");
        assert_eq!(rights(&program, "").await, all);

        let plain = program.patch(&path, json!({ "allowKeySharing": false })).await.expect(200);
        assert_eq!(plain["accessGroup"]["allowKeySharing"], false);
        assert_eq!(rights(&program, "").await.len(), 0);
        program.patch(&path, json!({ "recurrence": times })).await.expect(200);
        let again = program.patch(&path, json!({ "allowKeySharing": "true" })).await;
        refused(&again, 400, &["allowKeySharing"]);
        let both = json!({ "allowKeySharing": true, "recurrence": null });
        program.patch(&path, both).await.expect(200);
        assert_eq!(rights(&program, "").await, all);
    })
    .await;
}

/// Whoever has a right to share without end or hours shares nothing before they hold a key without
/// end or hours at that lock; they have one after it, through a group.
async fn wants_a_key_that_lasts(world: &World, program: &Unloc, guest: &Guest, door: &Value) {
    let other = program.it.lock("Elsewhere").await;
    program.group("Elsewhere", &[id(&other)], &[&phone(1)]).await;
    let refuses = async |what: &str| {
        let refusal = guest.asks(door, 5, json!({})).await.problem(422, "invalid");
        assert_eq!(refusal["errors"][0]["pointer"], "/target", "{what}");
    };
    refuses("no key, or one to another lock").await;
    let now = world.app.now();
    let hour = 3_600_000_000;
    let always = json!({ "timeSpans": [{ "weekday": "mon", "startHour": 0, "startMinute": 0,
        "endHour": 24, "endMinute": 0 }] });
    for (field, value) in [
        ("end", json!(now.plus(hour).to_string())),
        ("start", json!(now.plus(hour).to_string())),
        ("recurrence", always),
    ] {
        let mut key = right(door, 1);
        key[field] = value;
        program.post("/keys", json!({ "keys": [key] })).await.expect(202);
        refuses(field).await;
        program.delete(&format!("/keys?{}", of(1))).await.expect(200);
    }
    lasting(program, &[door]).await;
}

/// Gives the guest keys without end, through a group that lets nobody share.
pub(crate) async fn lasting(program: &Unloc, doors: &[&Value]) {
    let doors: Vec<&str> = doors.iter().map(|door| id(door)).collect();
    program.group("Residents", &doors, &[&phone(1)]).await;
}

#[tokio::test]
async fn whoever_holds_a_right_shares_keys_and_they_fall_with_it() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        let guest = Guest::at(&world).await;
        guest.asks(&a, 5, json!({})).await.problem(403, "forbidden_scope");
        let own = give(&program, &[right(&a, 1)]).await.remove(0);
        wants_a_key_that_lasts(&world, &program, &guest, &a).await;
        let shared = guest.shares(&a, 5).await;
        assert_eq!(shared["issued_under"], own["id"]);
        assert_eq!(shared["source"], json!({ "kind": "sharing", "via": "native" }));
        guest.asks(&b, 5, json!({})).await.problem(403, "forbidden_scope");
        for (more, pointer) in [
            (json!({ "right": "share" }), "/right"),
            (json!({ "override_lockdown": true }), "/override_lockdown"),
        ] {
            let refusal = guest.asks(&a, 5, more).await.problem(422, "invalid");
            assert_eq!(refusal["errors"][0]["pointer"], pointer);
        }
        for path in ["/people", "/keys"] {
            let path = world.at(path);
            guest.browser.send("GET", &path, None).await.problem(403, "forbidden_scope");
        }
        let batch = json!({ "create": [{ "subject": { "phone": phone(5) },
            "target": { "lock_id": id(&a) } }] });
        let path = world.at("/grants/batch");
        guest.browser.send("POST", &path, Some(batch)).await.problem(403, "forbidden_scope");

        let shown = key(&program, &shared).await;
        assert_eq!(
            (&shown["state"], &shown["appUser"]["id"]),
            (&json!("active"), &json!(phone(5)))
        );
        assert_eq!(shown["issuer"], json!({ "id": phone(1), "name": "Ann" }));
        assert_eq!(program.delete("/keys").await.expect(200)["revokedKeys"], 0);
        assert_eq!(state(&program, &shared).await, "active");
        for (query, count) in [(of(5), 0), (format!("lockId={}", id(&b)), 0), (of(1), 1)] {
            let taken = program.delete(&format!("/shared-keys?{query}")).await.expect(200);
            assert_eq!(taken["revokedKeys"], count, "{query} is of who shared");
        }
        assert_eq!(state(&program, &shared).await, "revoked");

        // Whoever holds it: somebody without a phone, whom no list here shows.
        let subject = json!({ "subject": { "email": "bob@example.org" } });
        let hidden = guest.asks(&a, 5, subject).await.expect(201);
        let taken = program.delete(&format!("/shared-keys?{}", of(1))).await.expect(200);
        assert_eq!(taken["revokedKeys"], 1);
        let hidden = program.it.get(&format!("/grants/{}", id(&hidden))).await;
        assert_eq!(hidden["state"], "revoked");

        let shared = guest.shares(&a, 6).await;
        program.delete(&format!("/sharing-rights?{}", of(1))).await.expect(200);
        assert_eq!(state(&program, &shared).await, "revoked");
        assert_eq!(key(&program, &shared).await["issuer"]["id"], phone(1), "still known");
        let native = program.it.get(&format!("/grants/{}", id(&shared))).await;
        assert_eq!(
            (&native["closed_reason"], &native["issued_under"]),
            (&json!("issuer_closed"), &own["id"])
        );
        guest.asks(&a, 5, json!({})).await.problem(403, "forbidden_scope");
    })
    .await;
}

#[tokio::test]
async fn who_shared_a_key_sees_it_and_takes_it_back_and_no_other() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        let guest = Guest::at(&world).await;
        lasting(&program, &[&a]).await;
        let own = give(&program, &[right(&a, 1), right(&b, 2)]).await;
        let first = guest.shares(&a, 5).await;
        let second = guest.shares(&a, 6).await;
        // Another's: given by an administrator, and shared under somebody else's right.
        let given = json!({ "subject": { "phone": phone(7) }, "target": { "lock_id": id(&a) } });
        let given = program.it.made("/grants", given).await;
        let under = json!({
            "subject": { "phone": phone(8) }, "target": { "lock_id": id(&b) },
            "issued_under": id(&own[1]),
        });
        let under = program.it.made("/grants", under).await;
        let path = |path: &str| world.at(path);
        let listed = async |query: &str| {
            let found = guest.browser.send("GET", &path(&format!("/grants{query}")), None).await;
            let found = found.expect(200)["items"].as_array().unwrap().clone();
            found.iter().map(|it| id(it).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(listed("").await, [id(&first), id(&second)]);
        assert_eq!(listed("?limit=1").await, [id(&first)]);
        assert_eq!(listed(&format!("?lock_id={}", id(&b))).await, [] as [&str; 0]);
        assert_eq!(listed(&format!("?lock_id={NOBODYS}")).await, [] as [&str; 0]);
        let revoke = async |grant: &str, query: &str| {
            let path = path(&format!("/grants/{grant}/revoke{query}"));
            guest.browser.send("POST", &path, Some(json!({}))).await
        };
        let before = world.revisions().await;
        for grant in [id(&given), id(&under), id(&own[0]), NOBODYS] {
            revoke(grant, "").await.problem(403, "forbidden_scope");
        }
        let plan = revoke(id(&first), "?dry_run=true").await.expect(200);
        assert_eq!(plan["plan"]["counts"]["losses"], 1, "{plan}");
        assert_eq!(world.revisions().await, before);
        for _ in 0..2 {
            let revoked = revoke(id(&first), "").await.expect(200);
            assert_eq!((&revoked["id"], &revoked["state"]), (&first["id"], &json!("revoked")));
        }
        assert_eq!(state(&program, &first).await, "revoked");
        assert_eq!(listed("").await, [id(&second)]);
        // Without a right of their own they are nobody in particular again.
        program.delete(&format!("/sharing-rights?{}", of(1))).await.expect(200);
        revoke(id(&second), "").await.problem(403, "forbidden_scope");
        guest.browser.send("GET", &path("/grants"), None).await.problem(403, "forbidden_scope");
    })
    .await;
}

/// What is shared is for a lock that the right is about and for hours that are the right's.
async fn nor_beyond_its_lock_or_hours(
    program: &Unloc,
    guest: &Guest,
    (own, door): (&Value, &Value),
    mut body: Value,
) {
    let until = body["valid_until"].clone();
    let path = format!("/grants/{}", id(own));
    let other = program.it.lock("Other").await;
    guest.asks(&other, 5, json!({ "valid_until": until })).await.problem(403, FORBIDDEN);
    body["issued_under"] = own["id"].clone();
    body["target"] = json!({ "lock_id": id(&other) });
    let answer = program.it.post("/grants", body.clone()).await;
    crate::kit::invalid(answer, &["/target"]);
    body["target"] = json!({ "lock_id": id(door) });
    program.it.patch(&path, json!({ "schedule": hours("08:00", "12:00") })).await.expect(200);
    for wrong in [Value::Null, hours("08:00", "13:00"), hours("09:00", "12:00")] {
        let fields = json!({ "valid_until": until, "schedule": wrong });
        crate::kit::invalid(guest.asks(door, 5, fields).await, &["/schedule"]);
        body["schedule"] = wrong.clone();
        let answer = program.it.post("/grants", body.clone()).await;
        crate::kit::invalid(answer, &["/schedule"]);
    }
    let fields = json!({ "valid_until": until, "schedule": hours("08:00", "12:00") });
    let daily = guest.asks(door, 5, fields).await.expect(201);
    let daily = format!("/grants/{}", id(&daily));
    for wider in [Value::Null, hours("08:00", "13:00")] {
        let answer = program.it.patch(&daily, json!({ "schedule": wider })).await;
        crate::kit::invalid(answer, &["/schedule"]);
    }
}

#[tokio::test]
async fn what_is_shared_lies_within_the_right() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let guest = Guest::at(&world).await;
        lasting(&program, &[&door]).await;
        let now = world.app.now();
        let at = |hours: i64| now.plus(hours * 3_600_000_000).to_string();
        let body = json!({
            "subject": { "phone": phone(1) }, "target": { "lock_id": id(&door) },
            "right": "share", "valid_from": at(-1), "valid_until": at(10),
        });
        let own = program.it.made("/grants", body).await;
        for (more, pointer) in [
            (json!({}), "/valid_until"),
            (json!({ "valid_until": at(11) }), "/valid_until"),
            (json!({ "valid_from": at(-2), "valid_until": at(9) }), "/valid_from"),
        ] {
            let refusal = guest.asks(&door, 5, more).await.problem(422, "invalid");
            assert_eq!(refusal["errors"][0]["pointer"], pointer);
        }
        let long = guest.asks(&door, 5, json!({ "valid_until": at(9) })).await.expect(201);
        let short = guest.asks(&door, 6, json!({ "valid_until": at(2) })).await.expect(201);
        let widen = json!({ "valid_until": at(12) });
        let path = format!("/grants/{}", id(&short));
        program.it.patch(&path, widen).await.problem(422, "invalid");
        let path = format!("/grants/{}", id(&own));
        program.it.patch(&path, json!({ "valid_until": at(5) })).await.expect(200);
        assert_eq!(state(&program, &long).await, "revoked", "it would outlive the right");
        assert_eq!(state(&program, &short).await, "active");

        // A program that may give rights says itself under which.
        let mut body = json!({
            "subject": { "phone": phone(7) }, "target": { "lock_id": id(&door) },
            "valid_until": at(1), "issued_under": own["id"],
        });
        let made = program.it.made("/grants", body.clone()).await;
        assert_eq!(
            (&made["issued_under"], &made["source"]["kind"]),
            (&own["id"], &json!("sharing"))
        );
        for wrong in [NOBODYS, id(&short)] {
            body["issued_under"] = json!(wrong);
            let answer = program.it.post("/grants", body.clone()).await;
            crate::kit::invalid(answer, &["/issued_under"]);
        }
        nor_beyond_its_lock_or_hours(&program, &guest, (&own, &door), body).await;
        // Who is suspended shares nothing.
        let people = program.it.get(&format!("/people?phone={}", &of(1)[10..])).await;
        program.it.acted(&format!("/people/{}/suspend", id(&people["items"][0]))).await;
        let refusal = guest.asks(&door, 5, json!({ "valid_until": at(1) })).await;
        assert!([403, 404].contains(&refusal.status), "{}", refusal.text);
    })
    .await;
}

#[tokio::test]
async fn what_is_shared_from_a_group_falls_with_its_person_its_lock_or_its_sharing() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        let guest = Guest::at(&world).await;
        let locks = [id(&a), id(&b)];
        let body = json!({ "name": "Hosts", "lockIds": locks, "appUserIds": [phone(1)] });
        let group = program.post("/access-groups", body).await.expect(201)["accessGroup"].clone();
        let path = format!("/access-groups/{}", id(&group));
        let update = format!("{path}/update-accesses");
        guest.asks(&a, 5, json!({})).await.problem(403, "forbidden_scope");
        let on = json!({ "allowKeySharing": true });
        program.patch(&path, on.clone()).await.expect(200);
        let again = json!({ "appUserIdsToAdd": [phone(1)], "lockIdsToAdd": locks });
        let falls: [(&str, Value); 4] = [
            ("lock", json!({ "lockIdsToRemove": [id(&a)] })),
            ("person", json!({ "appUserIdsToRemove": [phone(1)] })),
            ("sharing", Value::Null),
            ("group", Value::Null),
        ];
        for (what, change) in falls {
            let (at_a, at_b) = (guest.shares(&a, 5).await, guest.shares(&b, 5).await);
            let shown = key(&program, &at_a).await;
            assert_eq!(
                (&shown["state"], &shown["issuer"]["id"]),
                (&json!("active"), &json!(phone(1)))
            );
            assert!(shown.get("accessGroup").is_none(), "it is no key of the group");
            match what {
                "sharing" => {
                    let off = json!({ "allowKeySharing": false });
                    program.patch(&path, off).await.expect(200);
                }
                "group" => {
                    program.delete(&path).await.expect(204);
                }
                _ => {
                    program.post(&update, change).await.expect(200);
                }
            }
            assert_eq!(state(&program, &at_a).await, "revoked", "{what}");
            let other = if what == "lock" { "active" } else { "revoked" };
            assert_eq!(state(&program, &at_b).await, other, "{what}");
            if what != "group" {
                program.post(&update, again.clone()).await.expect(200);
                program.patch(&path, on.clone()).await.expect(200);
                program.delete("/shared-keys").await.expect(200);
            }
            if what == "sharing" {
                within_the_group(&program, &guest, &group, &a).await;
            }
        }
        guest.asks(&a, 5, json!({})).await.problem(403, "forbidden_scope");
    })
    .await;
}

/// What is shared from a group is for one of its locks and for its hours.
async fn within_the_group(program: &Unloc, guest: &Guest, group: &Value, door: &Value) {
    let level = format!("/access-levels/{}", id(group));
    let times = hours("08:00", "12:00");
    program.it.patch(&level, json!({ "schedule": times })).await.expect(200);
    for wrong in [Value::Null, hours("00:00", "24:00")] {
        let answer = guest.asks(door, 5, json!({ "schedule": wrong })).await;
        crate::kit::invalid(answer, &["/schedule"]);
    }
    let shared = guest.asks(door, 5, json!({ "schedule": times })).await.expect(201);
    let other = program.it.lock("Not of the group").await;
    guest.asks(&other, 5, json!({ "schedule": times })).await.problem(403, FORBIDDEN);
    let body = json!({ "subject": { "phone": phone(5) }, "target": { "lock_id": id(&other) },
        "schedule": times, "issued_under": shared["issued_under"] });
    crate::kit::invalid(program.it.post("/grants", body).await, &["/target"]);
    program.it.patch(&level, json!({ "schedule": null })).await.expect(200);
    program.delete("/shared-keys").await.expect(200);
}

#[tokio::test]
async fn shared_keys_of_subprojects_are_taken_back_there_or_from_above() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let one = Below::made(&program, "First", &[&door]).await;
        let two = Below::made(&program, "Second", &[&door]).await;
        let shared = async |below: Option<&Below<'_>>, to: usize| {
            let site = below.map_or_else(|| program.it.clone(), Below::native);
            let under = site.made(
                "/grants",
                json!({ "subject": { "phone": phone(to) }, "target": { "lock_id": id(&door) },
                    "right": "share" }),
            );
            let body = json!({ "subject": { "phone": phone(9) },
                "target": { "lock_id": id(&door) }, "issued_under": under.await["id"] });
            site.made("/grants", body).await
        };
        let (above, first, second) =
            (shared(None, 1).await, shared(Some(&one), 2).await, shared(Some(&two), 3).await);
        assert_eq!(program.delete("/keys").await.expect(200)["revokedKeys"], 0);
        assert_eq!(one.delete("/keys").await.expect(200)["revokedKeys"], 0);
        assert_eq!(one.delete("/shared-keys").await.expect(200)["revokedKeys"], 1);
        assert_eq!(state(&program, &first).await, "revoked");
        assert_eq!(state(&program, &second).await, "active");
        let path = "/shared-keys?excludeSubprojectKeys=true";
        assert_eq!(program.delete(path).await.expect(200)["revokedKeys"], 1);
        assert_eq!(state(&program, &above).await, "revoked");
        assert_eq!(state(&program, &second).await, "active");
        assert_eq!(program.delete("/shared-keys").await.expect(200)["revokedKeys"], 1);
        assert_eq!(state(&program, &second).await, "revoked");
    })
    .await;
}
