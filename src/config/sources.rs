//! Turns file, environment and flags into settings, each with its place and origin; what cannot be a setting
//! becomes a problem, and reading goes on so that all problems come out at once.

use super::{
    key::{KeyPath, Origin, Step},
    problems,
    schema::{self, Node, Schema},
};
use figment::value::{Dict, Tag, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Everything read so far. Later sources are stronger.
pub(super) struct Sources<'a> {
    schema: &'a Schema,
    /// Sound settings, weakest first.
    pub settings: Vec<(String, Value)>,
    /// What is wrong, with where it stands.
    pub problems: Vec<(Origin, String)>,
    /// Top-level keys with a problem in them: what they say is not known, so nothing is concluded from them.
    pub unsound: BTreeSet<String>,
    origins: BTreeMap<String, Origin>,
}

impl<'a> Sources<'a> {
    /// Nothing read yet.
    pub fn new(schema: &'a Schema) -> Self {
        Self { schema, settings: Vec::new(), problems: Vec::new(), unsound: BTreeSet::new(), origins: BTreeMap::new() }
    }

    /// Who set `key` or the list it stands in; nobody if it is the default.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        let ends = key.char_indices().filter(|(_, c)| matches!(c, '.' | '[')).map(|(at, _)| at).rev();
        std::iter::once(key.len()).chain(ends).find_map(|end| self.origins.get(&key[..end]))
    }

    /// Reads a TOML file.
    pub fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.everything_is_unsound();
                return self.problems.push((Origin::File(name, 0), format!("cannot be read: {error}")));
            }
        };
        let ends = line_ends(&text);
        let origin = |span: Range<usize>| Origin::File(name.clone(), line_of(&ends, span.start));
        let (table, errors) = DeTable::parse_recoverable(&text);
        if errors.is_empty() {
            self.section(&KeyPath::default(), &self.schema.root, table.get_ref(), &origin);
        } else {
            self.everything_is_unsound();
        }
        for error in errors {
            self.problems.push((origin(error.span().unwrap_or(0..0)), syntax(&error)));
        }
        self.problems.sort_by(|a, b| a.0.cmp(&b.0));
    }

    /// Reads one setting given as text: an environment variable or a flag. The schema decides what the text
    /// means, so a secret of digits stays a text.
    pub fn text(&mut self, names: &[&str], text: &str, origin: &Origin) {
        let mut key = KeyPath::default();
        let mut node = &self.schema.root;
        for (at, name) in names.iter().enumerate() {
            if let Node::Tables(_) = node {
                return self.problem(&key, origin, list_hint(&key));
            }
            let Some(child) = node.child(name) else {
                let whole = names[at..].iter().fold(key, |key, name| key.name(name));
                return self.unknown(&whole, Some(node), origin);
            };
            key = key.name(name);
            node = child;
        }
        let value = match node {
            Node::Section(_) => {
                let first = node.names().first().map(|name| format!(", such as `{key}.{name}`")).unwrap_or_default();
                return self.problem(&key, origin, format!("`{key}` is a section; set one of its keys{first}"));
            }
            Node::Texts if !text.trim_start().starts_with('[') => {
                schema::list(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(Value::from).collect())
            }
            Node::Tables(_) | Node::Texts => {
                return match DeValue::parse(text.trim()) {
                    Ok(value) => self.value(&key, node, &value, &|_| origin.clone()),
                    Err(error) => {
                        let reason = if key.is_secret() { "not valid TOML".into() } else { syntax(&error) };
                        self.problem(&key, origin, format!("{} ({reason})", list_hint(&key)));
                    }
                };
            }
            // What does not parse stays a text, and the trial says which kind was expected.
            Node::Number => text.trim().parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
            Node::Flag => text.trim().parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
            Node::Text => Value::from(text),
        };
        if self.try_value(&key, node, &value, origin) {
            self.set(&key, value, origin);
        }
    }

    /// Reads a parsed value at its place.
    fn value(
        &mut self,
        key: &KeyPath,
        node: &Node,
        value: &Spanned<DeValue<'_>>,
        origin: &dyn Fn(Range<usize>) -> Origin,
    ) {
        let here = origin(value.span());
        match (node, value.get_ref()) {
            (Node::Section(_), DeValue::Table(table)) => self.section(key, node, table, origin),
            (Node::Tables(_), DeValue::Array(items)) => {
                let before = self.problems.len();
                let mut values = Vec::new();
                self.forget_items(key);
                for (at, item) in items.iter().enumerate() {
                    values.extend(self.item(&key.item(at), node, item, origin));
                }
                if self.problems.len() == before {
                    self.set(key, schema::list(values), &here);
                }
            }
            (Node::Section(_), _) => self.problem(key, &here, format!("`{key}` must be a section, `[{key}]`")),
            (Node::Tables(_), _) => {
                self.problem(key, &here, format!("`{key}` must be a list of tables, `[[{key}]]`"));
            }
            (_, other) => {
                let plain = plain(other);
                if self.try_value(key, node, &plain, &here) {
                    self.set(key, plain, &here);
                }
            }
        }
    }

    fn section(&mut self, key: &KeyPath, node: &Node, table: &DeTable<'_>, origin: &dyn Fn(Range<usize>) -> Origin) {
        for (name, value) in table {
            let below = key.name(name.get_ref());
            match node.child(name.get_ref()) {
                Some(child) => self.value(&below, child, value, origin),
                None => self.unknown(&below, Some(node), &origin(name.span())),
            }
        }
    }

    /// One table of a list. Its keys are tried one by one, then what is missing is named.
    fn item(
        &mut self,
        key: &KeyPath,
        node: &Node,
        value: &Spanned<DeValue<'_>>,
        origin: &dyn Fn(Range<usize>) -> Origin,
    ) -> Option<Value> {
        let here = origin(value.span());
        let DeValue::Table(table) = value.get_ref() else {
            self.problem(key, &here, format!("`{key}` must be a table"));
            return None;
        };
        Some(self.table(key, node, (table, here), origin))
    }

    /// Such a table, or one in it.
    fn table(
        &mut self,
        key: &KeyPath,
        node: &Node,
        (table, here): (&DeTable<'_>, Origin),
        origin: &dyn Fn(Range<usize>) -> Origin,
    ) -> Value {
        self.origins.insert(key.to_string(), here.clone());
        let mut dict = Dict::new();
        for (name, value) in table {
            let below = key.name(name.get_ref());
            let here = origin(value.span());
            match (node.child(name.get_ref()), value.get_ref()) {
                (None, _) => self.unknown(&below, Some(node), &origin(name.span())),
                (Some(child @ Node::Section(_)), DeValue::Table(table)) => {
                    dict.insert(name.get_ref().to_string(), self.table(&below, child, (table, here), origin));
                }
                (Some(Node::Section(_)), _) => {
                    let header = below.pattern().replace("[]", "");
                    self.problem(&below, &here, format!("`{below}` must be a section, `[{header}]`"));
                }
                (Some(child), _) => {
                    let plain = plain(value.get_ref());
                    if self.try_value(&below, child, &plain, &here) {
                        self.origins.insert(below.to_string(), here);
                        dict.insert(name.get_ref().to_string(), plain);
                    }
                }
            }
        }
        for name in node.names() {
            let below = key.name(name);
            if !table.keys().any(|key| key.get_ref() == name) && self.schema.requires(&below) {
                self.problem(&below, &here, format!("`{below}` is missing"));
            }
        }
        Value::Dict(Tag::Default, dict)
    }

    fn try_value(&mut self, key: &KeyPath, node: &Node, value: &Value, origin: &Origin) -> bool {
        match self.schema.refusal(key, value.clone()) {
            None => true,
            Some(kind) => {
                self.problem(key, origin, problems::bad_value(key, node, &kind));
                false
            }
        }
    }

    fn set(&mut self, key: &KeyPath, value: Value, origin: &Origin) {
        self.origins.insert(key.to_string(), origin.clone());
        self.settings.push((key.to_string(), value));
    }

    /// A stronger source replaces a list as a whole.
    fn forget_items(&mut self, key: &KeyPath) {
        let prefix = format!("{key}[");
        self.origins.retain(|key, _| !key.starts_with(&prefix));
    }

    fn problem(&mut self, key: &KeyPath, origin: &Origin, text: String) {
        if let Some(Step::Name(top)) = key.0.first() {
            self.unsound.insert(top.clone());
        }
        self.problems.push((origin.clone(), text));
    }

    fn unknown(&mut self, key: &KeyPath, section: Option<&Node>, origin: &Origin) {
        let (text, near) = problems::unknown(self.schema, key, section);
        // What was meant may stand in another section: nothing is concluded from that one either.
        self.unsound.extend(near.iter().filter_map(|key| key.split(['.', '[']).next()).map(String::from));
        self.problem(key, origin, text);
    }

    fn everything_is_unsound(&mut self) {
        self.unsound.extend(self.schema.root.names().into_iter().map(String::from));
    }
}

/// The parser's own words; its `Display` would repeat the line, which may hold a secret.
fn syntax(error: &toml::de::Error) -> String {
    format!("not valid TOML: {}", error.message())
}

fn list_hint(key: &KeyPath) -> String {
    format!("`{key}` is a list: write all of it as TOML, such as `[{{…}}, {{…}}]` or `[\"…\", \"…\"]`")
}

/// Where lines end: looked for once, since a file can have as many problems as lines.
fn line_ends(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(at, _)| at).collect()
}

fn line_of(ends: &[usize], at: usize) -> usize {
    1 + ends.partition_point(|end| *end < at)
}

/// The value without spans.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        // An integer beyond 64 bits stays a text and is refused as one.
        DeValue::Integer(n) => {
            i64::from_str_radix(n.as_str(), n.radix()).map_or_else(|_| Value::from(n.to_string()), Value::from)
        }
        DeValue::Float(n) => n.as_str().parse::<f64>().map_or_else(|_| Value::from(n.to_string()), Value::from),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => schema::list(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => Value::Dict(
            Tag::Default,
            table.iter().map(|(name, value)| (name.get_ref().to_string(), plain(value.get_ref()))).collect(),
        ),
    }
}
