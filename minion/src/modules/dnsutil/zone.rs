//! `dnsutil.*` about zones: reading the file of one, and the number that says how new it is.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult, Facts, Function};
use fleet_common::value::{Map, Value, python};
use jiff::Zoned;

use crate::cx::{Act, Look, Module};
use crate::modules::tool;

/// The module.
pub const MODULE: Module = Module {
    name: "dnsutil",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "parse_zone",
            "What the file of a zone says: its head, and its records by kind.",
            "dnsutil.parse_zone /var/lib/bind/example.org",
            Zone::ROWS,
            parse_zone,
        ),
        Function::changes(
            "serial",
            "The number of a zone, from the date; with `update` the next one, kept as the grain `dnsserial_ZONE`.",
            "dnsutil.serial example.org update=True",
            Serial::ROWS,
            serial,
        ),
    ],
};

args! {
    /// Arguments of `dnsutil.parse_zone`.
    pub struct Zone {
        /// The file.
        zonefile: Option<String> = None,
        /// Its text, instead of reading it.
        zone: Option<String> = None,
    }
}

args! {
    /// Arguments of `dnsutil.serial`.
    pub struct Serial {
        /// The zone; all together unless it is given.
        zone: String = String::new(),
        /// Keep the next number.
        update: bool = false,
    }
}

fn parse_zone(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Zone::bind("dnsutil.parse_zone", arguments)?;
    let text = match (args.zonefile, args.zone) {
        (Some(file), _) => tool::table(Path::new(&file))?,
        (None, text) => text.unwrap_or_default(),
    };
    if text.is_empty() {
        return Ok("Error: Zone data was not found".into());
    }
    Ok(read(&text).into())
}

