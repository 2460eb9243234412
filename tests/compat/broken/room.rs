//! Who is connected through the saboteur, and what it remembers of them: with this it can break what needs two clients.

use super::wire::Frame;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;
use tokio::sync::mpsc;

/// What a client's connection is told to do.
#[derive(Debug)]
pub enum Item {
    Frame(Frame),
    /// Ends the connection as TCP does it.
    End,
    /// Ends it by a reset.
    Reset,
}

/// Which generation a client is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    V2,
    V3,
    Other,
}

/// Who a connection says it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Who {
    pub side: Side,
    pub group: String,
    pub client: String,
}

impl Who {
    /// By the path of its request.
    pub fn of(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let decode = |id: &str| percent_decode_str(id).decode_utf8_lossy().into_owned();
        let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
        let (side, group, client) = match parts[..] {
            ["v3", "ws", "group", group, "client", client] => (Side::V3, group, client),
            ["ws" | "ws_redis", "group", group, "client", client] => (Side::V2, group, client),
            ["ws" | "ws_redis", client] if !client.is_empty() => (Side::V2, "", client),
            _ => (Side::Other, "", ""),
        };
        Self { side, group: decode(group), client: decode(client) }
    }
}

/// An open connection.
pub struct Seat {
    pub who: Who,
    out: mpsc::Sender<Item>,
    pub since: Instant,
    /// It said that it goes.
    pub goodbye: bool,
    /// Messages it sent.
    pub sent: u64,
    /// Messages it was given.
    pub given: u64,
    /// A message that waits for the next one.
    pub held: Option<Frame>,
    /// The message before.
    pub last: Option<Frame>,
}

/// Everybody.
#[derive(Default)]
pub struct Room {
    next: u64,
    pub seats: BTreeMap<u64, Seat>,
    /// The latest JSON object that each V3 client sent.
    pub said: HashMap<String, Map<String, Value>>,
    /// The latest message of each group and generation.
    pub latest: HashMap<(String, Side), Frame>,
    /// Everybody who went.
    pub gone: Vec<Who>,
    /// What is kept for clients that are away.
    pub kept: Vec<(String, Frame)>,
}

impl Room {
    /// Its number; a lower one came earlier.
    pub fn enter(&mut self, who: Who, out: mpsc::Sender<Item>) -> u64 {
        self.next += 1;
        self.seats.insert(
            self.next,
            Seat { who, out, since: Instant::now(), goodbye: false, sent: 0, given: 0, held: None, last: None },
        );
        self.next
    }

    /// A connection that does not take its messages gets no more.
    pub fn give(&self, seat: u64, item: Item) {
        if let Some(seat) = self.seats.get(&seat) {
            let _ = seat.out.try_send(item); // it may be gone already
        }
    }

    /// It says that it goes, or went without a word.
    pub fn says_goodbye(&mut self, seat: u64) {
        if let Some(seat) = self.seats.get_mut(&seat) {
            seat.goodbye = true;
            self.gone.push(seat.who.clone());
        }
    }

    /// Of all that are so, in the order they came.
    pub fn those(&self, are: impl Fn(&Who) -> bool) -> Vec<u64> {
        self.seats.iter().filter(|(_, seat)| are(&seat.who)).map(|(number, _)| *number).collect()
    }

    /// Those of the same generation and group, itself included.
    pub fn peers(&self, who: &Who) -> Vec<u64> {
        self.those(|other| (other.side, &other.group) == (who.side, &who.group))
    }

    /// Those of the same id, itself included.
    pub fn tabs(&self, who: &Who) -> Vec<u64> {
        self.those(|other| (other.side, &other.client) == (who.side, &who.client))
    }

    /// A client of V2 has this id, and none of V3.
    pub fn is_legacy(&self, client: &str) -> bool {
        let is = |side| !self.those(|who| who.side == side && who.client == client).is_empty();
        is(Side::V2) && !is(Side::V3)
    }
}

#[test]
fn a_path_tells_who_somebody_is() {
    let who = |side, group: &str, client: &str| Who { side, group: group.into(), client: client.into() };
    assert_eq!(Who::of("/v3/ws/group/g%201/client/c?api_key=k"), who(Side::V3, "g 1", "c"));
    assert_eq!(Who::of("/ws_redis/group/g/client/%2F"), who(Side::V2, "g", "/"));
    assert_eq!(Who::of("/ws/c"), who(Side::V2, "", "c"));
    assert_eq!(Who::of("/ws").side, Side::Other);
}
