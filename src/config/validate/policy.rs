//! Contradictions of `[policy]`: rules that can never act, dates in the wrong order, words that cannot be sent.

use super::Findings;
use crate::config::{Config, DialectName, NewTenants, PolicyAction, Rule};
use std::collections::HashMap;
use wildmatch::WildMatch;

/// When V2 ends, and where that is told.
pub(super) fn dates(config: &Config, findings: &mut Findings) {
    let policy = &config.policy;
    if let (Some(deprecation), Some(sunset)) = (policy.deprecation, policy.sunset)
        && sunset < deprecation
    {
        findings.add("policy.sunset", "`policy.sunset` must not be before `policy.deprecation` (RFC 9745 section 4)");
    }
    if policy.new_tenants == NewTenants::Block && policy.new_since.is_none() {
        let text = "`policy.new_tenants` = \"block\" needs `policy.new_since`: from when on is a tenant new?";
        findings.add("policy.new_tenants", text);
    }
    if policy.docs.as_deref().is_some_and(|docs| !is_page(docs)) {
        let text =
            "`policy.docs` must be a whole address that begins with https:// or http://, percent-encoded where needed";
        findings.add("policy.docs", text);
    }
}

/// It stands in a header, between angle brackets.
fn is_page(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b));
    let uri = text.parse::<hyper::Uri>().ok().filter(|_| plain);
    uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|h| !h.is_empty())
    })
}

/// Every rule by itself, and their names.
pub(super) fn rules(config: &Config, findings: &mut Findings) {
    let rules = &config.policy.rules;
    let legacy = legacy(config);
    names("policy.rules", rules.iter().map(|rule| rule.name.as_str()), findings);
    for (at, rule) in rules.iter().enumerate() {
        one(at, rule, findings);
        dialects(&format!("policy.rules[{at}].dialects"), &rule.who.dialects, &legacy, findings);
    }
}

fn one(at: usize, rule: &Rule, findings: &mut Findings) {
    let mut add = |name: &str, text: &str| {
        let key = format!("policy.rules[{at}].{name}");
        findings.add(&key, format!("`{key}` {text}"));
    };
    if !(1..=100).contains(&rule.percent) {
        add("percent", "must be between 1 and 100");
    }
    if rule.from.zip(rule.until).is_some_and(|(from, until)| from >= until) {
        add("until", "must be after `from`, or the rule never holds");
    }
    match rule.retry_after {
        Some(_) if rule.action != PolicyAction::Brownout => {
            add("retry_after", "is only for `action = \"brownout\"`: nobody else is asked to come back");
        }
        Some(after) if after.is_zero() => add("retry_after", "must be longer than 0"),
        _ => {}
    }
}

/// Names and dialects; that each has an end, the schema says.
pub(super) fn exemptions(config: &Config, findings: &mut Findings) {
    let exemptions = &config.policy.exemptions;
    let legacy = legacy(config);
    names("policy.exemptions", exemptions.iter().map(|exemption| exemption.name.as_str()), findings);
    for (at, exemption) in exemptions.iter().enumerate() {
        dialects(&format!("policy.exemptions[{at}].dialects"), &exemption.who.dialects, &legacy, findings);
    }
}

fn names<'n>(section: &str, names: impl Iterator<Item = &'n str>, findings: &mut Findings) {
    let mut seen = HashMap::new();
    for (at, name) in names.enumerate() {
        let key = format!("{section}[{at}].name");
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            findings.add(&key, format!("`{key}` must be a text, on one line"));
        } else if let Some(first) = seen.insert(name, at) {
            findings.add(&key, format!("`{key}` = \"{name}\" is the name of `{section}[{first}]` already"));
        }
    }
}

/// The names of all legacy dialects, built in or made by settings.
fn legacy(config: &Config) -> Vec<&str> {
    DialectName::LEGACY.into_iter().chain(super::dialects::made(config)).collect()
}

fn dialects(key: &str, patterns: &[String], legacy: &[&str], findings: &mut Findings) {
    for pattern in patterns {
        let wild = WildMatch::new(pattern);
        if !legacy.iter().any(|name| wild.matches(name)) {
            let known = legacy.join(", ");
            findings.add(key, format!("`{key}`: \"{pattern}\" is no legacy dialect; there is: {known}"));
        }
    }
}

/// A refusal must be told while the connection may still wait for it.
pub(super) fn refuse_delay(config: &Config, findings: &mut Findings) {
    let policy = &config.policy;
    let refuses = !policy.rules.is_empty() || policy.new_tenants == NewTenants::Block;
    // Half of it on top, by chance.
    if refuses && policy.refuse_delay.mul_f64(1.5) >= config.limits.handshake_timeout {
        let text = "`policy.refuse_delay` and a half must be shorter than `limits.handshake_timeout`";
        findings.add("policy.refuse_delay", text);
    }
}

