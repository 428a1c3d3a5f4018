//! Keys that open at other times than is right though nobody changed a right, as after new rules of
//! time zones: a server that starts refuses them.

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::door::Door;
use super::phone::Phone;
use super::roots::{back, run};
use super::{newest, states};
use crate::kit::{one, person_to_lock};
use crate::retention::work_until;
use crate::support::on_each_engine;

#[tokio::test]
async fn keys_of_other_hours_than_is_right_are_refused_when_a_server_starts() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 79).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        let days = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
        let weekly = json!([{"days": days, "from": "00:01", "to": "24:00"}]);
        let mut grant = person_to_lock(&ann, &door.shown);
        grant["schedule"] = json!({ "weekly": weekly });
        let grant = it.made("/grants", grant).await;
        it.grant(&bo, &door.shown).await;
        hers.sync().await;
        his.sync().await;
        let former = hers.key_for(door.id()).unwrap();

        // Nothing is taken back where all is right.
        let world = world.restarted().await;
        work_until(&world, || async { true }).await;
        let it = back(&world, &mut [&mut hers, &mut his]);
        assert_eq!(it.list("/revocations").await, Vec::<Value>::new());
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "active");

        // The minute that is closed was another when her key was made.
        let sql = "update issued_keys set times = '[[7,0,7],[[127,1,1440]],[],[]]' \
             where times like '%[[127,1,1440]]%'";
        run(&world.app, sql).await;
        let world = world.restarted().await;
        work_until(&world, || async { true }).await;
        let it = back(&world, &mut [&mut hers, &mut his]);
        let revocation = newest(&it).await;
        assert_eq!(revocation["cause"], "place_compare_keys");
        assert_eq!(states(&revocation), ["pending"]);
        assert_eq!(it.list("/changes").await.last().unwrap()["verb"], "compare_keys");
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert_eq!(door.answers_key(&hers, &former), Code::Revoked);
        assert_eq!(door.answers(&his), Code::Done);
        assert_eq!(hers.sync().await["keys"].as_array().unwrap().len(), 1, "she gets another");
        his.sync().await;
        assert_eq!(states(&newest(&it).await), ["told"]);

        // Once is enough.
        let world = world.restarted().await;
        work_until(&world, || async { true }).await;
        let it = back(&world, &mut [&mut hers]);
        assert_eq!(it.list("/revocations").await.len(), 1);
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "active");
    })
    .await;
}
