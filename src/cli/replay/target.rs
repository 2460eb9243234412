//! Owns the replay against a proxy: one V2 client for each captured one, everything sent in its order and at its time,
//! everything that comes back told to `heard`. Nothing waits without a deadline.

use super::heard::{Difference, Heard};
use super::{Exit, Failure, Out, Replay, Talk, Who};
use crate::cli::out::{progress, shortened};
use crate::dial::{Address, Dialer, Limits, Socket};
use crate::dialect::OwnedFrame;
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::HashMap;
use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

/// How long a handshake, or handing over one frame, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the largest message that may come back.
const LARGEST: usize = 64 << 20;
/// How long to wait for what nobody expects once all has come that was expected.
const AFTERWARDS: Duration = Duration::from_millis(300);
/// How often it is said how far it is, and looked whether all has come.
const LOOK: Duration = Duration::from_millis(100);
/// A capture that claims to be longer is played faster at its end.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Clients whose differences are told.
const MOST_TOLD: usize = 20;
/// What stands in a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// See the module.
pub(super) struct Target {
    dialer: Dialer,
    headers: HeaderMap,
    speed: f64,
    wait: Duration,
    allow_more: bool,
    allow_remote: bool,
}

/// A client that is connected.
struct Client {
    sink: SplitSink<Socket, Message>,
    _reader: AbortOnDropHandle<()>,
}

impl Target {
    /// From the flags.
    ///
    /// # Errors
    /// An address that is none, or a key that cannot be read.
    pub fn new(url: &str, flags: &Replay) -> Result<Self, Failure> {
        let usage = |why: &str| Failure::Usage(format!("--target: {why}"));
        let address = Address::parse(url).map_err(|error| usage(&error.to_string()))?;
        if address.is_secure() {
            return Err(usage("must begin with ws://"));
        }
        if !address.prefix().is_empty() {
            return Err(usage("must have no path: it is each client's own"));
        }
        let mut headers = HeaderMap::new();
        if let Some(file) = &flags.api_key_file {
            let bad = |why: &str| Failure::Other(Exit::Failure, format!("{}: {why}", file.display()));
            let text = std::fs::read_to_string(file).map_err(|error| bad(&error.to_string()))?;
            let mut key = HeaderValue::from_str(text.trim()).map_err(|_| bad("not a key"))?;
            key.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-api-key"), key);
        }
        let Replay { speed, wait, allow_more, allow_remote, .. } = *flags;
        let dialer = Dialer::new(address, Limits { deadline: PATIENCE, largest: LARGEST })?;
        Ok(Self { dialer, headers, speed, wait, allow_more, allow_remote })
    }

