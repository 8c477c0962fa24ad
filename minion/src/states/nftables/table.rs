//! The state module's table.

use super::rules::{Verb, Wanted, bind};
use super::tables::{Flushed, InTable, NewChain, OfFamily, Policy, chain_absent, table_absent, table_present};
use crate::states::{PlannedState, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "nftables",
    doc: "Packet filters of nftables.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "append",
            doc: "A rule that is in a chain; it is added to its end.",
            example: "http: {nftables.append: [{chain: input}, {proto: tcp}, {dport: 80}, {jump: accept}]}",
            args: Wanted::ROWS,
            make: |f, a| bind(f, a, Verb::Append),
        },
        StateFunction {
            name: "insert",
            doc: "A rule that is in a chain; it is added before the rule with a handle, or before all.",
            example: "http: {nftables.insert: [{chain: input}, {proto: tcp}, {dport: 80}, {jump: accept}]}",
            args: Wanted::ROWS,
            make: |f, a| bind(f, a, Verb::Insert),
        },
        StateFunction {
            name: "delete",
            doc: "A rule that is not in a chain; or none with a handle.",
            example: "http: {nftables.delete: [{chain: input}, {proto: tcp}, {dport: 80}, {jump: accept}]}",
            args: Wanted::ROWS,
            make: |f, a| bind(f, a, Verb::Delete),
        },
        StateFunction {
            name: "table_present",
            doc: "A table.",
            example: "filter: {nftables.table_present: []}",
            args: OfFamily::ROWS,
            make: |f, a| table_present(f, a),
        },
        StateFunction {
            name: "table_absent",
            doc: "No such table; all that it has goes with it.",
            example: "filter: {nftables.table_absent: []}",
            args: OfFamily::ROWS,
            make: |f, a| table_absent(f, a),
        },
        StateFunction {
            name: "chain_present",
            doc: "A chain; with `table_type`, `hook` and `priority` one that packets come to first.",
            example: "input: {nftables.chain_present: [{table_type: filter}, {hook: input}, {priority: 0}]}",
            args: NewChain::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(NewChain::bind(f, a)?))),
        },
        StateFunction {
            name: "chain_absent",
            doc: "No such chain; its rules go with it.",
            example: "web: {nftables.chain_absent: []}",
            args: InTable::ROWS,
            make: |f, a| chain_absent(f, a),
        },
        StateFunction {
            name: "set_policy",
            doc: "What becomes of packets that no rule of a chain decides on.",
            example: "closed: {nftables.set_policy: [{chain: input}, {policy: drop}]}",
            args: Policy::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Policy::bind(f, a)?))),
        },
        StateFunction {
            name: "flush",
            doc: "A chain, or a table, without rules.",
            example: "empty: {nftables.flush: [{chain: input}]}",
            args: Flushed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Flushed::bind(f, a)?))),
        },
    ],
};
