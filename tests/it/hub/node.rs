//! A hub as one node runs it, without sockets: seats whose queues a test reads.

use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use aether_proxy::clock::Clock;
use aether_proxy::close::CloseReason;
use aether_proxy::config::{self, DuplicateClient, RedisUrl, SlowConsumer};
use aether_proxy::dialect::aether_v2::Hears;
use aether_proxy::dialect::lens::{self, Annotate};
use aether_proxy::dialect::{Hearing, OwnedFrame, Shaped, Spoken, View};
use aether_proxy::envelope::{AccountId, ClientId, Draft, GroupId, MsgType, Nulls, Origin, seal};
use aether_proxy::hub::{Batch, Hub, Member, Metadata, Notice, Outbox, Parts, PublishError, Seat, Tenancy};
use aether_proxy::telemetry::Metrics;
use aether_proxy::telemetry::labels::{Lost, Outcome, Path};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// One node.
pub struct Node {
    pub hub: Arc<Hub>,
    pub metrics: Arc<Metrics>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// A client at a node.
pub struct Client {
    pub seat: Arc<Seat>,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    pub notices: Vec<Notice>,
    taken: VecDeque<String>,
}

/// What a test says of a client.
#[derive(Clone, Copy, Default)]
pub struct Who {
    pub client: &'static str,
    pub group: &'static str,
    pub account: Option<&'static str>,
    pub v2: bool,
    pub global: bool,
}

impl Node {
    /// A node with these settings.
    pub fn start(url: &str, tenancy: Tenancy, change: impl FnOnce(&mut config::Hub)) -> Self {
        let mut settings = config::Hub { url: RedisUrl::new(url), ..config::Hub::default() };
        settings.presence.grace = Duration::from_millis(200);
        settings.top_check = Duration::from_millis(500);
        settings.probe_interval = Duration::from_millis(300);
        change(&mut settings);
        let metrics = Arc::new(Metrics::new(10).expect("metrics"));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let hub = Hub::start(Parts {
            config: settings,
            nulls: Nulls::Omit,
            tenancy,
            duplicate: DuplicateClient::Allow,
            clock: Clock::system(),
            filters: Default::default(),
            metrics: metrics.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        })
        .expect("a hub");
        Self { hub, metrics, tasks, _stop: stop.clone().drop_guard(), stop }
    }

    /// A client that is in.
    pub async fn attach(&self, who: Who) -> Client {
        let client = self.client(who);
        self.hub.attach(&client.seat).await.expect("attached");
        client
    }

    /// A client that is in, and the only one of its id that may.
    pub async fn attach_exclusive(&self, who: Who) -> Client {
        let mut client = self.client(who);
        Arc::get_mut(&mut client.seat).expect("not in yet").exclusive = Some(CloseReason::Superseded);
        self.hub.attach(&client.seat).await.expect("attached");
        client
    }

    /// A client that is not in yet.
    pub fn client(&self, who: Who) -> Client {
        let hears = Hears { annotate: Annotate::Off, as_envelope: false, presence: false };
        let seat = Seat {
            id: self.hub.next_seat(),
            origin: Origin {
                client: ClientId::new(who.client, 99).expect("id"),
                group: GroupId::new(who.group, 99).ok(),
                account: who.account.map(|a| AccountId::new(a, 99).expect("id")),
            },
            spoken: if who.v2 { Spoken::AetherV2 } else { Spoken::AetherV3 },
            hears: Hearing::Plain(if who.v2 { View::AetherV2(hears) } else { View::AetherV3 }),
            global: who.global,
            apart: false,
            exclusive: None,
            said: AtomicBool::new(false),
            metadata: Metadata::default(),
            outbox: Outbox::new(1 << 20, SlowConsumer::Close),
        };
        Client {
            seat: Arc::new(seat),
            hub: self.hub.clone(),
            metrics: self.metrics.clone(),
            notices: Vec::new(),
            taken: VecDeque::new(),
        }
    }

    /// Ends the node as a shutdown does.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        timeout(Duration::from_secs(5), self.tasks.wait()).await.expect("the node's tasks end");
    }

    /// expected - delivered - suppressed - lost: 0 at rest.
    pub fn unaccounted(&self) -> i64 {
        let mut sum = 0i64;
        for path in [Path::V2V2, Path::V2V3, Path::V3V2, Path::V3V3] {
            sum += self.metrics.deliveries_expected.with((path,)).get() as i64;
            for outcome in [Outcome::Delivered, Outcome::Suppressed, Outcome::Lost] {
                sum -= self.metrics.deliveries.with((path, outcome)).get() as i64;
            }
        }
        sum
    }
}

impl Client {
    /// Sends a V3 message.
    pub async fn send(&self, draft: Draft<'_>) -> Result<(), PublishError> {
        let envelope = seal(&draft, &self.seat.origin, "2026-01-01T00:00:00.000Z", Nulls::Omit);
        self.hub.publish(&envelope, None, &self.seat, Path::V3V3).await
    }

    /// Says something to its group, as V3.
    pub async fn say(&self, text: &str) {
        let mut draft = Draft::to_group(MsgType::Msg);
        draft.msg = Some(format!("\"{text}\"").into());
        self.send(draft).await.expect("published");
    }

