//! The server's only outgoing HTTP: webhooks, sent where the public internet is and nowhere else.
//!
//! A name is resolved once; the address that was checked is the address connected to. Redirects
//! are answers like others and are not followed; no proxy of the environment is used. Built on
//! hyper rather than on a ready-made client, because only so no second resolution can happen.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use claviger_app::delivery::{Outgoing, Send};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::cidr::{Range, is_public};
use crate::exit::Failure;
use crate::tls;

/// How long one delivery may take, from looking the name up to the head of the answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long one of a name's addresses is tried.
const CONNECT: Duration = Duration::from_secs(5);
/// The ports webhooks are usual on.
const USUAL_PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// What the operator allows beyond the public internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Plain HTTP.
    pub(crate) http: bool,
    /// Addresses that are not public.
    pub(crate) addresses: Vec<Range>,
    /// Ports that are not usual.
    pub(crate) ports: Vec<u16>,
}

/// Where a request goes, as far as its URL says.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    tls: bool,
    host: Host<String>,
    port: u16,
    /// Path and query.
    path: String,
}

impl Rules {
    /// Whether an address may be connected to.
    fn allow(&self, address: IpAddr) -> bool {
        is_public(address) || self.addresses.iter().any(|range| range.holds(address))
    }

    /// Reads a URL and refuses what its text alone forbids.
    fn target(&self, url: &str) -> Result<Target, String> {
        let url = Url::parse(url).map_err(|_| "the URL is malformed".to_owned())?;
        let tls = match url.scheme() {
            "https" => true,
            "http" if self.http => false,
            "http" => return Err("plain http is not allowed on this server".to_owned()),
            other => return Err(format!("the scheme {other} is not allowed")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with a user name or password is not allowed".to_owned());
        }
        let host = url.host().ok_or("the URL has no host")?.to_owned();
        // A resolver may pass over an empty label, and so see an address where a name was allowed.
        if let Host::Domain(name) = &host
            && name.strip_suffix('.').unwrap_or(name).split('.').any(str::is_empty)
        {
            return Err("the host name has an empty part between its dots".to_owned());
        }
        let port = url.port_or_known_default().ok_or("the URL has no port")?;
        if !USUAL_PORTS.contains(&port) && !self.ports.contains(&port) {
            return Err(format!("port {port} is not allowed on this server"));
        }
        let address = match &host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
        };
        if address.is_some_and(|address| !self.allow(address)) {
            return Err(NOT_ALLOWED.to_owned());
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Target { tls, host, port, path: format!("{}{query}", url.path()) })
    }
}

/// Says no more, because who reads it may be asking what is behind the server.
const NOT_ALLOWED: &str = "the address is not one this server may send to";

impl Target {
    /// The addresses that may be connected to; the only look-up of the name there is.
    async fn addresses(&self, rules: &Rules) -> Result<Vec<SocketAddr>, String> {
        let found: Vec<SocketAddr> = match &self.host {
            Host::Ipv4(address) => vec![(*address, self.port).into()],
            Host::Ipv6(address) => vec![(*address, self.port).into()],
            Host::Domain(name) => {
                let found = tokio::net::lookup_host((name.as_str(), self.port)).await;
                found.map_err(|_| "the host name is not known".to_owned())?.collect()
            }
        };
        if found.is_empty() {
            return Err("the host name is not known".to_owned());
        }
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|found| rules.allow(found.ip())).collect();
        if allowed.is_empty() { Err(NOT_ALLOWED.to_owned()) } else { Ok(allowed) }
    }

    fn server_name(&self) -> Result<ServerName<'static>, String> {
        let name = match &self.host {
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
            Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
                .map_err(|_| "the host name is not one a certificate can name".to_owned())?,
        };
        Ok(name)
    }

    /// The value of `Host`.
    fn authority(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        match self.port {
            port if port == usual => self.host.to_string(),
            port => format!("{}:{port}", self.host),
        }
    }
}

/// Sends requests under `rules`.
///
/// # Errors
/// The machine's certificate authorities cannot be read.
pub(crate) fn sender(rules: Rules) -> Result<Send, Failure> {
    let rules = Arc::new(rules);
    let connector = TlsConnector::from(tls::client()?);
    Ok(Arc::new(move |outgoing| {
        let (rules, connector) = (rules.clone(), connector.clone());
        Box::pin(async move {
            match tokio::time::timeout(PATIENCE, send(&rules, &connector, outgoing)).await {
                Ok(answered) => answered,
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            }
        })
    }))
}

