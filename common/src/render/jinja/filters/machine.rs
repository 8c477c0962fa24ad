//! Filters that look at the machine: they go through functions by name, so that templates stay pure where there is no machine.

use super::super::fault::{Fault, FaultKind, Res};
use super::super::interpret::Run;
use super::super::object::Val;
use super::Table;
use crate::call::Arguments as Call;
use crate::value::Value;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("dns_check", |_, _, _| Err(unsupported("dns_check"))),
    ("file_hashsum", |run, value, arguments| {
        let kind = arguments.text("hash_type", "sha256")?;
        let path = value.text()?;
        ask(run, "file.get_hash", [Value::from(path), Value::from(kind)])
    }),
    ("get_uid", |run, value, _| {
        if value.as_str() == Some("root") {
            return Ok(Val::Int(0));
        }
        let name = value.text()?;
        let info = ask(run, "user.info", [Value::from(name)])?;
        Ok(info.entry("uid").unwrap_or(Val::None))
    }),
    ("http_query", |_, _, _| Err(unsupported("http_query"))),
    ("is_bin_file", |run, value, _| Ok(Val::Bool(content(run, &value)?.is_some_and(|bytes| is_binary(&bytes))))),
    ("is_empty", |run, value, _| Ok(Val::Bool(content(run, &value)?.is_some_and(|bytes| bytes.is_empty())))),
    ("is_text_file", |run, value, _| {
        Ok(Val::Bool(content(run, &value)?.is_some_and(|bytes| !bytes.is_empty() && !is_binary(&bytes))))
    }),
    ("json_query", |_, _, _| Err(unsupported("json_query"))),
    ("list_files", |run, value, _| {
        let path = value.text()?;
        let mut files = ask(run, "file.find", [Value::from(path.as_str())])?.items()?;
        if !files.iter().any(|file| file.as_str() == Some(&path)) {
            files.push(Val::str(path));
        }
        Ok(Val::list(files))
    }),
    ("path_join", |_, value, arguments| {
        let text = |part: &Val| match part {
            Val::Str(text) => Ok(text.to_string()),
            Val::Undefined(missing) => Err(Fault::missing(missing)),
            other => {
                Err(Fault::error(format!("expected str, bytes, or bytearray not <class '{}'>", other.type_name())))
            }
        };
        let mut path = text(&value)?;
        for part in arguments.positional.drain(..) {
            let part = text(&part)?;
            let part = part.trim_start_matches('/');
            path = if path.is_empty() { part.to_owned() } else { format!("{}/{part}", path.trim_end_matches('/')) };
        }
        Ok(Val::str(normal(&path)))
    }),
    ("which", |run, value, _| {
        let name = value.text()?;
        ask(run, "cmd.which", [Value::from(name)])
    }),
];

fn unsupported(name: &str) -> Fault {
    Fault::new(FaultKind::Call, format!("the filter {name} is not supported yet"))
}

fn ask<const N: usize>(run: &Run<'_>, function: &str, arguments: [Value; N]) -> Res {
    let answer = run.scope.facts.caller().call(function, Call::positional(arguments));
    match answer {
        Ok(outcome) => Ok(Val::from(&outcome.value)),
        Err(error) => Err(Fault::new(FaultKind::Call, error.to_string())),
    }
}

/// The beginning of a file; `None` when it is not there or cannot be read.
fn content(run: &Run<'_>, path: &Val) -> Res<Option<Vec<u8>>> {
    let path = Value::from(path.text()?);
    let mut call = Call::positional([path]);
    call.keyword.insert("binary", true);
    match run.scope.facts.caller().call("file.read", call) {
        Ok(outcome) => Ok(match outcome.value {
            Value::Str(text) => Some(text.into_bytes()),
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }),
        Err(crate::call::CallError::Unknown { .. } | crate::call::CallError::Unsupported(_)) => {
            Err(Fault::new(FaultKind::Call, "there are no files to look at here"))
        }
        Err(_) => Ok(None),
    }
}

/// Not text by the reference's rule: a NUL, or more than three tenths of the first 512 bytes are no text.
fn is_binary(bytes: &[u8]) -> bool {
    let block = &bytes[..bytes.len().min(512)];
    if block.is_empty() {
        return false;
    }
    if block.contains(&0) {
        return true;
    }
    let other = block.iter().filter(|byte| !matches!(byte, 32..=126 | b'\n' | b'\r' | b'\t' | 8 | 12)).count();
    std::str::from_utf8(block).is_err() && other * 10 > block.len() * 3
}

fn normal(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if absolute {
        format!("/{joined}")
    } else if joined.is_empty() {
        ".".to_owned()
    } else {
        joined
    }
}
