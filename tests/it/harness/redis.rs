//! A private, real Redis (or Valkey) server for one test: on loopback, in a folder of its own, dead when dropped.
//! Cluster and Sentinel are built from it in their own files.

use super::{PATIENCE, eventually, ports, process, redis_binary::redis_binary};
use redis::{FromRedisValue, Value, aio::MultiplexedConnection};
use std::{
    fs::{self, File},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::timeout;

/// Deadline of one command that a test sends.
const COMMAND: Duration = Duration::from_secs(5);

/// A running server, or one that was killed and can be restarted.
pub struct RedisServer {
    port: u16,
    child: Child,
    /// `redis.conf`, `log` and, when it is persistent, the data.
    dir: TempDir,
    /// Added to the command line of every start.
    arguments: Vec<String>,
}

impl RedisServer {
    /// A server without persistence: what it knows is gone after `restart`.
    pub async fn start() -> Self {
        Self::start_with(&["save \"\"", "appendonly no"], &[]).await
    }

    /// A server that still knows after `kill` and `restart` what it acknowledged before.
    pub async fn start_persistent() -> Self {
        Self::start_with(&["save \"\"", "appendonly yes", "appendfsync always"], &[]).await
    }

    /// A server with these lines of `redis.conf` and these arguments.
    pub async fn start_with(config: &[&str], arguments: &[&str]) -> Self {
        for _ in 0..20 {
            let (dir, port) = (tempfile::tempdir().unwrap(), ports::pick());
            let own = format!("port {port}\nbind 127.0.0.1\ndaemonize no\ndir {}\n", dir.path().display());
            fs::write(dir.path().join("redis.conf"), own + &config.join("\n") + "\n").unwrap();
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            let child = spawn(&dir, &arguments);
            let mut server = Self { port, child, dir, arguments };
            match server.wait_until_it_answers().await {
                Ok(()) => return server,
                Err(problem) if problem.contains("in use") => {} // another process took the port first
                Err(problem) => panic!("{problem}"),
            }
        }
        panic!("twenty ports in a row were taken by others");
    }

    /// `redis://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr())
    }

    /// Where it listens, also while it is dead.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote since its first start.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Stops it where it stands (SIGSTOP): connections stay open, the kernel still accepts, nothing is answered.
    pub async fn freeze(&self) {
        process::freeze(self.pid()).await;
    }

    /// Lets a frozen server go on, with all that has piled up.
    pub async fn thaw(&self) {
        process::thaw(self.pid()).await;
    }

    /// Ends it at once (SIGKILL), as a crash would. The port refuses connections until `restart`.
    pub fn kill(&mut self) {
        let _ = self.child.kill(); // it may be dead already
        self.child.wait().expect("a child can be waited for");
    }

    /// Starts it again on the same port, after a `kill` if it still runs.
    pub async fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.dir, &self.arguments);
        self.wait_until_it_answers().await.unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// Sends one command on a connection of its own; panics when Redis says no.
    pub async fn command(&self, words: &[&str]) -> Value {
        self.try_command(words).await.unwrap_or_else(|problem| panic!("{words:?} on {}: {problem}", self.url()))
    }

    /// The answer of one command in the type the test wants.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let value = self.command(words).await;
        redis::from_redis_value(value.clone()).unwrap_or_else(|problem| panic!("{words:?} gave {value:?}: {problem}"))
    }

    /// Sends one command.
    ///
    /// # Errors
    /// What Redis or the connection said, or that nothing came within five seconds.
    pub async fn try_command(&self, words: &[&str]) -> Result<Value, String> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let answer = async {
            let mut connection = self.connect().await?;
            command.query_async(&mut connection).await
        };
        timeout(COMMAND, answer)
            .await
            .map_err(|_| "no answer".to_owned())?
            .map_err(|e: redis::RedisError| e.to_string())
    }

    /// One field of `INFO`, such as `process_id` or `master_link_status`.
    pub async fn info(&self, field: &str) -> Option<String> {
        let value = self.try_command(&["INFO"]).await.ok()?;
        let text: String = redis::from_redis_value(value).ok()?;
        field_of(&text, field)
    }

    async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        // Its own deadlines off: they run on tokio's clock, which a test may have paused.
        let config = redis::AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        redis::Client::open(self.url())?.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Until the server that answers on the port is this one, and not a stranger's.
    async fn wait_until_it_answers(&mut self) -> Result<(), String> {
        let answered = eventually::look(
            PATIENCE,
            async || {
                let ended = self.child.try_wait().expect("a child can be asked");
                (ended.is_some(), self.info("process_id").await)
            },
            |(ended, pid)| *ended || pid.is_some(),
        )
        .await;
        match answered {
            Ok((false, Some(pid))) if pid == self.pid().to_string() => Ok(()),
            Ok((false, Some(pid))) => Err(format!("the port is in use: process {pid} answers")),
            _ => Err(format!("Redis did not start on port {}: {answered:?}\n{}", self.port, self.log())),
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The value of a `field:value` line, as `INFO` and `CLUSTER INFO` write them.
pub fn field_of(text: &str, field: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(|value| value.trim().to_owned())
}

fn spawn(dir: &TempDir, arguments: &[String]) -> Child {
    let log = File::options().create(true).append(true).open(dir.path().join("log")).unwrap();
    let binary = redis_binary();
    Command::new(&binary)
        .arg(dir.path().join("redis.conf"))
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(log.try_clone().unwrap())
        .stdout(log)
        .spawn()
        .unwrap_or_else(|problem| panic!("{} does not start: {problem}", binary.display()))
}

mod tests {
    use super::*;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn servers_are_private_and_end_with_the_test() {
        let (one, other) = tokio::join!(RedisServer::start(), RedisServer::start());
        one.command(&["SET", "key", "mine"]).await;
        assert_eq!(one.ask::<String>(&["GET", "key"]).await, "mine");
        assert_eq!(other.command(&["GET", "key"]).await, Value::Nil);
        assert!(one.try_command(&["NONSENSE"]).await.unwrap_err().contains("unknown command"));
        let (addr, pid) = (one.addr(), one.pid());
        drop(one);
        assert!(TcpStream::connect(addr).await.is_err());
        assert_eq!(process::state(pid), None);
    }

    #[tokio::test]
    async fn a_frozen_server_accepts_and_is_silent_until_it_thaws() {
        let server = RedisServer::start().await;
        server.freeze().await;
        assert!(TcpStream::connect(server.addr()).await.is_ok(), "the kernel accepts for it");
        let silent = timeout(Duration::from_millis(300), server.try_command(&["PING"])).await;
        assert!(silent.is_err(), "{silent:?}");
        server.thaw().await;
        assert_eq!(server.ask::<String>(&["PING"]).await, "PONG");
    }

    #[tokio::test]
    async fn a_restart_keeps_the_port_and_only_a_persistent_server_keeps_its_data() {
        for persistent in [false, true] {
            let mut server =
                if persistent { RedisServer::start_persistent().await } else { RedisServer::start().await };
            let (port, pid) = (server.port(), server.pid());
            server.command(&["SET", "key", "value"]).await;
            server.kill();
            assert!(TcpStream::connect(server.addr()).await.is_err(), "a killed server refuses");
            server.restart().await;
            assert!(server.port() == port && server.pid() != pid);
            assert_eq!(server.ask::<Option<String>>(&["GET", "key"]).await.is_some(), persistent);
        }
    }
}
