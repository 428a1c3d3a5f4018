//! Grants: subjects and targets, windows, revocation, PUT, batches and their operations.

use serde_json::{Value, json};

use crate::kit::{field, in_seconds, invalid, one, person_to_lock, pointers, reasons};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn every_form_of_subject_and_target() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        let card = it.card(&ann, "a1").await;
        let level = it.level("Staff", &[&door]).await;
        it.patch(&one("/people", &ann), json!({"external_id": "ann"})).await.expect(200);
        it.patch(&one("/locks", &door), json!({"external_id": "door"})).await.expect(200);
        let door_target = json!({"lock_id": door["id"]});
        for (subject, target, shown_subject) in [
            (json!({"person_id": id(&ann)}), door_target.clone(), json!({"person_id": ann["id"]})),
            (
                json!({"person_id": "external:ann"}),
                json!({"lock_id": "external:door"}),
                json!({"person_id": ann["id"]}),
            ),
            (
                json!({"email": "ANN@example.org"}),
                door_target.clone(),
                json!({"person_id": ann["id"]}),
            ),
            (
                json!({"credential_id": id(&card)}),
                door_target.clone(),
                json!({"credential_id": card["id"]}),
            ),
        ] {
            let made = it.made("/grants", json!({"subject": subject, "target": target})).await;
            assert_eq!((&made["subject"], &made["target"]), (&shown_subject, &door_target));
            assert_eq!((&made["right"], &made["state"]), (&json!("open"), &json!("active")));
            assert_eq!(made["source"], json!({"kind": "direct", "via": "native"}));
            for name in [
                "valid_from",
                "valid_until",
                "schedule",
                "closed_at",
                "closed_reason",
                "revocation",
            ] {
                assert_eq!(made[name], json!(null), "{name}");
            }
            assert_eq!(it.get(&one("/grants", &made)).await, made);
        }
        let level_target = json!({"access_level_id": level["id"]});
        let made =
            json!({"subject": {"phone": "+46701234567"}, "target": level_target, "right": "share"});
        let made = it.made("/grants", made).await;
        assert_eq!((&made["target"], &made["right"]), (&level_target, &json!("share")));
        let people = it.list("/people").await;
        assert_eq!((people.len(), &people[1]["phone"]), (2, &json!("+46701234567")));
        assert_eq!(made["subject"]["person_id"], people[1]["id"], "made in the same transaction");

        for (filter, count) in [
            (format!("person_id={}", id(&ann)), 3),
            (format!("credential_id={}", id(&card)), 1),
            ("lock_id=external:door".to_owned(), 4),
            (format!("access_level_id={}", id(&level)), 1),
            (format!("person_id={}&access_level_id={}", id(&ann), id(&level)), 0),
        ] {
            assert_eq!(it.all(&format!("/grants?{filter}"), 2).await.len(), count, "{filter}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_share_right_never_opens() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        it.card(&ann, "a1").await;
        let mut body = person_to_lock(&ann, &door);
        body["right"] = json!("share");
        it.made("/grants", body).await;
        assert_eq!(reasons(&it.present(&door, "a1").await), ["no_grant"]);
        assert_eq!(it.list(&format!("{}/access", one("/locks", &door))).await, Vec::<Value>::new());
    })
    .await;
}

