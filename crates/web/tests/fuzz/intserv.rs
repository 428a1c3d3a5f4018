//! Card numbers in IntServ's notation: refused by 400, or a key whose echo names the same key.

use claviger_app::{Caller, Context, Via};
use serde_json::{Value, json};

use super::server::Server;

const WORDS: &[&str] = &[
    "EM:",
    "MC:",
    "MD:",
    "em:",
    "0x",
    "0X",
    "|",
    " ",
    ":",
    "0",
    "ffffffffffffff",
    "1099511627776",
    "4294967296",
    "72057594037927936",
    "18446744073709551616",
    "\u{661}",
    "+",
    "-1",
    "1e9",
    "\u{0}",
];

#[test]
fn an_accepted_number_is_echoed_as_one_that_names_the_same_key() {
    let mut server = Server::start();
    let ctx = Context::new(server.app.clone(), Caller::Operator, Via::CommandLine);
    let vendor = claviger_web::vendor("intserv").unwrap();
    let made = server.runtime.block_on(vendor.credentials(ctx, server.place)).unwrap();
    server.log_in(made["api_key"].as_str().unwrap());
    let ask = |call: &str, card: &str| {
        let body = json!({ "key": { "identification": card, "type": "proximity" } });
        let path = format!("/compat/intserv/v1/accesskeys/{call}");
        server.send("POST", &path, body.to_string().into_bytes())
    };
    let mut accepted = 0_u64;
    let count = super::driver::feed(&super::seeds("intserv"), WORDS, |input| {
        let text = String::from_utf8_lossy(input);
        let (status, key) = ask("add", &text);
        if status == 400 {
            assert!(key["error_type"].is_string() && key["message"].is_string(), "{key}");
            return;
        }
        assert_eq!(status, 200, "{key}");
        accepted += 1;
        let echo = key["key"]["identification"].as_str().unwrap().to_owned();
        for part in echo.split('|') {
            assert!([13, 10, 17].contains(&part.len()), "{echo}");
            assert!(part.bytes().all(|digit| digit.is_ascii_digit()), "{echo}");
        }
        assert_eq!(ask("add", &echo), (200, key));
        assert_eq!(ask("remove", &echo), (204, Value::Null));
    });
    println!("card numbers: {count} inputs, {accepted} accepted");
    assert!(accepted > 0, "the seeds are accepted");
}
