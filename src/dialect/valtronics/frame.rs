//! Owns the reading of a client's frame into what it says. Filters may stand under `filters`, as the guide's Python
//! class sends them, or beside `channel`, where its JavaScript class spreads them; where both name one, the nested
//! one counts. What nothing is known of is nobody's fault: later clients may say more.

use super::Channel;
use super::filter::{Filter, Values};
use super::words::{Wrong, quoted};
use crate::envelope::json::{self, Document, Member};
use std::borrow::Cow;

/// What a client's frame says.
#[derive(Debug)]
pub struct Said<'a> {
    /// `type`, decoded.
    pub word: Cow<'a, str>,
    /// All members, each key once.
    members: Vec<Member<'a>>,
}

/// What a subscription, or its end, is about.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The channel.
    pub channel: Channel,
    /// The devices; None: whatever device.
    pub devices: Option<Values>,
    /// The same, in the client's own words.
    pub device: Option<&'a str>,
    /// The rest.
    pub filter: Filter,
}

impl<'a> Said<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// It is no typed JSON object.
    pub fn read(text: &'a str) -> Result<Self, Wrong> {
        let members = json::tokens(text).map(json::last_wins).map_err(|_| match Document::parse(text) {
            Document::Value(_) => Wrong::NotObject,
            _ => Wrong::NotJson,
        })?;
        let word = find(&members, "type").and_then(json::decode_str).ok_or(Wrong::NoType)?;
        Ok(Self { word, members })
    }

    /// A member's token, unless it is null.
    pub fn member(&self, name: &str) -> Option<&'a str> {
        find(&self.members, name).filter(|token| !json::is_null(token))
    }

    /// The messages of a batch.
    ///
    /// # Errors
    /// There is no list, or too long a one (0: no limit).
    pub fn batch(&self, most: usize) -> Result<Vec<&'a str>, Wrong> {
        let items = self.member("messages").and_then(json::items).ok_or(Wrong::NoList)?;
        if most > 0 && items.len() > most {
            return Err(Wrong::BatchTooBig(most));
        }
        Ok(items)
    }

    /// A subscription, or its end.
    ///
    /// # Errors
    /// There is no such channel, or a filter can mean nothing.
    pub fn ask(&self) -> Result<Ask<'a>, Wrong> {
        let channel = self.member("channel").ok_or(Wrong::NoChannel)?;
        let channel = match json::decode_str(channel) {
            Some(word) => Channel::parse(&word).ok_or_else(|| Wrong::UnknownChannel(quoted(&word)))?,
            None => return Err(Wrong::UnknownChannel(quoted(channel))),
        };
        let nested = match self.member("filters") {
            Some(token) => json::tokens(token).map(json::last_wins).map_err(|_| Wrong::Filters)?,
            None => Vec::new(),
        };
        let (mut filter, mut device) = (Filter::default(), None);
        for member in self.members.iter().chain(&nested) {
            if member.key == "device_id" {
                device = Some(member.value);
            } else if let Some(taken) = filter.take(&member.key, member.value) {
                taken?;
            }
        }
        let devices = device.map(|token| Values::read("device_id", token)).transpose()?.flatten();
        let device = device.filter(|_| devices.is_some());
        Ok(match channel {
            // The system is no device, so there is nothing to tell apart.
            Channel::System => Ask { channel, devices: None, device: None, filter: filter.of(channel) },
            _ => Ask { channel, devices, device, filter: filter.of(channel) },
        })
    }
}

fn find<'a>(members: &[Member<'a>], name: &str) -> Option<&'a str> {
    members.iter().find(|member| member.key == name).map(|member| member.value)
}
