//! Owns the account of what came, in bounded memory: for each voice what it said of late, for each connection how
//! far it has heard each voice and what is missing. Missing is excused only by something that was told. No sockets.

use super::common::histogram::Histogram;
use super::plan::{Scope, of_voice, voice};
use std::collections::VecDeque;

/// Milliseconds for which what was said is remembered.
const REMEMBERED: u64 = 120_000;
/// Something missing is judged when it has been for so many milliseconds: the deadline of a publish has passed, and
/// a receiver that is owed a word has it.
const PATIENCE: u64 = 20_000;
/// An end or an ERROR is about what its sender said in so many milliseconds before: `hub.publish_deadline` and some.
const ABOUT: u64 = 9_000;
/// Cases that are told in full.
const EXAMPLES: usize = 12;

/// What happened to messages and deliveries.
#[derive(Debug, Default, Clone, serde::Serialize)]
pub struct Tally {
    /// Messages sent.
    pub sent: u64,
    /// Deliveries, each counted once.
    pub delivered: u64,
    /// Missing, and nobody was told.
    pub lost: u64,
    /// Came again.
    pub twice: u64,
    /// Came behind a later one of the same connection.
    pub reordered: u64,
    /// Came to somebody it was not for.
    pub misrouted: u64,
    /// Not what was said.
    pub corrupt: u64,
    /// Missing, and the sender was told: by ERROR, or its connection ended.
    pub told_sender: u64,
    /// Missing, and the receiver was told: RESYNC.
    pub told_receiver: u64,
    /// Missing, said while Redis lost its data.
    pub with_data: u64,
    /// Of an earlier connection, behind one of a later.
    pub late: u64,
}

impl Tally {
    /// What must not be.
    pub fn faults(&self) -> u64 {
        self.lost + self.twice + self.reordered + self.misrouted + self.corrupt
    }
}

/// One message of a voice.
#[derive(Debug, Clone, Copy)]
struct Said {
    at: u64,
    /// The how manyth connection of its seat said it.
    life: u32,
    /// The sender was told that it may not have been delivered, or was cut off.
    in_doubt: bool,
}

/// What a voice said of late. Numbers are without holes.
#[derive(Debug, Default)]
struct Voice {
    next: u32,
    recent: VecDeque<Said>,
}

impl Voice {
    fn said(&self, number: u32) -> Option<Said> {
        let first = self.next - u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        self.recent.get(number.checked_sub(first)? as usize).copied()
    }
}

/// How far a connection has heard a voice.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    /// What was said before it came.
    from: u32,
    /// The next that it should hear.
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    voice: u32,
    number: u32,
    since: u64,
}

/// What one connection hears.
#[derive(Debug, Default)]
struct Ear {
    tracks: Vec<Track>,
    missing: Vec<Missing>,
    /// When it was told that messages are lost.
    resync: Option<u64>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The client said goodbye and was answered: everything it said has been taken.
    Politely,
    /// The client went without a word.
    Suddenly,
    /// The proxy ended it.
    Told,
}

/// The account.
#[derive(Debug)]
pub struct Book {
    hears: Vec<Vec<u32>>,
    voices: Vec<Voice>,
    ears: Vec<Option<Ear>>,
    lives: Vec<u32>,
    /// While Redis lost its data: from, until.
    resets: Vec<(u64, u64)>,
    /// Until when a polite goodbye proves nothing: Redis was away.
    unsure: u64,
    /// What happened.
    pub tally: Tally,
    /// The first faults, in words.
    pub examples: Vec<String>,
    /// From sending to arrival.
    pub latency: Histogram,
}

impl Book {
    /// Nobody is there. `hears` are the voices each seat hears, in order.
    pub fn new(hears: Vec<Vec<u32>>) -> Self {
        let seats = hears.len();
        Self {
            voices: (0..voice(seats, Scope::Group)).map(|_| Voice::default()).collect(),
            ears: (0..seats).map(|_| None).collect(),
            lives: vec![0; seats],
            hears,
            resets: Vec::new(),
            unsure: 0,
            tally: Tally::default(),
            examples: Vec::new(),
            latency: Histogram::new(),
        }
    }

