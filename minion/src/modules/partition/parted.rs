//! The program `parted`: what it is told, and what it prints for programs to read.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use fleet_common::call::CallError;
use fleet_common::value::{Map, Value};

use crate::cx::Act;
use crate::modules::tool;

/// What is said of a disk, in the order of the program.
const DISK: [&str; 8] =
    ["disk", "size", "interface", "logical sector", "physical sector", "partition table", "model", "disk flags"];
/// What is said of a partition, in the order of the program.
const PARTITION: [&str; 7] = ["number", "start", "end", "size", "file system", "name", "flags"];

/// A device that is there and made of blocks.
pub fn device(path: &str) -> Result<&str, CallError> {
    let wrong = |why: &str| Err(CallError::Invocation(format!("{path}: {why}: give a disk such as /dev/sda")));
    match std::fs::metadata(path) {
        _ if !Path::new(path).is_absolute() => wrong("this is no path of a device"),
        Err(_) => wrong("there is no such device"),
        Ok(found) if !found.file_type().is_block_device() => wrong("this is no device of blocks"),
        Ok(_) => Ok(path),
    }
}

/// One word of the program's language: it would take what follows a blank for the next command.
pub fn word<'t>(what: &str, text: &'t str) -> Result<&'t str, CallError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+-_.%".contains(c);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(is_plain) {
        return Err(CallError::Invocation(format!("{what} is one word of letters and digits, not {text:?}")));
    }
    Ok(text)
}

/// A place on a disk: a number, with a unit behind it or not; megabytes by default.
pub fn place<'t>(what: &str, text: &'t str) -> Result<&'t str, CallError> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    if number.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0) {
        return word(what, text);
    }
    Err(CallError::Invocation(format!("{what} is a number such as 20 (megabytes), 2048s or 50%, not {text:?}")))
}

/// A name in the program's quotes.
pub fn quoted(name: &str) -> Result<String, CallError> {
    tool::one_line("the name of a partition", name)?;
    match (name.contains('\''), name.contains(['"', '\\'])) {
        (false, _) if !name.contains('\\') => Ok(format!("'{name}'")),
        (true, false) => Ok(format!("\"{name}\"")),
        _ => {
            Err(CallError::Invocation(format!("parted can't be told the name {name:?}: leave out one kind of quotes")))
        }
    }
}

/// Reads with the program; what it printed for programs.
fn read(device: &str, words: &[&str]) -> Result<String, CallError> {
    let argv = [&["parted", "--machine", "--script", "--", device], words].concat();
    let finished = tool::run(&argv)?;
    let said = finished.out();
    // A disk without partitions is an answer too, and the program calls it a failure.
    if finished.status != 0 && said.starts_with("BYT;") && finished.err().contains("unrecognised disk label") {
        return Ok(said);
    }
    tool::succeeded("parted", &finished).and_then(known)
}

/// Words that begin no command are answered with the program's help, and a success.
fn known(said: String) -> Result<String, CallError> {
    if said.starts_with("Usage:") {
        return Err(CallError::Failed(
            "parted: this one has no such command (parted 3.0 lost what is about file systems: see fsck, dd and resize2fs)"
                .to_owned(),
        ));
    }
    Ok(said)
}

/// Gives the program a command that may change the disk; the lines that it printed.
pub fn change(_act: &Act, device: &str, words: &[&str]) -> Result<Value, CallError> {
    let argv = [&["parted", "--machine", "--script", "--", device], words].concat();
    Ok(lines(&known(tool::output(&argv)?)?))
}

/// The lines that the program printed to a command that reads.
pub fn look(device: &str, words: &[&str]) -> Result<Value, CallError> {
    Ok(lines(&read(device, words)?))
}

