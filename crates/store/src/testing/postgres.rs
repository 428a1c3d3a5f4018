//! A PostgreSQL server of the test process's own.
//!
//! It listens on a Unix socket in its folder and nowhere else, and syncs to the disk as in earnest,
//! because durability is tested.

use std::future::Future;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use super::{fresh_folder, keep};

const START_PATIENCE: Duration = Duration::from_secs(60);

/// Ends and removes the server when its input ends; ends early when the server does not start, and
/// then leaves the log. Its arguments: folder, folder of programs.
const KEEPER: &str = r#"
umask 077
exec 3<&0
"$2/initdb" -D "$1/data" -U claviger -A trust -E UTF8 --no-locale --no-sync >"$1/log" 2>&1 ||
    exit 1
"$2/postgres" -D "$1/data" -k "$1" -c listen_addresses= -c fsync=on -c max_connections=300 \
    -c shared_buffers=64MB >>"$1/log" 2>&1 3<&- &
server=$!
{ cat <&3 >/dev/null; : >"$1/ended"; kill -QUIT $server; } &
wait $server
[ ! -e "$1/ended" ] || rm -rf "$1"
"#;

/// The PostgreSQL server of this test process: one that it starts, or the one that the environment
/// variable `CLAVIGER_TEST_POSTGRES` gives by its URL, where databases are left behind.
pub struct Postgres {
    /// Of a database that always exists.
    url: String,
}

impl Postgres {
    /// Makes a fresh, empty database and gives its URL.
    ///
    /// # Errors
    /// What to install or set, or what PostgreSQL says.
    pub fn database() -> Result<String, String> {
        static SERVER: OnceLock<Result<Postgres, String>> = OnceLock::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = SERVER.get_or_init(Self::start).as_ref().map_err(String::clone)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_micros());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("claviger_test_{}_{now}_{count}", std::process::id());
        let make = format!("create database {name} template template0 encoding 'UTF8'");
        block_on(execute(&server.url, &make)).map_err(|e| format!("no test database: {e}"))?;
        Ok(with_database(&server.url, &name))
    }

    fn start() -> Result<Self, String> {
        match std::env::var("CLAVIGER_TEST_POSTGRES") {
            Ok(url) if !url.is_empty() => Ok(Self { url }),
            _ => Self::start_own(),
        }
    }

    fn start_own() -> Result<Self, String> {
        let programs = programs().ok_or(
            "PostgreSQL is needed for these tests: install its server (Debian: apt-get install \
             postgresql), put initdb on the PATH, or set CLAVIGER_TEST_POSTGRES=url",
        )?;
        let failed = |e: std::io::Error| format!("PostgreSQL cannot be started: {e}");
        // The name of a socket has room for about a hundred bytes.
        let parent = std::env::temp_dir();
        let short = parent.as_os_str().len() <= 60;
        let parent = if short { parent.as_path() } else { Path::new("/tmp") };
        let folder = fresh_folder(parent, "claviger-pg").map_err(failed)?;
        let user = unprivileged(&folder)?;
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).map_err(failed)?;
        }
        // Kept for the life of the process: its pipe is what keeps the server alive.
        static KEEPERS: Mutex<Vec<Child>> = Mutex::new(Vec::new());
        let mut keeper = keep(KEEPER, &[&folder, &programs], user).map_err(failed)?;
        let url = format!("postgresql://claviger@{}/postgres", encoded(&folder));
        let started = wait_for(&url, &mut keeper, &folder);
        KEEPERS.lock().unwrap_or_else(PoisonError::into_inner).push(keeper);
        started.map(|()| Self { url })
    }
}

fn wait_for(url: &str, keeper: &mut Child, folder: &Path) -> Result<(), String> {
    let start = Instant::now();
    loop {
        let Err(error) = block_on(execute(url, "select 1")) else { return Ok(()) };
        let ended = !matches!(keeper.try_wait(), Ok(None));
        if ended || start.elapsed() > START_PATIENCE {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            let _ = std::fs::remove_dir_all(folder);
            return Err(format!("PostgreSQL does not start: {error}\n{log}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The folder of the newest installed server.
fn programs() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file())
        .collect();
    found.sort();
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
    };
    found.pop().map(|(_, folder)| folder).or_else(on_path)
}

/// PostgreSQL refuses to run as root: then it runs as the user `postgres` or `nobody`.
fn unprivileged(folder: &Path) -> Result<Option<(u32, u32)>, String> {
    let ours = std::fs::metadata(folder).map_err(|e| e.to_string())?.uid();
    if ours != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").map_err(|e| e.to_string())?;
    let find = |name: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (user, _, id, group) =
                (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            (user == name).then_some((id.parse().ok()?, group.parse().ok()?))
        })
    };
    match find("postgres").or_else(|| find("nobody")) {
        Some(user) => Ok(Some(user)),
        None => Err("PostgreSQL does not run as root and there is no user postgres".to_owned()),
    }
}

async fn execute(url: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let driver = tokio::spawn(connection);
    let done = client.batch_execute(sql).await;
    drop(client);
    let _ = driver.await;
    done
}

/// On a thread of its own, so that it can be called inside an async test as well as outside.
fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("the work ends"))
}

/// A path as the host of a URL.
fn encoded(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes
        .map(
            |&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") },
        )
        .collect()
}

/// The same connection string for another database.
fn with_database(url: &str, name: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return format!("{url} dbname={name}");
    };
    let (rest, options) = match rest.split_once('?') {
        Some((rest, options)) => (rest, format!("?{options}")),
        None => (rest, String::new()),
    };
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    format!("{scheme}://{host}/{name}{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        let cases = [
            (
                "postgresql://u:p@h:1/old?sslmode=disable",
                "postgresql://u:p@h:1/new?sslmode=disable",
            ),
            ("postgres://h", "postgres://h/new"),
            ("host=/tmp user=u", "host=/tmp user=u dbname=new"),
        ];
        for (url, wanted) in cases {
            assert_eq!(with_database(url, "new"), wanted);
        }
        assert_eq!(encoded(Path::new("/tmp/a b")), "%2Ftmp%2Fa%20b");
    }
}
