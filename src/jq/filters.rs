//! Owns the filters of one dialect while the proxy runs: a bounded queue of calls, answered in order by one process,
//! and another process for one that died. A text that kills the process costs its own call and no other.

use super::child::{Child, Ended, NoAnswer, NoChild};
use super::{Failure, JqError, Problem, Settings, To, protocol};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Calls that may wait.
const QUEUE: usize = 256;
/// Bytes they may have. A larger one waits until it is alone.
const ROOM: u32 = 16 << 20;
/// For one call, the queue before it included.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before a process follows one that died without an answer; twice as long after each. The first follows at once.
const BACKOFF: Duration = Duration::from_millis(50);
/// The longest of them.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// Processes that end are logged once in this time, however many there are.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Why the filters of a dialect cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// They are none.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Problems(Vec<Problem>),
    /// No process runs them.
    #[error("no process for the filters: {0}")]
    NoProcess(io::Error),
}

/// The filters of one dialect. Copies are the same filters.
#[derive(Debug, Clone)]
pub struct Filters {
    queue: mpsc::Sender<Call>,
    room: Arc<Semaphore>,
    pid: Arc<AtomicU32>,
}

/// One call, and who waits for it.
#[derive(Debug)]
struct Call {
    frame: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<String>, Failure>>,
    /// Its part of `ROOM`.
    _room: OwnedSemaphorePermit,
}

impl Filters {
    /// Starts a process for these filters; it ends with `stop`.
    ///
    /// # Errors
    /// The filters are none, or there is no such program.
    pub async fn start(settings: Settings, tasks: &TaskTracker, stop: CancellationToken) -> Result<Self, StartError> {
        let child = Child::start(&settings).await.map_err(|error| match error {
            NoChild::Problems(problems) => StartError::Problems(problems),
            NoChild::Io(error) => StartError::NoProcess(error),
            NoChild::Timeout => StartError::NoProcess(io::ErrorKind::TimedOut.into()),
        })?;
        let (queue, calls) = mpsc::channel(QUEUE);
        let pid = Arc::new(AtomicU32::new(child.pid().unwrap_or_default()));
        let keeper = Keeper {
            settings,
            pid: Arc::clone(&pid),
            child: Some(child),
            next: Instant::now(),
            died: 0,
            quiet_until: Instant::now(),
            unsaid: 0,
        };
        tasks.spawn(keeper.keep(calls, stop));
        Ok(Self { queue, room: Arc::new(Semaphore::new(ROOM as usize)), pid })
    }

    /// Translates a text. Who calls one after the other is answered in that order; who gives up is forgotten.
    ///
    /// # Errors
    /// There is no translation; the process, if it is gone, is replaced.
    pub async fn call(&self, to: To, text: &str) -> Result<Vec<String>, JqError> {
        self.explain(to, text).await.map_err(|failure| failure.error)
    }

    /// As `call`, and says why, for who writes a filter.
    ///
    /// # Errors
    /// As `call`.
    pub async fn explain(&self, to: To, text: &str) -> Result<Vec<String>, Failure> {
        let (answer, outcome) = oneshot::channel();
        let room = u32::try_from(text.len()).unwrap_or(ROOM).min(ROOM);
        let done = timeout(PATIENCE, async {
            let _room = Arc::clone(&self.room).acquire_many_owned(room).await.ok()?;
            self.queue.send(Call { frame: protocol::call(to, text), answer, _room }).await.ok()?;
            outcome.await.ok()
        });
        done.await.ok().flatten().unwrap_or_else(|| Err(JqError::Unavailable.into()))
    }

    /// The number of the process at the moment; none while there is none.
    pub fn pid(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid > 0)
    }
}

/// What keeps a process for the filters.
struct Keeper {
    settings: Settings,
    pid: Arc<AtomicU32>,
    child: Option<Child>,
    /// No process is started before.
    next: Instant,
    /// Processes that ended since the last answer.
    died: u32,
    /// No log before.
    quiet_until: Instant,
    /// Ends not logged.
    unsaid: u32,
}

impl Keeper {
    async fn keep(mut self, mut calls: mpsc::Receiver<Call>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = ended(&mut self.child) => self.bury(false).await.map_or((), drop),
                () = sleep_until(self.next), if self.child.is_none() => {
                    stop.run_until_cancelled(self.start()).await;
                }
                call = calls.recv() => match call {
                    Some(call) if call.answer.is_closed() => {}
                    Some(Call { frame, answer, _room }) => {
                        if let Some(outcome) = stop.run_until_cancelled(self.call(&frame)).await {
                            let _ = answer.send(outcome);
                        }
                    }
                    None => break,
                },
            }
        }
        if let Some(child) = self.child.take() {
            child.end(true).await;
        }
        self.pid.store(0, Ordering::Relaxed);
    }

    /// Answers a call. It is asked again when somebody else ended the process: the text cannot have been why.
    async fn call(&mut self, frame: &[u8]) -> Result<Vec<String>, Failure> {
        for _ in 0..2 {
            if self.child.is_none() && self.next <= Instant::now() {
                self.start().await;
            }
            let Some(child) = &mut self.child else { break };
            match child.call(frame).await {
                Ok(outcome) => {
                    self.died = 0;
                    return outcome;
                }
                Err(NoAnswer::Timeout) => {
                    self.bury(true).await;
                    return Err(JqError::TimedOut.into());
                }
                Err(NoAnswer::Gone) => {
                    if !self.bury(false).await.is_some_and(|ended| ended.by_others()) {
                        return Err(JqError::Died.into());
                    }
                }
            }
        }
        Err(JqError::Unavailable.into())
    }

    async fn start(&mut self) {
        match Child::start(&self.settings).await {
            Ok(child) => {
                self.pid.store(child.pid().unwrap_or_default(), Ordering::Relaxed);
                self.child = Some(child);
            }
            Err(error) => self.failed("cannot be started", &error.to_string()),
        }
    }

    /// Ends the process, and says how it ended.
    async fn bury(&mut self, at_once: bool) -> Option<Ended> {
        let child = self.child.take()?;
        self.pid.store(0, Ordering::Relaxed);
        let ended = child.end(at_once).await;
        let why = if at_once { "timed out".to_owned() } else { ended.how() };
        self.failed(&why, &ended.last_words);
        Some(ended)
    }

    /// Books a process that is no more.
    fn failed(&mut self, how: &str, said: &str) {
        let now = Instant::now();
        let wait = match self.died {
            0 => Duration::ZERO,
            died => BACKOFF.saturating_mul(1 << (died - 1).min(16)).min(MAX_BACKOFF),
        };
        self.died = self.died.saturating_add(1);
        self.next = now + wait;
        if now < self.quiet_until {
            self.unsaid += 1;
            return;
        }
        let others = std::mem::take(&mut self.unsaid);
        self.quiet_until = now + LOG_EVERY;
        tracing::warn!(dialect = self.settings.name, how, said, others, "the process for the jq filters ended");
    }
}

/// Waits for the end of a process; for ever when there is none.
async fn ended(child: &mut Option<Child>) {
    match child {
        Some(child) => child.ended().await,
        None => std::future::pending().await,
    }
}
