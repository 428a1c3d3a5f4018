//! Each operation takes the scope of its family, and no other will do.

use serde_json::{Value, json};

use super::{Tapkey, refused, token};
use crate::support::{id, on_each_engine};

/// Every operation below an owner account, with a body and the scope that it takes: what deletes
/// comes last.
const OPERATIONS: &[(&str, &str, &str, &str)] = &[
    ("GET", "", "null", "read:owneraccounts"),
    ("PATCH", "", r#"{"name": "Acme"}"#, "write:owneraccounts"),
    ("GET", "/permissions", "null", "read:owneraccount:permissions"),
    ("GET", "/permissions/{contact}", "null", "read:owneraccount:permissions"),
    (
        "PUT",
        "/permissions",
        r#"{"contactId": "{contact}", "role": "Admin"}"#,
        "write:owneraccount:permissions",
    ),
    ("GET", "/contacts", "null", "read:core:entities"),
    ("GET", "/contacts/{contact}", "null", "read:core:entities"),
    ("PATCH", "/contacts/{contact}", r#"{"title": "X"}"#, "write:core:entities"),
    ("PUT", "/contacts", r#"{"identifier": "new@example.org"}"#, "write:core:entities"),
    ("GET", "/contacts/{contact}/grants", "null", "read:grants"),
    ("GET", "/grants", "null", "read:grants"),
    ("GET", "/grants/{grant}", "null", "read:grants"),
    ("PATCH", "/grants/{grant}", "{}", "write:grants"),
    ("POST", "/grants/{grant}/revoke", "null", "write:grants"),
    ("PUT", "/grants", r#"{"contactId": "{contact}", "boundLockId": "{lock}"}"#, "write:grants"),
    ("POST", "/contacts/{contact}/revokegrants", "null", "write:grants"),
    ("GET", "/boundlocks", "null", "read:core:entities"),
    ("GET", "/boundlocks/{lock}", "null", "read:core:entities"),
    (
        "PUT",
        "/boundlocks",
        r#"{"physicalLockId": "BAASNL/7", "bindingCode": "x", "title": "Shed"}"#,
        "write:core:entities",
    ),
    ("PATCH", "/boundlocks/{lock}", r#"{"title": "X"}"#, "write:core:entities"),
    ("GET", "/logentries", "null", "read:logs"),
    ("GET", "/boundlocks/{lock}/logentries", "null", "read:logs"),
    ("GET", "/identityproviders/okta/users", "null", "read:ip:users"),
    ("GET", "/identityproviders/okta/users/{user}", "null", "read:ip:users"),
    ("PUT", "/identityproviders/okta/users", r#"{"ipUserId": "new"}"#, "write:ip:users"),
    ("GET", "/lockgroups", "null", "read:core:entities"),
    ("GET", "/lockgroups/{group}", "null", "read:core:entities"),
    ("PUT", "/lockgroups", r#"{"title": "New"}"#, "write:core:entities"),
    ("GET", "/boundcards", "null", "read:core:entities"),
    ("GET", "/boundcards/{card}", "null", "read:core:entities"),
    ("PATCH", "/boundcards/{card}", r#"{"title": "X"}"#, "write:core:entities"),
    ("GET", "/boundcards/{card}/grants", "null", "read:grants"),
    ("POST", "/boundcards/{card}/revokegrants", "null", "write:grants"),
    ("POST", "/grants/{own}/deletefromcard", "null", "write:grants"),
    ("DELETE", "/permissions/{contact}", "null", "write:owneraccount:permissions"),
    ("DELETE", "/contacts/{contact}", "null", "write:core:entities"),
    ("DELETE", "/boundlocks/{lock}", "null", "write:core:entities"),
];

#[tokio::test]
async fn each_operation_takes_its_scope_and_a_write_scope_reads() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, door) = (program.contact("ann@example.org").await, it.lock("Door").await);
        let grant = it.grant(&ann, &door).await;
        let group = it.level("Staff", &[]).await;
        let providers = json!({ "metadata": { "tapkey": { "identity_providers": ["okta"] } } });
        it.patch("", providers).await.expect(200);
        let user = json!({ "ipUserId": "u1" });
        let user = program.call("PUT", "/identityproviders/okta/users", user).await.expect(200);
        let card = it.card(&ann, "a1").await;
        let own = json!({
            "subject": { "credential_id": id(&card) }, "target": { "lock_id": id(&door) },
        });
        let own = it.made("/grants", own).await;
        let role = json!({ "contactId": id(&ann), "role": "Admin" });
        program.call("PUT", "/permissions", role).await.expect(200);
        let named = [
            ("{contact}", &ann),
            ("{grant}", &grant),
            ("{lock}", &door),
            ("{group}", &group),
            ("{card}", &card),
            ("{own}", &own),
            ("{user}", &user),
        ];
        let filled = |text: &str| {
            named.iter().fold(text.to_owned(), |text, (name, it)| text.replace(name, id(it)))
        };
        let all = program.actor.get("/compat/tapkey/api/v1/owners").await.expect(200);
        assert_eq!(all.as_array().unwrap().len(), 1);
        let names = token(&world.nobody(), &program.credentials, "").await.expect(200);
        let mut by_scope = Vec::new();
        for name in names["scope"].as_str().unwrap().split(' ') {
            by_scope.push((name, program.with_scope(&world, name).await));
        }
        for (method, path, body, needed) in OPERATIONS {
            let (path, body) = (filled(path), filled(body));
            let body: Value = serde_json::from_str(&body).unwrap();
            let writes = needed.replace("read:", "write:");
            let may = |scope: &str| scope == *needed || *method == "GET" && scope == writes;
            for (_, program) in by_scope.iter().filter(|(scope, _)| !may(scope)) {
                let answer = program.call(method, &path, body.clone()).await;
                refused(&answer, 403, "Forbidden", &[needed]);
            }
            for (scope, program) in by_scope.iter().filter(|(scope, _)| may(scope)) {
                let answer = program.call(method, &path, body.clone()).await;
                assert!(answer.status < 300, "{scope}: {method} {path}: {}", answer.text);
            }
        }
        let owners = "/compat/tapkey/api/v1/owners";
        let (_, logs) = by_scope.iter().find(|(scope, _)| *scope == "read:logs").unwrap();
        refused(&logs.actor.get(owners).await, 403, "Forbidden", &["read:owneraccounts"]);
    })
    .await;
}

#[test]
fn no_operation_is_left_out() {
    let base = "/compat/tapkey/api/v1/owners/{owner}";
    let mut walked = 0;
    for route in claviger_web::vendor_routes() {
        let Some(path) = route.path.strip_prefix(base) else { continue };
        walked += 1;
        let named = path.replace("{permission}", "{contact}").replace("{provider}", "okta");
        let mut known =
            OPERATIONS.iter().map(|(method, path, ..)| (*method, path.replace("{own}", "{grant}")));
        let known = known.any(|it| it == (route.method, named.clone()));
        assert!(known, "{} {path}", route.method);
    }
    assert_eq!(walked, OPERATIONS.len());
}
