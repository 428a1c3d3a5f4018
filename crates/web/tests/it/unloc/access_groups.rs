//! Access groups as the vendor's guide shows them.

use serde_json::{Value, json};

use super::{NOBODYS, Unloc, phone, refused};
use crate::kit::texts;
use crate::support::{Answer, id, on_each_engine};

async fn locks(program: &Unloc, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(id(&program.it.lock(&format!("Door {number}")).await).to_owned());
    }
    ids
}

fn refs(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

fn pairs(keys: &[Value], state: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let with_state = keys.iter().filter(|key| key["state"] == state);
    let mut all: Vec<_> =
        with_state.map(|key| (text(&key["appUser"]["id"]), text(&key["lockId"]))).collect();
    all.sort();
    all
}

/// The group of the guide's example.
async fn example(program: &Unloc, doors: &[String]) -> Value {
    let body = json!({
        "name": "Test Access Group", "description": "Test Access Group Description",
        "lockIds": doors[..2], "appUserIds": [phone(1), phone(2)],
    });
    program.post("/access-groups", body).await.expect(201)["accessGroup"].clone()
}

/// Deletes the only group, and sees that it is gone with its keys.
async fn deleted(program: &Unloc, path: &str) {
    program.delete(path).await.expect(204);
    refused(&program.get(path).await, 404, &[]);
    refused(&program.delete(path).await, 404, &[]);
    assert_eq!(program.keys("&excludeStates=revoked", 100).await, [] as [Value; 0]);
}

#[tokio::test]
async fn the_guide_word_for_word() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let doors = locks(&program, 3).await;
        let people = [phone(1), phone(2)];
        let group = &example(&program, &doors).await;
        assert_eq!(group["name"], "Test Access Group");
        assert_eq!(group["description"], "Test Access Group Description");
        assert_eq!((&group["lockIds"], &group["appUserIds"]), (&json!(doors[..2]), &json!(people)));
        let path = format!("/access-groups/{}", id(group));
        assert_eq!(program.get(&path).await.expect(200)["accessGroup"], *group);
        let listed = program.get("/access-groups/").await.expect(200);
        assert_eq!(listed["accessGroups"], json!([group]));

        let keys = program.keys("", 3).await;
        assert_eq!(pairs(&keys, "active").len(), 4);
        for key in &keys {
            let of = json!({ "id": group["id"], "name": "Test Access Group" });
            assert_eq!(key["accessGroup"], of);
            assert_eq!(key["end"], Value::Null);
            let one = format!("/keys/{}", id(key));
            assert_eq!(program.get(&one).await.expect(200)["key"], *key);
            refused(&program.delete(&one).await, 409, &[]);
        }
        let bulk = program.delete("/keys").await.expect(200);
        assert_eq!(bulk, json!({ "revokedKeys": 0 }), "they are not revoked in bulk either");
        assert_eq!(pairs(&program.keys("", 100).await, "active").len(), 4);

        let renamed = json!({ "name": "Renamed", "description": null, "metadata": { "a": "1" } });
        let renamed = program.patch(&path, renamed).await.expect(200);
        let renamed = &renamed["accessGroup"];
        assert_eq!((&renamed["name"], &renamed["description"]), (&json!("Renamed"), &json!(null)));
        assert_eq!(renamed["lockIds"], group["lockIds"]);
        let named = program.keys("", 100).await;
        assert!(named.iter().all(|key| key["accessGroup"]["name"] == "Renamed"));

        let changed = program
            .post(
                &format!("{path}/update-accesses"),
                json!({
                    "appUserIdsToAdd": [phone(3)], "appUserIdsToRemove": [phone(2)],
                    "lockIdsToAdd": [doors[2], doors[1]], "lockIdsToRemove": [doors[0]],
                }),
            )
            .await
            .expect(200);
        assert_eq!(changed["accessGroup"]["appUserIds"], json!([phone(1), phone(3)]));
        assert_eq!(changed["accessGroup"]["lockIds"], json!(doors[1..]));
        let keys = program.keys("", 2).await;
        let wanted = [1, 3].map(|it| [&doors[1], &doors[2]].map(|door| (phone(it), door.clone())));
        let mut wanted = wanted.concat();
        wanted.sort();
        assert_eq!(pairs(&keys, "active"), wanted);
        assert_eq!(pairs(&keys, "revoked").len(), 3, "what was taken back stays listed");

        deleted(&program, &path).await;
        let keys = program.keys("", 100).await;
        assert_eq!(pairs(&keys, "revoked").len(), 7);
        assert!(keys.iter().all(|key| key["accessGroup"]["name"] == "Renamed"));
    })
    .await;
}

