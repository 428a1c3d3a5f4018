//! Log entries: decisions, oldest first, as the log export pages through them.

use serde_json::{Value, json};

use super::{NOBODYS, Tapkey, refused};
use crate::kit::{field, in_seconds};
use crate::support::{id, on_each_engine};

fn numbers(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|it| it["entryNo"].as_u64().unwrap()).collect()
}

/// Filters, and the entries that each lets through of those that are made below.
fn asked([door, gate, ann, card]: [&str; 4], stamp: &str) -> Vec<(String, Vec<u64>)> {
    vec![
        ("logType eq 'Command' and command eq 'TriggerLock'".to_owned(), vec![1, 6]),
        ("logType eq 'Denied'".to_owned(), vec![2, 3, 4]),
        ("logType ne 'Command'".to_owned(), vec![2, 3, 4]),
        ("logType in ('Command', 'Denied')".to_owned(), vec![1, 2, 3, 4, 6]),
        ("logType eq 'Command' and logType eq 'Denied'".to_owned(), vec![]),
        ("logType eq 'Other' or command eq 'Other'".to_owned(), vec![]),
        ("command eq 'Other'".to_owned(), vec![]),
        (format!("boundLockId eq '{gate}'"), vec![2]),
        (format!("boundLockId eq '{gate}' or contactId eq '{ann}'"), vec![1, 2, 6]),
        (format!("boundLockId eq '{gate}' and boundLockId eq '{door}'"), vec![]),
        (format!("boundLockId eq '{}'", gate.to_uppercase()), vec![]),
        (format!("boundLockId in ('{gate}', '{door}') and entryNo gt 2"), vec![3, 4, 6]),
        (format!("contactId eq '{ann}' and boundLockId eq '{door}'"), vec![1, 6]),
        (format!("boundCardId eq '{card}' and logType eq 'Denied'"), vec![2]),
        (format!("contactId eq '{NOBODYS}'"), vec![]),
        ("contactId eq null".to_owned(), vec![4]),
        ("not (contactId eq null)".to_owned(), vec![1, 2, 3, 6]),
        ("entryNo ge 3 and entryNo lt 6".to_owned(), vec![3, 4]),
        ("entryNo gt 2.5 and entryNo le 3".to_owned(), vec![3]),
        ("entryNo gt 6".to_owned(), vec![]),
        ("entryNo gt -5".to_owned(), vec![1, 2, 3, 4, 6]),
        (format!("receivedAt ge {stamp} and lockTimestamp ge {stamp}"), vec![1, 2, 3, 4, 6]),
    ]
}

#[tokio::test]
async fn decisions_are_log_entries_and_are_filtered() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, bo) = (it.person("Ann").await, it.person("Bo").await);
        let (door, gate) = (it.lock("Door").await, it.lock("Gate").await);
        let card = it.card(&ann, "a1").await;
        it.card(&bo, "b1").await;
        it.grant(&ann, &door).await;
        it.present(&door, "a1").await;
        it.present(&gate, "a1").await;
        let middle = in_seconds(&world, 0).replace("Z", "");
        let middle = format!("{}.000Z", middle.split('.').next().unwrap());
        it.present(&door, "b1").await;
        it.present(&door, "c1").await;
        let posture = json!({ "posture": "lockdown", "lock_ids": [id(&gate)] });
        it.post("/posture", posture).await.expect(200);
        it.present(&door, "a1").await;
        let all = program.list("/LogEntries", "").await;
        let first = &all[0];
        let wanted = json!({
            "id": first["id"], "entryNo": 1, "lockTimestamp": first["lockTimestamp"],
            "receivedAt": first["receivedAt"], "boundLockId": door["id"],
            "boundCardId": card["id"], "contactId": ann["id"], "logType": "Command",
            "command": "TriggerLock",
        });
        assert_eq!(*first, wanted);
        assert_eq!(first["lockTimestamp"].as_str().unwrap().len(), 24);
        let native = it.list("/events").await;
        let decisions: Vec<&Value> = native
            .iter()
            .filter(|it| it["kind"].as_str().unwrap().starts_with("access_"))
            .collect();
        assert_eq!(field(&all, "id"), decisions.iter().map(|it| &it["id"]).collect::<Vec<_>>());
        assert_eq!(numbers(&all), [1, 2, 3, 4, 6], "what is no decision is no entry");
        assert_eq!((&all[3]["contactId"], &all[3]["boundCardId"]), (&Value::Null, &Value::Null));

        let (door, gate, ann, card) = (id(&door), id(&gate), id(&ann), id(&card));
        let stamp = first["lockTimestamp"].as_str().unwrap();
        // Whatever happened is before or after the beginning of a second.
        let shown = |it: &Value| it["lockTimestamp"].as_str().unwrap() < middle.as_str();
        let by_hand: Vec<Value> = all.iter().filter(|it| shown(it)).cloned().collect();
        let early = format!("$filter=lockTimestamp lt {middle}");
        assert_eq!(program.list("/logentries", &early).await, by_hand);
        for (filter, wanted) in asked([door, gate, ann, card], stamp) {
            let found = program.list("/logentries", &format!("$filter={filter}")).await;
            assert_eq!(numbers(&found), wanted, "{filter}");
            // What is cut from the same list is what a page of it is.
            for (skip, top) in [(0, 1), (1, 1), (1, 2), (2, 500)] {
                let query = format!("$filter={filter}&$skip={skip}&$top={top}");
                let page = program.list("/logentries", &query).await;
                let cut: Vec<u64> = wanted.iter().copied().skip(skip).take(top).collect();
                assert_eq!(numbers(&page), cut, "{query}");
            }
        }
        let of_lock = program.list(&format!("/BoundLocks/{door}/LogEntries"), "").await;
        assert_eq!(numbers(&of_lock), [1, 3, 4, 6]);
        let path = format!("/boundlocks/{gate}/logentries");
        let nothing = program.list(&path, &format!("$filter=boundLockId eq '{door}'")).await;
        assert_eq!(numbers(&nothing), Vec::<u64>::new());
    })
    .await;
}

