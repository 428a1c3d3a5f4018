//! `demo`: a furnished building in a temporary folder, with simulated locks and people at work.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use claviger_sim::offline::Size;
use claviger_sim::{Client, Login};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::args::{Demo, Global};
use crate::commands::{setup, sim};
use crate::config::Partial;
use crate::exit::Failure;
use crate::operator::{Message, Task};
use crate::server::{EndSignals, Server};
use crate::{logs, terminal};

/// A folder that is gone when this is.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Temporary, Failure> {
        let name = format!("claviger-demo-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A folder left behind by a process of the same number is nobody's.
        let _ = std::fs::remove_dir_all(&path);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Failure::file(&path, &error))?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Shows everything at work until it is asked to end.
///
/// # Errors
/// Why it did not start.
pub(crate) async fn run(args: Demo, global: &Global) -> Result<(), Failure> {
    if global.data.is_some() || global.database_url.is_some() {
        return Err(Failure::new(
            "demo has a folder of its own: leave --data and --database-url out",
        ));
    }
    logs::start(global.log_format.unwrap_or_default(), "warn")?;
    let folder = Temporary::new()?;
    let partial = Partial {
        data: Some(folder.0.clone()),
        listen: Some(args.listen.clone()),
        ..Partial::default()
    };
    let config = partial.settle()?;
    let signals = EndSignals::listen()?;
    let server = Server::start(&config, None).await?;
    let shown = show(&args, global, &server, signals).await;
    server.stop().await;
    drop(folder);
    shown
}

async fn show(
    args: &Demo,
    global: &Global,
    server: &Server,
    mut signals: EndSignals,
) -> Result<(), Failure> {
    let made = set_up(server).await?;
    let url = &server.url;
    if global.json {
        terminal::json(&serde_json::json!({"url": url, "setup": made}));
    } else {
        terminal::answer(&format!(
            "claviger ready {url}\n\n{}\n\n\
             API            {url}/api/v1\ndocuments      {url}/docs\n",
            setup::words(&made)
        ));
    }
    let get =
        |path: &str| made.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let login = Login::Client { id: get("/client/id"), secret: get("/client/secret") };
    if !global.json {
        let client = Client::new(url, &get("/place/id"), login.clone());
        let client = client.map_err(|error| Failure::new(error.to_string()))?;
        tokio::select! {
            told = sim::offline(&client, args.building.seed, Size::SHORT, false) => told?,
            () = signals.asked() => return Ok(()),
        }
    }
    let mut options = sim::of(&args.building, url.clone(), get("/place/id"), login);
    options.duration = None;
    options.unloc = true;
    options.machines = true;
    options.neighbours = true;
    options.panel = true;
    let (stop, stopped) = watch::channel(false);
    let time = args.time.unwrap_or(Duration::MAX);
    let running = sim::watched(options, stopped);
    tokio::pin!(running);
    // A simulator that fails ends the demo; otherwise it is told to end and waited for.
    let tally = tokio::select! {
        tally = &mut running => tally?,
        () = signals.asked() => {
            stop.send_replace(true);
            running.await?
        }
        () = sleep(time) => {
            stop.send_replace(true);
            running.await?
        }
    };
    sim::finish(&tally, global.json)
}

/// A sleep that may be longer than the clock goes.
async fn sleep(time: Duration) {
    if time == Duration::MAX {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(time).await;
}

async fn set_up(server: &Server) -> Result<Value, Failure> {
    let (out, mut messages) = mpsc::channel(16);
    let task = Task::Setup {
        organization: "Demo".to_owned(),
        place: "Harbour House".to_owned(),
        admin_email: "admin@localhost".to_owned(),
        time_zone: "Europe/Stockholm".to_owned(),
    };
    server.operator.run(task, out).await;
    match messages.recv().await {
        Some(Message::Done(made)) => Ok(made),
        Some(Message::Failed(failure)) => Err(failure),
        _ => Err(Failure::new("nothing was set up")),
    }
}
