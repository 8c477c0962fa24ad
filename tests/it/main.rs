//! Promises, one file each, tested in process over real sockets.

mod transport;
