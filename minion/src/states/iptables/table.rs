//! The state module's table.

use super::chains::{Flushed, InTable, Policy, chain_absent, chain_present};
use super::rules::{Verb, Wanted, bind};
use crate::states::{PlannedState, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "iptables",
    doc: "Packet filters.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "append",
            doc: "A rule that is in a chain; it is added to its end.",
            example: "http: {iptables.append: [{chain: INPUT}, {proto: tcp}, {dport: 80}, {jump: ACCEPT}]}",
            args: Wanted::ROWS,
            make: |f, a| bind(f, a, Verb::Append),
        },
        StateFunction {
            name: "insert",
            doc: "A rule that is in a chain; it is added at a place.",
            example: "http: {iptables.insert: [{chain: INPUT}, {position: 1}, {proto: tcp}, {dport: 80}, {jump: ACCEPT}]}",
            args: Wanted::ROWS,
            make: |f, a| bind(f, a, Verb::Insert),
        },
        StateFunction {
            name: "delete",
            doc: "A rule that is not in a chain; or none at a place.",
            example: "http: {iptables.delete: [{chain: INPUT}, {proto: tcp}, {dport: 80}, {jump: ACCEPT}]}",
            args: Wanted::ROWS,
            make: |f, a| bind(f, a, Verb::Delete),
        },
        StateFunction {
            name: "chain_present",
            doc: "A chain.",
            example: "WEB: {iptables.chain_present: []}",
            args: InTable::ROWS,
            make: |f, a| chain_present(f, a),
        },
        StateFunction {
            name: "chain_absent",
            doc: "No such chain; its rules go with it.",
            example: "WEB: {iptables.chain_absent: []}",
            args: InTable::ROWS,
            make: |f, a| chain_absent(f, a),
        },
        StateFunction {
            name: "set_policy",
            doc: "What becomes of packets that no rule of a chain decides on.",
            example: "closed: {iptables.set_policy: [{chain: INPUT}, {policy: DROP}]}",
            args: Policy::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Policy::bind(f, a)?))),
        },
        StateFunction {
            name: "flush",
            doc: "A chain, or a table, without rules.",
            example: "empty: {iptables.flush: [{chain: INPUT}]}",
            args: Flushed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Flushed::bind(f, a)?))),
        },
    ],
};
