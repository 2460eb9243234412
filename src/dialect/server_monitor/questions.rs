//! Owns who has given an agent which command, for as long as answers are awaited: a short memory, bounded in number
//! and in time.

use super::frame::{Id, Ids};
use crate::envelope::ClientId;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Commands of one agent whose answers are awaited; of more, the oldest are forgotten.
pub const MOST_WAITING: usize = 1024;
/// Askers that one answer goes to, where several have used the same id.
pub const MOST_ASKERS: usize = 8;

/// The commands that an agent has heard.
#[derive(Debug)]
pub struct Questions {
    within: Duration,
    /// Oldest first.
    waiting: VecDeque<Question>,
}

#[derive(Debug)]
struct Question {
    id: Id,
    by: ClientId,
    until: Instant,
}

impl Questions {
    /// None yet; answers may take so long.
    pub fn new(within: Duration) -> Self {
        Self { within, waiting: VecDeque::new() }
    }

    /// The agent has heard a command. Asking again begins anew.
    pub fn asked(&mut self, ids: &Ids, by: &ClientId, now: Instant) {
        while self.waiting.front().is_some_and(|oldest| oldest.until <= now) {
            self.waiting.pop_front();
        }
        for id in ids {
            self.waiting.retain(|old| old.id != *id || old.by != *by);
            if self.waiting.len() >= MOST_WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(Question { id: id.clone(), by: by.clone(), until: now + self.within });
        }
    }

    /// Whom an answer is for: nobody, if it came of itself or too late. Where several have asked by the same id,
    /// nothing tells whose answer it is, so each of them gets it.
    pub fn askers(&self, ids: &Ids, now: Instant) -> SmallVec<[ClientId; 1]> {
        for id in ids {
            let by_id = self.waiting.iter().filter(|asked| asked.id == *id && asked.until > now);
            let askers: SmallVec<_> = by_id.take(MOST_ASKERS).map(|asked| asked.by.clone()).collect();
            if !askers.is_empty() {
                return askers;
            }
        }
        SmallVec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Parts;
    use super::*;

    const WITHIN: Duration = Duration::from_secs(30);

    fn ids(text: &str) -> Ids {
        Parts::read(text).expect("an object").ids()
    }

    fn client(id: &str) -> ClientId {
        ClientId::new(id, 99).expect("an id")
    }

    #[test]
    fn a_question_is_forgotten_after_a_while() {
        let (mut questions, now, id) = (Questions::new(WITHIN), Instant::now(), ids(r#"{"command_id":"1"}"#));
        questions.asked(&id, &client("a"), now);
        assert_eq!(questions.askers(&id, now + WITHIN - Duration::from_millis(1))[..], [client("a")]);
        assert!(questions.askers(&id, now + WITHIN).is_empty());
        questions.asked(&ids(r#"{"command_id":"2"}"#), &client("a"), now + WITHIN);
        assert_eq!(questions.waiting.len(), 1);
    }

    #[test]
    fn asking_again_begins_anew_and_takes_one_place() {
        let (mut questions, now, id) = (Questions::new(WITHIN), Instant::now(), ids(r#"{"command_id":"1"}"#));
        questions.asked(&id, &client("a"), now);
        questions.asked(&id, &client("a"), now + WITHIN / 2);
        assert_eq!((questions.askers(&id, now + WITHIN).len(), questions.waiting.len()), (1, 1));
    }

    #[test]
    fn of_too_many_the_oldest_go_first() {
        let (mut questions, now) = (Questions::new(WITHIN), Instant::now());
        let numbered = |i: usize| ids(&format!(r#"{{"request_id":{i}}}"#));
        for i in 0..=MOST_WAITING {
            questions.asked(&numbered(i), &client("a"), now);
        }
        assert_eq!(questions.waiting.len(), MOST_WAITING);
        let awaited = |i| !questions.askers(&numbered(i), now).is_empty();
        assert!(!awaited(0) && awaited(1) && awaited(MOST_WAITING));
    }

    #[test]
    fn who_used_the_same_id_gets_the_answer_too_up_to_a_bound() {
        let (mut questions, now, id) = (Questions::new(WITHIN), Instant::now(), ids(r#"{"command_id":"1"}"#));
        for i in 0..20 {
            questions.asked(&id, &client(&format!("c{i}")), now);
        }
        let askers = questions.askers(&id, now);
        assert_eq!((askers.len(), &askers[0]), (MOST_ASKERS, &client("c0")));
    }
}
