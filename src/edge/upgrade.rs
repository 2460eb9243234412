//! Owns the WebSocket part of a handshake (RFC 6455 section 4.2): which headers must be there, which
//! sub-protocol is chosen, and the 101. Extensions are declined by not answering them.

use super::answer::{Answer, Refused};
use crate::auth::{V3, offered_subprotocols};
use crate::dialect::Protocol;
use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Response, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The legacy protocol by name: for browsers that put a credential among the sub-protocols and so must
/// offer one that can be answered.
const V2: &str = "aether.v2";

/// A request that may become a WebSocket.
#[derive(Debug)]
pub struct Upgrade {
    accept: String,
    v3_offered: bool,
    v2_offered: bool,
}

impl Upgrade {
    /// Checks method, version and headers.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn check(method: &Method, version: Version, headers: &HeaderMap) -> Result<Self, Refused> {
        if method != Method::GET && method != Method::HEAD {
            return Err(Refused::method());
        }
        if method == Method::HEAD || !has_token(headers, &UPGRADE, "websocket") {
            return Err(Refused::not_an_upgrade());
        }
        if version < Version::HTTP_11 {
            return Err(Refused::bad_request("http_version", "a WebSocket handshake needs HTTP/1.1"));
        }
        if !has_token(headers, &CONNECTION, "upgrade") {
            let message = "the header `Connection: Upgrade` is missing; does a proxy in between drop it?";
            return Err(Refused::bad_request("missing_connection_upgrade", message));
        }
        if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|v| v.as_bytes() != b"13") {
            return Err(Refused::version());
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
        if STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
            let message = "the header `Sec-WebSocket-Key` must be 16 bytes in base64";
            return Err(Refused::bad_request("bad_websocket_key", message));
        }
        let offered = offered_subprotocols(headers);
        Ok(Self {
            accept: derive_accept_key(key),
            v3_offered: offered.contains(&V3),
            v2_offered: offered.contains(&V2),
        })
    }

    /// Does the client offer to hear V3?
    pub fn offers_v3(&self) -> bool {
        self.v3_offered
    }

    /// The 101, with the sub-protocol that was chosen.
    pub fn answer(&self, spoken: Protocol, may_hear_v3: bool) -> Answer {
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        // Base64 is always a header value.
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        let chosen = match spoken {
            _ if self.v3_offered && may_hear_v3 => Some(V3),
            Protocol::V2 if self.v2_offered => Some(V2),
            _ => None,
        };
        if let Some(chosen) = chosen {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(chosen));
        }
        response
    }
}

/// Is this word in the header's list, in whatever case?
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(change: &[(&'static str, Option<&'static str>)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let base = [
            ("upgrade", Some("WebSocket")),
            ("connection", Some("keep-alive, Upgrade")),
            ("sec-websocket-version", Some("13")),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZQ==")),
        ];
        for (name, value) in base.iter().chain(change) {
            match value {
                Some(value) => drop(headers.insert(*name, HeaderValue::from_static(value))),
                None => drop(headers.remove(*name)),
            }
        }
        headers
    }

    fn code(method: &Method, change: &[(&'static str, Option<&'static str>)]) -> (u16, &'static str) {
        let refused = Upgrade::check(method, Version::HTTP_11, &headers(change)).expect_err("refused");
        (refused.status().as_u16(), refused.code())
    }

    #[test]
    fn the_example_of_the_rfc_is_answered() {
        let upgrade = Upgrade::check(&Method::GET, Version::HTTP_11, &headers(&[])).expect("an upgrade");
        let answer = upgrade.answer(Protocol::V3, true);
        assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(answer.headers().get("sec-websocket-protocol").is_none());
        assert!(answer.headers().get("sec-websocket-extensions").is_none());
    }

    #[test]
    fn what_is_missing_is_named() {
        let get = &Method::GET;
        assert_eq!(code(get, &[("upgrade", None)]), (426, "upgrade_required"));
        assert_eq!(code(&Method::HEAD, &[]), (426, "upgrade_required"));
        assert_eq!(code(&Method::POST, &[]), (405, "method_not_allowed"));
        assert_eq!(code(get, &[("connection", Some("keep-alive"))]), (400, "missing_connection_upgrade"));
        assert_eq!(code(get, &[("sec-websocket-version", Some("8"))]), (426, "unsupported_version"));
        assert_eq!(code(get, &[("sec-websocket-version", None)]), (426, "unsupported_version"));
        assert_eq!(code(get, &[("sec-websocket-key", None)]), (400, "bad_websocket_key"));
        assert_eq!(code(get, &[("sec-websocket-key", Some("c2hvcnQ="))]), (400, "bad_websocket_key"));
        let old = Upgrade::check(get, Version::HTTP_10, &headers(&[])).expect_err("refused");
        assert_eq!(old.code(), "http_version");
    }

    #[test]
    fn a_secret_is_never_the_sub_protocol_chosen() {
        let offer = headers(&[("sec-websocket-protocol", Some("aether.jwt.secret, aether.v2, aether.v3"))]);
        let upgrade = Upgrade::check(&Method::GET, Version::HTTP_11, &offer).expect("an upgrade");
        assert!(upgrade.offers_v3());
        assert_eq!(upgrade.answer(Protocol::V2, true).headers()["sec-websocket-protocol"], "aether.v3");
        let offer = headers(&[("sec-websocket-protocol", Some("aether.jwt.secret, aether.v2"))]);
        let upgrade = Upgrade::check(&Method::GET, Version::HTTP_11, &offer).expect("an upgrade");
        assert_eq!(upgrade.answer(Protocol::V2, true).headers()["sec-websocket-protocol"], "aether.v2");
        assert!(upgrade.answer(Protocol::V3, true).headers().get("sec-websocket-protocol").is_none());
    }
}
