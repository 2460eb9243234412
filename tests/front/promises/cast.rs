//! One client of each kind that there is, all in one group: who they are, how they come in, and what they say that
//! everybody can hear.

use crate::PATIENCE;
use crate::client::Client;
use crate::proxy::Proxy;
use crate::rooms::{self, WORKER, agent_auth, auth, mounted, token};
use aether_proxy::config::{Compat, Config, DialectName, Mount, Role, Secret, ServerMonitor, Valtronics, Vectra};
use aether_proxy::dialect::Spoken;
use futures_util::future::join_all;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// What a client is. Guide and Real: of Valtronics; Agent, Metrics, Logs: of the server monitor; Page, Worker: Vectra's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    V3,
    V2,
    Guide,
    Real,
    Agent,
    Metrics,
    Logs,
    Page,
    Worker,
}

use Kind::{Agent, Guide, Logs, Metrics, Page, Real, V2, V3, Worker};

/// A group, and the mounts by which all kinds come into it.
#[derive(Debug, Clone, Copy)]
pub struct Hall {
    pub prefix: &'static str,
    pub group: &'static str,
    pub account: Option<&'static str>,
    /// The agent's key, and the server that is its.
    pub key: &'static str,
    pub server: &'static str,
    pub worker: &'static str,
}

pub const HALL: Hall =
    Hall { prefix: "/hall", group: "hall", account: None, key: "key-srv-1", server: "srv-1", worker: "worker" };

impl Hall {
    /// Its mounts. No limit on messages: that is tested elsewhere.
    pub fn mount(&self, c: &mut Config) {
        let guide = Valtronics { messages_per_second: 0, message: 0, connects_per_minute: 0, ..Valtronics::default() };
        let real = Valtronics { compat: Compat::Server, ..guide };
        let worker = self.worker.to_owned();
        let vectra = Vectra { worker_secret: Some(Secret::new(WORKER)), worker, ..Vectra::default() };
        let mount = |path: &str, dialect| Mount {
            group: Some(self.group.into()),
            account: self.account.map(str::to_owned),
            ..Mount::new(&format!("{}{path}", self.prefix), dialect)
        };
        let open = |path, dialect| Mount { guests: Some(true), ..mount(path, dialect) };
        let monitor = |path, role| Mount {
            server_monitor: Some(ServerMonitor::new(role)),
            ..mount(path, DialectName::ServerMonitor)
        };
        c.mounts.extend([
            open("/v3/{client_id}", DialectName::AetherV3),
            open("/v2/{client_id}", DialectName::AetherV2),
            Mount { valtronics: Some(guide), ..mount("/guide", DialectName::Valtronics) },
            Mount { valtronics: Some(real), ..open("/real", DialectName::Valtronics) },
            monitor("/agent", Role::Agent),
            monitor("/metrics/{server_id}", Role::Metrics),
            monitor("/logs/{server_id}", Role::Logs),
            Mount { vectra: Some(vectra), ..open("/vectra", DialectName::Vectra) },
        ]);
    }

    /// A proxy with this hall alone.
    pub async fn open(&self, change: impl FnOnce(&mut Config)) -> Proxy {
        open(&[*self], change).await
    }
}

/// A proxy with these halls, whose queues hold whatever a test says at once.
pub async fn open(halls: &[Hall], change: impl FnOnce(&mut Config)) -> Proxy {
    rooms::proxy(|c| {
        mounted(c);
        halls.iter().for_each(|hall| hall.mount(c));
        c.limits.outbound_queue = 16 << 20;
        // Nobody is told that somebody left while a test ends.
        c.hub.presence.grace = Duration::from_secs(60);
        change(c);
    })
    .await
}

impl Kind {
    pub const ALL: [Kind; 9] = [V3, V2, Guide, Real, Agent, Metrics, Logs, Page, Worker];
    /// Those of the three dialects beside Aether's own.
    pub const LEGACY: [Kind; 7] = [Guide, Real, Agent, Metrics, Logs, Page, Worker];
    /// Those who prove themselves in their first frame.
    pub const IN_BAND: [Kind; 4] = [Guide, Agent, Metrics, Logs];

