//! `file.find`: entries below a directory by name, type, size, age and owner.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult, FromValue, Function};
use fleet_common::pattern::{Flags, Pattern};
use fleet_common::target::glob;
use fleet_common::value::{Map, Value};

use super::owner;
use super::path::expand;
use crate::cx::{Look, Module};
use crate::system::user::Accounts;

/// The function.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[Function::reads(
        "find",
        "Entries below a directory that fit all options: name, iname, regex, iregex, type, size, mtime, owner, group, maxdepth, mindepth, print.",
        "file.find /var/log name='*.log' size=+10m mtime=+30d print=path,size",
        Find::ROWS,
        find,
    )],
};

args! {
    /// Arguments of `file.find`.
    pub struct Find {
        /// Where to look.
        path: String,
        /// Not used.
        *args: Vec<Value>,
        /// The options.
        **kwargs: Map,
    }
}

/// Directories below each other that are walked at most.
const DEEPEST: usize = 256;
/// Options that exist in the field but not here yet.
const LATER: &[&str] = &["delete", "exec", "grep"];

#[derive(Default)]
struct Wanted {
    tests: Vec<Test>,
    print: Vec<String>,
    deepest: Option<usize>,
    shallowest: usize,
}

enum Test {
    Name(String, bool),
    Path(Box<Pattern>),
    Kind(String),
    Size(Range),
    Age(Range),
    Owner(Vec<u32>),
    Group(Vec<u32>),
}

/// From and to, both included.
struct Range(u64, u64);

fn find(look: &Look, arguments: Arguments) -> CallResult {
    let args = Find::bind("file.find", arguments)?;
    let mut wanted = Wanted { deepest: None, ..Wanted::default() };
    for (name, value) in &args.kwargs {
        let name = name.as_str().unwrap_or_default();
        if LATER.contains(&name) {
            return Err(fleet_common::call::CallError::Unsupported(format!("the option '{name}' of file.find")));
        }
        if let Err(why) = option(&mut wanted, name, value) {
            return Ok(format!("error: {why}").into());
        }
    }
    let mut found = Vec::new();
    walk(&expand(look, &args.path), 0, &wanted, &mut found);
    if wanted.print.is_empty() {
        found.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
    Ok(Value::List(found).into())
}

fn option(wanted: &mut Wanted, name: &str, value: &Value) -> Result<(), String> {
    let text = String::from_value(value.clone()).unwrap_or_default();
    let invalid = || format!("invalid value for \"{name}\" option: {text}");
    let pattern = |ignore_case| {
        Pattern::new(&text, Flags { ignore_case, ..Flags::default() })
            .map(Box::new)
            .map_err(|_| format!("invalid regular expression: {text}"))
    };
    let list = || text.split(',').map(|part| Value::from(part.trim()));
    match name {
        "name" => wanted.tests.push(Test::Name(text, false)),
        "iname" => wanted.tests.push(Test::Name(text.to_lowercase(), true)),
        "regex" => wanted.tests.push(Test::Path(pattern(false)?)),
        "iregex" => wanted.tests.push(Test::Path(pattern(true)?)),
        "type" if !text.is_empty() && text.chars().all(|kind| "abcdpfls".contains(kind)) => {
            wanted.tests.push(Test::Kind(text))
        }
        "type" => return Err(format!("invalid value for \"type\" option: {text}")),
        "size" => wanted.tests.push(Test::Size(size(&text).ok_or_else(invalid)?)),
        "mtime" => wanted.tests.push(Test::Age(age(&text).ok_or_else(invalid)?)),
        "owner" | "user" => {
            wanted
                .tests
                .push(Test::Owner(list().map(|user| owner::uid(&user)).collect::<Option<_>>().ok_or_else(invalid)?));
        }
        "group" => {
            wanted
                .tests
                .push(Test::Group(list().map(|group| owner::gid(&group)).collect::<Option<_>>().ok_or_else(invalid)?));
        }
        "maxdepth" => wanted.deepest = Some(text.parse().map_err(|_| invalid())?),
        "mindepth" => wanted.shallowest = text.parse().map_err(|_| invalid())?,
        "print" => wanted.print = text.split(',').map(|part| part.trim().to_owned()).collect(),
        other => return Err(format!("invalid option \"{other}\"")),
    }
    Ok(())
}

/// `+10m`: at least; `-1k`: at most; `5g`: that much and less than one unit more. Units: b, k, m, g, t.
fn size(text: &str) -> Option<Range> {
    let (sign, rest) = split_sign(text);
    let digits = rest.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit: u64 = match rest[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => return None,
    };
    let number = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(match sign {
        '-' => Range(0, number),
        '+' => Range(number, u64::MAX),
        _ => Range(number, number.saturating_add(unit - 1)),
    })
}

/// Seconds since the last change: `3d`, `+1w` (older), `-2h` (younger); without a unit days.
fn age(text: &str) -> Option<Range> {
    let (sign, rest) = split_sign(text);
    let mut seconds = 0u64;
    let mut digits = String::new();
    for character in rest.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let unit = match character.to_ascii_lowercase() {
            'w' => 604_800,
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(std::mem::take(&mut digits).parse::<u64>().ok()?.checked_mul(unit)?)?;
    }
    if !digits.is_empty() {
        seconds = seconds.checked_add(digits.parse::<u64>().ok()?.checked_mul(86_400)?)?;
    }
    Some(if sign == '+' { Range(seconds, u64::MAX) } else { Range(0, seconds) })
}

fn split_sign(text: &str) -> (char, &str) {
    match text.chars().next() {
        Some(sign @ ('+' | '-')) => (sign, &text[1..]),
        _ => ('=', text),
    }
}

fn walk(path: &Path, depth: usize, wanted: &Wanted, found: &mut Vec<Value>) {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return };
    if depth >= wanted.shallowest && wanted.tests.iter().all(|test| fits(test, path, &meta)) {
        found.push(shown(path, &meta, &wanted.print));
    }
    if !meta.is_dir() || depth >= wanted.deepest.unwrap_or(DEEPEST).min(DEEPEST) {
        return;
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        walk(&entry, depth + 1, wanted, found);
    }
}

