//! Owns the names of a script and the ids they stand for in one playing of it. Ids are made so that no other check, and
//! no other run against the same server, has them; what a case says literally stays as it says. Pure.

use super::Mount;
use super::suite::{Cast, Name, Speaks};
use std::collections::BTreeMap;

/// Who is who in one playing of a script.
#[derive(Debug, Clone, Default)]
pub struct Ids {
    clients: BTreeMap<Name, Client>,
    groups: BTreeMap<String, String>,
    /// What was made for this playing, longest first, with the name it stands for.
    made: Vec<(String, String)>,
    /// What all of them end with.
    end: String,
    placeholders: bool,
}

#[derive(Debug, Clone)]
struct Client {
    id: String,
    /// None of a client that is in no group.
    group: Option<String>,
}

impl Ids {
    /// The ids of these clients, made unique by `tag` (letters and digits). `mounts` are those that serve the clients of
    /// other dialects: where such a mount has its own group, whoever is in the client's group meets it there. Without
    /// `placeholders` texts are filled with nothing: they are those of a frame case, and may hold braces.
    pub fn new(tag: &str, clients: &BTreeMap<Name, Cast>, mounts: &BTreeMap<Name, &Mount>, placeholders: bool) -> Self {
        let mut ids = Self { placeholders, end: format!("-{tag}"), ..Self::default() };
        for (name, cast) in clients {
            let made = format!("{}-{tag}", cast.group);
            match mounts.get(name) {
                Some(mount) if mount.group != "{group}" => {
                    let group = mount.group.replace("{group}", &made);
                    ids.groups.insert(cast.group.clone(), group);
                }
                _ => {
                    ids.groups.entry(cast.group.clone()).or_insert(made);
                }
            }
            // An id that is made may stand in one that is said, as in `"id": "{alice}"`.
            let id = match &cast.id {
                None => format!("{name}-{tag}"),
                Some(said) => said.clone(),
            };
            ids.clients.insert(name.clone(), Client { id, group: None });
        }
        let known = Self { placeholders: true, ..ids.clone() };
        for (name, cast) in clients {
            let group = (cast.speaks != Speaks::V2Bare).then(|| ids.group(&cast.group).to_owned());
            if let Some(client) = ids.clients.get_mut(name) {
                client.group = group;
                if cast.id.is_some() {
                    client.id = known.fill_with(&client.id, |id| id.to_owned());
                }
            }
        }
        let own = ids.clients.iter().map(|(name, client)| (&client.id, name));
        let met = ids.groups.iter().map(|(name, id)| (id, name));
        let mut made: Vec<_> = own.chain(met).map(|(id, name)| (id.clone(), name.clone())).collect();
        made.retain(|(id, _)| id.ends_with(&ids.end));
        // A mount may put something around a group.
        made.extend(ids.groups.keys().map(|name| (format!("{name}{}", ids.end), name.clone())));
        // As they are, and as they stand inside of JSON strings.
        let both = |(id, name): (String, String)| [(quoted(&id), quoted(&name)), (id, name)];
        ids.made = made.into_iter().flat_map(both).collect();
        // Of two names for one id the first client's is told.
        ids.made.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
        ids
    }

    /// The id of a client. A name that nobody has is itself, as `server` is.
    pub fn client<'a>(&'a self, name: &'a str) -> &'a str {
        self.clients.get(name).map_or(name, |client| &client.id)
    }

    /// The id of a group. A name that none has is itself.
    pub fn group<'a>(&'a self, name: &'a str) -> &'a str {
        self.groups.get(name).map_or(name, String::as_str)
    }

    /// The id of the group a client is in; none of a client without a group, and of a name that nobody has.
    pub fn group_of(&self, client: &str) -> Option<&str> {
        self.clients.get(client)?.group.as_deref()
    }

    /// A text with ids for `{name}`, as they stand inside of a JSON string.
    pub fn fill(&self, text: &str) -> String {
        if !self.placeholders {
            return text.to_owned();
        }
        self.fill_with(text, quoted)
    }

    /// The same of the `n`th frame of several, counted from 0: `{n}` is this number.
    pub fn fill_nth(&self, text: &str, n: usize) -> String {
        let filled = self.fill(text);
        if self.placeholders { filled.replace("{n}", &n.to_string()) } else { filled }
    }

    /// A text with `{name}` for ids that were made for this playing: of two playings it is the same.
    pub fn unfill(&self, text: &str) -> String {
        if self.made.is_empty() || !text.contains(&self.end) {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            if let Some((id, name)) = self.made.iter().find(|(id, _)| rest.starts_with(id.as_str())) {
                out.extend(["{", name, "}"]);
                rest = &rest[id.len()..];
            } else {
                let next = rest.chars().next().map_or(rest.len(), char::len_utf8);
                out.push_str(&rest[..next]);
                rest = &rest[next..];
            }
        }
        out
    }

