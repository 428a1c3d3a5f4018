//! The listening side: connections taken in, TLS, whom a request really comes from, and the end.
//!
//! Must not know a route. A request reaches the router with `ConnectInfo` of the client's address.

mod unread;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::HOST;
use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{HeaderMap, HeaderName, Request};
use claviger_web::VendorAddress;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use self::unread::Noted;
use crate::cidr::Range;

/// What a proxy says a client spoke.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// How long requests under way may take once the server is asked to end.
const LAST_ORDERS: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request, and for the TLS handshake.
const SLOWEST_HEAD: Duration = Duration::from_secs(30);

/// Whom the server lets in, and how.
pub(crate) struct Doors {
    /// TLS, where it is set up.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Who may say for whom they ask.
    pub(crate) proxies: Vec<Range>,
    /// Whether other machines than the proxies may speak plain HTTP.
    pub(crate) insecure: bool,
    /// Host names, in lower case, at whose root only what hangs below a base is served.
    pub(crate) hosts: Vec<(String, &'static str)>,
}

impl Doors {
    /// Whether a peer may connect: plain HTTP is for this machine and the proxies.
    fn lets_in(&self, peer: IpAddr) -> bool {
        let local = peer.to_canonical().is_loopback();
        self.tls.is_some() || self.insecure || local || self.is_proxy(peer)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|range| range.holds(address))
    }

