//! Cases of `iptables` in a network namespace of their own: predict, apply, compare, apply again, damage, repair.

use fleet_tests::harness::skip;

use super::namespace::Namespace;
use super::system_states::{Case, Refused};

/// What the kernel filters, and what is kept, without counters and times.
const OBSERVED: &str = "for tool in iptables ip6tables; do $tool-save | sed -e '/^#/d' -e 's/ \\[.*//'; done; \
                        find HOME -name 'rules*' | sort | xargs -r cat | sed -e '/^#/d' -e 's/ \\[.*//'";

pub(super) const CASES: &[Case] = &[
    Case {
        state: "iptables.append",
        declaration: "[{chain: INPUT}, {proto: tcp}, {dports: [80, 443]}, {match: [comment]}, {comment: 'it''s \"web\"; ok'}, \
                      {connstate: NEW}, {source: '!10.0.0.0/8'}, {jump: ACCEPT}, {save: HOME/kept/rules}]",
        prepare: "iptables -A INPUT -j DROP",
        damage: "iptables -F INPUT",
        holds: "iptables -S INPUT | tail -1 | grep -q -- '! -s 10.0.0.0/8 .*--dports 80,443 .*-j ACCEPT'; \
                grep -q -- '--dports 80,443' HOME/kept/rules",
    },
    // The rule is there and the file is not: that is a difference, too.
    Case {
        state: "iptables.append",
        declaration: "[{chain: INPUT}, {i: lo}, {jump: LOG}, {log-prefix: 'two words'}, {log-level: 4}, {save: HOME/rules}]",
        prepare: "iptables -A INPUT -i lo -j LOG --log-prefix 'two words' --log-level 4",
        damage: "sed -i /words/d HOME/rules",
        holds: "grep -q 'two words' HOME/rules; test $(iptables -S INPUT | grep -c words) = 1",
    },
    Case {
        state: "iptables.insert",
        declaration: "[{table: nat}, {chain: POSTROUTING}, {position: 1}, {out-interface: eth0}, {jump: MASQUERADE}]",
        prepare: "iptables -t nat -A POSTROUTING -j RETURN",
        damage: "iptables -t nat -D POSTROUTING 1",
        holds: "iptables -t nat -S POSTROUTING | sed -n 2p | grep -q MASQUERADE",
    },
    Case {
        state: "iptables.delete",
        declaration: "[{chain: FORWARD}, {proto: udp}, {dport: '5000:5010'}, {jump: DROP}, {family: ipv6}]",
        prepare: "ip6tables -A FORWARD -p udp --dport 5000:5010 -j DROP",
        damage: "ip6tables -I FORWARD -p udp --dport 5000:5010 -j DROP",
        holds: "! ip6tables -S FORWARD | grep -q 5000",
    },
    Case {
        state: "iptables.chain_present",
        declaration: "[{name: WEB}]",
        prepare: "",
        damage: "iptables -X WEB",
        holds: "iptables -S WEB",
    },
    Case {
        state: "iptables.chain_absent",
        declaration: "[{name: WEB}]",
        prepare: "iptables -N WEB; iptables -A WEB -j DROP",
        damage: "iptables -N WEB",
        holds: "! iptables -S | grep -q WEB",
    },
    Case {
        state: "iptables.set_policy",
        declaration: "[{chain: INPUT}, {policy: DROP}, {save: HOME/rules}]",
        prepare: "",
        damage: "iptables -P INPUT ACCEPT; rm HOME/rules",
        holds: "iptables -S INPUT | grep -qx -- '-P INPUT DROP'; grep -q ':INPUT DROP' HOME/rules",
    },
    Case {
        state: "iptables.flush",
        declaration: "[{chain: OUTPUT}]",
        prepare: "iptables -A OUTPUT -j ACCEPT; iptables -A INPUT -j ACCEPT",
        damage: "iptables -A OUTPUT -j DROP",
        holds: "! iptables -S | grep -q -- '-A OUTPUT'; iptables -S | grep -q -- '-A INPUT'",
    },
];

const REFUSED: &[Refused] = &[
    ("", "iptables.append", "[{jump: ACCEPT}]", "Missing parameter chain"),
    ("", "iptables.append", "[{chain: INPUT}, {no-such: x}, {jump: ACCEPT}]", "unknown option \"--no-such\""),
    ("", "iptables.append", "[{chain: INPUT}, {match: no_such}]", "no_such"),
    ("", "iptables.append", "[{chain: INPUT}, {source: {a: b}}]", "'source' of a rule is a text or a list of texts"),
    ("", "iptables.append", "[{chain: INPUT}, {jump: ACCEPT}, {family: ipv5}]", "family is ipv4 or ipv6, not 'ipv5'"),
    (
        "",
        "iptables.append",
        "[{chain: INPUT}, {jump: ACCEPT}, {save: [1]}]",
        "save is true, false or the path of a file",
    ),
    ("", "iptables.append", "[{chain: INPUT}, {rules: [{jump: ACCEPT}]}]", "'rules' of iptables states"),
    ("", "iptables.insert", "[{chain: INPUT}, {jump: ACCEPT}]", "position is needed"),
    ("", "iptables.set_policy", "[{chain: INPUT}, {policy: MAYBE}]", "policy is ACCEPT or DROP, not 'MAYBE'"),
    ("", "iptables.set_policy", "[{chain: NOPE}, {policy: DROP}]", "does not come with a chain NOPE"),
    ("", "iptables.chain_absent", "[{name: INPUT}]", "the table comes with it"),
    ("", "iptables.flush", "[{chain: NOPE}]", "there is no chain NOPE"),
    ("", "iptables.flush", "[{table: nope}]", "nope"),
];

#[test]
fn filters_of_packets_are_as_predicted() {
    for case in CASES {
        let namespace = match Namespace::new("iptables", OBSERVED) {
            Ok(namespace) => namespace,
            Err(why) => return skip("filters_of_packets_are_as_predicted", &why),
        };
        namespace.check(case);
    }
}

#[test]
fn bad_rules_are_refused() {
    match Namespace::new("iptables", OBSERVED) {
        Ok(namespace) => namespace.refused(REFUSED),
        Err(why) => skip("bad_rules_are_refused", &why),
    }
}
