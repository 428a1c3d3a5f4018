//! Lists as clients page through them while others add to them, and filters made at random, asked
//! of the whole list by another evaluator.

#[path = "../../../src/compat/tapkey/odata/tests/tree.rs"]
mod tree;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use self::tree::{Words, trees};
use super::Tapkey;
use crate::support::{id, on_each_engine};

/// One of each kind that is listed, named by a number.
async fn add(program: &Tapkey, at: usize) {
    let it = &program.it;
    let contact = program.contact(&format!("p{at}@example.org")).await;
    let body = json!({ "name": format!("Door {at}"), "mode": "offline_keys" });
    let lock = it.made("/locks", body).await;
    it.card(&contact, &format!("{}", 1000 + at)).await;
    let body = json!({ "contactId": id(&contact), "boundLockId": id(&lock) });
    program.call("PUT", "/grants", body).await.expect(200);
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| id(item).to_owned()).collect()
}

#[tokio::test]
async fn pages_do_not_move_while_objects_are_added() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        for at in 0..5 {
            add(&program, at).await;
        }
        let mut next = 5;
        for path in ["/contacts", "/grants", "/boundlocks", "/boundcards"] {
            let whole = ids(&program.list(path, "").await);
            let (mut paged, mut skip) = (Vec::new(), 0);
            // Until a page is short, as programs of the vendor do; additions end before that.
            loop {
                let page = program.list(path, &format!("$top=2&$skip={skip}")).await;
                paged.extend(ids(&page));
                if page.len() < 2 {
                    break;
                }
                skip += 2;
                if skip <= whole.len() {
                    add(&program, next).await;
                    next += 1;
                    // What is taken back stays where it is.
                    if path == "/grants" && skip == 2 {
                        let revoke = format!("/grants/{}/revoke", whole[0]);
                        program.call("POST", &revoke, Value::Null).await.expect(200);
                    }
                }
            }
            assert_eq!(paged[..whole.len()], whole, "{path}: nothing is missed or moved");
            assert_eq!(paged, ids(&program.list(path, "").await), "{path}: what is added follows");
            let mut once = paged.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), paged.len(), "{path}: nothing comes twice");
            assert!(paged.len() > whole.len(), "{path}");
        }
    })
    .await;
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|it| (*it).to_owned()).collect()
}

/// Texts that stand in some members of objects, some cut, and some that stand in none.
fn texts_of(items: &[Value], members: &[&str]) -> Vec<String> {
    let of = |item: &Value| -> Vec<String> {
        let pointers = members.iter().map(|member| format!("/{member}"));
        let found = pointers.filter_map(|it| item.pointer(&it)?.as_str().map(str::to_owned));
        found.collect()
    };
    let mut found = owned(&["", "nobody's"]);
    found.extend(items.iter().flat_map(of));
    found.sort();
    found.dedup();
    let cut: Vec<String> = found.iter().map(|it| it.chars().skip(1).take(3).collect()).collect();
    found.extend(cut);
    found
}

/// A list, and members that filters ask about: texts, numbers, times and flags.
type Members = (&'static str, [&'static [&'static str]; 4]);

const LISTS: [Members; 3] = [
    ("/contacts", [&["id", "identifier", "title", "comment", "ipUserId"], &[], &[], &[]]),
    ("/boundlocks", [&["id", "title"], &["rclSerialNo"], &["bindDate"], &["active"]]),
    (
        "/grants",
        [
            &["state", "contactId", "boundCardId", "contact/identifier", "boundLock/title"],
            &["boundLock/rclSerialNo"],
            &["validBefore", "validFrom", "boundLock/bindDate"],
            &["active", "boundLock/active"],
        ],
    ),
];

const FILTERS: usize = 150;

#[tokio::test]
async fn filters_of_our_lists_agree_with_an_evaluator_of_trees() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let it = &program.it;
        for at in 0..4 {
            add(&program, at).await;
        }
        it.made("/people", json!({ "display_name": "O'Neil", "note": "" })).await;
        let card = it.card(&it.person("Bo").await, "77").await;
        for (at, lock) in program.list("/boundlocks", "").await.iter().enumerate() {
            let mut body = json!({ "boundCardId": id(&card), "boundLockId": id(lock) });
            if at % 2 == 0 {
                body["validBefore"] = json!(format!("20{}-01-01T00:00:00Z", 20 + 20 * at));
                body["validFrom"] = json!("2019-01-01T00:00:00.5Z");
            }
            let given = program.call("PUT", "/grants", body).await.expect(200);
            if at > 1 {
                let revoke = format!("/grants/{}/revoke", id(&given));
                program.call("POST", &revoke, Value::Null).await.expect(200);
            }
        }
        let mut runner = TestRunner::deterministic();
        for (path, [texts, numbers, times, flags]) in LISTS {
            let whole = program.list(path, "").await;
            let instants = owned(&["2020-01-01T00:00:00.000Z", "2060-01-01T00:00:00.000Z"]);
            let words = Words {
                texts: owned(texts),
                numbers: owned(numbers),
                times: owned(times),
                flags: owned(flags),
                values: texts_of(&whole, texts),
                instants,
            };
            let (mut some, trees) = (0, trees(words));
            for _ in 0..FILTERS {
                let tree = trees.new_tree(&mut runner).unwrap().current();
                let text = tree.written();
                let wanted: Vec<Value> =
                    whole.iter().filter(|it| tree.asked(it) == Some(true)).cloned().collect();
                let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
                let answer = program.get(&format!("{path}?$filter={encoded}")).await;
                assert_eq!(answer.expect(200), json!(wanted), "{path}: {text}");
                some += usize::from(!wanted.is_empty() && wanted.len() < whole.len());
            }
            assert!(some > FILTERS / 30, "{path}: only {some} filters let some through");
        }
    })
    .await;
}

