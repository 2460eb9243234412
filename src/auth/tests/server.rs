//! A real HTTP server, plain or TLS, that answers with whatever JWKS a test sets.

use super::Pair;
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use parking_lot::Mutex;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Status and body of the answer.
type Answer = Arc<Mutex<(u16, String)>>;

pub(super) struct Server {
    pub url: String,
    answer: Answer,
    hits: Arc<AtomicUsize>,
    /// Ends with the server.
    tasks: JoinSet<()>,
}

impl Server {
    pub async fn start(body: String) -> Self {
        Self::with(body, None).await
    }

    pub async fn with(body: String, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let port = listener.local_addr().expect("address").port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let answer: Answer = Arc::new(Mutex::new((200, body)));
        let hits = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, tls, answer.clone(), hits.clone()));
        Self { url: format!("{scheme}://localhost:{port}/jwks.json"), answer, hits, tasks }
    }

    pub fn answers(&self, status: u16, body: impl Into<String>) {
        *self.answer.lock() = (status, body.into());
    }

    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// Nobody listens any more.
    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, answer: Answer, hits: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answer, hits) = (tls.clone(), answer.clone(), hits.clone());
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                assert_eq!(request.uri().path(), "/jwks.json");
                hits.fetch_add(1, Ordering::SeqCst);
                let (status, body) = answer.lock().clone();
                let response = Response::builder().status(status).body(Full::new(Bytes::from(body)));
                async move { Ok::<_, Infallible>(response.expect("response")) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            // A client that goes away is no failure of the test.
            let _ = match tls {
                None => http.serve_connection(TokioIo::new(stream), service).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => http.serve_connection(TokioIo::new(stream), service).await,
                    Err(_) => Ok(()),
                },
            };
        });
    }
}

/// A JWK of the pair's public half.
pub(super) fn jwk(kid: &str, pair: &Pair, algorithm: Algorithm) -> String {
    let pem = pair.public.as_bytes();
    let key = DecodingKey::from_ed_pem(pem)
        .or_else(|_| DecodingKey::from_ec_pem(pem))
        .or_else(|_| DecodingKey::from_rsa_pem(pem))
        .expect("public key");
    let mut jwk = Jwk::from_decoding_key(&key, Some(algorithm)).expect("jwk");
    jwk.common.key_id = Some(kid.into());
    serde_json::to_string(&jwk).expect("json")
}

pub(super) fn set(keys: &[String]) -> String {
    format!("{{\"keys\":[{}]}}", keys.join(","))
}
