//! How this program opens a WebSocket to another server: address, TCP, TLS, handshake, one deadline for all of it, and
//! the answer of a server that refuses. What is said on the connection belongs to whoever opened it. The credentials in
//! a handshake go to that address and nowhere else: no error here repeats anything of it.

mod address;

pub use address::{Address, AddressError};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderMap, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Bytes of the body of a refusal that are kept.
const BODY: usize = 1024;

/// A connection that speaks WebSocket. Dropped, it is cut without a close frame.
pub type Socket = WebSocketStream<Box<dyn Transport>>;

/// What carries it: TCP, or TLS on it.
pub trait Transport: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Transport for T {}

/// What is bounded.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For name, connection, TLS and handshake together.
    pub deadline: Duration,
    /// Bytes of the largest message the server may send.
    pub largest: usize,
}

/// What a server said to a handshake it did not accept.
#[derive(Debug)]
pub struct Answer {
    /// Not 101.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// As much of the body as came along with them, 1 KiB at most.
    pub body: String,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Too slow, at whatever.
    #[error("no answer in time")]
    Timeout,
    /// Of the name, of the connection, or of TLS.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It answered, but not with 101.
    #[error("the handshake was refused with status {}", .0.status)]
    Refused(Box<Answer>),
    /// It broke the protocol. What it said is not repeated.
    #[error("the server did not keep to the protocol")]
    Protocol,
    /// It ended the connection instead of an answer.
    #[error("the server ended the connection")]
    Closed,
    /// What was to be asked for is no path, and nothing was sent.
    #[error("the path of the handshake is none")]
    Path,
}

impl From<Error> for DialError {
    fn from(error: Error) -> Self {
        use tokio_tungstenite::tungstenite::error::ProtocolError;
        match error {
            Error::Io(error) => DialError::Io(error),
            Error::Http(response) => {
                let (head, body) = response.into_parts();
                let mut body = body.unwrap_or_default();
                body.truncate(BODY);
                let body = String::from_utf8_lossy(&body).into_owned();
                DialError::Refused(Box::new(Answer { status: head.status.as_u16(), headers: head.headers, body }))
            }
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::HandshakeIncomplete | ProtocolError::ResetWithoutClosingHandshake) => {
                DialError::Closed
            }
            _ => DialError::Protocol,
        }
    }
}

/// An open connection.
pub struct Opened {
    /// To talk on.
    pub socket: Socket,
    /// Headers of the answer.
    pub headers: HeaderMap,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").finish_non_exhaustive()
    }
}

/// Opens connections to one server.
pub struct Dialer {
    address: Address,
    limits: Limits,
    tls: Option<TlsConnector>,
    fixed: Option<SocketAddr>,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Dialer {
    /// For this server.
    ///
    /// # Errors
    /// TLS is wanted, and this machine trusts nobody.
    pub fn new(address: Address, limits: Limits) -> io::Result<Self> {
        let tls = if address.is_secure() { Some(connector(native_roots()?)?) } else { None };
        Ok(Self { address, limits, tls, fixed: None })
    }

    /// Which server.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What its name stands for, at least one.
    ///
    /// # Errors
    /// Nothing, or no answer in time.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, DialError> {
        let found = lookup_host((self.address.host(), self.address.port()));
        let found: Vec<_> = timeout(self.limits.deadline, found).await.map_err(|_| DialError::Timeout)??.collect();
        if found.is_empty() { Err(io::Error::other("no address").into()) } else { Ok(found) }
    }

    /// Connects to this one of them from now on, whatever the name stands for.
    #[must_use]
    pub fn fixed(self, to: SocketAddr) -> Self {
        Self { fixed: Some(to), ..self }
    }

    /// Looks whether somebody is there, without saying anything but what TLS says.
    ///
    /// # Errors
    /// Nobody is, or not in time.
    pub async fn reach(&self) -> Result<(), DialError> {
        timeout(self.limits.deadline, self.transport()).await.map_err(|_| DialError::Timeout)?.map(drop)
    }

    /// Opens a connection; `path` (perhaps with a query) comes behind the address's own.
    ///
    /// # Errors
    /// Why the server did not accept it, or not in time.
    pub async fn open(&self, path: &str, headers: &HeaderMap) -> Result<Opened, DialError> {
        timeout(self.limits.deadline, self.shake_hands(path, headers)).await.map_err(|_| DialError::Timeout)?
    }

    async fn shake_hands(&self, path: &str, headers: &HeaderMap) -> Result<Opened, DialError> {
        let uri: Uri = format!("{}{path}", self.address).parse().map_err(|_| DialError::Path)?;
        let mut request = uri.into_client_request().map_err(|_| DialError::Path)?;
        for name in headers.keys() {
            // A caller's word counts more than what a handshake has by itself.
            request.headers_mut().remove(name);
        }
        for (name, value) in headers {
            request.headers_mut().append(name, value.clone());
        }
        let transport = self.transport().await?;
        let largest = Some(self.limits.largest);
        let limits = WebSocketConfig::default().max_message_size(largest).max_frame_size(largest);
        let (socket, answer) = client_async_with_config(request, transport, Some(limits)).await?;
        Ok(Opened { socket, headers: answer.into_parts().0.headers })
    }

