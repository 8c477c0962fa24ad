//! Compound expressions: `G@os:Debian and not ( web* or L@a,b )`.

use std::borrow::Cow;

use super::nodegroup;
use super::term::Term;
use super::tree::Tree;
use crate::diag::Diagnostic;
use crate::value::Map;

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 100;

/// True for the words that combine others.
pub fn is_operator(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "(" | ")")
}

/// Parses an expression as typed. What the reference merely logs, and then matches nobody by, goes to `warnings`.
pub fn parse(expr: &str, nodegroups: &Map, warnings: &mut Vec<Diagnostic>) -> Result<Tree, Diagnostic> {
    parse_words(expr, &words(expr), nodegroups, warnings)
}

/// The words between blanks. Beyond the reference a word in double quotes may have blanks in it: `"G@os:Red Hat"`; with
/// no blank in them, quotes are as any other character.
fn words(expr: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(offset) = expr[at..].find(|c: char| !c.is_whitespace()) {
        let start = at + offset;
        let column = expr[..start].chars().count();
        let rest = &expr[start..];
        if let Some((text, length)) = quoted(rest) {
            words.push(Word { text: Cow::Owned(text), column, quoted: true });
            at = start + length;
            continue;
        }
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        words.push(Word { text: Cow::Borrowed(&rest[..length]), column, quoted: false });
        at = start + length;
    }
    words
}

/// A quoted word with a blank in it, and how many bytes it takes.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut characters = text.strip_prefix('"')?.char_indices();
    let mut word = String::new();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => word.push(characters.next()?.1),
            '"' => {
                let behind = &text[at + 2..];
                let ends = behind.is_empty() || behind.starts_with(char::is_whitespace);
                return (ends && word.contains(char::is_whitespace)).then_some((word, at + 2));
            }
            c => word.push(c),
        }
    }
    None
}

/// Parses the words of an expanded nodegroup.
pub fn parse_expanded(words: &[String], nodegroups: &Map, warnings: &mut Vec<Diagnostic>) -> Result<Tree, Diagnostic> {
    let expr = words.join(" ");
    let mut column = 0;
    let words: Vec<Word<'_>> = words
        .iter()
        .map(|text| {
            let word = Word { text: Cow::Borrowed(text), column, quoted: false };
            column += text.chars().count() + 1;
            word
        })
        .collect();
    parse_words(&expr, &words, nodegroups, warnings)
}

/// A word and the characters before it.
struct Word<'e> {
    text: Cow<'e, str>,
    column: usize,
    /// Never an operator.
    quoted: bool,
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
) -> Result<Tree, Diagnostic> {
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
    let token = match &*word.text {
        text if word.quoted => Token::Term(term(text, word, expr, warnings)?),
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
                    let word = Word { text: Cow::Borrowed(text), column: word.column, quoted: false };
                    push(&word, expr, nodegroups, tokens, warnings)?;
                }
                return Ok(());
            }
            None => Token::Term(term(text, word, expr, warnings)?),
        },
    };
    tokens.push((token, word.column));
    Ok(())
}

fn term(text: &str, word: &Word<'_>, expr: &str, warnings: &mut Vec<Diagnostic>) -> Result<Term, Diagnostic> {
    let mut notes = Vec::new();
    let term = Term::parse_word(text, &mut notes).map_err(|fault| point(fault, expr, word.column))?;
    warnings.extend(notes.into_iter().map(|note| point(note, expr, word.column)));
    Ok(term)
}

struct Parser<'e, I: Iterator<Item = (Token, usize)>> {
    expr: &'e str,
    tokens: std::iter::Peekable<I>,
    end: usize,
    depth: usize,
}

impl<I: Iterator<Item = (Token, usize)>> Parser<'_, I> {
    fn any(&mut self) -> Result<Tree, Diagnostic> {
        let mut parts = vec![self.all()?];
        while self.tokens.next_if(|(token, _)| matches!(token, Token::Or)).is_some() {
            parts.push(self.all()?);
        }
        Ok(single(parts).unwrap_or_else(Tree::Any))
    }

    fn all(&mut self) -> Result<Tree, Diagnostic> {
        let mut parts = vec![self.opposite()?];
        while self.tokens.next_if(|(token, _)| matches!(token, Token::And)).is_some() {
            parts.push(self.opposite()?);
        }
        Ok(single(parts).unwrap_or_else(Tree::All))
    }

    fn opposite(&mut self) -> Result<Tree, Diagnostic> {
        let Some((_, column)) = self.tokens.next_if(|(token, _)| matches!(token, Token::Not)) else {
            return self.atom();
        };
        if matches!(self.tokens.peek(), Some((Token::Not, _))) {
            return Err(fault(self.expr, column, "'not not' is not an expression"));
        }
        Ok(Tree::Not(Box::new(self.atom()?)))
    }

    fn atom(&mut self) -> Result<Tree, Diagnostic> {
        match self.tokens.next() {
            Some((Token::Term(term), _)) => Ok(Tree::Term(term)),
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

fn single(mut parts: Vec<Tree>) -> Result<Tree, Vec<Tree>> {
    if parts.len() == 1 { parts.pop().ok_or(parts) } else { Err(parts) }
}

fn missing_operator(expr: &str, column: usize) -> Diagnostic {
    let fault = fault(expr, column, "an operator is missing before this");
    let word = expr.chars().skip(column).take_while(|c| !c.is_whitespace()).collect::<String>();
    let operator = match word.as_str() {
        "&&" | "&" | "," => Some("and"),
        "||" | "|" => Some("or"),
        "!" | "-" => Some("not"),
        other => Some(other).filter(|word| is_operator(&word.to_lowercase())),
    };
    match operator {
        Some(operator) => fault.help(format!("operators are written small: '{}'", operator.to_lowercase())),
        None => fault.help("combine with 'and', 'or', 'and not'; several ids: L@web1,web2"),
    }
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
