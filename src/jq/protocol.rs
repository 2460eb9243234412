//! Owns what parent and child say to each other: frames of a length (four bytes, big endian) and a body. First the
//! parent's `Hello` and the child's list of problems, both JSON; from then on calls, each with one answer, in order.
//! Both ends are the same program, so there are no versions.

use super::{Failure, JqError, Limits, Problem, To};
use crate::label::Label;
use serde::{Deserialize, Serialize};
use std::io;

/// Bytes of a length.
pub const HEAD: usize = 4;
/// What an answer may have beside its outputs: their lengths, or the text of a failure.
pub const BESIDE: usize = 64 << 10;
/// The first byte of an answer with outputs; a failure has its place in `JqError::ALL`.
const OUTPUTS: u8 = 0xff;

/// What a worker is told first.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Text of the filter.
    pub to_v3: String,
    /// Text of the filter.
    pub to_v2: String,
    /// What a call may cost.
    pub limits: Limits,
}

/// A frame with this body.
pub fn frame(body: &[&[u8]]) -> Vec<u8> {
    let length = body.iter().map(|part| part.len()).sum();
    let mut frame = Vec::with_capacity(HEAD + length);
    frame.extend(head(length));
    body.iter().for_each(|part| frame.extend_from_slice(part));
    frame
}

/// A frame with this value as JSON.
///
/// # Errors
/// serde_json's.
pub fn json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    Ok(frame(&[&serde_json::to_vec(value)?]))
}

/// The list of problems a worker answers to `Hello`.
///
/// # Errors
/// It is none.
pub fn read_problems(body: &[u8]) -> io::Result<Vec<Problem>> {
    Ok(serde_json::from_slice(body)?)
}

/// A call.
pub fn call(to: To, text: &str) -> Vec<u8> {
    frame(&[&[to as u8], text.as_bytes()])
}

/// What a call says.
///
/// # Errors
/// It is none.
pub fn read_call(body: &[u8]) -> io::Result<(To, &str)> {
    let (to, text) = body.split_first().ok_or(io::ErrorKind::InvalidData)?;
    let to = To::ALL.get(usize::from(*to)).ok_or(io::ErrorKind::InvalidData)?;
    Ok((*to, str::from_utf8(text).map_err(|_| io::ErrorKind::InvalidData)?))
}

/// The answer to a call.
pub fn answer(outcome: &Result<Vec<String>, Failure>) -> Vec<u8> {
    match outcome {
        Ok(outputs) => {
            let mut body = vec![OUTPUTS];
            for output in outputs {
                body.extend(head(output.len()));
                body.extend_from_slice(output.as_bytes());
            }
            frame(&[&body])
        }
        Err(failure) => frame(&[&[failure.error as u8], failure.detail.as_bytes()]),
    }
}

/// What an answer says.
///
/// # Errors
/// It is none.
pub fn read_answer(body: &[u8]) -> io::Result<Result<Vec<String>, Failure>> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| io::ErrorKind::InvalidData);
    let (&kind, mut rest) = body.split_first().ok_or(io::ErrorKind::InvalidData)?;
    if kind != OUTPUTS {
        let error = *JqError::ALL.get(usize::from(kind)).ok_or(io::ErrorKind::InvalidData)?;
        return Ok(Err(Failure { error, detail: text(rest)? }));
    }
    let mut outputs = Vec::new();
    while !rest.is_empty() {
        let (head, behind) = rest.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
        let (output, behind) = behind.split_at_checked(length(*head)).ok_or(io::ErrorKind::InvalidData)?;
        outputs.push(text(output)?);
        rest = behind;
    }
    Ok(Ok(outputs))
}

/// The length a head says.
pub fn length(head: [u8; HEAD]) -> usize {
    u32::from_be_bytes(head) as usize
}

/// Nothing longer than 4 GiB is ever said: messages are bounded long before.
fn head(length: usize) -> [u8; HEAD] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        for (to, text) in [(To::V3, ""), (To::V2, "é\0\n"), (To::V3, "{}")] {
            let frame = call(to, text);
            let (head, body) = frame.split_first_chunk().expect("a head");
            assert_eq!(length(*head), body.len());
            assert_eq!(read_call(body).expect("a call"), (to, text));
        }
        let failed = Err(Failure { error: JqError::Failed, detail: "é".to_owned() });
        let outputs = Ok(vec![String::new(), "é".to_owned(), "[]".to_owned()]);
        for outcome in [Ok(vec![]), outputs, failed, Err(JqError::TooDeep.into())] {
            assert_eq!(read_answer(&answer(&outcome)[HEAD..]).expect("an answer"), outcome);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for body in [&b""[..], b"\x07", b"\xff\0", b"\xff\0\0\0\x05abc", b"\xff\0\0\0\x01\xff", b"\x03\xff"] {
            assert!(read_answer(body).is_err(), "{body:?}");
        }
        for body in [&b""[..], b"\x02", b"\x00\xff"] {
            assert!(read_call(body).is_err(), "{body:?}");
        }
    }
}
