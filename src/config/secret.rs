//! Values that never print: secrets, and addresses with a password or key in them.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A secret text. Debug, Display and serialization all say `[redacted]`.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a text that must not be seen.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself, for the one place that checks it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("[redacted]")
    }
}

/// Where Redis is. Prints without user and password.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// Wraps an address; it is parsed by the hub.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// Empty: the in-process hub.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address with its password.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The address as it may be shown.
    pub fn redacted(&self) -> String {
        // A query may hold a password too, and a password may hold anything: what is doubtful is hidden.
        let (url, query) = match self.0.rsplit_once('?') {
            Some((url, query)) if !query.contains('@') => (url, "?[redacted]"),
            _ => (self.0.as_str(), ""),
        };
        let start = url.find("://").map_or(0, |scheme| scheme + 3);
        match url.rfind('@') {
            Some(at) if at >= start => format!("{}[redacted]{}{query}", &url[..start], &url[at..]),
            Some(_) => "[redacted]".into(),
            None => format!("{url}{query}"),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.redacted())
    }
}

/// An address on the web. Prints without user, password and query: that is where credentials stand.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct WebUrl(String);

impl WebUrl {
    /// Wraps an address; it is parsed by who uses it.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address with all there is in it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The address as it may be shown.
    pub fn redacted(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        // A password may hold anything, also what ends a path: what is doubtful is hidden.
        let shown = match rest.find(['?', '#']) {
            _ if scheme.is_empty() || rest.contains('@') => "[redacted]".into(),
            Some(at) => format!("{}[redacted]", &rest[..=at]),
            None => rest.to_owned(),
        };
        if scheme.is_empty() { shown } else { format!("{scheme}://{shown}") }
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for WebUrl {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_prints_without_its_password() {
        for (url, shown) in [
            ("redis://h:6379/0", "redis://h:6379/0"),
            ("redis://u:hunter2@h:6379", "redis://[redacted]@h:6379"),
            ("redis://:hun@ter2@h", "redis://[redacted]@h"),
            ("redis://:hun?ter2@h", "redis://[redacted]@h"),
            ("redis+sentinel://u:hunter2@a,u:hunter2@b/main", "redis+sentinel://[redacted]@b/main"),
            ("u:hunter2@h:6379", "[redacted]@h:6379"),
            ("redis://h?password=hunter2", "redis://h?[redacted]"),
            ("u:hunter2@://h", "[redacted]"),
        ] {
            assert_eq!(RedisUrl::new(url).redacted(), shown);
            assert_eq!(format!("{:?}", RedisUrl::new(url)), shown);
        }
    }

    #[test]
    fn a_web_address_prints_without_what_may_be_a_credential() {
        for (url, shown) in [
            ("https://h:1/jwks.json", "https://h:1/jwks.json"),
            ("https://h/jwks?code=hunter2&x=1", "https://h/jwks?[redacted]"),
            ("https://h/jwks#hunter2", "https://h/jwks#[redacted]"),
            ("https://u:hunter2@h/jwks", "https://[redacted]"),
            ("https://u:hun?ter2@h", "https://[redacted]"),
            ("https://h/?code=hun@ter2", "https://[redacted]"),
            ("hunter2@h", "[redacted]"),
        ] {
            assert_eq!(WebUrl::new(url).redacted(), shown);
            assert_eq!(format!("{:?}", WebUrl::new(url)), shown);
            assert_eq!(serde_json::to_string(&WebUrl::new(url)).unwrap(), format!("\"{shown}\""));
        }
    }

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[redacted]\"");
        assert_eq!(secret.expose(), "hunter2");
    }
}
