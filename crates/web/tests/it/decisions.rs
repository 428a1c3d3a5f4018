//! Decisions over HTTP: every reason, previews, postures, opening from afar, what is hidden.

use serde_json::{Value, json};

use crate::kit::{in_seconds, invalid, one, person_to_lock, pointers, reasons};
use crate::support::{id, on_each_engine};

fn card(value: &str) -> Value {
    json!({"bits": 56, "value": value})
}

#[tokio::test]
async fn every_condition_that_fails_is_told_in_order() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let badge = it.card(&ann, "a1").await;
        let (person, credential, lock) =
            (one("/people", &ann), one("/credentials", &badge), one("/locks", &door));
        let past = in_seconds(&world, -60);
        it.patch(&lock, json!({"pin": "always"})).await.expect(200);
        it.patch(&credential, json!({"state": "disabled", "valid_until": past})).await.expect(200);
        it.acted(&format!("{person}/suspend")).await;
        let posture = json!({"posture": "disabled", "lock_ids": [id(&door)]});
        it.post("/posture", posture).await.expect(200);
        let all = it.present(&door, "a1").await;
        let wanted = [
            "lock_disabled",
            "credential_disabled",
            "credential_expired",
            "person_suspended",
            "pin_not_set",
            "no_grant",
        ];
        assert_eq!(reasons(&all), wanted);
        assert_eq!(
            (&all["hint"], &all["opens_at"]),
            (&json!(null), &json!(null)),
            "no one change opens"
        );
        for reason in all["reasons"].as_array().unwrap() {
            assert!(reason["detail"].as_str().unwrap().ends_with('.'), "{reason}");
        }
        let posture = json!({"posture": "normal", "all": true});
        it.post("/posture", posture).await.expect(200);
        it.patch(&credential, json!({"state": "active", "valid_until": null})).await.expect(200);
        assert_eq!(
            reasons(&it.present(&door, "a1").await),
            ["person_suspended", "pin_not_set", "no_grant"]
        );
        it.acted(&format!("{person}/resume")).await;
        it.patch(&lock, json!({"pin": "if_set"})).await.expect(200);
        let last = it.present(&door, "a1").await;
        assert_eq!(
            (reasons(&last), &last["hint"]),
            (vec!["no_grant"], &json!("grant Ann at Door"))
        );
        let unknown = it.present(&door, "ffff").await;
        assert_eq!(reasons(&unknown), ["credential_unknown"], "evaluation ends there");
    })
    .await;
}

#[tokio::test]
async fn reasons_of_time_say_when_the_door_opens() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.card(&ann, "a1").await;
        let mut body = person_to_lock(&ann, &door);
        (body["valid_from"], body["valid_until"]) =
            (json!("2031-06-02T00:00:00Z"), json!("2031-07-01T00:00:00Z"));
        body["schedule"] = json!({"time_zone": "Etc/UTC",
            "weekly": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]});
        let grant = it.made("/grants", body).await;
        let at = |at: &str| json!({"lock_id": id(&door), "card": card("a1"), "at": at});
        for (when, reason, opens_at) in [
            ("2031-06-01T12:00:00Z", "grant_not_yet_valid", json!("2031-06-02T08:00:00Z")),
            ("2031-06-02T17:00:00Z", "outside_schedule", json!("2031-06-09T08:00:00Z")),
            ("2031-06-30T17:00:00Z", "outside_schedule", json!(null)),
            ("2031-07-01T00:00:00Z", "grant_expired", json!(null)),
        ] {
            let decision = it.decide(at(when)).await;
            assert_eq!(
                (reasons(&decision), &decision["opens_at"]),
                (vec![reason], &opens_at),
                "{when}"
            );
            assert_eq!(decision["by"], json!([grant["id"]]), "it would but for the reasons");
            assert_eq!(decision["event_id"], json!(null));
        }
        let open = it.decide(at("2031-06-09T16:59:59Z")).await;
        assert_eq!((&open["result"], &open["opens_at"]), (&json!("granted"), &json!(null)));
        assert_eq!(it.list("/events").await, Vec::<Value>::new(), "previews make no event");
    })
    .await;
}

