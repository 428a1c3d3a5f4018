//! A whole server in this process, with a clock that can be put ahead and a door for HTTP.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use claviger_app::{App, Clock, Settings, Zone, setup};
use claviger_store::testing::folder;
use claviger_store::{Location, Secrets, Store};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};

pub(super) const SECOND: i64 = 1_000_000;

/// A server with one place and an API key that may do everything there.
pub(super) struct World {
    app: App,
    router: Router,
    location: Location,
    secrets: Arc<Secrets>,
    outbox: PathBuf,
    clock: Clock,
    ahead: &'static AtomicI64,
    wrong: &'static AtomicI64,
    place: String,
    key: String,
}

impl World {
    pub(super) async fn start(location: Location) -> World {
        let home = folder();
        let secrets = Arc::new(Secrets::load_or_create(&home.join("secrets"), false).unwrap());
        // Moved for all servers of this world; as old as the process, as clocks are.
        let ahead: &'static AtomicI64 = Box::leak(Box::default());
        let wrong: &'static AtomicI64 = Box::leak(Box::default());
        let clock = Clock::ahead_by(ahead).and_wrong_by(wrong);
        let outbox = home.join("outbox");
        let (app, router) = open(&location, &secrets, &outbox, clock).await;
        let wish = setup::Wish {
            organization: "Hus AB".into(),
            place: "Main house".into(),
            admin_email: "admin@localhost".into(),
            time_zone: Zone::parse("Europe/Stockholm").unwrap(),
        };
        let made = setup::run(&app, wish).await.unwrap();
        let place = made.place.to_string();
        let key = String::new();
        let mut world =
            World { app, router, location, secrets, outbox, clock, ahead, wrong, place, key };
        let login = json!({"grant_type": "client_credentials",
            "client_id": made.client.to_string(), "client_secret": made.client_secret});
        let token = world.send("POST", "/oauth/token", "", Some(login)).await.1;
        world.key = token["access_token"].as_str().unwrap().to_owned();
        // A key, since tokens end while the clock is put ahead.
        let scopes = world.send("GET", "/api/v1/me", &world.key, None).await.1["scopes"].clone();
        world.key = world.key_with(json!({"scopes": scopes})).await;
        world
    }

    /// The secret of a new API key for the place.
    pub(super) async fn key_with(&self, more: Value) -> String {
        let mut body = json!({"name": "K", "kind": "api_key", "place_ids": [self.place]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, made) = self.send("POST", "/api/v1/clients", &self.key, Some(body)).await;
        assert_eq!(status, 201, "{made}");
        made["secret"].as_str().unwrap().to_owned()
    }

    /// Ends the server and starts another over the same database.
    pub(super) async fn restart(&mut self) {
        let (app, router) = open(&self.location, &self.secrets, &self.outbox, self.clock).await;
        (self.app, self.router) = (app, router);
    }

    pub(super) fn put_ahead(&self, seconds: i64) {
        self.ahead.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }

    /// Makes the clock wrong, though no time passes.
    pub(super) fn put_wrong(&self, by_seconds: i64) {
        self.wrong.store(by_seconds * SECOND, Ordering::Relaxed);
    }

    pub(super) fn now_us(&self) -> i64 {
        self.app.now().0
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = match token {
            "" => request,
            token => request.header("authorization", format!("Bearer {token}")),
        };
        let request = request.header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let server = TowerToHyperService::new(self.router.clone());
        let answer = server.call(request.body(body).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Something under the place, as its administrator.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let path = format!("/api/v1/places/{}{path}", self.place);
        self.send(method, &path, &self.key, body).await
    }

    /// The same, which must succeed.
    #[track_caller]
    pub(super) fn done(
        &self,
        method: &'static str,
        path: &str,
        body: Value,
    ) -> impl Future<Output = Value> {
        let path = path.to_owned();
        let body = (method != "GET").then_some(body);
        async move {
            let (status, answer) = self.ask(method, &path, body.clone()).await;
            assert!((200..300).contains(&status), "{method} {path} {body:?}: {status} {answer}");
            answer
        }
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.done("GET", path, Value::Null).await
    }

    /// A call of a controller with its own key.
    pub(super) async fn sync(&self, controller: &str, key: &str, call: Value) -> Value {
        let path = format!("/api/v1/places/{}/controllers/{controller}/sync", self.place);
        let (status, answer) = self.send("POST", &path, key, Some(call.clone())).await;
        assert_eq!(status, 200, "{call}: {answer}");
        answer
    }
}

async fn open(
    location: &Location,
    secrets: &Arc<Secrets>,
    outbox: &std::path::Path,
    clock: Clock,
) -> (App, Router) {
    let store = Store::open(location, secrets.clone()).await.unwrap();
    let settings = Settings::new(outbox.to_owned(), "http://localhost:8080".into());
    let settings = Settings { clock, ..settings };
    let app = App::start(store, settings).await.unwrap();
    let router = claviger_web::router(app.clone(), &claviger_web::Options::default());
    (app, router)
}