    pub fn name(self) -> &'static str {
        match self {
            V3 => "v3",
            V2 => "v2",
            Guide => "guide",
            Real => "real",
            Agent => "agent",
            Metrics => "metrics",
            Logs => "logs",
            Page => "page",
            Worker => "worker",
        }
    }

    pub fn spoken(self) -> Spoken {
        match self {
            V3 => Spoken::AetherV3,
            V2 => Spoken::AetherV2,
            Guide | Real => Spoken::Valtronics,
            Agent | Metrics | Logs => Spoken::ServerMonitor,
            Page | Worker => Spoken::Vectra,
        }
    }

    /// Does what it says reach others?
    pub fn speaks(self) -> bool {
        matches!(self, V3 | V2 | Guide | Agent | Worker)
    }

    /// Does it hear the alerts of this speaker, and of `cmd`, which are a V3 client's commands?
    pub fn hears(self, by: &str) -> bool {
        if by == "cmd" { !matches!(self, Metrics | Logs | Page) } else { self != Agent }
    }

    pub fn path(self, hall: &Hall, id: &str) -> String {
        let rest = match self {
            V3 => format!("v3/{id}"),
            V2 => format!("v2/{id}"),
            Guide => "guide".to_owned(),
            Real => format!("real?jwt={}", token(id)),
            Agent => "agent".to_owned(),
            Metrics => format!("metrics/{}", hall.server),
            Logs => format!("logs/{}", hall.server),
            Page => "vectra".to_owned(),
            Worker => format!("vectra?client_type=worker&token={WORKER}"),
        };
        format!("{}/{rest}", hall.prefix)
    }

    /// What it says first, if anything.
    pub fn first(self, hall: &Hall, id: &str) -> Option<String> {
        match self {
            Guide | Metrics | Logs => Some(auth(&token(id))),
            Agent => Some(agent_auth(hall.key)),
            _ => None,
        }
    }

    /// The same with a credential that is none.
    pub fn wrong(self) -> String {
        match self {
            Agent => agent_auth("nobody's"),
            _ => auth(&rooms::forged("u")),
        }
    }

    /// A client that is in, and has subscribed to what there is.
    pub async fn enter(self, proxy: &Proxy, hall: &Hall, id: &str) -> Client {
        let mut client = proxy.connect(&self.path(hall, id)).await;
        if let Some(first) = self.first(hall, id) {
            client.text(&first).await;
            let answer = client.next().await;
            assert!(answer.contains("auth_success") || answer.contains(r#""success":true"#), "{self:?}: {answer}");
        }
        let subscribes: &[&str] = match self {
            Guide => &["telemetry", "alerts", "devices", "system"],
            _ => &[],
        };
        for channel in subscribes {
            client.text(&format!(r#"{{"type":"subscribe","channel":"{channel}"}}"#)).await;
            client.until("subscription_confirmed").await;
        }
        if matches!(self, Page | Worker) {
            client.until("WORKER_STATUS").await;
        }
        client
    }
}

/// What everybody hears but agents.
pub fn alert(by: &str, n: u64) -> String {
    format!(r#"{{"type":"alert","by":"{by}","n":{n}}}"#)
}

/// A V3 client's command with this payload: what agents hear.
pub fn cmd(payload: &str) -> String {
    format!(r#"{{"version":"3","msg_type":"cmd","cmd":"do","target":"group","payload":{payload}}}"#)
}

/// Who said an alert, and which of its alerts it is, in whatever form.
pub fn mark(text: &str) -> Option<(String, u64)> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let marked = [&value, &value["payload"], &value["data"]].into_iter().find(|v| v["by"].is_string())?;
    Some((marked["by"].as_str()?.to_owned(), marked["n"].as_u64()?))
}

/// What a client hears, as text, presence left out, up to the last of these marks.
pub async fn hear(client: &mut Client, ends: &[(String, u64)]) -> Vec<String> {
    let mut missing = ends.to_vec();
    let mut heard = Vec::new();
    while !missing.is_empty() {
        let text = match client.message().await {
            Message::Text(text) if text.contains(r#""msg_type":"presence","target":"group""#) => continue,
            Message::Close(close) => panic!("it was closed: {close:?}; {missing:?} are missing"),
            // Only Aether's own clients hear binary frames.
            message => String::from_utf8_lossy(&message.into_data()).into_owned(),
        };
        if let Some(said) = mark(&text) {
            missing.retain(|end| *end != said);
        }
        heard.push(text);
    }
    heard
}

/// Number of the frames that end a scene.
const END: u64 = 999_999;

/// All kinds in one hall.
pub struct Cast {
    pub proxy: Proxy,
    pub all: Vec<(Kind, Client)>,
}

impl Cast {
    pub async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let proxy = HALL.open(change).await;
        let all = enter_all(&proxy, &HALL).await;
        let mut cast = Self { proxy, all };
        cast.scene().await;
        cast
    }

    pub fn of(&mut self, kind: Kind) -> &mut Client {
        &mut self.all.iter_mut().find(|(other, _)| *other == kind).expect("of all kinds").1
    }

    /// What each has heard since the last scene: everybody ends it, and hears to the end of everybody.
    pub async fn scene(&mut self) -> Vec<(Kind, Vec<String>)> {
        ended(&mut self.all).await
    }
}

/// One of each kind.
pub async fn enter_all(proxy: &Proxy, hall: &Hall) -> Vec<(Kind, Client)> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        all.push((kind, kind.enter(proxy, hall, kind.name()).await));
    }
    all
}

/// Says it, and also as a command where it is a V3 client's.
pub async fn say(kind: Kind, client: &mut Client, n: u64) {
    if kind == V3 {
        client.text(&rooms::told(&alert("v3", n))).await;
        client.text(&cmd(&alert("cmd", n))).await;
    } else {
        client.text(&alert(kind.name(), n)).await;
    }
}

/// Those whom this kind hears.
pub fn heard_by(kind: Kind) -> Vec<&'static str> {
    let names = Kind::ALL.into_iter().filter(|k| k.speaks()).map(Kind::name).chain(["cmd"]);
    names.filter(|by| kind.hears(by)).collect()
}

/// See `Cast::scene`; the frames that end it are left out.
pub async fn ended(all: &mut [(Kind, Client)]) -> Vec<(Kind, Vec<String>)> {
    for (kind, client) in all.iter_mut().filter(|(kind, _)| kind.speaks()) {
        say(*kind, client, END).await;
    }
    // All at once: whoever is not read is not listened to either.
    join_all(all.iter_mut().map(async |(kind, client)| {
        let ends: Vec<_> = heard_by(*kind).into_iter().map(|by| (by.to_owned(), END)).collect();
        let patience = tokio::time::timeout(PATIENCE, hear(client, &ends)).await;
        let mut texts = patience.unwrap_or_else(|_| panic!("{kind:?} hears {ends:?} never"));
        texts.retain(|text| mark(text).is_none_or(|(_, n)| n != END));
        (*kind, texts)
    }))
    .await
}