    /// The number of a voice's next message.
    pub fn say(&mut self, voice: u32, now: u64) -> u32 {
        let life = self.lives[of_voice(voice).0];
        let of = &mut self.voices[voice as usize];
        of.recent.push_back(Said { at: now, life, in_doubt: false });
        of.next += 1;
        self.tally.sent += 1;
        of.next - 1
    }

    /// A seat is taken: from now on it hears everything.
    pub fn joined(&mut self, seat: usize) {
        self.lives[seat] += 1;
        let place = |voice: &u32| {
            let next = self.voices[*voice as usize].next;
            Track { from: next, next }
        };
        self.ears[seat] = Some(Ear { tracks: self.hears[seat].iter().map(place).collect(), ..Ear::default() });
    }

    /// A seat is empty.
    pub fn left(&mut self, seat: usize, how: Left, now: u64) {
        if let Some(ear) = self.ears[seat].take() {
            for missing in ear.missing.iter().filter(|missing| how != Left::Told && now - missing.since > 2_000) {
                self.judge(seat, &ear, missing, now);
            }
        }
        if how != Left::Politely || now < self.unsure {
            self.doubt(seat, now);
        }
    }

    /// Its latest messages may not have been delivered, and it knows.
    pub fn doubt(&mut self, seat: usize, now: u64) {
        for scope in [Scope::Group, Scope::Direct, Scope::Broadcast, Scope::Echo] {
            let recent = self.voices[voice(seat, scope) as usize].recent.iter_mut().rev();
            recent.take_while(|said| said.at + ABOUT >= now).for_each(|said| said.in_doubt = true);
        }
    }

    /// It was told that messages to it are lost.
    pub fn resync(&mut self, seat: usize, now: u64) {
        if let Some(ear) = &mut self.ears[seat] {
            ear.resync = Some(now);
        }
    }

    /// Redis is away, and comes back in between.
    pub fn redis_away(&mut self, from: u64, until: u64, with_data: bool) {
        self.unsure = self.unsure.max(until + ABOUT);
        if !with_data {
            self.resets.push((from, until));
        }
    }

    /// A message came.
    pub fn came(&mut self, seat: usize, voice: u32, number: u32, now: u64) {
        let Some(ear) = &mut self.ears[seat] else { return };
        let Ok(at) = self.hears[seat].binary_search(&voice) else {
            self.tally.misrouted += 1;
            self.example(format!("seat {seat} heard message {number} of {:?}", of_voice(voice)));
            return;
        };
        let (track, of) = (&mut ear.tracks[at], &self.voices[voice as usize]);
        if number >= track.next {
            ear.missing.extend((track.next..number).map(|number| Missing { voice, number, since: now }));
            track.next = number + 1;
            self.tally.delivered += 1;
            return;
        }
        if number < track.from {
            // Said before this connection was there: it may hear it.
            return;
        }
        let last = of.said(track.next - 1);
        if let Some(place) = ear.missing.iter().position(|m| m.voice == voice && m.number == number) {
            ear.missing.swap_remove(place);
            self.tally.delivered += 1;
            let other_life = of.said(number).is_none_or(|said| last.is_none_or(|last| last.life != said.life));
            if other_life {
                self.tally.late += 1;
                return;
            }
            self.tally.reordered += 1;
        } else {
            self.tally.twice += 1;
        }
        let age = of.said(number).map(|said| now - said.at);
        let next = track.next;
        self.example(format!(
            "seat {seat} heard message {number} of {:?} at {now} ms, {age:?} ms old, when {next} was the next",
            of_voice(voice)
        ));
    }

    /// Forgets what is old, judges what has been missing for long.
    pub fn sweep(&mut self, now: u64) {
        for voice in &mut self.voices {
            while voice.recent.front().is_some_and(|said| said.at + REMEMBERED < now) {
                voice.recent.pop_front();
            }
        }
        self.judge_all(now, PATIENCE);
    }

