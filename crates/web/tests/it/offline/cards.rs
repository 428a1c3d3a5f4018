//! Cards that sign: enrolled and written by an encoder, opened by, refused, and brought back.

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::door::Door;
use super::phone::{Phone, cose_key, pair};
use super::roots::back;
use crate::kit::{Site, one};
use crate::support::{id, on_each_engine};

/// Why cards must be brought, by card.
async fn tasks(it: &Site) -> Vec<(Value, Value)> {
    let all = it.list("/devices/tasks").await;
    let all = all.into_iter();
    all.map(|it| (it["credential_id"].clone(), it["locks"][0]["reason"].clone())).collect()
}

#[tokio::test]
async fn a_card_is_written_opens_and_is_brought_back_when_its_key_is_refused() {
    on_each_engine(|mut world| async move {
        world.admin = world.here().full_key().await;
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 31).await;
        let encoder = world.admin.makes_key(&["devices:sync"], &[&world.place]).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        let plain = it.card(&ann, "1234").await;
        let sync = it.at("/devices/sync");
        let asked = encoder.post(&sync, json!({"device_id": plain["id"]})).await;
        let refused = asked.problem(422, "invalid");
        assert_eq!(refused["errors"][0]["code"], "card_cannot_sign", "{refused}");
        assert!(tasks(&it).await.is_empty(), "a card that cannot sign is no task");

        let mut card = Phone::card(&it, &plain, &encoder).await;
        let shown = it.get(&one("/credentials", &plain)).await;
        assert_eq!((&shown["kind"], shown.get("phone")), (&json!("card"), None), "{shown}");
        let mine = json!(card.device);
        assert_eq!(tasks(&it).await, [(mine.clone(), json!("new"))]);
        let given = card.call(json!({})).await;
        assert_eq!(tasks(&it).await, [(mine.clone(), json!("unwritten"))]);
        let held = card.keep(&given);
        assert_eq!(held[0]["class"], 1);
        card.call(json!({"acknowledged": held})).await;
        assert!(tasks(&it).await.is_empty());
        assert_eq!(door.answers(&card), Code::Done, "it brings no list, and needs none");
        // Another key for a card that has one takes more than an encoder may do.
        let body = json!({"credential_id": id(&plain), "public_key": cose_key(&pair())});
        encoder.post(&it.at("/devices/enrol"), body).await.problem(403, "forbidden_scope");
        it.patch(&one("/credentials", &plain), json!({"label": "blue"})).await.expect(200);

        // Suspended, the key is refused for good; resumed, the card has to be brought.
        let path = one("/people", &ann);
        it.acted(&format!("{path}/suspend")).await;
        assert!(tasks(&it).await.is_empty(), "no right, no task");
        let mut his = Phone::of(&it, &bo).await;
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!(door.answers(&card), Code::Revoked);
        his.sync().await;
        it.acted(&format!("{path}/resume")).await;
        assert_eq!(tasks(&it).await, [(mine.clone(), json!("refused"))]);
        card.sync().await;
        assert!(tasks(&it).await.is_empty());
        assert_eq!(door.answers(&card), Code::Done);
        let events = door.events(1);
        let path = format!("{}/events", one("/locks", &door.shown));
        it.post(&path, json!({"events": events})).await.expect(200);
        let events = it.list("/events").await;
        let by_card =
            events.iter().filter(|it| it["method"] == "card" && it["person_id"] == ann["id"]);
        assert_eq!(by_card.count(), 3, "{events:?}");

        // Half its life on, it has to be brought again.
        let world = world.later(46 * 86_400).await;
        let it = back(&world, &mut [&mut card]);
        assert_eq!(tasks(&it).await, [(mine, json!("ending"))]);
    })
    .await;
}

#[tokio::test]
async fn a_card_that_a_list_hits_is_named_beforehand_and_is_a_task() {
    on_each_engine(|world| async move {
        let it = world.here();
        let body = json!({"name": "Shed", "mode": "offline_keys", "capacity": {"entries": 1}});
        let mut door = Door::with(&it, body, 32).await;
        let encoder = world.admin.makes_key(&["devices:sync"], &[&world.place]).await;
        let (mut cards, mut grants) = (Vec::new(), Vec::new());
        for (name, digits) in [("Ann", "1001"), ("Bo", "1002"), ("Cy", "1003"), ("Di", "1004")] {
            let person = it.person(name).await;
            grants.push(one("/grants", &it.grant(&person, &door.shown).await));
            let card = it.card(&person, digits).await;
            let mut card = Phone::card(&it, &card, &encoder).await;
            card.sync().await;
            cards.push(card);
        }
        it.acted(&format!("{}/revoke", grants[1])).await;
        let plan =
            it.post(&format!("{}/revoke?dry_run=true", grants[3]), json!({})).await.expect(200);
        let hit = json!([{"credential_id": cards[0].device, "lock_id": door.id()}]);
        assert_eq!((&plan["plan"]["side_effects"], &plan["plan"]["card_tasks"]), (&hit, &hit));
        let counts = &plan["plan"]["counts"];
        assert_eq!((&counts["card_tasks"], &counts["phones_to_sync"]), (&json!(1), &json!(0)));
        it.acted(&format!("{}/revoke", grants[3])).await;
        assert_eq!(tasks(&it).await, [(json!(cards[0].device), json!("refused"))]);
        // Whoever stands at the updater carries the list as well.
        let card = &mut cards[0];
        card.sync().await;
        assert!(tasks(&it).await.is_empty());
        assert_eq!(door.take_list(card), Code::Applied);
        card.sync().await;
        let codes: Vec<Code> = cards.iter().map(|card| door.answers(card)).collect();
        assert_eq!(codes, [Code::Done, Code::Revoked, Code::Done, Code::Revoked]);
    })
    .await;
}
