//! Rules as `iptables-save` writes them: read into data, compared, and the file they are kept in.

use std::path::{Path, PathBuf};

use fleet_common::call::CallError;
use fleet_common::value::{Map, Value};

use super::Family;
use crate::modules::cmd::split_words;

/// Names of options in data, where they are not the option's own.
const NAMES: &[(&str, &str)] = &[
    ("-p", "protocol"),
    ("-s", "source"),
    ("-d", "destination"),
    ("-j", "jump"),
    ("-g", "goto"),
    ("-i", "in-interface"),
    ("-o", "out-interface"),
    ("-f", "fragment"),
    ("-m", "match"),
    ("--dport", "destination_port"),
    ("--sport", "source_port"),
    ("--dports", "destination-ports"),
    ("--sports", "source-ports"),
];

/// The file that rules are kept in on this system.
pub fn saved_file(family: Family) -> PathBuf {
    let four = family == Family::Four;
    let name = match Path::new("/etc/sysconfig").is_dir() {
        true if four => "/etc/sysconfig/iptables",
        true => "/etc/sysconfig/ip6tables",
        false if four => "/etc/iptables/rules.v4",
        false => "/etc/iptables/rules.v6",
    };
    PathBuf::from(name)
}

/// True if both texts hold the same rules; comments and counters are none.
pub fn same_rules(left: &str, right: &str) -> bool {
    let rules = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| line.split(" [").next().unwrap_or(line).to_owned()).collect()
    };
    rules(left) == rules(right)
}

/// Rules by table and chain.
pub fn listed(text: &str) -> Result<Map, CallError> {
    let mut tables = Map::new();
    let mut table = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.trim().to_owned();
            tables.insert(table.as_str(), Map::new());
        } else if let Some(chain) = line.strip_prefix(':') {
            let words: Vec<&str> = chain.split_whitespace().collect();
            let [name, policy, counters @ ..] = words.as_slice() else { continue };
            let counted = counters.first().map(|counters| counters.trim_matches(['[', ']'])).unwrap_or("0:0");
            let (packets, bytes) = counted.split_once(':').unwrap_or(("0", "0"));
            let mut about = Map::from_iter([("policy", *policy), ("packet count", packets), ("byte count", bytes)]);
            about.insert("rules", Value::List(Vec::new()));
            about.insert("rules_comment", Map::new());
            if let Some(Value::Map(chains)) = tables.get_mut(&table) {
                chains.insert(*name, about);
            }
        } else if line.starts_with("-A ") {
            let words = split_words(line)?;
            let Some(name) = words.get(1) else { continue };
            let rule = rule(&words[2..]);
            let chain = tables.get_mut(&table).and_then(Value::as_map_mut).and_then(|chains| chains.get_mut(name));
            let Some(chain) = chain.and_then(Value::as_map_mut) else { continue };
            let comment = rule.get("comment").and_then(Value::as_list).and_then(|texts| texts.first()).cloned();
            if let (Some(comment), Some(Value::Map(remarked))) = (comment, chain.get_mut("rules_comment")) {
                remarked.insert(comment, rule.clone());
            }
            if let Some(Value::List(rules)) = chain.get_mut("rules") {
                rules.push(rule.into());
            }
        }
    }
    Ok(tables)
}

/// The options of one rule with their values.
fn rule(words: &[String]) -> Map {
    let mut rule = Map::new();
    let (mut inverted, mut place) = (false, 0);
    while let Some(word) = words.get(place) {
        place += 1;
        if word == "!" {
            inverted = true;
            continue;
        }
        let rest = words[place..].iter();
        let values: Vec<&str> = rest.take_while(|word| *word != "!" && !is_option(word)).map(String::as_str).collect();
        place += values.len();
        let known = NAMES.iter().find(|(option, _)| option == word).map(|(_, name)| *name);
        let name = known.unwrap_or(word.trim_start_matches('-'));
        let value = format!("{}{}", if inverted { "! " } else { "" }, values.join(" "));
        inverted = false;
        if let Value::List(list) = rule.entry_or_insert_with(name, || Value::List(Vec::new())) {
            list.push(value.into());
        }
    }
    rule
}

fn is_option(word: &str) -> bool {
    word.starts_with("--") || (word.len() == 2 && word.starts_with('-') && !word.ends_with(char::is_numeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Generated\n*filter\n:INPUT DROP [1:2]\n:X - [0:0]\n\
        -A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -m comment --comment \"a b\" -j ACCEPT\n\
        -A INPUT -p tcp -m multiport ! --dports 80,443 --tcp-flags SYN,ACK SYN -f -j LOG --log-prefix \"x y \"\nCOMMIT\n";

    #[test]
    fn rules_are_read_as_the_reference_does() {
        let read = listed(TEXT).unwrap();
        let input = read.get("filter").unwrap().get("INPUT").unwrap();
        assert_eq!(input.get("policy").unwrap().as_str(), Some("DROP"));
        assert_eq!(input.get("packet count").unwrap().as_str(), Some("1"));
        let rules = input.get("rules").unwrap().as_list().unwrap();
        let first =
            |rule: &Value, name: &str| rule.get(name).unwrap().as_list().unwrap()[0].as_str().unwrap().to_owned();
        assert_eq!(
            (first(&rules[0], "destination_port"), first(&rules[0], "comment")),
            ("22".to_owned(), "a b".to_owned())
        );
        assert_eq!(first(&rules[1], "destination-ports"), "! 80,443");
        assert_eq!(
            (first(&rules[1], "tcp-flags"), first(&rules[1], "fragment")),
            ("SYN,ACK SYN".to_owned(), String::new())
        );
        assert_eq!(first(&rules[1], "log-prefix"), "x y ");
        assert!(input.get("rules_comment").unwrap().get("a b").is_some());
    }

    #[test]
    fn counters_are_no_difference() {
        assert!(same_rules(TEXT, &TEXT.replace("[1:2]", "[7:8]").replace("# Generated\n", "")));
        assert!(!same_rules(TEXT, &TEXT.replace("DROP", "ACCEPT")));
    }
}
