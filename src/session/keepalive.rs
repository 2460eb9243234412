//! Owns the question whether a peer still lives: it is pinged after a silence, and dead after two pings
//! without any sign. No timer, no I/O: it says when it wants to be asked next, and what to do then.

use std::time::Duration;
use tokio::time::Instant;

/// Pings without a sign of life before a peer is dead.
const MOST_MISSED: u8 = 2;
/// "Never", far enough for any connection and near enough for a timer wheel.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Nothing.
    Rest,
    /// Send a ping.
    Ping,
    /// The peer does not answer: end.
    Dead,
    /// The client has said nothing for too long: end.
    Idle,
}

/// The keepalive of one connection.
#[derive(Debug)]
pub struct Keepalive {
    every: Duration,
    idle: Duration,
    heard: Instant,
    /// Of late; still to come while nothing is read.
    spoke: Instant,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// A ping is due when nothing has been heard for a while.
    ToPing,
    /// One was sent.
    AwaitingPong { since: Instant, missed: u8 },
}

impl Keepalive {
    /// Pings after `every` without a sign of life; idle after `idle` without a message; 0 = never.
    pub fn new(every: Duration, idle: Duration, now: Instant) -> Self {
        let or_never = |d: Duration| if d.is_zero() { NEVER } else { d.min(NEVER) };
        Self { every: or_never(every), idle: or_never(idle), heard: now, spoke: now, state: State::ToPing }
    }

    /// Something came: any frame is a sign of life.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.state = State::ToPing;
    }

    /// A message came: the client is not idle either.
    pub fn spoke(&mut self, now: Instant) {
        self.spoke = now;
        self.heard(now);
    }

    /// What comes is not read before then: until then it is not known whether the peer speaks. It is pinged all the
    /// same, for whoever stands in between.
    pub fn deaf(&mut self, until: Instant) {
        self.spoke = self.spoke.max(until);
    }

    /// When it wants to be asked next.
    pub fn deadline(&self) -> Instant {
        let beat = match self.state {
            State::ToPing => self.heard + self.every,
            State::AwaitingPong { since, .. } => since + self.every,
        };
        beat.min(self.spoke + self.idle)
    }

    /// What is to be done now; early questions are answered with `Rest`.
    pub fn on_tick(&mut self, now: Instant) -> Beat {
        if now >= self.spoke + self.idle {
            return Beat::Idle;
        }
        match self.state {
            State::ToPing if now >= self.heard + self.every => {
                self.state = State::AwaitingPong { since: now, missed: 0 };
                Beat::Ping
            }
            State::AwaitingPong { since, missed } if now >= since + self.every => {
                let missed = if now < self.spoke { 0 } else { missed + 1 };
                if missed >= MOST_MISSED {
                    return Beat::Dead;
                }
                self.state = State::AwaitingPong { since: now, missed };
                Beat::Ping
            }
            _ => Beat::Rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(25);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_peer_is_pinged_twice_and_then_dead() {
        let start = Instant::now();
        let mut alive = Keepalive::new(EVERY, Duration::ZERO, start);
        assert_eq!(alive.deadline(), start + EVERY);
        assert_eq!(alive.on_tick(start + EVERY - SECOND), Beat::Rest);
        assert_eq!(alive.on_tick(start + EVERY), Beat::Ping);
        assert_eq!(alive.on_tick(start + EVERY + SECOND), Beat::Rest);
        assert_eq!(alive.deadline(), start + 2 * EVERY);
        assert_eq!(alive.on_tick(start + 2 * EVERY), Beat::Ping);
        assert_eq!(alive.on_tick(start + 3 * EVERY), Beat::Dead);
    }

    #[test]
    fn any_sign_of_life_begins_anew() {
        let start = Instant::now();
        let mut alive = Keepalive::new(EVERY, Duration::ZERO, start);
        for round in 1..10 {
            let now = start + round * EVERY;
            assert_eq!(alive.on_tick(now), if round % 2 == 1 { Beat::Ping } else { Beat::Rest });
            if round % 2 == 1 {
                alive.heard(now + SECOND);
            }
        }
    }

    #[test]
    fn pongs_do_not_make_a_client_busy() {
        let start = Instant::now();
        let mut alive = Keepalive::new(EVERY, 2 * EVERY, start);
        alive.heard(start + EVERY);
        assert_eq!(alive.on_tick(start + 2 * EVERY), Beat::Idle);
        let mut alive = Keepalive::new(EVERY, 2 * EVERY, start);
        alive.spoke(start + EVERY);
        assert_eq!(alive.on_tick(start + 2 * EVERY), Beat::Ping);
    }

    #[test]
    fn a_peer_that_is_not_listened_to_is_pinged_and_neither_dead_nor_idle() {
        let start = Instant::now();
        let mut alive = Keepalive::new(EVERY, 2 * EVERY, start);
        alive.deaf(start + 10 * EVERY);
        for round in 1..10 {
            assert_eq!(alive.deadline(), start + round * EVERY);
            assert_eq!(alive.on_tick(start + round * EVERY), Beat::Ping);
        }
        // Heard again, it has as long as any other.
        let mut silent = Keepalive { every: EVERY, idle: NEVER, ..alive };
        assert_eq!(silent.on_tick(start + 10 * EVERY), Beat::Ping);
        assert_eq!(silent.on_tick(start + 11 * EVERY), Beat::Dead);
        alive.heard(start + 10 * EVERY);
        assert_eq!(alive.on_tick(start + 11 * EVERY), Beat::Ping);
        assert_eq!(alive.on_tick(start + 12 * EVERY), Beat::Idle);
    }

    #[test]
    fn zero_means_never() {
        let start = Instant::now();
        let mut alive = Keepalive::new(Duration::ZERO, Duration::ZERO, start);
        assert_eq!(alive.on_tick(start + 1000 * EVERY), Beat::Rest);
        assert!(alive.deadline() > start + 1000 * EVERY);
    }
}
