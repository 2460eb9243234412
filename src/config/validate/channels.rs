//! Contradictions of names on Redis: its address, and channel templates that would mix up messages.

use super::Findings;
use crate::config::{ACCOUNT, Config, Switch, Wire, problems::nearest_word};

/// Schemes the hub understands; Valkey speaks the protocol of Redis.
const SCHEMES: [&str; 8] =
    ["redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster", "valkey", "valkeys"];

/// The scheme of `hub.url`. The address itself is not repeated: it may hold a password.
pub(super) fn url(config: &Config, findings: &mut Findings) {
    let url = config.hub.url.expose();
    if url.is_empty() {
        return;
    }
    let key = "hub.url";
    match url.split_once("://") {
        None => findings.add(key, "`hub.url` must begin with a scheme, such as redis://"),
        Some((scheme, _)) if !SCHEMES.contains(&scheme) => {
            let near = nearest_word(scheme, &SCHEMES).map(|word| format!("; did you mean `{word}://`?"));
            let schemes = SCHEMES.map(|scheme| format!("{scheme}://")).join(", ");
            findings.add(key, format!("`hub.url` must begin with one of {schemes}{}", near.unwrap_or_default()));
        }
        Some((_, "")) => findings.add(key, "`hub.url` names no host"),
        Some(_) => {}
    }
}

/// Placeholders that must and may stand in each template, and names that cannot be confused.
pub(super) fn templates(config: &Config, findings: &mut Findings) {
    let channels = &config.hub.channels;
    let named = [
        ("hub.channels.group", &channels.group, Some("group_id")),
        ("hub.channels.client", &channels.client, Some("client_id")),
        ("hub.channels.broadcast", &channels.broadcast, None),
        ("hub.channels.v2", &channels.v2, None),
    ];
    for (key, template, needed) in named {
        placeholders(key, template, needed, findings);
    }
    for (at, (key, template, _)) in named.iter().enumerate() {
        if !Shape::of(template, Part::Account).parts_account() {
            let text = format!(
                "`{key}` = \"{template}\" needs a mark such as `:` between `{{account}}` and the id, or one account could \
                 name another's channels"
            );
            findings.add(*key, text);
        }
        for (other_key, other, _) in &named[..at] {
            if meet(template, other) {
                let text = format!("`{key}` and `{other_key}` could name the same channel; tell them apart");
                findings.add(*key, text);
            }
        }
    }
    let prefix = &channels.prefix;
    if prefix.is_empty() || prefix.contains(['{', '}']) {
        findings.add("hub.channels.prefix", "`hub.channels.prefix` must be a plain name, such as \"ws:aether\"");
    }
}

fn placeholders(key: &str, template: &str, needed: Option<&str>, findings: &mut Findings) {
    if template.is_empty() {
        return findings.add(key, format!("`{key}` is empty"));
    }
    let names = match names_in(template) {
        Ok(names) => names,
        Err(()) => {
            return findings.add(key, format!("`{key}` = \"{template}\" has a brace that is not closed or opened"));
        }
    };
    let allowed: Vec<&str> = needed.into_iter().chain(["account"]).collect();
    for name in &names {
        if !allowed.contains(name) {
            let valid = allowed.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(" and ");
            findings.add(key, format!("`{key}` cannot hold `{{{name}}}`, only {valid}"));
        }
    }
    if let Some(needed) = needed.filter(|needed| !names.contains(needed)) {
        findings.add(key, format!("`{key}` needs `{{{needed}}}`, or all of them would share one channel"));
    }
}

/// The names in braces, or an error if a brace stands alone.
pub(super) fn names_in(template: &str) -> Result<Vec<&str>, ()> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let end = rest[at..].find('}').ok_or(())? + at;
        let name = rest[at..end].strip_prefix('{').ok_or(())?;
        if name.contains('{') {
            return Err(());
        }
        names.push(name);
        rest = &rest[end + 1..];
    }
    Ok(names)
}

/// A part of a template.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// This character.
    Is(char),
    /// One character or more of an account, which holds none of the template's punctuation (`hub::Keys`).
    Account,
    /// One character or more of an id, whichever.
    Id,
}

