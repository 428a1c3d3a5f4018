//! JSON bodies at the routes that make things: refused by 4xx, or made and read back as answered.

use super::server::Server;

const LISTS: &[&str] = &[
    "/people",
    "/locks",
    "/credentials",
    "/access-levels",
    "/schedules",
    "/grants",
    "/webhooks",
    "/controllers",
    "/decisions",
];

const WORDS: &[&str] = &[
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "-1",
    "1e400",
    "0.5",
    "\\u0000",
    "\\ud800",
    "\u{202e}",
    "\"external:x\"",
    "\"id\":",
    "\"email\":",
    "\"metadata\":",
    "\"valid_from\":",
    "\"schedule\":",
    "[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
    "2026-01-01T00:00:00Z",
    "18446744073709551616",
    ",",
    "é",
];

#[test]
fn a_body_is_refused_or_made_as_answered() {
    let server = Server::start();
    let (mut made, mut asked) = (0_u64, 0_usize);
    let count = super::driver::feed(&super::seeds("body"), WORDS, |input| {
        // The first word of a seed is the route it is meant for; changed ones go to others too.
        let at = input.iter().position(|byte| *byte == b' ').unwrap_or(0);
        let (route, body) = input.split_at(at);
        asked += 1;
        let named = LISTS.iter().find(|list| list.as_bytes() == route);
        let list = named.unwrap_or(&LISTS[asked % LISTS.len()]);
        let (status, answer) = server.send("POST", &server.at(list), body.to_vec());
        assert!(status < 500, "{list}: {status} {answer}");
        if status >= 400 {
            assert!(answer["code"].is_string() && answer["detail"].is_string(), "{answer}");
        }
        if status != 201 {
            return;
        }
        made += 1;
        let path = server.at(&format!("{list}/{}", answer["id"].as_str().unwrap()));
        let (status, mut read) = server.send("GET", &path, Vec::new());
        assert_eq!(status, 200, "{path}");
        // What is shown once is not read again.
        for once in ["secret", "code"] {
            if let Some(shown) = answer.get(once) {
                read[once] = shown.clone();
            }
        }
        assert_eq!(read, answer, "{list}");
        if made % 8 == 0 {
            server.send("DELETE", &path, Vec::new());
        }
    });
    println!("bodies: {count} inputs, {made} accepted");
    assert!(made > 0, "the seeds are accepted");
}
