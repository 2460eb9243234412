//! TLS on both listeners, by real clients: who gets in, who does not, and new certificates under open connections.

use crate::PATIENCE;
use crate::client::{Client, talk_to_a_slow_reader};
use crate::limits::narrow_tcp;
use crate::pki::{Authority, Folder, Pair, handshake};
use crate::proxy::Proxy;
use aether_proxy::close::CloseReason;
use aether_proxy::config::Config;
use aether_proxy::dialect::{Protocol, Spoken};
use aether_proxy::telemetry::labels::{Closed, Handshake};
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
const V2: &str = "/ws/group/g/client/legacy";
const V3: &str = "/v3/ws/group/g/client/native";

/// A proxy with TLS for clients.
struct Secured {
    proxy: Proxy,
    authority: Authority,
    folder: Folder,
}

impl Secured {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let authority = Authority::new();
        let folder = Folder::with(&authority.sign());
        let proxy = Proxy::with(|c| {
            c.listen.tls = folder.settings();
            change(c);
        })
        .await;
        Self { proxy, authority, folder }
    }

    async fn stream(&self, versions: &[&'static SupportedProtocolVersion]) -> TlsStream<TcpStream> {
        let client = self.authority.client(versions, None);
        handshake(&client, self.proxy.tcp().await).await.expect("TLS")
    }

    async fn open(&self, path: &str) -> Client<TlsStream<TcpStream>> {
        Client::open(self.stream(&BOTH).await, path, &[]).await
    }
}

fn counted(proxy: &Proxy, result: Handshake) -> u64 {
    proxy.metrics().handshakes.with((Protocol::V3, result)).get()
}

/// Reads to the end, be it an end or a reset; it must come.
async fn end(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut got = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut got)).await.expect("an end in time");
    got
}

