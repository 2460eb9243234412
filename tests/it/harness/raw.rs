//! A client that writes its bytes by hand: broken handshakes, frames in odd pieces, silence at the wrong moment.

use super::PATIENCE;
use std::{collections::HashMap, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Opcodes (RFC 6455 section 5.2).
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// One frame, masked as a client must; change a byte of it to make it wrong.
pub fn frame(opcode: u8, fin: bool, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![u8::from(fin) << 7 | opcode];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        middle @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A correct handshake for a path; change its text to make it wrong.
pub fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// What a server answered to a handshake.
#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// A frame from the server.
#[derive(Debug, PartialEq)]
pub struct RawFrame {
    pub fin: bool,
    pub opcode: u8,
    pub payload: Vec<u8>,
}

/// A TCP connection and what was read from it but not used.
pub struct RawClient {
    pub socket: TcpStream,
    read: Vec<u8>,
}

impl RawClient {
    pub async fn connect(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).await.unwrap();
        // Each write a segment of its own.
        socket.set_nodelay(true).unwrap();
        Self { socket, read: Vec::new() }
    }

    /// Connects and makes a correct handshake, which must succeed.
    pub async fn open(addr: SocketAddr, path: &str) -> Self {
        let mut client = Self::connect(addr).await;
        client.write(handshake(path).as_bytes()).await;
        let response = client.read_response().await;
        assert_eq!(response.status, 101, "{response:?}");
        client
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.socket.write_all(bytes)).await.expect("room to write").expect("an open connection");
    }

    /// Writes in pieces of so many bytes with a pause after each.
    pub async fn write_in_pieces(&mut self, bytes: &[u8], size: usize, pause: Duration) {
        for piece in bytes.chunks(size) {
            self.write(piece).await;
            sleep(pause).await;
        }
    }

    /// Reads an HTTP answer; a body is read by its `content-length`, else to the end of the connection.
    pub async fn read_response(&mut self) -> RawResponse {
        let end = loop {
            match self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end,
                None => assert!(self.fill().await, "the connection ended in {:?}", String::from_utf8_lossy(&self.read)),
            }
        };
        let head = String::from_utf8(self.take(end + 4)).expect("a head in ASCII");
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{head}"));
        let pairs = lines.filter_map(|line| line.split_once(':'));
        let headers: HashMap<_, _> = pairs.map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned())).collect();
        let body = match headers.get("content-length") {
            _ if status == 101 => Vec::new(),
            Some(length) => self.read_exactly(length.parse().expect("a length")).await,
            None => self.read_to_end().await,
        };
        RawResponse { status, headers, body: String::from_utf8(body).expect("a body in UTF-8") }
    }

    /// Reads one frame, which a server must not mask; none at the end of the connection.
    pub async fn read_frame(&mut self) -> Option<RawFrame> {
        if self.read.is_empty() && !self.fill().await {
            return None;
        }
        let head = self.read_exactly(2).await;
        assert_eq!(head[1] & 0x80, 0, "a server must not mask (RFC 6455 section 5.1)");
        let length = match head[1] {
            126 => self.read_exactly(2).await,
            127 => self.read_exactly(8).await,
            short => vec![short],
        };
        let length = length.into_iter().fold(0, |sum, byte| sum << 8 | usize::from(byte));
        let payload = self.read_exactly(length).await;
        Some(RawFrame { fin: head[0] & 0x80 != 0, opcode: head[0] & 0x0f, payload })
    }

    /// Code and text of the close frame that must come, perhaps after other frames.
    pub async fn expect_close(&mut self) -> (u16, String) {
        loop {
            let frame = self.read_frame().await.expect("a close frame before the end");
            if frame.opcode == CLOSE {
                let (code, text) = frame.payload.split_at_checked(2).expect("a code");
                return (u16::from_be_bytes([code[0], code[1]]), String::from_utf8_lossy(text).into_owned());
            }
        }
    }

    /// Everything until the server ends the connection, by FIN or reset; panics when it does not.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.read)
    }

    async fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            assert!(self.fill().await, "the connection ended {} bytes early", length - self.read.len());
        }
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.read.split_off(length);
        std::mem::replace(&mut self.read, rest)
    }

    /// Reads what is there; false at the end.
    async fn fill(&mut self) -> bool {
        let read = timeout(PATIENCE, self.socket.read_buf(&mut self.read)).await;
        read.expect("bytes or an end in time").is_ok_and(|n| n > 0)
    }
}
