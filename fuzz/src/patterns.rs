//! Owns the target of the patterns that settings name clients by, through the policy that uses them: whom a rule means
//! is held against the textbook's way of matching, which looks at every pair of places.

use super::input::{parts, text};
use aether_proxy::config::{self, PolicyAction, Rule, Who};
use aether_proxy::dialect::Spoken;
use aether_proxy::envelope::{ClientId, GroupId};
use aether_proxy::migration::Newcomer;
use aether_proxy::migration::policy::Policy;

/// A pattern for the tenant, one for the client and one for the user agent, then those three.
pub fn patterns(data: &[u8]) {
    let [tenants, clients, agents, tenant, client, agent] = parts(data).map(text);
    let Ok(id) = ClientId::new(&client, 256) else { return };
    let newcomer = Newcomer {
        tenant: tenant.as_ref().into(),
        spoken: Spoken::AetherV2,
        made: None,
        group: GroupId::new("g", 9).ok(),
        client: id,
        user_agent: agent.as_ref().into(),
        origin: "".into(),
        hears_v3: false,
    };
    // A line each: one must match, and none at all means everybody.
    let list = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (tenants, clients, agents) = (list(&tenants), list(&clients), list(&agents));
    let (same, any_case) = (|a: char, b: char| a == b, |a: char, b: char| a.to_lowercase().eq(b.to_lowercase()));
    let one = |patterns: &[String], text: &str, equal: &dyn Fn(char, char) -> bool| {
        patterns.is_empty() || patterns.iter().any(|pattern| slow(pattern, text, equal))
    };
    let want = one(&tenants, &tenant, &same) && one(&clients, &client, &same) && one(&agents, &agent, &any_case);
    let who = Who { tenants, clients, user_agents: agents, ..Who::default() };
    let rule = |percent| Rule {
        name: "r".into(),
        action: PolicyAction::Block,
        who: who.clone(),
        from: None,
        until: None,
        windows: Vec::new(),
        percent,
        retry_after: None,
        dry_run: false,
    };
    let refused = |percent| {
        let policy = config::Policy { rules: vec![rule(percent)], ..config::Policy::default() };
        Policy::new(&policy).decide(&newcomer, 0, true).is_refusal()
    };
    assert_eq!(refused(100), want, "{who:?} {newcomer:?}");
    // Whoever is among few is among more.
    let shares: Vec<bool> = [0, 1, 30, 70, 99, 100].map(refused).to_vec();
    assert!(!shares[0] && shares.is_sorted(), "{shares:?}");
    // Nobody of V3 is ever refused.
    let v3 = Newcomer { spoken: Spoken::AetherV3, ..newcomer.clone() };
    let policy = config::Policy { rules: vec![rule(100)], ..config::Policy::default() };
    assert!(!Policy::new(&policy).decide(&v3, 0, true).is_refusal());
}

/// Which prefixes of the text the pattern's prefixes match, one after the other.
fn slow(pattern: &str, text: &str, equal: &dyn Fn(char, char) -> bool) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut here: Vec<bool> = (0..=text.len()).map(|n| n == 0).collect();
    for wanted in pattern.chars() {
        here = (0..=text.len())
            .map(|n| match wanted {
                '*' => here[..=n].contains(&true),
                '?' => n > 0 && here[n - 1],
                c => n > 0 && here[n - 1] && equal(c, text[n - 1]),
            })
            .collect();
    }
    here[text.len()]
}
