//! The proxy's own binary as a process of its own: started on free ports, watched, and dead when dropped.

use super::{PATIENCE, eventually, process};
use parking_lot::Mutex;
use std::{
    env,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tempfile::TempDir;

/// The name of its configuration file.
const CONFIG: &str = "config.toml";

/// How the proxy is to be started.
#[derive(Default)]
pub struct ProxyOptions {
    config: String,
    shipped: Option<PathBuf>,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl ProxyOptions {
    /// One more line of the configuration file, such as `hub.url = "redis://…"`.
    pub fn line(mut self, line: &str) -> Self {
        self.config.push_str(line);
        self.config.push('\n');
        self
    }

    /// Its configuration file is this one, as it is shipped: `examples/redis.toml`. Lines go nowhere then.
    pub fn shipped(mut self, name: &str) -> Self {
        self.shipped = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name));
        self
    }

    /// One more variable. Those of the harness itself are weaker.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One more argument, after `serve --config FILE`.
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts it and waits until it listens; panics with its output when it does not.
    pub async fn start(self) -> ProxyProcess {
        self.try_start().await.unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// That it ended or said nothing in time, with its output.
    pub async fn try_start(self) -> Result<ProxyProcess, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = self.shipped.unwrap_or_else(|| dir.path().join(CONFIG));
        if file.starts_with(dir.path()) {
            std::fs::write(&file, &self.config).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_aether-proxy"));
        // The variables of whoever runs the tests must not change what is tested.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AETHER_")) {
            command.env_remove(name);
        }
        command.env("AETHER_LISTEN__CLIENTS", "127.0.0.1:0").env("AETHER_LISTEN__ADMIN", "127.0.0.1:0");
        command
            .env("NO_COLOR", "1")
            .envs(self.environment)
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .args(self.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let readers = [
            collect(child.stdout.take().expect("it was piped"), &output),
            collect(child.stderr.take().expect("it was piped"), &output),
        ];
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut proxy = ProxyProcess { child, clients: unknown, admin: unknown, output, readers: readers.into(), dir };
        let started = eventually::look(
            PATIENCE,
            async || (proxy.child.try_wait().expect("a child can be asked"), addresses(&proxy.output.lock())),
            |(ended, found)| ended.is_some() || found.is_some(),
        )
        .await;
        match started {
            Ok((None, Some((clients, admin)))) => {
                (proxy.clients, proxy.admin) = (clients, admin);
                Ok(proxy)
            }
            Ok((Some(status), _)) => {
                proxy.read_to_end();
                Err(format!("the proxy ended ({status}) instead of listening; it said:\n{}", proxy.output()))
            }
            _ => Err(format!("the proxy did not listen within {PATIENCE:?}; it said:\n{}", proxy.output())),
        }
    }
}

/// A running proxy.
pub struct ProxyProcess {
    child: Child,
    clients: SocketAddr,
    admin: SocketAddr,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    dir: TempDir,
}

impl ProxyProcess {
    /// A proxy with these lines of configuration.
    pub async fn start(config: &[&str]) -> Self {
        config.iter().fold(ProxyOptions::default(), |options, line| options.line(line)).start().await
    }

    /// Where clients connect.
    pub fn clients(&self) -> SocketAddr {
        self.clients
    }

    /// Where operators look.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// `ws://…` for a path that begins with `/`.
    pub fn client_url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.clients)
    }

    /// `http://…` of the operators' listener for a path that begins with `/`.
    pub fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    /// Writes another configuration file in the place of its own; it is read when the proxy gets a HUP.
    pub fn configure(&self, text: &str) {
        std::fs::write(self.dir.path().join(CONFIG), text).unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has written to stdout and stderr; complete after `wait_exit`.
    pub fn output(&self) -> String {
        self.output.lock().clone()
    }

    /// Sends a signal by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        process::signal(self.pid(), name);
    }

    /// Waits until it has ended by itself; panics with its output when it does not.
    pub async fn wait_exit(&mut self, within: Duration) -> ExitStatus {
        let ended = eventually::look(within, async || self.child.try_wait().unwrap(), Option::is_some).await;
        let Ok(Some(status)) = ended else { panic!("the proxy still runs after {within:?}:\n{}", self.output()) };
        self.read_to_end();
        status
    }

    /// The pipes end with the process.
    fn read_to_end(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader does not panic");
        }
    }
}

impl Drop for ProxyProcess {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the proxy at {} said:\n{}---", self.clients, self.output.lock());
        }
    }
}

/// Copies a pipe line by line, for as long as it is open. A thread: it must go on while the test's runtime is busy.
fn collect(pipe: impl Read + Send + 'static, output: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let output = output.clone();
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            output.lock().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

/// The addresses in the line that says `listening`, in a text log (`clients=…`) or a JSON log (`"clients":"…"`).
fn addresses(output: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (whole, _) = output.rsplit_once('\n')?;
    let line = whole.lines().find(|line| line.contains("listening") && line.contains("clients"))?;
    let address = |key: &str| {
        let rest = [format!("{key}="), format!("\"{key}\":")].iter().find_map(|key| line.split_once(key.as_str()))?.1;
        let end = |c: char| c.is_whitespace() || matches!(c, '"' | ',' | '}');
        rest.trim_start_matches(['"', ' ']).split(end).next()?.parse().ok()
    };
    Some((address("clients")?, address("admin")?))
}

mod tests {
    use super::*;

    #[test]
    fn the_addresses_are_read_from_both_kinds_of_log() {
        let expected = Some(("127.0.0.1:4711".parse().unwrap(), "[::1]:4712".parse().unwrap()));
        let text = "INFO starting\n2026-03-11T12:34:56Z  INFO app: listening clients=127.0.0.1:4711 admin=[::1]:4712\n";
        let json = "{\"fields\":{\"message\":\"listening\",\"clients\":\"127.0.0.1:4711\",\"admin\":\"[::1]:4712\"}}\n";
        assert_eq!((addresses(text), addresses(json)), (expected, expected));
        assert_eq!(addresses(text.trim_end()), None, "half a line is no line");
        assert_eq!(addresses("INFO listening soon\n"), None);
    }

    #[tokio::test]
    async fn a_proxy_that_ends_at_once_is_a_failure_with_its_output() {
        let problem = ProxyOptions::default().arg("--no-such-flag").try_start().await.err().unwrap();
        assert!(problem.contains("the proxy ended"), "{problem}");
    }
}
