//! Owns the address of a server: `ws://` or `wss://`, a host, a port, and what stands in front of every path.

use std::fmt;
use tokio_tungstenite::tungstenite::http::Uri;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    secure: bool,
    host: String,
    port: u16,
    prefix: String,
}

/// Why a text is no address. The text is not repeated: there may be a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No URL, or one without a host.
    #[error("not an address such as ws://127.0.0.1:8080")]
    Form,
    /// Another scheme.
    #[error("must begin with ws:// or wss://")]
    Scheme,
    /// A user or a password.
    #[error("must have no user and no password")]
    User,
    /// `?…`
    #[error("must have no query")]
    Query,
}

impl Address {
    /// Reads `wss://host:port/perhaps/a/path`.
    ///
    /// # Errors
    /// What is wrong, without the text.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let uri: Uri = text.parse().map_err(|_| AddressError::Form)?;
        let secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(AddressError::Scheme),
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(AddressError::User);
        }
        if uri.query().is_some() {
            return Err(AddressError::Query);
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(AddressError::Form);
        }
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { secure, host, port, prefix: uri.path().trim_end_matches('/').to_owned() })
    }

    /// TLS is spoken.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What stands in front of every path: empty, or `/…` without a `/` at its end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { secure, host, port, prefix } = self;
        let scheme = if *secure { "wss" } else { "ws" };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}{prefix}")
        } else {
            write!(f, "{scheme}://{host}:{port}{prefix}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_a_port_and_a_path() {
        for (text, told) in [
            ("ws://10.0.0.5:8000", "ws://10.0.0.5:8000"),
            ("ws://legacy.internal/", "ws://legacy.internal:80"),
            ("wss://h/a/b/", "wss://h:443/a/b"),
            ("ws://[::1]:1", "ws://[::1]:1"),
        ] {
            assert_eq!(Address::parse(text).map(|address| address.to_string()).as_deref(), Ok(told));
        }
        let address = Address::parse("wss://[::1]/x").expect("an address");
        assert_eq!((address.host(), address.port(), address.prefix()), ("::1", 443, "/x"));
        for (text, error) in [
            ("", AddressError::Form),
            ("h:1", AddressError::Scheme),
            ("http://h", AddressError::Scheme),
            ("ws://u:hunter2@h", AddressError::User),
            ("ws://h?key=hunter2", AddressError::Query),
            ("ws://", AddressError::Form),
        ] {
            assert_eq!(Address::parse(text), Err(error), "{text}");
        }
    }
}
