//! Keys: derived of grants and memberships, listed in order with no repeats and no gaps.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::kit::{Site, field, in_seconds, one, person_to_lock};
use crate::support::{id, on_each_engine};

fn ids(keys: &[Value]) -> Vec<&str> {
    keys.iter().map(id).collect()
}

async fn modify(it: &Site, level: &Value, body: Value) {
    it.post(&format!("{}/modify", one("/access-levels", level)), body).await.expect(200);
}

#[tokio::test]
async fn a_level_of_two_people_and_two_locks_has_four_keys() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (a, b) = (it.lock("A").await, it.lock("B").await);
        let level = it.level("Staff", &[&a, &b]).await;
        let direct = it.grant(&bo, &b).await;
        let first = it.level_grant(&ann, &level).await;
        let second = it.level_grant(&bo, &level).await;
        let keys = it.all("/keys", 2).await;
        let ends: Vec<(&Value, &Value, &Value, &Value)> = keys
            .iter()
            .map(|key| {
                (&key["grant_id"], &key["person_id"], &key["lock_id"], &key["access_level_id"])
            })
            .collect();
        let (level_id, none) = (&level["id"], &json!(null));
        let wanted = [
            (&direct["id"], &bo["id"], &b["id"], none),
            (&first["id"], &ann["id"], &a["id"], level_id),
            (&first["id"], &ann["id"], &b["id"], level_id),
            (&second["id"], &bo["id"], &a["id"], level_id),
            (&second["id"], &bo["id"], &b["id"], level_id),
        ];
        assert_eq!(ends, wanted);
        assert_eq!(keys[0]["id"], direct["id"], "a direct grant's key has its id");
        let distinct: BTreeSet<&str> = ids(&keys).into_iter().collect();
        assert_eq!(distinct.len(), 5);
        for key in &keys {
            assert_eq!(it.get(&one("/keys", key)).await, *key, "by its id");
            assert_eq!((&key["state"], &key["credential_id"]), (&json!("active"), none));
        }
        assert_eq!(id(&keys[1]).as_bytes()[14], b'8', "a UUIDv8: {}", id(&keys[1]));
        let world = world.restarted().await;
        assert_eq!(world.here().all("/keys", 3).await, keys, "the ids are not stored but the same");

        for (filter, wanted) in [
            (format!("lock_id={}", id(&b)), vec![0, 2, 4]),
            (format!("person_id={}", id(&bo)), vec![0, 3, 4]),
            (format!("access_level_id={}", id(&level)), vec![1, 2, 3, 4]),
            (
                format!("access_level_id={}&person_id={}&lock_id={}", id(&level), id(&ann), id(&a)),
                vec![1],
            ),
            ("state=revoked".to_owned(), vec![]),
        ] {
            let found = it.all(&format!("/keys?{filter}"), 1).await;
            let wanted: Vec<&str> = wanted.iter().map(|at| id(&keys[*at])).collect();
            assert_eq!(ids(&found), wanted, "{filter}");
        }
    })
    .await;
}

#[tokio::test]
async fn ids_that_unpack_to_nothing_are_not_there() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, a) = (it.person("Ann").await, it.lock("A").await);
        let level = it.level("Staff", &[&a]).await;
        it.level_grant(&ann, &level).await;
        let other = it.level("Other", &[&a]).await;
        it.grant(&ann, &a).await;
        let key = id(&it.list("/keys").await[0]).to_owned();
        it.missing(&format!("/keys/{}", id(&ann))).await;
        it.missing(&format!("/keys/{}", id(&other))).await;
        // Any one digit changed names another place, grant or membership, or nothing at all.
        for at in (0..key.len()).filter(|at| key.as_bytes()[*at] != b'-') {
            let mut changed = key.clone();
            let digit = if &key[at..=at] == "1" { "2" } else { "1" };
            changed.replace_range(at..=at, digit);
            it.missing(&format!("/keys/{changed}")).await;
        }
        let elsewhere = it.neighbour("Next door").await;
        elsewhere.missing(&format!("/keys/{key}")).await;
    })
    .await;
}

