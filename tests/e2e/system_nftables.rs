//! Cases of `nftables` in a network namespace of their own, and its functions.

use fleet_tests::harness::skip;
use serde_json::{Value, json};

use super::namespace::Namespace;
use super::system_states::{Case, Refused};

/// What the kernel filters, and what is kept, without counters.
const OBSERVED: &str = "nft --stateless list ruleset; find HOME -name 'rules*' | sort | xargs -r cat";

/// Makes a table with a chain at a hook, then does more.
macro_rules! filter {
    ($more:literal) => {
        concat!(
            "nft add table ip filter; nft add chain ip filter input '{ type filter hook input priority 0; }'; ",
            $more
        )
    };
}

pub(super) const CASES: &[Case] = &[
    Case {
        state: "nftables.append",
        declaration: "[{chain: input}, {proto: tcp}, {dport: [443, 80]}, {connstate: NEW}, {source: '!10.0.0.0/8'}, \
                      {counter: true}, {jump: ACCEPT}, {comment: 'it''s web; ok'}, {save: HOME/rules}]",
        prepare: filter!("nft add rule ip filter input drop"),
        damage: "nft flush chain ip filter input",
        holds: "nft -s list chain ip filter input | grep -v policy | tail -3 | grep -qF 'ip saddr != 10.0.0.0/8 ct state new \
                counter tcp dport { 80, 443 } accept comment \"it'\"'\"'s web; ok\"'; grep -q 80 HOME/rules; nft -c -f HOME/rules",
    },
    // The rule is there, written in another way and with counters that ran; the file is not: that is a difference, too.
    Case {
        state: "nftables.append",
        declaration: "[{chain: input}, {proto: udp}, {dport: '5000:5010'}, {counter: true}, {jump: web}, {save: HOME/rules}]",
        prepare: filter!(
            "nft add chain ip filter web; nft add rule ip filter input counter packets 7 bytes 9 udp dport 5000-5010 jump web"
        ),
        damage: "echo > HOME/rules",
        holds: "grep -q 5010 HOME/rules; test $(nft list chain ip filter input | grep -c 5010) = 1",
    },
    Case {
        state: "nftables.insert",
        declaration: "[{table: nat}, {family: ipv6}, {chain: out}, {of: eth0}, {jump: masquerade}]",
        prepare: "nft add table ip6 nat; nft add chain ip6 nat out '{ type nat hook postrouting priority 100; }'; nft add rule ip6 nat out return",
        damage: "nft flush chain ip6 nat out; nft add rule ip6 nat out return",
        holds: "nft -s list chain ip6 nat out | sed -n 4p | grep -q 'oifname \"eth0\" masquerade'",
    },
    Case {
        state: "nftables.delete",
        declaration: "[{chain: input}, {proto: tcp}, {dport: 22}, {jump: drop}]",
        prepare: filter!(
            "nft add rule ip filter input tcp dport 22 drop; nft add rule ip filter input tcp dport 23 drop"
        ),
        damage: "nft insert rule ip filter input tcp dport { 22 } drop",
        holds: "! nft list ruleset | grep -q 22; nft list ruleset | grep -q 23",
    },
    Case {
        state: "nftables.table_present",
        declaration: "[{name: mine}, {family: inet}]",
        prepare: "",
        damage: "nft delete table inet mine",
        holds: "nft list table inet mine",
    },
    Case {
        state: "nftables.table_absent",
        declaration: "[{name: filter}]",
        prepare: filter!("nft add rule ip filter input drop; nft add table ip6 filter"),
        damage: "nft add table ip filter",
        holds: "! nft list table ip filter; nft list table ip6 filter",
    },
    Case {
        state: "nftables.chain_present",
        declaration: "[{name: forward}, {table_type: filter}, {hook: forward}, {priority: -5}]",
        prepare: filter!("true"),
        damage: "nft delete chain ip filter forward",
        holds: "nft list chain ip filter forward | grep -q 'hook forward priority filter - 5'",
    },
    Case {
        state: "nftables.chain_absent",
        declaration: "[{name: web}]",
        prepare: filter!("nft add chain ip filter web; nft add rule ip filter web drop"),
        damage: "nft add chain ip filter web",
        holds: "! nft list ruleset | grep -q web",
    },
    Case {
        state: "nftables.set_policy",
        declaration: "[{chain: input}, {policy: DROP}, {save: HOME/rules}]",
        prepare: filter!("nft add rule ip filter input accept"),
        damage: "nft chain ip filter input '{ policy accept; }'; rm HOME/rules",
        holds: "nft list ruleset | grep -q 'policy drop'; grep -q 'policy drop' HOME/rules; nft list ruleset | grep -qP '\\taccept'",
    },
    Case {
        state: "nftables.flush",
        declaration: "[{chain: input}]",
        prepare: filter!(
            "nft add rule ip filter input drop; nft add chain ip filter web; nft add rule ip filter web drop"
        ),
        damage: "nft add rule ip filter input accept",
        holds: "test $(nft list ruleset | grep -cP '\\tdrop') = 1",
    },
];

