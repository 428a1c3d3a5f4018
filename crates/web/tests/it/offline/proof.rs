//! What is told besides: events under seal, lists that are fetched, plans with lists in them, and
//! what begins after a restore.

use claviger_offline::lock::code::Code;
use claviger_store::{Batch, Outcome};
use serde_json::{Value, json};

use super::door::Door;
use super::phone::Phone;
use super::roots::back;
use crate::kit::one;
use crate::support::on_each_engine;

#[tokio::test]
async fn what_happened_is_brought_by_anybody_and_stored_once() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 11).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        hers.sync().await;
        assert_eq!(door.answers(&hers), Code::Done);
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        his.sync().await;
        door.take_list(&mut his);
        assert_eq!(door.answers(&hers), Code::Revoked);

        let all = door.events(1);
        assert!(all.len() >= 4, "{}", all.len());
        // The later ones first: a gap is not acknowledged.
        his.events = all[2..].to_vec();
        assert_eq!(his.call(json!({})).await["acknowledgements"], json!([]));
        his.events = all.clone();
        let told = his.call(json!({})).await;
        let acknowledged = told["acknowledgements"].as_array().unwrap();
        assert_eq!(acknowledged.len(), 1);
        assert_eq!(door.acknowledged(&his, &acknowledged[0]), all.len() as u32);
        let path = format!("{}/events", one("/locks", &door.shown));
        it.post(&path, json!({"events": all})).await.expect(200);
        let mut broken = all[0].clone();
        broken.replace_range(60..64, "AAAA");
        let nothing = it.post(&path, json!({"events": [broken]})).await.expect(200);
        assert_eq!(nothing["acknowledgements"], json!([]));

        let events = it.list("/events").await;
        let what = |event: &Value| (event["kind"].clone(), event["person_id"] == ann["id"]);
        let kinds: Vec<(Value, bool)> = events.iter().map(what).collect();
        let (granted, denied) = (json!("access_granted"), json!("access_denied"));
        assert_eq!(kinds.len(), 3, "{events:?}");
        assert!(kinds.contains(&(json!("tamper"), false)), "of what the lock has not sealed");
        assert!(kinds.contains(&(granted, true)) && kinds.contains(&(denied.clone(), true)));
        let denied = events.iter().find(|event| event["kind"] == denied).unwrap();
        assert_eq!(denied["reasons"], json!(["no_grant"]));
        assert_eq!((&denied["method"], &denied["grant_id"]), (&json!("phone"), &grant["id"]));
    })
    .await;
}

#[tokio::test]
async fn a_list_is_shown_and_made_anew_when_it_is_old() {
    on_each_engine(|world| async move {
        let world = world.lasting().await;
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 12).await;
        let path = one("/locks", &door.shown);
        let current = it.get(&format!("{path}/revocation-list")).await;
        assert_eq!((&current["version"], &current["shown"]), (&json!(1), &json!(null)));
        assert_eq!(current["epoch_certificate"], json!(null), "it is in its first epoch");
        it.missing(&format!("{}/revocation-list", one("/locks", &it.lock("Hall").await))).await;
        let receipt = door.receipt().unwrap();
        it.post(&format!("{path}/receipts"), json!({"receipts": [receipt]})).await.expect(200);
        let current = it.get(&format!("{path}/revocation-list")).await;
        assert_eq!(current["shown"]["version"], 1);
        let ann = it.person("Ann").await;
        it.grant(&ann, &door.shown).await;
        let mut phone = Phone::of(&it, &ann).await;
        phone.sync().await;
        assert_eq!(door.take_list(&mut phone), Code::Same, "not made anew within a day");

        let world = world.later(25 * 3600).await;
        phone = phone.over(&world);
        phone.sync().await;
        assert_eq!(door.take_list(&mut phone), Code::Applied);
        assert_eq!(door.holds(), (0, 2));
        // Nothing more is refused: a key made now asks for no newer list.
        assert_eq!(door.answers(&phone), Code::Done);
        // So it is for whoever fetches it, and a courier brings what no phone would.
        assert_eq!(door.take_fetched(&world.here(), &mut phone).await, Code::Same);
        let world = world.later(51 * 3600).await;
        let it = back(&world, &mut [&mut phone]);
        assert_eq!(door.take_fetched(&it, &mut phone).await, Code::Applied);
        assert_eq!(door.holds(), (0, 3));
        assert_eq!(door.take_fetched(&it, &mut phone).await, Code::Same);
        // Half its life on, the phone gets a key that lasts longer; the former goes on opening.
        let world = world.later(8 * 86_400).await;
        phone = phone.over(&world);
        assert_eq!(phone.sync().await["keys"].as_array().unwrap().len(), 1);
        assert_eq!(phone.sync().await["keys"], json!([]));
        assert_eq!(door.answers(&phone), Code::Done);
    })
    .await;
}

