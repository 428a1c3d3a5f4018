//! Access levels: locks replaced, people put in and taken out, errors that point at the entry.

use serde_json::{Value, json};

use crate::kit::{field, invalid, one, pointers, texts};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn locks_are_replaced_as_a_set() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (a, b, c) = (it.lock("A").await, it.lock("B").await, it.lock("C").await);
        let body = json!({
            "name": "Staff", "external_id": "s", "description": "d", "api_enabled": true,
            "allow_sharing": true, "metadata": {"x": 1}, "lock_ids": [id(&a), id(&b)],
            "schedule": {"time_zone": "Etc/UTC", "weekly": [
                {"days": ["mon", "sun"], "from": "22:00", "to": "06:00"}], "exceptions": [
                {"date": "2031-12-24", "windows": []}]},
        });
        let made = it.made("/access-levels", body.clone()).await;
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(made[name], *value, "{name}");
        }
        assert_eq!(made["people_count"], 0);
        let path = one("/access-levels", &made);
        assert_eq!(it.get("/access-levels/external:s").await, made);
        let renamed = it.patch(&path, json!({"name": "Crew"})).await.expect(200);
        assert_eq!(renamed["lock_ids"], made["lock_ids"], "absent stays");
        let moved = it.patch(&path, json!({"lock_ids": [id(&c), id(&b)]})).await.expect(200);
        let mut locks = texts(&moved["lock_ids"]);
        locks.sort_unstable();
        let mut wanted = vec![id(&b), id(&c)];
        wanted.sort_unstable();
        assert_eq!(locks, wanted);
        let listed = it.list(&format!("{path}/locks")).await;
        assert_eq!(field(&listed, "name"), ["B", "C"], "in the order they were put in");
        let bare = it.put("/access-levels/external:s", json!({"name": "Crew"})).await.expect(200);
        assert_eq!((&bare["lock_ids"], &bare["schedule"]), (&json!([]), &json!(null)));
        assert_eq!((&bare["api_enabled"], &bare["metadata"]), (&json!(false), &json!(null)));

        let before = world.revisions().await;
        let wrong = json!({"lock_ids": [id(&a), id(&made), "external:none"]});
        invalid(it.patch(&path, wrong).await, &["/lock_ids/1", "/lock_ids/2"]);
        invalid(it.patch(&path, json!({"lock_ids": [id(&a), id(&a)]})).await, &["/lock_ids/1"]);
        invalid(it.patch(&path, json!({"lock_ids": null})).await, &["/lock_ids"]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn modify_takes_ids_external_ids_addresses_and_numbers() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (a, b) = (it.lock("A").await, it.lock("B").await);
        it.patch(&one("/locks", &b), json!({"external_id": "b"})).await.expect(200);
        let level = it.level("Staff", &[&a]).await;
        let path = one("/access-levels", &level);
        let ann = it.person("Ann").await;
        let bo = it.made("/people", json!({"external_id": "bo", "phone": "+4670000001"})).await;
        let cleo = it.person("Cleo").await;
        let body = json!({
            "add_people": [id(&ann), "external:bo", "CLEO@example.org", "new@example.org",
                "+4670000002"],
            "add_locks": ["external:b"], "remove_locks": [id(&a)],
        });
        let changed = it.post(&format!("{path}/modify"), body.clone()).await.expect(200);
        assert_eq!((&changed["people_count"], &changed["lock_ids"]), (&json!(5), &json!([id(&b)])));
        let people = it.list("/people").await;
        assert_eq!(people.len(), 5, "two were made");
        assert_eq!(
            (&people[3]["email"], &people[4]["phone"]),
            (&json!("new@example.org"), &json!("+4670000002"))
        );
        let grants = it.list(&format!("{path}/grants")).await;
        let holders: Vec<&Value> = grants.iter().map(|it| &it["subject"]["person_id"]).collect();
        let wanted: Vec<&Value> =
            [&ann, &bo, &cleo, &people[3], &people[4]].iter().map(|it| &it["id"]).collect();
        assert_eq!(holders, wanted);
        assert!(
            grants
                .iter()
                .all(|it| it["source"] == json!({"kind": "access_level", "via": "native"}))
        );

        // Who has an open grant without window is left alone; who has none any more is no error.
        let again = json!({"add_people": ["ann@example.org", "+4670000001"]});
        it.post(&format!("{path}/modify"), again).await.expect(200);
        assert_eq!(it.list(&format!("{path}/grants")).await.len(), 5);
        let windowed = json!({"subject": {"person_id": id(&ann)},
            "target": {"access_level_id": id(&level)}, "valid_until": "2090-01-01T00:00:00Z"});
        it.made("/grants", windowed).await;
        let gone = json!({"remove_people": [id(&ann), "+4670000001", "cleo@example.org"]});
        let changed = it.post(&format!("{path}/modify"), gone).await.expect(200);
        assert_eq!(changed["people_count"], 2);
        assert_eq!(it.list(&format!("{path}/grants")).await.len(), 2, "all of Ann's closed");
        let shown = it.get(&one("/grants", &grants[0])).await;
        assert_eq!(shown["closed_reason"], "removed");
    })
    .await;
}

