//! Owns what is read of a capture: the frames that can be played, in their order, and whose they are.

use super::Failure;
use crate::cli::input::{Place, each_line};
use crate::cli::out;
use crate::clock::Timestamp;
use crate::dialect::{OwnedFrame, Protocol};
use crate::migration::capture::{Content, Direction, Line};
use crate::telemetry::labels::Path;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// A frame that can be played.
#[derive(Debug)]
pub(super) struct Played {
    pub line: u64,
    pub at: Timestamp,
    pub who: Who,
    /// Its connection in the capture.
    pub conn: u64,
    pub frame: OwnedFrame,
}

/// A client, as captures know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Who {
    pub tenant: String,
    pub group: Option<String>,
    pub client: String,
    /// It gets envelopes, which a capture of V2 traffic does not hold: nothing is compared.
    pub hears_v3: bool,
    /// Which of its connections that were open at once; those that followed one another are one.
    pub tab: usize,
}

/// What a capture holds.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub name: String,
    /// What clients sent, in order.
    pub sent: Vec<Played>,
    /// What they got of one another, or as an answer.
    pub got: Vec<Played>,
    /// Not as it was, so not played.
    pub skipped: u64,
    /// Got from V3 clients.
    pub from_v3: u64,
    pub unreadable: u64,
    /// First and last line of each connection, by client.
    spans: BTreeMap<Who, BTreeMap<u64, (u64, u64)>>,
}

impl Talk {
    /// Reads a file. Lines that are none are named, and passed over.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(file: &PathBuf) -> Result<Self, Failure> {
        let mut talk = Self { name: file.display().to_string(), ..Self::default() };
        each_line(std::slice::from_ref(file), |place, line| {
            if !line.is_empty()
                && let Err(why) = talk.add(place, line)
            {
                talk.unreadable += 1;
                out::complain(&format!("{place}: {why}"));
            }
            Ok(())
        })?;
        talk.seat();
        Ok(talk)
    }

    fn add(&mut self, place: Place<'_>, line: &[u8]) -> Result<(), String> {
        let line = Line::read(line).map_err(|why| why.to_string())?;
        let at = line.at().map_err(|why| why.to_string())?;
        let content = line.content().map_err(|why| why.to_string())?;
        let who = Who {
            tenant: line.tenant.into_owned(),
            group: line.group.map(|group| group.into_owned()),
            client: line.client.into_owned(),
            hears_v3: line.hears.as_deref() == Some(Protocol::label(Protocol::V3)),
            tab: 0,
        };
        let span = self.spans.entry(who.clone()).or_default().entry(line.conn).or_insert((place.line, place.line));
        span.1 = place.line;
        let Content::Whole(frame) = content else {
            self.skipped += 1;
            return Ok(());
        };
        let played = Played { line: place.line, at, who, conn: line.conn, frame };
        let from_v3 = Path::label(Path::between(Protocol::V3, Protocol::V2));
        match line.dir {
            Direction::In => self.sent.push(played),
            Direction::Out if line.path.as_deref() == Some(from_v3) => self.from_v3 += 1,
            Direction::Out => self.got.push(played),
        }
        Ok(())
    }

    /// Gives each connection that overlaps another one of the same client a tab of its own.
    fn seat(&mut self) {
        let mut tabs: HashMap<(Who, u64), usize> = HashMap::new();
        for (who, spans) in &self.spans {
            let mut spans: Vec<_> = spans.iter().map(|(conn, (first, last))| (*first, *last, *conn)).collect();
            spans.sort_unstable();
            // The last line in each tab so far.
            let mut taken: Vec<u64> = Vec::new();
            for (first, last, conn) in spans {
                let tab = taken.iter().position(|end| *end < first).unwrap_or(taken.len());
                if tab == taken.len() {
                    taken.push(last);
                } else {
                    taken[tab] = last;
                }
                tabs.insert((who.clone(), conn), tab);
            }
        }
        for played in self.sent.iter_mut().chain(&mut self.got) {
            let tab = tabs.get(&(played.who.clone(), played.conn));
            played.who.tab = tab.copied().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_at_once_are_tabs_and_those_one_after_another_are_one() {
        let mut talk = Talk::default();
        for (at, conn) in [1, 1, 2, 1, 2, 3, 4, 3].into_iter().enumerate() {
            let line = format!(
                r#"{{"v":1,"at":"2026-03-11T12:34:56.789Z","dir":"in","dialect":"aether-v2","tenant":"t","group":"g","client":"c","conn":{conn},"kind":"text","data":"{{}}"}}"#
            );
            talk.add(Place { file: "-", line: at as u64 }, line.as_bytes()).expect("a line");
        }
        talk.seat();
        let tabs: Vec<_> = talk.sent.iter().map(|played| played.who.tab).collect();
        assert_eq!(tabs, [0, 0, 1, 0, 1, 0, 1, 0]);
    }
}
