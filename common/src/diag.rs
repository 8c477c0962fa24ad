//! What is said to a person whose text could not be used: what, where, why, and what to do.
//!
//! Pure data and its printed form. Everything a human wrote (config, SLS, pillar, target, command line)
//! is answered with `Diagnostic`s; a compiler collects all of them before it gives up.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What was typed or written in a tree is wrong.
    User,
    /// A configuration file is wrong.
    Config,
    /// Another machine or program answered badly or not at all.
    Remote,
    /// A defect of ours.
    Internal,
}

/// A position in a source. Lines and columns count from 1; 0 means "not known".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    /// File as the user knows it (`salt://` path, file system path or `<command line>`).
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// A place with file, line and column.
    pub fn new(file: impl Into<String>, line: u32, column: u32) -> Self {
        Self { file: file.into(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        Ok(())
    }
}

/// One thing that is wrong, with its place, the lines around it and hints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Who has to act.
    pub kind: Kind,
    /// What is wrong: one line, lower case, no full stop.
    pub message: String,
    /// Where.
    #[serde(default)]
    pub place: Option<Place>,
    /// The (rendered) lines around the place, already marked; may be several lines.
    #[serde(default)]
    pub excerpt: Option<String>,
    /// The declaration, key or argument it belongs to (`nginx: file.managed: source`).
    #[serde(default)]
    pub subject: Option<String>,
    /// How this file came to be read, innermost first (include chain, import chain).
    #[serde(default)]
    pub via: Vec<Place>,
    /// What to do, one hint a line.
    #[serde(default)]
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic with just a message.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            place: None,
            excerpt: None,
            subject: None,
            via: Vec::new(),
            help: Vec::new(),
        }
    }
    /// A fault in what a user wrote or typed.
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(Kind::User, message)
    }
    /// A fault in a configuration file.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Kind::Config, message)
    }
    /// Adds the place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
    /// Adds the lines around the place.
    #[must_use]
    pub fn excerpt(mut self, lines: impl Into<String>) -> Self {
        self.excerpt = Some(lines.into());
        self
    }
    /// Adds what it belongs to.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }
    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, hint: impl Into<String>) -> Self {
        self.help.push(hint.into());
        self
    }
    /// Adds "did you mean …?" when a candidate is near enough.
    #[must_use]
    pub fn did_you_mean<'a>(self, typed: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(typed, known) {
            Some(name) => {
                let hint = format!("did you mean '{name}'?");
                self.help(hint)
            }
            None => self,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        if let Some(place) = &self.place {
            text.push_str(&format!("{place}: "));
        }
        if let Some(subject) = &self.subject {
            text.push_str(&format!("{subject}: "));
        }
        text.push_str(&self.message);
        for place in &self.via {
            text.push_str(&format!("\n  via {place}"));
        }
        for line in self.excerpt.iter().flat_map(|excerpt| excerpt.lines()) {
            text.push_str(&format!("\n  {line}"));
        }
        for hint in &self.help {
            text.push_str(&format!("\n  help: {hint}"));
        }
        text.chars().map(harmless).try_for_each(|c| f.write_char(c))
    }
}

/// Control characters would command the terminal: what a file or another machine says is only shown.
fn harmless(c: char) -> char {
    if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }
}

impl std::error::Error for Diagnostic {}

/// The known name nearest to what was typed, if near enough to be worth a suggestion.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(typed, name), name))
        .filter(|(score, name)| *score > 0.82 && *name != typed)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, name)| name)
}

/// The lines around `line` (from 1) with numbers and a mark, `context` lines each side.
pub fn excerpt(text: &str, line: u32, column: u32, context: u32) -> String {
    let first = line.saturating_sub(context).max(1);
    let mut out = String::new();
    for (number, content) in (1u32..).zip(text.lines()).skip(first as usize - 1) {
        if number > line + context {
            break;
        }
        let mark = if number == line { '>' } else { ' ' };
        let content: String = content.chars().take(200).map(harmless).collect();
        out.push_str(&format!("{mark} {number:>4} | {content}\n"));
        if number == line && column > 0 && column <= 200 {
            out.push_str(&format!("       | {}^\n", " ".repeat(column as usize - 1)));
        }
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_near() {
        assert_eq!(nearest("test.pign", ["test.ping", "cmd.run"]), Some("test.ping"));
        assert_eq!(nearest("zzz", ["test.ping", "cmd.run"]), None);
    }

    #[test]
    fn printed_form_has_place_and_help() {
        let text = Diagnostic::user("unknown key 'intreface'")
            .at(Place::new("/etc/salt/master", 3, 1))
            .did_you_mean("intreface", ["interface", "user"])
            .to_string();
        assert_eq!(text, "/etc/salt/master:3:1: unknown key 'intreface'\n  help: did you mean 'interface'?");
    }

    #[test]
    fn excerpt_marks_the_line() {
        let text = excerpt("a\nb\nc\nd", 3, 1, 1);
        assert_eq!(text, "     2 | b\n>    3 | c\n       | ^\n     4 | d");
    }
}
