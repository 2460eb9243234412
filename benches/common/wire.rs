//! Owns just enough of HTTP and WebSocket to be a cheap client: an upgrade, frames out, frames in. It checks
//! no more than it needs, so that the load generator costs little beside the server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections from one loopback address: well below the kernel's range of ports.
const PORTS: usize = 20_000;

/// Opcodes of RFC 6455 section 5.2.
pub const TEXT: u8 = 0x1;
/// The end.
pub const CLOSE: u8 = 0x8;
/// Are you there?
pub const PING: u8 = 0x9;
/// I am.
pub const PONG: u8 = 0xA;

/// Connects and upgrades. Returns what came behind the answer.
///
/// # Errors
/// The kernel's, or what the server said instead of 101.
pub async fn connect(to: SocketAddr, number: usize, path: &str) -> io::Result<(TcpStream, Vec<u8>)> {
    timeout(PATIENCE, upgrade(to, number, path)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn upgrade(to: SocketAddr, number: usize, path: &str) -> io::Result<(TcpStream, Vec<u8>)> {
    let socket = TcpSocket::new_v4()?;
    // 127.0.0.2 and on: each address has its own 28,000 ports.
    let host = u8::try_from(2 + number / PORTS).unwrap_or(u8::MAX);
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    write(&stream, request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        stream.readable().await?;
        match stream.try_read_buf(&mut answer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            if !answer.starts_with(b"HTTP/1.1 101 ") {
                return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
            }
            return Ok((stream, answer.split_off(end + 4)));
        }
    }
}

/// Writes everything.
///
/// # Errors
/// The kernel's.
pub async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A client's frame. The mask is zero, which is a mask like any other and leaves the content as it is.
pub fn frame(opcode: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 14);
    out.push(0x80 | opcode);
    match content.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xFFFF => {
            out.push(0x80 | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend_from_slice(content);
    out
}

/// Takes in bytes that came: calls `each` for every frame that is whole by now, and keeps in `rest` what is not.
pub fn feed(rest: &mut Vec<u8>, bytes: &[u8], each: impl FnMut(u8, &[u8])) {
    if rest.is_empty() {
        let used = frames(bytes, each);
        rest.extend_from_slice(&bytes[used..]);
    } else {
        rest.extend_from_slice(bytes);
        let used = frames(rest, each);
        rest.drain(..used);
    }
}

/// Calls `each` with the opcode and content of every whole frame; returns how many bytes those were.
pub fn frames(bytes: &[u8], mut each: impl FnMut(u8, &[u8])) -> usize {
    let mut at = 0;
    while let Some((head, length)) = head(&bytes[at..]) {
        let Some(content) = bytes.get(at + head..at + head + length) else { break };
        each(bytes[at] & 0x0F, content);
        at += head + length;
    }
    at
}

/// Bytes of a server's frame head, and of its content.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.get(1)? {
        126 => Some((4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?)),
        n => Some((2, usize::from(n & 0x7F))),
    }
}
