//! The doors at work: starts visits at a pace, some at once, and settles what came back.
//!
//! One task draws visits and keeps the tally, so that a seed gives one sequence of visits whatever
//! the server's speed; only the waiting for answers is concurrent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::building::Building;
use crate::calendar::today;
use crate::client::{Client, ClientError};
use crate::expect::expect;
use crate::furnish::Furnished;
use crate::hostile::Hostile;
use crate::options::Options;
use crate::panel::News;
use crate::rng::Rng;
use crate::tally::{Surprise, Tally};
use crate::visit::Visit;
use crate::wire::Decision;

/// How far visits may fall behind their pace before the missed ones are given up.
const QUEUE: Duration = Duration::from_secs(1);

/// Where the visits happen.
pub(crate) struct Scene {
    pub(crate) client: Client,
    pub(crate) building: Building,
    pub(crate) furnished: Furnished,
}

enum Outcome {
    Visited { visit: Visit, answer: Result<Decision, ClientError>, took: Duration },
    Probed { probe: Hostile, answer: Result<u16, ClientError> },
}

/// Resolves when a stop is asked for, or when nobody is left who could ask.
pub(crate) async fn asked_to_stop(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which counts as asking.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Sends visits until one of the bounds in `options` is reached or a stop is asked for; then
/// waits for those under way. What is heard of the panel meanwhile is counted.
pub(crate) async fn drive(
    scene: Arc<Scene>,
    options: &Options,
    stop: &mut watch::Receiver<bool>,
    heard: &mut mpsc::UnboundedReceiver<News>,
    tally: &mut Tally,
    on_tick: &mut impl FnMut(&Tally),
) {
    let began = Instant::now();
    // A span too long for the clock is as good as none.
    let end = options.duration.and_then(|span| began.checked_add(span));
    let ends = async {
        match end {
            Some(end) => sleep_until(end).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(ends);
    let mut left = options.visits.unwrap_or(u64::MAX);
    let mut pace = Pace::new(options.rate, began);
    let mut rng = Rng::new(&[options.seed, 1]);
    let mut ticks = interval(options.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = JoinSet::new();
    while left > 0 {
        tokio::select! {
            () = asked_to_stop(stop) => break,
            () = &mut ends => break,
            _ = ticks.tick() => {
                tally.elapsed_s = began.elapsed().as_secs_f64();
                on_tick(tally);
            }
            Some(news) = heard.recv() => tally.hear(news),
            Some(Ok(outcome)) = under_way.join_next() => settle(&scene, tally, outcome),
            () = sleep_until(pace.due), if under_way.len() < options.concurrency => {
                pace.step();
                if rng.chance(options.hostile) {
                    let probe = Hostile::draw(&scene.furnished, &mut rng);
                    under_way.spawn(attack(scene.clone(), probe));
                } else {
                    left -= 1;
                    let visit = Visit::draw(&scene.building, &mut rng);
                    under_way.spawn(go(scene.clone(), visit));
                }
            }
        }
    }
    while let Some(over) = under_way.join_next().await {
        if let Ok(outcome) = over {
            settle(&scene, tally, outcome);
        }
    }
    tally.elapsed_s = began.elapsed().as_secs_f64();
    on_tick(tally);
}

async fn go(scene: Arc<Scene>, visit: Visit) -> Outcome {
    let body = visit.body(&scene.building, &scene.furnished);
    let began = Instant::now();
    let answer = scene.client.decide(&body).await;
    Outcome::Visited { visit, answer, took: began.elapsed() }
}

async fn attack(scene: Arc<Scene>, probe: Hostile) -> Outcome {
    let answer = scene.client.probe("decisions", probe.body.clone(), probe.with_token).await;
    Outcome::Probed { probe, answer }
}

fn settle(scene: &Scene, tally: &mut Tally, outcome: Outcome) {
    match outcome {
        Outcome::Visited { visit, answer: Ok(decision), took } => {
            tally.answered(visit.presented.word(), &decision, took);
            let expected = expect(&scene.building, &visit, today() - scene.furnished.day);
            if let Err(wrong) = expected.judge(&decision) {
                tally.surprise(Surprise {
                    visit: visit.describe(&scene.building),
                    wrong: wrong.to_owned(),
                    expected: expected.to_string(),
                    got: got(&decision),
                    event_id: decision.event_id,
                });
            }
        }
        Outcome::Visited { visit, answer: Err(error), .. } => {
            tally.unanswered(visit.presented.word(), &error.kind());
        }
        Outcome::Probed { probe, answer } => {
            let got = answer.map_or_else(|error| error.kind(), |status| status.to_string());
            tally.hostile(probe.word, probe.expected, &got);
        }
    }
}

fn got(decision: &Decision) -> String {
    let mut text = decision.result.clone();
    let codes = decision.reasons.iter().map(|reason| &*reason.code).collect::<Vec<_>>();
    if !codes.is_empty() {
        text.push_str(&format!(" with {}", codes.join(", ")));
    }
    text.push_str(&format!(" by {}", decision.method.as_deref().unwrap_or("nothing")));
    text
}

/// When the next visit is due.
struct Pace {
    due: Instant,
    step: Duration,
}

impl Pace {
    fn new(rate: Option<f64>, began: Instant) -> Pace {
        let step = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        Pace { due: began, step }
    }

    /// People queue for a moment at a slow door, then walk off: after a pause there is no flood.
    fn step(&mut self) {
        let now = Instant::now();
        let oldest = now.checked_sub(QUEUE).unwrap_or(now);
        self.due = (self.due + self.step).max(oldest);
    }
}
