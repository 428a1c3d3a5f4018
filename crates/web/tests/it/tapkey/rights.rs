//! Grants by themselves: given, changed and taken back, to contacts and cards, locks and groups.

use serde_json::{Value, json};

use super::grants::words;
use super::{NOBODYS, Tapkey, refused};
use crate::kit::{one, person_to_lock};
use crate::support::{id, on_each_engine};

/// An event of the hours from eight to five each day, in UTC.
const HOURS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n\
                     DTSTAMP:20240101T000000Z\r\nDTSTART:20240101T080000Z\r\n\
                     DTEND:20240101T170000Z\r\nRRULE:FREQ=DAILY\r\n\
                     END:VEVENT\r\nEND:VCALENDAR\r\n";

#[tokio::test]
async fn a_grant_that_is_made_here_opens_until_it_is_revoked() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.card(&ann, "a1").await;
        let body = json!({ "contactId": id(&ann), "boundLockId": id(&door), "ipId": "tapkey" });
        let made = program.call("PUT", "/grants", body.clone()).await.expect(200);
        assert_eq!((words(&made), &made["contactId"]), (("Ok", true), &ann["id"]));
        assert!(it.opens(&door, "a1").await);
        let native = it.get(&one("/grants", &made)).await;
        assert_eq!(native["source"], json!({ "kind": "direct", "via": "tapkey" }));
        let path = format!("/grants/{}", id(&made));
        assert_eq!(program.get(&path).await.expect(200), made);

        // A second live one is refused whatever its window; one that is closed does not count.
        let mut brief = body.clone();
        brief["validFrom"] = json!("2090-01-01T00:00:00Z");
        for body in [&body, &brief] {
            let answer = program.call("PUT", "/grants", body.clone()).await;
            refused(&answer, 409, "Duplicate", &["already exists"]);
        }
        let before = world.revisions().await;
        let dry = format!("{path}/revoke?dryRun=true");
        let asked = program.call("POST", &dry, json!({ "dryRun": true })).await.expect(200);
        assert_eq!(asked["dryRun"], true);
        assert_eq!(words(&asked["grantRevoked"]), ("Revoked", false));
        assert_eq!(world.revisions().await, before);
        let revoke = format!("{path}/Revoke?dryRun=false");
        let done = program.call("POST", &revoke, json!({ "dryRun": false })).await.expect(200);
        assert_eq!(words(&done["grantRevoked"]), ("Revoked", false));
        assert!(!it.opens(&door, "a1").await);
        let after = world.revisions().await;
        assert_eq!(program.call("POST", &revoke, Value::Null).await.expect(200), done);
        assert_eq!(world.revisions().await, after);
        refused(&program.call("PATCH", &path, json!({})).await, 409, "Conflict", &["revoked"]);
        let again = program.call("PUT", "/grants", body).await.expect(200);
        let listed = program.list("/grants", "").await;
        assert_eq!([&listed[0]["id"], &listed[1]["id"]], [&made["id"], &again["id"]]);
        assert_eq!(program.list("/grants", "$filter=active eq true").await, [again]);
    })
    .await;
}

#[tokio::test]
async fn windows_are_stored_as_instants_and_changed() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let door = it.lock("Door").await;
        // As .NET writes it; the contact is made on the way.
        let body = json!({
            "boundLockId": id(&door), "contact": { "identifier": "new@example.org" },
            "validFrom": "2022-05-11T10:20:30.1234567+02:00", "validBefore": null,
        });
        let made = program.call("PUT", "/grants", body.clone()).await.expect(200);
        assert_eq!(made["validFrom"], "2022-05-11T08:20:30.123Z");
        assert_eq!(made["validBefore"], Value::Null);
        assert_eq!(made["contact"]["identifier"], "new@example.org");
        refused(&program.call("PUT", "/grants", body).await, 409, "Duplicate", &[]);
        it.card(&json!({ "id": made["contactId"] }), "a1").await;
        assert!(it.opens(&door, "a1").await);
        let path = format!("/grants/{}", id(&made));
        let change = json!({ "validBefore": "2022-06-01T00:00:00Z" });
        let changed = program.call("PATCH", &path, change).await.expect(200);
        assert_eq!(changed["validFrom"], made["validFrom"]);
        assert_eq!(changed["validBefore"], "2022-06-01T00:00:00.000Z");
        assert_eq!(words(&changed), ("Ok", false), "it has ended, and nobody revoked it");
        assert!(!it.opens(&door, "a1").await);
        // What has ended is none that there is already.
        let body = json!({ "boundLockId": id(&door), "contactId": made["contactId"] });
        program.call("PUT", "/grants", body).await.expect(200);
        assert!(it.opens(&door, "a1").await);
        let backwards = json!({ "validFrom": "2023-01-01T00:00:00Z" });
        let answer = program.call("PATCH", &path, backwards).await;
        refused(&answer, 400, "InvalidRequest", &["validBefore"]);
    })
    .await;
}

