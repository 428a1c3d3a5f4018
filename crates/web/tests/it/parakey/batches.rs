//! Batches: each item on its own, with a result that is kept.

use serde_json::{Value, json};

use super::{Parakey, item, refused};
use crate::login::mails;
use crate::support::{id, on_each_engine};

#[tokio::test]
async fn what_is_wrong_with_one_item_stops_no_other() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let (gym, pool) = (program.access("Gym").await, program.access("Pool").await);
        let times = json!({"weekly": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]});
        let path = format!("/access-levels/{}", id(&pool));
        program.it.patch(&path, json!({"schedule": times})).await.expect(200);
        let none = [None, None];
        let dated = [Some("2031-05-01T00:00:00Z"), None];
        let nothing = json!({"id": "aaaaaaaaaa"});
        let mut king = item(&gym, "king@example.org", none);
        king["user"]["roles"] = json!(["owner"]);
        let mut short = item(&gym, "eve@example.org", none);
        short["user"]["password"] = "short".into();
        let wish = json!({
            "insert": [
                item(&gym, "ann@example.org", none),
                item(&nothing, "bo@example.org", none),
                item(&pool, "bo@example.org", dated),
                king,
                short,
                {"access": {"id": gym["id"]}, "user": {"id": "aaaaaaaaaa"}},
                item(&pool, "bo@example.org", none),
            ],
            "delete": [item(&nothing, "ann@example.org", none)],
        });
        let made = program.call("POST", "/batches", wish).await.expect(201);
        let rows: Vec<_> = made["items"].as_array().unwrap().iter().collect();
        let codes: Vec<&Value> = rows.iter().map(|row| &row["errors"][0]["code"]).collect();
        assert_eq!(
            codes,
            [
                &json!("accessNotFound"),
                &Value::Null,
                &json!("accessNotFound"),
                &json!("fixedAccess"),
                &json!("escalation"),
                &json!("invalid"),
                &json!("userNotFound"),
                &Value::Null,
            ],
            "{made}"
        );
        assert_eq!((&rows[0]["list"], &rows[0]["status"]), (&json!("delete"), &json!("failed")));
        assert_eq!((&rows[1]["list"], &rows[1]["index"]), (&json!("insert"), &json!(0)));
        assert_eq!(made["status"], "completed");
        let given: Vec<String> =
            [1, 7].map(|at| rows[at]["accessKeys"][0].as_str().unwrap().to_owned()).into();
        assert_eq!(program.ids("/access-keys").await, given);
        // Whose item failed is nobody here, and is told nothing.
        let people = program.it.list("/people").await;
        let people: Vec<&Value> = people.iter().map(|it| &it["email"]).collect();
        assert_eq!(people, [&json!("ann@example.org"), &json!("bo@example.org")]);
        mails(&world, 2).await;

        let path = format!("/batches/{}", id(&made));
        assert_eq!(program.get(&path).await, made);
        let other = Parakey::at(&world).await;
        let refusal = other.call("GET", &path, Value::Null).await;
        refused(&refusal, 404, "batchNotFound", &[]);
        let wrong = json!({"insert": [item(&gym, "ann@example.org", none), {"access": {}}]});
        let answer = program.call("POST", "/batches", wrong).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(answer.body["items"][0]["index"], 1);
    })
    .await;
}