#[tokio::test]
async fn entries_are_picked_from_put_in_order_and_counted() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let door = it.lock("Door").await;
        for card in ["a1", "b1", "c1"] {
            it.present(&door, card).await;
        }
        let select =
            "$select=id,entryNo,lockTimestamp,receivedAt,boundLockId,boundCardId,contactId&";
        let picked = program.list("/logentries", select).await;
        assert_eq!(picked.len(), 3);
        assert_eq!(picked[0].as_object().unwrap().len(), 7);
        let newest = program.list("/logentries", "$orderby=entryNo desc&$top=2").await;
        assert_eq!(numbers(&newest), [3, 2]);
        let counted = program.get("/logentries?$count=true&$top=1&$skip=1").await;
        assert_eq!(counted.header("x-total-count"), "3");
        assert_eq!(numbers(counted.expect(200).as_array().unwrap()), [2]);
        assert_eq!(program.list("/logentries", "$top=0").await, Vec::<Value>::new());
        let whole = program.get("/logentries").await;
        assert_eq!(whole.header("content-type"), "application/json; charset=utf-8");
        for query in ["$filter=entryNo eq 'x'", "$filter=", "$top=-1", "top=1", "$expand=contact"] {
            let query = query.replace(' ', "%20");
            let answer = program.get(&format!("/logentries?{query}")).await;
            refused(&answer, 400, "InvalidRequest", &[]);
        }
        for lock in [NOBODYS, "x"] {
            let path = format!("/boundlocks/{lock}/logentries");
            refused(&program.get(&path).await, 404, "NotFound", &["lock"]);
        }
    })
    .await;
}

#[tokio::test]
async fn pages_do_not_move_while_entries_come_in_and_a_long_log_comes_whole() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.card(&ann, "a1").await;
        it.grant(&ann, &door).await;
        let happen = async |times: usize| {
            let all = (0..times).map(|_| it.present(&door, "a1"));
            futures_util::future::join_all(all).await;
        };
        for _ in 0..11 {
            happen(100).await;
        }
        let opened = "$filter=logType eq 'Command' and command eq 'TriggerLock'&$select=entryNo";
        let mut found = Vec::new();
        for page in 0.. {
            let query = format!("{opened}&$top=500&$skip={}", page * 500);
            let entries = program.list("/logentries", &query).await;
            let short = entries.len() < 500;
            found.extend(numbers(&entries));
            if short {
                break;
            }
            happen(100).await;
        }
        // The two pages that were full let two hundred more come in behind them.
        assert_eq!(found, (1..=1300).collect::<Vec<u64>>());
        let beyond = program.list("/logentries", "$top=500&$skip=1300").await;
        assert_eq!(beyond, Vec::<Value>::new());
        let whole = program.list("/logentries", "").await;
        assert_eq!(numbers(&whole), found);
        // What must be asked of each entry is read on until the page is full.
        let late = "$filter=entryNo ne 1 and contains(id,'-')&$skip=1200&$top=50";
        let late = program.list("/logentries", late).await;
        assert_eq!(numbers(&late), (1202..=1251).collect::<Vec<u64>>());
    })
    .await;
}
