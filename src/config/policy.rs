//! Settings of how V2 is retired: who is still let in, when, and how a refusal is told.

use super::{Date, Window};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[policy]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How a handshake is refused.
    pub refuse_with: RefuseWith,
    /// Nothing of this section refuses anybody: the switch to pull when something went wrong.
    pub pause: bool,
    /// What would be refused is let in and counted.
    pub dry_run: bool,
    /// A refused V2 client waits at least this long for its answer, so that one that tries again at once does no harm.
    #[serde(with = "super::human::duration")]
    pub refuse_delay: Duration,
    /// What becomes of V2 connections that are open when a rule begins to refuse them.
    pub open_connections: OpenConnections,
    /// Over how long those closes are spread.
    #[serde(with = "super::human::duration")]
    pub close_window: Duration,
    /// V2 clients of a tenant that was never seen on V2 before `new_since`.
    pub new_tenants: NewTenants,
    /// From when on an unknown tenant is a new one; must be given to block them.
    pub new_since: Option<Date>,
    /// When V2 was or will be deprecated: the `Deprecation` header (RFC 9745).
    pub deprecation: Option<Date>,
    /// When V2 is meant to end: the `Sunset` header (RFC 8594).
    pub sunset: Option<Date>,
    /// A page that tells how to move: `Link` with `rel="deprecation"`.
    pub docs: Option<String>,
    /// The first that matches decides.
    pub rules: Vec<Rule>,
    /// Whoever matches one is let in, as long as it lasts.
    pub exemptions: Vec<Exemption>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            refuse_with: RefuseWith::Http,
            pause: false,
            dry_run: false,
            refuse_delay: Duration::from_secs(1),
            open_connections: OpenConnections::Close,
            close_window: Duration::from_secs(30),
            new_tenants: NewTenants::Allow,
            new_since: None,
            deprecation: None,
            sunset: None,
            docs: None,
            rules: Vec::new(),
            exemptions: Vec::new(),
        }
    }
}

/// `policy.refuse_with`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefuseWith {
    /// An HTTP status and a JSON body.
    Http,
    /// Accept, then close with the code: the only answer a browser's script can read.
    Close,
}

/// `policy.open_connections`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenConnections {
    /// They are closed, spread over `close_window`.
    Close,
    /// They stay; the rule meets them when they come again.
    Keep,
}

/// `policy.new_tenants`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewTenants {
    /// May begin with V2.
    Allow,
    /// Must begin with V3.
    Block,
}

/// `policy.rules.action`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyAction {
    /// Let in, as if there were no rule.
    Allow,
    /// Let in, and told so where a mount has a notice.
    Warn,
    /// Refused for now: come back after `retry_after`.
    Brownout,
    /// Refused for good.
    Block,
}

/// Whom a rule or an exemption means. Lists hold patterns with `*` and `?`; an empty list means everybody, and all lists
/// must agree.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Who {
    /// Dialects, such as `aether-v2`.
    pub dialects: Vec<String>,
    /// Tenants.
    pub tenants: Vec<String>,
    /// Group ids.
    pub groups: Vec<String>,
    /// Client ids.
    pub clients: Vec<String>,
    /// User agents, case-insensitive.
    pub user_agents: Vec<String>,
    /// Hosts of the pages' origins.
    pub origins: Vec<String>,
}

/// `[[policy.rules]]`. Keys nobody knows are refused by the schema: with `flatten` serde itself cannot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// For logs, reports and the page; every one different.
    pub name: String,
    /// What happens.
    pub action: PolicyAction,
    /// Whom it means.
    #[serde(flatten)]
    pub who: Who,
    /// Not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Not from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Only within one of these; empty = at any time. Outside of them a brownout or block warns.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Only for so many of a hundred clients, always the same ones; those of a smaller share are part of a larger.
    #[serde(default = "all_of_them")]
    pub percent: u8,
    /// When a browned-out client should come back.
    #[serde(default, with = "super::human::optional_duration", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// This rule only counts.
    #[serde(default)]
    pub dry_run: bool,
}

/// `[[policy.exemptions]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exemption {
    /// As `Rule::name`.
    pub name: String,
    /// Why, for those who read the report.
    #[serde(default)]
    pub reason: String,
    /// When it ends. An exemption without an end is a migration without an end.
    pub until: Date,
    /// Whom it means.
    #[serde(flatten)]
    pub who: Who,
}

fn all_of_them() -> u8 {
    100
}
