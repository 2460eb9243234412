//! Owns the target of what Redis sends a subscriber: any bytes, cut anywhere, held against a second reading of RESP2.

use super::input::dice;
use aether_proxy::hub::{NotResp, Push, Pushes};

/// Bytes of a line and of all texts, and parts of an answer, that are waited for.
const MOST: (usize, usize, usize) = (64 * 1024, 64 * 1024 * 1024, 16);

/// Where the bytes are cut, then the bytes: what is read of them does not depend on the cuts.
pub fn resp(data: &[u8]) {
    let ([first, second], bytes) = dice(data);
    let whole = read([bytes]);
    assert_eq!(whole, slow(bytes), "{:?}", String::from_utf8_lossy(bytes));
    for size in [1, usize::from(first) + 1, usize::from(second) * 16 + 1] {
        let cut = read(bytes.chunks(size));
        assert_eq!(cut, whole, "cut by {size}: {:?}", String::from_utf8_lossy(bytes));
    }
    // `+`, and the end of its line.
    assert!(whole.0.len() <= bytes.len() / 3, "more answers than the shortest could be");
}

/// What came, and how many bytes wait for more.
type Seen = (Vec<Push>, Result<usize, NotResp>);

/// As the link does: bytes in, then all that is whole.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Seen {
    let (mut pushes, mut all) = (Pushes::default(), Vec::new());
    for piece in pieces {
        pushes.buffer().extend_from_slice(piece);
        loop {
            match pushes.take() {
                Ok(Some(push)) => all.push(push),
                Ok(None) => break,
                Err(why) => return (all, Err(why)),
            }
        }
    }
    (all, Ok(pushes.buffer().len()))
}

/// One value of RESP2 that is not a list.
#[derive(PartialEq)]
enum Value<'a> {
    Word,
    Error(&'a [u8]),
    Text(&'a [u8]),
    Nothing,
}

/// Why there is no value.
enum Stop {
    /// More may come.
    Short,
    Bad,
}

fn slow(bytes: &[u8]) -> Seen {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        match answer(rest, bytes_limit(rest)) {
            Ok((push, after)) => {
                all.push(push);
                rest = after;
            }
            Err(Stop::Short) => break,
            Err(Stop::Bad) => return (all, Err(NotResp)),
        }
    }
    (all, Ok(rest.len()))
}

/// Where the texts of this answer have to end.
fn bytes_limit(rest: &[u8]) -> usize {
    rest.as_ptr() as usize + MOST.1
}

fn answer(bytes: &[u8], limit: usize) -> Result<(Push, &[u8]), Stop> {
    if bytes.first() != Some(&b'*') {
        let (value, rest) = value(bytes, limit)?;
        let push = match value {
            Value::Error(why) => Push::Error(String::from_utf8(why.to_vec()).map_err(|_| Stop::Bad)?),
            _ => Push::Other,
        };
        return Ok((push, rest));
    }
    let (count, mut rest) = number(&bytes[1..], MOST.2)?;
    let mut parts = Vec::new();
    for _ in 0..count.unwrap_or(0) {
        let (part, after) = value(rest, limit)?;
        parts.push(part);
        rest = after;
    }
    let push = match &parts[..] {
        [Value::Text(b"message" | b"smessage"), Value::Text(channel), Value::Text(text), ..] => {
            Push::Message { channel: channel.to_vec().into(), text: text.to_vec().into() }
        }
        [Value::Text(b"subscribe" | b"ssubscribe"), Value::Text(channel), ..] => {
            Push::Subscribed(channel.to_vec().into())
        }
        [Value::Text(b"unsubscribe" | b"sunsubscribe"), Value::Text(channel), ..] => {
            Push::Unsubscribed(channel.to_vec().into())
        }
        _ => Push::Other,
    };
    Ok((push, rest))
}

fn value(bytes: &[u8], limit: usize) -> Result<(Value<'_>, &[u8]), Stop> {
    let (&kind, after) = bytes.split_first().ok_or(Stop::Short)?;
    match kind {
        b'+' | b'-' | b':' => {
            let (line, rest) = line(after)?;
            let number = || std::str::from_utf8(line).ok()?.parse::<i64>().ok();
            match kind {
                b'-' if std::str::from_utf8(line).is_err() => Err(Stop::Bad),
                b'-' => Ok((Value::Error(line), rest)),
                b':' if number().is_none() => Err(Stop::Bad),
                _ => Ok((Value::Word, rest)),
            }
        }
        b'$' => {
            let (length, rest) = number(after, MOST.1)?;
            let Some(length) = length else { return Ok((Value::Nothing, rest)) };
            if rest.as_ptr() as usize + length > limit {
                return Err(Stop::Bad);
            }
            match rest.get(length..length + 2) {
                None => Err(Stop::Short),
                Some(b"\r\n") => Ok((Value::Text(&rest[..length]), &rest[length + 2..])),
                Some(_) => Err(Stop::Bad),
            }
        }
        _ => Err(Stop::Bad),
    }
}

fn number(bytes: &[u8], most: usize) -> Result<(Option<usize>, &[u8]), Stop> {
    let (line, rest) = line(bytes)?;
    let number = std::str::from_utf8(line).ok().and_then(|text| text.parse::<i64>().ok());
    match number.ok_or(Stop::Bad)? {
        -1 => Ok((None, rest)),
        n if n >= 0 && n as u64 <= most as u64 => Ok((Some(n as usize), rest)),
        _ => Err(Stop::Bad),
    }
}

fn line(bytes: &[u8]) -> Result<(&[u8], &[u8]), Stop> {
    for at in 0..=MOST.0 {
        match bytes.get(at..at + 2) {
            None => return Err(Stop::Short),
            Some(b"\r\n") => return Ok((&bytes[..at], &bytes[at + 2..])),
            Some(_) => {}
        }
    }
    Err(Stop::Bad)
}
