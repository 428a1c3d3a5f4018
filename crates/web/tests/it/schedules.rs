//! Schedules: by the week and as iCalendar, in use, occurrences.

use serde_json::{Value, json};

use crate::kit::{field, invalid, one, person_to_lock, pointers};
use crate::support::{id, on_each_engine};

/// An odd but right text: folded lines, lower case, bare line feeds, a property nobody asked for.
const ICAL: &str = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y\nBEGIN:VEVENT\nUID:1\n\
                    DTSTART;TZID=Europe/Stockholm:20310602T0\n 80000\nDURATION:PT2H\n\
                    RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3\nEND:VEVENT\nEND:VCALENDAR\n";

fn event(rest: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{rest}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
}

#[tokio::test]
async fn a_week_with_exceptions_is_kept_and_patched_in_parts() {
    on_each_engine(|world| async move {
        let it = world.here();
        let body = json!({
            "name": "Hours", "external_id": "h", "time_zone": "Europe/Stockholm",
            "weekly": [{"days": ["mon", "tue"], "from": "08:00", "to": "17:00"},
                {"days": ["fri"], "from": "22:00", "to": "02:00"},
                {"days": ["sun"], "from": "00:00", "to": "24:00"}],
            "exceptions": [{"date": "2031-06-02", "windows": []},
                {"date": "2031-06-03", "windows": [{"from": "10:00", "to": "11:30"}]}],
        });
        let made = it.made("/schedules", body.clone()).await;
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(made[name], *value, "{name}");
        }
        let path = one("/schedules", &made);
        assert_eq!(it.get("/schedules/external:h").await, made);
        let named = it.patch(&path, json!({"name": "Opening"})).await.expect(200);
        assert_eq!((&named["weekly"], &named["name"]), (&body["weekly"], &json!("Opening")));
        let zoned = it.patch(&path, json!({"time_zone": null})).await.expect(200);
        assert_eq!((&zoned["time_zone"], &zoned["weekly"]), (&json!(null), &body["weekly"]));
        assert_eq!(zoned["exceptions"], body["exceptions"]);
        let put = it.put("/schedules/external:h", json!({"name": "N", "ical": ICAL})).await;
        let put = put.expect(200);
        assert_eq!((&put["ical"], put.get("weekly")), (&json!(ICAL), None));
        let back = json!({"weekly": [{"days": ["wed"], "from": "01:00", "to": "02:00"}]});
        let back = it.patch(&path, back).await.expect(200);
        assert_eq!((back.get("ical"), &back["exceptions"]), (None, &json!([])));
    })
    .await;
}

#[tokio::test]
async fn occurrences_are_those_of_the_wall_clock_page_by_page() {
    on_each_engine(|world| async move {
        let it = world.here();
        let hours = json!({"name": "Hours", "weekly": [
            {"days": ["fri"], "from": "22:00", "to": "02:00"},
            {"days": ["mon"], "from": "08:00", "to": "12:00"},
            {"days": ["mon"], "from": "10:00", "to": "17:00"}],
            "exceptions": [{"date": "2031-06-07", "windows": []}]});
        let made = it.made("/schedules", hours).await;
        let path = format!("{}/occurrences", one("/schedules", &made));
        let span = "from=2031-06-01T00:00:00Z&until=2031-06-17T00:00:00Z";
        let found = it.list(&format!("{path}?{span}")).await;
        // The place is in Stockholm, two hours ahead in June. The tail on Saturday the 7th is cut.
        let wanted = json!([
            {"from": "2031-06-02T06:00:00Z", "until": "2031-06-02T15:00:00Z"},
            {"from": "2031-06-06T20:00:00Z", "until": "2031-06-06T22:00:00Z"},
            {"from": "2031-06-09T06:00:00Z", "until": "2031-06-09T15:00:00Z"},
            {"from": "2031-06-13T20:00:00Z", "until": "2031-06-14T00:00:00Z"},
            {"from": "2031-06-16T06:00:00Z", "until": "2031-06-16T15:00:00Z"},
        ]);
        assert_eq!(json!(found), wanted);
        for limit in [1, 2, 4] {
            assert_eq!(json!(it.all(&format!("{path}?{span}"), limit).await), wanted, "{limit}");
        }
        for (query, pointer) in [
            ("from=2031-06-01T00:00:00Z", "?until"),
            ("from=2031-06-02T00:00:00Z&until=2031-06-02T00:00:00Z", "?until"),
            ("from=2031-06-02T00:00:00Z&until=2061-06-02T00:00:00Z", "?until"),
            ("from=yesterday&until=2031-06-02T00:00:00Z", "?from"),
        ] {
            let answer = it.actor.get(&it.at(&format!("{path}?{query}"))).await;
            invalid(answer, &[pointer]);
        }
        // The hour that does not exist and the hour that is there twice.
        let night = json!({"name": "Night", "time_zone": "Europe/Stockholm",
            "weekly": [{"days": ["sun"], "from": "02:15", "to": "02:45"}]});
        let night =
            format!("{}/occurrences", one("/schedules", &it.made("/schedules", night).await));
        let spring = "from=2031-03-29T00:00:00Z&until=2031-03-31T00:00:00Z";
        assert_eq!(it.list(&format!("{night}?{spring}")).await, Vec::<Value>::new());
        let autumn = "from=2031-10-25T00:00:00Z&until=2031-10-27T00:00:00Z";
        let twice = it.list(&format!("{night}?{autumn}")).await;
        assert_eq!(
            json!(twice),
            json!([
                {"from": "2031-10-26T00:15:00Z", "until": "2031-10-26T00:45:00Z"},
                {"from": "2031-10-26T01:15:00Z", "until": "2031-10-26T01:45:00Z"},
            ])
        );
    })
    .await;
}