async fn echoes(client: &mut Client<TlsStream<TcpStream>>, text: &str) {
    client.text(&format!(r#"{{"msg_type":"msg","target":"echo","msg":"{text}"}}"#)).await;
    assert!(client.next().await.contains(text));
}

#[tokio::test]
async fn v2_and_v3_clients_talk_over_either_version_of_tls() {
    let secured = Secured::start().await;
    for (versions, spoken) in [([&TLS12], ProtocolVersion::TLSv1_2), ([&TLS13], ProtocolVersion::TLSv1_3)] {
        let stream = secured.stream(&versions).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let mut legacy = Client::open(stream, V2, &[]).await;
        let mut native = Client::open(secured.stream(&versions).await, V3, &[]).await;
        legacy.text("{\"from\":\"legacy\"}").await;
        assert!(native.next().await.contains("legacy"));
        // Many records of TLS (16 KiB each), both ways.
        let long = "y".repeat(200_000);
        native.text(&format!(r#"{{"msg_type":"msg","target":"group","msg":"{long}"}}"#)).await;
        legacy.until(&long).await;
        native.send(Message::Close(None)).await;
        legacy.send(Message::Close(None)).await;
        secured.proxy.has(0).await;
    }
}

#[tokio::test]
async fn a_proxy_that_ends_says_so_in_both_protocols() {
    let secured = Secured::start().await;
    let mut client = secured.open(V3).await;
    let (_, closed) = tokio::join!(secured.proxy.running.shutdown(), async {
        let closed = client.closed().await;
        // Answers the close, and then reads on to the end of TLS: without close_notify that is an error.
        while let Some(frame) = client.frame().await {
            frame.expect("no error");
        }
        closed
    });
    assert_eq!(closed.0, 1012);
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_shown_out_and_counted() {
    let secured = Secured::start().await;
    let mut plain = secured.proxy.tcp().await;
    plain.write_all(b"GET /v3/ws HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
    let got = end(&mut plain).await;
    assert!(!got.starts_with(b"HTTP"), "answered in plain text: {got:?}");
    secured.proxy.eventually("counted", |p| counted(p, Handshake::TlsFailed) == 1).await;
    // A port scan counts as nothing, and both leave the listener as it was.
    drop(secured.proxy.tcp().await);
    echoes(&mut secured.open(V3).await, "still here").await;
    assert_eq!(counted(&secured.proxy, Handshake::TlsFailed), 1);
}

#[tokio::test]
async fn the_deadline_covers_tls_and_http_together() {
    let patience = Duration::from_millis(1500);
    let Secured { proxy, authority, folder: _folder } = Secured::with(|c| c.limits.handshake_timeout = patience).await;
    let mut silent = proxy.tcp().await;
    // The header of a record that never comes.
    let mut half = proxy.tcp().await;
    half.write_all(&[22, 3, 1, 2, 0]).await.expect("written");
    let begun = Instant::now();
    let tcp = proxy.tcp().await;
    tokio::time::sleep(patience / 2).await;
    let mut late = handshake(&authority.client(&BOTH, None), tcp).await.expect("TLS in time");
    end(&mut late).await;
    // Twice the patience would be: half of it, and all of it again.
    assert!(begun.elapsed() < patience * 3 / 2 - patience / 10, "{:?}", begun.elapsed());
    assert_eq!(end(&mut silent).await, b"");
    assert_eq!(end(&mut half).await, b"");
    proxy.eventually("counted", |p| counted(p, Handshake::Limit) == 3).await;
}

#[tokio::test]
async fn a_slow_reader_is_told_from_one_that_stands_still_under_tls_too() {
    let secured = Secured::with(|c| {
        c.limits.outbound_queue = 1 << 30;
        c.limits.write_timeout = Duration::from_millis(1500);
    })
    .await;
    let proxy = &secured.proxy;
    let client = secured.authority.client(&BOTH, None);
    let narrow = async |name: &str| {
        let stream = handshake(&client, narrow_tcp(proxy).await).await.expect("TLS");
        Client::open(stream, &format!("/ws/group/g/client/{name}"), &[]).await
    };
    let (mut slow, _deaf) = (narrow("slow").await, narrow("deaf").await);
    let mut from = secured.open("/ws/group/g/client/from").await;
    talk_to_a_slow_reader(&mut from, &mut slow).await;
    let closed =
        |p: &Proxy| p.metrics().connections_closed.with(Closed(Spoken::AetherV2, CloseReason::SlowConsumer)).get();
    proxy.eventually("the deaf one is closed", |p| closed(p) == 1).await;
    from.text("last").await;
    assert_eq!(slow.next().await, "last");
}

async fn shown(client: &TlsConnector, proxy: &Proxy) -> Vec<u8> {
    let stream = handshake(client, proxy.tcp().await).await.expect("TLS");
    stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
}

#[tokio::test]
async fn a_new_certificate_is_taken_while_connections_stay() {
    let secured = Secured::start().await;
    let mut open = secured.open(V3).await;
    echoes(&mut open, "before").await;
    let new: Pair = secured.authority.sign();
    // In TLS 1.2 a client has its ticket with the handshake: it would resume the old certificate if it could.
    let client = secured.authority.client(&[&TLS12], None);
    assert_ne!(shown(&client, &secured.proxy).await, new.certificate.to_vec());
    secured.folder.put(&new);
    let taken = timeout(PATIENCE, async {
        while shown(&client, &secured.proxy).await != new.certificate.to_vec() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    taken.await.expect("the new certificate in time");
    echoes(&mut open, "after").await;
    assert_eq!(counted(&secured.proxy, Handshake::TlsFailed), 0);
}

#[tokio::test]
async fn mutual_tls_lets_in_only_who_shows_a_certificate_of_the_authority() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = Folder::with(&authority.sign());
    let files = folder.mutual(&authority);
    let proxy = Proxy::with(|c| c.listen.tls = files).await;
    let mut refused = 0;
    for versions in [[&TLS12], [&TLS13]] {
        for shows in [None, Some(other.sign())] {
            let client = authority.client(&versions, shows);
            // In TLS 1.3 the client is done before the server has looked.
            if let Ok(stream) = handshake(&client, proxy.tcp().await).await {
                assert!(Client::try_open(stream, V3, &[]).await.is_err());
            }
            refused += 1;
            proxy.eventually("counted", |p| counted(p, Handshake::TlsFailed) == refused).await;
        }
        let client = authority.client(&versions, Some(authority.sign()));
        let stream = handshake(&client, proxy.tcp().await).await.expect("TLS");
        echoes(&mut Client::open(stream, V3, &[]).await, "let in").await;
    }
    assert_eq!(counted(&proxy, Handshake::TlsFailed), 4);
}

#[tokio::test]
async fn operators_are_answered_over_tls_of_their_own() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (folder, theirs) = (Folder::with(&authority.sign()), Folder::with(&clients.sign()));
    let files = folder.mutual(&authority);
    let proxy = Proxy::with(|c| {
        c.listen.admin_tls = files;
        c.listen.tls = theirs.settings();
    })
    .await;
    let admin = proxy.running.admin;
    let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
    let connect = async || TcpStream::connect(admin).await.expect("connected");

    let scraper = authority.client(&BOTH, Some(authority.sign()));
    let mut stream = handshake(&scraper, connect().await).await.expect("TLS");
    stream.write_all(request).await.expect("written");
    let mut answer = String::new();
    // To a proper end of TLS.
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("in time").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\naether_handshakes_total{"), "{answer}");

    let mut plain = connect().await;
    plain.write_all(request).await.expect("written");
    assert!(!end(&mut plain).await.starts_with(b"HTTP"));
    let stranger = authority.client(&[&TLS13], None);
    let mut stream = handshake(&stranger, connect().await).await.expect("TLS 1.3 looks later");
    let _ = stream.write_all(request).await;
    assert_eq!(end(&mut stream).await, b"");
    let elsewhere = clients.client(&BOTH, None);
    assert!(handshake(&elsewhere, connect().await).await.is_err(), "the clients' certificate on the operators' port");
}
