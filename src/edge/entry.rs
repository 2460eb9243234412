//! Owns how a mount learns who comes: by the path, by the credential, by the query; and which id and group a client
//! then has. The credential itself is checked elsewhere.

use super::adapters;
use super::mounts::{MountError, Named, Rules};
use super::worker::{Caller, WorkerSecret};
use crate::auth::{Method, Principal};
use crate::close::CloseReason;
use crate::config::{Config, DialectName, Mount, Role, Valtronics, Vectra};
use crate::dialect::{Denied, Manner, Spoken};
use crate::envelope::{ClientId, GroupId};
use hyper::HeaderMap;

/// The server of agents without a key, where guests are allowed.
const GUEST: &str = "guest";

/// How a mount learns who comes.
#[derive(Debug, Clone)]
pub enum Entry {
    /// Group and client stand in the path.
    Path,
    /// The client is its token's subject, or has no id.
    User(UserLimits),
    /// The API key says which server's agent it is; of each server there is one.
    Agent,
    /// The server stands in the path; the client is its token's subject, or has no id.
    Page,
    /// The query says whether it is a client, which has no id, or the worker, of which there is one.
    Workshop {
        /// The worker's id.
        worker: ClientId,
        /// What the worker speaks.
        manner: Box<Manner>,
        /// What the worker must know. None: nobody is the worker.
        secret: Option<WorkerSecret>,
    },
}

/// What one user may do on a mount; each 0 = no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserLimits {
    /// Open connections of one user.
    pub connections_per_user: usize,
    /// Open connections of all users.
    pub connections: usize,
    /// Connections a user may make in a minute.
    pub connects_per_minute: u32,
}

impl From<&Valtronics> for UserLimits {
    fn from(settings: &Valtronics) -> Self {
        let Valtronics { connections_per_user, connections, connects_per_minute, .. } = *settings;
        Self { connections_per_user, connections, connects_per_minute }
    }
}

/// Who a client is on the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Its group.
    pub group: GroupId,
    /// Its id.
    pub client: ClientId,
    /// The id is its own, and not one that was made up for this connection.
    pub is_named: bool,
    /// Some: there is one such client, and the older ones end so.
    pub exclusive: Option<CloseReason>,
}

/// What a request shows of who comes.
#[derive(Debug, Clone)]
pub struct Guise {
    /// Its id if it has none of its own. None: it must have one.
    pub spare: Option<ClientId>,
    /// Whom it says it is, where the dialect asks.
    pub caller: Caller,
}

impl Guise {
    /// It has proved to be the worker.
    pub fn is_worker(&self) -> bool {
        self.caller == Caller::Worker
    }
}

impl Entry {
    /// How the settings of a mount say it.
    ///
    /// # Errors
    /// The worker's secret cannot be read.
    pub fn new(mount: &Mount, config: &Config) -> Result<Self, MountError> {
        Ok(match mount.dialect {
            DialectName::AetherV2 | DialectName::AetherV3 => Self::Path,
            DialectName::Valtronics => {
                Self::User(mount.valtronics.as_ref().map_or_else(|| (&Valtronics::default()).into(), UserLimits::from))
            }
            DialectName::ServerMonitor => match mount.server_monitor.as_ref().map(|monitor| monitor.role) {
                Some(Role::Agent) => Self::Agent,
                _ => Self::Page,
            },
            DialectName::Vectra => {
                let settings = Vectra::of(mount, &config.auth);
                let secret = WorkerSecret::load(&settings).map_err(MountError::Worker)?;
                let manner = adapters::worker(mount, config).map(|adapter| Box::new(Manner::Adapter(adapter)));
                let manner = manner.ok_or_else(|| MountError::Dialect(mount.dialect.clone()))?;
                let worker = ClientId::claimed(&settings.worker, config.limits.id).map_err(MountError::WorkerId)?;
                Self::Workshop { worker, manner, secret }
            }
            DialectName::Custom(_) => Self::User(UserLimits::default()),
        })
    }

    /// Which credential clients present in their first frames, where they do.
    pub fn asks_for(&self) -> Method {
        match self {
            Self::Agent => Method::ApiKey,
            Self::Path | Self::User(_) | Self::Page | Self::Workshop { .. } => Method::Token,
        }
    }

