//! Owns the target that holds the house's look into JSON against serde_json: the same verdict, the same tokens.

use super::input::text;
use aether_proxy::envelope::json::{self, Document};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Any text.
pub fn scanner(data: &[u8]) {
    let text = text(data);
    let value = serde_json::from_str::<&RawValue>(&text).ok().map(RawValue::get);
    let object = serde_json::from_str::<Members<'_>>(&text).ok().map(|members| members.0);
    match Document::parse(&text) {
        Document::Object(found) => {
            let found: Vec<_> = found.iter().map(|m| (m.key.to_string(), m.value)).collect();
            assert_eq!(Some(found), object, "{text:?}");
        }
        Document::Value(token) => assert!(value == Some(token) && !token.starts_with('{'), "{text:?}: {token:?}"),
        // An object with a key that no text can hold is none; of anything else serde_json says the same.
        Document::Invalid => assert!(value.is_none_or(|v| v.starts_with('{')) && object.is_none(), "{text:?}"),
    }
    let tokens = json::tokens(&text);
    assert_eq!(tokens.is_ok(), value.is_some_and(|v| v.starts_with('{')), "{text:?}");
    assert_eq!(json::members(&text).is_ok(), object.is_some(), "{text:?}");
    for member in tokens.iter().flatten() {
        assert!(same_text(member.key_token), "{:?}", member.key_token);
    }
    assert!(same_text(&text), "{text:?}");
    kept(&text);
    let mut written = String::new();
    json::write_str(&mut written, &text);
    assert_eq!(Some(&written), serde_json::to_string(text.as_ref()).ok().as_ref());
    assert_eq!(json::decode_str(&written).as_deref(), Some(text.as_ref()));
}

/// Is this token the same text to both, or none to both?
fn same_text(token: &str) -> bool {
    // serde_json also takes white space around it, which is no part of a token.
    let outside = token.trim() != token;
    outside || json::decode_str(token).map(|t| t.into_owned()) == serde_json::from_str::<String>(token).ok()
}

/// Of equal keys the last wins, at the place of the first.
fn kept(text: &str) {
    let Ok(all) = json::members(text) else { return };
    let mut want: Vec<(&str, &str)> = Vec::new();
    for member in &all {
        match want.iter_mut().find(|(key, _)| *key == member.key) {
            Some((_, value)) => *value = member.value,
            None => want.push((&member.key, member.value)),
        }
    }
    let kept = json::last_wins(all.clone());
    assert!(kept.iter().map(|m| (m.key.as_ref(), m.value)).eq(want), "{text:?}");
}

/// The members of an object as serde_json sees them, in order, doubles included.
struct Members<'a>(Vec<(String, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    all.push((key, value.get()));
                }
                Ok(Members(all))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
