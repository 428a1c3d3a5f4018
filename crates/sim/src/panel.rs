//! A panel in the building: doors and machines that open by a list which a virtual controller
//! keeps, its own cards, and a day at it — rights that come and go, a line that is cut, a power
//! that fails, a store that is too small, changes that it refuses, a list that goes astray.
//!
//! What hangs on it is its own: the visitors of the building are as certain as without it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::calendar::{instant_text, now_us, today};
use crate::client::{Client, ClientError};
use crate::controller::{Controller, Drift, ItemKind, Line, Shown, ShownCard, Traits, Verdict};
use crate::machine::Machine;
use crate::rng::Rng;
use crate::tally::Surprise;
use crate::traffic::asked_to_stop;
use crate::wire::DecisionBody;

/// Its locks: doors first, then machines.
const LOCKS: [(&str, &str); 6] = [
    ("Panel: gate", "never"),
    ("Panel: workshop", "if_set"),
    ("Panel: store", "never"),
    ("Panel: cold room", "always"),
    ("Panel: excavator", "never"),
    ("Panel: crane", "if_set"),
];
const FIRST_MACHINE: usize = 4;
/// Its cards; the first is an administrator's.
const CARDS: usize = 9;
/// The one whose number is typed.
const TYPED: usize = 7;
/// How many of them it has room for.
const ROOM: usize = 7;
/// The share of changes it refuses for no good reason.
const REFUSING: f64 = 0.03;
/// How long it takes until it decides by an answer.
const LATENCY: Duration = Duration::from_millis(80);
/// How long its locks and cards may be out of step before that is a surprise: what is refused is
/// sent again after 10 s, and after 20 s more.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long after a change the look at all doors comes.
const BETWEEN_LOOKS: Duration = Duration::from_secs(3);
const BETWEEN_VISITS: Duration = Duration::from_millis(150);

/// What happened at the panel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PanelTally {
    /// Decided by its list alone.
    pub by_list: u64,
    /// Of these, what opened.
    pub granted: u64,
    /// Machines that started.
    pub starts: u64,
    /// Rights and credentials that were changed.
    pub changes: u64,
    /// How often the line was cut, or the power went.
    pub cuts: u64,
    /// How often its list went astray.
    pub drifts: u64,
    /// Credentials in its list.
    pub stored: u64,
    /// Changes that the server waits for, when last asked.
    pub pending: u64,
    /// Pairs of a card and a lock that controller and server decided alike.
    pub compared: u64,
    /// Such pairs of a card for which there was no room in its list.
    pub left_out: u64,
}

/// What the panel tells whoever counts.
pub(crate) enum News {
    Count(PanelTally),
    Surprise(Surprise),
}

#[derive(Deserialize)]
struct Made {
    id: String,
    #[serde(default)]
    number: u64,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    state: String,
    pending: u64,
}

struct Card {
    value: String,
    pin: Option<String>,
    is_lost: bool,
    id: String,
    /// The locks it has a right at, and whether that is over.
    rights: Vec<(usize, bool)>,
}

/// The panel with all that hangs on it.
pub(crate) struct Panel {
    client: Client,
    tag: String,
    id: String,
    client_id: String,
    line: Line,
    controller: Arc<Mutex<Controller>>,
    locks: Vec<(String, u64)>,
    machines: Vec<Machine>,
    cards: Vec<Card>,
    rng: Rng,
    tally: PanelTally,
    news: mpsc::UnboundedSender<News>,
}

