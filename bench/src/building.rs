//! A whole server in this process over a database that is filled from a world.

use std::path::PathBuf;
use std::sync::Arc;

use claviger_app::{App, Caller, Context, Id, Settings, Via, Zone, auth, setup};
use claviger_domain::ids::{Noun, PlaceNumber};
use claviger_domain::noun::Actor;
use claviger_domain::record::Record;
use claviger_store::testing::{engines, folder};
use claviger_store::{Commit, Committed, Engine, Location, Part, Secrets, Store, TrailRow, Write};

use crate::world::{MADE, id};

/// Rows of one transaction when a database is filled.
const CHUNK: usize = 20_000;

/// A database with one place in it, and what it takes to start a server over it.
pub struct Building {
    pub location: Location,
    pub secrets: Arc<Secrets>,
    pub place: Id,
    pub number: PlaceNumber,
    /// Where the secrets are.
    pub secrets_file: PathBuf,
    client: Id,
    secret: String,
}

/// Runs something in a building on each engine there is, with the engine's name.
pub fn on_each_engine(mut run: impl AsyncFnMut(&'static str, Building)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for location in engines() {
        let engine = match location {
            Location::Sqlite(_) => "SQLite",
            Location::Postgres(_) => "PostgreSQL",
        };
        runtime.block_on(async { run(engine, Building::new(location).await).await });
    }
}

pub fn types(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "blob",
        Engine::Postgres => "bytea",
    }
}

pub async fn start(location: &Location, secrets: &Arc<Secrets>) -> App {
    let store = Store::open(location, secrets.clone()).await.unwrap();
    let settings = Settings::new(std::env::temp_dir(), "http://localhost:8080".into());
    App::start(store, settings).await.unwrap()
}

impl Building {
    /// A new database with what a set-up makes.
    pub async fn new(location: Location) -> Building {
        let secrets_file = folder().join("secrets");
        let secrets = Arc::new(Secrets::load_or_create(&secrets_file, false).unwrap());
        let app = start(&location, &secrets).await;
        let wish = setup::Wish {
            organization: "Hus AB".into(),
            place: "Hus".into(),
            admin_email: "admin@localhost".into(),
            time_zone: Zone::parse("Europe/Stockholm").unwrap(),
        };
        let made = setup::run(&app, wish).await.unwrap();
        let ctx = Context::new(app.clone(), Caller::Operator, Via::CommandLine);
        let number = ctx.authorize(made.place, claviger_domain::noun::scope::Scope::PlacesRead);
        let number = number.unwrap();
        app.storage().close().await;
        let (client, secret) = (made.client, made.client_secret);
        Building { location, secrets, place: made.place, number, secrets_file, client, secret }
    }

    /// Stores records of the place.
    pub async fn fill(&self, records: impl Iterator<Item = Record>) {
        let store = Store::open(&self.location, self.secrets.clone()).await.unwrap();
        let mut head = store.head(self.number).await.unwrap().unwrap_or_default();
        let mut records = records.peekable();
        while records.peek().is_some() {
            let writes: Vec<Write> =
                records.by_ref().take(CHUNK).map(|record| Write { record, former: None }).collect();
            let mut part = Part::new(self.number, head);
            part.writes = writes;
            part.after.revision += 1;
            let row = TrailRow {
                seq: head.trail_seq + 1,
                at: MADE,
                actor: Actor::Operator,
                verb: "import".to_owned(),
                noun: Noun::Place,
                object: Some(self.place),
                fields: Vec::new(),
                values: Vec::new(),
                revision: part.after.revision,
                hash: [0; 32],
            };
            let row = row.linked(self.number, &head.trail_hash);
            (part.after.trail_seq, part.after.trail_hash) = (row.seq, row.hash);
            part.trail.push(row);
            head = part.after;
            let commit_id = id(PlaceNumber(u32::MAX), Noun::Ticket, head.revision as u32);
            let parts = vec![part];
            let commit = Commit { id: commit_id, at: MADE, parts, answers: Vec::new() };
            assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        }
        store.close().await;
    }

    /// A server over it.
    pub async fn start(&self) -> App {
        start(&self.location, &self.secrets).await
    }

    /// The id and the secret of the client that the set-up made.
    pub fn client(&self) -> (String, &str) {
        (self.client.to_string(), &self.secret)
    }

    /// A token of that client.
    pub async fn token(&self, app: &App) -> String {
        let (client, secret) = self.client();
        auth::token(app, &client, secret, None, None).await.unwrap().access_token
    }
}

/// A caller who may do everything.
pub fn operator(app: &App) -> Context {
    Context::new(app.clone(), Caller::Operator, Via::CommandLine)
}
