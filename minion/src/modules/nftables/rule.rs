//! A rule from arguments by name, in the words of `nft`.

use fleet_common::call::CallError;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::Family;

/// Words that say where a rule goes or what becomes of it, and are no part of it.
const OTHER: &[&str] = &["name", "table", "chain", "command", "position", "full", "family", "save", "rules", "__agg__"];
/// What a rule can have, in the order in which it is written.
const PARTS: &[&str] = &[
    "if",
    "of",
    "source",
    "saddr",
    "destination",
    "daddr",
    "match",
    "connstate",
    "state",
    "counter",
    "proto",
    "dport",
    "dports",
    "sport",
    "sports",
    "log",
    "log-prefix",
    "jump",
    "to-port",
    "to-destination",
    "to-source",
    "comment",
];
/// Verdicts and statements that `jump` may name; anything else is a chain.
const VERDICTS: &[&str] =
    &["accept", "drop", "reject", "queue", "continue", "return", "log", "masquerade", "redirect", "dnat", "snat"];

/// A rule as a person typed it: one order, so nothing may end it.
pub fn typed(rule: &str) -> Result<&str, CallError> {
    let mut quoted = false;
    let ends = rule.chars().any(|c| {
        quoted ^= c == '"';
        matches!(c, '\n' | '\r' | '\0') || (c == ';' && !quoted)
    });
    if rule.trim().is_empty() || ends || quoted {
        return Err(CallError::Invocation(format!("a rule is one order for nft, not {rule:?}")));
    }
    Ok(rule.trim())
}

/// The rule that these arguments describe.
pub fn build(family: &Family, arguments: &Map) -> Result<String, CallError> {
    let mut words = Vec::new();
    let known = |key: &str| PARTS.contains(&key) || OTHER.contains(&key);
    if let Some(other) = arguments.keys().map(str_).find(|key| !known(key)) {
        return Err(CallError::Invocation(format!("'{other}' cannot be a part of a rule: {}", PARTS.join(", "))));
    }
    let given = |name: &str| arguments.get(name).filter(|value| !matches!(value, Value::Null | Value::Bool(false)));
    let one = |names: &[&str]| names.iter().find_map(|name| given(name).map(|value| elements(name, value))).transpose();
    let flag = |name: &str| given(name).is_some_and(|value| *value == Value::Bool(true));
    for (name, word) in [("if", "iifname"), ("of", "oifname")] {
        if let Some(links) = one(&[name])? {
            words.push(format!("meta {word} {}", compared(&links)));
        }
    }
    for (names, word) in [(["source", "saddr"], "saddr"), (["destination", "daddr"], "daddr")] {
        if let Some(nets) = one(&names)? {
            words.push(format!("{} {word} {}", family.addresses(), compared(&nets)));
        }
    }
    if let Some(states) = one(&["connstate", "state"])? {
        words.push(format!("ct state {{ {} }}", states.join(",").to_lowercase()));
    }
    if given("counter").is_some() {
        words.push("counter".to_owned());
    }
    let proto = one(&["proto"])?.map(|list| list.join(","));
    let ports = [(one(&["dport", "dports"])?, "dport"), (one(&["sport", "sports"])?, "sport")];
    if let (Some(proto), true) = (&proto, ports.iter().all(|(list, _)| list.is_none())) {
        words.push(format!("meta l4proto {proto}"));
    }
    for (list, word) in ports {
        let Some(list) = list else { continue };
        let proto = proto.as_deref();
        let proto = proto.ok_or_else(|| CallError::Invocation(format!("{word} needs proto: tcp, udp or the like")))?;
        words.push(format!("{proto} {word} {{ {} }}", list.join(",").replace(':', "-")));
    }
    let prefix = given("log-prefix").map(|text| quoted("log-prefix", text)).transpose()?;
    let jump = given("jump").map(str_);
    if flag("log") || prefix.is_some() || jump.as_deref().is_some_and(|jump| jump.eq_ignore_ascii_case("log")) {
        words.push(prefix.map_or("log".to_owned(), |prefix| format!("log prefix {prefix}")));
    }
    words.extend(target(jump, one(&["to-port"])?, one(&["to-destination", "to-source"])?)?);
    if let Some(comment) = given("comment") {
        words.push(format!("comment {}", quoted("comment", comment)?));
    }
    Ok(words.join(" "))
}

