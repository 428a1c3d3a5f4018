//! A place whose phones carry the lists of all its locks.

use serde_json::{Value, json};

use super::door::Door;
use super::phone::Phone;
use super::state;
use crate::kit::one;
use crate::support::on_each_engine;
use claviger_offline::lock::code::Code;

#[tokio::test]
async fn somebody_without_a_key_brings_the_list_where_the_place_says_so() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (gate, mut vault) = (Door::at(&it, "Gate", 71).await, Door::at(&it, "Vault", 72).await);
        let (ann, cy) = (it.person("Ann").await, it.person("Cy").await);
        let (mut hers, mut his) = (Phone::of(&it, &ann).await, Phone::of(&it, &cy).await);
        it.grant(&ann, &gate.shown).await;
        let grant = it.grant(&cy, &vault.shown).await;
        his.sync().await;
        it.acted(&format!("{}/revoke", one("/grants", &grant))).await;
        assert_eq!(state(&it, &grant).await, "revocation_pending");
        assert_eq!(vault.answers(&his), Code::Done, "nobody has told it");
        let known = |answer: &Value| -> Vec<Value> {
            let locks = answer["locks"].as_array().unwrap().iter();
            locks.map(|lock| json!([lock["lock_id"], lock["name"]])).collect()
        };
        assert_eq!(known(&hers.sync().await), [json!([gate.id(), "Gate"])]);

        it.patch("", json!({"courier_mode": true})).await.expect(200);
        let given = hers.sync().await;
        let mut found = known(&given);
        found.sort_by_key(Value::to_string);
        let mut wanted = vec![json!([gate.id(), "Gate"]), json!([vault.id(), ""])];
        wanted.sort_by_key(Value::to_string);
        assert_eq!(found, wanted, "of what she has no right at she knows no name");
        assert_eq!(given["keys"], json!([]), "no key comes with it");
        assert_eq!(vault.take_list(&mut hers), Code::Applied);
        assert_eq!(vault.answers(&his), Code::Revoked);
        hers.call(json!({})).await;
        assert_eq!(state(&it, &grant).await, "revoked");

        it.patch("", json!({"courier_mode": false})).await.expect(200);
        assert_eq!(known(&hers.sync().await), [json!([gate.id(), "Gate"])]);
    })
    .await;
}
