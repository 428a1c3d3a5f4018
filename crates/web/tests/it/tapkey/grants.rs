//! Grants of a contact: rights of a person, however they were given.

use serde_json::{Value, json};

use super::{Tapkey, refused};
use crate::kit::{in_seconds, one, person_to_lock};
use crate::panel::{Scene, with_card};
use crate::support::{id, on_each_engine};

pub(super) fn words(grant: &Value) -> (&str, bool) {
    (grant["state"].as_str().unwrap(), grant["active"].as_bool().unwrap())
}

#[tokio::test]
async fn every_right_of_a_person_to_open_is_a_grant() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let ann = it.person("Ann").await;
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let group = it.level("Staff", &[&gate]).await;
        let mut brief = person_to_lock(&ann, &door);
        brief["valid_from"] = json!("2024-01-01T08:00:00Z");
        brief["valid_until"] = json!(in_seconds(&world, 600));
        let brief = it.made("/grants", brief).await;
        let levels = it.level_grant(&ann, &group).await;
        let mut share = person_to_lock(&ann, &gate);
        share["right"] = json!("share");
        it.made("/grants", share).await;
        let card = it.card(&ann, "a1").await;
        let own = json!({
            "subject": { "credential_id": id(&card) }, "target": { "lock_id": id(&door) },
        });
        it.made("/grants", own).await;
        it.grant(&it.person("Bo").await, &door).await;

        let path = format!("/contacts/{}/Grants", id(&ann));
        let shown = program.list(&path, "").await;
        let [direct, grouped] = shown.as_slice() else { panic!("{shown:?}") };
        assert_eq!((&direct["id"], &grouped["id"]), (&brief["id"], &levels["id"]));
        assert_eq!(direct["validFrom"], "2024-01-01T08:00:00.000Z");
        assert_eq!(direct["validBefore"].as_str().unwrap().len(), 24, "milliseconds");
        assert_eq!((&direct["contactId"], &direct["boundLockId"]), (&ann["id"], &door["id"]));
        assert_eq!(direct["contact"], program.shown(&ann).await);
        let target = &grouped["boundLock"];
        assert_eq!(
            (&grouped["boundLockId"], &target["targetType"]),
            (&group["id"], &json!("Group"))
        );
        assert_eq!((&target["title"], &target["physicalLockId"]), (&json!("Staff"), &Value::Null));

        for (filter, count) in [
            ("active eq true", 2),
            ("not active", 0),
            ("validBefore ne null", 1),
            ("validFrom lt 2024-01-01T09:00:01 01:00", 1),
            ("contact/identifier eq 'ann@example.org'", 2),
            ("boundLock/targetType eq 'Group'", 1),
            ("boundLock/lockType/modelName eq 'Claviger' and boundCard eq null", 1),
            ("state eq 'Revoked'", 0),
        ] {
            let found = program.list(&path, &format!("$filter={filter}")).await;
            assert_eq!(found.len(), count, "{filter}");
        }
        let picked = program.list(&path, "$select=id,state&$orderby=validBefore").await;
        assert_eq!(picked[0], json!({ "id": levels["id"], "state": "Ok" }));

        // Past its end it is not active, and still none that was revoked.
        let later = world.later(700).await;
        let program = program.with_scope(&later, "read:grants").await;
        let shown = program.list(&path, "").await;
        assert_eq!((words(&shown[0]), words(&shown[1])), (("Ok", false), ("Ok", true)));
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_back_here_opens_nothing_and_stays_listed() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let group = it.level("Staff", &[&gate]).await;
        it.card(&ann, "a1").await;
        it.card(&bo, "b1").await;
        let former = it.grant(&ann, &door).await;
        it.acted(&format!("{}/revoke", one("/grants", &former))).await;
        let given = [it.grant(&ann, &door).await, it.level_grant(&ann, &group).await];
        let mut share = person_to_lock(&ann, &gate);
        share["right"] = json!("share");
        let share = it.made("/grants", share).await;
        it.grant(&bo, &door).await;
        let path = format!("/contacts/{}", id(&ann));
        let before = world.revisions().await;
        for query in ["?dryRun=true", "?DRYRUN=TRUE"] {
            let asked =
                program.call("POST", &format!("{path}/RevokeGrants{query}"), json!({})).await;
            let asked = asked.expect(200);
            let ids: Vec<&Value> =
                asked.as_array().unwrap().iter().map(|it| &it["grantRevoked"]["id"]).collect();
            assert_eq!(ids, [&given[0]["id"], &given[1]["id"]]);
            assert_eq!(
                (&asked[0]["dryRun"], words(&asked[0]["grantRevoked"])),
                (&json!(true), ("Revoked", false))
            );
            assert_eq!(asked[0]["rclState"], json!({ "rclClassStates": null }));
        }
        let body = json!({ "dryRun": true });
        let asked = program.call("POST", &format!("{path}/RevokeGrants"), body).await.expect(200);
        assert_eq!(asked[0]["dryRun"], true);
        assert_eq!(world.revisions().await, before);
        assert!(it.opens(&door, "a1").await && it.opens(&gate, "a1").await);

        let revoke = format!("{path}/RevokeGrants?dryRun=false");
        let done = program.call("POST", &revoke, json!({ "dryRun": false })).await.expect(200);
        assert_eq!(done.as_array().unwrap().len(), 2);
        assert!(!it.opens(&door, "a1").await && !it.opens(&gate, "a1").await);
        assert!(it.opens(&door, "b1").await);
        assert_eq!(it.get(&one("/grants", &given[1])).await["state"], "revoked");
        assert_eq!(it.get(&one("/grants", &share)).await["state"], "active", "it opens nothing");
        let shown = program.list(&format!("{path}/grants"), "").await;
        assert_eq!(shown.len(), 3, "the one of before too");
        assert!(shown.iter().all(|grant| words(grant) == ("Revoked", false)), "{shown:?}");
        let after = world.revisions().await;
        assert_eq!(program.call("POST", &revoke, json!({})).await.expect(200), json!([]));
        assert_eq!(world.revisions().await, after);
    })
    .await;
}

