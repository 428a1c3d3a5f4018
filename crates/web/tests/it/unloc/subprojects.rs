//! Subprojects: they borrow locks of their project and have everything else for themselves.

use claviger_domain::time::Zone;
use serde_json::{Value, json};

use super::{NOBODYS, Unloc, phone, refused};
use crate::kit::Site;
use crate::support::{Answer, World, id, on_each_engine};

/// One subproject, as a program of its project sees it.
pub(crate) struct Below<'p> {
    program: &'p Unloc,
    pub(crate) id: String,
}

impl<'p> Below<'p> {
    /// A subproject with these locks.
    pub(crate) async fn made(program: &'p Unloc, name: &str, locks: &[&Value]) -> Below<'p> {
        let locks: Vec<&str> = locks.iter().map(|lock| id(lock)).collect();
        let body = json!({ "name": name, "lockIds": locks });
        let made = program.post("/subprojects", body).await.expect(201);
        Below { program, id: id(&made["subproject"]).to_owned() }
    }

    fn path(&self, path: &str) -> String {
        format!("/compat/unloc/v2/subprojects/{}{path}", self.id)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.program.actor.get(&self.path(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.program.actor.post(&self.path(path), body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.program.actor.delete(&self.path(path)).await
    }

    /// Gives one key and answers it.
    pub(crate) async fn key(&self, lock: &Value, user: usize) -> Value {
        let body = json!({ "keys": [{ "lockId": id(lock), "appUserId": phone(user) }] });
        let job = self.post("/keys", body).await.expect(202)["jobRef"].clone();
        let job = self.get(&format!("/jobs/{}", id(&job))).await.expect(200);
        job["job"]["resultData"]["createdKeys"][0].clone()
    }

    pub(crate) async fn keys(&self) -> Vec<Value> {
        self.get("/keys").await.expect(200)["keys"].as_array().unwrap().clone()
    }

    /// The same place by the native API.
    pub(crate) fn native(&self) -> Site {
        Site { actor: self.program.it.actor.clone(), place: self.id.clone() }
    }

    async fn locks(&self, add: &[&Value], remove: &[&Value]) -> Answer {
        let ids = |locks: &[&Value]| locks.iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
        let body = json!({ "lockIdsToAdd": ids(add), "lockIdsToRemove": ids(remove) });
        self.program.post(&format!("/subprojects/{}/update-locks", self.id), body).await
    }
}

fn states(keys: &[Value]) -> Vec<&str> {
    keys.iter().map(|key| key["state"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_subproject_is_made_found_and_changed() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        let body = json!({
            "name": "Site office", "description": "The hut by the gate",
            "lockIds": [id(&a), id(&b), id(&a)], "metadata": { "cost": "7" },
        });
        let made = program.post("/subprojects", body).await.expect(201)["subproject"].clone();
        assert_eq!(made["name"], "Site office");
        assert_eq!(made["description"], "The hut by the gate");
        assert_eq!(made["lockIds"], json!([id(&a), id(&b)]), "the same ids as in the project");
        assert_eq!(made["metadata"], json!({ "cost": "7" }));
        assert_eq!(made["projectId"], program.it.place);
        assert_eq!(made["timeZone"], "Europe/Stockholm", "that of the project");
        let below = Below { program: &program, id: id(&made).to_owned() };
        let path = format!("/subprojects/{}", below.id);
        assert_eq!(program.get(&path).await.expect(200)["subproject"], made);
        assert_eq!(below.get("").await.expect(200)["subproject"], made);
        let locks = below.get("/locks").await.expect(200)["locks"].clone();
        assert_eq!(locks.as_array().unwrap().len(), 2);
        let one = below.get(&format!("/locks/{}", id(&b))).await.expect(200);
        assert_eq!((&one["lock"], &one["lock"]["name"]), (&locks[1], &json!("B")));
        let native = below.native().get("").await;
        assert_eq!(native["parent_id"], program.it.place);

        let other = Below::made(&program, "Other", &[]).await;
        let listed = program.get("/subprojects?limit=1").await.expect(200)["subprojects"].clone();
        assert_eq!(listed, json!([made]));
        let next = format!("/subprojects?startAfterId={}", below.id);
        let next = program.get(&next).await.expect(200)["subprojects"].clone();
        assert_eq!((next[0]["id"].as_str(), &next[1]), (Some(&*other.id), &Value::Null));

        let renamed = json!({ "name": "Hut one", "metadata": { "cost": null, "unloc": "x" } });
        let renamed = program.patch(&path, renamed).await.expect(200)["subproject"].clone();
        assert_eq!(renamed["name"], "Hut one");
        assert_eq!(renamed["description"], "The hut by the gate", "metadata is another field");
        assert_eq!(renamed["metadata"], json!({}));
        let bare = program.patch(&path, json!({ "description": null })).await.expect(200);
        assert_eq!(bare["subproject"]["description"], Value::Null);
        let found = world
            .nobody()
            .post(
                "/compat/unloc/v2/auth/resources-discovery",
                json!({ "client_id": program.client_id, "client_secret": program.client_secret }),
            )
            .await
            .expect(200);
        let projects = found["resources"]["projects"].as_array().unwrap().len();
        assert_eq!(projects, 1, "a subproject is no project");
    })
    .await;
}

#[tokio::test]
async fn bad_input_is_named_and_what_is_elsewhere_is_not_there() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        let neighbour = Unloc::of(world.here().neighbour("Next door").await).await;
        let foreign = neighbour.it.lock("Theirs").await;
        let theirs = Below::made(&neighbour, "Theirs", &[&foreign]).await;
        let below = Below::made(&program, "Ours", &[&a]).await;
        let before = world.revisions().await;
        let many: Vec<String> =
            (0..1001).map(|it| format!("01890000-0000-7000-8000-{it:012}")).collect();
        for (body, names) in [
            (json!({}), vec!["name"]),
            (json!({ "name": "abc" }), vec!["name"]),
            (json!({ "name": "x".repeat(129) }), vec!["name"]),
            (json!({ "name": "Good", "description": "abc" }), vec!["description"]),
            (json!({ "name": "Good", "description": "x".repeat(1025) }), vec!["description"]),
            (json!({ "name": "Good", "lockIds": ["door", 7] }), vec!["lockIds.1", "lockIds.0"]),
            (
                json!({ "name": "Good", "lockIds": [id(&a), id(&a), NOBODYS, id(&foreign)] }),
                vec!["lockIds.2", "lockIds.3"],
            ),
            (json!({ "name": "Good", "lockIds": many }), vec!["lockIds"]),
            (json!({ "name": "Good", "locks": [] }), vec!["locks"]),
            (json!({ "name": "Good", "metadata": { "a": 1 } }), vec!["metadata.a"]),
        ] {
            refused(&program.post("/subprojects", body).await, 400, &names);
        }
        let path = format!("/subprojects/{}", below.id);
        refused(&program.patch(&path, json!({ "lockIds": [] })).await, 400, &["lockIds"]);
        refused(&program.patch(&path, json!({ "name": "abc" })).await, 400, &["name"]);
        let update = format!("{path}/update-locks");
        refused(&program.post(&update, json!({})).await, 400, &["body"]);
        refused(&below.locks(&[&a, &b], &[&b]).await, 400, &["lockIdsToAdd.1"]);
        refused(&below.locks(&[&a, &a, &foreign], &[]).await, 400, &["lockIdsToAdd.2"]);
        refused(
            &program.post(&update, json!({ "lockIdsToAdd": null })).await,
            400,
            &["lockIdsToAdd"],
        );
        for unknown in [NOBODYS, "abc", &theirs.id, &program.it.place] {
            let path = format!("/subprojects/{unknown}");
            refused(&program.get(&path).await, 404, &[]);
            refused(&program.patch(&path, json!({ "name": "Mine now" })).await, 404, &[]);
            let body = json!({ "lockIdsToAdd": [id(&b)] });
            refused(&program.post(&format!("{path}/update-locks"), body).await, 404, &[]);
            let stranger = Below { program: &program, id: unknown.to_owned() };
            for path in
                ["", "/locks", "/keys", "/access-groups", "/managed-users", "/sharing-rights"]
            {
                refused(&stranger.get(path).await, 404, &[]);
            }
            let key = json!({ "keys": [{ "lockId": id(&a), "appUserId": phone(1) }] });
            refused(&stranger.post("/keys", key).await, 404, &[]);
            for path in ["/keys", "/shared-keys", "/sharing-rights"] {
                refused(&stranger.delete(path).await, 404, &[]);
            }
        }
        assert_eq!(world.revisions().await, before);

        // What it has already, and what it has not and is to be taken, is passed over.
        let same = below.locks(&[&a], &[&b]).await.expect(200);
        assert_eq!(same["subproject"]["lockIds"], json!([id(&a)]));
        let unknown = json!({ "lockIdsToRemove": [NOBODYS, id(&foreign)] });
        program.post(&update, unknown).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_leaves_takes_its_keys_with_it_and_comes_back_without_them() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let (a, b) = (program.it.lock("A").await, program.it.lock("B").await);
        let below = Below::made(&program, "Tenant", &[&a, &b]).await;
        let beside = Below::made(&program, "Beside", &[&a]).await;
        let there = below.native();
        below.key(&a, 1).await;
        below.key(&b, 1).await;
        beside.key(&a, 1).await;
        let body = json!({
            "name": "Staff", "lockIds": [id(&a), id(&b)], "appUserIds": [phone(2)],
        });
        below.post("/access-groups", body).await.expect(201);
        let right = json!({ "sharingRights": [{ "lockId": id(&a), "appUserId": phone(1) }] });
        below.post("/sharing-rights", right).await.expect(201);
        let own =
            program.post("/keys", json!({ "keys": [{ "lockId": id(&a), "appUserId": phone(3) }] }));
        own.await.expect(202);
        let person = there.get("/people").await["items"][0].clone();
        there.card(&person, "77").await;
        assert!(there.opens(&a, "77").await && there.opens(&b, "77").await);

        let left = below.locks(&[], &[&a]).await.expect(200);
        assert_eq!(left["subproject"]["lockIds"], json!([id(&b)]));
        let keys = below.keys().await;
        let of = |lock: &Value| {
            let keys = keys.iter().filter(|key| key["lockId"] == lock["id"]).cloned();
            keys.collect::<Vec<Value>>()
        };
        assert_eq!(states(&of(&a)), ["revoked", "revoked"], "one given, one through the group");
        assert_eq!(states(&of(&b)), ["active", "active"]);
        let at_a = format!("/keys?lockId={}", id(&a));
        let found = below.get(&at_a).await.expect(200)["keys"].clone();
        assert_eq!(json!(of(&a)), found, "the lock that left is still known to who looks for it");
        assert_eq!(program.get(&at_a).await.expect(200)["keys"].as_array().unwrap().len(), 4);
        refused(&below.delete(&at_a).await, 400, &["lockId"]);
        let rights = below.get("/sharing-rights").await.expect(200);
        assert_eq!(rights["sharingRights"], json!([]));
        assert!(there.opens(&b, "77").await);
        refused(&below.get(&format!("/locks/{}", id(&a))).await, 404, &[]);
        assert_eq!(states(&beside.keys().await), ["active"], "another subproject keeps its own");
        let above = program.keys("&excludeSubprojectKeys=true", 10).await;
        assert_eq!(states(&above), ["active"], "and so does the project");

        let back = below.locks(&[&a], &[]).await.expect(200);
        let mut ids: Vec<&str> = crate::kit::texts(&back["subproject"]["lockIds"]);
        ids.sort_unstable();
        let mut wanted = [id(&a), id(&b)];
        wanted.sort_unstable();
        assert_eq!(ids, wanted);
        assert!(!there.opens(&a, "77").await, "no key comes back");
        below.key(&a, 1).await;
        assert!(there.opens(&a, "77").await);
        below.locks(&[], &[&a]).await.expect(200);
        below.locks(&[&a], &[]).await.expect(200);
        assert!(!there.opens(&a, "77").await);
    })
    .await;
}

#[tokio::test]
async fn subprojects_do_not_see_each_other_and_the_project_sees_all() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let one = Below::made(&program, "First", &[&door]).await;
        let two = Below::made(&program, "Second", &[&door]).await;
        let first = one.key(&door, 1).await;
        let second = two.key(&door, 2).await;
        let own = json!({ "keys": [{ "lockId": id(&door), "appUserId": phone(3) }] });
        program.post("/keys", own).await.expect(202);
        let body = json!({ "name": "Staff", "lockIds": [id(&door)], "appUserIds": [phone(1)] });
        let group = one.post("/access-groups", body).await.expect(201)["accessGroup"].clone();

