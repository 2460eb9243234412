//! Picks ports for servers that cannot be asked for port 0 and tell which one they got.

use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which the kernel takes ports for outgoing connections, so that none of those is in the way
/// when a server comes back; and low enough that a Redis Cluster bus (port + 10,000) stays below it too.
const RANGE: std::ops::Range<u16> = 10_000..22_000;
/// A Redis Cluster node also listens this much higher.
const BUS: u16 = 10_000;

/// A port that is free now, as is the one of its cluster bus. Another process may still be faster:
/// whoever binds it tries again with another.
pub fn pick() -> u16 {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (0..1000)
        .map(|_| fastrand::u16(RANGE))
        .find(|port| free(*port) && free(*port + BUS))
        .expect("a free port between 10,000 and 22,000 on 127.0.0.1")
}
