//! Owns which path speaks which dialect: the table of `[[mounts]]`, made once, and the look-up of a request
//! in it. The first mount that matches on path, host, query and headers wins.

use super::entry::Entry;
use super::me::Me;
use super::spoken;
use super::worker::SecretFile;
use crate::auth::AuthError;
use crate::config::{self, Config, DialectName, Mount, RefuseWith, SERVER_ID};
use crate::dialect::{Dialect, Manner, View};
use crate::envelope::{AccountId, ClientId, GroupId, IdError};
use hyper::HeaderMap;
use hyper::header::HeaderName;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::sync::Arc;

/// The sub-protocol and query value by which a V2 client asks to hear V3 already.
const RECV: (&str, &str) = ("recv", "v3");

/// The ids of whoever is on the echo, for the log.
const ECHO: &str = "echo";

/// All mounts.
#[derive(Debug)]
pub struct Mounts {
    mounts: Vec<Compiled>,
    /// What is answered beside WebSockets.
    mes: Vec<Me>,
    shapes: Vec<String>,
    max_id: usize,
}

/// One mount, its defaults filled in.
#[derive(Debug)]
struct Compiled {
    path: Vec<Segment>,
    host: Option<String>,
    query: Vec<(String, String)>,
    header: Vec<(HeaderName, String)>,
    client: Option<String>,
    rules: Rules,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Group,
    Client,
    Server,
}

/// What a mount says about its connections.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What is spoken and heard there.
    pub manner: Manner,
    /// How it is known who comes.
    pub entry: Entry,
    /// Legacy frames reach every legacy client of the account.
    pub global: bool,
    /// The group, where the path has none; `SERVER_ID` in it stands for the server's id.
    pub group: Option<Arc<str>>,
    /// Overrides `auth.guests`.
    pub guests: Option<bool>,
    /// The account of clients whose credential proves none.
    pub account: Option<AccountId>,
    /// How a refusal is told.
    pub refuse_with: RefuseWith,
    /// What a V2 client is told first that a policy warns.
    pub notice: Option<Arc<str>>,
}

impl Rules {
    /// The group of a server, where the mount is one of a server monitor.
    ///
    /// # Errors
    /// The server, or the group made of it, is no id.
    pub fn group_of(&self, server: &str, max: usize) -> Result<GroupId, IdError> {
        let server = GroupId::new(server, max)?;
        match self.group.as_deref() {
            Some(SERVER_ID) | None => Ok(server),
            Some(group) => GroupId::new(&group.replace(SERVER_ID, server.as_str()), max),
        }
    }
}

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// A mount's account is no id.
    #[error("the account {0}")]
    Account(#[from] IdError),
    /// No header has this name.
    #[error("`{0}` is no name of a header")]
    Header(String),
    /// Nobody here speaks it.
    #[error("the dialect `{0}` is not spoken here")]
    Dialect(DialectName),
    /// A worker's id is none.
    #[error("`vectra.worker` {0}")]
    WorkerId(IdError),
    /// A worker's secret.
    #[error(transparent)]
    Worker(SecretFile),
    /// Requests cannot be forwarded.
    #[error("`server_monitor.me_upstream`: {0}")]
    Upstream(AuthError),
}

impl MountError {
    /// The same word in metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Account(why) => why.label(),
            Self::Header(_) => "bad_header",
            Self::Dialect(_) => "unknown_dialect",
            Self::WorkerId(why) => why.label(),
            Self::Worker(_) => "worker_secret",
            Self::Upstream(_) => "me_upstream",
        }
    }
}

/// A request's place in the table.
#[derive(Debug)]
pub struct Place<'m> {
    /// What the mount says.
    pub rules: &'m Rules,
    /// Who, in which group; or which of the two is no id, or missing: see `named`.
    pub ids: Result<(GroupId, ClientId), BadId>,
    /// The same for dialects whose paths need not say who comes.
    pub named: Result<Named, BadId>,
    /// Asked by `?recv=v3` to hear envelopes.
    pub recv_v3: bool,
}

impl Place<'_> {
    /// Group and client, with this client where the path names none.
    pub fn ids_with(&self, spare: Option<&ClientId>) -> Option<(GroupId, ClientId)> {
        let named = self.named.as_ref().ok()?;
        Some((named.group.clone()?, named.client.as_ref().or(spare)?.clone()))
    }
}

