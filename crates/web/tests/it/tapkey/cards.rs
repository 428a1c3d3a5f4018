//! Bound cards, and the rights they have by themselves.

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::grants::words;
use super::{NOBODYS, Tapkey, refused};
use crate::kit::one;
use crate::offline::door::Door;
use crate::offline::phone::Phone;
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn bound_cards_are_the_cards_of_the_place() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let ann = it.person("Ann").await;
        let part = json!({ "bits": 32, "value": "1234bffb" });
        let body = json!({ "kind": "card", "person_id": id(&ann), "label": "Blue", "card": part });
        let card = it.made("/credentials", body).await;
        let code = json!({ "kind": "code", "person_id": id(&ann), "code": "123456" });
        let code = it.made("/credentials", code).await;
        let path = format!("/BoundCards/{}", id(&card));
        let shown = program.get(&path).await.expect(200);
        let wanted = json!({
            "id": card["id"], "label": "12-34-BF-FB", "uid": "EjS/+w==", "isActive": true,
            "physicalCardId": "BAASNL/7", "ownerAccountId": world.place,
            "bindDate": shown["bindDate"], "unbindDate": null, "title": "Blue",
            "nofGrantsCapacity": 12,
        });
        assert_eq!(shown, wanted);
        assert_eq!(program.list("/boundcards", "").await, [shown]);
        let picked = format!("$filter=id eq '{NOBODYS}' or id eq '{}'&$select=id,title", id(&card));
        let picked = program.list("/boundcards", &picked).await;
        assert_eq!(picked, [json!({ "id": card["id"], "title": "Blue" })]);
        let done = program.call("PATCH", &path, json!({ "title": "Red" })).await;
        assert_eq!((done.status, done.text.as_str()), (204, ""));
        assert_eq!(it.get(&one("/credentials", &card)).await["label"], "Red");
        program.call("PATCH", &path, json!({ "title": null })).await.expect(204);
        it.acted(&format!("{}/report-lost", one("/credentials", &card))).await;
        let shown = program.get(&path).await.expect(200);
        assert_eq!((&shown["title"], &shown["isActive"]), (&Value::Null, &json!(false)));

        let before = world.revisions().await;
        for body in
            [json!({ "title": 5 }), json!({ "title": "x".repeat(201) }), json!({ "uid": "" })]
        {
            refused(&program.call("PATCH", &path, body).await, 400, "InvalidRequest", &[]);
        }
        for (method, below, body) in [
            ("GET", "", Value::Null),
            ("PATCH", "", json!({ "title": "x" })),
            ("GET", "/grants", Value::Null),
            ("POST", "/revokegrants", Value::Null),
        ] {
            let path = format!("/boundcards/{}{below}", id(&code));
            refused(&program.call(method, &path, body).await, 404, "NotFound", &["card"]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_card_is_given_rights_of_its_own_at_most_twelve() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let card = it.card(&ann, "a1").await;
        let give = async |lock: &Value| {
            let body = json!({ "boundCardId": id(&card), "boundLockId": id(lock) });
            program.call("PUT", "/grants", body).await
        };
        let made = give(&door).await.expect(200);
        assert_eq!((&made["boundCardId"], &made["boundCard"]["id"]), (&card["id"], &card["id"]));
        assert_eq!((&made["contactId"], &made["contact"]), (&Value::Null, &Value::Null));
        assert!(it.opens(&door, "a1").await);
        refused(&give(&door).await, 409, "Duplicate", &[]);
        // What its holder may open is the holder's.
        let gate = it.lock("Gate").await;
        it.grant(&ann, &gate).await;
        let path = format!("/boundcards/{}", id(&card));
        let shown = program.list(&format!("{path}/Grants"), "").await;
        assert_eq!(shown, std::slice::from_ref(&made));
        assert_eq!(program.list(&format!("/contacts/{}/grants", id(&ann)), "").await.len(), 1);
        let cards = program.list("/grants", "$filter=boundCardId ne null&$select=id").await;
        assert_eq!(cards, [json!({ "id": made["id"] })]);
        let mut given = vec![made];
        for at in 1..12 {
            given.push(give(&it.lock(&format!("Door {at}")).await).await.expect(200));
        }
        let one_more = give(&gate).await;
        refused(&one_more, 400, "InvalidRequest", &["boundCardId has 12"]);

        let revoke = format!("{path}/RevokeGrants");
        let before = world.revisions().await;
        let asked = program.call("POST", &format!("{revoke}?dryRun=true"), Value::Null).await;
        assert_eq!(asked.expect(200).as_array().unwrap().len(), 12);
        assert_eq!(world.revisions().await, before);
        let from_card = format!("/grants/{}/DeleteFromCard", id(&given[0]));
        let done = program.call("POST", &from_card, Value::Null).await.expect(200);
        assert_eq!(words(&done["grantRevoked"]), ("Revoked", false));
        assert!(!it.opens(&door, "a1").await);
        give(&gate).await.expect(200);
        let done = program.call("POST", &revoke, json!({ "dryRun": false })).await.expect(200);
        assert_eq!(done.as_array().unwrap().len(), 12);
        assert_eq!(program.call("POST", &revoke, Value::Null).await.expect(200), json!([]));
        assert!(it.opens(&gate, "a1").await, "by the holder's right");
        let all = program.list(&format!("{path}/grants"), "$filter=active eq false").await;
        assert_eq!(all.len(), 13);

        // A card that is gone leaves its closed grants, and nothing of what it was called.
        it.delete(&one("/credentials", &card)).await.expect(204);
        let shown = program.get(&format!("/grants/{}", id(&given[0]))).await.expect(200);
        let gone = &shown["boundCard"];
        assert_eq!((&gone["id"], &gone["isActive"]), (&card["id"], &json!(false)));
        let hidden = ["label", "uid", "physicalCardId", "title"];
        assert!(hidden.iter().all(|name| gone[name].is_null()), "{gone}");
        refused(&program.get(&path).await, 404, "NotFound", &["card"]);
    })
    .await;
}

