//! Python's regular expressions over the `fancy-regex` package: the same syntax where trees use it, bounded work.

use fancy_regex::{Captures, Regex, RegexBuilder};

/// The longest pattern in bytes.
const LONGEST: usize = 64 << 10;
/// Steps of a backtracking search before it is given up.
const STEPS: usize = 5_000_000;

/// Why a pattern does not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is no regular expression.
    #[error("bad regular expression {pattern:?}: {why}")]
    Syntax {
        /// The pattern as written.
        pattern: String,
        /// What is wrong.
        why: String,
    },
    /// The search took too long.
    #[error("the regular expression {0:?} takes too long")]
    TooLong(String),
    /// A replacement names a group that is not there.
    #[error("invalid group reference {0}")]
    Group(String),
}

/// Python's flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// `re.IGNORECASE`
    pub ignore_case: bool,
    /// `re.MULTILINE`
    pub multiline: bool,
    /// `re.DOTALL`
    pub dot_all: bool,
    /// `re.VERBOSE`
    pub verbose: bool,
}

impl Flags {
    /// Python's number for a set of flags (2 ignore case, 8 multiline, 16 dot-all, 64 verbose; others have no effect here).
    pub fn from_number(number: i64) -> Self {
        let has = |bit: i64| number & bit != 0;
        Self { ignore_case: has(2), multiline: has(8), dot_all: has(16), verbose: has(64) }
    }

    /// The flag of a name (`MULTILINE`, `M`), added to these; `None` for a name that is no flag.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "IGNORECASE" | "I" => self.ignore_case = true,
            "MULTILINE" | "M" => self.multiline = true,
            "DOTALL" | "S" => self.dot_all = true,
            "VERBOSE" | "X" => self.verbose = true,
            "UNICODE" | "U" | "LOCALE" | "L" | "ASCII" | "A" => {}
            _ => return None,
        }
        Some(self)
    }
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    written: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles a pattern as Python writes it.
    pub fn new(pattern: &str, flags: Flags) -> Result<Self, PatternError> {
        let syntax = |why: String| PatternError::Syntax { pattern: pattern.chars().take(200).collect(), why };
        if pattern.len() > LONGEST {
            return Err(syntax(format!("longer than {LONGEST} bytes")));
        }
        let letters: String =
            [(flags.ignore_case, 'i'), (flags.multiline, 'm'), (flags.dot_all, 's'), (flags.verbose, 'x')]
                .into_iter()
                .filter_map(|(set, letter)| set.then_some(letter))
                .collect();
        let prefix = if letters.is_empty() { String::new() } else { format!("(?{letters})") };
        let text = format!("{prefix}{}", translate(pattern, flags.multiline || inline_multiline(pattern)));
        let regex = RegexBuilder::new(&text).backtrack_limit(STEPS).build();
        regex.map(|regex| Self { written: pattern.to_owned(), regex }).map_err(|error| syntax(error.to_string()))
    }

    fn slow(&self) -> PatternError {
        PatternError::TooLong(self.written.chars().take(200).collect())
    }

    /// `re.search`: true if it matches anywhere.
    pub fn search(&self, text: &str) -> Result<bool, PatternError> {
        self.regex.is_match(text).map_err(|_| self.slow())
    }

    /// `re.match`: true if it matches at the beginning.
    pub fn matches_start(&self, text: &str) -> Result<bool, PatternError> {
        let found = self.regex.find(text).map_err(|_| self.slow())?;
        // The leftmost match is at the beginning if there is one there.
        Ok(found.is_some_and(|found| found.start() == 0))
    }

    /// The groups of the first match, the whole match first.
    pub fn groups(&self, text: &str) -> Result<Option<Vec<Option<String>>>, PatternError> {
        let found = self.regex.captures(text).map_err(|_| self.slow())?;
        Ok(found.map(|found| (0..found.len()).map(|n| found.get(n).map(|part| part.as_str().to_owned())).collect()))
    }

    /// All matches as text.
    pub fn find_all(&self, text: &str) -> Result<Vec<String>, PatternError> {
        self.regex.find_iter(text).map(|found| found.map(|m| m.as_str().to_owned()).map_err(|_| self.slow())).collect()
    }

    /// `re.subn`: the text with at most `count` matches replaced (0: all), and how many were.
    pub fn replace(
        &self,
        text: &str,
        replacement: &Replacement,
        count: usize,
    ) -> Result<(String, usize), PatternError> {
        let mut out = String::with_capacity(text.len());
        let (mut last, mut replaced) = (0, 0);
        for found in self.regex.captures_iter(text) {
            let found = found.map_err(|_| self.slow())?;
            let Some(whole) = found.get(0) else { continue };
            out.push_str(&text[last..whole.start()]);
            replacement.expand(&found, &mut out)?;
            last = whole.end();
            replaced += 1;
            if replaced == count {
                break;
            }
        }
        out.push_str(&text[last..]);
        Ok((out, replaced))
    }
}

/// What matches are replaced by: Python's template (`\1`, `\g<name>`, `\n`), or a text as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Number(usize),
    Name(String),
}

