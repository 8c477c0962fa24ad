//! State functions: each plans what differs from what was asked, and applies that plan.
//!
//! A plan is made with a context that can only read, so a dry run cannot change a machine; only the runner knows
//! whether a plan is applied. One file a state module, one row here.

mod bind;
mod plan;
mod table;

pub mod alias;
pub mod alternatives;
pub mod apache;
pub mod archive;
pub mod at;
pub mod cmd;
pub mod cron;
pub mod debconf;
pub mod environ;
pub mod file;
mod firewall;
pub mod gem;
pub mod git;
pub mod grains;
pub mod group;
pub mod helm;
pub mod host;
pub mod http;
pub mod ini;
pub mod iptables;
pub mod kmod;
pub mod locale;
pub mod module;
pub mod mount;
pub mod mysql;
pub mod network;
pub mod nftables;
pub mod npm;
pub mod pip;
pub mod pkg;
pub mod pkgrepo;
pub mod postgres;
pub mod rabbitmq;
pub mod service;
pub mod ssh_auth;
pub mod ssh_known_hosts;
pub mod supervisord;
pub mod sysctl;
pub mod test;
pub mod timezone;
pub mod user;
pub mod virtualenv;
pub mod webutil;
pub mod x509;

pub use bind::bind;
pub use plan::{
    Accumulator, AnyState, Applied, Failure, OpaqueRun, OpaqueState, Plan, PlannedState, Report, Run, RunNotes, State,
    StateResult, Trigger,
};
pub use table::{StateFunction, StateModule, States};

/// All state modules, in any order.
pub const STATES: &[&StateModule] = &[
    &alias::STATE,
    &alternatives::STATE,
    &apache::CONF,
    &apache::CONFIGFILE,
    &apache::MODULE,
    &apache::SITE,
    &archive::STATE,
    &at::STATE,
    &cmd::STATE,
    &cron::STATE,
    &debconf::STATE,
    &environ::STATE,
    &file::STATE,
    &gem::STATE,
    &git::STATE,
    &grains::STATE,
    &host::STATE,
    &http::STATE,
    &ini::STATE,
    &iptables::STATE,
    &kmod::STATE,
    &locale::STATE,
    &mount::STATE,
    &network::STATE,
    &npm::STATE,
    &group::STATE,
    &module::STATE,
    &nftables::STATE,
    &pip::STATE,
    &pkg::STATE,
    &pkgrepo::STATE,
    &supervisord::STATE,
    &ssh_auth::STATE,
    &ssh_known_hosts::STATE,
    &mysql::DATABASE,
    &mysql::GRANTS,
    &mysql::QUERY,
    &mysql::USER,
    &postgres::DATABASE,
    &postgres::EXTENSION,
    &postgres::GROUP,
    &postgres::PRIVILEGES,
    &postgres::SCHEMA,
    &postgres::TABLESPACE,
    &postgres::USER,
    &helm::STATE,
    &rabbitmq::CLUSTER,
    &rabbitmq::PLUGIN,
    &rabbitmq::POLICY,
    &rabbitmq::UPSTREAM,
    &rabbitmq::USER,
    &rabbitmq::VHOST,
    &sysctl::STATE,
    &service::STATE,
    &test::STATE,
    &timezone::STATE,
    &user::STATE,
    &virtualenv::STATE,
    &webutil::STATE,
    &x509::STATE,
];