#[tokio::test]
async fn a_grant_that_had_ended_lives_again_only_where_it_could_be_given() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let card = it.card(&ann, "a1").await;
        let over = json!("2020-01-01T00:00:00Z");
        let give = async |lock: &Value, until: &Value| {
            let body = json!({
                "boundCardId": id(&card), "boundLockId": id(lock), "validBefore": until,
            });
            program.call("PUT", "/grants", body).await.expect(200)
        };
        let ended = give(&door, &over).await;
        let live = give(&door, &Value::Null).await;
        let again = json!({ "validBefore": null });
        let path = format!("/grants/{}", id(&ended));
        refused(&program.call("PATCH", &path, again.clone()).await, 409, "Duplicate", &[]);
        for at in 1..12 {
            give(&it.lock(&format!("Door {at}")).await, &Value::Null).await;
        }
        let revoke = format!("/grants/{}/revoke", id(&live));
        program.call("POST", &revoke, Value::Null).await.expect(200);
        give(&it.lock("Gate").await, &Value::Null).await;
        let answer = program.call("PATCH", &path, again.clone()).await;
        refused(&answer, 400, "InvalidRequest", &["boundCardId has 12"]);
        assert_eq!(program.get(&path).await.expect(200)["active"], false);
        // What lives is changed as before, and lives again where there is room.
        let all = program.list("/grants", "$filter=active eq true").await;
        assert_eq!(all.len(), 12);
        let other = format!("/grants/{}", id(&all[0]));
        program.call("PATCH", &other, json!({ "validFrom": over })).await.expect(200);
        program.call("POST", &format!("{other}/revoke"), Value::Null).await.expect(200);
        assert_eq!(program.call("PATCH", &path, again).await.expect(200)["active"], true);
    })
    .await;
}

#[tokio::test]
async fn a_grant_deleted_from_a_card_is_on_no_list_and_goes_when_the_card_is_written() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let body = json!({ "name": "Shed", "mode": "offline_keys", "capacity": { "entries": 1 } });
        let mut door = Door::with(it, body, 53).await;
        let encoder = world.admin.makes_key(&["devices:sync"], &[&world.place]).await;
        let (mut cards, mut grants) = (Vec::new(), Vec::new());
        for digits in ["1001", "1002", "1003", "1004"] {
            let card = it.card(&it.person(digits).await, digits).await;
            let body = json!({ "boundCardId": id(&card), "boundLockId": door.id() });
            grants.push(program.call("PUT", "/grants", body).await.expect(200));
            let mut card = Phone::card(it, &card, &encoder).await;
            card.sync().await;
            cards.push(card);
        }
        let lock = format!("/boundlocks/{}", door.id());
        let serial = program.get(&lock).await.expect(200)["rclSerialNo"].clone();
        // Revoked, both would not fit and somebody would be hit.
        for at in [1, 3] {
            let path = format!("/grants/{}/DeleteFromCard", id(&grants[at]));
            let before = world.revisions().await;
            let asked = program.call("POST", &format!("{path}?dryRun=true"), Value::Null).await;
            assert_eq!(world.revisions().await, before);
            let mut asked = asked.expect(200);
            assert_eq!(asked["grantRevoked"]["state"], "RevocationPending");
            let done = program.call("POST", &path, Value::Null).await.expect(200);
            asked["dryRun"] = json!(false);
            assert_eq!(asked, done, "what is asked before is what is done");
            assert_eq!(words(&done["grantRevoked"]), ("RevocationPending", false));
            assert_eq!(done["grantsAffectedAsSideEffect"], json!([]));
            assert_eq!(done["rclState"]["rclClassStates"], Value::Null);
            let again = program.call("POST", &path, Value::Null).await.expect(200);
            assert_eq!(words(&again["grantRevoked"]), ("RevocationPending", false));
        }
        assert_eq!(program.get(&lock).await.expect(200)["rclSerialNo"], serial);
        let codes: Vec<Code> = cards.iter().map(|card| door.answers(card)).collect();
        assert_eq!(codes, [Code::Done; 4], "the card opens until it is synchronised");
        let tasks = it.list("/devices/tasks").await;
        let tasks: Vec<&Value> = tasks.iter().map(|task| &task["credential_id"]).collect();
        assert_eq!(tasks, [&json!(cards[1].device), &json!(cards[3].device)]);
        cards[1].sync().await;
        assert!(cards[1].key_for(door.id()).is_none(), "the key is removed");
        let stand = async |at: usize| {
            let shown = program.get(&format!("/grants/{}", id(&grants[at]))).await.expect(200);
            (shown["state"].as_str().unwrap().to_owned(), shown["active"].clone())
        };
        assert_eq!(stand(1).await, ("Revoked".to_owned(), json!(false)));
        assert_eq!(stand(3).await, ("RevocationPending".to_owned(), json!(false)));
        assert_eq!(program.get(&lock).await.expect(200)["rclSerialNo"], serial);
        // It is found at the next sync only; marked as lost, it is revoked.
        it.acted(&format!("/credentials/{}/report-lost", cards[3].device)).await;
        assert_ne!(program.get(&lock).await.expect(200)["rclSerialNo"], serial);
        // A right that is given again is another.
        let body = json!({ "boundCardId": cards[1].device, "boundLockId": door.id() });
        program.call("PUT", "/grants", body).await.expect(200);
        cards[1].sync().await;
        assert_eq!(door.take_list(&mut cards[1]), Code::Applied);
        assert_eq!(door.answers(&cards[1]), Code::Done);
        assert_eq!(door.answers(&cards[3]), Code::Revoked);
        assert_eq!(stand(1).await, ("Revoked".to_owned(), json!(false)));
    })
    .await;
}

