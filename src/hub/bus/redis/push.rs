//! Owns the reading of RESP2 as a subscriber gets it: flat answers, out of bytes that come cut anywhere. The crate's
//! decoder follows lists in lists on the stack, as deep as they go, and reads what is not whole again from its start;
//! so it is given a frame only when that is whole and flat. What a push means is `subscriber`'s.

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::decode::decode_bytes_mut;
use redis_protocol::resp2::types::BytesFrame;

/// A push is never larger than what Redis itself lets pile up for a subscriber by default (32 MiB).
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of a line: a length, or an error that is told.
const MOST_LINE: usize = 64 * 1024;
/// Parts of an answer. A push has three; none that is asked for has more.
const MOST_PARTS: usize = 16;

/// What came on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Push {
    /// A message on a channel.
    Message {
        /// Its name.
        channel: Bytes,
        /// What was said.
        text: Bytes,
    },
    /// A subscription is confirmed.
    Subscribed(Bytes),
    /// The end of one is confirmed; Redis Cluster also says so when a slot moves away.
    Unsubscribed(Bytes),
    /// Redis refuses something.
    Error(String),
    /// Anything else: the answer to a ping.
    Other,
}

/// What came is not RESP, or none that a subscriber is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what came is not RESP")]
pub struct NotResp;

/// Bytes that came, as pushes. How they were cut on the way does not matter.
#[derive(Debug, Default)]
pub struct Pushes(BytesMut);

impl Pushes {
    /// With room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(BytesMut::with_capacity(bytes))
    }

    /// Where more bytes go, behind those that are there.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.0
    }

    /// The next push that is whole.
    ///
    /// # Errors
    /// What came is not RESP. There is no way back into step: the link has to end.
    pub fn take(&mut self) -> Result<Option<Push>, NotResp> {
        if !is_whole(&self.0)? {
            return Ok(None);
        }
        let decoded = decode_bytes_mut(&mut self.0).map_err(|_| NotResp)?;
        Ok(decoded.map(|(frame, ..)| push(frame)))
    }
}

/// Does a whole, flat answer stand in front? Looks at its lines only, which are few and short.
fn is_whole(bytes: &[u8]) -> Result<bool, NotResp> {
    let (mut rest, mut parts, mut is_part) = (bytes, 1, false);
    while parts > 0 {
        let Some((&kind, after)) = rest.split_first() else { return Ok(false) };
        match kind {
            b'+' | b'-' | b':' | b'$' => {}
            b'*' if !is_part => {}
            // It is not waited for.
            _ => return Err(NotResp),
        }
        let Some((line, after)) = line(after)? else { return Ok(false) };
        rest = after;
        parts -= 1;
        match kind {
            b'$' => {
                let Some(length) = length(line, MOST_BYTES - (bytes.len() - rest.len()).min(MOST_BYTES))? else {
                    continue;
                };
                if rest.len() < length + 2 {
                    return Ok(false);
                }
                if !rest[length..].starts_with(b"\r\n") {
                    return Err(NotResp);
                }
                rest = &rest[length + 2..];
            }
            b'*' => (parts, is_part) = (length(line, MOST_PARTS)?.unwrap_or(0), true),
            // What is wrong is said at once, not when the rest has come.
            b':' => drop(number(line)?),
            b'-' if std::str::from_utf8(line).is_err() => return Err(NotResp),
            _ => {}
        }
    }
    Ok(true)
}

/// A line, and what follows its end.
type Line<'b> = (&'b [u8], &'b [u8]);

/// The first line; None: its end has not come.
fn line(bytes: &[u8]) -> Result<Option<Line<'_>>, NotResp> {
    let seen = &bytes[..bytes.len().min(MOST_LINE + 2)];
    match seen.windows(2).position(|pair| pair == b"\r\n") {
        Some(at) => Ok(Some((&bytes[..at], &bytes[at + 2..]))),
        None if seen.len() < bytes.len() || seen.len() == MOST_LINE + 2 => Err(NotResp),
        None => Ok(None),
    }
}

