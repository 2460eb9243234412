//! The comparison against made-up histories, on a clock of their own: what cannot be known is not judged.

mod laws;

use super::*;

const WINDOW: u64 = 1000;
/// When links have settled.
const SETTLED: u64 = 2000;

/// One recipient (0) and senders (from 1), on a clock of milliseconds.
struct Stage {
    group: Group,
    start: Instant,
    found: HashMap<Shadowed, u64>,
    differences: Vec<Difference>,
}

impl Stage {
    fn new(change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = Rules { window: Duration::from_millis(WINDOW), order: true, noise: false };
        change(&mut rules);
        let mut stage =
            Self { group: Group::new(rules), start: Instant::now(), found: HashMap::new(), differences: vec![] };
        for member in 0..6 {
            stage.group.join(member, member == 0);
            stage.group.up(member, Legacy::First, stage.at(0));
        }
        if rules.noise {
            stage.group.up(0, Legacy::Second, stage.at(0));
        }
        stage
    }

    fn plain() -> Self {
        Self::new(|_| {})
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn said(&mut self, sender: u64, frame: u64, ms: u64) {
        self.group.sent(sender, mark(frame), self.at(ms));
    }

    fn ours(&mut self, frame: u64, ms: u64) {
        self.group.ours(0, mark(frame), self.at(ms), false);
    }

    fn theirs(&mut self, frame: u64, ms: u64) {
        self.group.theirs(0, Legacy::First, mark(frame), self.at(ms));
    }

    fn second(&mut self, frame: u64, ms: u64) {
        self.group.theirs(0, Legacy::Second, mark(frame), self.at(ms));
    }

    /// Every link answers at once, at this moment.
    fn alive(&mut self, ms: u64) {
        for member in 0..6 {
            for legacy in [Legacy::First, Legacy::Second] {
                self.group.proved(member, legacy, self.at(ms), self.at(ms));
            }
        }
    }

    /// Time passes until everything is judged.
    fn judged(mut self, ms: u64) -> Judged {
        self.group.tick(self.at(ms + WINDOW * 4));
        let (verdicts, ignored) = self.group.take();
        for verdict in verdicts {
            *self.found.entry(verdict.result).or_default() += 1;
            self.differences.extend(verdict.difference);
        }
        *self.found.entry(Shadowed::Ignored).or_default() += ignored;
        assert_eq!(self.group.members[&0].ours.len() + self.group.members[&0].theirs.len(), 0, "something still waits");
        let n = |result| self.found.get(&result).copied().unwrap_or(0);
        let counts = [Shadowed::Match, Shadowed::Mismatch, Shadowed::Noise, Shadowed::Ignored].map(n);
        Judged { counts, differences: self.differences }
    }
}

#[derive(Debug)]
struct Judged {
    /// Match, mismatch, noise, ignored.
    counts: [u64; 4],
    differences: Vec<Difference>,
}

fn mark(frame: u64) -> Mark {
    Mark { hash: frame, bytes: 3, binary: false }
}

#[test]
fn what_comes_later_than_the_window_is_missing_on_both_sides() {
    for (late, counts) in [(WINDOW - 1, [1, 0, 0, 0]), (WINDOW + 1, [0, 2, 0, 0])] {
        let mut stage = Stage::plain();
        stage.said(1, 7, SETTLED);
        stage.ours(7, SETTLED + 1);
        stage.alive(SETTLED + late);
        stage.theirs(7, SETTLED + 1 + late);
        stage.alive(SETTLED + late + 2);
        assert_eq!(stage.judged(SETTLED + late + 2).counts, counts);
    }
}

#[test]
fn what_was_said_or_heard_before_links_had_settled_is_not_judged() {
    for (said, heard) in [(WINDOW - 1, SETTLED), (WINDOW - 1, WINDOW - 1)] {
        let mut stage = Stage::plain();
        stage.said(1, 7, said);
        stage.ours(7, heard);
        stage.alive(SETTLED);
        assert_eq!(stage.judged(SETTLED).counts, [0, 0, 0, 1]);
    }
    // A frame on the legacy side alone, while the recipient's link is fresh: we may have brought it before.
    let mut stage = Stage::plain();
    stage.theirs(7, WINDOW - 1);
    stage.alive(SETTLED);
    assert_eq!(stage.judged(SETTLED).counts, [0, 0, 0, 1]);
}

#[test]
fn what_a_link_took_down_with_it_is_not_judged() {
    // The recipient's link.
    let mut stage = Stage::plain();
    stage.said(1, 7, SETTLED);
    stage.ours(7, SETTLED + 1);
    stage.theirs(8, SETTLED + 1);
    stage.group.down(0, Legacy::First, stage.at(SETTLED + 2));
    stage.ours(9, SETTLED + 2);
    stage.alive(SETTLED + 10);
    assert_eq!(stage.judged(SETTLED + 10).counts, [0, 0, 0, 3]);
    // The sender's: only what it had not yet proved to have passed on.
    let mut stage = Stage::plain();
    stage.said(1, 7, SETTLED);
    stage.alive(SETTLED + 1);
    stage.said(1, 8, SETTLED + 2);
    stage.group.down(1, Legacy::First, stage.at(SETTLED + 2));
    stage.theirs(7, SETTLED + 3);
    stage.theirs(8, SETTLED + 3);
    stage.alive(SETTLED + 4);
    assert_eq!(stage.judged(SETTLED + 4).counts, [0, 1, 0, 1]);
}

#[test]
fn a_server_that_does_not_answer_is_not_judged() {
    let mut stage = Stage::plain();
    stage.said(1, 7, SETTLED);
    stage.ours(7, SETTLED + 1);
    assert_eq!(stage.judged(SETTLED).counts, [0, 0, 0, 1]);
    // One of the two links does not answer: the sender's, or the recipient's.
    for answers in [0, 1] {
        let mut stage = Stage::plain();
        stage.said(1, 7, SETTLED);
        stage.ours(7, SETTLED + 1);
        let now = stage.at(SETTLED + 2);
        stage.group.proved(answers, Legacy::First, now, now);
        assert_eq!(stage.judged(SETTLED).counts, [0, 0, 0, 1]);
    }
    // It answers late: what it says late is not judged either.
    let mut stage = Stage::plain();
    stage.said(1, 7, SETTLED);
    stage.ours(7, SETTLED + 1);
    stage.group.tick(stage.at(SETTLED + WINDOW * 2));
    stage.theirs(7, SETTLED + WINDOW * 2);
    stage.group.proved(0, Legacy::First, stage.at(SETTLED), stage.at(SETTLED + WINDOW * 2 + 1));
    stage.alive(SETTLED + WINDOW * 2 + 2);
    assert_eq!(stage.judged(SETTLED + WINDOW * 2).counts, [0, 0, 0, 2]);
}

#[test]
fn a_client_that_reads_slowly_is_not_judged() {
    let mut stage = Stage::plain();
    stage.said(1, 7, SETTLED);
    stage.group.stalled(0, true, stage.at(SETTLED));
    let late = SETTLED + WINDOW * 3;
    stage.theirs(7, SETTLED + WINDOW + 1);
    stage.alive(SETTLED + WINDOW + 2);
    stage.group.tick(stage.at(late));
    stage.group.stalled(0, false, stage.at(late));
    stage.ours(7, late);
    stage.alive(late + 2);
    assert_eq!(stage.judged(late).counts, [0, 0, 0, 2]);
}

#[test]
fn a_sender_nobody_here_knows_is_compared_by_content_and_not_by_order() {
    let mut stage = Stage::plain();
    for frame in [1, 2, 3] {
        stage.ours(frame, SETTLED + frame);
        stage.theirs(4 - frame, SETTLED + frame);
    }
    // Its link may be down on its node.
    stage.ours(4, SETTLED + 5);
    // But this reached the legacy server, and not the client; and this reached the client twice.
    stage.theirs(5, SETTLED + 5);
    stage.ours(1, SETTLED + 6);
    stage.alive(SETTLED + 10);
    let judged = stage.judged(SETTLED + 10);
    assert_eq!(judged.counts, [3, 2, 0, 1]);
    assert_eq!(judged.differences, [Difference::MissingHere, Difference::MissingThere]);
}

#[test]
fn what_has_left_hears_no_more_and_what_only_speaks_is_not_compared() {
    let mut stage = Stage::plain();
    stage.said(1, 7, SETTLED);
    stage.group.leave(0);
    stage.theirs(7, SETTLED + 1);
    stage.group.theirs(1, Legacy::First, mark(7), stage.at(SETTLED + 1));
    stage.group.ours(1, mark(9), stage.at(SETTLED + 1), false);
    stage.alive(SETTLED + 2);
    assert_eq!(stage.judged(SETTLED + 2).counts, [0, 0, 0, 1]);
}

#[test]
fn an_answer_of_ours_may_have_its_like_and_need_not() {
    let mut stage = Stage::plain();
    stage.said(0, 7, SETTLED);
    stage.group.ours(0, mark(7), stage.at(SETTLED + 1), true);
    stage.theirs(7, SETTLED + 2);
    stage.said(0, 8, SETTLED + 3);
    stage.group.ours(0, mark(8), stage.at(SETTLED + 3), true);
    stage.alive(SETTLED + 10);
    assert_eq!(stage.judged(SETTLED + 10).counts, [1, 0, 0, 1]);
}

#[test]
fn where_the_two_legacy_servers_differ_a_difference_to_us_is_noise() {
    let noisy = || Stage::new(|rules| rules.noise = true);
    // The first changes what it passes on, the second does so in another way.
    let mut stage = noisy();
    stage.said(1, 7, SETTLED);
    stage.ours(7, SETTLED + 1);
    stage.theirs(71, SETTLED + 2);
    stage.second(72, SETTLED + 2);
    stage.alive(SETTLED + 10);
    assert_eq!(stage.judged(SETTLED + 10).counts, [0, 0, 2, 0]);
    // The first loses a frame, the second has it.
    let mut stage = noisy();
    stage.said(1, 7, SETTLED);
    stage.ours(7, SETTLED + 1);
    stage.second(7, SETTLED + 2);
    stage.alive(SETTLED + 10);
    assert_eq!(stage.judged(SETTLED + 10).counts, [0, 0, 1, 0]);
    // The same, where the second was faster with all it said.
    let mut stage = noisy();
    for frame in [7, 8] {
        stage.said(1, frame, SETTLED);
        stage.second(frame, SETTLED + 1);
        stage.ours(frame, SETTLED + 2);
    }
    stage.theirs(8, SETTLED + 3);
    stage.theirs(8, SETTLED + 3);
    stage.alive(SETTLED + 10);
    assert_eq!(stage.judged(SETTLED + 10).counts, [1, 0, 2, 0]);
    let mut stage = noisy();
    stage.said(1, 7, SETTLED);
    stage.second(7, SETTLED + 1);
    stage.theirs(7, SETTLED + 2);
    stage.alive(SETTLED + 10);
    assert_eq!(stage.judged(SETTLED + 10).counts, [0, 1, 0, 0], "both have it, and we have not");
    // Both have it, we do not; both have not, we have: that is us.
    let mut stage = noisy();
    stage.said(1, 7, SETTLED);
    stage.said(1, 8, SETTLED);
    stage.theirs(7, SETTLED + 1);
    stage.second(7, SETTLED + 2);
    stage.ours(8, SETTLED + 1);
    stage.alive(SETTLED + 10);
    assert_eq!(stage.judged(SETTLED + 10).counts, [0, 2, 0, 0]);
    // The second is away: nobody can say.
    let mut stage = noisy();
    stage.said(1, 7, SETTLED);
    stage.group.down(0, Legacy::Second, stage.at(SETTLED + 2));
    stage.theirs(7, SETTLED + 1);
    stage.ours(8, SETTLED + 1);
    stage.alive(SETTLED + 10);
    assert_eq!(stage.judged(SETTLED + 10).counts, [0, 0, 0, 2]);
}

#[test]
fn nothing_grows_without_bound_and_what_had_to_go_is_not_judged() {
    let mut stage = Stage::plain();
    for frame in 0..20_000 {
        stage.said(1, frame, SETTLED);
        stage.ours(frame, SETTLED);
        stage.theirs(100_000 + frame, SETTLED);
    }
    assert!(stage.group.waiting() <= 2048, "{}", stage.group.waiting());
    stage.alive(SETTLED + 1);
    assert_eq!(stage.judged(SETTLED + 1).counts, [0, 0, 0, 40_000]);
    let mut stage = Stage::plain();
    stage.said(1, 1, SETTLED);
    stage.ours(1, SETTLED);
    stage.group.shed(stage.at(SETTLED));
    stage.theirs(1, SETTLED + 1);
    stage.alive(SETTLED + 2);
    assert_eq!(stage.judged(SETTLED + 2).counts, [0, 0, 0, 2]);
}

#[test]
fn who_is_gone_leaves_nothing_behind() {
    let mut stage = Stage::plain();
    stage.ours(1, SETTLED);
    for member in 0..6 {
        stage.group.leave(member);
        stage.group.gone(member, stage.at(SETTLED + 1));
    }
    assert!(stage.group.is_empty());
    assert_eq!(stage.group.take().1, 1);
}
