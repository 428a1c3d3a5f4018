//! `$filter` over contacts: refused by 400, or a part of the list of which what is left out is not
//! let through by the negation as well.

use claviger_app::{Caller, Context, Via};
use form_urlencoded::byte_serialize;
use serde_json::{Value, json};

use super::server::Server;

const WORDS: &[&str] = &[
    " eq ",
    " ne ",
    " gt ",
    " in ",
    " and ",
    " or ",
    "not ",
    "(",
    ")",
    "'",
    "''",
    ",",
    "null",
    "true",
    "1e9",
    "-1",
    "2024-01-01T08:00:00Z",
    "contains(",
    "tolower(",
    "title",
    "contact/id",
    "/",
    "\u{0}",
    "\u{661}",
];

#[test]
fn an_accepted_filter_and_its_negation_let_nothing_through_together() {
    let mut server = Server::start();
    let ctx = Context::new(server.app.clone(), Caller::Operator, Via::CommandLine);
    let vendor = claviger_web::vendor("tapkey").unwrap();
    let made = server.runtime.block_on(vendor.credentials(ctx, server.place)).unwrap();
    let login = json!({
        "grant_type": "client_credentials", "client_id": made["client_id"],
        "client_secret": made["client_secret"],
    });
    let path = "/compat/tapkey/connect/token";
    let (status, token) = server.send("POST", path, login.to_string().into_bytes());
    assert_eq!(status, 200, "{token}");
    server.log_in(token["access_token"].as_str().unwrap());
    let contacts = format!("/compat/tapkey/api/v1/owners/{}/contacts", server.place);
    for (identifier, title) in [("ann@example.org", json!("O'Neil")), ("bo@x.org", Value::Null)] {
        let body = json!({ "identifier": identifier, "title": title });
        let (status, made) = server.send("PUT", &contacts, body.to_string().into_bytes());
        assert_eq!(status, 200, "{made}");
    }
    let (_, all) = server.send("GET", &contacts, Vec::new());
    let all = all.as_array().unwrap().clone();
    let ask = |filter: &str| {
        let filter: String = byte_serialize(filter.as_bytes()).collect();
        let (status, found) =
            server.send("GET", &format!("{contacts}?$filter={filter}"), Vec::new());
        if status == 400 {
            assert!(found["ErrorMessage"].is_string(), "{found}");
            return None;
        }
        assert_eq!(status, 200, "{found}");
        let found = found.as_array().unwrap().clone();
        assert!(found.iter().all(|it| all.contains(it)), "{found:?}");
        Some(found)
    };
    let mut accepted = 0_u64;
    let count = super::driver::feed(&super::seeds("odata"), WORDS, |input| {
        let filter = String::from_utf8_lossy(input);
        let Some(through) = ask(&filter) else { return };
        accepted += 1;
        if let Some(against) = ask(&format!("not ({filter})")) {
            assert!(through.iter().all(|it| !against.contains(it)), "{filter}");
        }
        // Twice as many questions may be too many.
        if let Some(twice) = ask(&format!("({filter}) and ({filter})")) {
            assert_eq!(twice, through, "{filter}");
        }
    });
    println!("filters: {count} inputs, {accepted} accepted");
    assert!(accepted > 0, "the seeds are accepted");
}
