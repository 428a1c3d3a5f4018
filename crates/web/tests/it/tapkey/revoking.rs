//! Taking back as the vendor tells it, at a lock whose list has room for a few: what is asked
//! before, what is done, whom it hits besides, and until when it is pending.

use claviger_offline::lock::code::Code;
use serde_json::{Value, json};

use super::Tapkey;
use super::grants::words;
use crate::kit::{in_seconds, one, person_to_lock};
use crate::offline::door::Door;
use crate::offline::phone::Phone;
use crate::support::{World, id, on_each_engine};

/// Somebody with a right at the lock, and what holds the key.
struct Holder {
    grant: Value,
    device: Phone,
}

/// A lock with room for three entries, and those who may open it.
struct Scene {
    program: Tapkey,
    door: Door,
    phones: Vec<Holder>,
    cards: Vec<Holder>,
}

impl Scene {
    async fn of(world: &World, seed: u8) -> Scene {
        let program = Tapkey::at(world).await;
        let it = program.it.clone();
        let body = json!({ "name": "Shed", "mode": "offline_keys", "capacity": { "entries": 3 } });
        let door = Door::with(&it, body, seed).await;
        let encoder = world.admin.makes_key(&["devices:sync"], &[&world.place]).await;
        let (mut phones, mut cards) = (Vec::new(), Vec::new());
        for at in 0..8 {
            let person = it.person(&format!("p{at}")).await;
            let body = json!({ "contactId": id(&person), "boundLockId": door.id() });
            let grant = program.call("PUT", "/grants", body).await.expect(200);
            let mut device = Phone::of(&it, &person).await;
            device.sync().await;
            phones.push(Holder { grant, device });
        }
        for at in 0..3 {
            let person = it.person(&format!("h{at}")).await;
            let card = it.card(&person, &format!("c{at}")).await;
            let body = json!({ "boundCardId": id(&card), "boundLockId": door.id() });
            let grant = program.call("PUT", "/grants", body).await.expect(200);
            let mut device = Phone::card(&it, &card, &encoder).await;
            device.sync().await;
            cards.push(Holder { grant, device });
        }
        Scene { program, door, phones, cards }
    }

    fn path(&self, at: usize) -> String {
        format!("/grants/{}", id(&self.phones[at].grant))
    }

    /// Asks what taking back one grant comes to, does it, and sees that it was the same.
    async fn revoke(&self, world: &World, path: &str) -> Value {
        let before = (world.revisions().await, self.program.get("/grants").await.text);
        let dry = format!("{path}/revoke?dryRun=true");
        let mut asked = self.program.call("POST", &dry, Value::Null).await.expect(200);
        let after = (world.revisions().await, self.program.get("/grants").await.text);
        assert_eq!(before, after, "asking changes nothing");
        let done = format!("{path}/revoke?dryRun=false");
        let body = json!({ "dryRun": false });
        let mut done = self.program.call("POST", &done, body).await.expect(200);
        let kept = done.clone();
        assert_eq!((asked["dryRun"].take(), done["dryRun"].take()), (json!(true), json!(false)));
        // The lock is shown as it stands at the moment.
        for result in [&mut asked, &mut done] {
            result["grantRevoked"]["boundLock"] = Value::Null;
            for hit in result["grantsAffectedAsSideEffect"].as_array_mut().unwrap() {
                hit["boundLock"] = Value::Null;
            }
        }
        assert_eq!(asked, done);
        kept
    }

    /// Has the lock told of its list, and its word for that brought back.
    async fn told(&mut self, struck: &[usize]) {
        // A phone with a good key brings the list; the lock's word for it comes back the same way.
        let carrier = (0..8).step_by(2).find(|at| !struck.contains(at)).unwrap();
        self.phones[carrier].device.sync().await;
        let Scene { door, phones, cards, .. } = self;
        assert_eq!(door.take_list(&mut phones[carrier].device), Code::Applied);
        for (at, phone) in phones.iter().enumerate() {
            let refused = at % 2 == 1 || struck.contains(&at);
            let code = if refused { Code::Revoked } else { Code::Done };
            assert_eq!(door.answers(&phone.device), code, "phone {at}");
        }
        for card in cards.iter() {
            assert_eq!(door.answers(&card.device), Code::Done, "cards have a list of their own");
        }
        assert_eq!(self.state(1).await, ("RevocationPending".to_owned(), false));
        self.phones[carrier].device.sync().await;
        for at in [1, 3, 5, 7] {
            assert_eq!(self.state(at).await, ("Revoked".to_owned(), false));
        }
    }

