//! What cannot be is refused, told, and recorded as an event of the lock.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_app::offline;
use claviger_offline::cose::Signed;
use claviger_offline::list::List;
use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::door::Door;
use super::forger::Forger;
use super::phone::Phone;
use super::remembered::number_of;
use super::roots::{back, root_of, run};
use crate::kit::{Site, one};
use crate::retention::work_until;
use crate::support::on_each_engine;

async fn tampers(it: &Site) -> Vec<Value> {
    let events = it.list("/events").await.into_iter();
    events.filter(|event| event["kind"] == "tamper").collect()
}

/// A receipt whose MAC is another.
fn forged(receipt: &str) -> String {
    let end = receipt.len() - 8;
    format!("{}AAAA{}", &receipt[..end], &receipt[end + 4..])
}

#[tokio::test]
async fn what_a_lock_never_made_is_refused_and_told() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 51).await;
        let ann = it.person("Ann").await;
        it.grant(&ann, &door.shown).await;
        let mut phone = Phone::of(&it, &ann).await;
        phone.sync().await;
        assert_eq!(door.take_list(&mut phone), Code::Same);
        assert_eq!(door.answers(&phone), Code::Done);
        let honest = phone.receipts.clone();
        phone.receipts = honest.iter().map(|it| it.replace(&it[8..12], "AAAA")).collect();
        phone.call(json!({})).await;
        assert_eq!(tampers(&it).await, Vec::<Value>::new(), "of a lock that is none");
        phone.receipts = honest.iter().map(|it| forged(it)).collect();
        phone.call(json!({})).await;
        let told = tampers(&it).await;
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0]["lock_id"], &told[0]["person_id"]), (&door.shown["id"], &ann["id"]));
        let path = format!("{}/revocation-list", one("/locks", &door.shown));
        assert_eq!(it.get(&path).await["shown"], json!(null), "it proves nothing");
        phone.receipts = honest.iter().map(|it| forged(it)).collect();
        phone.call(json!({})).await;
        assert_eq!(tampers(&it).await.len(), 1, "once an hour");
        // An event that nobody sealed, brought by nobody known; and a lock that wants its list.
        let mut events = door.events(1);
        let last = events.pop().unwrap();
        let end = last.len() - 8;
        let broken = format!("{}AAAA{}", &last[..end], &last[end + 4..]);
        let path = format!("{}/events", one("/locks", &door.shown));
        it.post(&path, json!({"events": [broken]})).await.expect(200);
        let told = tampers(&it).await;
        assert_eq!(
            (told.len(), told.iter().filter(|it| it["person_id"].is_null()).count()),
            (2, 1)
        );
        let report = json!({"lock_id": door.id(), "code": Code::NeedList.number()});
        phone.call(json!({"reports": [report]})).await;
        assert_eq!(tampers(&it).await.len(), 3);
        phone.receipts = honest;
        phone.call(json!({})).await;
        let path = format!("{}/revocation-list", one("/locks", &door.shown));
        assert_eq!(it.get(&path).await["shown"]["version"], 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_signed_by_a_clock_that_nobody_has_looked_at() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 53).await;
        let (gate, bo) = (Door::at(&it, "Gate", 56).await, it.person("Bo").await);
        let only = it.grant(&bo, &gate.shown).await;
        Phone::of(&it, &bo).await.sync().await;
        let ann = it.person("Ann").await;
        it.grant(&ann, &door.shown).await;
        let mut phone = Phone::of(&it, &ann).await;
        let wait = |it| claviger_app::Settings { waits_for_clock: true, ..it };
        let world = world.reopened(0, wait).await;
        phone = phone.over(&world);
        let it = world.here();
        // What it brings is taken in, and what is signed is carried on.
        let alarming = forged(&door.receipt().unwrap());
        phone.receipts.push(alarming.clone());
        let nonce = STANDARD.encode([7; 16]);
        let given = phone.call(json!({"nonces": [{"lock_id": door.id(), "nonce": nonce}]})).await;
        assert_eq!((&given["keys"], &given["fresh"]), (&json!([]), &json!([])));
        assert_eq!(tampers(&it).await.len(), 1);
        let told = || async {
            let events = world.here().list("/events").await;
            events.iter().any(|it| it["kind"] == "clock_wrong" && it["lock_id"] == door.shown["id"])
        };
        assert!(!told().await);
        work_until(&world, told).await;
        it.acted(&format!("{}/revoke", one("/grants", &only))).await;
        assert_eq!(number_of(&world, "version", &gate).await, Some(1), "it is owed");
        offline::trust_clock(&world.app).await;
        assert_eq!(number_of(&world, "version", &gate).await, Some(2));
        phone.sync().await;
        assert_eq!(door.answers(&phone), Code::Done);
    })
    .await;
}

