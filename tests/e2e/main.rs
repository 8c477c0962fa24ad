//! The real programs as processes on this machine: what a person types, and what becomes of it.

#![allow(clippy::unwrap_used, reason = "a test that can not go on must fail")]

mod attack_canary;
mod attack_entry;
mod attack_master;
mod attack_minion;
mod attack_operator;
mod attack_output;
mod attack_program;
mod attack_rights;
mod bad_cases;
mod bad_input;
mod bad_surroundings;
mod campaign;
mod disk;
mod enrolment;
mod faults;
mod files;
mod floods;
mod highstate;
mod input;
mod jobs;
mod keys;
mod limits;
mod mine;
mod namespace;
mod network;
mod pools;
mod restart;
mod rotation;
mod runners;
mod steps;
mod system_apache;
mod system_at;
mod system_families;
mod system_firewall;
mod system_gem;
mod system_git;
mod system_helm;
mod system_ifupdown;
mod system_network;
mod system_nftables;
mod system_nginx;
mod system_npm;
mod system_power;
mod system_rabbitmq;
mod system_states;
mod system_tables;
mod system_webutil;
mod targets;
mod worker;

use fleet_tests::harness::{Fleet, FleetOptions};

/// A master with accepted minions that answer: `web1`, `web2` (which says CentOS), `db1`.
fn three() -> Fleet {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "grains:\n  roles: [web, cache]\n");
    fleet.start_minion("web2", "grains:\n  os: CentOS\n  roles: [web]\n");
    fleet.start_minion("db1", "grains:\n  roles: [db]\n");
    fleet.accept(&["web1", "web2", "db1"]);
    fleet.wait_for(&["web1", "web2", "db1"]);
    fleet
}

/// A master with one accepted minion that answers.
fn one() -> Fleet {
    let mut fleet = Fleet::new(&FleetOptions::default());
    fleet.start_master();
    fleet.start_minion("web1", "");
    fleet.accept(&["web1"]);
    fleet.wait_for(&["web1"]);
    fleet
}
