//! What was said and what came of it, client by client: the plain books of `traffic`, and the summary a test judges.
//! No I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A stream's place in the account, and a message's number in it.
pub type Numbered = (usize, u32);

/// One sender's messages to one scope, numbered from 0.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The sender's place among the clients.
    pub from: usize,
    /// What keeps an order: a group, or the client it is for.
    pub scope: String,
    /// Who is to hear it, by place.
    pub hear: Vec<usize>,
}

/// What one client lived through; its task writes it.
#[derive(Debug, Default, Clone)]
pub struct Book {
    /// Messages heard, in the order they came.
    pub heard: Vec<Numbered>,
    /// Messages sent: for each stream the number of the next.
    pub sent: HashMap<usize, u32>,
    /// Messages on a connection that ended while they may have been under way: from, up to.
    pub broken: Vec<(usize, u32, u32)>,
    /// `cmd: ERROR`, by code.
    pub errors: BTreeMap<String, usize>,
    /// `cmd: RESYNC`
    pub resyncs: usize,
    /// Close codes heard; 1006 where there was none.
    pub closes: Vec<u16>,
    /// Presence: this client was said to have left.
    pub left: Vec<String>,
    /// What is none of the traffic's.
    pub strange: Vec<String>,
}

/// What came of one stream at one receiver.
#[derive(Debug, Clone, Default)]
pub struct Came {
    pub sender: String,
    pub receiver: String,
    pub scope: String,
    pub sent: usize,
    pub received: usize,
    pub repeated: usize,
    /// Came after one that was sent later.
    pub disordered: usize,
    /// Never came.
    pub missing: Vec<u32>,
    /// Of those: on a connection of the sender that was closed, which says so to a V2 sender.
    pub broken: usize,
}

/// Everything that came of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// One for each stream and each of its receivers that was never closed.
    pub came: Vec<Came>,
    /// By name.
    pub books: BTreeMap<String, Book>,
    /// Messages a second while it ran.
    pub rate: f64,
    /// Scopes whose receivers did not hear the same in the same order.
    pub torn: Vec<String>,
}

impl Summary {
    /// Draws the sum under the books. `names` and `books` lie in the order of the clients.
    pub fn of(streams: &[Stream], names: &[String], books: &[Book], rate: f64) -> Self {
        let mut summary = Self { rate, ..Self::default() };
        let mut orders: HashMap<&str, Vec<Vec<Numbered>>> = HashMap::new();
        let heard: Vec<HashMap<usize, Vec<u32>>> = books.iter().map(by_stream).collect();
        for (place, stream) in streams.iter().enumerate() {
            let sent = books[stream.from].sent.get(&place).copied().unwrap_or(0);
            let broken = &books[stream.from].broken;
            // Who was closed and dialled again missed something meanwhile, and knows it.
            for to in stream.hear.iter().copied().filter(|to| books[*to].closes.is_empty()) {
                let numbers = heard[to].get(&place).map_or(&[][..], Vec::as_slice);
                let mut came = count(sent, numbers);
                came.broken = came.missing.iter().filter(|n| is_broken(broken, place, **n)).count();
                came.sender.clone_from(&names[stream.from]);
                came.receiver.clone_from(&names[to]);
                came.scope.clone_from(&stream.scope);
                summary.came.push(came);
            }
        }
        for (client, book) in books.iter().enumerate().filter(|(_, book)| book.closes.is_empty()) {
            let mut scopes: HashMap<&str, Vec<Numbered>> = HashMap::new();
            for numbered in &book.heard {
                let stream = &streams[numbered.0];
                if stream.hear.contains(&client) {
                    scopes.entry(&stream.scope).or_default().push(*numbered);
                }
            }
            scopes.into_iter().for_each(|(scope, order)| orders.entry(scope).or_default().push(order));
        }
        let torn = orders.into_iter().filter(|(_, orders)| orders.windows(2).any(|two| two[0] != two[1]));
        summary.torn = torn.map(|(scope, _)| scope.to_owned()).collect();
        summary.books = names.iter().cloned().zip(books.iter().cloned()).collect();
        summary
    }

    /// Deliveries expected, of all streams at all receivers.
    pub fn expected(&self) -> usize {
        self.came.iter().map(|came| came.sent).sum()
    }

    /// Deliveries that never came.
    pub fn missing(&self) -> usize {
        self.came.iter().map(|came| came.missing.len()).sum()
    }

    /// Error envelopes with this code, to all clients.
    pub fn errors(&self, code: &str) -> usize {
        self.books.values().filter_map(|book| book.errors.get(code)).sum()
    }

    /// `RESYNC`s, to all clients.
    pub fn resyncs(&self) -> usize {
        self.books.values().map(|book| book.resyncs).sum()
    }

    /// Connections closed with this code.
    pub fn closes(&self, code: u16) -> usize {
        self.books.values().flat_map(|book| &book.closes).filter(|one| **one == code).count()
    }

    /// Each message came to each receiver once, in order, the same order for all; nobody was told of trouble.
    #[track_caller]
    pub fn nothing_lost_repeated_or_disordered(&self) {
        self.nothing_repeated_or_disordered();
        assert_eq!(self.missing(), 0, "lost: {self}");
        assert!(self.torn.is_empty(), "receivers of a scope heard other orders: {self}");
        let troubled = |book: &Book| !book.errors.is_empty() || book.resyncs > 0 || !book.closes.is_empty();
        assert!(!self.books.values().any(troubled), "told of trouble that was none: {self}");
    }

