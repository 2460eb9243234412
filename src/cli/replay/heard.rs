//! Owns the comparison of what clients get with what they got then: as multisets, since among several senders no order
//! is promised.

use super::{Played, Who};
use crate::dialect::OwnedFrame;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

/// A frame as a key: is it a text, and its bytes.
type Key = (bool, Vec<u8>);

/// What one client gets.
#[derive(Debug, Default)]
struct One {
    /// Frames it got then and did not get yet.
    missing: HashMap<Key, u64>,
    /// Frames it got beyond.
    more: HashMap<Key, u64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Heard {
    by_client: BTreeMap<Who, Mutex<One>>,
    missing: AtomicU64,
    came: AtomicU64,
}

/// A client that does not get what it got then.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    pub who: &'a Who,
    pub missing: u64,
    pub more: u64,
    /// One of the frames.
    pub example: String,
}

impl Heard {
    /// Of these clients, who got this then.
    pub fn new<'a>(clients: impl Iterator<Item = &'a Who>, got: &[Played]) -> Self {
        let mut by_client: BTreeMap<Who, One> = clients.map(|who| (who.clone(), One::default())).collect();
        for played in got {
            let one = by_client.entry(played.who.clone()).or_default();
            *one.missing.entry(key(&played.frame)).or_default() += 1;
        }
        let by_client = by_client.into_iter().map(|(who, one)| (who, Mutex::new(one))).collect();
        Self { by_client, missing: AtomicU64::new(got.len() as u64), came: AtomicU64::new(0) }
    }

    /// All clients, those that only listened included.
    pub fn clients(&self) -> impl Iterator<Item = &Who> {
        self.by_client.keys()
    }

    /// A client got a frame.
    pub fn came(&self, who: &Who, frame: &OwnedFrame) {
        self.came.fetch_add(1, Ordering::Relaxed);
        let Some(one) = self.by_client.get(who) else { return };
        let (mut one, key) = (one.lock(), key(frame));
        match one.missing.get_mut(&key).filter(|n| **n > 0) {
            Some(n) => {
                *n -= 1;
                self.missing.fetch_sub(1, Ordering::Relaxed);
            }
            None => *one.more.entry(key).or_default() += 1,
        }
    }

    /// Frames that came, and those that are still missing.
    pub fn so_far(&self) -> (u64, u64) {
        (self.came.load(Ordering::Relaxed), self.missing.load(Ordering::Relaxed))
    }

    /// Clients that got something else.
    pub fn differences(&self) -> Vec<Difference<'_>> {
        let all = self.by_client.iter().map(|(who, one)| {
            let one = one.lock();
            let (missing, more) = (one.missing.values().sum(), one.more.values().sum());
            let some = one.missing.iter().chain(&one.more).find(|(_, n)| **n > 0);
            let example = some.map(|((is_text, bytes), _)| match is_text {
                true => String::from_utf8_lossy(bytes).into_owned(),
                false => format!("({} bytes)", bytes.len()),
            });
            Difference { who, missing, more, example: example.unwrap_or_default() }
        });
        all.filter(|difference| difference.missing + difference.more > 0).collect()
    }
}

fn key(frame: &OwnedFrame) -> Key {
    match frame {
        OwnedFrame::Text(text) => (true, text.as_bytes().to_vec()),
        OwnedFrame::Binary(bytes) => (false, bytes.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn frames_are_compared_as_multisets_for_each_client() {
        let who = |client: &str| Who { tenant: "t".into(), group: None, client: client.into() };
        let text = |text: &str| OwnedFrame::Text(text.into());
        let got = |client: &str, frame| Played { line: 1, at: Timestamp(0), who: who(client), frame };
        let then = [got("a", text("x")), got("a", text("x")), got("a", text("y")), got("b", text("x"))];
        let heard = Heard::new([who("c")].iter(), &then);
        assert_eq!(heard.clients().count(), 3);
        for (client, frame) in
            [("a", text("y")), ("a", text("x")), ("b", text("x")), ("b", OwnedFrame::Binary(b"x".into()))]
        {
            heard.came(&who(client), &frame);
        }
        assert_eq!(heard.so_far(), (4, 1));
        let differences = heard.differences();
        let told: Vec<_> =
            differences.iter().map(|d| (d.who.client.as_str(), d.missing, d.more, &*d.example)).collect();
        assert_eq!(told, [("a", 1, 0, "x"), ("b", 0, 1, "(1 bytes)")]);
        heard.came(&who("a"), &text("x"));
        assert_eq!(heard.so_far(), (5, 0));
    }
}
