//! Each option by cases, and filters against an evaluator of another build.

mod tree;

use proptest::prelude::*;
use serde_json::{Value, json};

use self::tree::{Words, trees};
use super::{Demand, Field, Found, Kind, Query, field};
use crate::compat::fields::Wrongs;

const OWNER: &[Field] = &[field("name", Kind::Text), field("size", Kind::Number)];
const SHAPE: &[Field] = &[
    field("id", Kind::Text),
    field("title", Kind::Text),
    field("active", Kind::Flag),
    field("size", Kind::Number),
    field("from", Kind::Time),
    field("owner", Kind::Object(OWNER)),
    field("tags", Kind::List),
];

fn items() -> Vec<Value> {
    vec![
        json!({
            "id": "a", "title": "Ann's door", "active": true, "size": 3,
            "from": "2024-01-01T08:00:00.000Z", "owner": { "name": "Bo", "size": 1 }, "tags": [],
        }),
        json!({
            "id": "b", "title": null, "active": false, "size": -1.5, "from": null, "owner": null,
            "tags": ["x"],
        }),
        json!({
            "id": "C", "title": "gate", "active": true, "size": 10,
            "from": "2030-06-30T22:00:00.500Z", "owner": { "name": "bo" },
        }),
    ]
}

fn query(options: &[(&str, &str)]) -> Result<Query, Vec<String>> {
    let options: Vec<(String, String)> =
        options.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let mut wrongs = Wrongs::default();
    let query = Query::parse(&options, SHAPE, &mut wrongs);
    match wrongs.some() {
        None => Ok(query),
        Some(found) => Err(found.iter().map(|it| format!("{}: {}", it.name, it.reason)).collect()),
    }
}

fn found(options: &[(&str, &str)]) -> Found {
    query(options).unwrap_or_else(|wrong| panic!("{wrong:?}")).apply(items())
}

