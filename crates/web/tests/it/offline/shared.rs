//! A lock with no network that is in another place too: keys by that place's people.

use claviger_offline::lock::code::Code;
use serde_json::json;

use super::door::Door;
use super::phone::Phone;
use super::{newest, states};
use crate::kit::one;
use crate::support::on_each_engine;

#[tokio::test]
async fn a_shared_lock_opens_by_keys_of_both_places_until_it_is_taken_back() {
    on_each_engine(|world| async move {
        let owner = world.here();
        let tenant = owner.neighbour("Tenant").await;
        let mut door = Door::at(&owner, "Gate", 41).await;
        let shares = format!("{}/shares", one("/locks", &door.shown));
        let tina = tenant.person("Tina").await;
        let mut theirs = Phone::of(&tenant, &tina).await;
        owner.made(&shares, json!({"place_id": tenant.place})).await;
        let ann = owner.person("Ann").await;
        let mut hers = Phone::of(&owner, &ann).await;
        owner.grant(&ann, &door.shown).await;
        let first = one("/grants", &tenant.grant(&tina, &door.shown).await);
        assert_eq!(theirs.sync().await["locks"][0]["name"], "Gate");
        hers.sync().await;
        assert_eq!((door.answers(&hers), door.answers(&theirs)), (Code::Done, Code::Done));
        // What happened is told in both places: to whom it concerns, and without a name.
        let events = json!({"events": door.events(1)});
        tenant.post(&format!("{}/events", one("/locks", &door.shown)), events).await.expect(200);
        let seen = |events: &[serde_json::Value]| -> Vec<serde_json::Value> {
            events.iter().map(|event| event["person_id"].clone()).collect()
        };
        assert_eq!(seen(&tenant.list("/events").await), [tina["id"].clone()]);
        let people = seen(&owner.list("/events").await);
        assert_eq!(people.len(), 2);
        assert!(people.contains(&ann["id"]) && people.contains(&json!(null)), "{people:?}");
        // It is one event, by whose id both are known to be the same.
        let id = &tenant.list("/events").await[0]["id"];
        let of_nobody = |event: &&serde_json::Value| event["person_id"].is_null();
        let owners = owner.list("/events").await;
        assert_eq!(owners.iter().find(of_nobody).map(|event| &event["id"]), Some(id));

        // The tenant takes its own back, and the owner's list says so.
        tenant.acted(&format!("{first}/revoke")).await;
        assert_eq!(tenant.get(&first).await["state"], "revocation_pending");
        hers.sync().await;
        assert_eq!(door.take_list(&mut hers), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&theirs)), (Code::Done, Code::Revoked));
        hers.sync().await;
        assert_eq!(tenant.get(&first).await["state"], "revoked");

        // Un-sharing takes what is left: the grant is not revoked before the lock has shown it.
        let second = one("/grants", &tenant.grant(&tina, &door.shown).await);
        theirs.sync().await;
        assert_eq!(door.answers(&theirs), Code::Done);
        owner.delete(&format!("{shares}?place_id={}", tenant.place)).await.expect(204);
        let shown = tenant.get(&second).await;
        assert_eq!(shown["state"], "revocation_pending", "{shown}");
        assert_eq!(shown["revocation"]["locks_total"], 1);
        assert_eq!(door.answers(&theirs), Code::Done, "it has not heard");
        assert_eq!(theirs.sync().await["keys"], json!([]));
        hers.sync().await;
        assert_eq!(door.take_list(&mut hers), Code::Applied);
        assert_eq!((door.answers(&hers), door.answers(&theirs)), (Code::Done, Code::Revoked));
        hers.sync().await;
        assert_eq!(tenant.get(&second).await["state"], "revoked");
        assert_eq!(states(&newest(&tenant).await), ["told"]);
    })
    .await;
}
