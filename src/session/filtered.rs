//! Owns what follows when the filter of a dialect has said what a frame means, or that it means nothing. When it is asked
//! is `act`'s.

use super::machine::{Machine, trouble};
use super::steps::{Moment, Step, Steps};
use crate::close::CloseReason;
use crate::dialect::filtered::{drafts, is_first, is_for_others};
use crate::dialect::{Filtered, Frame, OwnedFrame};
use crate::envelope::{Draft, MsgType, Target};
use crate::jq::{Filters, JqError, To};
use crate::telemetry::labels::Translation;
use smallvec::smallvec;
use std::time::Duration;

/// Asks the filter of a dialect what a frame means.
pub(super) async fn ask(filters: &[Option<Filters>], by: &Filtered, text: &str) -> Result<Vec<String>, JqError> {
    match filters.get(by.place) {
        Some(Some(filters)) => filters.call(To::V3, text).await,
        _ => Err(JqError::Unavailable),
    }
}

impl Machine {
    /// The filter has answered, after so long.
    ///
    /// A frame it cannot translate, or of which one output is no message, reaches nobody: it is counted, and its client
    /// stays and is told nothing, since the dialect has no word for that. Only where there is no filter at all the client
    /// is closed, if `hub.v2_on_unavailable` says so: it may come back, and find one.
    pub fn on_filtered<'a>(
        &mut self,
        by: &Filtered,
        text: &'a str,
        outputs: Result<&'a [String], JqError>,
        took: Duration,
        now: Moment,
    ) -> Steps<'a> {
        let mut all = match outputs {
            Ok([]) => {
                self.meter.filtered(Translation::Refused, took);
                self.meter.dropped();
                return smallvec![];
            }
            Ok(outputs) => match drafts(outputs) {
                Ok(drafts) => drafts,
                Err(_) => return self.untranslated(took),
            },
            Err(JqError::Unavailable) => {
                self.meter.filtered(Translation::Failed, took);
                self.meter.untranslated();
                return trouble(self.settings.v2_on_unavailable, CloseReason::TryLater);
            }
            Err(_) => return self.untranslated(took),
        };
        self.meter.filtered(Translation::Receipt, took);
        if !self.client.may_broadcast {
            // Before it is seen which of them is the first for its audience.
            let demoted = |draft: Draft<'a>| {
                if draft.target() == Target::Broadcast { draft.for_group() } else { draft }
            };
            all = all.into_iter().map(demoted).collect();
        }
        let mut steps = smallvec![];
        let (mut echoed, mut alive) = (false, false);
        for (at, draft) in all.iter().enumerate() {
            if is_for_others(draft) {
                let raw = is_first(&all, at).then_some(text);
                self.publish(Frame::Text(text), draft.clone(), Some(by.receipt(raw)), now, &mut steps);
            } else if draft.msg_type() == MsgType::Heartbeat {
                alive = true;
            } else {
                echoed = true;
            }
        }
        if alive {
            steps.push(Step::Touch);
        }
        if echoed {
            // As it came, and once.
            steps.push(Step::Send(OwnedFrame::Text(text.to_owned())));
        }
        steps
    }

    fn untranslated<'a>(&mut self, took: Duration) -> Steps<'a> {
        self.meter.filtered(Translation::Failed, took);
        self.meter.untranslated();
        self.meter.invalid();
        smallvec![]
    }
}