    async fn state(&self, at: usize) -> (String, bool) {
        let shown = self.program.get(&self.path(at)).await.expect(200);
        let (state, active) = words(&shown);
        (state.to_owned(), active)
    }
}

fn ids(result: &Value) -> Vec<&str> {
    result["grantsAffectedAsSideEffect"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn what_is_asked_before_is_what_is_done_until_the_list_is_full_and_after() {
    on_each_engine(|world| async move {
        let mut scene = Scene::of(&world, 61).await;
        let serial = async |scene: &Scene| {
            let path = format!("/boundlocks/{}", scene.door.id());
            scene.program.get(&path).await.expect(200)["rclSerialNo"].as_u64().unwrap()
        };
        let mut size = 0;
        // Those whose keys are apart, so that each is an entry of its own.
        for at in [1, 3, 5] {
            let first = serial(&scene).await;
            let done = scene.revoke(&world, &scene.path(at)).await;
            size += 1;
            let state = &done["rclState"]["rclClassStates"];
            let wanted = json!([{
                "rclClass": "Mobile", "rclSerialNo": first + 1, "currentSize": size, "maxSize": 3,
            }]);
            assert_eq!(*state, wanted);
            assert_eq!(ids(&done), Vec::<&str>::new(), "there is room for it");
            assert_eq!(words(&done["grantRevoked"]), ("RevocationPending", false));
            assert_eq!(serial(&scene).await, first + 1);
            let again = format!("{}/revoke", scene.path(at));
            let again = scene.program.call("POST", &again, Value::Null).await.expect(200);
            assert_eq!(words(&again["grantRevoked"]), ("RevocationPending", false));
            assert_eq!(serial(&scene).await, first + 1, "no other list for it");
        }
        let full = scene.revoke(&world, &scene.path(7)).await;
        let hit = ids(&full);
        assert_eq!(full["rclState"]["rclClassStates"][0]["currentSize"], 3);
        assert_eq!(hit.len(), 1, "{full}");
        let live: Vec<&str> = [0, 2, 4, 6].map(|at| id(&scene.phones[at].grant)).to_vec();
        assert!(hit.iter().all(|it| live.contains(it)), "whose key is refused has done nothing");
        let struck: Vec<usize> =
            (0..8).filter(|at| hit.contains(&id(&scene.phones[*at].grant))).collect();
        for at in &struck {
            assert_eq!(scene.state(*at).await, ("Ok".to_owned(), true));
        }

        scene.told(&struck).await;
        let path = format!("/boundlocks/{}", scene.door.id());
        let lock = scene.program.get(&path).await.expect(200);
        assert_eq!(lock["lastSeenRclSerialNo"], lock["rclSerialNo"]);
        assert!(lock["lastSeenRclUpdateDate"].is_string());
        // Whoever was hit is let in again once their phone has called.
        for at in struck {
            scene.phones[at].device.sync().await;
            let Scene { door, phones, .. } = &mut scene;
            assert_eq!(door.answers(&phones[at].device), Code::Done, "phone {at}");
        }
        let tasks = scene.program.it.list("/devices/tasks").await;
        assert_eq!(tasks, Vec::<Value>::new(), "phones need nobody");
    })
    .await;
}

#[tokio::test]
async fn the_list_of_cards_is_not_that_of_phones() {
    on_each_engine(|world| async move {
        let scene = Scene::of(&world, 62).await;
        scene.revoke(&world, &scene.path(0)).await;
        let path = format!("/grants/{}", id(&scene.cards[1].grant));
        let done = scene.revoke(&world, &path).await;
        let states = done["rclState"]["rclClassStates"].as_array().unwrap();
        assert_eq!(states.len(), 1);
        let size = ["rclClass", "currentSize", "maxSize"].map(|name| states[0][name].clone());
        assert_eq!(json!(size), json!(["Card", 1, 3]), "no phone counts");
        // However many phones are refused, no card is hit for it.
        let mut hits = 0;
        for at in [2, 4, 6, 7] {
            let done = scene.revoke(&world, &scene.path(at)).await;
            let hit = ids(&done);
            hits += hit.len();
            let phones: Vec<&str> = scene.phones.iter().map(|it| id(&it.grant)).collect();
            assert!(hit.iter().all(|it| phones.contains(it)), "{done}");
        }
        assert!(hits > 0, "there was room for all");
        assert_eq!(scene.program.it.list("/devices/tasks").await, Vec::<Value>::new());
        let native = scene.program.it.get(&one("/grants", &scene.cards[1].grant)).await;
        assert_eq!(native["state"], "revocation_pending");
        assert_eq!(native["revocation"]["locks_confirmed"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_right_that_no_key_was_made_of_is_revoked_at_once() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let door = Door::at(it, "Shed", 63).await;
        let ann = it.person("Ann").await;
        let body = json!({ "contactId": id(&ann), "boundLockId": door.id() });
        let grant = program.call("PUT", "/grants", body).await.expect(200);
        let path = format!("/grants/{}/revoke", id(&grant));
        let done = program.call("POST", &path, Value::Null).await.expect(200);
        assert_eq!(words(&done["grantRevoked"]), ("Revoked", false));
        assert_eq!(done["rclState"]["rclClassStates"], Value::Null);
        let shown = program.get(&format!("/grants/{}", id(&grant))).await.expect(200);
        assert_eq!(words(&shown), ("Revoked", false));
    })
    .await;
}

#[tokio::test]
async fn revocations_at_once_name_the_lists_that_refuse_their_keys() {
    on_each_engine(|world| async move {
        let scene = Scene::of(&world, 64).await;
        let lock = format!("/boundlocks/{}", scene.door.id());
        let serial = async || {
            let shown = scene.program.get(&lock).await.expect(200);
            shown["rclSerialNo"].as_u64().unwrap()
        };
        let first = serial().await;
        let revoke = async |at: usize| {
            let path = format!("{}/revoke", scene.path(at));
            scene.program.call("POST", &path, Value::Null).await.expect(200)
        };
        let all = tokio::join!(revoke(1), revoke(3), revoke(5), revoke(7));
        let all = [all.0, all.1, all.2, all.3];
        let mut said: Vec<(u64, u64)> = all
            .iter()
            .map(|done| {
                let state = &done["rclState"]["rclClassStates"][0];
                (state["rclSerialNo"].as_u64().unwrap(), state["currentSize"].as_u64().unwrap())
            })
            .collect();
        said.sort_unstable();
        // Each has a list of its own, which names one key more as long as there is room.
        let wanted: Vec<(u64, u64)> = (1..=4).map(|at| (first + at, at.min(3))).collect();
        assert_eq!(said, wanted);
        assert_eq!(serial().await, first + 4);
        let hit: usize = all.iter().map(|done| ids(done).len()).sum();
        assert_eq!(hit, 1, "who is hit is named once");
    })
    .await;
}

#[tokio::test]
async fn a_right_that_had_ended_is_pending_while_a_lock_opens_to_it() {
    on_each_engine(|world| async move {
        let mut scene = Scene::of(&world, 65).await;
        let windows = [(1, "2020-01-01T00:00:00Z".to_owned()), (3, in_seconds(&world, 3600))];
        for (at, until) in &windows {
            let body = json!({ "validBefore": until });
            scene.program.call("PATCH", &scene.path(*at), body).await.expect(200);
            // What is asked before is what is done: the long key is refused, and nobody knows yet.
            let done = scene.revoke(&world, &scene.path(*at)).await;
            assert_eq!(words(&done["grantRevoked"]), ("RevocationPending", false));
            assert_eq!(scene.state(*at).await, ("RevocationPending".to_owned(), false));
        }
        let pending = "$filter=state eq 'RevocationPending'&$select=id";
        assert_eq!(scene.program.list("/grants", pending).await.len(), 2);
        let Scene { door, phones, .. } = &mut scene;
        phones[0].device.sync().await;
        assert_eq!(door.take_list(&mut phones[0].device), Code::Applied);
        phones[0].device.sync().await;
        for (at, _) in windows {
            assert_eq!(scene.state(at).await, ("Revoked".to_owned(), false));
        }
        // One that has ended and was not taken back stays what it was.
        let body = json!({ "validBefore": "2020-01-01T00:00:00Z" });
        scene.program.call("PATCH", &scene.path(0), body).await.expect(200);
        assert_eq!(scene.state(0).await, ("Ok".to_owned(), false));
    })
    .await;
}

#[tokio::test]
async fn those_who_are_hit_are_named_by_the_grant_whose_key_it_is() {
    on_each_engine(|world| async move {
        let scene = Scene::of(&world, 66).await;
        let it = &scene.program.it;
        // Everybody who may be hit has other rights at the lock, of which no key was made.
        let group = it.level("All", &[&scene.door.shown]).await;
        for at in [0, 2, 4, 6] {
            let contact = &scene.phones[at].grant["contactId"];
            let body = json!({ "contactId": contact, "boundLockId": id(&group) });
            scene.program.call("PUT", "/grants", body).await.expect(200);
            let mut over = person_to_lock(&json!({ "id": contact }), &scene.door.shown);
            over["valid_until"] = json!("2020-01-01T00:00:00Z");
            it.made("/grants", over).await;
        }
        let mut hit = Vec::new();
        for at in [1, 3, 5, 7] {
            let done = scene.revoke(&world, &scene.path(at)).await;
            hit.extend(done["grantsAffectedAsSideEffect"].as_array().unwrap().clone());
        }
        assert_eq!(hit.len(), 1, "{hit:?}");
        assert!([0, 2, 4, 6].iter().any(|at| scene.phones[*at].grant["id"] == hit[0]["id"]));
        assert_eq!(words(&hit[0]), ("Ok", true));
    })
    .await;
}

#[tokio::test]
async fn whom_it_hits_in_another_place_is_told_there_alone() {
    on_each_engine(|world| async move {
        let owner = world.here();
        let tenant = owner.neighbour("Tenant").await;
        let body = json!({ "name": "Gate", "mode": "offline_keys", "capacity": { "entries": 1 } });
        let mut door = Door::with(&owner, body, 69).await;
        let shares = format!("{}/shares", one("/locks", &door.shown));
        owner.made(&shares, json!({ "place_id": tenant.place })).await;
        let program = Tapkey::of(&world, tenant.clone()).await;
        let (mut cards, mut grants) = (Vec::new(), Vec::new());
        for (at, it) in [&owner, &tenant, &owner, &tenant].into_iter().enumerate() {
            let encoder = it.actor.makes_key(&["devices:sync"], &[&it.place]).await;
            let person = it.person(&format!("p{at}")).await;
            grants.push(it.grant(&person, &door.shown).await);
            let card = it.card(&person, &format!("c{at}")).await;
            let mut card = Phone::card(it, &card, &encoder).await;
            card.sync().await;
            cards.push(card);
        }
        let revoke = |at: usize| format!("/grants/{}/revoke", id(&grants[at]));
        program.call("POST", &revoke(1), Value::Null).await.expect(200);
        assert!(owner.list("/devices/tasks").await.is_empty());
        // The list has room for one entry, and so refuses what stands between the two as well.
        for query in ["?dryRun=true", ""] {
            let path = format!("{}{query}", revoke(3));
            let done = program.call("POST", &path, Value::Null).await.expect(200);
            assert_eq!(ids(&done), Vec::<&str>::new(), "who that is is no business of the tenant");
            assert_eq!(done["rclState"]["rclClassStates"][0]["currentSize"], 1);
        }
        let tasks = owner.list("/devices/tasks").await;
        let hit: Vec<&Value> = tasks.iter().map(|it| &it["credential_id"]).collect();
        assert_eq!(hit.len(), 1, "{tasks:?}");
        let struck = cards.iter().position(|card| json!(card.device) == *hit[0]).unwrap();
        assert!([0, 2].contains(&struck), "one of the owner's");
        cards[struck].sync().await;
        assert_eq!(door.take_list(&mut cards[struck]), Code::Applied);
        let codes: Vec<Code> = cards.iter().map(|card| door.answers(card)).collect();
        assert_eq!(codes, [Code::Done, Code::Revoked, Code::Done, Code::Revoked]);
        assert!(tenant.list("/devices/tasks").await.is_empty());
    })
    .await;
}
