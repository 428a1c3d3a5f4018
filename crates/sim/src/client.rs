//! The HTTP side: one place of one server, asked as an API client.
//!
//! Plain `http://` only (a TLS front end belongs before the server, not in the simulator), and no
//! knowledge of what is asked: callers bring the path under the place and the body.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::wire::{Decision, DecisionBody, Object, Problem, TokenAnswer, TokenBody};

/// How long a lock waits at the door; no answer means closed.
const AT_THE_DOOR: Duration = Duration::from_secs(5);
/// How long furnishing waits for one write.
const FURNISHING: Duration = Duration::from_secs(30);
/// How often a write is tried; every one is a PUT or as repeatable as one.
const TRIES: u32 = 4;

/// How the simulator proves who it is.
#[derive(Clone)]
pub enum Login {
    /// An API key or an access token that outlives the run.
    Token(String),
    /// An OAuth2 client; its access token is fetched, and again when the server says 401.
    Client {
        /// Client id.
        id: String,
        /// Client secret.
        secret: String,
    },
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Login::Token(_) => f.write_str("Token(…)"),
            Login::Client { id, .. } => write!(f, "Client {{ id: {id:?}, … }}"),
        }
    }
}

/// Why the server did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base address is not one that can be asked.
    #[error("{0:?} is not a base address like http://127.0.0.1:8080")]
    BaseUrl(String),
    /// No connection, or no answer in time.
    #[error("{what}: no answer: {source}")]
    Unreachable {
        /// Method and path.
        what: String,
        /// What went wrong below.
        source: reqwest::Error,
    },
    /// An answer other than 2xx.
    #[error("{what}: {status} {code}: {detail}")]
    Refused {
        /// Method and path.
        what: String,
        /// HTTP status.
        status: u16,
        /// Stable word of the API; empty when the body was no problem document.
        code: String,
        /// Sentence of the API with the fields it complains about.
        detail: String,
    },
    /// A 2xx with a body that is not what the API promises.
    #[error("{what}: unreadable answer: {source}")]
    Unreadable {
        /// Method and path.
        what: String,
        /// Where it failed.
        source: serde_json::Error,
    },
}

impl ClientError {
    /// An answer that says it is right, and is not what was asked for.
    pub(crate) fn unexpected(what: &str, detail: &str) -> ClientError {
        ClientError::Refused {
            what: what.to_owned(),
            status: 200,
            code: "unexpected".to_owned(),
            detail: detail.to_owned(),
        }
    }

    /// A few words to count by: `timeout`, `unreachable`, `unreadable` or status and code.
    pub fn kind(&self) -> String {
        match self {
            ClientError::BaseUrl(_) => "base address".to_owned(),
            ClientError::Unreachable { source, .. } if source.is_timeout() => "timeout".to_owned(),
            ClientError::Unreachable { .. } => "unreachable".to_owned(),
            ClientError::Refused { status, code, .. } => format!("{status} {code}"),
            ClientError::Unreadable { .. } => "unreadable".to_owned(),
        }
    }

    fn passes(&self) -> bool {
        match self {
            ClientError::Unreachable { .. } => true,
            ClientError::Refused { status, .. } => matches!(status, 429 | 503),
            ClientError::BaseUrl(_) | ClientError::Unreadable { .. } => false,
        }
    }
}

/// Asks one place of one server. Cheap to clone; clones share connections and token.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    root: String,
    place: String,
    login: Login,
    token: Mutex<Option<Arc<str>>>,
}

impl Client {
    /// For the place with this id at a server like `http://127.0.0.1:8080`; asks nothing yet.
    pub fn new(base_url: &str, place: &str, login: Login) -> Result<Self, ClientError> {
        let root = base_url.trim_end_matches('/').to_owned();
        if !root.starts_with("http://") {
            return Err(ClientError::BaseUrl(root));
        }
        // A lock talks to its server directly, whatever proxy the shell is set up for.
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .map_err(|source| ClientError::Unreachable { what: root.clone(), source })?;
        let place = place.to_owned();
        let token = Mutex::new(None);
        Ok(Client { inner: Arc::new(Inner { http, root, place, login, token }) })
    }

    /// The same client at another place of the same server.
    pub(crate) fn at(&self, place: &str) -> Client {
        let Inner { http, root, login, .. } = &*self.inner;
        let (http, root, login) = (http.clone(), root.clone(), login.clone());
        let (place, token) = (place.to_owned(), Mutex::new(None));
        Client { inner: Arc::new(Inner { http, root, place, login, token }) }
    }

    /// Creates or replaces `noun` with this external id, trying again while the server is busy.
    pub(crate) async fn put(
        &self,
        noun: &str,
        external_id: &str,
        body: &impl Serialize,
    ) -> Result<Object, ClientError> {
        self.write(Method::PUT, &format!("{noun}/external:{external_id}"), body).await
    }

    /// Does an action that may be done twice, such as suspending.
    pub(crate) async fn act(
        &self,
        noun: &str,
        id: &str,
        verb: &str,
    ) -> Result<Object, ClientError> {
        let nothing = serde_json::Map::new();
        self.write(Method::POST, &format!("{noun}/{id}/{verb}"), &nothing).await
    }

    /// Asks whether a lock opens. Never tried again: a lock that waited is a lock that stays shut.
    pub(crate) async fn decide(&self, body: &DecisionBody) -> Result<Decision, ClientError> {
        let what = "POST decisions";
        let body = encode(what, body)?;
        let sent = self.exchange(Method::POST, "decisions", body, true, AT_THE_DOOR).await?;
        read(what, sent).await
    }

