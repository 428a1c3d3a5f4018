//! Two places that share doors, against a server: each with people, rights and events of its own.
//!
//! Doors are offered, accepted and taken back, rights are given and taken in both places, people
//! suspended, doors locked down, and cards presented to either place at random; after each step
//! what a place is told is compared with what is certain. At the end the doors, people and rights
//! are taken away again; the second place stays, and is used again by the same seed.

mod model;

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use self::model::{Certain, Model, Side, Who, judge};
use crate::client::{Client, ClientError};
use crate::rng::Rng;
use crate::tally::{Surprise, Tally};

/// Doors of the owner's.
const DOORS: usize = 3;
/// People in each place.
const PEOPLE: usize = 3;
/// Steps of a run.
const STEPS: usize = 150;
/// The bits of the cards; nobody else in the building has one of so many.
const BITS: u32 = 63;

/// Runs it once; the tally counts what was compared.
///
/// Errors with the first request that is refused or not answered, and should have been.
pub(crate) async fn run(client: &Client, seed: u64, tally: &mut Tally) -> Result<(), ClientError> {
    let tenant = client.at(&neighbour(client, seed).await?);
    let mut world = World {
        seed,
        places: BTreeMap::from([(Side::Owner, client.clone()), (Side::Tenant, tenant)]),
        doors: Vec::new(),
        people: BTreeMap::new(),
        seen: BTreeMap::new(),
        model: Model::new(DOORS),
        tally,
    };
    world.clear().await?;
    world.furnish().await?;
    let done = world.live().await;
    // What it made goes even where it was refused something in between.
    world.clear().await?;
    done
}

/// The second place of this seed; made where it is not there.
async fn neighbour(client: &Client, seed: u64) -> Result<String, ClientError> {
    const PLACES: &str = "/api/v1/places";
    let name = format!("Neighbour {seed} of {}", client.place());
    let id = |place: &Value| place.get("id").and_then(Value::as_str).map(str::to_owned);
    let path = format!("{PLACES}?limit=1000");
    let all: Value = client.ask(Method::GET, &path, &Value::Null).await?;
    let mut known = items(&all);
    let known = known.find(|place| place.get("name") == Some(&json!(name))).and_then(id);
    if let Some(known) = known {
        return Ok(known);
    }
    let made: Value = client.ask(Method::POST, PLACES, &json!({ "name": name })).await?;
    id(&made).ok_or_else(|| ClientError::unexpected("POST /api/v1/places", "it names no id"))
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page.get("items").and_then(Value::as_array).into_iter().flatten()
}

struct World<'t> {
    seed: u64,
    places: BTreeMap<Side, Client>,
    /// Ids of the doors, which are the same in both places.
    doors: Vec<String>,
    /// Ids of the people.
    people: BTreeMap<Who, String>,
    /// The last event of each place before it began.
    seen: BTreeMap<Side, u64>,
    model: Model,
    tally: &'t mut Tally,
}

