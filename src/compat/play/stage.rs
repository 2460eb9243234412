//! Owns the playing of one script: its clients, its acts in order, what each client got, and the first thing that was
//! not as expected. How it is told is `words`; whether a frame is the expected one is the judge's.

use super::client::{Client, Unsent};
use super::hub::Hub;
use super::inbox::{Came, End, What};
use super::secrets::Secrets;
use super::seen;
use super::words::Fault;
use crate::compat::judge::is_presence_noise;
use crate::compat::suite::{Act, Cast, Channel, Name, Written};
use crate::compat::{Grade, Ids, Mount, Profile, Script, Seen, SeenWhat};
use crate::dial::Dialer;
use crate::dialect::OwnedFrame;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

/// How long a server may take to answer the goodbye after a check.
const LEAVE: Duration = Duration::from_millis(500);

/// What all scripts of a run share.
pub struct Means<'r> {
    /// The way to the target.
    pub dialer: &'r Dialer,
    /// What is known of it.
    pub profile: &'r Profile,
    /// What must not be seen.
    pub secrets: &'r Arc<Secrets>,
    /// Its hub, where it was told.
    pub hub: Option<&'r Hub>,
    /// Of the tasks that read.
    pub tasks: &'r TaskTracker,
    /// What the target calls itself, once it has.
    pub server: &'r OnceLock<String>,
    /// How long "nothing" is watched.
    pub quiet: Duration,
    /// How long an expected frame may take.
    pub patience: Duration,
    /// After something was not as expected, go on to see everything.
    pub keep_going: bool,
}

/// What came of a script.
#[derive(Debug)]
pub struct Found {
    /// The first thing that was not as expected.
    pub fault: Option<Fault>,
    /// The worst grade of all frames.
    pub grade: Grade,
    /// What each client got.
    pub seen: Vec<Seen>,
}

/// See the module.
pub(super) struct Stage<'r> {
    pub(super) means: &'r Means<'r>,
    script: &'r Script,
    pub(super) ids: &'r Ids,
    pub(super) mounts: &'r BTreeMap<Name, &'r Mount>,
    pub(super) clients: BTreeMap<Name, Client>,
    seen: BTreeMap<Name, Vec<SeenWhat>>,
    pub(super) grade: Grade,
    fault: Option<Fault>,
}

/// Plays a script; `mounts` are the ways in of clients of other dialects.
pub async fn play(script: &Script, ids: &Ids, mounts: &BTreeMap<Name, &Mount>, means: &Means<'_>) -> Found {
    let (clients, seen) = (BTreeMap::new(), BTreeMap::new());
    let mut stage = Stage { means, script, ids, mounts, clients, seen, grade: Grade::Exact, fault: None };
    for (at, act) in script.acts.iter().enumerate() {
        if let Err(fault) = Box::pin(stage.act(act)).await {
            stage.fault.get_or_insert_with(|| fault.at(at + 1));
        }
        if stage.is_over() {
            break;
        }
    }
    let looked = if stage.is_over() { Ok(()) } else { stage.last_look().await };
    if let Err(fault) = looked {
        let why = format!("in the end: {}", fault.why);
        stage.fault.get_or_insert(Fault { why, ..fault });
    }
    stage.leave().await;
    let Stage { fault, grade, seen, .. } = stage;
    let each = seen.into_iter();
    let seen = each.flat_map(|(name, all)| all.into_iter().map(move |what| Seen { client: name.clone(), what }));
    Found { fault, grade, seen: seen.collect() }
}

