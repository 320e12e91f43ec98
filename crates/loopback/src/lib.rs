//! Addresses for servers that demonstrations and tests start a moment later, on this machine.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failing test should say where"))]

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;

/// Below the ports that outgoing connections get.
const FIRST: u16 = 20_000;

/// Of each process, the first of which is held as long as it lives.
const RANGE: u16 = 200;
const RANGES: u16 = 60;

/// The ports of this process: no other one takes the address of a server that is killed and started again.
struct Ports {
    held: TcpListener,
    given: u16,
}

/// A loopback address that was free a moment ago; each once.
pub fn free_address() -> io::Result<SocketAddr> {
    static PORTS: Mutex<Option<Ports>> = Mutex::new(None);
    let mut ports =
        PORTS.lock().map_err(|_| io::Error::other("another thread failed while it looked for a port"))?;
    let ports = match &mut *ports {
        Some(ports) => ports,
        unclaimed => unclaimed.insert(Ports { held: claimed()?, given: 0 }),
    };
    let first = ports.held.local_addr()?.port();
    let mut tried = Err(io::Error::from(io::ErrorKind::AddrInUse));
    for _ in 1..RANGE {
        ports.given = ports.given % (RANGE - 1) + 1;
        let address = loopback(first + ports.given);
        tried = TcpListener::bind(address).map(|_| address);
        if tried.is_ok() {
            break;
        }
    }
    tried
}

/// A range that no other process has.
fn claimed() -> io::Result<TcpListener> {
    let mut tried = Err(io::Error::from(io::ErrorKind::AddrInUse));
    for place in 0..RANGES {
        let range = (std::process::id() % u32::from(RANGES)) as u16 + place;
        tried = TcpListener::bind(loopback(FIRST + range % RANGES * RANGE));
        if tried.is_ok() {
            break;
        }
    }
    tried
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_held_and_addresses_given_once() {
        let (one, other) = (claimed().unwrap(), claimed().unwrap());
        let ports = [&one, &other].map(|held| held.local_addr().unwrap().port());
        assert!(ports[0].abs_diff(ports[1]) >= RANGE, "{ports:?}");
        let given = [free_address().unwrap(), free_address().unwrap()];
        assert!(given[0] != given[1] && given.iter().all(|address| !ports.contains(&address.port())));
    }
}