#[tokio::test]
async fn windows_are_half_open_ordered_and_patched_by_their_ends() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        it.card(&ann, "a1").await;
        let (from, until) = ("2031-06-01T10:00:00.25+02:00", "2031-06-01T09:00:00Z");
        let mut body = person_to_lock(&ann, &door);
        (body["valid_from"], body["valid_until"]) = (json!(from), json!(until));
        let made = it.made("/grants", body.clone()).await;
        assert_eq!(made["valid_from"], "2031-06-01T08:00:00.250000Z", "in UTC, six digits");
        assert_eq!((&made["valid_until"], &made["state"]), (&json!(until), &json!("scheduled")));
        for (at, wanted) in [
            ("2031-06-01T08:00:00.249999Z", vec!["grant_not_yet_valid"]),
            ("2031-06-01T08:00:00.25Z", vec![]),
            ("2031-06-01T08:59:59.999999Z", vec![]),
            ("2031-06-01T09:00:00Z", vec!["grant_expired"]),
        ] {
            let card = json!({"bits": 56, "value": "a1"});
            let decision = it.decide(json!({"lock_id": id(&door), "card": card, "at": at})).await;
            assert_eq!(reasons(&decision), wanted, "{at}");
        }
        let path = one("/grants", &made);
        let before = world.revisions().await;
        (body["valid_from"], body["valid_until"]) = (json!(until), json!(until));
        invalid(it.post("/grants", body).await, &["/valid_until"]);
        invalid(
            it.patch(&path, json!({"valid_until": "2031-06-01T08:00:00Z"})).await,
            &["/valid_until"],
        );
        invalid(
            it.patch(&path, json!({"valid_from": "2031-06-01T09:00:00Z"})).await,
            &["/valid_until"],
        );
        assert_eq!(world.revisions().await, before);
        let moved = it.patch(&path, json!({"valid_from": null})).await.expect(200);
        assert_eq!((&moved["valid_from"], &moved["valid_until"]), (&json!(null), &json!(until)));
        assert_eq!(moved["state"], "active");
        let past = in_seconds(&world, -1);
        let over = it.patch(&path, json!({"valid_until": past})).await.expect(200);
        assert_eq!(over["state"], "expired");
        let fixed =
            it.patch(&path, json!({"subject": {"person_id": id(&ann)}, "right": "open"})).await;
        let problem = fixed.problem(422, "invalid");
        let mut found = pointers(&problem);
        found.sort_unstable();
        assert_eq!(found, ["/right", "/subject"]);
    })
    .await;
}

#[tokio::test]
async fn put_replaces_but_never_moves_a_grant() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (door, gate) = (it.lock("Front door").await, it.lock("Gate").await);
        let path = "/grants/external:g1";
        let mut body = person_to_lock(&ann, &door);
        body["valid_until"] = json!("2090-01-01T00:00:00Z");
        body["override_lockdown"] = json!(true);
        body["metadata"] = json!({"order": 7});
        let made = it.put(path, body.clone()).await.expect(201);
        assert_eq!((&made["external_id"], &made["metadata"]), (&json!("g1"), &json!({"order": 7})));
        let bare = it.put(path, person_to_lock(&ann, &door)).await.expect(200);
        assert_eq!(bare["id"], made["id"]);
        assert_eq!((&bare["valid_until"], &bare["metadata"]), (&json!(null), &json!(null)));
        assert_eq!(bare["override_lockdown"], false);
        let by_address =
            json!({"subject": {"email": "ann@example.org"}, "target": {"lock_id": id(&door)}});
        assert_eq!(it.put(path, by_address).await.expect(200)["id"], made["id"]);
        let before = world.revisions().await;
        let mut share = person_to_lock(&ann, &door);
        share["right"] = json!("share");
        let stranger =
            json!({"subject": {"email": "new@example.org"}, "target": {"lock_id": id(&door)}});
        for other in [person_to_lock(&bo, &door), person_to_lock(&ann, &gate), share, stranger] {
            let answer = it.put(path, other).await;
            assert_eq!(answer.status, 409, "{}", answer.text);
        }
        assert_eq!(world.revisions().await, before);
        // A closed grant has left its external id behind.
        it.acted("/grants/external:g1/revoke").await;
        it.missing(path).await;
        let next = it.put(path, person_to_lock(&bo, &door)).await.expect(201);
        assert_ne!(next["id"], made["id"]);
    })
    .await;
}

