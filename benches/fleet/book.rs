//! Owns the exact account of what came: for each publisher and receiver which messages are missing, came
//! twice, or overtook others. Knows no sockets.

use super::common::histogram::Histogram;
use super::common::mark::Mark;

/// What one receiver has of one publisher.
#[derive(Debug, Default, Clone)]
struct Track {
    next: u32,
    missing: Vec<u32>,
}

/// What one receiver has of the publishers it hears: those from `first` on.
#[derive(Debug, Default, Clone)]
pub struct Ears {
    first: u32,
    tracks: Vec<Track>,
}

impl Ears {
    /// It is to hear these publishers.
    pub fn hearing(publishers: std::ops::Range<u32>) -> Self {
        Self { first: publishers.start, tracks: vec![Track::default(); publishers.len()] }
    }
}

/// The account of a fleet.
#[derive(Debug)]
pub struct Book {
    /// By connection.
    ears: Vec<Ears>,
    /// Messages sent, by connection.
    sent: Vec<u32>,
    /// Deliveries, each counted once.
    pub delivered: u64,
    /// Came again.
    pub duplicates: u64,
    /// Came behind a later one.
    pub reordered: u64,
    /// Came to somebody it was not for.
    pub misrouted: u64,
    /// Presence and other frames without a marker.
    pub unmarked: u64,
    /// From the intended time of sending to the arrival.
    pub latency: Histogram,
}

impl Book {
    /// Nothing has come yet.
    pub fn new(ears: Vec<Ears>) -> Self {
        Self {
            sent: vec![0; ears.len()],
            ears,
            delivered: 0,
            duplicates: 0,
            reordered: 0,
            misrouted: 0,
            unmarked: 0,
            latency: Histogram::new(),
        }
    }

    /// The number of this publisher's next message.
    pub fn send(&mut self, publisher: usize) -> u32 {
        self.sent[publisher] += 1;
        self.sent[publisher] - 1
    }

    /// A data frame came to a connection at this time since the start.
    pub fn came(&mut self, receiver: usize, frame: &[u8], now: u64) {
        let Some(mark) = Mark::find(frame) else {
            self.unmarked += 1;
            return;
        };
        let ears = &mut self.ears[receiver];
        let track = mark.publisher.checked_sub(ears.first).and_then(|at| ears.tracks.get_mut(at as usize));
        let Some(track) = track else {
            self.misrouted += 1;
            return;
        };
        if mark.number >= track.next {
            track.missing.extend(track.next..mark.number);
            track.next = mark.number + 1;
        } else if let Some(at) = track.missing.iter().position(|number| *number == mark.number) {
            track.missing.swap_remove(at);
            self.reordered += 1;
        } else {
            self.duplicates += 1;
            return;
        }
        self.delivered += 1;
        self.latency.record(now.saturating_sub(mark.intended));
    }

    /// How many deliveries have not come, of everything that was sent.
    pub fn lost(&self) -> u64 {
        let of = |ears: &Ears| {
            let sent = &self.sent[ears.first as usize..];
            let each = ears.tracks.iter().zip(sent);
            each.map(|(track, sent)| track.missing.len() as u64 + u64::from(sent - track.next.min(*sent))).sum::<u64>()
        };
        self.ears.iter().map(of).sum()
    }
}

/// Does the account notice each kind of fault? Called at the start of every benchmark: one that could not
/// see a loss would prove nothing.
pub fn self_check() {
    let mut book = Book::new(vec![Ears::hearing(1..3), Ears::default(), Ears::default()]);
    let mut came = |publisher, number| {
        let mark = Mark { publisher, number, intended: 5 };
        let frame = format!("{{\"msg\":\"{}xyz\"}}", mark.write());
        assert_eq!(Mark::find(frame.as_bytes()), Some(mark));
        book.came(0, frame.as_bytes(), 7);
    };
    for number in [0, 1, 4, 3, 3, 5] {
        came(1, number);
    }
    came(0, 0);
    for _ in 0..8 {
        book.send(1);
    }
    book.send(2);
    book.came(1, b"{}", 0);
    // Number 2, the last two of the first publisher, and the only one of the second.
    assert_eq!((book.lost(), book.delivered), (4, 5));
    assert_eq!((book.duplicates, book.reordered, book.misrouted, book.unmarked), (1, 1, 1, 1));
}
