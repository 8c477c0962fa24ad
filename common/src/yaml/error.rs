//! Faults of a YAML text, and how they are told.

use std::borrow::Cow;

use super::marks::Mark;
use crate::diag::{Diagnostic, Place, excerpt};

/// The stage that refused a text, named as in the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum YamlErrorKind {
    /// Characters that are not allowed in a text at all.
    Reader,
    /// Characters that form no token.
    Scanner,
    /// Tokens that form no document.
    Parser,
    /// Anchors, aliases, several documents, limits.
    Composer,
    /// Values that can not be built: tags, duplicate keys, merges.
    Constructor,
}

/// A YAML text that could not be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{diagnostic}")]
pub struct YamlError {
    /// The stage that refused the text.
    pub kind: YamlErrorKind,
    /// What is wrong, with place, excerpt and hints.
    pub diagnostic: Diagnostic,
}

impl From<YamlError> for Diagnostic {
    fn from(error: YamlError) -> Self {
        error.diagnostic
    }
}

/// A fault before the text and its name are at hand.
#[derive(Debug)]
pub(super) struct Fault {
    pub kind: YamlErrorKind,
    pub problem: String,
    pub mark: Mark,
    /// What was being read, and where it began.
    pub context: Option<(String, Mark)>,
    /// The byte of a character that the reader refused.
    pub offset: Option<usize>,
    pub help: Option<String>,
}

impl Fault {
    pub fn new(kind: YamlErrorKind, problem: impl Into<String>, mark: Mark) -> Self {
        Self { kind, problem: problem.into(), mark, context: None, offset: None, help: None }
    }
    pub fn composer(problem: impl Into<String>, mark: Mark) -> Self {
        Self::new(YamlErrorKind::Composer, problem, mark)
    }
    pub fn constructor(problem: impl Into<String>, mark: Mark) -> Self {
        Self::new(YamlErrorKind::Constructor, problem, mark)
    }
    #[must_use]
    pub fn help(mut self, hint: impl Into<String>) -> Self {
        self.help = Some(hint.into());
        self
    }

    /// Adds the name, the lines around the fault and a hint.
    pub fn explain(mut self, text: &str, name: &str) -> YamlError {
        if let Some(offset) = self.offset {
            self.mark = mark_of_offset(text, offset);
        }
        let line_count = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
        let shown = self.mark.line.min(line_count.max(1));
        let column = if shown == self.mark.line { self.mark.column } else { 0 };
        let mut diagnostic = Diagnostic::user(&self.problem)
            .at(Place::new(name, self.mark.line, self.mark.column))
            .excerpt(excerpt(text, shown, column, 2));
        match &self.help {
            Some(hint) => diagnostic = diagnostic.help(hint),
            None => {
                if let Some(hint) = hint(&self, text) {
                    diagnostic = diagnostic.help(hint);
                }
            }
        }
        if let Some((context, at)) = &self.context
            && at.line != self.mark.line
        {
            diagnostic = diagnostic.help(format!("{context} that starts on line {}", at.line));
        }
        YamlError { kind: self.kind, diagnostic }
    }
}

/// A text of the user's for a message: cut when it is long.
pub(super) fn brief(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(80) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// The position of a byte of the text.
fn mark_of_offset(text: &str, offset: usize) -> Mark {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let before = String::from_utf8_lossy(before);
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count());
    Mark::from_zero(line as u64, column as u64)
}

/// The likely mistake behind a scanner's or parser's message.
fn hint(fault: &Fault, text: &str) -> Option<String> {
    let number = usize::try_from(fault.mark.line).ok()?.checked_sub(1)?;
    let line = text.lines().nth(number).unwrap_or("");
    let previous = text.lines().take(number).filter(|line| !line.trim().is_empty()).last().unwrap_or("");
    let tail: String = line.chars().skip(fault.mark.column.saturating_sub(1) as usize).collect();
    let indent = &line[..line.len() - line.trim_start().len()];
    let hint = match fault.problem.as_str() {
        _ if indent.contains('\t') => "indent with spaces: YAML does not allow tabs in indentation".to_owned(),
        _ if line.contains("{{") || line.contains("{%") || line.contains("{#") => {
            "this text was not rendered: quote a value that must keep its braces, or check the '#!' line".to_owned()
        }
        "found character that cannot start any token" => {
            let first = tail.chars().next().unwrap_or(' ');
            format!("quote the value: plain text can not start with '{first}'")
        }
        "did not find expected alphabetic or numeric character" => {
            let sign = if line.contains('*') { "*" } else { "&" };
            format!("quote the text: a leading '{sign}' means an anchor or alias")
        }
        "mapping values are not allowed in this context" => mapping_hint(line, previous, fault.mark.column),
        "could not find expected ':'" if !previous.contains(": ") && !previous.ends_with(':') => {
            format!("is a ':' missing after '{}'?", brief(previous.trim()))
        }
        "could not find expected ':'" => "is a ':' missing, or a quote or bracket left open above?".to_owned(),
        "did not find expected key" if !tail.is_empty() && tail.len() < line.trim_start().len() => {
            "check the quotes: text after a closing quote, or a quote inside quotes (write '' or \\\")".to_owned()
        }
        "did not find expected '-' indicator" if !tail.starts_with('-') => {
            format!("is '- ' missing before '{}', or is it indented wrongly?", brief(tail.trim_end()))
        }
        "did not find expected key" | "did not find expected '-' indicator" => {
            "check the indentation: this line is aligned with no line above".to_owned()
        }
        "did not find expected ',' or ']'" | "did not find expected ',' or '}'" => {
            "a bracket was opened above and not closed".to_owned()
        }
        "found unexpected end of stream" => "a quote was opened above and not closed".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// Why a second `: ` in a line, or under a scalar, is refused.
fn mapping_hint(line: &str, previous: &str, column: u32) -> String {
    let head: String = line.chars().take(column.saturating_sub(1) as usize).collect();
    if head.contains(": ") || head.trim_start().starts_with("- ") && head.matches(':').count() > 0 {
        return "quote the value: it contains ': ' or ends with ':'".to_owned();
    }
    let trimmed = previous.trim_start_matches([' ', '-']);
    match trimmed.split_once(':') {
        None => format!("is a ':' missing after '{}'?", brief(trimmed.trim_end())),
        Some((key, value)) if !value.starts_with(' ') && !value.is_empty() => {
            format!("is a space missing after '{}:'?", brief(key))
        }
        Some(_) => {
            "check the indentation: this line is deeper than the one above, which already has a value".to_owned()
        }
    }
}