#[tokio::test]
async fn times_are_kept_byte_for_byte_and_enforced() {
    on_each_engine(|world| async move {
        let mut world = world.lasting().await;
        let it = world.here();
        let program = Tapkey::of(&world, it.clone()).await;
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.card(&ann, "a1").await;
        let body = json!({
            "boundLockId": id(&door), "contactId": id(&ann), "timeRestrictionIcal": HOURS,
        });
        let made = program.call("PUT", "/grants", body).await.expect(200);
        assert_eq!(made["timeRestrictionIcal"], HOURS);
        let path = format!("/grants/{}", id(&made));
        assert_eq!(program.get(&path).await.expect(200)["timeRestrictionIcal"], HOURS);
        let native = it.get(&one("/grants", &made)).await;
        assert_eq!(native["schedule"]["ical"], HOURS);
        let other = HOURS.replace("END:VEVENT\r\n", "END:VEVENT\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\n");
        let answer = program.call("PATCH", &path, json!({ "timeRestrictionIcal": other })).await;
        refused(&answer, 400, "InvalidRequest", &["timeRestrictionIcal", "second VEVENT"]);
        let second = world.app.now().seconds().rem_euclid(86_400);
        for (hour, opens) in [(27, false), (36, true), (44, false)] {
            world = world.later(hour * 3_600 - second).await;
            assert_eq!(world.here().opens(&door, "a1").await, opens, "at {hour}");
        }
        let program = program.with_scope(&world, "write:grants").await;
        let change = json!({ "timeRestrictionIcal": null });
        let changed = program.call("PATCH", &path, change).await.expect(200);
        assert_eq!(changed["timeRestrictionIcal"], Value::Null);
        assert!(world.here().opens(&door, "a1").await);
        assert_eq!(world.here().get(&one("/grants", &made)).await["schedule"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_grant_to_a_group_reaches_its_locks() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, gate) = (it.person("Ann").await, it.lock("Gate").await);
        let staff = it.level("Staff", &[&gate]).await;
        it.card(&ann, "a1").await;
        let body = json!({ "contactId": id(&ann), "boundLockId": id(&staff) });
        let made = program.call("PUT", "/grants", body.clone()).await.expect(200);
        assert_eq!(made["boundLock"]["targetType"], "Group");
        assert!(it.opens(&gate, "a1").await);
        refused(&program.call("PUT", "/grants", body).await, 409, "Duplicate", &[]);
    })
    .await;
}

#[tokio::test]
async fn contacts_of_another_provider_are_made_with_their_first_grant() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let providers = json!({ "metadata": { "tapkey": { "identity_providers": ["1"] } } });
        world.admin.patch(&world.at(""), providers).await.expect(200);
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let give = async |lock: &Value, contact: Value| {
            let body = json!({ "boundLockId": id(lock), "contact": contact });
            program.call("PUT", "/grants", body).await
        };
        let known = json!({ "ipId": "1", "ipUserId": "u1" });
        let made = give(&door, known.clone()).await.expect(200);
        assert_eq!(
            (&made["contact"]["ipId"], &made["contact"]["ipUserId"]),
            (&json!("1"), &json!("u1"))
        );
        let second = give(&gate, known.clone()).await.expect(200);
        assert_eq!(second["contactId"], made["contactId"], "they are there by then");
        refused(&give(&gate, known).await, 409, "Duplicate", &[]);
        let named = json!({ "ipId": "1", "identifier": "Two" });
        let named = give(&door, named).await.expect(200);
        let folded = json!({ "ipId": "1", "identifier": "two", "ipUserId": null });
        let folded = give(&gate, folded).await.expect(200);
        assert_eq!(folded["contactId"], named["contactId"]);
        let native = it.get(&one("/people", &made["contact"])).await;
        let identity = json!({ "provider": "1", "subject": "u1", "identifier": null });
        assert_eq!(native["identity"], identity);
    })
    .await;
}

