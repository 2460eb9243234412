//! Owns the servers on stage: Redis and two proxies, and how each is started, broken and started again. The first
//! proxy stays for the whole run, so that its memory can be watched; the second is the one that is restarted.

use super::common::servers::{Manner, Persistence, Proxy, Redis, signal};
use super::options::Options;
use super::plan::{TENANTS, key};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// How long a drained proxy may take to end.
const DRAIN: Duration = Duration::from_secs(30);
/// How long a server may take to answer a question.
const ANSWER: Duration = Duration::from_secs(10);

/// What stays the same for all proxies.
#[derive(Debug)]
struct Common {
    program: PathBuf,
    folder: TempDir,
}

/// All servers.
#[derive(Debug)]
pub struct Stage {
    common: Common,
    redis: Option<Redis>,
    proxies: [Option<Proxy>; 2],
    /// How often settings were written.
    written: u32,
}

impl Stage {
    /// Starts everything.
    ///
    /// # Errors
    /// What did not start.
    pub fn start(options: &Options) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let redis = Redis::start(Persistence::All, manner())?;
        let common = Common { program: options.proxy.clone(), folder };
        let mut stage = Self { common, redis: Some(redis), proxies: [None, None], written: 0 };
        stage.write_settings()?;
        for at in 0..2 {
            stage.proxies[at] = Some(stage.common.proxy()?);
        }
        Ok(stage)
    }

    /// A proxy, while it is there.
    pub fn proxy(&self, at: usize) -> Option<&Proxy> {
        self.proxies[at].as_ref()
    }

    /// Redis, while it is there.
    pub fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    /// Did a proxy end that nobody ended?
    pub fn dead(&mut self) -> Option<String> {
        self.proxies.iter_mut().enumerate().find_map(|(at, proxy)| {
            let status = proxy.as_mut()?.ended().ok()??;
            Some(format!("{} ended by itself: {status}", name(at)))
        })
    }

    /// What the proxies said, line by line.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.common.log()).unwrap_or_default()
    }

    /// Writes the settings anew, a little different each time.
    ///
    /// # Errors
    /// The kernel's.
    pub fn write_settings(&mut self) -> Result<(), String> {
        self.written += 1;
        let port = self.redis.as_ref().map_or(0, |redis| redis.port);
        let mut text = format!(
            "[listen]\ndrain_delay = \"500ms\"\ndrain_window = \"2s\"\n\
             [hub]\nurl = \"redis://127.0.0.1:{port}\"\njournal_length = 200\njournal_ttl = \"2m\"\n\
             v2_on_gap = \"close\"\n\
             [limits]\nping_interval = \"5s\"\nhandshake_timeout = \"3s\"\n\
             [telemetry]\nroundtrip_check = 10\n\
             [migration]\nflush_interval = \"2s\"\n\
             [policy]\nrefuse_delay = \"100ms\"\nsunset = \"2099-01-{:02}\"\n\
             [[policy.rules]]\nname = \"retired\"\naction = \"block\"\ngroups = [\"retired-*\"]\n",
            1 + self.written % 28
        );
        for tenant in 0..TENANTS {
            let key = key(tenant);
            let _ =
                write!(text, "[[auth.api_keys]]\nname = \"t{tenant}\"\nkey = \"{key}\"\naccount = \"acme-{tenant}\"\n");
        }
        std::fs::write(self.common.settings(), text).map_err(|error| error.to_string())
    }

    /// New settings for both proxies.
    ///
    /// # Errors
    /// The kernel's.
    pub fn reload(&mut self) -> Result<(), String> {
        self.write_settings()?;
        self.proxies.iter().flatten().try_for_each(|proxy| signal(proxy.pid(), "HUP").map_err(|e| e.to_string()))
    }
}

impl Common {
    fn settings(&self) -> PathBuf {
        self.folder.path().join("proxy.toml")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("proxies.log")
    }

    fn proxy(&self) -> Result<Proxy, String> {
        start_proxy(&self.program, self.settings(), self.log())
    }
}

fn manner() -> Manner {
    Manner { pinned: false, apart: true }
}

/// What the report calls a proxy.
pub fn name(at: usize) -> &'static str {
    ["proxy A", "proxy B"][at]
}

fn start_proxy(program: &std::path::Path, settings: PathBuf, log: PathBuf) -> Result<Proxy, String> {
    let log = OpenOptions::new().create(true).append(true).open(log).map_err(|error| error.to_string())?;
    Proxy::start(program, manner(), vec![("AETHER_CONFIG".into(), settings.into())], log)
}

/// Servers that several tasks look at; borrowed only between waits.
pub type Shared = std::rc::Rc<std::cell::RefCell<Stage>>;

/// Kills Redis and starts it again, with its data or without.
///
/// # Errors
/// It does not come back.
pub async fn restart_redis(stage: &Shared, with_data: bool) -> Result<(), String> {
    let redis = stage.borrow_mut().redis.take().ok_or("Redis is away already")?;
    let redis = spawn_blocking(move || redis.restart(with_data)).await.map_err(|error| error.to_string())??;
    stage.borrow_mut().redis = Some(redis);
    Ok(())
}

/// Stops Redis where it stands, for a time.
///
/// # Errors
/// It is gone.
pub async fn freeze_redis(stage: &Shared, time: Duration) -> Result<(), String> {
    let pid = stage.borrow().redis().map(Redis::pid).ok_or("Redis is away")?;
    signal(pid, "STOP").map_err(|error| error.to_string())?;
    sleep(time).await;
    signal(pid, "CONT").map_err(|error| error.to_string())
}

/// Drains a proxy and waits for its end.
///
/// # Errors
/// It does not end, or not in order.
pub async fn drain(stage: &Shared, at: usize) -> Result<(), String> {
    let mut proxy = stage.borrow_mut().proxies[at].take().ok_or("the proxy is away already")?;
    signal(proxy.pid(), "TERM").map_err(|error| error.to_string())?;
    let until = Instant::now() + DRAIN;
    loop {
        match proxy.ended().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{} drained and ended with {status}", name(at))),
            None if Instant::now() > until => return Err(format!("{} does not end", name(at))),
            None => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Starts a proxy that was drained.
///
/// # Errors
/// It does not start.
pub async fn start_again(stage: &Shared, at: usize) -> Result<(), String> {
    let (program, settings, log) = {
        let stage = stage.borrow();
        (stage.common.program.clone(), stage.common.settings(), stage.common.log())
    };
    let start = spawn_blocking(move || start_proxy(&program, settings, log));
    let proxy = start.await.map_err(|error| error.to_string())??;
    stage.borrow_mut().proxies[at] = Some(proxy);
    Ok(())
}

/// Says a command to Redis and returns the beginning of what it answers, as it is on the wire.
///
/// # Errors
/// Redis is away, or does not answer.
pub async fn ask_redis(stage: &Shared, command: &str) -> Result<String, String> {
    let port = stage.borrow().redis().map(|redis| redis.port).ok_or("Redis is away")?;
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<String, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = timeout(ANSWER, asked).await.map_err(|_| "Redis does not answer".to_owned())?;
    answer.map_err(|error| error.to_string())
}
