//! Puts a house into the place and takes it out again: people, levels, rights, locks that are
//! commissioned over their own links, phones that are enrolled.

use claviger_offline::cbor::Reader;
use claviger_offline::lock::record::Commissioning;
use claviger_offline::session::message::{Answered, Said};
use jiff::tz::TimeZone;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::house::{House, Size, Whose};
use super::ledger::Ledger;
use super::link::pair;
use super::lock::{Seeded, VirtualLock, cose_key};
use super::phone::Phone;
use super::story::Story;
use super::talk::Talk;
use super::tally::OfflineTally;
use super::wire::{Bytes, Commissioned, Revocation, id_text};
use crate::calendar::{instant_us_text, now_us};
use crate::client::{Client, ClientError};
use crate::rng::Rng;
use crate::wire::Object;

/// How long the rights of the staff last; in whole steps of five minutes.
const SHIFT_US: i64 = 4 * 3_600_000_000;
const STEP_US: i64 = 300_000_000;

#[derive(Deserialize)]
struct Place {
    time_zone: String,
}

impl<'s> Story<'s> {
    /// Puts the house of a seed into the place. What a former run may have left of it goes first.
    ///
    /// # Errors
    /// The first request that is refused or not answered.
    pub(crate) async fn furnish(
        client: &'s Client,
        seed: u64,
        size: Size,
        tell: &'s mut dyn FnMut(&str),
    ) -> Result<Story<'s>, ClientError> {
        let place = client.in_place("");
        let place = place.trim_end_matches('/');
        let place: Place = client.ask(Method::GET, place, &Value::Null).await?;
        let mut story = Story {
            client,
            house: House::seeded(seed, size),
            locks: Vec::new(),
            phones: Vec::new(),
            grants: Vec::new(),
            away: None,
            ledger: Ledger::default(),
            tally: OfflineTally::default(),
            rng: Rng::new(&[seed, 0x6461_7973]),
            zone: TimeZone::get(&place.time_zone).unwrap_or(TimeZone::UTC),
            tell,
        };
        story.remove().await?;
        let doors = story.doors(seed).await?;
        let levels = [
            story.level("house", "House doors", Whose::House, &doors).await?,
            story.level("staff", "Staff rooms", Whose::Staff, &doors).await?,
        ];
        story.people(seed, &doors, &levels).await?;
        let (locks, phones) = (story.locks.len(), story.phones.len());
        story.tell(&format!(
            "A house with {locks} locks that have no network, and {phones} phones."
        ));
        Ok(story)
    }

    /// Makes the locks and commissions each; their ids.
    async fn doors(&mut self, seed: u64) -> Result<Vec<String>, ClientError> {
        let mut ids = Vec::new();
        for at in 0..self.house.doors.len() {
            let door = &self.house.doors[at];
            let keeps_clock = door.whose == Whose::Staff;
            let clock = if keeps_clock { "kept" } else { "none" };
            let mut body = json!({
                "name": door.name, "mode": "offline_keys", "privacy": "full",
                "capabilities": {"clock": clock},
            });
            if let Some(entries) = door.entries {
                body["capacity"] = json!({"entries": entries});
            }
            let made = self.client.put("locks", &door.external_id, &body).await?;
            let lock = VirtualLock::new(&[seed, 0x6c6f_636b, at as u64], keeps_clock);
            let lock =
                lock.map_err(|_| ClientError::unexpected("a virtual lock", "it does not start"))?;
            self.locks.push(lock);
            self.commission(at, &made.id).await?;
            ids.push(made.id);
        }
        Ok(ids)
    }

    /// Tells a lock whose it is, by its link and with its button held.
    async fn commission(&mut self, at: usize, id: &str) -> Result<(), ClientError> {
        let lock = &mut self.locks[at];
        let key = lock.public_key();
        let path = self.client.in_place(&format!("locks/{id}/commission"));
        let body = json!({"public_key": Bytes(cose_key(&key))});
        let made: Commissioned = self.client.ask(Method::POST, &path, &body).await?;
        let (mut mine, theirs) = pair(&mut self.rng);
        let secret = Seeded(Rng::new(&[self.rng.next()])).secret();
        let telling = async move {
            let mut reader = Reader::new(&made.record.0);
            reader.array(10).ok()?;
            reader.uint::<u8>().ok().filter(|number| *number == Commissioning::NUMBER)?;
            let told = Commissioning::read(&mut reader).ok()?;
            let mut talk = Talk::begin(&mut mine, &secret, |_| Some(key)).await?;
            match talk.say(&Said::Commission(told)).await? {
                Answered::List { code, receipt } => Some((code, Bytes(receipt?.to_vec()))),
                _ => None,
            }
        };
        let told = tokio::join!(lock.serve(theirs, true), telling).1;
        let Some((0, receipt)) = told else {
            return Err(ClientError::unexpected(
                &path,
                &format!("the lock takes no record: {told:?}"),
            ));
        };
        self.tally.locks += 1;
        self.tally.check(
            || path.clone(),
            "it is another lock",
            (id.to_owned(), id_text(&lock.id())),
        );
        self.ledger.brought(&receipt.0);
        let body = json!({"receipts": [receipt]});
        self.post::<Value>(&format!("locks/{id}/receipts"), body).await.map(drop)
    }

    async fn level(
        &self,
        part: &str,
        name: &str,
        whose: Whose,
        doors: &[String],
    ) -> Result<String, ClientError> {
        let locks: Vec<&String> = self.house.doors_of(whose).map(|at| &doors[at]).collect();
        let body = json!({"name": format!("{name} (no network)"), "lock_ids": locks});
        let external_id = format!("sim-{}-level-{part}", self.house.tag);
        Ok(self.client.put("access-levels", &external_id, &body).await?.id)
    }

    /// Makes the people with their rights and enrols their phones.
    async fn people(
        &mut self,
        seed: u64,
        doors: &[String],
        levels: &[String; 2],
    ) -> Result<(), ClientError> {
        let until = (now_us() + SHIFT_US).div_euclid(STEP_US) * STEP_US;
        for who in 0..self.house.people.len() {
            let person = &self.house.people[who];
            let body = json!({"first_name": person.first_name, "last_name": person.last_name});
            let made = self.client.put("people", &person.external_id, &body).await?;
            let is_staff = person.is_staff;
            let right =
                |target: Value| json!({"subject": {"person_id": made.id}, "target": target});
            let mut house = right(json!({"access_level_id": levels[0]}));
            if who == self.house.visitor() {
                house = right(json!({"lock_id": doors[0]}));
                house["valid_from"] = json!(instant_us_text(until - SHIFT_US));
                house["valid_until"] = json!(instant_us_text(until));
            }
            let mut grants = [Some(self.post::<Object>("grants", house).await?.id), None];
            if is_staff {
                let mut staff = right(json!({"access_level_id": levels[1]}));
                staff["valid_until"] = json!(instant_us_text(until));
                grants[1] = Some(self.post::<Object>("grants", staff).await?.id);
            }
            for at in self.house.doors_of(Whose::Private) {
                if self.house.may(who, at) {
                    let own = right(json!({"lock_id": doors[at]}));
                    self.post::<Object>("grants", own).await?;
                }
            }
            self.grants.push(grants);
            let phone =
                Phone::enrol(self.client, &made.id, &[seed, 0x7068_6f6e, who as u64]).await?;
            self.phones.push(phone);
            self.tally.phones += 1;
        }
        Ok(())
    }

    /// Everybody moves out: the manager brings the last lists round, and when the server has been
    /// shown by every lock that it knows, the house goes.
    pub(crate) async fn close(&mut self) -> Result<(), ClientError> {
        self.remove_all("people", |house| {
            house.people.iter().map(|it| it.external_id.clone()).collect()
        })
        .await?;
        for at in 0..self.locks.len() {
            self.inspect(at).await?;
        }
        let ours: Vec<String> = self.locks.iter().map(|lock| id_text(&lock.id())).collect();
        let all: Vec<Revocation> = self.all("revocations?limit=1000").await?;
        let locks = all.into_iter().flat_map(|it| it.locks);
        let locks = locks.filter(|it| it.state == "pending" && ours.contains(&it.lock_id));
        let waiting: Vec<String> = locks.map(|it| it.lock_id).collect();
        let wrong = "a revocation waits though all locks know";
        self.tally.check(|| "the house at the end".to_owned(), wrong, (Vec::new(), waiting));
        self.remove().await
    }

    /// Removes whatever of the house is in the place.
    pub(crate) async fn remove(&mut self) -> Result<(), ClientError> {
        let people = |house: &House| house.people.iter().map(|it| it.external_id.clone()).collect();
        let doors = |house: &House| house.doors.iter().map(|it| it.external_id.clone()).collect();
        let levels = |house: &House| {
            ["house", "staff"].map(|it| format!("sim-{}-level-{it}", house.tag)).to_vec()
        };
        self.remove_all("people", people).await?;
        self.remove_all("access-levels", levels).await?;
        self.remove_all("locks", doors).await
    }

    async fn remove_all(
        &self,
        noun: &str,
        named: impl Fn(&House) -> Vec<String>,
    ) -> Result<(), ClientError> {
        for external_id in named(&self.house) {
            let path = self.client.in_place(&format!("{noun}/external:{external_id}"));
            match self.client.ask::<Value>(Method::DELETE, &path, &Value::Null).await {
                Ok(_) | Err(ClientError::Refused { status: 404, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