#[tokio::test]
async fn only_grants_of_cards_are_deleted_from_cards() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let grant = it.grant(&ann, &door).await;
        let path = format!("/grants/{}/deletefromcard", id(&grant));
        let answer = program.call("POST", &path, Value::Null).await;
        refused(&answer, 400, "InvalidRequest", &["card"]);
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "active");
    })
    .await;
}

#[tokio::test]
async fn cards_that_sign_are_refused_by_their_own_list_and_those_hit_become_tasks() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let body = json!({ "name": "Shed", "mode": "offline_keys", "capacity": { "entries": 1 } });
        let mut door = Door::with(it, body, 52).await;
        let encoder = world.admin.makes_key(&["devices:sync"], &[&world.place]).await;
        let (mut cards, mut grants) = (Vec::new(), Vec::new());
        for (name, digits) in [("Ann", "1001"), ("Bo", "1002"), ("Cy", "1003"), ("Di", "1004")] {
            let card = it.card(&it.person(name).await, digits).await;
            let body = json!({ "boundCardId": id(&card), "boundLockId": door.id() });
            grants.push(program.call("PUT", "/grants", body).await.expect(200));
            let mut card = Phone::card(it, &card, &encoder).await;
            card.sync().await;
            cards.push(card);
        }
        let eve = it.person("Eve").await;
        it.grant(&eve, &door.shown).await;
        let mut phone = Phone::of(it, &eve).await;
        phone.sync().await;
        let revoke = async |at: usize, query: &str| {
            let path = format!("/boundcards/{}/revokegrants{query}", card_of(&grants[at]));
            program.call("POST", &path, Value::Null).await.expect(200)[0].clone()
        };
        let first = revoke(1, "").await;
        assert_eq!(words(&first["grantRevoked"]), ("RevocationPending", false));
        let asked = revoke(3, "?dryRun=true").await;
        let done = revoke(3, "").await;
        for result in [&asked, &done] {
            let hit = result["grantsAffectedAsSideEffect"].as_array().unwrap();
            let ids: Vec<&str> = hit.iter().map(id).collect();
            assert_eq!(ids, [id(&grants[0])]);
            assert_eq!(hit[0]["boundCardId"], json!(cards[0].device));
            let classes = &result["rclState"]["rclClassStates"];
            assert_eq!(classes.as_array().unwrap().len(), 1, "phones have nothing to do with it");
            let class =
                (&classes[0]["rclClass"], &classes[0]["currentSize"], &classes[0]["maxSize"]);
            assert_eq!(class, (&json!("Card"), &json!(1), &json!(1)));
        }
        let tasks = it.list("/devices/tasks").await;
        assert_eq!(tasks.len(), 1);
        assert_eq!(tasks[0]["credential_id"], json!(cards[0].device));
        phone.sync().await;
        assert_eq!(door.take_list(&mut phone), Code::Applied);
        assert_eq!(door.answers(&phone), Code::Done, "the lists of phones and cards are apart");
        let codes: Vec<Code> = cards.iter().map(|card| door.answers(card)).collect();
        assert_eq!(codes, [Code::Revoked, Code::Revoked, Code::Done, Code::Revoked]);
        phone.sync().await;
        for at in [1, 3] {
            let shown = program.get(&format!("/grants/{}", id(&grants[at]))).await.expect(200);
            assert_eq!(words(&shown), ("Revoked", false));
        }
        cards[0].sync().await;
        assert!(it.list("/devices/tasks").await.is_empty());
        assert_eq!(door.answers(&cards[0]), Code::Done, "with another key");
    })
    .await;
}

fn card_of(grant: &Value) -> &str {
    grant["boundCardId"].as_str().unwrap()
}
