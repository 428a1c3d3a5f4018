//! Runs the scenarios of `scenarios/*.toml`: the engine and the oracle must both say what each
//! expects, however its world was made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use claviger_domain::decision::Hint;
use claviger_domain::reason::Reason;

use super::build::{Built, Way, build};
use super::oracle;
use super::scenario_file::{Scenario, instant, load, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decision/scenarios")
}

fn hint_word(hint: Hint) -> &'static str {
    match hint {
        Hint::NormalPosture => "normal_posture",
        Hint::RegisterCredential => "register_credential",
        Hint::ActivateCredential => "activate_credential",
        Hint::ChangeValidity => "change_validity",
        Hint::ResumePerson => "resume_person",
        Hint::SetPin => "set_pin",
        Hint::EnterPin => "enter_pin",
        Hint::Wait => "wait",
        Hint::Grant => "grant",
    }
}

/// Everything the engine says otherwise than expected.
fn engine_flaws(scenario: &Scenario, built: &Built) -> Vec<String> {
    let expect = &scenario.expect;
    let decision = built.decide(&scenario.question);
    let mut flaws = Vec::new();
    let mut same = |what: &str, found: String, expected: String| {
        if found != expected {
            flaws.push(format!("{what}: {found} instead of {expected}"));
        }
    };
    let result = if decision.granted { "granted" } else { "denied" };
    same("result", result.to_owned(), expect.result.clone());
    same("method", decision.method.as_str().to_owned(), expect.method.clone());
    let reasons: Vec<&str> = decision.reasons.iter().map(Reason::code).collect();
    same("reasons", format!("{reasons:?}"), format!("{:?}", expect.reasons));
    let name = |number: u32| {
        let at = built.grants.iter().position(|grant| *grant == number);
        at.map_or("a closed grant", |at| scenario.grants[at].as_str())
    };
    let by: Vec<&str> = decision.by().map(|grant| name(grant.0)).collect();
    same("by", format!("{by:?}"), format!("{:?}", expect.by));
    let opens_at = expect.opens_at.as_deref().map(|text| instant(text).unwrap());
    same("opens_at", format!("{:?}", decision.opens_at()), format!("{opens_at:?}"));
    let hint = decision.hint().map(hint_word);
    same("hint", format!("{hint:?}"), format!("{:?}", expect.hint.as_deref()));
    let session = decision.session().map(|it| (it.start_within_s, it.log_off_after_s));
    same("session", format!("{session:?}"), format!("{:?}", expect.session));
    flaws
}

/// Everything the oracle says otherwise than expected.
fn oracle_flaws(scenario: &Scenario) -> Vec<String> {
    let expect = &scenario.expect;
    let found = oracle::answer(&scenario.world, &scenario.question);
    let by: BTreeSet<&str> = found.by.iter().map(|grant| &*scenario.grants[*grant]).collect();
    let opens_at = expect.opens_at.as_deref().map(|text| instant(text).unwrap());
    let same = found.granted == (expect.result == "granted")
        && found.method == expect.method
        && found.reasons == expect.reasons
        && by == expect.by.iter().map(String::as_str).collect()
        && oracle::opens_at(&scenario.world, &scenario.question) == opens_at;
    let later = oracle::opens_at(&scenario.world, &scenario.question);
    if same { Vec::new() } else { vec![format!("the oracle: {found:?}, opens at {later:?}")] }
}

#[test]
fn every_scenario_is_decided_as_expected() {
    let scenarios = load(&folder()).unwrap();
    let mut failures = Vec::new();
    for scenario in &scenarios {
        let mut flaws = BTreeSet::from_iter(oracle_flaws(scenario));
        for bits in 0..8 {
            let way = Way { detours: bits & 1 > 0, shared: bits & 2 > 0, inline: bits & 4 > 0 };
            flaws.extend(engine_flaws(scenario, &build(&scenario.world, way)));
        }
        if !flaws.is_empty() {
            let flaws: Vec<String> = flaws.into_iter().collect();
            let (file, title) = (&scenario.file, &scenario.title);
            failures.push(format!("{file}: \"{title}\"\n    {}", flaws.join("\n    ")));
        }
    }
    let (count, failed) = (scenarios.len(), failures.len());
    assert!(failures.is_empty(), "{failed} of {count} scenarios:\n{}", failures.join("\n"));
}

