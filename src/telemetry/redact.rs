//! Owns the masking of credentials in text that is logged: `Redacted` where a URL is logged, and `mask`,
//! the net below it, through which every log line goes. Secrets of the settings are `config::Secret`.

use percent_encoding::percent_decode;
use std::borrow::Cow;
use std::fmt;

/// What stands where a credential stood.
pub const MARK: &str = "[redacted]";

/// Ends of parameter names whose values are credentials, in any case, `-` as good as `_`. A name that merely
/// ends so is hidden too: one value too few in a log does less harm than one too many.
const PARAMETERS: [&str; 11] =
    ["key", "jwt", "token", "secret", "password", "passwd", "pwd", "auth", "authorization", "credential", "signature"];

/// As `PARAMETERS`, for `name=value` anywhere in a line, where `key=limits.message` is no credential.
const FIELDS: [&str; 8] = ["api_key", "apikey", "jwt", "token", "secret", "password", "authorization", "cookie"];

/// A header's names in `name: value`, where `token: expired` is prose.
const HEADERS: [&str; 5] = ["x_api_key", "x_worker_secret", "authorization", "cookie", "sec_websocket_protocol"];

/// Prefixes of sub-protocols that carry a credential behind them (`auth::API_KEY_PREFIX`, `auth::JWT_PREFIX`).
const SUBPROTOCOLS: [&[u8]; 2] = [b"aether.api_key", b"aether.jwt"];

/// How a JSON web token begins: base64url of `{"`.
const TOKEN: &[u8] = b"eyJ";

/// A request target (path and query) as it may be logged: values of credentials replaced, names kept.
#[derive(Debug, Clone, Copy)]
pub struct Redacted<'a>(pub &'a str);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, query) = self.0.split_once('?').map_or((self.0, None), |(path, query)| (path, Some(query)));
        plain(f, path)?;
        let mut before = '?';
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            fmt::Write::write_char(f, before)?;
            before = '&';
            match pair.split_once('=') {
                Some((name, _)) if ends_in(&PARAMETERS, name.as_bytes()) => {
                    plain(f, name)?;
                    write!(f, "={MARK}")?;
                }
                _ => plain(f, pair)?,
            }
        }
        Ok(())
    }
}

/// Writes a text without control characters, so that no request can begin a log line of its own.
fn plain(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| if c.is_control() { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") })
}

/// Does a name, percent-decoded, end in one of these?
fn ends_in(ends: &[&str], name: &[u8]) -> bool {
    let name: Cow<'_, [u8]> = if name.contains(&b'%') { percent_decode(name).into() } else { Cow::Borrowed(name) };
    // From behind: the last byte alone rules almost all of them out.
    let ends_in =
        |end: &[u8]| name.len() >= end.len() && name.iter().rev().zip(end.iter().rev()).all(|(a, b)| fold(*a) == *b);
    ends.iter().any(|end| ends_in(end.as_bytes()))
}

/// Lower case, and `_` for `-`.
fn fold(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() }
}

/// A log line with everything masked that looks like a credential; borrowed when nothing does.
///
/// Seen as one: the value of `name=value` and `"name":"value"` where the name ends in one of `FIELDS`; of a
/// header in `HEADERS`; what follows `Bearer`; a credential in a sub-protocol; user and password in a URL; and
/// every JSON web token, whatever stands before it. Colours and the escapes of JSON in JSON are looked through.
pub fn mask(line: &[u8]) -> Cow<'_, [u8]> {
    let (mut out, mut copied, mut at) = (Vec::new(), 0, 0);
    while at < line.len() {
        let Some((from, to)) = secret_at(line, at) else {
            at += 1;
            continue;
        };
        out.extend_from_slice(&line[copied..from]);
        out.extend_from_slice(MARK.as_bytes());
        (copied, at) = (to, to);
    }
    if copied == 0 {
        return Cow::Borrowed(line);
    }
    out.extend_from_slice(&line[copied..]);
    Cow::Owned(out)
}

