//! Owns which settings of a server a check needs: those its case names, and where a server is known to be set otherwise
//! than usual, the usual ones. Each side looks only at settings that can change what it sees.

use crate::compat::Profile;
use serde_json::{Map, Value, json};

/// What decides what becomes of a V2 client's frame.
pub const V2_SAYS: &[&str] = &["v2.v3_shaped", "v2.keepalive"];
/// What decides what a V2 client gets of a V3 client's.
pub const V2_HEARS: &[&str] = &["v2.annotate", "v2.render", "v2.presence"];
/// A V2 client is told who comes and goes.
pub const V2_PRESENCE: &[&str] = &["v2.presence"];
/// What decides what becomes of a V3 client's frame.
pub const V3_SAYS: &[&str] = &["v3.unknown_members"];

/// What a server does that was not told otherwise.
fn usual(key: &str) -> Value {
    match key {
        "v2.v3_shaped" => json!("routing"),
        "v2.annotate" => json!("full"),
        "v2.render" => json!("flat"),
        "v3.unknown_members" => json!("ignore"),
        _ => json!(false),
    }
}

/// What a check needs that depends on these.
pub fn needed(case: &Map<String, Value>, profile: &Profile, depends_on: &[&[&str]]) -> Map<String, Value> {
    let keys = depends_on.iter().flat_map(|keys| keys.iter());
    let need = |key: &&str| {
        let told = case.get(*key).cloned();
        let usual = usual(key);
        let otherwise = profile.settings.get(*key).is_some_and(|set| *set != usual);
        told.or(otherwise.then_some(usual)).map(|value| ((*key).to_owned(), value))
    };
    keys.filter_map(need).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_matters_is_needed() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let case = object(json!({"v2.keepalive": true, "v2.annotate": "min"}));
        let mut profile = Profile::default();
        assert_eq!(needed(&case, &profile, &[V2_SAYS]), object(json!({"v2.keepalive": true})));
        assert_eq!(needed(&Map::new(), &profile, &[V2_SAYS, V2_HEARS]), Map::new());
        profile.settings = object(json!({"v2.v3_shaped": "opaque", "v2.render": "flat", "v2.annotate": "off"}));
        let both = object(json!({"v2.v3_shaped": "routing", "v2.annotate": "min"}));
        assert_eq!(needed(&object(json!({"v2.annotate": "min"})), &profile, &[V2_SAYS, V2_HEARS]), both);
    }
}