    /// Says something to one client.
    pub async fn tell(&self, to: &str, text: &str) {
        let mut draft = Draft::to_client(MsgType::Msg, ClientId::new(to, 99).expect("id"));
        draft.msg = Some(format!("\"{text}\"").into());
        self.send(draft).await.expect("published");
    }

    /// Sends a V2 frame.
    pub async fn frame(&self, text: &str) {
        let frame = OwnedFrame::Text(text.to_owned());
        let translated = lens::to_v3(frame.borrow(), Shaped::Routing);
        let envelope = seal(&translated.draft, &self.seat.origin, "2026-01-01T00:00:00.000Z", Nulls::Omit);
        let receipt = Some(&translated.receipt);
        self.hub.publish(&envelope, receipt, &self.seat, Path::V2V3).await.expect("published");
    }

    /// What comes next, raw.
    pub async fn next(&mut self, within: Duration) -> Option<String> {
        self.some(1, within).await.pop()
    }

    /// So many messages, or as many as come in time. One at a time is taken, others stay for later.
    pub async fn some(&mut self, n: usize, within: Duration) -> Vec<String> {
        let until = Instant::now() + within;
        let mut got = Vec::new();
        let mut batch = Batch::default();
        while got.len() < n {
            if let Some(message) = self.taken.pop_front() {
                got.push(message);
                continue;
            }
            let taken = std::future::poll_fn(|cx| self.seat.outbox.poll_take(cx, &mut batch));
            if tokio::time::timeout_at(until, taken).await.is_err() {
                break;
            }
            self.notices.append(&mut batch.notices);
            for delivery in batch.deliveries.drain(..) {
                self.metrics.deliveries.with((delivery.path, Outcome::Delivered)).inc();
                self.taken.push_back(match delivery.message {
                    Message::Text(text) => text.to_string(),
                    other => format!("{other:?}"),
                });
            }
            if batch.close.is_some() {
                break;
            }
        }
        got
    }

    /// The `msg` texts of the next `n` V3 messages, presence left out.
    pub async fn texts(&mut self, n: usize, within: Duration) -> Vec<String> {
        let until = Instant::now() + within;
        let mut got = Vec::new();
        while got.len() < n {
            let Some(message) = self.next(until.saturating_duration_since(Instant::now())).await else { break };
            let json: serde_json::Value = serde_json::from_str(&message).expect("JSON");
            if json["msg_type"] != "presence" {
                got.push(json["msg"].as_str().unwrap_or(&message).to_owned());
            }
        }
        got
    }

    /// The next presence event: client, what, protocol.
    pub async fn presence(&mut self, within: Duration) -> Option<(String, String, String)> {
        let until = Instant::now() + within;
        loop {
            let message = self.next(until.saturating_duration_since(Instant::now())).await?;
            let json: serde_json::Value = serde_json::from_str(&message).expect("JSON");
            if json["msg_type"] == "presence" {
                let word = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
                return Some((
                    word(&json["from_id"]),
                    word(&json["payload"]["event"]),
                    word(&json["payload"]["protocol"]),
                ));
            }
        }
    }

    /// Who is present in its group.
    pub async fn members(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.present().await.into_iter().map(|m| m.client.to_string()).collect();
        ids.sort();
        ids
    }

    async fn present(&self) -> Vec<Member> {
        // A slow machine may need more than one deadline.
        let ask = async || self.hub.members(&self.seat).await.ok();
        eventually!(PATIENCE, ask().await, |answer| answer.is_some()).expect("an answer")
    }

    /// Whether one client of its group is present: its generation, and what it says of itself.
    pub async fn asks(&self, client: &str) -> Option<(&'static str, Option<String>)> {
        let id = ClientId::new(client, 99).expect("id");
        let ask = async || self.hub.member(&self.seat, &id).await.ok();
        let found = eventually!(PATIENCE, ask().await, |answer| answer.is_some()).expect("an answer");
        found.map(|member| {
            assert_eq!(member.client, id);
            (member.protocol.label(), member.metadata)
        })
    }

    /// Says of itself.
    pub fn describe(&self, metadata: impl Into<Option<&'static str>>) {
        self.hub.describe(&self.seat, metadata.into().map(str::to_owned)).expect("not too long");
    }

    /// What a member of its group says of itself.
    pub async fn about(&self, client: &str) -> Option<String> {
        self.present().await.into_iter().find(|m| m.client.as_str() == client)?.metadata
    }

    /// Waits until a member of its group says this of itself.
    pub async fn sees(&self, client: &str, metadata: impl Into<Option<&'static str>>) {
        let metadata = metadata.into();
        eventually!(PATIENCE, self.about(client).await, |about| about.as_deref() == metadata);
    }

    /// Why it has to go, if it has within this time.
    pub async fn ended(&self, within: Duration) -> Option<CloseReason> {
        timeout(within, std::future::poll_fn(|cx| self.seat.outbox.poll_close(cx))).await.ok()
    }

    /// Goes.
    pub fn detach(&self) {
        self.hub.detach(&self.seat, Lost::Disconnect);
    }
}
