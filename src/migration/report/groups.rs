//! Owns clients put together by what they have in common: many legacy pages take a new id each time they load, and a
//! team needs to know which five applications are left, not which five thousand ids.

use super::view::ClientView;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What clients of a tenant have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The host of the page; for what is no page, the first word of its user agent: the program's name.
    Application,
    /// Nothing else.
    Tenant,
    /// The group they were last in.
    Group,
    /// The user agent, whole.
    UserAgent,
}

/// Clients that have it in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// Their tenant.
    pub tenant: String,
    /// What they have in common; empty where it is the tenant alone, or nothing is known.
    pub name: String,
    /// How many they are.
    pub clients: u64,
    /// Connections let in.
    pub opened: u64,
    /// Handshakes refused.
    pub refused: u64,
    /// Frames they sent.
    pub frames: u64,
    /// When the first of them first came.
    pub first_seen: String,
    /// When the last of them was last there.
    pub last_seen: String,
    /// The id of the one that came last.
    pub example: String,
}

/// The largest groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupsView {
    /// The most clients first.
    pub groups: Vec<GroupView>,
    /// How many groups there are in all.
    pub total: u64,
    /// How many clients are in all of them.
    pub clients: u64,
}

/// Puts clients together, one after the other.
#[derive(Debug)]
pub struct Groups {
    by: By,
    found: HashMap<(String, String), GroupView>,
}

impl Groups {
    /// None yet.
    pub fn new(by: By) -> Self {
        Self { by, found: HashMap::new() }
    }

    /// One client more.
    pub fn add(&mut self, client: &ClientView) {
        let name = self.by.name(client);
        let group = self.found.entry((client.tenant.clone(), name.to_owned())).or_insert_with(|| GroupView {
            tenant: client.tenant.clone(),
            name: name.to_owned(),
            first_seen: client.first_seen.clone(),
            ..GroupView::default()
        });
        group.clients += 1;
        group.opened += client.opened;
        group.refused += client.refused;
        group.frames += client.frames;
        // Moments in UTC are in the order of their letters.
        if client.first_seen < group.first_seen {
            group.first_seen.clone_from(&client.first_seen);
        }
        if client.last_seen >= group.last_seen {
            group.last_seen.clone_from(&client.last_seen);
            group.example.clone_from(&client.client);
        }
    }

    /// The largest of them.
    pub fn largest(self, most: usize) -> GroupsView {
        let mut groups: Vec<GroupView> = self.found.into_values().collect();
        let clients = groups.iter().map(|group| group.clients).sum();
        let total = groups.len() as u64;
        groups.sort_by(|a, b| (b.clients, &a.tenant, &a.name).cmp(&(a.clients, &b.tenant, &b.name)));
        groups.truncate(most);
        GroupsView { groups, total, clients }
    }
}

impl By {
    fn name(self, client: &ClientView) -> &str {
        match self {
            By::Application if client.origin.is_empty() => program(&client.user_agent),
            By::Application => &client.origin,
            By::Tenant => "",
            By::Group => &client.group,
            By::UserAgent => &client.user_agent,
        }
    }
}

/// The first product of a user agent, without its version (RFC 9110 section 10.1.5).
fn program(user_agent: &str) -> &str {
    user_agent.split(['/', ' ']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(tenant: &str, id: &str, origin: &str, user_agent: &str, seen: &str) -> ClientView {
        ClientView {
            tenant: tenant.into(),
            client: id.into(),
            origin: origin.into(),
            user_agent: user_agent.into(),
            first_seen: seen.into(),
            last_seen: seen.into(),
            opened: 1,
            frames: 10,
            ..ClientView::default()
        }
    }

    fn groups(clients: &[ClientView], by: By) -> Vec<GroupView> {
        let mut groups = Groups::new(by);
        clients.iter().for_each(|client| groups.add(client));
        groups.largest(usize::MAX).groups
    }

    #[test]
    fn pages_that_call_themselves_otherwise_each_time_are_one_application() {
        let mut clients: Vec<_> = (0..50)
            .map(|n| {
                client(
                    "acme",
                    &format!("17{n:02}"),
                    "old.acme.example",
                    "Mozilla/5.0 (X)",
                    &format!("2026-11-{:02}", n % 28 + 1),
                )
            })
            .collect();
        clients.push(client("acme", "k1", "", "KioskOS/4.2 (armv7l)", "2026-11-03"));
        clients.push(client("acme", "k2", "", "KioskOS/4.3", "2026-11-01"));
        clients.push(client("other", "x", "old.acme.example", "", "2026-11-02"));
        let found = groups(&clients, By::Application);
        let rows: Vec<_> = found.iter().map(|g| (g.tenant.as_str(), g.name.as_str(), g.clients, g.frames)).collect();
        assert_eq!(
            rows,
            [("acme", "old.acme.example", 50, 500), ("acme", "KioskOS", 2, 20), ("other", "old.acme.example", 1, 10)]
        );
        let kiosks = &found[1];
        assert_eq!(
            (kiosks.first_seen.as_str(), kiosks.last_seen.as_str(), kiosks.example.as_str()),
            ("2026-11-01", "2026-11-03", "k1")
        );
        assert_eq!(groups(&clients, By::Tenant).len(), 2);
        assert_eq!(groups(&clients, By::UserAgent).len(), 4);
        assert_eq!(groups(&clients, By::Group).iter().map(|g| g.clients).sum::<u64>(), 53, "nobody is left out");
        let mut some = Groups::new(By::UserAgent);
        clients.iter().for_each(|client| some.add(client));
        let some = some.largest(1);
        assert_eq!((some.groups.len(), some.groups[0].clients, some.total, some.clients), (1, 50, 4, 53));
    }
}