impl Replacement {
    /// A text without templates.
    pub fn literal(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// Reads a template.
    pub fn template(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            if character != '\\' {
                plain.push(character);
                continue;
            }
            let group = match rest.next() {
                Some('g') if rest.peek() == Some(&'<') => {
                    rest.next();
                    let name: String = rest.by_ref().take_while(|c| *c != '>').collect();
                    Some(name.parse().map_or(Piece::Name(name), Piece::Number))
                }
                Some(digit @ '1'..='9') => {
                    let mut number = digit as usize - '0' as usize;
                    if let Some(second) = rest.peek().and_then(|c| c.to_digit(10)) {
                        number = number * 10 + second as usize;
                        rest.next();
                    }
                    Some(Piece::Number(number))
                }
                Some('n') => {
                    plain.push('\n');
                    None
                }
                Some('t') => {
                    plain.push('\t');
                    None
                }
                Some('r') => {
                    plain.push('\r');
                    None
                }
                Some('\\') | None => {
                    plain.push('\\');
                    None
                }
                Some(other) => {
                    plain.extend(['\\', other]);
                    None
                }
            };
            if let Some(group) = group {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(group);
            }
        }
        pieces.push(Piece::Text(plain));
        Self(pieces)
    }

    fn expand(&self, found: &Captures<'_>, out: &mut String) -> Result<(), PatternError> {
        for piece in &self.0 {
            let part = match piece {
                Piece::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Piece::Number(number) if *number < found.len() => found.get(*number),
                Piece::Number(number) => return Err(PatternError::Group(number.to_string())),
                Piece::Name(name) => found.name(name),
            };
            out.push_str(part.map_or("", |part| part.as_str()));
        }
        Ok(())
    }
}

/// Escapes a text so that it matches itself.
pub fn escape(text: &str) -> String {
    fancy_regex::escape(text).into_owned()
}

fn inline_multiline(pattern: &str) -> bool {
    pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')')).is_some_and(|(letters, _)| letters.contains('m'))
}

/// Rewrites what Python and the package read differently.
fn translate(pattern: &str, multiline: bool) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.char_indices().peekable();
    let mut in_class = false;
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                // The very end of the text.
                Some((_, 'Z')) if !in_class => out.push_str("\\z"),
                // Not word boundaries in Python, just the signs.
                Some((_, sign @ ('<' | '>'))) => out.push(sign),
                Some((_, other)) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Inside a class these start nested classes and set operations in the package.
            '[' if in_class => out.push_str("\\["),
            '&' | '~' if in_class => out.extend(['\\', character]),
            '[' => {
                in_class = true;
                out.push('[');
                if characters.next_if(|(_, next)| *next == '^').is_some() {
                    out.push('^');
                }
                // A bracket in the first place is the sign itself.
                if characters.next_if(|(_, next)| *next == ']').is_some() {
                    out.push_str("\\]");
                }
            }
            _ if in_class => out.push(character),
            // Before a line break at the very end, too.
            '$' if !multiline => out.push_str("(?=\\n?\\z)"),
            '{' if !is_repetition(&pattern[at..]) => out.push_str("\\{"),
            '}' if !out_has_open_repetition(&out) => out.push_str("\\}"),
            '(' if pattern[at..].starts_with("(?P=") => {
                let name = pattern[at + 4..].split(')').next().unwrap_or_default();
                out.push_str(&format!("\\k<{name}>"));
                while characters.next().is_some_and(|(_, next)| next != ')') {}
            }
            '(' if pattern[at..].starts_with("(?#") => while characters.next().is_some_and(|(_, next)| next != ')') {},
            other => out.push(other),
        }
    }
    out
}

/// True for `{2}`, `{2,}`, `{,3}`, `{2,3}`; anything else is a brace.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else { return false };
    let (low, high) = inside.split_once(',').unwrap_or((inside, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits(low) && digits(high) && !low.is_empty()
}

/// True when the last brace written is an open repetition.
fn out_has_open_repetition(out: &str) -> bool {
    let open = out.rfind('{').filter(|at| !out[..*at].ends_with('\\'));
    open.is_some_and(|at| !out[at..].contains('}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sub(pattern: &str, by: &str, text: &str) -> String {
        let pattern = Pattern::new(pattern, Flags { multiline: true, ..Flags::default() }).unwrap();
        pattern.replace(text, &Replacement::template(by), 0).unwrap().0
    }

    fn found(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern, Flags::default()).unwrap().search(text).unwrap()
    }

    #[test]
    fn templates_name_groups() {
        assert_eq!(sub(r"^(\w+)=(?P<v>.*)$", r"\2 \g<v> \g<1>\n", "a=1\nb=2"), "1 1 a\n\n2 2 b\n");
        assert_eq!(sub("a", r"\\x\d", "a"), r"\x\d");
        let pattern = Pattern::new("a", Flags::default()).unwrap();
        assert_eq!(pattern.replace("aaa", &Replacement::literal(r"\1"), 2).unwrap(), (r"\1\1a".to_owned(), 2));
        assert!(pattern.replace("a", &Replacement::template(r"\1"), 0).is_err());
    }

    #[test]
    fn pythons_spelling_is_understood() {
        assert!(found(r"x$", "x\n") && !found(r"x\Z", "x\n") && !found(r"x$", "x\n\n"));
        assert!(found("{{ a }}", "{{ a }}") && found("^a{2}$", "aa") && found("[[]", "[") && found("[]a]", "]"));
        assert!(found(r"(?P<q>['\x22]).*(?P=q)", "'x'") && found(r"\<x\>", "<x>") && found("a(?#note)b", "ab"));
        assert!(found("(?i)ABC", "abc") && found(r"^(?!#)x", "x") && !found(r"^(?!#)x", "#x"));
        assert!(Pattern::new("(", Flags::default()).is_err());
    }

    #[test]
    fn a_search_is_bounded() {
        let pattern = Pattern::new(r"(?=(a+)+$)\1b", Flags::default()).unwrap();
        let text = "a".repeat(60) + "!";
        assert!(!matches!(pattern.search(&text), Ok(true)));
    }
}
