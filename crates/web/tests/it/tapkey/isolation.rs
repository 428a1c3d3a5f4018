//! An owner account holds its own contacts only, and says nothing of others.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{NOBODYS, Tapkey, refused};
use crate::support::{id, on_each_engine};

fn body(method: &str) -> Value {
    if ["PUT", "PATCH"].contains(&method) { json!({}) } else { Value::Null }
}

/// Every list of an account.
const LISTS: [&str; 8] = [
    "/contacts",
    "/permissions",
    "/grants",
    "/boundlocks",
    "/lockgroups",
    "/boundcards",
    "/logentries",
    "/identityproviders/okta/users",
];

/// One object of each kind in an account, by the parameter that names it in paths.
async fn furnished(theirs: &Tapkey) -> BTreeMap<&'static str, String> {
    let contact = theirs.contact("bo@example.org").await;
    let door = theirs.it.lock("Door").await;
    let grant = theirs.it.grant(&contact, &door).await;
    let group = theirs.it.level("Staff", &[&door]).await;
    let providers = json!({ "metadata": { "tapkey": { "identity_providers": ["okta"] } } });
    theirs.it.patch("", providers).await.expect(200);
    let user = json!({ "ipUserId": "u1" });
    let user = theirs.call("PUT", "/identityproviders/okta/users", user).await.expect(200);
    let card = theirs.it.card(&contact, "a1").await;
    let named = [
        ("{contact}", &contact),
        ("{permission}", &contact),
        ("{grant}", &grant),
        ("{lock}", &door),
        ("{group}", &group),
        ("{card}", &card),
        ("{user}", &user),
    ];
    let mut named: BTreeMap<_, _> =
        named.into_iter().map(|(name, it)| (name, id(it).to_owned())).collect();
    named.insert("{provider}", "okta".to_owned());
    named
}

#[tokio::test]
async fn another_accounts_ids_are_nothing_here() {
    on_each_engine(|world| async move {
        let here = Tapkey::at(&world).await;
        let theirs = Tapkey::of(&world, here.it.neighbour("Next door").await).await;
        let named = furnished(&theirs).await;
        let named = |parameter: &str| named[parameter].as_str();
        let contact = named("{contact}");
        let role = json!({ "contactId": contact, "role": "Admin" });
        theirs.call("PUT", "/permissions", role.clone()).await.expect(200);
        let all = async || {
            let mut found = Vec::new();
            for list in LISTS {
                found.push(theirs.get(list).await.expect(200));
            }
            (world.revisions().await, found)
        };
        let before = all().await;
        let mut walked = 0;
        for route in claviger_web::vendor_routes() {
            let below = route.path.strip_prefix("/compat/tapkey/api/v1/owners/{owner}");
            let Some(below) = below else { continue };
            walked += 1;
            // Their account, and one that is not there at all, are refused in the same words.
            let mut said = Vec::new();
            for owner in [theirs.it.place.as_str(), NOBODYS, "x"] {
                let parts = below.split('/').map(|part| match part.starts_with('{') {
                    true => named(part).to_owned(),
                    false => part.to_owned(),
                });
                let path = parts.collect::<Vec<_>>().join("/");
                let path = format!("/compat/tapkey/api/v1/owners/{owner}{path}");
                let sent = body(route.method).to_string();
                let answer = here.actor.send(route.method, &path, &[], Some(sent)).await;
                refused(&answer, 401, "Unauthorized", &["no role"]);
                said.push(answer.text);
            }
            assert!(said.iter().all(|it| *it == said[0]), "{said:?}");
            // Their objects in our account are not there.
            if let Some((_, parameter)) = below.split_once('{') {
                let noun = parameter.split('}').next().unwrap();
                let parameter = format!("{{{noun}}}");
                for other in [named(&parameter), NOBODYS, "x"] {
                    let path = below.replace(&parameter, other);
                    let answer = here.call(route.method, &path, body(route.method)).await;
                    refused(&answer, 404, "NotFound", &[noun]);
                }
            }
        }
        assert_eq!(walked, 37, "every row of an owner account");
        let answer = here.call("PUT", "/permissions", role).await;
        refused(&answer, 400, "InvalidRequest", &["contactId"]);
        assert_eq!(all().await, before);
        for (list, member, theirs) in [
            ("/contacts", "id", contact),
            ("/boundcards", "id", named("{card}")),
            ("/logentries", "boundLockId", named("{lock}")),
            ("/logentries", "contactId", contact),
        ] {
            let filter = format!("{list}?$filter={member}%20eq%20'{theirs}'");
            assert_eq!(here.get(&filter).await.expect(200), json!([]));
        }
    })
    .await;
}
