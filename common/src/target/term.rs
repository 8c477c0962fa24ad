//! One condition: a glob, or a prefix and what it is about.

use std::fmt;

use super::Subject;
use super::compare::Comparison;
use super::compound::is_operator;
use super::data::{DataPattern, Style};
use super::id_glob::IdGlob;
use super::list::List;
use super::pcre::Pcre;
use super::subnet::Subnet;
use crate::diag::Diagnostic;
use crate::value::{Map, Value};

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
    Glob(IdGlob),
    /// Its id by regular expression.
    Pcre(Pcre),
    /// Its id in a list.
    List(List),
    /// Its data.
    Data(Source, DataPattern),
    /// A value of its data, compared.
    Compare(Source, Comparison),
    /// Its addresses.
    Subnet(Subnet),
    /// Nobody: a word that means nothing (the reference logs that and goes on).
    Nobody(String),
}

impl Term {
    /// The largest cost of a term.
    pub const DEAREST: u8 = 2;

    /// Whether the minion is meant; `None` when the data it asks are not known.
    pub fn decide(&self, subject: &dyn Subject) -> Option<bool> {
        match self {
            Self::Glob(pattern) => Some(pattern.matches(subject.id())),
            Self::Pcre(pcre) => Some(pcre.matches(subject.id())),
            Self::List(list) => Some(list.contains(subject.id())),
            Self::Data(source, pattern) => ask(*source, subject, pattern.keys(), |data| pattern.matches(data)),
            Self::Compare(source, comparison) => {
                ask(*source, subject, Some(comparison.keys()), |data| comparison.matches(data))
            }
            Self::Subnet(subnet) => {
                ask(Source::Grains, subject, Some(&[subnet.key().into()]), |grains| subnet.contains_any(grains))
            }
            Self::Nobody(_) => Some(false),
        }
    }

    /// True if it asks grains.
    pub fn needs_grains(&self) -> bool {
        matches!(self, Self::Data(Source::Grains, _) | Self::Compare(Source::Grains, _) | Self::Subnet(_))
    }

    /// True if it asks pillar.
    pub fn needs_pillar(&self) -> bool {
        matches!(self, Self::Data(Source::Pillar, _) | Self::Compare(Source::Pillar, _))
    }

    /// The grains it believes: names of top keys, `*` for any.
    pub fn grains(&self) -> Vec<&str> {
        match self {
            Self::Data(Source::Grains, pattern) => written(pattern.keys()),
            Self::Compare(Source::Grains, comparison) => written(Some(comparison.keys())),
            Self::Subnet(subnet) => vec![subnet.key()],
            _ => Vec::new(),
        }
    }

    /// What it takes to ask it: nothing, a look into grains, a pillar.
    pub fn cost(&self) -> u8 {
        match (self.needs_pillar(), self.needs_grains()) {
            (true, _) => Self::DEAREST,
            (_, true) => 1,
            _ => 0,
        }
    }

    /// Ids by shell pattern.
    pub fn glob(expr: &str) -> Result<Self, Diagnostic> {
        IdGlob::parse(expr).map(Self::Glob)
    }

    /// Ids in a list.
    pub fn list(expr: &str) -> Result<Self, Diagnostic> {
        List::parse(expr).map(Self::List)
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
            let fault = Diagnostic::user(format!("'{expr}' names no value: {what} target is KEY{delimiter}VALUE"));
            return Err(match (Comparison::parse(expr, delimiter), expr.split_once('=')) {
                (Some(_), _) => fault.help(format!("comparisons stand in compound targets: -C 'G@{expr}'")),
                (None, Some((key, value))) => fault.help(format!("did you mean '{key}{delimiter}{value}'?")),
                (None, None) => fault.help(format!("any value of it: '{expr}{delimiter}*'")),
            });
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
            return Self::glob(word);
        };
        let delimiter = delimiter.unwrap_or(":");
        let data = |source, style| match Comparison::parse(rest, delimiter).filter(|_| "GI".contains(engine)) {
            Some(comparison) => Ok(Self::Compare(source, comparison)),
            None => Self::data(source, rest, delimiter, style),
        };
        let made = match engine {
            'G' => data(Source::Grains, Style::Glob),
            'P' => data(Source::Grains, Style::Pcre),
            'I' => data(Source::Pillar, Style::Glob),
            'J' => data(Source::Pillar, Style::Pcre),
            'X' => data(Source::Pillar, Style::Exact),
            'S' => Self::subnet(rest),
            'L' => return Self::list(rest),
            'E' => return Self::pcre(rest),
            'R' => return Err(no_range()),
            other => return Err(Diagnostic::user(format!("targets of the kind '{other}@' are not supported"))),
        };
        Ok(made.unwrap_or_else(|note| {
            notes.push(note);
            Self::Nobody(word.to_owned())
        }))
    }
}