    async fn transport(&self) -> Result<Box<dyn Transport>, DialError> {
        let tcp = match self.fixed {
            Some(to) => TcpStream::connect(to).await?,
            None => TcpStream::connect((self.address.host(), self.address.port())).await?,
        };
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(self.address.host().to_owned()).map_err(io::Error::other)?;
        Ok(Box::new(tls.connect(name, tcp).await?))
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
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::http::HeaderValue;

    const LIMITS: Limits = Limits { deadline: Duration::from_secs(10), largest: 1000 };

    /// A server with a certificate of its own authority; it says hello. Returns its port and its certificate.
    async fn with_tls() -> (u16, rustls::pki_types::CertificateDer<'static>) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("params");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.clone()], key).expect("a pair");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
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
        let (port, certificate) = with_tls().await;
        let dialer = |roots| {
            let address = Address::parse(&format!("wss://localhost:{port}")).expect("an address");
            Dialer { address, limits: LIMITS, tls: Some(connector(roots).expect("a connector")), fixed: None }
        };
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a root");
        let mut opened = dialer(roots).open("/ws", &HeaderMap::new()).await.expect("a link");
        assert_eq!(opened.socket.next().await.expect("a message").expect("a message"), Message::text("hello"));
        let refused = dialer(RootCertStore::empty()).open("/ws", &HeaderMap::new()).await;
        assert!(matches!(refused, Err(DialError::Io(_))), "{refused:?}");
    }

    /// A server that reads one head and says this; the head comes back.
    async fn answering(answer: &'static [u8]) -> (Dialer, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = format!("ws://{}/base/", listener.local_addr().expect("an address"));
        #[allow(clippy::disallowed_methods, reason = "a test's own server")]
        let head = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.expect("a connection");
            let mut head = vec![];
            while !head.ends_with(b"\r\n\r\n") {
                head.push(tcp.read_u8().await.expect("a byte"));
            }
            tcp.write_all(answer).await.expect("written");
            String::from_utf8(head).expect("text")
        });
        (Dialer::new(Address::parse(&address).expect("an address"), LIMITS).expect("a dialer"), head)
    }

    #[tokio::test]
    async fn a_refusal_is_kept_and_the_path_comes_behind_the_address_s() {
        let (dialer, head) = answering(b"HTTP/1.1 403 Forbidden\r\nServer: x\r\nContent-Length: 2\r\n\r\nno").await;
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static("hunter2"));
        headers.insert("host", HeaderValue::from_static("other"));
        let refused = dialer.open("/ws?a=1", &headers).await.expect_err("refused");
        assert!(!format!("{refused:?}{refused}{dialer:?}").contains("hunter2"));
        let DialError::Refused(answer) = refused else { panic!("{refused}") };
        assert_eq!((answer.status, answer.body.as_str()), (403, "no"));
        assert_eq!(answer.headers["server"], "x");
        let head = head.await.expect("a head");
        assert!(head.starts_with("GET /base/ws?a=1 HTTP/1.1\r\n") && head.contains("hunter2"), "{head}");
        assert_eq!(head.to_lowercase().matches("host: ").count(), 1, "{head}");
        assert!(head.contains("other"), "{head}");
    }

    #[tokio::test]
    async fn what_is_no_answer_has_a_name() {
        let (dialer, _head) = answering(b"SSH-2.0-x\r\n\r\n").await;
        assert!(matches!(dialer.open("/", &HeaderMap::new()).await, Err(DialError::Protocol)));
        let (dialer, _head) = answering(b"").await;
        assert!(matches!(dialer.open("/", &HeaderMap::new()).await, Err(DialError::Closed)));
        assert!(matches!(dialer.open("/a b", &HeaderMap::new()).await, Err(DialError::Path)));
        let nobody = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port").local_addr().expect("an address");
        let dialer = dialer.fixed(nobody);
        assert!(matches!(dialer.open("/", &HeaderMap::new()).await, Err(DialError::Io(_))));
    }

    #[tokio::test]
    async fn who_says_nothing_is_not_waited_for() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = Address::parse(&format!("ws://{}", listener.local_addr().expect("an address")));
        let limits = Limits { deadline: Duration::from_millis(50), ..LIMITS };
        let dialer = Dialer::new(address.expect("an address"), limits).expect("a dialer");
        assert!(matches!(dialer.open("/", &HeaderMap::new()).await, Err(DialError::Timeout)));
    }
}
