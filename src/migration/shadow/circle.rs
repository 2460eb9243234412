//! Owns a mirrored group on this node: its comparison behind a lock that is held for one step at a time, and who its
//! members are. Verdicts are booked after the lock is given back.

use super::Shared;
use super::compare::{Group, Rules, Verdict};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;

/// Who a member is, for those who read of a difference.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its id.
    pub client: Arc<str>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Circle {
    /// The group's id.
    pub group: Arc<str>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    compared: Group,
    who: HashMap<u64, Who>,
}

impl Circle {
    pub fn new(group: &str, rules: Rules) -> Self {
        let state = State { compared: Group::new(rules), who: HashMap::new() };
        Self { group: group.into(), state: Mutex::new(state) }
    }

    /// Somebody comes.
    pub fn join(&self, member: u64, who: Who, hears: bool) {
        let mut state = self.state.lock();
        state.compared.join(member, hears);
        state.who.insert(member, who);
    }

    /// One step of the comparison.
    pub fn with(&self, shared: &Shared, step: impl FnOnce(&mut Group)) {
        let mut state = self.state.lock();
        step(&mut state.compared);
        let (verdicts, ignored) = state.compared.take();
        if verdicts.is_empty() && ignored == 0 {
            return;
        }
        let differences = verdicts.iter().filter(|verdict| verdict.difference.is_some());
        let differences: Vec<(Verdict, Option<Who>)> =
            differences.map(|verdict| (*verdict, state.who.get(&verdict.member).cloned())).collect();
        drop(state);
        shared.book(self, &verdicts, ignored, &differences);
    }

    /// Frames that wait.
    pub fn waiting(&self) -> usize {
        self.state.lock().compared.waiting()
    }

    /// Nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.state.lock().compared.is_empty()
    }

    fn leave(&self, shared: &Shared, member: u64) {
        self.with(shared, |group| group.gone(member, Instant::now()));
        self.state.lock().who.remove(&member);
    }
}

/// A client in a circle, shared by its session and its links; it is gone when the last of them is.
#[derive(Debug)]
pub(super) struct Membership {
    /// The member.
    pub id: u64,
    /// Its group.
    pub circle: Arc<Circle>,
    /// Everything else.
    pub shared: Arc<Shared>,
}

impl Membership {
    /// One step of the comparison, about this member.
    pub fn with(&self, step: impl FnOnce(&mut Group, u64)) {
        self.circle.with(&self.shared, |group| step(group, self.id));
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.circle.leave(&self.shared, self.id);
    }
}