#[tokio::test]
async fn revoking_closes_once() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        it.card(&ann, "a1").await;
        let first = it.grant(&ann, &door).await;
        let second = it.grant(&ann, &door).await;
        let path = format!("{}/revoke", one("/grants", &first));
        let closed = it.post(&path, json!({"reason": "moved"})).await.expect(200);
        assert_eq!(
            (&closed["state"], &closed["closed_reason"]),
            (&json!("revoked"), &json!("revoked"))
        );
        assert!(closed["closed_at"].is_string());
        assert!(it.opens(&door, "a1").await, "the other right stands");
        let before = world.revisions().await;
        let again = it.acted(&path).await;
        assert_eq!((&again["closed_at"], &again["id"]), (&closed["closed_at"], &closed["id"]));
        assert_eq!(world.revisions().await, before, "nothing more to close");
        assert_eq!(it.get(&one("/grants", &first)).await["state"], "revoked");
        assert_eq!(field(&it.list("/grants").await, "id"), [&second["id"]]);
        let change = it.patch(&one("/grants", &first), json!({"valid_until": null})).await;
        change.problem(404, "not_found");
        let tag = format!("\"r{}-x\"", second["revision"].as_u64().unwrap() - 1);
        let stale = format!("{}/revoke", one("/grants", &second));
        it.matching("POST", &stale, &tag, Some(json!({}))).await.problem(412, "stale");
        it.acted(&format!("{}/revoke", one("/grants", &second))).await;
        assert!(!it.opens(&door, "a1").await);
        it.post("/grants/external:none/revoke", json!({})).await.problem(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_one_transaction_with_a_stored_result() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        let (old, other) = (it.grant(&ann, &door).await, it.grant(&ann, &door).await);
        let mut create: Vec<Value> = (0..3).map(|_| person_to_lock(&ann, &door)).collect();
        create.push(
            json!({"subject": {"email": "new@example.org"}, "target": {"lock_id": id(&door)}}),
        );
        create.push(
            json!({"subject": {"email": "NEW@example.org"}, "target": {"lock_id": id(&door)}}),
        );
        let body = json!({"create": create, "revoke": [id(&old)]});
        let operation = it.post("/grants/batch", body.clone()).await.expect(200);
        assert_eq!((&operation["state"], &operation["errors"]), (&json!("finished"), &json!([])));
        let results = operation["results"].as_array().unwrap();
        let statuses: Vec<(u64, u64)> = results
            .iter()
            .map(|it| (it["index"].as_u64().unwrap(), it["status"].as_u64().unwrap()))
            .collect();
        assert_eq!(statuses, [(0, 201), (1, 201), (2, 201), (3, 201), (4, 201), (5, 200)]);
        assert_eq!(results[5]["id"], old["id"]);
        assert_eq!(it.get(&format!("/operations/{}", id(&operation))).await, operation);
        assert_eq!(it.list("/people").await.len(), 2, "one address, one person");
        assert_eq!(it.list("/grants").await.len(), 6);
        let stranger = it.seen_by(&it.full_key().await);
        stranger.missing(&format!("/operations/{}", id(&operation))).await;

        let before = world.revisions().await;
        let mut late = person_to_lock(&ann, &door);
        late["valid_until"] = json!("2020-01-01T00:00:00Z");
        late["valid_from"] = json!("2021-01-01T00:00:00Z");
        let create = json!([
            person_to_lock(&ann, &door), late, {"target": {"lock_id": id(&door)}},
            person_to_lock(&door, &ann),
        ]);
        let problem =
            it.post("/grants/batch", json!({"create": create})).await.problem(422, "invalid");
        assert_eq!(pointers(&problem), ["/create/1/valid_until", "/create/2/subject"], "{problem}");
        // What only a look-up can tell is told together, too.
        let create = json!([
            person_to_lock(&ann, &door), person_to_lock(&door, &ann),
            {"subject": {"person_id": id(&ann)}, "target": {"access_level_id": id(&door)}},
        ]);
        let body = json!({"create": create, "revoke": [id(&old), id(&other)]});
        let problem = it.post("/grants/batch", body).await.problem(404, "not_found");
        let found = pointers(&problem);
        for wanted in
            ["/create/1/subject/person_id", "/create/2/target/access_level_id", "/revoke/0"]
        {
            assert!(found.contains(&wanted), "{wanted} {problem}");
        }
        invalid(it.post("/grants/batch", json!({})).await, &[""]);
        assert_eq!(world.revisions().await, before);
        assert_eq!(it.get(&one("/grants", &other)).await["state"], "active");
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_ten_thousand_is_taken_and_one_more_is_not() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        let body = |count| json!({"create": vec![person_to_lock(&ann, &door); count]});
        it.post("/grants/batch", body(10_001)).await.problem(422, "invalid");
        let operation = it.post("/grants/batch", body(10_000)).await.expect(200);
        assert_eq!(operation["results"].as_array().unwrap().len(), 10_000);
        let page = it.get("/grants?limit=1000").await;
        assert_eq!(
            (page["items"].as_array().unwrap().len(), &page["has_more"]),
            (1000, &json!(true))
        );
    })
    .await;
}

