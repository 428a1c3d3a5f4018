//! What one vendor's program makes is there for another's and for native calls, and means the same:
//! a card is one credential, a right is one grant.

use serde_json::json;

use crate::intserv::{Intserv, proximity};
use crate::kit::{in_seconds, one};
use crate::parakey::Parakey;
use crate::support::{World, id, on_each_engine};
use crate::tapkey::Tapkey;
use crate::trackunit::{Trackunit, number};
use crate::unloc::{self, Unloc};

#[tokio::test]
async fn a_card_is_the_same_in_every_notation() {
    on_each_engine(|world: World| async move {
        let (intserv, trackunit) = (Intserv::at(&world).await, Trackunit::at(&world).await);
        let it = &intserv.it;
        let door = it.lock("Door").await;
        let level = it.level("Staff", &[&door]).await;
        let opens = async |bits: u8, value: &str| {
            let card = json!({ "bits": bits, "value": value });
            it.decide(json!({ "lock_id": id(&door), "card": card })).await["result"] == "granted"
        };

        // Made by IntServ in hexadecimal, forty bits.
        let key = intserv.opening("0x00499602d2", &[&level]).await;
        assert_eq!(key["key"]["identification"], "0001234567890");
        assert!(opens(40, "499602d2").await && !opens(32, "499602d2").await);
        let native = intserv.native(&key).await;
        let shown = trackunit.shown(&number(&native)).await;
        assert_eq!(shown["serialNumber"], "00499602D2");
        assert_eq!(shown["groups"], json!([number(&level)]));
        let twin = json!({ "name": "Twin", "serialNumber": "00499602d2" });
        assert_eq!(trackunit.call("POST", "/Key", twin).await.status, 409);

        // Made by Trackunit as a serial number of fourteen digits.
        let unit = json!({ "units": [number(&door)] });
        let serial = trackunit.key("Tom", "6200011587691e", unit).await;
        assert!(opens(56, "6200011587691E").await);
        let decimal = u64::from_str_radix("6200011587691E", 16).unwrap();
        let found = intserv.card(&format!("MD:{decimal}")).await;
        let native = intserv.native(&found).await;
        assert_eq!(number(&native), serial);
        assert_eq!(native["cards"][0]["value"], "6200011587691e");

        // Made natively.
        let card = json!({ "technology": "wiegand", "bits": 32, "value": "ff" });
        let card = json!({ "kind": "card", "card": card });
        let card = it.made("/credentials", card).await;
        assert_eq!(trackunit.shown(&number(&card)).await["serialNumber"], "000000FF");
        let found = intserv.add(json!({ "key": proximity("0000000255") })).await;
        assert_eq!(found["id"], card["id"]);
        assert_eq!((it.list("/credentials").await.len(), trackunit.keys().await.len()), (3, 3));
    })
    .await;
}

#[tokio::test]
async fn a_right_is_one_whoever_gives_it_and_whoever_takes_it_back() {
    on_each_engine(|world| async move {
        let (tapkey, unloc) = (Tapkey::at(&world).await, Unloc::at(&world).await);
        let it = world.here();
        let door = it.lock("Door").await;
        let given = json!({
            "contact": { "identifier": unloc::phone(1) }, "boundLockId": id(&door),
            "validBefore": "2090-01-01T00:00:00Z",
        });
        let given = tapkey.call("PUT", "/grants", given).await.expect(200);
        it.card(&json!({ "id": given["contactId"] }), "a1").await;
        let path = format!("/grants/{}", id(&given));
        let keys = unloc.keys("", 100).await;
        let [key] = keys.as_slice() else { panic!("{keys:?}") };
        let seen = ["id", "lockId", "end", "state"].map(|name| key[name].clone());
        let end = "2090-01-01T00:00:00.000Z";
        assert_eq!(json!(seen), json!([given["id"], door["id"], end, "active"]));
        assert_eq!(key["appUser"]["id"], json!(unloc::phone(1)));
        assert_eq!(it.get(&path).await["valid_until"], "2090-01-01T00:00:00Z");
        assert!(it.opens(&door, "a1").await);
        // An end that one sets is the end that the other sees.
        let sooner = json!({ "validBefore": "2089-01-01T00:00:00Z" });
        tapkey.call("PATCH", &path, sooner).await.expect(200);
        let key = unloc.get(&format!("/keys/{}", id(&given))).await.expect(200)["key"].clone();
        assert_eq!(key["end"], "2089-01-01T00:00:00.000Z");
        unloc.delete(&format!("/keys/{}", id(&given))).await.expect(200);
        let shown = tapkey.get(&path).await.expect(200);
        assert_eq!((&shown["state"], &shown["active"]), (&json!("Revoked"), &json!(false)));
        assert!(!it.opens(&door, "a1").await);

        // And the other way, by a group.
        let person = unloc::phone(1);
        let group = unloc.group("Staff", &[id(&door)], &[person.as_str()]).await;
        let shown = tapkey.list("/grants", "$filter=active eq true").await;
        let [grant] = shown.as_slice() else { panic!("{shown:?}") };
        assert_eq!(
            (&grant["boundLockId"], &grant["contactId"]),
            (&group["id"], &given["contactId"])
        );
        assert!(it.opens(&door, "a1").await);
        let revoke = format!("/grants/{}/revoke", id(grant));
        tapkey.call("POST", &revoke, json!({})).await.expect(200);
        assert!(!it.opens(&door, "a1").await);
        let keys = unloc.keys("", 100).await;
        assert!(keys.iter().all(|key| key["state"] != "active"), "{keys:?}");
        assert_eq!(it.get(&one("/grants", grant)).await["state"], "revoked");
    })
    .await;
}

