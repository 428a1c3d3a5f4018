//! The model of the whole: the server by its API, on a database in a file, doors with the crate of
//! locks, phones of whom one is hostile, a card, and chance. After each step the rules in `ledger`
//! are looked at; at the end, in the quiet, that everybody opens who should, nobody else does, and
//! nothing waits. `planted` leaves rules out, of the server and of the locks, and each must show.
//! In one run of three rights are given and taken back through a vendor's API.
//!
//! 40 seeds of 120 steps, 4 000 of 500 with `CLAVIGER_LONG=1`; `CLAVIGER_SEED=n` repeats one, and
//! `CLAVIGER_STEPS` says how long it is.

mod cards;
#[allow(dead_code, reason = "shared with the model of the crate")]
#[path = "../../../../../offline/tests/model/dice.rs"]
mod dice;
mod hardware;
mod hours;
mod issuers;
mod ledger;
mod planted;
mod power;
mod quiet;
mod steps;
mod vendor;
mod visits;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use claviger_app::{Clock, Settings};
use claviger_offline::receipt::Receipt;
use claviger_store::testing::{folder, sqlite};
use claviger_store::{Statement, Value as Cell};
use serde_json::{Value, json};

use super::door::{Door, list_of};
use super::forger::Forger;
use super::phone::{Phone, bytes, carried};
use crate::kit::{Site, one, person_to_lock};
use crate::support::World;
use crate::tapkey;
use dice::Dice;
use hours::Hours;
use ledger::{Holds, Ledger, Number, must};
use vendor::Surface;

const PEOPLE: usize = 4;
/// Room for bytes, for two entries of a plain list, and one with a clock.
const DOORS: usize = 3;
const PLAIN: usize = 1;
const KEPT: usize = 2;
/// Has a right to every door from the beginning, and keeps it: somebody must bring lists.
const CARETAKER: usize = 0;
/// Whose card signs. It follows the phones, and is somebody's who has none.
const CARD: usize = PEOPLE;
/// Carries no list, keeps what should be forgotten, and says what is not so.
const HOSTILE: usize = PEOPLE - 1;
/// A Monday morning, in the middle of a second, so that no real time that passes makes another.
const BEGIN_US: i64 = 1_799_049_600_500_000;
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

thread_local! {
    /// How far the servers of this thread are ahead of the machine's clock, in microseconds.
    static AHEAD: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(0)));
}

fn ahead() -> &'static AtomicI64 {
    AHEAD.with(|it| *it)
}

fn by_model_clock(settings: Settings) -> Settings {
    Settings { clock: Clock::ahead_by(ahead()), ..settings }
}

/// From when until when, in seconds.
type Window = (Option<i64>, Option<i64>);

/// A person's right at a door.
#[derive(Clone)]
struct Right {
    path: String,
    person: usize,
    door: usize,
    open: bool,
    /// Seconds.
    until: Option<i64>,
    hours: Hours,
}

/// A backup, and what was right then.
struct Backup {
    file: PathBuf,
    ledger: Ledger,
}

struct Model {
    dice: Dice,
    world: Option<World>,
    it: Site,
    /// The truth, which the server's clock shows unless it is wrong.
    now_us: i64,
    doors: Vec<Door>,
    /// When each got its power.
    booted_us: [i64; DOORS],
    /// Millionths by which the ticks of each are fast.
    drift: [i64; DOORS],
    people: Vec<Value>,
    phones: Vec<Phone>,
    /// What each phone was told to tell doors of their events.
    acks: Vec<Vec<Vec<u8>>>,
    /// The events that each phone carries, with their codes.
    carries: Vec<Vec<(Number, u8)>>,
    ledger: Ledger,
    backup: Option<Backup>,
    /// Who has had an issuer's secret since it was replaced.
    forger: Option<Forger>,
    /// How often each door has opened.
    opened: [usize; DOORS],
    /// What doors are known to have recorded.
    happened: BTreeMap<Number, u8>,
    /// Events that went with a database which was replaced by a backup.
    forgotten: BTreeSet<Number>,
    steps: Vec<&'static str>,
    /// Of a vendor's program that gives and takes back rights, where this run has one.
    credentials: Option<Value>,
}