    /// Nothing comes any more: what has not come is missing.
    pub fn finish(&mut self, now: u64) {
        for (seat, ear) in self.ears.iter_mut().enumerate() {
            let Some(ear) = ear else { continue };
            for (voice, track) in self.hears[seat].iter().zip(&mut ear.tracks) {
                let end = self.voices[*voice as usize].next;
                let tail = track.next..end.max(track.next);
                ear.missing.extend(tail.map(|number| Missing { voice: *voice, number, since: now }));
                track.next = track.next.max(end);
            }
        }
        self.judge_all(now, 0);
    }

    fn judge_all(&mut self, now: u64, patience: u64) {
        for seat in 0..self.ears.len() {
            let Some(mut ear) = self.ears[seat].take() else { continue };
            let missing = std::mem::take(&mut ear.missing);
            let (ripe, green) = missing.into_iter().partition(|missing| missing.since + patience <= now);
            ear.missing = green;
            for missing in &Vec::<Missing>::from_iter::<Vec<Missing>>(ripe) {
                self.judge(seat, &ear, missing, now);
            }
            self.ears[seat] = Some(ear);
        }
    }

    fn judge(&mut self, seat: usize, ear: &Ear, missing: &Missing, now: u64) {
        let said = self.voices[missing.voice as usize].said(missing.number);
        let told = ear.resync.is_some_and(|at| at + PATIENCE >= missing.since);
        match said {
            Some(said) if said.in_doubt => self.tally.told_sender += 1,
            _ if told => self.tally.told_receiver += 1,
            Some(said) if self.resets.iter().any(|(from, until)| (*from..*until).contains(&said.at)) => {
                self.tally.with_data += 1;
            }
            _ => {
                self.tally.lost += 1;
                let (from, scope) = of_voice(missing.voice);
                let number = missing.number;
                let at = said.map(|said| said.at);
                self.example(format!(
                    "seat {seat} never heard message {number} of seat {from} ({scope:?}), said at {at:?} ms, \
                     missing since {} ms, judged at {now} ms",
                    missing.since
                ));
            }
        }
    }

    /// Notes a fault in words.
    pub fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text);
        }
    }
}

/// Does the account notice each fault, and believe each excuse? Called at the start: one that could not see a loss
/// would prove nothing.
pub fn self_check() {
    let hears = vec![vec![voice(1, Scope::Group)], vec![]];
    let run = |of: &dyn Fn(&mut Book)| {
        let mut book = Book::new(hears.clone());
        book.joined(1);
        book.say(4, 0);
        book.joined(0);
        for at in 1..10 {
            book.say(4, at * 1_000);
        }
        of(&mut book);
        book.finish(60_000);
        book.tally
    };
    let hear = |book: &mut Book, numbers: &[u32]| numbers.iter().for_each(|n| book.came(0, 4, *n, 30_000));
    let all = run(&|book| hear(book, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    assert_eq!((all.faults(), all.delivered, all.sent), (0, 9, 10));
    let bad = run(&|book| hear(book, &[1, 2, 5, 3, 3, 6, 7]));
    assert_eq!((bad.lost, bad.twice, bad.reordered, bad.delivered), (3, 1, 1, 6));
    let told = run(&|book| {
        hear(book, &[1, 2, 3, 4, 5, 6, 7]);
        book.left(1, Left::Suddenly, 10_000);
    });
    assert_eq!((told.faults(), told.told_sender), (0, 2));
    let polite = run(&|book| book.left(1, Left::Politely, 10_000));
    assert_eq!(polite.lost, 9);
    let resync = run(&|book| book.resync(0, 50_000));
    assert_eq!((resync.faults(), resync.told_receiver), (0, 9));
    let reset = run(&|book| book.redis_away(0, 5_000, false));
    assert_eq!((reset.lost, reset.with_data), (5, 4));
    let again = run(&|book| {
        book.joined(1);
        book.say(4, 11_000);
        hear(book, &[1, 2, 3, 4, 5, 6, 7, 8, 10, 9]);
    });
    assert_eq!((again.faults(), again.late), (0, 1));
    let mut book = Book::new(hears.clone());
    book.joined(0);
    book.came(0, 5, 0, 1);
    assert_eq!(book.tally.misrouted, 1);
}
