//! Owns which channels this node wants to hear: the desired state that every new link is brought to.
//! Sessions change it at any time; the subscriber applies it.

use crate::hub::scope::Address;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use tokio::sync::{Notify, oneshot};

/// What a channel is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Messages of a scope.
    Scope(Address),
    /// What proxies tell each other.
    Control,
    /// This link's own probes.
    Probe,
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

/// The desired state of one shard.
#[derive(Debug, Default)]
pub struct Wanted {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    wants: HashMap<Channel, Want>,
    /// Channels whose state may have changed since the subscriber last looked; each at most a few times.
    changed: Vec<Channel>,
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
            state.changed.push(channel);
            Want { purpose, count: 0, confirmed: false, waiting: Vec::new() }
        });
        want.count += 1;
        if want.confirmed {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
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
            state.changed.push(channel.clone());
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Waits for a change.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What changed since the last call, in order.
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

    /// Is it wanted?
    pub fn is_wanted(&self, channel: &[u8]) -> bool {
        self.state.lock().wants.contains_key(channel)
    }

    /// A channel is heard from now on.
    pub fn confirm(&self, channel: &[u8]) {
        if let Some(want) = self.state.lock().wants.get_mut(channel) {
            want.confirmed = true;
            for waiting in want.waiting.drain(..) {
                // Whoever gave up waiting does not mind.
                let _ = waiting.send(());
            }
        }
    }

    /// The link is lost: nothing is heard. Everything wanted counts as changed.
    pub fn unconfirm_all(&self) {
        let mut state = self.state.lock();
        state.changed = state.wants.keys().cloned().collect();
        for want in state.wants.values_mut() {
            want.confirmed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_channel_is_heard_while_somebody_wants_it() {
        let wanted = Wanted::default();
        let channel = Channel::from_static(b"c");
        let waiting = wanted.add(channel.clone(), Purpose::Control).expect("not yet heard");
        assert_eq!(wanted.changes(), [Change::Add(channel.clone(), Purpose::Control)]);
        wanted.confirm(b"c");
        assert!(waiting.await.is_ok());
        assert!(wanted.add(channel.clone(), Purpose::Control).is_none());
        wanted.remove(&channel);
        assert!(wanted.changes().is_empty());
        wanted.unconfirm_all();
        assert_eq!(wanted.changes().len(), 1);
        assert!(wanted.add(channel.clone(), Purpose::Control).is_some());
        wanted.remove(&channel);
        wanted.remove(&channel);
        assert_eq!(wanted.changes(), [Change::Remove(channel)]);
        assert!(!wanted.is_wanted(b"c"));
    }
}
