//! A rule from arguments by name, in the words of `iptables`.

use fleet_common::call::CallError;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use crate::modules::cmd::split_words;

/// Words that say where a rule goes or what becomes of it, and are no part of it.
const OTHER: &[&str] = &["name", "table", "chain", "command", "position", "full", "family", "save", "rules", "__agg__"];
/// Options whose value is several words.
const WORDS: &[&str] = &["tcp-flags", "match-set", "set-counters", "add-set", "del-set", "map-set", "u32"];
/// Options whose value is a text for people, in quotes.
const QUOTED: &[&str] = &["comment", "log-prefix", "nflog-prefix", "ulog-prefix", "string"];
/// Options of targets: they stand behind the jump to their target.
const OF_TARGETS: &[(&str, &[&str])] = &[
    ("AUDIT", &["type"]),
    ("CHECKSUM", &["checksum-fill"]),
    ("CLASSIFY", &["set-class"]),
    ("CONNMARK", MARKS),
    ("CONNSECMARK", &["save", "restore"]),
    ("CT", &["notrack", "helper", "ctevents", "expevents", "zone", "zone-orig", "zone-reply", "timeout"]),
    ("DNAT", &["to-destination", "random", "persistent"]),
    ("DNPT", &["src-pfx", "dst-pfx"]),
    ("DSCP", &["set-dscp", "set-dscp-class"]),
    ("ECN", &["ecn-tcp-remove"]),
    ("HL", &["hl-set", "hl-dec", "hl-inc"]),
    ("IDLETIMER", &["timeout", "label", "alarm"]),
    ("LED", &["led-trigger-id", "led-delay", "led-always-blink"]),
    (
        "LOG",
        &[
            "log-level",
            "log-prefix",
            "log-tcp-sequence",
            "log-tcp-options",
            "log-ip-options",
            "log-uid",
            "log-macdecode",
        ],
    ),
    ("MARK", MARKS),
    ("MASQUERADE", &["to-port", "to-ports", "random", "random-fully"]),
    ("NETMAP", &["to"]),
    ("NFLOG", &["nflog-group", "nflog-prefix", "nflog-range", "nflog-size", "nflog-threshold"]),
    ("NFQUEUE", &["queue-num", "queue-balance", "queue-bypass", "queue-cpu-fanout"]),
    ("RATEEST", &["rateest-name", "rateest-interval", "rateest-ewmalog"]),
    ("REDIRECT", &["to-port", "to-ports", "random"]),
    ("REJECT", &["reject-with"]),
    ("SECMARK", &["selctx"]),
    ("SET", &["add-set", "del-set", "map-set", "timeout", "exist", "map-mark", "map-prio", "map-queue"]),
    ("SNAT", &["to-source", "random", "random-fully", "persistent"]),
    ("SNPT", &["src-pfx", "dst-pfx"]),
    ("SYNPROXY", &["mss", "wscale", "sack-perm", "timestamp", "ecn"]),
    ("TCPMSS", &["set-mss", "clamp-mss-to-pmtu"]),
    ("TCPOPTSTRIP", &["strip-options"]),
    ("TEE", &["gateway"]),
    ("TOS", &["set-tos", "and-tos", "or-tos", "xor-tos"]),
    ("TPROXY", &["on-port", "on-ip", "tproxy-mark"]),
    ("TTL", &["ttl-set", "ttl-dec", "ttl-inc"]),
];
const MARKS: &[&str] = &[
    "set-mark",
    "set-xmark",
    "and-mark",
    "or-mark",
    "xor-mark",
    "save-mark",
    "restore-mark",
    "nfmask",
    "ctmask",
    "mask",
    "left-shift-mark",
    "right-shift-mark",
];

/// A rule: words for the program, never for a shell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    words: Vec<(String, bool)>,
}

impl Rule {
    /// A rule as a person typed it.
    pub fn typed(text: &str) -> Result<Self, CallError> {
        Ok(Self { words: split_words(text)?.into_iter().map(|word| (word, false)).collect() })
    }

    /// The rule that these arguments describe.
    pub fn build(arguments: &Map) -> Result<Self, CallError> {
        let mut given: Vec<(String, Vec<String>)> = Vec::new();
        for (key, value) in arguments {
            let key = key.as_str().unwrap_or_default();
            if OTHER.contains(&key) {
                continue;
            }
            if let Some(values) = values(key, value)? {
                given.push((key.to_owned(), values));
            }
        }
        let mut rule = Self::default();
        rule.matches(&mut given);
        rule.rest(given);
        Ok(rule)
    }