#[test]
fn the_scenarios_cover_everything_a_decision_can_say() {
    let scenarios = load(&folder()).unwrap();
    assert!(scenarios.len() >= 60, "only {} scenarios", scenarios.len());
    let titles: BTreeSet<&str> = scenarios.iter().map(|scenario| &*scenario.title).collect();
    assert_eq!(titles.len(), scenarios.len(), "two scenarios have one title");
    let reasons: BTreeSet<&str> =
        scenarios.iter().flat_map(|it| &it.expect.reasons).map(String::as_str).collect();
    let hints: BTreeSet<&str> =
        scenarios.iter().filter_map(|it| it.expect.hint.as_deref()).collect();
    let methods: BTreeSet<&str> = scenarios.iter().map(|it| &*it.expect.method).collect();
    assert_eq!(reasons, oracle::ORDER.iter().copied().collect(), "reasons");
    assert_eq!(hints.len(), 9, "hints: {hints:?}");
    assert_eq!(methods.len(), 6, "methods: {methods:?}");
    let asked = |has: &dyn Fn(&Scenario) -> bool| scenarios.iter().filter(|it| has(it)).count();
    assert!(asked(&|it| it.expect.opens_at.is_some()) >= 15, "opens_at");
    assert!(asked(&|it| it.expect.result == "granted") >= 20, "granted");
    assert!(asked(&|it| it.expect.result == "denied" && it.expect.hint.is_none()) >= 5, "no hint");
}

#[test]
fn an_unknown_key_or_name_is_refused() {
    let right = "[[scenario]]\ntitle = \"t\"\nlocks = { door = {} }\n\
        ask = { lock = \"door\", card = \"8:1\", at = \"2024-05-15T00:00:00Z\" }\n\
        expect = { result = \"denied\", method = \"card\" }\n";
    assert_eq!(read("right.toml", right).map(|all| all.len()), Ok(1));
    for (from, to) in [
        ("title =", "titel = \"t\"\ntitle ="),
        ("door = {}", "door = { postur = \"normal\" }"),
        ("door = {}", "door = { posture = \"ajar\" }"),
        ("lock = \"door\"", "lock = \"gate\""),
        ("at = ", "pin = \"none\", at = "),
        ("at = ", "nobody = \"x\", at = "),
        ("result =", "resons = [], result ="),
        ("[[scenario]]", "[[scenarios]]"),
        ("locks =", "grants = [{ name = \"g\", to = \"ann\", at = \"door\" }]\nlocks ="),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert_ne!(wrong, right);
        let refused = read("wrong.toml", &wrong).err();
        assert!(refused.is_some_and(|why| why.contains("wrong.toml")), "{wrong}");
    }
}

#[test]
fn an_empty_folder_is_refused() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-scenarios");
    std::fs::create_dir_all(&folder).unwrap();
    assert!(load(&folder).is_err());
    assert!(load(&folder.join("not-there")).is_err());
}

#[test]
fn a_wrong_expectation_is_noticed() {
    for scenario in load(&folder()).unwrap() {
        let mut wrong = scenario;
        let expect = &mut wrong.expect;
        expect.result = if expect.result == "granted" { "denied" } else { "granted" }.to_owned();
        let built = build(&wrong.world, Way::default());
        assert!(!engine_flaws(&wrong, &built).is_empty(), "{}: {}", wrong.file, wrong.title);
        assert!(!oracle_flaws(&wrong).is_empty(), "{}: {}", wrong.file, wrong.title);
    }
}
