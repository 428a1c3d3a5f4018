//! The moves of a story: somebody calls the server, somebody goes to a door, and what comes of it
//! is compared with the ledger. Which moves follow one another is in `day`.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger_offline::cose::PublicKey;
use claviger_offline::lock::code::Code;
use claviger_offline::session::message::{Answered, Said};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::time::timeout;

use super::house::House;
use super::ledger::{Ledger, Version, Where};
use super::link::pair;
use super::lock::{Seeded, VirtualLock};
use super::phone::{Phone, Visit};
use super::talk::Talk;
use super::tally::OfflineTally;
use super::wallet::Serial;
use super::wire::{AtLock, Bytes, CurrentList, Page, Revocation, id_text};
use crate::calendar::{now_us, parse_instant};
use crate::client::{Client, ClientError};
use crate::rng::Rng;

/// How long a visit may take before somebody has hung.
const PATIENCE: Duration = Duration::from_secs(30);
const SECOND_US: i64 = 1_000_000;

/// A house, its locks, its phones, and all that happens there.
pub(crate) struct Story<'s> {
    pub(crate) client: &'s Client,
    pub(crate) house: House,
    pub(crate) locks: Vec<VirtualLock>,
    pub(crate) phones: Vec<Phone>,
    /// Grants of people to the house, to the staff's rooms.
    pub(crate) grants: Vec<[Option<String>; 2]>,
    /// Whose phone has no network.
    pub(crate) away: Option<usize>,
    pub(crate) ledger: Ledger,
    pub(crate) tally: OfflineTally,
    pub(crate) rng: Rng,
    pub(crate) zone: TimeZone,
    pub(crate) tell: &'s mut dyn FnMut(&str),
}

/// A right that is being taken back.
#[derive(Debug, Clone)]
pub(crate) struct Taking {
    /// Whose.
    pub(crate) who: usize,
    /// The revocation.
    pub(crate) id: String,
    pub(crate) places: Vec<Where>,
    /// How many locks were known to know when it was last told.
    pub(crate) told: Option<usize>,
}

