//! The lab's network: a bridge with the machine on it, and for each host a namespace joined by a pair of interfaces.

use super::fault::Fault;
use super::place::Place;
use super::run::run;

/// First host's last part of its address.
const FIRST: u8 = 11;

/// Makes the bridge; the machine has the subnet's first address.
pub fn bridge(place: &Place) -> Result<(), Fault> {
    let name = place.bridge();
    run("ip", &["link", "add", &name, "type", "bridge"])?;
    run("ip", &["addr", "add", &format!("{}/24", place.address(1)), "dev", &name])?;
    run("ip", &["link", "set", &name, "up"]).map(drop)
}

/// Makes a host's namespace; its address is on `eth0`, it knows the subnet and no way out.
pub fn join(place: &Place, host: &str, index: usize) -> Result<std::net::Ipv4Addr, Fault> {
    let (namespace, outer) = (place.namespace(host), place.interface(index));
    let last = u8::try_from(index).ok().and_then(|index| FIRST.checked_add(index));
    let address = place.address(last.ok_or_else(|| Fault::Wrong("too many hosts for one subnet".to_owned()))?);
    run("ip", &["netns", "add", &namespace])?;
    run("ip", &["link", "add", &outer, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
    run("ip", &["link", "set", &outer, "master", &place.bridge(), "up"])?;
    run("ip", &["-n", &namespace, "addr", "add", &format!("{address}/24"), "dev", "eth0"])?;
    run("ip", &["-n", &namespace, "link", "set", "lo", "up"])?;
    run("ip", &["-n", &namespace, "link", "set", "eth0", "up"])?;
    Ok(address)
}

/// From now on every packet of a namespace is dropped without a word, in both directions.
pub fn blackhole(namespace: &str) -> Result<(), Fault> {
    let rules = "add table inet hole; \
                 add chain inet hole in { type filter hook input priority 0; policy drop; }; \
                 add chain inet hole out { type filter hook output priority 0; policy drop; };";
    run("ip", &["netns", "exec", namespace, "nft", rules]).map(drop)
}

/// Packets arrive again.
pub fn heal(namespace: &str) -> Result<(), Fault> {
    run("ip", &["netns", "exec", namespace, "nft", "delete table inet hole"]).map(drop)
}