    /// Nothing came twice, and nothing after what was sent later.
    #[track_caller]
    pub fn nothing_repeated_or_disordered(&self) {
        assert!(self.expected() > 0, "nothing was said");
        assert!(self.came.iter().all(|came| came.received > 0), "somebody heard nothing: {self}");
        assert!(self.came.iter().all(|came| came.repeated == 0), "repeated: {self}");
        assert!(self.came.iter().all(|came| came.disordered == 0), "disordered: {self}");
        assert!(self.books.values().all(|book| book.strange.is_empty()), "strange: {self}");
        // Who was closed may have been away for longer than the grace.
        let stayed = |name: &String| self.books.get(name).is_some_and(|book| book.closes.is_empty());
        let wrong = self.books.values().any(|book| book.left.iter().any(stayed));
        assert!(!wrong, "said to have left, and had not: {self}");
    }

    /// As above, and what is missing was told to its sender: V3 in as many error envelopes, V2 by a close.
    #[track_caller]
    pub fn what_is_lost_was_told_to_its_sender(&self) {
        self.nothing_repeated_or_disordered();
        for (name, book) in &self.books {
            let told: usize = book.errors.values().sum();
            // A message that is missing at several receivers was told once.
            let mut missing: BTreeSet<(&str, u32)> = BTreeSet::new();
            let mut broken = 0;
            for came in self.came.iter().filter(|came| came.sender == *name) {
                let before = missing.len();
                missing.extend(came.missing.iter().map(|number| (came.scope.as_str(), *number)));
                broken += came.broken.min(missing.len() - before);
            }
            assert!(missing.len() <= told + broken, "{name} was told of {told}, not of {}: {self}", missing.len());
        }
    }
}

fn by_stream(book: &Book) -> HashMap<usize, Vec<u32>> {
    let mut streams: HashMap<usize, Vec<u32>> = HashMap::new();
    book.heard.iter().for_each(|(stream, number)| streams.entry(*stream).or_default().push(*number));
    streams
}

fn is_broken(broken: &[(usize, u32, u32)], stream: usize, number: u32) -> bool {
    broken.iter().any(|(of, from, to)| *of == stream && (*from..*to).contains(&number))
}

fn count(sent: u32, numbers: &[u32]) -> Came {
    let mut came = Came { sent: sent as usize, received: numbers.len(), ..Came::default() };
    let mut seen = BTreeSet::new();
    let mut last = None;
    for number in numbers {
        came.repeated += usize::from(!seen.insert(*number));
        came.disordered += usize::from(last.is_some_and(|last| last > *number));
        last = Some(*number);
    }
    came.missing = (0..sent).filter(|number| !seen.contains(number)).collect();
    came
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} expected, {} missing, {:.0} messages/s", self.expected(), self.missing(), self.rate)?;
        let bad = |came: &&Came| came.repeated + came.disordered + came.missing.len() > 0 || came.received == 0;
        for came in self.came.iter().filter(bad).take(24) {
            let Came { sender, receiver, scope, sent, received, repeated, disordered, .. } = came;
            let (some, all) = (&came.missing[..came.missing.len().min(12)], came.missing.len());
            writeln!(
                f,
                "  {sender} to {scope} at {receiver}: {received} of {sent}, {repeated} twice, {disordered} late, \
                 {all} missing ({} on a closed connection): {some:?}",
                came.broken
            )?;
        }
        for (name, book) in &self.books {
            if !book.errors.is_empty() || book.resyncs > 0 || !book.closes.is_empty() || !book.left.is_empty() {
                let Book { errors, resyncs, closes, left, .. } = book;
                writeln!(f, "  {name}: errors {errors:?}, {resyncs} resyncs, closes {closes:?}, left {left:?}")?;
            }
            book.strange.iter().take(3).try_for_each(|strange| writeln!(f, "  {name} heard: {strange}"))?;
        }
        if self.torn.is_empty() { Ok(()) } else { writeln!(f, "  other orders in {:?}", self.torn) }
    }
}

mod tests {
    use super::*;

    fn summary(heard: &[u32], change: impl FnOnce(&mut Book)) -> Summary {
        let streams = [Stream { from: 0, scope: "g".into(), hear: vec![1] }];
        let mut sender = Book { sent: HashMap::from([(0, 4)]), ..Book::default() };
        change(&mut sender);
        let receiver = Book { heard: heard.iter().map(|n| (0, *n)).collect(), ..Book::default() };
        Summary::of(&streams, &["sender".into(), "receiver".into()], &[sender, receiver], 1.0)
    }

    #[test]
    fn what_is_lost_repeated_or_late_is_seen() {
        summary(&[0, 1, 2, 3], |_| {}).nothing_lost_repeated_or_disordered();
        let bad = summary(&[0, 2, 1, 1], |_| {});
        let came = &bad.came[0];
        assert_eq!((came.repeated, came.disordered, &came.missing[..]), (1, 1, &[3][..]));
    }

    #[test]
    fn a_loss_counts_as_told_by_an_error_or_a_close_that_covers_it() {
        summary(&[0, 1, 3], |book| *book.errors.entry("hub_unavailable".into()).or_default() = 1)
            .what_is_lost_was_told_to_its_sender();
        summary(&[0, 1, 3], |book| book.broken.push((0, 1, 4))).what_is_lost_was_told_to_its_sender();
    }

    #[test]
    #[should_panic(expected = "was told of 0, not of 1")]
    fn a_close_of_another_connection_tells_nothing() {
        summary(&[0, 1, 3], |book| book.broken.push((0, 3, 4))).what_is_lost_was_told_to_its_sender();
    }

    #[test]
    #[should_panic(expected = "lost:")]
    fn a_hole_fails_the_strict_account() {
        summary(&[0, 1, 3], |_| {}).nothing_lost_repeated_or_disordered();
    }
}