#[tokio::test]
async fn a_door_opens_for_who_is_in_and_natively_given_rights_are_keys() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let it = &program.it;
        let door = it.lock("Door").await;
        let group = program.group("Staff", &[id(&door)], &[&phone(1)]).await;
        let native = it.get(&format!("/access-levels/{}", id(&group))).await;
        assert_eq!((&native["name"], &native["people_count"]), (&json!("Staff"), &json!(1)));
        let person = it.get(&format!("/people?phone={}", phone(1).replace('+', "%2B"))).await;
        let person = person["items"][0].clone();
        let card = it.card(&person, "77").await;
        assert!(it.opens(&door, "77").await);
        let update = format!("/access-groups/{}/update-accesses", id(&group));
        let out = json!({ "appUserIdsToRemove": [phone(1)] });
        program.post(&update, out).await.expect(200);
        assert!(!it.opens(&door, "77").await);

        it.level_grant(&person, &native).await;
        let keys = program.keys("&excludeStates=revoked", 10).await;
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0]["accessGroup"]["id"], group["id"]);
        let direct = it.grant(&person, &door).await;
        let keys = program.keys("&excludeStates=revoked", 10).await;
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[1]["id"], direct["id"]);
        assert!(keys[1].get("accessGroup").is_none());
        let by_card = json!({
            "subject": {"credential_id": id(&card)}, "target": {"lock_id": id(&door)},
        });
        let by_card = it.made("/grants", by_card).await;
        assert_eq!(program.keys("", 10).await.len(), 3, "only people with phones are seen");
        refused(&program.get(&format!("/keys/{}", id(&by_card))).await, 404, &[]);

        it.acted(&format!("/people/{}/suspend", id(&person))).await;
        let keys = program.keys("&excludeStates=revoked", 10).await;
        assert!(keys.iter().all(|key| key["state"] == "inactive"), "{keys:?}");
    })
    .await;
}