/// A template taken apart.
struct Shape<'a> {
    template: &'a str,
    parts: Vec<Part>,
}

/// Is there a name that both templates can make?
fn meet(template: &str, other: &str) -> bool {
    // For clients with an account, and for those without.
    let shapes = |template| [Part::Account, Part::Is('_')].map(|account| Shape::of(template, account));
    shapes(template).iter().any(|shape| shapes(other).iter().any(|other| shape.meets(other)))
}

impl<'a> Shape<'a> {
    fn of(template: &'a str, account: Part) -> Self {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(next) = rest.chars().next() {
            let placeholder = rest.find('}').filter(|_| next == '{').map(|end| rest.split_at(end + 1));
            let (part, behind) = match placeholder {
                Some((ACCOUNT, behind)) => (account, behind),
                Some((_, behind)) => (Part::Id, behind),
                None => (Part::Is(next), &rest[next.len_utf8()..]),
            };
            parts.push(part);
            rest = behind;
        }
        Self { template, parts }
    }

    /// Can a part stand for this character?
    fn takes(&self, part: Part, c: char) -> bool {
        match part {
            Part::Is(own) => own == c,
            Part::Account => !(c.is_ascii_punctuation() && c != '%' && self.template.contains(c)),
            Part::Id => true,
        }
    }

    /// Is there a text that both can be? Whatever stands in the placeholders of either.
    fn meets(&self, other: &Self) -> bool {
        let mut todo = vec![(0, 0)];
        let mut seen = std::collections::HashSet::new();
        while let Some((here, there)) = todo.pop() {
            match (self.parts.get(here), other.parts.get(there)) {
                (None, None) => return true,
                (Some(&mine), Some(&theirs)) if seen.insert((here, there)) => {
                    let both = match (mine, theirs) {
                        (Part::Is(c), part) => other.takes(part, c),
                        (part, Part::Is(c)) => self.takes(part, c),
                        // A letter stands in any placeholder.
                        _ => true,
                    };
                    if both {
                        // After a character of it a placeholder may go on, or end.
                        let on = |part: Part, at: usize| [Some(at + 1), (!matches!(part, Part::Is(_))).then_some(at)];
                        for next in on(mine, here).into_iter().flatten() {
                            todo.extend(on(theirs, there).into_iter().flatten().map(|other| (next, other)));
                        }
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// Is it known where the account ends? Between it and the id stands a mark that no account's part holds.
    fn parts_account(&self) -> bool {
        let Some(id) = self.parts.iter().position(|part| *part == Part::Id) else { return true };
        let mut accounts = self.parts.iter().enumerate().filter(|(_, part)| **part == Part::Account);
        accounts.all(|(account, _)| {
            let between = &self.parts[account.min(id)..account.max(id)];
            between.iter().any(|part| matches!(part, Part::Is(c) if c.is_ascii_punctuation() && *c != '%'))
        })
    }
}

/// Without the hub's own member only the channel's name can keep accounts apart.
pub(super) fn isolation(config: &Config, findings: &mut Findings) {
    if config.hub.wire != Wire::Plain || config.tenancy.isolate != Switch::Yes {
        return;
    }
    let channels = &config.hub.channels;
    for (key, template) in [
        ("hub.channels.group", &channels.group),
        ("hub.channels.client", &channels.client),
        ("hub.channels.broadcast", &channels.broadcast),
        ("hub.channels.v2", &channels.v2),
    ] {
        if !template.contains("{account}") {
            let text = format!(
                "`{key}` needs `{{account}}`: with `hub.wire` = \"plain\" nothing else keeps accounts apart, \
                 as `tenancy.isolate` = true asks"
            );
            findings.add(key, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{after, assert_accepted, assert_refused};
    use super::*;
    use crate::config::RedisUrl;

    #[test]
    fn the_scheme_of_the_hub_is_known() {
        for scheme in SCHEMES {
            assert_accepted(|c| c.hub.url = RedisUrl::new(format!("{scheme}://h:6379")));
        }
        assert_accepted(|c| c.hub.url = RedisUrl::new(""));
        assert_refused("did you mean `redis://`?", |c| c.hub.url = RedisUrl::new("reddis://h"));
        assert_refused("names no host", |c| c.hub.url = RedisUrl::new("redis://"));
    }

    #[test]
    fn a_refused_address_is_not_repeated() {
        for url in ["user:hunter2@host:6379", "hunter2://u:hunter2@host", "unix:///hunter2"] {
            let found = after(|c| c.hub.url = RedisUrl::new(url));
            assert!(found.len() == 1 && !found[0].contains("hunter2"), "{found:?}");
        }
    }

    #[test]
    fn templates_hold_what_they_need_and_nothing_else() {
        assert_refused("`hub.channels.group` needs `{group_id}`", |c| c.hub.channels.group = "g".into());
        assert_refused("`hub.channels.client` needs `{client_id}`", |c| c.hub.channels.client = "c".into());
        assert_refused("cannot hold `{group}`, only `{account}`", |c| c.hub.channels.broadcast = "b:{group}".into());
        assert_refused("brace", |c| c.hub.channels.v2 = "v2:{account".into());
        assert_refused("brace", |c| c.hub.channels.v2 = "v2:account}".into());
        assert_refused("is empty", |c| c.hub.channels.v2 = String::new());
        assert_refused("plain name", |c| c.hub.channels.prefix = "{account}".into());
        assert_accepted(|c| c.hub.channels.group = "{account}:g:{group_id}".into());
    }

    #[test]
    fn templates_cannot_name_the_same_channel() {
        assert_refused("`hub.channels.v2` and `hub.channels.broadcast`", |c| c.hub.channels.v2 = "ws:broadcast".into());
        assert_refused("`hub.channels.client` and `hub.channels.group`", |c| {
            c.hub.channels.client = "ws:group:{client_id}".into();
        });
        // An account called `group`, or a group that ends as another template does.
        assert_refused("`hub.channels.client` and `hub.channels.group`", |c| {
            c.hub.channels.client = "ws:{account}:{client_id}".into();
        });
        assert_refused("`hub.channels.broadcast` and `hub.channels.group`", |c| {
            c.hub.channels.broadcast = "ws:{account}:all".into();
            c.hub.channels.client = "client:{client_id}".into();
        });
        assert_accepted(|c| {
            c.hub.channels.group = "ws:{account}:group:{group_id}".into();
            c.hub.channels.client = "ws:{account}:client:{client_id}".into();
            c.hub.channels.broadcast = "ws:{account}:broadcast".into();
            c.hub.channels.v2 = "ws:{account}:v2".into();
        });
        // A group called `v2`, `broadcast` or `client:x`.
        assert_eq!(after(|c| c.hub.channels.group = "ws:{group_id}".into()).len(), 3);
    }

    #[test]
    fn it_is_known_where_an_account_ends() {
        for good in ["{account}:{group_id}", "g-{group_id}-{account}", "{account}/{group_id}/{account}"] {
            assert_accepted(|c| c.hub.channels.group = format!("g:{good}"));
        }
        for bad in
            ["{account}{group_id}", "{account}and{group_id}", "{account}:{group_id}{account}", "{account}%{group_id}"]
        {
            assert_refused("needs a mark such as `:`", |c| c.hub.channels.group = format!("g:{bad}"));
        }
    }

    #[test]
    fn plain_text_on_redis_isolates_by_channel_name_only() {
        let plain = |c: &mut Config| {
            c.hub.wire = Wire::Plain;
            c.tenancy.isolate = Switch::Yes;
        };
        assert_eq!(after(plain).len(), 4);
        assert_accepted(|c| {
            plain(c);
            c.hub.channels.group = "{account}:group:{group_id}".into();
            c.hub.channels.client = "{account}:client:{client_id}".into();
            c.hub.channels.broadcast = "{account}:broadcast".into();
            c.hub.channels.v2 = "{account}:v2".into();
        });
        assert_accepted(|c| c.hub.wire = Wire::Plain);
        assert_accepted(|c| c.tenancy.isolate = Switch::Yes);
    }
}
