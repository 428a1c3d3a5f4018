//! What administrators do: rights given and taken, levels, hours, PINs, people, locks, room.

use claviger_app::Instant;
use claviger_sim::controller::{Shown, ShownCard};
use serde_json::{Value, json};

use super::history::{Held, History, Lock, Place};
use super::world::SECOND;

const HOUR: i64 = 3600;

impl History {
    /// Does one thing; what it took away is to be told.
    pub(super) async fn administer(&mut self) {
        let known = self.revocations().await;
        let before = self.all_rights().await;
        self.wish().await;
        self.note_obligations(&before, &known).await;
    }

    async fn wish(&mut self) {
        match self.dice.below(26) {
            0..4 => self.add_grant().await,
            4..6 => self.revoke().await,
            6 => self.edit_grant().await,
            7 if self.credentials.len() < 8 => self.add_credential().await,
            8 if self.people.len() < 5 => self.add_person().await,
            7..9 => self.delete_credential().await,
            9..11 => self.suspend().await,
            11..13 => self.lose().await,
            13..15 => self.change_pin().await,
            15 => self.change_level().await,
            16 => self.change_hours().await,
            17..19 => self.change_lock().await,
            19 => self.change_posture().await,
            20 => self.change_room().await,
            21..23 => self.change_places().await,
            23..25 => self.pass_on().await,
            _ => self.change_priority().await,
        }
    }

    /// Asks for something that may be refused, but never for a reason of the server's own.
    async fn wants(&mut self, method: &'static str, path: String, body: Value) -> Option<Value> {
        let (status, answer) = self.world.ask(method, &path, Some(body.clone())).await;
        self.note(format!("{method} {path} {body}: {status}"));
        assert!(status < 500, "{method} {path} {body}: {status} {answer}");
        (status < 300).then_some(answer)
    }