    /// The client's address: the peer's, or where that is a proxy the last one that a proxy named
    /// and that is no proxy itself. What stands before it, the client may have made up.
    fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        if !self.is_proxy(peer.ip()) {
            return peer;
        }
        let lines = headers.get_all("x-forwarded-for").iter();
        let named: Vec<&str> =
            lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).collect();
        let mut client = peer;
        for text in named.iter().rev() {
            let Ok(address) = text.trim().parse::<IpAddr>() else { break };
            client = SocketAddr::new(address.to_canonical(), 0);
            if !self.is_proxy(address) {
                break;
            }
        }
        client
    }

    /// Puts the path of a request below the base that is served at the root of its listener or host
    /// name, and notes under which address that was; a path that is below it already stays.
    fn rebase(&self, base: Option<&'static str>, peer: IpAddr, request: &mut Request<Body>) {
        if base.is_none() && self.hosts.is_empty() {
            return;
        }
        let text = |name| request.headers().get(name).and_then(|it| it.to_str().ok());
        let host = text(HOST).unwrap_or_default().to_ascii_lowercase();
        let is_secret = match text(FORWARDED_PROTO) {
            Some(scheme) if self.is_proxy(peer) => scheme.eq_ignore_ascii_case("https"),
            _ => self.tls.is_some(),
        };
        let scheme = if is_secret { "https" } else { "http" };
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        let named = self.hosts.iter().find(|(known, _)| *known == name || *known == host);
        let Some(base) = base.or(named.map(|(_, base)| *base)) else { return };
        let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let is_below = path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        let rebased = (!is_below).then(|| format!("{base}{path}").parse().ok()).flatten();
        if host.parse::<Authority>().is_ok() {
            let below = if is_below { base } else { "" };
            request.extensions_mut().insert(VendorAddress(format!("{scheme}://{host}{below}")));
        }
        if let Some(uri) = rebased {
            *request.uri_mut() = uri;
        }
    }

    /// Serves until `stop` says true, then lets requests under way end. Where there is a base, only
    /// what hangs below it is served.
    pub(crate) async fn serve(
        self: Arc<Doors>,
        listener: TcpListener,
        base: Option<&'static str>,
        router: Router,
        mut stop: watch::Receiver<bool>,
    ) {
        let graceful = GracefulShutdown::new();
        let router = TowerToHyperService::new(router);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer)) if self.lets_in(peer.ip()) => {
                    let (doors, router) = (self.clone(), router.clone());
                    let watcher = graceful.watcher();
                    tokio::spawn(async move {
                        doors.connection(stream, peer, base, router, watcher).await
                    });
                }
                Ok((_, peer)) => tracing::debug!(%peer, "plain HTTP from elsewhere was refused"),
                Err(error) => {
                    // Out of files, for example: what is open may close meanwhile.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(LAST_ORDERS, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests were cut off after {} s", LAST_ORDERS.as_secs());
        }
    }

    async fn connection(
        self: Arc<Doors>,
        stream: TcpStream,
        peer: SocketAddr,
        base: Option<&'static str>,
        router: TowerToHyperService<Router>,
        watcher: Watcher,
    ) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self.clone().requests(stream, peer, base, router, watcher).await;
        };
        match tokio::time::timeout(SLOWEST_HEAD, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.clone().requests(stream, peer, base, router, watcher).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS with a client"),
            Err(_) => tracing::debug!(%peer, "a client took too long for TLS"),
        }
    }

    async fn requests<S>(
        self: Arc<Doors>,
        stream: S,
        peer: SocketAddr,
        base: Option<&'static str>,
        router: TowerToHyperService<Router>,
        watcher: Watcher,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let is_unread = Arc::new(AtomicBool::new(false));
        let noted = is_unread.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let client = self.client(peer, request.headers());
            let mut request = request.map(|body| Body::new(Noted::new(body, noted.clone())));
            request.extensions_mut().insert(ConnectInfo(client));
            self.rebase(base, peer.ip(), &mut request);
            router.call(request)
        });
        let (stream, left) = unread::watched(stream);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(SLOWEST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
        if let Err(error) = left.end(base, is_unread.load(Ordering::Relaxed)).await {
            tracing::debug!(%peer, %error, "a refusal could not be sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors() -> Doors {
        let proxies = vec![Range::parse("10.0.0.0/8").unwrap()];
        let hosts = vec![("unloc.example.org".to_owned(), "/compat/unloc")];
        Doors { tls: None, proxies, insecure: false, hosts }
    }

    #[test]
    fn plain_http_is_for_this_machine_and_the_proxies() {
        let doors = doors();
        for (peer, may) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("192.168.1.1", false),
            ("8.8.8.8", false),
        ] {
            assert_eq!(doors.lets_in(peer.parse().unwrap()), may, "{peer}");
        }
    }

    #[test]
    fn a_vendor_is_served_at_the_root_of_its_name_and_address() {
        let path = |base, host: &str, path: &str| {
            let request = Request::builder().uri(path).header("host", host);
            let mut request = request.body(Body::empty()).unwrap();
            doors().rebase(base, "127.0.0.1".parse().unwrap(), &mut request);
            request.uri().to_string()
        };
        let unloc = Some("/compat/unloc");
        assert_eq!(path(unloc, "localhost:9001", "/v2/x?y=1"), "/compat/unloc/v2/x?y=1");
        assert_eq!(path(unloc, "localhost", "/compat/unloc/v2"), "/compat/unloc/v2");
        assert_eq!(path(unloc, "localhost", "/api/v1/me"), "/compat/unloc/api/v1/me");
        assert_eq!(path(None, "Unloc.Example.org:443", "/v2/x"), "/compat/unloc/v2/x");
        assert_eq!(path(None, "example.org", "/v2/x"), "/v2/x");
    }

    #[test]
    fn the_address_a_vendor_was_reached_at_is_noted() {
        let noted = |peer: &str, base, host: &str, path: &str, proto: &str| {
            let request = Request::builder().uri(path).header("host", host);
            let request = request.header("x-forwarded-proto", proto);
            let mut request = request.body(Body::empty()).unwrap();
            doors().rebase(base, peer.parse().unwrap(), &mut request);
            request.extensions().get::<VendorAddress>().map(|it| it.0.clone())
        };
        let (here, proxy, unloc) = ("127.0.0.1", "10.0.0.1", Some("/compat/unloc"));
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(noted(here, unloc, "[::1]:9001", "/v2/x", ""), own("http://[::1]:9001"));
        let below = own("http://localhost:9001/compat/unloc");
        assert_eq!(noted(here, unloc, "localhost:9001", "/compat/unloc/v2", "https"), below);
        let name = "unloc.example.org";
        assert_eq!(noted(proxy, None, name, "/v2/x", "https"), own("https://unloc.example.org"));
        assert_eq!(noted(here, None, name, "/v2/x", "https"), own("http://unloc.example.org"));
        assert_eq!(noted(here, None, "example.org", "/compat/unloc/v2/x", ""), None);
        assert_eq!(noted(here, unloc, "no host", "/v2/x", ""), None);
    }

    #[test]
    fn only_proxies_are_believed() {
        let client = |peer: &str, header: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in header {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            doors().client(peer.parse().unwrap(), &headers).ip().to_string()
        };
        assert_eq!(client("8.8.8.8:1", &["1.1.1.1"]), "8.8.8.8");
        assert_eq!(client("10.0.0.1:1", &["1.1.1.1"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1:1", &["6.6.6.6, 1.1.1.1, 10.0.0.9"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1:1", &["6.6.6.6", "1.1.1.1"]), "1.1.1.1");
        assert_eq!(client("10.0.0.1:1", &["1.1.1.1, nonsense"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1:1", &[]), "10.0.0.1");
    }
}
