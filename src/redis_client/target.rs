//! Owns the address of Redis: one server, Sentinel or Cluster, parsed from `hub.url`.

use crate::config::{RedisUrl, Secret};
use percent_encoding::percent_decode_str;

/// Redis cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be used. It is not repeated: there may be a password in it.
    #[error("hub.url: {0}")]
    Url(&'static str),
}

/// Which kind of Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// One server.
    Single,
    /// Whatever server the sentinels call master of this name.
    Sentinel(String),
    /// The masters of a cluster, each with its slots.
    Cluster,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// `hub.url`, parsed.
#[derive(Debug, Clone)]
pub struct Target {
    /// Which kind.
    pub mode: Mode,
    /// Servers to ask first.
    pub nodes: Vec<Node>,
    /// Encrypted.
    pub tls: bool,
    /// ACL user.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Database number; Pub/Sub knows none.
    pub db: i64,
}

impl Target {
    /// Reads `redis://user:password@host:6379/0`, `redis+sentinel://host:26379,host:26379/master/0`,
    /// `redis+cluster://host:6379,host:6379`; `rediss` for TLS; `valkey` for `redis`.
    ///
    /// # Errors
    /// What is wrong, without the address.
    pub fn parse(url: &RedisUrl) -> Result<Self, StartError> {
        let (scheme, rest) = url.expose().split_once("://").ok_or(StartError::Url("no scheme, such as redis://"))?;
        let (kind, tls, port) = match scheme {
            "redis" | "valkey" => ("", false, 6379),
            "rediss" | "valkeys" => ("", true, 6379),
            "redis+cluster" => ("cluster", false, 6379),
            "rediss+cluster" => ("cluster", true, 6379),
            "redis+sentinel" => ("sentinel", false, 26379),
            "rediss+sentinel" => ("sentinel", true, 26379),
            _ => return Err(StartError::Url("unknown scheme; redis, rediss, redis+sentinel, redis+cluster")),
        };
        let (credentials, rest) = rest.rsplit_once('@').map_or((None, rest), |(c, r)| (Some(c), r));
        let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let nodes = hosts.split(',').map(|h| node(h.trim(), port)).collect::<Result<Vec<_>, _>>()?;
        if kind.is_empty() && nodes.len() > 1 {
            return Err(StartError::Url("several hosts need redis+sentinel:// or redis+cluster://"));
        }
        let (master, db) = match kind {
            "sentinel" => path.split_once('/').unwrap_or((path, "")),
            _ => ("", path),
        };
        let mode = match kind {
            "sentinel" if master.is_empty() => {
                return Err(StartError::Url("the master's name is missing: redis+sentinel://host:26379/NAME"));
            }
            "sentinel" => Mode::Sentinel(master.to_owned()),
            "cluster" => Mode::Cluster,
            _ => Mode::Single,
        };
        let db = match db {
            "" => 0,
            n => n.parse().map_err(|_| StartError::Url("the database is no number"))?,
        };
        let decode = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(|t| t.into_owned())
                .map_err(|_| StartError::Url("user or password is not UTF-8"))
        };
        let (user, password) = match credentials.map(|c| c.split_once(':').unwrap_or((c, ""))) {
            None => (None, None),
            Some((user, password)) => (
                (!user.is_empty()).then(|| decode(user)).transpose()?,
                (!password.is_empty()).then(|| decode(password).map(Secret::new)).transpose()?,
            ),
        };
        Ok(Self { mode, nodes, tls, user, password, db })
    }
}

fn node(text: &str, default_port: u16) -> Result<Node, StartError> {
    let bad = StartError::Url("a host is missing or its port is no number");
    let (host, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((v6, port)) => (v6, port.strip_prefix(':')),
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None => default_port,
        Some(port) => match port.parse() {
            Ok(port) => port,
            Err(_) => return Err(bad),
        },
    };
    if host.is_empty() { Err(bad) } else { Ok(Node { host: host.to_owned(), port }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Target {
        Target::parse(&RedisUrl::new(url)).expect("an address")
    }

    #[test]
    fn every_form_is_read() {
        let one = parse("rediss://app:p%40ss@redis.example/3");
        assert_eq!((one.mode, one.tls, one.db), (Mode::Single, true, 3));
        assert_eq!(one.nodes, [Node { host: "redis.example".into(), port: 6379 }]);
        assert_eq!((one.user.as_deref(), one.password.as_ref().map(Secret::expose)), (Some("app"), Some("p@ss")));
        let sentinel = parse("redis+sentinel://a,b:5/mymaster/1");
        assert_eq!((sentinel.mode, sentinel.db), (Mode::Sentinel("mymaster".into()), 1));
        assert_eq!(sentinel.nodes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:26379", "b:5"]);
        assert_eq!(parse("redis+cluster://[::1]:7000,h").nodes[0].host, "::1");
    }

    #[test]
    fn errors_do_not_repeat_the_password() {
        for url in ["redis://u:hunter2@h:port", "redis://u:hunter2@a,b", "ftp://hunter2", "redis+sentinel://:hunter2@h"]
        {
            let error = Target::parse(&RedisUrl::new(url)).expect_err("refused").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
