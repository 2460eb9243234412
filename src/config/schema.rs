//! The shape of the settings: which keys there are, in the code's order, and which kind of value each takes.
//! It is read off a `Config` in which everything is set, so no second list of keys has to be kept in step.

use super::{
    Annotate, ApiKey, Audience, Auth, Capture, Channel, Config, CustomDialect, Date, DialectName, Exemption, FieldMap,
    Fixture, Jq, Jwt, Listen, MapStep, Me, Mount, Policy, PolicyAction, RefuseWith, Render, Role, Rule, Scalar, Secret,
    ServerMonitor, Shadow, TlsFiles, V3Shaped, Valtronics, Vectra, WebUrl, Who, Window, key::KeyPath, key::Step,
};
use figment::{
    error::Kind,
    value::{Tag, Value},
};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{fmt, path::PathBuf};

/// Stands for any name, in tables whose keys the user chooses (`mounts.query`).
const ANY: &str = "*";

/// What may stand at one place of the settings.
#[derive(Debug)]
pub(super) enum Node {
    /// A table with these keys.
    Section(Vec<(String, Node)>),
    /// A list of tables, `[[…]]`, with these keys each.
    Tables(Vec<(String, Node)>),
    /// A list of texts.
    Texts,
    /// A text; also everything written as one: enums, addresses, durations, sizes.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
}

impl Node {
    /// What stands under `name`.
    pub fn child(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Section(keys) | Node::Tables(keys) => {
                keys.iter().find(|(key, _)| key == name || key == ANY).map(|(_, node)| node)
            }
            _ => None,
        }
    }

    /// The names under it, in the code's order.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Node::Section(keys) | Node::Tables(keys) => keys.iter().map(|(key, _)| key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// The kind of value, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Node::Section(_) => "a section",
            Node::Tables(_) => "a list of tables",
            Node::Texts => "a list of texts",
            Node::Text => "a text",
            Node::Number => "a whole number",
            Node::Flag => "true or false",
        }
    }
}

/// All keys, and a complete example to try values on.
pub(super) struct Schema {
    /// The top level.
    pub root: Node,
    example: Value,
}

impl Schema {
    /// Reads it off the example.
    pub fn new() -> Self {
        let example = example();
        // Neither can fail for plain structs; if one did, every key would be unknown and every test red.
        let root = serde_json::to_string(&example).and_then(|text| serde_json::from_str(&text));
        Self {
            root: root.unwrap_or(Node::Section(Vec::new())),
            example: Value::serialize(&example).unwrap_or_else(|_| Value::from(false)),
        }
    }

    /// Every key, sections included, in the code's order; `[]` stands for any index.
    pub fn keys(&self) -> Vec<String> {
        fn walk(node: &Node, prefix: &str, keys: &mut Vec<String>) {
            if let Node::Section(children) | Node::Tables(children) = node {
                for (name, child) in children.iter().filter(|(name, _)| name != ANY) {
                    let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    keys.push(key.clone());
                    let list = matches!(child, Node::Tables(_));
                    walk(child, &if list { format!("{key}[]") } else { key }, keys);
                }
            }
        }
        let mut keys = Vec::new();
        walk(&self.root, "", &mut keys);
        keys
    }

    /// Tries one value with everything else valid, so that each bad value is reported and not only the first.
    pub fn refusal(&self, key: &KeyPath, value: Value) -> Option<Kind> {
        let mut settings = self.example.clone();
        put(&mut settings, &key.0, Some(value));
        refusal(&settings)
    }

    /// Must every table of this list name `key`?
    pub fn requires(&self, key: &KeyPath) -> bool {
        let mut settings = self.example.clone();
        put(&mut settings, &key.0, None);
        refusal(&settings).is_some()
    }
}

fn refusal(settings: &Value) -> Option<Kind> {
    let error = settings.deserialize::<Config>().err()?;
    Some(error.into_iter().next().map_or_else(|| Kind::Message("is refused".into()), |first| first.kind))
}

