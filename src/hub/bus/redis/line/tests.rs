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
    said(epoch, seq, seq + 1000 * u64::from(epoch.as_bytes()[0] - b'a'))
}

/// A text with something to tell it from others of its number.
fn said(epoch: &str, seq: u64, what: u64) -> Bytes {
    let stamp = format!(r#""_hub":{{"e":"{epoch}","s":{seq}}}"#);
    format!(r#"{{"version":"3","msg_type":"msg","target":"group","from_id":"c","msg":"{what}",{stamp}}}"#).into()
}

fn place(epoch: &str, seq: u64) -> Place {
    Place { epoch: epoch.into(), seq }
}

/// The answer to a question about what is behind `from`: it begins with `first`.
fn range(from: Place, epoch: &str, first: u64, top: u64) -> Range {
    entries(from, 0, place(epoch, top), (first..=top).map(|seq| (seq, text(epoch, seq))))
}

fn entries(from: Place, before: u64, top: Place, entries: impl IntoIterator<Item = (u64, Bytes)>) -> Range {
    Range { from, before, top, entries: entries.into_iter().collect(), more: false }
}

/// A line that has delivered up to `seq`.
fn live_at(epoch: &str, seq: u64) -> Line {
    let mut line = Line::new(true, 4);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    assert_eq!(line.subscribed(&mut noticed), Need::Top);
    assert_eq!(line.top(&place(epoch, seq), None, &mut got, &mut noticed), Need::Nothing);
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
    line.top(&place("a", 7), None, &mut got, &mut noticed);
    line.text(text("a", 8), &mut got, &mut noticed);
    assert_eq!(got.0, [6, 7, 8]);
}

#[test]
fn a_link_that_blips_loses_and_repeats_nothing() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.text(text("a", 6), &mut got, &mut noticed);
    line.lost_link();
    assert_eq!(line.subscribed(&mut noticed), Need::Range(place("a", 6), 1));
    line.text(text("a", 9), &mut got, &mut noticed);
    line.text(text("a", 10), &mut got, &mut noticed);
    assert_eq!(line.fill(&range(place("a", 6), "a", 7, 9), &mut got, &mut noticed), Need::Nothing);
    assert_eq!(got.0, [6, 7, 8, 9, 10]);
    assert!(noticed.repaired && !noticed.lost && noticed.duplicates == 1);
}

#[test]
fn a_hole_is_filled_before_what_came_behind_it() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    assert_eq!(line.text(text("a", 8), &mut got, &mut noticed), Need::Range(place("a", 5), 0));
    line.text(text("a", 9), &mut got, &mut noticed);
    assert_eq!(line.fill(&range(place("a", 5), "a", 6, 8), &mut got, &mut noticed), Need::Nothing);
    assert_eq!(got.0, [6, 7, 8, 9]);
}

#[test]
fn what_the_journal_no_longer_holds_is_said_to_be_lost() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.lost_link();
    line.subscribed(&mut noticed);
    line.fill(&range(place("a", 5), "a", 9, 10), &mut got, &mut noticed);
    assert_eq!(got.0, [9, 10]);
    assert!(noticed.lost && line.is_live());
}

#[test]
fn after_a_flush_the_new_journal_is_read_from_its_beginning() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.lost_link();
    line.subscribed(&mut noticed);
    line.fill(&range(place("a", 5), "b", 1, 2), &mut got, &mut noticed);
    line.text(text("b", 3), &mut got, &mut noticed);
    assert_eq!(got.0, [1, 2, 3]);
    assert!(noticed.reset && !noticed.lost);
}

#[test]
fn a_flush_under_a_living_link_is_seen_too() {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    assert_eq!(line.text(text("b", 1), &mut got, &mut noticed), Need::Nothing);
    assert_eq!(line.text(text("c", 2), &mut got, &mut noticed), Need::Range(place("c", 0), 0));
    line.fill(&range(place("c", 0), "c", 1, 2), &mut got, &mut noticed);
    assert_eq!(got.0, [1, 1, 2]);
    assert!(noticed.reset);
}

