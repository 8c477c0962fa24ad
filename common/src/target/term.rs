//! One condition: a glob, or a prefix and what it is about.

use super::data::{DataPattern, Style};
use super::list::List;
use super::pcre::Pcre;
use super::subnet::Subnet;
use super::{Subject, glob};
use crate::diag::Diagnostic;

/// Which data is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Grains.
    Grains,
    /// Pillar.
    Pillar,
}

/// One condition on a minion.
#[derive(Debug, Clone)]
pub enum Term {
    /// Its id by shell pattern.
    Glob(String),
    /// Its id by regular expression.
    Pcre(Pcre),
    /// Its id in a list.
    List(List),
    /// Its data.
    Data(Source, DataPattern),
    /// Its addresses.
    Subnet(Subnet),
    /// Nobody: an expression that means nothing (the reference logs that and goes on).
    Nobody,
}

impl Term {
    /// True if the minion is meant.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        match self {
            Self::Glob(pattern) => glob::matches(pattern, subject.id()),
            Self::Pcre(pcre) => pcre.matches(subject.id()),
            Self::List(list) => list.contains(subject.id()),
            Self::Data(Source::Grains, pattern) => subject.grains().is_some_and(|grains| pattern.matches(grains)),
            Self::Data(Source::Pillar, pattern) => subject.pillar().is_some_and(|pillar| pattern.matches(pillar)),
            Self::Subnet(subnet) => subject.grains().is_some_and(|grains| subnet.contains_any(grains)),
            Self::Nobody => false,
        }
    }

    /// True if it asks grains.
    pub fn needs_grains(&self) -> bool {
        matches!(self, Self::Data(Source::Grains, _) | Self::Subnet(_))
    }

    /// True if it asks pillar.
    pub fn needs_pillar(&self) -> bool {
        matches!(self, Self::Data(Source::Pillar, _))
    }

    /// A regular expression on the id.
    pub fn pcre(expr: &str) -> Result<Self, Diagnostic> {
        Pcre::new(expr).map(Self::Pcre).map_err(|error| {
            Diagnostic::user(error.message).excerpt(caret(expr, error.position)).about("the regular expression")
        })
    }

    /// A condition on data.
    pub fn data(source: Source, expr: &str, delimiter: &str, style: Style) -> Result<Self, Diagnostic> {
        let Some(pattern) = DataPattern::parse(expr, delimiter, style) else {
            let what = if source == Source::Grains { "a grain" } else { "a pillar" };
            return Err(Diagnostic::user(format!("'{expr}' names no value: {what} target is KEY{delimiter}VALUE")));
        };
        if pattern.is_broken() {
            return Err(Diagnostic::user(format!("the value in '{expr}' is not a regular expression")));
        }
        Ok(Self::Data(source, pattern))
    }

    /// An address or network.
    pub fn subnet(expr: &str) -> Result<Self, Diagnostic> {
        Subnet::parse(expr).map(Self::Subnet).ok_or_else(|| {
            Diagnostic::user(format!("'{expr}' is not an address or network"))
                .help("a network has no bits set behind its prefix: 10.0.1.0/24, 10.0.0.0/255.0.0.0, 2001:db8::/32")
        })
    }

    /// A word of a compound expression. What the reference only logs becomes [`Term::Nobody`] and a note.
    pub fn parse_word(word: &str, notes: &mut Vec<Diagnostic>) -> Result<Self, Diagnostic> {
        let Some(Prefixed { engine, delimiter, rest }) = split(word) else {
            notes.extend(doubtful(word));
            return Ok(Self::Glob(word.to_owned()));
        };
        let delimiter = delimiter.unwrap_or(":");
        let made = match engine {
            'G' => Self::data(Source::Grains, rest, delimiter, Style::Glob),
            'P' => Self::data(Source::Grains, rest, delimiter, Style::Pcre),
            'I' => Self::data(Source::Pillar, rest, delimiter, Style::Glob),
            'J' => Self::data(Source::Pillar, rest, delimiter, Style::Pcre),
            'S' => Self::subnet(rest),
            'L' => return Ok(Self::List(List::parse(rest))),
            'E' => return Self::pcre(rest),
            other => return Err(Diagnostic::user(format!("targets of the kind '{other}@' are not supported"))),
        };
        Ok(made.unwrap_or_else(|note| {
            notes.push(note);
            Self::Nobody
        }))
    }
}

/// The expression with a caret under a character.
pub fn caret(expr: &str, column: usize) -> String {
    let shown: String = expr.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{shown}\n{}^", " ".repeat(column))
}

struct Prefixed<'w> {
    engine: char,
    delimiter: Option<&'w str>,
    rest: &'w str,
}

/// Splits `G@os:Debian` and `G|@os|Debian`; another delimiter is possible for grains and pillar only.
fn split(word: &str) -> Option<Prefixed<'_>> {
    let engine = word.chars().next().filter(|c| "GPIJLNSER".contains(*c))?;
    let behind = &word[1..];
    let with_delimiter = || {
        let delimiter = behind.chars().next().filter(|_| "GPIJ".contains(engine))?;
        let (delimiter, rest) = behind.split_at(delimiter.len_utf8());
        let rest = rest.strip_prefix('@').filter(|rest| !rest.is_empty())?;
        Some(Prefixed { engine, delimiter: Some(delimiter), rest })
    };
    with_delimiter().or_else(|| {
        let rest = behind.strip_prefix('@').filter(|rest| !rest.is_empty())?;
        Some(Prefixed { engine, delimiter: None, rest })
    })
}

/// What looks like something else than the glob it is.
fn doubtful(word: &str) -> Option<Diagnostic> {
    let mut characters = word.chars();
    if characters.next().is_some_and(|c| c.is_ascii_alphabetic()) && characters.next() == Some('@') {
        let note = Diagnostic::user(format!("'{word}' has no known prefix and is read as a glob"));
        return Some(note.help("prefixes are G@ P@ I@ J@ E@ L@ S@ N@, each with something behind it"));
    }
    if word.starts_with('(') || (word.ends_with(')') && !word.contains('(')) {
        let note = Diagnostic::user(format!("'{word}' is read as a glob"));
        return Some(note.help("parentheses need blanks around them: '( web* or db* ) and G@os:Debian'"));
    }
    None
}
