//! Whatever takes rights away from a list is a revocation until the list has followed.

use serde_json::{Value, json};

use crate::kit::{Site, in_seconds, one, person_to_lock};
use crate::panel::{Panel, Scene, with_card};
use crate::support::{id, on_each_engine};

/// The newest revocation, which is of that cause, with the states of its locks.
async fn newest(it: &Site, cause: &str) -> (Value, Vec<String>) {
    let all = it.all("/revocations", 2).await;
    let last = all.last().expect("there is one").clone();
    assert_eq!(last["cause"], cause, "{last}");
    assert_eq!(it.get(&one("/revocations", &last)).await, last);
    let locks = last["locks"].as_array().unwrap();
    let states = locks.iter().map(|lock| lock["state"].as_str().unwrap().to_owned());
    let states: Vec<String> = states.collect();
    let confirmed = states.iter().filter(|state| *state != "pending").count();
    let counts = (last["locks_total"].as_u64(), last["locks_confirmed"].as_u64());
    assert_eq!(counts, (Some(states.len() as u64), Some(confirmed as u64)));
    (last, states)
}

async fn count(it: &Site) -> usize {
    it.list("/revocations").await.len()
}

#[tokio::test]
async fn a_grant_is_pending_until_the_list_has_followed() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let (gate, door) = (panel.lock(&it, "Gate").await, panel.lock(&it, "Door").await);
        let ann = it.person("Ann").await;
        it.card(&ann, "a1").await;
        // What was never sent need not be told.
        let never = it.grant(&ann, &gate).await;
        let shown = it.acted(&format!("/grants/{}/revoke", id(&never))).await;
        let progress = json!({"locks_total": 1, "locks_confirmed": 1, "latest_possible_use": null});
        assert_eq!((&shown["state"], &shown["revocation"]), (&json!("revoked"), &progress));
        assert_eq!(it.get(&one("/grants", &never)).await["revocation"], progress);
        assert_eq!(newest(&it, "grant_revoke").await.1, ["never_issued"]);

        let open = it.grant(&ann, &gate).await;
        let mut ending = person_to_lock(&ann, &door);
        ending["valid_until"] = json!("2090-01-01T00:00:00Z");
        let ending = it.made("/grants", ending).await;
        panel.settle().await;
        let shown = it.acted(&format!("/grants/{}/revoke", id(&open))).await;
        assert_eq!(shown["state"], "revocation_pending");
        let progress = json!({"locks_total": 1, "locks_confirmed": 0, "latest_possible_use": null});
        assert_eq!(shown["revocation"], progress);
        let (revocation, states) = newest(&it, "grant_revoke").await;
        assert_eq!((states, &revocation["open_ended"]), (vec!["pending".into()], &json!(true)));
        assert_eq!(revocation["locks"][0]["lock_id"], gate["id"]);

        it.acted(&format!("/grants/{}/revoke", id(&ending))).await;
        let (revocation, _) = newest(&it, "grant_revoke").await;
        let until = (&revocation["latest_possible_use"], &revocation["open_ended"]);
        assert_eq!(until, (&json!("2090-01-01T00:00:00Z"), &json!(false)));

        // Sent is not stored.
        let answer = panel.call(json!({})).await;
        for list in ["/grants", "/keys"] {
            assert_eq!(it.get(&one(list, &open)).await["state"], "revocation_pending");
        }
        panel.store(&answer);
        panel.settle().await;
        for grant in [&open, &ending] {
            assert_eq!(it.get(&one("/keys", grant)).await["state"], "revoked");
            let shown = it.get(&one("/grants", grant)).await;
            assert_eq!(shown["state"], "revoked");
            assert_eq!(shown["revocation"]["locks_confirmed"], 1);
        }
        let (_, states) = newest(&it, "grant_revoke").await;
        assert_eq!(states, ["told"]);
    })
    .await;
}

