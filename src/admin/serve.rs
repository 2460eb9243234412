//! Owns the operators' connections: so many at once, one request each, all of it within one deadline.

use super::AdminState;
use super::routes::answer;
use crate::telemetry::Redacted;
use crate::tls::Tls;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; more wait in the kernel's queue.
pub(super) const MOST_CONNECTIONS: usize = 64;
/// From accepting a connection to its end: whoever sends or reads slower is no probe.
const DEADLINE: Duration = Duration::from_secs(10);
/// Request line and headers together.
const MAX_HEAD: usize = 16 << 10;
/// How long nothing is accepted after an error, such as no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers operators until told to stop; what is being answered then is finished. Connections are tasks of `tasks`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    state: Arc<AdminState>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let accept = async {
        loop {
            // The semaphore is never closed.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (tls, state, stop) = (tls.clone(), state.clone(), stop.clone());
                    tasks.spawn(async move {
                        if timeout(DEADLINE, answered(stream, tls.as_deref(), &state, &stop)).await.is_err() {
                            tracing::debug!("an operator's connection took too long");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the operators' listener cannot accept");
                    sleep(PAUSE).await;
                }
            }
        }
    };
    stop.run_until_cancelled(accept).await;
}

/// One connection, with TLS where there is some.
async fn answered(stream: TcpStream, tls: Option<&Tls>, state: &AdminState, stop: &CancellationToken) {
    let Some(tls) = tls else { return connection(stream, state, stop).await };
    match stop.run_until_cancelled(tls.accept(stream)).await {
        Some(Ok(stream)) => connection(stream, state, stop).await,
        Some(Err(error)) => tracing::debug!(%error, "an operator's TLS handshake failed"),
        None => {}
    }
}

/// One request and its answer: without keep-alive the one deadline covers everything a peer can drag out.
async fn connection<T: AsyncRead + AsyncWrite + Unpin>(stream: T, state: &AdminState, stop: &CancellationToken) {
    let service = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
        let path = request.uri().path();
        let answer = answer(state, &request).await;
        tracing::debug!(path = %Redacted(path), status = answer.status().as_u16(), "an operator asked");
        Ok::<_, Infallible>(answer)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(DEADLINE).keep_alive(false).max_buf_size(MAX_HEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an operator's connection failed");
    }
}
