//! A lab of real hosts: Debian with systemd in containers, each in a network of its own, our minion as a unit in them,
//! the master on the machine that runs the lab.
//!
//! `cargo lab` runs it. Everything of a lab carries its number: directory, bridge, namespaces, interfaces, processes;
//! [`place::clear`] ends a lab by that number alone, so a lab that was killed is cleared by the next one.

mod cache;
mod cgroup;
mod check;
mod fault;
mod host;
mod image;
mod jobs;

mod network;
mod place;
mod run;
mod running;
mod scenario;
pub mod shows;
mod signals;
mod timeline;
mod tools;

pub use fault::Fault;
pub use host::Host;
pub use running::{Lab, Options};
pub use scenario::Scenario;
pub use timeline::run_scenario;
pub use tools::{CANNOT, Missing, check_tools};
