//! Settings of the legacy dialect and of tenancy.

use super::Switch;
use serde::{Deserialize, Serialize};

/// `[v2]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct V2 {
    /// Which V2 clients hear a V2 frame.
    pub audience: Audience,
    /// A V3-shaped frame on a V2 URL.
    pub v3_shaped: V3Shaped,
    /// How much of the envelope a V2 client is told in `_v3`.
    pub annotate: Annotate,
    /// The shape in which V2 clients get V3 messages.
    pub render: Render,
    /// Deliver join and leave events to V2 clients.
    pub presence: bool,
    /// Answer a text `ping` or `{"type":"ping"}` with its pong instead of passing it on as data.
    pub keepalive: bool,
}

impl Default for V2 {
    fn default() -> Self {
        Self {
            audience: Audience::Group,
            v3_shaped: V3Shaped::Routing,
            annotate: Annotate::Full,
            render: Render::Flat,
            presence: false,
            keepalive: false,
        }
    }
}

/// `v2.audience`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Those of its group.
    Group,
    /// All of its account, whatever their group.
    Global,
}

/// `v2.v3_shaped`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum V3Shaped {
    /// Its content is lifted and its target honoured.
    Routing,
    /// Its content is lifted; it goes to the group.
    Content,
    /// It is an object like any other.
    Opaque,
}

/// `v2.annotate`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Annotate {
    /// All of it: nothing is lost on the way.
    Full,
    /// `from_id` and `group_id` only.
    Min,
    /// No `_v3`.
    Off,
}

/// `v2.render`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Render {
    /// Flat loose JSON.
    Flat,
    /// The V3 envelope as it is.
    Envelope,
}

/// `[tenancy]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tenancy {
    /// Are accounts kept apart? `Yes`: strictly, no account is an account of its own. `Auto`: strictly where a configured
    /// credential proves accounts; else only two connections that name different accounts are kept apart.
    pub isolate: Switch,
}

impl Default for Tenancy {
    fn default() -> Self {
        Self { isolate: Switch::Auto }
    }
}