#[tokio::test]
async fn what_a_refused_call_would_have_told_is_told_by_the_next_and_once() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = Door::at(&it, "Shed", 54).await;
        let ann = it.person("Ann").await;
        it.grant(&ann, &door.shown).await;
        let mut phone = Phone::of(&it, &ann).await;
        // The root is elsewhere, and has not spoken for who signs.
        let root = root_of(&world.app);
        offline::forget_root(&world.app).await.unwrap();
        run(&world.app, "delete from issuers").await;
        let world = world.restarted().await;
        let it = back(&world, &mut [&mut phone]);
        let alarming = forged(&door.receipt().unwrap());
        let brought = json!({"receipts": [&alarming]});
        let refused = phone.actor.post(&it.at("/devices/sync"), brought).await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        assert_eq!(tampers(&it).await, Vec::<Value>::new());
        offline::sign(&world.app, Some(&root), false).await.unwrap();
        for _ in 0..2 {
            phone.receipts.push(alarming.clone());
            phone.call(json!({})).await;
            assert_eq!(tampers(&it).await.len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_asks_for_keys_again_and_again_gets_no_more() {
    on_each_engine(|world| async move {
        let it = world.here();
        let door = Door::at(&it, "Shed", 52).await;
        let ann = it.person("Ann").await;
        let grant = one("/grants", &it.grant(&ann, &door.shown).await);
        let mut phone = Phone::of(&it, &ann).await;
        let mut given = 0;
        for turn in 1..=10 {
            given += phone.sync().await["keys"].as_array().unwrap().len();
            let until = format!("2089-01-01T00:00:{turn:02}Z");
            it.patch(&grant, json!({"valid_from": "2089-01-01T00:00:00Z"})).await.expect(200);
            it.patch(&grant, json!({"valid_from": null, "valid_until": until})).await.expect(200);
        }
        assert_eq!(given, 8);
        let told = tampers(&it).await;
        assert_eq!((told.len(), &told[0]["person_id"]), (1, &ann["id"]));
    })
    .await;
}

#[tokio::test]
async fn what_a_lock_has_seen_of_a_cloned_signer_is_told() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 54).await;
        let ann = it.person("Ann").await;
        it.grant(&ann, &door.shown).await;
        let mut phone = Phone::of(&it, &ann).await;
        phone.sync().await;
        let (list, certificate) = phone.list_for(door.id()).unwrap();
        let iat = List::read(Signed::read(&list).unwrap().payload).unwrap().iat;
        let forger = Forger::with(&world, certificate);
        let second = forger.list(phone.bytes_of(door.id()), door.holds(), iat + 1);
        assert_eq!(door.takes_list_by(&second, &forger.certificate), Code::Conflict);
        phone.events = door.events(1);
        phone.call(json!({})).await;
        let told = tampers(&it).await;
        assert_eq!((told.len(), &told[0]["lock_id"]), (1, &door.shown["id"]));
        phone.events = door.events(1);
        phone.call(json!({})).await;
        assert_eq!(tampers(&it).await.len(), 1, "each event is heard once");
    })
    .await;
}