async fn send(rules: &Rules, connector: &TlsConnector, out: Outgoing) -> Result<u16, String> {
    let target = rules.target(&out.url)?;
    let addresses = target.addresses(rules).await?;
    let mut builder = Request::post(&target.path)
        .header(header::HOST, target.authority())
        .header(header::CONNECTION, "close");
    for (name, value) in &out.headers {
        builder = builder.header(name.as_ref(), value);
    }
    let request =
        builder.body(Body::from(out.body)).map_err(|_| "the request is malformed".to_owned())?;
    let stream = connect(&addresses).await?;
    if !target.tls {
        return exchange(stream, request).await;
    }
    let secured = connector.connect(target.server_name()?, stream).await;
    exchange(secured.map_err(|error| format!("no secure connection: {error}"))?, request).await
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut last = "no connection in time".to_owned();
    for address in addresses {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = format!("no connection: {}", error.kind()),
            Err(_) => {}
        }
    }
    Err(last)
}

/// One request; the body of the answer is left unread.
async fn exchange<S>(stream: S, request: Request<Body>) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Unpin + std::marker::Send + 'static,
{
    let broken = |error: hyper::Error| format!("the connection broke: {error}");
    let (mut requests, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let answered = requests.send_request(request).await;
    driver.abort();
    Ok(answered.map_err(broken)?.status().as_u16())
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules { http: true, ..Rules::default() }
    }

    #[test]
    fn hostile_spellings_of_inner_addresses_are_refused() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://0x7f.1/",
            "HTTP://127.0.0.1/",
            "http://127.0.0.1./",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[fd00:ec2::254]/",
            "http://169.254.169.254/",
            "http://[fe80::1]/",
            "http://0/",
            "http://0.0.0.0:8080/",
            "http:127.0.0.1/",
            "http:\\\\127.0.0.1\\x",
            "http://１２７.0.0.1/",
            "http://10.1/",
            "http://[::]/",
            "http://127.0.0.1\t/",
            " http://127.0.0.1/ ",
            "http://①②⑦.0.0.1/",
        ] {
            let refused = rules().target(url).unwrap_err();
            assert_eq!(refused, NOT_ALLOWED, "{url}");
        }
    }

    #[test]
    fn other_wrongs_are_refused() {
        let plain = Rules::default().target("http://example.org/").unwrap_err();
        assert!(plain.contains("plain http"), "{plain}");
        for url in [
            "https://user@example.org/",
            "https://user:pw@example.org/",
            "https://example.org@127.0.0.1/",
            "https://example.org:22/",
            "https://example.org:0/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "gopher://x/",
            "https://",
            "https:///",
            "example.org",
            "",
            "https://[::1",
            "https://999.1.1.1/",
            "javascript:alert(1)",
            "unix:/run/x.sock",
        ] {
            assert!(rules().target(url).is_err(), "{url}");
        }
        assert!(rules().target("http://8.8.8.8:25/").is_err());
        let more = Rules { ports: vec![25], ..rules() };
        assert!(more.target("http://8.8.8.8:25/").is_ok());
    }

    #[test]
    fn ordinary_targets_are_read() {
        let target = rules().target("HTTPS://Example.ORG./hook?a=1#part").unwrap();
        assert_eq!(target.authority(), "example.org.");
        assert_eq!(target.path, "/hook?a=1");
        assert_eq!(target.server_name().unwrap(), ServerName::try_from("example.org").unwrap());
        let target = rules().target("http://8.8.8.8:8080").unwrap();
        assert_eq!((target.authority().as_str(), target.path.as_str()), ("8.8.8.8:8080", "/"));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused() {
        let target = rules().target("http://localhost/").unwrap();
        assert_eq!(target.addresses(&rules()).await.unwrap_err(), NOT_ALLOWED);
        let target = rules().target("http://localhost./").unwrap();
        assert!(target.addresses(&rules()).await.is_err());
    }

    #[tokio::test]
    async fn an_allowed_address_is_sent_to_and_redirects_are_answers() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let answer = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\
                          content-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request[..read].to_vec()).unwrap()
        });
        let out = || Outgoing {
            url: format!("http://localhost:{port}/hook"),
            headers: vec![("webhook-id".into(), "7".to_owned())],
            body: "{}".to_owned(),
        };
        let strict = Rules { http: true, ports: vec![port], ..Rules::default() };
        assert_eq!(sender(strict.clone()).unwrap()(out()).await, Err(NOT_ALLOWED.to_owned()));
        let loopback = vec![Range::parse("127.0.0.0/8").unwrap()];
        let open = sender(Rules { addresses: loopback, ..strict }).unwrap();
        assert_eq!(open(out()).await, Ok(302));
        let request = server.await.unwrap();
        assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("webhook-id: 7\r\n") && request.ends_with("{}"), "{request}");
    }
}
