//! Owns the processes under test: the proxy's own binary and a private Redis, on a core of their own if wanted,
//! and dead when dropped.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to answer: on a busy machine Redis reads its data for a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// The Redis (or Valkey) to use, found in the order of the test harness: a variable, the PATH, the wheel that
/// `tests/run` installs.
pub fn find_redis() -> Option<PathBuf> {
    if let Some(named) = env::var_os("AETHER_TEST_REDIS").filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let on_path =
        ["redis-server", "valkey-server"].into_iter().flat_map(|name| folders.iter().map(move |f| f.join(name)));
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("venv").join("valkey-server");
    on_path.chain([venv]).find(|candidate| candidate.is_file())
}

/// How servers are started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// On the first core, so that what is measured and what measures do not compete.
    pub pinned: bool,
    /// Ctrl-C in the terminal is not for them: whoever started them ends them when it is done.
    pub apart: bool,
}

impl Manner {
    fn command(self, program: &Path) -> Command {
        let mut command = if self.pinned {
            let mut command = Command::new("taskset");
            command.args(["-c", "0"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        if self.apart {
            command.process_group(0);
        }
        command
    }
}

/// Moves this process to the second core. False where that cannot be done: one core, or no `taskset`.
pub fn pin_self() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let own = std::process::id().to_string();
    let moved = || Command::new("taskset").args(["-a", "-c", "-p", "1", &own]).stdout(Stdio::null()).status();
    cores > 1 && moved().is_ok_and(|status| status.success())
}

/// A process that ends with its value.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal by its name without `SIG`: `TERM`, `HUP`, `STOP`.
///
/// # Errors
/// There is no such process.
pub fn signal(pid: u32, name: &str) -> io::Result<()> {
    // The shell's own kill: /bin/kill is not everywhere.
    let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()]).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("SIG{name} could not be sent to {pid}"))) }
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    process: Process,
    /// Where clients connect.
    pub clients: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
}

impl Proxy {
    /// Starts it on free ports. What it says goes to `log`, from the moment it listens.
    ///
    /// # Errors
    /// It ended; and what it said.
    pub fn start(
        program: &Path,
        manner: Manner,
        environment: Vec<(OsString, OsString)>,
        mut log: impl Write + Send + 'static,
    ) -> Result<Self, String> {
        let mut command = manner.command(program);
        // Whoever runs the benchmark must not change by chance what is measured.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AETHER_")) {
            command.env_remove(name);
        }
        command
            .env("AETHER_LISTEN__CLIENTS", "127.0.0.1:0")
            .env("AETHER_LISTEN__ADMIN", "127.0.0.1:0")
            // Only the line that tells the ports, and trouble: a line per connection would be measured too.
            .env("AETHER_TELEMETRY__LOG_LEVEL", "warn,aether_proxy::cli=info")
            .env("NO_COLOR", "1")
            .envs(environment)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Process(command.spawn().map_err(|error| format!("{}: {error}", program.display()))?);
        let mut said = BufReader::new(process.0.stderr.take().ok_or("stderr is piped")?);
        let (mut before, mut line) = (String::new(), String::new());
        while said.read_line(&mut line).is_ok_and(|n| n > 0) {
            if let (Some(clients), Some(admin)) = (address(&line, "clients="), address(&line, "admin=")) {
                std::thread::spawn(move || io::copy(&mut said, &mut log));
                return Ok(Self { process, clients, admin });
            }
            before.push_str(&std::mem::take(&mut line));
        }
        Err(format!("the proxy ended instead of listening; it said:\n{before}"))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// How it ended; none while it runs.
    ///
    /// # Errors
    /// The kernel's.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.0.try_wait()
    }
}

/// The address behind a word of the line that tells where it listens.
fn address(line: &str, word: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening ")?.1.split_once(word)?;
    rest.split_whitespace().next()?.parse().ok()
}

/// What a Redis keeps when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing.
    None,
    /// Everything it has answered: it writes before it answers, and the kernel outlives it.
    All,
}

/// A private Redis.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    persistence: Persistence,
    manner: Manner,
    folder: TempDir,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
}

impl Redis {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// There is none, or it does not answer.
    pub fn start(persistence: Persistence, manner: Manner) -> Result<Self, String> {
        let mut problem = String::new();
        for _ in 0..5 {
            let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
            let port = listener.local_addr().map_err(|error| error.to_string())?.port();
            drop(listener);
            let process = serve(persistence, manner, &folder, port)?;
            match wait_for_redis(port) {
                Ok(()) => return Ok(Self { process, persistence, manner, folder, port }),
                // Another process may have taken the port first.
                Err(why) => problem = why,
            }
        }
        Err(format!("Redis does not answer: {problem}"))
    }

    /// What a proxy is told.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Kills it and starts it again on the same port, with the data it kept, or with none.
    ///
    /// # Errors
    /// It does not answer any more.
    pub fn restart(mut self, with_data: bool) -> Result<Self, String> {
        drop(self.process);
        if !with_data {
            self.folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        }
        self.process = serve(self.persistence, self.manner, &self.folder, self.port)?;
        wait_for_redis(self.port)?;
        Ok(self)
    }
}

fn serve(persistence: Persistence, manner: Manner, folder: &TempDir, port: u16) -> Result<Process, String> {
    let program = find_redis().ok_or("no Redis: install redis-server, or name one in AETHER_TEST_REDIS")?;
    let appendonly = if persistence == Persistence::All { "yes" } else { "no" };
    let child = manner
        .command(&program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", appendonly])
        .args(["--appendfsync", "no", "--auto-aof-rewrite-min-size", "16mb", "--dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    child.map(Process).map_err(|error| format!("{}: {error}", program.display()))
}

fn wait_for_redis(port: u16) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let asked = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok::<bool, std::io::Error>(&answer == b"+PONG")
    };
    loop {
        match asked() {
            Ok(true) => return Ok(()),
            Err(error) if Instant::now() > until => return Err(error.to_string()),
            Ok(false) if Instant::now() > until => return Err("it is no Redis, or still loads its data".into()),
            _ => std::thread::park_timeout(Duration::from_millis(20)),
        }
    }
}
