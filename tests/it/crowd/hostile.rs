//! Single clients that do what none should. Each is shut out or served as it should be, two who talk beside it
//! notice nothing, and what it took is given back.

use super::pair::Pair;
use super::wire;
use crate::harness::PATIENCE;
use crate::harness::eventually::eventually;
use crate::harness::process::{descriptors, resident};
use crate::harness::proxy::{ProxyOptions, ProxyProcess};
use crate::harness::raw::{self, RawClient, frame, handshake};
use crate::harness::scrape::Scrape;
use socket2::SockRef;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

const MIB: u64 = 1024 * 1024;
const PATH: &str = "/ws/group/g/client/hostile";

/// A proxy, two who talk, and what the proxy holds before anything bad happens.
struct Scene {
    proxy: ProxyProcess,
    pair: Pair,
    memory: u64,
    files: usize,
}

impl Scene {
    async fn with(lines: &[&str]) -> Self {
        let proxy = lines.iter().fold(ProxyOptions::default(), |options, line| options.line(line)).start().await;
        let pair = Pair::talk(proxy.clients()).await;
        // What the first ones cost once is not counted against those to come.
        for n in 0..20 {
            drop(RawClient::open(proxy.clients(), &format!("{PATH}-{n}")).await);
        }
        let files = descriptors_at_rest(&proxy).await;
        let memory = resident(proxy.pid());
        Self { proxy, pair, memory, files }
    }

    async fn start() -> Self {
        Self::with(&[]).await
    }

    fn at(&self) -> SocketAddr {
        self.proxy.clients()
    }

    async fn open(&self) -> RawClient {
        RawClient::open(self.at(), PATH).await
    }

    /// How much more memory the proxy holds now than before.
    fn grown(&self) -> u64 {
        resident(self.proxy.pid()).saturating_sub(self.memory)
    }

    /// Memory and sockets have come back, and the pair never waited long.
    async fn end(self, what: &str, most: u64) {
        eventually!(PATIENCE, descriptors(self.proxy.pid()), |now| *now <= self.files);
        let grown = self.grown();
        eprintln!("{what}: {} KiB more are held", grown / 1024);
        assert!(grown < most, "{what}: {grown} bytes more");
        self.pair.finish(what);
    }
}

/// Those of the pair, and no others.
async fn descriptors_at_rest(proxy: &ProxyProcess) -> usize {
    let open = async || Scrape::of(proxy.admin()).await.sum("aether_connections");
    eventually!(PATIENCE, open().await, |open| *open == 2.0);
    let look = async || {
        let before = descriptors(proxy.pid());
        tokio::time::sleep(Duration::from_millis(50)).await;
        (before, descriptors(proxy.pid()))
    };
    eventually!(PATIENCE, look().await, |(before, after)| before == after).0
}

