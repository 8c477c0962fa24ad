//! Keys on disk, what they sign, Noise sessions, and signed and sealed publications. The only user of `ring` and `snow`.
//!
//! Knows keys and bytes; knows no connection, no job and no clock (times are passed in).

pub mod certificate;
pub mod fingerprint;
pub mod handshake;
mod keyfile;
pub mod keys;
pub mod mac;
mod master;
pub mod password;
mod pem;
pub mod publication;
mod resolver;
pub mod session;
pub mod trust;

pub use pem::PemError;
