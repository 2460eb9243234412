//! Owns who is connected to this node: seats by group, by client id, and all. It delivers nothing.

use super::rivals::Rivals;
use super::scope::Address;
use super::seat::{Seat, SeatId};
use crate::envelope::{AccountId, ClientId, GroupId};
use dashmap::DashMap;
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The live connections of this node.
#[derive(Debug, Default)]
pub struct Registry {
    groups: DashMap<GroupId, Vec<Arc<Seat>>>,
    clients: DashMap<ClientId, SmallVec<[Arc<Seat>; 1]>>,
    all: DashMap<SeatId, Arc<Seat>>,
    /// Broadcasts walk this; a walk over `all` would lock shard after shard while others join.
    global: RwLock<Vec<Arc<Seat>>>,
}

impl Registry {
    /// Adds a seat.
    pub fn add(&self, seat: &Arc<Seat>) {
        if let Some(group) = &seat.origin.group {
            self.groups.entry(group.clone()).or_default().push(seat.clone());
        }
        self.clients.entry(seat.origin.client.clone()).or_default().push(seat.clone());
        if seat.global {
            self.global.write().push(seat.clone());
        }
        self.all.insert(seat.id, seat.clone());
    }

    /// Takes a seat away; false when it was not there.
    pub fn remove(&self, seat: &Seat) -> bool {
        if self.all.remove(&seat.id).is_none() {
            return false;
        }
        if let Some(group) = &seat.origin.group {
            self.groups.remove_if_mut(group, |_, seats| {
                if let Some(at) = seats.iter().position(|s| s.id == seat.id) {
                    seats.swap_remove(at);
                }
                seats.is_empty()
            });
        }
        self.clients.remove_if_mut(&seat.origin.client, |_, seats| {
            seats.retain(|s| s.id != seat.id);
            seats.is_empty()
        });
        if seat.global {
            let mut global = self.global.write();
            if let Some(at) = global.iter().position(|s| s.id == seat.id) {
                global.swap_remove(at);
            }
        }
        true
    }

    /// Calls `each` for every seat an address reaches. `each` must not block: a shard is locked meanwhile.
    pub fn for_each(&self, to: &Address, mut each: impl FnMut(&Arc<Seat>)) {
        match to {
            Address::Group(group) => {
                if let Some(seats) = self.groups.get(group) {
                    seats.iter().for_each(each);
                }
            }
            Address::Client(client) => {
                if let Some(seats) = self.clients.get(client) {
                    seats.iter().for_each(each);
                }
            }
            Address::Broadcast => self.all.iter().for_each(|entry| each(entry.value())),
            Address::V2 => self.global.read().iter().for_each(each),
        }
    }

    /// All proxies have heard that this connection is there.
    pub fn said(&self, client: &ClientId, id: SeatId) {
        if let Some(seats) = self.clients.get(client) {
            seats.iter().filter(|seat| seat.id == id).for_each(|seat| seat.said.store(true, Ordering::Relaxed));
        }
    }

    /// Asks a newcomer's rivals of this client id and account to end, but those to be kept.
    pub fn replace(
        &self,
        client: &ClientId,
        account: Option<&AccountId>,
        rivals: Rivals,
        keep: impl Fn(&Seat) -> bool,
    ) {
        if let Some(seats) = self.clients.get(client) {
            for seat in seats.iter().filter(|seat| seat.account() == account && !keep(seat)) {
                if let Some(why) = rivals.why(seat) {
                    seat.outbox.close(why);
                }
            }
        }
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All seats, for drains and reports; a copy, so that nothing is locked while it is walked.
    pub fn seats(&self) -> Vec<Arc<Seat>> {
        self.all.iter().map(|entry| entry.value().clone()).collect()
    }
}