/// Writes the same bytes again and again until the proxy has ended the connection; false when it goes on.
async fn pour(socket: &mut TcpStream, bytes: &[u8], within: Duration) -> bool {
    let until = Instant::now() + within;
    while Instant::now() < until {
        if !matches!(timeout(within, socket.write_all(bytes)).await, Ok(Ok(()))) {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_speaks_byte_by_byte_is_served() {
    let scene = Scene::start().await;
    for path in ["/ws/group/g/client/slow", "/v3/ws/group/g/client/slow"] {
        let mut client = RawClient::connect(scene.at()).await;
        let early = br#"{"msg_type":"msg","target":"echo","msg":"in bytes"}"#;
        let bytes = [handshake(path).into_bytes(), frame(raw::TEXT, true, early)].concat();
        client.write_in_pieces(&bytes, 1, Duration::from_micros(1)).await;
        assert_eq!(client.read_response().await.status, 101);
        while !String::from_utf8_lossy(&client.read_frame().await.expect("the echo").payload).contains("in bytes") {}
        client.write_in_pieces(&frame(raw::CLOSE, true, &1000_u16.to_be_bytes()), 1, Duration::ZERO).await;
        assert_eq!(client.expect_close().await.0, 1000);
    }
    scene.end("byte by byte", 4 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_say_nothing_hold_no_door_shut() {
    let scene = Scene::with(&["limits.connections = 50", "limits.handshake_timeout = \"60s\""]).await;
    // More than there are places, from many addresses, half of them in the middle of a request.
    let mut silent = Vec::new();
    for n in 0..300_u16 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 1, (n % 250) as u8 + 1], 0).into()).unwrap();
        let mut stream = socket.connect(scene.at()).await.unwrap();
        if n % 2 == 0 {
            // Those beyond what is told that there is no room are dropped at once.
            let _ = stream.write_all(b"GET /ws/group/g/client/c HTTP/1.1\r\nHost:").await;
        }
        silent.push(stream);
    }
    let mut others = Vec::new();
    for n in 0..20 {
        let path = format!("/v3/ws/group/g/client/decent-{n}");
        others.push(eventually!(PATIENCE, wire::connect(scene.at(), n, &path).await.ok(), Option::is_some));
    }
    drop((others, silent));
    scene.end("silence", 8 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_say_nothing_are_cut_off_in_time_and_leave_nothing() {
    let scene = Scene::with(&["limits.handshake_timeout = \"1s\""]).await;
    // What a thousand leave behind, the next thousand must find again.
    let mut grown = 0;
    for wave in 0..3 {
        let mut silent = Vec::new();
        for _ in 0..1000 {
            silent.push(RawClient::connect(scene.at()).await);
        }
        let began = Instant::now();
        for client in &mut silent {
            assert!(client.read_to_end().await.is_empty());
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        eventually!(PATIENCE, descriptors(scene.proxy.pid()), |now| *now <= scene.files);
        if wave == 0 {
            grown = scene.grown();
        }
    }
    scene.end("three thousand silent ones", grown * 2 + 16 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_end_is_ended() {
    let scene = Scene::with(&["limits.message = \"32KiB\""]).await;
    // Fragments of nothing, of one byte, and of nothing with pings between them.
    let endless = [
        vec![frame(raw::CONTINUATION, false, b"")],
        vec![frame(raw::CONTINUATION, false, b"x")],
        vec![frame(raw::CONTINUATION, false, b""), frame(raw::PING, true, b"?")],
    ];
    for pieces in endless {
        let pieces = pieces.concat().repeat(2000);
        let mut client = scene.open().await;
        client.write(&frame(raw::TEXT, false, b"it begins")).await;
        assert!(pour(&mut client.socket, &pieces, PATIENCE).await, "it may go on for ever");
        assert!(scene.grown() < 8 * MIB, "{} bytes more", scene.grown());
    }
    scene.end("a message without end", 8 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_frames_between_fragments_are_answered_and_the_message_is_whole() {
    let scene = Scene::start().await;
    let mut client = scene.open().await;
    // As large as may be, in more fragments than anybody needs.
    let message = "x".repeat(100_000);
    let mut opcode = raw::TEXT;
    let mut bytes = Vec::new();
    for (n, piece) in message.as_bytes().chunks(1).enumerate() {
        bytes.extend(frame(opcode, false, piece));
        opcode = raw::CONTINUATION;
        if n % 10_000 == 0 {
            bytes.extend(frame(raw::PING, true, b"between"));
        }
    }
    bytes.extend(frame(raw::CONTINUATION, true, b""));
    client.write(&bytes).await;
    let mut pongs = 0;
    let echo = loop {
        match client.read_frame().await.expect("a frame") {
            pong if pong.opcode == raw::PONG => pongs += 1,
            frame => break frame,
        }
    };
    assert!(echo.payload == message.as_bytes() && pongs >= 1, "{} bytes, {pongs} pongs", echo.payload.len());
    drop(client);
    scene.end("fragments", 8 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_of_64_mib_is_refused_by_its_head_and_takes_no_memory() {
    let scene = Scene::start().await;
    for length in [64 * MIB, 1 << 40, 1 << 62, 1 << 63, u64::MAX] {
        let mut client = scene.open().await;
        let head = [&[0x82, 0xff][..], &length.to_be_bytes(), &[1, 2, 3, 4]].concat();
        client.write(&head).await;
        let began = Instant::now();
        let (code, _) = client.expect_close().await;
        assert!(matches!(code, 1002 | 1009), "{length}: {code}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    // And now they really come, ten at once.
    let mut pushing = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let mut client = scene.open().await;
        pushing.spawn(async move {
            let head = [&[0x82, 0xff][..], &(64 * MIB).to_be_bytes(), &[1, 2, 3, 4]].concat();
            client.write(&head).await;
            for _ in 0..1024 {
                if client.socket.write_all(&[7; 65_536]).await.is_err() {
                    break;
                }
            }
        });
    }
    let mut most = 0;
    while pushing.try_join_next().is_some() || !pushing.is_empty() {
        most = most.max(scene.grown());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    eprintln!("64 MiB frames: at most {} KiB more", most / 1024);
    assert!(most < 8 * MIB, "{most} bytes more");
    scene.end("64 MiB frames", 8 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_messages_and_pings_from_one_who_does_not_read_harm_nobody() {
    let scene = Scene::start().await;
    let mut flooding = tokio::task::JoinSet::new();
    for (n, bytes) in
        [frame(raw::TEXT, true, &[b'x'; 100]), frame(raw::PING, true, &[b'x'; 100])].into_iter().enumerate()
    {
        let mut client = RawClient::open(scene.at(), &format!("/ws/group/flood-{n}/client/c")).await;
        flooding.spawn(async move {
            let until = Instant::now() + Duration::from_secs(3);
            let bytes = bytes.repeat(100);
            while Instant::now() < until
                && matches!(timeout(Duration::from_secs(3), client.socket.write_all(&bytes)).await, Ok(Ok(())))
            {
            }
        });
    }
    let mut most = 0;
    while flooding.try_join_next().is_some() || !flooding.is_empty() {
        most = most.max(scene.grown());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(most < 16 * MIB, "{most} bytes more");
    scene.end("floods", 12 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_goes_in_the_middle_of_anything_leaves_nothing_behind() {
    let scene = Scene::start().await;
    let request = handshake(PATH).into_bytes();
    let opened = |rest: Vec<u8>| [request.clone(), rest].concat();
    let moments = [
        Vec::new(),
        request[..20].to_vec(),
        request.clone(),
        opened(vec![0x81]),
        opened(frame(raw::TEXT, true, b"half")[..7].to_vec()),
        opened(frame(raw::TEXT, false, b"a fragment")),
        opened(frame(raw::TEXT, true, b"a message").repeat(50)),
        opened(frame(raw::CLOSE, true, &1000_u16.to_be_bytes())),
    ];
    for (n, bytes) in moments.iter().cycle().take(moments.len() * 40).enumerate() {
        let mut client = RawClient::connect(scene.at()).await;
        client.write(bytes).await;
        match n / moments.len() % 4 {
            // Reset at once, or after some answer; half closed, and left so; closed.
            0 => SockRef::from(&client.socket).set_linger(Some(Duration::ZERO)).unwrap(),
            1 => {
                let _ = timeout(Duration::from_millis(5), client.socket.readable()).await;
                SockRef::from(&client.socket).set_linger(Some(Duration::ZERO)).unwrap();
            }
            2 => {
                client.socket.shutdown().await.unwrap();
                drop(client.read_to_end().await);
            }
            _ => {}
        }
    }
    let open = async || Scrape::of(scene.proxy.admin()).await.sum("aether_connections");
    eventually!(PATIENCE, open().await, |open| *open == 2.0);
    scene.end("those who went", 8 * MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_goodbyes_and_what_is_no_frame_are_told_from_good_ones() {
    let scene = Scene::start().await;
    let goodbye = |payload: &[u8]| frame(raw::CLOSE, true, payload);
    let code = |code: u16, text: &[u8]| goodbye(&[&code.to_be_bytes()[..], text].concat());
    let cases = [
        ("a good code", code(1000, b"bye"), 1000),
        ("a code of its own", code(4999, b""), 4999),
        ("half a code", goodbye(&[3]), 1002),
        ("code 0", code(0, b""), 1002),
        ("code 999", code(999, b""), 1002),
        ("code 1004", code(1004, b""), 1002),
        ("code 1005, which is never sent", code(1005, b""), 1002),
        ("code 1006, which is never sent", code(1006, b""), 1002),
        ("code 1015, which is never sent", code(1015, b""), 1002),
        ("code 5000", code(5000, b""), 1002),
        ("a reason that is not UTF-8", code(1000, &[0xc3, 0x28]), 1007),
        ("a goodbye of 126 bytes", [&[0x88, 0xfe, 0, 126][..], &[0; 130]].concat(), 1002),
        ("a goodbye in fragments", frame(raw::CLOSE, false, b""), 1002),
        ("a second request", handshake(PATH).into_bytes(), 1002),
        ("a second TLS handshake", vec![0x16, 3, 1, 2, 0, 1, 0, 1], 1002),
    ];
    for (name, bytes, expected) in cases {
        let mut client = scene.open().await;
        client.write(&bytes).await;
        assert_eq!(client.expect_close().await.0, expected, "{name}");
    }
    // Behind a request in one piece, and more headers than anybody has.
    let mut client = RawClient::connect(scene.at()).await;
    client.write(&handshake(PATH).repeat(2).into_bytes()).await;
    assert_eq!(client.read_response().await.status, 101);
    assert_eq!(client.expect_close().await.0, 1002);
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let mut client = RawClient::connect(scene.at()).await;
    client.write(handshake(PATH).replace("\r\n\r\n", &format!("\r\n{many}\r\n")).as_bytes()).await;
    assert_eq!(client.read_response().await.status, 431);
    scene.end("bad goodbyes", 4 * MIB).await;
}