#[tokio::test]
async fn icalendar_texts_are_kept_byte_for_byte() {
    on_each_engine(|world| async move {
        let it = world.here();
        let made = it.made("/schedules", json!({"name": "Mondays", "ical": ICAL})).await;
        assert_eq!(made["ical"], ICAL);
        let path = one("/schedules", &made);
        let world = world.restarted().await;
        let it = world.here();
        assert_eq!(it.get(&path).await["ical"], ICAL, "after a restart");
        let span = "from=2031-01-01T00:00:00Z&until=2032-01-01T00:00:00Z";
        let found = it.list(&format!("{path}/occurrences?{span}")).await;
        let starts: Vec<&Value> = field(&found, "from");
        let wanted = ["2031-06-02T06:00:00Z", "2031-06-09T06:00:00Z", "2031-06-16T06:00:00Z"];
        assert_eq!(starts, wanted);
        assert_eq!(found[0]["until"], "2031-06-02T08:00:00Z");
        let rule = event(
            "DTSTART;TZID=America/New_York:20310131T090000\r\n\
             DTEND;TZID=America/New_York:20310131T100000\r\n\
             RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR;UNTIL=20310801T000000Z\r\n\
             EXDATE;TZID=America/New_York:20310328T090000\r\n\
             RDATE;TZID=America/New_York:20310704T090000",
        );
        let made = it.made("/schedules", json!({"name": "Rule", "ical": rule})).await;
        let found = it.list(&format!("{}/occurrences?{span}", one("/schedules", &made))).await;
        let starts: Vec<&Value> = field(&found, "from");
        let wanted = [
            "2031-01-31T14:00:00Z",
            "2031-05-30T13:00:00Z",
            "2031-07-04T13:00:00Z",
            "2031-07-25T13:00:00Z",
        ];
        assert_eq!(starts, wanted);
    })
    .await;
}

/// An event of an hour with something more.
fn hour(more: &str) -> String {
    event(&format!("DTSTART:20310101T090000Z\r\nDURATION:PT1H\r\n{more}"))
}