#[tokio::test]
async fn credential_states_and_each_pin_reason() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.grant(&ann, &door).await;
        let body =
            json!({"kind": "card", "person_id": id(&ann), "card": card("a1"), "pin": "1234"});
        let badge = it.made("/credentials", body).await;
        it.patch(&one("/locks", &door), json!({"pin": "always"})).await.expect(200);
        let ask = json!({"lock_id": id(&door), "card": card("a1")});
        let with = |pin: &str| {
            let mut ask = ask.clone();
            ask["pin"] = json!(pin);
            ask
        };
        let missing = it.decide(ask.clone()).await;
        assert_eq!((reasons(&missing), &missing["method"]), (vec!["pin_missing"], &json!("card")));
        let wrong = it.decide(with("4321")).await;
        assert_eq!(
            (reasons(&wrong), &wrong["method"]),
            (vec!["pin_wrong"], &json!("card_and_pin"))
        );
        let right = it.decide(with("1234")).await;
        assert_eq!(
            (&right["result"], &right["method"]),
            (&json!("granted"), &json!("card_and_pin"))
        );
        // A preview is no oracle: it passes as if the PIN were right, and takes none.
        let mut preview = ask.clone();
        preview["record"] = json!(false);
        assert_eq!(it.decide(preview.clone()).await["result"], "granted");
        preview["pin"] = json!("1234");
        assert_eq!(
            pointers(&it.post("/decisions", preview).await.problem(422, "invalid")),
            ["/pin"]
        );
        let path = one("/credentials", &badge);
        it.patch(&path, json!({"pin": null})).await.expect(200);
        assert_eq!(reasons(&it.decide(ask.clone()).await), ["pin_not_set"]);
        it.patch(&one("/locks", &door), json!({"pin": "if_set"})).await.expect(200);
        assert_eq!(it.decide(ask.clone()).await["result"], "granted");
        it.acted(&format!("{path}/report-lost")).await;
        assert_eq!(reasons(&it.decide(ask).await), ["credential_lost"]);
        let events = it.list("/events").await.iter().map(Value::to_string).collect::<String>();
        assert!(!events.contains("4321") && !events.contains("1234"));
    })
    .await;
}

#[tokio::test]
async fn previews_and_questions_that_cannot_be() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let badge = it.card(&ann, "a1").await;
        let (lock, at) = (id(&door), "2031-01-01T00:00:00Z");
        for (body, pointer) in [
            (json!({"lock_id": lock, "card": card("a1"), "at": at, "record": true}), "/record"),
            (json!({"lock_id": lock, "card": card("a1"), "at": at, "pin": "1234"}), "/pin"),
            (json!({"lock_id": lock, "code": "1234", "at": at}), "/code"),
            (json!({"lock_id": lock, "code": "1234", "record": false}), "/code"),
            (json!({"lock_id": lock, "person_id": id(&ann), "pin": "1234"}), "/pin"),
            (json!({"lock_id": lock}), ""),
            (json!({"lock_id": lock, "card": card("a1"), "code": "1234"}), ""),
            (json!({"card": card("a1")}), "/lock_id"),
            (json!({"lock_id": lock, "card": {"bits": 8, "value": "1ff"}}), "/card/value"),
            (json!({"lock_id": lock, "code": "12345678901234567"}), "/code"),
        ] {
            invalid(it.post("/decisions", body).await, &[pointer]);
        }
        // Ids that name nothing are the caller's mistake; presented cards that nobody knows are
        // not.
        for body in [
            json!({"lock_id": id(&ann), "card": card("a1")}),
            json!({"lock_id": lock, "credential_id": id(&ann)}),
            json!({"lock_id": lock, "person_id": id(&badge)}),
            json!({"lock_id": lock, "credential_id": "external:none"}),
        ] {
            it.post("/decisions", body).await.problem(404, "not_found");
        }
        assert_eq!(it.list("/events").await.len(), 0);
        let silent = json!({"lock_id": lock, "card": card("a1"), "record": false});
        assert_eq!(it.decide(silent).await["event_id"], json!(null));
        assert_eq!(it.list("/events").await.len(), 0);
        let told = json!({"lock_id": lock, "credential_id": id(&badge), "record": true});
        let told = it.decide(told).await;
        assert_eq!(it.list("/events").await[0]["id"], told["event_id"]);
    })
    .await;
}

#[tokio::test]
async fn a_person_from_afar_has_only_the_own_grants() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let badge = it.card(&ann, "a1").await;
        it.acted(&format!("{}/report-lost", one("/credentials", &badge))).await;
        it.patch(&one("/locks", &door), json!({"pin": "always"})).await.expect(200);
        let ask = json!({"lock_id": id(&door), "person_id": id(&ann)});
        let denied = it.decide(ask.clone()).await;
        assert_eq!((reasons(&denied), &denied["method"]), (vec!["no_grant"], &json!("remote")));
        let grant = it.grant(&ann, &door).await;
        let granted = it.decide(ask.clone()).await;
        assert_eq!(
            (&granted["result"], &granted["by"]),
            (&json!("granted"), &json!([grant["id"]]))
        );
        it.acted(&format!("{}/suspend", one("/people", &ann))).await;
        let suspended = it.decide(ask).await;
        assert_eq!(
            (reasons(&suspended), &suspended["hint"]),
            (vec!["person_suspended"], &json!("resume Ann"))
        );
    })
    .await;
}

