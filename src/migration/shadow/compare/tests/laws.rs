//! Whatever is shuffled among senders is the same; whatever is lost, doubled or moved is found.

use super::*;
use proptest::prelude::*;

/// What each of some senders says, as (sender, frame): all frames differ.
fn talk() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec(1..6_u64, 1..60)
        .prop_map(|senders| senders.into_iter().enumerate().map(|(n, sender)| (sender, 100 + n as u64)).collect())
}

/// The same frames, those of each sender still in order.
fn interleaved(talk: &[(u64, u64)], picks: &[usize]) -> Vec<u64> {
    let mut queues: Vec<Vec<u64>> =
        (1..6).map(|s| talk.iter().filter(|(sender, _)| *sender == s).map(|(_, f)| *f).collect()).collect();
    let mut out = Vec::new();
    for pick in picks.iter().cycle() {
        queues.retain(|queue| !queue.is_empty());
        if queues.is_empty() {
            break;
        }
        let n = queues.len();
        out.push(queues[pick % n].remove(0));
    }
    out
}

/// Plays a talk: both sides bring what they are given.
fn play(rules: impl FnOnce(&mut Rules), talk: &[(u64, u64)], ours: &[u64], theirs: &[u64]) -> Judged {
    let mut stage = Stage::new(rules);
    for (sender, frame) in talk {
        stage.said(*sender, *frame, SETTLED);
    }
    for n in 0..ours.len().max(theirs.len()) {
        let ms = SETTLED + 1 + n as u64;
        if let Some(frame) = ours.get(n) {
            stage.ours(*frame, ms);
        }
        if let Some(frame) = theirs.get(n) {
            stage.theirs(*frame, ms);
        }
    }
    stage.alive(SETTLED + 200);
    stage.judged(SETTLED + 200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_among_senders_is_nobodys_business(
        talk in talk(), a in proptest::collection::vec(0..5_usize, 1..9), b in proptest::collection::vec(0..5_usize, 1..9),
    ) {
        let (ours, theirs) = (interleaved(&talk, &a), interleaved(&talk, &b));
        let judged = play(|_| {}, &talk, &ours, &theirs);
        prop_assert_eq!(judged.counts, [talk.len() as u64, 0, 0, 0]);
    }

    #[test]
    fn one_lost_frame_is_one_difference_and_so_is_one_too_many(talk in talk(), which in 0..60_usize, side in 0..4_usize) {
        let all: Vec<u64> = talk.iter().map(|(_, frame)| *frame).collect();
        let which = which % all.len();
        let mut other = all.clone();
        match side {
            0 | 1 => drop(other.remove(which)),
            _ => other.insert(which, all[which]),
        }
        let (ours, theirs) = if side % 2 == 0 { (&all, &other) } else { (&other, &all) };
        let judged = play(|_| {}, &talk, ours, theirs);
        let same = all.len().min(other.len()) as u64;
        prop_assert_eq!(judged.counts, [same, 1, 0, 0]);
        let here = if side == 0 || side == 3 { Difference::MissingThere } else { Difference::MissingHere };
        prop_assert_eq!(judged.differences, [here]);
    }

    #[test]
    fn one_moved_frame_is_found_once(n in 2..40_usize, from in 0..40_usize, to in 0..40_usize, counts in any::<bool>()) {
        let talk: Vec<(u64, u64)> = (0..n).map(|i| (1, 100 + i as u64)).collect();
        let all: Vec<u64> = talk.iter().map(|(_, frame)| *frame).collect();
        let mut other = all.clone();
        let moved = other.remove(from % n);
        other.insert(to % n, moved);
        let judged = play(|rules| rules.order = counts, &talk, &all, &other);
        let wrong = u64::from(counts && from % n != to % n);
        prop_assert_eq!(judged.counts, [n as u64 - wrong, wrong, 0, 0]);
    }

    /// Any disorder at all is found, and frames stay accounted for.
    #[test]
    fn a_shuffle_is_the_same_only_if_it_is_no_shuffle(talk in talk(), keys in proptest::collection::vec(any::<u8>(), 60)) {
        let ours: Vec<u64> = talk.iter().map(|(_, frame)| *frame).collect();
        let mut theirs: Vec<usize> = (0..talk.len()).collect();
        theirs.sort_by_key(|n| keys[*n]);
        let in_order = (1..6).all(|sender| theirs.iter().filter(|n| talk[**n].0 == sender).is_sorted());
        let theirs: Vec<u64> = theirs.iter().map(|n| talk[*n].1).collect();
        let judged = play(|_| {}, &talk, &ours, &theirs);
        prop_assert_eq!(judged.counts[0] + judged.counts[1], talk.len() as u64);
        prop_assert_eq!(judged.counts[1] == 0, in_order);
    }
}