#[tokio::test]
async fn each_lock_says_how_far_it_has_got() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let silent = Panel::at(&it, json!({"name": "Silent"})).await;
        let (gate, cellar) = (panel.lock(&it, "Gate").await, silent.lock(&it, "Cellar").await);
        let online = it.lock("Online").await;
        let (ann, bea) = (it.person("Ann").await, it.person("Bea").await);
        it.card(&ann, "a1").await;
        it.card(&bea, "b1").await;
        let level = it.level("All", &[&gate, &cellar, &online]).await;
        let grant = it.level_grant(&ann, &level).await;
        let mut soon = person_to_lock(&bea, &gate);
        soon["valid_until"] = json!(in_seconds(&world, 600));
        let soon = it.made("/grants", soon).await;
        panel.settle().await;
        it.acted(&format!("/grants/{}/revoke", id(&grant))).await;
        assert_eq!(newest(&it, "grant_revoke").await.1, ["pending", "never_issued"]);
        panel.settle().await;
        assert_eq!(newest(&it, "grant_revoke").await.1, ["told", "never_issued"]);

        // What ends by itself before the panel calls stays said so.
        it.acted(&format!("/grants/{}/revoke", id(&soon))).await;
        let (revocation, states) = newest(&it, "grant_revoke").await;
        assert_eq!(states, ["pending"]);
        let world = world.later(700).await;
        let (it, mut panel) = (world.here(), panel.over(&world));
        assert_eq!(newest(&it, "grant_revoke").await.1, ["expired"]);
        panel.settle().await;
        let after = newest(&it, "grant_revoke").await;
        assert_eq!((&after.0["id"], after.1), (&revocation["id"], vec!["expired".to_owned()]));
        let world = world.restarted().await;
        assert_eq!(newest(&world.here(), "grant_revoke").await.1, ["expired"]);
    })
    .await;
}

#[tokio::test]
async fn a_revoke_that_is_sent_again_is_answered_as_it_was() {
    on_each_engine(|world| async move {
        let it = world.here();
        let Scene { mut panel, grant, .. } = with_card(&it).await;
        panel.settle().await;
        let path = it.at(&format!("/grants/{}/revoke", id(&grant)));
        let key = [("idempotency-key", "once")];
        let revoke = async || {
            let answer = it.actor.send("POST", &path, &key, Some("{}".to_owned())).await;
            answer.expect(200)
        };
        let first = revoke().await;
        assert_eq!(first["state"], "revocation_pending");
        assert_eq!(first["revocation"]["locks_confirmed"], 0);
        assert_eq!(revoke().await, first);
        panel.settle().await;
        assert_eq!(revoke().await, first, "what was answered, not what is");
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "revoked");
    })
    .await;
}