/// What a door's own key is made of.
fn seed_of(door: usize) -> u8 {
    u8::try_from(door).unwrap() + 1
}

impl Model {
    async fn new(seed: u64, by: Surface) -> Result<Model, String> {
        ahead().store(0, Ordering::Relaxed);
        let world = World::start(sqlite()).await.reopened(0, by_model_clock).await;
        let here = world.here();
        let it = here.seen_by(&here.full_key().await);
        let credentials = match by {
            Surface::Native => None,
            Surface::Tapkey => Some(tapkey::credentials(&world, &world.place).await),
        };
        let mut dice = Dice::new(seed);
        let drift = [0; DOORS].map(|_: i64| dice.pick(&[0, 60, -60, 97, -97]));
        let mut model = Model {
            dice,
            world: Some(world),
            it,
            now_us: BEGIN_US,
            doors: Vec::new(),
            booted_us: [BEGIN_US; DOORS],
            drift,
            people: Vec::new(),
            phones: Vec::new(),
            acks: vec![Vec::new(); PEOPLE + 1],
            carries: vec![Vec::new(); PEOPLE + 1],
            ledger: Ledger::new(),
            backup: None,
            forger: None,
            opened: [0; DOORS],
            happened: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            steps: Vec::new(),
            credentials,
        };
        model.align();
        model.furnish().await?;
        Ok(model)
    }

    async fn furnish(&mut self) -> Holds {
        let bytes = json!({"capacity": {"list_bytes": 512}});
        let plain = json!({"capacity": {"entries": 2}});
        let kept = json!({"capabilities": {"clock": "kept"}});
        for (door, mut body) in [bytes, plain, kept].into_iter().enumerate() {
            body["name"] = json!(format!("Shed {door}"));
            body["mode"] = json!("offline_keys");
            self.doors.push(Door::with(&self.it, body, seed_of(door)).await);
        }
        for name in ["Ann", "Bo", "Cy", "Di"] {
            let person = self.it.person(name).await;
            self.phones.push(Phone::of(&self.it, &person).await);
            self.people.push(person);
        }
        let person = self.it.person("Ed").await;
        let card = self.it.card(&person, "1005").await;
        let encoder = self.it.actor.makes_key(&["devices:sync"], &[&self.it.place]).await;
        self.phones.push(Phone::card(&self.it, &card, &encoder).await);
        self.people.push(person);
        for door in 0..DOORS {
            self.give(CARETAKER, door, (None, None), Hours::Always).await;
        }
        self.look_at_server().await?;
        // Each door shows what it holds: from then on cards need no newer list.
        self.sync(CARETAKER, true).await?;
        for door in 0..DOORS {
            self.bring(CARETAKER, door)?;
        }
        self.sync(CARETAKER, true).await
    }

    fn world(&self) -> &World {
        self.world.as_ref().unwrap()
    }

    fn true_s(&self) -> i64 {
        self.now_us.div_euclid(1_000_000)
    }

    /// The server's clock shows the truth again, whatever has passed at the machine's.
    fn align(&self) {
        let shown = self.world().app.now().0;
        ahead().fetch_add(self.now_us - shown, Ordering::Relaxed);
    }

    fn pass(&mut self, seconds: i64) {
        self.now_us += seconds * 1_000_000;
        self.align();
    }

    /// A door whose clock shows what it does by now.
    fn door(&mut self, door: usize) -> &mut Door {
        let elapsed = i128::from(self.now_us - self.booted_us[door]);
        let ticks = elapsed + elapsed * i128::from(self.drift[door]) / 1_000_000;
        self.doors[door].tick(u64::try_from(ticks / 1_000).unwrap());
        &mut self.doors[door]
    }

