//! `file.find`: entries below a directory by name, type, size, age and owner; and what is done with them.

use std::cmp::Ordering;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult, FromValue, Function};
use fleet_common::digest;
use fleet_common::pattern::{Flags, Pattern};
use fleet_common::target::glob;
use fleet_common::value::{Map, Value};

use super::content::LIMIT;
use super::find_actions::Action;
use super::owner;
use super::path::expand;
use crate::cx::{Act, Module};
use crate::system::fs::read_bounded;
use crate::system::user::Accounts;

/// The function.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[Function::changes(
        "find",
        "Entries below a directory that fit all options: name, iname, regex, iregex, type, size, mtime, owner, group, grep, maxdepth, mindepth, print; with delete (letters of types) or exec (a command, `{}` stands for the path) something is done with them.",
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

#[derive(Default)]
struct Wanted {
    tests: Vec<Test>,
    print: Vec<String>,
    actions: Vec<Action>,
    deepest: Option<usize>,
    shallowest: usize,
}

enum Test {
    Name(String, bool),
    Path(Box<Pattern>),
    Content(Box<Pattern>),
    Kind(String),
    Size(Range),
    Age(Range),
    Owner(Vec<u32>),
    Group(Vec<u32>),
}

/// From and to, both included.
struct Range(u64, u64);

fn find(act: &Act, arguments: Arguments) -> CallResult {
    let args = Find::bind("file.find", arguments)?;
    let mut wanted = Wanted { deepest: None, ..Wanted::default() };
    for (name, value) in &args.kwargs {
        let name = name.as_str().unwrap_or_default();
        if let Err(why) = option(&mut wanted, name, value) {
            return Ok(format!("error: {why}").into());
        }
    }
    let mut found = Vec::new();
    walk(act, &expand(act, &args.path), 0, &wanted, &mut found);
    found.sort_by(order);
    Ok(Value::List(found).into())
}

/// Paths and columns in the order in which the reference tells them: by what is shown.
fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => {
            let first = a.iter().zip(b).map(|(a, b)| order(a, b)).find(|order| order.is_ne());
            first.unwrap_or(a.len().cmp(&b.len()))
        }
        _ => Ordering::Equal,
    }
}

fn option(wanted: &mut Wanted, name: &str, value: &Value) -> Result<(), String> {
    let text = String::from_value(value.clone()).unwrap_or_default();
    let invalid = || format!("invalid value for \"{name}\" option: {text}");
    let pattern = |ignore_case| {
        Pattern::new(&text, Flags { ignore_case, ..Flags::default() })
            .map(Box::new)
            .map_err(|_| format!("invalid regular expression: \"{text}\""))
    };
    let list = || text.split(',').map(|part| Value::from(part.trim()));
    match name {
        "name" => wanted.tests.push(Test::Name(text, false)),
        "iname" => wanted.tests.push(Test::Name(text.to_lowercase(), true)),
        "regex" => wanted.tests.push(Test::Path(pattern(false)?)),
        "iregex" => wanted.tests.push(Test::Path(pattern(true)?)),
        "grep" => wanted.tests.push(Test::Content(pattern(false)?)),
        "type" => wanted.tests.push(Test::Kind(kinds(name, text)?)),
        "delete" => wanted.actions.push(Action::Delete(kinds(name, text)?)),
        "exec" if text.is_empty() => return Err("missing value for \"exec\" option".to_owned()),
        "exec" => wanted.actions.push(Action::command(text)?),
        "size" => {
            wanted.tests.push(Test::Size(size(&text).ok_or_else(|| format!("invalid size: \"{text}\""))?));
        }
        "mtime" => {
            wanted.tests.push(Test::Age(age(&text).ok_or_else(|| format!("invalid time interval: '{text}'"))?));
        }
        "owner" | "user" => {
            let ids = list().map(|user| owner::uid(&user).ok_or_else(|| unknown("user", &user)));
            wanted.tests.push(Test::Owner(ids.collect::<Result<_, _>>()?));
        }
        "group" => {
            let ids = list().map(|group| owner::gid(&group).ok_or_else(|| unknown("group", &group)));
            wanted.tests.push(Test::Group(ids.collect::<Result<_, _>>()?));
        }
        "print" if text.is_empty() => return Err("missing value for \"print\" option".to_owned()),
        "maxdepth" => wanted.deepest = Some(text.parse().map_err(|_| invalid())?),
        // Less than nothing is nothing.
        "mindepth" => {
            let depth: i64 = text.parse().map_err(|_| invalid())?;
            wanted.shallowest = usize::try_from(depth).unwrap_or(0);
        }
        "print" => wanted.print = text.split(',').map(|part| part.trim().to_owned()).collect(),
        other => return Err(format!("invalid option \"{other}\"")),
    }
    Ok(())
}

