//! Regular expressions as Python reads them, matched from the start of a text (`re.match`), with bounded work.
//!
//! A pattern is translated to the syntax of `fancy-regex`, character by character, so that what Python refuses is
//! refused here (with its position) and what the two read differently (`$`, `\Z`, `{`, `[` in classes, verbose
//! mode) means what it means there.

use fancy_regex::{Regex, RegexBuilder};

mod class;
mod translate;

/// Longest pattern, in characters.
const MAX_PATTERN: usize = 8 * 1024;
/// Steps of backtracking after which a text does not match.
const MAX_BACKTRACKS: usize = 100_000;
/// Memory of a compiled pattern, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// A pattern that can't be used, and where it goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at position {position}")]
pub struct PcreError {
    /// As Python words it where Python refuses it too.
    pub message: String,
    /// Characters before the fault.
    pub position: usize,
}

impl PcreError {
    fn new(message: impl Into<String>, position: usize) -> Self {
        Self { message: message.into(), position }
    }
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pcre {
    pattern: String,
    regex: Regex,
}

impl Pcre {
    /// Compiles a pattern.
    pub fn new(pattern: &str) -> Result<Self, PcreError> {
        if pattern.chars().count() > MAX_PATTERN {
            return Err(PcreError::new(format!("the pattern is longer than {MAX_PATTERN} characters"), MAX_PATTERN));
        }
        let translated = translate::translate(pattern)?;
        RegexBuilder::new(&format!("\\A(?:{translated})"))
            .backtrack_limit(MAX_BACKTRACKS)
            .delegate_size_limit(MAX_COMPILED)
            .delegate_dfa_size_limit(MAX_COMPILED)
            .build()
            .map(|regex| Self { pattern: pattern.to_owned(), regex })
            .map_err(|error| PcreError::new(error.to_string(), 0))
    }

    /// True if the text begins with a match. A pattern that would take too long on this text does not match it.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text).unwrap_or(false)
    }
}

impl std::fmt::Display for Pcre {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pcre::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).matches(text)
    }

    #[test]
    fn matches_as_python_does() {
        for (pattern, text) in [
            ("", "anything"),
            ("web", "web1"),
            ("^web\\d+\\.", "web1.x"),
            ("a$", "a\n"),
            ("a\\Z", "a"),
            ("(?m)^a$", "a\nb"),
            ("(?i)WEB", "web"),
            ("(?P<x>l)b(?P=x)", "lbl"),
            ("(a)\\1", "aa"),
            ("x{,2}y", "xxy"),
            ("a{x}", "a{x}"),
            ("[[]a]", "[a]"),
            ("[]a]+$", "]a"),
            ("[a&&b]+$", "a&b"),
            ("[\\w.-]+$", "a-b.c"),
            ("[^\\W\\d]+$", "ab"),
            ("(?x) a b # comment\n c", "abc"),
            ("(?s).*01", "a\n01"),
            ("(?:a|b)*?c", "abac"),
            ("(?!x)y", "y"),
            ("\\x41\\u00e4\\101", "AäA"),
            ("a(?#note)b", "ab"),
            ("}a]", "}a]"),
            ("(?i:A)b", "ab"),
            ("(?i)(?#note)(?s)A.b", "a\nb"),
            ("a(?<!x)*b(?=c)?", "ab"),
            ("(?:(a)|b)(?(1)c|d)", "bd"),
            ("^salt$|^bare$", "bare"),
            ("äöü", "äöü"),
        ] {
            assert!(matches(pattern, text), "{pattern:?} {text:?}");
        }
        for (pattern, text) in [
            ("a\\Z", "a\n"),
            ("eb", "web"),
            ("(?<=w)eb", "web"),
            ("a$", "ab"),
            ("[^a]", "a"),
            ("s[^a].*", "salt"),
            ("(?a)\\d", "٣"),
            (".", "\n"),
        ] {
            assert!(!matches(pattern, text), "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn refuses_what_python_refuses_and_says_where() {
        for (pattern, message, position) in [
            ("web[", "unterminated character set", 3),
            ("*", "nothing to repeat", 0),
            ("a{2,1}", "min repeat greater than max repeat", 2),
            ("a**", "multiple repeat", 2),
            ("(a", "missing ), unterminated subpattern", 0),
            ("a)", "unbalanced parenthesis", 1),
            ("\\", "bad escape (end of pattern)", 0),
            ("\\q", "bad escape \\q", 0),
            ("[z-a]", "bad character range z-a", 1),
            ("a(?i)b", "global flags not at the start of the expression", 1),
            ("(?P<1>a)", "bad character in group name '1'", 4),
            ("^*", "nothing to repeat", 1),
            ("(a\\1)", "cannot refer to an open group", 2),
            ("(a)\\2", "invalid group reference 2", 4),
            ("(?P<x>a(?P=x))", "cannot refer to an open group", 11),
            ("((?i)a)", "global flags not at the start of the expression", 1),
            ("a(?#c\\)b", "missing ), unterminated comment", 1),
            ("(?au)x", "bad inline flags", 4),
            ("(?P=x)", "unknown group name 'x'", 4),
            ("(?P<x>a)(?P<x>b)", "redefinition of group name 'x'", 12),
            ("(?p<x>a)", "unknown extension ?p", 1),
        ] {
            assert_eq!(Pcre::new(pattern).map(|_| ()), Err(PcreError::new(message, position)), "{pattern}");
        }
    }

    #[test]
    fn work_is_bounded() {
        let evil = Pcre::new("(?=(a+)+$)(a|aa)+\\1$").expect("a good pattern");
        assert!(!evil.matches(&("a".repeat(5_000) + "b")));
        assert!(Pcre::new(&"(".repeat(9_000)).is_err());
        assert!(Pcre::new(&("(".repeat(4_000) + &")".repeat(4_000))).is_err());
        assert!(Pcre::new("(?:a{1000}){1000}").is_err(), "compiles to more than allowed");
    }
}