/// The entries of a text: comments gone, lines joined that brackets hold together. The first word is empty where a line
/// begins with a blank.
fn entries(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut open) = (Vec::new(), false);
    for line in text.lines() {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        let starts_blank = line.starts_with(char::is_whitespace);
        for letter in line.chars() {
            match letter {
                '"' => {
                    quoted = !quoted;
                    word.push(letter);
                }
                ';' if !quoted => break,
                _ if quoted => word.push(letter),
                '(' | ')' => {
                    words.push(std::mem::take(&mut word));
                    words.push(letter.to_string());
                }
                _ if letter.is_whitespace() => words.push(std::mem::take(&mut word)),
                _ => word.push(letter),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        if words.is_empty() {
            continue;
        }
        let goes_on = words.iter().fold(open, |open, word| match word.as_str() {
            "(" => true,
            ")" => false,
            _ => open,
        });
        words.retain(|word| word != "(" && word != ")");
        if !open {
            all.push(Vec::new());
            if starts_blank {
                words.insert(0, String::new());
            }
        }
        if let Some(entry) = all.last_mut() {
            entry.extend(words);
        }
        open = goes_on;
    }
    all
}

/// What the records of a zone say, by kind.
fn read(text: &str) -> Map {
    let mut zone = Map::new();
    let (mut origin, mut owner) = (String::new(), String::new());
    for entry in entries(text) {
        match entry.as_slice() {
            [key, value, ..] if key.starts_with('$') => {
                zone.insert(key.trim_start_matches('$'), value.as_str());
                if key == "$ORIGIN" {
                    origin = value.clone();
                }
                continue;
            }
            [] => continue,
            [name, ..] if !name.is_empty() => owner = whole(name, &origin),
            _ => {}
        }
        let mut words = entry.into_iter().skip(1).peekable();
        let ttl = words.next_if(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        if let Some(network) = words.next_if(|word| matches!(word.as_str(), "IN" | "CH" | "HS")) {
            zone.entry_or_insert_with("NETWORK", || network.into());
        }
        let Some(kind) = words.next() else { continue };
        let data: Vec<String> = words.collect();
        record(&mut zone, &owner, ttl, &kind, &data);
    }
    // Only the head of a zone tells its network.
    if !zone.contains("SOURCE") {
        zone.remove("NETWORK");
    }
    zone
}

fn whole(name: &str, origin: &str) -> String {
    match name {
        "@" => origin.to_owned(),
        _ if name.ends_with('.') || origin.is_empty() => name.to_owned(),
        _ => format!("{name}.{origin}"),
    }
}

fn record(zone: &mut Map, owner: &str, ttl: Option<String>, kind: &str, data: &[String]) {
    let add = |zone: &mut Map, item: Value| {
        let list = zone.entry_or_insert_with(kind, || Value::List(Vec::new()));
        if let Value::List(list) = list {
            list.push(item);
        }
    };
    match (kind, data) {
        ("SOA", [source, contact, numbers @ ..]) => {
            zone.insert("SOURCE", source.as_str());
            zone.insert("CONTACT", contact.replacen('.', "@", 1));
            for (name, number) in ["SERIAL", "REFRESH", "RETRY", "EXPIRE", "MINTTL"].into_iter().zip(numbers) {
                let number = match (name, number.parse::<i64>()) {
                    ("SERIAL", _) | (_, Err(_)) => Value::from(number.as_str()),
                    (_, Ok(number)) => Value::Int(number),
                };
                zone.insert(name, number);
            }
        }
        ("NS", [server, ..]) => add(zone, server.as_str().into()),
        ("MX", [priority, host, ..]) => {
            add(zone, Map::from_iter([("priority", priority.as_str()), ("host", host.as_str())]).into());
        }
        (_, data) => {
            let target = Value::from(data.join(" "));
            let target = match ttl {
                Some(ttl) => Map::from_iter([("TARGET", target), ("TTL", ttl.into())]).into(),
                None => target,
            };
            let of_kind = zone.entry_or_insert_with(kind, || Map::new().into());
            let Value::Map(of_kind) = of_kind else { return };
            match of_kind.get_mut(owner) {
                None => drop(of_kind.insert(owner, target)),
                Some(Value::List(several)) => several.push(target),
                Some(one) => *one = Value::List(vec![std::mem::take(one), target]),
            }
        }
    }
}

fn serial(act: &Act, arguments: Arguments) -> CallResult {
    let Serial { zone, update } = Serial::bind("dnsutil.serial", arguments)?;
    let grain = if zone.is_empty() { "dnsserial".to_owned() } else { format!("dnsserial_{zone}") };
    let today = Zoned::now().strftime("%Y%m%d01").to_string();
    let present = act.look().grains().get(&grain).filter(|present| present.truthy()).cloned();
    if !update {
        return Ok(present.unwrap_or_else(|| today.into()).into());
    }
    let number = present.and_then(|present| python::str_(&present).parse::<u64>().ok());
    let next = match (number, today.parse::<u64>()) {
        (Some(number), Ok(today)) if number >= today => number.saturating_add(1).to_string(),
        _ => today,
    };
    let arguments = Arguments::positional([grain.as_str(), next.as_str()]);
    act.run("grains.setval", arguments)?;
    Ok(next.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read() {
        let zone = read(
            "$ORIGIN e.org.\n@ IN SOA ns. h.e.org. (\n 7 ; serial\n 2 3\n 4 5 )\n IN NS ns1\n@ IN MX 10 m\nw A 10.0.0.1\nw A 10.0.0.2\nx 60 IN TXT \"a; b\"\n",
        );
        let text = |key: &str| zone.get(key).unwrap().as_str().unwrap().to_owned();
        assert_eq!((text("SERIAL"), text("CONTACT"), text("NETWORK")), ("7".into(), "h@e.org.".into(), "IN".into()));
        assert_eq!(zone.get("MINTTL").unwrap().as_int(), Some(5));
        assert_eq!(zone.get("NS").unwrap().as_list().unwrap().len(), 1);
        let addresses = zone.get("A").unwrap().as_map().unwrap();
        assert_eq!(addresses.get("w.e.org.").unwrap().as_list().unwrap().len(), 2);
        let texts = zone.get("TXT").unwrap().as_map().unwrap();
        let told = texts.get("x.e.org.").unwrap().as_map().unwrap();
        assert_eq!(told.get("TARGET").unwrap().as_str(), Some("\"a; b\""));
        assert!(read("(((\n;\n").is_empty());
    }
}