#[tokio::test]
async fn bad_input_is_named_and_changes_nothing() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let doors = locks(&program, 2).await;
        let foreign = world.here().neighbour("Next door").await.lock("Theirs").await;
        let group = program.group("Staff", &refs(&doors), &[&phone(1)]).await;
        let path = format!("/access-groups/{}", id(&group));
        let before = world.revisions().await;
        let good = json!({ "name": "Other", "lockIds": [], "appUserIds": [] });
        let with = |fields: Value| {
            let mut body = good.clone();
            for (name, value) in fields.as_object().unwrap() {
                body[name] = value.clone();
            }
            body
        };
        for (fields, names) in [
            (json!({ "name": "abc" }), vec!["name"]),
            (json!({ "name": "x".repeat(129) }), vec!["name"]),
            (json!({ "name": null }), vec!["name"]),
            (json!({ "description": "abc" }), vec!["description"]),
            (json!({ "description": "x".repeat(1025) }), vec!["description"]),
            (json!({ "lockIds": null }), vec!["lockIds"]),
            (
                json!({ "lockIds": [doors[0], NOBODYS, id(&foreign)] }),
                vec!["lockIds.1", "lockIds.2"],
            ),
            // By the place in the body, whatever stands twice before it.
            (json!({ "lockIds": [doors[0], doors[0], NOBODYS] }), vec!["lockIds.2"]),
            (json!({ "lockIds": ["door", 7] }), vec!["lockIds.1", "lockIds.0"]),
            (
                json!({ "appUserIds": ["0047123", "+47 40 00 00 00", "+4712345678"] }),
                vec!["appUserIds.0", "appUserIds.1"],
            ),
            (json!({ "appUserId": [phone(3)] }), vec!["appUserId"]),
            (json!({ "allowKeySharing": "perhaps" }), vec!["allowKeySharing"]),
            (json!({ "metadata": { "x": 1 } }), vec!["metadata.x"]),
            (json!({ "recurrence": {} }), vec!["recurrence.timeSpans"]),
        ] {
            refused(&program.post("/access-groups", with(fields)).await, 400, &names);
        }
        let answer = program.post("/access-groups", json!({ "name": "Other" })).await;
        refused(&answer, 400, &["lockIds", "appUserIds"]);
        refused(&program.patch(&path, json!({ "name": "x".repeat(65) })).await, 400, &["name"]);
        refused(&program.patch(&path, json!({ "lockIds": [] })).await, 400, &["lockIds"]);
        let seed = "{ name: \"Test\", lockIds: [], appUserIds: [], }".to_owned();
        let path_of = program.path("/access-groups");
        let answer = program.actor.send("POST", &path_of, &[], Some(seed)).await;
        refused(&answer, 400, &[]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_bad_change_of_accesses_changes_nothing() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let doors = locks(&program, 2).await;
        let next_door = world.here().neighbour("Next door").await;
        let foreign = next_door.lock("Theirs").await;
        let other = next_door.level("Theirs", &[]).await;
        let group = program.group("Staff", &refs(&doors), &[&phone(1)]).await;
        let update = format!("/access-groups/{}/update-accesses", id(&group));
        let before = world.revisions().await;
        for (body, names) in [
            (json!({}), vec!["body"]),
            (
                json!({ "appUserIdsToAdd": ["x"], "appUserIdsToRemove": ["y"] }),
                vec!["appUserIdsToAdd.0", "appUserIdsToRemove.0"],
            ),
            (json!({ "lockIdsToAdd": [id(&foreign)] }), vec!["lockIdsToAdd.0"]),
            (json!({ "lockIdsToAdd": [doors[0], doors[0], id(&foreign)] }), vec!["lockIdsToAdd.2"]),
            (
                json!({ "lockIdsToAdd": [doors[1], doors[0]], "lockIdsToRemove": [doors[0]] }),
                vec!["lockIdsToAdd.1"],
            ),
            (
                json!({ "appUserIdsToAdd": [phone(4), phone(4), phone(5)],
                    "appUserIdsToRemove": [phone(5)] }),
                vec!["appUserIdsToAdd.2"],
            ),
        ] {
            refused(&program.post(&update, body).await, 400, &names);
        }
        for unknown in [NOBODYS, "abc", id(&other)] {
            let path = format!("/access-groups/{unknown}");
            refused(&program.get(&path).await, 404, &[]);
            refused(&program.delete(&path).await, 404, &[]);
            let body = json!({ "appUserIdsToAdd": [phone(1)] });
            refused(&program.post(&format!("{path}/update-accesses"), body).await, 404, &[]);
        }
        assert_eq!(world.revisions().await, before);

        // Who and what is not in the group is taken out without an error.
        let nothing = json!({ "appUserIdsToRemove": [phone(9)], "lockIdsToRemove": [NOBODYS] });
        let answer = program.post(&update, nothing).await.expect(200);
        assert_eq!(answer["accessGroup"]["lockIds"], group["lockIds"]);
    })
    .await;
}