#[tokio::test]
async fn a_controller_is_not_deleted_while_it_may_let_in_unless_it_is_given_up() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let mut dead = Panel::at(&it, json!({"name": "Dead"})).await;
        let (gate, cellar) = (panel.lock(&it, "Gate").await, dead.lock(&it, "Cellar").await);
        let ann = it.person("Ann").await;
        let card = it.card(&ann, "a1").await;
        let level = it.level("Both", &[&gate, &cellar]).await;
        let grant = it.level_grant(&ann, &level).await;
        let bea = it.person("Bea").await;
        it.card(&bea, "b1").await;
        let only = it.grant(&bea, &cellar).await;
        panel.settle().await;
        dead.settle().await;
        for grant in [&grant, &only] {
            it.acted(&format!("/grants/{}/revoke", id(grant))).await;
        }
        let moved = json!({"controller_id": null, "mode": "online"});
        it.patch(&one("/locks", &cellar), moved.clone()).await.expect(200);
        let path = one("/controllers", &dead.controller);
        let before = world.revisions().await;
        for query in ["", "?give_up=false"] {
            it.delete(&format!("{path}{query}")).await.problem(409, "in_use");
        }
        assert_eq!(world.revisions().await, before);
        it.delete(&format!("{path}?give_up=true")).await.expect(204);
        dead.answer(json!({})).await.problem(404, "not_found");

        let states = async |it: &Site| {
            let all = it.list("/revocations").await;
            let states = |it: &Value| {
                let locks = it["locks"].as_array().unwrap().iter();
                locks.map(|lock| lock["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            all.iter().map(states).collect::<Vec<_>>()
        };
        let given_up = vec!["given_up".to_owned()];
        let both = |first: &str| vec![first.to_owned(), "given_up".to_owned()];
        assert_eq!(states(&it).await, [both("pending"), given_up.clone()]);
        let last = it.list("/revocations").await.remove(1);
        let lock = &last["locks"][0];
        assert_eq!((&lock["lock_id"], &lock["open_ended"]), (&cellar["id"], &json!(true)));
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "revocation_pending");
        assert_eq!(it.get(&one("/grants", &only)).await["state"], "revoked");
        panel.settle().await;
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "revoked");
        let world = world.restarted().await;
        let (it, mut panel) = (world.here(), panel.over(&world));
        assert_eq!(states(&it).await, [both("told"), given_up]);

        // One that calls has nothing left in the end, and is deleted as anything else.
        let gone = panel.credential(&card);
        assert!(gone.is_none());
        it.patch(&one("/locks", &gate), moved).await.expect(200);
        let path = one("/controllers", &panel.controller);
        it.delete(&path).await.problem(409, "in_use");
        panel.settle().await;
        it.delete(&path).await.expect(204);
        // So is one that never called.
        let never = Panel::at(&it, json!({"name": "Never"})).await;
        it.delete(&one("/controllers", &never.controller)).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn what_was_sent_and_not_acknowledged_counts_as_held() {
    on_each_engine(|world| async move {
        let it = world.here();
        let Scene { mut panel, card, grant, .. } = with_card(&it).await;
        let sent = panel.call(json!({})).await;
        assert_eq!(sent["changes"].as_array().unwrap().len(), 2);
        it.acted(&format!("/grants/{}/revoke", id(&grant))).await;
        let (_, states) = newest(&it, "grant_revoke").await;
        assert_eq!(states, ["pending"], "the answer may have come in");
        panel.settle().await;
        assert!(panel.credential(&card).is_none());
        assert_eq!(newest(&it, "grant_revoke").await.1, ["told"]);
    })
    .await;
}

#[tokio::test]
async fn a_right_given_back_before_the_list_followed_is_confirmed_anew() {
    on_each_engine(|world| async move {
        let it = world.here();
        let Scene { mut panel, ann, card, .. } = with_card(&it).await;
        panel.settle().await;
        let path = format!("/people/{}", id(&ann));
        it.acted(&format!("{path}/suspend")).await;
        assert_eq!(newest(&it, "person_suspend").await.1, ["pending"]);
        it.acted(&format!("{path}/resume")).await;
        assert_eq!(panel.settle().await.len(), 1);
        assert_eq!(newest(&it, "person_suspend").await.1, ["told"]);
        assert!(panel.credential(&card).is_some());
    })
    .await;
}

#[tokio::test]
async fn every_way_of_taking_rights_away_is_told() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let (gate, door) = (panel.lock(&it, "Gate").await, panel.lock(&it, "Door").await);
        let ann = it.person("Ann").await;
        let pin = json!({
            "kind": "card", "person_id": id(&ann), "card": {"bits": 56, "value": "a1"},
            "pin": "1111",
        });
        let card = it.made("/credentials", pin).await;
        let weekly = |to: &str| json!([{"days": ["mon"], "from": "08:00", "to": to}]);
        let hours = json!({"name": "Hours", "weekly": weekly("17:00")});
        let hours = it.made("/schedules", hours).await;
        let level = it.level("Staff", &[&gate, &door]).await;
        let grant = it.level_grant(&ann, &level).await;
        it.patch(&one("/locks", &gate), json!({"pin": "if_set"})).await.expect(200);
        panel.settle().await;
        assert_eq!(count(&it).await, 0, "a PIN that is asked for takes nothing away");

        let (level, grant) = (one("/access-levels", &level), one("/grants", &grant));
        let (card, lock) = (one("/credentials", &card), one("/locks", &door));
        let both = json!([gate["id"], door["id"]]);
        let steps: [(&str, Value, &str, usize); 8] = [
            (&grant, json!({"valid_until": "2089-01-01T00:00:00Z"}), "grant_update", 2),
            (&level, json!({"schedule": {"id": id(&hours)}}), "access_level_update", 2),
            (&one("/schedules", &hours), json!({"weekly": weekly("16:00")}), "schedule_update", 2),
            (&card, json!({"pin": "2222"}), "credential_update", 2),
            (&card, json!({"valid_until": "2088-01-01T00:00:00Z"}), "credential_update", 2),
            (&level, json!({"lock_ids": [gate["id"]]}), "access_level_update", 1),
            (&level, json!({"lock_ids": both}), "", 0),
            (&lock, json!({"mode": "online"}), "lock_update", 1),
        ];
        for (path, body, cause, locks) in steps {
            let before = count(&it).await;
            it.patch(path, body.clone()).await.expect(200);
            if locks == 0 {
                assert_eq!(count(&it).await, before, "{body}");
            } else {
                assert_eq!(count(&it).await, before + 1, "{body}");
                assert_eq!(newest(&it, cause).await.1, vec!["pending"; locks], "{body}");
                let of_door = format!("/keys?lock_id={}&state=revocation_pending", id(&door));
                let taken_out = body == json!({"lock_ids": [gate["id"]]});
                assert_eq!(it.list(&of_door).await.len(), usize::from(taken_out), "{body}");
            }
            panel.settle().await;
            if locks > 0 {
                assert_eq!(newest(&it, cause).await.1, vec!["told"; locks], "{body}");
            }
        }
        // What only gives makes none.
        let before = count(&it).await;
        it.patch(&card, json!({"valid_until": null})).await.expect(200);
        it.patch(&grant, json!({"valid_until": null})).await.expect(200);
        panel.settle().await;
        assert_eq!(count(&it).await, before);
        it.acted(&format!("{card}/report-lost")).await;
        assert_eq!(newest(&it, "credential_report_lost").await.1, ["pending"]);
        panel.settle().await;
        assert_eq!(newest(&it, "credential_report_lost").await.1, ["told"]);
    })
    .await;
}

