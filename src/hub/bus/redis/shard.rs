//! Owns one master of Redis as this node uses it: what is wanted of it, the queue towards it, and where it is.

use super::connect::{ConnectError, Connector};
use super::health::Health;
use super::publisher::Job;
use super::target::Node;
use super::wanted::Wanted;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// Where a shard is: fixed by the cluster's map, or found anew each time.
#[derive(Debug, Clone)]
pub enum Place {
    /// One server, or whichever one the sentinels name.
    Found,
    /// A master of a cluster; the notification asks for the map to be read again.
    Master(Node, Arc<Notify>),
}

impl Place {
    /// The server to connect to now.
    ///
    /// # Errors
    /// Nobody knows it.
    pub async fn node(&self, connector: &Connector) -> Result<Node, ConnectError> {
        match self {
            Place::Found => connector.master().await,
            Place::Master(node, _) => Ok(node.clone()),
        }
    }

    /// Something is wrong with it: perhaps it has moved.
    pub fn suspect(&self) {
        if let Place::Master(_, reread) = self {
            reread.notify_one();
        }
    }
}

/// One master.
#[derive(Debug)]
pub struct Shard {
    /// Channels heard there.
    pub wanted: Wanted,
    /// Messages on their way there.
    pub jobs: mpsc::Sender<Job>,
    /// Does it work?
    pub health: Arc<Health>,
    /// Where it is.
    pub place: Place,
}
