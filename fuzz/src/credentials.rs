//! Owns the target of what a client presents: any query and any headers, of which no secret may ever be shown.

use super::input::{parts, text};
use aether_proxy::auth::{API_KEY_PREFIX, Credentials, JWT_PREFIX, Refusal, V3, carries_secret, offered_subprotocols};
use aether_proxy::config::Secret;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Stands in a secret and nowhere else.
const MARK: &str = "hUsH9kEy";
/// The headers a credential may stand in.
const HEADERS: [&str; 5] = ["x-api-key", "authorization", "x-account-id", "origin", "sec-websocket-protocol"];

/// A query, the five headers, and a secret to hide.
pub fn credentials(data: &[u8]) {
    let [query, key, bearer, account, origin, offered, secret] = parts(data);
    let query = text(query);
    let mut headers = HeaderMap::new();
    for (name, value) in HEADERS.iter().zip([key, bearer, account, origin, offered]) {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value)) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let plain = Credentials::collect(&query, &headers);
    if let Ok(found) = &plain {
        first_there(found, &query, &headers);
        // It becomes a label: short, and nothing a log could trip over.
        let host = found.host();
        assert!(host.is_none_or(|h| (1..=253).contains(&h.len()) && h.bytes().all(|b| b.is_ascii_graphic())));
    }
    hidden(&query, &headers, &text(secret), &plain);
}

/// Something in the query is not looked for in headers; and nothing is ever empty.
fn first_there(found: &Credentials, query: &str, headers: &HeaderMap) {
    let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let all = [text(&found.api_key), text(&found.token), found.account.clone(), found.origin.clone()];
    assert!(all.iter().flatten().all(|text| !text.is_empty()), "{all:?}");
    let alone = Credentials::collect(query, &HeaderMap::new()).expect("what is readable stays readable");
    // A header that cannot be read stops only those who look into it: nothing is known of the others then.
    let Ok(by_header) = Credentials::collect("", headers) else { return };
    for (got, (alone, header)) in [
        (text(&found.api_key), (text(&alone.api_key), text(&by_header.api_key))),
        (text(&found.token), (text(&alone.token), text(&by_header.token))),
        (found.account.clone(), (alone.account.clone(), by_header.account)),
    ] {
        assert!(got == alone || (alone.is_none() && header == got), "{query:?}");
    }
}

/// A secret put where a secret may stand is found there, whole, and printed nowhere.
fn hidden(query: &str, headers: &HeaderMap, salt: &str, plain: &Result<Credentials, Refusal>) {
    if [query, salt].iter().any(|text| text.contains(MARK)) || format!("{headers:?}").contains(MARK) {
        return;
    }
    let secret = format!("{salt}{MARK}{salt}");
    let coded = utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string();
    for name in ["api_key", "jwt"] {
        let got = Credentials::collect(&format!("{query}&{name}={coded}"), headers);
        let shown = format!("{got:?}");
        assert!(!shown.contains(MARK), "{shown}");
        match got {
            Ok(got) => {
                let there = if name == "jwt" { got.token } else { got.api_key };
                assert_eq!(there.as_ref().map(Secret::expose), Some(secret.as_str()), "{query:?}");
            }
            // Only something else may be unreadable, or what this one replaces was.
            Err(why) => assert!(*plain == Err(why), "{query:?}"),
        }
    }
    for prefix in [API_KEY_PREFIX, JWT_PREFIX] {
        let mut headers = headers.clone();
        let other: String =
            prefix.chars().zip(salt.bytes().chain(0..)).map(|(c, b)| flipped(c, b % 2 == 0)).collect::<String>();
        let name = format!("{other}{coded}");
        let line = HeaderValue::from_str(&format!("{V3}, {name}")).expect("letters, digits and percents");
        headers.append(SEC_WEBSOCKET_PROTOCOL, line);
        assert!(carries_secret(&name), "{name:?}");
        let all = offered_subprotocols(&headers);
        assert!(all.contains(&name.as_str()), "{headers:?}");
        assert!(all.iter().filter(|offer| offer.contains(MARK)).all(|offer| carries_secret(offer)), "{headers:?}");
        let shown = format!("{:?}", Credentials::collect(query, &headers));
        assert!(!shown.contains(MARK), "{shown}");
        let mut alone = HeaderMap::new();
        alone.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(&name).expect("a value"));
        let got = Credentials::collect("", &alone).expect("readable");
        let there = if prefix == JWT_PREFIX { got.token } else { got.api_key };
        assert_eq!(there.as_ref().map(Secret::expose), Some(secret.as_str()), "{name:?}");
    }
}

fn flipped(c: char, upper: bool) -> char {
    if upper { c.to_ascii_uppercase() } else { c }
}
