//! Owns waiting for what a client must get: one after another, or several in any order.

use super::assign::Assignment;
use super::inbox::{Came, End, What};
use super::stage::Stage;
use super::words::{Fault, wanted};
use crate::compat::Grade;
use crate::compat::judge;
use crate::compat::suite::Expect;
use crate::dialect::OwnedFrame;
use std::time::Duration;
use tokio::time::Instant;

impl Stage<'_> {
    /// It gets this next.
    pub(super) async fn expect(&mut self, expect: &Expect) -> Result<(), Fault> {
        let mut since = Instant::now();
        for n in 0..expect.times {
            since = since.max(self.expected(expect, n, since).await?);
        }
        Ok(())
    }

    /// One of them; when it came.
    async fn expected(&mut self, expect: &Expect, n: usize, since: Instant) -> Result<Instant, Fault> {
        let name = &expect.client;
        let within = self.within(expect);
        // The runner may be late itself, and no time was said by which it must come.
        let until = if expect.within.is_some() { since } else { Instant::now() } + within;
        loop {
            let (frame, at) = match self.next(name, until).await? {
                None => return Err(Fault::missing(expect, n, within)),
                Some(Came { what: What::Ended(end), .. }) => return Err(ended(expect, &end)),
                Some(Came { what: What::Pong(_), .. }) => continue,
                Some(Came { what: What::Frame(frame), at }) => (frame, at),
            };
            let judged = judge::frame(&expect.what, n, &frame, self.ids);
            if judged.is_err() && self.is_deaf(name) {
                continue;
            }
            self.note_frame(name, &frame);
            let grade = judged.map_err(|m| Fault::other(expect, n, &frame, &m.why, &m.diff, self.ids))?;
            self.grade = self.grade.max(grade);
            return in_time(expect, n, since, at).map(|()| at);
        }
    }

    /// Each of these comes, in any order.
    pub(super) async fn any_order(&mut self, all: &[Expect]) -> Result<(), Fault> {
        let since = Instant::now();
        let mut names: Vec<_> = all.iter().map(|expect| &expect.client).collect();
        names.sort();
        names.dedup();
        for name in names {
            let of_client = all.iter().filter(|expect| expect.client == *name);
            let items: Vec<_> = of_client.flat_map(|expect| (0..expect.times).map(move |n| (expect, n))).collect();
            self.all_of(name, &items, since).await?;
        }
        Ok(())
    }

    /// One client's.
    async fn all_of(&mut self, name: &str, items: &[(&Expect, usize)], since: Instant) -> Result<(), Fault> {
        let mut frames: Vec<(OwnedFrame, Instant)> = Vec::new();
        let mut assignment: Assignment<Grade> = Assignment::new(items.len());
        let mut fault = None;
        while fault.is_none() {
            let Some((expect, n)) = assignment.open().next().map(|at| items[at]) else { break };
            let within = assignment.open().map(|at| self.within(items[at].0)).max().unwrap_or_default();
            let (frame, at) = match self.next(name, Instant::now() + within).await {
                Err(other) => {
                    fault = Some(other);
                    continue;
                }
                Ok(None) => {
                    fault = Some(Fault::missing(expect, n, within));
                    continue;
                }
                Ok(Some(Came { what: What::Ended(end), .. })) => {
                    fault = Some(ended(expect, &end));
                    continue;
                }
                Ok(Some(Came { what: What::Pong(_), .. })) => continue,
                Ok(Some(Came { what: What::Frame(frame), at })) => (frame, at),
            };
            frames.push((frame, at));
            let ids = self.ids;
            let fits = |item: usize, frame: usize| {
                let (expect, n) = items[item];
                judge::frame(&expect.what, n, &frames[frame].0, ids).ok()
            };
            let last = frames.len() - 1;
            if assignment.assign(last, &fits) {
                continue;
            }
            if self.is_deaf(name) {
                continue;
            }
            let frame = &frames[last].0;
            let judged = judge::frame(&expect.what, n, frame, self.ids);
            fault = Some(match judged {
                Err(m) => Fault::other(expect, n, frame, &m.why, &m.diff, self.ids),
                // It fits, but only in the place of another one.
                Ok(_) => Fault::unasked(name, frame, self.ids),
            });
        }
        // Their order is nobody's business, so it is not seen either.
        let placed: Vec<_> = assignment.result().collect();
        for (_, frame, _) in &placed {
            self.note_frame(name, &frames[*frame].0);
        }
        for (at, (frame, _)) in frames.iter().enumerate() {
            if !self.is_deaf(name) && !placed.iter().any(|(_, placed, _)| *placed == at) {
                self.note_frame(name, frame);
            }
        }
        for (item, frame, grade) in placed {
            self.grade = self.grade.max(grade);
            let (expect, n) = items[item];
            let late = in_time(expect, n, since, frames[frame].1).err();
            fault = fault.or(late);
        }
        fault.map_or(Ok(()), Err)
    }

    fn within(&self, expect: &Expect) -> Duration {
        // When all is lost already, hardly any time.
        let most = if self.is_lost() { self.patience() } else { Duration::MAX };
        expect.within.unwrap_or_else(|| self.patience()).min(most)
    }
}

fn ended(expect: &Expect, end: &End) -> Fault {
    Fault::new(format!("{} should get {}, but got {end}", expect.client, wanted(&expect.what)))
}

/// What was said by when it must come holds, however late the runner looked.
fn in_time(expect: &Expect, n: usize, since: Instant, at: Instant) -> Result<(), Fault> {
    let after = at.saturating_duration_since(since);
    match expect.within {
        Some(within) if after > within => Err(Fault::late(expect, n, after)),
        _ => Ok(()),
    }
}
