//! Owns finding out who serves what: one server, the master the sentinels name, or the masters of a cluster.
//! It looks at the start, on a hint that something has moved, and from time to time.

use super::health::Health;
use super::map::Map;
use crate::redis_client::{ConnectError, Connector, Mode, Node};
use redis::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often the map is looked at without a hint.
const PERIOD: Duration = Duration::from_secs(10);
/// The same with sentinels: a master that is replaced in good order goes on as if nothing had happened, for seconds.
const SENTINEL_PERIOD: Duration = Duration::from_secs(1);
/// Hints come in swarms; between two looks lies at least this.
const PAUSE: Duration = Duration::from_millis(150);

/// The map, for those who use it.
#[derive(Debug, Clone)]
pub struct Topology {
    map: watch::Receiver<Arc<Map>>,
    hint: Arc<Notify>,
}

impl Topology {
    /// The map, and what keeps it up to date.
    pub fn new(connector: Arc<Connector>, health: Arc<Health>) -> (Self, Surveyor) {
        let (tell, map) = watch::channel(Arc::new(Map::unknown()));
        let hint = Arc::new(Notify::new());
        let surveyor = Surveyor { connector, health, tell, hint: hint.clone(), others: Vec::new(), epoch: 0, turn: 0 };
        (Self { map, hint }, surveyor)
    }

    /// The map as it is known now.
    pub fn map(&self) -> Arc<Map> {
        self.map.borrow().clone()
    }

    /// Waits for another map; never returns when the hub has ended.
    pub async fn changed(&mut self) -> Arc<Map> {
        if self.map.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.map.borrow_and_update().clone()
    }

    /// Something is not where it should be: look again.
    pub fn suspect(&self) {
        self.hint.notify_one();
    }
}

/// Keeps the map up to date.
pub struct Surveyor {
    connector: Arc<Connector>,
    health: Arc<Health>,
    tell: watch::Sender<Arc<Map>>,
    hint: Arc<Notify>,
    /// Nodes of the cluster beside those in the address.
    others: Vec<Node>,
    /// The cluster's epoch when the map was taken: what is older is not believed.
    epoch: u64,
    /// Whom to ask first next time: a node may be cut off, and know nothing but old things.
    turn: usize,
}

impl Surveyor {
    /// Looks until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let period = match self.connector.target().mode {
            Mode::Sentinel(_) => SENTINEL_PERIOD,
            Mode::Single | Mode::Cluster => PERIOD,
        };
        loop {
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = self.look() => looked,
            };
            match looked {
                Ok(map) => drop(self.tell.send_if_modified(|known| {
                    let changed = **known != map;
                    if changed {
                        let masters: Vec<_> = map.masters().iter().map(ToString::to_string).collect();
                        tracing::info!(masters = masters.join(" "), "Redis is served by");
                        self.health.masters(map.masters());
                        *known = Arc::new(map);
                    }
                    changed
                })),
                Err(error) => {
                    tracing::warn!(%error, "nobody says who serves Redis, asking again");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep(PAUSE * 4) => continue,
                    }
                }
            }
            let hinted = async {
                sleep(PAUSE).await;
                self.hint.notified().await;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = hinted => {}
                () = sleep(period) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<Map, ConnectError> {
        let connector = self.connector.clone();
        let target = connector.target();
        match &target.mode {
            Mode::Single => target.nodes.first().cloned().map(Map::one).ok_or(ConnectError::NoMaster),
            Mode::Sentinel(name) => connector.master(name).await.map(Map::one),
            Mode::Cluster => self.cluster().await,
        }
    }

    /// The masters of the cluster, as one of its nodes knows them.
    async fn cluster(&mut self) -> Result<Map, ConnectError> {
        let seeds = &self.connector.target().nodes;
        let mut nodes: Vec<Node> = seeds.clone();
        nodes.extend(self.others.iter().filter(|other| !seeds.contains(other)).cloned());
        let mut last = ConnectError::NoMaster;
        for step in 0..nodes.len() {
            let node = &nodes[(self.turn + step) % nodes.len()];
            match self.ask(node).await {
                Ok((epoch, map, others)) => {
                    self.turn = (self.turn + step + 1) % nodes.len();
                    self.epoch = epoch;
                    self.others = others;
                    return Ok(map);
                }
                Err(error) => last = error,
            }
        }
        // All of them are older than what was known: a cluster that was built anew.
        self.epoch = 0;
        Err(last)
    }

    async fn ask(&self, node: &Node) -> Result<(u64, Map, Vec<Node>), ConnectError> {
        let mut connection = self.connector.command(node).await?;
        let mut pipe = redis::Pipeline::with_capacity(2);
        pipe.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
        let (info, ranges): (String, Vec<Vec<Value>>) = pipe.query_async(&mut connection).await?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let epoch = field("cluster_current_epoch").and_then(|epoch| epoch.trim().parse().ok()).unwrap_or(0);
        // Cut off from the others, or long asleep: what it knows is not how things are.
        if field("cluster_state").map(str::trim) != Some("ok") || epoch < self.epoch {
            return Err(ConnectError::Outdated);
        }
        let (mut map, mut others) = (Vec::new(), Vec::new());
        for range in ranges {
            let mut parts = range.into_iter();
            let (Some(first), Some(last)) = (parts.next(), parts.next()) else { continue };
            let number = |value| redis::from_redis_value::<u16>(value).map_err(redis::RedisError::from);
            let (first, last) = (number(first)?, number(last)?);
            let nodes: Vec<Node> = parts.filter_map(|part| address(part, node)).collect();
            if let Some(master) = nodes.first() {
                map.push((first, last, master.clone()));
            }
            others.extend(nodes);
        }
        others.sort();
        others.dedup();
        Ok((epoch, Map::of(map), others))
    }
}

/// An address in an answer of `CLUSTER SLOTS`; without a host it is that of whoever answers.
fn address(part: Value, asked: &Node) -> Option<Node> {
    let parts: Vec<Value> = redis::from_redis_value(part).ok()?;
    let mut parts = parts.into_iter();
    let host: Option<String> = redis::from_redis_value(parts.next()?).ok()?;
    let port: u16 = redis::from_redis_value(parts.next()?).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| asked.host.clone());
    Some(Node { host, port })
}
