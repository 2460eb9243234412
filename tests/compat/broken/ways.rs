//! Faults in how clients come, stay and go.

use super::dialects;
use super::faults::Fault;
use super::room::{Item, Side, Who};
use super::wire::{BINARY, CLOSE, Frame, PING, PONG, TEXT, status};

/// The request head that the server gets.
pub fn request(fault: Fault, head: &str, key: Option<&str>) -> String {
    let (line, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let [method, path, version] = [0, 1, 2].map(|nth| line.split(' ').nth(nth).unwrap_or_default());
    let (ids, query) = path.split_once('?').map_or((path, None), |(ids, query)| (ids, Some(query.to_owned())));
    let who = Who::of(path);
    let (ids, query) = match fault {
        Fault::IdsNotDecoded if who.side != Side::Other => (ids.replace('%', "%25"), query),
        Fault::IdsWithoutCase if who.side != Side::Other => (ids.to_lowercase(), query),
        Fault::ServerIdAccepted if who.client == "server" => (format!("{ids}-"), query),
        Fault::WrongKeyOnV2 if who.side != Side::V2 => (ids.to_owned(), query),
        Fault::WrongKeyAccepted | Fault::WrongKeyOnV2 => {
            (ids.to_owned(), query.map(|query| with_key(&query, key.unwrap_or_default())))
        }
        Fault::V2GetsEnvelopes if who.side == Side::V2 => (
            ids.to_owned(),
            Some([query.as_deref(), Some("recv=v3")].into_iter().flatten().collect::<Vec<_>>().join("&")),
        ),
        _ => (ids.to_owned(), query),
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{method} {ids}{query} {version}\r\n{rest}")
}

fn with_key(query: &str, key: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some(("api_key", _)) => format!("api_key={key}"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// The head of the answer that the client gets.
pub fn answer(fault: Fault, head: String) -> String {
    let refused = fault == Fault::Refused500 && status(&head) >= 400;
    let line = "HTTP/1.1 500 Internal Server Error\r\n";
    match head.split_once("\r\n").filter(|_| refused) {
        Some((_, rest)) => format!("{line}{rest}"),
        None => head,
    }
}

/// What the server gets of a client's frame, and what the client gets for it at once.
pub fn up(fault: Fault, who: &Who, frame: Frame) -> (Option<Frame>, Vec<Item>) {
    let is_json =
        || frame.text().is_some_and(|text| serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok());
    match fault {
        _ if who.side == Side::Other => (dialects::up(fault, frame), Vec::new()),
        Fault::PingsUnanswered if frame.opcode == PING => (None, Vec::new()),
        Fault::V2PingAnswered if who.side == Side::V2 && frame.text() == Some("ping") => {
            (None, vec![Item::Frame(frame.with("pong"))])
        }
        Fault::NoJsonCloses if who.side == Side::V2 && matches!(frame.opcode, TEXT | BINARY) && !is_json() => {
            (None, vec![Item::Frame(Frame::close(1003)), Item::End])
        }
        _ => (Some(frame), Vec::new()),
    }
}

/// What a client gets of the server's control frame. `goodbye`: the client was the first to close.
pub fn control(fault: Fault, frame: Frame, goodbye: bool) -> Item {
    match (fault, frame.opcode, frame.code()) {
        (Fault::PongChanged, PONG, _) => Item::Frame(Frame { payload: [&frame.payload[..], b"!"].concat(), ..frame }),
        (Fault::RefusalAsGoodbye, CLOSE, Some(1008)) => Item::Frame(Frame::close(1000)),
        (Fault::TooLarge1000, CLOSE, Some(1009)) => Item::Frame(Frame::close(1000)),
        (Fault::ResetInsteadOfClose, CLOSE, _) if !goodbye => Item::Reset,
        (Fault::GoodbyeUnanswered, CLOSE, _) if goodbye => Item::End,
        (Fault::GoodbyeChanged, CLOSE, _) if goodbye => Item::Frame(Frame::close(1001)),
        _ => Item::Frame(frame),
    }
}

#[test]
fn a_request_is_changed_where_the_fault_says() {
    let head = "GET /ws/group/A%20/client/c?api_key=x&y=1 HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(request(Fault::Split, head, None), head);
    assert!(request(Fault::IdsNotDecoded, head, None).starts_with("GET /ws/group/A%2520/client/c?api_key=x"));
    assert!(request(Fault::WrongKeyAccepted, head, Some("k")).contains("?api_key=k&y=1 HTTP"));
    assert!(request(Fault::V2GetsEnvelopes, head, None).contains("&y=1&recv=v3 HTTP"));
    assert!(request(Fault::ServerIdAccepted, &head.replace("client/c", "client/server"), None).contains("server-?"));
    assert!(answer(Fault::Refused500, "HTTP/1.1 403 No\r\n\r\n".into()).starts_with("HTTP/1.1 500 "));
}
