//! What the policy decides about whom, and when.

use super::*;
use crate::clock::Timestamp;
use crate::config::{Exemption, NewTenants, PolicyAction, Rule, Who};
use crate::dialect::{Protocol, Spoken};
use crate::envelope::{ClientId, GroupId};
use crate::label::Label;
use crate::telemetry::labels::{Policy as Says, PolicyDone};
use proptest::prelude::*;
use std::time::Duration;

const NOW: i64 = 1_000_000;

pub(super) fn newcomer(tenant: &str, client: &str) -> Newcomer {
    Newcomer {
        tenant: tenant.into(),
        spoken: Spoken::AetherV2,
        made: None,
        group: GroupId::new("g", 9).ok(),
        client: ClientId::new(client, 99).expect("an id"),
        user_agent: "Mozilla OldApp/1.7".into(),
        origin: "old.example.com".into(),
        hears_v3: false,
    }
}

pub(super) fn rule(name: &str, action: PolicyAction) -> Rule {
    Rule {
        name: name.into(),
        action,
        who: Who::default(),
        from: None,
        until: None,
        windows: Vec::new(),
        percent: 100,
        retry_after: None,
        dry_run: false,
    }
}

pub(super) fn policy(change: impl FnOnce(&mut config::Policy)) -> config::Policy {
    let mut config = config::Policy::default();
    change(&mut config);
    config
}

fn tenants(one: &str) -> Who {
    Who { tenants: vec![one.into()], ..Who::default() }
}

fn exemption(until: i64, tenants: &[&str]) -> Exemption {
    Exemption {
        name: "e".into(),
        reason: String::new(),
        until: Date::from_secs(until),
        who: Who { tenants: tenants.iter().map(|t| (*t).to_owned()).collect(), ..Who::default() },
    }
}

fn blocked(change: impl FnOnce(&mut config::Policy)) -> Policy {
    Policy::new(&policy(|p| {
        p.rules = vec![rule("end", PolicyAction::Block)];
        change(p);
    }))
}

/// What is said to a client of acme, and what comes of it.
fn said(policy: &Policy, now: i64) -> (Says, PolicyDone) {
    let decision = policy.decide(&newcomer("acme", "c"), now, true);
    (decision.says, decision.done)
}

const IN: (Says, PolicyDone) = (Says::Allow, PolicyDone::Accept);
const OUT: (Says, PolicyDone) = (Says::Block, PolicyDone::Reject);

#[test]
fn a_pause_and_exemptions_come_before_all_rules() {
    assert_eq!(said(&blocked(|_| {}), NOW), OUT);
    assert_eq!(said(&blocked(|p| p.pause = true), NOW), IN);
    let exempt = blocked(|p| p.exemptions = vec![exemption(NOW, &["ac*"])]);
    assert_eq!((said(&exempt, NOW - 1), said(&exempt, NOW)), (IN, OUT));
    assert_eq!(said(&blocked(|p| p.exemptions = vec![exemption(NOW + 9, &["beta"])]), NOW), OUT);
}

#[test]
fn the_first_rule_that_matches_decides() {
    let two =
        |first: PolicyAction| blocked(|p| p.rules.insert(0, Rule { who: tenants("acme"), ..rule("first", first) }));
    let decision = two(PolicyAction::Warn).decide(&newcomer("acme", "c"), NOW, true);
    assert_eq!(
        (decision.says, decision.done, decision.rule.as_deref()),
        (Says::Warn, PolicyDone::Notice, Some("first"))
    );
    assert_eq!(said(&two(PolicyAction::Allow), NOW), IN);
    let decision = two(PolicyAction::Warn).decide(&newcomer("beta", "c"), NOW, true);
    assert_eq!((decision.says, decision.rule.as_deref(), decision.retry_after), (Says::Block, Some("end"), None));
}

#[test]
fn a_dry_run_lets_in_and_counts() {
    let would = (Says::Block, PolicyDone::WouldReject);
    assert_eq!(said(&blocked(|p| p.dry_run = true), NOW), would);
    assert_eq!(said(&blocked(|p| p.rules[0].dry_run = true), NOW), would);
    let warning = |dry_run| Policy::new(&policy(|p| p.rules = vec![Rule { dry_run, ..rule("w", PolicyAction::Warn) }]));
    assert_eq!(said(&warning(false), NOW), (Says::Warn, PolicyDone::Notice));
    assert_eq!(said(&warning(true), NOW), (Says::Warn, PolicyDone::Accept));
}

