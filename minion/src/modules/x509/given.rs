//! What is given to these functions and by them: texts, files, answers.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fleet_common::call::{CallError, CallResult};
use fleet_common::value::Value;

use crate::pki;
use crate::system::fs::{WriteOptions, write_atomic};

/// The text itself when it is PEM, else what is in the file of that name.
pub fn text(given: &str) -> Result<String, CallError> {
    if !given.contains("-----BEGIN ") && !Path::new(given).is_absolute() {
        return Err(CallError::Invocation("neither PEM nor the absolute path of a file of it".to_owned()));
    }
    String::from_utf8(pki::bytes(given)?).map_err(|_| CallError::Failed(format!("{given} holds no PEM")))
}

/// What was made as an answer: text as it is, bytes in base64 unless they are asked for.
pub(super) fn give(made: Vec<u8>, is_text: bool, raw: bool) -> Value {
    match (raw, is_text) {
        (true, _) => Value::Bytes(made),
        (false, true) => String::from_utf8_lossy(&made).into_owned().into(),
        (false, false) => STANDARD.encode(made).into(),
    }
}

/// Writes what was made to a file: one that only its owner can read, if it is secret.
pub(super) fn write(path: &str, made: &[u8], is_secret: bool) -> CallResult {
    if !Path::new(path).is_absolute() {
        return Err(CallError::Invocation(format!("{path} is no absolute path")));
    }
    let options = WriteOptions { mode: is_secret.then_some(0o600), ..WriteOptions::default() };
    write_atomic(Path::new(path), made, &options).map_err(|fault| CallError::Failed(fault.to_string()))?;
    let form = if made.starts_with(b"-----BEGIN") { "PEM" } else { "Data" };
    Ok(format!("{form} written to {path}").into())
}

/// The files of a directory that fit a pattern in the last part of a path.
pub(super) fn matching(glob: &str) -> Result<Vec<String>, CallError> {
    let path = Path::new(glob);
    let named = path.parent().zip(path.file_name().and_then(|name| name.to_str())).filter(|_| path.is_absolute());
    let (directory, pattern) = named.ok_or_else(|| CallError::Invocation(format!("{glob} is no absolute path")))?;
    let failed = |error: std::io::Error| CallError::Failed(format!("{}: {error}", directory.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let name = file.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| fleet_common::target::glob::matches(pattern, name)) && file.is_file() {
            found.push(file.display().to_string());
        }
    }
    found.sort();
    Ok(found)
}
