//! `aliases.*`: where mail for a name goes, in `/etc/aliases` unless the option `aliases.file` names another.

use std::ops::Range;
use std::path::PathBuf;

use fleet_common::args;
use fleet_common::call::{CallError, Facts, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::tool;
use crate::cx::{Act, Look, Module};

/// The table that `newaliases` reads.
const TABLE: &str = "/etc/aliases";

/// The module.
pub const MODULE: Module = Module {
    name: "aliases",
    doc: "Where mail for a name goes.",
    functions: &[
        Function::reads(
            "list_aliases",
            "All names with what they stand for.",
            "aliases.list_aliases",
            Nothing::ROWS,
            |look, arguments| {
                Nothing::bind("aliases.list_aliases", arguments)?;
                let text = text(look)?;
                Ok(entries(&text).into_iter().map(|entry| (entry.name, entry.target)).collect::<Map>().into())
            },
        ),
        Function::reads(
            "get_target",
            "What a name stands for, or an empty text.",
            "aliases.get_target root",
            Alias::ROWS,
            |look, arguments| {
                let alias = Alias::bind("aliases.get_target", arguments)?.alias;
                Ok(target(look, &alias)?.unwrap_or_default().into())
            },
        ),
        Function::reads(
            "has_target",
            "True if a name stands for exactly this.",
            "aliases.has_target root admin@example.com",
            Pair::ROWS,
            |look, arguments| {
                let args = Pair::bind("aliases.has_target", arguments)?;
                Ok((target(look, &args.alias)? == Some(joined(&args.target)?)).into())
            },
        ),
        Function::changes(
            "set_target",
            "Lets a name stand for this.",
            "aliases.set_target root admin@example.com",
            Pair::ROWS,
            |act, arguments| {
                let args = Pair::bind("aliases.set_target", arguments)?;
                set(act, &args.alias, &joined(&args.target)?)?;
                Ok(true.into())
            },
        ),
        Function::changes("rm_alias", "Removes a name.", "aliases.rm_alias root", Alias::ROWS, |act, arguments| {
            remove(act, &Alias::bind("aliases.rm_alias", arguments)?.alias)?;
            Ok(true.into())
        }),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A name.
    pub struct Alias {
        /// The name (`root`).
        alias: String,
    }
}

args! {
    /// A name and what it stands for.
    pub struct Pair {
        /// The name (`root`).
        alias: String,
        /// An address, or a list of them.
        target: Value,
    }
}

/// One name of the table.
struct Entry {
    name: String,
    target: String,
    /// What stands behind a `#`.
    comment: Option<String>,
    /// Its lines: those that begin with a blank go on with the one before.
    lines: Range<usize>,
}

/// An address, or several of them as the table has them.
pub fn joined(target: &Value) -> Result<String, CallError> {
    let text = match target {
        Value::List(items) => items.iter().map(str_).collect::<Vec<_>>().join(", "),
        Value::Map(_) => return Err(CallError::Invocation("target is an address or a list of them".to_owned())),
        Value::Null => String::new(),
        other => str_(other),
    };
    tool::one_line("target", &text).map(|text| text.trim().to_owned())
}

/// A name that the table can have.
pub fn checked(alias: &str) -> Result<&str, CallError> {
    let alias = tool::one_line("alias", alias)?.trim();
    if alias.starts_with('#') || (alias.contains([':', ' ', '\t']) && !alias.starts_with('"')) {
        return Err(CallError::Invocation(format!("'{alias}' cannot be the name of an alias")));
    }
    Ok(alias)
}

/// What a name stands for.
pub fn target(look: &Look, alias: &str) -> Result<Option<String>, CallError> {
    let text = text(look)?;
    Ok(entries(&text).into_iter().find(|entry| entry.name == alias).map(|entry| entry.target))
}

/// Lets a name stand for this; what else the table has stays as it is.
pub fn set(act: &Act, alias: &str, target: &str) -> Result<(), CallError> {
    let alias = checked(alias)?;
    let old = text(act)?;
    let known: Vec<Entry> = entries(&old).into_iter().filter(|entry| entry.name == alias).collect();
    if let [only] = known.as_slice()
        && only.target == target
    {
        return Ok(());
    }
    let comment = known.first().and_then(|entry| entry.comment.as_ref());
    let comment = comment.map(|comment| format!(" # {comment}")).unwrap_or_default();
    store(act, &without(&old, &known, Some(&format!("{alias}: {target}{comment}\n"))))
}

/// Removes a name.
pub fn remove(act: &Act, alias: &str) -> Result<(), CallError> {
    let old = text(act)?;
    let known: Vec<Entry> = entries(&old).into_iter().filter(|entry| entry.name == alias).collect();
    if known.is_empty() { Ok(()) } else { store(act, &without(&old, &known, None)) }
}

/// The table without these entries; a line takes the place of the first, or stands at the end.
fn without(old: &str, gone: &[Entry], line: Option<&str>) -> String {
    let mut new = String::with_capacity(old.len());
    for (number, text) in old.split_inclusive('\n').enumerate() {
        if gone.first().is_some_and(|entry| entry.lines.start == number) {
            new.push_str(line.unwrap_or_default());
        }
        if !gone.iter().any(|entry| entry.lines.contains(&number)) {
            new.push_str(text);
        }
    }
    if let Some(line) = line.filter(|_| gone.is_empty()) {
        if !new.is_empty() && !new.ends_with('\n') {
            new.push('\n');
        }
        new.push_str(line);
    }
    new
}

fn entries(text: &str) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (content, comment) = split_comment(line);
        if line.starts_with([' ', '\t']) {
            if let Some(entry) = found.last_mut().filter(|entry| entry.lines.end == number) {
                entry.lines.end += 1;
                entry.comment = entry.comment.take().or(comment.map(str::to_owned));
                let parts = [entry.target.as_str(), content.trim()];
                entry.target = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
            }
            continue;
        }
        let colon = match content.strip_prefix('"').and_then(|rest| rest.find('"')) {
            Some(end) => content[end + 2..].find(':').map(|at| at + end + 2),
            None => content.find(':'),
        };
        let Some(colon) = colon else { continue };
        found.push(Entry {
            name: content[..colon].trim().to_owned(),
            target: content[colon + 1..].trim().to_owned(),
            comment: comment.map(str::to_owned),
            lines: number..number + 1,
        });
    }
    found
}

