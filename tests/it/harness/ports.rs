//! Picks ports for servers that cannot be asked for port 0 and tell which one they got, or that come back at theirs.

use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};

/// Below the range from which the kernel takes ports for outgoing connections, so that none of those is in the way
/// when a server comes back; and low enough that a Redis Cluster bus (port + 10,000) stays below it too.
const RANGE: std::ops::Range<u16> = 10_000..22_000;
/// A Redis Cluster node also listens this much higher.
const BUS: u16 = 10_000;

/// A port that is free now, as is the one of its cluster bus. Another process may still be faster:
/// whoever binds it tries again with another.
pub fn pick() -> u16 {
    (0..1000)
        .map(|_| fastrand::u16(RANGE))
        .find(|port| bind(*port).is_some() && bind(*port + BUS).is_some())
        .expect("a free port between 10,000 and 22,000 on 127.0.0.1")
}

/// An address for a server that comes and goes: while this lives, nobody else picks it.
pub struct Kept {
    pub address: SocketAddr,
    /// Bound and not listening, so that the server, which binds with SO_REUSEADDR, is let in beside it.
    _socket: Socket,
}

/// Keeps an address.
pub fn keep() -> Kept {
    let kept = (0..1000).find_map(|_| {
        let port = fastrand::u16(RANGE);
        // First bound alone: of two who want it only one gets it.
        let socket = bind(port)?;
        socket.set_reuse_address(true).ok()?;
        Some(Kept { address: (Ipv4Addr::LOCALHOST, port).into(), _socket: socket })
    });
    kept.expect("a free port between 10,000 and 22,000 on 127.0.0.1")
}

/// Alone, not even beside one that is kept.
fn bind(port: u16) -> Option<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()).ok()?;
    Some(socket)
}

#[test]
fn a_kept_address_is_for_its_server_alone() {
    let kept = keep();
    assert!(bind(kept.address.port()).is_none(), "nobody else picks it");
    for _ in 0..2 {
        // Binds with SO_REUSEADDR, as the proxy does.
        let server = std::net::TcpListener::bind(kept.address).expect("its server");
        assert!(std::net::TcpStream::connect(kept.address).is_ok());
        assert!(std::net::TcpListener::bind(kept.address).is_err(), "and only one");
        drop(server);
    }
}
