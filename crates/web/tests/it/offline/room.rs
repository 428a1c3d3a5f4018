//! The room of a lock's list, whoever says how much there is: no list is longer than locks take,
//! and none that cannot be made keeps a phone from its keys.

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::door::Door;
use super::phone::{Phone, bytes, carried};
use super::roots::{back, run};
use crate::kit::{Site, one};
use crate::support::on_each_engine;

/// The longest list that a lock takes.
const MOST: usize = 896;

/// Rights of somebody at a lock, every other through a level.
async fn give(it: &Site, person: &Value, (door, level): (&Door, &Value), times: usize) {
    for _ in 0..times {
        it.grant(person, &door.shown).await;
        it.level_grant(person, level).await;
    }
}

/// How many bytes the list of a lock has.
async fn length(it: &Site, door: &Door) -> usize {
    let path = format!("{}/revocation-list", one("/locks", &door.shown));
    bytes(&it.get(&path).await["list"]).len()
}

#[tokio::test]
async fn a_list_is_never_longer_than_locks_take_whatever_is_said_of_their_room() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 91).await;
        let (ann, level) = (it.person("Ann").await, it.level("Staff", &[&door.shown]).await);
        let mut phone = Phone::of(&it, &ann).await;
        give(&it, &ann, (&door, &level), 65).await;
        phone.sync().await;
        // As if twenty thousand keys had been made meanwhile.
        run(&world.app, "update offline_locks set tops = '[24000,0,0,0]'").await;
        let world = world.restarted().await;
        let it = back(&world, &mut [&mut phone]);
        give(&it, &ann, (&door, &level), 2).await;
        phone.sync().await;
        let taken = phone.key_for(door.id()).unwrap();

        let path = one("/locks", &door.shown);
        it.patch(&path, json!({"capacity": {"list_bytes": 4096}})).await.expect(200);
        let hello = |limit: u32| {
            let mut hello = door.hello();
            hello["list_limit"] = json!(limit);
            json!({"hellos": [hello]})
        };
        let (generous, least, honest) = (hello(100_000), hello(256), hello(512));
        phone.call(generous).await;
        it.patch(&one("/access-levels", &level), json!({"lock_ids": []})).await.expect(200);
        let given = phone.call(json!({})).await;
        let list = carried(&given, "lists").remove(0);
        assert!(list.len() <= MOST, "{}", list.len());
        phone.call(honest).await;
        phone.sync().await;
        assert_eq!(door.take_list(&mut phone), Code::Applied);
        assert_eq!(door.answers_key(&phone, &taken), Code::Revoked);

        // Entries that are counted take bytes too.
        it.patch(&path, json!({"capacity": {"entries": 64}})).await.expect(200);
        phone.call(least).await;
        let bo = it.person("Bo").await;
        let grant = it.grant(&bo, &door.shown).await;
        Phone::of(&it, &bo).await.sync().await;
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        assert!(length(&it, &door).await <= 256, "{}", length(&it, &door).await);
        phone.sync().await;
        assert_eq!(door.take_list(&mut phone), Code::Applied);
        assert_eq!(door.answers_key(&phone, &taken), Code::Revoked);
    })
    .await;
}
