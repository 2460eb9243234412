//! Owns the store's connection to Redis: opened when it is needed, thrown away when something is wrong with it, opened
//! anew where the data is by then. Nobody waits longer than the deadlines; between two attempts nobody waits at all.

use crate::migration::store::StoreError;
use crate::redis_client::{Backoff, ConnectError, Connector, Mode, Node};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, ScriptInvocation, ServerErrorKind};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Something to ask. Asked twice it must come to the same.
#[derive(Clone, Copy)]
pub enum Request<'r> {
    /// A script.
    Script(&'r ScriptInvocation<'r>),
    /// Commands.
    Pipe(&'r Pipeline),
}

impl<'r> From<&'r Pipeline> for Request<'r> {
    fn from(pipe: &'r Pipeline) -> Self {
        Self::Pipe(pipe)
    }
}

impl<'r> From<&'r ScriptInvocation<'r>> for Request<'r> {
    fn from(script: &'r ScriptInvocation<'r>) -> Self {
        Self::Script(script)
    }
}

impl Request<'_> {
    async fn send<T: FromRedisValue>(self, mut to: MultiplexedConnection) -> RedisResult<T> {
        match self {
            Request::Script(script) => script.invoke_async(&mut to).await,
            Request::Pipe(pipe) => pipe.query_async(&mut to).await,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Server {
    connector: Connector,
    deadline: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Numbered, so that who fails late does not throw away a newer one.
    open: Option<(u64, Node, MultiplexedConnection)>,
    opened: u64,
    /// Where a node of a cluster says that the data is.
    moved: Option<Node>,
    /// Which of the nodes in the address to ask first.
    turn: usize,
    not_before: Option<Instant>,
    backoff: Backoff,
}

impl Server {
    /// Not connected yet.
    pub fn new(connector: Connector, deadline: Duration) -> Self {
        Self { connector, deadline, state: Mutex::default() }
    }

    /// Asks, on a new connection where there is none.
    ///
    /// # Errors
    /// It is away, too slow, or says something else than it should.
    pub async fn ask<'r, T: FromRedisValue>(&self, request: impl Into<Request<'r>>) -> Result<T, StoreError> {
        let request = request.into();
        let mut hops = 2;
        loop {
            let (number, node, connection) = self.connection().await?;
            let error = match timeout(self.deadline, request.send(connection)).await {
                Ok(Ok(answer)) => {
                    self.state.lock().backoff.reset();
                    return Ok(answer);
                }
                Ok(Err(error)) => error,
                Err(_) => RedisError::from((ErrorKind::Io, "no answer in time")),
            };
            tracing::debug!(%error, %node, "the store of the migration");
            let moved = moved_to(&error, &node);
            if moved.is_none() && is_refusal(&error) {
                return Err(StoreError::Corrupt);
            }
            self.drop_connection(number, moved.clone());
            hops -= 1;
            if moved.is_none() || hops == 0 {
                return Err(StoreError::Unavailable);
            }
        }
    }

    fn drop_connection(&self, number: u64, moved: Option<Node>) {
        let mut state = self.state.lock();
        if state.open.as_ref().is_some_and(|(open, ..)| *open == number) {
            state.open = None;
            if moved.is_none() {
                state.wait();
            }
            state.moved = moved;
        }
    }

    async fn connection(&self) -> Result<(u64, Node, MultiplexedConnection), StoreError> {
        let (moved, turn) = {
            let mut state = self.state.lock();
            if let Some(open) = &state.open {
                return Ok(open.clone());
            }
            if state.not_before.is_some_and(|at| Instant::now() < at) {
                return Err(StoreError::Unavailable);
            }
            state.turn = state.turn.wrapping_add(1);
            (state.moved.take(), state.turn.wrapping_sub(1))
        };
        // Two may open at the same time; the later one stays.
        match self.connect(moved, turn).await {
            Ok((node, connection)) => {
                let mut state = self.state.lock();
                state.opened += 1;
                let open = (state.opened, node, connection);
                state.open = Some(open.clone());
                state.not_before = None;
                Ok(open)
            }
            Err(error) => {
                tracing::debug!(%error, "the store of the migration cannot be reached");
                self.state.lock().wait();
                Err(StoreError::Unavailable)
            }
        }
    }

    async fn connect(&self, moved: Option<Node>, turn: usize) -> Result<(Node, MultiplexedConnection), ConnectError> {
        let target = self.connector.target();
        let node = match (&target.mode, moved) {
            (Mode::Cluster, Some(node)) => node,
            (Mode::Sentinel(name), _) => self.connector.master(name).await?,
            // Each time another: it may be dead, or cut off. Who does not have the data says who does.
            _ => target.nodes.get(turn % target.nodes.len().max(1)).cloned().ok_or(ConnectError::NoMaster)?,
        };
        let connection = self.connector.command(&node).await?;
        Ok((node, connection))
    }
}

impl State {
    fn wait(&mut self) {
        self.not_before = Some(Instant::now() + self.backoff.next());
    }
}

/// Where the data is, if this says so.
fn moved_to(error: &RedisError, asked: &Node) -> Option<Node> {
    let errors = error.clone().into_server_errors()?;
    let moved = errors.iter().find(|(_, error)| error.kind() == Some(ServerErrorKind::Moved))?;
    let (host, port) = moved.1.details()?.split_ascii_whitespace().nth(1)?.rsplit_once(':')?;
    // Without a host it is that of whoever answers.
    let host = if host.is_empty() || host == "?" { &asked.host } else { host };
    Some(Node { host: host.trim_matches(['[', ']']).to_owned(), port: port.parse().ok()? })
}

/// Is it about what was asked, or what lies there, so that asking again changes nothing?
fn is_refusal(error: &RedisError) -> bool {
    if error.kind() == ErrorKind::UnexpectedReturnType {
        return true;
    }
    let Some(errors) = error.clone().into_server_errors() else { return false };
    let Some((_, error)) = errors.first() else { return false };
    // Redis 6 wraps what a script met into an error of the script.
    let passing = ["OOM", "READONLY", "MISCONF", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN"];
    let passes = error.details().is_some_and(|text| passing.iter().any(|word| text.contains(word)));
    matches!(error.code(), "ERR" | "WRONGTYPE") && !passes
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::make_extension_error;

    fn error(code: &str, detail: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{code} {detail}\r\n").as_bytes()).expect("an answer");
        value.extract_error().expect_err("an error")
    }

    #[test]
    fn who_has_the_data_is_read_whatever_the_address() {
        let asked = Node { host: "h".into(), port: 1 };
        for (detail, host) in [("5 10.0.0.1:7000", "10.0.0.1"), ("5 :7000", "h"), ("5 fe80::1:7000", "fe80::1")] {
            let node = moved_to(&error("MOVED", detail), &asked).expect("a node");
            assert_eq!((node.host.as_str(), node.port), (host, 7000));
        }
        assert_eq!(moved_to(&error("ASK", "5 10.0.0.1:7000"), &asked), None);
    }

    #[test]
    fn only_what_asking_again_cannot_mend_is_a_refusal() {
        assert!(is_refusal(&error("ERR", "user_script:3: attempt to index a nil value")));
        assert!(is_refusal(&error("WRONGTYPE", "Operation against a key")));
        for (code, detail) in
            [("ERR", "Error running script: -OOM command not allowed"), ("LOADING", "x"), ("OOM", "x")]
        {
            assert!(!is_refusal(&error(code, detail)), "{code} {detail}");
        }
        assert!(!is_refusal(&make_extension_error("NOPERM".into(), None)));
        assert!(!is_refusal(&RedisError::from((ErrorKind::Io, "gone"))));
    }
}
