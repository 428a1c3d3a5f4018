//! A program written for Unloc's API: it gives access and takes it back there, and the virtual
//! locks must open and stay shut accordingly.
//!
//! What it gives access to is its own: locks of a virtual connection and phones nobody else has.
//! The visitors of the building are as certain as without it, and at the end it clears up.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, ClientError};
use crate::tally::{Surprise, Tally};
use crate::wire::{DecisionBody, TokenAnswer};

/// How many locks it has, and how many phones.
const LOCKS: usize = 4;
const PHONES: usize = 4;

/// Who may open where: index of the phone, index of the lock.
type Pair = (usize, usize);

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    job_ref: Id,
}

#[derive(Deserialize)]
struct Finished {
    job: Job,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    status: String,
    result_data: JobResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobResult {
    #[serde(default)]
    created_keys: Vec<Id>,
    #[serde(default)]
    lock_connection: Option<Connection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    id: String,
    lock_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    access_group: Id,
}

#[derive(Deserialize)]
struct Bell {
    doorbell: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Users {
    managed_users: Vec<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    uuid: String,
    app_user_id: String,
}

/// Runs the program once; the tally counts what was checked at the locks.
///
/// Errors with the first request that is refused or not answered.
pub(crate) async fn run(client: &Client, seed: u64, tally: &mut Tally) -> Result<(), ClientError> {
    let phone = |number| format!("+8835{:05}{number:02}", seed % 100_000);
    let phones: Vec<String> = (0..PHONES).map(phone).collect();
    let mut program = Program { client, token: token(client).await?, phones, locks: Vec::new() };
    let connection = program.connect().await?;
    let done = program.work(tally).await;
    // What it made goes even where it was refused something in between.
    program.clear_up(&connection, tally).await?;
    done
}

async fn token(client: &Client) -> Result<String, ClientError> {
    let (id, secret) = client.secret().unwrap_or_default();
    let body = json!({
        "grant_type": "client_credentials", "client_id": id, "client_secret": secret,
        "scope": "project.admin", "project_id": client.place(),
    });
    let path = "/compat/unloc/v2/auth/token/";
    let answer: TokenAnswer = client.elsewhere(Method::POST, path, None, &body).await?;
    Ok(answer.access_token)
}

struct Program<'a> {
    client: &'a Client,
    token: String,
    phones: Vec<String>,
    locks: Vec<String>,
}

impl Program<'_> {
    async fn ask<A>(&self, method: Method, path: &str, body: Value) -> Result<A, ClientError>
    where
        A: serde::de::DeserializeOwned,
    {
        let path = format!("/compat/unloc/v2/projects/{}/{path}", self.client.place());
        self.client.elsewhere(method, &path, Some(&self.token), &body).await
    }

    /// The job that a request began; it is over within the wait of one look.
    async fn job(&self, started: Started) -> Result<Job, ClientError> {
        let path = format!("jobs/{}", started.job_ref.id);
        let finished: Finished = self.ask(Method::GET, &path, Value::Null).await?;
        Ok(finished.job)
    }

    async fn connect(&mut self) -> Result<String, ClientError> {
        let body = json!({ "locksToCreate": LOCKS, "name": "Unloc program" });
        let started = self.ask(Method::POST, "lock-connections/virtual", body).await?;
        let made = self.job(started).await?.result_data.lock_connection;
        let Some(Connection { id, lock_ids }) = made else {
            let detail = "the job names no connection";
            return Err(ClientError::unexpected("POST lock-connections/virtual", detail));
        };
        self.locks = lock_ids;
        Ok(id)
    }