    /// What says which packets are looked at by which extension; it stands before the options of extensions.
    fn matches(&mut self, given: &mut Vec<(String, Vec<String>)>) {
        let mut take = |names: &[&str]| {
            let at = given.iter().position(|(name, _)| names.contains(&name.as_str()))?;
            Some(given.remove(at).1)
        };
        for (name, option) in [("if", "-i"), ("of", "-o")] {
            if let Some(values) = take(&[name]) {
                self.option(option, &values.join(","), false);
            }
        }
        if let Some(values) = take(&["proto", "protocol"]) {
            self.option("-p", &values.join(","), false);
        }
        let mut loaded = take(&["match"]).unwrap_or_default();
        for name in &loaded {
            self.option("-m", name, false);
        }
        for set in take(&["match-set"]).unwrap_or_default() {
            self.option("-m", "set", false);
            self.option("--match-set", &set, false);
        }
        let mut load = |rule: &mut Self, name: &str| {
            if !loaded.iter().any(|known| known == name) {
                rule.option("-m", name, false);
                loaded.push(name.to_owned());
            }
        };
        if let Some(states) = take(&["connstate", "state"]) {
            load(self, "state");
            self.option("--state", &states.join(","), false);
        }
        for name in ["dport", "sport"] {
            if let Some(values) = take(&[name]) {
                self.option(&format!("--{name}"), &values.join(","), false);
            }
        }
        for name in ["dports", "sports", "ports"] {
            if let Some(values) = take(&[name]) {
                load(self, "multiport");
                self.option(&format!("--{name}"), &values.join(","), false);
            }
        }
        if let Some(values) = take(&["comment"]) {
            load(self, "comment");
            self.option("--comment", &values.join(","), true);
        }
    }

    /// Everything else as it is named, the jump, and what belongs to its target.
    fn rest(&mut self, given: Vec<(String, Vec<String>)>) {
        const JUMPS: &[&str] = &["jump", "j", "goto", "g"];
        let target =
            given.iter().find(|(name, _)| JUMPS.contains(&name.as_str())).and_then(|(_, values)| values.first());
        let belongs = |name: &str| {
            let of = OF_TARGETS.iter().find(|(known, _)| target.is_some_and(|target| target == known));
            of.is_some_and(|(_, options)| options.contains(&name))
        };
        let (mut behind, before): (Vec<_>, Vec<_>) =
            given.iter().partition(|(name, _)| JUMPS.contains(&name.as_str()) || belongs(name));
        behind.sort_by_key(|(name, _)| (!JUMPS.contains(&name.as_str()), name.clone()));
        for (name, values) in before.into_iter().chain(behind) {
            let option = if name.chars().count() == 1 { format!("-{name}") } else { format!("--{name}") };
            self.option(&option, &values.join(","), QUOTED.contains(&name.as_str()));
        }
    }

    fn option(&mut self, option: &str, value: &str, quoted: bool) {
        let value = match value.strip_prefix('!').filter(|_| !quoted) {
            Some(rest) => {
                self.words.push(("!".to_owned(), false));
                rest.trim_start()
            }
            None => value,
        };
        self.words.push((option.to_owned(), false));
        if quoted {
            self.words.push((value.to_owned(), true));
        } else if WORDS.contains(&option.trim_start_matches('-')) {
            self.words.extend(value.split_whitespace().map(|word| (word.to_owned(), false)));
        } else if !value.is_empty() {
            self.words.push((value.to_owned(), value.contains(char::is_whitespace)));
        }
    }

    /// Words for the program.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|(word, _)| word.as_str())
    }

    /// The rule as people read it.
    pub fn shown(&self) -> String {
        let words = self.words.iter().map(|(word, quoted)| if *quoted { format!("\"{word}\"") } else { word.clone() });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// The values of an argument; `None` for one that says no.
fn values(key: &str, value: &Value) -> Result<Option<Vec<String>>, CallError> {
    let list = match value {
        Value::Bool(false) => return Ok(None),
        Value::Null | Value::Bool(true) => vec![String::new()],
        Value::List(items) => items.iter().map(str_).collect(),
        Value::Map(_) => return Err(CallError::Invocation(format!("'{key}' of a rule is a text or a list of texts"))),
        other => vec![str_(other)],
    };
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) || key.starts_with('-') {
        return Err(CallError::Invocation(format!("{key:?} cannot be a part of a rule")));
    }
    if list.iter().any(|value| value.contains(['\0', '\n'])) {
        return Err(CallError::Invocation(format!("'{key}' of a rule is one line of text")));
    }
    let split = |value: &String| value.split(',').map(|part| part.trim().to_owned()).collect();
    Ok(Some(match (key, list.as_slice()) {
        ("match", [one]) => split(one),
        _ => list,
    }))
}

