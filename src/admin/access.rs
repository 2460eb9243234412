//! Owns who may see the migration: whoever has the operators' token; without one, whoever sits at this machine. Probes and
//! metrics are open to all.

use crate::config::{self, Secret};
use crate::label::labels;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{HeaderMap, Uri};
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use subtle::ConstantTimeEq;
use tokio::io::AsyncReadExt;

/// The largest file of a token, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// The token of the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The file cannot be read.
    #[error("listen.admin_token_file = \"{}\": {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no text, or too long.
    #[error("listen.admin_token_file = \"{}\": is no text of at most 64 KiB", path.display())]
    NoText {
        /// Which.
        path: PathBuf,
    },
    /// A token that everybody knows.
    #[error("listen.admin_token: is empty")]
    Empty,
}

impl AccessError {
    /// The same word in logs.
    pub fn label(&self) -> &'static str {
        match self {
            AccessError::Read { .. } => "token_file",
            AccessError::NoText { .. } => "token_file_text",
            AccessError::Empty => "token_empty",
        }
    }
}

labels! {
    /// Why an operator is not answered. The word stands in the answer.
    pub enum Denied {
        /// No token, or another one.
        Unauthorized = "unauthorized",
        /// There is no token, and the listener is not on loopback.
        TokenNeeded = "token_needed",
        /// There is no token, and the request names a host that is not this machine: a page of another site may have
        /// pointed its own name here (DNS rebinding).
        ForeignHost = "foreign_host",
    }
}

impl Denied {
    /// For people.
    pub fn message(self) -> &'static str {
        match self {
            Denied::Unauthorized => {
                "present the operators' token: Authorization: Bearer <token>, or as the password of HTTP Basic"
            }
            Denied::TokenNeeded => {
                "set listen.admin_token or listen.admin_token_file, or bind listen.admin to 127.0.0.1"
            }
            Denied::ForeignHost => {
                "ask for localhost, 127.0.0.1 or [::1], or set listen.admin_token to use another name"
            }
        }
    }
}

/// Who may.
pub struct Access {
    /// SHA-256 of the token; the token itself is not kept.
    token: Option<[u8; 32]>,
    loopback: bool,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("token", &self.token.is_some()).field("loopback", &self.loopback).finish()
    }
}

impl Access {
    /// From the settings; `bound` is where the operators' listener is.
    ///
    /// # Errors
    /// A token that cannot be used.
    pub async fn load(listen: &config::Listen, bound: SocketAddr) -> Result<Self, AccessError> {
        let token = match (&listen.admin_token, &listen.admin_token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(path)) => Some(read(path).await?),
            (None, None) => None,
        };
        Self::new(token.as_ref(), bound.ip())
    }

    /// From the token itself; blanks around it do not count.
    ///
    /// # Errors
    /// It is empty.
    pub fn new(token: Option<&Secret>, bound: IpAddr) -> Result<Self, AccessError> {
        let token = match token.map(|token| token.expose().trim()) {
            Some("") => return Err(AccessError::Empty),
            token => token.map(|token| Sha256::digest(token).into()),
        };
        Ok(Self { token, loopback: bound.to_canonical().is_loopback() })
    }

    /// May this request be answered?
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
        match &self.token {
            Some(token) => {
                let shown = presented(headers).ok_or(Denied::Unauthorized)?;
                let shown: [u8; 32] = Sha256::digest(shown).into();
                if token.ct_eq(&shown).into() { Ok(()) } else { Err(Denied::Unauthorized) }
            }
            None if !self.loopback => Err(Denied::TokenNeeded),
            None => {
                let named = uri.authority().map(|authority| authority.as_str());
                let mut hosts = headers.get_all(HOST).iter().peekable();
                let asked = hosts.peek().is_some() && hosts.all(|host| host.to_str().is_ok_and(is_here));
                let here = asked && named.is_none_or(is_here);
                if here { Ok(()) } else { Err(Denied::ForeignHost) }
            }
        }
    }
}

