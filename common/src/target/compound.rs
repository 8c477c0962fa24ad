//! Compound expressions: `G@os:Debian and not ( web* or L@a,b )`.

use super::term::Term;
use super::{Subject, nodegroup};
use crate::diag::Diagnostic;
use crate::value::Map;

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 100;

/// A parsed compound expression.
#[derive(Debug, Clone)]
pub enum Compound {
    /// A single prefix or glob.
    Term(Term),
    /// The opposite.
    Not(Box<Compound>),
    /// All of them.
    All(Vec<Compound>),
    /// Any of them.
    Any(Vec<Compound>),
}

impl Compound {
    /// True if the minion is meant.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        match self {
            Self::Term(term) => term.matches(subject),
            Self::Not(inner) => !inner.matches(subject),
            Self::All(parts) => parts.iter().all(|part| part.matches(subject)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(subject)),
        }
    }

    /// True if it holds for a term of it.
    pub fn any(&self, holds: &impl Fn(&Term) -> bool) -> bool {
        match self {
            Self::Term(term) => holds(term),
            Self::Not(inner) => inner.any(holds),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.any(holds)),
        }
    }
}

/// True for the words that combine others.
pub fn is_operator(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "(" | ")")
}

/// Parses an expression as typed. What the reference merely logs, and then matches nobody by, goes to `warnings`.
pub fn parse(expr: &str, nodegroups: &Map, warnings: &mut Vec<Diagnostic>) -> Result<Compound, Diagnostic> {
    let mut at = 0;
    let words: Vec<Word<'_>> = expr
        .split_whitespace()
        .map(|text| {
            // `split_whitespace` gives pieces of `expr` in order.
            let found = expr[at..].find(text).map_or(at, |offset| at + offset);
            at = found + text.len();
            Word { text, column: expr[..found].chars().count() }
        })
        .collect();
    parse_words(expr, &words, nodegroups, warnings)
}

/// Parses the words of an expanded nodegroup.
pub fn parse_expanded(
    words: &[String],
    nodegroups: &Map,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Compound, Diagnostic> {
    let expr = words.join(" ");
    let mut column = 0;
    let words: Vec<Word<'_>> = words
        .iter()
        .map(|text| {
            let word = Word { text, column };
            column += text.chars().count() + 1;
            word
        })
        .collect();
    parse_words(&expr, &words, nodegroups, warnings)
}

/// A word and the characters before it.
struct Word<'e> {
    text: &'e str,
    column: usize,
}

#[derive(Debug)]
enum Token {
    And,
    Or,
    Not,
    Open,
    Close,
    Term(Term),
}

