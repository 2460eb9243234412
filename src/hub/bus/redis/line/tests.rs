//! A line held against links that blip, journals that are trimmed, flushed and taken over.

use super::*;
use crate::dialect::WireError;

#[derive(Default)]
struct Got(Vec<u64>, u32);

impl Sink for Got {
    fn deliver(&mut self, message: &HubMessage<'_>) {
        self.0.push(message.stamp().map_or(0, |(_, seq)| seq));
    }
    fn invalid(&mut self, _: &WireError) {
        self.1 += 1;
    }
}

fn text(epoch: &str, seq: u64) -> Bytes {
    format!(r#"{{"version":"3","msg_type":"msg","target":"group","from_id":"c","_hub":{{"e":"{epoch}","s":{seq}}}}}"#)
        .into()
}

fn place(epoch: &str, seq: u64) -> Place {
    Place { epoch: epoch.into(), seq }
}

fn range(epoch: &str, from: u64, top: u64) -> Range {
    Range { top: place(epoch, top), entries: (from..=top).map(|seq| text(epoch, seq)).collect() }
}

/// A line that has delivered up to `seq`.
fn live_at(epoch: &str, seq: u64) -> Line {
    let mut line = Line::new(true, 4);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    assert_eq!(line.subscribed(&mut noticed), Need::Top);
    assert_eq!(line.top(place(epoch, seq), &mut got, &mut noticed), Need::Nothing);
    assert!(noticed.settled && got.0.is_empty());
    line
}

#[test]
fn nothing_is_lost_between_the_subscription_and_the_look_at_the_journal() {
    let mut line = Line::new(true, 4);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.subscribed(&mut noticed);
    line.text(text("a", 6), &mut got, &mut noticed);
    line.text(text("a", 7), &mut got, &mut noticed);
    line.top(place("a", 7), &mut got, &mut noticed);
    line.text(text("a", 8), &mut got, &mut noticed);
    assert_eq!(got.0, [6, 7, 8]);
}

#[test]
fn a_link_that_blips_loses_and_repeats_nothing() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.text(text("a", 6), &mut got, &mut noticed);
    line.lost_link();
    assert_eq!(line.subscribed(&mut noticed), Need::Range(place("a", 6)));
    line.text(text("a", 9), &mut got, &mut noticed);
    line.text(text("a", 10), &mut got, &mut noticed);
    assert_eq!(line.fill(range("a", 7, 9), &mut got, &mut noticed), Need::Nothing);
    assert_eq!(got.0, [6, 7, 8, 9, 10]);
    assert!(noticed.repaired && !noticed.lost && noticed.duplicates == 1);
}

#[test]
fn a_hole_is_filled_before_what_came_behind_it() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    assert_eq!(line.text(text("a", 8), &mut got, &mut noticed), Need::Range(place("a", 5)));
    line.text(text("a", 9), &mut got, &mut noticed);
    assert_eq!(line.fill(range("a", 6, 8), &mut got, &mut noticed), Need::Nothing);
    assert_eq!(got.0, [6, 7, 8, 9]);
}

#[test]
fn what_the_journal_no_longer_holds_is_said_to_be_lost() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.lost_link();
    line.subscribed(&mut noticed);
    line.fill(range("a", 9, 10), &mut got, &mut noticed);
    assert_eq!(got.0, [9, 10]);
    assert!(noticed.lost && line.is_live());
}

#[test]
fn after_a_flush_the_new_journal_is_read_from_its_beginning() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.lost_link();
    line.subscribed(&mut noticed);
    line.fill(range("b", 1, 2), &mut got, &mut noticed);
    line.text(text("b", 3), &mut got, &mut noticed);
    assert_eq!(got.0, [1, 2, 3]);
    assert!(noticed.reset && !noticed.lost);
}

#[test]
fn a_flush_under_a_living_link_is_seen_too() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    assert_eq!(line.text(text("b", 1), &mut got, &mut noticed), Need::Nothing);
    assert_eq!(line.text(text("c", 2), &mut got, &mut noticed), Need::Range(place("c", 0)));
    line.fill(range("c", 1, 2), &mut got, &mut noticed);
    assert_eq!(got.0, [1, 1, 2]);
    assert!(noticed.reset);
}

#[test]
fn a_replica_that_had_not_heard_everything_is_not_taken_for_repetition() {
    let mut line = live_at("a", 9);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.lost_link();
    line.subscribed(&mut noticed);
    assert_eq!(line.fill(Range { top: place("a", 7), entries: vec![] }, &mut got, &mut noticed), Need::Nothing);
    line.text(text("a", 8), &mut got, &mut noticed);
    assert_eq!(got.0, [8]);
    assert!(noticed.reset);
}

#[test]
fn what_cannot_be_held_back_is_read_from_the_journal() {
    let mut line = live_at("a", 1);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.lost_link();
    line.subscribed(&mut noticed);
    for seq in 2..=8 {
        line.text(text("a", seq), &mut got, &mut noticed);
    }
    // Four were held, the others overflowed.
    assert_eq!(line.fill(range("a", 2, 2), &mut got, &mut noticed), Need::Range(place("a", 5)));
    assert_eq!(line.fill(range("a", 6, 8), &mut got, &mut noticed), Need::Nothing);
    assert_eq!(got.0, [2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_lost_last_message_is_found_by_the_second_look() {
    let mut line = live_at("a", 5);
    assert_eq!(line.check(&place("a", 6)), Need::Nothing);
    assert_eq!(line.check(&place("a", 6)), Need::Range(place("a", 5)));
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.fill(range("a", 6, 6), &mut got, &mut noticed);
    assert_eq!(got.0, [6]);
    // An empty journal whose first message was lost.
    let mut line = live_at("", 0);
    line.check(&place("a", 1));
    assert_eq!(line.check(&place("a", 1)), Need::Range(place("", 0)));
}

#[test]
fn foreign_text_passes_and_garbage_is_counted() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.text(Bytes::from_static(br#"{"msg_type":"msg","target":"group"}"#), &mut got, &mut noticed);
    line.text(Bytes::from_static(b"hello"), &mut got, &mut noticed);
    line.text(Bytes::from_static(b"\xff"), &mut got, &mut noticed);
    assert_eq!((got.0, got.1), (vec![0], 2));
}