/// True if a partition begins where the disk likes it: the program's status says so, and nothing else.
pub fn is_aligned(device: &str, kind: &str, partition: i64) -> Result<bool, CallError> {
    let finished = tool::run(&["parted", "--script", "--", device, "align-check", kind, &partition.to_string()])?;
    if finished.status == 1 && finished.said().is_empty() {
        return Ok(false);
    }
    tool::succeeded("parted", &finished).map(|_| true)
}

/// Lines of a text, as values.
pub fn lines(said: &str) -> Value {
    said.lines().map(Value::from).collect()
}

/// A disk and its partitions by number, in a unit.
pub fn list(device: &str, unit: Option<&str>) -> Result<Map, CallError> {
    let mut words: Vec<&str> = unit.map_or(Vec::new(), |unit| vec!["unit", unit]);
    words.push("print");
    parse(&read(device, &words)?)
}

fn parse(said: &str) -> Result<Map, CallError> {
    let unread = || CallError::Failed(format!("parted: this is not what was asked for: {said:?}"));
    let mut lines = said.lines().map(|line| line.trim().trim_end_matches(';'));
    let mode = lines.next().ok_or_else(unread)?;
    if !["BYT", "CHS", "CYL"].contains(&mode) {
        return Err(unread());
    }
    let named = |names: &[&'static str], line: &str| -> Option<Map> {
        let parts: Vec<&str> = line.split(':').collect();
        // The last parts may be missing; more than are known means that the line is something else.
        (parts.len() <= names.len() && parts.len() > 1).then(|| {
            names.iter().enumerate().map(|(at, name)| (*name, parts.get(at).copied().unwrap_or_default())).collect()
        })
    };
    let info = named(&DISK, lines.next().ok_or_else(unread)?).ok_or_else(unread)?;
    // Cylinders and the like: what a cylinder is stands before the partitions.
    let rest = lines.skip(usize::from(mode != "BYT"));
    let mut partitions = Map::new();
    for line in rest.filter(|line| !line.is_empty()) {
        let partition = named(&PARTITION, line).ok_or_else(unread)?;
        let number = partition.get("number").cloned().unwrap_or_default();
        partitions.insert(number, partition);
    }
    Ok(Map::from_iter([("info", info), ("partitions", partitions)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_read_in_every_unit() {
        let bytes = "BYT;\n/dev/x:67.1MB:loopback:512:512:gpt:Loopback device:pmbr_boot;\n\
                     1:1049kB:19.9MB:18.9MB:ext4:My Docs:boot, esp;\n";
        let found = Value::Map(parse(bytes).unwrap());
        assert_eq!(found.get("info").unwrap().get("disk flags"), Some(&"pmbr_boot".into()));
        assert_eq!(found.get("partitions").unwrap().get("1").unwrap().get("flags"), Some(&"boot, esp".into()));
        let cylinders =
            "CYL;\n/dev/x:257cyl:loopback:512:512:gpt:Loopback device:;\n257:255:2:261kB;\n1:4cyl:76cyl:72cyl:::;\n";
        let found = Value::Map(parse(cylinders).unwrap());
        assert_eq!(found.get("partitions").unwrap().as_map().unwrap().len(), 1);
        for wrong in ["", "nonsense", "BYT;", "BYT;\nx;", "BYT;\n/dev/x:1:2:3:4:5:6:7:8:9;"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_stay_words() {
        assert!(word("a", "linux-swap").is_ok() && word("a", "hfs+").is_ok());
        assert!(["", "a b", "-x", "a;b", "a\n"].iter().all(|text| word("a", text).is_err()));
        assert!(["20", "2048s", "50%", "1.5GiB"].iter().all(|text| place("a", text).is_ok()));
        assert!(["", "x", "-1", "1 2", "rm", "NaN", "inf"].iter().all(|text| place("a", text).is_err()));
        assert_eq!(quoted("My Docs").unwrap(), "'My Docs'");
        assert_eq!(quoted("it's").unwrap(), "\"it's\"");
        assert!(quoted("it's \"x\"").is_err() && quoted("a\\").is_err() && quoted("a\nb").is_err());
    }
}
