//! The parsed form of every target: terms under `and`, `or`, `not`. Asked, explained and printed here.

use std::fmt;

use super::Subject;
use super::term::Term;

/// A parsed expression.
#[derive(Debug, Clone)]
pub enum Tree {
    /// A single condition.
    Term(Term),
    /// The opposite.
    Not(Box<Tree>),
    /// All of them.
    All(Vec<Tree>),
    /// Any of them.
    Any(Vec<Tree>),
}

impl Tree {
    /// Whether the minion is meant; `None` when that depends on grains or pillar that are not known.
    ///
    /// Parts that ask the id only go first, then those that ask grains: what they decide needs nothing else.
    pub fn decide(&self, subject: &dyn Subject) -> Option<bool> {
        match self {
            Self::Term(term) => term.decide(subject),
            Self::Not(inner) => inner.decide(subject).map(|meant| !meant),
            Self::All(parts) => combine(parts, subject, false),
            Self::Any(parts) => combine(parts, subject, true),
        }
    }

    /// True if it holds for a term of it.
    pub fn any(&self, holds: &mut dyn FnMut(&Term) -> bool) -> bool {
        match self {
            Self::Term(term) => holds(term),
            Self::Not(inner) => inner.any(holds),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.any(holds)),
        }
    }

    /// The parts by which a minion is meant, printed.
    pub fn reasons(&self, subject: &dyn Subject, reasons: &mut Vec<String>) {
        match self {
            Self::Term(_) | Self::Not(_) => reasons.push(self.to_string()),
            Self::All(parts) => parts.iter().for_each(|part| part.reasons(subject, reasons)),
            Self::Any(parts) => {
                for part in parts.iter().filter(|part| part.decide(subject) == Some(true)) {
                    part.reasons(subject, reasons);
                }
            }
        }
    }

    fn cost(&self) -> u8 {
        match self {
            Self::Term(term) => term.cost(),
            Self::Not(inner) => inner.cost(),
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).max().unwrap_or(0),
        }
    }
}

/// Three-valued `and` (decided by a false part) or `or` (decided by a true one).
fn combine(parts: &[Tree], subject: &dyn Subject, decisive: bool) -> Option<bool> {
    let mut all = Some(!decisive);
    for cost in 0..=Term::DEAREST {
        for part in parts.iter().filter(|part| part.cost() == cost) {
            match part.decide(subject) {
                Some(meant) if meant == decisive => return Some(decisive),
                Some(_) => {}
                None => all = None,
            }
        }
    }
    all
}

/// As the compound expression that reads as the same tree.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term(term) => f.write_str(&word(&term.to_string())),
            Self::Not(inner) => {
                f.write_str("not ")?;
                part(inner, matches!(**inner, Self::Term(_)), f)
            }
            Self::All(parts) => join(parts, " and ", f, |part| matches!(part, Self::Term(_) | Self::Not(_))),
            Self::Any(parts) => join(parts, " or ", f, |part| !matches!(part, Self::Any(_))),
        }
    }
}

fn join(parts: &[Tree], between: &str, f: &mut fmt::Formatter<'_>, plain: fn(&Tree) -> bool) -> fmt::Result {
    for (number, one) in parts.iter().enumerate() {
        if number > 0 {
            f.write_str(between)?;
        }
        part(one, plain(one), f)?;
    }
    Ok(())
}

fn part(part: &Tree, plain: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if plain { write!(f, "{part}") } else { write!(f, "( {part} )") }
}

/// A term as a word: with blanks in it, in quotes.
fn word(text: &str) -> String {
    if text.contains(char::is_whitespace) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}