#[tokio::test]
async fn postures_come_first_and_lockdown_can_be_overridden() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        it.card(&ann, "a1").await;
        it.card(&bo, "b1").await;
        it.grant(&ann, &door).await;
        let mut body = person_to_lock(&bo, &door);
        body["override_lockdown"] = json!(true);
        let override_grant = it.made("/grants", body).await;
        it.grant(&bo, &door).await;
        let set = |posture: &str, locks: Value| {
            let mut body = json!({"posture": posture, "reason": "drill"});
            body["lock_ids"] = locks;
            body
        };
        let own = json!([id(&door)]);
        let report = it.post("/posture", set("lockdown", own.clone())).await.expect(200);
        assert_eq!(report, json!({"obeyed": [door["id"]], "pending": [], "unreachable": []}));
        assert_eq!(it.get(&one("/locks", &door)).await["posture"], "lockdown");
        let ann_now = it.present(&door, "a1").await;
        assert_eq!(
            (reasons(&ann_now), &ann_now["hint"]),
            (vec!["lockdown"], &json!("put Door back to normal"))
        );
        let bo_now = it.present(&door, "b1").await;
        assert_eq!(
            (&bo_now["result"], &bo_now["by"]),
            (&json!("granted"), &json!([override_grant["id"]]))
        );
        it.post("/posture", set("free_access", own.clone())).await.expect(200);
        let anyone = it.present(&door, "ffff").await;
        assert_eq!(
            (&anyone["result"], &anyone["method"]),
            (&json!("granted"), &json!("free_access"))
        );
        it.post("/posture", set("disabled", own.clone())).await.expect(200);
        assert_eq!(reasons(&it.present(&door, "b1").await), ["lock_disabled"], "no override here");
        let kinds = it.list("/events").await;
        let changed = kinds.iter().filter(|it| it["kind"] == "posture_changed").count();
        assert_eq!(changed, 3);

        it.patch(&one("/locks", &gate), json!({"mode": "offline_keys"})).await.expect(200);
        let list = it.made("/locks", json!({"name": "List", "mode": "allow_list"})).await;
        let all = json!({"posture": "normal", "all": true});
        let report = it.post("/posture", all).await.expect(200);
        // A list without a controller asks like any other lock.
        let wanted = json!({
            "obeyed": [door["id"], list["id"]], "pending": [], "unreachable": [gate["id"]],
        });
        assert_eq!(report, wanted);
        let before = world.revisions().await;
        for (body, pointer) in [
            (json!({"posture": "lockdown"}), ""),
            (json!({"posture": "lockdown", "all": false}), "/all"),
            (json!({"posture": "lockdown", "all": true, "lock_ids": [id(&door)]}), ""),
            (json!({"posture": "closed", "all": true}), "/posture"),
            (json!({"posture": "lockdown", "lock_ids": []}), "/lock_ids"),
            (set("lockdown", json!([id(&door), id(&ann)])), "/lock_ids/1"),
        ] {
            invalid(it.post("/posture", body).await, &[pointer]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn unlock_is_for_a_person_or_on_the_callers_own_authority() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let path = format!("{}/unlock", one("/locks", &door));
        let own = it.acted(&path).await;
        assert_eq!(
            (&own["result"], &own["method"], reasons(&own)),
            (&json!("granted"), &json!("remote"), vec![])
        );
        let refused = it.post(&path, json!({"person_id": id(&ann)})).await.expect(200);
        assert_eq!(reasons(&refused), ["no_grant"]);
        it.grant(&ann, &door).await;
        let granted = it.post(&path, json!({"person_id": id(&ann)})).await.expect(200);
        assert_eq!((&granted["result"], &granted["method"]), (&json!("granted"), &json!("remote")));
        let events = it.list("/events").await;
        let told: Vec<(&Value, &Value)> =
            events.iter().map(|it| (&it["kind"], &it["person_id"])).collect();
        let (yes, no, nobody) = (&json!("access_granted"), &json!("access_denied"), &json!(null));
        assert_eq!(told, [(yes, nobody), (no, &ann["id"]), (yes, &ann["id"])]);
        for (posture, reason) in [("lockdown", "lockdown"), ("disabled", "lock_disabled")] {
            it.post("/posture", json!({"posture": posture, "all": true})).await.expect(200);
            assert_eq!(reasons(&it.acted(&path).await), [reason]);
        }
        invalid(it.post(&path, json!({"person_id": id(&door)})).await, &["/person_id"]);
        let reader = it.seen_by(&it.key(&["locks:write", "decisions:make"]).await);
        reader.post(&path, json!({})).await.problem(403, "forbidden_scope");
    })
    .await;
}

#[tokio::test]
async fn by_and_hint_are_for_those_who_may_read_people_and_grants() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.card(&ann, "a1").await;
        for (scopes, told) in [
            (vec!["decisions:make"], false),
            (vec!["decisions:make", "people:read"], false),
            (vec!["decisions:make", "grants:write"], false),
            (vec!["decisions:make", "people:read", "grants:read"], true),
        ] {
            let site = it.seen_by(&it.key(&scopes).await);
            let denied = site.present(&door, "a1").await;
            assert_eq!(denied["hint"].is_string(), told, "{scopes:?}");
            let grant = it.grant(&ann, &door).await;
            let granted = site.present(&door, "a1").await;
            let by = if told { json!([grant["id"]]) } else { json!([]) };
            assert_eq!(
                (&granted["result"], &granted["by"]),
                (&json!("granted"), &by),
                "{scopes:?}"
            );
            it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        }
    })
    .await;
}
