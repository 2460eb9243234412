//! Owns which address a client has: that of its connection, or, behind a trusted proxy, what the proxy says.
//! Whether the address may come in is not its business.

use crate::config::Network;
use hyper::HeaderMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// A list of hops, the client first (de-facto standard; RFC 7239 section 7.4 maps it to `Forwarded`).
const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// Hops that are looked at. A chain of trusted proxies is never so long; what lies behind is the client's word.
const MOST_HOPS: usize = 32;
/// The part of an IPv6 address that belongs to one customer; the rest the customer chooses freely.
const CUSTOMER: u128 = !(u64::MAX as u128);

/// Is this a proxy whose word counts?
pub fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// The client's address: from the peer on, backwards through `X-Forwarded-For`, up to the first hop that is not
/// trusted. Each hop vouches for the next one only, so nothing is read behind an untrusted hop, nor behind one
/// that says something unreadable.
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let peer = peer.ip().to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    // Several headers of one name are one list.
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let mut address = peer;
    for hop in hops.take(MOST_HOPS) {
        let Some(named) = hop_address(hop) else { break };
        address = named;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    address
}

/// `192.0.2.1`, `2001:db8::1`, and what some proxies write: `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    // A zone means something on one machine only; the two forms below would not agree about it.
    let text = str::from_utf8(hop).ok().filter(|text| !text.contains('%'))?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|ip: IpAddr| ip.to_canonical())
}

/// Whom limits count as one: an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & CUSTOMER)),
            v4 => v4,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    /// The address of a client that comes from `peer` with these header lines; 10/8 and fd00::/8 are trusted.
    fn seen(peer: &str, lines: &[&[u8]]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line).expect("a value"));
        }
        let peer = SocketAddr::new(peer.parse().expect("an address"), 1);
        client_address(peer, &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_peers_are_asked() {
        assert_eq!(seen("192.0.2.1", &[b"203.0.113.9"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", &[b"203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("::ffff:10.0.0.1", &[b"203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("fd00::1", &[b"2001:db8::9"]), "2001:db8::9");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_first_untrusted_hop_from_the_right_is_the_client() {
        // What stands left of it the client may have written itself.
        assert_eq!(seen("10.0.0.1", &[b"1.1.1.1, 203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &[b"1.1.1.1", b"203.0.113.9,10.0.0.2", b"10.0.0.3"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &[b"10.9.9.9, 203.0.113.9"]), "203.0.113.9");
        // A client inside: all hops are trusted.
        assert_eq!(seen("10.0.0.1", &[b"10.0.0.7, 10.0.0.2"]), "10.0.0.7");
    }

    #[test]
    fn forms_that_proxies_write_are_read() {
        for hop in ["203.0.113.9:4711", "::ffff:203.0.113.9", " 203.0.113.9\t", "[::ffff:203.0.113.9]:1"] {
            assert_eq!(seen("10.0.0.1", &[hop.as_bytes()]), "203.0.113.9", "{hop}");
        }
        for hop in ["2001:db8::9", "[2001:db8::9]", "[2001:db8::9]:443"] {
            assert_eq!(seen("10.0.0.1", &[hop.as_bytes()]), "2001:db8::9", "{hop}");
        }
    }

    #[test]
    fn garbage_ends_the_chain_where_it_stands() {
        let bad: [&[u8]; 12] = [
            b"",
            b",",
            b"unknown",
            b"_hidden",
            b"\xff\xfe",
            b"203.0.113",
            b"[",
            b"[]",
            b"fe80::1%eth0",
            b"[fe80::1%1]:80",
            b"a b",
            b"203.0.113.9:99999",
        ];
        for bad in bad {
            assert_eq!(seen("10.0.0.1", &[bad]), "10.0.0.1", "{bad:?}");
            let line = [b"203.0.113.9, ", bad, b", 10.0.0.2"].concat();
            assert_eq!(seen("10.0.0.1", &[&line]), "10.0.0.2", "{bad:?}");
        }
    }

    #[test]
    fn an_endless_chain_is_not_followed() {
        let line = format!("203.0.113.9{}", ", 10.0.0.2".repeat(MOST_HOPS));
        assert_eq!(seen("10.0.0.1", &[line.as_bytes()]), "10.0.0.2");
        let line = format!("203.0.113.9{}", ", 10.0.0.2".repeat(MOST_HOPS - 1));
        assert_eq!(seen("10.0.0.1", &[line.as_bytes()]), "203.0.113.9");
    }

    #[test]
    fn an_ipv6_customer_is_one_source() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