#[tokio::test]
async fn a_grant_is_pending_while_a_controllers_list_holds_it() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = program.it.clone();
        let Scene { mut panel, ann, .. } = with_card(&it).await;
        panel.settle().await;
        let path = format!("/contacts/{}", id(&ann));
        let revoke = format!("{path}/revokegrants");
        let asked = program.call("POST", &format!("{revoke}?dryRun=true"), Value::Null).await;
        assert_eq!(words(&asked.expect(200)[0]["grantRevoked"]), ("RevocationPending", false));
        let done = program.call("POST", &revoke, Value::Null).await.expect(200);
        assert_eq!(words(&done[0]["grantRevoked"]), ("RevocationPending", false));
        let shown = async || program.list(&format!("{path}/grants"), "").await;
        assert_eq!(words(&shown().await[0]), ("RevocationPending", false));
        panel.settle().await;
        assert_eq!(words(&shown().await[0]), ("Revoked", false));
    })
    .await;
}

#[tokio::test]
async fn times_are_shown_as_they_are_or_as_none_at_all() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let ann = it.person("Ann").await;
        let door = it.lock("Door").await;
        let ical = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n\
                    DTSTAMP:20240101T000000Z\r\nDTSTART:20240101T080000Z\r\n\
                    DTEND:20240101T170000Z\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU\r\n\
                    END:VEVENT\r\nEND:VCALENDAR\r\n";
        let weekly = json!({ "weekly": [{ "days": ["mon"], "from": "08:00", "to": "17:00" }] });
        for schedule in [json!({ "ical": ical }), weekly] {
            let mut body = person_to_lock(&ann, &door);
            body["schedule"] = schedule;
            it.made("/grants", body).await;
        }
        let shown = program.list(&format!("/contacts/{}/grants", id(&ann)), "").await;
        assert_eq!(shown[0]["timeRestrictionIcal"], ical);
        let other = shown[1]["timeRestrictionIcal"].as_str().unwrap();
        assert!(
            other.contains("DTEND:1970") && other.matches("BEGIN:VEVENT").count() == 1,
            "{other}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_parameter_that_is_not_known_takes_nothing_back() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let ann = it.person("Ann").await;
        it.grant(&ann, &it.lock("Door").await).await;
        let before = world.revisions().await;
        let path = format!("/contacts/{}/revokegrants", id(&ann));
        for query in
            ["dryrn=true", "dryRun=", "dryRun=1", "dryRun=true&dryRun=false", "dry_run=true"]
        {
            let answer = program.call("POST", &format!("{path}?{query}"), Value::Null).await;
            refused(&answer, 400, "InvalidRequest", &["dry"]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}
