//! One client of the traffic: says numbers when it is asked to, books what it hears, and dials again when it is closed,
//! as applications do.

use super::account::{Book, Numbered};
use crate::harness::client::Client;
use parking_lot::Mutex;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

/// A frame that the proxy does not take for so long is not sent.
const SEND: Duration = Duration::from_secs(10);
/// Between two attempts to dial.
const PAUSE: Duration = Duration::from_millis(200);

/// To say the next number of a stream, to a group or to one client.
#[derive(Debug, Clone)]
pub struct Say {
    pub stream: usize,
    pub to: Option<String>,
}

/// A client before it is connected.
pub struct Talker {
    /// `ws://…`
    pub url: String,
    pub v3: bool,
    pub book: Arc<Mutex<Book>>,
}

impl Talker {
    /// Talks until nobody asks any more; `client` is its first connection.
    pub async fn run(self, mut client: Client, mut asked: mpsc::Receiver<Say>) {
        loop {
            let begun = self.book.lock().sent.clone();
            let Some(code) = self.talk(&mut client, &mut asked).await else { return };
            drop(client);
            {
                let mut book = self.book.lock();
                book.closes.push(code);
                let broken = book.sent.iter().map(|(s, next)| (*s, begun.get(s).copied().unwrap_or(0), *next));
                let broken: Vec<_> = broken.collect();
                book.broken.extend(broken);
            }
            client = loop {
                // What it would have said meanwhile it does not say, and does not count.
                match Client::connect(&self.url).await {
                    Ok(client) => break client,
                    Err(_) if asked.is_closed() => return,
                    Err(_) => sleep(PAUSE).await,
                }
            };
            while asked.try_recv().is_ok() {}
        }
    }

    /// The code of the close, or None when nobody asks any more.
    async fn talk(&self, client: &mut Client, asked: &mut mpsc::Receiver<Say>) -> Option<u16> {
        loop {
            tokio::select! {
                say = asked.recv() => {
                    if !self.say(client, say?).await {
                        return Some(1006);
                    }
                }
                heard = client.try_next(SEND) => match heard {
                    Ok(None) => {}
                    Ok(Some(Message::Close(frame))) => return Some(frame.map_or(1005, |frame| frame.code.into())),
                    Ok(Some(message)) => self.hear(&message.into_text().map_or_else(|e| e.to_string(), |t| t.to_string())),
                    Err(_) => return Some(1006),
                },
            }
        }
    }

    async fn say(&self, client: &mut Client, say: Say) -> bool {
        let number = {
            let mut book = self.book.lock();
            let next = book.sent.entry(say.stream).or_default();
            *next += 1;
            *next - 1
        };
        let msg = format!("{}.{number}", say.stream);
        let text = match (self.v3, &say.to) {
            (false, _) => format!(r#"{{"msg":"{msg}"}}"#),
            (true, None) => format!(r#"{{"msg_type":"msg","target":"group","msg":"{msg}"}}"#),
            (true, Some(to)) => format!(r#"{{"msg_type":"msg","target":"direct","to_id":"{to}","msg":"{msg}"}}"#),
        };
        matches!(timeout(SEND, client.try_send(Message::text(text))).await, Ok(Ok(())))
    }

    fn hear(&self, text: &str) {
        let mut book = self.book.lock();
        if let Some(numbered) = number(text) {
            book.heard.push(numbered);
            return;
        }
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let word = |member: &str| value[member].as_str().unwrap_or_default().to_owned();
        match (word("msg_type").as_str(), word("cmd").as_str()) {
            ("presence", _) if value["payload"]["event"] == "leave" => book.left.push(word("from_id")),
            ("presence", _) => {}
            ("cmd", "ERROR") => {
                let code = value["payload"]["code"].as_str().unwrap_or_default().to_owned();
                *book.errors.entry(code).or_default() += 1;
            }
            ("cmd", "RESYNC") => book.resyncs += 1,
            _ => book.strange.push(text.to_owned()),
        }
    }
}

/// The message's own text, in whatever protocol it came, without parsing a thousand documents a second.
fn number(text: &str) -> Option<Numbered> {
    let (_, rest) = text.split_once(r#""msg":""#)?;
    let (stream, number) = rest.split_once('"')?.0.split_once('.')?;
    Some((stream.parse().ok()?, number.parse().ok()?))
}

mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_protocols_and_nothing_else_is_a_number() {
        assert_eq!(number(r#"{"msg":"7.12"}"#), Some((7, 12)));
        assert_eq!(
            number(r#"{"version":"3","msg_type":"msg","target":"group","msg":"7.12","sent_at":""}"#),
            Some((7, 12))
        );
        assert_eq!(number(r#"{"msg_type":"cmd","cmd":"ERROR","msg":"the hub is away"}"#), None);
    }
}
