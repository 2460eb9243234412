//! Owns what the outputs of a dialect made by two filters mean: which of them are messages, which of those carries the
//! frame they came of, and whether a frame is what a message came of. Running filters is not its business.

use super::{HubMessage, Kind, Notes, Receipt, aether_v3, lens};
use crate::envelope::{Draft, MsgType, Problem, ProblemKind, Target};
use std::borrow::Cow;
use std::sync::Arc;

/// A dialect made by two filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered {
    /// What receipts call it.
    pub name: Arc<str>,
    /// Its place in the settings, by which its filters are found.
    pub place: usize,
}

/// What a receipt of this dialect says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace<'m> {
    /// It was said in something else.
    None,
    /// It was this frame.
    Frame(&'m str),
    /// It is a further message of a frame that those who hear this one have got already.
    Part,
}

impl Filtered {
    /// The receipt of one of a frame's messages.
    pub fn receipt<'a>(&self, raw: Option<&'a str>) -> Receipt<'a> {
        let dialect = Some(Cow::Owned(self.name.as_ref().to_owned()));
        Receipt { kind: Kind::Json, raw: raw.map(Cow::Borrowed), dialect }
    }

    /// What a message's receipt says. That its frame leads to the message has yet to be seen: `is_source`.
    pub fn trace<'m>(&self, message: &'m HubMessage<'_>) -> Trace<'m> {
        match message.receipt().filter(|receipt| receipt.dialect.as_deref() == Some(&self.name)) {
            Some(Receipt { raw: Some(raw), .. }) => Trace::Frame(raw),
            Some(Receipt { raw: None, .. }) => Trace::Part,
            None => Trace::None,
        }
    }
}

/// The messages in the outputs of a filter to V3, all or none.
///
/// # Errors
/// The problems of the first output that is no message a legacy client may send.
pub fn drafts(outputs: &[String]) -> Result<Vec<Draft<'_>>, Vec<Problem>> {
    let mut drafts = Vec::with_capacity(outputs.len());
    for text in outputs {
        let draft = aether_v3::draft(text, false, &mut Notes::default())?;
        if draft.msg_type() == MsgType::Presence {
            // The server tells who is there.
            return Err(vec![Problem::at("msg_type", ProblemKind::PresenceRefused)]);
        }
        drafts.push(draft);
    }
    Ok(drafts)
}

/// Is the message for others, and not a sign of life or for the sender alone?
pub fn is_for_others(draft: &Draft<'_>) -> bool {
    draft.msg_type() != MsgType::Heartbeat && draft.target() != Target::Echo
}

/// Is it the first among these messages for whom it is for? That one carries the frame.
pub fn is_first(drafts: &[Draft<'_>], at: usize) -> bool {
    let Some((before, draft)) = drafts.get(at).map(|draft| (&drafts[..at], draft)) else { return false };
    let same = |other: &Draft<'_>| other.target() == draft.target() && other.to_id() == draft.to_id();
    !before.iter().any(|other| is_for_others(other) && same(other))
}

/// Do these outputs, of the frame in a message's receipt, hold that message, where it would carry the frame? `visible` is
/// what V3 clients see.
pub fn is_source(outputs: &[String], visible: &str) -> bool {
    let Ok(seen) = aether_v3::draft(visible, false, &mut Notes::default()) else { return false };
    let Ok(drafts) = drafts(outputs) else { return false };
    // Or to the group, which is where a broadcast by one who may not goes.
    let broadcasts = |draft: &Draft<'_>| draft.target() == Target::Broadcast;
    let demoted: Vec<_> =
        drafts.iter().cloned().map(|draft| if broadcasts(&draft) { draft.for_group() } else { draft }).collect();
    [drafts, demoted].iter().any(|drafts| {
        let mut all = drafts.iter().enumerate();
        all.any(|(at, draft)| is_for_others(draft) && is_first(drafts, at) && lens::same(draft, &seen))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    const GROUP: &str = r#"{"msg_type":"msg","target":"group","msg":"a"}"#;
    const MORE: &str = r#"{"msg_type":"msg","target":"group","msg":"b"}"#;
    const ALL: &str = r#"{"msg_type":"msg","target":"broadcast","msg":"c"}"#;
    const ANN: &str = r#"{"msg_type":"msg","target":"direct","to_id":"ann","msg":"d"}"#;
    const BOB: &str = r#"{"msg_type":"msg","target":"direct","to_id":"bob","msg":"d"}"#;
    const ECHO: &str = r#"{"msg_type":"msg","target":"echo","msg":"e"}"#;
    const ALIVE: &str = r#"{"msg_type":"heartbeat","target":"group"}"#;

    #[test]
    fn one_output_that_is_no_message_spoils_all() {
        assert_eq!(drafts(&texts(&[GROUP, ANN, ECHO, ALIVE])).map(|all| all.len()), Ok(4));
        for bad in ["{}", r#"{"msg_type":"presence","target":"echo"}"#, r#"{"msg_type":"msg","target":"direct"}"#, "1"]
        {
            assert!(drafts(&texts(&[GROUP, bad])).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_for_each_audience_carries_the_frame() {
        let outputs = texts(&[ECHO, GROUP, ALIVE, MORE, ANN, BOB, ALL]);
        let drafts = drafts(&outputs).expect("messages");
        let first: Vec<_> = (0..7).filter(|at| is_for_others(&drafts[*at]) && is_first(&drafts, *at)).collect();
        assert_eq!(first, [1, 4, 5, 6]);
        for (text, is) in [(GROUP, true), (MORE, false), (ANN, true), (BOB, true), (ALL, true), (ECHO, false)] {
            assert_eq!(is_source(&outputs, text), is, "{text}");
        }
        assert!(!is_source(&outputs, r#"{"msg_type":"msg","target":"group","msg":"forged"}"#));
        assert!(!is_source(&outputs, "{}") && !is_source(&[], GROUP) && !is_source(&texts(&["{}"]), GROUP));
    }

    #[test]
    fn a_broadcast_may_have_become_a_message_to_the_group() {
        let demoted = ALL.replace("broadcast", "group");
        assert!(is_source(&texts(&[ALL]), &demoted) && is_source(&texts(&[ALL, GROUP]), GROUP));
        assert!(!is_source(&texts(&[GROUP]), &demoted));
        assert!(is_source(&texts(&[GROUP]), &GROUP.replace("}", r#","payload":{},"from_id":"x","sent_at":"t"}"#)));
    }
}