impl Panel {
    /// Puts a panel into the place, with locks, cards and rights of its own.
    ///
    /// Errors with the first request that is refused or not answered.
    pub(crate) async fn furnish(
        client: &Client,
        tag: &str,
        seed: u64,
        news: mpsc::UnboundedSender<News>,
    ) -> Result<Panel, ClientError> {
        let made = controller(client, &format!("sim-{tag}-panel")).await?;
        let key: Made = bound_key(client, &made.id).await?;
        let line = Line::new(client, &made.id, key.secret.unwrap_or_default());
        let (capacity, latency) = (Some(ROOM), LATENCY);
        let traits = Traits { capacity, refusing: REFUSING, latency, ..Traits::default() };
        let controller = Arc::new(Mutex::new(Controller::new(traits, seed)));
        let mut panel = Panel {
            client: client.clone(),
            tag: tag.to_owned(),
            id: made.id,
            client_id: key.id,
            line,
            controller,
            locks: Vec::new(),
            machines: vec![Machine::default(); LOCKS.len() - FIRST_MACHINE],
            cards: Vec::new(),
            rng: Rng::new(&[seed, 0x7061_6e65]),
            tally: PanelTally::default(),
            news,
        };
        for (at, (name, pin)) in LOCKS.iter().enumerate() {
            let body = json!({"name": name, "pin": pin, "mode": "allow_list",
                "controller_id": panel.id});
            let made = client.put("locks", &format!("sim-{tag}-listed-{at}"), &body).await?;
            let lock: Made = panel.get(&format!("locks/{}", made.id)).await?;
            panel.locks.push((lock.id, lock.number));
        }
        for at in 0..CARDS {
            panel.add_card(at).await?;
        }
        Ok(panel)
    }

    async fn add_card(&mut self, at: usize) -> Result<(), ClientError> {
        let value = match at {
            TYPED => self.rng.digits(10),
            _ => format!("{:010x}", self.rng.next() >> 24),
        };
        let pin = at.is_multiple_of(2).then(|| self.rng.digits(4));
        let rights = self.rng.sample(LOCKS.len(), 3).into_iter().map(|lock| (lock, false));
        let rights = rights.collect();
        self.cards.push(Card { value, pin, is_lost: false, id: String::new(), rights });
        self.cards[at].id = self.put_card(at).await?;
        for right in 0..self.cards[at].rights.len() {
            self.put_right(at, right).await?;
        }
        Ok(())
    }

    async fn put_card(&self, at: usize) -> Result<String, ClientError> {
        let card = &self.cards[at];
        let technology = if at == TYPED { "opaque" } else { "em" };
        let body = json!({"kind": "card", "label": format!("Panel card {at}"), "pin": card.pin,
            "card": {"technology": technology, "bits": 40, "value": card.value},
            "is_admin": at == 0, "session": {"start_within_s": 30, "log_off_after_s": 60},
            "state": if card.is_lost { "lost" } else { "active" }});
        let external_id = format!("sim-{}-listed-card-{at}", self.tag);
        Ok(self.client.put("credentials", &external_id, &body).await?.id)
    }

    async fn put_right(&self, at: usize, right: usize) -> Result<(), ClientError> {
        let (lock, is_over) = self.cards[at].rights[right];
        let until = is_over.then(|| instant_text(today() - 2));
        let body = json!({"subject": {"credential_id": self.cards[at].id}, "right": "open",
            "target": {"lock_id": self.locks[lock].0}, "valid_until": until});
        let external_id = format!("sim-{}-listed-{at}-{lock}", self.tag);
        self.client.put("grants", &external_id, &body).await.map(|_| ())
    }

    async fn get(&self, path: &str) -> Result<Made, ClientError> {
        let path = self.client.in_place(path);
        self.client.ask(Method::GET, &path, &Value::Null).await
    }

