//! The listening side: connections taken in, TLS, whom a request really comes from, and the end.
//!
//! Must not know a route. A request reaches the router with `ConnectInfo` of the client's address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
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

use crate::cidr::Range;

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

    /// Serves until `stop` says true, then lets requests under way end.
    pub(crate) async fn serve(
        self: Arc<Doors>,
        listener: TcpListener,
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
                    tokio::spawn(
                        async move { doors.connection(stream, peer, router, watcher).await },
                    );
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
        router: TowerToHyperService<Router>,
        watcher: Watcher,
    ) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self.clone().requests(stream, peer, router, watcher).await;
        };
        match tokio::time::timeout(SLOWEST_HEAD, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.clone().requests(stream, peer, router, watcher).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS with a client"),
            Err(_) => tracing::debug!(%peer, "a client took too long for TLS"),
        }
    }

    async fn requests<S>(
        self: Arc<Doors>,
        stream: S,
        peer: SocketAddr,
        router: TowerToHyperService<Router>,
        watcher: Watcher,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request: Request<Incoming>| {
            let client = self.client(peer, request.headers());
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(client));
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(SLOWEST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors() -> Doors {
        let proxies = vec![Range::parse("10.0.0.0/8").unwrap()];
        Doors { tls: None, proxies, insecure: false }
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