        assert_eq!(one.keys().await.len(), 2);
        assert_eq!(two.keys().await, std::slice::from_ref(&second));
        let users = two.get("/managed-users").await.expect(200)["managedUsers"].clone();
        assert_eq!((&users[0]["appUserId"], &users[1]), (&json!(phone(2)), &Value::Null));
        assert_eq!(two.get("/access-groups").await.expect(200)["accessGroups"], json!([]));
        assert_eq!(program.get("/access-groups").await.expect(200)["accessGroups"], json!([]));
        for stranger in [&one, &two] {
            let theirs = if stranger.id == one.id { &second } else { &first };
            let path = format!("/keys/{}", id(theirs));
            refused(&stranger.get(&path).await, 404, &[]);
            refused(&stranger.delete(&path).await, 404, &[]);
        }
        refused(&two.get(&format!("/access-groups/{}", id(&group))).await, 404, &[]);

        for limit in [1, 10] {
            assert_eq!(program.keys("", limit).await.len(), 4);
        }
        assert_eq!(program.keys("&excludeSubprojectKeys=true", 10).await.len(), 1);
        let path = format!("/keys/{}", id(&first));
        assert_eq!(program.get(&path).await.expect(200)["key"], first);

        let taken = program.delete("/keys?excludeSubprojectKeys=true").await.expect(200);
        assert_eq!(taken["revokedKeys"], 1);
        assert_eq!(two.delete("/keys").await.expect(200)["revokedKeys"], 1);
        assert_eq!(states(&one.keys().await), ["active", "active"]);
        let taken = program.delete(&path).await.expect(200);
        assert_eq!(taken["key"]["state"], "revoked", "one key of a subproject, by the project");
        one.key(&door, 5).await;
        assert_eq!(program.delete("/keys").await.expect(200)["revokedKeys"], 1);
        let mut left = one.keys().await;
        left.retain(|key| key["state"] == "active");
        assert_eq!(left[0]["accessGroup"]["id"], group["id"], "a group's keys stay");
        assert_eq!(left.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_subproject_has_at_most_a_thousand_locks() {
    on_each_engine(|world| async move {
        let program = std::sync::Arc::new(Unloc::at(&world).await);
        let mut making = tokio::task::JoinSet::new();
        for number in 0..1003 {
            let program = program.clone();
            making.spawn(async move { program.it.lock(&format!("Door {number}")).await });
        }
        let locks = making.join_all().await;
        let locks: Vec<&Value> = locks.iter().collect();
        let below = Below::made(&program, "Everything", &locks[..1000]).await;
        refused(&below.locks(&locks[1000..1001], &[]).await, 400, &["lockIdsToAdd"]);
        let swapped = below.locks(&locks[1000..1001], &locks[..1]).await.expect(200);
        let count = |shown: &Value| shown["subproject"]["lockIds"].as_array().unwrap().len();
        assert_eq!(count(&swapped), 1000);
        // Where more were lent natively, locks still go and are swapped; no more come.
        for lock in &locks[1001..] {
            let share = json!({ "place_id": below.id });
            program.it.post(&format!("/locks/{}/shares", id(lock)), share).await.expect(201);
        }
        assert_eq!(count(&below.locks(&[], &locks[1..2]).await.expect(200)), 1001);
        refused(&below.locks(&locks[..2], &locks[2..3]).await, 400, &["lockIdsToAdd"]);
        assert_eq!(count(&below.locks(&[], &locks[2..4]).await.expect(200)), 999);
    })
    .await;
}

/// Every day from two hours before it is by the clock of a zone until two hours after.
pub(crate) fn around(world: &World, zone: &str) -> Value {
    let now_s = world.app.now().0 / 1_000_000;
    let offset_s = Zone::parse(zone).unwrap().stretch(now_s).offset_s;
    let minute = (now_s + offset_s).rem_euclid(24 * 3600) / 60;
    let (from, until) = ((minute - 120).max(0), (minute + 120).min(24 * 60));
    let span = |day: &str| {
        json!({
            "weekday": day, "startHour": from / 60, "startMinute": from % 60,
            "endHour": until / 60, "endMinute": until % 60,
        })
    };
    let spans = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(span);
    json!({ "timeSpans": spans })
}

#[tokio::test]
async fn hours_are_read_by_the_clock_of_the_lock_wherever_it_is_lent() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let below = Below::made(&program, "Site office", &[&door]).await;
        // The lock hangs in Stockholm; whoever administers the subproject sits in Auckland.
        below.native().patch("", json!({ "time_zone": "Pacific/Auckland" })).await.expect(200);
        let key = |user: usize, zone: &'static str| {
            let recurrence = around(&world, zone);
            json!({ "lockId": id(&door), "appUserId": phone(user), "recurrence": recurrence })
        };
        let keys = [key(1, "Europe/Stockholm"), key(2, "Pacific/Auckland")];
        below.post("/keys", json!({ "keys": keys })).await.expect(202);
        assert_eq!(states(&below.keys().await), ["active", "inactive"]);
        assert_eq!(states(&program.keys("", 10).await), ["active", "inactive"]);
        let native = below.native();
        assert_eq!(states(&native.list("/grants").await), ["active", "inactive"]);
        for (at, granted) in [(0, "granted"), (1, "denied")] {
            let person = native.list("/people").await[at]["id"].clone();
            let asked = json!({ "lock_id": id(&door), "person_id": person });
            assert_eq!(native.post("/decisions", asked).await.expect(200)["result"], granted);
        }
    })
    .await;
}