const REFUSED: &[Refused] = &[
    (filter!("true"), "nftables.append", "[{jump: accept}]", "Missing parameter chain"),
    ("true", "nftables.append", "[{chain: input}]", "the rule is empty"),
    (
        "true",
        "nftables.append",
        "[{chain: input}, {no-such: x}, {jump: accept}]",
        "'no-such' cannot be a part of a rule",
    ),
    ("true", "nftables.append", "[{chain: input}, {source: 10.0.0.0/99}, {jump: accept}]", "10.0.0.0/99"),
    (
        "true",
        "nftables.append",
        "[{chain: input}, {source: '1; flush ruleset'}, {jump: accept}]",
        "'source' of a rule cannot be",
    ),
    ("true", "nftables.append", "[{chain: 'input; flush ruleset'}, {jump: accept}]", "cannot be the name of a chain"),
    ("true", "nftables.append", "[{chain: input}, {dport: 22}, {jump: accept}]", "dport needs proto"),
    ("true", "nftables.append", "[{chain: input}, {jump: accept}, {family: ipv5}]", "family is ipv4, ipv6"),
    (
        "true",
        "nftables.append",
        "[{chain: input}, {jump: accept}, {save: [1]}]",
        "save is true, false or the path of a file",
    ),
    ("true", "nftables.chain_present", "[{name: x}, {hook: input}]", "Table_type, hook, and priority required."),
    ("true", "nftables.set_policy", "[{chain: input}, {policy: maybe}]", "policy is accept or drop, not 'maybe'"),
    ("nft add chain ip filter web", "nftables.set_policy", "[{chain: web}, {policy: drop}]", "is at no hook"),
    ("true", "nftables.flush", "[{chain: nope}]", "chain nope in table filter in family ipv4 does not exist"),
    ("true", "nftables.flush", "[{table: nope}]", "table nope in family ipv4 does not exist"),
];

#[test]
fn filters_of_nftables_are_as_predicted() {
    for case in CASES {
        match Namespace::new("nft", OBSERVED) {
            Ok(namespace) => namespace.check(case),
            Err(why) => return skip("filters_of_nftables_are_as_predicted", &why),
        }
    }
}

#[test]
fn bad_rules_of_nftables_are_refused() {
    match Namespace::new("nft", OBSERVED) {
        Ok(namespace) => namespace.refused(REFUSED),
        Err(why) => skip("bad_rules_of_nftables_are_refused", &why),
    }
}

