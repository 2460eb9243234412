//! The hub within one process: the default, and the other side of the contract tests. It writes and reads
//! the same text as Redis would carry, so that both hubs show the same.

use crate::dialect::HubMessage;
use crate::envelope::{AccountId, ClientId, GroupId};
use crate::hub::fanout::Fanout;
use crate::hub::presence::{Announcer, Event, Member, Sought};
use crate::hub::publication::{Publication, PublishError};
use crate::hub::rivals::Rivals;
use crate::hub::seat::Seat;
use crate::telemetry::Metrics;
use dashmap::DashMap;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use tokio::time::Instant;

/// Messages of one scope are delivered one after the other; two scopes rarely share a lane.
const LANES: usize = 64;

/// The connections of one client id, by account.
type Namesakes = HashMap<Option<AccountId>, Vec<Arc<Seat>>>;

/// See the module.
#[derive(Debug)]
pub struct Memory {
    fanout: Arc<Fanout>,
    metrics: Arc<Metrics>,
    announcer: Announcer,
    lanes: Box<[Mutex<()>]>,
    hasher: RandomState,
    present: DashMap<GroupId, HashMap<ClientId, Namesakes>>,
}

impl Memory {
    /// A hub that delivers through this fan-out.
    pub fn new(fanout: Arc<Fanout>, metrics: Arc<Metrics>, announcer: Announcer) -> Self {
        Self {
            fanout,
            metrics,
            announcer,
            lanes: (0..LANES).map(|_| Mutex::new(())).collect(),
            hasher: RandomState::new(),
            present: DashMap::new(),
        }
    }

    /// Delivers at once.
    pub fn publish(&self, publication: &Publication) -> Result<(), PublishError> {
        let text = publication.text.unstamped();
        let message = match HubMessage::read(&text) {
            Ok(message) => message,
            Err(error) => {
                // What `wire::write` wrote, `read` reads: a law, and so a bug.
                tracing::error!(error = error.label(), "a sealed message does not read back");
                publication.book_failure(PublishError::Unavailable, &self.metrics);
                return Err(PublishError::Unavailable);
            }
        };
        let lane = self.hasher.hash_one(&publication.scope.to) as usize % LANES;
        let _in_order = self.lanes[lane].lock();
        self.fanout.deliver(&publication.scope, &message, Instant::now());
        publication.done(&self.metrics);
        Ok(())
    }

    /// See `Bus::join`.
    pub fn join(&self, seat: &Arc<Seat>) {
        let Some(group) = &seat.origin.group else { return };
        let first = {
            let mut group = self.present.entry(group.clone()).or_default();
            let namesakes = group.entry(seat.origin.client.clone()).or_default();
            let connections = namesakes.entry(seat.origin.account.clone()).or_default();
            connections.push(seat.clone());
            connections.len() == 1
        };
        if first {
            self.announce(Event::Join, seat);
        }
    }

    /// See `Bus::leave`.
    pub fn leave(&self, seat: &Arc<Seat>) {
        let Some(group) = &seat.origin.group else { return };
        let mut last = false;
        self.present.remove_if_mut(group, |_, clients| {
            let Some(namesakes) = clients.get_mut(&seat.origin.client) else { return clients.is_empty() };
            if let Some(connections) = namesakes.get_mut(&seat.origin.account) {
                connections.retain(|own| own.id != seat.id);
                last = connections.is_empty();
                if last {
                    namesakes.remove(&seat.origin.account);
                }
            }
            if namesakes.is_empty() {
                clients.remove(&seat.origin.client);
            }
            clients.is_empty()
        });
        if last {
            self.announce(Event::Leave, seat);
        }
    }

    /// See `Bus::replace`.
    pub fn replace(&self, seat: &Arc<Seat>, rivals: Rivals) {
        let newest = seat.id;
        self.fanout.registry().replace(&seat.origin.client, seat.account(), rivals, |own| own.id >= newest);
    }

    /// See `Bus::members`.
    pub fn members(&self, group: &GroupId) -> Vec<Member> {
        let Some(clients) = self.present.get(group) else { return Vec::new() };
        let all = clients.values().flat_map(HashMap::values);
        let mut members: Vec<_> = all.filter_map(|connections| member(connections)).collect();
        members.sort_by(|a, b| a.client.cmp(&b.client));
        members
    }

    /// See `Bus::member`.
    pub fn member(&self, sought: &Sought) -> Option<Member> {
        let clients = self.present.get(&sought.group)?;
        let namesakes = clients.get(&sought.client)?;
        let any = namesakes.values().next().filter(|_| sought.of_anyone());
        sought
            .accounts()
            .find_map(|account| namesakes.get(&account))
            .or(any)
            .and_then(|connections| member(connections))
    }

    fn announce(&self, event: Event, seat: &Seat) {
        if let Some(publication) = self.announcer.event(event, &seat.origin, seat.spoken.protocol()) {
            // It is booked where it fails.
            let _ = self.publish(&publication);
        }
    }
}

/// What a client's newest connection tells.
fn member(connections: &[Arc<Seat>]) -> Option<Member> {
    let newest = connections.last()?;
    let (client, account) = (newest.origin.client.clone(), newest.origin.account.clone());
    Some(Member { account, client, protocol: newest.spoken.protocol(), metadata: newest.metadata.get() })
}
