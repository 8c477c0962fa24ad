//! Patterns of ids: the reference's globs, and beyond it several of them (`web*;db1`) and ranges (`www[01:50]`).

use std::fmt;

use super::glob;
use crate::diag::Diagnostic;

/// Most digits of a range's end.
const MAX_DIGITS: usize = 9;

/// One pattern of ids as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdGlob {
    expr: String,
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Alternative {
    Plain(String),
    Ranged(String),
}

impl IdGlob {
    /// Reads a pattern; a range that runs backwards is refused.
    pub fn parse(expr: &str) -> Result<Self, Diagnostic> {
        let mut alternatives = Vec::new();
        for text in pieces(expr) {
            alternatives.push(alternative(text)?);
        }
        Ok(Self { expr: expr.to_owned(), alternatives })
    }

    /// True if the id fits one of the patterns.
    pub fn matches(&self, id: &str) -> bool {
        self.alternatives.iter().any(|alternative| match alternative {
            Alternative::Plain(pattern) => glob::matches(pattern, id),
            Alternative::Ranged(pattern) => matches_ranged(pattern, id),
        })
    }
}

impl fmt::Display for IdGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expr)
    }
}

fn alternative(text: &str) -> Result<Alternative, Diagnostic> {
    let mut ranged = false;
    for (at, _) in text.match_indices('[') {
        let Some((range, behind)) = range(&text[at..]) else { continue };
        ranged = true;
        if range.low > range.high {
            let shown = &text[at..text.len() - behind.len()];
            return Err(Diagnostic::user(format!("the range {shown} runs backwards")));
        }
    }
    Ok(if ranged { Alternative::Ranged(text.to_owned()) } else { Alternative::Plain(text.to_owned()) })
}

/// The pieces between semicolons; one inside of a bracket is a member of the bracket. A lone piece may be empty.
pub(super) fn pieces(expr: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = expr[at..].find(['[', ';']) {
        let place = at + found;
        at = place + 1;
        if expr[place..].starts_with(';') {
            pieces.push(&expr[start..place]);
            start = at;
        } else if let Some((members, _)) = glob::class(&expr[at..]) {
            at += members.len() + 1;
        }
    }
    pieces.push(&expr[start..]);
    if pieces.len() > 1 {
        pieces.retain(|piece| !piece.is_empty());
    }
    pieces
}

/// True if an entry of a list is more than an id: it has a range.
pub(super) fn has_range(text: &str) -> bool {
    text.match_indices('[').any(|(at, _)| range(&text[at..]).is_some())
}

struct Range {
    low: u32,
    high: u32,
    /// Digits a number has at least: those of the low end when that starts with a zero.
    width: usize,
}

/// Reads `[01:50]` off the front.
fn range(text: &str) -> Option<(Range, &str)> {
    let (inside, behind) = text.strip_prefix('[')?.split_once(']')?;
    let (low, high) = inside.split_once(':')?;
    let number = |digits: &str| {
        let good = (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| digits.parse().ok()).flatten()
    };
    let width = if low.starts_with('0') { low.len() } else { 1 };
    Some((Range { low: number(low)?, high: number(high)?, width }, behind))
}

impl Range {
    /// True for digits that write a number of the range as its ends are written.
    fn contains(&self, digits: &str) -> bool {
        let padded = digits.len() == self.width || (digits.len() > self.width && !digits.starts_with('0'));
        padded && digits.parse().is_ok_and(|number: u32| (self.low..=self.high).contains(&number))
    }
}

/// Follows all ways at once: where in the id the pattern read so far may end. At most `pattern × id` steps.
fn matches_ranged(pattern: &str, id: &str) -> bool {
    let mut ends = vec![false; id.len() + 1];
    ends[0] = true;
    let mut rest = pattern;
    while !rest.is_empty() {
        if !ends.contains(&true) {
            return false;
        }
        let mut next = vec![false; id.len() + 1];
        if let Some(behind) = rest.strip_prefix('*') {
            let first = ends.iter().position(|end| *end).unwrap_or(id.len());
            next[first..].fill(true);
            rest = behind;
        } else if let Some((range, behind)) = range(rest) {
            for at in open(&ends) {
                let digits = id[at..].bytes().take(MAX_DIGITS).take_while(u8::is_ascii_digit).count();
                for length in (1..=digits).filter(|length| range.contains(&id[at..at + length])) {
                    next[at + length] = true;
                }
            }
            rest = behind;
        } else {
            let mut behind = None;
            for at in open(&ends) {
                let Some(c) = id[at..].chars().next() else { continue };
                if let Some(found) = glob::one(rest, c) {
                    next[at + c.len_utf8()] = true;
                    behind = Some(found);
                }
            }
            let Some(found) = behind else { return false };
            rest = found;
        }
        ends = next;
    }
    ends[id.len()]
}

fn open(ends: &[bool]) -> impl Iterator<Item = usize> + '_ {
    ends.iter().enumerate().filter(|(_, end)| **end).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(expr: &str, id: &str) -> bool {
        IdGlob::parse(expr).unwrap_or_else(|fault| panic!("{expr}: {fault}")).matches(id)
    }

    #[test]
    fn several_patterns_and_ranges() {
        for (expr, id) in [
            ("web*;db1", "db1"),
            ("web*;db1", "web9"),
            ("web*;", "web1"),
            ("www[01:50]", "www01"),
            ("www[01:50].*.org", "www50.a.b.org"),
            ("[8:12]", "8"),
            ("[8:12]", "12"),
            ("[001:1000]", "1000"),
            ("*[1:3][0:9]x", "n12x"),
            ("*[10:20]*", "a115b"),
            ("w?[1:2][ab]", "we2b"),
            ("[ab]x;[0:1]", "bx"),
            ("ü[1:2]*", "ü2ü"),
            ("[1:2", "[1:2"),
        ] {
            assert!(matches(expr, id), "{expr} {id}");
        }
        for (expr, id) in [
            ("web*;db1", "db12"),
            ("web*;", ""),
            ("www[01:50]", "www1"),
            ("www[01:50]", "www51"),
            ("www[01:50]", "www001"),
            ("[8:12]", "08"),
            ("[8:12]", "13"),
            ("[001:1000]", "01000"),
            ("[1:3]", ":"),
            ("x[1:3]", "x"),
            ("x[1:3]y*", "x1"),
        ] {
            assert!(!matches(expr, id), "{expr} {id}");
        }
        let fault = IdGlob::parse("a;w[9:1]").expect_err("backwards").message;
        assert_eq!(fault, "the range [9:1] runs backwards");
    }

    #[test]
    fn hostile_patterns_end_soon() {
        assert!(!matches(&("*[0:9]".repeat(300) + "x"), &"1".repeat(255)));
    }
}