    /// A group that changes, a key and a doorbell; after each step everybody tries every lock.
    async fn work(&self, tally: &mut Tally) -> Result<(), ClientError> {
        let (locks, phones) = (&self.locks, &self.phones);
        if locks.len() != LOCKS {
            return Err(ClientError::unexpected("POST lock-connections/virtual", "too few locks"));
        }
        let body = json!({
            "name": "Unloc program", "lockIds": locks[..2], "appUserIds": phones[..2],
        });
        let made: Group = self.ask(Method::POST, "access-groups", body).await?;
        let group = format!("access-groups/{}", made.access_group.id);
        self.check("a group was made", &[(0, 0), (0, 1), (1, 0), (1, 1)], tally).await?;

        let body = json!({
            "appUserIdsToAdd": [phones[2]], "appUserIdsToRemove": [phones[0]],
            "lockIdsToAdd": [locks[2]], "lockIdsToRemove": [locks[0]],
        });
        self.ask::<Group>(Method::POST, &format!("{group}/update-accesses"), body).await?;
        let updated = [(1, 1), (1, 2), (2, 1), (2, 2)];
        self.check("the group was updated", &updated, tally).await?;

        let key = json!({ "keys": [{ "lockId": locks[3], "appUserId": phones[0] }] });
        let started = self.ask(Method::POST, "keys", key).await?;
        let job = self.job(started).await?;
        let Some(key) = job.result_data.created_keys.first().filter(|_| job.status == "succeeded")
        else {
            return Err(ClientError::unexpected("POST keys", "the job made no key"));
        };
        let list = json!({ "name": "All", "doorbellUsers": [{
            "appUserId": phones[3], "name": "A visitor's host",
        }]});
        let body = json!({
            "name": "Unloc program", "lockId": locks[3], "doorbellUserLists": [list],
        });
        let bell: Bell = self.ask(Method::POST, "doorbells/", body).await?;
        let all = [&updated[..], &[(0, 3), (3, 3)]].concat();
        self.check("a key and a doorbell were made", &all, tally).await?;

        self.ask::<Value>(Method::DELETE, &format!("keys/{}", key.id), Value::Null).await?;
        let path = format!("doorbells/{}", bell.doorbell.id);
        self.ask::<Value>(Method::DELETE, &path, Value::Null).await?;
        self.check("key and doorbell were taken back", &updated, tally).await?;

        self.ask::<Value>(Method::DELETE, &group, Value::Null).await?;
        self.check("the group was deleted", &[], tally).await
    }

    /// Everybody tries every lock: exactly these pairs must open.
    async fn check(
        &self,
        after: &str,
        open: &[Pair],
        tally: &mut Tally,
    ) -> Result<(), ClientError> {
        let people = self.people().await?;
        for (who, phone) in self.phones.iter().enumerate() {
            for (at, lock) in self.locks.iter().enumerate() {
                let expected = if open.contains(&(who, at)) { "granted" } else { "denied" };
                let (got, event_id) = match people.get(phone) {
                    // Whom the place does not know cannot even ask.
                    None => ("denied".to_owned(), None),
                    Some(person) => {
                        let body = DecisionBody {
                            lock_id: lock.clone(),
                            person_id: Some(person.clone()),
                            ..DecisionBody::default()
                        };
                        let decision = self.client.decide(&body).await?;
                        (decision.result, decision.event_id)
                    }
                };
                tally.checks += 1;
                if got != expected {
                    tally.surprise(Surprise {
                        visit: format!("phone {who} at virtual lock {at} after {after}"),
                        wrong: "the lock does not follow the Unloc program".to_owned(),
                        expected: expected.to_owned(),
                        got,
                        event_id,
                    });
                }
            }
        }
        Ok(())
    }

    /// The ids of those of the phones that the place knows.
    async fn people(&self) -> Result<BTreeMap<String, String>, ClientError> {
        let mut known = BTreeMap::new();
        for phone in &self.phones {
            let path = format!("managed-users?appUserId={}", phone.replace('+', "%2B"));
            let found: Users = self.ask(Method::GET, &path, Value::Null).await?;
            known.extend(found.managed_users.into_iter().map(|user| (user.app_user_id, user.uuid)));
        }
        Ok(known)
    }

    /// Plays the vendor who takes the locks away, so that a refresh off-boards them, and forgets
    /// the phones.
    async fn clear_up(&self, connection: &str, tally: &mut Tally) -> Result<(), ClientError> {
        let native = self.client.in_place(&format!("controllers/{connection}"));
        let nothing = json!({ "settings": { "virtual_locks": [] } });
        self.client.ask::<Value>(Method::PATCH, &native, &nothing).await?;
        let path = format!("lock-connections/{connection}/refresh");
        let started = self.ask(Method::PUT, &path, Value::Null).await?;
        let left = self.job(started).await?.result_data.lock_connection;
        tally.checks += 1;
        let left = left.map_or(0, |connection| connection.lock_ids.len());
        if left > 0 {
            tally.surprise(Surprise {
                visit: "the vendor took all virtual locks away".to_owned(),
                wrong: "a refresh left locks".to_owned(),
                expected: "no lock".to_owned(),
                got: format!("{left} locks"),
                event_id: None,
            });
        }
        self.client.ask::<Value>(Method::DELETE, &native, &Value::Null).await?;
        for id in self.people().await?.into_values() {
            self.ask::<Value>(Method::DELETE, &format!("managed-users/{id}"), Value::Null).await?;
        }
        Ok(())
    }
}
