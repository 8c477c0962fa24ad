//! Neighbours on the same link: hardware addresses and the addresses they have.

use fleet_common::call::{Arguments, CallResult, Function};
use fleet_common::value::Map;

use super::Nothing;
use super::addresses::asked;
use crate::cx::Module;
use crate::system::netlink;

/// This part of the module.
pub const MODULE: Module = Module {
    name: "network",
    doc: super::DOC,
    functions: &[
        Function::reads("arp", "IPv4 addresses by hardware address.", "network.arp", Nothing::ROWS, |_, arguments| {
            known("network.arp", arguments, false)
        }),
        Function::reads(
            "ip_neighs",
            "IPv4 addresses by hardware address.",
            "network.ip_neighs",
            Nothing::ROWS,
            |_, arguments| known("network.ip_neighs", arguments, false),
        ),
        Function::reads(
            "ipneighs",
            "IPv4 addresses by hardware address.",
            "network.ipneighs",
            Nothing::ROWS,
            |_, arguments| known("network.ipneighs", arguments, false),
        ),
        Function::reads(
            "ip_neighs6",
            "IPv6 addresses by hardware address.",
            "network.ip_neighs6",
            Nothing::ROWS,
            |_, arguments| known("network.ip_neighs6", arguments, true),
        ),
        Function::reads(
            "ipneighs6",
            "IPv6 addresses by hardware address.",
            "network.ipneighs6",
            Nothing::ROWS,
            |_, arguments| known("network.ipneighs6", arguments, true),
        ),
    ],
};

fn known(function: &str, arguments: Arguments, six: bool) -> CallResult {
    Nothing::bind(function, arguments)?;
    let neighbours = asked(netlink::neighbours())?;
    let meant = neighbours.into_iter().filter(|known| known.address.is_ipv6() == six);
    Ok(meant.map(|known| (known.hardware, known.address.to_string())).collect::<Map>().into())
}
