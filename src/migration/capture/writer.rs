//! Owns the file of a capture and the only task that writes it: what is blacked out is so before it is in any buffer of
//! lines, the file never grows above its size, and a disk that is slow or full costs records, not clients.

use super::line::{Body, Line, Of};
use super::redact::Pointers;
use super::{RECORD, Record};
use crate::config::{self, Opaque};
use crate::dialect::Protocol;
use crate::envelope::GroupId;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Captured, Path};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A line waits in memory no longer than this.
const FLUSH: Duration = Duration::from_secs(1);
/// Bytes that are written at once.
const AT_ONCE: usize = 256 << 10;
/// How long the disk may take for them.
const WRITE: Duration = Duration::from_secs(5);

/// Opens the file for writing at its end, and says how long it is. It is made for its owner's eyes only.
///
/// # Errors
/// The system's.
pub fn open(path: &std::path::Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

/// See the module.
#[derive(Debug)]
pub struct Writer {
    file: Arc<File>,
    /// Bytes of the file, and of what waits for it.
    size: u64,
    most: u64,
    pointers: Pointers,
    opaque: Opaque,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    /// Lines that wait for the file.
    waiting: Vec<u8>,
    lines: u64,
    /// The last write failed, perhaps in the middle of a line.
    failed: bool,
}

/// Nothing more can be written.
struct Over;

impl Writer {
    /// Over a file that was opened and has this size.
    pub fn new(
        file: File,
        size: u64,
        pointers: Pointers,
        config: &config::Capture,
        metrics: Arc<Metrics>,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            file: Arc::new(file),
            size,
            most: config.max_size as u64,
            pointers,
            opaque: config.opaque,
            metrics,
            tasks,
            waiting: Vec::new(),
            lines: 0,
            failed: false,
        }
    }

    /// Writes what comes until it is stopped or can write no more; then calls `end` and counts what is left.
    pub async fn run(
        mut self,
        mut queue: mpsc::Receiver<Record>,
        waiting: &AtomicUsize,
        stop: &CancellationToken,
        end: impl FnOnce(),
    ) {
        let took = |record: &Record| waiting.fetch_sub(RECORD + record.body.len(), Ordering::Relaxed);
        let mut flush_at = Instant::now();
        let mut over = None;
        loop {
            let record = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                record = queue.recv() => record,
                () = sleep_until(flush_at), if !self.waiting.is_empty() => None,
            };
            if let Some(record) = record {
                took(&record);
                if self.waiting.is_empty() {
                    flush_at = Instant::now() + FLUSH;
                }
                over = self.take(&record).err();
            }
            if over.is_none() && (self.waiting.len() >= AT_ONCE || Instant::now() >= flush_at) {
                over = self.flush().await.err();
            }
            if over.is_some() {
                break;
            }
        }
        end();
        queue.close();
        while let Ok(record) = queue.try_recv() {
            took(&record);
            match over {
                None => over = self.take(&record).err(),
                Some(Over) => self.count(Captured::Full, 1),
            }
        }
        let _ = self.flush().await;
    }

    fn count(&self, what: Captured, n: u64) {
        self.metrics.capture_records.with((what,)).inc_by(n);
    }

    /// Puts a record among the lines.
    fn take(&mut self, record: &Record) -> Result<(), Over> {
        let Ok(line) = self.line(record) else {
            self.count(Captured::Error, 1);
            return Ok(());
        };
        let size = self.size + line.len() as u64 + 1;
        if size > self.most {
            self.count(Captured::Full, 1);
            tracing::warn!(bytes = self.size, "the capture's file is full; a reload with another file begins anew");
            return Err(Over);
        }
        self.size = size;
        self.lines += 1;
        self.waiting.extend_from_slice(line.as_bytes());
        self.waiting.push(b'\n');
        Ok(())
    }

    fn line(&self, record: &Record) -> serde_json::Result<String> {
        let newcomer = &record.guest.newcomer;
        let of = Of {
            at: record.at,
            dir: record.direction,
            dialect: newcomer.dialect(),
            tenant: &newcomer.tenant,
            group: newcomer.group.as_ref().map(GroupId::as_str),
            client: newcomer.client.as_str(),
            conn: record.conn,
            hears: newcomer.hears_v3.then(|| Protocol::label(Protocol::V3)),
            path: record.path.map(Path::label),
        };
        let line = match &record.body {
            Body::Text(text) => match (self.pointers.redact(text), self.opaque) {
                (Some((text, redacted)), _) => Line::text(of, text, redacted),
                (None, Opaque::Keep) => Line::text(of, text.as_str().into(), 0),
                (None, Opaque::Length) => Line::length(of, &record.body),
            },
            Body::Binary(bytes) if self.opaque == Opaque::Keep => Line::binary(of, bytes),
            Body::Binary(_) => Line::length(of, &record.body),
        };
        line.write()
    }

    /// Writes the lines to the file.
    async fn flush(&mut self) -> Result<(), Over> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (mut lines, n) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.lines));
        if self.failed {
            // Half a line may stand there: what comes now begins on one of its own.
            lines.insert(0, b'\n');
            self.size += 1;
        }
        let file = self.file.clone();
        let written = self.tasks.spawn_blocking(move || (&*file).write_all(&lines));
        let written = match timeout(WRITE, written).await {
            Ok(Ok(written)) => written,
            Ok(Err(_)) => Err(io::Error::other("the write failed")),
            Err(_) => {
                self.count(Captured::Error, n);
                tracing::error!("the capture ends: its disk takes nothing");
                return Err(Over);
            }
        };
        let failed_before = std::mem::replace(&mut self.failed, written.is_err());
        self.count(if self.failed { Captured::Error } else { Captured::Written }, n);
        if let Err(error) = written
            && !failed_before
        {
            tracing::error!(%error, "the capture cannot be written; frames are missing in it");
        }
        Ok(())
    }
}
