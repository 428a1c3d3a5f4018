//! Machines against a server: one that asks it about each key, and a day at one.
//!
//! The day's machine and keys are its own: the visitors of the building are as certain as without
//! it, and at the end it clears up.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, ClientError};
use crate::machine::{Machine, Mode, Shown};
use crate::tally::{Surprise, Tally};
use crate::wire::{CardBody, DecisionBody};

/// A machine whose controller asks a server.
#[derive(Debug, Clone)]
pub struct Operated {
    /// What it does.
    pub machine: Machine,
    client: Client,
    lock: String,
}

#[derive(Deserialize)]
struct Lock {
    posture: String,
}

impl Operated {
    /// The machine of a lock, whose client may `decisions:make` and `locks:read`.
    pub fn new(client: Client, lock: impl Into<String>) -> Operated {
        Operated { machine: Machine::default(), client, lock: lock.into() }
    }

    /// Hears which mode it is in.
    pub async fn listen(&mut self) -> Result<Mode, ClientError> {
        let path = self.client.in_place(&format!("locks/{}", self.lock));
        let lock: Lock = self.client.ask(Method::GET, &path, &Value::Null).await?;
        let mode = Mode::of(&lock.posture);
        self.machine.set_mode(mode);
        Ok(mode)
    }

    /// Somebody presents a card with that many bits and that value: asks about it, and for its
    /// enrolment where another key may have brought that about. One that was enrolled has to be
    /// presented again.
    pub async fn present(
        &mut self,
        now: Duration,
        bits: u32,
        value: &str,
    ) -> Result<Shown, ClientError> {
        self.listen().await?;
        if !self.machine.reads_keys() {
            return Ok(Shown::Refused);
        }
        let card = CardBody { technology: "opaque", bits, value: value.to_owned() };
        let question = DecisionBody {
            lock_id: self.lock.clone(),
            card: Some(card.clone()),
            ..DecisionBody::default()
        };
        let decision = self.client.decide(&question).await?;
        let shown = self.machine.heard(now, &decision);
        let Shown::Enrol(event) = &shown else { return Ok(shown) };
        let body = json!({ "event_id": event, "card": card });
        let path = self.client.in_place(&format!("locks/{}/enrol", self.lock));
        match self.client.ask::<Value>(Method::POST, &path, &body).await {
            Ok(_) => Ok(shown),
            // The key before was no admin key.
            Err(ClientError::Refused { status: 409, .. }) => Ok(Shown::Refused),
            Err(error) => Err(error),
        }
    }
}

/// How many keys a machine holds.
const SLOTS: u32 = 90;
/// The keys of the day: what they are called, whether they are admin keys, whether they may start.
const KEYS: [(&str, bool, bool); 3] =
    [("admin", true, true), ("ann", false, true), ("bob", false, false)];
/// The bits of their cards.
const BITS: u32 = 64;

/// A day at a machine; the tally counts what was checked.
///
/// Errors with the first request that is refused or not answered.
pub(crate) async fn run(client: &Client, seed: u64, tally: &mut Tally) -> Result<(), ClientError> {
    let name = |what: &str| format!("sim-{seed}-machine-{what}");
    let body = json!({ "name": "Lift", "capacity": { "credentials": SLOTS } });
    let lock = client.put("locks", &name("lift"), &body).await?.id;
    for (at, (key, is_admin, may)) in KEYS.into_iter().enumerate() {
        let card = CardBody { technology: "opaque", bits: BITS, value: value(seed, at) };
        let body = json!({
            "kind": "card", "label": key, "card": card, "is_admin": is_admin,
            "session": { "start_within_s": 60, "log_off_after_s": 600 },
        });
        let credential = client.put("credentials", &name(key), &body).await?.id;
        if may {
            let body = json!({
                "subject": { "credential_id": credential }, "target": { "lock_id": lock },
            });
            client.put("grants", &name(key), &body).await?;
        }
    }
    let operated = Operated::new(client.clone(), lock.clone());
    let done = Day { operated, seed, lock, tally }.work().await;
    // What it made goes even where it was refused something in between.
    for (key, ..) in KEYS {
        let path = client.in_place(&format!("credentials/external:{}", name(key)));
        client.ask::<Value>(Method::DELETE, &path, &Value::Null).await?;
    }
    let path = client.in_place(&format!("locks/external:{}", name("lift")));
    client.ask::<Value>(Method::DELETE, &path, &Value::Null).await?;
    done
}

