//! TLS, and webhooks that leave the server.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};

use crate::client::Client;
use crate::run::{Temporary, get};
use crate::webhooks::read;

pub(crate) fn pem(name: &str) -> String {
    format!("{}/tests/it/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A certificate of `tests/it/tls`: an authority of the tests' own, valid until 2126.
#[test]
fn tls_is_spoken_where_it_is_set_up() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let server = data.serve_with(&["--tls-cert", &pem("chain.pem"), "--tls-key", &pem("key.pem")]);
    let address = server.url.strip_prefix("https://").unwrap().to_owned();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pem("authority.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    let mut secured = rustls::Stream::new(&mut tls, &mut stream);
    secured.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = secured.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Plain HTTP at the same door gets no answer.
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    server.stop();
}

/// One request as a webhook's receiver sees it.
fn received(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let request = read(&mut stream).unwrap();
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    request
}

#[test]
fn webhooks_reach_allowed_addresses_and_no_others() {
    let temporary = Temporary::new();
    let data = temporary.data("data");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("http://localhost:{port}/hook");
    let made = data.setup();
    let strict = format!("allow_http_webhooks = true\nallow_webhook_ports = [{port}]\n");
    let open = format!("{strict}allow_webhook_addresses = ['127.0.0.0/8', '::1']\n");
    let file = temporary.write("open.toml", &open);
    let server = data.serve_with(&["--config", &file]);
    let client = Client::new(&server.url, &made);
    let hook = client.make("/webhooks", json!({"url": url}));
    assert_eq!(client.send("POST", &format!("/webhooks/{hook}/test"), json!({})).0, 202);
    let request = received(&listener);
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("webhook-signature: v1,"), "{request}");
    assert!(request.contains("\"type\":\"webhook.test\""), "{request}");
    server.stop();
    let file = temporary.write("strict.toml", &strict);
    let server = data.serve_with(&["--config", &file]);
    let client = Client::new(&server.url, &made);
    assert_eq!(client.send("POST", &format!("/webhooks/{hook}/test"), json!({})).0, 202);
    let begun = Instant::now();
    let error = loop {
        let deliveries = client.list(&format!("/webhooks/{hook}/deliveries"));
        let mut errors = deliveries.iter().filter_map(|it| it.pointer("/attempts/0/error"));
        if let Some(error) = errors.find(|error| **error != Value::Null) {
            break error.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{deliveries:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let error = get(&json!({"error": error}), "/error");
    assert_eq!(error, "the address is not one this server may send to");
    server.stop();
}
