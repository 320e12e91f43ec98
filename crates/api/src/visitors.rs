//! How many connections to a server each address holds, so that no stranger alone can take all of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Who is there.
#[derive(Clone, Debug)]
pub struct Visitors {
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
    max: usize,
}

/// One connection; its place is free again when it is dropped.
#[derive(Debug)]
pub struct Visit {
    visitors: Visitors,
    from: IpAddr,
}

impl Visitors {
    /// With room for so many of each address.
    pub fn new(max: usize) -> Self {
        Self { held: Arc::default(), max }
    }

    /// `None` when the address has no room left.
    pub fn admit(&self, address: IpAddr) -> Option<Visit> {
        let from = network(address);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(from).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Visit { visitors: self.clone(), from })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut held = self.visitors.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.remove(&self.from);
            }
        }
    }
}

/// What one subscriber has: an address of version 4, or 64 bits of one of version 6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_room() {
        let visitors = Visitors::new(2);
        let admit = |address: &str| visitors.admit(address.parse().unwrap());
        let first = admit("192.0.2.1").unwrap();
        let _second = admit("::ffff:192.0.2.1").unwrap();
        assert!(admit("192.0.2.1").is_none());
        let _other = admit("192.0.2.2").unwrap();
        drop(first);
        let _again = admit("192.0.2.1").unwrap();
        let near: Vec<_> = ["2001:db8::1", "2001:db8::ffff:2"].map(|near| admit(near).unwrap()).into();
        assert!(admit("2001:db8::3").is_none() && admit("2001:db8:0:1::3").is_some());
        drop(near);
        assert_eq!(visitors.held.lock().unwrap().len(), 2);
    }
}
