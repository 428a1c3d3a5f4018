//! A day in a house whose locks have no network, told by the simulator against a server.

use claviger_store::Location;
use claviger_store::testing::engines;
use serde_json::Value;

use crate::client::Client;
use crate::run::{Ended, Temporary, claviger, get};

/// The lines of a story without the times in them.
fn story(ended: &Ended) -> Vec<String> {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let timeless = |line: &str| {
        let line = line.split_once("  ").map_or(line, |it| it.1);
        line.split("latest possible use").next().unwrap_or_default().to_owned()
    };
    ended.out.lines().map(timeless).collect()
}

#[test]
fn a_day_is_told_and_holds_on_both_engines() {
    let temporary = Temporary::new();
    let mut stories = Vec::new();
    for location in engines() {
        let (data, url) = match &location {
            Location::Sqlite(_) => (temporary.data("sqlite"), None),
            Location::Postgres(url) => (temporary.data("postgres"), Some(url.clone())),
        };
        let database = url.iter().flat_map(|url| ["--database-url", url]).collect::<Vec<_>>();
        let server = data.serve_with(&database);
        let setup = ["setup", "--organization", "Org", "--place", "House", "--json"];
        let made = data.run(&[&setup[..], &database].concat()).json();
        let (place, id) = (get(&made, "/place/id"), get(&made, "/client/id"));
        let secret = get(&made, "/client/secret");
        let login = ["--place", &place, "--client-id", &id, "--client-secret", &secret];
        let fixed = ["sim", "--url", &server.url, "--offline", "--seed", "3"];
        let told = claviger(&[&fixed[..], &login].concat());
        for what in ["moves out", "0 of 5 locks know", "5 of 5 locks know; revoked everywhere"] {
            assert!(told.out.contains(what), "{what}: {told:?}");
        }
        assert!(told.out.contains("latest possible use "), "{told:?}");
        stories.push(story(&told));
        // Nothing of the house is left, and the same seed tells the same again.
        let client = Client::new(&server.url, &made);
        for noun in ["/people", "/locks", "/access-levels"] {
            assert_eq!(client.list(noun), Vec::<Value>::new(), "{noun}");
        }
        let again = claviger(&[&fixed[..], &login].concat());
        stories.push(story(&again));
        let tally = claviger(&[&fixed[..], &login, &["--json"]].concat()).json();
        assert_eq!(tally["surprises"], 0, "{tally}");
        for what in ["opened", "refused", "lists", "receipts", "attacks", "failures", "checks"] {
            assert!(tally[what].as_u64() > Some(0), "{what}: {tally}");
        }
        server.stop();
    }
    assert!(stories.windows(2).all(|pair| pair[0] == pair[1]), "{stories:#?}");
}
