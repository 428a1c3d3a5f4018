//! What must hold at every moment, and what once all has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use claviger_sim::controller::ItemKind;
use serde_json::{Value, json};

use super::history::{Held, History, Lock};
use super::world::SECOND;

/// Who opens where, by the server's word: credential and lock.
pub(super) type Rights = BTreeMap<(String, String), bool>;

/// A right that was taken back: what was made of it says when the lock was told.
pub(super) struct Obligation {
    revocation: String,
    credential: Held,
    lock: Lock,
}

/// Reasons of a lock that concern whoever stands before it.
const OF_THE_LOCK: [&str; 3] = ["lock_disabled", "lockdown", "pin_not_set"];

/// How a grant stands that was closed while a list may let in by it still.
const ENDED: [&str; 2] = ["revocation_pending", "expired"];

impl History {
    /// What the server decides about a credential at a lock: nothing where it opens.
    async fn reasons(&self, held: &Held, lock: &Lock, at_us: Option<i64>) -> Vec<String> {
        let mut body = json!({"lock_id": lock.id, "credential_id": held.id});
        match at_us {
            Some(at) => body["at"] = json!(claviger_app::Instant(at).to_string()),
            None => body["record"] = json!(false),
        }
        let (status, answer) = self.world.ask("POST", "/decisions", Some(body)).await;
        if status == 404 {
            return vec!["deleted".to_owned()];
        }
        assert_eq!(status, 200, "{answer}");
        let reasons = answer["reasons"].as_array().unwrap().iter();
        reasons.map(|it| it["code"].as_str().unwrap().to_owned()).collect()
    }

    /// Who opens where at this moment.
    pub(super) async fn all_rights(&self) -> Rights {
        let mut rights = Rights::new();
        for held in &self.credentials {
            for lock in &self.locks {
                let opens = self.reasons(held, lock, None).await.is_empty();
                rights.insert((held.id.clone(), lock.id.clone()), opens);
            }
        }
        rights
    }

    fn accepts(&self, held: &Held, lock: &Lock, pin: Option<&str>) -> bool {
        let verdict = self.controller.decide(lock.number, &held.shown, pin, self.world.now_us());
        let key = verdict.credential_id.map(|id| (ItemKind::Credential, id));
        // What nobody sent as it is has no word that could be kept or broken.
        verdict.opens
            && verdict.method != "free_access"
            && key.is_some_and(|key| !self.controller.drifted().contains(&key))
    }

    pub(super) async fn revocations(&self) -> BTreeMap<String, Value> {
        let all = self.world.get("/revocations?limit=1000").await;
        let items = all["items"].as_array().unwrap().iter();
        items.map(|it| (it["id"].as_str().unwrap().to_owned(), it.clone())).collect()
    }

    /// What was just taken away and is still accepted must be on its way to be told.
    pub(super) async fn note_obligations(
        &mut self,
        before: &Rights,
        known: &BTreeMap<String, Value>,
    ) {
        let all = self.revocations().await;
        let everybody: Vec<Held> = self.credentials.iter().chain(&self.gone).cloned().collect();
        for held in everybody {
            for lock in self.locks.clone() {
                let key = (held.id.clone(), lock.id.clone());
                if before.get(&key) != Some(&true)
                    || !self.accepts(&held, &lock, held.pin.as_deref())
                {
                    continue;
                }
                let reasons = self.reasons(&held, &lock, None).await;
                if reasons.iter().all(|it| OF_THE_LOCK.contains(&it.as_str())) {
                    continue;
                }
                // What an earlier command took from the list already is told with that.
                let pending = |(_, it): &(&String, &Value)| state(it, &lock) == Some("pending");
                let fresh = all.iter().filter(|(id, _)| !known.contains_key(*id)).find(pending);
                let Some((id, _)) = fresh.or_else(|| all.iter().rfind(pending)) else {
                    panic!("{} is accepted at {} against {reasons:?}: {all:?}", held.id, lock.id)
                };
                let revocation = id.clone();
                self.obligations.push(Obligation { revocation, credential: held.clone(), lock });
            }
        }
    }

