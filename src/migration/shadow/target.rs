//! Owns the way to one legacy server: its address, and how a client's handshake is repeated there. The credentials in it
//! go to this address and nowhere else; nothing here writes them into a log.

use crate::config::Shadow as Settings;
use futures_util::{Sink, Stream};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, COOKIE, HeaderName, ORIGIN, SEC_WEBSOCKET_PROTOCOL, USER_AGENT,
};
use tokio_tungstenite::tungstenite::http::uri::{PathAndQuery, Scheme};
use tokio_tungstenite::tungstenite::http::{HeaderMap, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

/// For name, connection, TLS and handshake together.
const DEADLINE: Duration = Duration::from_secs(5);
/// The largest message a legacy server may send us; more than clients may send.
const LARGEST: usize = 16 << 20;
/// Headers of a client that go with it, beside what every handshake has.
const FORWARDED: [HeaderName; 7] = [
    ORIGIN,
    USER_AGENT,
    AUTHORIZATION,
    COOKIE,
    SEC_WEBSOCKET_PROTOCOL,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-account-id"),
];

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Too slow, at whatever.
    #[error("the legacy server did not answer in time")]
    Timeout,
    /// Of the connection, or of TLS.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It refused the handshake with this status.
    #[error("the legacy server refused the handshake with status {0}")]
    Refused(u16),
    /// It broke the protocol; what it said is not repeated.
    #[error("the legacy server did not keep to the protocol")]
    Protocol,
    /// It ended the connection.
    #[error("the legacy server ended the connection")]
    Closed,
    /// It reads slower than the client writes.
    #[error("the legacy server does not keep up")]
    Overflow,
}

impl LinkError {
    /// The same word in logs.
    pub fn label(&self) -> &'static str {
        match self {
            LinkError::Timeout => "timeout",
            LinkError::Io(_) => "io",
            LinkError::Refused(_) => "refused",
            LinkError::Protocol => "protocol",
            LinkError::Closed => "closed",
            LinkError::Overflow => "overflow",
        }
    }
}

impl From<Error> for LinkError {
    /// Without texts that could hold a part of the request or of a frame.
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => LinkError::Io(error),
            Error::Http(response) => LinkError::Refused(response.status().as_u16()),
            Error::ConnectionClosed | Error::AlreadyClosed => LinkError::Closed,
            _ => LinkError::Protocol,
        }
    }
}

/// A client's handshake, as it is repeated at the legacy server. Debug shows nothing of it: there are credentials in it.
pub struct Handshake {
    path: PathAndQuery,
    headers: HeaderMap,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

impl Handshake {
    /// What is repeated of a request.
    pub fn of(uri: &Uri, from: &HeaderMap) -> Self {
        let mut headers = HeaderMap::new();
        for name in FORWARDED {
            for value in from.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        Self { path: uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")), headers }
    }
}

/// A connection that speaks WebSocket.
pub trait Socket: Sink<Message, Error = Error> + Stream<Item = Result<Message, Error>> + Send + Unpin {}
impl<T: Sink<Message, Error = Error> + Stream<Item = Result<Message, Error>> + Send + Unpin> Socket for T {}

trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// See the module.
pub struct Target {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Target {
    /// The two of the settings: the legacy server, and its second instance.
    ///
    /// # Errors
    /// An address that is none, which a check of the settings has said before; or no certificate roots on this machine.
    pub fn both(settings: &Settings) -> io::Result<Option<(Self, Option<Self>)>> {
        let Some(url) = &settings.url else { return Ok(None) };
        Ok(Some((Self::new(url)?, settings.noise_url.as_deref().map(Self::new).transpose()?)))
    }

    fn new(url: &str) -> io::Result<Self> {
        let uri: Uri = url.parse().map_err(io::Error::other)?;
        let secure = uri.scheme_str() == Some("wss");
        let host = uri.host().ok_or_else(|| io::Error::other("the address of the legacy server has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { host, port, tls: if secure { Some(connector(native_roots()?)?) } else { None }, uri })
    }

    /// The host, for logs.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Repeats a handshake.
    ///
    /// # Errors
    /// Why the legacy server did not accept it, or not in time.
    pub async fn open(&self, handshake: &Handshake) -> Result<Box<dyn Socket>, LinkError> {
        timeout(DEADLINE, self.shake_hands(handshake)).await.map_err(|_| LinkError::Timeout)?
    }

    async fn shake_hands(&self, handshake: &Handshake) -> Result<Box<dyn Socket>, LinkError> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let transport: Box<dyn Transport> = match &self.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
                Box::new(tls.connect(name, tcp).await?)
            }
        };
        let mut parts = self.uri.clone().into_parts();
        // The transport is there already; this only tells the host and the path.
        parts.scheme = parts.scheme.or(Some(Scheme::HTTP));
        parts.path_and_query = Some(handshake.path.clone());
        let uri = Uri::from_parts(parts).map_err(io::Error::other)?;
        let mut request = uri.into_client_request()?;
        request.headers_mut().extend(handshake.headers.clone());
        let limits = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, transport, Some(limits)).await?;
        Ok(Box::new(socket))
    }
}

/// What this machine trusts.
fn native_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(io::Error::other("this machine has no certificate roots"));
    }
    Ok(roots)
}