    fn next(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub(super) async fn add_lock(&mut self, name: &str) {
        let body = json!({"name": name, "mode": "allow_list", "controller_id": self.controller_id});
        let lock = self.world.done("POST", "/locks", body).await;
        let (id, number) = (lock["id"].as_str().unwrap(), lock["number"].as_u64().unwrap());
        self.locks.push(Lock { id: id.to_owned(), number });
    }

    pub(super) async fn add_person(&mut self) {
        let name = format!("P{}", self.next());
        let person = self.world.done("POST", "/people", json!({"first_name": name})).await;
        self.people.push(person["id"].as_str().unwrap().to_owned());
    }

    pub(super) async fn add_credential(&mut self) {
        let number = self.next();
        let pin = self.dice.one_in(2).then(|| format!("{:04}", 1000 + number));
        let mut body = json!({"priority": self.dice.below(3), "pin": pin});
        let shown = if self.dice.one_in(4) {
            let code = format!("{:06}", 500_000 + number);
            (body["kind"], body["code"]) = (json!("code"), json!(code));
            Shown::Code(code)
        } else {
            let value = format!("{number:x}");
            body["kind"] = json!("card");
            body["card"] = json!({"bits": 40, "value": value});
            Shown::Card(ShownCard { bits: 40, value })
        };
        if !self.dice.one_in(4) {
            body["person_id"] = json!(self.dice.pick(&self.people));
        }
        if self.dice.one_in(6) {
            body["valid_until"] = json!(self.instant(-HOUR, 48 * HOUR));
        }
        if let Some(made) = self.wants("POST", "/credentials".to_owned(), body).await {
            let id = made["id"].as_str().unwrap().to_owned();
            self.holders.insert(id.clone(), made["person_id"].clone());
            self.credentials.push(Held { id, shown, pin, former: Vec::new() });
        }
    }

    async fn delete_credential(&mut self) {
        if self.credentials.len() < 4 {
            return;
        }
        let at = self.dice.below(self.credentials.len() as u64) as usize;
        let id = self.credentials[at].id.clone();
        if self.part("DELETE", &id, json!({})).await {
            self.gone.push(self.credentials.remove(at));
        }
    }

    async fn pass_on(&mut self) {
        let Some(held) = self.dice.pick(&self.credentials).cloned() else { return };
        let id = held.id.clone();
        if self.dice.one_in(2) {
            self.present_it(held);
        }
        let someone = self.dice.pick(&self.people).filter(|_| !self.dice.one_in(4)).cloned();
        let body = json!({"person_id": someone});
        if self.part("PATCH", &id, body.clone()).await {
            self.holders.insert(id, body["person_id"].clone());
        }
    }

    /// Takes a credential from whoever has it: that its list still lets it in is told of their
    /// grants, too, whenever those end.
    async fn part(&mut self, method: &'static str, id: &str, body: Value) -> bool {
        let mut grants = Vec::new();
        if let Some(holder) = self.holders[id].as_str() {
            let all = self.world.get(&format!("/grants?limit=1000&person_id={holder}")).await;
            let all = all["items"].as_array().unwrap().iter();
            grants.extend(all.map(|it| it["id"].as_str().unwrap().to_owned()));
        }
        let known = self.revocations().await;
        if self.wants(method, format!("/credentials/{id}"), body).await.is_none() {
            return false;
        }
        let mut made = self.revocations().await.into_keys();
        if let Some(made) = made.find(|it| !known.contains_key(it)) {
            self.parted.extend(grants.into_iter().map(|grant| (grant, made.clone())));
        }
        true
    }

    /// An instant some seconds from now, within bounds.
    fn instant(&mut self, from_s: i64, until_s: i64) -> String {
        let span = from_s + self.dice.below((until_s - from_s) as u64) as i64;
        Instant(self.world.now_us() + span * SECOND).to_string()
    }

    fn hours(&mut self) -> Value {
        let from = self.dice.below(24);
        let to = (from + 1 + self.dice.below(20)) % 24;
        let all = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let days = &all[self.dice.below(3) as usize..];
        let weekly =
            json!([{"days": days, "from": format!("{from:02}:00"), "to": format!("{to:02}:30")}]);
        let zones = [None, Some("America/New_York"), Some("Asia/Kolkata")];
        let zone = self.dice.pick(&zones).copied().flatten();
        let mut hours = json!({"time_zone": zone, "weekly": weekly});
        if self.dice.one_in(3) {
            let date = self.instant(-24 * HOUR, 72 * HOUR)[..10].to_owned();
            let windows = match self.dice.below(2) {
                0 => json!([]),
                _ => json!([{"from": "09:00", "to": "03:00"}]),
            };
            hours["exceptions"] = json!([{"date": date, "windows": windows}]);
        }
        hours
    }

    /// A schedule by name or in place, or none.
    fn some_hours(&mut self) -> Value {
        match self.dice.below(4) {
            0 => json!({"id": self.dice.pick(&self.schedules)}),
            1 => self.hours(),
            _ => Value::Null,
        }
    }

    pub(super) async fn add_grant(&mut self) {
        let subject = match self.dice.below(3) {
            0 => {
                json!({"credential_id": self.dice.pick(&self.credentials).map(|it| it.id.clone())})
            }
            _ => json!({"person_id": self.dice.pick(&self.people)}),
        };
        let target = match self.dice.below(3) {
            0 => json!({"access_level_id": self.dice.pick(&self.levels)}),
            _ => json!({"lock_id": self.dice.pick(&self.locks).map(|it| it.id.clone())}),
        };
        let mut body = json!({"subject": subject, "target": target,
            "schedule": self.some_hours(), "override_lockdown": self.dice.one_in(4)});
        if self.dice.one_in(3) {
            body["valid_from"] = json!(self.instant(-HOUR, 2 * HOUR));
            body["valid_until"] = json!(self.instant(3 * HOUR, 72 * HOUR));
        }
        if let Some(made) = self.wants("POST", "/grants".to_owned(), body).await {
            self.grants.push(made["id"].as_str().unwrap().to_owned());
        }
    }

    async fn revoke(&mut self) {
        if self.grants.is_empty() {
            return;
        }
        let mut at = self.dice.below(self.grants.len() as u64) as usize;
        let is_parted = |id: &String| self.parted.iter().any(|(grant, _)| grant == id);
        if self.dice.one_in(2) {
            at = self.grants.iter().position(is_parted).unwrap_or(at);
        }
        let id = self.grants.remove(at);
        self.end_grant(&id).await;
    }

    async fn end_grant(&mut self, id: &str) {
        let path = format!("/grants/{id}/revoke");
        if let Some(shown) = self.wants("POST", path, json!({})).await {
            self.check_ended(&shown).await;
        }
    }

    /// Two credentials change places between two locks with room for one each.
    async fn change_places(&mut self) {
        let mut former = std::mem::take(&mut self.places);
        for place in &former {
            self.end_grant(&place.grant).await;
        }
        let is_there = |place: &Place| self.credentials.iter().any(|it| it.id == place.credential);
        if former.len() == 2 && former.iter().all(is_there) {
            let (one, other) = former.split_at_mut(1);
            std::mem::swap(&mut one[0].lock, &mut other[0].lock);
        } else {
            let chosen = self.credentials.iter().zip(&self.locks).take(2);
            let place = |(held, lock): (&Held, &Lock)| Place {
                grant: String::new(),
                credential: held.id.clone(),
                lock: lock.id.clone(),
            };
            former = chosen.map(place).collect();
            for place in &former {
                let small = json!({"capacity": {"credentials": 1}});
                self.wants("PATCH", format!("/locks/{}", place.lock), small).await;
            }
        }
        for mut place in former {
            let body = json!({"subject": {"credential_id": place.credential},
                "target": {"lock_id": place.lock}});
            if let Some(made) = self.wants("POST", "/grants".to_owned(), body).await {
                place.grant = made["id"].as_str().unwrap().to_owned();
                self.places.push(place);
            }
        }
    }

    async fn edit_grant(&mut self) {
        let Some(id) = self.dice.pick(&self.grants).cloned() else { return };
        let body = match self.dice.below(3) {
            0 => json!({"schedule": self.some_hours()}),
            1 => json!({"valid_from": null, "valid_until": self.instant(-HOUR, 24 * HOUR)}),
            _ => json!({"valid_from": null, "valid_until": null}),
        };
        self.wants("PATCH", format!("/grants/{id}"), body).await;
    }

    async fn suspend(&mut self) {
        let Some(person) = self.dice.pick(&self.people).cloned() else { return };
        let verb = if self.dice.one_in(2) { "suspend" } else { "resume" };
        self.wants("POST", format!("/people/{person}/{verb}"), json!({})).await;
    }

    async fn lose(&mut self) {
        let Some(id) = self.dice.pick(&self.credentials).map(|it| it.id.clone()) else { return };
        let state = *self.dice.pick(&["lost", "disabled", "active", "active"]).unwrap();
        self.wants("PATCH", format!("/credentials/{id}"), json!({"state": state})).await;
    }

    async fn change_pin(&mut self) {
        if self.credentials.is_empty() {
            return;
        }
        let at = self.dice.below(self.credentials.len() as u64) as usize;
        let number = self.next();
        let pin = (!self.dice.one_in(3)).then(|| format!("{:04}", 1000 + number));
        let path = format!("/credentials/{}", self.credentials[at].id);
        if self.wants("PATCH", path, json!({"pin": pin})).await.is_some() {
            let former = std::mem::replace(&mut self.credentials[at].pin, pin);
            self.credentials[at].former.extend(former);
        }
    }

    async fn change_level(&mut self) {
        let Some(level) = self.dice.pick(&self.levels).cloned() else { return };
        let body = if self.dice.one_in(3) {
            json!({"schedule": self.some_hours()})
        } else {
            let mut locks: Vec<String> = self.locks.iter().map(|lock| lock.id.clone()).collect();
            let at = self.dice.below(3) as usize;
            drop(locks.remove(at));
            json!({"lock_ids": locks})
        };
        self.wants("PATCH", format!("/access-levels/{level}"), body).await;
    }

    async fn change_hours(&mut self) {
        let Some(id) = self.dice.pick(&self.schedules).cloned() else { return };
        let hours = self.hours();
        self.wants("PATCH", format!("/schedules/{id}"), hours).await;
    }

    async fn change_lock(&mut self) {
        let Some(lock) = self.dice.pick(&self.locks).cloned() else { return };
        let body = match self.dice.below(7) {
            0 => json!({"pin": self.dice.pick(&["never", "if_set", "if_set", "always"])}),
            1 => json!({"pin_schedule": self.some_hours()}),
            2 => json!({"unlock_schedule": self.some_hours()}),
            3 => json!({"time_zone": self.dice.pick(&["Europe/Stockholm", "Asia/Tokyo"])}),
            4 => json!({"capacity": self.dice.one_in(2).then(|| json!({"credentials": 2}))}),
            5 => json!({"mode": self.dice.pick(&["online", "allow_list", "allow_list"])}),
            _ => {
                let here = !self.dice.one_in(3);
                json!({"controller_id": here.then(|| self.controller_id.clone())})
            }
        };
        self.loses_events |= body.get("controller_id").is_some() || body.get("mode").is_some();
        self.wants("PATCH", format!("/locks/{}", lock.id), body).await;
    }

    async fn change_posture(&mut self) {
        let Some(lock) = self.dice.pick(&self.locks).cloned() else { return };
        let postures = ["lockdown", "free_access", "disabled", "normal", "normal", "normal"];
        let posture = *self.dice.pick(&postures).unwrap();
        let body = json!({"posture": posture, "lock_ids": [lock.id]});
        self.wants("POST", "/posture".to_owned(), body).await;
    }

    async fn change_room(&mut self) {
        let capacity = (!self.dice.one_in(3)).then(|| 1 + self.dice.below(5));
        let path = format!("/controllers/{}", self.controller_id);
        self.wants("PATCH", path, json!({"capacity": capacity})).await;
    }

    async fn change_priority(&mut self) {
        let Some(id) = self.dice.pick(&self.credentials).map(|it| it.id.clone()) else { return };
        let priority = self.dice.below(10);
        self.wants("PATCH", format!("/credentials/{id}"), json!({"priority": priority})).await;
    }
}
