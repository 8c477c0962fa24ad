//! Running the system's own programs and keeping its tables, as most modules do it: what is said when one is missing.

use std::path::Path;

use fleet_common::call::CallError;

use crate::system::command::{Command, Finished, which};
use crate::system::fs::{self, WriteOptions};

/// The largest table that is read into memory.
const LIMIT: u64 = 16 << 20;

/// A program with its arguments, in the C locale; found also where only the administrator looks.
pub fn command(argv: &[&str]) -> Result<Command, CallError> {
    let program = argv.first().copied().unwrap_or_default();
    let path = std::env::var_os("PATH");
    let Some(found) = which(program, path.as_deref()) else {
        return Err(CallError::Failed(format!("Command '{program}' cannot be found: install the package that has it")));
    };
    let words = argv.iter().skip(1).map(|word| word.as_ref());
    Ok(Command::argv(std::iter::once(found.as_os_str()).chain(words)).c_locale())
}

/// Runs a program; how it ended.
pub fn run(argv: &[&str]) -> Result<Finished, CallError> {
    finish(&command(argv)?)
}

/// Runs a program that was made ready; how it ended.
pub fn finish(command: &Command) -> Result<Finished, CallError> {
    command.run().map_err(|error| CallError::Failed(error.to_string()))
}

/// Runs a program that must succeed; what it wrote.
pub fn output(argv: &[&str]) -> Result<String, CallError> {
    succeeded(argv.first().copied().unwrap_or_default(), &run(argv)?)
}

/// What a program wrote that must have succeeded; else an error with its words.
pub fn succeeded(program: &str, finished: &Finished) -> Result<String, CallError> {
    if finished.status == 0 && !finished.cut {
        return Ok(finished.out());
    }
    let said = finished.said();
    let why = match (finished.cut, said.is_empty()) {
        (true, _) => "it said more than is read".to_owned(),
        (_, true) => format!("it ended with status {}", finished.status),
        _ => said,
    };
    Err(CallError::Failed(format!("{program}: {why}")))
}

/// The text of a table; one that is not there is empty.
pub fn table(path: &Path) -> Result<String, CallError> {
    match fs::read_bounded(path, LIMIT) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(fault) if fault.is_missing() => Ok(String::new()),
        Err(fault) => Err(CallError::Failed(fault.to_string())),
    }
}

/// The text of a file that is to be changed; one that is not there is empty, one that is no text is refused.
pub fn text(path: &Path) -> Result<String, CallError> {
    match fs::read_bounded(path, LIMIT) {
        Ok(bytes) => String::from_utf8(bytes)
            .map_err(|_| CallError::Failed(format!("{}: not in UTF-8; nothing was changed", path.display()))),
        Err(fault) if fault.is_missing() => Ok(String::new()),
        Err(fault) => Err(CallError::Failed(fault.to_string())),
    }
}

/// Writes a file anew, whole or not at all, with the mode and owner that it had. A link is followed: the file it names is
/// the one that programs read.
pub fn rewrite(path: &Path, text: &str) -> Result<(), CallError> {
    store(&std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()), text)
}

/// Writes a table anew, whole or not at all.
pub fn store(path: &Path, text: &str) -> Result<(), CallError> {
    fs::write_atomic(path, text.as_bytes(), &WriteOptions::default())
        .map_err(|fault| CallError::Failed(fault.to_string()))
}

/// A text that stays one line of a table or of a program's input.
pub fn one_line<'t>(what: &str, text: &'t str) -> Result<&'t str, CallError> {
    if text.trim().is_empty() || text.contains(['\n', '\r', '\0']) {
        return Err(CallError::Invocation(format!("{what} is one line of text, not {text:?}")));
    }
    Ok(text)
}
