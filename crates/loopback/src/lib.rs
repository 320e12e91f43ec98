//! Addresses for servers that demonstrations and tests start a moment later, on this machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports of one process, of those below the ones that outgoing connections get.
const RANGE: u16 = 200;

/// A loopback address that was free a moment ago; each once.
pub fn free_address() -> io::Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 60) as u16 * RANGE;
    let mut tried = Err(io::Error::from(io::ErrorKind::AddrInUse));
    for _ in 0..RANGE {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % RANGE;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        tried = TcpListener::bind(address).map(|_| address);
        if tried.is_ok() {
            break;
        }
    }
    tried
}