    /// Plays it; did everybody get the same?
    ///
    /// # Errors
    /// The target is on another machine, cannot be reached, or does not let the clients in.
    pub fn run(self, talk: &Talk, out: &mut Out) -> Result<bool, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let target = runtime.block_on(self.resolved())?;
        let (heard, unsent) = runtime.block_on(target.play(talk))?;
        Ok(target.tell(talk, &heard, unsent, out)?)
    }

    async fn play(&self, talk: &Talk) -> Result<(Arc<Heard>, u64), Failure> {
        let heard = Arc::new(Heard::new(talk.sent.iter().map(|played| &played.who), &talk.got));
        let tasks = TaskTracker::new();
        let mut clients = HashMap::new();
        for who in heard.clients() {
            clients.insert(who.clone(), self.connect(who, &heard, &tasks).await?);
        }
        let shows = stderr().is_terminal();
        let (began, mut unsent, mut shown) = (Instant::now(), 0, Instant::now());
        let first = talk.sent.first().map_or(0, |played| played.at.0);
        for (sent, played) in talk.sent.iter().enumerate() {
            if self.speed > 0.0 {
                let after = Duration::from_millis(u64::try_from(played.at.0 - first).unwrap_or(0));
                sleep_until(began + after.min(LONGEST).div_f64(self.speed)).await;
            }
            if shows && shown.elapsed() >= LOOK {
                shown = Instant::now();
                progress(&format!("sent {sent} of {}, received {}", talk.sent.len(), heard.so_far().0));
            }
            let message = match &played.frame {
                OwnedFrame::Text(text) => Message::text(text.as_str()),
                OwnedFrame::Binary(bytes) => Message::binary(bytes.clone()),
            };
            let Some(client) = clients.get_mut(&played.who) else { continue };
            if !matches!(timeout(PATIENCE, client.sink.send(message)).await, Ok(Ok(()))) {
                unsent += 1;
            }
        }
        self.settle(&heard).await;
        for client in clients.values_mut() {
            let _ = timeout(PATIENCE, client.sink.close()).await;
        }
        if shows {
            progress("");
        }
        Ok((heard, unsent))
    }

    /// The target at one address; only on this machine, if nothing else was said.
    async fn resolved(mut self) -> Result<Self, Failure> {
        let host = self.dialer.address().host();
        let found = self.dialer.resolve().await;
        let found = found.map_err(|error| Failure::Other(Exit::Unavailable, format!("{host}: {error}")))?;
        if !self.allow_remote && !found.iter().all(|address| address.ip().is_loopback()) {
            let why = format!("--target: {host} is another machine; --allow-remote, if that is meant");
            return Err(Failure::Usage(why));
        }
        if let Some(first) = found.first() {
            self.dialer = self.dialer.fixed(*first);
        }
        Ok(self)
    }

    async fn connect(&self, who: &Who, heard: &Arc<Heard>, tasks: &TaskTracker) -> Result<Client, Failure> {
        let path = path(who);
        let socket = match self.dialer.open(&path, &self.headers).await {
            Ok(opened) => opened.socket,
            Err(error) => {
                let why = format!("{}{path}: {error}", self.dialer.address());
                return Err(Failure::Other(Exit::Unavailable, why));
            }
        };
        let (sink, mut stream) = socket.split();
        let (heard, who) = (heard.clone(), who.clone());
        let reader = tasks.spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                match message {
                    Message::Text(text) => heard.came(&who, &OwnedFrame::Text(text.as_str().to_owned())),
                    Message::Binary(bytes) => heard.came(&who, &OwnedFrame::Binary(bytes.to_vec())),
                    _ => {}
                }
            }
        });
        Ok(Client { sink, _reader: AbortOnDropHandle::new(reader) })
    }

    /// Until all has come, or nothing comes any more.
    async fn settle(&self, heard: &Heard) {
        let (mut last, mut since) = (heard.so_far(), Instant::now());
        loop {
            sleep(LOOK).await;
            let now = heard.so_far();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            let enough = if now.1 == 0 { AFTERWARDS } else { self.wait };
            if since.elapsed() >= enough {
                return;
            }
        }
    }

    fn tell(&self, talk: &Talk, heard: &Heard, unsent: u64, out: &mut Out) -> std::io::Result<bool> {
        let mut differences = heard.differences();
        if self.allow_more {
            differences.retain(|difference| difference.missing > 0);
        }
        for Difference { who, missing, more, example } in differences.iter().take(MOST_TOLD) {
            let group = who.group.as_deref().unwrap_or_default();
            let who = shortened(&format!("group {group}, client {}", who.client), 80);
            out.line(&format!("{who}: {missing} missing, {more} more, such as {}", shortened(example, 80)))?;
        }
        if differences.len() > MOST_TOLD {
            out.line(&format!("and {} more clients", differences.len() - MOST_TOLD))?;
        }
        let (came, missing) = heard.so_far();
        let more = came - (talk.got.len() as u64 - missing);
        out.line(&format!(
            "{} clients, sent: {}, not sent: {unsent}, received: {came}, missing: {missing}, more: {more}, skipped: {}, \
             from V3: {}",
            heard.clients().count(),
            talk.sent.len() as u64 - unsent,
            talk.skipped,
            talk.from_v3
        ))?;
        Ok(differences.is_empty() && unsent == 0)
    }
}

/// A client's path, as the default mounts have it.
fn path(who: &Who) -> String {
    let id = |id| utf8_percent_encode(id, PLAIN);
    let query = if who.hears_v3 { "?recv=v3" } else { "" };
    match &who.group {
        Some(group) => format!("/ws/group/{}/client/{}{query}", id(group), id(&who.client)),
        None => format!("/ws/{}{query}", id(&who.client)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_in_paths_whatever_is_in_them() {
        let who = |group: Option<&str>| Who {
            tenant: "t".into(),
            group: group.map(Into::into),
            client: "a/b ä?".into(),
            hears_v3: group.is_none(),
            tab: 0,
        };
        assert_eq!(path(&who(Some("g-1.x"))), "/ws/group/g-1.x/client/a%2Fb%20%C3%A4%3F");
        assert_eq!(path(&who(None)), "/ws/a%2Fb%20%C3%A4%3F?recv=v3");
    }
}