#[tokio::test]
async fn caps_count_pairs_once() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let doors = locks(&program, 21).await;
        let people: Vec<String> = (0..5001).map(phone).collect();
        let body = |locks: &[String], people: &[String]| {
            json!({ "name": "Everybody", "lockIds": locks, "appUserIds": people })
        };
        let over = program.post("/access-groups", body(&doors[..20], &people)).await;
        refused(&over, 400, &["body"]);
        assert!(over.text.contains("100020"), "{}", over.text);
        // Somebody who stands twice counts once.
        let mut twice = people[..5000].to_vec();
        twice.push(people[0].clone());
        let made = program.post("/access-groups", body(&doors[..20], &twice)).await.expect(201);
        let update = format!("/access-groups/{}/update-accesses", id(&made["accessGroup"]));
        let three = json!({ "lockIdsToRemove": doors[..3] });
        refused(&program.post(&update, three).await, 400, &["body"]);
        let one = json!({ "lockIdsToAdd": [doors[20]] });
        refused(&program.post(&update, one).await, 400, &["body"]);
        let two = json!({ "lockIdsToRemove": [doors[0], doors[1], doors[0]] });
        let left = program.post(&update, two).await.expect(200);
        assert_eq!(left["accessGroup"]["lockIds"].as_array().unwrap().len(), 18);
        let page = program.get("/keys?limit=5000&excludeStates=revoked").await.expect(200);
        assert_eq!(page["keys"].as_array().unwrap().len(), 2500, "the most of a page");
        // Beyond the cap, where others put it, it can be made smaller and not larger.
        let native = format!("/access-levels/{}", id(&made["accessGroup"]));
        program.it.patch(&native, json!({ "lock_ids": doors })).await.expect(200);
        let out = json!({ "appUserIdsToRemove": [people[0]] });
        let smaller = program.post(&update, out).await.expect(200);
        assert_eq!(smaller["accessGroup"]["appUserIds"].as_array().unwrap().len(), 4999);
        let grows = json!({ "appUserIdsToAdd": [people[0]] });
        refused(&program.post(&update, grows).await, 400, &["body"]);
        let swap = json!({ "appUserIdsToAdd": [people[0]], "appUserIdsToRemove": people[1..3] });
        program.post(&update, swap).await.expect(200);
        // Everything at once is refused by no cap.
        program.delete(update.trim_end_matches("/update-accesses")).await.expect(204);
        assert_eq!(program.keys("&excludeStates=revoked", 2500).await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn one_more_than_a_cap_is_refused_and_the_cap_is_not() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let doors = locks(&program, 12).await;
        let people: Vec<String> = (0..10_001).map(phone).collect();
        // 9 091 times 11 is one more than 100 000.
        let body = |locks: &[String], people: &[String]| {
            json!({ "name": "Everybody", "lockIds": locks, "appUserIds": people })
        };
        let over = program.post("/access-groups", body(&doors[..11], &people[..9_091])).await;
        refused(&over, 400, &["body"]);
        assert!(over.text.contains("100001"), "{}", over.text);

        // 10 001 people get a key each to the one lock that is put in.
        let group = program.post("/access-groups", body(&[], &people)).await.expect(201);
        let update = format!("/access-groups/{}/update-accesses", id(&group["accessGroup"]));
        let one = json!({ "lockIdsToAdd": [doors[0]] });
        let over = program.post(&update, one.clone()).await;
        refused(&over, 400, &["body"]);
        assert!(over.text.contains("10001"), "{}", over.text);
        program.post(&update, json!({ "appUserIdsToRemove": [people[0]] })).await.expect(200);
        program.post(&update, one).await.expect(200);

        // A group of 100 x 100 from which ten people go, while ten others and ten locks come: 2 000
        // keys are made and 1 000 taken back. With sixty people it is too much.
        let hundred = program.post("/access-groups", body(&[], &people[..100])).await.expect(201);
        let path = format!("/access-groups/{}/update-accesses", id(&hundred["accessGroup"]));
        let mut ids = doors.clone();
        ids.extend(locks(&program, 98).await);
        program.post(&path, json!({ "lockIdsToAdd": ids[..100] })).await.expect(200);
        let swap = |count: usize, locks: &[String]| {
            json!({
                "appUserIdsToRemove": people[..count], "lockIdsToAdd": locks,
                "appUserIdsToAdd": people[1_000..1_000 + count],
            })
        };
        let over = program.post(&path, swap(60, &ids[100..])).await;
        refused(&over, 400, &["body"]);
        // 110 x 100 - 100 x 40 are made, 60 x 100 are taken back.
        let text = "7000 keys would be made and 6000 taken back";
        assert!(over.text.contains(text), "{}", over.text);
        let done = program.post(&path, swap(10, &ids[100..])).await.expect(200);
        let count = |field: &str| done["accessGroup"][field].as_array().unwrap().len();
        assert_eq!((count("appUserIds"), count("lockIds")), (100, 110));
    })
    .await;
}

