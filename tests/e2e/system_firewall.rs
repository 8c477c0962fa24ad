//! Cases of `iptables` in a network namespace of their own: predict, apply, compare, apply again, damage, repair.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use fleet_minion::system::command::which;
use fleet_tests::harness::{Finished, program, skip};
use serde_json::Value;

use super::system_states::{Case, Refused};

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

/// A network namespace, and a minion whose calls run in it.
struct Namespace {
    dir: tempfile::TempDir,
    holder: Child,
}

impl Namespace {
    /// A fresh one, or why there can be none here.
    fn new(tool: &str) -> Result<Self, String> {
        if which(tool, None).is_none() {
            return Err(format!("there is no program '{tool}'"));
        }
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let home = dir.path().display();
        std::fs::create_dir(dir.path().join("srv")).map_err(|error| error.to_string())?;
        let settings =
            format!("id: wall\nroot_dir: {home}/root\nfile_client: local\nfile_roots: {{base: [{home}/srv]}}\n");
        std::fs::write(dir.path().join("minion"), settings).map_err(|error| error.to_string())?;
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "echo ready; exec sleep 1000"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        // The namespace is there when its first process speaks.
        let told = BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line);
        let namespace = Self { dir, holder };
        if told.is_err() || line != "ready\n" {
            return Err("no network namespace can be made".to_owned());
        }
        let tried = namespace.run(&[tool, "-S"]);
        if tried.status == 0 { Ok(namespace) } else { Err(format!("{tool}: {}", tried.stderr.trim())) }
    }

    fn run(&self, argv: &[&str]) -> Finished {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id())).arg("--").args(argv);
        Finished::of(&mut command)
    }

    fn home(&self, text: &str) -> String {
        text.replace("HOME", self.dir.path().to_str().unwrap())
    }

    fn shell(&self, line: &str) -> String {
        let finished = self.run(&["sh", "-ec", &self.home(line)]);
        assert_eq!(finished.status, 0, "{line}: {}{}", finished.stdout, finished.stderr);
        finished.stdout
    }

    fn declare(&self, state: &str, declaration: &str) {
        let text = format!("x:\n  {state}: {}\n", self.home(declaration));
        std::fs::write(self.dir.path().join("srv/case.sls"), text).unwrap();
    }

    /// What the kernel filters, and what is kept, without counters and times.
    fn observed(&self) -> String {
        self.shell(
            "for tool in iptables ip6tables; do $tool-save | sed -e '/^#/d' -e 's/ \\[.*//'; done; \
             find HOME -name 'rules*' | sort | xargs -r cat | sed -e '/^#/d' -e 's/ \\[.*//'",
        )
    }

    /// Runs the one chunk; its result.
    fn apply(&self, dry: bool) -> Value {
        let (call, home) = (program("saltcall"), self.dir.path().to_str().unwrap());
        let test = format!("test={dry}");
        let argv = [call.to_str().unwrap(), "-c", home, "--local", "--out", "json", "state.sls", "case", &test];
        let finished = self.run(&argv);
        let chunk = finished.json()["local"].as_object().and_then(|chunks| chunks.values().next()).cloned();
        chunk.unwrap_or_else(|| panic!("{finished:?}"))
    }

    /// Predicts, checks that nothing changed, applies what was predicted, and that nothing is left to do.
    fn converge(&self, case: &Case) -> String {
        let (state, before) = (case.state, self.observed());
        let predicted = self.apply(true);
        assert_eq!(self.observed(), before, "{state}: a dry run changed something");
        assert_eq!(predicted["result"], Value::Null, "{state}: nothing predicted: {predicted}");
        let done = self.apply(false);
        assert_eq!((&done["result"], &done["changes"]), (&Value::Bool(true), &predicted["changes"]), "{state}: {done}");
        let after = self.observed();
        assert_ne!(after, before, "{state}: nothing changed: {done}");
        self.shell(case.holds);
        for dry in [true, false] {
            let again = self.apply(dry);
            let changes = again["changes"].as_object().map(serde_json::Map::len);
            assert_eq!((&again["result"], changes), (&Value::Bool(true), Some(0)), "{state}: {again}");
        }
        assert_eq!(self.observed(), after, "{state}: the second run changed something");
        after
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn filters_of_packets_are_as_predicted() {
    for case in CASES {
        let namespace = match Namespace::new("iptables") {
            Ok(namespace) => namespace,
            Err(why) => return skip("filters_of_packets_are_as_predicted", &why),
        };
        namespace.declare(case.state, case.declaration);
        namespace.shell(case.prepare);
        namespace.converge(case);
        namespace.shell(case.damage);
        namespace.converge(case);
    }
}

#[test]
fn bad_rules_are_refused() {
    let namespace = match Namespace::new("iptables") {
        Ok(namespace) => namespace,
        Err(why) => return skip("bad_rules_are_refused", &why),
    };
    for (_, state, declaration, told) in REFUSED {
        namespace.declare(state, declaration);
        let before = namespace.observed();
        for dry in [true, false] {
            let answer = namespace.apply(dry);
            let comment = answer["comment"].as_str().unwrap_or_default();
            assert!(answer["result"] == false && comment.contains(told), "{state} {declaration}: {answer}");
        }
        assert_eq!(namespace.observed(), before, "{state} {declaration}");
    }
}
