//! A running server: what it is made of, in the order it starts, and its end in the reverse order.
//!
//! Must not print: `serve` and `demo` do, each in its way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use claviger_app::mail::{self, Smtp};
use claviger_app::{App, Clock, Settings, Store, jobs};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::doors::Doors;
use crate::exit::Failure;
use crate::folder::Folder;
use crate::operator::Operator;
use crate::socket::Socket;
use crate::{outgoing, ownership, tls};

/// How long background work may take once the server is asked to end.
const LAST_WORK: Duration = Duration::from_secs(20);

/// A server that answers.
pub(crate) struct Server {
    /// Where, as a base address.
    pub(crate) url: String,
    pub(crate) operator: Operator,
    store: Store,
    lock: claviger_app::FolderLock,
    stop_doors: watch::Sender<bool>,
    stop_work: watch::Sender<bool>,
    doors: Vec<JoinHandle<()>>,
    work: [JoinHandle<()>; 3],
    lost: JoinHandle<Failure>,
}

/// Refuses what would show passwords to the network or move a real clock.
///
/// # Errors
/// As it says.
fn check(config: &Config, ahead: Option<Duration>) -> Result<(), Failure> {
    let others = config.compat.listen.iter().map(|(address, _)| address);
    let is_local = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
    let open = std::iter::once(&config.listen).chain(others).find(|address| !is_local(address));
    let local = open.is_none();
    let address = open.unwrap_or(&config.listen).ip();
    if ahead.is_some() && !local {
        return Err(Failure::new(format!(
            "--clock-ahead is for tests and only works on a loopback address, not on {address}"
        )));
    }
    let safe = config.tls.is_some() || !config.trusted_proxies.is_empty() || config.insecure_http;
    if local || safe {
        return Ok(());
    }
    Err(Failure::new(format!(
        "to serve on {address}, which other machines reach, set tls_cert and tls_key, or \
         trusted_proxies, or accept plain HTTP with --insecure-http"
    )))
}

/// Takes an address and a port.
///
/// # Errors
/// It is in use, or not this machine's.
async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::new(format!(
            "the address {address} is in use: choose another with --listen (port 0 picks one)"
        )),
        _ => {
            Failure::new(format!("cannot listen on {address}: {}", claviger_app::io_words(&error)))
        }
    })
}

impl Server {
    /// Starts a server; when this returns it answers.
    ///
    /// # Errors
    /// Everything that keeps it from answering.
    pub(crate) async fn start(config: &Config, ahead: Option<Duration>) -> Result<Server, Failure> {
        check(config, ahead)?;
        let acceptor = match &config.tls {
            Some((chain, key)) => Some(TlsAcceptor::from(tls::server(chain, key)?)),
            None => None,
        };
        let folder = Folder::of(config);
        folder.make()?;
        let lock = folder.lock().await?;
        let listener = bind(config.listen).await?;
        let mut listeners = vec![];
        for (address, base) in &config.compat.listen {
            listeners.push((bind(*address).await?, Some(*base)));
        }
        let address = listener.local_addr().map_err(|error| Failure::new(error.to_string()))?;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}");
        listeners.push((listener, None));
        let opened = folder.open(lock).await?;
        let store = opened.store.clone();
        let ahead = ahead.map_or(0, |ahead| i64::try_from(ahead.as_micros()).unwrap_or(0));
        let public_url = config.public_url.clone().unwrap_or_else(|| url.clone());
        let settings = Settings {
            clock: Clock::ahead(ahead),
            rate_per_client: config.rate_per_client,
            smtp: config.mail.as_ref().map(Smtp::new).transpose().map_err(Failure::new)?,
            epochs: Some(folder.epochs()),
            // Who turns the clock by hand has looked at it.
            waits_for_clock: config.waits_for_clock && ahead == 0,
            ..Settings::new(folder.outbox(), public_url)
        };
        let app = App::start(opened.store, settings).await?;
        let send = outgoing::sender(config.webhooks.clone())?;
        let socket = Socket::bind(folder.path())?;
        let (stop_doors, doors_stopped) = watch::channel(false);
        let (stop_work, work_stopped) = watch::channel(false);
        let hosts = config.compat.hosts.clone();
        let operator = Operator { app: app.clone(), folder, hosts };
        let doors = Arc::new(Doors {
            tls: acceptor,
            proxies: config.trusted_proxies.clone(),
            insecure: config.insecure_http,
            hosts: config.compat.hosts.clone(),
        });
        let router = claviger_web::router(app.clone(), &config.compat.options);
        let serve = |(listener, base)| {
            let stopped = doors_stopped.clone();
            tokio::spawn(doors.clone().serve(listener, base, router.clone(), stopped))
        };
        Ok(Server {
            url,
            lost: tokio::spawn(ownership::until_lost(store.db().clone(), opened.claim)),
            lock: opened.lock,
            store,
            doors: listeners.into_iter().map(serve).collect(),
            work: [
                tokio::spawn(socket.serve(operator.clone(), work_stopped.clone())),
                tokio::spawn(mail::run(app.clone(), work_stopped.clone())),
                tokio::spawn(jobs::run(app, send, work_stopped)),
            ],
            operator,
            stop_doors,
            stop_work,
        })
    }

    /// Returns when the database is not this server's any more, with the reason; then it must end.
    pub(crate) async fn lost(&mut self) -> Failure {
        let ended = (&mut self.lost).await;
        ended.unwrap_or_else(|_| Failure::new("nobody watches the database any more"))
    }

    /// Ends: requests first, then tasks and background work, then the store.
    pub(crate) async fn stop(self) {
        self.stop_doors.send_replace(true);
        self.operator.app.end_waiting();
        for doors in self.doors {
            let _ = doors.await;
        }
        self.stop_work.send_replace(true);
        for mut work in self.work {
            // Deliveries under way may be cut off: they are sent again.
            if tokio::time::timeout(LAST_WORK, &mut work).await.is_err() {
                tracing::warn!("background work was cut off");
                work.abort();
            }
        }
        drop(self.operator);
        self.store.close().await;
        self.lost.abort();
        if !self.lost.is_finished() {
            let _ = self.lost.await;
        }
        drop(self.lock);
    }
}

/// The signals that ask the process to end, listened to from when this is made.
pub(crate) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system gives no signals.
    pub(crate) fn listen() -> Result<EndSignals, Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("no signals: {error}"));
        Ok(EndSignals {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    /// Returns when the process was asked to end.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
