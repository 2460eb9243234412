//! Both clients against a small echo server: what they promise to the tests of the proxy.

use super::{
    client::{Client, Dial},
    raw::{self, RawClient, RawFrame, frame},
};
use futures_util::{SinkExt, StreamExt};
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

/// Echoes text and binary; refuses `/refused`; text `bye` is answered by a close frame. Ends when dropped.
async fn echo_server() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            connections.spawn(async move {
                let Ok(mut socket) = accept_hdr_async(socket, answer).await else { return };
                let _ = socket.send(Message::Ping("server".into())).await;
                while let Some(Ok(message)) = socket.next().await {
                    let echo = match message {
                        Message::Text(text) if text.as_str() == "bye" => {
                            let code = 4400.into();
                            let reason = "as you like".into();
                            Message::Close(Some(tokio_tungstenite::tungstenite::protocol::CloseFrame { code, reason }))
                        }
                        Message::Text(_) | Message::Binary(_) => message,
                        _ => continue,
                    };
                    let _ = socket.send(echo).await;
                }
            });
        }
    });
    (addr, tasks)
}

#[allow(clippy::result_large_err, reason = "the signature is tungstenite's")]
fn answer(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if request.uri().path() == "/refused" {
        let refusal = hyper::Response::builder().status(403).header("x-reason", "test").header("content-length", "12");
        return Err(refusal.body(Some("{\"code\":403}".to_owned())).unwrap());
    }
    if let Some(offered) = request.headers().get("sec-websocket-protocol") {
        let first = offered.to_str().unwrap().split(',').next().unwrap().parse().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", first);
    }
    Ok(response)
}

#[tokio::test]
async fn text_json_and_binary_come_back_and_pings_are_answered_unseen() {
    let (addr, _server) = echo_server().await;
    let mut client = Client::connect(&format!("ws://{addr}/")).await.unwrap();
    client.send_text("{\"n\":1}").await;
    assert_eq!(client.expect_json().await["n"], 1);
    client.send_binary([0, 255]).await;
    assert_eq!(client.expect_binary().await, [0, 255]);
    client.send_text("kept").await;
    client.ping().await;
    assert_eq!(client.expect_text().await, "kept", "a ping loses nothing");
    assert_eq!(client.pings(), 1);
    client.expect_nothing(Duration::from_millis(50)).await;
    assert_eq!(client.close().await, 1000);
}

#[tokio::test]
async fn a_close_frame_and_a_refusal_are_told_whole() {
    let (addr, _server) = echo_server().await;
    let mut client = Dial::new(&format!("ws://{addr}/")).protocols(&["one", "two"]).connect().await.unwrap();
    assert_eq!(client.header("sec-websocket-protocol"), "one");
    client.send_text("bye").await;
    assert_eq!(client.expect_close().await, (4400, "as you like".to_owned()));
    let refused = Client::connect(&format!("ws://{addr}/refused?x=1")).await.err().unwrap();
    assert_eq!((refused.status, refused.header("x-reason"), refused.json()["code"].as_u64()), (403, "test", Some(403)));
}

#[tokio::test]
#[should_panic(expected = "silence was expected")]
async fn silence_is_not_claimed_when_there_is_none() {
    let (addr, _server) = echo_server().await;
    let mut client = Client::connect(&format!("ws://{addr}/")).await.unwrap();
    client.send_text("noise").await;
    client.expect_nothing(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn frames_by_hand_arrive_in_any_pieces_and_lengths() {
    let (addr, _server) = echo_server().await;
    let mut client = RawClient::open(addr, "/").await;
    assert_eq!(client.read_frame().await.unwrap().opcode, raw::PING);
    for length in [0, 125, 126, 65_535, 65_536] {
        let payload = vec![b'x'; length];
        client.write(&frame(raw::BINARY, true, &payload)).await;
        assert_eq!(client.read_frame().await, Some(RawFrame { fin: true, opcode: raw::BINARY, payload }));
    }
    let mut pieces = frame(raw::TEXT, false, b"he");
    pieces.extend(frame(raw::CONTINUATION, true, b"llo"));
    client.write_in_pieces(&pieces, 3, Duration::from_millis(1)).await;
    assert_eq!(client.read_frame().await.unwrap().payload, b"hello");
    client.write(&frame(raw::TEXT, true, b"bye")).await;
    assert_eq!(client.expect_close().await, (4400, "as you like".to_owned()));
}

#[tokio::test]
async fn a_broken_handshake_is_answered_and_the_end_is_seen() {
    let (addr, _server) = echo_server().await;
    let mut refused = RawClient::connect(addr).await;
    refused.write(raw::handshake("/refused").as_bytes()).await;
    let response = refused.read_response().await;
    assert_eq!((response.status, response.headers["x-reason"].as_str(), response.body.len()), (403, "test", 12));
    let mut broken = RawClient::connect(addr).await;
    broken.write(b"GARBAGE\r\n\r\n").await;
    assert_eq!(broken.read_to_end().await, b"");
}
