//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too many in all.
    Total,
    /// Too many from its address.
    Address,
}

/// The books of the connections of one endpoint.
#[derive(Debug)]
pub struct Admission {
    total: usize,
    per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place among the connections; given back on drop.
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    /// Books with room for `total` connections, `per_address` from each address (an IPv6 /64 is one address).
    pub fn new(total: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { total, per_address, open: Mutex::default() })
    }

    /// Takes a place.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Refusal> {
        let address = network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.total {
            return Err(Refusal::Total);
        }
        let here = open.by_address.entry(address).or_insert(0);
        if *here >= self.per_address {
            return Err(Refusal::Address);
        }
        *here += 1;
        open.total += 1;
        Ok(Place { admission: self.clone(), address })
    }

    /// Connections now.
    pub fn open(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(here) = open.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// What one owner can vary freely counts as one address.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_given_back() {
        let admission = Admission::new(3, 2);
        let at = |text: &str| admission.admit(text.parse().expect("an address"));
        let first = at("2001:db8::1").expect("room");
        let second = at("2001:db8::2").expect("room");
        assert_eq!(at("2001:db8::3").err(), Some(Refusal::Address));
        let third = at("::ffff:192.0.2.1").expect("room");
        assert_eq!(at("192.0.2.2").err(), Some(Refusal::Total));
        drop((first, third));
        assert_eq!(admission.open(), 1);
        at("2001:db8::4").expect("room again");
        drop(second);
        assert_eq!(admission.open(), 0);
        assert!(admission.open.lock().expect("not poisoned").by_address.is_empty());
    }
}
