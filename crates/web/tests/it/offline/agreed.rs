//! A plan that was agreed to and is carried out some minutes later: whom its list hits is whom it
//! named, whatever weighs more by then.

use std::sync::atomic::{AtomicI64, Ordering};

use claviger_app::{Clock, Settings};
use serde_json::{Value, json};

use super::door::Door;
use super::phone::Phone;
use super::roots::{back, run};
use crate::kit::one;
use crate::support::on_each_engine;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;

static CLOCK: AtomicI64 = AtomicI64::new(0);

fn set(ahead: i64) {
    CLOCK.store(ahead, Ordering::Relaxed);
}

fn hit(phone: &Phone, door: &Door) -> Value {
    json!([{"credential_id": phone.device, "lock_id": door.id()}])
}

#[tokio::test]
async fn a_plan_that_was_agreed_to_hits_whom_it_named_a_day_after_they_called() {
    let by = |it| Settings { clock: Clock::wrong_by(&CLOCK), ..it };
    on_each_engine(|world| async move {
        set(0);
        let world = world.lasting().await.reopened(0, by).await;
        let it = world.here();
        // Room for one gap between what is refused, or for a bitmap of 48 serials.
        let body = json!({"name": "Shed", "mode": "offline_keys", "capacity": {"list_bytes": 148}});
        let door = Door::with(&it, body, 92).await;
        let (mut phones, mut grants) = (Vec::new(), Vec::new());
        let mut known = world;
        for name in ["Ann", "Bo", "Cy", "Di"] {
            if name == "Cy" {
                run(&known.app, "update offline_locks set tops = '[100,0,0,0]'").await;
                set(10 * MINUTE);
                known = known.reopened(0, by).await;
                back(&known, &mut phones.iter_mut().collect::<Vec<_>>());
            }
            let it = known.here();
            let person = it.person(name).await;
            grants.push(one("/grants", &it.grant(&person, &door.shown).await));
            let mut phone = Phone::of(&it, &person).await;
            phone.sync().await;
            phones.push(phone);
        }
        known.here().acted(&format!("{}/revoke", grants[1])).await;

        // Ann called a day ago less three minutes, Cy ten minutes after her.
        set(DAY - 3 * MINUTE);
        let world = known.reopened(0, by).await;
        let it = back(&world, &mut phones.iter_mut().collect::<Vec<_>>());
        let path = format!("{}/revoke", grants[3]);
        let asked = async || it.post(&format!("{path}?dry_run=true"), json!({})).await.expect(200);
        let plan = asked().await;
        assert_eq!(plan["plan"]["side_effects"], hit(&phones[0], &door));
        set(DAY + 3 * MINUTE);
        let other = asked().await;
        assert_eq!(other["plan"]["side_effects"], hit(&phones[2], &door), "she weighs more");
        let agreed = format!("\"{}\"", plan["digest"].as_str().unwrap());
        it.matching("POST", &path, &agreed, Some(json!({}))).await.expect(200);
        let mut given = Vec::new();
        for at in [0, 2] {
            given.push(phones[at].sync().await["keys"].as_array().unwrap().len());
        }
        assert_eq!(given, [1, 0], "whoever was named is hit, and gets another");
    })
    .await;
}

#[tokio::test]
async fn a_plan_says_who_must_call_which_cards_must_come_and_where_no_hours_are_kept() {
    on_each_engine(|world| async move {
        let it = world.here();
        let encoder = world.admin.makes_key(&["devices:sync"], &[&world.place]).await;
        let shed = Door::at(&it, "Shed", 97).await;
        let clock = json!({"clock": "kept"});
        let body = json!({"name": "Vault", "mode": "offline_keys", "capabilities": clock});
        let vault = Door::with(&it, body, 98).await;
        let level = it.level("Staff", &[&shed.shown, &vault.shown, &it.lock("Hall").await]).await;
        let ann = it.person("Ann").await;
        let grant = one("/grants", &it.level_grant(&ann, &level).await);
        let mut phone = Phone::of(&it, &ann).await;
        let mut card = Phone::card(&it, &it.card(&ann, "1001").await, &encoder).await;
        phone.sync().await;
        card.sync().await;
        let sorted = |rows: &Value| {
            let mut rows = rows.as_array().unwrap().clone();
            rows.sort_by_key(|row| row["lock_id"].to_string());
            json!(rows)
        };
        let at_both = |name: &str, values: [Value; 2]| {
            let of = |door: &Door, value: &Value| {
                let mut row = json!({"lock_id": door.id()});
                row[name] = value.clone();
                row
            };
            sorted(&json!([of(&shed, &values[0]), of(&vault, &values[1])]))
        };
        let hours = at_both("hours_enforced", [json!(false), json!(true)]);

        // Hours that are fewer: whoever keeps a right needs another key for it.
        let fewer =
            json!({"schedule": {"weekly": [{"days": ["mon"], "from": "08:00", "to": "16:00"}]}});
        let path = it.at(&format!("{grant}?dry_run=true"));
        let plan = it.actor.patch(&path, fewer.clone()).await.expect(200);
        let (tasks, counts) = (&plan["plan"]["card_tasks"], &plan["plan"]["counts"]);
        let device = json!(card.device);
        assert_eq!(sorted(tasks), at_both("credential_id", [device.clone(), device]), "{plan}");
        assert_eq!((&counts["card_tasks"], &counts["phones_to_sync"]), (&json!(2), &json!(1)));
        assert_eq!(sorted(&plan["plan"]["offline_locks"]), hours);
        let agreed = format!("\"{}\"", plan["digest"].as_str().unwrap());
        it.matching("PATCH", &grant, &agreed, Some(fewer)).await.expect(200);
        assert_eq!(it.list("/devices/tasks").await[0]["locks"].as_array().unwrap().len(), 2);
        assert_eq!(phone.sync().await["keys"].as_array().unwrap().len(), 2);
        card.sync().await;

        // Whoever loses it needs none.
        let plan = it.post(&format!("{grant}/revoke?dry_run=true"), json!({})).await.expect(200);
        let counts = &plan["plan"]["counts"];
        assert_eq!((&counts["card_tasks"], &counts["phones_to_sync"]), (&json!(0), &json!(0)));
        assert_eq!(sorted(&plan["plan"]["offline_locks"]), hours);
    })
    .await;
}
