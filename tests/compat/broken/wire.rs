//! WebSocket frames as they lie on the wire, and HTTP heads: what passes through the saboteur must come out as it went
//! in, so no library answers pings or closes on its own here.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// More than any case sends; a length that is a lie must not cost memory.
const MOST: u64 = 64 << 20;
/// No head of a request or an answer is longer.
const HEAD: usize = 64 << 10;
/// The saboteur has no secrets to mask.
const MASK: [u8; 4] = [7, 11, 13, 17];

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// FIN and the reserved bits, as they came.
    pub flags: u8,
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { flags: 0x80, opcode, payload: payload.into() }
    }

    pub fn close(code: u16) -> Self {
        Self::new(CLOSE, code.to_be_bytes())
    }

    /// A message: not a control frame, and no part of something longer.
    pub fn is_message(&self) -> bool {
        self.flags == 0x80 && matches!(self.opcode, TEXT | BINARY)
    }

    /// Of a whole text message.
    pub fn text(&self) -> Option<&str> {
        let text = self.is_message() && self.opcode == TEXT;
        text.then(|| std::str::from_utf8(&self.payload).ok()).flatten()
    }

    /// The same with other words.
    pub fn with(&self, text: impl Into<String>) -> Self {
        Self { payload: text.into().into_bytes(), ..self.clone() }
    }

    /// A close frame's code.
    pub fn code(&self) -> Option<u16> {
        let code = self.payload.first_chunk::<2>().filter(|_| self.opcode == CLOSE);
        code.map(|code| u16::from_be_bytes(*code))
    }

    /// As a server writes it, or masked as a client must.
    pub fn bytes(&self, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut bytes = vec![self.flags | self.opcode];
        match self.payload.len() {
            short @ 0..126 => bytes.push(mask | short as u8),
            middle @ 126..65_536 => {
                bytes.push(mask | 126);
                bytes.extend((middle as u16).to_be_bytes());
            }
            long => {
                bytes.push(mask | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        if masked {
            bytes.extend(MASK);
            bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// The next frame; an error at the end.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
    let [first, second] = [from.read_u8().await?, from.read_u8().await?];
    let length = match second & 0x7f {
        126 => u64::from(from.read_u16().await?),
        127 => from.read_u64().await?,
        short => u64::from(short),
    };
    if length > MOST {
        return Err(io::Error::other("a frame of that length is a lie"));
    }
    let mut mask = [0; 4];
    if second & 0x80 != 0 {
        from.read_exact(&mut mask).await?;
    }
    let mut payload = vec![0; length as usize];
    from.read_exact(&mut payload).await?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok(Frame { flags: first & 0xf0, opcode: first & 0x0f, payload })
}

/// A head with the empty line at its end; what comes behind it stays where it is.
pub async fn head(from: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(from.read_u8().await?);
        if bytes.len() > HEAD {
            return Err(io::Error::other("no head"));
        }
    }
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Status of an answer.
pub fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Of a body.
pub fn length(head: &str) -> u64 {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.and_then(|(_, length)| length.trim().parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn frames_are_read_as_they_were_written() {
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let frame = Frame { flags: 0x40, opcode: BINARY, payload: (0..length).map(|n| n as u8).collect() };
        for masked in [false, true] {
            assert_eq!(read(&mut &frame.bytes(masked)[..]).await.unwrap(), frame);
        }
    }
    let lie = [&[0x82, 127][..], &u64::MAX.to_be_bytes()].concat();
    assert!(read(&mut &lie[..]).await.is_err());
    let mut answer = &b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n{}"[..];
    let head = head(&mut answer).await.unwrap();
    assert_eq!((status(&head), length(&head), answer), (403, 2, &b"{}"[..]));
}
