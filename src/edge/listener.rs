//! Owns the listening socket and the HTTP/1 connection up to its one answer. Every connection has a deadline
//! from its first moment, and the bytes it may send before the answer are bounded.

use super::Edge;
use super::handshake::Transport;
use super::lobby::Ticket;
use crate::dialect::Protocol;
use crate::telemetry::labels::Handshake;
use crate::tls::Tls;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol as Layer4, Socket, Type};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

/// hyper's own minimum.
const LEAST_BUFFER: usize = 8192;
/// Headers in one request.
const MOST_HEADERS: usize = 100;
/// Waits after an accept that failed, so that a full descriptor table is no busy loop.
const BACKOFF: Duration = Duration::from_millis(50);
/// Bytes the kernel takes for a client beyond what is on its way to it. By default they are megabytes, and a
/// socket that is full counts as writable only when a third of them is gone: a slow reader would look dead.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;
/// Connections accepted in a row before everybody else has a turn: in a storm, what is to be done for newcomers
/// is done while few of them wait for it, and those who are connected wait no longer than for these few.
const ROW: u8 = 16;
/// A failure that lasts is told again after so long.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Binds and listens; port 0 takes a free one.
///
/// # Errors
/// The system's: in use, not permitted.
pub fn bind(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Layer4::TCP))?;
    // A restart must not wait for the connections of its predecessor to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit it. Where it is not known, the kernel's own bound holds.
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

/// Accepts until told to stop; with TLS where there is some.
pub async fn run(edge: Arc<Edge>, listener: TcpListener, tls: Option<Arc<Tls>>, stop: CancellationToken) {
    let mut told: Option<Instant> = None;
    let mut row = 0;
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                accept(&edge, tls.as_ref(), stream, peer);
                row = (row + 1) % ROW;
                if row == 0 {
                    yield_now().await;
                }
            }
            // The peer's fault, and over: reset before it was accepted.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if told.is_none_or(|at| at.elapsed() > TELL_AGAIN) {
                    tracing::error!(%error, "connections cannot be accepted");
                    told = Some(Instant::now());
                }
                sleep(BACKOFF).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn accept(edge: &Arc<Edge>, tls: Option<&Arc<Tls>>, stream: TcpStream, peer: SocketAddr) {
    let ticket = match edge.enter(peer) {
        Ok(ticket) => ticket,
        Err(limit) => {
            let metrics = &edge.state.load().context.metrics;
            metrics.handshakes.with((Protocol::V3, Handshake::Limit)).inc();
            metrics.limit_hits.with((limit,)).inc();
            return;
        }
    };
    // Small messages must not wait for the answer to others (Nagle); a socket that cannot is closed already.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (accepted, edge) = (Instant::now(), edge.clone());
    let tasks = edge.sessions.clone();
    match tls {
        None => tasks.spawn(serve(edge, stream, peer, ticket, accepted)),
        Some(tls) => tasks.spawn(secure(edge, tls.clone(), stream, peer, ticket, accepted)),
    };
}

/// TLS first. It has its share of the one deadline, so that nobody can drag out both.
async fn secure(
    edge: Arc<Edge>,
    tls: Arc<Tls>,
    stream: TcpStream,
    peer: SocketAddr,
    ticket: Ticket,
    accepted: Instant,
) {
    let deadline = accepted + edge.state.load().limits.handshake_timeout;
    // In a box, so that its memory goes when it is done.
    let result = match timeout_at(deadline, ticket.unless_shown_out(Box::pin(tls.accept(stream)))).await {
        Ok(Some(Ok(stream))) => return serve(edge, stream, peer, ticket, accepted).await,
        Err(_) | Ok(None) => Handshake::Limit,
        Ok(Some(Err(error))) => {
            tracing::debug!(%error, %peer, "TLS handshake failed");
            // Gone before it asked, as every probe of a port is: that counts without TLS neither.
            if error.kind() != io::ErrorKind::InvalidData {
                return;
            }
            Handshake::TlsFailed
        }
    };
    edge.state.load().context.metrics.handshakes.with((Protocol::V3, result)).inc();
}

/// One request, one answer: a 101, or a refusal that says `Connection: close`. (hyper's own switch for that
/// would say so in the 101 too.)
async fn serve<T: Transport>(edge: Arc<Edge>, stream: T, peer: SocketAddr, ticket: Ticket, accepted: Instant) {
    let state = edge.state.load_full();
    let limits = &state.limits;
    let service = service_fn(|request| {
        let (edge, place) = (edge.clone(), ticket.redeem());
        async move { Ok::<_, Infallible>(edge.answer::<T>(request, peer, place).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.handshake_timeout)
        .max_headers(MOST_HEADERS)
        .max_header_size(limits.url.saturating_add(limits.headers))
        .max_buf_size(limits.url.saturating_add(limits.headers).max(LEAST_BUFFER));
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let result = match timeout_at(accepted + limits.handshake_timeout, ticket.unless_shown_out(connection)).await {
        Err(_) | Ok(None) => Handshake::Limit,
        Ok(Some(Err(error))) if error.is_timeout() => Handshake::Limit,
        Ok(Some(Err(error))) if error.is_parse() => Handshake::BadRequest,
        // Answered, or gone before it asked.
        Ok(_) => return,
    };
    state.context.metrics.handshakes.with((Protocol::V3, result)).inc();
}