    /// The server ends and begins again.
    async fn restart(&mut self) {
        let world = self.world.take().unwrap().reopened(0, by_model_clock).await;
        self.use_world(world);
    }

    fn use_world(&mut self, world: World) {
        self.it.actor = world.admin.with(self.it.actor.token.clone());
        for phone in &mut self.phones {
            phone.actor = world.admin.with(phone.actor.token.clone());
        }
        self.world = Some(world);
        self.align();
    }

    async fn back_up(&mut self) {
        let path = folder().join("backup");
        let file = File::create(&path).unwrap();
        claviger_app::backup::write(&self.world().app, None, file).await.unwrap();
        self.backup = Some(Backup { file: path, ledger: self.ledger.clone() });
    }

    /// The server is what it was at the last backup, on an empty database.
    async fn restore(&mut self) -> Holds {
        let Some(Backup { file, ledger }) = self.backup.take() else { return Ok(()) };
        self.pass(25 * HOUR_S);
        let location = sqlite();
        let db = claviger_app::Db::open(&location).await.unwrap();
        let (mut file, now) = (File::open(file).unwrap(), self.world().app.now());
        claviger_app::backup::restore(&mut file, db.clone(), now, |_| ()).await.unwrap();
        db.close().await;
        self.world.as_mut().unwrap().location = location;
        self.restart().await;
        let gone = self.ledger.arrived.keys().filter(|it| !ledger.arrived.contains_key(it));
        self.forgotten.extend(gone);
        self.ledger.restored(ledger);
        Ok(())
    }

    /// The newest lists of all doors, as they are stored: who asks for one may have it made anew.
    async fn look_at_server(&mut self) -> Holds {
        let sql = "select list, certificate from offline_locks";
        let storage = self.world().app.storage();
        for row in storage.db().read(Statement::new(sql, [])).await.unwrap() {
            let [Cell::Bytes(list), Cell::Bytes(epoch)] = &row.into_values()[..] else {
                return Err("a lock has no list".to_owned());
            };
            let epoch = (!epoch.is_empty()).then_some(&epoch[..]);
            let door = self.door_of(list_of(list).0);
            self.ledger.listed(door, list, epoch, self.true_s())?;
        }
        Ok(())
    }

    /// Somebody fetches the list of a lock, which is made anew where it is too old.
    async fn fetch(&mut self, door: usize) -> Holds {
        let path = format!("{}/revocation-list", one("/locks", &self.doors[door].shown));
        self.align();
        let shown = self.it.get(&path).await;
        self.look_at_server().await?;
        let is_stored = shown["version"] == self.ledger.newest(door).1;
        must!(is_stored, "what is shown of {door} is not what is stored: {shown}");
        Ok(())
    }

    async fn give(&mut self, person: usize, door: usize, window: Window, hours: Hours) {
        // Hours are said natively, whatever the rest is given by.
        let program = if hours == Hours::Always { self.program().await } else { None };
        let path = match program {
            Some(program) => self.give_by(&program, (person, door), window).await,
            None => {
                let mut body = person_to_lock(&self.people[person], &self.doors[door].shown);
                (body["valid_from"], body["valid_until"]) = (instant(window.0), instant(window.1));
                body["schedule"] = hours.schedule();
                one("/grants", &self.it.made("/grants", body).await)
            }
        };
        let right = Right { path, person, door, open: true, until: window.1, hours };
        self.ledger.rights.push(right);
    }

    fn door_of(&self, lock: [u8; 16]) -> usize {
        let of = |door: &Door| self.phones[0].bytes_of(door.id()) == lock;
        self.doors.iter().position(of).unwrap()
    }

