//! Owns a range of IP addresses as settings have it: `"10.0.0.0/8"`, `"2001:db8::/32"`, or one address alone.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses (CIDR, RFC 4632).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// A text that is no range of addresses.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address range such as \"10.0.0.0/8\", \"2001:db8::/32\" or \"127.0.0.1\"")]
pub struct NotANetwork(String);

impl Network {
    /// Does the address lie in it? An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let range = text.trim();
        let single = || range.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
        range.parse().or_else(|_| single()).map(Self).map_err(|_| NotANetwork(text.to_owned()))
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        // Bits behind the prefix do not matter.
        for range in ["10.0.0.0/8", "10.1.2.3/8"] {
            assert!(holds(range, "10.255.0.1") && holds(range, "::ffff:10.0.0.1"), "{range}");
            assert!(!holds(range, "11.0.0.1") && !holds(range, "::1"), "{range}");
        }
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("2001:db8::/32", "2001:db8:9::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::1"));
    }

    #[test]
    fn the_settings_name_a_range_that_is_none() {
        let set = |value: &str| {
            let set = vec![("listen.trusted_proxies".to_owned(), value.to_owned())];
            crate::config::load(&crate::config::LoadOptions { set, ..Default::default() })
        };
        let networks = set("127.0.0.1, 10.1.0.0/16").unwrap().listen.trusted_proxies;
        assert_eq!(networks.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1/32", "10.1.0.0/16"]);
        let refused = set("[\"10.0.0.0/8\", \"nginx\"]").unwrap_err().to_string();
        assert!(refused.contains("`listen.trusted_proxies`: `nginx` is not an address range"), "{refused}");
    }

    #[test]
    fn what_is_no_range_is_named() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "localhost", "::/129", "10.0.0.1:80"] {
            let refused = text.parse::<Network>().unwrap_err().to_string();
            assert!(refused.contains(&format!("`{text}` is not an address range")), "{refused}");
        }
    }
}
