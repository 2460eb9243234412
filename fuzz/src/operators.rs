//! Owns the target of what is asked of the operators' listener: its parameters, who may see an answer, and where a
//! page of clients goes on.

use super::input::{dice, parts, pick, text};
use aether_proxy::admin::{Access, Bad, Denied, Query};
use aether_proxy::config::Secret;
use aether_proxy::migration::record::ClientRecord;
use aether_proxy::migration::store::{ClientQuery, Order};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper::{HeaderMap, Uri};
use std::net::IpAddr;

const TOKEN: &str = "t0ken:with colon";
/// Bytes of a value, and parameters, that are read.
const MOST: (usize, usize) = (2048, 32);

/// A die, then parameters, a host, an authority, what is presented, and two clients.
pub fn operators(data: &[u8]) {
    let ([die, seen], rest) = dice(data);
    let [asked, host, authority, shown, one, other] = parts(rest);
    parameters(&text(asked));
    guarded(host, &text(authority), shown);
    positions(die, i64::from(seen) * 7_000_000, [&text(one), &text(other)]);
}

/// Each parameter is there once, decoded, or the first that is no good is named.
fn parameters(asked: &str) {
    let got = Query::parse(asked);
    match slow(asked) {
        Ok(pairs) => {
            let mut query = got.expect("good parameters");
            for (name, value) in &pairs {
                assert_eq!(query.text(name).as_deref(), Some(value.as_str()).filter(|v| !v.is_empty()), "{asked:?}");
            }
            assert_eq!(query.end(), Ok(()), "{asked:?}");
            for (name, _) in &pairs {
                let mut query = Query::parse(asked).expect("good parameters");
                let typed = [
                    query.number(name, 1..=10).err(),
                    query.moment(name).err(),
                    query.word(name, &[("a", 1), ("b", 2)]).err(),
                ];
                assert!(typed.iter().flatten().count() <= 1, "{asked:?}: read once");
                assert!(typed.iter().flatten().all(|bad| is_told(bad, name)), "{typed:?}");
            }
            let mut query = Query::parse(asked).expect("good parameters");
            let left = pairs.iter().any(|(name, _)| name != "q");
            let _ = query.text("q");
            assert_eq!(query.end().is_err(), left, "{asked:?}");
        }
        Err(name) => {
            let bad = got.expect_err("something is no good");
            assert!(is_told(&bad, &name), "{asked:?}: {bad:?} {name:?}");
        }
    }
}

/// The name, shortened; never the value.
fn is_told(bad: &Bad, name: &str) -> bool {
    name.starts_with(&bad.parameter) && bad.parameter.chars().count() <= 64 && bad.problem.len() < 200
}

/// The pairs, or the name of the first that is no good; none where that cannot be read.
fn slow(asked: &str) -> Result<Vec<(String, String)>, String> {
    let mut all: Vec<(String, String)> = Vec::new();
    for pair in asked.split('&') {
        if pair.is_empty() {
            continue;
        }
        let cut = pair.find('=').unwrap_or(pair.len());
        let name = decoded(&pair[..cut]).ok_or_else(String::new)?;
        let value = decoded(pair.get(cut + 1..).unwrap_or("")).ok_or_else(|| name.clone())?;
        if value.len() > MOST.0 || all.len() == MOST.1 || all.iter().any(|(seen, _)| *seen == name) {
            return Err(name);
        }
        all.push((name, value));
    }
    Ok(all)
}

fn decoded(text: &str) -> Option<String> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    let hex = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).ok()
}

/// Without a token this machine alone is answered, by a name nobody can point elsewhere; with one, who shows it.
fn guarded(host: &[u8], authority: &str, shown: &[u8]) {
    let here = IpAddr::from([127, 0, 0, 1]);
    let access = Access::new(None, here).expect("no token");
    let mut headers = HeaderMap::new();
    if let Ok(host) = HeaderValue::from_bytes(host) {
        headers.append(HOST, host);
    }
    let path = Uri::from_static("/migration");
    let by_host = headers.contains_key(HOST) && std::str::from_utf8(host).is_ok_and(is_here);
    let want = |is: bool| if is { Ok(()) } else { Err(Denied::ForeignHost) };
    assert_eq!(access.check(&path, &headers), want(by_host), "{:?}", String::from_utf8_lossy(host));
    if let Ok(uri) = Uri::builder().scheme("http").authority(authority).path_and_query("/").build() {
        assert_eq!(access.check(&uri, &headers), want(by_host && is_here(authority)), "{uri} {headers:?}");
        headers.append(HOST, HeaderValue::from_static("evil.example"));
        assert_eq!(access.check(&path, &headers), Err(Denied::ForeignHost));
    }
    let open = Access::new(None, IpAddr::from([0, 0, 0, 0])).expect("no token");
    assert_eq!(open.check(&path, &headers), Err(Denied::TokenNeeded));
    let locked = Access::new(Some(&Secret::new(TOKEN)), here).expect("a token");
    if let Ok(value) = HeaderValue::from_bytes(shown) {
        headers.insert(AUTHORIZATION, value);
    }
    let is_shown = headers.contains_key(AUTHORIZATION)
        && std::str::from_utf8(shown).is_ok_and(|shown| {
            let (scheme, rest) = shown.split_once(' ').unwrap_or((shown, ""));
            let basic = || {
                STANDARD
                    .decode(rest.trim_ascii())
                    .is_ok_and(|pair| pair.splitn(2, |byte| *byte == b':').nth(1) == Some(TOKEN.as_bytes()))
            };
            match scheme.to_ascii_lowercase().as_str() {
                "bearer" => rest.trim_ascii() == TOKEN,
                "basic" => basic(),
                _ => false,
            }
        });
    let want = if is_shown { Ok(()) } else { Err(Denied::Unauthorized) };
    assert_eq!(locked.check(&path, &headers), want, "{:?}", String::from_utf8_lossy(shown));
}

/// `localhost` or a loopback address, and perhaps a port.
fn is_here(authority: &str) -> bool {
    let digits = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    let bare = authority[..authority.len() - digits].strip_suffix(':');
    let loopback = |host: &str| {
        let ip = host.parse::<IpAddr>().map(|ip| ip.to_canonical());
        host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
    };
    [Some(authority), bare].into_iter().flatten().any(|host| {
        match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => loopback(inner),
            None => !host.contains(':') && loopback(host),
        }
    })
}

/// Positions stand as the clients do: by their names, or the latest first.
fn positions(die: u8, seen: i64, [one, other]: [&str; 2]) {
    if [one, other].iter().any(|name| name.chars().any(char::is_control)) {
        return;
    }
    let client = |name: &str, last_seen| {
        let (tenant, client) = name.split_once('/').unwrap_or(("_none", name));
        ClientRecord { tenant: tenant.into(), client: client.into(), last_seen, ..ClientRecord::default() }
    };
    let (a, b) = (client(one, seen), client(other, seen + i64::from(die % 3)));
    let query =
        |order| ClientQuery { tenant: None, search: None, since: None, left: false, order, cursor: None, limit: 1 };
    let names = |c: &ClientRecord| (c.tenant.to_string(), c.client.to_string());
    let order = pick(die, &[Order::Key, Order::LastSeen]);
    let want = match order {
        Order::Key => names(&a).cmp(&names(&b)),
        Order::LastSeen => b.last_seen.cmp(&a.last_seen).then(names(&a).cmp(&names(&b))),
    };
    let query = query(order);
    assert_eq!(query.position(&a).cmp(&query.position(&b)), want, "{a:?} {b:?}");
}