    /// A phone calls with what it has to bring; the answer may be lost on its way.
    async fn sync_with(
        &mut self,
        phone: usize,
        body: Value,
        arrives: bool,
    ) -> Result<Value, String> {
        self.align();
        // The hostile one makes receipts that are none.
        let honest = if phone == HOSTILE { &[][..] } else { &self.phones[phone].receipts };
        let shown = honest.iter().map(|it| Receipt::read(&bytes(&json!(it))).unwrap().0);
        for it in shown.collect::<Vec<_>>() {
            self.ledger.shows(self.door_of(it.lock), (it.epoch, it.version));
        }
        let answer = self.phones[phone].call(body).await;
        for (number, code) in self.carries[phone].drain(..) {
            self.ledger.arrived.insert(number, code);
        }
        self.look_at_server().await?;
        for list in carried(&answer, "lists") {
            let door = self.door_of(list_of(&list).0);
            self.ledger.listed(door, &list, None, self.true_s())?;
        }
        for key in carried(&answer, "keys") {
            let payload = claviger_offline::cose::Signed::read(&key).unwrap().payload;
            let lock = claviger_offline::key::Key::read(payload).unwrap().lock;
            self.ledger.given((phone, self.door_of(lock)), &key)?;
        }
        self.acks[phone].extend(carried(&answer, "acknowledgements"));
        if arrives {
            let held = self.phones[phone].keep(&answer);
            if !held.is_empty() {
                self.phones[phone].call(json!({"acknowledged": held})).await;
            }
        }
        Ok(answer)
    }

    async fn sync(&mut self, phone: usize, arrives: bool) -> Holds {
        self.sync_with(phone, json!({}), arrives).await.map(drop)
    }
}

fn seconds_of(at: u64) -> i64 {
    i64::try_from(at).unwrap()
}

/// Seconds as the API says them.
fn instant(seconds: Option<i64>) -> Value {
    let text = |s: i64| claviger_domain::time::Instant(s * 1_000_000).to_string();
    seconds.map_or(Value::Null, |seconds| json!(text(seconds)))
}

/// One run, on a thread of its own; how it ended, with the last steps.
fn run(seed: u64, steps: u32) -> Holds {
    run_by(seed, steps, Surface::of(seed))
}

fn run_by(seed: u64, steps: u32, by: Surface) -> Holds {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut model = Model::new(seed, by).await?;
        let mut holds = Ok(());
        for _ in 0..steps {
            if holds.is_ok() {
                holds = model.step().await;
            }
        }
        if holds.is_ok() {
            holds = model.comes_to_rest().await;
        }
        let (done, last) = (model.steps.len(), model.steps.len().saturating_sub(10));
        holds.map_err(|broken| {
            format!("CLAVIGER_SEED={seed}: {broken}\nafter {done}: {:?}", &model.steps[last..])
        })
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

fn steps() -> u32 {
    let is_long = std::env::var_os("CLAVIGER_LONG").is_some();
    let steps = number("CLAVIGER_STEPS").and_then(|it| u32::try_from(it).ok());
    steps.unwrap_or(if is_long { 500 } else { 120 })
}

fn seeds() -> RangeInclusive<u64> {
    let most = if std::env::var_os("CLAVIGER_LONG").is_some() { 4_000 } else { 40 };
    number("CLAVIGER_SEED").map_or(1..=most, |seed| seed..=seed)
}

/// Does something with each of some numbers, on all cores.
fn on_all_cores(numbers: RangeInclusive<u64>, task: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(*numbers.start());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > *numbers.end() {
                        break;
                    }
                    task(number);
                }
            });
        }
    });
}

#[test]
fn whatever_happens_no_key_opens_that_should_not() {
    let broken = Mutex::new(Vec::new());
    on_all_cores(seeds(), |seed| {
        let holds = broken.lock().unwrap().is_empty();
        let ended = if holds { run(seed, steps()) } else { Ok(()) };
        broken.lock().unwrap().extend(ended.err());
    });
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