    fn held(&self) -> MutexGuard<'_, Controller> {
        self.controller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A day at the panel, until a stop is asked for; then a last look, and its key is withdrawn.
    pub(crate) async fn live(mut self, mut stop: watch::Receiver<bool>) {
        let (online, is_online) = watch::channel(true);
        let (hang_up, hung_up) = watch::channel(false);
        let (line, controller) = (self.line.clone(), self.controller.clone());
        let calling = async move { line.keep(&controller, is_online, hung_up).await };
        let calling = tokio::spawn(calling);
        let mut cut_until: Option<Instant> = None;
        let mut look_at = Instant::now();
        let mut behind_since: Option<Instant> = None;
        loop {
            tokio::select! {
                () = asked_to_stop(&mut stop) => break,
                () = sleep(BETWEEN_VISITS) => {}
            }
            self.visit();
            match cut_until {
                Some(until) if Instant::now() >= until => {
                    cut_until = None;
                    online.send_replace(true);
                }
                None if self.rng.chance(0.02) => {
                    self.tally.cuts += 1;
                    online.send_replace(false);
                    cut_until = Some(Instant::now() + Duration::from_secs(2));
                    if self.rng.chance(0.5) {
                        self.held().lose_power();
                    }
                }
                _ => {}
            }
            if self.rng.chance(0.2) {
                self.change().await;
            }
            if self.rng.chance(0.02) {
                self.go_astray();
            }
            if cut_until.is_none() && Instant::now() >= look_at {
                let since = behind_since.unwrap_or_else(Instant::now);
                behind_since = (!self.look(since).await).then_some(since);
                look_at = Instant::now() + BETWEEN_LOOKS;
            }
            self.count();
        }
        online.send_replace(true);
        self.held().traits_mut().refusing = 0.0;
        let since = Instant::now();
        while !self.look(since).await {
            sleep(Duration::from_millis(100)).await;
        }
        self.count();
        hang_up.send_replace(true);
        // Aborted where the last call is held longer than anybody waits.
        calling.abort();
        self.withdraw().await;
    }

    /// Something goes wrong with the list, and the controller notices.
    fn go_astray(&mut self) {
        let drifts = [Drift::Vanishes, Drift::Appears, Drift::Differs];
        let drift = drifts[self.rng.index(drifts.len())];
        let mut controller = self.held();
        controller.drift(drift);
        controller.look_over();
        drop(controller);
        self.tally.drifts += 1;
    }

    /// Someone at a door or a machine, decided by the list alone.
    fn visit(&mut self) {
        let at = self.rng.index(CARDS);
        let lock = self.rng.index(LOCKS.len());
        let (shown, pin) = self.presented(at);
        let pin = pin.filter(|_| LOCKS[lock].1 != "never");
        let now = now_us();
        let number = self.locks[lock].1;
        let verdict = self.held().present(number, &shown, pin.as_deref(), now);
        self.tally.by_list += 1;
        self.tally.granted += u64::from(verdict.opens);
        if let Some(machine) = lock.checked_sub(FIRST_MACHINE) {
            let machine = &mut self.machines[machine];
            let now = Duration::from_micros(now.unsigned_abs());
            machine.heard(now, &verdict);
            if machine.switch_on(now) {
                self.tally.starts += 1;
                machine.switch_off(now);
            }
        }
    }

    fn presented(&self, at: usize) -> (Shown, Option<String>) {
        let card = &self.cards[at];
        let value = card.value.clone();
        let shown = match at {
            TYPED => Shown::Code(value),
            _ => Shown::Card(ShownCard { bits: 40, value }),
        };
        (shown, card.pin.clone())
    }

    /// An administrator takes something away or gives it back. One that the server is too busy
    /// for is given up; the next look knows only what the server says.
    async fn change(&mut self) {
        let at = self.rng.index(CARDS);
        let done = match self.rng.below(3) {
            0 => {
                self.cards[at].is_lost = !self.cards[at].is_lost;
                self.put_card(at).await.map(|_| ())
            }
            1 => {
                if self.cards[at].pin.is_some() {
                    self.cards[at].pin = Some(self.rng.digits(4));
                }
                self.put_card(at).await.map(|_| ())
            }
            _ => {
                let right = self.rng.index(self.cards[at].rights.len());
                let is_over = &mut self.cards[at].rights[right].1;
                *is_over = !*is_over;
                self.put_right(at, right).await
            }
        };
        self.tally.changes += u64::from(done.is_ok());
    }