fn connector(roots: RootCertStore) -> io::Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let of = |url: &str| Target::new(url).map(|target| (target.host, target.port)).expect("an address");
        assert_eq!(of("ws://10.0.0.5:8000"), ("10.0.0.5".to_owned(), 8000));
        assert_eq!(of("ws://legacy.internal/"), ("legacy.internal".to_owned(), 80));
        assert_eq!(of("ws://[::1]:1"), ("::1".to_owned(), 1));
    }

    /// A legacy server with a certificate of its own authority; it says hello. Returns its port and its certificate.
    async fn with_tls() -> (u16, rustls::pki_types::CertificateDer<'static>) {
        use futures_util::SinkExt;
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("params");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.clone()], key).expect("a pair");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        #[allow(clippy::disallowed_methods, reason = "a test's own server")]
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let Ok(tls) = acceptor.accept(tcp).await else { continue };
                let mut socket = tokio_tungstenite::accept_async(tls).await.expect("a handshake");
                socket.send(Message::text("hello")).await.expect("sent");
            }
        });
        (port, certificate)
    }

    #[tokio::test]
    async fn tls_is_checked() {
        use futures_util::StreamExt;
        let (port, certificate) = with_tls().await;
        let handshake = Handshake::of(&Uri::from_static("/ws/group/g/client/c"), &HeaderMap::new());
        let target = |roots| {
            let uri = format!("wss://localhost:{port}").parse().expect("an address");
            Target { uri, host: "localhost".to_owned(), port, tls: Some(connector(roots).expect("a connector")) }
        };
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a root");
        let mut socket = target(roots).open(&handshake).await.expect("a link");
        assert_eq!(socket.next().await.expect("a message").expect("a message"), Message::text("hello"));
        let refused = target(RootCertStore::empty()).open(&handshake).await.err().expect("nobody we trust");
        assert_eq!(refused.label(), "io");
    }

    #[test]
    fn a_handshake_is_repeated_with_its_credentials_and_shown_to_nobody() {
        let uri: Uri = "/ws/group/g/client/c?jwt=s3cret".parse().expect("a path");
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer s3cret".parse().expect("a header"));
        headers.insert("sec-websocket-key", "x".parse().expect("a header"));
        let handshake = Handshake::of(&uri, &headers);
        assert_eq!(handshake.path, "/ws/group/g/client/c?jwt=s3cret");
        assert_eq!(handshake.headers.len(), 1);
        assert!(!format!("{handshake:?}").contains("s3cret"));
    }
}
