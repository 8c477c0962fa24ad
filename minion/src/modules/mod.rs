//! Execution modules: one file each, its functions in one table.
//!
//! Functions without effect on a machine live in `fleet_common::functions`; a module may have some there and some here.

pub mod accounts;
pub mod aliases;
pub mod alternatives;
pub mod apache;
pub mod archive;
pub mod at;
pub mod cmd;
pub mod cp;
pub mod cron;
pub mod data;
pub mod debconf;
pub mod dig;
pub mod disk;
pub mod dnsutil;
pub mod environ;
pub mod file;
pub mod gem;
pub mod git;
pub mod grains;
pub mod hashutil;
pub mod helm;
pub mod hosts;
pub mod http;
pub mod ini;
pub mod ip;
pub mod iptables;
pub mod kmod;
pub mod locale;
pub mod lowpkg;
pub mod mine;
pub mod mount;
pub mod mysql;
pub mod network;
pub mod nftables;
pub mod nginx;
pub mod npm;
pub mod partition;
pub mod pillar;
pub mod pip;
pub mod pkg;
pub mod postgres;
pub mod ps;
pub mod publish;
pub mod rabbitmq;
pub mod saltutil;
pub mod service;
pub mod ssh;
pub mod state;
pub mod status;
pub mod supervisord;
pub mod sys;
pub mod sysctl;
pub mod system;
pub mod timezone;
pub mod tool;
pub mod virtualenv;
pub mod webutil;
pub mod x509;

use crate::cx::Module;

/// All modules. A name may occur twice (a large module is several files) but no function may.
pub const MODULES: &[&[&Module]] = &[
    &file::MODULES,
    &apache::MODULES,
    &disk::MODULES,
    &dnsutil::MODULES,
    &mount::MODULES,
    &mysql::MODULES,
    &network::MODULES,
    &helm::MODULES,
    &postgres::MODULES,
    &ps::MODULES,
    &saltutil::MODULES,
    &system::MODULES,
    &rabbitmq::MODULES,
    &x509::MODULES,
    // One a line, so that branches that add modules merge.
    &[
        &aliases::MODULE,
        &alternatives::MODULE,
        &archive::MODULE,
        &at::MODULE,
        &cmd::MODULE,
        &cp::MODULE,
        &data::MODULE,
        &data::MATCH,
        &debconf::MODULE,
        &dig::MODULE,
        &environ::MODULE,
        &gem::MODULE,
        &git::MODULE,
        &grains::MODULE,
        &hashutil::MODULE,
        &hosts::MODULE,
        &http::MODULE,
        &mine::MODULE,
        &ini::MODULE,
        &ip::MODULE,
        &iptables::MODULE,
        &kmod::MODULE,
        &locale::MODULE,
        &lowpkg::MODULE,
        &nftables::MODULE,
        &nginx::MODULE,
        &npm::MODULE,
        &partition::MODULE,
        &pillar::MODULE,
        &pip::MODULE,
        &pkg::MODULE,
        &publish::MODULE,
        &publish::SALTUTIL,
        &service::MODULE,
        &ssh::MODULE,
        &state::MODULE,
        &status::MODULE,
        &supervisord::MODULE,
        &sys::MODULE,
        &sys::TEST,
        &sysctl::MODULE,
        &timezone::MODULE,
        &accounts::USER,
        &accounts::GROUP,
        &accounts::SHADOW,
        &cron::MODULE,
        &virtualenv::MODULE,
        &webutil::MODULE,
    ],
];
