//! People: made, found, changed, suspended, exported, deleted.

use serde_json::{Value, json};

use crate::kit::{field, one, person_to_lock, pointers};
use crate::login::{Browser, PASSWORD, mails, secret_of};
use crate::support::{id, on_each_engine};

fn whole() -> Value {
    json!({
        "external_id": "hr:7", "first_name": "Åsa", "last_name": "Öberg", "display_name": "Åsa Ö",
        "email": "Asa@Example.org", "phone": "+46701234567",
        "identity": {"provider": "entra", "subject": "s-1", "identifier": "ASA"},
        "employee_number": "0007", "language": "sv", "tags": ["night", "day"],
        "note": "two\nlines", "role": "guest", "metadata": {"b": 1, "a": [null, {"x": 0.5}]},
    })
}

#[tokio::test]
async fn a_person_is_kept_as_written_and_changed_field_by_field() {
    on_each_engine(|world| async move {
        let it = world.here();
        let answer = it.post("/people", whole()).await;
        let (location, tag) =
            (answer.header("location").to_owned(), answer.header("etag").to_owned());
        let revision = answer.header("claviger-revision").to_owned();
        let made = answer.expect(201);
        for (name, value) in whole().as_object().unwrap() {
            assert_eq!(made[name], *value, "{name}");
        }
        assert_eq!((made["number"].as_u64(), made["state"].as_str()), (Some(1), Some("active")));
        assert_eq!(location, it.at(&one("/people", &made)));
        assert_eq!(made["revision"].to_string(), revision);
        assert!(tag.starts_with(&format!("\"r{revision}-")), "{tag}");
        assert_eq!(it.get(&one("/people", &made)).await, made);
        assert_eq!(it.get("/people/external:hr:7").await, made, "an external id is an id");

        let path = one("/people", &made);
        let changed = it.patch(&path, json!({"note": null, "tags": ["day"]})).await.expect(200);
        let mut wanted = made.clone();
        (wanted["note"], wanted["tags"]) = (json!(null), json!(["day"]));
        for name in ["updated_at", "revision"] {
            wanted[name] = changed[name].clone();
        }
        assert_eq!(changed, wanted, "an absent field stays, null clears");
        assert!(changed["revision"].as_u64() > made["revision"].as_u64());

        let stale = it.matching("PATCH", &path, &tag, Some(json!({"note": "x"}))).await;
        stale.problem(412, "stale");
        let now = format!("\"r{}-whatever\"", changed["revision"]);
        it.matching("PATCH", &path, &now, Some(json!({"note": "x"}))).await.expect(200);
        let read = it.actor.get(&it.at(&path)).await;
        let tag = read.header("etag").to_owned();
        let again = it.actor.send("GET", &it.at(&path), &[("if-none-match", &tag)], None).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));

        it.delete(&path).await.expect(204);
        it.missing(&path).await;
        it.missing("/people/external:hr:7").await;
        assert_eq!(it.list("/people").await, Vec::<Value>::new());
        let second = it.post("/people", whole()).await.expect(201);
        assert_eq!(second["number"], 2, "values are free again, numbers are not");
    })
    .await;
}