/// The card of a key; nobody else in the building has one of so many bits.
fn value(seed: u64, at: usize) -> String {
    format!("6200{:010x}{at:02x}", seed & 0xff_ffff_ffff)
}

struct Day<'a> {
    operated: Operated,
    seed: u64,
    lock: String,
    tally: &'a mut Tally,
}

impl Day<'_> {
    async fn work(&mut self) -> Result<(), ClientError> {
        let at = Duration::from_secs;
        self.starts("nobody has logged on", at(0), false);
        self.presents("bob", at(0), &Shown::Refused).await?;
        self.presents("ann", at(10), &Shown::LoggedOn).await?;
        self.starts("ann waited too long", at(70), false);
        self.presents("ann", at(80), &Shown::LoggedOn).await?;
        self.starts("ann is in time", at(139), true);
        self.operated.machine.switch_off(at(1000));
        self.starts("ann is logged in still", at(1599), true);
        self.operated.machine.switch_off(at(2000));
        self.starts("ann is logged off", at(2600), false);

        self.posture("disabled").await?;
        self.presents("ann", at(3000), &Shown::Refused).await?;
        self.starts("locked for all", at(3001), false);
        self.posture("free_access").await?;
        self.starts("unlocked for all", at(3100), true);
        self.operated.machine.switch_off(at(3200));
        self.posture("normal").await?;
        self.starts("locked for keys again", at(3300), false);

        // Ann has no admin key: the server refuses what the machine asks for.
        self.presents("ann", at(4000), &Shown::LoggedOn).await?;
        self.presents("bob", at(4001), &Shown::Refused).await?;
        self.presents("admin", at(5000), &Shown::LoggedOn).await?;
        self.enrolled("bob", at(5001)).await?;
        self.presents("bob", at(5002), &Shown::LoggedOn).await?;
        self.starts("bob was enrolled", at(5003), true);
        Ok(())
    }

    async fn present(&mut self, key: &str, now: Duration) -> Result<Shown, ClientError> {
        let at = KEYS.iter().position(|(known, ..)| *known == key).unwrap_or_default();
        self.operated.present(now, BITS, &value(self.seed, at)).await
    }

    async fn presents(
        &mut self,
        key: &str,
        now: Duration,
        expected: &Shown,
    ) -> Result<(), ClientError> {
        let shown = self.present(key, now).await?;
        self.check(&format!("{key} presents a key"), shown == *expected, &format!("{expected:?}"));
        Ok(())
    }

    async fn enrolled(&mut self, key: &str, now: Duration) -> Result<(), ClientError> {
        let shown = self.present(key, now).await?;
        let right = matches!(shown, Shown::Enrol(_));
        self.check(&format!("{key} presents a key after an admin key"), right, "enrolment");
        Ok(())
    }

    fn starts(&mut self, when: &str, now: Duration, expected: bool) {
        let started = self.operated.machine.switch_on(now);
        let right = started == expected;
        self.check(when, right, if expected { "it starts" } else { "it does not start" });
    }

    async fn posture(&mut self, posture: &str) -> Result<(), ClientError> {
        let body = json!({ "posture": posture, "lock_ids": [self.lock], "reason": "simulated" });
        let client = &self.operated.client;
        client.ask::<Value>(Method::POST, &client.in_place("posture"), &body).await?;
        let mode = self.operated.listen().await?;
        self.check(&format!("posture {posture}"), mode == Mode::of(posture), "the mode it means");
        Ok(())
    }

    fn check(&mut self, what: &str, right: bool, expected: &str) {
        self.tally.steps += 1;
        if !right {
            self.tally.surprise(Surprise {
                visit: format!("at a machine: {what}"),
                wrong: "the machine did something else".to_owned(),
                expected: expected.to_owned(),
                got: format!("{:?}", self.operated.machine),
                event_id: None,
            });
        }
    }
}
