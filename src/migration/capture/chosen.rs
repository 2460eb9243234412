//! Owns which connections are in a capture: V2, of these tenants, and of so many of a hundred groups. The same groups
//! on every node and after every restart, so that conversations are whole.

use crate::config;
use crate::dialect::Protocol;
use crate::envelope::GroupId;
use crate::migration::newcomer::Newcomer;
use crate::migration::patterns::Patterns;
use sha2::{Digest, Sha256};

/// See the module.
#[derive(Debug)]
pub struct Chosen {
    percent: u8,
    tenants: Patterns,
}

impl Chosen {
    /// From the settings.
    pub fn new(config: &config::Capture) -> Self {
        Self { percent: config.percent, tenants: Patterns::new(&config.tenants) }
    }

    /// Is this connection in it?
    pub fn has(&self, newcomer: &Newcomer) -> bool {
        newcomer.protocol() == Protocol::V2
            && self.tenants.means(&newcomer.tenant)
            && place(&newcomer.tenant, newcomer.group.as_ref().map_or("", GroupId::as_str)) < u64::from(self.percent)
    }
}

/// Where a group stands among a hundred.
fn place(tenant: &str, group: &str) -> u64 {
    // Lengths first, so that no two pairs are the same text.
    let mut hash = Sha256::new();
    for part in [tenant, group] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let (first, _) = hash.split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*first) % 100
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Spoken;
    use crate::envelope::ClientId;

    fn newcomer(tenant: &str, spoken: Spoken) -> Newcomer {
        Newcomer {
            tenant: tenant.into(),
            spoken,
            made: None,
            group: GroupId::new("g", 9).ok(),
            client: ClientId::new("c", 9).expect("an id"),
            user_agent: "".into(),
            origin: "".into(),
            hears_v3: false,
        }
    }

    #[test]
    fn a_share_of_the_groups_is_in_it_and_always_the_same() {
        let of = |percent| (0..10_000).filter(|n| place("acme", &format!("g{n}")) < percent).count();
        assert_eq!((of(0), of(100)), (0, 10_000));
        assert!((900..1_100).contains(&of(10)), "{}", of(10));
        // Another version of the proxy must say the same.
        assert_eq!((place("acme", "g1"), place("acme", "g2"), place("", "")), (92, 67, 69));
        assert_ne!(place("ab", "c"), place("a", "bc"));
    }

    #[test]
    fn only_v2_of_the_tenants_that_are_named() {
        let chosen = |tenants: &[&str], percent| {
            let tenants = tenants.iter().map(|&t| t.to_owned()).collect();
            Chosen::new(&config::Capture { tenants, percent, ..config::Capture::default() })
        };
        let acme = newcomer("acme", Spoken::AetherV2);
        assert!(chosen(&[], 100).has(&acme) && chosen(&["x", "ac*"], 100).has(&acme));
        assert!(!chosen(&["x"], 100).has(&acme) && !chosen(&[], 0).has(&acme));
        assert!(!chosen(&[], 100).has(&newcomer("acme", Spoken::AetherV3)));
    }
}
