//! Actors that call URLs of a whole server without a socket, on every engine of storage.

use std::path::{Path, PathBuf};
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
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) place: String,
    pub(crate) admin: Actor,
    pub(crate) setup_code: String,
    pub(crate) outbox: PathBuf,
    pub(crate) location: Location,
    pub(crate) secrets: Arc<Secrets>,
}

/// Somebody with a bearer token, or nobody.
#[derive(Clone)]
pub(crate) struct Actor {
    router: Router,
    pub(crate) token: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The body of an answer with that status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The body of a problem with that status and code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        // RFC 9110, section 15.5.2.
        assert_eq!(self.header("www-authenticate").is_empty(), status != 401, "{}", self.text);
        self.body
    }

    /// A header as text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl Actor {
    /// Somebody at another router over the same server.
    pub(crate) fn of(router: Router, token: Option<String>) -> Actor {
        Actor { router, token }
    }

    pub(crate) async fn send(
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
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body, text };
        crate::openapi::conforms(method, path, &answer);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[], Some(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, &[], Some(body.to_string())).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, &[], Some(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None).await
    }

    pub(crate) fn with(&self, token: Option<String>) -> Actor {
        Actor { router: self.router.clone(), token }
    }

    /// Whoever holds the access token that a client's id and secret are exchanged for.
    pub(crate) async fn exchanged(&self, id: &str, secret: &str) -> Actor {
        let body = json!({
            "grant_type": "client_credentials", "client_id": id, "client_secret": secret,
        });
        let token = self.with(None).post("/oauth/token", body).await.expect(200);
        self.with(Some(token["access_token"].as_str().unwrap().to_owned()))
    }

    /// The API key of a client that this actor makes.
    pub(crate) async fn makes_key(&self, scopes: &[&str], places: &[&str]) -> Actor {
        let body = json!({
            "name": "a program", "kind": "api_key", "scopes": scopes, "place_ids": places,
        });
        let made = self.post("/api/v1/clients", body).await.expect(201);
        self.with(Some(made["secret"].as_str().unwrap().to_owned()))
    }
}

impl World {
    /// Starts a server over a database and sets it up.
    pub(crate) async fn start(location: Location) -> World {
        let home = folder();
        let secrets = Arc::new(Secrets::load_or_create(&home.join("secrets"), false).unwrap());
        let outbox = home.join("outbox");
        let (app, router) = open(&location, &secrets, &outbox, Clock::default(), |it| it).await;
        let wish = setup::Wish {
            organization: "Hus AB".into(),
            place: "Main house".into(),
            admin_email: "admin@localhost".into(),
            time_zone: Zone::parse("Europe/Stockholm").unwrap(),
        };
        let made = setup::run(&app, wish).await.unwrap();
        let nobody = Actor { router: router.clone(), token: None };
        let admin = nobody.exchanged(&made.client.to_string(), &made.client_secret).await;
        let place = made.place.to_string();
        let setup_code = made.setup_code;
        World { app, router, place, admin, setup_code, outbox, location, secrets }
    }

    /// The same database opened anew, as after a restart.
    pub(crate) async fn restarted(self) -> World {
        self.later(0).await
    }

    /// The same database opened anew with a clock that many seconds ahead of the machine's.
    pub(crate) async fn later(self, seconds: i64) -> World {
        self.reopened(seconds, |it| it).await
    }

    /// The same database opened anew by a server with other settings.
    pub(crate) async fn reopened(self, ahead_s: i64, change: fn(Settings) -> Settings) -> World {
        let World { place, admin, setup_code, outbox, location, secrets, .. } = self;
        let clock = Clock::ahead(ahead_s * 1_000_000);
        let (app, router) = open(&location, &secrets, &outbox, clock, change).await;
        let admin = Actor { router: router.clone(), token: admin.token };
        World { app, router, place, admin, setup_code, outbox, location, secrets }
    }

    /// A fresh database with what a backup holds, opened with the same secrets and files beside
    /// them.
    pub(crate) async fn restored_from(self, file: &Path) -> World {
        let now = self.app.now();
        let location = match self.location {
            Location::Sqlite(_) => claviger_store::testing::sqlite(),
            Location::Postgres(_) => {
                Location::Postgres(claviger_store::testing::postgresql().unwrap())
            }
        };
        let db = claviger_store::Db::open(&location).await.unwrap();
        let mut file = std::fs::File::open(file).unwrap();
        claviger_app::backup::check(&mut file).unwrap();
        claviger_app::backup::restore(&mut file, db.clone(), now, |_| ()).await.unwrap();
        db.close().await;
        World { location, ..self }.restarted().await
    }

    /// A second node over the same database, with the set-up client.
    pub(crate) async fn another_node(&self) -> Actor {
        let World { outbox, location, secrets, .. } = self;
        let (_, router) = open(location, secrets, outbox, Clock::default(), |it| it).await;
        Actor { router, token: self.admin.token.clone() }
    }

    /// The same caller at this server, where theirs was opened anew.
    pub(crate) fn again(&self, actor: &Actor) -> Actor {
        Actor { router: self.router.clone(), token: actor.token.clone() }
    }

    /// A path within the place.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("/api/v1/places/{}{path}", self.place)
    }

    /// A second organization on the same server, as another set-up makes it: its client and place.
    pub(crate) async fn another(&self, admin_email: &str) -> (Actor, setup::Made) {
        let wish = setup::Wish {
            organization: "Andra AB".into(),
            place: "Other house".into(),
            admin_email: admin_email.into(),
            time_zone: Zone::parse("Etc/UTC").unwrap(),
        };
        let made = setup::run(&self.app, wish).await.unwrap();
        let client = self.nobody();
        (client.exchanged(&made.client.to_string(), &made.client_secret).await, made)
    }

    pub(crate) fn nobody(&self) -> Actor {
        self.admin.with(None)
    }

    /// Makes something by the native API and answers it.
    pub(crate) async fn made(&self, path: &str, body: Value) -> Value {
        self.admin.post(&self.at(path), body).await.expect(201)
    }
}

async fn open(
    location: &Location,
    secrets: &Arc<Secrets>,
    outbox: &Path,
    clock: Clock,
    change: fn(Settings) -> Settings,
) -> (App, Router) {
    let store = Store::open(location, secrets.clone()).await.unwrap();
    let settings = Settings::new(outbox.to_owned(), "http://localhost:8080".into());
    let epochs = Some(outbox.with_file_name("epochs"));
    let settings = change(Settings { clock, epochs, ..settings });
    let app = App::start(store, settings).await.unwrap();
    let router = claviger_web::router(app.clone(), &claviger_web::Options::default());
    (app, router)
}

/// Runs a test on every engine, each with a database of its own.
pub(crate) async fn on_each_engine<F: Future<Output = ()>>(test: impl Fn(World) -> F) {
    for location in engines() {
        test(World::start(location).await).await;
    }
}

/// The id of an object.
pub(crate) fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}
