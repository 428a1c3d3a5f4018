//! A domain shows its own people, accesses, devices and logs only; two that share a lock each
//! administer their own users.

use serde_json::{Value, json};

use super::{Parakey, item, refused};
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn another_domains_ids_are_nothing_here() {
    on_each_engine(|world| async move {
        let here = Parakey::at(&world).await;
        let theirs = Parakey::of(&world, here.it.neighbour("Next door").await).await;
        let access = theirs.access("Pool").await;
        here.access("Gym").await;
        let wish = json!({"insert": [item(&access, "tim@example.org", [None, None])]});
        let key = theirs.manage(wish).await.expect(200)["insert"][0].clone();
        let tim = theirs.it.list("/people").await.remove(0);
        let ask = json!({"lock_id": access["lock_ids"][0], "person_id": id(&tim)});
        theirs.it.decide(ask).await;
        let log = theirs.get("/eventLogs").await[0].clone();
        let before = world.revisions().await;
        let device = access["lock_ids"][0].as_str().unwrap();
        for (path, code) in [
            (format!("/accesses/{}", id(&access)), "accessNotFound"),
            (format!("/access-keys/{}", id(&key)), "accessKeyNotFound"),
            (format!("/devices/{device}"), "deviceNotFound"),
            (format!("/users/{}", id(&tim)), "userNotFound"),
            (format!("/members/{}", id(&tim)), "memberNotFound"),
            (format!("/eventLogs/{}", id(&log)), "eventLogNotFound"),
            (format!("/domains/{}", theirs.it.place), "domainNotFound"),
            (format!("/members?domainId={}", theirs.it.place), "domainNotFound"),
        ] {
            refused(&here.call("GET", &path, Value::Null).await, 404, code, &[]);
        }
        for (method, body) in [("PATCH", json!({"tags": ["x"]})), ("DELETE", Value::Null)] {
            let path = format!("/members/{}", id(&tim));
            refused(&here.call(method, &path, body).await, 404, "memberNotFound", &[]);
        }
        let mut by_alias = item(&access, "ann@example.org", [None, None]);
        by_alias["access"] = json!({"aliasId": "Parakey-Pool"});
        let mut elsewhere = by_alias.clone();
        elsewhere["access"] = json!({"aliasId": "Parakey-Gym", "domainId": theirs.it.place});
        for wrong in [item(&access, "ann@example.org", [None, None]), by_alias, elsewhere] {
            for list in ["insert", "delete"] {
                let answer = here.manage(json!({list: [wrong]})).await;
                refused(&answer, 404, "accessNotFound", &[(list, 0, "accessNotFound")]);
            }
        }
        for path in ["/access-keys", "/users", "/members", "/eventLogs"] {
            assert_eq!(here.get(path).await, json!([]), "{path}");
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn two_domains_share_a_lock_and_each_has_its_own_users_and_logs() {
    on_each_engine(|world| async move {
        let tenant = Parakey::of(&world, world.here().neighbour("Next door").await).await;
        let here = world.here();
        let owner = Parakey::of(&world, here.seen_by(&here.full_key().await)).await;
        let gate = owner.it.lock("Gate").await;
        let shares = format!("/locks/{}/shares", id(&gate));
        owner.it.made(&shares, json!({"place_id": tenant.it.place})).await;
        assert_eq!(tenant.get("/devices").await, json!([]), "offered is not yet there");
        tenant.it.post(&format!("/shared-locks/{}/accept", id(&gate)), json!({})).await.expect(200);
        let mut keys = Vec::new();
        for (program, email) in [(&owner, "olga@example.org"), (&tenant, "tim@example.org")] {
            let level = json!({"name": "Gate", "lock_ids": [id(&gate)], "api_enabled": true});
            let level = program.it.made("/access-levels", level).await;
            let wish = json!({"insert": [item(&level, email, [None, None])]});
            keys.push(program.manage(wish).await.expect(200)["insert"][0].clone());
        }
        let devices = tenant.get("/devices").await;
        assert_eq!((&devices[0]["id"], &devices[0]["isShared"]), (&gate["id"], &json!(true)));
        assert_eq!(owner.get("/devices").await[0]["isShared"], false);
        for (program, key) in [(&owner, &keys[0]), (&tenant, &keys[1])] {
            let ask = json!({"lock_id": id(&gate), "person_id": key["user"]["id"]});
            assert_eq!(program.it.decide(ask).await["result"], "granted");
        }
        // The owner hears that the door opened twice, and who it was of its own users only.
        let logs = owner.get("/eventLogs?orderBy=createdAt:ASC").await;
        let users: Vec<&Value> =
            logs.as_array().unwrap().iter().map(|it| &it["user"]["email"]).collect();
        assert_eq!(users, [&json!("olga@example.org"), &Value::Null]);
        let logs = tenant.get("/eventLogs").await;
        assert_eq!(logs.as_array().unwrap().len(), 1);
        assert_eq!(logs[0]["user"]["email"], "tim@example.org");
        // Taken back, the tenant's key opens nothing; the owner's does.
        let path = format!("{shares}?place_id={}", tenant.it.place);
        owner.it.delete(&path).await.expect(204);
        assert_eq!(tenant.get("/devices").await, json!([]));
        assert_eq!(tenant.get("/accesses").await[0]["devices"], json!([]));
        let ask = json!({"lock_id": id(&gate), "person_id": keys[0]["user"]["id"]});
        assert_eq!(owner.it.decide(ask).await["result"], "granted");
    })
    .await;
}
