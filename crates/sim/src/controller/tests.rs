//! What the page of the protocol says, fed to a controller answer by answer.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Controller, Drift, Shown, ShownCard, Taken, Traits};
use crate::machine::{self, Machine};

const NOW: i64 = 1_772_351_892_000_000; // 2026-03-01T07:58:12Z, a Sunday
const SECOND: i64 = 1_000_000;

fn lock(number: u64) -> Value {
    json!({"id": format!("lock-{number}"), "lock": number, "name": "Gate",
        "time_zone": "Europe/Stockholm", "posture": "normal", "pin": "if_set",
        "pin_schedule": null, "unlock_schedule": null, "not_known_here": 1})
}

fn card(id: &str, value: &str, locks: &[u64]) -> Value {
    json!({"id": id, "number": 1, "kind": "card", "priority": 0,
        "cards": [{"technology": "em", "bits": 40, "value": value}], "code": null, "pin": null,
        "session": null, "is_admin": false,
        "access": [{"locks": locks, "valid_from": null, "valid_until": null, "schedules": [],
            "override_lockdown": false}]})
}

fn hours(id: &str, from: &str, to: &str) -> Value {
    json!({"id": id, "schedule": {"time_zone": null, "exceptions": [],
        "weekly": [{"days": ["sun"], "from": from, "to": to}]}})
}

