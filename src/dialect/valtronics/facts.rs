//! Owns what is found in a hub message once, however many receivers there are: the legacy frame in its payload, its
//! channel, and what filters ask about. Which receiver gets it is `outbound`'s.

use super::Channel;
use super::filter::scalar;
use crate::dialect::{HubMessage, OwnedFrame, Spoken, adapter};
use crate::envelope::MsgType;
use crate::envelope::json::{self, Member};
use crate::label::labels;
use std::borrow::Cow;

labels! {
    /// What a frame is by its `type`.
    pub enum Kind {
        /// Values of a device.
        TelemetryUpdate = "telemetry_update",
        /// Somebody should look.
        Alert = "alert",
        /// A device came or went.
        DeviceStatusUpdate = "device_status_update",
        /// The server's own state.
        SystemStatusUpdate = "system_status_update",
        /// A device was changed; the real server's.
        DeviceUpdate = "device_update",
        /// To everybody; the real server's.
        SystemNotification = "system_notification",
        /// Anything else.
        Other = "other",
    }
}

/// What only a server says to one client, or a client to the server: no peer's word may pass for it.
const PRIVATE: [&str; 13] = [
    "auth",
    "auth_response",
    "batch",
    "error",
    "heartbeat",
    "ping",
    "pong",
    "subscribe",
    "subscription_confirmed",
    "unsubscribe",
    "unsubscription_confirmed",
    "subscribe_device",
    "unsubscribe_device",
];

impl Kind {
    fn parse(word: &str) -> Self {
        use crate::label::Label;
        <Self as Label>::ALL.iter().copied().find(|kind| kind.label() == word).unwrap_or(Self::Other)
    }

    /// The channel it belongs to, whatever else the frame says.
    fn channel(self) -> Option<Channel> {
        match self {
            Self::TelemetryUpdate => Some(Channel::Telemetry),
            Self::Alert => Some(Channel::Alerts),
            Self::DeviceStatusUpdate => Some(Channel::Devices),
            Self::SystemStatusUpdate => Some(Channel::System),
            Self::DeviceUpdate | Self::SystemNotification | Self::Other => None,
        }
    }
}

/// A legacy frame, and what is in it.
#[derive(Debug)]
pub struct Facts<'m> {
    text: &'m str,
    kind: Kind,
    channel: Option<Channel>,
    device: Option<Cow<'m, str>>,
    severity: Option<Cow<'m, str>>,
    alert_type: Option<Cow<'m, str>>,
    new_status: Option<Cow<'m, str>>,
    /// Each key once.
    members: Vec<Member<'m>>,
    /// The place among them, and what is in it.
    metrics: Option<(usize, Vec<Member<'m>>)>,
}

impl<'m> Facts<'m> {
    /// Looks at a message; None: it holds no frame of this dialect.
    pub fn find(message: &'m HubMessage<'_>) -> Option<Self> {
        let payload = adapter::payload(message).filter(|_| message.msg_type() != MsgType::Presence)?;
        let members = json::tokens(payload).map(json::last_wins).ok()?;
        let find = |name: &str| members.iter().position(|member| member.key == name);
        let word = |name: &str| find(name).and_then(|at| scalar(members[at].value));
        let kind = match find("type").map(|at| json::decode_str(members[at].value)) {
            Some(Some(word)) if PRIVATE.contains(&&*word) => return None,
            Some(Some(word)) => Kind::parse(&word),
            _ => Kind::Other,
        };
        let named = word("channel").and_then(|word| Channel::parse(&word));
        let channel = named.or(kind.channel());
        let place = match channel {
            Some(Channel::Telemetry) => find("telemetry"),
            Some(Channel::System) => find("metrics"),
            _ => None,
        };
        // What is no object has none of the metrics anybody asked for.
        let inside = |at: usize| json::tokens(members[at].value).map(json::last_wins).unwrap_or_default();
        let metrics = place.map(|at| (at, inside(at)));
        let (device, severity) = (word("device_id"), word("severity"));
        let (alert_type, new_status) = (word("alert_type"), word("new_status"));
        let text = raw(message, payload);
        Some(Self { text, kind, channel, device, severity, alert_type, new_status, members, metrics })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whose subscribers hear it: as its `channel` says, else its type; None: nobody knows.
    pub fn channel(&self) -> Option<Channel> {
        self.channel
    }

    /// `device_id`
    pub fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// `severity`
    pub fn severity(&self) -> Option<&str> {
        self.severity.as_deref()
    }

    /// `alert_type`
    pub fn alert_type(&self) -> Option<&str> {
        self.alert_type.as_deref()
    }

    /// `new_status`
    pub fn new_status(&self) -> Option<&str> {
        self.new_status.as_deref()
    }

    /// Its metrics: of telemetry those in `telemetry`, of the system those in `metrics`; None: it has no such member.
    pub fn metrics(&self) -> Option<&[Member<'m>]> {
        self.metrics.as_ref().map(|(_, metrics)| &**metrics)
    }

    /// Is it a value of its device that the next one replaces? Only such ones are sampled.
    pub fn is_value(&self) -> bool {
        self.metrics.is_some() || (self.channel.is_some() && self.kind.channel() == self.channel)
    }

    /// The frame as it was sent.
    pub fn whole(&self) -> OwnedFrame {
        OwnedFrame::Text(self.text.to_owned())
    }

    /// The frame with only these of its metrics, by their places; every token else as it was.
    pub fn cut(&self, shown: &[u16]) -> OwnedFrame {
        let Some((place, metrics)) = &self.metrics else { return self.whole() };
        let mut out = String::with_capacity(self.text.len());
        let mut before = '{';
        for (at, member) in self.members.iter().enumerate() {
            out.push(before);
            before = ',';
            out.push_str(member.key_token);
            out.push(':');
            if at != *place {
                out.push_str(member.value);
                continue;
            }
            let mut inner = '{';
            for metric in shown.iter().filter_map(|shown| metrics.get(usize::from(*shown))) {
                out.push(inner);
                inner = ',';
                out.push_str(metric.key_token);
                out.push(':');
                out.push_str(metric.value);
            }
            out.push('}');
        }
        out.push('}');
        OwnedFrame::Text(out)
    }
}

/// The text a legacy client of this dialect sent, with the white space around it. A receipt that does not lead to the
/// payload is somebody's forgery, and shows nothing that V3 clients do not see.
fn raw<'m>(message: &'m HubMessage<'_>, payload: &'m str) -> &'m str {
    let own = message.receipt().filter(|receipt| receipt.dialect.as_deref() == Some(Spoken::Valtronics.label()));
    let raw = own.and_then(|receipt| receipt.raw.as_deref());
    raw.filter(|raw| super::trimmed(raw) == payload).unwrap_or(payload)
}
