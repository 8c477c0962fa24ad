//! Typed, authenticated pipes between a minion and its master, over links that carry bytes.
//!
//! Untrusted bytes become a `proto` type or an error here; nobody above sees raw bytes.

mod client;
mod error;
mod outbox;
mod parts;
pub mod publish;
pub mod request;
mod server;
mod session;
#[cfg(test)]
mod tests;
mod turns;

pub use error::{ChannelError, Fault, SessionEnd};
pub use turns::{TurnStats, Turns};