#[tokio::test]
async fn who_is_in_with_times_of_their_own_stays_as_they_are() {
    on_each_engine(|world| async move {
        let mut program = Unloc::at(&world).await;
        let doors = locks(&program, 2).await;
        let group = program.group("Staff", &refs(&doors), &[&phone(1)]).await;
        let path = format!("/access-groups/{}", id(&group));
        let until = world.app.now().plus(1_000_000_000).to_string();
        for (number, more) in
            [(2, json!({ "valid_until": until })), (3, json!({ "right": "share" }))]
        {
            let mut body = json!({ "subject": { "phone": phone(number) },
                "target": { "access_level_id": id(&group) } });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            program.it.made("/grants", body).await;
        }
        let people = |group: &Value| group["accessGroup"]["appUserIds"].clone();
        let shown = program.get(&path).await.expect(200);
        assert_eq!(people(&shown), json!([phone(1), phone(2)]), "who may only share has no key");
        // A program that sends its whole list gives nobody more than they have.
        let all = json!({ "appUserIdsToAdd": [phone(1), phone(2)] });
        let update = format!("{path}/update-accesses");
        program.post(&update, all.clone()).await.expect(200);
        let of_second = format!("&appUserId=%2B{}", &phone(2)[1..]);
        let keys = program.keys(&of_second, 10).await;
        assert_eq!(keys.len(), 2);
        assert!(keys.iter().all(|key| !key["end"].is_null()), "{keys:?}");

        let world = world.later(1_001).await;
        program.actor = world.admin.with(program.actor.token.clone());
        program.it = world.here();
        assert_eq!(people(&program.get(&path).await.expect(200)), json!([phone(1)]));
        let changed = program.post(&update, all).await.expect(200);
        assert_eq!(people(&changed), json!([phone(1), phone(2)]));
        let live = program.keys(&format!("{of_second}&excludeStates=expired"), 10).await;
        assert_eq!(live.len(), 2, "{live:?}");
    })
    .await;
}

/// What twenty callers at once are answered, each with the number of its caller.
async fn twenty<F>(
    program: &std::sync::Arc<Unloc>,
    call: fn(std::sync::Arc<Unloc>, String, usize) -> F,
    path: &str,
) -> Vec<(usize, Answer)>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..20 {
        let (program, path) = (program.clone(), path.to_owned());
        callers.spawn(async move { (caller, call(program, path, caller).await) });
    }
    callers.join_all().await
}

/// Those who won; everybody else was told that the group is busy.
fn winners(answers: Vec<(usize, Answer)>, status: u16) -> Vec<(usize, Answer)> {
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(_, answer)| answer.status == status);
    for (_, answer) in &lost {
        refused(answer, 409, &[]);
        assert_eq!(answer.header("retry-after"), "1", "{}", answer.text);
    }
    assert!(!won.is_empty() && !lost.is_empty(), "{} of 20 won", won.len());
    won
}

/// The fifty people that one of twenty callers adds.
fn fifty(caller: usize) -> Vec<String> {
    (0..50).map(|person| phone(1000 * (caller + 1) + person)).collect()
}

