//! What no scenario file can say: several hosts at once, a changed pillar, a master that dies, a network that is gone.

mod faults;
mod groups;
mod web;

use super::fault::Fault;
use super::running::Lab;

/// A show: its name, what it shows, and how.
pub type Show = (&'static str, &'static str, fn(&mut Lab) -> Result<(), Fault>);

/// All shows, in the order in which they run.
pub const SHOWS: &[Show] = &[
    ("nginx", "two groups of web servers, from nothing: each serves what its pillar says", web::first_highstate),
    ("nginx-again", "all hosts at once over the master: nothing is left to do", web::all_at_once),
    (
        "nginx-pillar",
        "a changed pillar of one group reloads its servers and leaves the others alone",
        web::changed_pillar,
    ),
    ("nginx-damage", "what was stopped, edited or removed by hand comes back", web::damaged_by_hand),
    (
        "failing-template",
        "a template that fails for one group stops that group only, before its first chunk",
        groups::failing_template,
    ),
    ("network-gone", "a run whose host loses the network goes on and is reported afterwards", faults::network_gone),
    ("own-restart", "a run that restarts its own minion goes on and is reported by the next one", faults::own_restart),
    ("master-killed", "a run whose master is killed goes on and is reported afterwards", faults::master_killed),
];
