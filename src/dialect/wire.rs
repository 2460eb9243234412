//! Owns the text of a message on the hub: the visible envelope plus what only proxies read.
//! Extended wire: one last member `_hub`, cut off before V3 clients see it. Plain wire: pure V3, the
//! receipt is the last member `_v2` of the payload. Text of foreign publishers has neither.

use super::Protocol;
use super::aether_v3::Fields;
use super::lens::{Kind, Receipt};
use crate::envelope::json::{self, Member};
use crate::envelope::{AccountId, ClientId, Draft, Envelope, MsgType, Problem};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// With `_hub`.
    Extended,
    /// Pure V3.
    Plain,
}

/// A message for the hub, with a hole where the journal writes its epoch and sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubText {
    /// Up to the hole.
    pub head: String,
    /// Behind it; starts with a comma where a member follows. Empty: there is no hole.
    pub tail: String,
}

impl HubText {
    /// The text without a journal's stamp.
    pub fn unstamped(&self) -> String {
        format!("{}{}", self.head, self.tail.strip_prefix(',').unwrap_or(&self.tail))
    }

    /// The text as the journal writes it.
    pub fn stamped(&self, epoch: &str, seq: u64) -> String {
        if self.tail.is_empty() {
            return self.head.clone();
        }
        let mut text = String::with_capacity(self.len() + epoch.len() + 32);
        text.push_str(&self.head);
        // Writing to a String cannot fail.
        let _ = write!(text, "\"e\":\"{epoch}\",\"s\":{seq}{}", self.tail);
        text
    }

    /// Bytes without a stamp.
    pub fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// Never: a message has members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Writes a sealed message for the hub.
pub fn write(envelope: &Envelope, receipt: Option<&Receipt<'_>>, wire: Wire) -> HubText {
    let raw = receipt.and_then(|r| r.raw.as_ref()).map_or(0, |raw| raw.len() + raw.len() / 4);
    let mut tail = String::with_capacity(48 + raw);
    if let Some(account) = envelope.account() {
        tail.push_str(",\"a\":");
        account.write_json(&mut tail);
    }
    if let Some(receipt) = receipt {
        tail.push_str(",\"k\":\"");
        tail.push_str(receipt.kind.label());
        tail.push('"');
        if let Some(dialect) = &receipt.dialect {
            tail.push_str(",\"d\":");
            json::write_str(&mut tail, dialect);
        }
        if let Some(raw) = &receipt.raw {
            tail.push_str(",\"raw\":");
            json::write_str(&mut tail, raw);
        }
    }
    match wire {
        Wire::Extended => {
            tail.push_str("}}");
            let visible = envelope.text();
            let mut head = String::with_capacity(visible.len() + 8);
            head.push_str(&visible[..visible.len() - 1]);
            head.push_str(",\"_hub\":{");
            HubText { head, tail }
        }
        Wire::Plain => HubText { head: plain(envelope.text(), &tail), tail: String::new() },
    }
}

/// Puts the receipt into the payload. A payload that ends in a `_v2` of its own gets an empty receipt
/// behind it, so that exactly one is taken off again; `"p":0` says that there was no payload.
fn plain(visible: &str, tail: &str) -> String {
    let members = json::members(visible).unwrap_or_default();
    let payload = members.iter().find(|m| m.key == "payload").map(|m| m.value);
    let ends_in_v2 = |token| json::tokens(token).is_ok_and(|all| all.last().is_some_and(|m| m.key == "_v2"));
    if tail.is_empty() && !payload.is_some_and(ends_in_v2) {
        return visible.to_owned();
    }
    let tail = tail.trim_start_matches(',');
    match payload {
        Some(token) => {
            let end = offset(visible, token) + token.len() - 1;
            let comma = if token[1..token.len() - 1].trim().is_empty() { "" } else { "," };
            format!("{}{comma}\"_v2\":{{{tail}}}{}", &visible[..end], &visible[end..])
        }
        None => {
            let comma = if tail.is_empty() { "" } else { "," };
            format!("{},\"payload\":{{\"_v2\":{{\"p\":0{comma}{tail}}}}}}}", &visible[..visible.len() - 1])
        }
    }
}

/// A receipt taken out of a payload again.
struct Unplain<'a> {
    beside: Beside<'a>,
    payload: Option<String>,
    visible: String,
}