#[tokio::test]
async fn of_twenty_who_change_accesses_the_losers_are_told_at_once() {
    on_each_engine(|world| async move {
        let program = std::sync::Arc::new(Unloc::at(&world).await);
        let doors = locks(&program, 2).await;
        let group = program.group("Staff", &refs(&doors), &[]).await;
        let path = format!("/access-groups/{}/update-accesses", id(&group));
        let add = |program: std::sync::Arc<Unloc>, path: String, caller: usize| async move {
            program.post(&path, json!({ "appUserIdsToAdd": fifty(caller) })).await
        };
        let mut wanted = Vec::new();
        for (caller, answer) in winners(twenty(&program, add, &path).await, 200) {
            let shown = texts(&answer.body["accessGroup"]["appUserIds"]);
            assert!(fifty(caller).iter().all(|person| shown.contains(&&**person)));
            wanted.extend(fifty(caller));
        }
        let group = program.get(&format!("/access-groups/{}", id(&group))).await.expect(200);
        let mut there = texts(&group["accessGroup"]["appUserIds"]);
        there.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(there, wanted, "those of the winners, and nobody else");
        // Nobody holds it any more.
        program.post(&path, json!({ "appUserIdsToRemove": [] })).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn changes_of_accesses_renaming_and_deleting_exclude_each_other_in_one_group_only() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let doors = locks(&program, 1).await;
        let other = program.group("Other", &refs(&doors), &[]).await;
        let other = format!("/access-groups/{}/update-accesses", id(&other));
        let call = async |path: &str, what: &str| match what {
            "accesses" => {
                let path = format!("{path}/update-accesses");
                program.post(&path, json!({ "appUserIdsToAdd": [phone(2)] })).await
            }
            "rename" => program.patch(path, json!({ "name": "Renamed" })).await,
            _ => program.delete(path).await,
        };
        let all = [("accesses", 200), ("rename", 200), ("delete", 204)];
        for (first, status) in all {
            for (second, _) in all {
                let group = program.group("Staff", &refs(&doors), &[&phone(1)]).await;
                let path = format!("/access-groups/{}", id(&group));
                let add = program.post(&other, json!({ "appUserIdsToAdd": [phone(3)] }));
                let (won, lost, beside) =
                    tokio::join!(call(&path, first), call(&path, second), add);
                assert_eq!(won.status, status, "{first} beside {second}: {}", won.text);
                refused(&lost, 409, &[]);
                assert_eq!(lost.header("retry-after"), "1", "{second} beside {first}");
                beside.expect(200);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_merges_with_what_was_changed_meanwhile_is_told_when_to_try_again() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let group = program.group("Staff", &[], &[]).await;
        let path = format!("/access-groups/{}", id(&group));
        let native = format!("/access-levels/{}", id(&group));
        for (body, status) in [
            (json!({ "metadata": { "a": "1" } }), 409),
            (json!({ "allowKeySharing": true }), 409),
            // What is merged with nothing undoes nothing.
            (json!({ "description": "Who works here" }), 200),
        ] {
            let natively = json!({ "name": format!("Beside {status}") });
            let natively = program.it.patch(&native, natively);
            let (natively, here) = tokio::join!(natively, program.patch(&path, body.clone()));
            natively.expect(200);
            if status == 409 {
                refused(&here, 409, &[]);
                assert_eq!(here.header("retry-after"), "1", "{body}");
            }
            assert_eq!(here.status, status, "{body}: {}", here.text);
        }
    })
    .await;
}

#[tokio::test]
async fn of_twenty_who_rename_or_delete_a_group_the_losers_are_told_at_once() {
    on_each_engine(|world| async move {
        let program = std::sync::Arc::new(Unloc::at(&world).await);
        let doors = locks(&program, 1).await;
        let group = program.group("Staff", &refs(&doors), &[&phone(1)]).await;
        let path = format!("/access-groups/{}", id(&group));
        let rename = |program: std::sync::Arc<Unloc>, path: String, caller: usize| async move {
            program.patch(&path, json!({ "metadata": { format!("by {caller}"): "x" } })).await
        };
        let won = winners(twenty(&program, rename, &path).await, 200);
        let shown = program.get(&path).await.expect(200)["accessGroup"]["metadata"].clone();
        let wanted: std::collections::BTreeSet<String> =
            won.iter().map(|(caller, _)| format!("by {caller}")).collect();
        let there = shown.as_object().unwrap().keys().cloned().collect();
        assert_eq!(wanted, there, "the changes of those who won, and no other");

        let delete = |program: std::sync::Arc<Unloc>, path: String, _| async move {
            program.delete(&path).await
        };
        assert_eq!(winners(twenty(&program, delete, &path).await, 204).len(), 1);
        refused(&program.get(&path).await, 404, &[]);
        assert_eq!(program.keys("&excludeStates=revoked", 10).await, [] as [Value; 0]);
    })
    .await;
}
