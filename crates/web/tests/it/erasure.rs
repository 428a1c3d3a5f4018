//! Whoever is deleted and forgotten stays so: nothing of them is kept aside, nothing that is told
//! late makes them known again; and of whoever is held nothing goes.

use claviger_store::{Batch, Statement};
use serde_json::{Value, json};

use crate::keeping::days_later;
use crate::kit::{Site, field, in_seconds, one};
use crate::login::{PASSWORD, mails, secret_of};
use crate::offline::door::Door;
use crate::offline::phone::Phone;
use crate::panel::Panel;
use crate::retention::work_until;
use crate::support::{World, on_each_engine};

const DAY_S: i64 = 24 * 3600;

async fn count(world: &World, rows: &str) -> i64 {
    let statement = Statement::new(format!("select count(*) from {rows}"), vec![]);
    world.app.storage().db().read(statement).await.unwrap()[0].int(0).unwrap()
}

async fn hold(it: &Site, world: &World, path: &str) {
    let body = json!({"until": in_seconds(world, 100 * DAY_S), "reason": "A claim"});
    it.post(&format!("{path}/hold"), body).await.expect(200);
}

#[tokio::test]
async fn what_somebody_on_hold_has_is_neither_deleted_nor_passed_on() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (hers, his) = (it.card(&ann, "a1").await, it.card(&bo, "b1").await);
        let path = one("/people", &ann);
        hold(&it, &world, &path).await;
        it.actor.delete(&it.at(&one("/credentials", &hers))).await.problem(409, "in_use");
        for whose in [json!(null), bo["id"].clone()] {
            let pass = it.patch(&one("/credentials", &hers), json!({"person_id": whose})).await;
            pass.problem(409, "in_use");
        }
        // What is still hers is put right as ever.
        let same = json!({"person_id": ann["id"], "label": "Blue"});
        it.patch(&one("/credentials", &hers), same).await.expect(200);
        it.delete(&one("/credentials", &his)).await.expect(204);
        it.acted(&format!("{path}/release")).await;
        it.delete(&one("/credentials", &hers)).await.expect(204);

        let nobodys = it.made("/credentials", json!({"kind": "code", "code": "987654"})).await;
        hold(&it, &world, "").await;
        it.actor.delete(&it.at(&one("/credentials", &nobodys))).await.problem(409, "in_use");
        it.acted("/release").await;
        it.delete(&one("/credentials", &nobodys)).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn what_was_told_of_somebody_on_hold_is_kept_as_long() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        it.made("/webhooks", json!({"url": "https://hooks.example.org/in"})).await;
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.card(&ann, "a1").await;
        it.present(&door, "a1").await;
        let mut sent = Batch::new();
        sent.run("update deliveries set state = 'delivered'", vec![]);
        world.app.storage().db().write(sent).await.unwrap();
        let path = one("/people", &ann);
        hold(&it, &world, &path).await;
        let world = days_later(world, 20).await;
        assert_eq!(count(&world, "deliveries").await, 1);
        world.here().acted(&format!("{path}/release")).await;
        work_until(&world, async || count(&world, "deliveries").await == 0).await;
    })
    .await;
}

/// What a controller tells of a card.
fn opened(seq: u64, lock: &Value, card: &Value, part: &str, at: &str) -> Value {
    json!({
        "seq": seq, "kind": "access_granted", "lock": lock["number"], "method": "card",
        "occurred_at": at, "credential_id": card["id"],
        "card": {"technology": "mifare_classic", "bits": 56, "value": part},
    })
}