#[tokio::test]
async fn a_grant_that_is_closed_after_its_holder_was_stopped_is_pending_until_the_list_followed() {
    on_each_engine(|world| async move {
        let it = world.here();
        let next = Panel::at(&it, json!({"name": "Next"})).await;
        let others = json!({"controller_id": id(&next.controller)});
        let (lost, disabled) = (json!({"state": "lost"}), json!({"state": "disabled"}));
        let over = json!({"valid_until": in_seconds(&world, -60)});
        let bob = it.person("Bob").await;
        let ways = ["suspended", "moved", "lost", "disabled", "over", "deleted", "passed_on"];
        for (number, way) in ways.into_iter().enumerate() {
            let mut panel = Panel::at(&it, json!({"name": way})).await;
            let (gate, door) = (panel.lock(&it, "Gate").await, panel.lock(&it, "Door").await);
            let ann = it.person(way).await;
            let card = it.card(&ann, &format!("{number}")).await;
            let grant = it.grant(&ann, &gate).await;
            let level = it.level(way, &[&door]).await;
            it.level_grant(&ann, &level).await;
            panel.settle().await;
            let card = one("/credentials", &card);
            match way {
                "suspended" => drop(it.acted(&format!("/people/{}/suspend", id(&ann))).await),
                "moved" => {
                    for lock in [&gate, &door] {
                        it.patch(&one("/locks", lock), others.clone()).await.expect(200);
                    }
                }
                "lost" => drop(it.patch(&card, lost.clone()).await.expect(200)),
                "disabled" => drop(it.patch(&card, disabled.clone()).await.expect(200)),
                "deleted" => drop(it.delete(&card).await.expect(204)),
                "passed_on" => {
                    let pass = json!({"person_id": bob["id"]});
                    it.patch(&card, pass).await.expect(200);
                }
                _ => drop(it.patch(&card, over.clone()).await.expect(200)),
            }
            let shown = it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
            assert_eq!(shown["state"], "revocation_pending", "{way}");
            let progress = json!({
                "locks_total": 1, "locks_confirmed": 0, "latest_possible_use": null,
            });
            assert_eq!(shown["revocation"], progress, "{way}");
            let none = json!({"lock_ids": []});
            it.patch(&one("/access-levels", &level), none).await.expect(200);
            let keys = format!("/keys?person_id={}&state=revocation_pending", id(&ann));
            assert_eq!(it.list(&keys).await.len(), 2, "{way}");
            assert_eq!(it.get(&one("/grants", &grant)).await["state"], "revocation_pending");
            panel.settle().await;
            assert_eq!(it.list(&keys).await, Vec::<Value>::new(), "{way}");
            let shown = it.get(&one("/grants", &grant)).await;
            assert_eq!(shown["state"], "revoked", "{way}");
            // What was taken before is told with that.
            let confirmed = match way {
                "deleted" | "passed_on" => &Value::Null,
                _ => &json!(1),
            };
            assert_eq!(shown["revocation"]["locks_confirmed"], *confirmed, "{way}");
        }
    })
    .await;
}