#[tokio::test]
async fn each_wrong_property_of_a_grant_is_named_and_nothing_is_stored() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let other = it.neighbour("Next door").await;
        let cy = other.person("Cy").await;
        let card = other.card(&cy, "c1").await;
        let theirs = (id(&cy).to_owned(), id(&other.lock("Hall").await).to_owned());
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let code = json!({ "kind": "code", "person_id": id(&ann), "code": "123456" });
        let code = it.made("/credentials", code).await;
        let good = json!({ "contactId": id(&ann), "boundLockId": id(&door) });
        let before = world.revisions().await;
        for (field, value, named) in [
            ("contactId", Value::Null, "contactId or contact"),
            ("contactId", json!(NOBODYS), "contactId is no contact"),
            ("contactId", json!(theirs.0), "contactId is no contact"),
            ("contactId", json!(id(&door)), "contactId is no contact"),
            ("contactId", json!("x"), "contactId is no contact"),
            ("contactId", json!(5), "contactId must be of type string"),
            ("boundLockId", json!(NOBODYS), "boundLockId is no lock"),
            ("boundLockId", json!(theirs.1), "boundLockId is no lock"),
            ("boundLockId", json!(id(&ann)), "boundLockId is no lock"),
            ("boundLockId", Value::Null, "boundLockId must be of type string"),
            ("boundCardId", json!(NOBODYS), "contactId or contact"),
            ("contact", json!({ "identifier": "a@b.c" }), "contactId or contact"),
            ("validFrom", json!("2024-01-01"), "validFrom must"),
            ("validBefore", json!(5), "validBefore must"),
            ("timeRestrictionIcal", json!("daily"), "timeRestrictionIcal"),
            ("timeRestrictionIcal", json!(""), "timeRestrictionIcal"),
            ("timeRestrictionIcal", json!(5), "timeRestrictionIcal must be of type string"),
            ("from", json!("2024-01-01T00:00:00Z"), "from is not"),
        ] {
            let mut body = good.clone();
            body[field] = value;
            let answer = program.call("PUT", "/grants", body).await;
            refused(&answer, 400, "InvalidRequest", &[named]);
        }
        for (contact, named) in [
            (json!({}), "contact.identifier is required"),
            (json!("ann@example.org"), "contact must be of type object"),
            (json!({ "identifier": "ann" }), "contact.identifier must be"),
            (json!({ "identifier": 5 }), "contact.identifier must be of type string"),
            (json!({ "ipId": "1", "ipUserId": "1" }), "contact.ipId is no"),
            (json!({ "identifier": "a@b.c", "title": "Ann" }), "contact.title is not"),
        ] {
            let body = json!({ "contact": contact, "boundLockId": id(&door) });
            let answer = program.call("PUT", "/grants", body).await;
            refused(&answer, 400, "InvalidRequest", &[named]);
        }
        for card in [NOBODYS, "x", id(&code), id(&ann), id(&card)] {
            let body = json!({ "boundCardId": card, "boundLockId": id(&door) });
            let answer = program.call("PUT", "/grants", body).await;
            refused(&answer, 400, "InvalidRequest", &["boundCardId is no card"]);
        }
        let mut ends = good.clone();
        ends["validFrom"] = json!("2024-01-02T00:00:00Z");
        ends["validBefore"] = json!("2024-01-01T00:00:00Z");
        let answer = program.call("PUT", "/grants", ends).await;
        refused(&answer, 400, "InvalidRequest", &["validBefore"]);
        assert_eq!(program.list("/grants", "").await, Vec::<Value>::new());
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn rights_that_are_no_grants_here_are_not_there() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let mut share = person_to_lock(&ann, &door);
        share["right"] = json!("share");
        let share = it.made("/grants", share).await;
        let code = json!({ "kind": "code", "person_id": id(&ann), "code": "123456" });
        let code = it.made("/credentials", code).await;
        let own = json!({
            "subject": { "credential_id": id(&code) }, "target": { "lock_id": id(&door) },
        });
        let own = it.made("/grants", own).await;
        let before = world.revisions().await;
        for grant in [id(&share), id(&own)] {
            for (method, below, body) in [
                ("GET", "", Value::Null),
                ("PATCH", "", json!({ "validBefore": "2090-01-01T00:00:00Z" })),
                ("POST", "/revoke", Value::Null),
            ] {
                let answer = program.call(method, &format!("/grants/{grant}{below}"), body).await;
                refused(&answer, 404, "NotFound", &["grant"]);
            }
        }
        assert_eq!(program.list("/grants", "").await, Vec::<Value>::new());
        assert_eq!(world.revisions().await, before);
        let given = it.grant(&ann, &door).await;
        let path = format!("/grants/{}", id(&given));
        for (method, below, body) in [
            ("GET", "?$filter=x", Value::Null),
            ("PATCH", "", json!({ "contactId": id(&ann) })),
            ("PATCH", "", json!({ "boundLockId": id(&door) })),
            ("PATCH", "", json!({ "active": false })),
            ("PATCH", "", json!([])),
            ("POST", "/revoke?dryrn=true", Value::Null),
            ("POST", "/revoke?dryRun=maybe", Value::Null),
            ("POST", "/revoke", json!({ "dryrn": true })),
            ("POST", "/revoke?dryRun=true", json!({ "dryrn": true })),
            ("POST", "/revoke", json!({ "dryRun": "false" })),
            ("POST", "/revoke", json!({ "dryRun": 0 })),
            ("POST", "/revoke", json!([true])),
            ("POST", "/deletefromcard", json!({ "dry_run": true })),
        ] {
            let answer = program.call(method, &format!("{path}{below}"), body).await;
            refused(&answer, 400, "InvalidRequest", &[]);
        }
        assert_eq!(program.get(&path).await.expect(200)["state"], "Ok");
        let all = format!("/contacts/{}/revokegrants", id(&ann));
        refused(
            &program.call("POST", &all, json!({ "dryrn": true })).await,
            400,
            "InvalidRequest",
            &["dryrn"],
        );
        // Letters of either case ask for the effect only.
        let before = world.revisions().await;
        for body in [json!({ "DryRun": true }), json!({ "dryrun": true })] {
            for path in [format!("{path}/revoke"), all.clone()] {
                program.call("POST", &path, body.clone()).await.expect(200);
            }
        }
        assert_eq!(world.revisions().await, before);
        let done = program.call("POST", &format!("{path}/revoke"), json!({ "DryRun": null })).await;
        assert_eq!(done.expect(200)["dryRun"], false);
    })
    .await;
}

#[tokio::test]
async fn a_grant_outlives_its_contact_without_its_name() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        let grant = it.grant(&ann, &door).await;
        program.call("DELETE", &format!("/contacts/{}", id(&ann)), Value::Null).await.expect(204);
        let shown = program.get(&format!("/grants/{}", id(&grant))).await.expect(200);
        let contact = json!({
            "id": ann["id"], "ownerId": world.place, "comment": null, "ipId": null,
            "identifier": null, "email": null, "title": null,
        });
        assert_eq!((words(&shown), &shown["contact"]), (("Revoked", false), &contact));
        assert_eq!(shown["contactId"], ann["id"]);
        assert_eq!(program.list("/grants", "").await, [shown]);
    })
    .await;
}