/// Notices are for those who speak V2.
pub(super) fn notices(config: &Config, findings: &mut Findings) {
    for (at, mount) in config.mounts.iter().enumerate() {
        let Some(notice) = &mount.notice else { continue };
        let key = format!("mounts[{at}].notice");
        if mount.dialect == DialectName::AetherV3 {
            findings.add(&key, format!("`{key}` is only for mounts with a V2 dialect: V3 clients have moved already"));
        } else if notice.is_empty() {
            findings.add(&key, format!("`{key}` must not be empty: leave it out to send none"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{after, assert_accepted, assert_refused};
    use super::*;
    use crate::config::{Date, Exemption};
    use std::time::Duration;

    fn rule(change: &str) -> Rule {
        toml::from_str(&format!("name = \"r\"\naction = \"brownout\"\n{change}")).expect("a rule")
    }

    fn with_rule(change: &'static str) -> impl FnOnce(&mut Config) {
        move |c| c.policy.rules = vec![rule(change)]
    }

    fn exemption(name: &str, dialect: &str) -> Exemption {
        let text = format!("name = \"{name}\"\nuntil = \"2027-01-01\"\ndialects = [\"{dialect}\"]");
        toml::from_str(&text).expect("an exemption")
    }

    #[test]
    fn a_rule_can_act() {
        assert_accepted(with_rule("percent = 1\nfrom = \"2026-12-01\"\nuntil = \"2026-12-02\"\nretry_after = \"1s\""));
        assert_refused("`policy.rules[0].percent` must be between 1 and 100", with_rule("percent = 0"));
        assert_refused("must be between 1 and 100", with_rule("percent = 101"));
        assert_refused("must be after `from`", with_rule("from = \"2026-12-02\"\nuntil = \"2026-12-02\""));
        assert_refused("must be longer than 0", with_rule("retry_after = \"0s\""));
        assert_refused("only for `action = \"brownout\"`", |c| {
            c.policy.rules = vec![Rule { action: PolicyAction::Block, ..rule("retry_after = \"1s\"") }];
        });
    }

    #[test]
    fn every_name_is_different() {
        assert_refused("is the name of `policy.rules[0]` already", |c| c.policy.rules = vec![rule(""), rule("")]);
        assert_refused("must be a text", |c| c.policy.rules = vec![Rule { name: " ".into(), ..rule("") }]);
        assert_refused("is the name of `policy.exemptions[0]` already", |c| {
            c.policy.exemptions = vec![exemption("r", "*"), exemption("r", "*")];
            c.policy.rules = vec![rule("")];
        });
    }

    #[test]
    fn a_dialect_is_a_legacy_one() {
        assert_accepted(with_rule("dialects = [\"aether-*\", \"*\", \"aether-v?\"]"));
        assert_accepted(with_rule("dialects = [\"valtronics\", \"server-*\", \"vectra\"]"));
        assert_refused(
            "`policy.rules[0].dialects`: \"aether-v3\" is no legacy",
            with_rule("dialects = [\"aether-v3\"]"),
        );
        assert_refused("no legacy dialect", |c| c.policy.exemptions = vec![exemption("e", "aether_v2")]);
    }

    #[test]
    fn the_end_does_not_come_before_the_announcement() {
        let at = |secs: i64| Some(Date::from_secs(secs));
        assert_accepted(|c| (c.policy.deprecation, c.policy.sunset) = (at(5), at(5)));
        assert_refused("must not be before", |c| (c.policy.deprecation, c.policy.sunset) = (at(5), at(4)));
        assert_refused("needs `policy.new_since`", |c| c.policy.new_tenants = NewTenants::Block);
    }

    #[test]
    fn the_page_is_one() {
        for good in ["https://docs.example.com/move?to=v3#now", "http://[::1]:8080/"] {
            assert_accepted(|c| c.policy.docs = Some(good.into()));
        }
        let bad = [
            "",
            "docs.example.com",
            "/docs",
            "ftp://h/",
            "https://",
            "https://h/a b",
            "https://h/>x",
            "https://hä/",
            "https://h/\n",
        ];
        for bad in bad {
            assert_eq!(after(|c| c.policy.docs = Some(bad.into())).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_time() {
        let slow = |c: &mut Config| c.policy.refuse_delay = c.limits.handshake_timeout.mul_f64(0.7);
        assert_accepted(slow);
        assert_refused("`policy.refuse_delay` and a half", |c| {
            slow(c);
            c.policy.rules = vec![rule("")];
        });
        assert_accepted(|c| {
            c.policy.refuse_delay = Duration::ZERO;
            c.policy.rules = vec![rule("")];
        });
    }

    #[test]
    fn notices_are_for_v2() {
        let notice = |at: usize, text: &'static str| move |c: &mut Config| c.mounts[at].notice = Some(text.into());
        assert_accepted(notice(1, "{}"));
        assert_refused("`mounts[0].notice` is only for mounts with a V2 dialect", notice(0, "{}"));
        assert_refused("must not be empty", notice(1, ""));
    }
}
