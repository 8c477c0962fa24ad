//! `slsutil.banner`: a framed comment.

use crate::args;
use crate::call::{CallError, CallResult};

args! {
    /// Arguments of `slsutil.banner`.
    pub struct Banner {
        /// Characters a line.
        width: i64 = 72,
        /// Starts each line, and ends it where there is a frame.
        commentchar: String = "#".to_owned(),
        /// Makes the frame.
        borderchar: String = "#".to_owned(),
        /// Written before everything.
        blockstart: Option<String> = None,
        /// Written after everything.
        blockend: Option<String> = None,
        /// The first line, in the middle.
        title: Option<String> = None,
        /// The text below.
        text: Option<String> = None,
        /// A line break at the end.
        newline: bool = false,
    }
}

const TITLE: &str = "THIS FILE IS MANAGED BY SALT - DO NOT EDIT";
const TEXT: &str = "The contents of this file are managed by Salt. Any changes to this file may be overwritten \
                    automatically and without warning.";

/// The comment.
pub(super) fn banner(given: &Banner) -> CallResult {
    let edge = given.commentchar.trim();
    let width = usize::try_from(given.width.clamp(0, 10_000)).unwrap_or(0);
    let inside = width.saturating_sub(2 * edge.chars().count());
    let Some(room) = inside.checked_sub(2).filter(|room| *room > 0) else {
        return Err(CallError::Invocation(format!("a banner of width {} has no room for text", given.width)));
    };
    let frame: String = given.borderchar.trim().chars().cycle().take(inside).collect();
    let lines = |text: &str| wrapped(text, room);
    let mut out: Vec<String> = Vec::new();
    out.extend(given.blockstart.clone());
    out.push(format!("{edge}{frame}{edge}"));
    out.push(format!("{edge}{}{edge}", " ".repeat(inside)));
    let title = given.title.as_deref().unwrap_or(TITLE);
    out.extend(lines(title).into_iter().map(|line| format!("{edge} {} {edge}", centred(&line, room))));
    out.push(format!("{edge}{}{edge}", " ".repeat(inside)));
    let text = given.text.as_deref().unwrap_or(TEXT);
    out.extend(lines(text).into_iter().map(|line| format!("{edge} {line:room$} {edge}")));
    out.push(format!("{edge}{frame}{edge}"));
    out.extend(given.blockend.clone());
    let end = if given.newline { "\n" } else { "" };
    Ok((out.join("\n") + end).into())
}

/// Words in lines of at most `room` characters.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.chars().count() + 1 + word.len() > room {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > room {
            lines.push(word.drain(..room).collect());
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    lines.push(line);
    lines
}

/// As Python centres: an odd blank goes to the left of an odd width.
fn centred(line: &str, width: usize) -> String {
    let missing = width.saturating_sub(line.chars().count());
    let left = missing / 2 + (missing & width & 1);
    format!("{}{line}{}", " ".repeat(left), " ".repeat(missing - left))
}
