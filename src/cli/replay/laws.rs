//! Owns the replay without a proxy: every frame through the lens, and whether its laws hold (L1 it comes back exactly,
//! L4 its envelope is valid, L6 the text on the hub reads back). The laws of all others are tested in `tests/laws`.

use super::{Failure, Out, Played, Talk};
use crate::cli::out::shortened;
use crate::config::{Config, DialectName, Mount};
use crate::dialect::aether_v2::{self, Speaks};
use crate::dialect::lens;
use crate::dialect::{Dialect, HubMessage, Intent, Kind, Notes, OwnedFrame, Wire, aether_v3, wire};
use crate::edge::spoken_and_heard;
use crate::envelope::{ClientId, GroupId, Nulls, Origin, seal};
use crate::label::{Label, labels};
use crate::session::Settings;
use std::collections::BTreeMap;

/// Any point in time: it is the same for all, and no law depends on it.
const SENT_AT: &str = "2026-03-11T12:34:56.789Z";

labels! {
    /// What becomes of a frame.
    enum Outcome {
        /// The envelope alone gives it back.
        Exact = "exact",
        /// Its text goes along.
        Receipt = "receipt",
        /// It goes back to its sender alone.
        Echo = "echo",
        /// The proxy answers by itself.
        Answer = "answer",
    }
}

/// What frames are translated with.
struct Lens {
    speaks: Speaks,
    nulls: Nulls,
    wire: Wire,
}

/// Plays all frames and tells; do all laws hold?
///
/// # Errors
/// A broken pipe.
pub(super) fn run(talk: &Talk, config: &Config, out: &mut Out) -> Result<bool, Failure> {
    let settings = Settings::new(config);
    let Some((Dialect::AetherV2(speaks), _)) = spoken_and_heard(&Mount::new("", DialectName::AetherV2), config) else {
        return Err(Failure::Usage("this mount does not speak V2".into()));
    };
    let lens = Lens { speaks, nulls: settings.nulls, wire: settings.wire };
    let mut counts: BTreeMap<(Kind, Outcome), u64> = BTreeMap::new();
    let mut mismatches = 0;
    for played in &talk.sent {
        let (kind, outcome) = lens.kind(&played.frame);
        *counts.entry((kind, outcome)).or_default() += 1;
        for law in lens.broken(played) {
            mismatches += 1;
            let text = match &played.frame {
                OwnedFrame::Text(text) => shortened(text, 80),
                OwnedFrame::Binary(bytes) => format!("({} bytes)", bytes.len()),
            };
            out.line(&format!("{}:{}: {law}: {text}", talk.name, played.line))?;
        }
    }
    for kind in Kind::ALL {
        for outcome in Outcome::ALL {
            if let Some(n) = counts.get(&(*kind, *outcome)) {
                out.line(&format!("{:<7} {:<8} {n:>7}", Kind::label(*kind), outcome.label()))?;
            }
        }
    }
    let Talk { sent, skipped, .. } = talk;
    out.line(&format!("{} frames, skipped: {skipped}, laws broken: {mismatches}", sent.len()))?;
    Ok(mismatches == 0)
}

impl Lens {
    fn kind(&self, frame: &OwnedFrame) -> (Kind, Outcome) {
        let receipt = lens::to_v3(frame.borrow(), self.speaks.shaped).receipt;
        let outcome = match aether_v2::upgrade(&self.speaks, frame.borrow()).0 {
            Intent::Answer(_) => Outcome::Answer,
            Intent::Echo { .. } => Outcome::Echo,
            _ if receipt.raw.is_some() => Outcome::Receipt,
            _ => Outcome::Exact,
        };
        (receipt.kind, outcome)
    }

    /// The laws that do not hold for a frame.
    fn broken(&self, played: &Played) -> Vec<&'static str> {
        let (Ok(client), Ok(group)) = (
            ClientId::new(&played.who.client, usize::MAX),
            played.who.group.as_ref().map(|group| GroupId::new(group, usize::MAX)).transpose(),
        ) else {
            return vec!["an id that no client can have"];
        };
        let origin = Origin { client, group, account: None };
        let translated = lens::to_v3(played.frame.borrow(), self.speaks.shaped);
        let envelope = seal(&translated.draft, &origin, SENT_AT, self.nulls);
        let hub = wire::write(&envelope, Some(&translated.receipt), self.wire).unstamped();
        let Ok(read) = HubMessage::read(&hub) else { return vec!["L6 the text on the hub reads back"] };
        let valid = aether_v3::draft(&read.visible(), true, &mut Notes::default()).is_ok();
        // `include` writes an absent payload as an empty one.
        let mut draft = translated.draft;
        if self.nulls == Nulls::Include && draft.payload.is_none() {
            draft.payload = Some("{}".into());
        }
        let reads_back = read.visible() == envelope.text()
            && *read.draft() == draft
            && read.receipt() == Some(&translated.receipt)
            && read.from_id() == Some(origin.client.as_str());
        let laws = [
            ("L1 it comes back exactly", lens::original(&read).as_ref() == Some(&played.frame)),
            ("L4 its envelope is valid", valid),
            ("L6 the text on the hub reads back", reads_back),
        ];
        laws.into_iter().filter(|(_, holds)| !holds).map(|(law, _)| law).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::replay::Who;
    use crate::clock::Timestamp;
    use crate::dialect::Shaped;

    fn played(frame: OwnedFrame, client: &str) -> Played {
        let who = Who { tenant: "t".into(), group: Some("g".into()), client: client.into(), hears_v3: false, tab: 0 };
        Played { line: 1, at: Timestamp(0), who, conn: 1, frame }
    }

    #[test]
    fn the_laws_hold_for_frames_of_every_kind_in_every_setting() {
        for shaped in [Shaped::Routing, Shaped::Content, Shaped::Opaque] {
            for (nulls, wire) in [(Nulls::Omit, Wire::Extended), (Nulls::Include, Wire::Plain)] {
                let lens = Lens { speaks: Speaks { shaped, keepalive: true }, nulls, wire };
                for text in ["", "ping", "{}", " {\"a\":1,\"a\":2}", "[1]", r#"{"msg_type":"msg","target":"echo"}"#] {
                    assert_eq!(lens.broken(&played(OwnedFrame::Text(text.into()), "c")), [""; 0], "{text}");
                }
                assert_eq!(lens.broken(&played(OwnedFrame::Binary(vec![0, 255]), "c")), [""; 0]);
                assert_eq!(lens.broken(&played(OwnedFrame::Text("x".into()), "")).len(), 1, "no id");
            }
        }
    }

    #[test]
    fn what_becomes_of_a_frame_is_told() {
        let speaks = Speaks { shaped: Shaped::Routing, keepalive: true };
        let lens = Lens { speaks, nulls: Nulls::Omit, wire: Wire::Extended };
        for (text, want) in [
            ("{\"msg\":\"a\"}", (Kind::Json, Outcome::Exact)),
            ("{ \"msg\":\"a\"}", (Kind::Json, Outcome::Receipt)),
            ("ping", (Kind::Text, Outcome::Answer)),
            (r#"{"msg_type":"msg","target":"echo"}"#, (Kind::Json, Outcome::Echo)),
            ("[]", (Kind::Value, Outcome::Exact)),
        ] {
            assert_eq!(lens.kind(&OwnedFrame::Text(text.into())), want, "{text}");
        }
    }
}
