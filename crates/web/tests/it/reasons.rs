//! The reason an action is given: kept with the change, shown to whoever may read what it is about,
//! and erased with the person or credential.

use claviger_store::Statement;
use serde_json::{Value, json};

use crate::kit::{Site, one};
use crate::support::{World, id, on_each_engine};

const SECRET: &str = "Caught taking silver spoons";

/// The reason of the last change with that verb.
async fn reason(it: &Site, verb: &str) -> Value {
    let changes = it.list("/changes").await;
    changes.iter().rev().find(|change| change["verb"] == verb).unwrap()["reason"].clone()
}

/// How many rows hold a reason.
async fn kept(world: &World) -> i64 {
    let sql = "select count(*) from reasons";
    world.app.storage().db().read(Statement::new(sql, vec![])).await.unwrap()[0].int(0).unwrap()
}

async fn because(it: &Site, path: &str, reason: &str) -> Value {
    it.post(path, json!({"reason": reason})).await.expect(200)
}

#[tokio::test]
async fn every_action_keeps_its_reason() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let card = it.card(&ann, "aa01").await;
        let grant = it.grant(&ann, &door).await;
        let person = one("/people", &ann);
        because(&it, &format!("{person}/suspend"), "Rent not paid").await;
        assert_eq!(reason(&it, "suspend").await, "Rent not paid");
        because(&it, &format!("{person}/resume"), "Rent paid").await;
        assert_eq!(reason(&it, "resume").await, "Rent paid");
        because(&it, &format!("{}/report-lost", one("/credentials", &card)), "On the bus").await;
        assert_eq!(reason(&it, "report_lost").await, "On the bus");
        let posture = json!({"posture": "lockdown", "all": true, "reason": "Fire drill"});
        it.post("/posture", posture).await.expect(200);
        assert_eq!(reason(&it, "set_posture").await, "Fire drill");

        let of = async |object: &Value| {
            let changes = it.list(&format!("/changes?object_id={}", id(object))).await;
            changes.iter().map(|it| (it["verb"].clone(), it["reason"].clone())).collect::<Vec<_>>()
        };
        let said = [
            (json!("create"), json!(null)),
            (json!("suspend"), json!("Rent not paid")),
            (json!("resume"), json!("Rent paid")),
        ];
        assert_eq!(of(&ann).await, said);
        assert_eq!(of(&card).await[1], (json!("report_lost"), json!("On the bus")));
        assert_eq!(it.all(&format!("/changes?object_id={}", id(&ann)), 1).await.len(), 3);

        let path = one("/grants", &grant);
        assert_eq!(it.get(&path).await["closed_note"], Value::Null);
        let plan = format!("{path}/revoke?dry_run=true");
        it.post(&plan, json!({"reason": "Only asking"})).await.expect(200);
        let revoked = because(&it, &format!("{path}/revoke"), "Moved out").await;
        assert_eq!(
            (&revoked["closed_reason"], &revoked["closed_note"]),
            (&json!("revoked"), &json!("Moved out"))
        );
        assert_eq!(it.get(&path).await["closed_note"], "Moved out");
        // What is closed stays as it was closed.
        let again = because(&it, &format!("{path}/revoke"), "Another word").await;
        assert_eq!(again["closed_note"], "Moved out");

        // What is given no reason has none; and all of it is there after a restart.
        it.acted(&format!("{person}/suspend")).await;
        assert_eq!(reason(&it, "suspend").await, Value::Null);
        assert_eq!(kept(&world).await, 5);
        let export = it.get(&format!("{person}/export")).await;
        let words: Vec<&str> = export["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|why| why["reason"].as_str().unwrap())
            .collect();
        assert_eq!(words, ["Rent not paid", "Rent paid", "On the bus", "Moved out"]);
        assert_eq!(export["reasons"][0]["object_id"], ann["id"]);
        assert_eq!(export["grants"][0]["closed_note"], "Moved out");
        assert_eq!(it.get("/changes/verify").await["ok"], true);
        let world = world.restarted().await;
        assert_eq!(reason(&world.here(), "resume").await, "Rent paid");
        assert_eq!(world.here().get(&path).await["closed_note"], "Moved out");
    })
    .await;
}

#[tokio::test]
async fn a_reason_is_one_line_of_at_most_500_characters() {
    on_each_engine(|world| async move {
        let it = world.here();
        let suspend = format!("{}/suspend", one("/people", &it.person("Ann").await));
        for wrong in [json!(""), json!("a".repeat(501)), json!("a\u{7}b"), json!("a\nb"), json!(7)]
        {
            let answer = it.post(&suspend, json!({ "reason": wrong })).await;
            let problem = answer.problem(422, "invalid");
            assert_eq!(problem["errors"][0]["pointer"], "/reason", "{problem}");
        }
        because(&it, &suspend, &"å".repeat(500)).await;
        assert_eq!(reason(&it, "suspend").await, "å".repeat(500));
    })
    .await;
}

#[tokio::test]
async fn only_who_may_read_the_object_reads_the_reason() {
    on_each_engine(|world| async move {
        let it = world.here();
        let suspend = format!("{}/suspend", one("/people", &it.person("Ann").await));
        because(&it, &suspend, SECRET).await;
        let posture = json!({"posture": "normal", "all": true, "reason": "Fire drill"});
        it.lock("Door").await;
        it.post("/posture", posture).await.expect(200);
        let auditor = it.seen_by(&it.key(&["changes:read"]).await);
        assert_eq!(reason(&auditor, "suspend").await, Value::Null);
        let both = it.seen_by(&it.key(&["changes:read", "people:read"]).await);
        assert_eq!(reason(&both, "suspend").await, SECRET);
    })
    .await;
}

#[tokio::test]
async fn reasons_are_erased_with_the_person_or_the_credential() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, bob, door) =
            (it.person("Ann").await, it.person("Bob").await, it.lock("Door").await);
        let card = it.card(&ann, "aa01").await;
        let by_card = json!({
            "subject": {"credential_id": id(&card)}, "target": {"lock_id": id(&door)},
        });
        let by_card = one("/grants", &it.made("/grants", by_card).await);
        let granted = one("/grants", &it.grant(&ann, &door).await);
        because(&it, &format!("{granted}/revoke"), SECRET).await;
        because(&it, &format!("{by_card}/revoke"), SECRET).await;
        because(&it, &format!("{}/suspend", one("/people", &ann)), SECRET).await;
        because(&it, &format!("{}/suspend", one("/people", &bob)), "Bob's own").await;
        let loose = json!({"kind": "card", "card": {"bits": 56, "value": "bb02"}});
        let loose = one("/credentials", &it.made("/credentials", loose).await);
        because(&it, &format!("{loose}/report-lost"), SECRET).await;
        assert_eq!(kept(&world).await, 5);

        it.delete(&loose).await.expect(204);
        assert_eq!(kept(&world).await, 4);
        it.delete(&one("/people", &ann)).await.expect(204);
        assert_eq!(kept(&world).await, 1);
        let text = Value::from(it.list("/changes").await).to_string();
        assert!(!text.contains(SECRET) && text.contains("Bob's own"), "{text}");
        assert_eq!(it.get(&granted).await["closed_note"], Value::Null);
        assert_eq!(it.get("/changes/verify").await["ok"], true);
    })
    .await;
}
