//! Promises, one file each, tested in process over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that can not go on must fail")]

mod archives;
mod checksums;
mod dig;
mod disks;
mod dnf;
mod figures;
mod interop;
mod jobs;
mod ledger;
mod mistakes;
mod mutation;
mod pages;
mod partitions;
mod read_only;
mod server_mariadb;
mod servers;
mod state_runs;
mod states;
mod system;
mod targets;
mod templates;
mod transport;
mod web;
mod x509;
mod x509_certificates;