/// Undoes `plain`; None when the payload carries no receipt. What foreign publishers write there is theirs.
fn unplain<'a>(text: &'a str, payload: &Member<'a>) -> Option<Unplain<'a>> {
    // Most payloads carry none, and this is sooner said than found out.
    if !payload.value.contains("\"_v2\"") {
        return None;
    }
    let inner = json::tokens(payload.value).ok()?;
    let own = inner.last().filter(|m| m.key_token == "\"_v2\"")?;
    let beside = Beside::read(own.value, true)?;
    if beside.no_payload && inner.len() == 1 {
        // `plain` writes it behind other members.
        let before = text[..offset(text, payload.key_token)].strip_suffix(',')?;
        let to = offset(text, payload.value) + payload.value.len();
        return Some(Unplain { beside, payload: None, visible: format!("{before}{}", &text[to..]) });
    }
    let from = match inner.len() {
        1 => offset(text, own.key_token),
        _ => text[..offset(text, own.key_token)].rfind(',')?,
    };
    let to = offset(text, own.value) + own.value.len();
    let start = offset(text, payload.value);
    let visible = format!("{}{}", &text[..from], &text[to..]);
    let payload = visible.get(start..start + payload.value.len() - (to - from))?.to_owned();
    Some(Unplain { beside, payload: Some(payload), visible })
}

/// Where a token stands in the text it was cut from.
fn offset(text: &str, token: &str) -> usize {
    (token.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize)
}

/// Why a text on a hub channel is no message.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not one JSON object.
    #[error("not a JSON object: {0}")]
    Json(#[from] serde_json::Error),
    /// An object, but no `WS_Message_V3`.
    #[error("not a V3 message")]
    NotV3(Vec<Problem>),
    /// Its `_hub` member is not what a proxy writes.
    #[error("the _hub member is malformed")]
    Receipt,
}

impl WireError {
    /// The same word in metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            WireError::Json(_) => "json",
            WireError::NotV3(_) => "not_v3",
            WireError::Receipt => "receipt",
        }
    }
}

/// What a proxy wrote beside the visible envelope.
#[derive(Debug, Default)]
struct Beside<'a> {
    epoch: Option<Cow<'a, str>>,
    seq: Option<u64>,
    account: Option<AccountId>,
    kind: Option<Kind>,
    raw: Option<Cow<'a, str>>,
    dialect: Option<Cow<'a, str>>,
    /// Plain wire: there was no payload before the receipt.
    no_payload: bool,
}

impl<'a> Beside<'a> {
    /// Reads the value of `_hub` or `_v2`. `strict`: a member that no proxy writes makes it somebody else's;
    /// otherwise it is a later version's, and ignored.
    fn read(token: &'a str, strict: bool) -> Option<Self> {
        let mut beside = Self::default();
        let mut is_ours = true;
        json::each(token, |member| is_ours &= beside.take(&member).unwrap_or(!strict))?;
        is_ours.then_some(beside)
    }

    /// Takes one member: is it well-formed? None: unknown.
    fn take(&mut self, member: &Member<'a>) -> Option<bool> {
        let value = member.value;
        Some(match member.key.as_ref() {
            "e" => put(&mut self.epoch, json::decode_str(value)),
            "s" => put(&mut self.seq, value.parse().ok()),
            "a" => put(&mut self.account, json::decode_str(value).and_then(|a| AccountId::new(&a, usize::MAX).ok())),
            "k" => put(&mut self.kind, json::decode_str(value).and_then(|k| Kind::parse(&k))),
            "raw" => put(&mut self.raw, json::decode_str(value)),
            "d" => put(&mut self.dialect, json::decode_str(value)),
            "p" => {
                self.no_payload = true;
                true
            }
            _ => return None,
        })
    }
}

/// Fills a slot; false when there is nothing to fill it with.
fn put<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let is = value.is_some();
    *slot = value;
    is
}

/// A message from the hub, parsed once and rendered by every view.
#[derive(Debug)]
pub struct HubMessage<'a> {
    visible: Visible<'a>,
    draft: Draft<'a>,
    from_id: Option<Cow<'a, str>>,
    group_id: Option<Cow<'a, str>>,
    sent_at: Option<Cow<'a, str>>,
    account: Option<AccountId>,
    receipt: Option<Receipt<'a>>,
    stamp: Option<(Cow<'a, str>, u64)>,
    foreign: bool,
}