#[tokio::test]
async fn a_lock_taken_out_and_put_back_gives_new_keys_beside_the_old() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, a, b) = (it.person("Ann").await, it.lock("A").await, it.lock("B").await);
        let level = it.level("Staff", &[&a, &b]).await;
        let grant = it.level_grant(&ann, &level).await;
        let before = it.list("/keys").await;
        modify(&it, &level, json!({"remove_locks": [id(&a)]})).await;
        assert_eq!(it.get(&one("/keys", &before[0])).await["state"], "revoked");
        modify(&it, &level, json!({"add_locks": [id(&a)]})).await;
        let after = it.list("/keys").await;
        assert_eq!(field(&after, "lock_id"), [&a["id"], &b["id"], &a["id"]]);
        assert_eq!(field(&after, "state"), ["revoked", "active", "active"]);
        assert_eq!(ids(&after)[..2], ids(&before), "the old ones stay");
        // Who comes only now never held the closed one.
        let bo = it.person("Bo").await;
        it.level_grant(&bo, &level).await;
        let held = it.list(&format!("/keys?person_id={}", id(&bo))).await;
        assert_eq!(field(&held, "lock_id"), [&b["id"], &a["id"]]);
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        let closed = it.list(&format!("/keys?person_id={}", id(&ann))).await;
        assert_eq!(ids(&closed), ids(&after), "closed keys stay listed");
        assert_eq!(field(&closed, "state"), ["revoked", "revoked", "revoked"]);
        assert_eq!(it.list("/keys?state=revoked").await.len(), 3);
        assert_eq!(it.get(&one("/keys", &after[2])).await["state"], "revoked");
    })
    .await;
}

#[tokio::test]
async fn a_key_in_its_states() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, a) = (it.person("Ann").await, it.lock("A").await);
        let mut body = person_to_lock(&ann, &a);
        body["valid_from"] = json!(in_seconds(&world, 600));
        let scheduled = it.made("/grants", body.clone()).await;
        body["valid_from"] = json!(null);
        body["valid_until"] = json!(in_seconds(&world, -600));
        let expired = it.made("/grants", body).await;
        let active = it.grant(&ann, &a).await;
        let states = ["scheduled", "expired", "active"];
        assert_eq!(field(&it.list("/keys").await, "state"), states);
        it.acted(&format!("{}/suspend", one("/people", &ann))).await;
        let states = ["scheduled", "expired", "inactive"];
        assert_eq!(field(&it.list("/keys").await, "state"), states);
        for grant in [&scheduled, &expired, &active] {
            it.acted(&format!("{}/revoke", one("/grants", grant))).await;
        }
        let states = ["revoked", "expired", "revoked"];
        assert_eq!(field(&it.list("/keys").await, "state"), states, "closed before its end or not");
        for state in states {
            let found = it.list(&format!("/keys?state={state}")).await;
            assert!(found.iter().all(|key| key["state"] == state) && !found.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn pages_have_no_repeats_and_no_gaps_while_the_group_changes() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut locks = Vec::new();
        for number in 0..6 {
            locks.push(it.lock(&format!("Lock {number}")).await);
        }
        let level = it.level("Staff", &locks[..4].iter().collect::<Vec<_>>()).await;
        let people: Vec<String> = (0..8).map(|number| format!("p{number}@example.org")).collect();
        modify(&it, &level, json!({"add_people": people})).await;
        let before = it.list("/keys").await;
        assert_eq!(before.len(), 32);
        let mut seen: Vec<Value> = Vec::new();
        let mut after = String::new();
        for round in 0.. {
            let page = it.get(&format!("/keys?limit=5{after}")).await;
            seen.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
            let change = match round {
                0 => json!({"remove_people": [people[0], people[6]]}),
                1 => json!({"add_locks": [id(&locks[4])], "remove_locks": [id(&locks[1])]}),
                2 => json!({"add_people": ["late@example.org"]}),
                3 => json!({"add_locks": [id(&locks[1])], "add_people": [people[0]]}),
                _ => continue,
            };
            modify(&it, &level, change).await;
        }
        let listed: Vec<&str> = ids(&seen);
        let distinct: BTreeSet<&str> = listed.iter().copied().collect();
        assert_eq!(distinct.len(), listed.len(), "no key twice");
        for key in ids(&before) {
            assert!(distinct.contains(key), "{key} was there all the time and is not listed");
        }
        assert_eq!(it.all("/keys", 7).await, it.list("/keys").await);
    })
    .await;
}

#[tokio::test]
async fn a_filter_looks_past_many_closed_grants_that_do_not_fit() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (a, b) = (it.lock("A").await, it.lock("B").await);
        let level = it.level("Staff", &[&b]).await;
        let create = vec![person_to_lock(&ann, &a); 1100];
        let made = it.post("/grants/batch", json!({"create": create})).await.expect(200);
        let revoke: Vec<&str> = made["results"].as_array().unwrap().iter().map(id).collect();
        it.post("/grants/batch", json!({"revoke": revoke})).await.expect(200);
        let wanted = it.grant(&bo, &b).await;
        let through = it.level_grant(&bo, &level).await;
        let found = it.list(&format!("/keys?lock_id={}", id(&b))).await;
        assert_eq!(field(&found, "grant_id"), [&wanted["id"], &through["id"]]);
        let closed = it.all(&format!("/keys?lock_id={}", id(&a)), 300).await;
        assert_eq!(closed.len(), 1100);
        assert_eq!(it.all("/keys?state=active", 1).await.len(), 2);
        assert_eq!(it.list(&format!("/keys?person_id={}", id(&bo))).await.len(), 2);
    })
    .await;
}
