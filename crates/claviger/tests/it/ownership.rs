//! A database belongs to one server, and to a program that knows its schema.

use std::time::{Duration, Instant};

use claviger_store::testing::engines;
use claviger_store::{Batch, Claim, Db, Location};

use crate::client::Client;
use crate::run::{Data, Server, Temporary, claviger};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

/// Changes the database behind the server's back, or asks it something.
fn sql(location: &Location, text: &'static str) -> usize {
    block_on(async {
        let db = Db::open(location).await.unwrap();
        let mut batch = Batch::new();
        batch.fetch(text, []);
        let claviger_store::Outcome::Done { fetched } = db.write(batch).await.unwrap() else {
            panic!("a race")
        };
        db.close().await;
        fetched[0].len()
    })
}

/// The PostgreSQL database there is to test on; told loudly where there is none.
fn postgres() -> Option<String> {
    engines().into_iter().find_map(|location| match location {
        Location::Postgres(url) => Some(url),
        Location::Sqlite(_) => None,
    })
}

fn serve(data: &Data, url: &str) -> Server {
    data.serve_with(&["--database-url", url])
}

/// Waits for the end of a server that ends by itself: what it says.
fn ends(server: Server) -> String {
    let begun = Instant::now();
    let (code, err) = server.ended();
    assert!(begun.elapsed() < Duration::from_secs(20), "{err}");
    assert_eq!(code, Some(1), "{err}");
    let own: Vec<&str> = err.lines().filter(|line| line.starts_with("claviger: ")).collect();
    let [line] = own.as_slice() else { panic!("{err}") };
    (*line).to_owned()
}

#[test]
fn a_server_ends_when_the_schema_moves() {
    let temporary = Temporary::new();
    for location in engines() {
        let (data, server, moved) = match &location {
            Location::Sqlite(_) => {
                let data = temporary.data("sqlite");
                let server = data.serve();
                let moved = Location::Sqlite(data.path.join("claviger.db"));
                (data, server, moved)
            }
            Location::Postgres(url) => {
                let data = temporary.data("postgres");
                let server = serve(&data, url);
                (data, server, location.clone())
            }
        };
        let step = "insert into schema_history (number, checksum) values (999, 'x') \
             returning number";
        assert_eq!(sql(&moved, step), 1);
        let line = ends(server);
        assert!(line.contains("moved from") && line.contains("to 999"), "{line}");
        // And an older program leaves the database alone.
        let mut args = vec!["serve", "--data", data.text(), "--listen=127.0.0.1:0"];
        if let Location::Postgres(url) = &location {
            args.extend(["--database-url", url]);
        }
        let refused = claviger(&args).refusal();
        assert!(refused.contains("schema 999"), "{refused}");
    }
}

#[test]
fn a_second_server_on_one_database_is_refused() {
    let Some(url) = postgres() else { return };
    let temporary = Temporary::new();
    let (one, two) = (temporary.data("one"), temporary.data("two"));
    let first = serve(&one, &url);
    let other = ["serve", "--data", two.text(), "--listen=127.0.0.1:0", "--database-url", &url];
    let refused = claviger(&other).refusal();
    assert!(refused.contains("another Claviger uses this PostgreSQL database"), "{refused}");
    // Nor does a command with another folder write there.
    let setup = ["setup", "--organization", "O", "--place", "P", "--data", two.text()];
    let refused = claviger(&[&setup[..], &["--database-url", &url]].concat()).refusal();
    assert!(refused.contains("another Claviger"), "{refused}");
    // With its own folder it is handed to the server.
    let made =
        one.run(&["setup", "--organization=O", "--place=P", "--json", "--database-url", &url]);
    Client::new(&first.url, &made.json()).list("/people");
    first.stop();
    std::fs::copy(one.path.join("secrets"), two.path.join("secrets")).unwrap();
    serve(&two, &url).stop();
}

#[test]
fn a_claim_that_was_lost_is_renewed_or_the_server_ends() {
    let Some(url) = postgres() else { return };
    let location = Location::Postgres(url.clone());
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = serve(&data, &url);
    let claims = "select 1 from pg_locks where locktype = 'advisory' and granted and database = \
         (select oid from pg_database where datname = current_database())";
    let cut = "select pg_terminate_backend(l.pid) from pg_locks l join pg_stat_activity a \
         on a.pid = l.pid where l.locktype = 'advisory' and a.datname = current_database() \
         and a.application_name = 'claviger'";
    let wait = |wanted: usize| {
        let begun = Instant::now();
        while sql(&location, claims) != wanted {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait(1);
    assert_eq!(sql(&location, cut), 1);
    std::thread::sleep(Duration::from_secs(3));
    wait(1);

    // Until somebody else is faster: then the server ends by itself.
    let (taken, is_taken) = std::sync::mpsc::channel();
    let other = if url.contains('?') { '&' } else { '?' };
    let other = Location::Postgres(format!("{url}{other}application_name=thief"));
    let thief = std::thread::spawn(move || {
        block_on(async {
            let claim = loop {
                if let Ok(claim) = Claim::take(&other).await {
                    break claim;
                }
            };
            taken.send(()).unwrap();
            tokio::time::sleep(Duration::from_secs(10)).await;
            drop(claim);
        });
    });
    while is_taken.recv_timeout(Duration::from_millis(200)).is_err() {
        sql(&location, cut);
    }
    let line = ends(server);
    assert!(line.contains("another Claviger"), "{line}");
    thief.join().unwrap();
}

#[test]
fn a_folder_whose_data_is_in_postgresql_is_never_taken_for_an_empty_one() {
    let Some(url) = postgres() else { return };
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = serve(&data, &url);
    let made = data.setup();
    // While it runs, commands need no address: they hand their work to it.
    assert_eq!(data.run(&["verify"]).code, Some(0));
    server.stop();
    let kept = temporary.path("kept");
    let place = crate::run::get(&made, "/place/id");
    let commands = [
        vec!["verify"],
        vec!["backup", kept.to_str().unwrap()],
        vec!["export", kept.to_str().unwrap(), "--place", &place],
        vec!["compat", "--vendor", "unloc", "--place", &place],
    ];
    let others = [
        vec!["setup", "--organization", "O", "--place", "P"],
        vec!["serve", "--listen", "127.0.0.1:0"],
    ];
    let nothing_made = || assert!(!data.path.join("claviger.db").exists() && !kept.exists());
    for args in commands.iter().chain(&others) {
        let refused = data.run(args).refusal();
        let said = refused.contains("is in PostgreSQL") && refused.contains("--database-url");
        assert!(said && !refused.contains(&url), "{args:?}: {refused}");
        nothing_made();
    }
    // A folder of a version that noted nothing is taken for no empty one either.
    std::fs::remove_file(data.path.join("elsewhere")).unwrap();
    for args in &commands {
        let refused = data.run(args).refusal();
        assert!(refused.contains("there is no database in"), "{args:?}: {refused}");
        nothing_made();
    }
    let found = data.run(&["verify", "--json", "--database-url", &url]).json();
    assert_eq!(found["counts"]["organizations"], serde_json::json!(1));
    assert!(data.run(&["verify"]).refusal().contains("is in PostgreSQL"), "it is noted again");
    serve(&data, &url).stop();
}