#[test]
fn functions_of_nftables_ask_and_change_the_kernel() {
    let namespace = match Namespace::new("nft", OBSERVED) {
        Ok(namespace) => namespace,
        Err(why) => return skip("functions_of_nftables_ask_and_change_the_kernel", &why),
    };
    let said = |words: &[&str]| -> Value { namespace.call(words).json()["local"].clone() };
    let refused = |words: &[&str], told: &str| {
        let finished = namespace.call(words);
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(finished.status != 0 && said.contains(told), "{words:?}: {finished:?}");
    };
    let told = |result: bool, comment: &str| json!({"result": result, "comment": comment});
    assert!(said(&["nftables.version"]).as_str().unwrap().starts_with('v'));
    assert_eq!(said(&["nftables.list_tables"]), json!([]));
    assert_eq!(said(&["nftables.new_table", "filter"]), told(true, "Table filter in family ipv4 created"));
    assert_eq!(said(&["nftables.new_table", "filter"]), told(true, "Table filter in family ipv4 exists"));
    assert_eq!(said(&["nftables.list_tables"])[0]["name"], "filter");
    assert_eq!(said(&["nftables.check_table", "nope"]), told(false, "Table nope in family ipv4 does not exist"));
    let made = ["nftables.new_chain", "filter", "input", "table_type=filter", "hook=input", "priority=0"];
    assert_eq!(said(&made), told(true, "Chain input in table filter in family ipv4 created"));
    refused(&made, "Chain input in table filter in family ipv4 already exists");
    refused(&["nftables.new_chain", "nope", "input"], "Table nope in family ipv4 does not exist");
    let rule = "rule=tcp dport { 22 } counter accept";
    let added = said(&["nftables.append", "filter", "input", rule]);
    assert_eq!(
        added,
        told(true, "Added rule \"tcp dport { 22 } counter accept\" chain input in table filter in family ipv4.")
    );
    assert!(
        said(&["nftables.append", "filter", "input", rule])["comment"].as_str().unwrap().ends_with("already exists")
    );
    let handle = said(&["nftables.get_rule_handle", "filter", "input", "rule=tcp dport 22 counter accept"])["handle"]
        .to_string();
    assert_eq!(said(&["nftables.check", "filter", "input", rule])["result"], true);
    assert_eq!(said(&["nftables.check", "filter", "input", "rule=tcp dport 23 accept"])["result"], false);
    let place = format!("position={handle}");
    assert_eq!(said(&["nftables.insert", "filter", "input", "rule=tcp dport 21 drop", &place])["result"], true);
    namespace.shell("nft list chain ip filter input | sed -n '/tcp/p' | head -1 | grep -q 21");
    assert!(said(&["nftables.get_rules"])[0].as_str().unwrap().contains("tcp dport 21 drop"));
    let described = said(&["nftables.get_rules_json"]);
    assert_eq!(described.as_array().unwrap().iter().filter(|item| item["rule"]["chain"] == "input").count(), 2);
    assert_eq!(said(&["nftables.get_policy", "filter", "input"]), "accept");
    assert_eq!(said(&["nftables.set_policy", "filter", "input", "drop"]), true);
    assert_eq!(said(&["nftables.get_policy", "filter", "input"]), "drop");
    refused(&["nftables.set_policy", "filter", "input", "maybe"], "nft: ");
    let kept = namespace.shell("echo HOME/kept").trim().to_owned();
    assert!(said(&["nftables.save", &kept]).as_str().unwrap().starts_with("#! nft -f\n\ntable ip filter {"));
    assert_eq!(said(&["nftables.get_saved_rules", &kept])[0], "table ip filter {\n");
    assert_eq!(said(&["nftables.delete", "filter", "input", &place])["result"], true);
    refused(&["nftables.delete", "filter", "input", &place], "does not exist");
    assert_eq!(said(&["nftables.delete", "filter", "input", "rule=tcp dport { 21 } drop"])["result"], true);
    refused(&["nftables.append", "filter", "input", "rule=drop; flush ruleset"], "a rule is one order for nft");
    let full = [
        "nftables.build_rule",
        "filter",
        "input",
        "command=insert",
        "position=3",
        "full=True",
        "connstate=new",
        "jump=accept",
    ];
    assert_eq!(said(&full)["rule"], "nft insert rule ip filter input position 3 ct state { new } accept");
    assert_eq!(said(&["nftables.flush", "filter"]), told(true, "Flushed rules from table filter in family ipv4."));
    assert_eq!(said(&["nftables.delete_chain", "filter", "input"])["result"], true);
    assert_eq!(said(&["nftables.check_chain", "filter", "input"])["result"], false);
    assert_eq!(said(&["nftables.delete_table", "filter"])["result"], true);
    refused(&["nftables.delete_table", "filter"], "Table filter in family ipv4 does not exist");
}
