//! Locks: every field, schedules named and written out, what is not built, deletion.

use serde_json::{Value, json};

use crate::kit::{field, invalid, one, reasons};
use crate::support::{id, on_each_engine};

fn always() -> Value {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let weekly = json!([{"days": days, "from": "00:00", "to": "24:00"}]);
    json!({"time_zone": null, "weekly": weekly, "exceptions": []})
}

#[tokio::test]
async fn all_fields_are_kept_and_have_their_defaults() {
    on_each_engine(|world| async move {
        let it = world.here();
        let bare = it.lock("Bare").await;
        let defaults = json!({
            "name": "Bare", "description": null, "model": null, "mode": "online", "pin": "never",
            "pin_schedule": null, "unlock_schedule": null, "privacy": "full",
            "when_unrecorded": "allow", "time_zone": null, "controller_id": null,
            "capacity": null, "capabilities": null, "metadata": null, "posture": "normal",
            "health": {"battery_percent": null, "last_seen_at": null}, "external_id": null,
        });
        for (name, value) in defaults.as_object().unwrap() {
            assert_eq!(bare[name], *value, "{name}");
        }
        let named = json!({"name": "Always", "weekly": always()["weekly"]});
        let named = it.made("/schedules", named).await;
        let panel = it.made("/controllers", json!({"name": "Panel"})).await;
        let whole = json!({
            "external_id": "d1", "name": "Front door", "description": "a\nb", "model": "M1",
            "mode": "allow_list", "pin": "if_set", "pin_schedule": {"id": id(&named)},
            "unlock_schedule": always(), "privacy": "full", "when_unrecorded": "refuse",
            "time_zone": "America/St_Johns", "controller_id": id(&panel),
            "capacity": {"credentials": 40}, "capabilities": {"ble": true},
            "metadata": {"floor": 3},
        });
        let made = it.put("/locks/external:d1", whole.clone()).await.expect(201);
        for (name, value) in whole.as_object().unwrap() {
            assert_eq!(made[name], *value, "{name}");
        }
        let path = one("/locks", &made);
        assert_eq!(it.get(&path).await, made);
        let patched = json!({"mode": "offline_keys", "capacity": {"list_bytes": 64}});
        let patched = it.patch(&path, patched).await.expect(200);
        assert_eq!(patched["capacity"], json!({"list_bytes": 64}));
        assert_eq!((&patched["mode"], &patched["pin"]), (&json!("offline_keys"), &json!("if_set")));
        let again = it.put("/locks/external:d1", json!({"name": "Bare"})).await.expect(200);
        for (name, value) in defaults.as_object().unwrap() {
            let wanted = if name == "external_id" { &json!("d1") } else { value };
            assert_eq!(again[name], *wanted, "{name} after a bare PUT");
        }
        assert_eq!(field(&it.list("/locks").await, "number"), [&json!(1), &json!(2)]);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    on_each_engine(|world| async move {
        let it = world.here();
        let lock = it.lock("Front door").await;
        let before = world.revisions().await;
        for (body, pointer) in [
            (json!({"privacy": "some"}), "/privacy"),
            (json!({"time_zone": "Europe/Stokholm"}), "/time_zone"),
            (json!({"time_zone": "+02:00"}), "/time_zone"),
            (json!({"mode": "offline"}), "/mode"),
            (json!({"pin": true}), "/pin"),
            (json!({"posture": "lockdown"}), "/posture"),
            (json!({"capacity": {"entries": 1, "credentials": 2}}), "/capacity"),
            (json!({"capacity": {"entries": -1}}), "/capacity/entries"),
            (json!({"pin_schedule": {"weekly": []}}), "/pin_schedule/weekly"),
            (json!({"unlock_schedule": {"id": "external:none"}}), "/unlock_schedule"),
            (json!({"pin_schedule": {}}), "/pin_schedule"),
            (json!({"name": ""}), "/name"),
            (json!({"name": null}), "/name"),
            (json!({"number": 7}), "/number"),
            (json!({"external_id": "å"}), "/external_id"),
        ] {
            invalid(it.patch(&one("/locks", &lock), body).await, &[pointer]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn an_unlock_schedule_holds_the_door_open_and_a_pin_schedule_limits_the_pin() {
    on_each_engine(|world| async move {
        let it = world.here();
        let open = it.made("/locks", json!({"name": "Lobby", "unlock_schedule": always()})).await;
        let decision = it.present(&open, "ff").await;
        assert_eq!(
            (&decision["result"], &decision["method"]),
            (&json!("granted"), &json!("free_access"))
        );
        it.patch(&one("/locks", &open), json!({"unlock_schedule": null})).await.expect(200);
        assert_eq!(reasons(&it.present(&open, "ff").await), ["credential_unknown"]);

        let ann = it.person("Ann").await;
        it.card(&ann, "a1").await;
        it.grant(&ann, &open).await;
        let path = one("/locks", &open);
        it.patch(&path, json!({"pin": "always"})).await.expect(200);
        assert_eq!(reasons(&it.present(&open, "a1").await), ["pin_not_set"]);
        // A date long gone: the rule never holds now.
        let ical = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20200101T000000Z\r\n\
                    DTEND:20200102T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        it.patch(&path, json!({"pin_schedule": {"ical": ical}})).await.expect(200);
        assert_eq!(it.get(&path).await["pin_schedule"]["ical"], ical);
        assert_eq!(it.present(&open, "a1").await["result"], "granted");
        it.patch(&path, json!({"pin_schedule": always()})).await.expect(200);
        assert_eq!(reasons(&it.present(&open, "a1").await), ["pin_not_set"]);
    })
    .await;
}

#[tokio::test]
async fn the_zone_of_the_lock_reads_schedules_that_leave_it_open() {
    on_each_engine(|world| async move {
        let it = world.here();
        let ann = it.person("Ann").await;
        it.card(&ann, "a1").await;
        let hours = json!({"weekly": [{"days": ["mon"], "from": "08:00", "to": "09:00"}]});
        let hours = it.made("/schedules", json!({"name": "Hour", "weekly": hours["weekly"]})).await;
        let mut doors = Vec::new();
        for zone in [json!(null), json!("Asia/Kolkata"), json!("America/New_York")] {
            let lock = it.made("/locks", json!({"name": "x", "time_zone": zone})).await;
            let body = json!({"subject": {"person_id": id(&ann)}, "target": {"lock_id": id(&lock)},
                "schedule": {"id": id(&hours)}});
            it.made("/grants", body).await;
            doors.push(lock);
        }
        // A Monday in summer: 08:30 in Stockholm (the place's zone), in Kolkata, in New York.
        for (at, wanted) in [
            ("2031-06-02T06:30:00Z", [true, false, false]),
            ("2031-06-02T03:00:00Z", [false, true, false]),
            ("2031-06-02T12:30:00Z", [false, false, true]),
        ] {
            for (door, wanted) in doors.iter().zip(wanted) {
                let card = json!({"bits": 56, "value": "a1"});
                let decision =
                    it.decide(json!({"lock_id": id(door), "card": card, "at": at})).await;
                let result = decision["result"] == "granted";
                assert_eq!(result, wanted, "{at} {}", door["time_zone"]);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn deleting_a_lock_closes_rights_and_keeps_the_record_readable() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        it.card(&ann, "a1").await;
        let grant = it.grant(&ann, &door).await;
        let level = it.level("All", &[&door]).await;
        it.level_grant(&ann, &level).await;
        it.present(&door, "a1").await;
        it.delete(&one("/locks", &door)).await.expect(204);
        it.missing(&one("/locks", &door)).await;
        assert_eq!(it.get(&one("/access-levels", &level)).await["lock_ids"], json!([]));
        let closed = it.get(&one("/grants", &grant)).await;
        assert_eq!(
            (&closed["closed_reason"], &closed["state"]),
            (&json!("target_deleted"), &json!("revoked"))
        );
        assert_eq!(
            closed["target"],
            json!({"lock_id": door["id"]}),
            "closed rights keep their lock"
        );
        let events = it.list("/events").await;
        assert_eq!(events[0]["lock_id"], door["id"], "events keep their lock");
        let keys = it.list("/keys").await;
        assert_eq!(field(&keys, "lock_id"), [&door["id"], &door["id"]]);
        assert_eq!(field(&keys, "state"), ["revoked", "revoked"]);
        let ask = json!({"lock_id": id(&door), "card": {"bits": 56, "value": "a1"}});
        it.post("/decisions", ask).await.problem(404, "not_found");
    })
    .await;
}
