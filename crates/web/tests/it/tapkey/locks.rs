//! Bound locks and lock groups: the locks and access levels of a place.

use serde_json::{Value, json};

use super::grants::words;
use super::{NOBODYS, Tapkey, refused};
use crate::kit::one;
use crate::offline::door::Door;
use crate::offline::phone::Phone;
use crate::support::{id, on_each_engine};

const EVERYTHING: &str = "expand=supportedFeatures,membershipStatistics,healthStatuses";

#[tokio::test]
async fn bound_locks_are_the_locks_of_the_place() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let body = json!({ "name": "Door", "model": "TK.Td30", "description": "Oak" });
        let door = it.made("/locks", body).await;
        let gate = it.lock("Gate").await;
        it.level("Staff", &[&gate]).await;
        let path = format!("/BoundLocks/{}", id(&door));
        let shown = program.get(&path).await.expect(200);
        let some = ["title", "description", "lockTypeId", "targetType", "active", "unbindDate"];
        let some = some.map(|it| shown[it].clone());
        let wanted = json!(["Door", "Oak", "TK.Td30", "Lock", true, null]);
        assert_eq!(json!(some), wanted);
        assert_eq!((&shown["rclSerialNo"], &shown["rclDate"]), (&json!(0), &Value::Null));
        for name in ["supportedFeatures", "membershipStatistics", "healthStatuses"] {
            assert_eq!(shown[name], Value::Null, "{name}");
        }
        let all = program.list("/boundlocks", EVERYTHING).await;
        let joined = |count| json!({ "ByState": [{ "State": "Joined", "Count": count }] });
        assert_eq!(all.len(), 2);
        assert_eq!(all[0]["membershipStatistics"], joined(0));
        assert_eq!(all[1]["membershipStatistics"], joined(1));
        assert_eq!((&all[1]["id"], &all[1]["healthStatuses"]), (&gate["id"], &json!([])));
        assert_eq!(all[0]["supportedFeatures"]["timeRestrictionIcalSupport"], "Supported");
        let full = program.get(&format!("{path}?EXPAND=SupportedFeatures,")).await.expect(200);
        assert_eq!(full["supportedFeatures"], all[0]["supportedFeatures"]);
        let found = program.list("/boundlocks", "$filter=title eq 'Gate'&$select=id,title").await;
        assert_eq!(found, [json!({ "id": gate["id"], "title": "Gate" })]);
        let body = json!({ "title": "Front", "description": null });
        let changed = program.call("PATCH", &path, body).await.expect(200);
        assert_eq!((&changed["title"], &changed["description"]), (&json!("Front"), &Value::Null));
        assert_eq!(it.get(&one("/locks", &door)).await["name"], "Front");
        let before = world.revisions().await;
        for (method, path, body) in [
            ("GET", "/boundlocks?expand=grants".to_owned(), Value::Null),
            ("GET", "/boundlocks?$expand=supportedFeatures".to_owned(), Value::Null),
            ("GET", format!("{path}?$top=1"), Value::Null),
            ("PATCH", path.clone(), json!({ "title": null })),
            ("PATCH", path.clone(), json!({ "title": "" })),
            ("PATCH", path.clone(), json!({ "title": "x".repeat(201) })),
            ("PATCH", path.clone(), json!({ "description": 5 })),
            ("PATCH", path.clone(), json!({ "physicalLockId": "x" })),
            ("PATCH", format!("{path}?dryRun=true"), json!({ "title": "x" })),
            ("DELETE", format!("{path}?dryRun=true"), Value::Null),
        ] {
            refused(&program.call(method, &path, body).await, 400, "InvalidRequest", &[]);
        }
        refused(&program.get(&format!("/boundlocks/{NOBODYS}")).await, 404, "NotFound", &["lock"]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_lock_is_bound_once_wherever_it_is() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let other = Tapkey::of(&world, it.neighbour("Next door").await).await;
        // The page's example: four bytes, shown to people as 12-34-BF-FB.
        let body = json!({
            "physicalLockId": "BAASNL/7", "bindingCode": "abc", "title": "Shed",
            "description": null,
        });
        let before = world.revisions().await;
        for (field, value, named) in [
            ("physicalLockId", Value::Null, "physicalLockId"),
            ("physicalLockId", json!("not base64!"), "physicalLockId must be"),
            ("physicalLockId", json!(""), "physicalLockId must be"),
            ("physicalLockId", json!("AAAA".repeat(40)), "physicalLockId must be"),
            ("bindingCode", Value::Null, "bindingCode"),
            ("bindingCode", json!(""), "bindingCode"),
            ("title", Value::Null, "title"),
            ("title", json!(""), "title"),
            ("mode", json!("online"), "mode is not"),
        ] {
            let mut body = body.clone();
            body[field] = value;
            let answer = program.call("PUT", "/boundlocks", body).await;
            refused(&answer, 400, "InvalidRequest", &[named]);
        }
        let empty = program.call("PUT", "/boundlocks", json!({})).await;
        refused(&empty, 400, "InvalidRequest", &["physicalLockId", "bindingCode", "title"]);
        assert_eq!(world.revisions().await, before);
        let made = program.call("PUT", "/boundlocks", body.clone()).await.expect(200);
        assert_eq!((&made["physicalLockId"], &made["title"]), (&json!("BAASNL/7"), &json!("Shed")));
        let technologies = &made["lockType"]["supportedTechnologies"];
        assert_eq!(*technologies, json!(["nfc", "ble"]));
        let native = it.get(&one("/locks", &made)).await;
        assert_eq!((&native["name"], &native["mode"]), (&json!("Shed"), &json!("offline_keys")));
        let mut again = body.clone();
        again["physicalLockId"] = json!("BAASNL_7");
        for by in [&program, &other] {
            let answer = by.call("PUT", "/boundlocks", again.clone()).await;
            refused(&answer, 403, "Forbidden", &["bound already"]);
        }
        let path = format!("/boundlocks/{}", id(&made));
        refused(&other.call("DELETE", &path, Value::Null).await, 404, "NotFound", &["lock"]);
        let ann = it.person("Ann").await;
        let given = it.grant(&ann, &made).await;
        program.call("DELETE", &path, Value::Null).await.expect(204);
        refused(&program.get(&path).await, 404, "NotFound", &["lock"]);
        it.missing(&one("/locks", &made)).await;
        let shown = program.get(&format!("/grants/{}", id(&given))).await.expect(200);
        assert_eq!(words(&shown), ("Revoked", false));
        let lock = &shown["boundLock"];
        assert_eq!((&lock["id"], &lock["active"]), (&made["id"], &json!(false)));
        assert!(lock["unbindDate"].is_string(), "{lock}");
        other.call("PUT", "/boundlocks", again).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn another_places_lock_is_shown_and_is_not_ours_to_change() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let other = Tapkey::of(&world, it.neighbour("Next door").await).await;
        let gate = it.made("/locks", json!({ "name": "Gate", "description": "Iron" })).await;
        let shares = format!("{}/shares", one("/locks", &gate));
        it.made(&shares, json!({ "place_id": other.it.place })).await;
        let path = format!("/boundlocks/{}", id(&gate));
        let shown = other.get(&path).await.expect(200);
        assert_eq!((&shown["title"], &shown["description"]), (&json!("Gate"), &json!("Iron")));
        assert_eq!(shown["ownerAccountId"], json!(other.it.place));
        for (method, body) in [("PATCH", json!({ "title": "Mine" })), ("DELETE", Value::Null)] {
            let answer = other.call(method, &path, body).await;
            assert!([403, 404, 409].contains(&answer.status), "{}", answer.text);
        }
        let answer = program.call("DELETE", &path, Value::Null).await;
        refused(&answer, 409, "Conflict", &["shared"]);
        assert_eq!(program.get(&path).await.expect(200)["title"], "Gate");
    })
    .await;
}

