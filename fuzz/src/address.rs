//! Owns the target of `X-Forwarded-For`: any header lines, any peer; never is a hop believed that is not trusted.

use super::input::{BETWEEN, dice, pick};
use aether_proxy::config::Network;
use aether_proxy::edge::{client_address, is_trusted};
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use std::net::{IpAddr, SocketAddr};

/// Who connects: half of them are trusted.
const PEERS: [&str; 6] = ["10.0.0.1", "192.0.2.1", "::ffff:10.0.0.1", "fd00::1", "2001:db8::1", "127.0.0.1"];
/// Hops that are looked at.
const HOPS: usize = 32;

fn trusted() -> [Network; 3] {
    ["10.0.0.0/8", "fd00::/8", "127.0.0.1"].map(|network| network.parse().expect("a network"))
}

/// The same question to those three networks, by arithmetic.
fn ours(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.octets()[0] == 10 || v4.octets() == [127, 0, 0, 1],
        IpAddr::V6(v6) => v6.octets()[0] == 0xfd,
    }
}

/// A die for the peer, then header lines.
pub fn address(data: &[u8]) {
    let ([die], rest) = dice(data);
    let peer: IpAddr = pick(die, &PEERS).parse().expect("an address");
    let mut headers = HeaderMap::new();
    let mut all: Vec<&[u8]> = Vec::new();
    for line in rest.split(|byte| *byte == BETWEEN) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value);
            all.extend(line.split(|byte| *byte == b','));
        }
    }
    let trusted = trusted();
    let got = client_address(SocketAddr::new(peer, 1), &headers, &trusted);
    let want = slow(peer, &all);
    assert_eq!(got, want, "{peer} {headers:?}");
    assert_eq!(got, got.to_canonical(), "{got}: one client is one address");
    assert_eq!(is_trusted(got, &trusted), ours(got), "{got}");
    // Nothing in front of a hop that is not trusted changes anything.
    if !ours(got) && all.len() < HOPS {
        let line = [rest, &[BETWEEN]].concat();
        for front in ["203.0.113.9", "10.0.0.7", "nonsense", ","] {
            let mut forged = HeaderMap::new();
            forged.append("x-forwarded-for", HeaderValue::from_static(front));
            for value in line.split(|byte| *byte == BETWEEN).filter_map(|line| HeaderValue::from_bytes(line).ok()) {
                forged.append("x-forwarded-for", value);
            }
            // The empty line at the end ends the chain at the peer.
            assert_eq!(client_address(SocketAddr::new(peer, 1), &forged, &trusted), peer.to_canonical());
            forged.remove("x-forwarded-for");
            forged.append("x-forwarded-for", HeaderValue::from_static(front));
            for value in headers.get_all("x-forwarded-for") {
                forged.append("x-forwarded-for", value.clone());
            }
            assert_eq!(client_address(SocketAddr::new(peer, 1), &forged, &trusted), got, "{front} {headers:?}");
        }
    }
}

/// All hops read first, the client's in front; then from the peer backwards as long as each vouches for the next.
fn slow(peer: IpAddr, hops: &[&[u8]]) -> IpAddr {
    let mut chain: Vec<Option<IpAddr>> = hops.iter().map(|hop| named(hop)).collect();
    chain.drain(..chain.len().saturating_sub(HOPS));
    let mut client = peer.to_canonical();
    while ours(client) {
        match chain.pop() {
            Some(Some(next)) => client = next,
            _ => break,
        }
    }
    client
}

/// An address with or without brackets, with or without a port.
fn named(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let (inner, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None if text.matches(':').count() == 1 => text.split_at(text.find(':')?),
        None => (text, ""),
    };
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let ip: IpAddr = inner.parse().ok().filter(|_| is_port)?;
    // Brackets with a port are for IPv6 alone.
    let bracketed_v4 = text.starts_with('[') && ip.is_ipv4() && !port.is_empty();
    (!bracketed_v4).then(|| ip.to_canonical())
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}
