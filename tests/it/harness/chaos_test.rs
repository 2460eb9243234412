//! Each kind of bad weather, as the two parties of a real connection feel it.

use super::{PATIENCE, chaos::ChaosProxy, eventually::eventually, redis::RedisServer};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout},
};

/// Sends back what it gets. Ends when dropped.
async fn echo_server() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut read, mut write) = socket.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    (addr, tasks)
}

async fn echo(socket: &mut TcpStream, text: &str) -> std::io::Result<()> {
    socket.write_all(text.as_bytes()).await?;
    let mut back = vec![0; text.len()];
    socket.read_exact(&mut back).await?;
    assert_eq!(back, text.as_bytes());
    Ok(())
}

async fn patiently<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("in time")
}

#[tokio::test]
async fn a_cut_closes_and_refuses_until_it_is_restored_on_the_same_port() {
    let (upstream, _server) = echo_server().await;
    let chaos = ChaosProxy::start(upstream).await;
    let mut socket = TcpStream::connect(chaos.addr()).await.unwrap();
    patiently(echo(&mut socket, "before")).await.unwrap();
    chaos.cut().await;
    assert_eq!(chaos.open(), 0);
    assert!(patiently(echo(&mut socket, "during")).await.is_err());
    assert!(TcpStream::connect(chaos.addr()).await.is_err());
    chaos.restore().await;
    let mut socket = TcpStream::connect(chaos.addr()).await.unwrap();
    patiently(echo(&mut socket, "after")).await.unwrap();
    assert_eq!((chaos.accepted(), chaos.open()), (2, 1));
}

#[tokio::test]
async fn a_stall_keeps_connections_and_passes_nothing_until_it_ends() {
    let (upstream, _server) = echo_server().await;
    let chaos = ChaosProxy::start(upstream).await;
    let mut old = TcpStream::connect(chaos.addr()).await.unwrap();
    patiently(echo(&mut old, "before")).await.unwrap();
    chaos.stall().await;
    let mut new = TcpStream::connect(chaos.addr()).await.unwrap();
    for socket in [&mut old, &mut new] {
        socket.write_all(b"held").await.unwrap();
        assert!(timeout(Duration::from_millis(200), socket.read_u8()).await.is_err(), "nothing passes, nothing closes");
    }
    chaos.restore().await;
    for socket in [&mut old, &mut new] {
        let mut held = [0; 4];
        patiently(socket.read_exact(&mut held)).await.unwrap();
        assert_eq!(&held, b"held", "what was sent in the stall is late, not lost");
    }
}

#[tokio::test]
async fn those_that_said_a_word_stall_alone_and_their_successors_do_not() {
    let (upstream, _server) = echo_server().await;
    let chaos = ChaosProxy::start(upstream).await;
    let mut named = TcpStream::connect(chaos.addr()).await.unwrap();
    let mut other = TcpStream::connect(chaos.addr()).await.unwrap();
    patiently(echo(&mut named, "I listen")).await.unwrap();
    patiently(echo(&mut other, "I speak")).await.unwrap();
    chaos.stall_those_that_said("listen").await;
    named.write_all(b"held").await.unwrap();
    patiently(echo(&mut other, "still I listen")).await.unwrap();
    let mut next = TcpStream::connect(chaos.addr()).await.unwrap();
    patiently(echo(&mut next, "I listen")).await.unwrap();
    let mut held = [0; 4];
    assert!(timeout(Duration::from_millis(200), named.read_exact(&mut held)).await.is_err());
    chaos.restore().await;
    patiently(named.read_exact(&mut held)).await.unwrap();
}

#[tokio::test]
async fn slow_means_bytes_per_second_and_ends_at_once() {
    let (upstream, _server) = echo_server().await;
    let chaos = ChaosProxy::start(upstream).await;
    let mut socket = TcpStream::connect(chaos.addr()).await.unwrap();
    chaos.slow(10_000).await;
    let start = Instant::now();
    patiently(echo(&mut socket, &"x".repeat(5_000))).await.unwrap();
    assert!(start.elapsed() > Duration::from_millis(400), "{:?}", start.elapsed());
    chaos.slow(1).await;
    socket.write_all(b"much later").await.unwrap();
    let mut back = [0; 10];
    assert!(timeout(Duration::from_millis(200), socket.read_exact(&mut back)).await.is_err());
    chaos.restore().await;
    patiently(socket.read_exact(&mut back)).await.unwrap();
}

#[tokio::test]
async fn killed_connections_end_and_new_ones_are_served() {
    let (upstream, _server) = echo_server().await;
    let chaos = ChaosProxy::start(upstream).await;
    let mut old = TcpStream::connect(chaos.addr()).await.unwrap();
    patiently(echo(&mut old, "before")).await.unwrap();
    chaos.kill_connections().await;
    assert!(patiently(echo(&mut old, "after")).await.is_err());
    let mut new = TcpStream::connect(chaos.addr()).await.unwrap();
    patiently(echo(&mut new, "after")).await.unwrap();
}

#[tokio::test]
async fn the_end_of_either_side_reaches_the_other_and_nothing_is_left() {
    let server = RedisServer::start().await;
    let chaos = ChaosProxy::start(server.addr()).await;
    for n in 0..50 {
        let mut socket = TcpStream::connect(chaos.addr()).await.unwrap();
        socket.write_all(if n % 2 == 0 { b"QUIT\r\n" } else { b"PING\r\n" }).await.unwrap();
        let mut answer = [0; 5];
        patiently(socket.read_exact(&mut answer)).await.unwrap();
        if n % 2 == 0 {
            patiently(async { while socket.read_u8().await.is_ok() {} }).await; // Redis closed first
        }
    }
    eventually!(PATIENCE, chaos.open(), |open| *open == 0);
    assert_eq!(chaos.accepted(), 50);
    let addr = chaos.addr();
    drop(chaos);
    eventually!(PATIENCE, TcpStream::connect(addr).await.is_err());
}
