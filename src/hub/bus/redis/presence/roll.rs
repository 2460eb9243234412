//! Owns putting a whole node right: its own members after a flush or a long absence of Redis, and those of a
//! node that has died.

use super::{ConnectError, Entry, Event, Open, Presence, STEP, TELLING, one_pipeline};
use crate::hub::seat::Seat;
use redis::{Pipeline, Value};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::time::Instant;

impl Presence {
    /// Redis has forgotten this node: flushed, or let go by a node that took it for dead. Only then have
    /// leaves been told that joins must undo.
    pub(super) async fn present_again(&self, open: &mut Open) -> Result<(), ConnectError> {
        let mut cmd = redis::cmd("DEL");
        let reaped: bool = cmd.arg(self.keys.reaped(&self.node)).query_async(&mut open.connection).await?;
        let seats = self.seats();
        tracing::warn!(members = seats.len(), reaped, "Redis has forgotten this node's members, adding them again");
        self.join_all(open, &seats, reaped).await
    }

    /// Redis and this node no longer say the same: joins and leaves found no room while it was away.
    pub(super) async fn put_right(&self, open: &mut Open) -> Result<(), ConnectError> {
        let seats = self.seats();
        let mut noted: HashSet<String> = HashSet::new();
        let key = self.keys.node_members(&self.node);
        let mut cursor = 0u64;
        loop {
            let mut scan = redis::cmd("SSCAN");
            scan.arg(&key).arg(cursor).arg("COUNT").arg(STEP);
            let (next, some): (u64, Vec<String>) = scan.query_async(&mut open.connection).await?;
            noted.extend(some);
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let (mut missing, mut described, before) = (Vec::new(), Vec::new(), noted.len());
        for seat in seats {
            if Entry::of(&seat, &self.node).is_some_and(|entry| !noted.remove(&entry.note())) {
                missing.push(seat);
            } else if seat.metadata.was_said() {
                described.push(seat);
            }
        }
        tracing::warn!(before, joins = missing.len(), leaves = noted.len(), "this node's presence is put right");
        self.join_all(open, &missing, true).await?;
        self.describe_all(open, &described).await?;
        // Those within their grace are among them; their own leaves then find nothing to do.
        let left: Vec<Entry> = noted.iter().filter_map(|note| Entry::from_note(note, &self.node)).collect();
        for some in left.chunks(STEP) {
            self.let_go(open, some, &self.node).await?;
        }
        Ok(())
    }

    fn seats(&self) -> Vec<Arc<Seat>> {
        let mut seats = self.fanout.registry().seats();
        seats.retain(|seat| seat.origin.group.is_some());
        seats
    }

    async fn join_all(&self, open: &mut Open, seats: &[Arc<Seat>], tell: bool) -> Result<(), ConnectError> {
        for some in steps(seats) {
            let mut pipe = Pipeline::with_capacity(some.len() * 2);
            for seat in some {
                self.write_join(&mut pipe, open, seat);
            }
            let answers = pipe.query_async::<Vec<Value>>(&mut open.connection).await?;
            let until = Instant::now() + TELLING;
            for (seat, answer) in some.iter().zip(answers).filter(|_| tell) {
                self.told(Event::Join, seat, Some(answer), until).await;
            }
        }
        Ok(())
    }

    async fn describe_all(&self, open: &mut Open, seats: &[Arc<Seat>]) -> Result<(), ConnectError> {
        for some in steps(seats) {
            let mut pipe = Pipeline::with_capacity(some.len());
            for seat in some {
                self.write_describe(&mut pipe, open, seat);
            }
            pipe.query_async::<()>(&mut open.connection).await?;
        }
        Ok(())
    }

    /// Lets members of a node go, and tells it once each; returns how many had no other connection.
    async fn let_go(&self, open: &mut Open, entries: &[Entry], node: &str) -> Result<usize, ConnectError> {
        let mut pipe = Pipeline::with_capacity(entries.len() * 2);
        for entry in entries {
            self.write_leave(&mut pipe, open, entry, node, false);
        }
        let answers = pipe.query_async::<Vec<Value>>(&mut open.connection).await?;
        let until = Instant::now() + TELLING;
        let mut gone = 0;
        for (entry, _) in entries.iter().zip(answers).filter(|(_, answer)| *answer == Value::Int(1)) {
            self.publish.tell(self.announcer.event(Event::Leave, &entry.origin, entry.protocol), until).await;
            gone += 1;
        }
        Ok(gone)
    }

    /// Lets a dead node's members go; one node at a time does it, and each leave is told once.
    pub(super) async fn reap(&self, open: &mut Open, node: &str) -> Result<(), ConnectError> {
        let mut lock = redis::cmd("SET");
        lock.arg(self.keys.reaper(node)).arg(&*self.node).arg("NX").arg("PX").arg(30_000);
        if lock.query_async::<Value>(&mut open.connection).await? == Value::Nil {
            return Ok(());
        }
        let notes_key = self.keys.node_members(node);
        let mut gone = 0;
        loop {
            let mut some = redis::cmd("SRANDMEMBER");
            let notes: Vec<String> = some.arg(&notes_key).arg(STEP).query_async(&mut open.connection).await?;
            if notes.is_empty() {
                break;
            }
            let entries: Vec<_> = notes.iter().filter_map(|note| Entry::from_note(note, node)).collect();
            gone += self.let_go(open, &entries, node).await?;
            // What cannot be read must not be found again.
            let mut read = redis::cmd("SREM");
            read.arg(&notes_key).arg(&notes).query_async::<()>(&mut open.connection).await?;
        }
        let mut pipe = Pipeline::new();
        pipe.cmd("ZREM").arg(self.keys.nodes()).arg(node).ignore();
        pipe.cmd("SET").arg(self.keys.reaped(node)).arg(1).arg("EX").arg(3600).ignore();
        pipe.cmd("DEL").arg(self.keys.reaper(node)).ignore();
        pipe.query_async::<()>(&mut open.connection).await?;
        tracing::info!(node, gone, "a dead node's members were let go");
        Ok(())
    }
}

/// In pieces, each for one pipeline.
fn steps(seats: &[Arc<Seat>]) -> impl Iterator<Item = &[Arc<Seat>]> {
    let mut rest = seats;
    std::iter::from_fn(move || {
        let (some, others) = rest.split_at(one_pipeline(rest.iter().map(|seat| seat.metadata.bytes())));
        rest = others;
        (!some.is_empty()).then_some(some)
    })
}
