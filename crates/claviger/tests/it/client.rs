//! The least HTTP client that will do: one request per connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::run::get;

/// An API client with a token.
pub(crate) struct Client {
    address: String,
    pub(crate) token: String,
    place: String,
}

/// Sends a request; status and body.
pub(crate) fn send(url: &str, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    send_with(url, method, path, token, "", body)
}

/// Sends a request with further lines of its head, each with its end.
fn send_with(
    url: &str,
    method: &str,
    path: &str,
    token: &str,
    further: &str,
    body: &Value,
) -> (u16, Value) {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let bearer =
        if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{bearer}{further}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

impl Client {
    /// Logs the set-up client in.
    pub(crate) fn new(url: &str, made: &Value) -> Client {
        let (id, secret) = (get(made, "/client/id"), get(made, "/client/secret"));
        let body = json!({
            "grant_type": "client_credentials", "client_id": id, "client_secret": secret,
        });
        let (status, token) = send(url, "POST", "/oauth/token", "", &body);
        assert_eq!(status, 200, "{token}");
        Client {
            address: url.to_owned(),
            token: get(&token, "/access_token"),
            place: get(made, "/place/id"),
        }
    }

    /// Sends a request under the place.
    pub(crate) fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let path = format!("/api/v1/places/{}{path}", self.place);
        send(&self.address, method, &path, &self.token, &body)
    }

    /// Sends a request under the place that may be sent again.
    pub(crate) fn send_once(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let path = format!("/api/v1/places/{}{path}", self.place);
        let key = format!("idempotency-key: {key}\r\n");
        send_with(&self.address, "POST", &path, &self.token, &key, body)
    }

    /// Sends a request to a path of the server's own.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        send(&self.address, method, path, &self.token, body)
    }

    /// Asks for an answer under the place and leaves the reading to the caller.
    pub(crate) fn open(&self, path: &str) -> TcpStream {
        let address = self.address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        let (place, token) = (&self.place, &self.token);
        let head = format!(
            "GET /api/v1/places/{place}{path} HTTP/1.1\r\nhost: {address}\r\n\
             connection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    /// The items of a list.
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let (status, answer) = self.send("GET", path, Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer["items"].as_array().unwrap().clone()
    }

    /// Makes something; its id.
    pub(crate) fn make(&self, path: &str, body: Value) -> String {
        let (status, made) = self.send("POST", path, body);
        assert_eq!(status, 201, "{made}");
        get(&made, "/id")
    }
}
