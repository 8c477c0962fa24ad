//! The seam to the machine: processes, files, accounts, and what kind of system this is.
//!
//! Nothing here knows jobs, states or Salt's argument names.

pub mod account_tools;
pub mod apt;
pub mod archive;
pub mod checksum;
pub mod command;
pub mod crontab;
pub mod dnf;
pub mod environment;
pub mod fs;
pub mod gem;
pub mod git;
pub mod hostname;
pub mod http;
pub mod mount;
pub mod mysql;
pub mod mysql_rows;
pub mod netlink;
pub mod openssl;
pub mod packages;
pub mod pip;
pub mod platform;
pub mod postgres;
pub mod postgres_password;
mod process;
pub mod processes;
pub mod rabbitmq;
pub mod services;
pub mod shadow;
pub mod ssh;
pub mod sysctl;
pub mod user;

pub use process::{signal_name, signal_session};
