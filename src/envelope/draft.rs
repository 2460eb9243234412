//! Owns what a message says before anybody vouches for it: type, target, addressee, content.
//! Content stays as JSON tokens, verbatim. Who says it, when, and from which group is `seal`'s.

use super::{ClientId, Problem, ProblemKind, Stamp, json};
use std::borrow::Cow;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// All, in the order of the guide.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// From the word on the wire.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// `msg_type` (guide section 3).
    MsgType {
        /// Content for people.
        Msg = "msg",
        /// A command (section 5).
        Cmd = "cmd",
        /// Keeps presence alive (section 5).
        Heartbeat = "heartbeat",
        /// Who is here.
        Presence = "presence",
    }
}

words! {
    /// `target` (guide section 4).
    Target {
        /// One client id, whatever its group.
        Direct = "direct",
        /// Everyone in the group.
        Group = "group",
        /// Everyone.
        Broadcast = "broadcast",
        /// The sender alone.
        Echo = "echo",
    }
}

/// A message nobody has stamped. It cannot hold a sender, a group or a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft<'a> {
    msg_type: MsgType,
    target: Target,
    to_id: Option<ClientId>,
    /// JSON string token.
    pub cmd: Option<Cow<'a, str>>,
    /// JSON string token.
    pub msg: Option<Cow<'a, str>>,
    /// JSON object token.
    pub payload: Option<Cow<'a, str>>,
}

impl<'a> Draft<'a> {
    /// An empty message.
    ///
    /// # Errors
    /// `direct` without an addressee.
    pub fn new(msg_type: MsgType, target: Target, to_id: Option<ClientId>) -> Result<Self, Problem> {
        if target == Target::Direct && to_id.is_none() {
            return Err(Problem::at("to_id", ProblemKind::DirectNeedsTo));
        }
        Ok(Self { msg_type, target, to_id, cmd: None, msg: None, payload: None })
    }

    /// An empty message to the sender's group.
    pub fn to_group(msg_type: MsgType) -> Self {
        Self { msg_type, target: Target::Group, to_id: None, cmd: None, msg: None, payload: None }
    }

    /// An empty message to one client.
    pub fn to_client(msg_type: MsgType, to: ClientId) -> Self {
        Self { msg_type, target: Target::Direct, to_id: Some(to), cmd: None, msg: None, payload: None }
    }

    /// `msg_type`
    pub fn msg_type(&self) -> MsgType {
        self.msg_type
    }

    /// `target`
    pub fn target(&self) -> Target {
        self.target
    }

    /// `to_id`; always there when the target is direct.
    pub fn to_id(&self) -> Option<&ClientId> {
        self.to_id.as_ref()
    }

    /// The same content, to the group: what is left of a broadcast by somebody who may not.
    #[must_use]
    pub fn for_group(mut self) -> Self {
        self.target = Target::Group;
        self
    }

    /// Copies what is borrowed.
    pub fn into_owned(self) -> Draft<'static> {
        let own = |token: Option<Cow<'a, str>>| token.map(|t| Cow::Owned(t.into_owned()));
        Draft {
            msg_type: self.msg_type,
            target: self.target,
            to_id: self.to_id,
            cmd: own(self.cmd),
            msg: own(self.msg),
            payload: own(self.payload),
        }
    }

    /// The message as JSON without any stamp: what two drafts are compared by, and what the
    /// language-neutral cases hold.
    pub fn content(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, None, false);
        out
    }

    /// Appends the message as one JSON object, members in the order of the guide.
    pub(super) fn write(&self, out: &mut String, stamp: Option<&Stamp<'_>>, nulls: bool) {
        let text = |t: &Option<Cow<'_, str>>| t.as_ref().map_or(0, |t| t.len() + 12);
        out.reserve(160 + text(&self.cmd) + text(&self.msg) + text(&self.payload));
        out.push_str("{\"version\":\"3\",\"msg_type\":\"");
        out.push_str(self.msg_type.as_str());
        out.push_str("\",\"target\":\"");
        out.push_str(self.target.as_str());
        out.push('"');
        let absent = |out: &mut String, name: &str, value: &str| {
            if nulls {
                out.push_str(name);
                out.push_str(value);
            }
        };
        if let Some(stamp) = stamp {
            out.push_str(",\"from_id\":");
            json::write_str(out, stamp.from_id);
        }
        match &self.to_id {
            Some(to) => {
                out.push_str(",\"to_id\":");
                to.write_json(out);
            }
            None => absent(out, ",\"to_id\":", "null"),
        }
        match stamp.and_then(|s| s.group_id) {
            Some(group) => {
                out.push_str(",\"group_id\":");
                json::write_str(out, group);
            }
            None if stamp.is_some() => absent(out, ",\"group_id\":", "null"),
            None => {}
        }
        for (name, token, null) in
            [(",\"cmd\":", &self.cmd, "null"), (",\"msg\":", &self.msg, "null"), (",\"payload\":", &self.payload, "{}")]
        {
            match token {
                Some(token) => {
                    out.push_str(name);
                    out.push_str(token);
                }
                None => absent(out, name, null),
            }
        }
        if let Some(stamp) = stamp {
            out.push_str(",\"sent_at\":");
            json::write_str(out, stamp.sent_at);
        }
        out.push('}');
    }
}