#[cfg(test)]
mod tests {
    use fleet_common::yaml;

    use super::*;

    fn built(text: &str) -> String {
        let value = yaml::load(text, "rule").unwrap().value;
        Rule::build(value.as_map().unwrap()).unwrap().shown()
    }

    /// What the reference builds of the same arguments.
    #[test]
    fn rules_are_built_as_the_reference_does() {
        const KNOWN: &[(&str, &str)] = &[
            ("{match: recent, position: 3, table: filter}", "-m recent"),
            (
                "{match: state, connstate: 'RELATED,ESTABLISHED', jump: ACCEPT}",
                "-m state --state RELATED,ESTABLISHED --jump ACCEPT",
            ),
            (
                "{match: [comment, state], comment: a b, connstate: NEW, dport: 22, proto: tcp, source: 10.0.0.0/8, destination: '!1.2.3.4', sport: '1024:65535', jump: ACCEPT}",
                "-p tcp -m comment -m state --state NEW --dport 22 --sport 1024:65535 --comment \"a b\" --source 10.0.0.0/8 ! --destination 1.2.3.4 --jump ACCEPT",
            ),
            ("{dports: [80, 443], protocol: tcp, jump: ACCEPT}", "-p tcp -m multiport --dports 80,443 --jump ACCEPT"),
            (
                "{dports: '!80,443', proto: '!tcp', jump: ACCEPT}",
                "! -p tcp -m multiport ! --dports 80,443 --jump ACCEPT",
            ),
            (
                "{sports: [80, 443], dports: [1, 2], protocol: tcp, jump: ACCEPT}",
                "-p tcp -m multiport --dports 1,2 --sports 80,443 --jump ACCEPT",
            ),
            (
                "{in-interface: eth0, out-interface: eth1, jump: ACCEPT}",
                "--in-interface eth0 --out-interface eth1 --jump ACCEPT",
            ),
            ("{i: '!eth0', p: '!udp', jump: ACCEPT}", "! -i eth0 ! -p udp --jump ACCEPT"),
            ("{if: eth0, of: eth1, g: OTHER}", "-i eth0 -o eth1 -g OTHER"),
            ("{jump: LOG, log-prefix: 'my pre', log-level: 4}", "--jump LOG --log-level 4 --log-prefix \"my pre\""),
            ("{jump: MASQUERADE, to-port: 1, random: ''}", "--jump MASQUERADE --random --to-port 1"),
            (
                "{match-set: [foo src, '!bar dst'], jump: ACCEPT}",
                "-m set --match-set foo src -m set ! --match-set bar dst --jump ACCEPT",
            ),
            (
                "{match: limit, limit: 5/m, limit-burst: 7, jump: ACCEPT}",
                "-m limit --limit 5/m --limit-burst 7 --jump ACCEPT",
            ),
            ("{jump: MARK, set-mark: 1, mark: 2}", "--mark 2 --jump MARK --set-mark 1"),
            ("{match: conntrack, ctstate: NEW, save: true, jump: ACCEPT}", "-m conntrack --ctstate NEW --jump ACCEPT"),
        ];
        for (arguments, wanted) in KNOWN {
            assert_eq!(built(arguments), *wanted, "{arguments}");
        }
    }

    #[test]
    fn values_are_words_and_never_more() {
        let rule = |text: &str| {
            let value = yaml::load(text, "rule").unwrap().value;
            Rule::build(value.as_map().unwrap()).map(|rule| rule.words().map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(rule("{comment: '\"; reboot'}").unwrap(), ["-m", "comment", "--comment", "\"; reboot"]);
        assert_eq!(rule("{tcp-flags: ALL NONE}").unwrap(), ["--tcp-flags", "ALL", "NONE"]);
        assert_eq!(rule("{syn: true, fragment: false}").unwrap(), ["--syn"]);
        assert!(rule("{source: {a: b}}").is_err() && rule("{'a b': c}").is_err());
    }
}