/// A few thousand grants to people, of which every third is taken back.
async fn thousands(it: &crate::kit::Site) -> Vec<String> {
    let lock = it.lock("Door").await;
    let mut people = Vec::new();
    for at in 0..3 {
        people.push(it.person(&format!("P{at}")).await);
    }
    let target = json!({ "lock_id": id(&lock) });
    let mut ids = Vec::new();
    for _ in 0..3 {
        let subjects = (0..1200).map(|at| json!({ "person_id": id(&people[at % 3]) }));
        let wishes: Vec<Value> =
            subjects.map(|subject| json!({ "subject": subject, "target": target })).collect();
        let made = it.post("/grants/batch", json!({ "create": wishes })).await.expect(200);
        ids.extend(made["results"].as_array().unwrap().iter().map(|it| id(it).to_owned()));
    }
    // Stretches of open ones, of closed ones, and of both by turns.
    let is_closed = |at: usize| (1100..2500).contains(&at) || at.is_multiple_of(3) && at > 2900;
    let closed: Vec<&String> =
        ids.iter().enumerate().filter(|(at, _)| is_closed(*at)).map(|(_, id)| id).collect();
    it.post("/grants/batch", json!({ "revoke": closed })).await.expect(200);
    ids
}

#[tokio::test]
async fn thousands_of_grants_come_in_their_order_whichever_are_taken_back() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let made = thousands(&program.it).await;
        let whole = program.list("/grants", "").await;
        assert_eq!(ids(&whole), made);
        let (active, over): (Vec<&Value>, Vec<&Value>) =
            whole.iter().partition(|it| it["active"] == json!(true));
        assert!(active.len() > 1000 && over.len() > 1000);
        let texts = |items: &[&Value]| -> Vec<String> {
            items.iter().map(|it| id(it).to_owned()).collect()
        };
        for (filter, wanted) in [
            ("active eq true", texts(&active)),
            ("active and active ne false", texts(&active)),
            ("active eq false", texts(&over)),
            ("not (active eq true)", texts(&over)),
            ("active eq true or state eq 'Revoked'", made.clone()),
        ] {
            let found = program.list("/grants", &format!("$filter={filter}")).await;
            assert_eq!(ids(&found), wanted, "{filter}");
        }
        let mut paged = Vec::new();
        loop {
            let query = format!("$top=500&$skip={}&$select=id", paged.len());
            let page = program.list("/grants", &query).await;
            paged.extend(ids(&page));
            if page.len() < 500 {
                break;
            }
        }
        assert_eq!(paged, made);
        let answer = program.get("/grants?$count=true&$top=1&$filter=active%20eq%20false").await;
        assert_eq!(answer.header("x-total-count"), over.len().to_string());
        // Of those that are equal the first stay first.
        let query = "$orderby=active desc&$top=2&$skip=1";
        assert_eq!(ids(&program.list("/grants", query).await), texts(&active[1..3]));
        let contact = whole[1]["contactId"].as_str().unwrap();
        let theirs = program.list(&format!("/contacts/{contact}/grants"), "").await;
        assert_eq!(
            theirs,
            whole.iter().filter(|it| it["contactId"] == contact).cloned().collect::<Vec<_>>()
        );
    })
    .await;
}