/// None: there is nothing at all, which RESP2 writes as -1.
fn length(line: &[u8], most: usize) -> Result<Option<usize>, NotResp> {
    match number(line)? {
        -1 => Ok(None),
        n => usize::try_from(n).ok().filter(|n| *n <= most).map(Some).ok_or(NotResp),
    }
}

fn number(line: &[u8]) -> Result<i64, NotResp> {
    std::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).ok_or(NotResp)
}

fn push(frame: BytesFrame) -> Push {
    match frame {
        BytesFrame::Error(why) => Push::Error(why.to_string()),
        BytesFrame::Array(parts) => {
            let mut parts = parts.into_iter();
            match (parts.next(), parts.next(), parts.next()) {
                (Some(BytesFrame::BulkString(kind)), Some(BytesFrame::BulkString(channel)), third) => {
                    match (kind.as_ref(), third) {
                        (b"message" | b"smessage", Some(BytesFrame::BulkString(text))) => {
                            Push::Message { channel, text }
                        }
                        (b"subscribe" | b"ssubscribe", _) => Push::Subscribed(channel),
                        (b"unsubscribe" | b"sunsubscribe", _) => Push::Unsubscribed(channel),
                        _ => Push::Other,
                    }
                }
                _ => Push::Other,
            }
        }
        _ => Push::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pushes, and how it ends.
    fn read(bytes: &[u8]) -> (Vec<Push>, Result<usize, NotResp>) {
        let (mut pushes, mut all) = (Pushes::default(), Vec::new());
        pushes.buffer().extend_from_slice(bytes);
        loop {
            match pushes.take() {
                Ok(Some(push)) => all.push(push),
                Ok(None) => return (all, Ok(pushes.0.len())),
                Err(why) => return (all, Err(why)),
            }
        }
    }

    #[test]
    fn what_redis_says_to_a_subscriber_is_read() {
        let text =
            b"+OK\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\n\r\n\r\n\r\n\
            *2\r\n$4\r\npong\r\n$0\r\n\r\n*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n-ERR no\r\n*0\r\n*-1\r\n$3\r\nab";
        let c = Bytes::from_static(b"c");
        let message = Push::Message { channel: c.clone(), text: Bytes::from_static(b"\r\n\r\n") };
        let error = Push::Error("ERR no".into());
        let want =
            [Push::Other, Push::Subscribed(c), message, Push::Other, Push::Other, error, Push::Other, Push::Other];
        assert_eq!(read(text), (want.to_vec(), Ok(6)));
    }

    #[test]
    fn what_no_subscriber_is_sent_is_refused_at_once() {
        let most = format!("${MOST_BYTES}\r\n");
        for bad in [
            "x",
            "*1\r\n*0\r\n",
            "*17\r\n",
            "*-2\r\n",
            "$-2\r\n",
            "$x\r\n",
            "*1\r\n?",
            ":x\r\n",
            "*2\r\n:x\r\n",
            "$1\r\nabc",
            "$ 1\r\n",
            &most,
        ] {
            assert_eq!(read(bad.as_bytes()), (vec![], Err(NotResp)), "{bad:?}");
        }
        let long = "+".to_owned() + &"x".repeat(MOST_LINE);
        assert_eq!(read((long.clone() + "\r\n").as_bytes()), (vec![Push::Other], Ok(0)));
        assert_eq!(read((long.clone() + "\r").as_bytes()), (vec![], Ok(long.len() + 1)));
        assert_eq!(read((long + "x\r").as_bytes()), (vec![], Err(NotResp)));
    }

    #[test]
    fn lists_in_lists_cost_no_stack() {
        assert_eq!(read("*1\r\n".repeat(1_000_000).as_bytes()), (vec![], Err(NotResp)));
    }
}