/// The credential that the byte at `at` announces.
fn secret_at(line: &[u8], at: usize) -> Option<(usize, usize)> {
    let value = match line[at] {
        b'=' if ends_in(&FIELDS, word_before(line, at)) => value_after(line, at + 1, false),
        b':' if line[at + 1..].starts_with(b"//") => user_info(line, at + 3),
        b':' if ends_in(&FIELDS, quoted_before(line, at)?) || ends_in(&HEADERS, word_before(line, at)) => {
            value_after(line, at + 1, true)
        }
        b' ' if word_before(line, at).eq_ignore_ascii_case(b"bearer") => value_after(line, at + 1, true),
        b'.' if SUBPROTOCOLS.iter().any(|prefix| line[..at].ends_with(prefix)) => value_after(line, at + 1, false),
        b'e' if line[at..].starts_with(TOKEN) => token(line, at),
        _ => return None,
    };
    value.filter(|(from, to)| from < to)
}

/// The name that ends before `at`.
fn word_before(line: &[u8], at: usize) -> &[u8] {
    let end = before_colours(line, at);
    let start = line[..end].iter().rposition(|b| !is_name(*b)).map_or(0, |before| before + 1);
    &line[start..end]
}

/// The name in quotes that ends before `at`; without quotes it is empty.
fn quoted_before(line: &[u8], at: usize) -> Option<&[u8]> {
    let Some(b'"') = at.checked_sub(1).map(|last| line[last]) else { return Some(&[]) };
    let end = at - 1;
    let end = if line[..end].ends_with(b"\\") { end - 1 } else { end };
    Some(word_before(line, end))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'%')
}

/// Where the text ends that stands before colour codes (`ESC [ … m`) which end at `at`.
fn before_colours(line: &[u8], mut at: usize) -> usize {
    while line[..at].last() == Some(&b'm') {
        match line[..at].iter().rposition(|b| *b == 0x1b) {
            Some(escape) if line[escape + 1..at - 1].iter().all(|b| matches!(b, b'[' | b';' | b'0'..=b'9')) => {
                at = escape;
            }
            _ => break,
        }
    }
    at
}

/// From the value's first byte to its end; colours and one opening quote are skipped, after a colon spaces too.
fn value_after(line: &[u8], mut at: usize, spaced: bool) -> Option<(usize, usize)> {
    while line.get(at).is_some_and(|b| *b == 0x1b || spaced && *b == b' ') {
        at += if line[at] == b' ' { 1 } else { line[at..].iter().position(|b| *b == b'm')? + 1 };
    }
    let quote = line[at..].iter().position(|b| *b != b'\\').unwrap_or(0);
    if matches!(line.get(at + quote), Some(b'"' | b'\'')) {
        at += quote + 1;
    }
    let length = line[at..].iter().position(|b| ends_value(*b)).unwrap_or(line.len() - at);
    Some((at, at + length))
}

fn ends_value(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'&' | b'"' | b'\'' | b'\\' | b',' | b';' | b')' | b'}' | b'#' | 0x1b)
}

/// `user:password` of a URL whose authority begins at `from`.
fn user_info(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let authority =
        line[from..].split(|b| matches!(b, b'/' | b'?' | b'"' | b'\\') || b.is_ascii_whitespace()).next()?;
    Some((from, from + authority.iter().rposition(|b| *b == b'@')?))
}