#[tokio::test]
async fn a_plan_names_whom_its_lists_hit_and_is_done_as_it_was_agreed() {
    on_each_engine(|world| async move {
        let it = world.here();
        // Room for one entry: what is refused before it takes the older ones along.
        let body = json!({"name": "Shed", "mode": "offline_keys", "capacity": {"entries": 1}});
        let mut door = Door::with(&it, body, 13).await;
        let mut phones = Vec::new();
        for name in ["Ann", "Bo", "Cy", "Di"] {
            let person = it.person(name).await;
            let grant = it.grant(&person, &door.shown).await;
            let mut phone = Phone::of(&it, &person).await;
            phone.sync().await;
            phones.push((phone, one("/grants", &grant)));
        }
        let asked = async |path: &str| {
            it.post(&format!("{path}/revoke?dry_run=true"), json!({})).await.expect(200)
        };
        let first = asked(&phones[1].1).await;
        assert_eq!(first["plan"]["side_effects"], json!([]));
        it.acted(&format!("{}/revoke", phones[1].1)).await;
        let plan = asked(&phones[3].1).await;
        let again = asked(&phones[3].1).await;
        assert_eq!(plan["plan"], again["plan"], "the same while nothing moves");
        let hit = json!([{"credential_id": phones[0].0.device, "lock_id": door.id()}]);
        assert_eq!(
            (&plan["plan"]["side_effects"], &plan["plan"]["counts"]["side_effects"]),
            (&hit, &json!(1))
        );
        // What was agreed to is not what would happen now.
        let stale = format!("\"{}\"", first["digest"].as_str().unwrap());
        let path = format!("{}/revoke", phones[3].1);
        it.matching("POST", &path, &stale, Some(json!({}))).await.problem(412, "stale");
        let agreed = format!("\"{}\"", plan["digest"].as_str().unwrap());
        it.matching("POST", &path, &agreed, Some(json!({}))).await.expect(200);

        // Whoever is hit gets another key in the very call that brings the list.
        let (ann, _) = &mut phones[0];
        assert_eq!(door.answers(ann), Code::Done, "the lock has not heard");
        let former = ann.key_for(door.id()).unwrap();
        assert_eq!(ann.sync().await["keys"].as_array().unwrap().len(), 1);
        assert_eq!(door.take_list(ann), Code::Applied);
        assert_eq!(door.answers_key(ann, &former), Code::Revoked);
        assert_eq!(door.answers(ann), Code::Done);
        let codes: Vec<Code> = phones.iter().map(|(phone, _)| door.answers(phone)).collect();
        assert_eq!(codes, [Code::Done, Code::Revoked, Code::Done, Code::Revoked]);
    })
    .await;
}

#[tokio::test]
async fn after_a_restore_an_epoch_begins_and_the_first_revocation_is_enforced() {
    on_each_engine(|world| async move {
        let it = world.here();
        let mut door = Door::at(&it, "Shed", 14).await;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let grant = it.grant(&ann, &door.shown).await;
        it.grant(&bo, &door.shown).await;
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &bo).await);
        hers.sync().await;
        his.sync().await;
        // As a restore leaves it.
        let mut batch = Batch::new();
        batch.run("update offline_locks set epoch_due = 1", []);
        let done = world.app.storage().db().write(batch).await;
        assert!(matches!(done, Ok(Outcome::Done { .. })), "{done:?}");
        let world = world.restarted().await;
        let it = world.here();
        (hers, his) = (hers.over(&world), his.over(&world));
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Done, Code::Done));
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        his.sync().await;
        assert_eq!(door.take_list(&mut his), Code::Applied);
        assert!(door.holds().0 >= 1, "an epoch has begun");
        assert_eq!((door.answers(&hers), door.answers(&his)), (Code::Revoked, Code::Done));
        his.sync().await;
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "revoked");
        // New keys have the serials of the epoch, which no key had before.
        let cy = it.person("Cy").await;
        it.grant(&cy, &door.shown).await;
        let mut new = Phone::of(&it, &cy).await;
        new.sync().await;
        assert_eq!(door.answers(&new), Code::Done);
        let world = world.restarted().await;
        let path = world.at(&format!("/locks/{}/revocation-list", door.id()));
        let list = world.admin.get(&path).await.expect(200);
        assert_eq!(list["epoch"], door.holds().0, "it begins once");
    })
    .await;
}

#[tokio::test]
async fn a_grant_is_revoked_when_locks_know_of_keys_that_were_refused_before_or_have_ended() {
    on_each_engine(|world| async move {
        let here = world.here();
        let mut it = here.seen_by(&here.full_key().await);
        let mut door = Door::at(&it, "Shed", 16).await;
        let (ann, bo, cy) = (it.person("Ann").await, it.person("Bo").await, it.person("Cy").await);
        let hers = one("/grants", &it.grant(&ann, &door.shown).await);
        let his = one("/grants", &it.grant(&bo, &door.shown).await);
        it.grant(&cy, &door.shown).await;
        let mut ann_phone = Phone::of(&it, &ann).await;
        let mut bo_phone = Phone::of(&it, &bo).await;
        let mut cy_phone = Phone::of(&it, &cy).await;
        ann_phone.sync().await;
        bo_phone.sync().await;

        // Refused since she was suspended; the lock has not heard when the grant is closed.
        it.acted(&format!("{}/suspend", one("/people", &ann))).await;
        let closed = it.acted(&format!("{hers}/revoke")).await;
        assert_eq!(closed["state"], "revocation_pending");
        assert_eq!(door.answers(&ann_phone), Code::Done);
        cy_phone.sync().await;
        assert_eq!(door.take_list(&mut cy_phone), Code::Applied);
        assert_eq!(door.answers(&ann_phone), Code::Revoked);
        cy_phone.sync().await;
        assert_eq!(it.get(&hers).await["state"], "revoked");

        // His key has ended, which a lock without a clock does not know.
        let world = world.later(15 * 86_400).await;
        it.actor = world.admin.with(it.actor.token.clone());
        cy_phone.actor = it.actor.with(cy_phone.actor.token.clone());
        let closed = it.acted(&format!("{his}/revoke")).await;
        assert_eq!(closed["state"], "revocation_pending");
        assert_eq!(door.answers(&bo_phone), Code::Done);
        cy_phone.sync().await;
        assert_eq!(door.take_list(&mut cy_phone), Code::Applied);
        cy_phone.sync().await;
        assert_eq!(it.get(&his).await["state"], "revoked");
        assert_ne!(door.answers(&bo_phone), Code::Done);
    })
    .await;
}