/// The panel's inventory with another version of a credential.
fn in_version(panel: &Panel, credential: &Value, version: u64) -> Value {
    let mut inventory = panel.inventory();
    let items = inventory.as_array_mut().unwrap();
    let item = items.iter_mut().find(|item| item["id"] == credential["id"]).unwrap();
    item["version"] = json!(version);
    inventory
}

#[tokio::test]
async fn a_version_that_nobody_knows_may_open_anything() {
    on_each_engine(|world| async move {
        let it = world.here();
        let Scene { mut panel, ann, card, grant: first, .. } = with_card(&it).await;
        let door = panel.lock(&it, "Door").await;
        let second = it.grant(&ann, &door).await;
        panel.settle().await;
        it.acted(&format!("/grants/{}/revoke", id(&second))).await;
        let inventory = in_version(&panel, &card, 1000);
        panel.call(json!({"inventory": inventory})).await;
        let (revocation, states) = newest(&it, "grant_revoke").await;
        assert_eq!((states, &revocation["open_ended"]), (vec!["pending".into()], &json!(true)));
        it.acted(&format!("/grants/{}/revoke", id(&first))).await;
        assert_eq!(count(&it).await, 2, "it may open the gate, too");
        assert_eq!(newest(&it, "grant_revoke").await.1, ["pending"]);
        panel.settle().await;
        assert!(panel.credential(&card).is_none());
        for revocation in it.list("/revocations").await {
            assert_eq!(revocation["locks"][0]["state"], "told");
        }
    })
    .await;
}

#[tokio::test]
async fn a_credential_that_the_server_has_no_item_of_may_be_held() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        let ann = it.person("Ann").await;
        let card = it.card(&ann, "a1").await;
        panel.settle().await;
        let grant = it.grant(&ann, &gate).await;
        // As where it was sent before the server was restored from a backup.
        let inventory = json!([{"kind": "credential", "id": card["id"], "version": 7}]);
        let answer = panel.call(json!({"inventory": inventory, "max_changes": 1})).await;
        assert_eq!(answer["changes"][0]["lock"]["id"], gate["id"], "the card comes later");
        panel.store(&answer);
        it.acted(&format!("/grants/{}/revoke", id(&grant))).await;
        assert_eq!(newest(&it, "grant_revoke").await.1, ["pending"]);
        panel.settle().await;
        assert_eq!(newest(&it, "grant_revoke").await.1, ["told"]);
    })
    .await;
}

#[tokio::test]
async fn however_often_it_is_sent_what_was_sent_first_may_be_held() {
    on_each_engine(|world| async move {
        let it = world.here();
        let Scene { mut panel, ann, card, .. } = with_card(&it).await;
        let door = panel.lock(&it, "Door").await;
        let revoked = it.grant(&ann, &door).await;
        panel.call(json!({})).await;
        it.acted(&format!("/grants/{}/revoke", id(&revoked))).await;
        for priority in 1..=7 {
            it.patch(&one("/credentials", &card), json!({"priority": priority})).await.expect(200);
            let answer = panel.call(json!({})).await;
            assert_eq!(answer["changes"].as_array().unwrap().len(), 1, "{answer}");
            assert_eq!(newest(&it, "grant_revoke").await.1, ["pending"], "{priority}");
        }
        panel.call(json!({"received": 0})).await;
        let answer = panel.call(json!({"received": 0})).await;
        panel.store(&answer);
        panel.settle().await;
        assert_eq!(newest(&it, "grant_revoke").await.1, ["told"]);
    })
    .await;
}
