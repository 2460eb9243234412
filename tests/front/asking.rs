//! Questions to the operators' listener of a proxy in this process.

use crate::PATIENCE;
use crate::proxy::Proxy;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|problem| panic!("{problem} in {self:?}"))
    }

    /// The value of a header, in lower case; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default()
    }
}

/// Asks with these headers; `Host` is among them.
pub async fn ask_with(proxy: &Proxy, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    let address = ([127, 0, 0, 1], proxy.running.admin.port());
    let mut stream = TcpStream::connect(std::net::SocketAddr::from(address)).await.expect("a connection");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {target} HTTP/1.1\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer in time").expect("read");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = if head.to_lowercase().contains("transfer-encoding: chunked") { joined(body) } else { body.to_owned() };
    Answer { status, head: head.to_lowercase(), body }
}

/// Asks as a browser on this machine does.
pub async fn ask(proxy: &Proxy, target: &str) -> Answer {
    ask_with(proxy, "GET", target, &[("Host", "localhost")]).await
}

/// The same, for JSON that must be there.
pub async fn json(proxy: &Proxy, target: &str) -> Value {
    let answer = ask(proxy, target).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{target}: {answer:?}");
    answer.json()
}

/// What the chunks say together. A body that breaks off has no last one.
fn joined(mut rest: &str) -> String {
    let mut whole = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(size, 16).expect("a number");
        if size == 0 {
            return whole;
        }
        whole.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
}
