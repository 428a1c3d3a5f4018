//! How SQLite finds the rows of a statement, for the tests of statements that run often or beside a
//! commit: none may read all of a table, or all that a place has.

use crate::db::planned;

/// The steps by which a statement is carried out.
pub(crate) fn steps(sql: &str) -> Vec<String> {
    let db = planned();
    let mut plan = db.prepare(&format!("explain query plan {sql}")).unwrap();
    let mut rows = plan.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>(3).unwrap());
    }
    steps
}

/// Whether a step reads all of a table, or all that a place has in one.
fn is_long(step: &str) -> bool {
    let is_table = |name: &str| name.starts_with(|c: char| c.is_ascii_lowercase());
    let table = step.strip_prefix("SCAN ").and_then(|it| it.split(' ').next());
    let of_list = step.contains("CONSTANT") || step.contains("SUBQUERY");
    let is_whole = table.is_some_and(|it| is_table(it) && it != "theirs") && !of_list;
    is_whole || step.ends_with("(place=?)") && !step.contains("event_filing")
}

/// Refuses where a statement reads too much, or not by this index.
#[track_caller]
pub(crate) fn found_by(sql: &str, index: &str) {
    let steps = steps(sql);
    assert!(steps.iter().any(|it| it.contains(index)), "{sql}\n{steps:#?}");
    assert!(!steps.iter().any(|it| is_long(it)), "{sql}\n{steps:#?}");
}

#[test]
fn what_reads_all_is_told_from_what_does_not() {
    let long = |sql: &str| steps(sql).iter().any(|it| is_long(it));
    assert!(long("select * from events where place = ?1 and kind = ?2"));
    assert!(long("select * from events where kind = ?1"));
    assert!(long("delete from mails where problem = ?1"));
    assert!(!long("select * from events where place = ?1 and seq = ?2"));
}