#[test]
fn a_replica_that_had_not_heard_everything_is_not_taken_for_repetition() {
    let mut line = live_at("a", 9);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.lost_link();
    line.subscribed(&mut noticed);
    assert_eq!(line.fill(&entries(place("a", 9), 0, place("a", 7), []), &mut got, &mut noticed), Need::Nothing);
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
    assert_eq!(line.fill(&range(place("a", 1), "a", 2, 2), &mut got, &mut noticed), Need::Range(place("a", 5), 1));
    assert_eq!(line.fill(&range(place("a", 5), "a", 6, 8), &mut got, &mut noticed), Need::Nothing);
    assert_eq!(got.0, [2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_lost_last_message_is_found_by_the_second_look() {
    let mut line = live_at("a", 5);
    assert_eq!(line.check(&place("a", 6)), Need::Nothing);
    assert_eq!(line.check(&place("a", 6)), Need::Range(place("a", 5), 0));
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.fill(&range(place("a", 5), "a", 6, 6), &mut got, &mut noticed);
    assert_eq!(got.0, [6]);
    // An empty journal whose first message was lost.
    let mut line = live_at("", 0);
    line.check(&place("a", 1));
    assert_eq!(line.check(&place("a", 1)), Need::Range(place("", 0), 0));
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

/// A line that has delivered 6 to `last` of epoch a, and then lost its link.
fn heard_up_to(last: u64) -> (Line, Got, Noticed) {
    let mut line = live_at("a", 5);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    for seq in 6..=last {
        line.text(text("a", seq), &mut got, &mut noticed);
    }
    line.lost_link();
    (line, got, noticed)
}

#[test]
fn numbers_that_are_used_again_for_other_messages_are_noticed() {
    let (mut line, mut got, mut noticed) = heard_up_to(9);
    assert_eq!(line.subscribed(&mut noticed), Need::Range(place("a", 9), 1));
    // The replica had heard up to 7; 8 and 9 are others, and 10 comes after them.
    let story = |seq| (seq, if seq < 8 { text("a", seq) } else { said("a", seq, seq + 100) });
    let some = entries(place("a", 9), 1, place("a", 10), (9..=10).map(story));
    assert_eq!(line.fill(&some, &mut got, &mut noticed), Need::Range(place("a", 9), 4));
    let all = entries(place("a", 9), 4, place("a", 10), (6..=10).map(story));
    assert_eq!(line.fill(&all, &mut got, &mut noticed), Need::Nothing);
    assert_eq!(got.0, [6, 7, 8, 9, 8, 9, 10]);
    assert!(noticed.reset && !noticed.lost && noticed.duplicates == 0 && line.is_live());
}

#[test]
fn where_a_journal_parts_from_what_was_heard_is_looked_for_in_steps() {
    let (mut line, mut got, mut noticed) = heard_up_to(60);
    assert_eq!(line.subscribed(&mut noticed), Need::Range(place("a", 60), 1));
    let story = |seq| (seq, if seq < 30 { text("a", seq) } else { said("a", seq, seq + 100) });
    let mut fill = |before: u64| {
        let range = entries(place("a", 60), before, place("a", 61), (61 - before..=61).map(story));
        line.fill(&range, &mut got, &mut noticed)
    };
    assert_eq!(fill(1), Need::Range(place("a", 60), 16));
    assert_eq!(fill(16), Need::Range(place("a", 60), 55));
    assert_eq!(fill(55), Need::Nothing);
    assert_eq!(got.0, (6..=60).chain(30..=61).collect::<Vec<_>>());
    assert!(noticed.reset && !noticed.lost && line.is_live());
}

#[test]
fn what_is_said_again_to_a_new_master_is_delivered_once() {
    let (mut line, mut got, mut noticed) = heard_up_to(9);
    line.subscribed(&mut noticed);
    line.fill(&entries(place("a", 9), 1, place("a", 7), []), &mut got, &mut noticed);
    let behind = entries(place("a", 9), 4, place("a", 7), (6..=7).map(|seq| (seq, text("a", seq))));
    assert_eq!(line.fill(&behind, &mut got, &mut noticed), Need::Nothing);
    // 9 was not acknowledged: its publisher says it again, and it has another number now.
    line.text(said("a", 8, 77), &mut got, &mut noticed);
    line.text(said("a", 9, 9), &mut got, &mut noticed);
    line.text(said("a", 10, 9), &mut got, &mut noticed);
    assert_eq!(got.0, [6, 7, 8, 9, 8, 10], "the third is said by somebody who says the same once more");
    assert_eq!(noticed.duplicates, 1);
    // So it is after a restart that forgot everything.
    line.lost_link();
    line.subscribed(&mut noticed);
    let anew = entries(place("a", 10), 1, place("b", 2), [(1, said("b", 1, 77)), (2, said("b", 2, 5))]);
    line.fill(&anew, &mut got, &mut noticed);
    assert_eq!(got.0, [6, 7, 8, 9, 8, 10, 2]);
}

#[test]
fn when_nothing_that_is_remembered_stands_in_the_journal_more_may_be_lost() {
    let mut line = Line::new(true, 4);
    let (mut got, mut noticed) = (Got::default(), Noticed::default());
    line.subscribed(&mut noticed);
    line.top(&place("a", 9), Some(&text("a", 9)), &mut got, &mut noticed);
    line.lost_link();
    assert_eq!(line.subscribed(&mut noticed), Need::Range(place("a", 9), 1));
    let other = entries(place("a", 9), 1, place("a", 10), (9..=10).map(|seq| (seq, said("a", seq, 100))));
    line.fill(&other, &mut got, &mut noticed);
    assert_eq!(got.0, [9, 10]);
    assert!(noticed.reset && noticed.lost);
}

#[test]
fn a_long_gap_is_read_page_by_page_and_an_old_answer_is_none() {
    let (mut line, mut got, mut noticed) = heard_up_to(6);
    line.subscribed(&mut noticed);
    for first in [7, 9, 11, 13, 15, 17] {
        let mut page = range(place("a", first - 1), "a", first, first + 1);
        (page.top.seq, page.more) = (18, true);
        assert_eq!(line.fill(&page, &mut got, &mut noticed), Need::Range(place("a", first + 1), 1));
        assert_eq!(line.fill(&page, &mut got, &mut noticed), Need::Nothing, "it was asked about another place");
    }
    assert_eq!(line.fill(&range(place("a", 18), "a", 19, 18), &mut got, &mut noticed), Need::Nothing);
    assert!(line.is_live() && !noticed.lost && noticed.settled);
    assert_eq!(got.0, (6..=18).collect::<Vec<_>>());
}
