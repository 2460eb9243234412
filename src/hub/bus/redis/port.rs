//! Owns one master as the subscriber sees it: its link, the way to its journals, and the probe that shows
//! whether the link still hears. What is heard there is `ear`'s.

use super::journal::{Answer, Ask, Journal};
use super::link::{Link, LinkError};
use super::wanted::Channel;
use crate::hub::keys::Keys;
use crate::redis_client::{Backoff, Connector, Node};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Channels in one SUBSCRIBE.
const BATCH: usize = 512;
/// Questions to the journal under way.
const ASKS: usize = 1024;

/// A link that hears others may only be busy, with our probes far behind in what is still to come: it is given so
/// many times as long. To replace it would add to the load it suffers from.
const BUSY: u32 = 5;

/// See the module.
pub struct Port {
    /// Names the present link, or the one being opened; never used again.
    pub id: u64,
    /// The master.
    pub node: Node,
    open: Option<Open>,
    backoff: Backoff,
}

struct Open {
    link: Link,
    /// Everything was heard once: it was a good one, and the next is opened at once.
    good: bool,
    asks: mpsc::Sender<Ask>,
    /// Questions the journal has no room for yet; a line has two at most.
    todo: VecDeque<Ask>,
    /// Ends with the link.
    _journal: JoinSet<()>,
    probe: Channel,
    /// When something came.
    heard: Instant,
    /// What the link was opened for and is not heard yet.
    unsettled: HashSet<Channel>,
}

/// How a link subscribes.
#[derive(Debug, Clone, Copy)]
pub struct Verbs {
    subscribe: &'static str,
    unsubscribe: &'static str,
    batch: usize,
}

impl Verbs {
    /// `SSUBSCRIBE` for a cluster, which takes channels of one slot at a time; else `SUBSCRIBE`.
    pub fn new(sharded: bool) -> Self {
        match sharded {
            true => Self { subscribe: "SSUBSCRIBE", unsubscribe: "SUNSUBSCRIBE", batch: 1 },
            false => Self { subscribe: "SUBSCRIBE", unsubscribe: "UNSUBSCRIBE", batch: BATCH },
        }
    }
}

impl Port {
    /// A master whose link is not open yet.
    pub fn new(node: Node) -> Self {
        Self { id: 0, node, open: None, backoff: Backoff::default() }
    }

    /// Is there a link?
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Names the next link; returns how long to wait before it is opened.
    pub fn begin(&mut self, id: u64, first: bool) -> Duration {
        self.id = id;
        if first { Duration::ZERO } else { self.backoff.pause() }
    }

    /// The link is there.
    pub fn opened(&mut self, link: Link, connector: &Arc<Connector>, keys: &Arc<Keys>, answers: mpsc::Sender<Answer>) {
        let (asks, asked) = mpsc::channel(ASKS);
        let (connector, keys) = (connector.clone(), keys.clone());
        let journal = Journal { link: self.id, connector, node: self.node.clone(), keys };
        let mut tasks = JoinSet::new();
        tasks.spawn(journal.run(asked, answers));
        self.open = Some(Open {
            link,
            good: false,
            asks,
            todo: VecDeque::new(),
            _journal: tasks,
            probe: Channel::new(),
            heard: Instant::now(),
            unsettled: HashSet::new(),
        });
    }

    /// The link is lost; false when there was none.
    pub fn closed(&mut self) -> bool {
        let Some(open) = self.open.take() else { return false };
        if open.good {
            self.backoff.reset();
        }
        true
    }

    /// Writes and reads; ready when something came.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        match &mut self.open {
            Some(open) => {
                let read = std::task::ready!(open.link.poll(cx));
                open.heard = Instant::now();
                Poll::Ready(read)
            }
            None => Poll::Pending,
        }
    }

    /// The next push that is whole.
    ///
    /// # Errors
    /// What came is not RESP.
    pub fn next(&mut self) -> Result<Option<super::push::Push>, LinkError> {
        self.open.as_mut().map_or(Ok(None), |open| open.link.next())
    }

    /// Subscribes.
    pub fn subscribe(&mut self, verbs: Verbs, channels: &[Channel]) {
        self.send(verbs.subscribe, verbs.batch, channels);
    }

    /// Unsubscribes.
    pub fn unsubscribe(&mut self, verbs: Verbs, channels: &[Channel]) {
        self.send(verbs.unsubscribe, verbs.batch, channels);
    }

    fn send(&mut self, verb: &str, batch: usize, channels: &[Channel]) {
        let Some(open) = &mut self.open else { return };
        for some in channels.chunks(batch) {
            let mut command = redis::cmd(verb);
            for channel in some {
                command.arg(channel.as_ref());
            }
            open.link.send(&command);
        }
    }

    /// The link counts as up only when this is heard.
    pub fn await_settled(&mut self, channels: &[Channel]) {
        if let Some(open) = &mut self.open {
            open.unsettled.extend(channels.iter().cloned());
        }
    }

    /// A channel is heard, or no longer this link's; true when nothing else is missing.
    pub fn settled(&mut self, channel: &Channel) -> bool {
        let Some(open) = &mut self.open else { return false };
        let settled = open.unsettled.remove(channel) && open.unsettled.is_empty();
        open.good |= settled;
        settled
    }

    /// Is everything heard that it was opened for?
    pub fn is_settled(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.unsettled.is_empty())
    }

    /// What the link was opened for and is not heard yet, its probe left out.
    pub fn unsettled(&self) -> Vec<Channel> {
        let open = self.open.iter();
        open.flat_map(|open| open.unsettled.iter().filter(|channel| **channel != open.probe)).cloned().collect()
    }

    /// Asks the journal, when it has room.
    pub fn ask(&mut self, ask: Option<Ask>) {
        let Some(open) = &mut self.open else { return };
        open.todo.extend(ask);
        while let Some(ask) = open.todo.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(ask) | mpsc::error::TrySendError::Closed(ask)) =
                open.asks.try_send(ask)
            {
                open.todo.push_front(ask);
                return;
            }
        }
    }

    /// The journal has more to do than it has room for.
    pub fn is_behind(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.todo.is_empty())
    }

    /// The channel of the probe.
    pub fn probe(&self) -> Option<&Channel> {
        self.open.as_ref().map(|open| &open.probe)
    }

    /// Probes travel on this channel from now on.
    pub fn set_probe(&mut self, channel: Channel) {
        if let Some(open) = &mut self.open {
            open.probe = channel;
        }
    }

    /// Is the link in order? A probe that Redis took so long ago was not heard.
    ///
    /// # Errors
    /// Redis does not take what is written, or that was too long ago.
    pub fn check(&self, deaf: Duration, unheard: Option<Duration>) -> Result<(), LinkError> {
        let Some(open) = &self.open else { return Ok(()) };
        open.link.check()?;
        let patience = if open.heard.elapsed() > deaf { deaf } else { deaf * BUSY };
        if unheard.is_some_and(|time| time > patience) { Err(LinkError::Deaf) } else { Ok(()) }
    }
}