#[tokio::test]
async fn what_is_not_supported_is_refused_by_its_name() {
    on_each_engine(|world| async move {
        let it = world.here();
        let before = world.revisions().await;
        for (ical, word) in [
            (hour("RRULE:FREQ=HOURLY"), "HOURLY"),
            (hour("RRULE:FREQ=DAILY;BYHOUR=9"), "BYHOUR"),
            (hour("RRULE:FREQ=MONTHLY;BYSETPOS=1;BYDAY=MO"), "BYSETPOS"),
            (hour("EXRULE:FREQ=DAILY"), "EXRULE"),
            (hour("RRULE:FREQ=DAILY\r\nRRULE:FREQ=WEEKLY"), "RRULE"),
            (event("DTSTART;TZID=Mars/Base:20310101T090000\r\nDURATION:PT1H"), "Mars/Base"),
            (event("DURATION:PT1H"), "DTSTART"),
        ] {
            let answer = it.post("/schedules", json!({"name": "x", "ical": ical})).await;
            let problem = answer.problem(422, "invalid");
            let error = &problem["errors"][0];
            assert_eq!(pointers(&problem), ["/ical"], "{ical} {problem}");
            let said = error["detail"].as_str().unwrap();
            assert!(said.contains(word), "{word} is not named: {said}");
        }
        let one = hour("UID:1");
        let again = one.lines().skip(1).take(5).collect::<Vec<_>>().join("\r\n");
        let two = one.replace("END:VCALENDAR", &format!("{again}\r\nEND:VCALENDAR"));
        assert_eq!(two.matches("END:VEVENT").count(), 2);
        invalid(it.post("/schedules", json!({"name": "x", "ical": two})).await, &["/ical"]);
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_rule_with_no_occurrence_is_refused() {
    on_each_engine(|world| async move {
        let it = world.here();
        let before = world.revisions().await;
        for ical in [
            event("DTSTART:20310101T090000Z\r\nDTEND:20310101T080000Z"),
            event("DTSTART:20310101T090000Z\r\nDTEND:20310101T090000Z"),
            hour("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
            hour("RRULE:FREQ=DAILY;UNTIL=20300101T000000Z"),
            hour("EXDATE:20310101T090000Z"),
        ] {
            let answer = it.post("/schedules", json!({"name": "x", "ical": ical})).await;
            invalid(answer, &["/ical"]);
            let lock = json!({"name": "x", "unlock_schedule": {"ical": ical}});
            invalid(it.post("/locks", lock).await, &["/unlock_schedule/ical"]);
        }
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn an_event_without_zone_is_by_the_clock_of_the_lock() {
    on_each_engine(|world| async move {
        let it = world.here();
        let ical = event("DTSTART:20310602T080000\r\nDURATION:PT1H");
        let made = it.made("/schedules", json!({"name": "x", "ical": ical})).await;
        let span = "from=2031-06-01T00:00:00Z&until=2031-06-04T00:00:00Z";
        let found = it.list(&format!("{}/occurrences?{span}", one("/schedules", &made))).await;
        // Of the place, where no lock is asked: Stockholm.
        assert_eq!(field(&found, "from"), ["2031-06-02T06:00:00Z"]);
    })
    .await;
}

#[tokio::test]
async fn weeks_that_cannot_be_are_refused_with_their_fields() {
    on_each_engine(|world| async move {
        let it = world.here();
        let before = world.revisions().await;
        let window = |days: Value, from: &str, to: &str| {
            json!({"name": "x", "weekly": [{"days": days, "from": from, "to": to}]})
        };
        let week = window(json!(["mon"]), "08:00", "17:00");
        let with = |name: &str, value: Value| {
            let mut week = week.clone();
            week[name] = value;
            week
        };
        let leap = json!([{"date": "2031-02-29", "windows": []}]);
        for (body, pointer) in [
            (json!({"name": "x"}), ""),
            (json!({"name": "x", "weekly": []}), "/weekly"),
            (with("ical", json!(ICAL)), ""),
            (json!({"name": "x", "ical": ICAL, "time_zone": "Etc/UTC"}), "/time_zone"),
            (window(json!([]), "08:00", "09:00"), "/weekly/0/days"),
            (window(json!(["mån"]), "08:00", "09:00"), "/weekly/0/days/0"),
            (window(json!(["mon"]), "8:00", "09:00"), "/weekly/0/from"),
            (window(json!(["mon"]), "08:00", "24:01"), "/weekly/0/to"),
            (with("time_zone", json!("CET+1")), "/time_zone"),
            (with("exceptions", leap), "/exceptions/0/date"),
        ] {
            let problem = it.post("/schedules", body.clone()).await.problem(422, "invalid");
            assert_eq!(pointers(&problem), [pointer], "{body} {problem}");
        }
        let day = json!({"date": "2031-06-02", "windows": []});
        let twice = with("exceptions", json!([day, day]));
        let problem = it.post("/schedules", twice).await.problem(422, "invalid");
        assert!(pointers(&problem)[0].starts_with("/exceptions/1"), "{problem}");
        assert_eq!(world.revisions().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_schedule_in_use_stays_and_a_change_to_it_is_a_change_of_rights() {
    on_each_engine(|world| async move {
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Front door").await);
        it.card(&ann, "a1").await;
        let always = json!([{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "from": "00:00", "to": "24:00"}]);
        let made = it.made("/schedules", json!({"name": "S", "weekly": always})).await;
        let path = one("/schedules", &made);
        let mut grant = person_to_lock(&ann, &door);
        grant["schedule"] = json!({"id": id(&made)});
        let grant = it.made("/grants", grant).await;
        let level = json!({"name": "L", "schedule": {"id": id(&made)}});
        let level = it.made("/access-levels", level).await;
        let users = [
            (one("/grants", &grant), "schedule"),
            (one("/access-levels", &level), "schedule"),
            (one("/locks", &door), "pin_schedule"),
            (one("/locks", &door), "unlock_schedule"),
        ];
        for (user, name) in &users[2..] {
            it.patch(user, json!({*name: {"id": id(&made)}})).await.expect(200);
        }
        for (user, name) in &users {
            let problem = it.delete(&path).await.problem(409, "in_use");
            assert!(problem["detail"].as_str().unwrap().contains("in use"));
            it.patch(user, json!({*name: null})).await.expect(200);
        }
        it.delete(&path).await.expect(204);
        it.missing(&path).await;

        let made = it.made("/schedules", json!({"name": "S", "weekly": always})).await;
        let path = one("/schedules", &made);
        let schedule = json!({"schedule": {"id": id(&made)}});
        it.patch(&one("/grants", &grant), schedule).await.expect(200);
        assert!(it.opens(&door, "a1").await);
        let never = event("DTSTART:20200101T000000Z\r\nDURATION:PT1H");
        it.put("/schedules/external:x", json!({"name": "S", "ical": never})).await.expect(201);
        it.patch(&path, json!({"ical": never})).await.expect(200);
        let decision = it.present(&door, "a1").await;
        assert_eq!(decision["reasons"][0]["code"], "outside_schedule");
        assert_eq!(it.get(&one("/grants", &grant)).await["state"], "inactive");
    })
    .await;
}
