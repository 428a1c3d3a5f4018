//! A controller's connection to a server: one call at a time, and what to do when none is answered.
//!
//! It carries bodies to and fro and decides nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::watch;

use super::{Controller, Taken};
use crate::calendar::now_us;
use crate::client::{Client, ClientError};
use crate::traffic::asked_to_stop;

/// How long a call may be held; well below what a request waits for.
const WAIT_S: u64 = 15;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The connection of one controller.
#[derive(Debug, Clone)]
pub struct Line {
    client: Client,
    path: String,
    token: String,
}

impl Line {
    /// To the controller with this id in the client's place, by a token of its own.
    #[must_use]
    pub fn new(client: &Client, controller_id: &str, token: impl Into<String>) -> Line {
        let place = client.place();
        let path = format!("/api/v1/places/{place}/controllers/{controller_id}/sync");
        Line { client: client.clone(), path, token: token.into() }
    }

    /// One call and what becomes of its answer.
    ///
    /// # Errors
    /// It was refused or not answered; the controller knows.
    pub async fn talk(
        &self,
        controller: &Mutex<Controller>,
        wait_s: u64,
    ) -> Result<Taken, ClientError> {
        let held = || controller.lock().unwrap_or_else(PoisonError::into_inner);
        let call = held().call(wait_s, now_us());
        let asked = self.client.elsewhere(Method::POST, &self.path, Some(&self.token), &call);
        let answer: Result<Value, _> = asked.await;
        let latency = held().traits().latency;
        tokio::time::sleep(latency).await;
        let mut controller = held();
        match answer {
            Ok(answer) => Ok(controller.take(&answer, now_us())),
            Err(error) => {
                controller.unanswered();
                Err(error)
            }
        }
    }

    /// Calls for as long as `online` is true, until a stop is asked for.
    pub async fn keep(
        &self,
        controller: &Mutex<Controller>,
        mut online: watch::Receiver<bool>,
        mut stop: watch::Receiver<bool>,
    ) {
        let calling = async {
            let mut pause = FIRST_PAUSE;
            while online.wait_for(|online| *online).await.is_ok() {
                // What happened meanwhile is told without waiting for news.
                let has_news = controller.lock().unwrap_or_else(PoisonError::into_inner).has_news();
                let wait_s = if has_news { 0 } else { WAIT_S };
                match self.talk(controller, wait_s).await {
                    Ok(_) => pause = FIRST_PAUSE,
                    Err(_) => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
        };
        tokio::select! {
            () = calling => {}
            () = asked_to_stop(&mut stop) => {}
        }
    }
}
