//! Events that come late: after their lock gave them up, after it was commissioned again, after the
//! server that had them was restored; and what is recorded of a key that closes.

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::door::Door;
use super::phone::Phone;
use super::roots::{back, backup};
use crate::kit::{Site, one};
use crate::support::on_each_engine;

/// How many events of a kind the place has.
async fn count(it: &Site, kind: &str) -> usize {
    let events = it.list("/events").await;
    events.iter().filter(|event| event["kind"] == kind).count()
}

async fn opens(door: &mut Door, phone: &Phone, times: usize) {
    for _ in 0..times {
        assert_eq!(door.answers(phone), Code::Done);
    }
}

#[tokio::test]
async fn whoever_closes_a_door_was_not_let_in() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 81).await;
        let ann = it.person("Ann").await;
        it.grant(&ann, &door.shown).await;
        let mut hers = Phone::of(&it, &ann).await;
        hers.sync().await;
        assert_eq!(door.closes(&hers), Code::Done);
        hers.events = door.events(1);
        hers.call(json!({})).await;
        let events = it.list("/events").await;
        let what = |event: &Value| {
            (event["kind"].clone(), event["person_id"].clone(), event["method"].clone())
        };
        let seen: Vec<_> = events.iter().map(what).collect();
        assert_eq!(seen, [(json!("door_closed"), ann["id"].clone(), json!("phone"))]);
    })
    .await;
}

#[tokio::test]
async fn what_a_lock_gave_up_is_taken_from_whoever_has_it_still() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 82).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        it.grant(&ann, &door.shown).await;
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        hers.sync().await;
        opens(&mut door, &hers, 5).await;
        his.events = door.events(1);
        // The log goes around; what he has not brought yet is overwritten.
        opens(&mut door, &hers, 60).await;
        hers.events = door.all_events(1);
        hers.call(json!({})).await;
        let known = count(&it, "access_granted").await;
        assert!(known < 65, "some are lost: {known}");
        assert_eq!(count(&it, "tamper").await, 1, "which is told");
        let late = his.events.clone();
        for _ in 0..2 {
            his.events.clone_from(&late);
            his.call(json!({})).await;
            assert_eq!(count(&it, "access_granted").await, known + 5);
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_lock_sealed_before_it_was_commissioned_again_is_its_own() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 83).await;
        let bo = it.person("Bo").await;
        it.grant(&bo, &door.shown).await;
        let mut his = Phone::of(&it, &bo).await;
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Same);
        opens(&mut door, &his, 2).await;
        his.events = door.events(1);
        door.commissioned_again(&it, 83).await;
        his.sync().await;
        assert_eq!((count(&it, "access_granted").await, count(&it, "tamper").await), (2, 0));
        let path = format!("{}/revocation-list", one("/locks", &door.shown));
        assert_eq!(it.get(&path).await["shown"], json!(null), "of the former one it is no proof");
        // It goes on under its own, and what nobody has sealed is an alarm as ever.
        assert_eq!(door.take_list(&mut his), Code::Same);
        opens(&mut door, &his, 1).await;
        his.events = door.events(1);
        his.sync().await;
        assert_eq!((count(&it, "access_granted").await, count(&it, "tamper").await), (3, 0));
        assert_eq!(it.get(&path).await["shown"]["epoch"], 1);
        let last = door.events(1).pop().unwrap();
        let end = last.len() - 8;
        his.events.push(format!("{}AAAA{}", &last[..end], &last[end + 4..]));
        his.call(json!({})).await;
        assert_eq!(count(&it, "tamper").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_was_restored_asks_for_what_it_had_acknowledged() {
    on_each_engine(|mut world| async move {
        world.admin = world.here().full_key().await;
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 84).await;
        let ann = it.person("Ann").await;
        it.grant(&ann, &door.shown).await;
        let mut hers = Phone::of(&it, &ann).await;
        let answer = hers.sync().await;
        assert_eq!(answer["events_from"], json!([]), "of no log is anything known");
        visit(&mut door, &mut hers, 3).await;
        let file = backup(&world.app).await;
        visit(&mut door, &mut hers, 4).await;
        assert_eq!(count(&it, "access_granted").await, 7);
        let told = hers.sync().await["events_from"][0].clone();
        let log = door.log_epoch().to_string();
        assert_eq!((&told["lock_id"], &told["log_epoch"]), (&door.shown["id"], &json!(log)));
        assert_eq!(told["from_seq"], door.next_event(), "all is known");

        let world = world.restored_from(&file).await;
        let it = back(&world, &mut [&mut hers]);
        assert_eq!(count(&it, "access_granted").await, 3);
        hers.sync().await;
        assert_eq!(door.take_list(&mut hers), Code::Applied);
        visit(&mut door, &mut hers, 1).await;
        assert_eq!(count(&it, "access_granted").await, 8);
        // A courier without a device is told the same.
        let path = format!("{}/events", one("/locks", &door.shown));
        let brought = it.post(&path, json!({"events": []})).await.expect(200);
        assert_eq!(brought["events_from"], hers.sync().await["events_from"]);
        assert_eq!(brought["events_from"][0]["from_seq"], door.next_event());
    })
    .await;
}

/// A phone opens some times, brings what its server wants of that, and tells the lock that it came.
async fn visit(door: &mut Door, phone: &mut Phone, times: usize) {
    opens(door, phone, times).await;
    phone.events = door.all_events(phone.wants_from(door.id(), door.log_epoch()));
    let answer = phone.call(json!({})).await;
    phone.keep(&answer);
    door.acknowledged(phone, &answer["acknowledgements"][0]);
}

#[tokio::test]
async fn what_a_phone_did_before_it_was_passed_on_is_whose_it_was() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 87).await;
        let (ann, ben, cy) =
            (it.person("Ann").await, it.person("Ben").await, it.person("Cy").await);
        it.grant(&ann, &door.shown).await;
        let (mut phone, mut other) = (Phone::of(&it, &ann).await, Phone::of(&it, &cy).await);
        phone.sync().await;
        opens(&mut door, &phone, 1).await;
        // The lock knows the second alone.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        let path = one("/credentials", &phone.credential());
        it.patch(&path, json!({"person_id": ben["id"]})).await.expect(200);
        other.events = door.events(1);
        other.call(json!({})).await;
        let events = it.list("/events").await;
        let opened: Vec<&Value> =
            events.iter().filter(|it| it["kind"] == "access_granted").collect();
        assert_eq!(opened.len(), 1);
        assert_eq!(opened[0]["person_id"], ann["id"], "{}", opened[0]);
    })
    .await;
}