impl World<'_> {
    fn name(&self, what: &str, at: usize) -> String {
        format!("sim-{}-neighbours-{what}-{at}", self.seed)
    }

    fn client(&self, side: Side) -> Result<&Client, ClientError> {
        let missing = || ClientError::unexpected("two places", "one of them is missing");
        self.places.get(&side).ok_or_else(missing)
    }

    async fn ask(
        &self,
        side: Side,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Value, ClientError> {
        let client = self.client(side)?;
        client.ask(method, &client.in_place(path), &body).await
    }

    /// The same, of which it is no error that what it is about is not there.
    async fn ask_maybe(
        &self,
        side: Side,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Option<Value>, ClientError> {
        match self.ask(side, method, path, body).await {
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Takes away what it makes; of a run before it too.
    async fn clear(&self) -> Result<(), ClientError> {
        let tenant = self.client(Side::Tenant)?.place().to_owned();
        for at in 0..DOORS {
            let door = format!("locks/external:{}", self.name("door", at));
            let share = format!("{door}/shares?place_id={tenant}");
            self.ask_maybe(Side::Owner, Method::DELETE, &share, Value::Null).await?;
            self.ask_maybe(Side::Owner, Method::DELETE, &door, Value::Null).await?;
        }
        for side in Side::BOTH {
            for at in 0..PEOPLE {
                let person = format!("people/external:{}", self.name("person", at));
                self.ask_maybe(side, Method::DELETE, &person, Value::Null).await?;
            }
        }
        Ok(())
    }

    async fn furnish(&mut self) -> Result<(), ClientError> {
        let owner = self.client(Side::Owner)?.clone();
        for at in 0..DOORS {
            let body = json!({ "name": format!("Shared door {}", at + 1) });
            let made = owner.put("locks", &self.name("door", at), &body).await?;
            self.doors.push(made.id);
        }
        for side in Side::BOTH {
            let client = self.client(side)?.clone();
            for at in 0..PEOPLE {
                let body = json!({ "first_name": side.word(), "last_name": format!("{at}") });
                let person = client.put("people", &self.name("person", at), &body).await?.id;
                let body = json!({
                    "kind": "card", "person_id": person,
                    "card": { "bits": BITS, "value": self.card((side, at)) },
                });
                client.put("credentials", &self.name("card", at), &body).await?;
                self.people.insert((side, at), person);
            }
            self.seen.insert(side, self.last_event(side).await?);
        }
        Ok(())
    }

    fn card(&self, (side, at): Who) -> String {
        format!("51{:010x}{:01x}{at:01x}", self.seed & 0xff_ffff_ffff, side as u8)
    }

    fn door(&self, at: usize) -> &str {
        self.doors.get(at).map_or("", String::as_str)
    }

    fn person(&self, who: Who) -> &str {
        self.people.get(&who).map_or("", String::as_str)
    }

    async fn live(&mut self) -> Result<(), ClientError> {
        let mut rng = Rng::new(&[self.seed, 0x6e65_6967]);
        for _ in 0..STEPS {
            let door = rng.index(DOORS);
            let side = Side::BOTH[rng.index(2)];
            let who = (side, rng.index(PEOPLE));
            match rng.below(20) {
                0..2 => self.share(door).await?,
                2..7 => self.give_or_take(who, door).await?,
                7 => self.suspend(who).await?,
                8 => self.lock_down(door).await?,
                9 => self.meddle(door).await?,
                _ => {}
            }
            for asks in Side::BOTH {
                self.present(asks, who, door).await?;
            }
        }
        for side in Side::BOTH {
            self.events(side).await?;
        }
        Ok(())
    }

    /// Shares a door, or takes it back. What is only offered is not there.
    async fn share(&mut self, door: usize) -> Result<(), ClientError> {
        let tenant = self.client(Side::Tenant)?.place().to_owned();
        let shares = format!("locks/{}/shares", self.door(door));
        if self.model.has(Side::Tenant, door) {
            let path = format!("{shares}?place_id={tenant}");
            self.ask(Side::Owner, Method::DELETE, &path, Value::Null).await?;
            for grant in self.model.take_back(door) {
                let path = format!("grants/{grant}");
                let shown = self.ask(Side::Tenant, Method::GET, &path, Value::Null).await?;
                let is_closed = shown.get("closed_at").is_some_and(|at| !at.is_null());
                self.check("a right at a door that was taken back", is_closed, "closed", &shown);
            }
        } else {
            let body = json!({ "place_id": tenant });
            let made = self.ask(Side::Owner, Method::POST, &shares, body).await?;
            if made.get("state") == Some(&json!("offered")) {
                self.absent("a door that is offered", door).await?;
                let path = format!("shared-locks/{}/accept", self.door(door));
                self.ask(Side::Tenant, Method::POST, &path, json!({})).await?;
            }
            self.model.shared[door] = true;
        }
        if !self.model.has(Side::Tenant, door) {
            self.absent("a door that was taken back", door).await?;
        }
        Ok(())
    }

    async fn absent(&mut self, what: &str, door: usize) -> Result<(), ClientError> {
        let path = format!("locks/{}", self.door(door));
        let found = self.ask_maybe(Side::Tenant, Method::GET, &path, Value::Null).await?;
        self.check(what, found.is_none(), "not there", &json!(found));
        Ok(())
    }

    async fn give_or_take(&mut self, who: Who, door: usize) -> Result<(), ClientError> {
        if let Some(grant) = self.model.grants.remove(&(who, door)) {
            let path = format!("grants/{grant}/revoke");
            self.ask(who.0, Method::POST, &path, json!({})).await?;
            return Ok(());
        }
        let body = json!({
            "subject": { "person_id": self.person(who) },
            "target": { "lock_id": self.door(door) },
        });
        let made = self.ask_maybe(who.0, Method::POST, "grants", body).await?;
        let has = self.model.has(who.0, door);
        let what = "a right at a door";
        let wanted = if has { "made" } else { "refused: the place does not have it" };
        self.check(what, made.is_some() == has, wanted, &json!(made));
        let id = made.as_ref().and_then(|it| it.get("id")).and_then(Value::as_str);
        if let Some(id) = id {
            self.model.grants.insert((who, door), id.to_owned());
        }
        Ok(())
    }

    async fn suspend(&mut self, who: Who) -> Result<(), ClientError> {
        let is_suspended = self.model.suspended.entry(who).or_default();
        *is_suspended = !*is_suspended;
        let verb = if *is_suspended { "suspend" } else { "resume" };
        let path = format!("people/{}/{verb}", self.person(who));
        self.ask(who.0, Method::POST, &path, json!({})).await.map(drop)
    }

    async fn lock_down(&mut self, door: usize) -> Result<(), ClientError> {
        let is_locked = !self.model.locked[door];
        self.model.locked[door] = is_locked;
        let posture = if is_locked { "lockdown" } else { "normal" };
        let body = json!({
            "posture": posture, "lock_ids": [self.door(door)], "reason": "simulated",
        });
        self.ask(Side::Owner, Method::POST, "posture", body).await.map(drop)
    }

    /// The tenant may set nothing on a door that is not its own.
    async fn meddle(&mut self, door: usize) -> Result<(), ClientError> {
        let path = format!("locks/{}", self.door(door));
        let answer = self.ask(Side::Tenant, Method::PATCH, &path, json!({ "pin": "always" })).await;
        let wanted = if self.model.has(Side::Tenant, door) { 409 } else { 404 };
        let right =
            matches!(&answer, Err(ClientError::Refused { status, .. }) if *status == wanted);
        self.check("a setting of another's door", right, "refused", &json!(answer.ok()));
        Ok(())
    }

    /// Somebody presents a card at a door, of which a place is asked.
    async fn present(&mut self, asks: Side, who: Who, door: usize) -> Result<(), ClientError> {
        let certain = self.model.certain(asks, who, door);
        let body = json!({
            "lock_id": self.door(door), "card": { "bits": BITS, "value": self.card(who) },
        });
        let told = self.ask_maybe(asks, Method::POST, "decisions", body).await?;
        let what = format!("{} asks about {} {}", asks.word(), who.0.word(), who.1);
        let expected = format!("{certain:?}");
        match told {
            None => self.check(&what, certain == Certain::NoDoor, &expected, &Value::Null),
            Some(decision) => {
                let wrong = judge(&certain, &decision);
                self.check(wrong.unwrap_or(&what), wrong.is_none(), &expected, &decision);
                if decision.get("result") == Some(&json!("granted")) {
                    self.model.opened.push((who, door));
                }
            }
        }
        Ok(())
    }

    /// The events of a place: of each opening it must be told one, and of nobody but its own.
    async fn events(&mut self, side: Side) -> Result<(), ClientError> {
        let own: BTreeMap<&str, usize> = self
            .people
            .iter()
            .filter(|(who, _)| who.0 == side)
            .map(|(who, id)| (id.as_str(), who.1))
            .collect();
        let strangers: Vec<&str> = self
            .people
            .iter()
            .filter(|(who, _)| who.0 == side.other())
            .map(|(_, id)| id.as_str())
            .collect();
        let mut after = self.seen.get(&side).copied().unwrap_or_default();
        let (mut told, mut named) = (Vec::new(), None);
        loop {
            let path = format!("events?limit=1000&after_seq={after}");
            let page = self.ask(side, Method::GET, &path, Value::Null).await?;
            let text = page.to_string();
            named = named.or(strangers.iter().find(|id| text.contains(**id)).copied());
            let mut last = None;
            for event in items(&page) {
                last = event.get("seq").and_then(Value::as_u64);
                let lock = event.get("lock_id").and_then(Value::as_str).unwrap_or_default();
                let door = self.doors.iter().position(|it| it == lock);
                let granted = event.get("kind") == Some(&json!("access_granted"));
                let Some(door) = door.filter(|_| granted) else { continue };
                let person = event.get("person_id").and_then(Value::as_str);
                told.push((door, person.and_then(|id| own.get(id).copied())));
            }
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        let (stranger, wanted) = (named.map(str::to_owned), self.model.events(side));
        let of = format!("the events of the {}", side.word());
        self.check(&of, stranger.is_none(), "nobody of the other place", &json!(stranger));
        self.check(&of, told == wanted, &format!("{wanted:?}"), &json!(told));
        Ok(())
    }

    async fn last_event(&self, side: Side) -> Result<u64, ClientError> {
        let mut after = 0;
        loop {
            let path = format!("events?limit=1000&after_seq={after}");
            let page = self.ask(side, Method::GET, &path, Value::Null).await?;
            let last = items(&page).last().and_then(|event| event.get("seq")?.as_u64());
            match last {
                Some(last) => after = last,
                None => return Ok(after),
            }
        }
    }

    fn check(&mut self, what: &str, right: bool, expected: &str, got: &Value) {
        self.tally.shared += 1;
        if !right {
            self.tally.surprise(Surprise {
                visit: format!("two places that share doors: {what}"),
                wrong: "the server did something else".to_owned(),
                expected: expected.to_owned(),
                got: got.to_string(),
                event_id: None,
            });
        }
    }
}