/// The token of a request: as a bearer, or as the password of any user.
fn presented(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let at = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (&value[..at], value[at..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = STANDARD.decode(rest).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

/// Does an authority, with any port, name this machine? An address cannot be pointed elsewhere; of names only one is ours.
fn is_here(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, ""),
        Some((host, rest)) => match rest.strip_prefix(':') {
            Some(port) => (host, port),
            None => return false,
        },
        None => authority.rsplit_once(':').unwrap_or((authority, "")),
    };
    // What stands behind a colon may be the other half of a name and its password.
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

async fn read(path: &PathBuf) -> Result<Secret, AccessError> {
    let unreadable = |source| AccessError::Read { path: path.clone(), source };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= MAX_FILE);
    text.map(Secret::new).ok_or_else(|| AccessError::NoText { path: path.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ANYWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

    fn ask(access: &Access, headers: &[(hyper::header::HeaderName, &str)]) -> Result<(), Denied> {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value")));
        access.check(&Uri::from_static("/migration"), &headers.collect())
    }

    #[test]
    fn with_a_token_only_the_token_counts() {
        let access = Access::new(Some(&Secret::new(" s3cret:with colon \n")), ANYWHERE).expect("a token");
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for good in [
            "Bearer s3cret:with colon",
            "bearer  s3cret:with colon",
            &basic(":s3cret:with colon"),
            &basic("ops:s3cret:with colon"),
        ] {
            assert_eq!(ask(&access, &[(AUTHORIZATION, good)]), Ok(()), "{good}");
        }
        for bad in [
            "Bearer",
            "Bearer ",
            "Bearer s3cret",
            "Token s3cret:with colon",
            "s3cret:with colon",
            "Basic ???",
            &basic("s3cret"),
            &basic("s3cret:with colon:"),
        ] {
            assert_eq!(ask(&access, &[(AUTHORIZATION, bad)]), Err(Denied::Unauthorized), "{bad}");
        }
        assert_eq!(ask(&access, &[(HOST, "localhost")]), Err(Denied::Unauthorized));
        assert!(!format!("{access:?}").contains("s3cret"));
        assert!(matches!(Access::new(Some(&Secret::new(" \n")), HERE), Err(AccessError::Empty)));
    }

    #[test]
    fn without_one_only_this_machine_is_answered_and_by_its_own_name() {
        let access = Access::new(None, HERE).expect("no token");
        for here in ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "127.0.0.9", "[::1]:9090", "[::1]"] {
            assert_eq!(ask(&access, &[(HOST, here)]), Ok(()), "{here}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9090",
            "[::1].evil",
            "",
            "10.0.0.1",
            "x:localhost",
            "localhost:80@evil.example",
            "[::1]:80@evil.example",
        ] {
            assert_eq!(ask(&access, &[(HOST, foreign)]), Err(Denied::ForeignHost), "{foreign}");
        }
        assert_eq!(ask(&access, &[]), Err(Denied::ForeignHost));
        let headers: HeaderMap = [(HOST, HeaderValue::from_static("localhost"))].into_iter().collect();
        let absolute = Uri::from_static("http://evil.example/migration");
        assert_eq!(access.check(&absolute, &headers), Err(Denied::ForeignHost));
        let userinfo = Uri::from_static("http://localhost:80@evil.example/migration");
        assert_eq!(access.check(&userinfo, &headers), Err(Denied::ForeignHost));
        let mut two = headers;
        two.append(HOST, HeaderValue::from_static("evil.example"));
        assert_eq!(access.check(&Uri::from_static("/migration"), &two), Err(Denied::ForeignHost));
        let open = Access::new(None, ANYWHERE).expect("no token");
        assert_eq!(ask(&open, &[(HOST, "localhost")]), Err(Denied::TokenNeeded));
    }
}
