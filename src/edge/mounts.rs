//! Owns which path speaks which dialect: the table of `[[mounts]]`, made once, and the look-up of a request
//! in it. The first mount that matches on path, host and query wins.

use crate::config::{self, Config, DialectName, Mount, RefuseWith};
use crate::dialect::{Dialect, Shaped, View, aether_v2, aether_v3, lens};
use crate::envelope::{AccountId, ClientId, GroupId, IdError};
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
    shapes: Vec<String>,
    max_id: usize,
}

/// One mount, its defaults filled in.
#[derive(Debug)]
struct Compiled {
    path: Vec<Segment>,
    host: Option<String>,
    query: Vec<(String, String)>,
    group: Option<String>,
    client: Option<String>,
    rules: Rules,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Group,
    Client,
}

/// What a mount says about its connections.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What is spoken there.
    pub dialect: Dialect,
    /// What is heard there.
    pub view: View,
    /// Legacy frames reach every legacy client of the account.
    pub global: bool,
    /// Overrides `auth.guests`.
    pub guests: Option<bool>,
    /// The account of clients whose credential proves none.
    pub account: Option<AccountId>,
    /// How a refusal is told.
    pub refuse_with: RefuseWith,
    /// What a V2 client is told first that a policy warns.
    pub notice: Option<Arc<str>>,
}

/// A request's place in the table.
#[derive(Debug)]
pub struct Place<'m> {
    /// What the mount says.
    pub rules: &'m Rules,
    /// Who, in which group; or which of the two is no id.
    pub ids: Result<(GroupId, ClientId), BadId>,
    /// Asked by `?recv=v3` to hear envelopes.
    pub recv_v3: bool,
}

/// Part of the path that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadId {
    /// `group_id` or `client_id`.
    pub name: &'static str,
    /// Why; None: it is not UTF-8.
    pub why: Option<IdError>,
}

impl Mounts {
    /// Makes the table.
    ///
    /// # Errors
    /// A mount whose account is no id.
    pub fn new(config: &Config) -> Result<Self, IdError> {
        let mut mounts = config.mounts.iter().map(|m| Compiled::new(m, config)).collect::<Result<Vec<_>, _>>()?;
        // First, so that no `{client_id}` takes its path.
        mounts.splice(0..0, config.listen.echo.as_deref().map(|path| Compiled::echo(path, config)));
        Ok(Self { mounts, shapes: config.mounts.iter().map(|m| m.path.clone()).collect(), max_id: config.limits.id })
    }

    /// The paths there are, for those who missed them.
    pub fn shapes(&self) -> &[String] {
        &self.shapes
    }

    /// Finds the mount of a request; None when its path has the shape of none.
    pub fn find(&self, path: &str, host: Option<&str>, query: &str) -> Option<Place<'_>> {
        // A slash that is encoded is part of its segment: first split, then decode, once.
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let mount = self.mounts.iter().find(|m| m.has_path(&segments) && m.has_host(host) && m.has_query(query))?;
        Some(Place {
            rules: &mount.rules,
            ids: mount.ids(&segments, self.max_id),
            recv_v3: parameter(query, RECV.0).is_some_and(|value| value == RECV.1),
        })
    }
}