/// What path and mount say of whoever comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The group. None: it is known when the server is, see `Rules::group_of`.
    pub group: Option<GroupId>,
    /// The client. None: the dialect has no client ids.
    pub client: Option<ClientId>,
    /// The server a page of a server monitor wants to see.
    pub server: Option<Arc<str>>,
}

/// Part of the path that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadId {
    /// `group_id`, `client_id` or `server_id`.
    pub name: &'static str,
    /// Why; None: it is not UTF-8.
    pub why: Option<IdError>,
}

impl Mounts {
    /// Makes the table.
    ///
    /// # Errors
    /// A mount whose account is no id, or whose dialect is not spoken here.
    pub fn new(config: &Config) -> Result<Self, MountError> {
        let mut mounts = config.mounts.iter().map(|m| Compiled::new(m, config)).collect::<Result<Vec<_>, _>>()?;
        // First, so that no `{client_id}` takes its path.
        mounts.splice(0..0, config.listen.echo.as_deref().map(|path| Compiled::echo(path, config)));
        let mes = config.mounts.iter().filter_map(Me::new).collect::<Result<_, _>>().map_err(MountError::Upstream)?;
        let shapes = config.mounts.iter().map(|m| m.path.clone()).collect();
        Ok(Self { mounts, mes, shapes, max_id: config.limits.id })
    }

    /// Is it the request by which agents test their key?
    pub fn me(&self, path: &str, host: Option<&str>) -> Option<&Me> {
        self.mes.iter().find(|me| me.path == path && has_host(me.host.as_deref(), host))
    }

    /// The paths there are, for those who missed them.
    pub fn shapes(&self) -> &[String] {
        &self.shapes
    }

    /// Finds the mount of a request without headers; None when its path has the shape of none.
    pub fn find(&self, path: &str, host: Option<&str>, query: &str) -> Option<Place<'_>> {
        self.find_with(path, host, query, &HeaderMap::new())
    }

    /// Finds the mount of a request; None when its path has the shape of none.
    pub fn find_with(&self, path: &str, host: Option<&str>, query: &str, headers: &HeaderMap) -> Option<Place<'_>> {
        // A slash that is encoded is part of its segment: first split, then decode, once.
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let fits =
            |m: &&Compiled| m.has_path(&segments) && m.has_host(host) && m.has_query(query) && m.has_headers(headers);
        let mount = self.mounts.iter().find(fits)?;
        let named = mount.named(&segments, self.max_id);
        Some(Place {
            rules: &mount.rules,
            ids: named.clone().and_then(Named::ids),
            named,
            recv_v3: parameter(query, RECV.0).is_some_and(|value| value == RECV.1),
        })
    }
}

impl Named {
    fn ids(self) -> Result<(GroupId, ClientId), BadId> {
        let missing = |name| BadId { name, why: Some(IdError::Empty) };
        Ok((self.group.ok_or(missing("group_id"))?, self.client.ok_or(missing("client_id"))?))
    }
}

impl Compiled {
    fn new(mount: &Mount, config: &Config) -> Result<Self, MountError> {
        let manner = spoken::manner(mount, config).ok_or_else(|| MountError::Dialect(mount.dialect.clone()))?;
        Self::speaking(mount, config, manner)
    }

    fn speaking(mount: &Mount, config: &Config, manner: Manner) -> Result<Self, MountError> {
        let account = mount.account.as_deref().map(|account| AccountId::new(account, config.limits.id)).transpose()?;
        let audience = mount.audience.unwrap_or(config.v2.audience);
        Ok(Self {
            path: segments(&mount.path),
            host: mount.host.as_deref().map(str::to_ascii_lowercase),
            query: mount.query.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            header: mount.header.iter().map(header).collect::<Result<_, _>>()?,
            client: None,
            rules: Rules {
                manner,
                entry: Entry::new(mount, config)?,
                group: mount.group().as_deref().map(Arc::from),
                global: mount.dialect == DialectName::AetherV2 && audience == config::Audience::Global,
                guests: mount.guests,
                account,
                refuse_with: mount.refuse_with.unwrap_or(config.policy.refuse_with),
                notice: mount.notice.as_deref().map(Arc::from),
            },
        })
    }