/// Letters of kinds of files.
fn kinds(name: &str, letters: String) -> Result<String, String> {
    match letters.chars().find(|kind| !"abcdpfls".contains(*kind)) {
        Some(kind) => Err(format!("invalid file type \"{kind}\"")),
        None if letters.is_empty() => Err(format!("missing value for \"{name}\" option")),
        None => Ok(letters),
    }
}

fn unknown(what: &str, name: &Value) -> String {
    format!("no such {what} \"{}\"", name.as_str().unwrap_or_default())
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
    let number = match digits.parse::<u64>() {
        Ok(number) => number.checked_mul(unit)?,
        Err(_) => {
            let number = digits.parse::<f64>().ok().filter(|number| (0.0..1e15).contains(number))?;
            (number * unit as f64) as u64
        }
    };
    Some(match sign {
        '-' => Range(0, number),
        '+' => Range(number, u64::MAX),
        _ => Range(number, number.saturating_add(unit - 1)),
    })
}

/// Seconds since the last change: `3d` and `+3d` (so old or older), `-2h` (younger), `1d12h`.
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
    if !digits.is_empty() || rest.is_empty() {
        return None;
    }
    Some(if sign == '-' { Range(0, seconds) } else { Range(seconds, u64::MAX) })
}

fn split_sign(text: &str) -> (char, &str) {
    match text.chars().next() {
        Some(sign @ ('+' | '-')) => (sign, &text[1..]),
        _ => ('=', text),
    }
}

fn walk(act: &Act, path: &Path, depth: usize, wanted: &Wanted, found: &mut Vec<Value>) {
    // A link counts as what it leads to, as in the reference; only one that leads nowhere is a link. None is entered.
    let Ok(entry) = std::fs::symlink_metadata(path) else { return };
    let meta = std::fs::metadata(path).unwrap_or_else(|_| entry.clone());
    if depth >= wanted.shallowest && wanted.tests.iter().all(|test| fits(test, path, &meta)) {
        if wanted.actions.is_empty() || !wanted.print.is_empty() {
            found.push(shown(path, &meta, &wanted.print));
        }
        found.extend(wanted.actions.iter().filter_map(|action| action.run(act, path, &entry, letter(&meta))));
    }
    if !entry.is_dir() || depth >= wanted.deepest.unwrap_or(DEEPEST).min(DEEPEST) {
        return;
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        walk(act, &entry, depth + 1, wanted, found);
    }
}

fn fits(test: &Test, path: &Path, meta: &Metadata) -> bool {
    let name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let within = |range: &Range, number: u64| (range.0..=range.1).contains(&number);
    match test {
        Test::Name(pattern, false) => glob::matches(pattern, &name()),
        Test::Name(pattern, true) => glob::matches(pattern, &name().to_lowercase()),
        Test::Path(pattern) => pattern.search(&path.to_string_lossy()).unwrap_or(false),
        Test::Content(pattern) => holds(path, meta, pattern),
        Test::Kind(kinds) => has_kind(kinds, letter(meta)),
        Test::Size(range) => within(range, meta.size()),
        Test::Age(range) => {
            let changed =
                Duration::new(u64::try_from(meta.mtime()).unwrap_or(0), u32::try_from(meta.mtime_nsec()).unwrap_or(0));
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let age = now.saturating_sub(changed);
            // A day and a moment is more than a day.
            let begun = age.as_secs() + u64::from(age.subsec_nanos() > 0);
            age.as_secs() >= range.0 && begun <= range.1
        }
        Test::Owner(ids) => ids.contains(&meta.uid()),
        Test::Group(ids) => ids.contains(&meta.gid()),
    }
}

/// True if a line of the file matches.
fn holds(path: &Path, meta: &Metadata, pattern: &Pattern) -> bool {
    let Some(bytes) = meta.is_file().then(|| read_bounded(path, LIMIT).ok()).flatten() else { return false };
    String::from_utf8_lossy(&bytes).lines().any(|line| pattern.search(line).unwrap_or(false))
}

/// The checksum of a file; nothing for what is none.
fn md5(path: &Path, meta: &Metadata) -> String {
    let file = meta.is_file().then(|| std::fs::File::open(path).ok()).flatten();
    file.and_then(|mut file| digest::hex_of_reader("md5", &mut file).ok().flatten()).unwrap_or_default()
}

/// True if letters of kinds mean the kind: `a` means all.
pub(super) fn has_kind(letters: &str, kind: char) -> bool {
    letters.contains('a') || letters.contains(kind)
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

/// The columns of `print`; others show nothing.
const KNOWN: &[&str] = &["group", "md5", "mode", "mtime", "name", "owner", "path", "size", "type", "user"];

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
        "md5" => Value::from(md5(path, meta)),
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
        [one] if KNOWN.contains(&one.as_str()) => column(one),
        several => several.iter().filter(|name| KNOWN.contains(&name.as_str())).map(column).collect(),
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
        assert_eq!(range(age("-30m")), Some((0, 1800)));
        assert_eq!(range(age("30")), None);
        assert_eq!(range(size("1.5k")), Some((1536, 2559)));
    }
}