#[tokio::test]
async fn lock_groups_are_the_access_levels_of_the_place() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let mut door = Door::at(it, "Shed", 51).await;
        let gate = it.lock("Gate").await;
        let staff = it.level("Staff", &[&door.shown, &gate]).await;
        let joined = |count| json!({ "ByState": [{ "State": "Joined", "Count": count }] });
        let all = program.list("/LockGroups", "expand=statistics").await;
        assert_eq!((&all[0]["id"], &all[0]["statistics"]), (&staff["id"], &joined(2)));
        assert_eq!(all[0]["supportedFeatures"], Value::Null);
        let body = json!({ "title": "Guests", "description": "Of the house" });
        let made = program.call("PUT", "/lockgroups", body).await.expect(200);
        let wanted = json!({
            "active": true, "description": "Of the house", "id": made["id"],
            "physicalLockId": null, "rclDate": null, "rclSerialNo": 0, "statistics": null,
            "supportedFeatures": null, "targetType": "Group", "title": "Guests",
        });
        assert_eq!(made, wanted);
        assert_eq!(it.get(&one("/access-levels", &made)).await["name"], "Guests");
        let one_of = format!("/lockgroups/{}", id(&staff));
        let found = program.list("/lockgroups", "$filter=title eq 'Guests'").await;
        assert_eq!(found, [wanted]);
        // The list of a group is that of its locks.
        let group = program.get(&one_of).await.expect(200);
        let lock = program.get(&format!("/boundlocks/{}", door.id())).await.expect(200);
        assert_eq!(
            (&group["rclSerialNo"], &group["rclDate"]),
            (&lock["rclSerialNo"], &lock["rclDate"])
        );
        assert_ne!(group["rclSerialNo"], json!(0));
        let ann = it.person("Ann").await;
        let given = it.level_grant(&ann, &staff).await;
        let mut phone = Phone::of(it, &ann).await;
        phone.sync().await;
        door.answers(&phone);
        let revoke = format!("/grants/{}/revoke", id(&given));
        program.call("POST", &revoke, Value::Null).await.expect(200);
        let later = program.get(&one_of).await.expect(200);
        assert!(later["rclSerialNo"].as_u64() > group["rclSerialNo"].as_u64(), "{later}");
        let shown = program.get(&format!("/grants/{}", id(&given))).await.expect(200);
        assert_eq!(shown["boundLock"]["rclSerialNo"], later["rclSerialNo"]);

        let before = world.revisions().await;
        for (method, path, body) in [
            ("GET", "/lockgroups?expand=healthStatuses".to_owned(), Value::Null),
            ("GET", format!("{one_of}?$select=id"), Value::Null),
            ("PUT", "/lockgroups".to_owned(), json!({})),
            ("PUT", "/lockgroups".to_owned(), json!({ "title": null })),
            ("PUT", "/lockgroups".to_owned(), json!({ "title": "x", "locks": [] })),
            ("PUT", "/lockgroups?x=1".to_owned(), json!({ "title": "x" })),
        ] {
            refused(&program.call(method, &path, body).await, 400, "InvalidRequest", &[]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}
