//! A server for the tests of this crate.

use std::sync::Arc;

use claviger_domain::time::Zone;
use claviger_store::testing::{folder, sqlite};
use claviger_store::{Secrets, Store};

use crate::{App, Clock, Settings, setup};

/// A server with one place, whose number is 1.
pub(crate) async fn app() -> App {
    let secrets = Secrets::load_or_create(&folder().join("secrets"), false).unwrap();
    let store = Store::open(&sqlite(), Arc::new(secrets)).await.unwrap();
    let settings = Settings {
        outbox: folder(),
        public_url: "http://localhost".into(),
        clock: Clock::default(),
        rate_per_client: None,
        smtp: None,
        epochs: None,
        waits_for_clock: false,
    };
    let app = App::start(store, settings).await.unwrap();
    let wish = setup::Wish {
        organization: "Hus AB".into(),
        place: "Hus".into(),
        admin_email: "admin@localhost".into(),
        time_zone: Zone::parse("Europe/Stockholm").unwrap(),
    };
    setup::run(&app, wish).await.unwrap();
    app
}
