//! Actors that call URLs of a whole server without a socket, on every engine of storage.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use claviger_app::{App, Clock, Settings, setup};
use claviger_domain::time::Zone;
use claviger_store::testing::{engines, folder};
use claviger_store::{Location, Secrets, Store};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A server with one organization, one place and the set-up client.
pub struct World {
    pub app: App,
    pub router: Router,
    pub place: String,
    pub admin: Actor,
    pub setup_code: String,
    pub outbox: PathBuf,
    pub location: Location,
    pub secrets: Arc<Secrets>,
}

/// Somebody with a bearer token, or nobody.
#[derive(Clone)]
pub struct Actor {
    router: Router,
    pub token: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// The body of an answer with that status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The body of a problem with that status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        self.body
    }

    /// A header as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl Actor {
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[], Some(body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, &[], Some(body.to_string())).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, &[], Some(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None).await
    }

    pub fn with(&self, token: Option<String>) -> Actor {
        Actor { router: self.router.clone(), token }
    }
}

impl World {
    /// Starts a server over a database and sets it up.
    pub async fn start(location: Location) -> World {
        let home = folder();
        let secrets = Arc::new(Secrets::load_or_create(&home.join("secrets"), false).unwrap());
        let outbox = home.join("outbox");
        let (app, router) = open(&location, &secrets, &outbox).await;
        let wish = setup::Wish {
            organization: "Hus AB".into(),
            place: "Main house".into(),
            admin_email: "admin@localhost".into(),
            time_zone: Zone::parse("Europe/Stockholm").unwrap(),
        };
        let made = setup::run(&app, wish).await.unwrap();
        let nobody = Actor { router: router.clone(), token: None };
        let token = nobody
            .post(
                "/oauth/token",
                json!({
                    "grant_type": "client_credentials",
                    "client_id": made.client.to_string(),
                    "client_secret": made.client_secret,
                }),
            )
            .await
            .expect(200);
        let token = token["access_token"].as_str().unwrap().to_owned();
        let admin = nobody.with(Some(token));
        let place = made.place.to_string();
        let setup_code = made.setup_code;
        World { app, router, place, admin, setup_code, outbox, location, secrets }
    }

    /// The same database opened anew, as after a restart.
    pub async fn restarted(self) -> World {
        let World { place, admin, setup_code, outbox, location, secrets, .. } = self;
        let (app, router) = open(&location, &secrets, &outbox).await;
        let admin = Actor { router: router.clone(), token: admin.token };
        World { app, router, place, admin, setup_code, outbox, location, secrets }
    }

    /// A path within the place.
    pub fn at(&self, path: &str) -> String {
        format!("/api/v1/places/{}{path}", self.place)
    }

    pub fn nobody(&self) -> Actor {
        self.admin.with(None)
    }

    /// Makes something by the native API and answers it.
    pub async fn made(&self, path: &str, body: Value) -> Value {
        self.admin.post(&self.at(path), body).await.expect(201)
    }
}

async fn open(location: &Location, secrets: &Arc<Secrets>, outbox: &PathBuf) -> (App, Router) {
    let store = Store::open(location, secrets.clone()).await.unwrap();
    let settings = Settings {
        outbox: outbox.clone(),
        public_url: "http://localhost:8080".into(),
        clock: Clock::default(),
    };
    let app = App::start(store, settings).await.unwrap();
    let router = claviger_web::router(app.clone());
    (app, router)
}

/// Runs a test on every engine, each with a database of its own.
pub async fn on_each_engine<F: Future<Output = ()>>(test: impl Fn(World) -> F) {
    for location in engines() {
        test(World::start(location).await).await;
    }
}

/// The id of an object.
pub fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}