    fn fill_with(&self, text: &str, written: impl Fn(&str) -> String) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let name = rest[1..].split_once('}').map(|(name, _)| name);
            let id = name.and_then(|name| {
                self.clients.get(name).map(|client| &client.id).or_else(|| self.groups.get(name)).map(|id| (name, id))
            });
            match id {
                Some((name, id)) => {
                    out.push_str(&written(id));
                    rest = &rest[name.len() + 2..];
                }
                None => {
                    out.push('{');
                    rest = &rest[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// An id as it stands inside of a JSON string.
fn quoted(id: &str) -> String {
    let quoted = serde_json::Value::from(id).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn casts(json: &str) -> BTreeMap<Name, Cast> {
        serde_json::from_str(json).unwrap()
    }

    fn ids(json: &str) -> Ids {
        Ids::new("t7", &casts(json), &BTreeMap::new(), true)
    }

    #[test]
    fn a_name_is_an_id_that_nobody_else_has_and_back() {
        let ids = ids(r#"{"bob":{"speaks":"v3"},"xbob":{"speaks":"v2","group":"g2"},"old":{"speaks":"v2-bare"}}"#);
        assert_eq!((ids.client("bob"), ids.group("g2"), ids.client("server")), ("bob-t7", "g2-t7", "server"));
        assert_eq!((ids.group_of("xbob"), ids.group_of("old"), ids.group_of("?")), (Some("g2-t7"), None, None));
        let text = r#"{"to":"{bob}","in":"{g1}","n":{"{n}":1},"x":"{xbob}{none}{"}"#;
        let filled = ids.fill(text);
        assert_eq!(filled, r#"{"to":"bob-t7","in":"g1-t7","n":{"{n}":1},"x":"xbob-t7{none}{"}"#);
        assert_eq!(ids.unfill(&filled), text);
        assert_eq!(ids.fill_nth("ä{n}{bob}", 12), "ä12bob-t7");
    }

    #[test]
    fn an_id_in_a_json_string_is_found_again() {
        let ids = ids(r#"{"bob":{"speaks":"v3","group":"a \"room\""}}"#);
        assert_eq!(ids.group(r#"a "room""#), r#"a "room"-t7"#);
        assert_eq!(ids.unfill(r#"{"group_id":"a \"room\"-t7"}"#), r#"{"group_id":"{a \"room\"}"}"#);
    }

    #[test]
    fn what_a_case_says_literally_stays() {
        let ids = ids(r#"{"a":{"speaks":"v3","id":"x\"y"},"b":{"speaks":"v3","id":"{c}"},"c":{"speaks":"v3"}}"#);
        assert_eq!((ids.client("a"), ids.client("b")), ("x\"y", "c-t7"));
        assert_eq!(ids.fill(r#""{a}""#), r#""x\"y""#);
        assert_eq!(ids.unfill("x\"y c-t7"), "x\"y {b}");
    }

    #[test]
    fn frames_of_cases_are_sent_as_they_are() {
        let ids = Ids::new("t7", &casts(r#"{"a":{"speaks":"v3"}}"#), &BTreeMap::new(), false);
        assert_eq!((ids.fill("{a}").as_str(), ids.fill_nth("{n}", 1).as_str()), ("{a}", "{n}"));
        assert_eq!((ids.client("a"), ids.unfill("a-t7").as_str()), ("a-t7", "{a}"));
    }

    #[test]
    fn clients_of_another_dialect_are_met_in_its_group() {
        let clients = casts(r#"{"a":{"speaks":"valtronics"},"b":{"speaks":"v3"},"c":{"speaks":"v3","group":"g2"}}"#);
        let mount = |group: &str| -> Mount {
            serde_json::from_value(serde_json::json!({"dialect": "valtronics", "path": "/ws", "group": group})).unwrap()
        };
        for (group, met, told) in [
            ("valtronics", "valtronics", "valtronics"),
            ("v-{group}", "v-g1-t7", "{g1}"),
            ("{group}-v", "g1-t7-v", "{g1}-v"),
            ("{group}", "g1-t7", "{g1}"),
        ] {
            let mount = mount(group);
            let ids = Ids::new("t7", &clients, &BTreeMap::from([("a".to_owned(), &mount)]), true);
            assert_eq!((ids.group_of("b"), ids.group_of("c")), (Some(met), Some("g2-t7")), "{group}");
            assert_eq!(ids.unfill(met), told);
        }
    }
}
