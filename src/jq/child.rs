//! Owns one child process as its parent sees it: started with nothing of ours, asked one thing at a time, each with a
//! deadline, and gone when it is not needed any more.

use super::protocol::{self, HEAD, Hello};
use super::{Failure, Limits, Problem, Settings, WORKER};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{self, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// From the start of the process to its filters being ready.
const START: Duration = Duration::from_secs(10);
/// For a process that was killed to be gone.
const END: Duration = Duration::from_secs(2);
/// For a process that ends by itself, and for its last words.
const MOMENT: Duration = Duration::from_millis(200);
/// The longest last words, in characters.
const LAST_WORDS: usize = 200;
/// Signals others send. A process that ends by one of them was not ended by the text it had.
const OUTSIDE: [i32; 4] = [1, 2, 9, 15];

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub enum NoChild {
    /// The filters are none.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Problems(Vec<Problem>),
    /// The program cannot be started, or does not say what a worker says.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not ready in time.
    #[error("not ready within 10 seconds")]
    Timeout,
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// Not in time.
    Timeout,
    /// The process ended, or does not keep to the protocol.
    Gone,
}

/// A process that runs filters.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: ChildStderr,
    limits: Limits,
    /// What was read last; its memory is used again.
    body: Vec<u8>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// None when the kernel did not say in time.
    status: Option<ExitStatus>,
    /// The first line it wrote to standard error: of Rust's runtime, or of a panic; never of a message.
    pub last_words: String,
}

impl Ended {
    /// Somebody ended it who knew nothing of what it was doing.
    pub fn by_others(&self) -> bool {
        self.status.and_then(|status| status.signal()).is_some_and(|signal| OUTSIDE.contains(&signal))
    }

    /// How, in words.
    pub fn how(&self) -> String {
        self.status.map_or_else(|| "unknown".to_owned(), |status| status.to_string())
    }
}

impl Child {
    /// Starts a process and waits until its filters are ready.
    ///
    /// # Errors
    /// The filters are none, or there is no such process.
    pub async fn start(settings: &Settings) -> Result<Self, NoChild> {
        let mut process = Command::new(&settings.program)
            .arg0("aether-proxy")
            .arg(WORKER)
            // Secrets are in ours.
            .env_clear()
            // glibc would set 64 MiB aside for a second thread, out of reach of the limit for memory.
            .env("MALLOC_ARENA_MAX", "1")
            .current_dir("/")
            // Ctrl-C is for the proxy, which goes on with its clients for a while.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let mut child = Self {
            input: process.stdin.take().ok_or_else(missing)?,
            output: BufReader::new(process.stdout.take().ok_or_else(missing)?),
            errors: process.stderr.take().ok_or_else(missing)?,
            process,
            limits: settings.limits,
            body: Vec::new(),
        };
        let Settings { to_v3, to_v2, limits, .. } = settings;
        let hello = Hello { to_v3: to_v3.clone(), to_v2: to_v2.clone(), limits: *limits };
        let hello = protocol::json(&hello)?;
        let problems = timeout(START, async {
            child.say(&hello).await?;
            protocol::read_problems(&child.body)
        });
        match problems.await {
            Ok(Ok(problems)) if problems.is_empty() => Ok(child),
            Ok(Ok(problems)) => Err(NoChild::Problems(problems)),
            Ok(Err(error)) => {
                let ended = child.end(false).await;
                Err(io::Error::new(error.kind(), format!("{error} ({}: {})", ended.how(), ended.last_words)).into())
            }
            Err(_) => Err(NoChild::Timeout),
        }
    }

    /// Its number; none when it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Says a frame and waits for the answer. After an error the process is of no use any more: end it.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn call(&mut self, frame: &[u8]) -> Result<Result<Vec<String>, Failure>, NoAnswer> {
        let time = self.limits.time;
        let answer = async {
            self.say(frame).await?;
            protocol::read_answer(&self.body)
        };
        match timeout(time, answer).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(NoAnswer::Gone),
            Err(_) => Err(NoAnswer::Timeout),
        }
    }

    /// The caller has the deadline.
    async fn say(&mut self, frame: &[u8]) -> io::Result<()> {
        self.input.write_all(frame).await?;
        let mut head = [0; HEAD];
        self.output.read_exact(&mut head).await?;
        let length = protocol::length(head);
        if length > self.limits.output.saturating_add(protocol::BESIDE) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.body.clear();
        self.body.shrink_to(protocol::BESIDE);
        self.body.resize(length, 0);
        self.output.read_exact(&mut self.body).await?;
        Ok(())
    }

    /// Waits until it has ended by itself, however long that takes.
    pub async fn ended(&mut self) {
        let _ = self.process.wait().await;
    }

    /// Ends it. One that is ending by itself gets a moment to do so: its status says why.
    pub async fn end(self, at_once: bool) -> Ended {
        let Self { mut process, input, errors, .. } = self;
        // It ends when nobody speaks to it any more.
        drop(input);
        let by_itself = if at_once { None } else { timeout(MOMENT, process.wait()).await.ok() };
        let status = match by_itself {
            Some(status) => status.ok(),
            None => {
                let _ = process.start_kill();
                timeout(END, process.wait()).await.ok().and_then(Result::ok)
            }
        };
        let mut words = Vec::new();
        let _ = timeout(MOMENT, errors.take(4 * LAST_WORDS as u64).read_to_end(&mut words)).await;
        let words = String::from_utf8_lossy(&words);
        let line = words.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let last_words = line.chars().take(LAST_WORDS).flat_map(char::escape_debug).collect();
        Ended { status, last_words }
    }
}