    /// A grant that was just closed is not revoked while its lock accepts, against the server's
    /// word, what it was given to.
    pub(super) async fn check_ended(&self, grant: &Value) {
        let subject = &grant["subject"];
        let mut given: Vec<Value> = vec![subject["credential_id"].clone()];
        if let Some(person) = subject["person_id"].as_str() {
            let own = self.world.get(&format!("/credentials?person_id={person}")).await;
            given = own["items"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
        }
        let at = |lock: &&Lock| grant["target"]["lock_id"] == lock.id;
        let Some(lock) = self.locks.iter().find(at) else { return };
        let all = self.revocations().await;
        let ended = grant["state"].as_str().unwrap();
        for (_, revocation) in self.parted.iter().filter(|(it, _)| grant["id"] == *it) {
            let is_over = state(&all[revocation], lock) != Some("pending");
            let known = ENDED.contains(&ended);
            assert!(is_over || known, "{revocation} is pending at {}: {grant}", lock.id);
        }
        for held in self.credentials.iter().filter(|held| given.contains(&json!(held.id))) {
            if !self.accepts(held, lock, held.pin.as_deref()) {
                continue;
            }
            let reasons = self.reasons(held, lock, None).await;
            let of_the_lock = reasons.iter().all(|it| OF_THE_LOCK.contains(&it.as_str()));
            assert!(
                of_the_lock || ENDED.contains(&ended),
                "{} is accepted at {} against {reasons:?}: {grant}",
                held.id,
                lock.id
            );
        }
    }

    /// What must hold at every moment.
    pub(super) async fn check(&self) {
        assert_eq!(self.controller.breaches(), [""; 0]);
        for (kind, id, version) in self.controller.items() {
            let item = (kind.word().to_owned(), id.to_owned(), version);
            let drifted = self.controller.drifted().contains(&(kind, id.to_owned()));
            assert!(drifted || self.sent.contains(&item), "nobody sent {item:?}");
        }
        self.check_told().await;
        self.check_differences().await;
        self.check_applied().await;
    }

    /// Where a right is applied, the controller has what it takes to let its holder in.
    async fn check_applied(&self) {
        if self.is_astray {
            return;
        }
        let items: BTreeSet<(ItemKind, &str)> =
            self.controller.items().map(|(kind, id, _)| (kind, id)).collect();
        let all = self.world.get("/locks?limit=100").await;
        let all = all["items"].as_array().unwrap();
        let is_listed = |lock: &&Lock| {
            let shown = all.iter().find(|it| it["id"] == lock.id).unwrap();
            shown["mode"] == "allow_list" && shown["controller_id"] == self.controller_id
        };
        let listed: Vec<&Lock> = self.locks.iter().filter(is_listed).collect();
        for held in &self.credentials {
            let status = self.world.get(&format!("/credentials/{}/status", held.id)).await;
            let systems = status["systems"].as_array().unwrap().iter();
            for system in systems.filter(|it| it["status"] == "applied") {
                let there = system["lock_ids"].as_array().unwrap();
                for lock in listed.iter().filter(|lock| there.contains(&json!(lock.id))) {
                    let needs = [(ItemKind::Credential, &*held.id), (ItemKind::Lock, &*lock.id)];
                    let lacks = needs.iter().find(|item| !items.contains(item));
                    assert_eq!(lacks, None, "applied: {status}");
                    let now = self.world.now_us();
                    let pin = held.pin.as_deref();
                    let verdict = self.controller.decide(lock.number, &held.shown, pin, now);
                    let reasons = self.reasons(held, lock, None).await;
                    assert!(
                        !reasons.is_empty() || !verdict.reasons.contains(&"no_grant"),
                        "{} is applied at {}: {verdict:?}",
                        held.id,
                        lock.id
                    );
                }
            }
        }
    }

    /// Whatever is told is not accepted, unless it was given again.
    async fn check_told(&self) {
        let all = self.revocations().await;
        for it in &self.obligations {
            let revocation = &all[&it.revocation];
            if state(revocation, &it.lock) == Some("pending") {
                continue;
            }
            // As long as it has that PIN: another is another matter.
            let held = self.credentials.iter().find(|held| held.id == it.credential.id);
            let pin = held.map_or(&it.credential.pin, |held| &held.pin);
            if !self.accepts(&it.credential, &it.lock, pin.as_deref()) {
                continue;
            }
            let reasons = self.reasons(&it.credential, &it.lock, None).await;
            let of_the_lock = reasons.iter().all(|it| OF_THE_LOCK.contains(&it.as_str()));
            let again = History::is_pending_again(&all, it);
            assert!(
                of_the_lock || again,
                "{} is told, and {} is accepted at {} against {reasons:?}",
                it.revocation,
                it.credential.id,
                it.lock.id
            );
        }
    }

    /// Whether something was taken back there once more: the same right may have been given again,
    /// and taken while the lock was not in the list, or opened another way.
    fn is_pending_again(all: &BTreeMap<String, Value>, it: &Obligation) -> bool {
        let mut later = all.range(it.revocation.clone()..);
        later.any(|(_, revocation)| state(revocation, &it.lock) == Some("pending"))
    }

    /// Where the controller decides otherwise than the server, the server knows that something is
    /// pending there.
    async fn check_differences(&self) {
        let panel = self.panel().await;
        let is_open = panel["status"]["pending"] == 0 && self.controller.drifted().is_empty();
        if !is_open {
            return;
        }
        for held in self.credentials.iter().chain(&self.gone) {
            for lock in &self.locks {
                let former = held.former.iter().find(|pin| {
                    self.accepts(held, lock, Some(pin)) && !self.accepts(held, lock, None)
                });
                assert_eq!(former, None, "a former PIN of {} at {}", held.id, lock.id);
                if !self.accepts(held, lock, held.pin.as_deref()) {
                    continue;
                }
                let reasons = self.reasons(held, lock, None).await;
                assert!(
                    reasons.is_empty(),
                    "nothing is pending, and {} is accepted at {} against {reasons:?}",
                    held.id,
                    lock.id
                );
            }
        }
    }

    pub(super) async fn panel(&self) -> Value {
        self.world.get(&format!("/controllers/{}", self.controller_id)).await
    }

    /// Actual is desired, and every revocation is told.
    pub(super) async fn check_rest(&mut self) {
        let panel = self.panel().await;
        let status = &panel["status"];
        assert_eq!((&status["pending"], &status["state"]), (&json!(0), &json!("ok")), "{panel}");
        self.check().await;
        self.controller.look_over();
        let call = self.controller.call(0, self.world.now_us());
        let answer = self.sync(call).await;
        assert_eq!((&answer["ask"], &answer["changes"]), (&json!([]), &json!([])), "{answer}");
        for (id, revocation) in self.revocations().await {
            let locks = revocation["locks"].as_array().unwrap();
            assert!(locks.iter().all(|it| it["state"] != "pending"), "{id}: {revocation}");
        }
        let kinds = self.controller.items().filter(|(kind, ..)| *kind == ItemKind::Credential);
        let stored: BTreeSet<String> = kinds.map(|(_, id, _)| id.to_owned()).collect();
        assert_eq!(status["stored"], stored.len(), "{panel}");
        if let Some(most) = panel["capacity"].as_u64() {
            assert!(stored.len() as u64 <= most, "{panel}");
        }
        let missing = self.check_agreement(&stored).await;
        if panel["capacity"].is_null() && !self.has_small_locks().await {
            assert_eq!((missing.len(), &status["not_stored"]), (0, &json!(0)), "{missing:?}");
        }
        self.check_events().await;
    }

    async fn has_small_locks(&self) -> bool {
        let all = self.world.get("/locks?limit=100").await;
        all["items"].as_array().unwrap().iter().any(|it| !it["capacity"].is_null())
    }

    /// Controller and server decide alike, now and at other times; who has a right and does not
    /// stand in the list.
    async fn check_agreement(&self, stored: &BTreeSet<String>) -> BTreeSet<String> {
        let mut missing = BTreeSet::new();
        let all = self.world.get("/locks?limit=100").await;
        let listed = |lock: &&Lock| {
            let it = all["items"].as_array().unwrap().iter().find(|it| it["id"] == lock.id);
            it.is_some_and(|it| {
                it["mode"] == "allow_list" && it["controller_id"] == self.controller_id
            })
        };
        let small = self.has_small_locks().await;
        let now = self.world.now_us() + SECOND;
        for held in &self.credentials {
            for lock in self.locks.iter().filter(listed) {
                for hours in [0, 1, 5, 9, 14, 26, 49, 75] {
                    let at = now + hours * 3600 * SECOND;
                    let reasons = self.reasons(held, lock, Some(at)).await;
                    let pin = held.pin.as_deref();
                    let verdict = self.controller.decide(lock.number, &held.shown, pin, at);
                    let cut = !stored.contains(&held.id) || small;
                    if reasons.is_empty() && !verdict.opens && cut {
                        missing.insert(held.id.clone());
                        continue;
                    }
                    assert_eq!(
                        verdict.opens,
                        reasons.is_empty(),
                        "{} at {} in {hours} h: {verdict:?} {reasons:?}",
                        held.id,
                        lock.id
                    );
                }
            }
        }
        missing
    }

    /// Every decision of the controller is there once, of who had the credential then.
    async fn check_events(&self) {
        let all = self.world.get("/events?limit=1000").await;
        let items = all["items"].as_array().unwrap().iter();
        for event in items.clone() {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let whose = self.whose.get(&(text("occurred_at"), text("credential_id")));
            assert_eq!(event["person_id"], *whose.unwrap_or(&Value::Null), "{event}");
        }
        let decided =
            |it: &&Value| matches!(it["kind"].as_str(), Some("access_granted" | "access_denied"));
        let count = items.filter(decided).count() as u64;
        assert_eq!(self.controller.events_waiting(), 0);
        assert!(count <= self.presented, "{count} of {}", self.presented);
        assert!(self.loses_events || count == self.presented, "{count} of {}", self.presented);
    }
}

fn state<'a>(revocation: &'a Value, lock: &Lock) -> Option<&'a str> {
    let locks = revocation["locks"].as_array()?.iter();
    locks.filter(|it| it["lock_id"] == lock.id).find_map(|it| it["state"].as_str())
}
