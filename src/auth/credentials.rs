//! Owns where a client may put its credentials: query, headers, sub-protocols, in this order. Nothing is checked here.

use super::Refusal;
use super::subprotocol::{API_KEY_PREFIX, JWT_PREFIX, offered_after};
use crate::config::Secret;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, ORIGIN};
use percent_encoding::percent_decode_str;

/// What a client presented. Debug shows no secret.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Credentials {
    /// `api_key`, `x-api-key`.
    pub api_key: Option<Secret>,
    /// `jwt`, `authorization: Bearer`.
    pub token: Option<Secret>,
    /// `x_account_id`, `x-account-id`: a claim, not a proof.
    pub account: Option<String>,
    /// The `Origin` header; browsers send it, others need not.
    pub origin: Option<String>,
}

impl Credentials {
    /// Looks for each credential by itself: in the query (`api_key`, `jwt`, `x_account_id`), else in the headers
    /// (`x-api-key`, `authorization: Bearer …`, `x-account-id`), else among the sub-protocols
    /// (`aether.api_key.…`, `aether.jwt.…`).
    ///
    /// Query values are percent-decoded once. Of equal names the last wins, as in the reference server; an empty
    /// value counts as none. A `+` stays a `+`: browsers write a space as `%20`, and keys and accounts hold pluses.
    ///
    /// # Errors
    /// `Unreadable` when a value is not UTF-8 text.
    pub fn collect(query: &str, headers: &HeaderMap) -> Result<Credentials, Refusal> {
        let mut api_key = parameter(query, "api_key")?.map(Secret::new);
        if api_key.is_none() {
            api_key = header(headers, &HeaderName::from_static("x-api-key"))?.map(Secret::new);
        }
        if api_key.is_none() {
            api_key = offered(headers, API_KEY_PREFIX)?;
        }
        let mut token = parameter(query, "jwt")?.map(Secret::new);
        if token.is_none() {
            token = header(headers, &AUTHORIZATION)?.and_then(bearer).map(Secret::new);
        }
        if token.is_none() {
            token = offered(headers, JWT_PREFIX)?;
        }
        let mut account = parameter(query, "x_account_id")?;
        if account.is_none() {
            account = header(headers, &HeaderName::from_static("x-account-id"))?.map(str::to_owned);
        }
        let origin = header(headers, &ORIGIN)?.map(str::to_owned);
        Ok(Credentials { api_key, token, account, origin })
    }
}

impl Credentials {
    /// The host of the page's origin.
    pub fn host(&self) -> Option<String> {
        self.origin.as_deref().and_then(super::origin::host)
    }
}

/// The secret among the sub-protocols behind this prefix.
fn offered(headers: &HeaderMap, prefix: &str) -> Result<Option<Secret>, Refusal> {
    Ok(offered_after(headers, prefix).map(decode).transpose()?.flatten().map(Secret::new))
}

/// Percent-decodes once; empty is none.
fn decode(text: &str) -> Result<Option<String>, Refusal> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| Refusal::Unreadable)?;
    Ok((!decoded.is_empty()).then(|| decoded.into_owned()))
}

/// The last parameter of this name.
fn parameter(query: &str, name: &str) -> Result<Option<String>, Refusal> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if percent_decode_str(key).eq(name.bytes()) {
            found = Some(value);
        }
    }
    found.map_or(Ok(None), decode)
}

/// The first header of this name.
fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| Refusal::Unreadable)?.trim();
    Ok((!text.is_empty()).then_some(text))
}

/// The token of `Bearer …`; another scheme is somebody else's business.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (HeaderName::from_static(k), v.parse().expect("header"))).collect()
    }

    fn key(query: &str) -> Option<String> {
        let got = Credentials::collect(query, &HeaderMap::new()).expect("readable");
        got.api_key.map(|key| key.expose().to_owned())
    }

    #[test]
    fn query_values_are_decoded_once_the_last_wins_and_a_plus_stays() {
        assert_eq!(key("api_key=a%2520b").as_deref(), Some("a%20b"));
        assert_eq!(key("api_key=one&x=1&api_key=two").as_deref(), Some("two"));
        assert_eq!(key("api_key=a+b%2Bc==").as_deref(), Some("a+b+c=="));
        assert_eq!(key("api%5Fkey=k").as_deref(), Some("k"));
        assert_eq!(key("api_key=%E4%BD%A0%zz").as_deref(), Some("你%zz"));
        for none in ["", "&", "api_key", "api_key=", "api_key=a&api_key=", "my_api_key=a", "API_KEY=a"] {
            assert_eq!(key(none), None, "{none}");
        }
        assert_eq!(Credentials::collect("api_key=%ff", &HeaderMap::new()), Err(Refusal::Unreadable));
    }

    #[test]
    fn the_query_comes_before_headers_and_headers_before_subprotocols() {
        let all = headers(&[
            ("x-api-key", "header-key"),
            ("authorization", "bearer  header-token"),
            ("x-account-id", "header-account"),
            ("sec-websocket-protocol", "aether.v3, aether.api_key.sub-key, aether.jwt.sub-token"),
            ("origin", "https://app.example.com"),
        ]);
        let want = |api_key: &str, token: &str, account: Option<&str>, origin: Option<&str>| Credentials {
            api_key: Some(Secret::new(api_key)),
            token: Some(Secret::new(token)),
            account: account.map(str::to_owned),
            origin: origin.map(str::to_owned),
        };
        let origin = Some("https://app.example.com");
        assert_eq!(Credentials::collect("api_key=q&jwt=t&x_account_id=a", &all), Ok(want("q", "t", Some("a"), origin)));
        assert_eq!(
            Credentials::collect("", &all),
            Ok(want("header-key", "header-token", Some("header-account"), origin))
        );
        let sub = headers(&[
            ("sec-websocket-protocol", "aether.v3, aether.api_key.sub-key, aether.jwt.sub-token"),
            ("authorization", "Basic abc"),
        ]);
        assert_eq!(Credentials::collect("", &sub), Ok(want("sub-key", "sub-token", None, None)));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Credentials::collect("api_key=hush1&jwt=hush2", &HeaderMap::new()));
        assert!(!shown.contains("hush") && shown.contains("[redacted]"), "{shown}");
    }
}