#[tokio::test]
async fn put_by_external_id_creates_then_replaces_with_defaults() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut body = whole();
        body.as_object_mut().unwrap().remove("external_id");
        let made = it.put("/people/external:hr:7", body.clone()).await.expect(201);
        assert_eq!(made["external_id"], "hr:7");
        let bare = it.put("/people/external:hr:7", json!({"first_name": "A"})).await.expect(200);
        assert_eq!((&bare["id"], &bare["number"]), (&made["id"], &made["number"]));
        for name in ["last_name", "email", "phone", "identity", "note", "metadata", "language"] {
            assert_eq!(bare[name], json!(null), "{name} is absent and so has its default");
        }
        assert_eq!((&bare["tags"], &bare["first_name"]), (&json!([]), &json!("A")));
        let other = it.put("/people/external:hr:7", json!({"external_id": "hr:8"})).await;
        assert_eq!(pointers(&other.problem(422, "invalid")), ["/external_id"]);
        let by_id = it.put(&one("/people", &made), json!({})).await;
        by_id.problem(404, "not_found");
        assert_eq!(it.list("/people").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn addresses_and_identities_belong_to_one_live_person() {
    on_each_engine(|world| async move {
        let it = world.here();
        it.made("/people", whole()).await;
        let clashes = [
            ("/external_id", json!({"external_id": "hr:7"})),
            ("/email", json!({"email": "aSA@example.ORG"})),
            ("/phone", json!({"phone": "+46701234567"})),
            ("/identity", json!({"identity": {"provider": "entra", "subject": "s-1"}})),
            ("/identity", json!({"identity": {"provider": "entra", "identifier": "asa"}})),
        ];
        let before = world.revisions().await;
        for (pointer, body) in clashes {
            let problem = it.post("/people", body).await.problem(409, "taken");
            assert_eq!(pointers(&problem), [pointer]);
        }
        let two = json!({"email": "asa@example.org", "phone": "+46701234567"});
        let problem = it.post("/people", two).await.problem(409, "taken");
        assert_eq!(pointers(&problem), ["/email", "/phone"], "both at once");
        assert_eq!(world.revisions().await, before, "nothing is stored");
        // The subject is compared exactly, and another provider knows other people.
        it.made("/people", json!({"identity": {"provider": "entra", "subject": "S-1"}})).await;
        it.made("/people", json!({"identity": {"provider": "okta", "subject": "s-1"}})).await;
    })
    .await;
}

#[tokio::test]
async fn lists_filter_and_page_in_order_of_number() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut made = Vec::new();
        for name in ["Ann", "Bo", "Cleo", "Dan", "Eva"] {
            made.push(it.person(name).await);
        }
        it.patch(&one("/people", &made[1]), json!({"phone": "+4670000001", "external_id": "b"}))
            .await
            .expect(200);
        it.acted(&format!("{}/suspend", one("/people", &made[3]))).await;
        let found = it.all("/people", 2).await;
        assert_eq!(field(&found, "id"), field(&made, "id"));
        for (filter, wanted) in [
            ("email=CLEO@example.org", 2),
            ("phone=%2B4670000001", 1),
            ("external_id=b", 1),
            ("state=suspended", 3),
        ] {
            let found = it.list(&format!("/people?{filter}")).await;
            assert_eq!(field(&found, "id"), [&made[wanted]["id"]], "{filter}");
        }
        assert_eq!(it.list("/people?state=active").await.len(), 4);
        assert_eq!(it.list("/people?email=nobody@example.org").await.len(), 0);
        let both = it.list("/people?email=cleo@example.org&external_id=b").await;
        assert_eq!(both.len(), 0, "every filter must hold");
        let wrong = it.actor.get(&it.at("/people?stat=active&limit=0")).await;
        assert_eq!(pointers(&wrong.problem(422, "invalid")), ["?stat", "?limit"]);
        let foreign = it.get("/people?limit=1").await["next"].as_str().unwrap().to_owned();
        let foreign = it.actor.get(&it.at(&format!("/locks?after={foreign}"))).await;
        assert_eq!(pointers(&foreign.problem(422, "invalid")), ["?after"]);
    })
    .await;
}

#[tokio::test]
async fn suspending_takes_access_and_resuming_gives_it_back() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        it.card(&ann, "a1").await;
        let grant = it.grant(&ann, &door).await;
        let path = one("/people", &ann);
        let held = it.list(&format!("{path}/access")).await;
        let row = json!({
            "person_id": ann["id"], "credential_id": null, "lock_id": door["id"],
            "grant_ids": [grant["id"]], "opens": true, "reasons": [],
        });
        assert_eq!(held, std::slice::from_ref(&row));
        for _ in 0..2 {
            let shown = it.acted(&format!("{path}/suspend")).await;
            assert_eq!((&shown["id"], shown["state"].as_str()), (&ann["id"], Some("suspended")));
        }
        assert!(!it.opens(&door, "a1").await);
        let held = it.list(&format!("{path}/access")).await;
        assert_eq!(held[0]["reasons"], json!(["person_suspended"]));
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "inactive");
        let resumed = it.post(&format!("{path}/resume"), json!({"reason": "back"})).await;
        assert_eq!(resumed.expect(200)["state"], "active");
        assert_eq!(it.list(&format!("{path}/access")).await, [row]);
        assert!(it.opens(&door, "a1").await);
    })
    .await;
}

