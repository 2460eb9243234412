//! Owns which channels this node wants to hear: the desired state that the subscriber brings its links to.
//! Sessions change it at any time; the subscriber applies it.

use crate::hub::scope::Address;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use tokio::sync::{Notify, oneshot};

/// What a channel is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Messages of a scope.
    Scope(Address),
    /// What proxies tell each other.
    Control,
}

/// A channel's name; its bytes are shared.
pub type Channel = Bytes;

#[derive(Debug)]
struct Want {
    purpose: Purpose,
    count: usize,
    confirmed: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

/// The desired state.
#[derive(Debug, Default)]
pub struct Wanted {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    wants: HashMap<Channel, Want>,
    /// Channels that came or went since the subscriber last looked.
    changed: HashSet<Channel>,
}

/// A change for the subscriber.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// Hear it.
    Add(Channel, Purpose),
    /// No longer.
    Remove(Channel),
}

impl Wanted {
    /// Wants a channel once more; what is returned completes when it is heard, or is None if it is already.
    pub fn add(&self, channel: Channel, purpose: Purpose) -> Option<oneshot::Receiver<()>> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let want = state.wants.entry(channel.clone()).or_insert_with(|| {
            state.changed.insert(channel);
            Want { purpose, count: 0, confirmed: false, waiting: Vec::new() }
        });
        want.count += 1;
        if want.confirmed {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        if want.waiting.len() == want.waiting.capacity() {
            // Before it grows: while Redis is away, handshakes come, wait and give up for hours.
            want.waiting.retain(|waiting| !waiting.is_closed());
        }
        want.waiting.push(sender);
        drop(guard);
        self.changed.notify_one();
        Some(receiver)
    }

    /// Wants a channel once less.
    pub fn remove(&self, channel: &Channel) {
        let mut state = self.state.lock();
        let Some(want) = state.wants.get_mut(channel) else { return };
        want.count -= 1;
        if want.count == 0 {
            state.wants.remove(channel);
            state.changed.insert(channel.clone());
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Waits for a change.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What changed since the last call. A channel that went and came again counts as wanted.
    pub fn changes(&self) -> Vec<Change> {
        let mut state = self.state.lock();
        let changed = std::mem::take(&mut state.changed);
        changed
            .into_iter()
            .map(|channel| match state.wants.get(&channel) {
                Some(want) => Change::Add(channel, want.purpose.clone()),
                None => Change::Remove(channel),
            })
            .collect()
    }

    /// A channel is heard from now on.
    pub fn confirm(&self, channel: &[u8]) {
        if let Some(want) = self.state.lock().wants.get_mut(channel) {
            want.confirmed = true;
            for waiting in std::mem::take(&mut want.waiting) {
                // Whoever gave up waiting does not mind.
                let _ = waiting.send(());
            }
        }
    }

    /// A channel is not heard now.
    pub fn unconfirm(&self, channel: &[u8]) {
        if let Some(want) = self.state.lock().wants.get_mut(channel) {
            want.confirmed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: Channel = Channel::from_static(b"c");

    #[tokio::test]
    async fn a_channel_is_heard_while_somebody_wants_it() {
        let wanted = Wanted::default();
        let waiting = wanted.add(CHANNEL, Purpose::Control).expect("not yet heard");
        assert_eq!(wanted.changes(), [Change::Add(CHANNEL, Purpose::Control)]);
        wanted.confirm(b"c");
        assert!(waiting.await.is_ok());
        assert!(wanted.add(CHANNEL, Purpose::Control).is_none());
        wanted.remove(&CHANNEL);
        assert!(wanted.changes().is_empty());
        wanted.unconfirm(b"c");
        assert!(wanted.add(CHANNEL, Purpose::Control).is_some());
        wanted.remove(&CHANNEL);
        wanted.remove(&CHANNEL);
        assert_eq!(wanted.changes(), [Change::Remove(CHANNEL)]);
    }

    #[tokio::test]
    async fn whoever_gives_up_while_redis_is_away_leaves_nothing_behind() {
        let wanted = Wanted::default();
        drop(wanted.add(CHANNEL, Purpose::Control));
        for n in 0..10_000 {
            let own = Channel::from(n.to_string());
            drop((wanted.add(CHANNEL, Purpose::Control), wanted.add(own.clone(), Purpose::Control)));
            wanted.remove(&CHANNEL);
            wanted.remove(&own);
            // The subscriber looks although it has no link.
            wanted.changes();
        }
        let state = wanted.state.lock();
        assert_eq!((state.wants.len(), state.wants[&CHANNEL].count), (1, 1));
        assert!(state.wants[&CHANNEL].waiting.capacity() < 16 && state.changed.capacity() < 16);
    }
}
