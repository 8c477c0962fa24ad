//! Promises, one file each, tested in process over real sockets.

mod interop;
mod jobs;
mod mutation;
mod read_only;
mod states;
mod transport;
mod transport_attacks;