fn parse_words(
    expr: &str,
    words: &[Word<'_>],
    nodegroups: &Map,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Compound, Diagnostic> {
    let mut tokens = Vec::with_capacity(words.len());
    for word in words {
        push(word, expr, nodegroups, &mut tokens, warnings)?;
    }
    if tokens.is_empty() {
        return Err(Diagnostic::user("the compound target is empty"));
    }
    let mut parser = Parser { expr, tokens: tokens.into_iter().peekable(), end: expr.chars().count(), depth: 0 };
    let parsed = parser.any()?;
    match parser.tokens.next() {
        None => Ok(parsed),
        Some((Token::Close, column)) => Err(fault(expr, column, "this ')' closes nothing")),
        Some((_, column)) => Err(missing_operator(expr, column)),
    }
}

fn push(
    word: &Word<'_>,
    expr: &str,
    nodegroups: &Map,
    tokens: &mut Vec<(Token, usize)>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostic> {
    let token = match word.text {
        "and" => Token::And,
        "or" => Token::Or,
        "(" => Token::Open,
        ")" => Token::Close,
        "not" => {
            // `a not b` means `a and not b`.
            if matches!(tokens.last(), Some((Token::Term(_) | Token::Close, _))) {
                tokens.push((Token::And, word.column));
            }
            Token::Not
        }
        text => match text.strip_prefix("N@").filter(|name| !name.is_empty()) {
            Some(name) => {
                let expanded = nodegroup::expand(name, nodegroups).map_err(|fault| point(fault, expr, word.column))?;
                for text in &expanded {
                    push(&Word { text, column: word.column }, expr, nodegroups, tokens, warnings)?;
                }
                return Ok(());
            }
            None => {
                let mut notes = Vec::new();
                let term = Term::parse_word(text, &mut notes).map_err(|fault| point(fault, expr, word.column))?;
                warnings.extend(notes.into_iter().map(|note| point(note, expr, word.column)));
                Token::Term(term)
            }
        },
    };
    tokens.push((token, word.column));
    Ok(())
}

struct Parser<'e, I: Iterator<Item = (Token, usize)>> {
    expr: &'e str,
    tokens: std::iter::Peekable<I>,
    end: usize,
    depth: usize,
}

impl<I: Iterator<Item = (Token, usize)>> Parser<'_, I> {
    fn any(&mut self) -> Result<Compound, Diagnostic> {
        let mut parts = vec![self.all()?];
        while self.tokens.next_if(|(token, _)| matches!(token, Token::Or)).is_some() {
            parts.push(self.all()?);
        }
        Ok(single(parts).unwrap_or_else(Compound::Any))
    }

    fn all(&mut self) -> Result<Compound, Diagnostic> {
        let mut parts = vec![self.opposite()?];
        while self.tokens.next_if(|(token, _)| matches!(token, Token::And)).is_some() {
            parts.push(self.opposite()?);
        }
        Ok(single(parts).unwrap_or_else(Compound::All))
    }

    fn opposite(&mut self) -> Result<Compound, Diagnostic> {
        let Some((_, column)) = self.tokens.next_if(|(token, _)| matches!(token, Token::Not)) else {
            return self.atom();
        };
        if matches!(self.tokens.peek(), Some((Token::Not, _))) {
            return Err(fault(self.expr, column, "'not not' is not an expression"));
        }
        Ok(Compound::Not(Box::new(self.atom()?)))
    }

    fn atom(&mut self) -> Result<Compound, Diagnostic> {
        match self.tokens.next() {
            Some((Token::Term(term), _)) => Ok(Compound::Term(term)),
            Some((Token::Open, column)) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(fault(self.expr, column, "too many parentheses in each other"));
                }
                let inner = self.any()?;
                self.depth -= 1;
                match self.tokens.next() {
                    Some((Token::Close, _)) => Ok(inner),
                    Some((_, column)) => Err(missing_operator(self.expr, column)),
                    None => Err(fault(self.expr, column, "this '(' is not closed")),
                }
            }
            Some((Token::And, column)) => Err(fault(self.expr, column, "nothing to combine before this 'and'")),
            Some((Token::Or, column)) => Err(fault(self.expr, column, "nothing to combine before this 'or'")),
            Some((Token::Close, column)) => Err(fault(self.expr, column, "nothing before this ')'")),
            Some((Token::Not, column)) => Err(fault(self.expr, column, "'not' is not expected here")),
            None => Err(fault(self.expr, self.end, "the expression ends too early")),
        }
    }
}

fn single(mut parts: Vec<Compound>) -> Result<Compound, Vec<Compound>> {
    if parts.len() == 1 { parts.pop().ok_or(parts) } else { Err(parts) }
}

fn missing_operator(expr: &str, column: usize) -> Diagnostic {
    let fault = fault(expr, column, "an operator is missing before this");
    let word = expr.chars().skip(column).take_while(|c| !c.is_whitespace()).collect::<String>();
    let lower = word.to_lowercase();
    if word != lower && is_operator(&lower) {
        return fault.help(format!("operators are written small: '{lower}'"));
    }
    fault.help("combine with 'and', 'or', 'and not'")
}

fn fault(expr: &str, column: usize, message: &str) -> Diagnostic {
    point(Diagnostic::user(message), expr, column)
}

/// Shows the expression with a caret.
fn point(fault: Diagnostic, expr: &str, column: usize) -> Diagnostic {
    if fault.excerpt.is_some() {
        return fault;
    }
    fault.excerpt(super::term::caret(expr, column))
}