    /// What a user may do here; None: users are not told apart.
    pub fn limits(&self) -> Option<UserLimits> {
        match self {
            Self::User(limits) => Some(*limits),
            _ => None,
        }
    }
}

impl Rules {
    /// What is spoken and heard by a client, or by the worker.
    pub fn manner_of(&self, is_worker: bool) -> &Manner {
        match &self.entry {
            Entry::Workshop { manner, .. } if is_worker => manner,
            _ => &self.manner,
        }
    }

    /// What a request shows of who comes, before its credential is looked at.
    pub fn guise(&self, query: &str, headers: &HeaderMap) -> Guise {
        let spare = || made_up(self.manner.spoken());
        match &self.entry {
            Entry::Path => Guise { spare: None, caller: Caller::Client },
            Entry::Workshop { worker, secret, .. } => {
                let caller = Caller::of(query, headers, secret.as_ref());
                let worker = (caller == Caller::Worker).then(|| worker.clone());
                Guise { spare: Some(worker.unwrap_or_else(spare)), caller }
            }
            _ => Guise { spare: Some(spare()), caller: Caller::Client },
        }
    }

    /// Who comes, now that its credential was checked. `knows`: is there such a server?
    ///
    /// # Errors
    /// It has no place here.
    pub fn who(
        &self,
        named: &Named,
        principal: &Principal,
        guise: &Guise,
        max: usize,
        knows: impl FnOnce(&str) -> bool,
    ) -> Result<Who, Denied> {
        let path = |group: &Option<GroupId>| group.clone().ok_or(Denied::BadGroup);
        let id = |text: &str| ClientId::claimed(text, max).ok();
        let subject = || named.client.clone().or_else(|| principal.subject.as_deref().and_then(id));
        let (group, client, exclusive) = match &self.entry {
            Entry::Path | Entry::User(_) => (path(&named.group)?, subject(), None),
            Entry::Agent => {
                let server = server_of(principal);
                let group = self.group_of(server, max).map_err(|_| Denied::BadGroup)?;
                (group, Some(id(server).ok_or(Denied::BadGroup)?), Some(CloseReason::Replaced))
            }
            Entry::Page => {
                let group = path(&named.group)?;
                if named.server.as_deref().is_some_and(|server| !knows(server)) {
                    return Err(Denied::Group);
                }
                // A page that has the id of the agent would hear what is meant for it alone.
                (group, subject().filter(|id| Some(id.as_str()) != named.server.as_deref()), None)
            }
            Entry::Workshop { worker, .. } if guise.is_worker() => {
                (path(&named.group)?, Some(worker.clone()), Some(CloseReason::Superseded))
            }
            // Its id is never that of a worker, whatever its token says.
            Entry::Workshop { .. } => (path(&named.group)?, None, None),
        };
        let is_named = client.is_some();
        let client = client.or_else(|| guise.spare.clone()).ok_or(Denied::BadGroup)?;
        Ok(Who { group, client, is_named, exclusive })
    }
}

/// The server an agent is on: its key's group, else its key's name.
pub fn server_of(principal: &Principal) -> &str {
    principal.group.as_deref().or(principal.key.as_deref()).unwrap_or(GUEST)
}

/// An id for a client that has none, for as long as its connection lasts.
fn made_up(spoken: Spoken) -> ClientId {
    named(&format!("{}-{:016x}", spoken.label(), fastrand::u64(..)))
}

/// What stands for all clients without an id in the inventory, which would remember each connection otherwise.
pub fn nobody(spoken: Spoken) -> ClientId {
    named(&format!("(no id: {})", spoken.label()))
}