#[test]
fn v3_is_never_touched() {
    let modern = Newcomer { spoken: Spoken::AetherV3, ..newcomer("acme", "c") };
    assert_eq!(blocked(|_| {}).decide(&modern, NOW, false), Decision::WELCOME);
    // Those that settings make have names of their own there.
    let legacy = Spoken::ALL.iter().filter(|s| s.protocol() == Protocol::V2 && **s != Spoken::Custom);
    let legacy: Vec<_> = legacy.map(|s| s.label()).collect();
    assert_eq!(legacy, config::DialectName::LEGACY, "what the settings call legacy");
}

#[test]
fn new_tenants_are_refused_from_their_day_on() {
    let policy = policy(|p| {
        p.new_tenants = NewTenants::Block;
        p.new_since = Some(Date::from_secs(NOW));
    });
    let policies = Policies::new(&policy, Clock::fixed(Timestamp(NOW * 1000)));
    let out = |tenant: &str| policies.decide(&newcomer(tenant, "c")).is_refusal();
    assert!(!out("acme") && !policies.denies("acme"), "the store has not answered yet");
    let old = TenantRecord { first_v2: NOW - 1, ..TenantRecord::new("acme", NOW) };
    policies.learn([&old].into_iter());
    assert!(!out("acme") && out("beta"));
    assert!(!policies.denies("acme") && policies.denies("beta"));
    let compiled = Policy::new(&policy);
    assert_eq!(compiled.decide(&newcomer("beta", "c"), NOW - 1, false), Decision::WELCOME);
}

#[test]
fn a_brownout_says_when_to_come_back_and_not_to_all_the_same() {
    let policy = Policy::new(&policy(|p| {
        p.rules = vec![Rule { retry_after: Some(Duration::from_secs(100)), ..rule("b", PolicyAction::Brownout) }];
    }));
    let after = |client: &str| policy.decide(&newcomer("acme", client), NOW, true).retry_after.expect("later");
    let all: Vec<_> = (0..100).map(|n| after(&format!("c{n}"))).collect();
    let (first, last) = (all.iter().min().expect("some"), all.iter().max().expect("some"));
    assert!(*first >= Duration::from_secs(100) && *first < Duration::from_secs(105), "{first:?}");
    assert!(*last < Duration::from_secs(150) && *last > Duration::from_secs(145), "{last:?}");
    assert_eq!(after("c1"), after("c1"));
}

#[test]
fn a_tenant_is_denied_when_none_of_its_clients_can_ever_come() {
    let denies = |policy: &Policy| policy.denies("acme", NOW, true);
    assert!(denies(&blocked(|_| {})));
    assert!(denies(&blocked(|p| p.rules[0].who.tenants = vec!["ac*".into()])));
    assert!(denies(&blocked(|p| p.rules[0].who.clients = vec!["*".into()])));
    let changes: [fn(&mut config::Policy); 13] = [
        |p| p.rules.clear(),
        |p| p.rules[0].who.tenants = vec!["beta".into()],
        |p| p.rules[0].who.clients = vec!["kiosk-*".into()],
        |p| p.rules[0].who.user_agents = vec!["*Old*".into()],
        |p| p.rules[0].percent = 99,
        |p| p.rules[0].dry_run = true,
        |p| p.rules[0].action = PolicyAction::Brownout,
        |p| p.rules[0].from = Some(Date::from_secs(NOW + 1)),
        |p| p.rules[0].windows = vec![crate::config::Window::parse("daily 00:00-24:00").expect("a window")],
        |p| p.pause = true,
        |p| p.dry_run = true,
        |p| p.exemptions = vec![exemption(NOW + 1, &["*"])],
        // It comes first and lets somebody in.
        |p| {
            p.rules.insert(0, rule("vip", PolicyAction::Warn));
            p.rules[0].who.clients = vec!["vip".into()];
        },
    ];
    for (n, change) in changes.into_iter().enumerate() {
        assert!(!denies(&blocked(change)), "change {n}");
    }
    assert!(denies(&blocked(|p| p.exemptions = vec![exemption(NOW, &["*"]), exemption(NOW + 1, &["beta"])])));
    let both = |p: &mut config::Policy| p.rules.insert(0, Rule { percent: 5, ..rule("some", PolicyAction::Block) });
    assert!(denies(&blocked(both)));
}

#[test]
fn operators_see_what_is_set() {
    let view = blocked(|p| {
        p.sunset = Some(Date::from_secs(0));
        p.exemptions = vec![exemption(NOW, &["acme"])];
    })
    .view(NOW);
    assert_eq!((view.rules.len(), view.sunset.as_deref(), view.deprecation), (1, Some("1970-01-01T00:00:00Z"), None));
    assert_eq!((view.exemptions[0].who.as_str(), view.exemptions[0].active), ("tenants acme", false));
}