/// What becomes of the packets.
fn target(
    jump: Option<String>,
    port: Option<Vec<String>>,
    to: Option<Vec<String>>,
) -> Result<Option<String>, CallError> {
    let Some(jump) = jump else { return Ok(port.map(|port| format!("redirect to :{}", port.join(",")))) };
    let verdict = jump.to_lowercase();
    if !VERDICTS.contains(&verdict.as_str()) {
        let chain = elements("jump", &Value::from(jump))?;
        return Ok(Some(format!("jump {}", chain.join(","))));
    }
    Ok(match (verdict.as_str(), port, to) {
        ("log", _, _) => None,
        (_, Some(port), _) => Some(format!("{verdict} to :{}", port.join(","))),
        (_, None, Some(to)) => Some(format!("{verdict} to {}", to.join(","))),
        _ => Some(verdict),
    })
}

/// The texts of a list, or of a text with commas: each one word of the program's language.
fn elements(name: &str, value: &Value) -> Result<Vec<String>, CallError> {
    let texts: Vec<String> = match value {
        Value::List(items) => items.iter().map(str_).collect(),
        Value::Map(_) => return Err(CallError::Invocation(format!("'{name}' of a rule is a text or a list of texts"))),
        other => str_(other).split(',').map(str::to_owned).collect(),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.:/-@*!".contains(c);
    let texts: Vec<String> = texts.into_iter().map(|text| text.trim().to_owned()).collect();
    match texts.iter().find(|text| text.is_empty() || text.starts_with('-') || !text.chars().all(fits)) {
        Some(wrong) => Err(CallError::Invocation(format!("'{name}' of a rule cannot be {wrong:?}"))),
        None => Ok(texts),
    }
}

/// One value as it is, several as a set; `!` before the first means all others.
fn compared(values: &[String]) -> String {
    let all = values.join(",");
    let (sign, all) = all.strip_prefix('!').map_or(("", all.as_str()), |rest| ("!= ", rest.trim_start()));
    if values.len() > 1 { format!("{sign}{{ {all} }}") } else { format!("{sign}{all}") }
}

fn quoted(name: &str, value: &Value) -> Result<String, CallError> {
    let text = str_(value);
    if text.contains(['"', '\n', '\r', '\0', '\\']) {
        return Err(CallError::Invocation(format!("'{name}' of a rule is one line without quotes, not {text:?}")));
    }
    Ok(format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use fleet_common::yaml;

    use super::*;

    fn built(text: &str) -> Result<String, CallError> {
        let value = yaml::load(text, "rule").unwrap().value;
        build(&Family::named("ipv4").unwrap(), value.as_map().unwrap())
    }

    #[test]
    fn parts_stand_in_the_order_of_the_reference() {
        let full = "{proto: tcp, sport: '1025:65535', dport: '80,443', saddr: 10.0.0.1, destination: 10.1.1.1, if: eth0, \
                    of: eth1, jump: DROP, connstate: NEW, counter: true, match: state}";
        let wanted = "meta iifname eth0 meta oifname eth1 ip saddr 10.0.0.1 ip daddr 10.1.1.1 ct state { new } counter \
                      tcp dport { 80,443 } tcp sport { 1025-65535 } drop";
        assert_eq!(built(full).unwrap(), wanted);
        assert_eq!(built("{jump: WEB}").unwrap(), "jump WEB");
        assert_eq!(
            built("{proto: icmp, source: '!10.0.0.0/8', jump: accept}").unwrap(),
            "ip saddr != 10.0.0.0/8 meta l4proto icmp accept"
        );
        assert_eq!(
            built("{proto: tcp, dport: 80, jump: redirect, to-port: 8080}").unwrap(),
            "tcp dport { 80 } redirect to :8080"
        );
        assert_eq!(
            built("{jump: log, log-prefix: a b, comment: it's}").unwrap(),
            "log prefix \"a b\" comment \"it's\""
        );
    }

    #[test]
    fn values_are_words_and_never_more() {
        let wrong = [
            "{dport: 80}",
            "{bogus: 1, jump: drop}",
            "{source: '1; flush ruleset'}",
            "{comment: 'a\"b'}",
            "{jump: 'a}b'}",
            "{source: {a: b}}",
            "{if: ''}",
        ];
        assert!(wrong.iter().all(|rule| built(rule).is_err()), "{wrong:?}");
        assert!(["a; flush ruleset", "", "a\nb", "log prefix \"a"].iter().all(|rule| typed(rule).is_err()));
        assert_eq!(typed(" log prefix \"a;b\" ").unwrap(), "log prefix \"a;b\"");
    }
}