/// Sets or removes what stands at `steps`. Lists of the example have one element; every index means that one.
fn put(at: &mut Value, steps: &[Step], new: Option<Value>) {
    match (steps, at) {
        ([Step::Name(name)], Value::Dict(_, dict)) => {
            match new {
                Some(value) => dict.insert(name.clone(), value),
                None => dict.remove(name),
            };
        }
        ([Step::Name(name), rest @ ..], Value::Dict(_, dict)) => {
            if let Some(below) = dict.get_mut(name) {
                put(below, rest, new);
            }
        }
        ([Step::Item(_), rest @ ..], Value::Array(_, items)) => {
            if let Some(below) = items.first_mut() {
                put(below, rest, new);
            }
        }
        _ => {}
    }
}

/// A list of tables or texts as a value.
pub(super) fn list(items: Vec<Value>) -> Value {
    Value::Array(Tag::Default, items)
}

/// Settings in which every optional key is set and every list of tables has one element. A new field of
/// `Mount`, `ApiKey` or `Jwt` must be added here (the compiler says so); one elsewhere, if optional, too (a test does).
fn example() -> Config {
    let text = || Some(String::from("x"));
    let texts = || vec![String::from("x")];
    let who = || Who {
        dialects: texts(),
        tenants: texts(),
        groups: texts(),
        clients: texts(),
        user_agents: texts(),
        origins: texts(),
    };
    let date = || Some(Date::from_secs(0));
    let file = || Some(PathBuf::from("x"));
    let tls = || TlsFiles { certificate: file(), key: file(), client_ca: file() };
    Config {
        listen: Listen {
            admin_token: Some(Secret::new("x")),
            admin_token_file: file(),
            echo: text(),
            tls: tls(),
            admin_tls: tls(),
            ..Listen::default()
        },
        auth: Auth {
            api_keys: vec![ApiKey {
                name: "x".into(),
                key: Some(Secret::new("x")),
                sha256: text(),
                account: text(),
                group: text(),
                broadcast: false,
            }],
            api_keys_file: file(),
            worker_secret: Some(Secret::new("x")),
            worker_secret_file: file(),
            jwt: Jwt {
                secret: Some(Secret::new("x")),
                secret_file: file(),
                public_key_file: file(),
                jwks_file: file(),
                jwks_url: Some(WebUrl::new("x")),
                ..Jwt::default()
            },
            ..Auth::default()
        },
        mounts: vec![Mount {
            path: "/{client_id}".into(),
            dialect: DialectName::AetherV2,
            host: text(),
            query: [(ANY.into(), ANY.into())].into(),
            header: [(ANY.into(), ANY.into())].into(),
            group: text(),
            account: text(),
            guests: Some(false),
            audience: Some(Audience::Group),
            v3_shaped: Some(V3Shaped::Routing),
            annotate: Some(Annotate::Full),
            render: Some(Render::Flat),
            presence: Some(false),
            keepalive: Some(false),
            refuse_with: Some(RefuseWith::Http),
            notice: text(),
            valtronics: Some(Valtronics { channel: Some(Channel::Alerts), ..Valtronics::default() }),
            server_monitor: Some(ServerMonitor {
                me: Some(Me::Forward),
                me_upstream: Some(WebUrl::new("x")),
                ..ServerMonitor::new(Role::Agent)
            }),
            vectra: Some(Vectra {
                worker_secret: Some(Secret::new("x")),
                worker_secret_file: file(),
                ..Vectra::default()
            }),
        }],
        dialects: vec![CustomDialect {
            name: "x".into(),
            map: Some(FieldMap {
                steps: vec![MapStep {
                    rename: text(),
                    to: text(),
                    hoist: text(),
                    members: Some(texts()),
                    keep: Some(texts()),
                    wrap: Some(texts()),
                    into: text(),
                    default: text(),
                    value: Some(Scalar::Text("x".into())),
                    json: text(),
                    other: Default::default(),
                }],
                ..FieldMap::default()
            }),
            jq: Some(Jq { to_v3: text(), to_v3_file: file(), to_v2: text(), to_v2_file: file(), ..Jq::default() }),
            fixtures: vec![Fixture { legacy: "x".into(), v3: "x".into(), lossy: false }],
        }],
        policy: Policy {
            new_since: date(),
            deprecation: date(),
            sunset: date(),
            docs: text(),
            rules: vec![Rule {
                name: "x".into(),
                action: PolicyAction::Allow,
                who: who(),
                from: date(),
                until: date(),
                windows: vec![Window::Weekly { days: 1, from: 0, until: 1 }],
                percent: 100,
                retry_after: Some(std::time::Duration::ZERO),
                dry_run: false,
            }],
            exemptions: vec![Exemption { name: "x".into(), reason: "x".into(), until: Date::from_secs(0), who: who() }],
            ..Policy::default()
        },
        capture: Capture { file: file(), ..Capture::default() },
        shadow: Shadow { url: text(), noise_url: text(), ..Shadow::default() },
        ..Config::default()
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;

        impl<'de> Visitor<'de> for Shape {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a setting")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut keys = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    keys.push(entry);
                }
                Ok(Node::Section(keys))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let first = seq.next_element::<Node>()?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(if let Some(Node::Section(keys)) = first { Node::Tables(keys) } else { Node::Texts })
            }

            fn visit_str<E>(self, _: &str) -> Result<Node, E> {
                Ok(Node::Text)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Flag)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
                Ok(Node::Number)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_optional_key_is_set_in_the_example() {
        let text = serde_json::to_string(&example()).unwrap();
        assert!(text.contains("mounts") && !text.contains(":null"), "{text}");
    }

    /// A secret that was written as a number was repeated in the refusal: `listen.admin_token` was not on the list.
    #[test]
    fn whatever_prints_as_redacted_is_known_to_be_a_secret() {
        fn walk(value: &serde_json::Value, key: &KeyPath, secrets: &mut Vec<KeyPath>) {
            match value {
                serde_json::Value::Object(all) => all.iter().for_each(|(name, v)| walk(v, &key.name(name), secrets)),
                serde_json::Value::Array(all) => all.iter().for_each(|v| walk(v, &key.item(0), secrets)),
                serde_json::Value::String(text) if text == "[redacted]" => secrets.push(key.clone()),
                _ => {}
            }
        }
        let mut secrets = Vec::new();
        walk(&serde_json::to_value(example()).unwrap(), &KeyPath::default(), &mut secrets);
        assert!(secrets.len() >= 3 && secrets.iter().all(KeyPath::is_secret), "{secrets:?}");
    }

    #[test]
    fn the_example_itself_is_accepted() {
        assert_eq!(refusal(&Schema::new().example), None);
    }

    #[test]
    fn keys_come_in_the_order_of_the_code_and_reach_into_lists() {
        let keys = Schema::new().keys();
        let at = |key: &str| keys.iter().position(|k| k == key).unwrap_or_else(|| panic!("{key} in {keys:?}"));
        assert!(at("listen.clients") < at("hub") && at("hub.url") < at("hub.channels.group"));
        assert!(at("auth.api_keys[].name") < at("auth.jwt.secret") && at("mounts[].query") < at("limits"));
        assert!(!keys.iter().any(|key| key.contains(ANY)));
    }

    #[test]
    fn the_kinds_are_those_of_the_structs() {
        let root = Schema::new().root;
        let kind = |path: &[&str]| path.iter().fold(&root, |node, name| node.child(name).unwrap()).kind();
        assert_eq!(kind(&["auth", "jwt", "secret"]), "a text");
        assert_eq!(kind(&["limits", "connections"]), "a whole number");
        assert_eq!(kind(&["hub", "journal"]), "true or false");
        assert_eq!(kind(&["auth", "origins"]), "a list of texts");
        assert_eq!(kind(&["mounts"]), "a list of tables");
        assert_eq!(kind(&["mounts", "query", "client_type"]), "a text");
    }

    #[test]
    fn name_and_path_and_dialect_are_required_in_lists() {
        let schema = Schema::new();
        let required = |list: KeyPath, names: &[&str]| -> Vec<String> {
            let item = list.item(0);
            names.iter().filter(|n| schema.requires(&item.name(n))).map(|n| (*n).to_owned()).collect()
        };
        let mounts = schema.root.child("mounts").unwrap().names();
        assert_eq!(required(KeyPath::default().name("mounts"), &mounts), ["path", "dialect"]);
        let keys = schema.root.child("auth").and_then(|a| a.child("api_keys")).unwrap().names();
        assert_eq!(required(KeyPath::default().name("auth").name("api_keys"), &keys), ["name"]);
    }
}
