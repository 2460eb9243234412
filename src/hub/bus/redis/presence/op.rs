//! Owns what is to be written about presence, and how much of it goes in one pipeline. What is written is `presence`'s.

use crate::envelope::GroupId;
use crate::hub::presence::{Member, Sought};
use crate::hub::seat::Seat;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Members let go by one step of a reaper, and present again by one step after a flush.
pub(super) const STEP: usize = 256;
/// Metadata in one pipeline, in bytes, but for its last: it has the deadline of a command, also on a slow line.
const BYTES: usize = 1024 * 1024;

/// Something to do, in order.
#[derive(Debug)]
pub enum Op {
    /// A connection is there.
    Join(Arc<Seat>),
    /// A connection is gone, and its grace over.
    Leave(Arc<Seat>),
    /// What a connection says of itself has changed.
    Describe(Arc<Seat>),
    /// Who is there?
    Query(GroupId, oneshot::Sender<Vec<Member>>),
    /// Is this one there?
    Ask(Sought, oneshot::Sender<Option<Member>>),
}

impl Op {
    /// What it says beside names.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Op::Join(seat) | Op::Describe(seat) => seat.metadata.bytes(),
            Op::Leave(_) | Op::Query(..) | Op::Ask(..) => 0,
        }
    }
}

/// How many of these, of so many bytes each, make one pipeline: at least one.
pub(super) fn one_pipeline(each: impl Iterator<Item = usize>) -> usize {
    let mut before = 0;
    each.take(STEP)
        .take_while(|bytes| {
            let fits = before < BYTES;
            before += bytes;
            fits
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter::repeat_n;

    #[test]
    fn a_pipeline_is_bounded_in_number_and_length_and_never_empty() {
        assert_eq!(one_pipeline(repeat_n(0, 1000)), STEP);
        assert_eq!(one_pipeline(repeat_n(BYTES / 16, 1000)), 16);
        assert_eq!(one_pipeline(repeat_n(2 * BYTES, 1000)), 1);
        assert_eq!((one_pipeline(repeat_n(9, 3)), one_pipeline([].into_iter())), (3, 0));
    }
}