fn ids(options: &[(&str, &str)]) -> String {
    let items = found(options).items;
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn filters_let_through_what_they_say() {
    for (filter, through) in [
        ("id eq 'a'", "a"),
        ("id ne 'a'", "bC"),
        ("'a' eq id", "a"),
        ("ID eq 'a'", "a"),
        ("id eq 'A'", ""),
        ("id in ('a', 'C','x')", "aC"),
        ("size in (3,-1.5)", "ab"),
        ("title in (null,'gate')", "bC"),
        ("title eq 'Ann''s door'", "a"),
        ("title eq null", "b"),
        ("title ne null", "aC"),
        ("null ne title", "aC"),
        ("title eq ''", ""),
        ("title gt 'B'", "C"),
        ("active", "aC"),
        ("active eq true", "aC"),
        ("not active", "b"),
        ("not (active eq true)", "b"),
        ("not not active", "aC"),
        ("active ne true", "b"),
        ("size gt 3", "C"),
        ("size ge 3", "aC"),
        ("size lt 3.0", "b"),
        ("size le -1.5", "b"),
        ("size eq 10 or size eq 3 and active", "aC"),
        ("(size eq 10 or size eq 3) and not active", ""),
        ("id eq 'b' and active or id eq 'a'", "a"),
        ("id eq 'a' or id eq 'b' and active", "a"),
        ("from gt 2024-01-01T08:00:00Z", "C"),
        ("from ge 2024-01-01T09:00:00.0000000+01:00", "aC"),
        ("from ge 2024-01-01T09:00:00 01:00", "aC"),
        ("from le 2024-01-01T08:00:00Z", "a"),
        ("not (from le 2024-01-01T08:00:00Z)", "bC"),
        ("from eq null", "b"),
        ("owner/name eq 'Bo'", "a"),
        ("Owner/Name eq 'Bo'", "a"),
        ("tolower(owner/name) eq 'bo'", "aC"),
        ("toupper(id) eq 'C'", "C"),
        ("owner/size eq null", "bC"),
        ("owner eq null", "b"),
        ("owner ne null and tags ne null", "a"),
        ("contains(title,'oo')", "a"),
        ("not contains(title,'oo')", "C"),
        ("startswith( title , 'g' )", "C"),
        ("endswith(title,'e') or endswith(tolower(id),'b')", "bC"),
        ("contains('a-C',id)", "aC"),
        ("contains(title,null)", ""),
        ("owner/name eq title or size eq owner/size", "b"),
        ("  (((id eq 'a')))  ", "a"),
        ("true eq active", "aC"),
    ] {
        assert_eq!(ids(&[("$filter", filter)]), through, "{filter}");
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    for filter in [
        "",
        " ",
        "id",
        "'a'",
        "true",
        "id eq",
        "eq 'a'",
        "id eq a",
        "id eq 'a",
        "id eq 'a' 'b'",
        "id eq 'a' and",
        "id eq 'a' xor id eq 'b'",
        "and id eq 'a'",
        "(id eq 'a'",
        "id eq 'a')",
        "()",
        "id == 'a'",
        "id EQ 'a'",
        "id like 'a'",
        "nothing eq 'a'",
        "owner/nothing eq 'a'",
        "id/x eq 'a'",
        "owner/ eq 'a'",
        "id eq 5",
        "active eq 'true'",
        "size eq '3'",
        "from gt 2024-01-01",
        "from gt '2024-01-01T08:00:00Z'",
        "size eq 1e999",
        "size eq 3L",
        "active gt false",
        "owner gt null",
        "owner eq tags",
        "not id eq 'a'",
        "not size",
        "id in 'a'",
        "id in ()",
        "id in ('a'",
        "id in ('a' 'b')",
        "id in ('a',)",
        "id in (title)",
        "contains(title)",
        "contains(title,'a','b')",
        "contains(size,'1')",
        "contains(title,5)",
        "contains title,'a'",
        "contains(title,'a') eq true",
        "(active) eq true",
        "tolower(size) eq 'a'",
        "tolower(tolower(id)) eq 'a'",
        "substringof('a',title)",
        "length(title) gt 3",
        "size add 1 eq 4",
        "id eq 'a';drop",
        "id eq \u{0}",
    ] {
        let refused = query(&[("$filter", filter)]);
        let refused = refused.err().unwrap_or_else(|| panic!("{filter} is understood"));
        assert!(refused.len() == 1 && refused[0].starts_with("$filter: "), "{refused:?}");
    }
}

#[test]
fn other_options_cut_and_order() {
    assert_eq!(ids(&[("$top", "2")]), "ab");
    assert_eq!(ids(&[("$top", "0")]), "");
    assert_eq!(ids(&[("$skip", "1"), ("$top", "1")]), "b");
    assert_eq!(ids(&[("$skip", "99999999999999999999999")]), "");
    assert_eq!(ids(&[("$orderby", "size")]), "baC");
    assert_eq!(ids(&[("$orderby", "size desc")]), "Cab");
    assert_eq!(ids(&[("$orderby", "title asc")]), "baC");
    assert_eq!(ids(&[("$orderby", "active, id desc")]), "baC");
    assert_eq!(ids(&[("$orderby", "owner/name"), ("$filter", "owner ne null")]), "aC");
    assert_eq!(ids(&[("$orderby", "id"), ("$top", "1")]), "C", "capital letters come first");
    let counted = found(&[("$count", "true"), ("$filter", "active"), ("$top", "1")]);
    assert_eq!((counted.items.len(), counted.count), (1, Some(2)));
    assert_eq!(found(&[("$count", "false")]).count, None);
    let selected = found(&[("$select", "id, Title"), ("$top", "1")]).items;
    assert_eq!(selected, [json!({ "id": "a", "title": "Ann's door" })]);
    let selected = found(&[("$select", "tags"), ("$filter", "id eq 'C'")]).items;
    assert_eq!(selected, [json!({ "tags": null })], "a member that is left out is null");
    assert_eq!(found(&[("$select", "*")]).items, items());
}

#[test]
fn other_options_are_refused_where_they_are_not_understood() {
    for (name, text) in [
        ("$top", "-1"),
        ("$top", ""),
        ("$top", "1.5"),
        ("$skip", "x"),
        ("$orderby", ""),
        ("$orderby", "id,"),
        ("$orderby", "id down"),
        ("$orderby", "id asc desc"),
        ("$orderby", "nothing"),
        ("$orderby", "owner"),
        ("$orderby", "tags"),
        ("$select", ""),
        ("$select", "id,nothing"),
        ("$select", "owner/name"),
        ("$count", "yes"),
        ("$expand", "owner"),
        ("$search", "a"),
        ("$Filters", "id eq 'a'"),
        ("filter", "id eq 'a'"),
        ("id", "a"),
    ] {
        let refused = query(&[(name, text)]).err().unwrap_or_else(|| panic!("{name}={text}"));
        assert!(refused[0].starts_with(name), "{refused:?}");
    }
    let twice = query(&[("$filter", "active"), ("$FILTER", "not active")]).unwrap_err();
    assert_eq!(twice, ["$FILTER: is given twice"]);
    let both = query(&[("$top", "x"), ("$skip", "y")]).unwrap_err();
    assert_eq!(both.len(), 2, "{both:?}");
    let many = ["id"; 11].join(",");
    assert!(query(&[("$orderby", &many)]).is_err());
}

#[test]
fn three_hundred_terms_work_and_a_million_harm_nobody() {
    let terms = |count: usize| {
        let terms: Vec<String> = (0..count).map(|at| format!("id eq '{at}'")).collect();
        format!("{} or id eq 'C'", terms.join(" or "))
    };
    assert_eq!(ids(&[("$filter", &terms(300))]), "C");
    assert_eq!(ids(&[("$filter", &terms(5000))]), "C");
    let mixed = |count: usize| vec!["contains(title,'oo') and size gt 2"; count].join(" or ");
    assert_eq!(ids(&[("$filter", &mixed(300))]), "a");
    for text in [
        terms(1_000_000),
        mixed(5000),
        "(".repeat(200_000),
        "not ".repeat(60_000),
        format!("{}id eq 'a'{}", "(".repeat(101), ")".repeat(101)),
        format!("{}id eq 'a'{}", "not (".repeat(51), ")".repeat(51)),
        "tolower(".repeat(30_000),
        "active and ".repeat(20_000),
        "owner/".repeat(40_000),
        format!("id in ({}", "'a',".repeat(60_000)),
        "-".repeat(200_000),
        "'".repeat(200_001),
    ] {
        let refused = query(&[("$filter", &text)]).err();
        assert!(refused.is_some_and(|it| it[0].len() < 400), "{}", &text[..60]);
    }
    let deep = format!("{}id eq 'a'{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(ids(&[("$filter", &deep)]), "a");
    let wide = ["(not active)"; 300].join(" and ");
    assert_eq!(ids(&[("$filter", &wide)]), "b", "depth is counted down again");
}

/// What filters are made of here.
fn words() -> Words {
    let owned = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
    Words {
        texts: owned(&["id", "title", "owner/name"]),
        numbers: owned(&["size"]),
        times: owned(&["from"]),
        flags: owned(&["active"]),
        values: owned(&TEXTS),
        instants: (0..4).map(time).collect(),
    }
}

const TEXTS: [&str; 5] = ["", "a", "ab", "b'c", "C"];

fn time(hours: i64) -> String {
    format!("2024-01-01T{hours:02}:00:00Z")
}

fn objects() -> impl Strategy<Value = Value> {
    let text = || prop::sample::select(&TEXTS[..]);
    let maybe = || prop::option::weighted(0.7, text());
    let size = prop::option::weighted(0.8, -1_i8..3);
    let from = prop::option::weighted(0.8, (0_i64..4).prop_map(time));
    let active = prop::option::weighted(0.9, any::<bool>());
    let owner = prop::option::weighted(0.7, maybe());
    (text(), maybe(), active, size, from, owner).prop_map(
        |(id, title, active, size, from, owner)| {
            let owner = owner.map(|name| json!({ "name": name }));
            json!({
                "id": id, "title": title, "active": active, "size": size, "from": from,
                "owner": owner,
            })
        },
    )
}

#[test]
fn what_a_filter_demands_is_what_is_joined_by_and() {
    let shown = |text: &str| {
        let query = query(&[("$filter", text)]);
        let query = query.unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        let said = |demand: &Demand<'_>| match demand {
            Demand::Among(name, texts) => {
                let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                texts.sort_unstable();
                format!("{name} {}", texts.join(","))
            }
            Demand::Flag(name, flag) => format!("{name} {flag}"),
            Demand::Time(name, how, at) => format!("{name} {how:?} {at}"),
            Demand::Number(name, how, number) => format!("{name} {how:?} {number}"),
            Demand::Other => "other".to_owned(),
        };
        query.demands().iter().map(said).collect::<Vec<_>>()
    };
    for (text, wanted) in [
        ("id eq 'a'", &["id a"][..]),
        ("id eq 'a' and size gt 1", &["id a", "size Gt 1"]),
        ("(id eq 'a' or id eq 'b') and active", &["id a,b", "active true"]),
        ("id eq 'a' or size gt 1", &["other"]),
        ("id eq 'a' and (size gt 1 or active)", &["id a", "other"]),
        ("active eq false and active ne true", &["active false", "other"]),
        ("active or not active", &["other"]),
        ("not (id eq 'a') and id in ('b', 'c')", &["other", "id b,c"]),
        ("not (id eq 'a' and size gt 1)", &["other"]),
        ("tolower(id) eq 'a' and owner/name eq 'b'", &["other", "other"]),
        ("1 lt size and size ne null", &["other", "other"]),
        (
            "id eq 'a' and (size ge 1 and from lt 2030-01-01T00:00:00Z)",
            &["id a", "size Ge 1", "from Lt 2030-01-01T00:00:00Z"],
        ),
    ] {
        assert_eq!(shown(text), wanted, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn filters_agree_with_an_evaluator_of_trees(
        tree in trees(words()),
        objects in prop::collection::vec(objects(), 1..8),
    ) {
        let text = tree.written();
        let query = query(&[("$filter", &text)]);
        let query = query.unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        let wanted: Vec<Value> =
            objects.iter().filter(|it| tree.asked(it) == Some(true)).cloned().collect();
        prop_assert_eq!(query.apply(objects).items, wanted, "{}", text);
    }
}