#[tokio::test]
async fn twenty_callers_lend_a_lock_and_take_it_back() {
    on_each_engine(|world| async move {
        let program = std::sync::Arc::new(Unloc::at(&world).await);
        let door = program.it.lock("Door").await;
        let below = Below::made(&program, "Floor", &[]).await;
        for _ in 0..5 {
            let calls = (0..20).map(|caller| {
                let (lent, back) = if caller % 2 == 0 { (1, 0) } else { (0, 1) };
                let (below, door) = (&below, [&door]);
                async move { below.locks(&door[..lent], &door[..back]).await.status }
            });
            let statuses = futures_util::future::join_all(calls).await;
            assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
            assert!(statuses.contains(&200), "{statuses:?}");
        }
        below.locks(&[], &[&door]).await.expect(200);
        assert_eq!(below.keys().await, [] as [Value; 0]);
        below.locks(&[&door], &[]).await.expect(200);
        assert_eq!(below.key(&door, 1).await["state"], "active");
    })
    .await;
}

#[tokio::test]
async fn a_subproject_takes_back_its_own_and_nothing_of_places_below_it() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let door = program.it.lock("Door").await;
        let below = Below::made(&program, "Floor", &[&door]).await;
        below.key(&door, 1).await;
        let room = json!({ "name": "Room", "parent_id": below.id });
        let room = program.it.actor.post("/api/v1/places", room).await.expect(201);
        let room = Site { actor: program.it.actor.clone(), place: id(&room).to_owned() };
        let desk = room.lock("Desk").await;
        let body = json!({ "subject": { "phone": phone(2) }, "target": { "lock_id": id(&desk) } });
        let theirs = room.made("/grants", body).await;
        assert_eq!(below.keys().await.len(), 1, "it is no part of the subproject");
        let taken = below.delete("/keys").await.expect(200);
        assert_eq!(taken, json!({ "revokedKeys": 1 }));
        assert_eq!(room.get(&format!("/grants/{}", id(&theirs))).await["state"], "active");
    })
    .await;
}