/// A line and what stands behind its `#`, which is none inside quotes.
fn split_comment(line: &str) -> (&str, Option<&str>) {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '#' if !quoted && line[..at].ends_with([' ', '\t']) => return (&line[..at], Some(line[at + 1..].trim())),
            _ => {}
        }
    }
    (line, None)
}

fn file(look: &Look) -> PathBuf {
    let opts = look.opts();
    PathBuf::from(opts.get("aliases.file").and_then(Value::as_str).unwrap_or(TABLE))
}

fn text(look: &Look) -> Result<String, CallError> {
    tool::table(&file(look))
}

/// Writes the table, and has the mail server's own form of it made where there is a program for that.
fn store(act: &Act, text: &str) -> Result<(), CallError> {
    let path = file(act);
    tool::store(&path, text)?;
    if path.as_os_str() != TABLE || crate::system::command::which("newaliases", None).is_none() {
        return Ok(());
    }
    let said = tool::output(&["newaliases"]);
    said.map(drop).map_err(|error| CallError::Failed(format!("{TABLE} is written, but not yet in use: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# c\na: b,\n\tc # why\n\nbroken\n\"q: r\": \"|/bin/x # y\"\nd:e\na: again\n";

    #[test]
    fn tables_are_read_with_quotes_comments_and_long_lines() {
        let read: Vec<(String, String)> = entries(TEXT).into_iter().map(|entry| (entry.name, entry.target)).collect();
        let pair = |name: &str, target: &str| (name.to_owned(), target.to_owned());
        let wanted = [pair("a", "b, c"), pair("\"q: r\"", "\"|/bin/x # y\""), pair("d", "e"), pair("a", "again")];
        assert_eq!(read, wanted);
    }

    #[test]
    fn what_is_not_meant_stays() {
        let known = || entries(TEXT).into_iter().filter(|entry| entry.name == "a").collect::<Vec<_>>();
        let rest = "# c\n\nbroken\n\"q: r\": \"|/bin/x # y\"\nd:e\n";
        assert_eq!(without(TEXT, &known(), None), rest);
        assert_eq!(without(TEXT, &known(), Some("a: n\n")), rest.replacen("# c\n", "# c\na: n\n", 1));
        assert_eq!(without("x: y", &[], Some("a: n\n")), "x: y\na: n\n");
    }
}