/// The first of the keys is as it was written.
fn written(keys: Option<&[Value]>) -> Vec<&str> {
    keys.map_or_else(|| vec!["*"], |keys| keys.first().and_then(Value::as_str).into_iter().collect())
}

/// Asks data when they are known.
fn ask(
    source: Source,
    subject: &dyn Subject,
    keys: Option<&[Value]>,
    holds: impl FnOnce(&Map) -> bool,
) -> Option<bool> {
    match source {
        Source::Grains => subject.grains(keys).map(|grains| holds(&grains)),
        Source::Pillar => subject.pillar().map(holds),
    }
}

/// As a word of a compound expression that reads as the same term.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = |letter: char, delimiter: &str| match delimiter {
            ":" => format!("{letter}@"),
            other => format!("{letter}{other}@"),
        };
        match self {
            Self::Glob(pattern) => f.write_str(&plain(&pattern.to_string())),
            Self::Pcre(pcre) => write!(f, "E@{pcre}"),
            Self::List(list) => write!(f, "L@{list}"),
            Self::Data(source, pattern) => {
                let (style, delimiter) = pattern.form();
                let letter = match (source, style) {
                    (Source::Grains, Style::Pcre) => 'P',
                    (Source::Grains, _) => 'G',
                    (Source::Pillar, Style::Glob) => 'I',
                    (Source::Pillar, Style::Pcre) => 'J',
                    (Source::Pillar, Style::Exact) => 'X',
                };
                write!(f, "{}{pattern}", prefix(letter, delimiter))
            }
            Self::Compare(source, comparison) => {
                let letter = if *source == Source::Grains { 'G' } else { 'I' };
                write!(f, "{}{comparison}", prefix(letter, comparison.delimiter()))
            }
            Self::Subnet(subnet) => write!(f, "S@{subnet}"),
            Self::Nobody(word) => f.write_str(word),
        }
    }
}

/// A glob as a word: what would read as an operator or as a prefix gets its first character into brackets.
fn plain(pattern: &str) -> String {
    let Some(first) = pattern.chars().next() else { return "L@,".to_owned() };
    if is_operator(pattern) || split(pattern).is_some() || pattern.starts_with("N@") {
        return format!("[{first}]{}", &pattern[first.len_utf8()..]);
    }
    pattern.to_owned()
}

/// What is said of range targets.
pub fn no_range() -> Diagnostic {
    Diagnostic::user("targets of the kind 'R@' (range) are not supported: they need a range server")
        .help("hosts in a row: 'web[01:20]'; several: 'web*;db1'")
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
    let engine = word.chars().next().filter(|c| "GPIJLNSERX".contains(*c))?;
    let behind = &word[1..];
    let with_delimiter = || {
        let delimiter = behind.chars().next().filter(|_| "GPIJ".contains(engine))?;
        let (delimiter, rest) = behind.split_at(delimiter.len_utf8());
        let rest = rest.strip_prefix('@').filter(|rest| !rest.is_empty())?;
        Some(Prefixed { engine, delimiter: Some(delimiter), rest })
    };
    // Beyond the reference: a delimiter of several signs, and exact pillar values.
    let with_long_delimiter = || {
        let (delimiter, rest) =
            behind.split_once('@').filter(|(_, rest)| "GPIJX".contains(engine) && !rest.is_empty())?;
        let signs = !delimiter.is_empty() && delimiter.chars().all(|c| c.is_ascii_punctuation());
        signs.then_some(Prefixed { engine, delimiter: Some(delimiter), rest })
    };
    let bare = || {
        let rest = behind.strip_prefix('@').filter(|rest| !rest.is_empty())?;
        Some(Prefixed { engine, delimiter: None, rest })
    };
    with_delimiter().or_else(bare).or_else(with_long_delimiter)
}

/// What looks like something else than the glob it is.
pub fn doubtful(word: &str) -> Option<Diagnostic> {
    let mut characters = word.chars();
    if characters.next().is_some_and(|c| c.is_ascii_alphabetic()) && characters.next() == Some('@') {
        let note = Diagnostic::user(format!("'{word}' has no known prefix and is read as a glob"));
        let upper = word[..1].to_ascii_uppercase();
        if word.starts_with(|c: char| c.is_ascii_lowercase()) && "GPIJLNSEX".contains(&upper) {
            return Some(note.help(format!("did you mean '{upper}{}'?", &word[1..])));
        }
        return Some(note.help("prefixes are G@ P@ I@ J@ X@ E@ L@ S@ N@, each with something behind it"));
    }
    if word.contains(',') && !word.contains('[') {
        let note = Diagnostic::user(format!("'{word}' is read as one glob, and no id has a comma"));
        return Some(note.help(format!("a list is -L {word}, in compound targets L@{word}")));
    }
    if word.starts_with('(') || (word.ends_with(')') && !word.contains('(')) {
        let note = Diagnostic::user(format!("'{word}' is read as a glob"));
        return Some(note.help("parentheses need blanks around them: '( web* or db* ) and G@os:Debian'"));
    }
    None
}
