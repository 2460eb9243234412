//! Owns the list of origins whose pages may connect (RFC 6454; cross-site WebSocket hijacking, RFC 6455 section 10.2).

use super::AuthError;

const SETTING: &str = "auth.origins";

/// The allow-list; empty allows all.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<Pattern>);

#[derive(Debug)]
enum Pattern {
    /// Scheme, host, port: all alike.
    Exact(Origin),
    /// As `Exact`, with one more label before the host.
    OneLabel(Origin),
    /// `null`: sandboxed frames and `file:` pages.
    Null,
}

#[derive(Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Reads `scheme://host[:port]`, lower-cased, default ports filled in.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        // A colon inside the brackets of an IPv6 address is not the port's.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (rest, None),
        };
        if scheme.is_empty() || host.is_empty() || host.contains(['/', '?', '#', '@', ' ', ',']) {
            return None;
        }
        let port = port.or(match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        });
        Some(Self { scheme, host: host.to_ascii_lowercase(), port })
    }
}

impl Origins {
    /// Reads the setting.
    ///
    /// # Errors
    /// An entry that no `Origin` header can ever equal.
    pub fn new(entries: &[String]) -> Result<Self, AuthError> {
        let pattern = |entry: &String| {
            if entry.eq_ignore_ascii_case("null") {
                return Ok(Pattern::Null);
            }
            let parsed = Origin::parse(entry.trim_end_matches('/'));
            match parsed {
                Some(Origin { scheme, host, port }) => match host.strip_prefix("*.") {
                    Some(rest) if rest.contains('.') && !rest.contains('*') => {
                        Ok(Pattern::OneLabel(Origin { scheme, host: rest.to_owned(), port }))
                    }
                    None if !host.contains('*') => Ok(Pattern::Exact(Origin { scheme, host, port })),
                    _ => Err(bad(entry)),
                },
                None => Err(bad(entry)),
            }
        };
        Ok(Self(entries.iter().map(pattern).collect::<Result<_, _>>()?))
    }

    /// May a page of this origin connect? Who sends no origin is not a browser, and not held back by this.
    pub fn allowed(&self, origin: Option<&str>) -> bool {
        let Some(text) = origin else { return true };
        if self.0.is_empty() {
            return true;
        }
        let origin = Origin::parse(text);
        self.0.iter().any(|pattern| match (pattern, &origin) {
            (Pattern::Null, _) => text.eq_ignore_ascii_case("null"),
            (Pattern::Exact(want), Some(origin)) => want == origin,
            (Pattern::OneLabel(want), Some(origin)) => {
                want.scheme == origin.scheme
                    && want.port == origin.port
                    && origin
                        .host
                        .strip_suffix(&want.host)
                        .and_then(|head| head.strip_suffix('.'))
                        .is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
            _ => false,
        })
    }
}

fn bad(entry: &str) -> AuthError {
    AuthError::setting(
        SETTING,
        format!(
            "`{entry}` is no origin: write \"https://app.example.com\" or \"https://*.example.com\"; empty allows all"
        ),
    )
}

/// The host of an origin, which names the tenant where nothing better does; at most 253 bytes, as DNS.
pub(super) fn host(origin: &str) -> Option<String> {
    Origin::parse(origin).map(|o| o.host).filter(|host| host.len() <= 253 && host.bytes().all(|b| b.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Result<Origins, AuthError> {
        Origins::new(&entries.iter().map(|&e| e.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn scheme_host_and_port_must_be_alike_in_any_case() {
        let origins = list(&["https://App.example.com/", "http://localhost:3000", "http://[::1]:8080"]).expect("list");
        for good in
            ["https://app.example.com", "HTTPS://APP.EXAMPLE.COM:443", "http://localhost:3000", "http://[::1]:8080"]
        {
            assert!(origins.allowed(Some(good)), "{good}");
        }
        for bad in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.test",
            "https://evil.test",
            "https://app.example.com@evil.test",
            "http://localhost",
            "null",
            "",
            "https://app.example.com, https://evil.test",
        ] {
            assert!(!origins.allowed(Some(bad)), "{bad}");
        }
        assert!(origins.allowed(None), "no browser, no origin");
    }

    #[test]
    fn a_star_stands_for_exactly_one_label() {
        let origins = list(&["https://*.example.com"]).expect("list");
        assert!(origins.allowed(Some("https://a.example.com")));
        for bad in ["https://example.com", "https://a.b.example.com", "https://evilexample.com", "https://.example.com"]
        {
            assert!(!origins.allowed(Some(bad)), "{bad}");
        }
    }

    #[test]
    fn an_empty_list_allows_all_and_null_must_be_listed() {
        assert!(list(&[]).expect("list").allowed(Some("https://anywhere.test")));
        assert!(list(&["null"]).expect("list").allowed(Some("null")));
    }

    #[test]
    fn entries_that_can_never_match_are_errors() {
        for bad in [
            "*",
            "example.com",
            "https://*",
            "https://*.com",
            "https://a.*.com",
            "https://",
            "https://a/b",
            "https://a:x",
        ] {
            assert!(list(&[bad]).is_err(), "{bad}");
        }
    }
}