    /// Posts any text as JSON to a path under the place and says only which status came back.
    pub(crate) async fn probe(
        &self,
        path: &str,
        body: String,
        with_token: bool,
    ) -> Result<u16, ClientError> {
        let sent = self.exchange(Method::POST, path, body, with_token, AT_THE_DOOR).await?;
        Ok(sent.status().as_u16())
    }

    /// The client's id and secret, where it has any.
    pub(crate) fn secret(&self) -> Option<(&str, &str)> {
        match &self.inner.login {
            Login::Token(_) => None,
            Login::Client { id, secret } => Some((id, secret)),
        }
    }

    /// Id of the place.
    pub(crate) fn place(&self) -> &str {
        &self.inner.place
    }

    /// The path of something in the place.
    pub(crate) fn in_place(&self, path: &str) -> String {
        format!("/api/v1/places/{}/{path}", self.inner.place)
    }

    /// Asks any path of the server once, as this client.
    pub(crate) async fn ask<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<A, ClientError> {
        let token = self.token(None).await?;
        self.elsewhere(method, path, Some(&token), body).await
    }

    /// Asks any path of the server once, with any token; an answer without a body is `null`.
    pub(crate) async fn elsewhere<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &serde_json::Value,
    ) -> Result<A, ClientError> {
        let what = format!("{method} {path}");
        let mut request = self.inner.http.request(method, format!("{}{path}", self.inner.root));
        if !body.is_null() {
            request = request.json(body);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let sent = request.timeout(FURNISHING).send().await;
        let sent =
            sent.map_err(|source| ClientError::Unreachable { what: what.clone(), source })?;
        read(&what, sent).await
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Object, ClientError> {
        let what = format!("{method} {path}");
        let body = encode(&what, body)?;
        let mut tried = 1;
        loop {
            let sent = self.exchange(method.clone(), path, body.clone(), true, FURNISHING).await;
            let answer = match sent {
                Ok(response) => read(&what, response).await,
                Err(error) => Err(error),
            };
            match answer {
                Err(error) if error.passes() && tried < TRIES => {
                    tokio::time::sleep(Duration::from_millis(250) * tried).await;
                    tried += 1;
                }
                other => return other,
            }
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: String,
        with_token: bool,
        patience: Duration,
    ) -> Result<Response, ClientError> {
        let inner = &self.inner;
        let url = format!("{}{}", inner.root, self.in_place(path));
        let request = inner
            .http
            .request(method.clone(), url)
            .header("content-type", "application/json")
            .timeout(patience)
            .body(body);
        let lost = |source| ClientError::Unreachable { what: format!("{method} {path}"), source };
        if !with_token {
            return request.send().await.map_err(lost);
        }
        let token = self.token(None).await?;
        let again = request.try_clone().filter(|_| matches!(inner.login, Login::Client { .. }));
        let response = request.bearer_auth(&token).send().await.map_err(lost)?;
        match again {
            Some(again) if response.status() == StatusCode::UNAUTHORIZED => {
                let token = self.token(Some(&token)).await?;
                again.bearer_auth(token).send().await.map_err(lost)
            }
            _ => Ok(response),
        }
    }

    /// The token in use, fetched when there is none or it is the one that was `refused`.
    pub(crate) async fn token(&self, refused: Option<&str>) -> Result<Arc<str>, ClientError> {
        let inner = &self.inner;
        let (id, secret) = match &inner.login {
            Login::Token(token) => return Ok(token.as_str().into()),
            Login::Client { id, secret } => (id, secret),
        };
        // Held while fetching, so that many visits that find the token expired fetch one.
        let mut kept = inner.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| refused != Some(&***token)) {
            return Ok(token.clone());
        }
        let what = "POST /oauth/token";
        let body =
            TokenBody { grant_type: "client_credentials", client_id: id, client_secret: secret };
        let sent = inner.http.post(format!("{}/oauth/token", inner.root)).timeout(AT_THE_DOOR);
        let sent = sent.json(&body).send().await;
        let sent = sent.map_err(|source| ClientError::Unreachable { what: what.into(), source })?;
        let answer: TokenAnswer = read(what, sent).await?;
        let token: Arc<str> = answer.access_token.into();
        *kept = Some(token.clone());
        Ok(token)
    }
}

fn encode(what: &str, body: &impl Serialize) -> Result<String, ClientError> {
    serde_json::to_string(body)
        .map_err(|source| ClientError::Unreadable { what: what.to_owned(), source })
}

async fn read<A: DeserializeOwned>(what: &str, response: Response) -> Result<A, ClientError> {
    let what = what.to_owned();
    let status = response.status();
    let text = match response.text().await {
        Ok(text) => text,
        Err(source) => return Err(ClientError::Unreachable { what, source }),
    };
    if status.is_success() {
        let text = if text.is_empty() { "null" } else { &text };
        return serde_json::from_str(text)
            .map_err(|source| ClientError::Unreadable { what, source });
    }
    let problem: Problem = serde_json::from_str(&text).unwrap_or_default();
    let mut detail = problem.detail;
    for field in &problem.errors {
        detail.push_str(&format!(" [{} {}]", field.pointer, field.code));
    }
    Err(ClientError::Refused { what, status: status.as_u16(), code: problem.code, detail })
}
