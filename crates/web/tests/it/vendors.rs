//! One card is one credential, whichever vendor's program or native call speaks of it.

use serde_json::json;

use crate::intserv::{Intserv, proximity};
use crate::support::{World, id, on_each_engine};
use crate::trackunit::{Trackunit, number};

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
