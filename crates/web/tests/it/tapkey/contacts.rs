//! Contacts beside the samples: people of the place, however they were made.

use serde_json::{Value, json};

use super::{Tapkey, refused};
use crate::kit::one;
use crate::support::{id, on_each_engine};

/// What is asked of a contact.
pub(super) const BELOW: [(&str, &str); 5] =
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/grants"), ("POST", "/revokegrants")];

#[tokio::test]
async fn a_contact_is_a_person_of_the_place_and_the_other_way_round() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let made = program.contact("Ann@Example.org").await;
        assert_eq!((&made["email"], &made["ipId"]), (&json!("Ann@Example.org"), &json!("tapkey")));
        assert_eq!(made.get("ipUserId"), None);
        let native = program.it.get(&one("/people", &made)).await;
        assert_eq!(
            (&native["email"], &native["role"]),
            (&json!("Ann@Example.org"), &json!("guest"))
        );
        let phone = program.contact("+46701234567").await;
        assert_eq!(program.it.get(&one("/people", &phone)).await["phone"], "+46701234567");
        let legacy = json!({ "email": "bo@example.org", "title": "Bo", "ipId": null });
        let legacy = program.call("PUT", "/contacts", legacy).await.expect(200);
        assert_eq!(legacy["identifier"], "bo@example.org");
        let both = json!({ "email": "cy@example.org", "identifier": "cy@example.org" });
        program.call("PUT", "/contacts", both).await.expect(200);

        let people = [
            (json!({ "first_name": "Di", "display_name": "Di D." }), Value::Null),
            (json!({ "email": "e@x.org", "phone": "+46700000001" }), json!("e@x.org")),
            (json!({ "phone": "+46700000002", "note": "n" }), json!("+46700000002")),
        ];
        for (body, identifier) in people {
            let person = program.it.made("/people", body.clone()).await;
            let shown = program.shown(&person).await;
            let wanted = json!({
                "id": person["id"], "ownerId": program.it.place, "ipId": "tapkey",
                "identifier": identifier, "email": identifier, "title": body["display_name"],
                "comment": body["note"],
            });
            assert_eq!(shown, wanted);
        }
        let identity = json!({ "provider": "okta", "subject": "s", "identifier": "di" });
        let body = json!({ "identity": identity, "email": "di@example.org" });
        let person = program.it.made("/people", body).await;
        let shown = program.shown(&person).await;
        let words = ["ipId", "ipUserId", "identifier"].map(|name| shown[name].clone());
        assert_eq!(words, [json!("okta"), json!("s"), json!("di")]);
    })
    .await;
}

#[tokio::test]
async fn whoever_is_there_already_is_a_duplicate() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        program.it.person("Ann").await;
        let before = world.revisions().await;
        let email = "ANN@example.org";
        for body in [json!({ "identifier": email }), json!({ "email": email, "ipId": "tapkey" })] {
            let answer = program.call("PUT", "/contacts", body).await;
            refused(&answer, 400, "Duplicate", &["already exists"]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let made = program.contact("ann@example.org").await;
        let path = format!("/contacts/{}", id(&made));
        let patch = async |body: Value| {
            let answer = program.call("PATCH", &path, body).await.expect(200);
            let [one] = answer.as_array().unwrap().as_slice() else { panic!("{answer}") };
            (one["title"].clone(), one["comment"].clone())
        };
        assert_eq!(patch(json!({ "title": "Ann" })).await, (json!("Ann"), Value::Null));
        assert_eq!(patch(json!({ "comment": "c\nd" })).await, (json!("Ann"), json!("c\nd")));
        assert_eq!(patch(json!({ "title": null })).await, (Value::Null, json!("c\nd")));
        assert_eq!(patch(json!({})).await, (Value::Null, json!("c\nd")));
    })
    .await;
}

#[tokio::test]
async fn a_contact_that_is_deleted_takes_its_rights_along() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let ann = it.person("Ann").await;
        let door = it.lock("Door").await;
        it.card(&ann, "a1").await;
        let grant = it.grant(&ann, &door).await;
        assert!(it.opens(&door, "a1").await);
        let path = format!("/contacts/{}", id(&ann));
        program.call("DELETE", &path, Value::Null).await.expect(204);
        assert!(!it.opens(&door, "a1").await);
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "revoked");
        for (method, below) in BELOW {
            let body = if method == "PATCH" { json!({}) } else { Value::Null };
            let answer = program.call(method, &format!("{path}{below}"), body).await;
            refused(&answer, 404, "NotFound", &["contact"]);
        }
    })
    .await;
}

#[tokio::test]
async fn who_has_a_role_is_deleted_by_those_who_give_roles() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let ann = program.contact("ann@example.org").await;
        let role = json!({ "contactId": id(&ann), "role": "Admin" });
        program.call("PUT", "/permissions", role).await.expect(200);
        let narrow = program.with_scope(&world, "write:core:entities").await;
        let path = format!("/contacts/{}", id(&ann));
        refused(&narrow.call("DELETE", &path, Value::Null).await, 403, "Forbidden", &["role"]);
        program.shown(&ann).await;
    })
    .await;
}
