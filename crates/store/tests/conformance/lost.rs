//! What is told when the connection to PostgreSQL dies at the worst moment.
//!
//! A proxy stands between the store and the server and cuts the wire at a word it waits for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use claviger_store::testing::{self, engines};
use claviger_store::{Batch, Db, Location, StoreError, values};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio_postgres::config::{Config, Host};

use crate::{define, done, number, one};

const TABLE: &str = "create table t (id bigint not null primary key)";
const INSERT: &str = "insert into t (id) values (?1)";

/// A query of eleven bytes and of this text, as it stands in the protocol.
pub(crate) const COMMIT: &str = "\u{b}commit\0";

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// When to cut.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) word: &'static str,
    /// Whether the server still gets the word.
    pub(crate) passes: bool,
}

async fn server(config: &Config) -> Box<dyn Wire> {
    match &config.get_hosts()[0] {
        Host::Unix(folder) => {
            let port = config.get_ports().first().copied().unwrap_or(5432);
            let socket = folder.join(format!(".s.PGSQL.{port}"));
            Box::new(UnixStream::connect(socket).await.unwrap())
        }
        Host::Tcp(host) => {
            let port = config.get_ports().first().copied().unwrap_or(5432);
            Box::new(TcpStream::connect((host.as_str(), port)).await.unwrap())
        }
    }
}

/// Carries bytes both ways until the word comes from the store.
async fn carry(mut store: UnixStream, mut server: Box<dyn Wire>, cut: Cut, cuts: &AtomicUsize) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = store.read(&mut up) => {
                let bytes = match read { Ok(n) if n > 0 => &up[..n], _ => return };
                let word = cut.word.as_bytes();
                let found = bytes.windows(word.len()).any(|window| window == word);
                let cutting = found
                    && cuts.try_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                        .is_ok();
                if !cutting || cut.passes {
                    server.write_all(bytes).await.unwrap();
                }
                if cutting && cut.passes {
                    // The server's answer is the sign that it is done; nobody gets it.
                    let _ = server.read(&mut down).await;
                }
                if cutting {
                    return;
                }
            }
            read = server.read(&mut down) => {
                let bytes = match read { Ok(n) if n > 0 => &down[..n], _ => return };
                if store.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Gives the connection string of a proxy that cuts `times` times.
pub(crate) fn proxy(url: &str, cut: Cut, times: usize) -> Location {
    let config: Config = url.parse().unwrap();
    let folder = testing::folder();
    let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
    let name = |text: Option<&str>| text.unwrap_or("postgres").to_owned();
    let location = connection_string(&folder, &name(config.get_user()), &name(config.get_dbname()));
    let cuts = Arc::new(AtomicUsize::new(times));
    tokio::spawn(async move {
        while let Ok((store, _)) = listener.accept().await {
            let (config, cuts) = (config.clone(), Arc::clone(&cuts));
            tokio::spawn(async move {
                let server = server(&config).await;
                carry(store, server, cut, &cuts).await;
            });
        }
    });
    location
}

fn connection_string(folder: &Path, user: &str, database: &str) -> Location {
    Location::Postgres(format!("host={} user={user} dbname={database}", folder.display()))
}

/// A store on a fresh database, and the same through a proxy. None when only SQLite is tested.
async fn pair(cut: Cut, times: usize) -> Option<(Db, Db)> {
    for location in engines() {
        let Location::Postgres(url) = &location else { continue };
        let straight = Db::open(&location).await.unwrap();
        define(&straight, &[TABLE]).await;
        let cut = Db::open(&proxy(url, cut, times)).await.unwrap();
        return Some((straight, cut));
    }
    None
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_called_unknown() {
    for passes in [true, false] {
        let cut = Cut { word: COMMIT, passes };
        let Some((straight, cut)) = pair(cut, 1).await else { return };
        let end = cut.write(one(INSERT, values![1])).await;
        assert_eq!(end, Err(StoreError::CommitUnknown));
        let stored = i64::from(passes);
        assert_eq!(number(&straight, "select count(*) from t").await, stored);
        assert_eq!(cut.write(one(INSERT, values![2])).await, done());
        assert_eq!(number(&cut, "select count(*) from t").await, stored + 1);
    }
}

#[tokio::test]
async fn a_transaction_that_is_cut_before_its_commit_is_tried_again() {
    for passes in [true, false] {
        let Some((straight, cut)) = pair(Cut { word: "begin", passes }, 2).await else { return };
        let mut batch = Batch::new();
        batch.run(INSERT, values![1]);
        batch.guard(INSERT, values![2]);
        assert_eq!(cut.write(batch).await, done());
        assert_eq!(number(&straight, "select count(*) from t").await, 2);
    }
}

#[tokio::test]
async fn what_keeps_being_cut_is_unavailable() {
    let cut = Cut { word: "begin", passes: true };
    let Some((straight, cut)) = pair(cut, usize::MAX).await else { return };
    let end = cut.write(one(INSERT, values![1])).await;
    assert!(matches!(end, Err(StoreError::Unavailable { .. })), "{end:?}");
    assert_eq!(number(&straight, "select count(*) from t").await, 0);
}