#[tokio::test]
async fn an_export_holds_all_and_a_deletion_leaves_nothing_that_opens() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.made("/people", whole()).await, it.lock("Front door").await);
        let card = it.card(&ann, "a1").await;
        let closed = it.grant(&ann, &door).await;
        it.acted(&format!("{}/revoke", one("/grants", &closed))).await;
        let open = it.grant(&ann, &door).await;
        let own =
            json!({"subject": {"credential_id": id(&card)}, "target": {"lock_id": id(&door)}});
        let own = it.made("/grants", own).await;
        it.present(&door, "a1").await;
        let path = one("/people", &ann);
        let export = it.get(&format!("{path}/export")).await;
        assert_eq!((&export["person"], &export["account_id"]), (&ann, &json!(null)));
        assert_eq!(field(export["credentials"].as_array().unwrap(), "id"), [&card["id"]]);
        let grants = field(export["grants"].as_array().unwrap(), "id");
        assert_eq!(grants, [&closed["id"], &open["id"], &own["id"]]);
        assert_eq!(export["events"][0]["person_id"], ann["id"]);
        // What was done to her, to her card and to her rights, in order.
        let changes = export["changes"].as_array().unwrap();
        let told: Vec<(&str, &Value)> =
            changes.iter().map(|it| (it["verb"].as_str().unwrap(), &it["object_id"])).collect();
        let wanted = [
            ("create", &ann["id"]),
            ("create", &card["id"]),
            ("create", &closed["id"]),
            ("revoke", &closed["id"]),
            ("create", &open["id"]),
            ("create", &own["id"]),
        ];
        assert_eq!(told, wanted);
        assert_eq!((&export["invitation"], &export["devices"]), (&json!(null), &json!([])));

        it.delete(&path).await.expect(204);
        for gone in [&path, &one("/credentials", &card), &format!("{path}/export")] {
            it.missing(gone).await;
        }
        assert_eq!(it.list("/grants").await, Vec::<Value>::new());
        for grant in [&open, &own] {
            let shown = it.get(&one("/grants", grant)).await;
            assert_eq!(shown["closed_reason"], "subject_deleted");
            assert_eq!(shown["state"], "revoked");
            assert_eq!(shown["subject"], grant["subject"], "whose it was is still an id");
        }
        assert_eq!(it.present(&door, "a1").await["reasons"][0]["code"], "credential_unknown");
        let again = it.post("/grants", person_to_lock(&ann, &door)).await;
        assert_eq!(pointers(&again.problem(404, "not_found")), ["/subject/person_id"]);
    })
    .await;
}

#[tokio::test]
async fn an_export_has_what_is_hidden_and_what_a_stand_in_stands_for_and_nobody_elses() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo, door) =
            (it.person("Ann").await, it.person("Bo").await, it.lock("Door").await);
        it.card(&ann, "a1").await;
        it.card(&bo, "b1").await;
        let path = format!("{}/export", one("/people", &ann));
        for privacy in ["hidden", "pseudonym", "anonymous", "none", "full"] {
            let wish = json!({"privacy": privacy});
            it.patch(&one("/locks", &door), wish).await.expect(200);
            for card in ["a1", "b1"] {
                it.present(&door, card).await;
            }
        }
        let shown = it.list("/events").await;
        let export = it.get(&path).await;
        let events = export["events"].as_array().unwrap();
        let whose: Vec<(bool, bool)> = events
            .iter()
            .map(|event| (event["person_id"] == ann["id"], event["pseudonym"].is_string()))
            .collect();
        assert_eq!(whose, [(true, false), (false, true), (true, false)], "{export}");
        assert!(shown.iter().all(|event| event["id"] != events[0]["id"]), "no list has it");
        assert!(!export.to_string().contains(id(&bo)), "{export}");
        // Whoever may not read the trail is not told what it holds.
        let me = world.admin.get("/api/v1/me").await.expect(200);
        let mut scopes = crate::kit::texts(&me["scopes"]);
        scopes.retain(|scope| !scope.starts_with("changes:"));
        let manager = it.seen_by(&world.admin.makes_key(&scopes, &[&it.place]).await);
        manager.actor.get(&it.at(&path)).await.problem(403, "forbidden_scope");
    })
    .await;
}

