//! Owns whom a rule or an exemption means: patterns, made once from the settings, and the lot each client draws, by which
//! a share of them is always the same share.

use crate::config;
use crate::migration::Newcomer;
use crate::migration::patterns::Patterns;
use sha2::{Digest, Sha256};

/// Whom it means.
#[derive(Debug)]
pub(super) struct Who {
    dialects: Patterns,
    tenants: Patterns,
    groups: Patterns,
    clients: Patterns,
    user_agents: Patterns,
    origins: Patterns,
}

impl Who {
    pub fn new(config: &config::Who) -> Self {
        let plain = |texts: &[String]| Patterns::new(texts);
        Self {
            dialects: plain(&config.dialects),
            tenants: plain(&config.tenants),
            groups: plain(&config.groups),
            clients: plain(&config.clients),
            user_agents: Patterns::in_any_case(&config.user_agents),
            origins: plain(&config.origins),
        }
    }

    /// Is it meant? The cheap ones first: a user agent is long, and its patterns look for words inside.
    pub fn means(&self, newcomer: &Newcomer) -> bool {
        self.tenants.means(&newcomer.tenant)
            && self.dialects.means(newcomer.dialect())
            && self.groups.means(newcomer.group.as_ref().map_or("", |group| group.as_str()))
            && self.clients.means(newcomer.client.as_str())
            && self.origins.means(&newcomer.origin)
            && self.user_agents.means(&newcomer.user_agent)
    }

    /// Can it mean anybody of this tenant?
    pub fn means_some_of(&self, tenant: &str) -> bool {
        self.tenants.means(tenant)
    }

    /// Does it mean tenants as a whole?
    pub fn means_whole_tenants(&self) -> bool {
        [&self.dialects, &self.groups, &self.clients, &self.user_agents, &self.origins].iter().all(|p| p.is_open())
    }
}

/// What a client draws, once and for all: the same on every node, in every rule and after every restart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lot {
    share: u64,
    spread: u64,
}

impl Lot {
    pub fn of(newcomer: &Newcomer) -> Self {
        let digest = Sha256::new()
            .chain_update(newcomer.tenant.as_bytes())
            // Neither holds a control character, so no two pairs are the same text.
            .chain_update([0x1f])
            .chain_update(newcomer.client.as_str())
            .finalize();
        let word = |at: usize| digest[at..at + 8].iter().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        Self { share: word(0), spread: word(8) }
    }

    /// Among so many of a hundred? Whoever is among few is among more.
    pub fn is_within(self, percent: u8) -> bool {
        self.share % 100 < u64::from(percent)
    }

    /// Somewhere from 0 to a half.
    pub fn spread(self) -> f64 {
        (self.spread % 1000) as f64 / 2000.0
    }
}

/// In words, for people.
pub(super) fn in_words(who: &config::Who) -> String {
    let lists = [
        ("dialects", &who.dialects),
        ("tenants", &who.tenants),
        ("groups", &who.groups),
        ("clients", &who.clients),
        ("user agents", &who.user_agents),
        ("origins", &who.origins),
    ];
    let said: Vec<_> = lists.iter().filter(|(_, list)| !list.is_empty()).collect();
    match said[..] {
        [] => "everybody".into(),
        _ => said.iter().map(|(name, list)| format!("{name} {}", list.join(", "))).collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::newcomer;
    use super::*;
    use crate::dialect::Spoken;

    fn who(change: impl FnOnce(&mut config::Who)) -> Who {
        let mut config = config::Who::default();
        change(&mut config);
        Who::new(&config)
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn all_lists_must_agree_and_of_each_one_pattern() {
        let client = newcomer("acme", "kiosk-7");
        assert!(who(|_| {}).means(&client));
        assert!(who(|w| w.tenants = list(&["beta", "ac?e"])).means(&client));
        assert!(!who(|w| w.tenants = list(&["beta", "ACME"])).means(&client));
        let both = |clients: &'static str| {
            who(|w| {
                w.tenants = list(&["acme"]);
                w.clients = list(&[clients]);
            })
        };
        assert!(both("kiosk-*").means(&client) && !both("desk-*").means(&client));
        assert!(who(|w| w.dialects = list(&["aether-v2"])).means(&client));
        assert!(!who(|w| w.groups = list(&["other"])).means(&client));
    }

    #[test]
    fn a_dialect_made_by_settings_is_known_by_its_own_name() {
        let client = Newcomer { spoken: Spoken::Custom, made: Some("kiosk".into()), ..newcomer("acme", "c") };
        let means = |dialect: &'static str| who(|w| w.dialects = list(&[dialect])).means(&client);
        assert!(means("kiosk") && means("k*") && !means("custom") && !means("till"));
    }

    #[test]
    fn only_user_agents_do_not_mind_case() {
        let client = newcomer("acme", "c");
        assert!(who(|w| w.user_agents = list(&["*OLDAPP/1.*"])).means(&client));
        assert!(!who(|w| w.origins = list(&["OLD.example.com"])).means(&client));
        assert!(who(|w| w.origins = list(&["*.example.com"])).means(&client));
    }

    #[test]
    fn shares_are_about_as_large_as_they_say() {
        let within = (0..10_000).filter(|n| Lot::of(&newcomer("acme", &format!("c{n}"))).is_within(25)).count();
        assert!((2_200..2_800).contains(&within), "{within}");
    }

    #[test]
    fn words_name_every_list() {
        assert_eq!(in_words(&config::Who::default()), "everybody");
        let some =
            config::Who { tenants: list(&["acme", "beta-*"]), user_agents: list(&["*Old*"]), ..config::Who::default() };
        assert_eq!(in_words(&some), "tenants acme, beta-*; user agents *Old*");
    }
}