    /// Where the server says that the controller is in step, compares every card at every lock. Not
    /// so where it is not, which is a surprise once it has been so for too long, since `since`.
    async fn look(&mut self, since: Instant) -> bool {
        let panel = self.get(&format!("controllers/{}", self.id)).await;
        let Ok(Some(status)) = panel.map(|panel| panel.status) else { return true };
        let is_astray = self.held().is_astray();
        self.tally.pending = status.pending + u64::from(is_astray);
        if self.tally.pending > 0 {
            let is_late = since.elapsed() > PATIENCE;
            if is_late {
                let got = format!("{} pending, {}", self.tally.pending, status.state);
                self.surprise("the panel".into(), "it is not in step", "0 pending", got);
            }
            return is_late;
        }
        for at in 0..CARDS {
            for lock in 0..LOCKS.len() {
                if self.compare(at, lock).await.is_err() {
                    return true;
                }
            }
        }
        for breach in self.held().breaches().to_vec() {
            self.surprise("the panel".into(), "the protocol was broken", "none", breach);
        }
        true
    }

    async fn compare(&mut self, at: usize, lock: usize) -> Result<(), ClientError> {
        let body = DecisionBody {
            lock_id: self.locks[lock].0.clone(),
            credential_id: Some(self.cards[at].id.clone()),
            record: Some(false),
            ..DecisionBody::default()
        };
        let decision = self.client.decide(&body).await?;
        let (shown, pin) = self.presented(at);
        let Verdict { opens, reasons, .. } =
            self.held().decide(self.locks[lock].1, &shown, pin.as_deref(), now_us());
        // Who found no room is let in where the server is asked.
        if reasons.contains(&"credential_unknown") && self.stored() == ROOM {
            self.tally.left_out += 1;
            return Ok(());
        }
        self.tally.compared += 1;
        // Not before the server: this is its client, and rights of its own hold by its word.
        let (is_lost, rights) = (self.cards[at].is_lost, &self.cards[at].rights);
        let has = !is_lost && rights.iter().any(|(one, is_over)| *one == lock && !is_over);
        let has = has && (LOCKS[lock].1 != "always" || pin.is_some());
        let wrong = match (opens == (decision.result == "granted"), opens == has) {
            (true, true) => return Ok(()),
            (false, _) => "the panel decides otherwise than the server",
            (true, false) => "both decide otherwise than the rights that were given",
        };
        let what = format!("panel card {at} at {}", LOCKS[lock].0);
        let expected = if has { "granted" } else { "denied" };
        let got = format!("{} there, {opens} here: {}", decision.result, reasons.join(", "));
        self.surprise(what, wrong, expected, got);
        Ok(())
    }

    fn surprise(&self, visit: String, wrong: &str, expected: &str, got: String) {
        let (wrong, expected) = (wrong.to_owned(), expected.to_owned());
        let surprise = Surprise { visit, wrong, expected, got, event_id: None };
        // Nobody listens once the run is over.
        let _ = self.news.send(News::Surprise(surprise));
    }

    /// How many credentials stand in its list.
    fn stored(&self) -> usize {
        self.held().items().filter(|(kind, ..)| *kind == ItemKind::Credential).count()
    }

    fn count(&mut self) {
        self.tally.stored = self.stored() as u64;
        let _ = self.news.send(News::Count(self.tally.clone()));
    }

    /// The key of this run is of no use to anybody after it.
    async fn withdraw(&self) {
        let path = format!("/api/v1/clients/{}", self.client_id);
        let _: Result<Value, _> = self.client.ask(Method::DELETE, &path, &Value::Null).await;
    }
}

/// The controller with this external id, made where it is not there.
async fn controller(client: &Client, external_id: &str) -> Result<Made, ClientError> {
    let all = client.in_place("controllers");
    let one = format!("{all}/external:{external_id}");
    match client.ask::<Made>(Method::GET, &one, &Value::Null).await {
        Err(ClientError::Refused { status: 404, .. }) => {
            let body =
                json!({"name": "Panel of the yard", "external_id": external_id, "capacity": ROOM});
            client.ask(Method::POST, &all, &body).await
        }
        Ok(_) => client.ask(Method::PATCH, &one, &json!({"capacity": ROOM})).await,
        Err(error) => Err(error),
    }
}

async fn bound_key(client: &Client, controller: &str) -> Result<Made, ClientError> {
    let body = json!({"name": "Panel of the yard", "kind": "api_key",
        "scopes": ["locks:operate"], "place_ids": [client.place()], "controller_id": controller});
    client.ask(Method::POST, "/api/v1/clients", &body).await
}