impl Compiled {
    fn new(mount: &Mount, config: &Config) -> Result<Self, IdError> {
        let account = mount.account.as_deref().map(|account| AccountId::new(account, config.limits.id)).transpose()?;
        let (dialect, view) = spoken_and_heard(mount, config);
        let audience = mount.audience.unwrap_or(config.v2.audience);
        Ok(Self {
            path: segments(&mount.path),
            host: mount.host.as_deref().map(str::to_ascii_lowercase),
            query: mount.query.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            group: mount.group.clone(),
            client: None,
            rules: Rules {
                dialect,
                view,
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
            group: Some(ECHO.into()),
            client: Some(ECHO.into()),
            rules: Rules {
                dialect: Dialect::Echo,
                view: View::AetherV3,
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
            Segment::Group | Segment::Client => true,
        };
        self.path.len() == segments.len() && self.path.iter().zip(segments).all(matches)
    }

    fn has_host(&self, host: Option<&str>) -> bool {
        let Some(want) = &self.host else { return true };
        host.is_some_and(|got| without_port(got).eq_ignore_ascii_case(want))
    }

    fn has_query(&self, query: &str) -> bool {
        self.query.iter().all(|(name, want)| match parameter(query, name) {
            Some(got) => want == "*" || got == want.as_str(),
            None => false,
        })
    }

    fn ids(&self, segments: &[&str], max: usize) -> Result<(GroupId, ClientId), BadId> {
        let text = |kind: Segment, name: &'static str| {
            let raw = self.path.iter().zip(segments).find(|(want, _)| **want == kind).map(|(_, got)| *got);
            let raw = raw.map(|raw| percent_decode_str(raw).decode_utf8().map_err(|_| BadId { name, why: None }));
            raw.transpose()
        };
        let group = text(Segment::Group, "group_id")?;
        let group = group.or_else(|| self.group.as_deref().map(Cow::Borrowed)).unwrap_or_default();
        let group = GroupId::new(&group, max).map_err(|why| BadId { name: "group_id", why: Some(why) })?;
        let client = text(Segment::Client, "client_id")?;
        let client = client.or_else(|| self.client.as_deref().map(Cow::Borrowed)).unwrap_or_default();
        let client = ClientId::claimed(&client, max).map_err(|why| BadId { name: "client_id", why: Some(why) })?;
        Ok((group, client))
    }
}

/// The segments of a path in the settings.
fn segments(path: &str) -> Vec<Segment> {
    let segment = |text: &str| match text {
        "{group_id}" => Segment::Group,
        "{client_id}" => Segment::Client,
        literal => Segment::Literal(literal.to_owned()),
    };
    path.trim_start_matches('/').split('/').map(segment).collect()
}

/// The dialect and view of a mount, what it does not say itself taken from `[v2]` and `[envelope]`.
pub fn spoken_and_heard(mount: &Mount, config: &Config) -> (Dialect, View) {
    let v2 = &config.v2;
    match mount.dialect {
        DialectName::AetherV3 => {
            let reject_unknown = config.envelope.unknown_members == config::UnknownMembers::Reject;
            (Dialect::AetherV3(aether_v3::Speaks { reject_unknown }), View::AetherV3)
        }
        DialectName::AetherV2 => {
            let speaks = aether_v2::Speaks {
                shaped: match mount.v3_shaped.unwrap_or(v2.v3_shaped) {
                    config::V3Shaped::Routing => Shaped::Routing,
                    config::V3Shaped::Content => Shaped::Content,
                    config::V3Shaped::Opaque => Shaped::Opaque,
                },
                keepalive: mount.keepalive.unwrap_or(v2.keepalive),
            };
            let hears = aether_v2::Hears {
                annotate: match mount.annotate.unwrap_or(v2.annotate) {
                    config::Annotate::Full => lens::Annotate::Full,
                    config::Annotate::Min => lens::Annotate::Min,
                    config::Annotate::Off => lens::Annotate::Off,
                },
                as_envelope: mount.render.unwrap_or(v2.render) == config::Render::Envelope,
                presence: mount.presence.unwrap_or(v2.presence),
            };
            (Dialect::AetherV2(speaks), View::AetherV2(hears))
        }
    }
}

/// The last parameter of this name, decoded once.
fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let mut pairs = query.rsplit('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| percent_decode_str(key).eq(name.bytes()))?;
    Some(percent_decode_str(value).decode_utf8_lossy())
}

/// The host of `host:port`; brackets of an IPv6 address stay.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Audience, V2};

    fn table(change: impl FnOnce(&mut Config)) -> Mounts {
        let mut config = Config::default();
        change(&mut config);
        Mounts::new(&config).expect("mounts")
    }

    fn ids(mounts: &Mounts, path: &str) -> Option<Result<(String, String), BadId>> {
        let place = mounts.find(path, None, "")?;
        Some(place.ids.map(|(g, c)| (g.as_str().to_owned(), c.as_str().to_owned())))
    }

    #[test]
    fn ids_are_decoded_once_and_a_coded_slash_stays_inside() {
        let mounts = table(|_| {});
        let found = |g: &str, c: &str| Some(Ok((g.to_owned(), c.to_owned())));
        assert_eq!(ids(&mounts, "/v3/ws/group/a%2Fb/client/%2525"), found("a/b", "%25"));
        assert_eq!(ids(&mounts, "/ws/group/a+b/client/%C3%A4%20b"), found("a+b", "ä b"));
        assert_eq!(ids(&mounts, "/ws_redis/group/g/client/{client_id}"), found("g", "{client_id}"));
    }

    #[test]
    fn a_known_shape_without_an_id_is_told_from_an_unknown_path() {
        let mounts = table(|c| c.limits.id = 3);
        let bad = |name, why| Some(Err(BadId { name, why }));
        assert_eq!(ids(&mounts, "/ws/group//client/c"), bad("group_id", Some(IdError::Empty)));
        assert_eq!(ids(&mounts, "/ws/group/g/client/"), bad("client_id", Some(IdError::Empty)));
        assert_eq!(ids(&mounts, "/ws/group/g/client/1234"), bad("client_id", Some(IdError::TooLong)));
        assert_eq!(ids(&mounts, "/ws/group/%ff/client/c"), bad("group_id", None));
        assert_eq!(ids(&table(|_| {}), "/ws/group/g/client/server"), bad("client_id", Some(IdError::Reserved)));
        for unknown in ["", "/", "/ws", "/ws/group/g/client", "/ws/group/g/client/c/", "/WS/group/g/client/c", "*"] {
            assert_eq!(ids(&mounts, unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_first_mount_whose_path_host_and_query_match_wins() {
        let mounts = table(|c| {
            let mount = |host: Option<&str>, query: &[(&str, &str)], group: &str| Mount {
                host: host.map(str::to_owned),
                query: query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
                group: Some(group.to_owned()),
                ..Mount::new("/ws/{client_id}", DialectName::AetherV2)
            };
            c.mounts = vec![
                mount(Some("A.example"), &[("client_type", "tv")], "tv"),
                mount(None, &[("client_type", "*")], "typed"),
                mount(Some("[::1]"), &[], "six"),
                mount(None, &[], "rest"),
            ];
        });
        let group = |host, query| {
            let (group, _) = mounts.find("/ws/c", host, query).and_then(|p| p.ids.ok()).expect("found");
            group.as_str().to_owned()
        };
        assert_eq!(group(Some("a.EXAMPLE:8080"), "x=1&client_type=tv"), "tv");
        assert_eq!(group(Some("b.example"), "client_type=tv"), "typed");
        assert_eq!(group(None, "client_type"), "typed");
        assert_eq!(group(Some("[::1]:80"), ""), "six");
        assert_eq!(group(Some("[::1]"), ""), "six");
        assert_eq!(group(None, "client_types=1"), "rest");
    }

    #[test]
    fn a_mount_says_what_the_general_settings_do_not() {
        let mounts = table(|c| {
            c.v2 = V2 { audience: Audience::Global, presence: true, ..V2::default() };
            c.mounts[1].audience = Some(Audience::Group);
            c.mounts[1].presence = Some(false);
            c.mounts[1].guests = Some(true);
        });
        let rules = |path: &str| mounts.find(path, None, "").map(|p| p.rules.clone()).expect("found");
        let (v3, v2, redis) =
            (rules("/v3/ws/group/g/client/c"), rules("/ws/group/g/client/c"), rules("/ws_redis/group/g/client/c"));
        assert_eq!((v3.global, v2.global, redis.global), (false, false, true));
        assert_eq!((v2.guests, redis.guests), (Some(true), None));
        let presence = |view| matches!(view, View::AetherV2(hears) if hears.presence);
        assert!(presence(redis.view) && !presence(v2.view));
    }

    #[test]
    fn recv_v3_is_asked_in_the_query() {
        let mounts = table(|_| {});
        let asked = |query| mounts.find("/ws/group/g/client/c", None, query).expect("found").recv_v3;
        assert!(asked("recv=v3") && asked("a=b&re%63v=v3") && !asked("recv=v2") && !asked("xrecv=v3") && !asked(""));
    }
}
