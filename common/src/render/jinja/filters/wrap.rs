//! Filters that lay out text: indent, wordwrap, truncate.

use super::super::fault::{Fault, Res};
use super::super::interpret::{Arguments, Run};
use super::super::object::Val;
use super::super::size;
use super::Table;
use crate::value::python;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("indent", indent),
    ("truncate", truncate),
    ("urlize", |_, _, _| Err(Fault::error("the filter urlize is not supported: nothing in a tree is HTML"))),
    ("wordwrap", wordwrap),
];

fn indent(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let by = match arguments.take("width") {
        None => " ".repeat(4),
        Some(Val::Str(text)) => text.to_string(),
        Some(width) => match width.as_int() {
            Some(width) => " ".repeat(width.clamp(0, 100_000) as usize),
            None => return Err(Fault::error(format!("can't multiply sequence by '{}'", width.type_name()))),
        },
    };
    let first = arguments.flag("first", false)?;
    let blank = arguments.flag("blank", false)?;
    arguments.finish()?;
    let value = value.defined()?;
    if !value.is_str() {
        let kind = value.type_name();
        return Err(Fault::error(format!("unsupported operand type(s) for +=: '{kind}' and 'str'")));
    }
    let text = value.text()? + "\n";
    size::text(text.matches('\n').count(), by.len(), text.len())?;
    let mut out = String::with_capacity(text.len());
    if first {
        out.push_str(&by);
    }
    for (index, line) in python::lines(&text).into_iter().enumerate() {
        if index > 0 {
            out.push('\n');
            if blank || !line.is_empty() {
                out.push_str(&by);
            }
        }
        out.push_str(line);
    }
    Ok(Val::str(out))
}

fn truncate(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let length = arguments.integer("length")?.unwrap_or(255);
    let kill = arguments.flag("killwords", false)?;
    let end = arguments.text("end", "...")?;
    let leeway = arguments.integer("leeway")?.unwrap_or(5);
    let text = value.text()?;
    let count = text.chars().count() as i64;
    let tail = end.chars().count() as i64;
    if length < tail {
        return Err(Fault::error(format!("expected length >= {tail}, got {length}")));
    }
    if count <= length + leeway {
        return Ok(Val::str(text));
    }
    let cut: String = text.chars().take((length - tail) as usize).collect();
    let cut = if kill { cut.as_str() } else { cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head) };
    Ok(Val::str(format!("{cut}{end}")))
}

fn wordwrap(_: &mut Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let width = arguments.integer("width")?.unwrap_or(79).max(1) as usize;
    let long = arguments.flag("break_long_words", true)?;
    let with = match arguments.take("wrapstring") {
        None | Some(Val::None) => "\n".to_owned(),
        Some(text) => text.text()?,
    };
    let hyphens = arguments.flag("break_on_hyphens", true)?;
    let text = value.text()?;
    let lines = python::lines(&text).into_iter().flat_map(|line| match wrap_line(line, width, long, hyphens) {
        lines if lines.is_empty() => vec![String::new()],
        lines => lines,
    });
    let lines: Vec<String> = lines.collect();
    size::text(lines.len(), with.len(), text.len())?;
    Ok(Val::str(lines.join(&with)))
}

fn wrap_line(line: &str, width: usize, long: bool, hyphens: bool) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    for word in split_chunks(line, hyphens) {
        let mut word = word;
        // What is longer than a line is cut, when that is wanted.
        while long && word.chars().count() > width && !word.starts_with(char::is_whitespace) {
            let head: String = word.chars().take(width).collect();
            word = word.chars().skip(width).collect();
            chunks.push(head);
        }
        chunks.push(word);
    }
    let mut out: Vec<String> = Vec::new();
    let mut current = String::new();
    for chunk in chunks {
        if current.chars().count() + chunk.chars().count() > width {
            // A line of blanks is dropped, as are blanks at the end of one.
            if !current.trim().is_empty() {
                out.push(current.trim_end().to_owned());
            }
            current.clear();
        }
        if current.is_empty() && !out.is_empty() && chunk.trim().is_empty() {
            continue;
        }
        current.push_str(&chunk);
    }
    let rest = current.trim_end();
    if !rest.is_empty() {
        out.push(rest.to_owned());
    }
    out
}

fn split_chunks(line: &str, hyphens: bool) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    let mut blank = None;
    for c in line.chars() {
        let white = c.is_whitespace();
        let continues = blank == Some(white)
            && !(hyphens && !white && chunks.last().is_some_and(|chunk| chunk.ends_with('-') && chunk.len() > 1));
        match chunks.last_mut() {
            Some(chunk) if continues => chunk.push(c),
            _ => chunks.push(c.to_string()),
        }
        blank = Some(white);
    }
    chunks
}
