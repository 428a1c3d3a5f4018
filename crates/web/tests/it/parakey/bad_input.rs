//! What is wrong is named, item by item, and nothing is stored.

use serde_json::{Value, json};

use super::{Parakey, item, refused};
use crate::login::mails;
use crate::support::{World, id, on_each_engine};

const ANN: &str = "ann@example.org";

/// The item with another value of a field.
fn with(item: &Value, name: &str, value: Value) -> Value {
    let mut item = item.clone();
    item[name] = value;
    item
}

/// The item with another value of a field of its user.
fn user(item: &Value, name: &str, value: Value) -> Value {
    let mut item = item.clone();
    item["user"][name] = value;
    item
}

/// Items of which each is wrong in one way.
fn wrong_items(access: &Value) -> Vec<Value> {
    let good = item(access, ANN, [None, None]);
    let own = json!({"id": access["id"]});
    let end = Some("2030-01-01T00:00:00Z");
    vec![
        json!(null),
        json!([]),
        json!({"user": {"email": ANN}}),
        json!({"access": own}),
        with(&good, "access", json!("Gym")),
        with(&good, "access", json!({})),
        with(&good, "access", json!({"id": 5})),
        with(&good, "access", json!({"id": access["id"], "aliasId": "Parakey-Gym"})),
        with(&good, "access", json!({"id": access["id"], "accessId": "other"})),
        with(&good, "user", json!({})),
        with(&good, "user", json!({"email": 5})),
        with(&good, "user", json!({"email": "ann"})),
        with(&good, "user", json!({"email": ANN, "id": "x"})),
        with(&good, "startDate", json!("tomorrow")),
        with(&good, "startDate", json!(5)),
        with(&good, "expirationDate", json!("2030-13-01T00:00:00Z")),
        item(access, ANN, [end, end]),
        item(access, ANN, [Some("2031-01-01T00:00:00Z"), end]),
        user(&good, "firstName", json!(5)),
        user(&good, "firstName", json!("x".repeat(201))),
        user(&good, "roles", json!("guest")),
        user(&good, "roles", json!([])),
        user(&good, "roles", json!(["guest", "installer"])),
        user(&good, "roles", json!(["king"])),
        user(&good, "tags", json!([5])),
        user(&good, "language", json!(5)),
        user(&good, "password", json!(5)),
        // Who is there already keeps what they have, so it matters of somebody else only.
        user(&item(access, "bo@example.org", [None, None]), "password", json!("short")),
        user(&good, "tags", json!(["two\nlines"])),
    ]
}

#[tokio::test]
async fn items_of_a_wrong_shape_are_each_named() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let before = world.revisions().await;
        let good = item(&access, ANN, [None, None]);
        for wrong in wrong_items(&access) {
            let body = json!({"insert": [good, wrong]});
            let answer = program.manage(body).await;
            assert_eq!(answer.status, 422, "{wrong}: {}", answer.text);
            let items = answer.body["items"].as_array().unwrap();
            assert!(!items.is_empty(), "{wrong}: {}", answer.text);
            for item in items {
                assert_eq!(
                    (&item["list"], &item["index"]),
                    (&json!("insert"), &json!(1)),
                    "{wrong}"
                );
            }
        }
        // Several at once, in both lists.
        let body = json!({
            "insert": [good, user(&good, "roles", json!([]))],
            "delete": [
                with(&good, "startDate", json!("x")), good, with(&good, "access", json!({})),
            ],
        });
        let invalid = |list, index| (list, index, "invalid");
        let wanted = [invalid("delete", 0), invalid("delete", 2), invalid("insert", 1)];
        refused(&program.manage(body).await, 422, "invalid", &wanted);
        for body in [
            json!([]),
            json!({"insert": {}}),
            json!({"delete": "all"}),
            json!({"sendPush": "yes"}),
            json!({"sendInvitationEmail": 1}),
        ] {
            refused(&program.manage(body).await, 422, "invalid", &[]);
        }
        let malformed = program.send("POST", "/access-keys", &[], Some("{".into())).await;
        refused(&malformed, 400, "malformed", &[]);
        assert_eq!(world.revisions().await, before);
        // What is not known is passed over; what is null is not there.
        let mut lenient = good.clone();
        for name in ["startDate", "expirationDate", "somethingElse"] {
            lenient[name] = Value::Null;
        }
        lenient["user"]["firstName"] = Value::Null;
        let body = json!({"insert": [lenient], "delete": null, "sendPush": true, "unknown": 5});
        program.manage(body).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_named_and_nothing_else_is_done() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let held = item(&access, "eve@example.org", [None, None]);
        program.manage(json!({"insert": [held]})).await.expect(200);
        mails(&world, 1).await;
        let before = state(&world, &program).await;
        let good = item(&access, ANN, [None, None]);
        let with = |access: Value| json!({"access": access, "user": {"email": ANN}});
        let nobody = json!({"access": {"id": access["id"]}, "user": {"id": "aaaaaaaaaa"}});
        let missing = [
            with(json!({"id": "aaaaaaaaaa"})),
            with(json!({"aliasId": "Parakey-Nothing"})),
            with(json!({"aliasId": "no alias at all"})),
            with(json!({"id": "0198c0de-0000-7000-8000-000000000000"})),
        ];
        let mut texts = Vec::new();
        for wrong in &missing {
            for (list, good) in [("insert", &good), ("delete", &held)] {
                for other in ["insert", "delete"] {
                    // What is good stands in the same list or in the other.
                    let mut body = json!({other: [if other == list { good } else { &held }]});
                    let at = if other == list { 1 } else { 0 };
                    match body[list].as_array_mut() {
                        Some(items) => items.push(wrong.clone()),
                        None => body[list] = json!([wrong]),
                    }
                    let answer = program.manage(body).await;
                    refused(&answer, 404, "accessNotFound", &[(list, at, "accessNotFound")]);
                    texts.push(answer.text.replace("delete", "insert").replace('0', "1"));
                }
            }
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "all of them are told alike: {texts:?}");
        let answer = program.manage(json!({"insert": [good, nobody], "delete": [held]})).await;
        refused(&answer, 404, "userNotFound", &[("insert", 1, "userNotFound")]);
        assert_eq!(state(&world, &program).await, before);
        let delete = json!({"delete": [nobody, held]});
        let gone = program.manage(delete).await.expect(200);
        assert_eq!(gone["delete"].as_array().unwrap().len(), 1);
        assert_ne!(state(&world, &program).await, before);
    })
    .await;
}

