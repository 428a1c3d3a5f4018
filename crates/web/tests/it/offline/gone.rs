//! Locks that were deleted, or that read no keys any more: they hang at their doors all the same,
//! and what was taken away reaches them.

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::door::Door;
use super::phone::Phone;
use super::state;
use crate::kit::one;
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn a_lock_that_was_deleted_is_told_and_tells() {
    on_each_engine(|world| async move {
        let it = world.here();
        let other = it.neighbour("Other").await;
        let mut door = Door::at(&it, "Shed", 94).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let grant = it.grant(&ann, &door.shown).await;
        hers.sync().await;
        assert_eq!(door.answers(&hers), Code::Done);
        let path = one("/locks", &door.shown);
        it.delete(&path).await.expect(204);
        assert_eq!(state(&it, &grant).await, "revocation_pending");
        assert_eq!(door.answers(&hers), Code::Done, "it has not heard");

        other.missing(&format!("{path}/revocation-list")).await;
        assert_eq!(door.take_fetched(&it, &mut his).await, Code::Applied);
        assert_eq!((door.holds(), door.answers(&hers)), ((0, 2), Code::Revoked));
        let brought = json!({"receipts": std::mem::take(&mut his.receipts)});
        it.post(&format!("{path}/receipts"), brought).await.expect(200);
        assert_eq!(state(&it, &grant).await, "revoked");
        let brought = json!({"events": door.events(1)});
        it.post(&format!("{path}/events"), brought).await.expect(200);
        let events = it.list("/events").await;
        let by_her = |kind: &str| {
            let own = |it: &&Value| it["kind"] == kind && it["person_id"] == ann["id"];
            events.iter().filter(own).count()
        };
        assert_eq!((by_her("access_granted"), by_her("access_denied")), (2, 1), "{events:?}");
        assert_eq!(events[0]["lock_id"], door.id());
    })
    .await;
}

#[tokio::test]
async fn whoever_holds_keys_of_a_lock_that_reads_none_any_more_brings_its_list() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (mut shed, mut gate) =
            (Door::at(&it, "Shed", 95).await, Door::at(&it, "Gate", 96).await);
        let ann = it.person("Ann").await;
        let mut phone = Phone::of(&it, &ann).await;
        let grants = [it.grant(&ann, &shed.shown).await, it.grant(&ann, &gate.shown).await];
        phone.sync().await;
        it.patch(&one("/locks", &shed.shown), json!({"mode": "online"})).await.expect(200);
        it.delete(&one("/locks", &gate.shown)).await.expect(204);
        assert_eq!(state(&it, &grants[1]).await, "revocation_pending");
        let keys = it.list(&format!("/keys?person_id={}", id(&ann))).await;
        assert_eq!(keys.len(), 2, "{keys:?}");

        let given = phone.sync().await;
        assert_eq!(
            (given["keys"].clone(), given["locks"].as_array().unwrap().len()),
            (json!([]), 2)
        );
        for door in [&mut shed, &mut gate] {
            assert_eq!(door.answers(&phone), Code::Done);
            assert_eq!(door.take_list(&mut phone), Code::Applied);
            assert_eq!(door.answers(&phone), Code::Revoked);
        }
        phone.call(json!({})).await;
        assert_eq!(state(&it, &grants[1]).await, "revoked");
        assert_eq!(phone.call(json!({})).await["lists"], json!([]), "they know");
    })
    .await;
}
