//! Owns the capture of V2 traffic: whether it is on, which conversations are in it, and the queue to its one writer. It
//! never makes a client wait: what the writer cannot take in time is counted as dropped.

mod chosen;
mod line;
mod redact;
mod writer;

pub use line::{Body, Content, Direction, Line, Of, Unreadable};
pub use redact::{PointerError, Pointers};

use super::newcomer::Newcomer;
use super::roster::Guest;
use crate::clock::Timestamp;
use crate::config;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Captured, Path};
use arc_swap::ArcSwapOption;
use chosen::Chosen;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use writer::Writer;

/// Records that may wait for the writer.
const MOST_RECORDS: usize = 1024;
/// Bytes that may wait for it.
const MOST_BYTES: usize = 16 << 20;
/// What a record weighs beside its content.
const RECORD: usize = 128;
/// How long opening the file, or ending the writer before, may take.
const OPEN: Duration = Duration::from_secs(5);

/// Why a capture cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("capture.file = {path}: {source}")]
    Open {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What is to be blacked out is no pointer.
    #[error("capture.redact: {0}")]
    Pointer(#[from] PointerError),
}

impl CaptureError {
    /// The same word in metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            CaptureError::Open { .. } => "capture_file",
            CaptureError::Pointer(_) => "capture_redact",
        }
    }
}

/// A frame on its way to the file.
#[derive(Debug)]
struct Record {
    at: Timestamp,
    direction: Direction,
    guest: Arc<Guest>,
    conn: u64,
    path: Option<Path>,
    body: Body,
}

/// One capture that is going on.
#[derive(Debug)]
struct Going {
    chosen: Chosen,
    records: mpsc::Sender<Record>,
    waiting: Arc<AtomicUsize>,
    /// Ends the writer.
    stop: CancellationToken,
    /// The writer has ended.
    ended: CancellationToken,
}

/// See the module.
#[derive(Debug)]
pub struct Capture {
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Counts up whenever a capture begins or ends, so that connections look again.
    changes: AtomicU32,
    going: ArcSwapOption<Going>,
}

impl Capture {
    /// Off. The token ends whatever goes on at the end of the proxy.
    pub fn new(metrics: Arc<Metrics>, tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self { metrics, tasks, stop, changes: AtomicU32::new(0), going: ArcSwapOption::empty() })
    }

    /// Ends what goes on, and begins anew where the settings name a file: also the same one, which may have been
    /// rotated. Connections that are open are in it from their next frame on.
    ///
    /// # Errors
    /// The file cannot be opened; what went on before then goes on.
    pub async fn begin(self: &Arc<Self>, config: &config::Capture) -> Result<(), CaptureError> {
        let writer = match &config.file {
            Some(path) => Some(self.open(path.clone(), config).await?),
            None => None,
        };
        if let Some(before) = self.going.load_full() {
            self.end(&before);
            // It has its own deadlines; its last lines are to stand before the first new ones.
            let _ = timeout(OPEN, before.ended.cancelled()).await;
        }
        let (Some(writer), Some(path)) = (writer, &config.file) else { return Ok(()) };
        let (records, queue) = mpsc::channel(MOST_RECORDS);
        let waiting = Arc::new(AtomicUsize::new(0));
        let going = Arc::new(Going {
            chosen: Chosen::new(config),
            records,
            waiting: waiting.clone(),
            stop: self.stop.child_token(),
            ended: CancellationToken::new(),
        });
        let (this, mine) = (self.clone(), going.clone());
        self.tasks.spawn(async move {
            let _ended = mine.ended.clone().drop_guard();
            writer.run(queue, &waiting, &mine.stop, || this.end(&mine)).await;
        });
        self.going.store(Some(going));
        self.changes.fetch_add(1, Ordering::Release);
        tracing::info!(file = %path.display(), "V2 traffic is being captured");
        Ok(())
    }

    async fn open(&self, path: PathBuf, config: &config::Capture) -> Result<Writer, CaptureError> {
        let pointers = Pointers::parse(&config.redact)?;
        let of = path.clone();
        // A file on a disk that hangs, or a pipe that nobody reads, must not hold up the proxy.
        let opened = match timeout(OPEN, self.tasks.spawn_blocking(move || writer::open(&of))).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(_)) => Err(io::Error::other("opening it failed")),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        let (file, size) = opened.map_err(|source| CaptureError::Open { path, source })?;
        Ok(Writer::new(file, size, pointers, config, self.metrics.clone(), self.tasks.clone()))
    }

    /// No connection offers a record to this one any more.
    fn end(&self, going: &Arc<Going>) {
        going.stop.cancel();
        let before = self.going.compare_and_swap(&Some(going.clone()), None);
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, going)) {
            self.changes.fetch_add(1, Ordering::Release);
        }
    }

    fn offer(&self, record: Record) {
        let result = match self.going.load().as_ref() {
            Some(going) => going.offer(record),
            None => return,
        };
        if let Err(what) = result {
            self.metrics.capture_records.with((what,)).inc();
        }
    }
}

impl Going {
    fn offer(&self, record: Record) -> Result<(), Captured> {
        let weight = RECORD + record.body.len();
        let before = self.waiting.fetch_add(weight, Ordering::Relaxed);
        if before + weight <= MOST_BYTES && self.records.try_send(record).is_ok() {
            return Ok(());
        }
        self.waiting.fetch_sub(weight, Ordering::Relaxed);
        Err(Captured::Dropped)
    }
}

/// What one connection keeps of the capture: is it in? Looked up again only after a change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tap {
    seen: u32,
    is_in: bool,
}

impl Tap {
    /// Is this connection in it now? One load where nothing has changed.
    pub fn is_in(&mut self, capture: &Capture, newcomer: &Newcomer) -> bool {
        let changes = capture.changes.load(Ordering::Acquire);
        if changes != self.seen {
            self.seen = changes;
            self.is_in = capture.going.load().as_ref().is_some_and(|going| going.chosen.has(newcomer));
        }
        self.is_in
    }
}

/// A frame of a connection that is in it. Whoever hears V3 gets envelopes, which are no V2 traffic.
pub(super) fn take(
    capture: &Capture,
    (guest, conn): (&Arc<Guest>, u64),
    direction: Direction,
    path: Option<Path>,
    at: Timestamp,
    body: impl FnOnce() -> Option<Body>,
) {
    if direction == Direction::Out && guest.newcomer.hears_v3 {
        return;
    }
    if let Some(body) = body() {
        capture.offer(Record { at, direction, guest: guest.clone(), conn, path, body });
    }
}

#[cfg(test)]
mod tests;