#[tokio::test]
async fn an_export_names_the_phones_that_hold_keys_and_the_keys() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = crate::offline::door::Door::at(&it, "Shed", 31).await;
        let ann = it.person("Ann").await;
        it.grant(&ann, &door.shown).await;
        let mut phone = crate::offline::phone::Phone::of(&it, &ann).await;
        phone.sync().await;
        door.answers(&phone);
        let export = it.get(&format!("{}/export", one("/people", &ann))).await;
        let (devices, keys) = (&export["devices"], &export["offline_keys"]);
        assert_eq!(devices.as_array().unwrap().len(), 1, "{export}");
        assert_eq!(devices[0]["device_id"], export["credentials"][0]["id"]);
        assert_eq!(keys.as_array().unwrap().len(), 1, "{export}");
        assert_eq!((&keys[0]["lock_id"], &keys[0]["refused"]), (&door.shown["id"], &json!(false)));
        assert_eq!(keys[0]["device_id"], devices[0]["device_id"]);
        assert!(keys[0]["issued_at"].as_str() < keys[0]["expires_at"].as_str());
    })
    .await;
}

#[tokio::test]
async fn whoever_logs_in_reads_what_is_theirs_and_nobody_elses() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut browsers = Vec::new();
        let door = it.lock("Door").await;
        for (turn, name) in ["Ann", "Bo"].into_iter().enumerate() {
            let email = format!("{name}@example.org");
            let body = json!({"first_name": name, "email": email, "invite": true});
            let person = it.made("/people", body).await;
            it.grant(&person, &door).await;
            let told = mails(&world, turn + 1).await;
            let told = told.iter().find(|mail| mail.contains(&email)).unwrap();
            let body = json!({"secret": secret_of(told), "password": PASSWORD});
            let answer = world.nobody().post("/api/v1/account/invitation", body).await;
            browsers.push((Browser::of(&world, &answer), person));
        }
        let (ann, person) = &browsers[0];
        let shown = ann.get(&it.at("/me")).await.expect(200);
        assert_eq!((&shown["id"], &shown["role"]), (&person["id"], &json!("guest")));
        let access = ann.get(&it.at("/me/access")).await.expect(200);
        let natively = it.get(&format!("{}/access", one("/people", person))).await;
        assert_eq!(access, natively);
        it.decide(json!({"lock_id": id(&door), "person_id": id(person)})).await;
        let export = ann.get(&it.at("/me/export")).await.expect(200);
        assert_eq!(export, it.get(&format!("{}/export", one("/people", person))).await);
        assert_eq!(export["events"].as_array().unwrap().len(), 1);
        assert!(!export.to_string().contains(id(&browsers[1].1)), "{export}");
        // Nothing but what is theirs, and nothing of another place.
        for path in [one("/people", person), one("/people", &browsers[1].1), "/people".to_owned()] {
            ann.get(&it.at(&path)).await.problem(403, "forbidden_scope");
        }
        let other = it.neighbour("Next door").await;
        for path in ["/me", "/me/access", "/me/export"] {
            ann.get(&other.at(path)).await.problem(404, "not_found");
            it.missing(path).await;
            world.nobody().get(&it.at(path)).await.problem(401, "unauthorized");
        }
        // It costs more than most, and is anybody's.
        let bo = &browsers[1].0;
        for _ in 0..10 {
            bo.get(&it.at("/me/export")).await.expect(200);
        }
        bo.get(&it.at("/me/export")).await.problem(429, "too_many_requests");
        ann.get(&it.at("/me/export")).await.expect(200);
        it.acted(&format!("{}/suspend", one("/people", person))).await;
        ann.get(&it.at("/me/export")).await.problem(404, "not_found");
    })
    .await;
}
