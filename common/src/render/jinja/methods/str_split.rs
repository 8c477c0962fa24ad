//! Splitting and stripping of text.

use super::super::fault::{Fault, Res};
use super::super::interpret::Arguments;
use super::super::object::Val;
use crate::value::python;

/// `text.split(sep, maxsplit)` and `text.rsplit(...)`.
pub(super) fn split(text: &str, arguments: &mut Arguments, right: bool) -> Res {
    let separator = match arguments.take("sep") {
        None | Some(Val::None) => None,
        Some(Val::Str(separator)) => Some(separator),
        Some(Val::Undefined(missing)) => return Err(Fault::missing(&missing)),
        Some(other) => {
            return Err(Fault::error(format!("must be str or None, not {}", other.type_name())));
        }
    };
    let most = arguments.integer("maxsplit")?.unwrap_or(-1);
    arguments.finish()?;
    let most = usize::try_from(most).unwrap_or(usize::MAX - 1);
    let parts: Vec<&str> = match &separator {
        Some(separator) if separator.is_empty() => return Err(Fault::error("empty separator")),
        Some(separator) if right => {
            let mut parts: Vec<&str> = text.rsplitn(most + 1, &**separator).collect();
            parts.reverse();
            parts
        }
        Some(separator) => text.splitn(most + 1, &**separator).collect(),
        None if right => split_blank_right(text, most),
        None => split_blank(text, most),
    };
    Ok(Val::list(parts.into_iter().map(Val::str).collect()))
}

fn split_blank(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if parts.len() == most {
            parts.push(rest);
            break;
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    parts
}

fn split_blank_right(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        if parts.len() == most {
            parts.push(rest);
            break;
        }
        let start = rest.char_indices().rev().find(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8());
        parts.push(&rest[start..]);
        rest = rest[..start].trim_end();
    }
    parts.reverse();
    parts
}

/// `text.strip(chars)` and its one-sided kin.
pub(super) fn strip(text: &str, arguments: &mut Arguments, left: bool, right: bool) -> Res {
    let chars = match arguments.take("chars") {
        None | Some(Val::None) => None,
        Some(Val::Str(chars)) => Some(chars),
        Some(Val::Undefined(missing)) => return Err(Fault::missing(&missing)),
        Some(_) => return Err(Fault::error(format!("{} arg must be None or str", arguments.function))),
    };
    arguments.finish()?;
    let fits = |c: char| chars.as_ref().map_or_else(|| c.is_whitespace(), |chars| chars.contains(c));
    let text = if left { text.trim_start_matches(fits) } else { text };
    Ok(Val::str(if right { text.trim_end_matches(fits) } else { text }))
}

/// `text.partition(sep)` and `text.rpartition(sep)`.
pub(super) fn partition(text: &str, arguments: &mut Arguments, right: bool) -> Res {
    let separator = arguments.need_text("sep")?;
    arguments.finish()?;
    if separator.is_empty() {
        return Err(Fault::error("empty separator"));
    }
    let split = if right { text.rsplit_once(&*separator) } else { text.split_once(&*separator) };
    let parts = match split {
        Some((before, after)) => [before, &separator, after],
        None if right => ["", "", text],
        None => [text, "", ""],
    };
    Ok(Val::tuple(parts.into_iter().map(Val::str).collect()))
}

/// `text.splitlines(keepends)`.
pub(super) fn splitlines(text: &str, arguments: &mut Arguments) -> Res {
    let keep = arguments.flag("keepends", false)?;
    arguments.finish()?;
    Ok(Val::list(
        (if keep { python::lines_with_ends(text) } else { python::lines(text) }).into_iter().map(Val::str).collect(),
    ))
}