#[tokio::test]
async fn what_a_controller_tells_late_makes_nobody_known_again() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let mut panel = Panel::at(&it, json!({})).await;
        let gate = panel.lock(&it, "Gate").await;
        let mut events = Vec::new();
        let mut people = Vec::new();
        let before = in_seconds(&world, -60);
        for (at, (name, part)) in
            [("Ann", "a1"), ("Bo", "b1"), ("Cy", "c1"), ("Dee", "d1")].into_iter().enumerate()
        {
            let person = it.person(name).await;
            let card = it.card(&person, part).await;
            it.grant(&person, &gate).await;
            events.push(opened(at as u64 + 1, &gate, &card, part, &before));
            people.push((person, card));
        }
        panel.settle().await;
        let path = |at: usize| one("/people", &people[at].0);
        let forget = async |at: usize| {
            let told = it.post(&format!("{}/forget", path(at)), json!({})).await.expect(200);
            assert_eq!(told["events"], 0);
        };
        // Both orders are erasure; Cy stays, and Dee is only deleted.
        it.delete(&path(0)).await.expect(204);
        forget(0).await;
        forget(1).await;
        it.delete(&path(1)).await.expect(204);
        forget(2).await;
        it.delete(&path(3)).await.expect(204);
        let world = world.later(3600).await;
        let it = world.here();
        let mut panel = panel.over(&world);
        let cys = &people[2].1;
        events.push(opened(5, &gate, cys, "c1", &in_seconds(&world, -60)));
        panel.call(json!({"events": events})).await;
        let stored = it.list("/events").await;
        let whom = field(&stored, "person_id");
        let (none, cy, dee) = (&json!(null), &people[2].0["id"], &people[3].0["id"]);
        assert_eq!(whom, [none, none, none, dee, cy]);
        for name in ["credential_id", "card"] {
            let known: Vec<bool> = field(&stored, name).iter().map(|it| !it.is_null()).collect();
            assert_eq!(known, [false, false, false, true, true], "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_lock_with_no_network_tells_late_makes_nobody_known_again() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 61).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        hers.sync().await;
        his.sync().await;
        door.answers(&hers);
        door.answers(&his);
        let world = world.later(120).await;
        let (it, mut his) = (world.here(), his.over(&world));
        it.delete(&one("/people", &ann)).await.expect(204);
        let forget = async |person: &Value| {
            it.post(&format!("{}/forget", one("/people", person)), json!({})).await.expect(200)
        };
        forget(&ann).await;
        forget(&bo).await;
        his.events = door.events(1);
        his.call(json!({})).await;
        let stored = it.list("/events").await;
        let granted = stored.iter().filter(|event| event["kind"] == "access_granted");
        let granted: Vec<Value> = granted.cloned().collect();
        assert_eq!(granted.len(), 2, "{stored:?}");
        for name in ["person_id", "credential_id", "grant_id"] {
            assert_eq!(field(&granted, name), [&Value::Null, &Value::Null], "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn by_what_a_phone_was_known_goes_with_it() {
    on_each_engine(|world| async move {
        let owner = world.here();
        let tenant = owner.neighbour("Tenant").await;
        let mut door = Door::at(&owner, "Gate", 62).await;
        let shares = format!("{}/shares", one("/locks", &door.shown));
        owner.made(&shares, json!({"place_id": tenant.place})).await;
        let (tina, ann) = (tenant.person("Tina").await, owner.person("Ann").await);
        let mut theirs = Phone::of(&tenant, &tina).await;
        let mut hers = Phone::of(&owner, &ann).await;
        tenant.grant(&tina, &door.shown).await;
        owner.grant(&ann, &door.shown).await;
        // One holds its key, of the other the server keeps what it signed.
        theirs.call(json!({})).await;
        hers.sync().await;
        let known = "issued_keys where length(holder) > 0 or length(bytes) > 0";
        assert_eq!((count(&world, known).await, count(&world, "devices").await), (2, 2));
        tenant.delete(&one("/people", &tina)).await.expect(204);
        assert_eq!((count(&world, known).await, count(&world, "devices").await), (1, 1));
        // What is written of the lock later brings nothing back, and what memory forgot goes too.
        hers.sync().await;
        let world = world.restarted().await;
        let owner = world.here();
        let mut hers = hers.over(&world);
        owner.grant(&ann, &door.shown).await;
        hers.sync().await;
        door.take_list(&mut hers);
        hers.sync().await;
        let left = "issued_keys where length(holder) = 0 and refused = 1";
        assert_eq!(count(&world, left).await, 1, "it is refused as it was");
        owner.delete(&one("/credentials", &hers.credential())).await.expect(204);
        assert_eq!((count(&world, known).await, count(&world, "devices").await), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn an_account_that_was_never_come_in_by_goes_with_the_last_who_knows_it() {
    on_each_engine(|world| async move {
        let mut world = world.lasting().await;
        let it = world.here();
        let other = it.neighbour("Annexe").await;
        let wish = |email: &str| json!({"email": email, "invite": true});
        let gone = it.made("/people", wish("Gone@example.org")).await;
        let there = other.made("/people", wish("gone@example.org")).await;
        it.made("/people", wish("kept@example.org")).await;
        let come = it.made("/people", wish("come@example.org")).await;
        let all = mails(&world, 4).await;
        let told = all.iter().find(|mail| mail.contains("To: come@example.org")).unwrap();
        let secret = json!({"secret": secret_of(told), "password": PASSWORD});
        world.nobody().post("/api/v1/account/invitation", secret).await.expect(201);
        for person in [&gone, &come] {
            it.delete(&one("/people", person)).await.expect(204);
        }
        let accounts = "accounts where email is not null";
        assert_eq!(count(&world, accounts).await, 3);
        world = days_later(world, 1).await;
        assert_eq!(count(&world, accounts).await, 3, "another place knows her");
        let other = Site { actor: world.again(&other.actor), place: other.place.clone() };
        other.delete(&one("/people", &there)).await.expect(204);
        let world = days_later(world, 2).await;
        work_until(&world, async || count(&world, accounts).await == 2).await;
        let mails = mails(&world, 2).await;
        assert!(
            mails.iter().all(|mail| !mail.contains("To: Gone@") && !mail.contains("To: gone@"))
        );
        let tickets = "tickets where kind = 'invitation' and deleted_at is null";
        assert_eq!(count(&world, tickets).await, 1, "kept@ can still come");
    })
    .await;
}
