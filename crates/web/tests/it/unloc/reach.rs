//! Who takes which keys back: each way of it, at one key of every kind.

use serde_json::{Value, json};

use super::sharing::{Guest, give, lasting, right};
use super::subprojects::Below;
use super::{Unloc, phone, refused};
use crate::support::{World, id, on_each_engine};

/// The kinds of keys, in the order of [`Scene::keys`].
const KINDS: [&str; 6] = ["individual", "group", "doorbell", "shared", "below", "group below"];

struct Scene<'p> {
    program: &'p Unloc,
    door: Value,
    guest: Guest,
    below: Below<'p>,
    turn: usize,
    group: String,
    /// The path of the doorbell's list, and the id of its user.
    bell: (String, Value),
    /// One of each kind.
    keys: Vec<String>,
}

impl<'p> Scene<'p> {
    async fn of(world: &World, program: &'p Unloc) -> Scene<'p> {
        let door = program.it.lock("Door").await;
        let guest = Guest::at(world).await;
        give(program, &[right(&door, 1)]).await;
        lasting(program, &[&door]).await;
        let below = Below::made(program, "Tenant", &[&door]).await;
        let (group, bell, keys) = (String::new(), (String::new(), Value::Null), Vec::new());
        Scene { program, door, guest, below, turn: 0, group, bell, keys }
    }

    /// One more key of each kind, each of somebody else.
    async fn furnish(&mut self) {
        self.turn += 10;
        let (program, door) = (self.program, &self.door);
        let who = |number: usize| phone(self.turn + number);
        let holder = json!({ "keys": [{ "lockId": id(door), "appUserId": who(0) }] });
        let job = program.post("/keys", holder).await.expect(202);
        let job = program.get(&format!("/jobs/{}", id(&job["jobRef"]))).await.expect(200);
        let own = id(&job["job"]["resultData"]["createdKeys"][0]).to_owned();
        self.group = id(&program.group("Staff", &[id(door)], &[&who(1)]).await).to_owned();
        let users = json!([{ "appUserId": who(2), "name": "Berg" }]);
        let bell = json!({
            "name": "Entrance", "lockId": id(door),
            "doorbellUserLists": [{ "name": "All", "doorbellUsers": users }],
        });
        let bell = program.post("/doorbells", bell).await.expect(201)["doorbell"].clone();
        let list = &bell["doorbellUserLists"][0];
        let user = list["doorbellUsers"][0]["id"].clone();
        self.bell = (format!("/doorbells/{}/lists/{}", id(&bell), id(list)), user.clone());
        let shared = self.guest.shares(door, self.turn + 3).await;
        let single = self.below.key(door, self.turn + 4).await;
        let group = json!({
            "name": "Tenants", "lockIds": [id(door)], "appUserIds": [who(5)],
        });
        let made = self.below.post("/access-groups", group).await.expect(201);
        let of_group = |keys: Vec<Value>, group: &Value| {
            let found = keys.into_iter().find(|key| key["accessGroup"]["id"] == group["id"]);
            id(&found.unwrap()).to_owned()
        };
        let own_group = json!({ "id": self.group });
        self.keys = vec![
            own,
            of_group(program.keys("", 100).await, &own_group),
            user.as_str().unwrap().to_owned(),
            id(&shared).to_owned(),
            id(&single).to_owned(),
            of_group(self.below.keys().await, &made["accessGroup"]),
        ];
    }

    /// Sees that these kinds are taken back, and no others.
    async fn gone(&self, kinds: &[&str]) {
        for (kind, key) in KINDS.iter().zip(&self.keys) {
            let shown = self.program.get(&format!("/keys/{key}")).await.expect(200);
            let wanted = if kinds.contains(kind) { "revoked" } else { "active" };
            assert_eq!(shown["key"]["state"], wanted, "{kind}, where {kinds:?} should go");
        }
    }
}

#[tokio::test]
async fn every_way_takes_back_what_it_should_and_nothing_else() {
    on_each_engine(|world| async move {
        let program = Unloc::at(&world).await;
        let mut scene = Scene::of(&world, &program).await;
        for (path, gone) in [
            ("/keys", vec!["individual", "below"]),
            ("/keys?excludeSubprojectKeys=true", vec!["individual"]),
            ("/shared-keys", vec!["shared"]),
        ] {
            scene.furnish().await;
            program.delete(path).await.expect(200);
            scene.gone(&gone).await;
        }
        scene.furnish().await;
        scene.below.delete("/keys").await.expect(200);
        scene.gone(&["below"]).await;
        scene.below.delete("/shared-keys").await.expect(200);
        scene.gone(&["below"]).await;

        scene.furnish().await;
        for (kind, key) in KINDS.iter().zip(&scene.keys) {
            let answer = program.delete(&format!("/keys/{key}")).await;
            if ["individual", "shared", "below"].contains(kind) {
                assert_eq!(answer.expect(200)["key"]["state"], "revoked", "{kind}");
            } else {
                refused(&answer, 409, &[]);
            }
        }
        scene.gone(&["individual", "shared", "below"]).await;

        scene.furnish().await;
        let path = format!("/access-groups/{}", scene.group);
        let out = json!({ "lockIdsToRemove": [id(&scene.door)] });
        program.post(&format!("{path}/update-accesses"), out).await.expect(200);
        scene.gone(&["group"]).await;
        scene.furnish().await;
        program.delete(&format!("/access-groups/{}", scene.group)).await.expect(204);
        scene.gone(&["group"]).await;

        scene.furnish().await;
        let out = json!({ "doorbellUserIdsToRemove": [scene.bell.1] });
        program.patch(&scene.bell.0, out).await.expect(200);
        scene.gone(&["doorbell"]).await;

        scene.furnish().await;
        let path = format!("/subprojects/{}/update-locks", scene.below.id);
        let out = json!({ "lockIdsToRemove": [id(&scene.door)] });
        program.post(&path, out).await.expect(200);
        scene.gone(&["below", "group below"]).await;
    })
    .await;
}
