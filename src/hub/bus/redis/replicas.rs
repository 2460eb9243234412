//! Owns how sure a lane is that replicas have what it published: Redis answers before they do, and a master that dies
//! right after its answer takes the message along. Asks `WAIT` behind each pipeline. No I/O, no clock.

use redis::{ErrorKind, Pipeline, RedisError, Value};
use std::time::Duration;
use tokio::time::Instant;

/// While replicas are away, they are asked so often whether they are back, and for a part of their time only: what waits
/// behind the question waits as long.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// That part.
const PART: u32 = 10;

/// What is known of the messages of a pipeline.
#[derive(Debug)]
pub enum Copies {
    /// As many replicas as wanted have them, or none is wanted.
    Enough,
    /// Not yet: to be asked again, and whether another is master by now.
    NotYet,
    /// The master has them; its replicas are away, or far behind.
    TooFew,
    /// The server is no master any more: nobody may have them.
    Unknown(RedisError),
}

/// See the module.
#[derive(Debug)]
pub struct Replicas {
    wanted: u32,
    /// For one answer.
    patience: Duration,
    /// Until they count as away.
    allowance: Duration,
    /// Since when they have not kept up.
    behind: Option<Instant>,
    /// They are away; they are asked again at this time.
    away: Option<Instant>,
}

impl Replicas {
    /// So many must have a message; one answer may take `patience`, and after `allowance` they count as away.
    pub fn new(wanted: u32, patience: Duration, allowance: Duration) -> Self {
        Self { wanted, patience: patience.min(allowance), allowance, behind: None, away: None }
    }

    /// Is anything asked of them at all?
    pub fn are_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// They did not keep up, and are not waited for.
    pub fn are_away(&self) -> bool {
        self.away.is_some()
    }

    /// Puts the question behind what a pipeline publishes; false when it is not asked this time.
    pub fn ask(&self, pipe: &mut Pipeline, now: Instant) -> bool {
        let patience = match self.away {
            None => self.patience,
            Some(again) if again <= now => self.patience / PART,
            Some(_) => return false,
        };
        if self.wanted > 0 {
            // Zero would be for ever.
            pipe.cmd("WAIT").arg(self.wanted).arg(patience.as_millis().max(1) as u64);
        }
        self.wanted > 0
    }

    /// Takes the answer, if it was asked for.
    pub fn hear(&mut self, answer: Option<Value>, now: Instant) -> Copies {
        match answer {
            None if self.away.is_some() => Copies::TooFew,
            None => Copies::Enough,
            Some(Value::Int(have)) if have >= i64::from(self.wanted) => {
                (self.away, self.behind) = (None, None);
                Copies::Enough
            }
            Some(Value::Int(_)) => {
                let behind = *self.behind.get_or_insert(now);
                if self.away.is_none() && now.duration_since(behind) + self.patience < self.allowance {
                    return Copies::NotYet;
                }
                self.away = Some(now + ASK_EVERY);
                Copies::TooFew
            }
            Some(Value::ServerError(error)) => Copies::Unknown(error.into()),
            Some(_) => Copies::Unknown((ErrorKind::UnexpectedReturnType, "WAIT did not answer a number").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn asked(replicas: &Replicas, now: Instant) -> Option<String> {
        let mut pipe = Pipeline::new();
        let asked = replicas.ask(&mut pipe, now);
        assert_eq!(asked, pipe.len() == 1);
        asked.then(|| String::from_utf8_lossy(&pipe.get_packed_pipeline()).replace("\r\n", " "))
    }

    #[tokio::test(start_paused = true)]
    async fn replicas_that_are_away_are_waited_for_once_and_then_asked_now_and_then() {
        let mut now = Instant::now();
        let mut replicas = Replicas::new(2, PATIENCE, PATIENCE * 2);
        assert!(asked(&replicas, now).is_some_and(|words| words.ends_with("$1 2 $4 1000 ")));
        assert!(matches!(replicas.hear(Some(Value::Int(2)), now), Copies::Enough));
        assert!(matches!(replicas.hear(Some(Value::Int(1)), now), Copies::NotYet));
        now += PATIENCE;
        assert!(!replicas.are_away() && asked(&replicas, now).is_some());
        assert!(matches!(replicas.hear(Some(Value::Int(1)), now), Copies::TooFew));
        assert!(replicas.are_away() && asked(&replicas, now).is_none());
        assert!(matches!(replicas.hear(None, now), Copies::TooFew), "not asked, and not known to be back");
        now += ASK_EVERY;
        assert!(asked(&replicas, now).is_some_and(|words| words.ends_with("$1 2 $3 100 ")));
        assert!(matches!(replicas.hear(Some(Value::Int(3)), now), Copies::Enough));
        assert!(asked(&replicas, now).is_some_and(|words| words.ends_with("$4 1000 ")), "back");
    }

    #[tokio::test]
    async fn none_wanted_is_nothing_asked_and_a_refusal_is_no_confirmation() {
        let now = Instant::now();
        let mut replicas = Replicas::new(0, PATIENCE, PATIENCE);
        assert!(asked(&replicas, now).is_none());
        assert!(matches!(replicas.hear(None, now), Copies::Enough));
        let mut replicas = Replicas::new(1, PATIENCE, PATIENCE);
        assert!(matches!(replicas.hear(Some(Value::Nil), now), Copies::Unknown(_)));
    }
}
