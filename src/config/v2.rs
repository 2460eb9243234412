//! Settings of the legacy dialect and of tenancy.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    /// Are accounts kept apart?
    pub isolate: Isolate,
}

impl Default for Tenancy {
    fn default() -> Self {
        Self { isolate: Isolate::Auto }
    }
}

/// `tenancy.isolate`: `"auto"`, `true` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolate {
    /// Strictly where a configured credential proves accounts; else only two connections that
    /// name different accounts are kept apart.
    Auto,
    /// Strictly: no account is an account of its own.
    Yes,
    /// Not at all.
    No,
}

impl Serialize for Isolate {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Isolate::Auto => s.serialize_str("auto"),
            Isolate::Yes => s.serialize_bool(true),
            Isolate::No => s.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for Isolate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Flag(bool),
            Word(String),
        }
        let form = |_| serde::de::Error::custom("must be `auto`, true or false");
        match Either::deserialize(d).map_err(form)? {
            Either::Flag(true) => Ok(Isolate::Yes),
            Either::Flag(false) => Ok(Isolate::No),
            Either::Word(w) => match w.as_str() {
                "auto" => Ok(Isolate::Auto),
                "true" => Ok(Isolate::Yes),
                "false" => Ok(Isolate::No),
                _ => Err(serde::de::Error::custom(format!("`{w}` is none of `auto`, `true`, `false`"))),
            },
        }
    }
}