impl Story<'_> {
    /// Tells something, with the time on the wall.
    pub(crate) fn tell(&mut self, what: &str) {
        let line = format!("{}  {what}", self.clock(now_us() / SECOND_US, "%H:%M:%S"));
        (self.tell)(&line);
    }

    /// An instant as the people of the place read it.
    pub(crate) fn clock(&self, second: i64, format: &str) -> String {
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    pub(crate) fn name(&self, who: usize) -> String {
        self.house.name(who)
    }

    pub(crate) fn door(&self, at: usize) -> &'static str {
        self.house.doors[at].name
    }

    /// Asks for something in the place.
    pub(crate) async fn get<A: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<A, ClientError> {
        self.client.ask(Method::GET, &self.client.in_place(path), &Value::Null).await
    }

    /// Posts something in the place.
    pub(crate) async fn post<A: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: Value,
    ) -> Result<A, ClientError> {
        self.client.ask(Method::POST, &self.client.in_place(path), &body).await
    }

    /// A phone calls the server.
    pub(crate) async fn sync(&mut self, who: usize) -> Result<(), ClientError> {
        let phone = &mut self.phones[who];
        let events = phone.bag.events.len() as u64;
        let keys = phone.sync(self.client).await?;
        self.tally.calls += 1;
        self.tally.keys += keys as u64;
        self.tally.events += events;
        self.hear(who);
        Ok(())
    }

    /// What became of a phone's calls.
    fn hear(&mut self, who: usize) {
        let phone = &mut self.phones[who];
        for receipt in std::mem::take(&mut phone.brought) {
            self.tally.receipts += 1;
            self.ledger.brought(&receipt.0);
        }
        for breach in std::mem::take(&mut phone.breaches) {
            let whose = format!("the phone of {}", self.house.name(who));
            self.tally.surprise(whose, "the server broke the protocol", "nothing".into(), breach);
        }
    }

    /// Somebody goes to a door, whose lock answers as the ledger says.
    pub(crate) async fn go(&mut self, who: usize, at: usize, online: bool) -> Visit {
        let visit = self.stand(who, at, online).await;
        let (phone, lock) = (&self.phones[who], &self.locks[at]);
        let is_known = phone.wallet.locks.contains_key(&lock.id());
        let what = || format!("{} at {}", self.house.name(who), self.house.doors[at].name);
        let wrong = "the lock could not be talked to";
        self.tally.check(what, wrong, (is_known, visit.0.is_met));
        if let (Some(key), Some(got)) = (phone.wallet.newest(&lock.id()), visit.0.keys.last()) {
            let expected = self.ledger.expected(lock, key, visit.1, online);
            let wrong = "the lock decides otherwise than is certain";
            self.tally.check(what, wrong, (expected.number(), *got));
        }
        visit.0
    }

    /// Somebody stands before a door; what came of it, and whether the lock knew the time before.
    pub(crate) async fn stand(&mut self, who: usize, at: usize, online: bool) -> (Visit, bool) {
        let (mine, theirs) = pair(&mut self.rng);
        let (phone, lock) = (&mut self.phones[who], &mut self.locks[at]);
        lock.rest().await;
        let (bolt, knew) = (lock.bolt, lock.knows_time());
        let server = online.then_some(self.client);
        let visiting = async {
            let mut link = mine;
            phone.visit(&mut link, server).await
        };
        let both = async { tokio::join!(lock.serve(theirs, false), visiting).1 };
        let Ok(visit) = timeout(PATIENCE, both).await else {
            let what = format!("{} at {}", self.house.name(who), self.house.doors[at].name);
            self.tally.surprise(what, "nobody hung up", "an end".into(), "none".into());
            return (Visit::default(), knew);
        };
        let (moved, lock, device) = (lock.bolt - bolt, lock.id(), phone.device.clone());
        let what = || format!("{} at {}", self.house.name(who), self.house.doors[at].name);
        self.tally.check(what, "the bolt is not where it is said to be", (visit.opened(), moved));
        self.tally.visits += 1;
        self.tally.opened += moved;
        self.tally.lists += u64::from(visit.list == Some(Code::Applied.number()));
        let is_refused = visit.keys.last().is_some_and(|code| *code != Code::Done.number());
        self.tally.refused += u64::from(is_refused);
        for code in &visit.keys {
            self.ledger.decided(&device, lock, *code);
        }
        self.hear(who);
        (visit, knew)
    }

    /// The manager walks to a door with a tablet: delivers the list, takes the receipt and the
    /// events along, and tells the lock which have arrived.
    pub(crate) async fn inspect(&mut self, at: usize) -> Result<(), ClientError> {
        let id = id_text(&self.locks[at].id());
        let current: CurrentList = self.get(&format!("locks/{id}/revocation-list")).await?;
        let lock = &mut self.locks[at];
        lock.rest().await;
        let (mine, theirs) = pair(&mut self.rng);
        let (key, secret) = (lock.public_key(), Seeded(Rng::new(&[self.rng.next()])).secret());
        let visiting = collect(mine, key, secret, &current);
        let brought = tokio::join!(lock.serve(theirs, false), visiting).1;
        let Some((receipt, events)) = brought else {
            let what = format!("the manager at {}", self.door(at));
            self.tally.surprise(what, "the lock hung up", "an answer".into(), "none".into());
            return Ok(());
        };
        self.tally.visits += 1;
        if let Some(receipt) = receipt {
            let body = json!({"receipts": [receipt]});
            self.post::<Value>(&format!("locks/{id}/receipts"), body).await?;
            self.tally.receipts += 1;
            self.ledger.brought(&receipt.0);
        }
        self.tally.events += events.len() as u64;
        self.post::<Value>(&format!("locks/{id}/events"), json!({"events": events})).await?;
        Ok(())
    }

    /// The list that the server has for a door.
    pub(crate) async fn version(&self, at: usize) -> Result<Version, ClientError> {
        let path = format!("locks/{}/revocation-list", id_text(&self.locks[at].id()));
        let current: CurrentList = self.get(&path).await?;
        Ok((current.epoch, current.version))
    }

    /// The newest revocation of the place.
    pub(crate) async fn newest_revocation(&self) -> Result<Option<Revocation>, ClientError> {
        Ok(self.all("revocations?limit=1000").await?.pop())
    }

    /// Every item of a list of the place, page by page.
    pub(crate) async fn all<T: serde::de::DeserializeOwned>(
        &self,
        first: &str,
    ) -> Result<Vec<T>, ClientError> {
        let (mut all, mut path) = (Vec::new(), first.to_owned());
        loop {
            let page: Page<T> = self.get(&path).await?;
            all.extend(page.items);
            let Some(next) = page.next else { return Ok(all) };
            path = format!("{first}&after={next}");
        }
    }

    /// Compares what the server says of a revocation with what it has been shown, and tells how far
    /// it is.
    pub(crate) async fn progress(&mut self, taking: &mut Taking) -> Result<(), ClientError> {
        let got: Revocation = self.get(&format!("revocations/{}", taking.id)).await?;
        let known: Vec<bool> = taking.places.iter().map(|it| self.ledger.knows(it)).collect();
        let confirmed = known.iter().filter(|knows| **knows).count();
        let what = || format!("the revocation for {}", self.house.name(taking.who));
        let counts = (got.locks_total, got.locks_confirmed);
        let wrong = "the server knows otherwise than locks have shown";
        self.tally.check(what, wrong, ((taking.places.len(), confirmed), counts));
        let open = taking.places.iter().zip(&known).filter(|(_, knows)| !**knows);
        let bounds: Vec<Option<u64>> = open.map(|(place, _)| place.latest).collect();
        let is_open_ended = bounds.contains(&None);
        let latest = bounds.iter().flatten().max().copied().filter(|_| !is_open_ended);
        let wrong = "the latest possible use is another";
        let shown = got.latest_possible_use.as_deref().and_then(parse_instant);
        let shown = shown.map(|at| at / SECOND_US);
        let latest = latest.and_then(|at| i64::try_from(at).ok());
        self.tally.check(what, wrong, ((is_open_ended, latest), (got.open_ended, shown)));
        for (place, knows) in taking.places.iter().zip(&known) {
            let id = id_text(&place.lock);
            let state = got.locks.iter().find(|it| it.lock_id == id).map(|it: &AtLock| &*it.state);
            let expected = Some(if *knows { "told" } else { "pending" });
            self.tally.check(what, "the state at a lock is another", (expected, state));
        }
        if taking.told != Some(confirmed) {
            taking.told = Some(confirmed);
            let bound = match latest {
                _ if confirmed == known.len() => "revoked everywhere".to_owned(),
                Some(at) => format!("latest possible use {}", self.clock(at, "%H:%M")),
                None => "usable elsewhere until those locks hear of it".to_owned(),
            };
            self.tell(&format!("   {confirmed} of {} locks know; {bound}", known.len()));
        }
        Ok(())
    }

    /// The serials of the keys that a phone holds for a door.
    pub(crate) fn serials(&self, who: usize, at: usize) -> BTreeSet<Serial> {
        let keys = self.phones[who].wallet.keys.get(&self.locks[at].id());
        keys.into_iter().flatten().map(|key| key.serial).collect()
    }
}

/// A tablet at a lock: gives it a list, and takes the receipt and all events along.
async fn collect(
    mut link: DuplexStream,
    key: PublicKey,
    secret: [u8; 32],
    current: &CurrentList,
) -> Option<(Option<Bytes>, Vec<Bytes>)> {
    let mut talk = Talk::begin(&mut link, &secret, |_| Some(key)).await?;
    let epoch = current.epoch_certificate.as_ref().map(|it| it.0.as_slice());
    let said = Said::List { list: &current.list.0, issuer: &current.certificate.0, epoch };
    let Answered::List { receipt, .. } = talk.say(&said).await? else { return None };
    let receipt = receipt.map(|receipt| Bytes(receipt.to_vec()));
    let mut events = talk.events(1).await?;
    // What is left of logs from before a loss of state comes in parts.
    for _ in 0..8 {
        for event in talk.events(0).await? {
            if !events.contains(&event) {
                events.push(event);
            }
        }
    }
    Some((receipt, events))
}
