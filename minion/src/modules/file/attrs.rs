//! Attributes of files as `lsattr` and `chattr` know them.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function, Outcome};
use fleet_common::value::{Map, Value};

use super::path::expand;
use crate::cx::{Act, Look, Module};
use crate::modules::tool;

/// The functions.
pub const MODULE: Module = Module {
    name: "file",
    doc: super::DOC,
    functions: &[
        Function::reads(
            "lsattr",
            "The attributes of a file, or of what is in a directory, by path.",
            "file.lsattr /etc/resolv.conf",
            One::ROWS,
            lsattr,
        ),
        Function::changes(
            "chattr",
            "Adds attributes to files or removes them; true if that went well.",
            "file.chattr /etc/resolv.conf operator=add attributes=i",
            Change::ROWS,
            chattr,
        ),
    ],
};

args! {
    /// Arguments of `file.lsattr`.
    pub struct One {
        /// The file or directory.
        path: String,
    }
}

args! {
    /// Arguments of `file.chattr`.
    pub struct Change {
        /// The files.
        *files: Vec<String>,
        /// `add` or `remove`.
        operator: Option<String> = None,
        /// Letters as chattr(1) has them.
        attributes: Option<String> = None,
        /// Options of chattr: `R` for what is below, `V`, `f`.
        flags: Option<String> = None,
        /// Version number of the files.
        version: Option<i64> = None,
    }
}

/// Letters that can be set; the others only tell.
const SETTABLE: &str = "aAcCdDeFijmPsStTux";

/// A path that no program takes for an option.
fn word(path: &Path) -> String {
    let path = path.to_string_lossy();
    if path.starts_with('-') { format!("./{path}") } else { path.into_owned() }
}

/// Lines `----A---e------- path`.
fn parsed(said: &str) -> impl Iterator<Item = (&str, String)> {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphabetic).collect::<String>();
    said.lines().filter_map(|line| line.split_once(' ')).map(move |(flags, path)| (path.trim_start(), letters(flags)))
}

fn lsattr(look: &Look, arguments: Arguments) -> CallResult {
    let given = One::bind("file.lsattr", arguments)?.path;
    let path = expand(look, &given);
    if std::fs::symlink_metadata(&path).is_err() {
        return Err(CallError::Invocation(format!("File or directory does not exist: {given}")));
    }
    // What has no attributes (a device) is not listed, and makes it fail: the others are told.
    let finished = tool::run(&["lsattr", &word(&path)])?;
    let said = finished.out();
    let one = |letters: String| letters.chars().map(|letter| letter.to_string()).collect::<Vec<_>>();
    Ok(parsed(&said).map(|(path, letters)| (path, Value::from(one(letters)))).collect::<Map>().into())
}

/// True for letters that can be set.
pub(crate) fn are_settable(letters: &str) -> bool {
    letters.chars().all(|letter| SETTABLE.contains(letter))
}

/// The letters of one file, in the order of `lsattr`.
pub(crate) fn letters(path: &Path) -> Result<String, CallError> {
    let said = tool::output(&["lsattr", "-d", &word(path)])?;
    let first = parsed(&said).next().map(|(_, letters)| letters);
    first.ok_or_else(|| CallError::Failed(format!("lsattr says nothing of {}", path.display())))
}

/// True if a file has the wanted letters and no others; extents (`e`) are the file system's business.
pub(crate) fn are_so(now: &str, wanted: &str) -> bool {
    missing(now, wanted).is_empty() && missing(wanted, now).is_empty()
}

/// The letters of the second that the first has not.
fn missing(first: &str, second: &str) -> String {
    second.chars().filter(|letter| *letter != 'e' && !first.contains(*letter)).collect()
}

/// Gives a file the wanted letters and takes the others from it; what it had when that was another set.
pub(crate) fn set(_act: &Act, path: &Path, wanted: &str) -> Result<Option<String>, CallError> {
    let now = letters(path)?;
    for (sign, changed) in [('-', missing(wanted, &now)), ('+', missing(&now, wanted))] {
        if !changed.is_empty() {
            tool::output(&["chattr", &format!("{sign}{changed}"), &word(path)])?;
        }
    }
    Ok((!are_so(&now, wanted)).then_some(now))
}

fn chattr(act: &Act, arguments: Arguments) -> CallResult {
    let args = Change::bind("file.chattr", arguments)?;
    let sign = match args.operator.as_deref() {
        Some("add") => '+',
        Some("remove") => '-',
        _ => {
            let why = "Need an operator: 'add' or 'remove' to modify attributes.";
            return Err(CallError::Invocation(why.to_owned()));
        }
    };
    let Some(attributes) = args.attributes.as_deref().filter(|letters| !letters.is_empty()) else {
        return Err(CallError::Invocation("Need attributes: [aAcCdDeijPsStTu]".to_owned()));
    };
    let mut words = vec!["chattr".to_owned()];
    for (what, letters) in [("flags", args.flags.as_deref()), ("attributes", Some(attributes))] {
        if letters.is_some_and(|letters| !letters.chars().all(|letter| letter.is_ascii_alphabetic())) {
            return Err(CallError::Invocation(format!("'{what}' of file.chattr are letters of chattr(1)")));
        }
    }
    words.extend(args.flags.filter(|flags| !flags.is_empty()).map(|flags| format!("-{flags}")));
    if let Some(version) = args.version {
        words.extend(["-v".to_owned(), version.to_string()]);
    }
    words.push(format!("{sign}{attributes}"));
    words.extend(args.files.iter().map(|file| word(&expand(act, file))));
    let finished = tool::run(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(Outcome::with_status(finished.status == 0, finished.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_sets_compared() {
        let said = "----A---------e------- /a b\n---------------------- /c\nbad\n";
        let read: Vec<_> = parsed(said).collect();
        assert_eq!(read, [("/a b", "Ae".to_owned()), ("/c", String::new())]);
        assert!(are_so("Ae", "A") && are_so("e", "") && !are_so("Ae", "") && !are_so("e", "A"));
        assert_eq!((missing("de", "dAe"), missing("A", "d")), ("A".to_owned(), "d".to_owned()));
        assert!(are_settable("iA") && !are_settable("Q"));
    }
}