#[tokio::test]
async fn modify_is_all_or_nothing_and_points_at_every_wrong_entry() {
    on_each_engine(|world| async move {
        let it = world.here();
        let a = it.lock("A").await;
        let level = it.level("Staff", &[]).await;
        let modify = format!("{}/modify", one("/access-levels", &level));
        let ann = it.person("Ann").await;
        let before = world.revisions().await;
        let body = json!({
            "add_people": [id(&ann), "x@example.org", "+4670000001", id(&a), "external:none"],
            "remove_people": ["nobody@example.org"], "add_locks": [id(&a), id(&ann)],
        });
        let wanted = ["/add_people/3", "/add_people/4", "/remove_people/0", "/add_locks/1"];
        let problem = it.post(&modify, body).await.problem(404, "not_found");
        let mut found = pointers(&problem);
        found.sort_unstable();
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        let both = json!({"add_people": [id(&ann)], "remove_people": ["ANN@example.org"],
            "add_locks": [id(&a)], "remove_locks": [id(&a)]});
        let problem = it.post(&modify, both).await.problem(422, "invalid");
        assert_eq!(pointers(&problem), ["/add_locks/0", "/add_people/0"], "{problem}");
        invalid(it.post(&modify, json!({})).await, &[""]);
        invalid(
            it.post(&modify, json!({"add_people": ["ann", "+46 70"]})).await,
            &["/add_people/0", "/add_people/1"],
        );
        assert_eq!(world.revisions().await, before, "not even the new people");
    })
    .await;
}

#[tokio::test]
async fn deleting_a_level_takes_its_access_and_no_other() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, a, b) = (it.person("Ann").await, it.lock("A").await, it.lock("B").await);
        it.card(&ann, "a1").await;
        let level = it.level("Staff", &[&a, &b]).await;
        let through = it.level_grant(&ann, &level).await;
        it.grant(&ann, &b).await;
        assert!(it.opens(&a, "a1").await && it.opens(&b, "a1").await);
        assert_eq!(it.get(&one("/access-levels", &level)).await["people_count"], 1);
        it.delete(&one("/access-levels", &level)).await.expect(204);
        it.missing(&one("/access-levels", &level)).await;
        assert!(!it.opens(&a, "a1").await);
        assert!(it.opens(&b, "a1").await, "the direct right is another source");
        let closed = it.get(&one("/grants", &through)).await;
        assert_eq!(closed["closed_reason"], "target_deleted");
        assert_eq!(closed["target"], json!({"access_level_id": level["id"]}));
    })
    .await;
}

#[tokio::test]
async fn a_level_of_credentials_counts_their_people() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, a) = (it.person("Ann").await, it.lock("A").await);
        let (first, second) = (it.card(&ann, "a1").await, it.card(&ann, "a2").await);
        let level = it.level("Staff", &[&a]).await;
        for card in [&first, &second] {
            let body = json!({"subject": {"credential_id": id(card)},
                "target": {"access_level_id": id(&level)}});
            it.made("/grants", body).await;
        }
        assert_eq!(it.get(&one("/access-levels", &level)).await["people_count"], 1);
        assert!(it.opens(&a, "a1").await && it.opens(&a, "a2").await);
        let remote = json!({"lock_id": id(&a), "person_id": id(&ann), "record": false});
        assert_eq!(it.decide(remote).await["result"], "denied", "the grants are the cards' own");
    })
    .await;
}
