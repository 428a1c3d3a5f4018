//! Requests of which something stays unread. Where it is the head, hyper ends them with a status
//! and nothing else; that answer is held back here, and once hyper has let go of the connection one
//! takes its place that says what is wrong, in the form of whose address it is. Where it is the
//! body, the answer went out before it was in.
//!
//! Must not know a form. What a client still sends is read, so that it reads the answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Response;
use claviger_web::Unread;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

/// The bytes of a request that are kept to know whose it is.
const KEPT: usize = 256;
/// How long, and how much, is read of a request that is refused already.
const LINGERS: Duration = Duration::from_secs(5);
const MOST_READ: u64 = 16 << 20;
/// The longest body of a refusal.
const MOST_SAID: usize = 1 << 16;

/// A connection that holds hyper's own answers back.
pub(super) struct Watched<S>(Arc<Mutex<Shared<S>>>);

/// The same connection, for when hyper is done with it.
pub(super) struct Left<S>(Arc<Mutex<Shared<S>>>);

struct Shared<S> {
    stream: S,
    /// How the request begins that is being read.
    begin: Vec<u8>,
    /// Whether its first line has ended.
    has_line: bool,
    /// The status that was held back.
    refused: Option<u16>,
}

/// The body of a request; says when all of it was read.
pub(super) struct Noted {
    body: Incoming,
    is_unread: Arc<AtomicBool>,
}

impl Noted {
    /// A body with the note of its connection, which holds for the request under way.
    pub(super) fn new(body: Incoming, is_unread: Arc<AtomicBool>) -> Noted {
        is_unread.store(!body.is_end_stream(), Ordering::Relaxed);
        Noted { body, is_unread }
    }
}

impl Body for Noted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.is_unread.store(false, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection, for hyper and for afterwards.
pub(super) fn watched<S>(stream: S) -> (Watched<S>, Left<S>) {
    let begin = Vec::with_capacity(KEPT);
    let shared = Shared { stream, begin, has_line: false, refused: None };
    let shared = Arc::new(Mutex::new(shared));
    (Watched(shared.clone()), Left(shared))
}

fn lock<S>(shared: &Mutex<Shared<S>>) -> MutexGuard<'_, Shared<S>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The status of an answer that hyper makes by itself: it has no body, as none of ours.
fn by_itself(answer: &[u8]) -> Option<u16> {
    let rest = answer.strip_prefix(b"HTTP/1.").filter(|rest| rest.get(2) == Some(&b'4'))?;
    let status = std::str::from_utf8(rest.get(2..5)?).ok()?.parse().ok()?;
    let head = std::str::from_utf8(answer).ok()?.to_ascii_lowercase();
    let is_bare = head.ends_with("\r\n\r\n") && !head.contains("\r\ncontent-type:");
    ([400, 414, 431].contains(&status) && is_bare).then_some(status)
}

impl<S> Shared<S> {
    /// Whether something that is to be written is held back.
    fn holds(&mut self, bytes: &[u8]) -> bool {
        if self.refused.is_none() {
            self.refused = by_itself(bytes);
        }
        if self.refused.is_none() {
            self.begin.clear();
            self.has_line = false;
        }
        self.refused.is_some()
    }

    fn reads(&mut self, bytes: &[u8]) {
        let room = KEPT - self.begin.len().min(KEPT);
        self.begin.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.has_line = self.has_line || bytes.contains(&b'\n');
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        let before = into.filled().len();
        let read = Pin::new(&mut shared.stream).poll_read(cx, into);
        shared.reads(into.filled().get(before..).unwrap_or_default());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut shared = lock(&self.0);
        match shared.holds(bytes) {
            true => Poll::Ready(Ok(bytes.len())),
            false => Pin::new(&mut shared.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut shared = lock(&self.0);
        let first = bytes.iter().find(|slice| !slice.is_empty());
        match shared.holds(first.map_or(&[], |slice| slice)) {
            true => Poll::Ready(Ok(bytes.iter().map(|slice| slice.len()).sum())),
            false => Pin::new(&mut shared.stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.0).stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        match shared.refused {
            Some(_) => Poll::Ready(Ok(())),
            None => Pin::new(&mut shared.stream).poll_shutdown(cx),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Left<S> {
    /// Ends the connection: says what is wrong with a request whose head could not be read, if
    /// there is one, at the address that it names, below a base where that is all that is served;
    /// and reads what still comes of a request that was answered already.
    pub(super) async fn end(self, base: Option<&'static str>, is_unread: bool) -> io::Result<()> {
        let shared = Arc::into_inner(self.0).map(Mutex::into_inner);
        let Some(shared) = shared.map(|it| it.unwrap_or_else(PoisonError::into_inner)) else {
            return Ok(());
        };
        let Shared { mut stream, begin, has_line, refused } = shared;
        let why = match refused {
            None if is_unread => {
                linger(&mut stream).await;
                return Ok(());
            }
            None => return Ok(()),
            Some(400) => Unread::Malformed,
            Some(431) if has_line => Unread::Head,
            // A first line that does not end is an address.
            Some(_) => Unread::Address,
        };
        let begin = String::from_utf8_lossy(&begin);
        let path = begin.split(' ').nth(1).unwrap_or_default();
        let path = base.map_or(path.to_owned(), |base| format!("{base}/"));
        let answer = whole(claviger_web::unread(&path, why)).await;
        stream.write_all(&answer).await?;
        stream.shutdown().await?;
        linger(&mut stream).await;
        Ok(())
    }
}

/// Reads and forgets what a client still sends: a connection that is closed while something comes
/// in is reset, answer and all.
async fn linger<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut rest = stream.take(MOST_READ);
    let mut nowhere = tokio::io::sink();
    let read = tokio::io::copy(&mut rest, &mut nowhere);
    let _ = tokio::time::timeout(LINGERS, read).await;
}

/// An answer as it is sent, after which the connection ends.
async fn whole(answer: Response<axum::body::Body>) -> Vec<u8> {
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, MOST_SAID).await.unwrap_or_default();
    let mut out = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let rest = format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(&body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_without_a_body_are_hypers_own() {
        let own = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(by_itself(own.as_bytes()), Some(431));
        assert_eq!(by_itself(own.replace("431", "414").as_bytes()), Some(414));
        for other in [
            own.replace("431", "404"),
            own.replace("431", "200"),
            own.replace("content-length", "content-type: text/plain\r\ncontent-length"),
            "4".to_owned(),
            String::new(),
        ] {
            assert_eq!(by_itself(other.as_bytes()), None, "{other}");
        }
    }
}