fn after(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

fn shown(value: &str) -> Shown {
    Shown::Card(ShownCard { bits: 40, value: value.to_owned() })
}

fn answer(call: &Value, changes: &[Value]) -> Value {
    json!({"seq": call["seq"], "stale": false, "now": "2026-03-01T07:58:12Z", "event_seq": 0,
        "changes": changes, "more": false, "commands": [], "ask": []})
}

/// A controller that was told these changes.
fn told(traits: Traits, changes: &[Value]) -> Controller {
    let mut controller = Controller::new(traits, 1);
    tell(&mut controller, changes);
    controller
}

fn tell(controller: &mut Controller, changes: &[Value]) {
    let call = controller.call(0, NOW);
    let taken = controller.take(&answer(&call, changes), NOW);
    assert_eq!(taken, Taken::Done { more: false, opened: Vec::new() });
}

fn acknowledged(controller: &mut Controller) -> Vec<(u64, String)> {
    let call = controller.call(0, NOW);
    let of = |it: &Value| {
        let code = it["code"].as_str().or(it["result"].as_str()).unwrap();
        (it["version"].as_u64().unwrap(), code.to_owned())
    };
    call["acknowledged"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn the_digest_is_the_one_of_the_page() {
    let mut controller = Controller::new(Traits::default(), 1);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(controller.call(0, NOW)["digest"], empty);
    // printf 'credential c 2\nlock lock-3 1\n' | sha256sum
    let controller = &mut told(
        Traits::default(),
        &[
            json!({"version": 1, "lock": lock(3)}),
            json!({"version": 2, "credential": card("c", "1", &[3])}),
        ],
    );
    assert_eq!(controller.call(0, NOW).get("digest"), None, "it was told already");
    controller.look_over();
    let digest = "e4e6b0e5d9bd0d7fa75812c73634b896a6d2632b1b5df288ab9207be5b6a7c67";
    assert_eq!(controller.call(0, NOW)["digest"], digest);
}

#[test]
fn typed_digits_are_a_code_or_the_text_of_a_card() {
    let of = |id: &str, technology: &str, bits: u32, value: &str| {
        let mut card = card(id, value, &[3]);
        card["cards"][0] = json!({"technology": technology, "bits": bits, "value": value});
        card
    };
    let mut code = card("code", "", &[3]);
    (code["kind"], code["code"], code["cards"]) = (json!("code"), json!("1234"), json!([]));
    let controller = told(
        Traits::default(),
        &[
            json!({"version": 1, "lock": lock(3)}),
            json!({"version": 2, "credential": of("serial", "opaque", 32, "00471200")}),
            json!({"version": 3, "credential": of("read", "em", 32, "00471201")}),
            json!({"version": 4, "credential": of("long", "opaque", 56, "00000000471202")}),
            json!({"version": 5, "credential": of("short", "opaque", 4, "7")}),
            json!({"version": 6, "credential": of("same", "opaque", 16, "1234")}),
            json!({"version": 7, "credential": code}),
        ],
    );
    let typed = |digits: &str| {
        let verdict = controller.decide(3, &Shown::Code(digits.to_owned()), None, NOW);
        assert_eq!((verdict.opens, verdict.method), (verdict.reasons.is_empty(), "code"));
        verdict.credential_id.unwrap_or_else(|| verdict.reasons.join(" "))
    };
    assert_eq!(typed("00471200"), "serial");
    assert_eq!(typed("7"), "short");
    assert_eq!(typed("00000000471202"), "long");
    assert_eq!(typed("1234"), "code", "a code goes first");
    for unknown in ["471200", "0000471200", "00471201", "471202", "07", "", "0000000000000000007"] {
        assert_eq!(typed(unknown), "credential_unknown", "{unknown}");
    }
}

#[test]
fn a_list_decides_as_the_page_says() {
    let mut pinned = card("p", "2", &[3]);
    pinned["pin"] = json!("4711");
    let mut always = lock(4);
    always["pin"] = json!("always");
    let mut timed = card("t", "00AB", &[3, 9]);
    timed["access"][0]["schedules"] = json!(["s1", "s2"]);
    timed["access"][0]["valid_until"] = json!("2026-03-01T08:30:00Z");
    let mut controller = told(
        Traits::default(),
        &[
            json!({"version": 1, "schedule": hours("s1", "08:00", "10:00")}),
            json!({"version": 2, "schedule": hours("s2", "09:00", "12:00")}),
            json!({"version": 3, "lock": lock(3)}),
            json!({"version": 4, "lock": always}),
            json!({"version": 5, "credential": card("c", "1", &[3, 4])}),
            json!({"version": 6, "credential": pinned}),
            json!({"version": 7, "credential": timed}),
        ],
    );
    let why = |it: &Controller, lock, value, pin, at| {
        let verdict = it.decide(lock, &shown(value), pin, at);
        assert_eq!(verdict.opens, verdict.reasons.is_empty());
        verdict.reasons.first().copied().unwrap_or("opens")
    };
    assert_eq!(why(&controller, 3, "01", None, NOW), "opens");
    assert_eq!(why(&controller, 4, "1", None, NOW), "pin_not_set");
    assert_eq!(why(&controller, 3, "2", None, NOW), "pin_missing");
    assert_eq!(why(&controller, 3, "2", Some("0000"), NOW), "pin_wrong");
    assert_eq!(why(&controller, 3, "2", Some("4711"), NOW), "opens");
    assert_eq!(why(&controller, 3, "3", None, NOW), "credential_unknown");
    assert_eq!(why(&controller, 9, "ab", None, NOW), "no_grant", "no lock item");
    // Both schedules hold from 09:00 to 10:00, which is from 08:00 UTC; the window ends at 08:30.
    let minute = 60 * SECOND;
    assert_eq!(why(&controller, 3, "ab", None, NOW), "outside_schedule");
    assert_eq!(why(&controller, 3, "ab", None, NOW + 2 * minute), "opens");
    assert_eq!(why(&controller, 3, "ab", None, NOW + 32 * minute), "grant_expired");
    for (posture, reason) in
        [("lockdown", "lockdown"), ("disabled", "lock_disabled"), ("free_access", "opens")]
    {
        let mut other = lock(3);
        other["posture"] = json!(posture);
        tell(&mut controller, &[json!({"version": 9, "lock": other})]);
        assert_eq!(why(&controller, 3, "1", None, NOW), reason);
    }
    let mut open = lock(3);
    open["unlock_schedule"] = json!("s1");
    tell(&mut controller, &[json!({"version": 10, "lock": open})]);
    assert_eq!(why(&controller, 3, "3", None, NOW), "opens");
    assert_eq!(why(&controller, 3, "3", None, NOW + 120 * minute), "credential_unknown");
}

#[test]
fn what_cannot_be_stored_is_refused_and_what_was_there_stays() {
    let traits = Traits { capacity: Some(1), ..Traits::default() };
    let mut named = card("a", "7", &[3]);
    named["access"][0]["schedules"] = json!(["s1"]);
    let ical = json!({"id": "s1", "schedule": {"ical": "BEGIN:VCALENDAR"}});
    let mut controller = told(
        traits,
        &[
            json!({"version": 1, "lock": lock(3)}),
            json!({"version": 2, "credential": card("a", "1", &[3])}),
            json!({"version": 3, "credential": card("b", "2", &[3])}),
            json!({"version": 4, "schedule": ical}),
            json!({"version": 5, "credential": named}),
        ],
    );
    let expected = [
        (1, "ok"),
        (2, "ok"),
        (3, "list_full"),
        (4, "schedule_unsupported"),
        (5, "schedule_missing"),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(at, word)| (at, word.to_owned())).collect();
    assert_eq!(acknowledged(&mut controller), expected);
    assert!(controller.decide(3, &shown("1"), None, NOW).opens);
    // Not answered: the same is told again, until an answer to that very call has come.
    controller.unanswered();
    let call = controller.call(0, NOW);
    assert_eq!(call["acknowledged"].as_array().unwrap().len(), 5);
    let mut other = answer(&call, &[]);
    other["seq"] = json!(1);
    assert_eq!(controller.take(&other, NOW), Taken::Dropped);
    let removed = json!({"version": 6, "remove": {"kind": "credential", "id": "a"}});
    controller.take(
        &answer(&call, &[removed, json!({"version": 7, "credential": card("b", "2", &[3])})]),
        NOW,
    );
    assert_eq!(acknowledged(&mut controller).len(), 2);
    assert!(controller.decide(3, &shown("2"), None, NOW).opens);
    assert!(!controller.decide(3, &shown("1"), None, NOW).opens);
    assert_eq!(controller.breaches(), [""; 0]);
}

#[test]
fn a_power_loss_takes_what_is_not_stored() {
    for keeps_counter in [true, false] {
        let traits = Traits { keeps_counter, ..Traits::default() };
        let mut controller = told(traits, &[json!({"version": 1, "lock": lock(3)})]);
        controller.present(3, &shown("5"), None, NOW);
        controller.lose_power();
        let call = controller.call(0, NOW);
        assert_eq!(call["seq"], if keeps_counter { 2 } else { 1 });
        assert_eq!((&call["received"], &call["acknowledged"]), (&json!(0), &json!([])));
        assert!(call["digest"].is_string() && call.get("inventory").is_none());
        assert_eq!(call["events"][0]["seq"], 1);
        if !keeps_counter {
            let mut stale =
                answer(&call, &[json!({"version": 1, "remove": {"kind": "lock", "id": "lock-3"}})]);
            (stale["stale"], stale["seq"]) = (json!(true), json!(40));
            assert_eq!(controller.take(&stale, NOW), Taken::Stale);
            assert_eq!(controller.items().count(), 1, "nothing in it is done");
            assert_eq!(controller.call(0, NOW)["seq"], 41);
        }
    }
    let mut controller = told(Traits::default(), &[json!({"version": 1, "lock": lock(3)})]);
    controller.wipe();
    controller.present(3, &shown("5"), None, NOW);
    let call = controller.call(0, NOW);
    assert_eq!((&call["inventory"], &call["events"]), (&json!([]), &json!([])));
    let mut known = answer(&call, &[]);
    known["event_seq"] = json!(17);
    controller.take(&known, NOW);
    assert_eq!(controller.call(0, NOW)["events"][0]["seq"], 18);
}

#[test]
fn events_wait_commands_are_done_once_and_an_inventory_is_told() {
    let mut controller = told(Traits::default(), &[json!({"version": 1, "lock": lock(3)})]);
    for value in ["1", "2", "3"] {
        controller.present(3, &shown(value), None, NOW);
    }
    let call = controller.call(0, NOW);
    let mut answered = answer(&call, &[]);
    answered["event_seq"] = json!(2);
    answered["ask"] = json!(["inventory"]);
    let command = |id: &str, until: &str| {
        let expires_at = format!("2026-03-01T07:58:{until}Z");
        json!({"id": id, "kind": "unlock", "lock": 3, "expires_at": expires_at})
    };
    answered["commands"] = json!([command("a", "21"), command("b", "12")]);
    assert_eq!(controller.take(&answered, NOW), Taken::Done { more: false, opened: vec![3] });
    assert_eq!(controller.events_waiting(), 1);
    let call = controller.call(0, NOW);
    assert_eq!(call["events"].as_array().unwrap().len(), 1);
    assert_eq!(call["events"][0]["seq"], 3);
    assert_eq!(call["inventory"], json!([{"kind": "lock", "id": "lock-3", "version": 1}]));
    assert_eq!(call["commands"][0], json!({"id": "a", "result": "ok"}));
    assert_eq!(call["commands"][1], json!({"id": "b", "result": "refused", "code": "expired"}));
    answered["seq"] = call["seq"].clone();
    let again = controller.take(&answered, NOW);
    assert_eq!(again, Taken::Done { more: false, opened: Vec::new() });
}

#[test]
fn drift_is_in_the_list_until_it_is_repaired() {
    let changes = [json!({"version": 5, "lock": lock(3)})];
    for drift in [Drift::Vanishes, Drift::Appears, Drift::Differs] {
        let mut controller = told(Traits::default(), &changes);
        let before: Vec<_> = controller.items().map(|(_, id, at)| (id.to_owned(), at)).collect();
        let key = controller.drift(drift).unwrap();
        let after: Vec<_> = controller.items().map(|(_, id, at)| (id.to_owned(), at)).collect();
        assert_ne!(before, after, "{drift:?}");
        assert_eq!(controller.drifted().contains(&key), drift != Drift::Vanishes);
        let removal = json!({"version": 7, "remove": {"kind": "lock", "id": key.1}});
        tell(&mut controller, &[removal, json!({"version": 8, "lock": lock(3)})]);
        assert_eq!(controller.items().count(), 1);
        assert!(controller.drifted().iter().all(|it| *it != key));
    }
}

#[test]
fn what_went_wrong_is_astray_until_an_inventory_has_arrived() {
    let changes = [json!({"version": 5, "lock": lock(3)})];
    let mut controller = told(Traits::default(), &changes);
    assert!(!controller.is_astray());
    controller.drift(Drift::Vanishes);
    controller.look_over();
    let call = controller.call(0, NOW);
    let mut asking = answer(&call, &[]);
    asking["ask"] = json!(["inventory"]);
    controller.take(&asking, NOW);
    assert!(controller.is_astray());
    assert_eq!(controller.call(0, NOW)["inventory"], json!([]));
    controller.unanswered();
    assert!(controller.is_astray(), "it may not have come in");
    tell(&mut controller, &changes);
    assert!(!controller.is_astray());
}

#[test]
fn a_schedule_that_is_named_is_not_removed_and_what_is_stored_is_not_refused() {
    let mut gate = lock(3);
    gate["pin_schedule"] = json!("s1");
    let changes = [
        json!({"version": 1, "schedule": hours("s1", "08:00", "10:00")}),
        json!({"version": 2, "lock": gate}),
    ];
    let mut controller = told(Traits::default(), &changes);
    controller.traits_mut().refusing = 1.0;
    tell(&mut controller, &changes);
    let words: Vec<String> = acknowledged(&mut controller).into_iter().map(|(_, it)| it).collect();
    assert_eq!(words, ["ok", "ok"]);
    controller.unanswered();
    controller.traits_mut().refusing = 0.0;
    tell(&mut controller, &[json!({"version": 3, "remove": {"kind": "schedule", "id": "s1"}})]);
    assert_eq!(controller.breaches().len(), 1);
}

#[test]
fn breaches_of_the_protocol_are_noticed() {
    let mut controller = told(Traits::default(), &[json!({"version": 1})]);
    let call = controller.call(0, NOW);
    controller.take(&json!({"seq": call["seq"]}), NOW);
    let mut wrong = lock(3);
    wrong["posture"] = json!("open");
    controller.take(&answer(&call, &[json!({"version": 1, "lock": wrong})]), NOW);
    assert_eq!(controller.breaches().len(), 3, "{:?}", controller.breaches());
    assert_eq!(controller.items().count(), 0);
}

#[test]
fn a_machine_starts_within_its_time_and_enrols_for_a_minute() {
    let mut boss = card("boss", "1", &[3]);
    boss["is_admin"] = json!(true);
    boss["session"] = json!({"start_within_s": 5, "log_off_after_s": 20});
    let mut controller = told(
        Traits::default(),
        &[json!({"version": 1, "lock": lock(3)}), json!({"version": 2, "credential": boss})],
    );
    let mut machine = Machine::default();
    let mut present = |machine: &mut Machine, value: &str, at: i64| {
        let shown = shown(value);
        let verdict = controller.present(3, &shown, None, NOW + at * SECOND);
        match machine.heard(after(at), &verdict) {
            machine::Shown::Enrol(by) => {
                assert_eq!(by, "boss");
                true
            }
            _ => false,
        }
    };
    assert!(!machine.switch_on(after(0)));
    assert!(!present(&mut machine, "2", 0), "nobody may enrol yet");
    assert!(!present(&mut machine, "1", 0));
    assert!(!machine.clone().switch_on(after(5)) && machine.switch_on(after(4)));
    machine.switch_off(after(30));
    assert!(!machine.clone().switch_on(after(50)) && machine.switch_on(after(49)));
    let mut later = machine.clone();
    assert!(present(&mut machine, "2", 59));
    assert!(!present(&mut machine, "2", 60));
    assert!(!present(&mut later, "2", 60), "too late");
    present(&mut machine, "1", 70);
    assert!(machine.is_running(), "who runs it is not interrupted by a key");
}
