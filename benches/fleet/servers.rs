//! Owns the processes under test: the proxy's own binary and a private Redis, each on a core of its own,
//! fresh for each measurement and dead when dropped.

use super::options::HubKind;
use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Keeps a command on the first core, so that what is measured and what measures do not compete.
fn command(program: &Path, pinned: bool) -> Command {
    if !pinned {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
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

/// What a measurement needs to run.
#[derive(Debug)]
pub struct Servers {
    proxy: Process,
    redis: Option<(Process, TempDir)>,
    /// Where clients connect.
    pub clients: SocketAddr,
}

impl Servers {
    /// Starts the proxy, and before it a Redis where the hub is to be one. `settings` are variables.
    ///
    /// # Errors
    /// What did not start, and what it said.
    pub fn start(proxy: &Path, hub: HubKind, pinned: bool, settings: &[(&str, String)]) -> Result<Self, String> {
        let mut environment: Vec<(OsString, OsString)> =
            settings.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let redis = match hub {
            HubKind::Memory => None,
            HubKind::Redis => {
                let (process, folder, port) = start_redis(pinned)?;
                environment.push(("AETHER_HUB__URL".into(), format!("redis://127.0.0.1:{port}").into()));
                Some((process, folder))
            }
        };
        let (proxy, clients) = start_proxy(proxy, pinned, environment)?;
        Ok(Self { proxy, redis, clients })
    }

    /// The proxy's process id.
    pub fn proxy(&self) -> u32 {
        self.proxy.0.id()
    }

    /// The process id of Redis.
    pub fn redis(&self) -> Option<u32> {
        self.redis.as_ref().map(|(process, _)| process.0.id())
    }
}

fn start_proxy(
    program: &Path,
    pinned: bool,
    environment: Vec<(OsString, OsString)>,
) -> Result<(Process, SocketAddr), String> {
    let mut command = command(program, pinned);
    // Whoever runs the benchmark must not change by chance what is measured.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AETHER_")) {
        command.env_remove(name);
    }
    command
        .env("AETHER_LISTEN__CLIENTS", "127.0.0.1:0")
        .env("AETHER_LISTEN__ADMIN", "127.0.0.1:0")
        // Only the line that tells the port, and trouble: a line per connection would be measured too.
        .env("AETHER_TELEMETRY__LOG_LEVEL", "warn,aether_proxy::cli=info")
        .env("NO_COLOR", "1")
        .envs(environment)
        .arg("serve")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = Process(command.spawn().map_err(|error| format!("{}: {error}", program.display()))?);
    let mut log = BufReader::new(child.0.stderr.take().ok_or("stderr is piped")?);
    let (mut said, mut line) = (String::new(), String::new());
    while log.read_line(&mut line).is_ok_and(|n| n > 0) {
        if let Some(address) = line.split("listening clients=").nth(1).and_then(|rest| rest.split_whitespace().next()) {
            let address = address.parse().map_err(|_| format!("no address: {line}"))?;
            // The rest is shown: the proxy has nothing to say unless something is wrong.
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
            return Ok((child, address));
        }
        said.push_str(&std::mem::take(&mut line));
    }
    Err(format!("the proxy ended instead of listening; it said:\n{said}"))
}

fn start_redis(pinned: bool) -> Result<(Process, TempDir, u16), String> {
    let program = find_redis().ok_or("no Redis: install redis-server, or name one in AETHER_TEST_REDIS")?;
    let mut problem = String::new();
    for _ in 0..5 {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        drop(listener);
        let child = command(&program, pinned)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let process = Process(child.map_err(|error| format!("{}: {error}", program.display()))?);
        match wait_for_redis(port) {
            Ok(()) => return Ok((process, folder, port)),
            // Another process may have taken the port first.
            Err(why) => problem = why,
        }
    }
    Err(format!("{} does not answer: {problem}", program.display()))
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
            Ok(false) => return Err("something else answers there".into()),
            Err(error) if Instant::now() > until => return Err(error.to_string()),
            Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
        }
    }
}
