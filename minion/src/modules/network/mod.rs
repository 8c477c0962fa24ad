//! `network.*`: links, addresses, routes and sockets of this machine, and what it reaches.

mod addresses;
mod arithmetic;
mod buffers;
mod names;
mod neighbours;
mod reach;
mod routes;
mod sockets;

use fleet_common::args;

use crate::cx::Module;
pub use names::{Name, rename};

/// What the module is for.
const DOC: &str = "Links, addresses, routes and sockets of this machine, and arithmetic on addresses.";

/// The parts of the module.
pub const MODULES: [&Module; 8] = [
    &addresses::MODULE,
    &arithmetic::MODULE,
    &buffers::MODULE,
    &names::MODULE,
    &neighbours::MODULE,
    &reach::MODULE,
    &routes::MODULE,
    &sockets::MODULE,
];

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A network.
    pub struct Cidr {
        /// Address and bits: `10.0.0.0/8`.
        cidr: String,
    }
}
