//! What is wrong with a setting, said so that it can be mended: the nearest valid name, the valid values.
//! Values of secret keys are never repeated here, and values of unknown keys neither.

use super::{
    key::KeyPath,
    schema::{Node, Schema},
};
use figment::error::{Actual, Kind};
use strsim::osa_distance;

/// `unknown key …`, with the nearest names or, where none is near, the names of the section.
/// Also returns the nearest keys themselves.
pub(super) fn unknown(schema: &Schema, key: &KeyPath, section: Option<&Node>) -> (String, Vec<String>) {
    let near = nearest_keys(schema, key);
    let text = if near.is_empty() {
        let names = section.map(Node::names).unwrap_or_default();
        let valid = if names.is_empty() { String::new() } else { format!("; valid here: {}", quoted(&names, ", ")) };
        format!("unknown key `{key}`{valid}")
    } else {
        format!("unknown key `{key}`; did you mean {}?", quoted(&near, " or "))
    };
    (text, near)
}

/// Why the value at `key` is refused.
pub(super) fn bad_value(key: &KeyPath, node: &Node, kind: &Kind) -> String {
    if key.is_secret() {
        return format!("`{key}` must be {} (what it is now is not shown)", node.kind());
    }
    match kind {
        Kind::UnknownVariant(found, valid) => {
            let near = nearest_word(found, valid).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
            format!("`{key}` cannot be `{found}`, only {}{near}", quoted(valid, ", "))
        }
        Kind::InvalidType(found, _) => format!("`{key}` must be {}, found {}", node.kind(), shown(found)),
        Kind::InvalidValue(found, _) => format!("`{key}` cannot be {}: out of range", shown(found)),
        Kind::ISizeOutOfRange(found) => format!("`{key}` cannot be {found}: out of range"),
        Kind::USizeOutOfRange(found) => format!("`{key}` cannot be {found}: out of range"),
        Kind::Message(text) if text.contains("socket address") => {
            format!("`{key}` must be an IP address and a port, such as \"127.0.0.1:8080\" or \"[::]:8080\"")
        }
        other => format!("`{key}`: {other}"),
    }
}

fn shown(found: &Actual) -> String {
    match found {
        Actual::Str(text) => format!("the text {text:?}"),
        Actual::Signed(n) => n.to_string(),
        Actual::Unsigned(n) => n.to_string(),
        Actual::Float(n) => n.to_string(),
        Actual::Bool(b) => b.to_string(),
        Actual::Seq => "a list".into(),
        Actual::Map => "a table".into(),
        other => other.to_string(),
    }
}

/// `` `a`, `b` ``
pub(super) fn quoted<S: AsRef<str>>(names: &[S], between: &str) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(between)
}

/// The valid word nearest to what was written, if one is near.
pub(super) fn nearest_word<'a>(found: &str, valid: &[&'a str]) -> Option<&'a str> {
    let found = found.to_lowercase().replace('_', "-");
    let distance = |word: &str| osa_distance(&found, &word.to_lowercase());
    valid.iter().copied().min_by_key(|word| distance(word)).filter(|word| distance(word) <= near(&found))
}

/// How many letters may differ.
fn near(word: &str) -> usize {
    (word.chars().count() / 3).max(1)
}

/// The keys nearest to `unknown`. One edit costs 2, another section with a similar name 1, with another name 2,
/// so that the right name in the wrong section wins over a poor match in the same one.
fn nearest_keys(schema: &Schema, unknown: &KeyPath) -> Vec<String> {
    let pattern = unknown.pattern();
    let (section, leaf) = pattern.rsplit_once('.').unwrap_or(("", &pattern));
    let flat = |key: &str| key.replace(['.', '-'], "_").to_lowercase();
    let whole = flat(&pattern);
    let mut best = (usize::MAX, Vec::new());
    for key in schema.keys() {
        let (key_section, key_leaf) = key.rsplit_once('.').unwrap_or(("", &key));
        let edits = osa_distance(&flat(leaf), key_leaf);
        let elsewhere = match osa_distance(section, key_section) {
            0 => 0,
            1..=2 => 1,
            // Nobody forgets a whole list.
            _ if key_section.contains("[]") && !section.contains("[]") => 3,
            _ => 2,
        };
        let by_leaf = (edits <= near(leaf)).then_some(2 * edits + elsewhere);
        // `hub_url` and `hub.url`: the wrong separator is no edit.
        let edits = osa_distance(&whole, &flat(&key));
        let by_whole = (edits <= (whole.len() / 6).max(1)).then_some(2 * edits);
        let Some(cost) = by_leaf.into_iter().chain(by_whole).min() else { continue };
        if cost < best.0 {
            best = (cost, Vec::new());
        }
        if cost == best.0 {
            best.1.push(key);
        }
    }
    // In the same element of a list, the element keeps its number.
    let shown = unknown.to_string();
    let own_item = shown.rfind(']').map(|end| &shown[..=end]);
    let own_list = pattern.rfind("[]").map(|at| &pattern[..at + 2]);
    best.1.truncate(3);
    best.1
        .into_iter()
        .map(|key| match (own_list, own_item) {
            (Some(list), Some(item)) if key.starts_with(list) => format!("{item}{}", &key[list.len()..]),
            _ => key,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near_to(path: &[&str]) -> Vec<String> {
        nearest_keys(&Schema::new(), &path.iter().fold(KeyPath::default(), |key, name| key.name(name)))
    }

    #[test]
    fn a_typing_error_is_found_in_its_section() {
        assert_eq!(near_to(&["limits", "mesage"]), ["limits.message"]);
        assert_eq!(near_to(&["hub", "uri"]), ["hub.url"]);
        assert_eq!(near_to(&["limits", "pingInterval"]), ["limits.ping_interval"]);
    }

    #[test]
    fn a_wrong_section_is_found() {
        assert_eq!(near_to(&["limit", "message"]), ["limits.message"]);
        assert_eq!(near_to(&["hub", "message"]), ["limits.message"]);
        assert_eq!(near_to(&["jwt"]), ["auth.jwt"]);
        assert_eq!(near_to(&["redis", "url"]), ["hub.url", "limits.url", "shadow.url"]);
    }

    #[test]
    fn a_wrong_separator_is_found() {
        assert_eq!(near_to(&["hub_url"]), ["hub.url"]);
        assert_eq!(near_to(&["auth_jwt_secret"]), ["auth.jwt.secret"]);
    }

    #[test]
    fn an_element_of_a_list_keeps_its_number() {
        let key = KeyPath::default().name("mounts").item(2).name("dialekt");
        assert_eq!(nearest_keys(&Schema::new(), &key), ["mounts[2].dialect"]);
    }

    #[test]
    fn nothing_is_suggested_where_nothing_is_near() {
        assert!(near_to(&["limits", "colour_of_the_sky"]).is_empty());
        assert_eq!(nearest_word("purple", &["plain", "extended"]), None);
        assert_eq!(nearest_word("Extnded", &["plain", "extended"]), Some("extended"));
    }
}
