//! Owns reading a scope's journal: where it ends, and what it holds behind a place. Questions are answered
//! in batches over one command connection, which is opened again until it works.

use super::connect::{ConnectError, Connector};
use super::health::Backoff;
use super::line::{Place, Range};
use super::target::Node;
use super::wanted::Channel;
use crate::hub::keys::Keys;
use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, Value};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    /// Where does it end?
    Top(Channel),
    /// What does it hold behind this place?
    Range(Channel, Place),
    /// Where does it end? For the periodic look.
    Check(Channel),
}

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// To `Ask::Top`.
    Top(Channel, Place),
    /// To `Ask::Range`.
    Range(Channel, Range),
    /// To `Ask::Check`.
    Check(Channel, Place),
}

/// Questions answered by one pipeline.
const BATCH: usize = 64;
/// Messages read by one command; a journal may hold a thousand of a megabyte each.
const PAGE: usize = 128;

/// Reads journals on one server.
pub struct Journal {
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
                match self.answer(&mut connection, &batch, &answers).await {
                    Ok(()) => break backoff.reset(),
                    Err(error) => {
                        tracing::debug!(%error, "the journal cannot be read, trying again");
                        connection = None;
                        tokio::time::sleep(backoff.next()).await;
                    }
                }
            }
            batch.clear();
        }
    }

    async fn answer(
        &self,
        connection: &mut Option<MultiplexedConnection>,
        batch: &[Ask],
        answers: &mpsc::Sender<Answer>,
    ) -> Result<(), ConnectError> {
        let connection = match connection {
            Some(open) => open,
            None => connection.insert(self.connector.command(&self.node).await?),
        };
        let mut pipe = Pipeline::with_capacity(batch.len() * 2);
        for ask in batch {
            let (channel, behind) = match ask {
                Ask::Top(channel) | Ask::Check(channel) => (channel, None),
                Ask::Range(channel, place) => (channel, Some(place.seq)),
            };
            let name = name(channel);
            pipe.cmd("HMGET").arg(self.keys.journal_meta(&name)).arg("e").arg("s");
            if let Some(seq) = behind {
                page(&mut pipe, &self.keys.journal(&name), seq);
            }
        }
        let mut values = pipe.query_async::<Vec<Value>>(connection).await?.into_iter();
        for ask in batch {
            let top = place(values.next().unwrap_or_default())?;
            let answer = match ask {
                Ask::Top(channel) => Answer::Top(channel.clone(), top),
                Ask::Check(channel) => Answer::Check(channel.clone(), top),
                Ask::Range(channel, from) => {
                    let first = entries(values.next().unwrap_or_default())?;
                    Answer::Range(channel.clone(), self.rest(connection, channel, from, top, first).await?)
                }
            };
            if answers.send(answer).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads on from the first page; from the beginning, when the place is of another epoch.
    async fn rest(
        &self,
        connection: &mut MultiplexedConnection,
        channel: &Channel,
        from: &Place,
        top: Place,
        first: Vec<(u64, Bytes)>,
    ) -> Result<Range, RedisError> {
        let stream = self.keys.journal(&name(channel));
        let (mut all, mut last, mut more) = if top.epoch == from.epoch {
            let last = first.last().map_or(from.seq, |(seq, _)| *seq);
            let more = first.len() == PAGE;
            (first, last, more)
        } else {
            (Vec::new(), 0, true)
        };
        while more {
            let mut pipe = Pipeline::new();
            page(&mut pipe, &stream, last);
            let values = pipe.query_async::<Vec<Value>>(connection).await?;
            let next = entries(values.into_iter().next().unwrap_or_default())?;
            more = next.len() == PAGE;
            last = next.last().map_or(last, |(seq, _)| *seq);
            all.extend(next);
        }
        Ok(Range { top, entries: all.into_iter().map(|(_, text)| text).collect() })
    }
}

fn name(channel: &Channel) -> String {
    String::from_utf8_lossy(channel).into_owned()
}

fn page(pipe: &mut Pipeline, stream: &str, behind: u64) {
    pipe.cmd("XRANGE").arg(stream).arg(format!("{}-0", behind + 1)).arg("+").arg("COUNT").arg(PAGE);
}

fn place(value: Value) -> Result<Place, RedisError> {
    let (epoch, seq): (Option<String>, Option<u64>) = redis::from_redis_value(value)?;
    Ok(Place { epoch: epoch.unwrap_or_default(), seq: seq.unwrap_or(0) })
}

fn entries(value: Value) -> Result<Vec<(u64, Bytes)>, RedisError> {
    let raw: Vec<(String, Vec<(String, Vec<u8>)>)> = redis::from_redis_value(value)?;
    Ok(raw
        .into_iter()
        .filter_map(|(id, fields)| {
            let seq = id.split_once('-')?.0.parse().ok()?;
            let (_, text) = fields.into_iter().find(|(field, _)| field == "d")?;
            Some((seq, Bytes::from(text)))
        })
        .collect())
}