impl Stage<'_> {
    async fn act(&mut self, act: &Act) -> Result<(), Fault> {
        match act {
            Act::Connect(name) => self.connect(name).await,
            Act::Refused { client, status, codes } => self.refused(client, status, codes).await,
            Act::Send { client, frame, times } => self.send(client, frame, *times).await,
            Act::Expect(expect) => self.expect(expect).await,
            Act::AnyOrder(all) => self.any_order(all).await,
            Act::Nothing(names) => self.nothing(names).await,
            Act::Close { client, code } => self.close(client, *code).await,
            Act::Drop(name) => {
                self.take(name)?.cut().await;
                Ok(())
            }
            Act::Ended { client, codes } => {
                let end = self.end_of(client, self.patience()).await?;
                match end.code().is_some_and(|code| codes.contains(&code)) {
                    true => Ok(()),
                    false => Err(Fault::new(format!("{client} should be ended with {codes:?}, but got {end}"))),
                }
            }
            Act::Ping { client, hex } => self.ping(client, hex).await,
            Act::Wait(time) => {
                sleep(*time).await;
                Ok(())
            }
            Act::Publish { on, frame } => self.publish(on, frame).await,
        }
    }

    fn is_over(&self) -> bool {
        self.is_lost() && !self.means.keep_going
    }

    /// Something was not as expected.
    pub(super) fn is_lost(&self) -> bool {
        self.fault.is_some()
    }

    /// How long what is expected may take; when all is lost already, hardly any time.
    pub(super) fn patience(&self) -> Duration {
        if self.is_lost() { self.means.quiet } else { self.means.patience }
    }

    pub(super) fn cast(&self, name: &str) -> Result<&Cast, Fault> {
        self.script.clients.get(name).ok_or_else(|| Fault::new(format!("the case has no client {name}")))
    }

    pub(super) fn is_deaf(&self, name: &str) -> bool {
        self.script.clients.get(name).is_some_and(|cast| cast.deaf)
    }

    fn client(&mut self, name: &str) -> Result<&mut Client, Fault> {
        self.clients.get_mut(name).ok_or_else(|| Fault::new(format!("{name} is not connected")))
    }

    fn take(&mut self, name: &str) -> Result<Client, Fault> {
        self.clients.remove(name).ok_or_else(|| Fault::new(format!("{name} is not connected")))
    }

    pub(super) fn note(&mut self, name: &str, what: SeenWhat) {
        self.seen.entry(name.to_owned()).or_default().push(what);
    }

    pub(super) fn note_frame(&mut self, name: &str, frame: &OwnedFrame) {
        let what = seen::frame(frame, self.ids);
        self.note(name, what);
    }

    fn note_end(&mut self, name: &str, end: &End) {
        self.note(name, SeenWhat::Ended(end.code().unwrap_or(1006)));
    }

    /// What comes next to a client, presence aside where it does not care for it. An end is noted here.
    pub(super) async fn next(&mut self, name: &str, until: Instant) -> Result<Option<Came>, Fault> {
        let cares = self.cast(name)?.presence;
        let client = self.clients.get(name).ok_or_else(|| Fault::new(format!("{name} is not connected")))?;
        loop {
            match client.next(until).await {
                Some(Came { what: What::Frame(frame), .. }) if !cares && is_presence_noise(&frame) => {}
                Some(came) => {
                    if let What::Ended(end) = &came.what {
                        self.note_end(name, &end.clone());
                    }
                    return Ok(Some(came));
                }
                None => return Ok(None),
            }
        }
    }

    async fn send(&mut self, name: &str, frame: &Written, times: usize) -> Result<(), Fault> {
        let patience = self.means.patience;
        for n in 0..times {
            let frame = self.filled(frame, n);
            match self.client(name)?.send(frame, patience).await {
                Ok(()) => {}
                Err(Unsent::Late) => {
                    return Err(Fault::new(format!("{name} could not send its frame within {patience:?}")));
                }
                // How it ended comes out where the script, or the last look, asks for it.
                Err(Unsent::Over) => break,
            }
        }
        Ok(())
    }

    fn filled(&self, frame: &Written, n: usize) -> OwnedFrame {
        match frame.frame() {
            OwnedFrame::Text(text) => OwnedFrame::Text(self.ids.fill_nth(text, n)),
            binary @ OwnedFrame::Binary(_) => binary.clone(),
        }
    }

    async fn nothing(&mut self, names: &[Name]) -> Result<(), Fault> {
        let until = Instant::now() + self.means.quiet;
        for name in names {
            let cares = self.cast(name)?.presence;
            while let Some(came) = self.client(name)?.next_frame(until).await {
                let What::Frame(frame) = came.what else { continue };
                if cares || !is_presence_noise(&frame) {
                    self.note_frame(name, &frame);
                    return Err(Fault::unasked(name, &frame, self.ids));
                }
            }
        }
        Ok(())
    }

    async fn close(&mut self, name: &str, code: u16) -> Result<(), Fault> {
        let patience = self.patience();
        if self.client(name)?.say_goodbye(code, patience).await == Err(Unsent::Late) {
            return Err(Fault::new(format!("{name} could not send its close frame within {patience:?}")));
        }
        match self.end_of(name, patience).await? {
            End::Code(answered, _) if answered == code => Ok(()),
            end => Err(Fault::new(format!("{name} said goodbye with {code}, and should get it back, but got {end}"))),
        }
    }

    /// The end of a connection, before which nothing else comes.
    async fn end_of(&mut self, name: &str, within: Duration) -> Result<End, Fault> {
        let until = Instant::now() + within;
        let mut unasked = None;
        while let Some(came) = self.next(name, until).await? {
            match came.what {
                What::Frame(_) if self.is_deaf(name) => {}
                What::Frame(frame) => {
                    self.note_frame(name, &frame);
                    unasked.get_or_insert_with(|| Fault::unasked(name, &frame, self.ids));
                    if !self.means.keep_going {
                        break;
                    }
                }
                What::Pong(_) => {}
                What::Ended(end) => {
                    self.clients.remove(name);
                    return unasked.map_or(Ok(end), Err);
                }
            }
        }
        let missing = || Fault::new(format!("the connection of {name} should end, but did not within {within:?}"));
        Err(unasked.unwrap_or_else(missing))
    }

    async fn ping(&mut self, name: &str, hex: &str) -> Result<(), Fault> {
        let written: Result<Written, _> = serde_json::from_value(serde_json::json!({ "hex": hex }));
        let content = match written.as_ref().map(Written::frame) {
            Ok(OwnedFrame::Binary(bytes)) => bytes.clone(),
            _ => return Err(Fault::new("the content of a ping is no hex, so the case is wrong")),
        };
        let patience = self.patience();
        match self.client(name)?.ping(&content, patience).await {
            Ok(()) => {
                self.note(name, SeenWhat::Pong);
                Ok(())
            }
            Err(why) => Err(Fault::new(format!("{name} should get its ping back within {patience:?}, but {why}"))),
        }
    }

    async fn publish(&mut self, on: &Channel, frame: &Written) -> Result<(), Fault> {
        let hub = self.means.hub.ok_or_else(|| Fault::new("the hub of the target is not known"))?;
        let channels = &self.means.profile.channels;
        let channel = match on {
            Channel::Group(name) => channels.group.replace("{group}", self.ids.group(name)),
            Channel::Client(name) => channels.client.replace("{client}", self.ids.client(name)),
            Channel::Broadcast => channels.broadcast.clone(),
        };
        let content = match self.filled(frame, 0) {
            OwnedFrame::Text(text) => text.into_bytes(),
            OwnedFrame::Binary(bytes) => bytes,
        };
        let published = hub.publish(&channel, &content).await;
        published.map(drop).map_err(|why| Fault::new(format!("the hub took nothing: {why}")))
    }

    /// Nobody got anything more, and everybody who should be is still connected.
    async fn last_look(&mut self) -> Result<(), Fault> {
        let listening: Vec<_> = self.clients.keys().filter(|name| !self.is_deaf(name)).cloned().collect();
        let watched = match self.script.acts.last() {
            Some(Act::Nothing(names)) => listening.iter().all(|name| names.contains(name)),
            _ => false,
        };
        let until = Instant::now() + if watched { Duration::ZERO } else { self.means.quiet };
        let mut first = None;
        for name in &listening {
            while let Some(came) = self.next(name, until).await? {
                let fault = match came.what {
                    What::Frame(frame) => {
                        self.note_frame(name, &frame);
                        Fault::unasked(name, &frame, self.ids)
                    }
                    What::Ended(end) => Fault::new(format!("{name} should still be connected, but got {end}")),
                    What::Pong(_) => continue,
                };
                first.get_or_insert(fault);
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// All go as clients with manners do, so that the server is done with them before the next check.
    async fn leave(&mut self) {
        let clients = std::mem::take(&mut self.clients);
        join_all(clients.into_values().map(|mut client| async move {
            let until = Instant::now() + LEAVE;
            if client.say_goodbye(1000, LEAVE).await.is_ok() {
                while client.next(until).await.is_some_and(|came| !matches!(came.what, What::Ended(_))) {}
            }
            client.cut().await;
        }))
        .await;
    }
}
