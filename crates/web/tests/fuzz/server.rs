//! A server without a socket, set up, for targets that need one.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use claviger_app::{App, Id, Secrets, Settings, Store, Zone, setup};
use claviger_store::testing::{folder, sqlite};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) app: App,
    pub(crate) place: Id,
    router: Router,
    token: String,
}

impl Server {
    pub(crate) fn start() -> Server {
        let runtime = Runtime::new().unwrap();
        let (app, made) = runtime.block_on(async {
            let home = folder();
            let secrets = Secrets::load_or_create(&home.join("secrets"), false).unwrap();
            let store = Store::open(&sqlite(), Arc::new(secrets)).await.unwrap();
            let settings = Settings::new(home.join("outbox"), "http://localhost:8080".to_owned());
            let app = App::start(store, settings).await.unwrap();
            let wish = setup::Wish {
                organization: "O".into(),
                place: "P".into(),
                admin_email: "admin@localhost".into(),
                time_zone: Zone::parse("Europe/Stockholm").unwrap(),
            };
            let made = setup::run(&app, wish).await.unwrap();
            (app, made)
        });
        let router = claviger_web::router(app.clone(), &claviger_web::Options::default());
        let mut server = Server { runtime, app, place: made.place, router, token: String::new() };
        let login = json!({
            "grant_type": "client_credentials",
            "client_id": made.client.to_string(),
            "client_secret": made.client_secret,
        });
        let (status, token) = server.send("POST", "/oauth/token", login.to_string().into_bytes());
        assert_eq!(status, 200, "{token}");
        server.token = token["access_token"].as_str().unwrap().to_owned();
        server
    }

    /// Calls with another token from here on.
    pub(crate) fn log_in(&mut self, token: &str) {
        self.token = token.to_owned();
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("/api/v1/places/{}{path}", self.place)
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: Vec<u8>) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let request = request.body(Body::from(body)).unwrap();
        self.runtime.block_on(async {
            let answer = self.router.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
        })
    }
}
