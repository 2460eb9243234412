//! Faults in when a message comes, and how often.

use super::faults::Fault;
use super::room::{Item, Room};
use super::said::removed;
use super::wire::Frame;
use std::time::Duration;

/// How long a message waits for the next one to pass it.
const SWAP: Duration = Duration::from_millis(500);
/// How long a longer message takes.
const LONG: Duration = Duration::from_millis(500);
/// Bytes of a longer message.
const LONGER: usize = 1024;

/// What is still to be done.
pub enum Later {
    /// Gives what is held, if it still is.
    Release(Duration),
    Give(Duration, Frame),
}

/// Gives a message to a client in the fault's way.
pub fn give(fault: Fault, room: &mut Room, seat: u64, frame: Frame) -> Option<Later> {
    let to = room.seats.get_mut(&seat)?;
    to.given += 1;
    let (nth, before) = (to.given, to.last.replace(frame.clone()));
    let mut now = vec![frame];
    match fault {
        Fault::Reordered if nth % 10 == 5 => {
            to.held = now.pop();
            return Some(Later::Release(SWAP));
        }
        Fault::Reordered => now.extend(to.held.take()),
        Fault::LongOnesLate if now[0].payload.len() > LONGER => return now.pop().map(|frame| Later::Give(LONG, frame)),
        Fault::Every50thLost if nth % 50 == 0 => now.clear(),
        Fault::LastNotFlushed if nth > 10 => now = std::mem::replace(&mut to.held, now.pop()).into_iter().collect(),
        Fault::Every10thTwice if nth % 10 == 0 => now.extend_from_within(..),
        Fault::EqualOnesLost if before.is_some_and(|before| is_again(&before, &now[0])) => now.clear(),
        Fault::EmptyOnesLost if now[0].payload.is_empty() => now.clear(),
        _ => {}
    }
    now.into_iter().for_each(|frame| room.give(seat, Item::Frame(frame)));
    None
}

/// The same but for the time.
fn is_again(before: &Frame, frame: &Frame) -> bool {
    let timeless = |frame: &Frame| frame.text().map(|text| removed(text, "sent_at"));
    before == frame || before.text().is_some() && timeless(before) == timeless(frame)
}