/// All that a refused call must leave as it was: what is stored, who has keys, who was mailed.
async fn state(world: &World, program: &Parakey) -> (Vec<(u32, u64)>, Value, Value, usize) {
    let lists = ["/access-keys", "/members"].map(|path| program.get(path));
    let [keys, members] = lists;
    let mails = std::fs::read_dir(&world.outbox).into_iter().flatten().count();
    (world.revisions().await, keys.await, members.await, mails)
}

#[tokio::test]
async fn what_may_not_be_given_keeps_what_stands_beside_it_from_being_done() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let (gym, pool) = (program.access("Gym").await, program.access("Pool").await);
        let times = json!({"weekly": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]});
        program
            .it
            .patch(&format!("/access-levels/{}", id(&pool)), json!({"schedule": times}))
            .await
            .expect(200);
        let held = item(&gym, "eve@example.org", [None, None]);
        program.manage(json!({"insert": [held]})).await.expect(200);
        mails(&world, 1).await;
        let before = state(&world, &program).await;
        let good = item(&gym, ANN, [None, None]);
        let dated = item(&pool, "bo@example.org", [Some("2031-05-01T00:00:00Z"), None]);
        let mut king = item(&gym, "king@example.org", [None, None]);
        king["user"]["roles"] = json!(["owner"]);
        for (wrong, status, code, named) in
            [(&dated, 422, "invalid", "fixedAccess"), (&king, 403, "escalation", "escalation")]
        {
            for (items, at) in [(json!([good, wrong]), 1), (json!([wrong, good]), 0)] {
                let body = json!({"insert": items, "delete": [held]});
                refused(&program.manage(body).await, status, code, &[("insert", at, named)]);
                assert_eq!(state(&world, &program).await, before, "{named}");
            }
        }
        // Each good one alone is done; and who is there already is not made an owner.
        let mut again = good.clone();
        again["user"]["roles"] = json!(["owner"]);
        program.manage(json!({"insert": [good, again], "delete": [held]})).await.expect(200);
        let members = program.get("/members").await;
        let roles: Vec<&Value> =
            members.as_array().unwrap().iter().map(|it| &it["roles"]).collect();
        assert_eq!(roles, [&json!(["guest"]), &json!(["guest"])]);
    })
    .await;
}

#[tokio::test]
async fn parameters_that_are_wrong_are_named() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        for (path, named) in [
            ("/access-keys?limit=0", "limit"),
            ("/access-keys?limit=x", "limit"),
            ("/access-keys?limit=1001", "limit"),
            ("/eventLogs?limit=1&limit=2", "limit"),
            ("/eventLogs?startDate=yesterday", "startDate"),
            ("/eventLogs?orderBy=user:ASC", "orderBy"),
            ("/eventLogs?orderBy=createdAt:UP", "orderBy"),
            ("/domains?orderBy=timestamp", "orderBy"),
        ] {
            let answer = program.call("GET", path, Value::Null).await;
            refused(&answer, 422, "invalid", &[]);
            assert!(answer.body["message"].as_str().unwrap().starts_with(named), "{}", answer.text);
        }
        for (path, code) in [
            ("/access-keys?domainId=aaaaaaaaaa", "domainNotFound"),
            ("/domains/aaaaaaaaaa", "domainNotFound"),
            ("/accesses/aaaaaaaaaa", "accessNotFound"),
            ("/devices/aaaaaaaaaa", "deviceNotFound"),
            ("/eventConfigurations/aaaaaaaaaa", "deviceNotFound"),
            ("/users/aaaaaaaaaa", "userNotFound"),
            ("/members/aaaaaaaaaa", "memberNotFound"),
            ("/eventLogs/aaaaaaaaaa", "eventLogNotFound"),
        ] {
            refused(&program.call("GET", path, Value::Null).await, 404, code, &[]);
        }
        assert_eq!(program.get("/accesses?anything=else").await[0]["id"], id(&access));
    })
    .await;
}