#[tokio::test]
async fn a_card_that_one_makes_is_a_bound_card_with_its_groups_for_another() {
    on_each_engine(|world| async move {
        let (tapkey, intserv) = (Tapkey::at(&world).await, Intserv::at(&world).await);
        let it = world.here();
        let door = it.lock("Door").await;
        let staff = it.level("Staff", &[&door]).await;
        let key = intserv.opening("0x00499602d2", &[&staff]).await;
        let cards = tapkey.list("/boundcards", "").await;
        let [card] = cards.as_slice() else { panic!("{cards:?}") };
        assert_eq!((&card["id"], &card["label"]), (&key["id"], &json!("00-49-96-02-D2")));
        let path = format!("/boundcards/{}", id(card));
        let grants = tapkey.list(&format!("{path}/grants"), "").await;
        let [grant] = grants.as_slice() else { panic!("{grants:?}") };
        assert_eq!((&grant["boundLockId"], &grant["boundCardId"]), (&staff["id"], &card["id"]));
        tapkey.call("POST", &format!("{path}/revokegrants"), json!({})).await.expect(200);
        assert!(intserv.native_levels(&key).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_stand_in_is_nobody_to_every_vendor() {
    on_each_engine(|world| async move {
        let (unloc, tapkey) = (Unloc::at(&world).await, Tapkey::at(&world).await);
        let (intserv, trackunit) = (Intserv::at(&world).await, Trackunit::at(&world).await);
        let (parakey, it) = (Parakey::at(&world).await, world.here());
        let door = it.lock("Door").await;
        let ann =
            json!({ "first_name": "Ann", "phone": "+46701112233", "email": "ann@example.org" });
        let ann = it.made("/people", ann).await;
        it.card(&ann, "a1").await;
        it.grant(&ann, &door).await;
        it.patch(&one("/locks", &door), json!({ "privacy": "pseudonym" })).await.expect(200);
        assert_eq!(it.present(&door, "a1").await["result"], "granted");
        let native = it.list("/events").await.remove(0);
        assert!(native["pseudonym"].is_string() && native["person_id"].is_null(), "{native}");

        let days = format!("from={}&to={}", in_seconds(&world, -60), in_seconds(&world, 60));
        let history = format!("/Report/UnitHistory?unitId={}&{days}", number(&door));
        let told = [
            unloc.get("/logs/access").await.expect(200)["accessEvents"].clone(),
            tapkey.get("/logentries").await.expect(200),
            intserv.events(json!({})).await["events"].clone(),
            trackunit.get(&history).await.expect(200)["list"].clone(),
            parakey.get("/eventLogs").await,
        ];
        let stand_in = native["pseudonym"].as_str().unwrap();
        for told in told {
            assert_eq!(told.as_array().map(Vec::len), Some(1), "it is shown: {told}");
            let text = told.to_string();
            for whose in ["Ann", "701112233", "ann@example.org", id(&ann), stand_in] {
                assert!(!text.contains(whose), "{whose}: {text}");
            }
        }
    })
    .await;
}