fn fits(test: &Test, path: &Path, meta: &Metadata) -> bool {
    let name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let within = |range: &Range, number: u64| (range.0..=range.1).contains(&number);
    match test {
        Test::Name(pattern, false) => glob::matches(pattern, &name()),
        Test::Name(pattern, true) => glob::matches(pattern, &name().to_lowercase()),
        Test::Path(pattern) => pattern.search(&path.to_string_lossy()).unwrap_or(false),
        Test::Kind(kinds) => kinds.contains('a') || kinds.contains(letter(meta)),
        Test::Size(range) => within(range, meta.size()),
        Test::Age(range) => {
            let changed = u64::try_from(meta.mtime()).unwrap_or(0);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            within(range, now.saturating_sub(changed))
        }
        Test::Owner(ids) => ids.contains(&meta.uid()),
        Test::Group(ids) => ids.contains(&meta.gid()),
    }
}

fn letter(meta: &Metadata) -> char {
    let kind = meta.file_type();
    match () {
        () if kind.is_dir() => 'd',
        () if kind.is_symlink() => 'l',
        () if kind.is_fifo() => 'p',
        () if kind.is_socket() => 's',
        () if kind.is_block_device() => 'b',
        () if kind.is_char_device() => 'c',
        () => 'f',
    }
}

/// The path, or the columns of `print`.
fn shown(path: &Path, meta: &Metadata, print: &[String]) -> Value {
    let full = || Value::from(path.to_string_lossy().into_owned());
    let column = |name: &String| match name.as_str() {
        "path" => full(),
        "name" => path.file_name().unwrap_or_default().to_string_lossy().into_owned().into(),
        "size" => Value::from(meta.size()),
        "type" => Value::from(letter(meta).to_string()),
        "mode" => Value::from(meta.mode() & 0o7777),
        "mtime" => Value::from(meta.mtime()),
        "user" | "owner" => {
            Accounts::system().account_by_uid(meta.uid()).map_or(Value::from(meta.uid()), |account| account.name.into())
        }
        "group" => {
            Accounts::system().group_by_gid(meta.gid()).map_or(Value::from(meta.gid()), |group| group.name.into())
        }
        _ => Value::Null,
    };
    match print {
        [] => full(),
        [one] => column(one),
        several => several.iter().map(column).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_ranges() {
        let range = |range: Option<Range>| range.map(|Range(from, to)| (from, to));
        assert_eq!(range(size("+10m")), Some((10 << 20, u64::MAX)));
        assert_eq!(range(size("1k")), Some((1024, 2047)));
        assert_eq!(range(size("-5")), Some((0, 5)));
        assert_eq!(range(size("x")), None);
        assert_eq!(range(age("+1d12h")), Some((129_600, u64::MAX)));
        assert_eq!(range(age("30")), Some((0, 2_592_000)));
    }
}