/// Where the visible text is.
#[derive(Debug)]
enum Visible<'a> {
    /// It is the text up to here, and a brace.
    Prefix(&'a str),
    /// It is the text as it is: a foreign publisher's, or plain without a receipt.
    Whole(&'a str),
    /// The receipt was cut out of its middle.
    Cut(String),
}

impl<'a> HubMessage<'a> {
    /// Reads a text from a hub channel.
    ///
    /// # Errors
    /// It is no message; foreign publishers can write anything.
    pub fn read(text: &'a str) -> Result<Self, WireError> {
        let mut fields = Fields::default();
        let (mut last, mut payload, mut payloads) = (None, None, 0);
        let is_object = json::each(text, |member| {
            fields.take(&member.key, member.value);
            if member.key == "payload" {
                payload = Some(member.clone());
                payloads += 1;
            }
            last = Some((member.key_token, member.value));
        });
        if is_object.is_none() {
            return Err(WireError::Json(json::why_invalid(text)));
        }
        let mut beside = None;
        let mut visible = Visible::Whole(text);
        if let Some((key @ "\"_hub\"", value)) = last {
            beside = Some(Beside::read(value, false).ok_or(WireError::Receipt)?);
            let before = text[..offset(text, key)].trim_end().strip_suffix(',');
            visible = Visible::Prefix(before.ok_or(WireError::Receipt)?);
        }
        let [from_id, group_id, sent_at] = fields.stamps();
        let mut draft = fields.draft().map_err(WireError::NotV3)?;
        // Of two payloads V3 clients may see either, so neither carries a receipt.
        if let (None, 1, Some(payload)) = (&beside, payloads, &payload)
            && let Some(cut) = unplain(text, payload)
        {
            draft.payload = cut.payload.map(Cow::Owned);
            visible = Visible::Cut(cut.visible);
            beside = Some(cut.beside);
        }
        let foreign = beside.is_none();
        let Beside { epoch, seq, account, kind, raw, dialect, no_payload: _ } = beside.unwrap_or_default();
        Ok(Self {
            visible,
            draft,
            from_id,
            group_id,
            sent_at,
            account,
            receipt: kind.map(|kind| Receipt { kind, raw, dialect }),
            stamp: epoch.zip(seq),
            foreign,
        })
    }

    /// The JSON object V3 clients see.
    pub fn visible(&self) -> Cow<'_, str> {
        match &self.visible {
            Visible::Prefix(prefix) => {
                let mut text = String::with_capacity(prefix.len() + 1);
                text.push_str(prefix);
                text.push('}');
                Cow::Owned(text)
            }
            Visible::Whole(text) => Cow::Borrowed(text),
            Visible::Cut(text) => Cow::Borrowed(text),
        }
    }

    /// `msg_type`
    pub fn msg_type(&self) -> MsgType {
        self.draft.msg_type()
    }

    /// What it says.
    pub fn draft(&self) -> &Draft<'a> {
        &self.draft
    }

    /// Who said it; a foreign publisher may not tell.
    pub fn from_id(&self) -> Option<&str> {
        self.from_id.as_deref()
    }

    /// From which group.
    pub fn group_id(&self) -> Option<&str> {
        self.group_id.as_deref()
    }

    /// When.
    pub fn sent_at(&self) -> Option<&str> {
        self.sent_at.as_deref()
    }

    /// The sender's account.
    pub fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }

    /// How the legacy frame comes back; none for what was V3 to begin with.
    pub fn receipt(&self) -> Option<&Receipt<'a>> {
        self.receipt.as_ref()
    }

    /// Epoch and sequence number within the scope.
    pub fn stamp(&self) -> Option<(&str, u64)> {
        self.stamp.as_ref().map(|(epoch, seq)| (epoch.as_ref(), *seq))
    }

    /// Not written by a proxy.
    pub fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// The generation it was sent in.
    pub fn protocol(&self) -> Protocol {
        if self.receipt.is_some() { Protocol::V2 } else { Protocol::V3 }
    }

    /// The addressee of a direct message.
    pub fn to_id(&self) -> Option<&ClientId> {
        self.draft.to_id()
    }
}
