//! Owns what a hub message says in this dialect, whoever hears it: found once a message.

use super::status::STATUS;
use crate::dialect::HubMessage;
use crate::envelope::{MsgType, json};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Somebody is there, or not any more.
    Present(bool),
    /// The worker's status, by whoever says so: online?
    Status(bool),
    /// Any other frame.
    Frame,
    /// The dialect has no frame for it.
    Nothing,
}

impl Said {
    /// Finds it out.
    pub fn of(message: &HubMessage<'_>) -> Self {
        let Some(payload) = message.draft().payload.as_deref() else { return Said::Nothing };
        match message.msg_type() {
            MsgType::Presence => match word(payload, "event").as_deref() {
                Some("join") => Said::Present(true),
                Some("leave") => Said::Present(false),
                _ => Said::Nothing,
            },
            MsgType::Heartbeat => Said::Nothing,
            MsgType::Msg | MsgType::Cmd if own(message) => Said::Frame,
            // What `envelope.nulls = "include"` writes where there is no payload.
            MsgType::Msg | MsgType::Cmd if payload == "{}" => Said::Nothing,
            MsgType::Msg | MsgType::Cmd => match word(payload, "type").as_deref() {
                Some(STATUS) => Said::Status(word(payload, "status").as_deref() == Some("online")),
                _ => Said::Frame,
            },
        }
    }
}

/// Was it said in this dialect? Only the worker's connection publishes with such a receipt.
pub(super) fn own(message: &HubMessage<'_>) -> bool {
    message.receipt().is_some_and(|receipt| receipt.dialect.as_deref() == Some("vectra"))
}

/// The text of a member; of equal names the last, as browsers read them.
fn word(object: &str, name: &str) -> Option<String> {
    let members = json::tokens(object).ok()?;
    let token = members.iter().rev().find(|member| member.key == name)?.value;
    json::decode_str(token).map(std::borrow::Cow::into_owned)
}