/// Such a name is always an id.
fn named(text: &str) -> ClientId {
    ClientId::new(text, usize::MAX).unwrap_or_else(|_| ClientId::server())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Tenant;
    use crate::config::ServerMonitor;

    fn principal(change: impl FnOnce(&mut Principal)) -> Principal {
        let mut principal = Principal {
            account: None,
            account_proven: false,
            account_overridden: false,
            tenant: Tenant::of(None, None, None),
            method: Method::Guest,
            may_broadcast: true,
            key: None,
            group: None,
            subject: None,
            expires: None,
        };
        change(&mut principal);
        principal
    }

    /// Group, client (`*` where it has no id of its own) and exclusiveness, or why not.
    fn who(
        mount: &Mount,
        path: &str,
        is_worker: bool,
        principal: &Principal,
    ) -> Result<(String, String, bool), Denied> {
        let mounts = super::super::Mounts::new(&Config { mounts: vec![mount.clone()], ..Config::default() });
        let mounts = mounts.expect("mounts");
        let place = mounts.find(path, None, "").expect("a mount");
        let mut guise = place.rules.guise("", &HeaderMap::new());
        guise.caller = if is_worker { Caller::Worker } else { guise.caller };
        let who = place.rules.who(&place.named.expect("named"), principal, &guise, 64, |server| server != "unknown")?;
        assert_eq!(who.is_named, Some(&who.client) != guise.spare.as_ref());
        let client = if who.is_named { who.client.as_str() } else { "*" };
        Ok((who.group.as_str().into(), client.into(), who.exclusive.is_some()))
    }

    fn is(group: &str, client: &str, exclusive: bool) -> Result<(String, String, bool), Denied> {
        Ok((group.into(), client.into(), exclusive))
    }

    #[test]
    fn a_user_is_its_tokens_subject_if_that_is_an_id() {
        let mount = Mount::new("/ws", DialectName::Valtronics);
        let of = |subject: &str| principal(|p| p.subject = Some(subject.into()));
        assert_eq!(who(&mount, "/ws", false, &of("42")), is("valtronics", "42", false));
        for none in ["", "server", "a\nb", &"x".repeat(65)] {
            assert_eq!(who(&mount, "/ws", false, &of(none)), is("valtronics", "*", false), "{none}");
        }
        assert_eq!(who(&mount, "/ws", false, &principal(|_| {})), is("valtronics", "*", false));
    }

    #[test]
    fn an_agent_is_what_its_key_says() {
        let monitor = Some(ServerMonitor::new(Role::Agent));
        let mount = Mount { server_monitor: monitor, ..Mount::new("/agents", DialectName::ServerMonitor) };
        let key = principal(|p| (p.key, p.subject) = (Some("srv-1".into()), Some("srv-9".into())));
        assert_eq!(who(&mount, "/agents", false, &key), is("srv-1", "srv-1", true));
        let group = principal(|p| (p.key, p.group) = (Some("key".into()), Some("srv-2".into())));
        assert_eq!(who(&mount, "/agents", false, &group), is("srv-2", "srv-2", true));
        let prefixed = Mount { group: Some("monitor-{server_id}".into()), ..mount.clone() };
        assert_eq!(who(&prefixed, "/agents", false, &group), is("monitor-srv-2", "srv-2", true));
        assert_eq!(who(&mount, "/agents", false, &principal(|_| {})), is(GUEST, GUEST, true));
        let bad = principal(|p| p.group = Some("server".into()));
        assert_eq!(who(&mount, "/agents", false, &bad), Err(Denied::BadGroup));
    }

    #[test]
    fn a_page_sees_the_server_of_its_path_if_there_is_one() {
        let monitor = Some(ServerMonitor::new(Role::Metrics));
        let mount = Mount { server_monitor: monitor, ..Mount::new("/m/{server_id}", DialectName::ServerMonitor) };
        let user = principal(|p| p.subject = Some("u1".into()));
        assert_eq!(who(&mount, "/m/srv-1", false, &user), is("srv-1", "u1", false));
        assert_eq!(who(&mount, "/m/unknown", false, &user), Err(Denied::Group));
        assert_eq!(who(&mount, "/m/u1", false, &user), is("u1", "*", false), "it is not the agent");
    }

    #[test]
    fn nobody_is_the_worker_by_its_token() {
        let mount = Mount::new("/ws", DialectName::Vectra);
        let forged = principal(|p| p.subject = Some("worker".into()));
        assert_eq!(who(&mount, "/ws", false, &forged), is("vectra", "*", false));
        assert_eq!(who(&mount, "/ws", true, &forged), is("vectra", "worker", true));
    }
}
