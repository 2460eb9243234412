//! Owns how many connections may be open at once, so that descriptors never run out: a place is taken at
//! accept and given back when its guard is dropped.

use super::quota::Hold;
use crate::session::Common;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Descriptors kept for everything that is no client: hub, operators, files, refusals.
const RESERVE: u64 = 256;
/// Connections above the limit that are still told why, at once; more are dropped without a word.
const REFUSALS: usize = 64;
/// The limit where the system tells none.
const UNKNOWN: usize = 100_000;

/// The places there are.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Places>);

#[derive(Debug)]
struct Places {
    limit: usize,
    open: AtomicUsize,
    refusing: AtomicUsize,
}

/// One connection's place; dropping it gives the place back.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    standing: Standing,
    /// What it counts as beside a connection: address, key, account.
    holds: SmallVec<[Hold; 1]>,
}

/// What a connection that was accepted may hope for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// To come in.
    Admitted,
    /// To be told that there is no room.
    NoRoom,
    /// To be told that its address has enough connections.
    OverAddress,
}

impl Place {
    /// Any but `Admitted`: it is only there to be told why not.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What it shares with other connections of its address, key and account.
    pub fn commons(&self) -> impl Iterator<Item = &Arc<Common>> {
        self.holds.iter().filter_map(Hold::common)
    }

    /// Gives the hold back with the place.
    pub fn keep(&mut self, hold: Hold) {
        self.holds.push(hold);
    }

    /// For another connection: what this one counted as no longer counts.
    pub fn pass_on(mut self, hold: Option<Hold>) -> Self {
        self.holds = hold.into_iter().collect();
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let count = match self.standing {
            Standing::Admitted => &self.places.open,
            Standing::NoRoom | Standing::OverAddress => &self.places.refusing,
        };
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// At most so many; 0 = as many as the system allows, less a reserve. Raises the soft descriptor limit
    /// of the process to its hard limit.
    pub fn new(limit: usize) -> Self {
        let descriptors = rlimit::increase_nofile_limit(u64::MAX).ok();
        let possible = descriptors.map_or(UNKNOWN, |n| {
            // A small limit must still leave room for clients.
            usize::try_from(n.saturating_sub(RESERVE.min(n / 4))).unwrap_or(UNKNOWN)
        });
        if limit > possible {
            tracing::warn!(limit, possible, "limits.connections is above what the descriptor limit allows");
        }
        let limit = if limit == 0 { possible } else { limit.min(possible) };
        Self(Arc::new(Places { limit, open: AtomicUsize::new(0), refusing: AtomicUsize::new(0) }))
    }

    /// The limit in effect.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Takes a place for a connection that was accepted; None: there is no room.
    pub fn admit(&self) -> Option<Place> {
        take(&self.0.open, self.0.limit).then(|| self.place(Standing::Admitted))
    }

    /// Takes a place only to tell why not; None: drop it, even refusing costs too much now.
    pub fn enter_to_refuse(&self, why: Standing) -> Option<Place> {
        take(&self.0.refusing, REFUSALS).then(|| self.place(why))
    }

    fn place(&self, standing: Standing) -> Place {
        Place { places: self.0.clone(), standing, holds: SmallVec::new() }
    }
}

fn take(count: &AtomicUsize, limit: usize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_and_the_surplus_is_told_then_dropped() {
        let admission = Admission::new(2);
        let mut inside: Vec<_> = (0..2).map(|_| admission.admit().expect("a place")).collect();
        assert!(inside.iter().all(|place| place.standing() == Standing::Admitted));
        assert!(admission.admit().is_none());
        let refuse = || admission.enter_to_refuse(Standing::NoRoom);
        let told: Vec<_> = (0..REFUSALS).map(|_| refuse().expect("an answer")).collect();
        assert!(told.iter().all(|place| place.standing() == Standing::NoRoom));
        assert!(refuse().is_none());
        inside.pop();
        assert!(admission.admit().is_some_and(|place| place.standing() == Standing::Admitted));
        drop(told);
        drop(inside);
        assert_eq!(admission.0.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn no_limit_means_what_the_system_allows() {
        assert!(Admission::new(0).limit() > 100);
    }
}