#[tokio::test]
async fn locks_that_ask_have_no_revocations_to_wait_for() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let grant = it.grant(&ann, &door).await;
        let closed = it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        assert_eq!((&closed["state"], &closed["revocation"]), (&json!("revoked"), &json!(null)));
        assert_eq!(it.list("/revocations").await, Vec::<Value>::new());
        it.missing(&format!("/revocations/{}", id(&grant))).await;
        let reader = it.seen_by(&it.key(&["locks:read"]).await);
        let refused = reader.actor.get(&it.at("/revocations")).await;
        refused.problem(403, "forbidden_scope");
    })
    .await;
}

#[tokio::test]
async fn who_opens_stands_on_one_page_whatever_is_taken_back_between_two() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (gate, door) = (it.lock("Gate").await, it.lock("Door").await);
        let mut grants = Vec::new();
        let mut people = Vec::new();
        for name in ["Ann", "Bo", "Cay", "Dan", "Eve", "Flo"] {
            let person = it.person(name).await;
            grants.push(it.grant(&person, &gate).await);
            people.push(person);
        }
        let card = it.card(&people[5], "77").await;
        let body =
            json!({"subject": {"credential_id": id(&card)}, "target": {"lock_id": id(&door)}});
        it.made("/grants", body).await;
        let flo = it.grant(&people[5], &door).await;
        let at_gate = format!("{}/access", one("/locks", &gate));
        let of_flo = format!("{}/access", one("/people", &people[5]));
        let whole = it.list(&of_flo).await;
        assert_eq!(whole.len(), 3, "at the gate, and at the door as herself and by her card");
        assert_eq!(it.all(&of_flo, 1).await, whole);
        assert_eq!(it.all(&at_gate, 2).await, it.list(&at_gate).await);

        for (path, first, others) in [
            (&at_gate, &grants[0], field(&people[3..], "id")),
            (&of_flo, &grants[5], vec![&people[5]["id"], &Value::Null]),
        ] {
            let limit = if *path == at_gate { 3 } else { 1 };
            let page = it.get(&format!("{path}?limit={limit}")).await;
            it.acted(&format!("{}/revoke", one("/grants", first))).await;
            let next = page["next"].as_str().unwrap();
            let rest = it.get(&format!("{path}?limit=100&after={next}")).await;
            let rest = rest["items"].as_array().unwrap();
            assert_eq!(field(rest, "person_id"), others, "{path}");
        }
        let answer = it.actor.get(&it.at(&format!("{at_gate}?after=Mw"))).await;
        invalid(answer, &["?after"]);
        it.acted(&format!("{}/revoke", one("/grants", &flo))).await;
    })
    .await;
}
