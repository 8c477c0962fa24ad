//! The messages of the wire: plain data with serde, no I/O. Every message is a msgpack map with named fields;
//! unknown fields are ignored, new fields have defaults, so old and new programs understand each other.

pub mod api;
pub mod decode;
pub mod files;
pub mod job;
pub mod mine;
pub mod request;
pub mod ret;
pub mod worker;

/// The version of the protocol, in the handshake's prologue and in every publication header.
/// A peer with another version is refused; there is no negotiation and so no downgrade.
pub const PROTOCOL_VERSION: u8 = 1;
