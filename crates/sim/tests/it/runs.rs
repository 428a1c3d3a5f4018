//! Whole runs: agreement, surprises, hostility, log-in, stopping, failure.

use std::time::{Duration, Instant};

use claviger_sim::{ClientError, Login, Options, SimError, Tally, run};
use tokio::sync::watch;

use crate::fake::{Fake, Fault};

fn options(fake: &Fake) -> Options {
    let mut options = Options::new(&fake.url, "place-1", Login::Token("secret".to_owned()));
    options.people = 60;
    options.rate = None;
    options.visits = Some(1500);
    options
}

async fn finish(options: Options) -> Result<Tally, SimError> {
    let (_stop, stopped) = watch::channel(false);
    run(options, stopped, |_| {}).await
}

#[tokio::test]
async fn an_honest_server_surprises_nobody() {
    for fault in [Fault::None, Fault::SchedulesClosed, Fault::DoorsOpen] {
        let fake = Fake::start(fault).await;
        let tally = finish(options(&fake)).await.unwrap();
        assert_eq!(tally.details, [], "{fault:?}\n{tally}");
        assert_eq!(tally.visits, 1500);
        assert_eq!(tally.granted + tally.denied, 1500, "{tally}");
        assert!(tally.granted > 300 && tally.denied > 300, "{tally}");
        assert_eq!(tally.latency.count(), 1500);
        let reasons = [
            "credential_unknown",
            "credential_lost",
            "credential_disabled",
            "credential_expired",
            "credential_not_yet_valid",
            "person_suspended",
            "pin_not_set",
            "pin_missing",
            "pin_wrong",
            "no_grant",
            "grant_expired",
            "grant_not_yet_valid",
        ];
        for reason in reasons {
            assert!(tally.reasons.contains_key(reason), "{reason}\n{tally}");
        }
    }
}

#[tokio::test]
async fn a_wrong_answer_is_a_surprise() {
    let faults = [
        (Fault::LostOpens, "a reason is missing"),
        (Fault::AnyPin, "a reason is missing"),
        (Fault::NoEvents, "it names no event"),
        (Fault::MethodMissing, "the method is not what was presented"),
    ];
    for (fault, wrong) in faults {
        let fake = Fake::start(fault).await;
        let mut wish = options(&fake);
        wish.visits = Some(600);
        let tally = finish(wish).await.unwrap();
        assert!(tally.surprises > 5, "{fault:?}\n{tally}");
        assert!(tally.details.iter().any(|one| one.wrong == wrong), "{fault:?}\n{tally}");
    }
}

#[tokio::test]
async fn furnishing_twice_is_one_building_and_external_ids_will_do() {
    let fake = Fake::start(Fault::None).await;
    let mut wish = options(&fake);
    wish.visits = Some(100);
    finish(wish.clone()).await.unwrap();
    let things = fake.count();
    finish(wish.clone()).await.unwrap();
    assert_eq!(fake.count(), things);
    wish.furnish = false;
    let tally = finish(wish).await.unwrap();
    assert_eq!(tally.to_furnish, 0);
    assert_eq!(tally.granted + tally.denied, 100, "{tally}");
    assert_eq!(tally.details, []);
}

#[tokio::test]
async fn hostile_requests_are_counted_apart() {
    let fake = Fake::start(Fault::None).await;
    let mut wish = options(&fake);
    wish.visits = Some(300);
    wish.hostile = 0.4;
    let tally = finish(wish).await.unwrap();
    assert_eq!(tally.visits, 300);
    assert!(tally.hostile.sent > 100, "{tally}");
    assert_eq!(tally.hostile.as_expected, tally.hostile.sent, "{tally}");
    assert_eq!(tally.surprises, 0, "{tally}");
}

#[tokio::test]
async fn an_expired_token_is_fetched_again() {
    let fake = Fake::start(Fault::TokensExpire).await;
    let mut wish = options(&fake);
    wish.login = Login::Client { id: "sim".to_owned(), secret: "secret".to_owned() };
    let tally = finish(wish).await.unwrap();
    assert_eq!(tally.granted + tally.denied, 1500, "{tally}");
    assert!(fake.tokens() > 2);
}

#[tokio::test]
async fn a_busy_server_delays_furnishing_and_leaves_doors_closed() {
    let fake = Fake::start(Fault::BusyAtTimes).await;
    let mut wish = options(&fake);
    (wish.people, wish.visits) = (15, Some(200));
    let tally = finish(wish).await.unwrap();
    assert!(tally.unanswered.get("503 busy").is_some_and(|times| *times > 0), "{tally}");
    assert_eq!(tally.visits, 200);
    assert_eq!(tally.surprises, 0, "{tally}");
}

#[tokio::test]
async fn the_pace_is_kept_and_ticks_are_heard() {
    let fake = Fake::start(Fault::None).await;
    let mut wish = options(&fake);
    wish.visits = None;
    wish.rate = Some(200.0);
    wish.duration = Some(Duration::from_millis(1500));
    wish.tick = Duration::from_millis(100);
    let (_stop, stopped) = watch::channel(false);
    let mut ticks = 0;
    let tally = run(wish, stopped, |_| ticks += 1).await.unwrap();
    assert!((150..=310).contains(&tally.visits), "{tally}");
    assert!(ticks >= 8, "{ticks}");
    assert!(tally.elapsed_s >= 1.5);
}

#[tokio::test]
async fn a_stop_ends_a_run_without_bounds() {
    let fake = Fake::start(Fault::None).await;
    let mut wish = options(&fake);
    wish.visits = None;
    let (stop, stopped) = watch::channel(false);
    let began = Instant::now();
    let tally = run(wish, stopped, |tally| {
        if tally.visits > 50 {
            stop.send_replace(true);
        }
    });
    let tally = tokio::time::timeout(Duration::from_secs(30), tally).await.unwrap().unwrap();
    assert!(tally.visits > 50 && began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn what_cannot_begin_says_why() {
    let fake = Fake::start(Fault::None).await;
    let mut wish = options(&fake);
    wish.login = Login::Token("wrong".to_owned());
    let error = finish(wish.clone()).await.unwrap_err();
    assert!(
        matches!(&error, SimError::Client(ClientError::Refused { status: 401, code, .. })
            if code == "unauthorized"),
        "{error}"
    );
    wish.base_url = "http://127.0.0.1:1".to_owned();
    let error = finish(wish.clone()).await.unwrap_err();
    assert!(matches!(error, SimError::Client(ClientError::Unreachable { .. })), "{error}");
    wish.base_url = "https://example.org".to_owned();
    let error = finish(wish.clone()).await.unwrap_err();
    assert!(matches!(error, SimError::Client(ClientError::BaseUrl(_))), "{error}");
    wish.rate = Some(0.0);
    assert!(matches!(finish(wish).await.unwrap_err(), SimError::Options(_)));
}

#[test]
fn secrets_are_not_shown() {
    let login = Login::Client { id: "sim".to_owned(), secret: "hush".to_owned() };
    assert!(!format!("{login:?} {:?}", Login::Token("hush".to_owned())).contains("hush"));
}
