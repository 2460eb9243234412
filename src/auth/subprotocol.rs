//! Owns the sub-protocols by which a browser, which cannot set headers, may present a credential outside the address:
//! `Sec-WebSocket-Protocol: aether.v3, aether.jwt.<token>`. Which one is answered is the handshake's choice; one that
//! carries a secret must never be. A client must also offer one without a secret: a browser drops the connection when
//! it offered some and none is answered.

use hyper::HeaderMap;
use hyper::header::SEC_WEBSOCKET_PROTOCOL;

/// The native protocol.
pub const V3: &str = "aether.v3";
/// Before an API key, percent-encoded once where it holds more than RFC 9110 allows in a token.
pub const API_KEY_PREFIX: &str = "aether.api_key.";
/// Before a JSON web token.
pub const JWT_PREFIX: &str = "aether.jwt.";

/// What the client offers, in its order (RFC 6455 section 4.1, several headers count as one).
pub fn offered_subprotocols(headers: &HeaderMap) -> Vec<&str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

/// Must this sub-protocol never be echoed or logged?
pub fn carries_secret(subprotocol: &str) -> bool {
    [API_KEY_PREFIX, JWT_PREFIX].into_iter().any(|prefix| after(subprotocol, prefix).is_some())
}

/// What is offered behind this prefix, still percent-encoded: a secret.
pub(super) fn offered_after<'a>(headers: &'a HeaderMap, prefix: &str) -> Option<&'a str> {
    offered_subprotocols(headers).into_iter().find_map(|name| after(name, prefix))
}

/// What follows the prefix, in whatever case the client wrote it: a secret must be recognised in any.
fn after<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognised_among_what_is_offered_over_several_headers() {
        let mut headers = HeaderMap::new();
        headers.append(SEC_WEBSOCKET_PROTOCOL, "aether.v3, Aether.API_key.a%2Bb".parse().expect("header"));
        headers.append(SEC_WEBSOCKET_PROTOCOL, "aether.jwt.x.y.z,,chat".parse().expect("header"));
        let offered = offered_subprotocols(&headers);
        assert_eq!(offered, ["aether.v3", "Aether.API_key.a%2Bb", "aether.jwt.x.y.z", "chat"]);
        let clean: Vec<_> = offered.into_iter().filter(|name| !carries_secret(name)).collect();
        assert_eq!(clean, ["aether.v3", "chat"]);
        assert_eq!(offered_after(&headers, API_KEY_PREFIX), Some("a%2Bb"));
        assert_eq!(offered_after(&headers, JWT_PREFIX), Some("x.y.z"));
    }
}