#[test]
fn a_decision_takes_no_time_worth_mentioning() {
    // The bound is far above what it takes, so that a busy machine does not fail the test.
    let policy = Policy::new(&policy(|p| {
        p.rules = (0..50)
            .map(|n| Rule {
                who: Who {
                    tenants: vec![format!("tenant-{n}"), format!("group-{n}-*")],
                    clients: vec!["kiosk-*".into()],
                    ..Who::default()
                },
                windows: vec![crate::config::Window::parse("Mon-Fri 09:00-10:00").expect("a window")],
                ..rule(&format!("r{n}"), PolicyAction::Block)
            })
            .collect();
    }));
    let client = newcomer("acme", "kiosk-1");
    let began = std::time::Instant::now();
    for _ in 0..10_000 {
        assert_eq!(std::hint::black_box(&policy).decide(std::hint::black_box(&client), NOW, true), Decision::WELCOME);
    }
    let each = began.elapsed() / 10_000;
    println!("50 rules: {each:?} a decision");
    assert!(each < Duration::from_micros(200), "{each:?}");
}

fn any_action() -> impl Strategy<Value = PolicyAction> {
    use PolicyAction::{Allow, Block, Brownout, Warn};
    prop::sample::select(vec![Allow, Warn, Brownout, Block])
}

prop_compose! {
    fn any_rule()(
        action in any_action(),
        tenants in prop::collection::vec("[ab*?]{0,3}", 0..3),
        agents in prop::collection::vec("[Oold*/?]{0,5}", 0..2),
        (from, until) in (prop::option::of(0..9_i64), prop::option::of(0..9_i64)),
        (percent, dry_run, retry_after) in (1..=100_u8, any::<bool>(), prop::option::of(0..9_u64)),
    ) -> Rule {
        Rule {
            who: Who { tenants, user_agents: agents, ..Who::default() },
            from: from.map(Date::from_secs),
            until: until.map(Date::from_secs),
            percent,
            dry_run,
            retry_after: retry_after.map(Duration::from_secs),
            ..rule("r", action)
        }
    }
}

proptest! {
    #[test]
    fn a_larger_share_takes_in_the_smaller(tenant in "[a-z]{1,5}", client in "[a-z0-9]{1,9}", less in 1..=100_u8, more in 1..=100_u8) {
        let (less, more) = (less.min(more), less.max(more));
        let out = |percent| {
            // Neither the rule's name nor its place has a say.
            let name = if percent == less { "a" } else { "b" };
            let policy = blocked(|p| p.rules = vec![Rule { percent, ..rule(name, PolicyAction::Block) }]);
            policy.decide(&newcomer(&tenant, &client), NOW, true).is_refusal()
        };
        prop_assert!(!out(less) || out(more));
        prop_assert!(out(100));
    }

    #[test]
    fn there_is_a_decision_about_everybody_and_it_agrees_with_itself(
        rules in prop::collection::vec(any_rule(), 0..5),
        exempt in prop::option::of(0..9_i64),
        (pause, dry_run, block_new, known) in any::<(bool, bool, bool, bool)>(),
        (tenant, client, now) in ("[ab]{1,3}", "[a-z]{1,3}", 0..9_i64),
    ) {
        let config = policy(|p| {
            p.exemptions = exempt.map(|until| exemption(until, &["a*"])).into_iter().collect();
            (p.pause, p.dry_run, p.rules) = (pause, dry_run, rules);
            p.new_tenants = if block_new { NewTenants::Block } else { NewTenants::Allow };
            p.new_since = Some(Date::from_secs(3));
        });
        let policy = Policy::new(&config);
        let decision = policy.decide(&newcomer(&tenant, &client), now, known);
        let agrees = match decision.says {
            Says::Allow => decision.done == PolicyDone::Accept,
            Says::Warn => matches!(decision.done, PolicyDone::Notice | PolicyDone::Accept),
            Says::Brownout | Says::Block => matches!(decision.done, PolicyDone::Reject | PolicyDone::WouldReject),
        };
        prop_assert!(agrees, "{decision:?}");
        prop_assert_eq!(decision.retry_after.is_some(), decision.is_refusal() && decision.says == Says::Brownout);
        prop_assert!(!decision.is_refusal() || policy.refuses(now));
        if policy.denies(&tenant, now, known) {
            prop_assert!(decision.is_refusal() && decision.says == Says::Block, "{decision:?}");
        }
        policy.view(now);
    }
}
