//! The hub within one process: the default, and the other side of the contract tests. It writes and reads
//! the same text as Redis would carry, so that both hubs show the same.

use crate::dialect::{HubMessage, Protocol};
use crate::envelope::{AccountId, ClientId, GroupId};
use crate::hub::fanout::Fanout;
use crate::hub::presence::{Announcer, Event, Member};
use crate::hub::publication::{Publication, PublishError};
use crate::hub::seat::{Seat, SeatId};
use crate::telemetry::Metrics;
use dashmap::DashMap;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use tokio::time::Instant;

/// Messages of one scope are delivered one after the other; two scopes rarely share a lane.
const LANES: usize = 64;

type Who = (Option<AccountId>, ClientId);

/// See the module.
#[derive(Debug)]
pub struct Memory {
    fanout: Arc<Fanout>,
    metrics: Arc<Metrics>,
    announcer: Announcer,
    lanes: Box<[Mutex<()>]>,
    hasher: RandomState,
    present: DashMap<GroupId, HashMap<Who, Vec<(SeatId, Protocol)>>>,
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
            let connections = group.entry(who(seat)).or_default();
            connections.push((seat.id, seat.spoken.protocol()));
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
            let who = who(seat);
            if let Some(connections) = clients.get_mut(&who) {
                connections.retain(|(id, _)| *id != seat.id);
                last = connections.is_empty();
                if last {
                    clients.remove(&who);
                }
            }
            clients.is_empty()
        });
        if last {
            self.announce(Event::Leave, seat);
        }
    }

    /// See `Bus::replace`.
    pub fn replace(&self, seat: &Arc<Seat>) {
        let newest = seat.id;
        self.fanout.registry().replace(&seat.origin.client, seat.account(), |own| own.id >= newest);
    }

    /// See `Bus::members`.
    pub fn members(&self, group: &GroupId) -> Vec<Member> {
        let Some(clients) = self.present.get(group) else { return Vec::new() };
        let newest = |((account, client), connections): (&Who, &Vec<(SeatId, Protocol)>)| {
            let (_, protocol) = connections.last()?;
            Some(Member { account: account.clone(), client: client.clone(), protocol: *protocol })
        };
        let mut members: Vec<_> = clients.iter().filter_map(newest).collect();
        members.sort_by(|a, b| a.client.cmp(&b.client));
        members
    }

    fn announce(&self, event: Event, seat: &Seat) {
        if let Some(publication) = self.announcer.event(event, &seat.origin, seat.spoken.protocol()) {
            // It is booked where it fails.
            let _ = self.publish(&publication);
        }
    }
}

fn who(seat: &Seat) -> Who {
    (seat.origin.account.clone(), seat.origin.client.clone())
}
