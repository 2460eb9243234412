//! Owns the way to one legacy server: its address, and how a client's handshake is repeated there. The credentials in it
//! go to this address and nowhere else; nothing here writes them into a log.

use crate::config::Shadow as Settings;
use crate::dial::{Address, DialError, Dialer, Limits, Socket};
use std::fmt;
use std::io;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::header::{
    AUTHORIZATION, COOKIE, HeaderName, ORIGIN, SEC_WEBSOCKET_PROTOCOL, USER_AGENT,
};
use tokio_tungstenite::tungstenite::http::uri::PathAndQuery;
use tokio_tungstenite::tungstenite::http::{HeaderMap, Uri};

/// A legacy server may send us larger messages than clients may.
const LIMITS: Limits = Limits { deadline: Duration::from_secs(5), largest: 16 << 20 };
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
    /// Without texts that could hold a part of a frame.
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => LinkError::Io(error),
            Error::ConnectionClosed | Error::AlreadyClosed => LinkError::Closed,
            _ => LinkError::Protocol,
        }
    }
}

impl From<DialError> for LinkError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Timeout => LinkError::Timeout,
            DialError::Io(error) => LinkError::Io(error),
            DialError::Refused(answer) => LinkError::Refused(answer.status),
            DialError::Closed => LinkError::Closed,
            DialError::Protocol | DialError::Path => LinkError::Protocol,
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

/// See the module.
#[derive(Debug)]
pub struct Target(Dialer);

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
        Dialer::new(Address::parse(url).map_err(io::Error::other)?, LIMITS).map(Self)
    }

    /// The host, for logs.
    pub fn host(&self) -> &str {
        self.0.address().host()
    }

    /// Repeats a handshake.
    ///
    /// # Errors
    /// Why the legacy server did not accept it, or not in time.
    pub async fn open(&self, handshake: &Handshake) -> Result<Socket, LinkError> {
        let opened = self.0.open(handshake.path.as_str(), &handshake.headers).await;
        opened.map(|opened| opened.socket).map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