    /// The mount of `listen.echo`.
    fn echo(path: &str, config: &Config) -> Self {
        Self {
            path: segments(path),
            host: None,
            query: Vec::new(),
            header: Vec::new(),
            client: Some(ECHO.into()),
            rules: Rules {
                manner: Manner::Plain(Dialect::Echo, View::AetherV3),
                entry: Entry::Path,
                group: Some(ECHO.into()),
                global: false,
                guests: None,
                account: None,
                refuse_with: config.policy.refuse_with,
                notice: None,
            },
        }
    }

    fn has_path(&self, segments: &[&str]) -> bool {
        let matches = |(want, got): (&Segment, &&str)| match want {
            Segment::Literal(literal) => percent_decode_str(got).eq(literal.bytes()),
            Segment::Group | Segment::Client | Segment::Server => true,
        };
        self.path.len() == segments.len() && self.path.iter().zip(segments).all(matches)
    }

    fn has_host(&self, host: Option<&str>) -> bool {
        has_host(self.host.as_deref(), host)
    }

    fn has_query(&self, query: &str) -> bool {
        self.query.iter().all(|(name, want)| match parameter(query, name) {
            Some(got) => want == "*" || got == want.as_str(),
            None => false,
        })
    }

    fn has_headers(&self, headers: &HeaderMap) -> bool {
        self.header.iter().all(|(name, want)| {
            headers.get_all(name).iter().any(|got| want == "*" || got.as_bytes() == want.as_bytes())
        })
    }

    fn named(&self, segments: &[&str], max: usize) -> Result<Named, BadId> {
        let text = |kind: Segment, name: &'static str| {
            let raw = self.path.iter().zip(segments).find(|(want, _)| **want == kind).map(|(_, got)| *got);
            let raw = raw.map(|raw| percent_decode_str(raw).decode_utf8().map_err(|_| BadId { name, why: None }));
            raw.transpose()
        };
        let bad = |name| move |why| BadId { name, why: Some(why) };
        let server = text(Segment::Server, "server_id")?;
        let group = match (text(Segment::Group, "group_id")?, &server, &self.rules.group) {
            (Some(group), ..) => Some(GroupId::new(&group, max).map_err(bad("group_id"))?),
            (None, Some(server), _) => Some(self.rules.group_of(server, max).map_err(bad("server_id"))?),
            (None, None, Some(group)) if group.contains(SERVER_ID) => None,
            (None, None, group) => {
                let group = group.as_deref().unwrap_or_default();
                Some(GroupId::new(group, max).map_err(bad("group_id"))?)
            }
        };
        let client = text(Segment::Client, "client_id")?;
        let client = client.or_else(|| self.client.as_deref().map(Cow::Borrowed));
        let client = client.map(|id| ClientId::claimed(&id, max).map_err(bad("client_id"))).transpose()?;
        Ok(Named { group, client, server: server.map(Arc::from) })
    }
}

/// A header in the settings.
fn header((name, value): (&String, &String)) -> Result<(HeaderName, String), MountError> {
    let name = name.parse().map_err(|_| MountError::Header(name.clone()))?;
    Ok((name, value.clone()))
}

/// The segments of a path in the settings.
fn segments(path: &str) -> Vec<Segment> {
    let segment = |text: &str| match text {
        "{group_id}" => Segment::Group,
        "{client_id}" => Segment::Client,
        SERVER_ID => Segment::Server,
        literal => Segment::Literal(literal.to_owned()),
    };
    path.trim_start_matches('/').split('/').map(segment).collect()
}

/// The last parameter of this name, decoded once.
pub(super) fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let mut pairs = query.rsplit('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| percent_decode_str(key).eq(name.bytes()))?;
    Some(percent_decode_str(value).decode_utf8_lossy())
}

/// Is it this host, where one is meant?
fn has_host(want: Option<&str>, host: Option<&str>) -> bool {
    want.is_none_or(|want| host.is_some_and(|got| without_port(got).eq_ignore_ascii_case(want)))
}

/// The host of `host:port`; brackets of an IPv6 address stay.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;
