//! Owns reading the journals of one master: where a scope's ends, and what it holds behind a place. Questions
//! are answered in batches over one command connection, which is opened again until it works.

use super::line::{Place, Range};
use super::wanted::Channel;
use crate::hub::keys::Keys;
use crate::redis_client::{Backoff, ConnectError, Connector, Node};
use bytes::Bytes;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Pipeline, RedisError, Value};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A question about a channel's journal.
#[derive(Debug, PartialEq, Eq)]
pub struct Ask {
    /// Whose.
    pub channel: Channel,
    /// What.
    pub what: What,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Where does it end, and with which text?
    Top,
    /// What does it hold behind this place, and so many before it?
    Range(Place, u64),
    /// Where does it end? For the periodic look.
    Check,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The link whose journal was asked.
    pub link: u64,
    /// Whose journal.
    pub channel: Channel,
    /// What it holds.
    pub found: Found,
}

/// What a journal holds.
#[derive(Debug)]
pub enum Found {
    /// To `What::Top`.
    Top(Place, Option<Bytes>),
    /// To `What::Range`.
    Range(Range),
    /// To `What::Check`.
    Check(Place),
    /// Not now: the slot moves, or Redis refuses. To be asked again.
    Nothing(RedisError),
}

/// Questions answered by one pipeline.
const BATCH: usize = 32;
/// Messages read by one command, beside those that were heard; a journal may hold a thousand of a megabyte each.
const PAGE: usize = 64;

/// Reads journals on one server.
pub struct Journal {
    /// Its link.
    pub link: u64,
    /// How to reach it.
    pub connector: Arc<Connector>,
    /// The server.
    pub node: Node,
    /// Names.
    pub keys: Arc<Keys>,
}

impl Journal {
    /// Answers questions until there are none any more.
    pub async fn run(self, mut asks: mpsc::Receiver<Ask>, answers: mpsc::Sender<Answer>) {
        let mut connection = None;
        let mut backoff = Backoff::default();
        let mut batch = Vec::with_capacity(BATCH);
        while asks.recv_many(&mut batch, BATCH).await > 0 {
            loop {
                match self.answer(&mut connection, &mut batch, &answers).await {
                    Ok(()) => break backoff.reset(),
                    Err(error) => {
                        tracing::debug!(%error, node = %self.node, "the journal cannot be read, trying again");
                        connection = None;
                        tokio::time::sleep(backoff.pause()).await;
                    }
                }
            }
        }
    }

    /// Answers a batch, and takes out of it what is answered.
    async fn answer(
        &self,
        connection: &mut Option<MultiplexedConnection>,
        batch: &mut Vec<Ask>,
        answers: &mpsc::Sender<Answer>,
    ) -> Result<(), ConnectError> {
        let connection = match connection {
            Some(open) => open,
            None => connection.insert(self.connector.command(&self.node).await?),
        };
        let mut pipe = Pipeline::with_capacity(batch.len() * 2);
        for ask in batch.iter() {
            let name = name(&ask.channel);
            pipe.cmd("HMGET").arg(self.keys.journal_meta(&name)).arg("e").arg("s");
            match &ask.what {
                What::Range(place, before) => page(&mut pipe, &self.keys.journal(&name), place.seq, *before),
                What::Top => {
                    pipe.cmd("XREVRANGE").arg(self.keys.journal(&name)).arg("+").arg("-").arg("COUNT").arg(1);
                }
                What::Check => {}
            }
        }
        let mut values = connection.req_packed_commands(&pipe, 0, pipe.len()).await?.into_iter();
        for Ask { channel, what } in batch.drain(..) {
            let top = values.next().unwrap_or_default();
            let texts = (what != What::Check).then(|| values.next().unwrap_or_default());
            let found = match self.read(connection, &channel, what, top, texts.unwrap_or_default()).await {
                Ok(found) => found,
                Err(error) => Found::Nothing(error),
            };
            if answers.send(Answer { link: self.link, channel, found }).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        channel: &Channel,
        what: What,
        top: Value,
        texts: Value,
    ) -> Result<Found, RedisError> {
        let top = place(top)?;
        Ok(match what {
            What::Check => Found::Check(top),
            What::Top => {
                let last = entries(texts)?.into_iter().find(|(seq, _)| *seq == top.seq);
                Found::Top(top, last.map(|(_, text)| text))
            }
            What::Range(from, before) => {
                let mut entries = entries(texts)?;
                let mut page = PAGE + known(before);
                if top.epoch != from.epoch {
                    (entries, page) = (self.beginning(connection, channel).await?, PAGE);
                }
                let more = entries.len() >= page;
                Found::Range(Range { from, before, top, entries, more })
            }
        })
    }

    /// The first page: the place that was asked for is of another epoch.
    async fn beginning(
        &self,
        connection: &mut MultiplexedConnection,
        channel: &Channel,
    ) -> Result<Vec<(u64, Bytes)>, RedisError> {
        let mut pipe = Pipeline::new();
        page(&mut pipe, &self.keys.journal(&name(channel)), 0, 0);
        let mut values = connection.req_packed_commands(&pipe, 0, 1).await?;
        entries(values.pop().unwrap_or_default())
    }
}

fn name(channel: &Channel) -> String {
    String::from_utf8_lossy(channel).into_owned()
}

fn page(pipe: &mut Pipeline, stream: &str, behind: u64, before: u64) {
    let first = behind.saturating_sub(before) + 1;
    pipe.cmd("XRANGE").arg(stream).arg(format!("{first}-0")).arg("+").arg("COUNT").arg(PAGE + known(before));
}

/// What was heard is read beside a page, or a page would end before the first that is news.
fn known(before: u64) -> usize {
    usize::try_from(before).unwrap_or_default()
}

fn place(value: Value) -> Result<Place, RedisError> {
    let value = value.extract_error()?;
    let (epoch, seq): (Option<String>, Option<u64>) = redis::from_redis_value(value)?;
    Ok(Place { epoch: epoch.unwrap_or_default(), seq: seq.unwrap_or(0) })
}

fn entries(value: Value) -> Result<Vec<(u64, Bytes)>, RedisError> {
    let value = value.extract_error()?;
    type Fields = Vec<(String, Vec<u8>)>;
    let raw: Vec<(String, Fields)> = redis::from_redis_value(value)?;
    Ok(raw
        .into_iter()
        .filter_map(|(id, fields)| {
            let seq = id.split_once('-')?.0.parse().ok()?;
            let (_, text) = fields.into_iter().find(|(field, _)| field == "d")?;
            Some((seq, Bytes::from(text)))
        })
        .collect())
}