/// Three parts of base64url; the last may be cut off.
fn token(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let length = line[from..].iter().position(|b| !is_name(*b) && *b != b'.').unwrap_or(line.len() - from);
    let dots = line[from..from + length].iter().filter(|b| **b == b'.').count();
    (dots >= 1 && length > 16).then_some((from, from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(line: &str) -> String {
        String::from_utf8(mask(line.as_bytes()).into_owned()).expect("utf-8")
    }

    #[test]
    fn a_url_keeps_its_names_and_loses_its_credentials() {
        for (target, shown) in [
            ("/ws/group/g/client/c", "/ws/group/g/client/c"),
            ("/ws?api_key=hush&x_account_id=acme&jwt=hush", "/ws?api_key=[redacted]&x_account_id=acme&jwt=[redacted]"),
            ("/ws?API-KEY=hush&x-worker-secret=hush", "/ws?API-KEY=[redacted]&x-worker-secret=[redacted]"),
            ("/ws?api%5Fkey=hush=hush&a", "/ws?api%5Fkey=[redacted]&a"),
            ("/ws?token=hush?hush&access_token=", "/ws?token=[redacted]&access_token=[redacted]"),
            ("/ws?keys=1&&=2", "/ws?keys=1&&=2"),
            ("/a\nb?\u{1b}=1", "/a\\nb?\\u{1b}=1"),
        ] {
            assert_eq!(Redacted(target).to_string(), shown);
        }
    }

    #[test]
    fn lines_lose_what_looks_like_a_credential() {
        for (line, shown) in [
            ("GET /ws?api_key=hush&a=1 jwt=hush", "GET /ws?api_key=[redacted]&a=1 jwt=[redacted]"),
            (r#"x api_key="hush" n=1"#, r#"x api_key="[redacted]" n=1"#),
            (r#"{"message":"m","api_key":"hush","n":1}"#, r#"{"message":"m","api_key":"[redacted]","n":1}"#),
            (r#"{"m":"{\"jwt\": \"hush\"}"}"#, r#"{"m":"{\"jwt\": \"[redacted]\"}"}"#),
            ("authorization: Bearer hush, x", "authorization: [redacted] [redacted], x"),
            (r#""authorization": "bearer hush""#, r#""authorization": "[redacted] [redacted]""#),
            ("X-Worker-Secret: hush\n", "X-Worker-Secret: [redacted]\n"),
            (
                "aether.v3, aether.jwt.hush, aether.api_key.hush",
                "aether.v3, aether.jwt.[redacted], aether.api_key.[redacted]",
            ),
            ("redis://u:hush@h:6379/0 away", "redis://[redacted]@h:6379/0 away"),
            ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln!", "got [redacted]!"),
            (
                "\u{1b}[3mjwt\u{1b}[0m\u{1b}[2m=\u{1b}[0mhush\u{1b}[0m",
                "\u{1b}[3mjwt\u{1b}[0m\u{1b}[2m=\u{1b}[0m[redacted]\u{1b}[0m",
            ),
            ("api%5Fkey=hush x", "api%5Fkey=[redacted] x"),
            ("jwt=hush", "jwt=[redacted]"),
        ] {
            assert_eq!(masked(line), shown);
            assert_eq!(masked(shown), shown, "masking again changes nothing");
        }
    }

    #[test]
    fn lines_of_an_ordinary_day_stay_as_they_are() {
        for line in [
            "",
            "=",
            ":",
            ". eyJ",
            "INFO aether_proxy: closed tenant=acme reason=token_expired frames=12 from=10.0.0.1:4242",
            "the token has expired: get a new one",
            "reload applied key=auth.jwt.secret key=limits.message",
            r#"{"timestamp":"2026-03-11T12:34:56.789Z","level":"INFO","message":"listening","clients":"127.0.0.1:8080"}"#,
            "hub up url=redis://h:6379/0 mail=a@b",
            "api_key= next",
            "jwt=\"\" x",
        ] {
            assert!(matches!(mask(line.as_bytes()), Cow::Borrowed(_)), "{}", masked(line));
        }
    }

    #[test]
    fn no_bytes_make_it_fail_or_drift() {
        let mut seed = 7u64;
        let alphabet = b"=:. eyJ\"\\\x1b[mjwtapi_key@//Bearer \xff";
        for length in 0..2000 {
            let line: Vec<u8> = (0..length % 64)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    alphabet[(seed >> 33) as usize % alphabet.len()]
                })
                .collect();
            let once = mask(&line).into_owned();
            assert_eq!(mask(&once), once, "masking again changes nothing: {}", String::from_utf8_lossy(&line));
        }
    }
}
